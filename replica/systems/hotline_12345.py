"""12345 政务服务便民热线: log in for a token, then page by number; an error may hide in a 200 with a code."""

from datetime import timedelta
from math import ceil
from typing import Any, ClassVar

from aiohttp import web

from replica.city import Desk, Flaw, Remit, Snapshot, Stage
from replica.datum import bd09
from replica.scenes import Wish
from replica.systems.base import json_answer, whole
from replica.tokens import Tokens
from replica.writing import NO_SUCH_DAY, is_flawed, local, read_local

USER, PASSWORD = "hub", "demo-12345"

_STATES = {
    Stage.RECEIVED: "待受理",
    Stage.ACCEPTED: "已受理",
    Stage.DECLINED: "不予受理",
    Stage.DISPATCHED: "已派单",
    Stage.WORKING: "办理中",
    Stage.RETURNED: "已退回",
    Stage.DONE: "已办结",
    Stage.AGAIN: "重新办理",
    Stage.CLOSED: "已归档",
}
_VISITS = {5: "满意", 4: "基本满意", 3: "基本满意", 2: "不满意", 1: "联系不上"}
_MOST = 200
_BAD_REQUEST, _WRONG_LOGIN, _NO_TOKEN = 4000, 1001, 1002


class Hotline12345:
    remit: ClassVar = Remit(history=timedelta(days=60), every=timedelta(hours=3, minutes=36))

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._tokens = Tokens(desk, timedelta(minutes=30))

    def routes(self) -> list[web.RouteDef]:
        return [web.post("/api/login", self.login), web.get("/api/orders", self.orders)]

    async def login(self, request: web.Request) -> web.Response:
        if await request.json() != {"username": USER, "password": PASSWORD}:
            return _answer(_WRONG_LOGIN, "用户名或密码错误")
        data = {"token": self._tokens.give(), "expiresIn": int(self._tokens.ttl.total_seconds())}
        return _answer(0, "登录成功", data)

    async def orders(self, request: web.Request) -> web.Response:
        if not self._tokens.is_good(request.headers.get("X-Token")):
            return _answer(_NO_TOKEN, "token无效或已过期", status=401)
        page, size = whole(request.query, "page", 1, 10_000), whole(request.query, "size", 20, _MOST)
        try:
            since = read_local(request.query.get("beginTime"))
        except ValueError:
            return _answer(_BAD_REQUEST, "参数错误: beginTime格式应为yyyy-MM-dd HH:mm:ss")
        found = self._desk.snapshots(since)
        rows = [_order(seen) for seen in found[(page - 1) * size : page * size]]
        data = {"list": rows, "pageNum": page, "pages": ceil(len(found) / size), "total": len(found)}
        return _answer(0, "查询成功", data)


def _answer(code: int, message: str, data: Any = None, *, status: int = 200) -> web.Response:
    return json_answer({"code": code, "message": message, "data": data}, status=status)


def _order(seen: Snapshot) -> dict[str, Any]:
    case = seen.case
    longitude, latitude = bd09(case.longitude, case.latitude)
    number = f"JM{local(case.created_at, '%Y%m%d')}{case.number:09d}"
    return {
        "orderId": None if is_flawed(seen, Flaw.NO_ID) else case.number,
        "orderNum": number,
        "title": case.title,
        "majorContent": case.content,
        "callerType": case.scene.wish.value,
        "questionCode": case.scene.code,
        "questionName": case.scene.topic,
        "orderState": "待会商" if is_flawed(seen, Flaw.UNKNOWN_STATUS) else _STATES[seen.stage],
        "pilotLight": "红灯" if case.urgent else "绿灯",
        "sourceType": "电话" if case.number % 5 else "微信",
        "originHotline": "12369" if case.scene.code.startswith("11") else "",
        "isSecret": "1" if case.secret else "0",
        "callerName": case.reporter,
        "callerPhone": case.phone,
        "reflectName": "某物业公司" if case.scene.topic == "物业矛盾" else "/",
        "areaCode": case.place.area,
        "address": case.place.address,
        "addressPoints": f"{longitude:.6f},{latitude:.6f}",
        "organizationName": case.scene.office,
        "subOfficeName": f"{case.place.street}办事处 {case.place.community}居委会",
        "callTime": NO_SUCH_DAY if is_flawed(seen, Flaw.NO_SUCH_DAY) else local(case.created_at),
        "updateTime": local(seen.updated_at),
        "deadlineDate": local(case.due_at),
        "completeTime": local(seen.closed_at) or "0001-01-01 00:00:00",
        "content": seen.result or "",
        "visitIsSolved": {None: None, 5: "1", 4: "1"}.get(seen.grade, "0"),
        "finalVisitIsSatisfaction": _VISITS.get(seen.grade or 0),
        "isHardOrder": "1" if case.scene.wish is Wish.REPORT and case.urgent else None,
    }
