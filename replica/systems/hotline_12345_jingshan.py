"""京山市12345分中心: a CSV a day in the code page of an old Windows, with pinyin initials for column names."""

import csv
import io
from datetime import datetime, timedelta
from typing import ClassVar

from replica.city import Desk, Flaw, Remit, Snapshot, Stage
from replica.scenes import Wish
from replica.writing import NO_SUCH_DAY, full_width, is_flawed, local

_TYPES = {
    Wish.ASK: "01",
    Wish.HELP: "02",
    Wish.COMPLAIN: "03",
    Wish.REPORT: "04",
    Wish.SUGGEST: "05",
    Wish.PRAISE: "06",
}
_STATES = {
    Stage.RECEIVED: "A0",
    Stage.ACCEPTED: "A1",
    Stage.DECLINED: "X1",
    Stage.DISPATCHED: "B1",
    Stage.WORKING: "B2",
    Stage.RETURNED: "B9",
    Stage.DONE: "C1",
    Stage.AGAIN: "B2",
    Stage.CLOSED: "C9",
}
_GRADES = {None: "", 5: "1", 4: "0.7", 3: "0.6", 2: "0", 1: "0"}


class Hotline12345Jingshan:
    remit: ClassVar = Remit(history=timedelta(days=45), every=timedelta(hours=5), within="京山市")
    marked: ClassVar = True

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def file_name(self, stamp: str) -> str:
        return f"gd_{stamp}.csv"

    def export(self, since: datetime, until: datetime) -> bytes | None:
        rows = [_row(seen) for seen in self._desk.moved(since, until)]
        if not rows:
            return None
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, rows[0], lineterminator="\r\n")
        writer.writeheader()
        writer.writerows(rows)
        return _cp936(text.getvalue())


def _cp936(text: str) -> bytes:
    """Encode as GB 18030, but the euro sign at 0x80, where Windows has it and the standard has nothing."""
    return b"\x80".join(part.encode("gb18030") for part in text.split("€"))


def _row(seen: Snapshot) -> dict[str, str]:
    case = seen.case
    grade = _GRADES[seen.grade]
    return {
        "gdbh": "" if is_flawed(seen, Flaw.NO_ID) else f"JS{case.number:010d}",
        "hfhm": "12345",
        "sqlx_dm": _TYPES[case.scene.wish],
        "sqrxm": case.reporter,
        "sqrhm": full_width(case.phone) if case.number % 3 == 0 else case.phone,
        "sqbt": case.title,
        "sqnr": case.content,
        "sqrdz": f"{case.place.estate}{case.number % 12 + 1}栋",
        "sqsjfssj": local(case.created_at, "%Y/%m/%d %H:%M"),
        "sqsjfsdz": case.place.address,
        "jd_mc": case.place.street,
        "sq_mc": case.place.community,
        "qh_dm": case.place.area,
        "zt_dm": "Z9" if is_flawed(seen, Flaw.UNKNOWN_STATUS) else _STATES[seen.stage],
        "djsj": NO_SUCH_DAY if is_flawed(seen, Flaw.NO_SUCH_DAY) else local(case.created_at),
        "gxsj": local(seen.updated_at),
        "bmbz": "是" if case.secret else "否",
        "cbdw": case.scene.office,
        "blqk": seen.result or "无",
        "jgmyd": grade,
        "zfmyd": grade,
    }
