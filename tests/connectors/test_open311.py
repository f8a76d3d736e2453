"""GeoReport v2 as servers really speak it."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from aiohttp import web
from pulling import QUICK, build, ids, pages, stored, tickets
from pydantic import ValidationError
from upstream import in_turn, json, raw, serving

from hub.connectors.base import Connector
from hub.connectors.open311 import Open311
from hub.errors import SourceRefused
from hub.model import Status
from hub.normalize import compile_mapping, normalize

NOW = datetime.now(UTC)
ID = "service_request_id"

XML = """<?xml version="1.0" encoding="utf-8"?>
<service_requests>
  <request>
    <service_request_id>7001</service_request_id><status>closed</status><status_notes>重复件</status_notes>
    <service_name>道路坑洼</service_name><service_code>001</service_code><description/>
    <agency_responsible>市城管委</agency_responsible>
    <requested_datetime>2026-07-30T00:01:00+08:00</requested_datetime><updated_datetime/>
    <expected_datetime>2026-08-03T00:01:00+08:00</expected_datetime>
    <address>象山大道 1 号</address><lat>31.0354</lat><long>112.1993</long>
    <media_url>http://city.example/7001.jpg </media_url>
  </request>
  <request><token>12345</token></request>
</service_requests>"""


def open311(url: str, **options: Any) -> Connector:
    return build("open311", {**QUICK, "url": url, "start": (NOW - timedelta(days=10)).isoformat(), **options})


async def test_xml_rows_come_as_they_are_and_a_row_with_a_token_only_is_kept():
    async with serving(lambda _: raw(XML, "text/xml")) as upstream:
        found = await tickets(open311(f"{upstream.url}/v2/", format="xml", jurisdiction="jingmen.example"))

    assert [row.get(ID) for row in found] == [None, "7001"]
    assert found[0] == {"token": "12345"}
    assert found[1]["description"] is None
    assert upstream.asked[0].path == "/v2/requests.xml"
    assert upstream.queries()[0]["jurisdiction_id"] == "jingmen.example"


async def test_one_request_alone_is_a_list_of_one():
    one = "<service_requests><request><service_request_id>1</service_request_id></request></service_requests>"

    async with serving(lambda _: raw(one, "text/xml")) as upstream:
        assert ids(await tickets(open311(upstream.url, format="xml")), ID) == ["1"]


async def test_the_default_mapping_reads_a_request_as_an_appeal():
    async with serving(lambda _: raw(XML, "text/xml")) as upstream:
        row = (await tickets(open311(upstream.url, format="xml")))[1]
    mapping = compile_mapping("o", Open311.default_map, maps={}, timezone=ZoneInfo("Asia/Shanghai"), nulls=[])

    appeal = normalize(row, mapping)

    assert (appeal.external_id, appeal.title, appeal.status, appeal.status_note) == (
        "7001",
        "道路坑洼",
        Status.CLOSED,
        "重复件",
    )
    assert appeal.updated_at == appeal.created_at == datetime(2026, 7, 29, 16, 1, tzinfo=UTC)
    assert appeal.location_point == (112.1993, 31.0354)
    assert appeal.attachments == ["http://city.example/7001.jpg"]
    assert appeal.lead_org == "市城管委"


INVALID = '[{"service_request_id": 638344, "service_code": 006}]'


@pytest.mark.parametrize(
    "refusal",
    [
        lambda: raw(INVALID),
        lambda: raw("<h1>Not Found</h1>", "text/html", 404),
        lambda: raw("", "text/plain", 406),
        lambda: raw("<html>oops</html>", "text/html"),
    ],
)
async def test_a_server_without_sound_json_is_asked_for_xml_and_then_only_for_xml(refusal: Any):
    def answer(request: web.Request) -> web.Response:
        return raw(XML, "text/xml") if request.path.endswith(".xml") else refusal()

    async with serving(answer) as upstream:
        found = await tickets(open311(upstream.url, window="4d"))

    assert "7001" in {row.get(ID) for row in found}
    assert [request.path[-4:] for request in upstream.asked].count("json") == 1


async def test_json_that_is_invalid_in_both_formats_is_told_in_plain_words():
    async with serving(lambda _: raw(INVALID)) as upstream:
        with pytest.raises(SourceRefused, match="leading zero"):
            await tickets(open311(upstream.url))


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        ("<errors><error><code>403</code><description>Invalid api_key</description></error></errors>", "text/xml", 403),
        ("<errors><error><code>403</code><description>Invalid api_key</description></error></errors>", "text/xml", 200),
        ('[{"code": 403, "description": "Invalid api_key"}]', "application/json", 200),
        ('[{"code": 403, "description": "Invalid api_key"}]', "application/json", 403),
        ('{"errors": [{"code": 403, "description": "Invalid api_key"}]}', "application/json", 200),
    ],
)
async def test_an_error_body_is_told_whatever_its_status(body: str, kind: str, status: int):
    async with serving(lambda _: raw(body, kind, status)) as upstream:
        with pytest.raises(SourceRefused, match=r"403.*Invalid api_key"):
            await tickets(open311(upstream.url))


@pytest.mark.parametrize("body", ['"text"', "5", "[1, 2]", '{"a": "b"}'])
async def test_what_is_no_list_of_requests_is_refused(body: str):
    async with serving(lambda _: raw(body)) as upstream:
        with pytest.raises(SourceRefused, match="not a list of service requests"):
            await tickets(open311(upstream.url))


def hourly(request: web.Request) -> web.Response:
    """A request an hour for almost ten days; no answer holds more than twenty."""
    start, end = (datetime.fromisoformat(request.query[name]) for name in ("start_date", "end_date"))
    rows = [NOW - timedelta(hours=hour, minutes=1) for hour in range(239)]
    inside = [{ID: at.isoformat(), "requested_datetime": at.isoformat()} for at in rows if start <= at <= end]
    return json(inside[:20])


async def test_a_window_that_comes_back_full_is_asked_for_in_halves_until_nothing_is_left_out():
    async with serving(hourly) as upstream:
        found = await tickets(open311(upstream.url, row_limit=20))

    assert len(set(ids(found, ID))) == 239
    assert ids(found, ID) == sorted(ids(found, ID))


async def test_a_server_that_ignores_the_dates_and_cuts_its_list_is_refused():
    rows = [{ID: n, "requested_datetime": "2019-01-01T00:00:00Z"} for n in range(20)]

    async with serving(lambda _: json(rows)) as upstream:
        with pytest.raises(SourceRefused, match="start_date"):
            await tickets(open311(upstream.url, row_limit=20))


async def test_every_run_reads_the_last_days_again_because_a_change_does_not_move_a_request():
    async with serving(in_turn([])) as upstream:
        source = open311(upstream.url, start=(NOW - timedelta(days=400)).isoformat(), rescan="60d")
        first = await pages(source)
        upstream.asked.clear()

        await pages(source, stored(first[-1].cursor))

    again = datetime.fromisoformat(upstream.queries()[0]["start_date"])
    assert len(first) == 5
    assert abs(NOW - timedelta(days=60) - again) < timedelta(hours=1)


async def test_windows_are_never_longer_than_ninety_days():
    async with serving(in_turn([])) as upstream:
        await tickets(open311(upstream.url, start="2024-01-01"))

    for query in upstream.queries():
        start, end = datetime.fromisoformat(query["start_date"]), datetime.fromisoformat(query["end_date"])
        assert end - start <= timedelta(days=90)


async def test_an_extension_for_changes_replaces_reading_again():
    async with serving(in_turn([])) as upstream:
        source = open311(upstream.url, updated_after="updated_after", overlap="1h")
        first = await pages(source)
        upstream.asked.clear()

        await pages(source, stored(first[-1].cursor))

    (asked,) = upstream.queries()
    assert set(asked) == {"updated_after"}
    assert datetime.fromisoformat(asked["updated_after"]) < NOW


async def test_a_server_with_pages_is_paged_to_the_end_of_each_window():
    def paged(request: web.Request) -> web.Response:
        page = int(request.query["page"])
        return json([{ID: f"{request.query['start_date']}-{page}"}] if page < 3 else [])

    async with serving(paged) as upstream:
        source = open311(upstream.url, window="6d", page={"size": {"send": "page_size", "value": 1}})
        found = await tickets(source)

    assert len(set(ids(found, ID))) == 4
    assert upstream.queries()[0]["page_size"] == "1"


async def test_a_server_that_ignores_pages_does_not_go_round_for_ever():
    async with serving(lambda _: json([{ID: 1}])) as upstream:
        await tickets(open311(upstream.url, page={}))

    assert len(upstream.asked) == 2


async def test_the_page_limit_holds():
    async with serving(lambda r: json([{ID: r.query["page"]}])) as upstream:
        with pytest.raises(SourceRefused, match="max_pages"):
            await tickets(open311(upstream.url, page={}, limits={"rate": "10000/s", "max_pages": 3}))


def test_a_window_beyond_the_standard_is_named():
    with pytest.raises(ValidationError, match="90d"):
        open311("https://host.example", window="91d")
