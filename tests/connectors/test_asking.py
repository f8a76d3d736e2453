"""What a question looks like: named places in its URL, query, headers and body, and how a body is written."""

from datetime import UTC, datetime, timedelta
from email.message import Message
from email.parser import BytesParser
from typing import Any

import pytest
from aiohttp import web
from pulling import build, ids, pages, rest, stored, tickets
from pydantic import ValidationError
from upstream import Upstream, in_turn, json, raw, serving

from hub.connectors.placeholders import LEFT_OUT, UNKNOWN, filled, filled_url, names_in, needed_in, rendered
from hub.errors import SourceRefused

VALUES = {"page": 3, "code": "420802", "since": "2026-01-01 08:00:00", "ids": [1, 2], "none": None}


@pytest.mark.parametrize(
    ("shape", "made"),
    [
        ("{page}", 3),
        ("p{page}", "p3"),
        ("{ids}", [1, 2]),
        ("in ({ids})", "in (1,2)"),
        ("{none}", LEFT_OUT),
        ("a {none}", LEFT_OUT),
        ({"p": "{page}", "n": "{none}", "null": None, "deep": [{"c": "{code}"}, "{none}", 7, True]},
         {"p": 3, "null": None, "deep": [{"c": "420802"}, 7, True]}),
        ("{{page}} {page}", "{page} 3"),
        ('{"page":{page},"x":{}}', '{"page":3,"x":{}}'),
        ("query { title } {other}", "query { title } {other}"),
        ("{{page}}", "{page}"),
    ],
)  # fmt: skip
def test_places_are_filled_and_everything_else_stays(shape: Any, made: Any):
    assert filled(shape, lambda name: VALUES.get(name, UNKNOWN)) == made


@pytest.mark.parametrize(
    ("template", "values", "made"),
    [
        ("/t/{id}", {"id": "a/b c"}, "/t/a%2Fb%20c"),
        ("/t/{id}", {"id": "诉"}, "/t/%E8%AF%89"),
        ("/t/{id}?x={y}", {"id": 1, "y": "&z=1"}, "/t/1?x=%26z%3D1"),
        ("/t/{ids}", {"ids": [1, "2/"]}, "/t/1%2C2%2F"),
        ("/t/{id}", {"id": ".."}, None),
        ("/t/{id}", {"id": " "}, None),
        ("/t/{id}", {"id": None}, None),
        ("/t/{id}", {"id": {"x": 1}}, None),
    ],
)
def test_a_value_stays_in_its_place_in_a_url(template: str, values: dict[str, Any], made: str | None):
    assert filled_url(template, values.__getitem__) == made


def test_what_is_hashed_is_filled_as_bytes():
    assert rendered("{a}诉{b}{none}", {"a": b"\xff", "b": 7, "none": None}.__getitem__, "gbk") == b"\xff\xcb\xdf7"


def test_names_are_found_and_those_that_a_text_cannot_do_without():
    shape = {"a": "{page}", "b": ["x > {since}", "{{kept}}"], "c": 7}

    assert set(names_in(shape)) == {"page", "since"}
    assert set(needed_in(shape)) == {"since"}


def numbered(request: web.Request) -> web.Response:
    page = int(request.path.rpartition("/")[2])
    return json([{"id": page}] if page < 3 else [])


async def test_a_page_number_can_be_part_of_the_path():
    async with serving(numbered) as upstream:
        found = await tickets(rest(f"{upstream.url}/t/{{page}}", page={"by": "page", "first": 0}))

    assert ids(found) == [0, 1, 2]
    assert [request.path_qs for request in upstream.asked] == ["/t/0", "/t/1", "/t/2", "/t/3"]


async def cursor_of(at: datetime, **options: Any) -> Any:
    """The cursor after a run whose newest ticket is of that time."""
    async with serving(in_turn([{"updated": at.isoformat()}])) as upstream:
        return stored((await pages(rest(upstream.url, since={"field": "updated", "send": "x", **options})))[-1].cursor)


async def test_times_can_stand_in_the_path_in_the_query_and_in_headers():
    cursor = await cursor_of(datetime(2026, 3, 1, 0, 30, tzinfo=UTC), overlap="30m")
    async with serving(lambda _: json([])) as upstream:
        source = rest(
            f"{upstream.url}/changes/{{since}}",
            query={"filter": "modifiedon gt {since}", "until": "{until}"},
            headers={"X-Since": "{since}"},
            since={"field": "updated", "overlap": "30m", "start": "2024-01-01"},
        )
        await tickets(source, cursor)

    (asked,) = upstream.asked
    assert asked.path == "/changes/2026-03-01T00:00:00Z"
    assert asked.query["filter"] == "modifiedon gt 2026-03-01T00:00:00Z"
    assert asked.headers["X-Since"] == "2026-03-01T00:00:00Z"
    assert abs(datetime.fromisoformat(asked.query["until"]) - datetime.now(UTC)) < timedelta(minutes=1)


async def test_a_parameter_without_a_value_is_left_out_until_there_is_one():
    async with serving(in_turn([{"updated": "2026-03-01T00:00:00Z"}])) as upstream:
        source = rest(upstream.url, query={"after": "{since}", "all": True}, since={"field": "updated"})
        first = await pages(source)
        await tickets(source, stored(first[-1].cursor))

    assert upstream.queries() == [{"all": "true"}, {"after": "2026-02-28T23:55:00Z", "all": "true"}]


@pytest.mark.parametrize("written", ["epoch_s", "epoch_ms"])
async def test_numbers_stay_numbers_in_a_json_body(written: str):
    cursor = await cursor_of(datetime(2026, 3, 1, tzinfo=UTC), overlap="0s")
    async with serving(lambda _: json([])) as upstream:
        body = {"page": {"no": "{page}", "size": 20}, "from": "{since}", "where": "t > {since}"}
        since = {"field": "updated", "format": written, "overlap": "0s", "start": "2024-01-01"}
        await tickets(rest(upstream.url, method="POST", body=body, page={"by": "page"}, since=since), cursor)

    at = {"epoch_s": "1772323200", "epoch_ms": "1772323200000"}[written]
    assert upstream.bodies == [f'{{"page":{{"no":1,"size":20}},"from":{at},"where":"t > {at}"}}'.encode()]


async def test_parameters_of_paging_and_time_lead_into_objects_of_a_json_body():
    cursor = await cursor_of(datetime(2026, 3, 1, tzinfo=UTC), overlap="0s")
    async with serving(lambda _: json([])) as upstream:
        source = rest(
            upstream.url,
            method="POST",
            body={"filter": {"state": "open"}},
            page={"by": "page", "send": "paging.no", "size": {"send": "paging.size", "value": 5}},
            since={"field": "updated", "send": "filter.updated.from", "overlap": "0s"},
        )
        await tickets(source, cursor)

    assert upstream.bodies == [
        b'{"filter":{"state":"open","updated":{"from":"2026-03-01T00:00:00Z"}},"paging":{"no":"1","size":"5"}}'
    ]


async def test_a_field_of_the_body_can_be_json_in_a_text():
    async with serving(in_turn({"rows": [{"tid": 30}, {"tid": 20}]}, {"rows": [{"tid": 10}]})) as upstream:
        source = rest(
            upstream.url,
            method="POST",
            body={"appCode": "x", "param": {"fid": '57"1', "lastItem": "{page}", "rows": 2}},
            as_text=["param"],
            records="rows",
            page={"by": "last", "from": "tid", "first": 0, "size": {"value": 2}, "until": "short"},
        )
        found = await tickets(source)

    assert ids(found, "tid") == [30, 20, 10]
    assert upstream.bodies == [
        rb'{"appCode":"x","param":"{\"fid\":\"57\\\"1\",\"lastItem\":0,\"rows\":2}"}',
        rb'{"appCode":"x","param":"{\"fid\":\"57\\\"1\",\"lastItem\":20,\"rows\":2}"}',
    ]


def parts_of(upstream: Upstream) -> list[tuple[Any, Any]]:
    head = f"Content-Type: {upstream.asked[0].headers['Content-Type']}\r\n\r\n".encode()
    message: Message = BytesParser().parsebytes(head + upstream.bodies[0])
    return [
        (part.get_param("name", header="content-disposition"), part.get_payload(decode=True))
        for part in message.get_payload()
    ]  # type: ignore[union-attr]  # multipart, so a list


async def test_a_form_can_be_sent_in_parts_and_hold_json():
    async with serving(lambda _: json([])) as upstream:
        body = {"q": "路灯\r\n", "filter": {"a": [1]}, "empty": None, "page": "{page}"}
        await tickets(rest(upstream.url, method="POST", body=body, body_type="multipart", page={"by": "page"}))

    assert parts_of(upstream) == [
        ("q", "路灯\r\n".encode()), ("filter", b'{"a":[1]}'), ("empty", b""), ("page", b"1")
    ]  # fmt: skip


async def test_a_body_can_be_xml_in_which_every_value_stays_a_value():
    cursor = await cursor_of(datetime(2026, 3, 1, tzinfo=UTC), overlap="0s")
    async with serving(lambda _: raw("<rows/>", "text/xml")) as upstream:
        since = {"field": "updated", "overlap": "0s", "format": "<%Y&%m", "start": "2024-01-01"}
        options = {"body": '<q name="路灯" from="{since}"/>', "body_type": "xml", "send_encoding": "gb2312"}
        await tickets(rest(upstream.url, method="POST", records="rows.row", since=since, **options), cursor)

    assert upstream.asked[0].headers["Content-Type"] == "text/xml; charset=gb18030"
    assert upstream.bodies == ['<q name="路灯" from="&lt;2026&amp;03"/>'.encode("gbk")]


async def test_a_time_can_stand_in_several_formats_and_lead_through_folders():
    cursor = await cursor_of(datetime(2026, 3, 1, 0, 30, tzinfo=UTC), overlap="0s")
    async with serving(lambda _: json([])) as upstream:
        source = rest(
            f"{upstream.url}/export/{{since:%Y/%m/%d}}/list",
            method="POST",
            query={"hour": "{since:%H%M%S}"},
            body={"ms": "{since:epoch_ms}", "to": "{until:epoch_s}"},
            since={"field": "updated", "overlap": "0s", "start": "2024-01-01"},
        )
        await tickets(source, cursor)

    assert upstream.asked[0].path_qs == "/export/2026/03/01/list?hour=083000"
    assert upstream.bodies[0].startswith(b'{"ms":1772325000000,"to":1')


async def test_a_list_of_values_is_sent_as_several_parameters():
    async with serving(lambda _: json([])) as upstream:
        await tickets(rest(f"{upstream.url}/t?x=1", query={"state[]": ["open", "重办"], "n": [1, True]}))
        await tickets(rest(upstream.url, method="POST", body={"id": [1, 2], "rows": [{"a": 1}]}, body_type="form"))
        gbk = {"query": {"q": ["诉", "求"]}, "send_encoding": "gbk"}
        await tickets(rest(upstream.url, **gbk))

    assert upstream.asked[0].path_qs == "/t?x=1&state%5B%5D=open&state%5B%5D=%E9%87%8D%E5%8A%9E&n=1&n=true"
    assert upstream.bodies[1] == b"id=1&id=2&rows=%5B%7B%22a%22%3A1%7D%5D"
    assert upstream.asked[2].raw_path == "/?q=%CB%DF&q=%C7%F3"


async def test_a_query_can_be_sent_in_gbk():
    async with serving(lambda _: json([])) as upstream:
        await tickets(rest(f"{upstream.url}/t?a=1", query={"q": "诉求&"}, send_encoding="gbk"))

    assert upstream.asked[0].raw_path == "/t?a=1&q=%CB%DF%C7%F3%26"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"query": {"q": "{sinse}"}}, r"`query`: no value is called {sinse}; did you mean {since}\?"),
        ({"query": {"q": "x > {since}"}}, "need `since`"),
        ({"query": {"q": "x > {since}"}, "since": {"field": "u"}}, "needs `since.start`"),
        ({"url": "https://h.example/{page}", "page": {"by": "cursor", "next": "n"}}, "needs `page.first`"),
        ({"query": {"p": "{page}"}, "page": {"by": "link"}}, "means nothing"),
        ({"query": {"p": "{page}"}}, "means nothing"),
        ({"method": "POST", "body": "<x/>"}, "body_type: xml"),
        ({"method": "POST", "body": {"a": 1}, "body_type": "xml"}, "need a text"),
        ({"since": {"send": None, "start": "2024-01-01"}}, "until: seen"),
        ({"page": {"by": "page", "until": "seen"}, "since": {"start": "2024-01-01"}}, r"since\.field"),
        ({"send_encoding": "gbk2"}, "no encoding is called"),
    ],
)  # fmt: skip
def test_questions_that_cannot_work_are_named(wrong: dict[str, Any], said: str):
    with pytest.raises(ValidationError, match=said):
        build("rest", {"url": "https://host.example/", **wrong})


async def test_an_empty_value_in_a_url_is_refused_rather_than_asked():
    async with serving(lambda _: json([])) as upstream:
        with pytest.raises(SourceRefused, match="a value that its URL"):
            await tickets(rest(f"{upstream.url}/{{code}}", for_each={"code": [""]}))
