"""A case management of the cloud: an assertion for a token, OData with links, names by ids, attributes as rows."""

import re
from datetime import datetime
from typing import Any

from aiohttp import web
from joserfc import jwt
from joserfc.jwk import RSAKey

ORGS = {"a-1": "供水公司", "b-2": "城管局"}
SHOWN = "statuscode@OData.Community.Display.V1.FormattedValue"


class Cases:
    def __init__(self) -> None:
        self.key = RSAKey.generate_key(2048)
        self.tokens = 0
        self.questions: list[str] = []
        self.rows = [self.row(n, f"2026-03-0{n + 1}T00:00:00Z") for n in range(5)]

    @staticmethod
    def row(number: int, modified: str) -> dict[str, Any]:
        return {
            "incidentid": f"case-{number}",
            "title": f"停水{number}",
            "statuscode": number % 2,
            SHOWN: ("进行中", "已解决")[number % 2],
            "createdon": "2026-02-01T00:00:00Z",
            "modifiedon": modified,
            "_owner_value": ("a-1", "b-2", None)[number % 3],
            "attributes": [{"name": "楼栋", "value": f"{number}栋"}, {"name": "电话", "value": "13800000000"}],
        }

    def application(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/oauth2/token", self.token)
        app.router.add_get("/api/incidents", self.incidents)
        app.router.add_get("/api/incidents({id})/history", self.history)
        app.router.add_get("/api/accounts", self.accounts)
        return app

    async def token(self, request: web.Request) -> web.Response:
        form = await request.post()
        claims = jwt.decode(str(form["assertion"]), self.key, algorithms=["RS256"]).claims
        assert claims["iss"] == "hub-app"
        assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
        self.tokens += 1
        return web.json_response({"access_token": f"token-{self.tokens}", "expires_in": 3600})

    def check(self, request: web.Request) -> None:
        self.questions.append(request.path_qs)
        if request.headers.get("Authorization") != f"Bearer token-{self.tokens}":
            raise web.HTTPUnauthorized

    async def incidents(self, request: web.Request) -> web.Response:
        self.check(request)
        assert request.headers["Prefer"] == "odata.maxpagesize=2"
        found = re.fullmatch(r"modifiedon gt (\S+)", request.query["$filter"])
        assert found
        after = datetime.fromisoformat(found[1])
        rows = [row for row in self.rows if datetime.fromisoformat(row["modifiedon"]) > after]
        skip = int(request.query.get("$skip", 0))
        more = {"@odata.nextLink": str(request.url.update_query({"$skip": skip + 2}))} if skip + 2 < len(rows) else {}
        return web.json_response({"value": rows[skip : skip + 2], **more})

    async def history(self, request: web.Request) -> web.Response:
        self.check(request)
        skip = int(request.query.get("$skip", 0))
        more = {"@odata.nextLink": f"history?$skip={skip + 1}"} if skip < 1 else {}
        return web.json_response({"value": [{"text": f"{request.match_info['id']} 第{skip + 1}步"}], **more})

    async def accounts(self, request: web.Request) -> web.Response:
        self.check(request)
        found = re.fullmatch(r"accountid in \('(.*)'\)", request.query["$filter"])
        assert found
        return web.json_response({"value": [{"accountid": id_, "name": ORGS[id_]} for id_ in found[1].split("','")]})
