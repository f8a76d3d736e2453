"""Portals of open data: CKAN, Socrata, GeoServer (WFS), repositories (OAI-PMH); and a search engine for tickets."""

from typing import Any

from aiohttp import web
from catalogue import Asked, serving

WHEN = [f"2026-03-0{n}T08:00:00" for n in range(1, 6)]

CKAN = """
version: 1
sources:
  ckan:
    title: 开放数据
    class: platform
    connector: rest
    timezone: Asia/Shanghai
    url: ${AT}/api/3/action/datastore_search
    query: {resource_id: 5c3b, sort: "modified asc, _id asc"}
    headers: {Authorization: "${KEY}"}
    records: result.records
    page: {by: offset, total: result.total, size: {send: limit, value: 2}}
    error: {path: success, ok: [true], message: error.message}
    map:
      external_id: _id
      title: subject
      status: {from: state, map: {open: RECEIVED, closed: CLOSED}, else: reject}
      created_at: modified
"""


class Ckan:
    def __call__(self, asked: Asked) -> Any:
        assert asked.headers["Authorization"] == "made-up"
        if asked.query["resource_id"] != "5c3b":
            return {"success": False, "error": {"message": "Not found", "__type": "Not Found Error"}}
        start, size = int(asked.query["offset"]), int(asked.query["limit"])
        rows = [{"_id": n + 1, "subject": f"路灯{n}", "state": "open", "modified": at} for n, at in enumerate(WHEN)]
        fields = [{"id": "_id", "type": "int"}, {"id": "subject", "type": "text"}]
        result = {"records": rows[start : start + size], "fields": fields, "total": len(rows), "limit": size}
        return {"help": "…", "success": True, "result": result}


async def test_ckan_is_read_to_its_total():
    async with serving(Ckan(), CKAN, KEY="made-up") as run:
        first = await run()
        offsets = [asked.query["offset"] for asked in run.asked]

    assert sorted(first.appeals) == ["1", "2", "3", "4", "5"]
    assert offsets == ["0", "2", "4"]


SOCRATA = """
version: 1
sources:
  socrata:
    title: 311 Service Requests
    class: platform
    connector: rest
    timezone: America/New_York
    url: ${AT}/resource/erm2-nwe9.json
    headers: {X-App-Token: "${KEY}"}
    query: {$where: "updated >= '{since:%Y-%m-%dT%H:%M:%S}'", $order: "updated, :id"}
    page: {by: offset, send: $offset, until: short, size: {send: $limit, value: 2}}
    since: {field: updated, format: "%Y-%m-%dT%H:%M:%S.%f", start: 2024-01-01}
    map:
      external_id: unique_key
      title: complaint_type
      status: {from: status, map: {Open: RECEIVED, Closed: CLOSED}, else: reject}
      created_at: created_date
      updated_at: updated
      location.point: {from: [location.longitude, location.latitude], crs: wgs84}
"""


class Socrata:
    def __init__(self) -> None:
        self.updated = {str(n): f"{at}.000" for n, at in enumerate(WHEN)}

    def __call__(self, asked: Asked) -> Any:
        since = asked.query["$where"].partition("'")[2].rstrip("'")
        rows = [self.row(key, at) for key, at in sorted(self.updated.items(), key=lambda each: each[1]) if at >= since]
        start, size = int(asked.query["$offset"]), int(asked.query["$limit"])
        return rows[start : start + size]

    @staticmethod
    def row(key: str, updated: str) -> dict[str, Any]:
        place = {"latitude": "40.71", "longitude": "-74.00", "human_address": '{"address": ""}'}
        row = {"unique_key": key, "complaint_type": "Noise", "status": "Open", "created_date": f"{WHEN[0]}.000"}
        return row | {"updated": updated, "location": place}


async def test_socrata_is_pulled_twice():
    system = Socrata()
    async with serving(system, SOCRATA, KEY="made-up") as run:
        first = await run()
        system.updated["1"] = "2026-03-09T08:00:00.000"
        second = await run()

    assert sorted(first.appeals) == ["0", "1", "2", "3", "4"]
    assert first.appeals["0"].location_point == (-74.0, 40.71)
    assert sorted(second.appeals) == ["1", "4"]


WFS = """
version: 1
sources:
  wfs:
    title: 管线隐患
    class: platform
    connector: rest
    url: ${AT}/geoserver/city/ows
    query:
      service: WFS
      version: 2.0.0
      request: GetFeature
      typeNames: city:defect
      outputFormat: application/json
      srsName: EPSG:4326
      sortBy: changed
      cql_filter: changed >= '{since}'
    records: features
    page: {by: offset, send: startIndex, total: numberMatched, size: {send: count, value: 2}}
    since: {field: properties.changed, start: 2024-01-01}
    map:
      external_id: id
      title: properties.kind
      status: {from: properties.state, map: {open: RECEIVED, closed: CLOSED}, else: reject}
      created_at: properties.changed
      location.point: {from: [geometry.coordinates.0, geometry.coordinates.1], crs: wgs84}
"""


class GeoServer:
    def __call__(self, asked: Asked) -> Any:
        since = asked.query["cql_filter"].partition("'")[2].rstrip("'")
        found = [self.feature(n, f"{at}Z") for n, at in enumerate(WHEN) if f"{at}Z" >= since]
        start, count = int(asked.query["startIndex"]), int(asked.query["count"])
        page = found[start : start + count]
        counts = {"totalFeatures": len(found), "numberMatched": len(found), "numberReturned": len(page)}
        return {"type": "FeatureCollection", "features": page, **counts, "timeStamp": "2026-03-10T00:00:00Z"}

    @staticmethod
    def feature(number: int, changed: str) -> dict[str, Any]:
        geometry = {"type": "Point", "coordinates": [112.2, 31.0]}
        properties = {"kind": "井盖缺失", "state": "open", "changed": changed}
        return {"type": "Feature", "id": f"defect.{number}", "geometry": geometry, "properties": properties}


async def test_features_of_a_wfs_are_pulled_twice_with_their_points():
    async with serving(GeoServer(), WFS) as run:
        first = await run()
        second = await run()

    assert sorted(first.appeals) == [f"defect.{n}" for n in range(5)]
    assert first.appeals["defect.0"].location_point == (112.2, 31.0)
    assert sorted(second.appeals) == ["defect.4"]


OAI = """
version: 1
sources:
  oai:
    title: 档案
    class: platform
    connector: rest
    url: ${AT}/oai
    query: {verb: ListRecords, metadataPrefix: oai_dc}
    records: OAI-PMH.ListRecords.record
    page:
      by: cursor
      next: '"OAI-PMH".ListRecords.resumptionToken."#text" || "OAI-PMH".ListRecords.resumptionToken'
      send: resumptionToken
      without: [metadataPrefix, from]   # a token stands alone, or it is a badArgument
    since: {field: header.datestamp, send: from, start: 2024-01-01, overlap: 1s}
    error: {path: '"OAI-PMH".error."@code"', ok: [null], absent: [noRecordsMatch], message: '"OAI-PMH".error."#text"'}
    map:
      external_id: header.identifier
      title: metadata.dc.title
      status: {from: 'header."@status"', map: {deleted: WITHDRAWN}, default: RECEIVED, else: reject}
      created_at: header.datestamp
"""


class Repository:
    def __call__(self, asked: Asked) -> Any:
        token = asked.query.get("resumptionToken")
        if token and set(asked.query) != {"verb", "resumptionToken"}:
            return self.answer('<error code="badArgument">resumptionToken is exclusive</error>')
        start, since = (token or f"0,{asked.query.get('from')}").split(",")
        found = [n for n, at in enumerate(WHEN) if f"{at}Z" >= since]
        if not found:
            return self.answer('<error code="noRecordsMatch">nothing</error>')
        page = found[int(start) : int(start) + 2]
        more = f"{int(start) + 2},{since}" if int(start) + 2 < len(found) else ""
        rest = f'<resumptionToken completeListSize="{len(found)}" cursor="{start}">{more}</resumptionToken>'
        return self.answer(f"<ListRecords>{''.join(map(self.record, page))}{rest}</ListRecords>")

    @staticmethod
    def record(number: int) -> str:
        head = f"<identifier>oai:x:{number}</identifier><datestamp>{WHEN[number]}Z</datestamp>"
        title = f'<d:dc xmlns:d="urn:dc"><d:title>卷宗{number}</d:title></d:dc>'
        return f"<record><header>{head}</header><metadata>{title}</metadata></record>"

    @staticmethod
    def answer(content: str) -> web.Response:
        space = "http://www.openarchives.org/OAI/2.0/"
        text = f'<?xml version="1.0"?><OAI-PMH xmlns="{space}"><responseDate>x</responseDate>{content}</OAI-PMH>'
        return web.Response(text=text, content_type="text/xml")


async def test_a_repository_is_harvested_by_tokens_that_stand_alone():
    async with serving(Repository(), OAI) as run:
        first = await run()
        second = await run()

    assert sorted(first.appeals) == [f"oai:x:{n}" for n in range(5)]
    assert sorted(second.appeals) == ["oai:x:4"]


async def test_a_repository_that_has_nothing_new_has_an_empty_list():
    async with serving(Repository(), OAI.replace("2024-01-01", "2026-12-01")) as run:
        assert (await run()).tickets == []


ELASTIC = """
version: 1
sources:
  elastic:
    title: 工单检索
    class: platform
    connector: rest
    url: ${AT}/tickets/_search
    method: POST
    headers: {Authorization: "ApiKey ${KEY}"}
    body:
      size: 2
      query: {range: {changed: {gte: "{since}"}}}
      sort: [{changed: asc}, {number: asc}]
    records: hits.hits
    page: {by: cursor, next: "hits.hits[-1].sort", send: search_after, until: short, size: {value: 2}}
    since: {field: _source.changed, start: 2024-01-01}
    map:
      external_id: _id
      title: _source.title
      status: {from: _source.state, map: {open: RECEIVED, closed: CLOSED}, else: reject}
      created_at: _source.changed
"""


class Elastic:
    def __call__(self, asked: Asked) -> Any:
        question = asked.json()
        since, after = question["query"]["range"]["changed"]["gte"], question.get("search_after")
        assert after is None or isinstance(after, list)
        hits = [self.hit(n, f"{at}Z") for n, at in enumerate(WHEN) if f"{at}Z" >= since]
        page = [hit for hit in hits if after is None or hit["sort"] > after][: question["size"]]
        return {"took": 1, "timed_out": False, "hits": {"total": {"value": len(hits)}, "hits": page}}

    @staticmethod
    def hit(number: int, changed: str) -> dict[str, Any]:
        source = {"title": f"停水{number}", "state": "open", "changed": changed, "number": number}
        return {"_index": "tickets", "_id": f"t{number}", "_source": source, "sort": [changed, number]}


async def test_a_search_engine_goes_on_after_the_sort_values_of_the_last_hit():
    async with serving(Elastic(), ELASTIC, KEY="made-up") as run:
        first = await run()
        places = [asked.json().get("search_after") for asked in run.asked]

    assert sorted(first.appeals) == [f"t{n}" for n in range(5)]
    assert places == [None, ["2026-03-02T08:00:00Z", 1], ["2026-03-04T08:00:00Z", 3]]


async def test_a_run_that_is_cut_goes_on_after_those_values():
    async with serving(Elastic(), ELASTIC, KEY="made-up") as run:
        stream = run.source.connector.pull(None)
        page = await anext(stream)
        await stream.aclose()
        run.cursor = page.cursor

        assert sorted((await run()).appeals) == ["t2", "t3", "t4"]
