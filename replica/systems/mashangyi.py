"""码上议: pages by Link header, a key in the query, epoch seconds, the QR code of a building instead of an address."""

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, ClassVar

from aiohttp import web

from replica.city import Desk, Flaw, Remit, Snapshot, Stage
from replica.scenes import Wish
from replica.systems.base import json_answer, whole
from replica.writing import NO_SUCH_DAY, is_flawed, seconds

KEY = "demo-mashangyi"

_STATES = {
    Stage.RECEIVED: 0,
    Stage.ACCEPTED: 10,
    Stage.DECLINED: 90,
    Stage.DISPATCHED: 20,
    Stage.WORKING: 30,
    Stage.RETURNED: 25,
    Stage.DONE: 40,
    Stage.AGAIN: 35,
    Stage.CLOSED: 50,
}
_WAYS = ("扫码", "扫码", "红色信箱", "敲门行动")
_BUILDINGS = 170
_MOST = 100


class Mashangyi:
    remit: ClassVar = Remit(
        history=timedelta(days=60), every=timedelta(hours=7, minutes=30), within="京山市新市街道马家塝社区"
    )

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/v1/topics", self.topics)]

    async def topics(self, request: web.Request) -> web.Response:
        if request.query.get("key") != KEY:
            return json_answer({"error": "key"}, status=401)
        size = whole(request.query, "per_page", 30, _MOST)
        after = whole(request.query, "after_id", 0, 10**12)
        since = datetime.fromtimestamp(whole(request.query, "since", 0, 10**10), UTC)
        left = [seen for seen in self._desk.snapshots(since) if seen.case.number > after]
        left.sort(key=lambda seen: seen.case.number)
        page = left[:size]
        headers = {"Link": _next_link(request, page[-1])} if len(left) > size else {}
        return json_answer([_topic(seen) for seen in page], headers=headers)


def _next_link(request: web.Request, last: Snapshot) -> str:
    # The key stays out of the link: links end up in logs.
    kept = {name: value for name, value in request.query.items() if name != "key"}
    following = request.url.with_query({**kept, "after_id": str(last.case.number)})
    return f'<{following}>; rel="next"'


def _topic(seen: Snapshot) -> dict[str, Any]:
    case = seen.case
    is_ballot = case.scene.wish is Wish.SUGGEST
    return {
        "id": None if is_flawed(seen, Flaw.NO_ID) else case.number,
        "kind": "议题" if is_ballot else case.scene.wish.value,
        "text": f"{case.title}。{case.content}",
        "label": case.scene.topic,
        "building": f"MJT-{case.number % _BUILDINGS + 1:03d}",
        "openid": sha256(f"{case.reporter}{case.number}".encode()).hexdigest()[:28],
        "nickname": case.reporter,
        "way": _WAYS[case.number % len(_WAYS)],
        "state": 77 if is_flawed(seen, Flaw.UNKNOWN_STATUS) else _STATES[seen.stage],
        "votes": {"for": case.number % 97, "against": case.number % 7} if is_ballot else None,
        "scanned_at": NO_SUCH_DAY if is_flawed(seen, Flaw.NO_SUCH_DAY) else seconds(case.created_at),
        "changed_at": seconds(seen.updated_at),
        "planned_for": seconds(case.created_at + timedelta(days=3)),
        "reply": seen.result,
        "stars": seen.grade or 0,
    }
