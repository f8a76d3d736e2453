"""Every way of paging, walked to its end against a real server."""

import base64
from contextlib import aclosing
from typing import Any

import pytest
from aiohttp import web
from pulling import broken_off, ids, pages, rest, stored, tickets
from upstream import Upstream, in_turn, json, serving

from hub.errors import SourceRefused
from hub.model import Cursor, Ticket

ALL = [{"id": number} for number in range(7)]


def numbered(request: web.Request) -> web.Response:
    page, size = int(request.query["page"]), int(request.query.get("size", 3))
    return json({"list": ALL[(page - 1) * size : page * size], "total": 7, "pages": 3})


@pytest.mark.parametrize(
    ("stop", "asked"),
    [
        ({}, ["1", "2", "3", "4"]),
        ({"until": "short"}, ["1", "2", "3"]),
        ({"total": "total"}, ["1", "2", "3"]),
        ({"pages": "pages"}, ["1", "2", "3"]),
    ],
)
async def test_numbered_pages_end_where_the_options_say(stop: dict, asked: list):
    async with serving(numbered) as upstream:
        source = rest(upstream.url, records="list", page={"by": "page", "size": {"send": "size", "value": 3}, **stop})

        found = await tickets(source)

    assert ids(found) == list(range(7))
    assert [query["page"] for query in upstream.queries()] == asked


async def test_a_page_that_holds_more_than_was_asked_for_is_not_the_last():
    """Zendesk gives seven rows for per_page=1."""
    pages_given = in_turn({"list": ALL[:5]}, {"list": ALL[5:]}, {"list": []})
    async with serving(pages_given) as upstream:
        source = rest(
            upstream.url,
            records="list",
            page={"by": "page", "size": {"send": "per_page", "value": 1}, "until": "short"},
        )

        assert ids(await tickets(source)) == list(range(7))


async def test_offsets_go_by_what_came_where_the_source_caps_the_size():
    def capped(request: web.Request) -> web.Response:
        start = int(request.query["offset"])
        return json(ALL[start : start + 2])

    async with serving(capped) as upstream:
        found = await tickets(rest(upstream.url, page={"by": "offset", "size": {"send": "limit", "value": 500}}))

    assert ids(found) == list(range(7))


async def test_rows_may_be_asked_for_by_range_and_counted_from_one():
    def ranged(request: web.Request) -> web.Response:
        first, last = int(request.query["startRow"]), int(request.query["endRow"])
        return json(ALL[first - 1 : last])

    async with serving(ranged) as upstream:
        page = {"by": "offset", "send": "startRow", "to": "endRow", "first": 1, "size": {"value": 3}}
        found = await tickets(rest(upstream.url, page={**page, "until": "short"}))

    assert ids(found) == list(range(7))
    assert upstream.queries() == [
        {"startRow": "1", "endRow": "3"}, {"startRow": "4", "endRow": "6"}, {"startRow": "7", "endRow": "9"}
    ]  # fmt: skip


async def test_the_first_page_may_be_number_zero():
    async with serving(in_turn([ALL[0]], [])) as upstream:
        await tickets(rest(upstream.url, page={"by": "page", "send": "pageIndex", "first": 0}))

    assert [query["pageIndex"] for query in upstream.queries()] == ["0", "1"]


def cursored(request: web.Request) -> web.Response:
    start = int(base64.b64decode(request.query.get("after", "MA==")))
    following = base64.b64encode(str(start + 3).encode()).decode()
    return json({"rows": ALL[start : start + 3], "meta": {"has_more": start + 3 < 7, "after_cursor": following}})


async def test_an_opaque_cursor_is_followed_until_has_more_is_false():
    async with serving(cursored) as upstream:
        page = {"by": "cursor", "send": "after", "next": "meta.after_cursor", "more": "meta.has_more"}

        found = await tickets(rest(upstream.url, records="rows", page=page))

    assert ids(found) == list(range(7))


@pytest.mark.parametrize("last", [None, ""])
async def test_a_cursor_that_is_null_or_empty_is_the_last(last: str | None):
    async with serving(in_turn({"rows": ALL[:1], "next": "b"}, {"rows": ALL[1:2], "next": last})) as upstream:
        found = await tickets(rest(upstream.url, records="rows", page={"by": "cursor", "next": "next"}))

    assert ids(found) == [0, 1]


class Export:
    """Zendesk's incremental export: the same cursor again, and an empty page, while nothing is new."""

    def __init__(self) -> None:
        self.rows = list(ALL[:4])

    def __call__(self, request: web.Request) -> web.Response:
        start = int(request.query.get("cursor", 0))
        end = min(start + 3, len(self.rows))
        return json({"tickets": self.rows[start:end], "after_cursor": str(end), "end_of_stream": end == len(self.rows)})


async def test_an_export_cursor_is_kept_and_the_next_run_goes_on_from_it():
    export = Export()
    async with serving(export) as upstream:
        source = rest(
            upstream.url,
            records="tickets",
            page={"by": "cursor", "next": "after_cursor", "end": "end_of_stream", "keep": True},
            since={"field": "id", "send": "start_time", "format": "epoch_s", "start": "2024-01-01"},
        )
        first = await pages(source)
        export.rows += ALL[4:]

        later = await pages(source, stored(first[-1].cursor))
        quiet = await tickets(source, stored(later[-1].cursor))

    assert ids([t for page in first for t in page.tickets]) == [0, 1, 2, 3]
    assert ids([t for page in later for t in page.tickets]) == [4, 5, 6]
    assert quiet == []
    assert "start_time" in upstream.queries()[0]
    assert all("start_time" not in query for query in upstream.queries()[1:])


class Ledger:
    """Rows with growing numbers, three at a time after the number that is asked for, or from it on."""

    def __init__(self, *, including: bool = False) -> None:
        self.rows = [{"id": number} for number in range(1, 8)]
        self.including = including

    def __call__(self, request: web.Request) -> web.Response:
        after = int(request.query.get("after", 0))
        return json([row for row in self.rows if row["id"] > after - self.including][:3])


@pytest.mark.parametrize("including", [False, True])
async def test_the_next_page_begins_after_the_last_ticket(including: bool):
    async with serving(Ledger(including=including)) as upstream:
        found = await tickets(rest(upstream.url, page={"by": "last", "from": "id"}))

    assert list(dict.fromkeys(ids(found))) == [1, 2, 3, 4, 5, 6, 7]
    assert "after" not in upstream.queries()[0]


async def test_a_list_that_only_grows_is_read_on_from_its_last_ticket():
    async with serving(ledger := Ledger()) as upstream:
        source = rest(upstream.url, page={"by": "last", "from": "id", "first": 0, "keep": True})
        first = await pages(source)
        quiet = await pages(source, stored(first[-1].cursor))
        ledger.rows += [{"id": 8}, {"id": 9}]

        later = await tickets(source, stored(quiet[-1].cursor))

    assert upstream.queries()[0] == {"after": "0"}
    assert [ticket for page in quiet for ticket in page.tickets] == []
    assert ids(later) == [8, 9]


async def test_last_tickets_that_go_round_in_circles_are_refused():
    async with serving(in_turn([{"id": 1}], [{"id": 2}], [{"id": 1}])) as upstream:
        with pytest.raises(SourceRefused, match="circles"):
            await tickets(rest(upstream.url, page={"by": "last", "from": "id"}))


NAMELESS = [{"id": 2}, {"id": 2, "sort": None}, {"id": 2, "sort": [7, "a"]}]


@pytest.mark.parametrize("last", NAMELESS)
async def test_a_last_ticket_that_does_not_say_where_it_stands_stands_behind_the_one_before(last: Ticket):
    async with serving(in_turn([{"id": 1, "sort": 1}, last], [last, {"id": 3, "sort": 3}], [])) as upstream:
        found = await tickets(rest(upstream.url, page={"by": "last", "from": "sort"}))

    assert ids(found) == [1, 2, 2, 3]
    assert [query.get("after") for query in upstream.queries()] == [None, "1", "3"]


@pytest.mark.parametrize("last", NAMELESS)
async def test_a_page_of_tickets_that_do_not_say_where_to_go_on_is_no_silent_end(last: Ticket):
    async with serving(in_turn([{"id": 1, "sort": 1}], [last], [])) as upstream:
        found, error = await broken_off(rest(upstream.url, page={"by": "last", "from": "sort"}))

    assert ids([ticket for page in found for ticket in page.tickets]) == [1, 2]
    assert "`page.from: sort`" in str(error)


@pytest.mark.parametrize("last", NAMELESS)
async def test_a_short_page_is_the_last_whatever_its_tickets_say(last: Ticket):
    async with serving(in_turn([{"id": 0, "sort": 0}, {"id": 1, "sort": 1}], [last], [])) as upstream:
        source = rest(upstream.url, page={"by": "last", "from": "sort", "until": "short", "size": {"value": 2}})
        found = await tickets(source)

    assert ids(found) == [0, 1, 2]


async def test_the_next_run_begins_with_the_link_that_the_last_page_gave():
    """As Microsoft Graph and Dataverse do."""

    def delta(request: web.Request) -> web.Response:
        here = str(request.url.with_query(None))
        match request.query.get("token"):
            case None:
                return json({"value": ALL[:3], "@odata.nextLink": f"{here}?token=a"})
            case "a":
                return json({"value": ALL[3:], "@odata.deltaLink": f"{here}?token=b"})
            case token:
                return json({"value": [{"id": 9}], "@odata.deltaLink": f"{here}?token={token}b"})

    options = {"by": "next_url", "next": '"@odata.nextLink"', "keep": '"@odata.deltaLink"'}
    async with serving(delta) as upstream:
        connector = rest(upstream.url, records="value", page=options)
        first = await pages(connector)
        second = await pages(connector, stored(first[-1].cursor))
        await pages(connector, stored(second[-1].cursor))

    assert [ids(page.tickets) for page in [*first, *second]] == [[0, 1, 2], [3, 4, 5, 6], [9]]
    assert [query.get("token") for query in upstream.queries()] == [None, "a", "b", "bb"]


async def test_a_link_that_the_source_has_forgotten_begins_anew():
    """As Microsoft Graph answers a delta link that is too old: 410 Gone."""
    asked: list[str | None] = []

    def delta(request: web.Request) -> web.Response:
        asked.append(request.query.get("token"))
        here = str(request.url.with_query(None))
        return json({"value": ALL, "delta": f"{here}?token=old"}) if asked[-1] is None else json({}, 410)

    async with serving(delta) as upstream:
        connector = rest(upstream.url, records="value", page={"by": "next_url", "next": "next", "keep": "delta"})
        first = await pages(connector)
        second = await pages(connector, stored(first[-1].cursor))

    assert asked == [None, "old", None]
    assert ids(second[0].tickets) == ids(first[0].tickets)


async def test_a_list_that_is_gone_altogether_is_refused():
    async with serving(in_turn(lambda _: json({}, 410))) as upstream:
        with pytest.raises(SourceRefused, match="answered 410"):
            await pages(rest(upstream.url, page={"by": "next_url", "next": "next", "keep": "delta"}))


async def test_a_link_for_the_next_run_that_leads_to_another_host_is_refused_and_not_stored():
    answer = {"value": ALL, "delta": "http://elsewhere.example/steal"}
    async with serving(in_turn(answer)) as upstream:
        page = {"by": "next_url", "next": "next", "keep": "delta"}
        found, error = await broken_off(rest(upstream.url, records="value", page=page))

    assert "elsewhere" in str(error)
    assert "elsewhere" not in str([page.cursor for page in found])


async def test_paging_may_be_told_by_headers():
    """As GitLab, PostgREST and Azure do."""

    def told(request: web.Request) -> web.Response:
        start = int(request.query.get("after", request.query.get("offset", 0)))
        more = {"X-Next": str(start + 3)} if start + 3 < 7 else {}
        return json(
            ALL[start : start + 3],
            **{"X-Total-Count": "7", "Content-Range": "items 0-2/7", "X-More": "true" if more else "false", **more},
        )

    for page in (
        {"by": "cursor", "send": "after", "next": "@headers.X-Next"},
        {"by": "offset", "total": "@headers.Content-Range"},
        {"by": "offset", "total": "@headers.x-total-count"},
        {"by": "offset", "more": "@headers.X-More"},
    ):
        async with serving(told) as upstream:
            assert ids(await tickets(rest(upstream.url, page=page))) == list(range(7))

        assert len(upstream.asked) == 3


async def test_numbered_pages_may_end_where_the_answer_says_that_there_is_no_more():
    async with serving(in_turn({"rows": ALL[:3], "last": False}, {"rows": ALL[3:], "last": True})) as upstream:
        found = await tickets(rest(upstream.url, records="rows", page={"by": "page", "end": "last"}))

    assert ids(found) == list(range(7))
    assert len(upstream.asked) == 2


async def test_a_count_is_asked_first_and_no_page_that_is_not_there():
    def counted(request: web.Request) -> web.Response:
        if request.path == "/count":
            return json({"data": {"n": str(len(rows))}})
        page = int(request.query["page"])
        return json({"rows": rows[page * 3 - 3 : page * 3]} if page <= 3 else {}, 200 if page <= 3 else 500)

    options: dict[str, Any] = {"page": {"by": "page"}, "count": {"url": "/count", "total": "data.n"}}
    for rows in (ALL, []):
        async with serving(counted) as upstream:
            found = await pages(rest(f"{upstream.url}/t", query={"state": "open"}, records="rows", **options))

        assert ids([ticket for page in found for ticket in page.tickets]) == ids(rows)
        assert found[0].total == len(rows)
        assert upstream.asked[0].path_qs == "/count?state=open"
        assert len(upstream.asked) == (4 if rows else 1)


@pytest.mark.parametrize("number", [None, "many", -1, [], 1.5])
async def test_a_count_that_is_none_is_refused(number: Any):
    async with serving(lambda _: json({"n": number})) as upstream:
        with pytest.raises(SourceRefused, match="no number"):
            await tickets(rest(upstream.url, page={"by": "page"}, count={"url": "/count", "total": "n"}))


async def test_a_count_that_lies_does_not_make_a_run_endless():
    def lying(request: web.Request) -> web.Response:
        return json({"n": 10**12} if request.path == "/count" else ALL if request.query["page"] == "1" else [])

    async with serving(lying) as upstream:
        source = rest(f"{upstream.url}/t", page={"by": "page"}, count={"url": "/count", "total": "n"})

        assert ids(await tickets(source)) == list(range(7))

    assert len(upstream.asked) == 3


async def test_a_next_url_may_stand_under_the_name_of_odata_and_be_relative():
    def told(request: web.Request) -> web.Response:
        page = int(request.query.get("$skip", 0))
        return json({"value": [ALL[page]], **({"@odata.nextLink": f"tickets?$skip={page + 1}"} if page < 2 else {})})

    async with serving(told) as upstream:
        page = {"by": "next_url", "next": '"@odata.nextLink"'}
        found = await tickets(rest(f"{upstream.url}/api/tickets", records="value", page=page))

    assert ids(found) == [0, 1, 2]
    assert {request.path for request in upstream.asked} == {"/api/tickets"}


async def test_link_headers_are_followed():
    def linked(request: web.Request) -> web.Response:
        page = int(request.query.get("page", 1))
        following = f'</t?page={page + 1}>; rel="next", ' if page < 3 else ""
        return json(ALL[page * 2 - 2 : page * 2], Link=f'{following}</t?page=1>; rel="first"')

    async with serving(linked) as upstream:
        found = await tickets(rest(f"{upstream.url}/t", page={"by": "link"}))

    assert ids(found) == [0, 1, 2, 3, 4, 5]


async def test_a_next_url_is_followed_as_given_and_signed_anew():
    def told(request: web.Request) -> web.Response:
        page = int(request.query.get("page[after]", 0))
        following = (
            f"http://{request.host}/t?page%5Bafter%5D={page + 1}&key={request.query['key']}" if page < 2 else None
        )
        return json({"tickets": [ALL[page]], "links": {"next": following}})

    async with serving(told) as upstream:
        source = rest(
            f"{upstream.url}/t",
            records="tickets",
            page={"by": "next_url", "next": "links.next"},
            auth={"api_key": {"query": "key", "value": "k3y-of-ours"}},
        )
        found = await pages(source)

    assert [ids(list(page.tickets)) for page in found] == [[0], [1], [2]]
    assert [query.get("key") for query in upstream.queries()] == ["k3y-of-ours"] * 3
    assert "k3y-of-ours" not in repr([page.cursor for page in found])


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/x",
        "//evil.example/x",
        "http://127.0.0.1:1/x",
        "http://169.254.169.254/latest/meta-data",
        "file:///etc/passwd",
        "http://[",
    ],
)
async def test_a_next_url_on_another_host_is_refused(elsewhere: str):
    async with serving(in_turn({"rows": ALL[:1], "next": elsewhere})) as upstream:
        with pytest.raises(SourceRefused, match="next page"):
            await tickets(rest(upstream.url, records="rows", page={"by": "next_url", "next": "next"}))


async def test_the_tickets_that_came_with_a_bad_link_are_given_before_it_is_refused():
    async with serving(lambda _: json(ALL, Link='<https://evil.example/>; rel="next"')) as upstream:
        async with aclosing(rest(upstream.url, page={"by": "link"}).pull(None)) as stream:
            page = await anext(stream)
            with pytest.raises(SourceRefused, match=r"another host: evil\.example"):
                await anext(stream)

        again = await serving_again(upstream, page.cursor)

    assert (ids(list(page.tickets)), ids(again)) == (list(range(7)), list(range(7)))


async def serving_again(upstream: Upstream, cursor: Cursor) -> list[Ticket]:
    upstream.answer = in_turn(ALL)
    return await tickets(rest(upstream.url, page={"by": "link"}), stored(cursor))


async def test_a_next_url_that_leads_to_itself_is_refused():
    async with serving(lambda _: json({"rows": ALL[:1], "next": "/t?page=2"})) as upstream:
        with pytest.raises(SourceRefused, match=r"circles|same page"):
            await tickets(rest(f"{upstream.url}/t", records="rows", page={"by": "next_url", "next": "next"}))


async def test_the_same_cursor_twice_in_a_run_is_refused():
    def again(request: web.Request) -> web.Response:
        return json({"rows": [{"id": len(upstream.asked)}], "next": "again"})

    async with serving(again) as upstream:
        with pytest.raises(SourceRefused, match="circles"):
            await tickets(rest(upstream.url, records="rows", page={"by": "cursor", "next": "next"}))

    assert len(upstream.asked) == 2


async def test_a_source_that_repeats_its_last_page_ends_the_run():
    async with serving(in_turn({"rows": ALL[:2]}, {"rows": ALL[2:3]})) as upstream:
        source = rest(upstream.url, records="rows", page={"by": "page", "size": {"send": "size", "value": 2}})

        assert ids(await tickets(source)) == [0, 1, 2, 2]


async def test_a_source_that_ignores_the_page_parameter_is_refused_rather_than_read_in_part():
    async with serving(lambda _: json({"rows": ALL[:2], "total": 7})) as upstream:
        with pytest.raises(SourceRefused, match=r"page\.send"):
            await tickets(rest(upstream.url, records="rows", page={"by": "page", "total": "total"}))


async def test_empty_pages_that_promise_more_end_after_ten():
    def empty(request: web.Request) -> web.Response:
        return json({"rows": [], "next": str(len(upstream.asked)), "has_more": True})

    async with serving(empty) as upstream:
        with pytest.raises(SourceRefused, match="empty pages"):
            await tickets(rest(upstream.url, records="rows", page={"by": "cursor", "next": "next", "more": "has_more"}))

    assert len(upstream.asked) == 10


async def test_more_pages_than_the_limit_are_refused():
    async with serving(lambda r: json([{"id": int(r.query["offset"])}])) as upstream:
        with pytest.raises(SourceRefused, match="max_pages"):
            await tickets(rest(upstream.url, page={"by": "offset"}, limits={"rate": "10000/s", "max_pages": 5}))

    assert len(upstream.asked) == 6


async def test_after_a_change_of_paging_a_run_starts_again():
    async with serving(numbered) as upstream:
        by_page = rest(upstream.url, records="list", page={"by": "page"})
        cut = (await pages(by_page))[0].cursor
        whole = rest(f"{upstream.url}?page=1&size=7", records="list")

        found = await tickets(whole, stored(cut))

    assert ids(found) == list(range(7))
