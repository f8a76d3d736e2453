"""12315 消费者投诉举报: offset and limit, a key in a header, codes for everything, times without any separator."""

from datetime import timedelta
from typing import Any, ClassVar

from aiohttp import web

from replica.city import Desk, Flaw, Remit, Snapshot, Stage
from replica.scenes import Wish
from replica.systems.base import json_answer, whole
from replica.writing import is_flawed, local, read_local

KEY = "demo-12315"

_COMPACT = "%Y%m%d%H%M%S"
_CODES = {
    Stage.RECEIVED: "01",
    Stage.ACCEPTED: "02",
    Stage.DECLINED: "09",
    Stage.DISPATCHED: "03",
    Stage.WORKING: "04",
    Stage.RETURNED: "05",
    Stage.DONE: "06",
    Stage.AGAIN: "04",
    Stage.CLOSED: "07",
}
_TYPES = {Wish.COMPLAIN: "TS", Wish.REPORT: "JB", Wish.ASK: "ZX"}
_MOST = 100


class Hotline12315:
    remit: ClassVar = Remit(history=timedelta(days=60), every=timedelta(hours=5), codes=("09", "07"))

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/complaints", self.complaints)]

    async def complaints(self, request: web.Request) -> web.Response:
        if request.headers.get("X-Api-Key") != KEY:
            return json_answer({"success": False, "msg": "密钥错误"}, status=403)
        # Whatever is asked for, no more than a hundred come at once.
        limit = min(whole(request.query, "limit", 20, 100_000), _MOST)
        start = whole(request.query, "offset", 0, 10**9)
        try:
            since = read_local(request.query.get("modifiedSince"), _COMPACT)
        except ValueError:
            return json_answer({"success": False, "msg": "modifiedSince: yyyyMMddHHmmss"}, status=400)
        found = self._desk.snapshots(since)
        rows = [_row(seen) for seen in found[start : start + limit]]
        answer = {"success": True, "start": start, "resultCount": len(rows), "total": len(found), "rows": rows}
        return json_answer(answer)


def _row(seen: Snapshot) -> dict[str, Any]:
    case = seen.case
    created = local(case.created_at, _COMPACT)
    return {
        "TSBH": "" if is_flawed(seen, Flaw.NO_ID) else f"12315-{case.number}",
        "YWLX": _TYPES.get(case.scene.wish, "QT"),
        "BT": case.title,
        "NR": case.content,
        "SQLB": f"{case.scene.code}|{case.scene.topic}",
        "ZTDM": "88" if is_flawed(seen, Flaw.UNKNOWN_STATUS) else _CODES[seen.stage],
        "DJSJ": "20260230080000" if is_flawed(seen, Flaw.NO_SUCH_DAY) else created,
        "XGSJ": local(seen.updated_at, _COMPACT),
        "BJSJ": local(seen.closed_at, _COMPACT) or "0",
        "TSR": case.reporter,
        "TSRDH": case.phone,
        "BTSDW": {"name": f"{case.place.estate}便民超市", "uscc": "91420800MADEUP00XX"},
        "XZQH": f"{case.place.area}000000",
        "DZ": case.place.address,
        "JD": f"{case.longitude:.6f}" if case.number % 4 else "0",
        "WD": f"{case.latitude:.6f}" if case.number % 4 else "0",
        "CBDW": case.scene.office,
        "JG": seen.result,
        "MYD": {None: None, 5: "1", 4: "0.7", 3: "0.6", 2: "0", 1: "0"}[seen.grade],
    }
