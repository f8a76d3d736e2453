"""Guess what the fields of tickets mean, by their names and their values. Pure.

Names are those that real systems use: English, Chinese, and the pinyin initials of Chinese columns (gdbh is 工单编号).
A guess that values speak against is no guess: a column called `time` whose values are no times stays unread.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from hub.errors import Unreadable
from hub.mapping.times import time_reader
from hub.model import Ticket
from hub.sketch.samples import path_key

_ZONE = ZoneInfo("Asia/Shanghai")
_FORMATS = (
    "%Y-%m-%d %H:%M:%S", "iso", "%Y%m%d%H%M%S", "%Y-%m-%d %H:%M", "%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M", "%Y-%m-%d",
    "%Y/%m/%d", "%Y.%m.%d %H:%M:%S", "%Y.%m.%d", "chinese", "epoch_ms", "epoch_s", "%Y%m%d", "%d/%m/%Y %H:%M:%S",
    "%d/%m/%Y", "excel",
)  # fmt: skip
"""Tried in this order; the first that reads every value is taken."""
_TELLING = {"epoch_s", "epoch_ms", "excel", "%Y%m%d"}
"""Forms that a plain number may have too: only a column whose name speaks of time is read so."""
_MOST_WORDS = 30
_SHARED = 4  # names that must begin alike before the beginning counts as a habit of the system
_DEEPEST = 3

NAMES: Mapping[str, Sequence[str]] = {
    field: words.split()
    for field, words in {
        "external_id": """id 编号 工单编号 工单号 诉求编号 信访件编号 流水号 gdbh bh orderid orderno ticketid caseid
            caseno servicerequestid uniquekey sysid number no serial tid key""",
        "appeal_no": "工单编号 工单号 ordernum orderno appealno gdh ticketno caseno number bh",
        "title": "title subject 标题 主题 诉求标题 事项名称 bt sqbt shortdescription summary name",
        "content": """content description detail body text 内容 诉求内容 问题描述 主要内容 描述 nr sqnr majorcontent
            complaint""",
        "status": "status state 状态 办理状态 工单状态 zt ztdm orderstate progress",
        "kind": "kind type category 类型 诉求类型 诉求类别 来电类别 信访目的 lx sqlx sqlxdm callertype ywlx",
        "topic": """topic 问题分类 分类 类别 事项分类 questionname categoryname complainttype servicename sqlb
            descriptor""",
        "channel": "channel sourcetype 渠道 来源 受理渠道 诉求渠道 via contacttype ly qd",
        "created_at": """created createdat createtime createdtime createddate createdate openedat opened 登记时间
            登记日期 受理时间 受理日期 来电时间 创建时间 提交时间 calltime accepttime addtime requesteddatetime djsj
            cjsj slsj slrq submittime date""",
        "updated_at": """updated updatedat updatetime updatedtime updatedate lastupdated lastupdatetime modified
            modifiedat modifytime lastmodified changedat changed 更新时间 修改时间 gxsj xgsj sysupdatedon
            updateddatetime""",
        "due_at": """dueat due duedate deadline deadlinedate deadlinetime 办理期限 截止时间 截止日期 到期时间 期限
            sladue expecteddatetime jzsj""",
        "closed_at": """closedat closed closetime closeddate finishtime finishedat completetime 办结时间 办结日期
            结案时间 bjsj endtime""",
        "reporter.name": """reportername reporter callername caller contactname contact applicant writer customer
            requester 姓名 诉求人 来电人 联系人 信访人 市民姓名 xm lxr sqr sqrxm tsr""",
        "reporter.phone": """phone mobile tel telephone reporterphone callerphone contactphone callertel 电话 联系电话
            来电号码 手机 手机号 手机号码 dh lxdh sqrhm sjh""",
        "location.address": """address location incidentaddress 地址 事发地址 诉求地址 问题属地 位置 dz sfdz where
            place""",
        "area": "areacode area division district 行政区划 区划 区划代码 属地代码 区域 xzqh qhdm adcode",
        "lead_org": """leadorg handledept dept deptname department departmentname agency agencyresponsible 承办单位
            主办单位 办理单位 去向机关 责任单位 organizationname cbdw unit assignee""",
        "respondent": "respondent 被诉主体 被诉对象 被诉单位 reflectname accused btsdw",
        "result": """result 办理结果 办理情况 处理结果 答复内容 答复意见 reply resolution resolutiondescription
            closenotes jg blqk blyj""",
        "is_secret": "issecret 是否保密 保密 secret sfbm bmbz confidential",
        "satisfaction": "satisfaction satisfied 满意度 是否满意 myd rating score",
    }.items()
}
"""How fields of an appeal are called in the systems of this field, the surest first; compared without case and `_`."""
_TIMES = ("created_at", "updated_at", "due_at", "closed_at")
_LONGITUDE = re.compile(r"(?i)lng|lon(g|gitude)?|jd|经度|x|longitude")
_LATITUDE = re.compile(r"(?i)lat(itude)?|wd|纬度|y")

STATUSES: Mapping[str, str] = {
    "RECEIVED": r"待受理|未受理|新(建|件|增)?|未读|待处理|待办|new|received|submitted|initiated|open",
    "ACCEPTED": r"已?受理|已读|accepted|confirmed|acknowledged",
    "REJECTED": r"不予受理|不受理|拒绝|无效|rejected|refused|declined|cancell?ed",
    "DISPATCHED": r"已?(派单|派发|转办|分派|转派|转送|交办)中?|dispatched|assigned|待签收",
    "IN_PROGRESS": r"(办理|处理|处置|进行)中|in.?progress|doing|processing|pending|working|已签收",
    "RETURNED": r"已?(退回|退单|退件)|returned|bounced|referred.?back",
    "SUSPENDED": r"挂起|暂停|suspended|on.?hold|hold|延期",
    "RESOLVED": r"已?(办结|完成|解决|答复|回复|办理完?)|resolved|solved|fixed|done|completed|finished",
    "REWORK": r"重(新办理|办)|再办|rework|reopened|追问|复查",
    "CLOSED": r"已?(归档|结案|关闭|评价)|closed|archived|结束",
    "MERGED": r"(已?并单|重复件?|合并)|merged|duplicate",
    "WITHDRAWN": r"已?(撤(诉|回|销)|作废)|withdrawn|revoked|void",
}
KINDS: Mapping[str, str] = {
    "CONSULT": r"咨询|consult|question|inquiry",
    "HELP": r"求助|求决|help|request|服务",
    "COMPLAINT": r"投诉|申诉|complaint|problem|appeal",
    "REPORT": r"举报|揭发控告|report|hazard|incident",
    "SUGGEST": r"建议|意见建议|suggest(ion)?|proposal|议题",
    "PRAISE": r"表扬|感谢|praise|thanks",
    "DISPUTE": r"纠纷|调解|dispute",
}


@dataclass(frozen=True, slots=True)
class Column:
    """One field of the tickets: its path, its last key, and its values that are something, as text."""

    path: str
    name: str
    values: Sequence[str]
    tickets: int

    @property
    def words(self) -> list[str]:
        """Its distinct values, the most frequent first, where they are few."""
        counts: dict[str, int] = {}
        for value in self.values:
            counts[value] = counts.get(value, 0) + 1
        return sorted(counts, key=lambda word: (-counts[word], word))

    @property
    def is_unique(self) -> bool:
        return len(self.values) == self.tickets == len(set(self.values))


@dataclass
class Guess:
    """How the tickets probably read: a path a field, times with their forms, words with their meanings."""

    fields: dict[str, str] = field(default_factory=dict)
    formats: dict[str, str] = field(default_factory=dict)
    words: dict[str, dict[str, str | None]] = field(default_factory=dict)
    """For status and kind: each word, and what it probably means; None where nobody knows."""
    point: tuple[str, str] | None = None
    unread: list[str] = field(default_factory=list)


def guess(tickets: Sequence[Ticket]) -> Guess:
    """Guess how tickets read as appeals."""
    columns = list(_columns(tickets))
    found, free = Guess(), {column.path: column for column in columns}
    for name in ("external_id", *_TIMES, *(each for each in NAMES if each != "external_id" and each not in _TIMES)):
        if column := _best(name, columns if name == "appeal_no" else free.values()):
            found.fields[name] = column.path
            free.pop(column.path, None)
            _explain(found, name, column)
    found.point = _point(columns)
    for path in found.point or ():
        free.pop(path, None)
    if found.fields.get("appeal_no") == found.fields.get("external_id"):
        found.fields.pop("appeal_no", None)
    found.unread = list(free)
    return found


def _columns(tickets: Sequence[Ticket]) -> Iterator[Column]:
    values: dict[str, tuple[str, list[str]]] = {}
    for ticket in tickets:
        for path, name, value in _flat(ticket):
            values.setdefault(path, (name, []))[1].append(value)
    prefix = _shared_prefix([name for name, _ in values.values()])
    return (Column(path, name.removeprefix(prefix), found, len(tickets)) for path, (name, found) in values.items())


def _shared_prefix(names: Sequence[str]) -> str:
    """The first word that most names begin with, as in petitionNo and petitionState; empty where there is none."""
    first = [found[0] for name in names if (found := re.match(r"[a-z]+(?=[A-Z])|[A-Za-z]+_(?=.)", name))]
    return next((word for word in first if first.count(word) >= _SHARED and first.count(word) * 3 > len(names)), "")


def _flat(value: Any, path: str = "", depth: int = 0) -> Iterator[tuple[str, str, str]]:
    for key, child in value.items():
        here = f"{path}.{path_key(key)}" if path else path_key(key)
        if isinstance(child, dict) and depth < _DEEPEST:
            yield from _flat(child, here, depth + 1)
        elif isinstance(child, str | int | float) and str(child).strip():
            yield here, key.strip("@"), str(child).strip()


def _best(name: str, columns: Iterable[Column]) -> Column | None:
    """The column whose name fits best and whose values fit at all: a shorter path goes before a longer one."""
    names, fits = NAMES[name], _FITS.get(name, _anything)
    likely = [column for column in columns if _bare(column.name) in names and fits(name, column)]
    return min(likely, key=lambda column: (column.path.count("."), names.index(_bare(column.name))), default=None)


def _bare(name: str) -> str:
    return re.sub(r"[_\-\s]", "", name).casefold()


def _anything(_name: str, column: Column) -> bool:
    return bool(column.values)


def _is_identifier(_name: str, column: Column) -> bool:
    return column.is_unique and max(map(len, column.values)) <= 64


def _is_time(name: str, column: Column) -> bool:
    return bool(column.values) and time_format(column.values, plain=name in _TIMES) is not None


def _has_few_words(_name: str, column: Column) -> bool:
    return 0 < len(column.words) <= _MOST_WORDS and max(map(len, column.words)) <= 40


def _is_phone(_name: str, column: Column) -> bool:
    digits = [re.sub(r"\D", "", value) for value in column.values]
    return sum(5 <= len(each) <= 15 for each in digits) * 2 > len(digits) > 0


def _is_code(_name: str, column: Column) -> bool:
    return any(re.fullmatch(r"\d{6}(\d{3}|\d{6})?", value) for value in column.values)


_FITS: Mapping[str, Callable[[str, Column], bool]] = {
    "external_id": _is_identifier,
    **dict.fromkeys(_TIMES, _is_time),
    "status": _has_few_words,
    "kind": _has_few_words,
    "channel": _has_few_words,
    "is_secret": _has_few_words,
    "satisfaction": _has_few_words,
    "reporter.phone": _is_phone,
    "area": _is_code,
}


def _explain(found: Guess, name: str, column: Column) -> None:
    if name in _TIMES:
        found.formats[name] = time_format(column.values, plain=True) or "iso"
    elif name == "status":
        found.words[name] = {word: _meaning(word, STATUSES) for word in column.words}
    elif name == "kind":
        found.words[name] = {word: _meaning(word, KINDS) for word in column.words}


def time_format(values: Sequence[str], *, plain: bool) -> str | None:
    """Name the first form of time in which every value reads; with `plain`, a bare number may be one as well."""
    return next((form for form in _FORMATS if (plain or form not in _TELLING) and _reads(form, values)), None)


def _reads(form: str, values: Sequence[str]) -> bool:
    read = time_reader([form], _ZONE)
    try:
        return any([read(value) is not None for value in values])  # noqa: C419  # each of them must read
    except Unreadable:
        return False


def _meaning(word: str, meanings: Mapping[str, str]) -> str | None:
    return next((meant for meant, pattern in meanings.items() if re.fullmatch(pattern, word, re.IGNORECASE)), None)


def _point(columns: Sequence[Column]) -> tuple[str, str] | None:
    """Two columns named and filled like the longitude and latitude of a Chinese place, or of any other."""
    east = next((each for each in columns if _LONGITUDE.fullmatch(each.name) and _within(each, 180)), None)
    north = next((each for each in columns if _LATITUDE.fullmatch(each.name) and _within(each, 90)), None)
    return (east.path, north.path) if east and north else None


def _within(column: Column, most: float) -> bool:
    try:
        return bool(column.values) and all(abs(float(value)) <= most for value in column.values)
    except ValueError:
        return False
