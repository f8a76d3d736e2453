"""市长信箱: an XML export of a content management system that says GB2312 and splits every time in two."""

from datetime import datetime, timedelta
from typing import ClassVar
from xml.etree import ElementTree as ET

from replica.city import Desk, Flaw, Remit, Snapshot, Stage
from replica.writing import is_flawed, local

_STATES = {
    Stage.RECEIVED: "未读",
    Stage.ACCEPTED: "已读",
    Stage.DECLINED: "不予受理",
    Stage.DISPATCHED: "已转办",
    Stage.WORKING: "办理中",
    Stage.RETURNED: "退回",
    Stage.DONE: "已回复",
    Stage.AGAIN: "追问",
    Stage.CLOSED: "已归档",
}


class MayorMailbox:
    remit: ClassVar = Remit(history=timedelta(days=45), every=timedelta(hours=5))
    marked: ClassVar = True

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def file_name(self, stamp: str) -> str:
        return f"letters_{stamp}.xml"

    def export(self, since: datetime, until: datetime) -> bytes | None:
        seen = self._desk.moved(since, until)
        if not seen:
            return None
        root = ET.Element("mailbox", {"unit": "荆门市人民政府"})
        for each in seen:
            _letter(ET.SubElement(root, "letter"), each)
        # Declared GB2312, written as its superset: 塝 of 马家塝 is in no GB2312.
        declaration = '<?xml version="1.0" encoding="GB2312"?>\n'
        return (declaration + ET.tostring(root, encoding="unicode")).encode("gb18030")


def _letter(letter: ET.Element, seen: Snapshot) -> None:
    case = seen.case
    letter.set("public", "0" if case.secret else "1")
    day = "20260230" if is_flawed(seen, Flaw.NO_SUCH_DAY) else local(case.created_at, "%Y%m%d")
    texts = {
        "serial": "" if is_flawed(seen, Flaw.NO_ID) else f"SZXX-{case.number}",
        "subject": case.title,
        "body": case.content,
        "class": case.scene.wish.value,
        "column": case.scene.topic,
        "state": "待审" if is_flawed(seen, Flaw.UNKNOWN_STATUS) else _STATES[seen.stage],
        "rq": day,
        "sj": local(case.created_at, "%H%M%S"),
        "gxrq": local(seen.updated_at, "%Y%m%d"),
        "gxsj": local(seen.updated_at, "%H%M%S"),
        "writer": case.reporter,
        "tel": case.phone,
        "unit": case.scene.office,
        "area": f"{case.place.area_name}({case.place.area})",
        "where": case.place.address,
        "reply": seen.result or "",
    }
    for name, text in texts.items():
        ET.SubElement(letter, name).text = text or None
