"""A provincial exchange: signed by SM3, JSON in texts both ways, XML in a text, a list an area, cut without a word."""

import hashlib
import json
from datetime import datetime, timedelta
from typing import Any

from aiohttp import web

NOW = datetime.now().replace(microsecond=0)  # noqa: DTZ005  the exchange knows no zone
AREAS = ("420802", "420804")
XML = '<?xml version="1.0" encoding="GB2312"?><event><nr>{0}的全部内容</nr><dw>D{1}</dw></event>'


class Gateway:
    def __init__(self) -> None:
        self.rows = {area: [self.row(area, n) for n in range(14)] for area in AREAS}
        self.questions: list[dict[str, Any]] = []
        self.nonces: set[str] = set()
        self.paths: list[str] = []

    @staticmethod
    def row(area: str, number: int) -> dict[str, Any]:
        at = NOW - timedelta(hours=5 * (14 - number))
        ext = json.dumps([{"key": "wg", "label": "网格", "value": f"W{number}"}], ensure_ascii=False)
        return {"eventNo": f"{area}-{number}", "typeStr": "占道", "addTime": f"{at:%Y-%m-%d %H:%M:%S}", "ext": ext}

    def application(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/ebus/{area}/events/query", self.query)
        app.router.add_post("/ebus/events/detail", self.detail)
        app.router.add_post("/ebus/orgs", self.orgs)
        return app

    async def asked(self, request: web.Request) -> Any:
        time, nonce = request.headers["x-tif-timestamp"], request.headers["x-tif-nonce"]
        made = hashlib.new("sm3", f"{time}s3cret{nonce}{time}".encode()).hexdigest().upper()
        assert abs(int(time) - datetime.now().timestamp()) < 60  # noqa: DTZ005  seconds since 1970 all the same
        if request.headers["x-tif-signature"] != made or nonce in self.nonces:
            raise web.HTTPForbidden(text='{"errcode": 4003, "errmsg": "签名校验失败"}')
        self.nonces.add(nonce)
        self.paths.append(request.path)
        return json.loads((await request.json())["data"])

    async def query(self, request: web.Request) -> web.Response:
        asked = await self.asked(request)
        self.questions.append(asked)
        rows = self.rows[request.match_info["area"]]
        return answered({"list": [r for r in rows if asked["startTime"] <= r["addTime"] <= asked["endTime"]][:5]})

    async def detail(self, request: web.Request) -> web.Response:
        number = (await self.asked(request))["eventNo"]
        if number == "420804-3":
            return web.json_response({"errcode": 4040, "errmsg": "事件不存在"})
        return answered(XML.format(number, int(number[-1]) % 3))

    async def orgs(self, request: web.Request) -> web.Response:
        assert await self.asked(request) == {}
        return answered({"orgs": [{"code": f"D{n}", "name": f"第{n}执法队"} for n in range(3)]})


def answered(data: Any) -> web.Response:
    text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
    return web.json_response({"errcode": 0, "errmsg": "ok", "data": text})
