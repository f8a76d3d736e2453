"""A message board to leaders: signed POSTs, JSON in a text, newest first after the last item, one call a letter."""

import hashlib
import json
from typing import Any

from aiohttp import web

APP_CODE = "PC42ce3bfa4980a9"
NOW = 1_790_000_000
LEADERS = {571: range(1, 24), 572: range(101, 105)}


class Board:
    def __init__(self) -> None:
        self.states: dict[int, str] = {}

    def application(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/v1/threads/list", self.listed)
        app.router.add_post("/v1/threads/content", self.content)
        return app

    async def asked(self, request: web.Request) -> dict[str, Any]:
        body = await request.json()
        half = hashlib.md5(body["appCode"].encode()).hexdigest()[:16]
        text = f"{request.path}{body['param']}{half}"
        if body["appCode"] != APP_CODE or body["signature"] != hashlib.md5(text.encode()).hexdigest():
            raise web.HTTPOk(text='{"resultCode": -2, "resultDesc": "签名错误"}', content_type="application/json")
        return json.loads(body["param"])

    async def listed(self, request: web.Request) -> web.Response:
        param = await self.asked(request)
        assert [type(param[name]) for name in ("fid", "lastItem", "rows")] == [int, int, int]
        newest = sorted(LEADERS[param["fid"]], reverse=True)
        later = [tid for tid in newest if param["lastItem"] == 0 or tid < param["lastItem"]]
        return answered([self.row(tid) for tid in later[: param["rows"]]])

    def row(self, tid: int) -> dict[str, Any]:
        return {
            "tid": tid,
            "subject": f"关于第{tid}件事",
            "typeName": "求助",
            "stateInfo": self.states.get(tid, "办理中"),
            "dateline": NOW - (200 - tid) * 86400,
        }

    async def content(self, request: web.Request) -> web.Response:
        param = await self.asked(request)
        if param["tid"] == 22:
            return web.json_response({"resultCode": 404, "resultDesc": "留言不存在"})
        answers = [{"organization": "市城管局", "content": "已安排处理"}] if self.states.get(param["tid"]) else []
        return answered({"content": f"全文{param['tid']}", "answers": {"data": answers}})


def answered(data: Any) -> web.Response:
    return web.json_response({"resultCode": 1, "resultDesc": "success", "resultData": data})
