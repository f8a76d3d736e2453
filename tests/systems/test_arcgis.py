"""ArcGIS FeatureServer: attributes beside a geometry in Web Mercator, milliseconds, errors inside a 200."""

import re
from datetime import UTC, datetime
from typing import Any

from catalogue import Asked, serving

ENTRY = """
version: 1
sources:
  arcgis:
    title: 数字城管
    class: platform
    connector: rest
    timezone: UTC                       # TIMESTAMP '…' is in UTC
    url: ${AT}/arcgis/rest/services/Reports/FeatureServer/0/query
    method: POST
    body_type: form
    body:
      f: json
      where: EditDate >= TIMESTAMP '{since:%Y-%m-%d %H:%M:%S}'
      outFields: "*"
      orderByFields: EditDate, OBJECTID
    auth:
      login:
        url: ${AT}/portal/sharing/rest/generateToken
        type: form
        send: {username: hub, password: "${PASSWORD}", client: referer, referer: "${AT}", f: json}
        token: token
        as: {body: token}
        ttl: 50m                        # its `expires` is a moment in milliseconds, not a length
    records: features
    page: {by: offset, send: resultOffset, more: exceededTransferLimit, size: {send: resultRecordCount, value: 2}}
    since: {field: attributes.EditDate, format: epoch_ms, start: 2024-01-01}
    error: {path: error.code, ok: [null], message: error.message, expired: [498, 499]}
    map:
      external_id: attributes.GlobalID
      appeal_no: attributes.OBJECTID
      title: attributes.PROBTYPE
      content: attributes.DETAILS
      status: {from: attributes.STATUS, map: {Submitted: RECEIVED, Assigned: DISPATCHED, Closed: CLOSED}, else: reject}
      created_at: {from: attributes.CreationDate, date: epoch_ms}
      updated_at: {from: attributes.EditDate, date: epoch_ms}
      location.point: {from: [geometry.x, geometry.y], nulls: [NaN], crs: "epsg:3857"}
"""


def milliseconds(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


class ArcGis:
    def __init__(self) -> None:
        self.tokens = 0
        self.edited = {n: (f"2026-03-0{n} 00:00:00", "Submitted") for n in (1, 2, 3)}

    def __call__(self, asked: Asked) -> Any:
        form = dict(part.split("=", 1) for part in asked.body.decode().split("&"))
        if asked.path.endswith("/generateToken"):
            self.tokens += 1
            return {"token": f"t{self.tokens}", "expires": milliseconds("2026-12-01 00:00:00"), "ssl": True}
        if form.get("token") != f"t{self.tokens}":
            return {"error": {"code": 498, "message": "Invalid Token", "details": []}}
        where = form["where"].replace("+", " ").replace("%3A", ":").replace("%27", "'").replace("%3E%3D", ">=")
        found = re.fullmatch(r"EditDate >= TIMESTAMP '(\S+ \S+)'", where)
        assert found
        rows = [self.feature(n) for n, (at, _) in sorted(self.edited.items()) if at >= found[1]]
        start, size = int(form["resultOffset"]), int(form["resultRecordCount"])
        whole = {"objectIdFieldName": "OBJECTID", "spatialReference": {"wkid": 102100, "latestWkid": 3857}}
        more = {"exceededTransferLimit": True} if start + size < len(rows) else {}
        return {**whole, "features": rows[start : start + size], **more}

    def feature(self, number: int) -> dict[str, Any]:
        at, status = self.edited[number]
        return {
            "attributes": {
                "OBJECTID": number,
                "GlobalID": f"{{6C4A-{number}}}",
                "PROBTYPE": "井盖缺失",
                "DETAILS": None,
                "STATUS": status,
                "CreationDate": milliseconds("2026-03-01 00:00:00"),
                "EditDate": milliseconds(at),
            },
            "geometry": {"x": 12490047.0, "y": 3635590.0} if number != 3 else {"x": "NaN", "y": "NaN"},
        }


async def test_arcgis_is_pulled_twice():
    system = ArcGis()
    async with serving(system, ENTRY, PASSWORD="made-up") as run:
        first = await run()
        system.edited[2] = ("2026-03-05 00:00:00", "Closed")
        second = await run()

    assert not first.rejected
    assert [appeal.appeal_no for appeal in first.appeals.values()] == ["1", "2", "3"]
    assert [appeal.status for appeal in second.appeals.values()] == ["CLOSED", "RECEIVED"]


async def test_a_point_in_web_mercator_comes_out_in_degrees():
    async with serving(ArcGis(), ENTRY, PASSWORD="made-up") as run:
        appeals = (await run()).appeals

    longitude, latitude = appeals["{6C4A-1}"].location_point
    assert (round(longitude, 3), round(latitude, 3)) == (112.2, 31.022)
    assert appeals["{6C4A-3}"].location_point is None


async def test_a_token_that_has_expired_inside_a_200_is_asked_for_anew():
    system = ArcGis()
    async with serving(system, ENTRY, PASSWORD="made-up") as run:
        await run()
        system.tokens = 7
        await run()

    assert system.tokens == 8
