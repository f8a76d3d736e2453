"""12319 城管服务热线: Open311 as Toronto speaks it: XML only, no paging, 90 days an answer, the state in free text."""

from datetime import timedelta
from typing import ClassVar
from xml.etree import ElementTree as ET

from aiohttp import web

from replica.city import Desk, Flaw, Remit, Snapshot, Stage
from replica.systems.open311 import NOTES, asked_time, iso, services, status
from replica.writing import NO_SUCH_DAY, is_flawed

JURISDICTION = "cg.jingmen.example"

_LONGEST = timedelta(days=90)


class Hotline12319:
    remit: ClassVar = Remit(history=timedelta(days=170), every=timedelta(hours=14), codes=("01", "02", "03"))

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/open311/v2/services.xml", self.services),
            web.get("/open311/v2/requests.xml", self.requests),
            web.get("/open311/v2/requests/{id}.xml", self.request),
        ]

    async def services(self, _request: web.Request) -> web.Response:
        return _xml("services", "service", services("CG"))

    async def requests(self, request: web.Request) -> web.Response:
        """Answer with the requests filed in at most 90 days, the newest first."""
        if request.query.get("jurisdiction_id", JURISDICTION) != JURISDICTION:
            return _error(404, "jurisdiction_id provided was not found.")
        try:
            end = asked_time(request, "end_date", self._desk.now())
            start = asked_time(request, "start_date", end - _LONGEST)
        except ValueError as error:
            return _error(400, f"{error}")
        start = max(start, end - _LONGEST)
        found = [seen for seen in self._desk.snapshots() if start <= seen.case.created_at <= end]
        return _xml("service_requests", "request", [_row(seen) for seen in reversed(found)])

    async def request(self, request: web.Request) -> web.Response:
        found = [_row(seen) for seen in self._desk.snapshots()]
        rows = [row for row in found if row["service_request_id"] == request.match_info["id"]]
        if not rows:
            return _error(404, "service_request_id provided was not found.")
        return _xml("service_requests", "request", rows)


def _row(seen: Snapshot) -> dict[str, str]:
    case = seen.case
    return {
        "service_request_id": "" if is_flawed(seen, Flaw.NO_ID) else f"1010{case.number:08d}",
        "status": status(seen),
        "status_notes": "Voided - Entered in error." if is_flawed(seen, Flaw.UNKNOWN_STATUS) else NOTES[seen.stage],
        "service_name": case.scene.topic,
        "service_code": f"CG{case.scene.code}",
        "description": case.content if case.number % 3 else "",
        "agency_responsible": "荆门市城市管理执法委员会",
        "service_notice": "",
        "requested_datetime": NO_SUCH_DAY if is_flawed(seen, Flaw.NO_SUCH_DAY) else iso(case.created_at),
        # Only what is over ever gets a date here: a client has to notice other changes by comparing.
        "updated_datetime": iso(seen.updated_at) if seen.stage is Stage.CLOSED else "",
        "expected_datetime": iso(case.due_at),
        "address": case.place.address,
        "address_id": str(13_450_000 + case.number % 10_000),
        "zipcode": "",
        "long": f"{case.longitude:.9f}",
        "lat": f"{case.latitude:.9f}",
        "media_url": "",
    }


def _xml(root: str, row: str, rows: list[dict[str, str]], status_code: int = 200) -> web.Response:
    tree = ET.Element(root)
    for each in rows:
        element = ET.SubElement(tree, row)
        for name, value in each.items():
            ET.SubElement(element, name).text = value or None
    ET.indent(tree)
    body = ET.tostring(tree, encoding="UTF-8", xml_declaration=True)
    return web.Response(body=body, content_type="text/xml", charset="utf-8", status=status_code)


def _error(code: int, description: str) -> web.Response:
    return _xml("errors", "error", [{"code": str(code), "description": description}], code)
