"""Pages that came before are known by their bytes: the walk goes on as it did, and their tickets are not read again."""

from typing import Any

import pytest
from aiohttp import web
from pulling import ids, pages, rest, stored
from upstream import Answerer, json, serving

from hub.connectors.base import Unread
from hub.model import Page

ROWS = [{"id": n} for n in range(1, 8)]
BY_CURSOR = {"by": "cursor", "next": "meta.next", "size": {"send": "limit", "value": 3}}


def by_cursor(rows: list[dict[str, Any]]) -> Answerer:
    def answer(request: web.Request) -> web.Response:
        low = int(request.query.get("cursor") or 0)
        following = str(low + 3) if low + 3 < len(rows) else None
        return json({"rows": rows[low : low + 3], "meta": {"next": following, "token": "s3cret"}})

    return answer


def known(found: list[Page]) -> list[bool]:
    return [isinstance(page.tickets, Unread) for page in found]


def all_ids(found: list[Page]) -> list[Any]:
    return [each for page in found for each in ids(list(page.tickets))]


async def test_pages_that_came_before_are_known_and_still_hold_their_tickets():
    async with serving(by_cursor(ROWS)) as upstream:
        source = rest(upstream.url, records="rows", page=BY_CURSOR)
        first = await pages(source)
        again = await pages(source, stored(first[-1].cursor))

    assert known(first) == [False, False, False]
    assert known(again) == [True, True, True]
    assert [page.digest for page in first] == [page.digest for page in again]
    assert [len(page.tickets) for page in again] == [3, 3, 1]
    assert all_ids(again) == [1, 2, 3, 4, 5, 6, 7]


async def test_a_page_that_changed_by_one_byte_is_read():
    async with serving(by_cursor(ROWS)) as upstream:
        source = rest(upstream.url, records="rows", page=BY_CURSOR)
        first = await pages(source)
        upstream.answer = by_cursor([*ROWS[:4], {"id": 55}, *ROWS[5:]])
        again = await pages(source, stored(first[-1].cursor))

    assert known(again) == [True, False, True]
    assert all_ids(again) == [1, 2, 3, 4, 55, 6, 7]


async def test_other_options_remember_nothing():
    async with serving(by_cursor(ROWS)) as upstream:
        first = await pages(rest(upstream.url, records="rows", page=BY_CURSOR))
        other = rest(upstream.url, records="rows", page={**BY_CURSOR, "end": "meta.end"})
        again = await pages(other, stored(first[-1].cursor))

    assert known(again) == [False, False, False]


async def test_a_page_that_a_run_does_not_meet_is_forgotten():
    async with serving(by_cursor(ROWS)) as upstream:
        source = rest(upstream.url, records="rows", page=BY_CURSOR)
        first = await pages(source)
        upstream.answer = by_cursor(ROWS[:3])
        shorter = await pages(source, stored(first[-1].cursor))

    assert len(first[-1].cursor["pages"]) == 3
    assert len(shorter[-1].cursor["pages"]) == 1


async def test_a_run_that_is_cut_short_forgets_nothing():
    async with serving(by_cursor(ROWS)) as upstream:
        source = rest(upstream.url, records="rows", page=BY_CURSOR)
        first = await pages(source)
        cut = (await pages(source, stored(first[-1].cursor)))[0]
        rest_of_it = await pages(source, stored(cut.cursor))

    assert known(rest_of_it) == [True, True]
    assert all_ids(rest_of_it) == [4, 5, 6, 7]


async def test_only_what_the_paging_looks_for_is_kept_in_the_cursor():
    async with serving(by_cursor(ROWS)) as upstream:
        first = await pages(rest(upstream.url, records="rows", page=BY_CURSOR))

    assert "s3cret" not in str(first[-1].cursor)
    assert [told for _, _, told in first[-1].cursor["pages"]] == [{"meta.next": "3"}, {"meta.next": "6"}, {}]


def counted(request: web.Request) -> web.Response:
    page = int(request.query.get("page") or 1)
    rows = ROWS[(page - 1) * 3 : page * 3]
    link = {} if page == 3 else {"Link": f'<{request.url.with_query(page=page + 1)}>; rel="next"'}
    return json({"rows": rows, "pages": 3, "total": 7, "more": page < 3}, **link)


def skipped(request: web.Request) -> web.Response:
    low = int(request.query["offset"])
    return json({"rows": ROWS[low : low + 3], "total": 7})


@pytest.mark.parametrize(
    ("answer", "page"),
    [
        (counted, {"by": "page", "pages": "pages"}),
        (counted, {"by": "page", "total": "total"}),
        (counted, {"by": "page", "more": "more"}),
        (counted, {"by": "page", "until": "short", "size": {"send": "n", "value": 3}}),
        (counted, {"by": "link"}),
        (skipped, {"by": "offset", "total": "total"}),
        (lambda _: json({"rows": ROWS}), {"by": "none"}),
    ],
)
async def test_every_way_of_paging_goes_on_as_it_did(answer: Answerer, page: dict[str, Any]):
    async with serving(answer) as upstream:
        source = rest(upstream.url, records="rows", page=page)
        first = await pages(source)
        again = await pages(source, stored(first[-1].cursor))
        third = await pages(source, stored(again[-1].cursor))

    assert all_ids(first) == [1, 2, 3, 4, 5, 6, 7]
    assert all(known(again))
    assert all(known(third))
    assert all_ids(again) == all_ids(third) == all_ids(first)
    assert [page.total for page in first] == [page.total for page in again]


@pytest.mark.parametrize(
    "options",
    [
        {"detail": {"url": "/one/{id}", "into": "one"}},
        {"since": {"field": "at", "send": "since"}},
        {"for_each": {"area": ["420802"]}, "query": {"area": "{area}"}},
        {"page": {"by": "next_url", "next": "next"}},
        {"page": {"by": "last", "from": "id", "send": "after"}},
    ],
)
async def test_what_more_than_the_bytes_decides_is_read_each_time(options: dict[str, Any]):
    async with serving(lambda _: json({"rows": [{"id": 1, "at": "2026-03-01T08:00:00Z"}]})) as upstream:
        source = rest(upstream.url, records="rows", **options)
        first = await pages(source)
        again = await pages(source, stored(first[-1].cursor))

    assert known(again) == [False] * len(again)
    assert [page.digest for page in first] == [b""] * len(first)


async def test_a_cursor_that_remembers_nonsense_is_read_all_the_same():
    async with serving(by_cursor(ROWS)) as upstream:
        source = rest(upstream.url, records="rows", page=BY_CURSOR)
        first = await pages(source)
        found = await pages(source, {**first[-1].cursor, "pages": [["x"], 7]})

    assert all_ids(found) == [1, 2, 3, 4, 5, 6, 7]
