"""网上信访: a workbook a day with Chinese headers, days written in Chinese, and times as Excel counts them."""

from datetime import datetime, timedelta
from typing import ClassVar

from replica.city import CHINA, Desk, Flaw, Remit, Snapshot, Stage
from replica.scenes import Wish
from replica.workbook import Cell, workbook
from replica.writing import is_flawed, local

_PURPOSES = {Wish.COMPLAIN: "申诉", Wish.HELP: "求决", Wish.REPORT: "揭发控告"}
_FORMS = ("来信", "来访", "网上", "来电")
_STATES = {
    Stage.RECEIVED: "待受理",
    Stage.ACCEPTED: "已受理",
    Stage.DECLINED: "不予受理",
    Stage.DISPATCHED: "已转送",
    Stage.WORKING: "办理中",
    Stage.RETURNED: "已退回",
    Stage.DONE: "已答复",
    Stage.AGAIN: "复查",
    Stage.CLOSED: "已办结",
}
_CHINESE_DAY = "%Y年%m月%d日"
_EXCEL_EPOCH = datetime(1899, 12, 30, tzinfo=CHINA)
_HEADER = (
    "信访件编号",
    "标题",
    "内容",
    "信访目的",
    "信访形式",
    "办理状态",
    "登记日期",
    "更新时间",
    "办理期限",
    "信访人",
    "联系电话",
    "涉及人数",
    "是否重复",
    "问题属地",
    "属地代码",
    "去向机关",
    "答复意见",
)


class Petition:
    remit: ClassVar = Remit(history=timedelta(days=45), every=timedelta(hours=5, minutes=24))
    marked: ClassVar = False

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def file_name(self, stamp: str) -> str:
        return f"信访件_{stamp}.xlsx"

    def export(self, since: datetime, until: datetime) -> bytes | None:
        seen = self._desk.moved(since, until)
        return workbook([_HEADER, *(_row(each) for each in seen)]) if seen else None


def _row(seen: Snapshot) -> tuple[Cell, ...]:
    case = seen.case
    return (
        "" if is_flawed(seen, Flaw.NO_ID) else f"XF{local(case.created_at, '%Y')}{case.number:08d}",
        case.title,
        case.content,
        _PURPOSES.get(case.scene.wish, "意见建议"),
        _FORMS[case.number % len(_FORMS)],
        "待补正" if is_flawed(seen, Flaw.UNKNOWN_STATUS) else _STATES[seen.stage],
        "2026年02月30日" if is_flawed(seen, Flaw.NO_SUCH_DAY) else local(case.created_at, _CHINESE_DAY),
        _excel(seen.updated_at),
        local(case.created_at + timedelta(days=60), _CHINESE_DAY),
        case.reporter,
        case.phone,
        case.number % 30 + 1,
        "是" if case.number % 9 == 0 else "否",
        case.place.address,
        int(case.place.area),
        case.scene.office,
        seen.result or "/",
    )


def _excel(moment: datetime) -> float:
    """Count the days since the end of 1899 on the city's clock, as a workbook does."""
    return round((moment - _EXCEL_EPOCH) / timedelta(days=1), 6)
