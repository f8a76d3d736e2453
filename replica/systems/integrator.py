"""12345 政务服务便民热线: what everybody calls, what was merged into it, and what it passes on to others."""

from datetime import timedelta

from replica.city import Remit, Snapshot
from replica.columns import (
    ADDRESS,
    AREA,
    BAIDU,
    CONTENT,
    OFFICE,
    PHONE,
    REPORTER,
    TITLE,
    TOPIC,
    TOPIC_CODE,
    WISH,
    choice,
    closed,
    created,
    due,
    grade,
    number,
    point,
    result,
    secret,
    stage,
    text,
    updated,
    urgent,
)
from replica.counters.answers import Refusal
from replica.counters.base import System
from replica.counters.doors import Login
from replica.counters.lists import Asked, Listing
from replica.counters.paging import Numbered
from replica.systems.absorbed import ABSORBED
from replica.writing import LOCAL, local

_DAY = local("%Y%m%d")
_ABSORBED_LINES = tuple(system.line for system in ABSORBED)


def _numbered_by_day(seen: Snapshot) -> str:
    return f"JM{_DAY.write(seen.case.created_at)}{seen.case.number:09d}"


def _is_hard(seen: Snapshot) -> str | None:
    return "1" if seen.case.urgent and seen.case.secret else None


_respondent = {"物业矛盾": "某物业公司"}

HOTLINE_12345 = System(
    "hotline-12345",
    Remit(every=timedelta(hours=3, minutes=36), lines=("12345", *_ABSORBED_LINES)),
    columns={
        "orderId": number(),
        "orderNum": _numbered_by_day,
        "title": TITLE,
        "majorContent": CONTENT,
        "callerType": WISH,
        "questionCode": TOPIC_CODE,
        "questionName": TOPIC,
        "orderState": stage("待受理 已受理 不予受理 已派单 办理中 已退回 已办结 重新办理 已归档", odd="待会商"),
        "pilotLight": urgent("红灯", "绿灯"),
        "sourceType": choice("微信", "电话", "电话", "电话", "电话"),
        # The hotline that was dialled, and the number that its own system gave the call, where it keeps one.
        "originHotline": lambda seen: seen.case.origin.line if seen.case.origin else "",
        "originOrderNum": lambda seen: seen.case.origin.number if seen.case.origin else "",
        "isSecret": secret("1", "0"),
        "callerName": REPORTER,
        "callerPhone": PHONE,
        "reflectName": lambda seen: _respondent.get(seen.case.scene.topic, "/"),
        "areaCode": AREA,
        "address": ADDRESS,
        "addressPoints": point("{:.6f},{:.6f}", BAIDU),
        "organizationName": OFFICE,
        "subOfficeName": text("{1.street}办事处 {1.community}居委会"),
        "callTime": created(LOCAL),
        "updateTime": updated(LOCAL),
        "deadlineDate": due(LOCAL),
        "completeTime": closed(LOCAL, nothing="0001-01-01 00:00:00"),
        "content": result(""),
        "visitIsSolved": grade("0 0 0 1 1", nothing=None),
        "finalVisitIsSatisfaction": grade("联系不上 不满意 基本满意 基本满意 满意", nothing=None),
        "isHardOrder": _is_hard,
    },
    counter=Listing(
        path="/api/orders",
        # A wrong password comes in a 200, with a code; an expired token in a 401.
        door=Login(
            path="/api/login",
            fields={"username": "hub", "password": "demo-12345"},
            welcome={"code": 0, "message": "登录成功", "data": {"token": "$token", "expiresIn": "$seconds"}},
            failed=Refusal(200, {"code": 1001, "message": "用户名或密码错误", "data": None}),
            header="X-Token",
        ),
        refused=Refusal(401, {"code": 1002, "message": "token无效或已过期", "data": None}),
        pages=Numbered("page", "size", most=200, strict=True),
        asked=Asked(habit=LOCAL, since="beginTime"),
        wrong=Refusal(200, {"code": 4000, "message": "参数错误", "data": "$reason"}),
        envelope={
            "code": 0,
            "message": "查询成功",
            "data": {"list": "$rows", "pageNum": "$page", "pages": "$pages", "total": "$total"},
        },
    ),
)
