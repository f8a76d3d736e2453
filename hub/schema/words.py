"""The enums of the API: the domain's own, each word with its description. An undescribed word does not start."""

from enum import StrEnum
from typing import TypeVar

import strawberry

from hub.model import (
    Action,
    ChangeType,
    Channel,
    Degradation,
    DriftKind,
    Integration,
    Kind,
    Satisfaction,
    SourceClass,
    Status,
    Urgency,
)
from hub.vocabulary.words import Locale
from hub.wanted import AppealOrder, Bucket, Dimension, Moment

_Word = TypeVar("_Word", bound=StrEnum)


def describe(words: type[_Word], name: str, description: str, meanings: dict[_Word, str]) -> None:
    """Make an enum one of the schema; its members' names are the names in GraphQL."""
    strawberry.enum(words, name=name, description=description)
    for value in words.__strawberry_definition__.values:  # type: ignore[attr-defined]  # strawberry.enum has just put it there
        value.description = meanings[words[value.name]]


describe(
    Status,
    "AppealStatus",
    "Where an appeal stands.",
    {
        Status.RECEIVED: "待受理: received, not yet looked at.",
        Status.ACCEPTED: "已受理: accepted for handling.",
        Status.REJECTED: "不予受理: not accepted.",
        Status.DISPATCHED: "已派单: sent to the organization in charge.",
        Status.IN_PROGRESS: "办理中: being handled.",
        Status.RETURNED: "退单: sent back by the organization in charge.",
        Status.SUSPENDED: "挂起: waiting; its clock stands still.",
        Status.RESOLVED: "已办结: handled, waiting to be reviewed.",
        Status.REWORK: "重新办理: handled anew after review.",
        Status.CLOSED: "已归档: closed.",
        Status.MERGED: "已并单: handled together with another appeal.",
        Status.WITHDRAWN: "已撤回: withdrawn by the resident.",
        Status.UNKNOWN: "The source's word has no meaning here; see `statusText`.",
    },
)
describe(
    Kind,
    "AppealKind",
    "What the resident wants.",
    {
        Kind.CONSULT: "咨询: to know something.",
        Kind.HELP: "求助: help.",
        Kind.COMPLAINT: "投诉: a wrong done to them put right.",
        Kind.REPORT: "举报: a violation looked into.",
        Kind.SUGGEST: "建议: something made better.",
        Kind.PRAISE: "表扬: to praise.",
        Kind.DISPUTE: "纠纷: a dispute mediated.",
        Kind.OTHER: "其他: anything else.",
        Kind.UNKNOWN: "The source's word has no meaning here; see `kindText`.",
    },
)
describe(
    Urgency,
    "AppealUrgency",
    "How pressing an appeal is.",
    {
        Urgency.CRITICAL: "特急: within 24 hours.",
        Urgency.URGENT: "紧急: before ordinary ones.",
        Urgency.NORMAL: "一般: in its turn.",
        Urgency.UNKNOWN: "The source's word has no meaning here; see `urgencyText`.",
    },
)
describe(
    Channel,
    "AppealChannel",
    "How the resident reached the source.",
    {
        Channel.PHONE: "电话: by telephone.",
        Channel.WEB: "网站: on a web page.",
        Channel.WECHAT_MINI: "微信小程序: in a WeChat mini-program.",
        Channel.APP: "手机应用: in an app.",
        Channel.SMS: "短信: by text message.",
        Channel.MAIL: "邮寄: by post.",
        Channel.LETTER: "红色信箱: by a letter in a neighbourhood's box.",
        Channel.VISIT: "来访: in person, or visited at home.",
        Channel.QR: "扫码: by a building's QR code.",
        Channel.GRID: "网格员: through a grid worker.",
        Channel.SENTINEL: "哨兵: through a sentry post.",
        Channel.PLATFORM_TRANSFER: "平台转办: passed on by another platform.",
        Channel.MEDIA: "媒体: through the press or social media.",
        Channel.EMAIL: "电子邮件: by e-mail.",
        Channel.UNKNOWN: "The source does not say, or its word has no meaning here; see `channelText`.",
    },
)
describe(
    Satisfaction,
    "Satisfaction",
    "What the resident thought of the result when asked.",
    {
        Satisfaction.SATISFIED: "满意: satisfied.",
        Satisfaction.BASIC: "基本满意: satisfied for the most part.",
        Satisfaction.DISSATISFIED: "不满意: not satisfied.",
        Satisfaction.UNREACHED: "联系不上: could not be reached.",
        Satisfaction.NONE: "未评价: not asked, or no answer.",
        Satisfaction.UNKNOWN: "The source's word has no meaning here; see `satisfactionText`.",
    },
)
describe(
    Locale,
    "Locale",
    "The languages that people are shown words in.",
    {Locale.ZH: "简体中文: Simplified Chinese.", Locale.EN: "English."},
)
describe(
    SourceClass,
    "SourceClass",
    "What sort of system a source is.",
    {
        SourceClass.HOTLINE: "热线: a government hotline.",
        SourceClass.PLATFORM: "平台: a convenience platform.",
        SourceClass.REGISTER: "名录: what appeals refer to, such as organizations; it gives no appeals.",
        SourceClass.HUB: "一站式平台: the hub itself, where appeals are submitted to it.",
    },
)
describe(
    Degradation,
    "SourceDegradation",
    "Why appeals of a source may be older here than in the system that they come from.",
    {
        Degradation.PAUSED: "Somebody stopped its schedule.",
        Degradation.MISCONFIGURED: "Its entry in connectors.yaml is wrong, and it never worked before.",
        Degradation.FAILING: "Its last run failed; the next try is under way or due.",
        Degradation.NEVER_PULLED: "No run has ended well yet.",
        Degradation.LATE: "It has not been pulled well for three times as long as it is between two runs.",
    },
)
describe(
    DriftKind,
    "DriftKind",
    "How the tickets of a source came to differ from what was usual.",
    {
        DriftKind.FIELD_GONE: "A field that most tickets had is in none any more.",
        DriftKind.FIELD_NEW: "A field that no ticket had before.",
        DriftKind.KIND_CHANGED: "A field that holds another kind of value than before.",
        DriftKind.WORD_UNKNOWN: "A word that no map knows.",
    },
)
describe(
    Integration,
    "IntegrationMode",
    "How a hotline joined 12345.",
    {
        Integration.INTEGRATOR: "归并主体: 12345 itself, which the others joined.",
        Integration.ABSORBED: "整体并入: its number and seats were merged into 12345.",
        Integration.DUAL_NUMBER: "双号并行: its number is kept beside 12345.",
        Integration.SUB_CENTRE: "设分中心: its number and seats are kept as a sub-centre.",
    },
)
describe(
    ChangeType,
    "ChangeType",
    "What a change says happened to an appeal.",
    {
        ChangeType.CREATED: "The appeal was served for the first time.",
        ChangeType.STATUS_CHANGED: "Its status changed, other fields perhaps too.",
        ChangeType.UPDATED: "Other fields than its status changed.",
        ChangeType.COMMENTED: "Somebody said something about it.",
        ChangeType.RATED: "评价: the resident said what they think of the result.",
        ChangeType.EXTENDED: "延期: its deadline was moved back.",
        ChangeType.URGED: "催办: the organization in charge was urged.",
        ChangeType.SUPERVISED: "督办: it was put under supervision.",
    },
)
describe(
    AppealOrder,
    "AppealOrder",
    "The order a list of appeals comes in. Equal times are ordered by id, so that pages never overlap.",
    {
        AppealOrder.CREATED_DESC: "Newest first, by `createdAt`.",
        AppealOrder.CREATED_ASC: "Oldest first, by `createdAt`.",
        AppealOrder.UPDATED_DESC: "Last changed first, by `updatedAt`.",
        AppealOrder.UPDATED_ASC: "Longest unchanged first, by `updatedAt`.",
        AppealOrder.DUE_ASC: "Soonest due first, by `dueAt`; those without a deadline last.",
    },
)
describe(
    Dimension,
    "AppealDimension",
    "What appeals can be counted by.",
    {
        Dimension.SOURCE: "The legacy system they came from.",
        Dimension.STATUS: "Where they stand.",
        Dimension.KIND: "What the resident wants.",
        Dimension.TOPIC: "What they are about.",
        Dimension.URGENCY: "How pressing they are.",
        Dimension.CHANNEL: "How the resident reached the source.",
        Dimension.SATISFACTION: "What the resident thought of the result.",
        Dimension.AREA: "The administrative division they concern.",
        Dimension.GRID: "The grid cell of the neighbourhood.",
        Dimension.LEAD_ORG: "The organization in charge.",
        Dimension.ORIGIN_HOTLINE: "The hotline first called, where lines were merged.",
    },
)
describe(
    Bucket,
    "TimeBucket",
    "Stretches of time, by the clocks of a zone, that appeals can be counted by.",
    {
        Bucket.HOUR: "From one full hour to the next.",
        Bucket.DAY: "From midnight to midnight; 23 or 25 hours where the clocks are changed.",
        Bucket.WEEK: "From Monday to Sunday (ISO 8601).",
        Bucket.MONTH: "A month of the calendar.",
        Bucket.QUARTER: "A quarter of the calendar: from January, April, July or October.",
        Bucket.YEAR: "A year of the calendar.",
    },
)
describe(
    Moment,
    "AppealMoment",
    "The time of an appeal that says in which bucket it is counted.",
    {
        Moment.CREATED: "`createdAt`: when it was made.",
        Moment.UPDATED: "`updatedAt`: when the source last changed it.",
        Moment.DISPATCHED: "`dispatchedAt`: when it was sent to the organization in charge.",
        Moment.DUE: "`dueAt`: when it must be handled.",
        Moment.CLOSED: "`closedAt`: when it was closed.",
    },
)
describe(
    Action,
    "AppealAction",
    "What a person may do to an appeal at the hub.",
    {
        Action.SUBMIT: "提交: make it.",
        Action.ACCEPT: "受理: accept it for handling, also one that was not accepted before.",
        Action.REJECT: "不予受理: not accept it.",
        Action.DISPATCH: "派单: send it to an organization, which is in charge from then on.",
        Action.START: "签收: begin to handle it, or go on.",
        Action.RETURN: "退单: send it back, and say why.",
        Action.TRANSFER: "改派: send it to another organization while it is handled.",
        Action.SUSPEND: "挂起: wait; its clock stands still.",
        Action.RESOLVE: "办结: say what was done.",
        Action.CLOSE: "归档: close it after review.",
        Action.REOPEN: "重新办理: handle it anew after review.",
        Action.WITHDRAW: "撤诉: take it back, for the resident.",
        Action.MERGE: "并单: handle it together with another that says the same.",
        Action.SPLIT: "拆单: handle it by itself again.",
        Action.COMMENT: "批注: say something about it.",
        Action.RATE: "评价: say what the resident thinks of the result.",
        Action.EXTEND: "延期: move its deadline back.",
        Action.URGE: "催办: urge the organization in charge.",
        Action.SUPERVISE: "督办: put it under supervision.",
    },
)
