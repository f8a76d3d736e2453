"""A help desk: a challenge at the door, the session in every body, a search for bare ids, tickets fetched by ids."""

import hashlib
from typing import Any

from aiohttp import web


class Desk:
    def __init__(self) -> None:
        self.sessions = 0
        self.left = 0
        self.searches: list[dict[str, Any]] = []
        self.fetched: list[list[str]] = []
        self.changed = {str(n): f"2026-03-0{n} 08:00:00" for n in range(1, 8)}

    def application(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/Session/Challenge", self.challenge)
        app.router.add_post("/Session", self.session)
        app.router.add_post("/TicketSearch", self.search)
        app.router.add_post("/TicketGet", self.get)
        return app

    async def challenge(self, _: web.Request) -> web.Response:
        return web.json_response({"Challenge": f"c{self.sessions}"})

    async def session(self, request: web.Request) -> web.Response:
        proof = hashlib.md5(f"p4sswordc{self.sessions}".encode()).hexdigest()
        if await request.json() != {"UserLogin": "hub", "Proof": proof}:
            return web.json_response({"Error": {"ErrorCode": "SessionCreate.AuthFail"}})
        self.sessions += 1
        self.left = 5
        return web.json_response({"SessionID": f"session-{self.sessions}"})

    def refused(self, body: dict[str, Any]) -> web.Response | None:
        self.left -= 1
        if self.left >= 0 and body["SessionID"] == f"session-{self.sessions}":
            return None
        return web.json_response({"Error": {"ErrorCode": "Ticket.AuthFail", "ErrorMessage": "session expired"}})

    async def search(self, request: web.Request) -> web.Response:
        body = await request.json()
        if refused := self.refused(body):
            return refused
        self.searches.append(body)
        since = body["Filter"].get("ChangedSince", "")
        return web.json_response({"TicketID": [number for number, at in self.changed.items() if at >= since]})

    async def get(self, request: web.Request) -> web.Response:
        body = await request.json()
        if refused := self.refused(body):
            return refused
        self.fetched.append(body["TicketID"])
        return web.json_response({"Ticket": [self.ticket(number) for number in body["TicketID"] if number != "4"]})

    def ticket(self, number: str) -> dict[str, Any]:
        return {
            "TicketID": int(number),
            "Title": f"咨询{number}",
            "State": "open" if number != "2" else "closed successful",
            "Created": "2026-03-01 00:00:00",
            "Changed": self.changed[number],
            "DynamicField": [{"Name": "Phone", "Value": "138 0000 0000"}, {"Name": "Area", "Value": "420802"}],
        }
