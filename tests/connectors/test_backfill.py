"""A stretch of the past: asked for with a cursor of its own, whatever the paging."""

from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web
from pulling import QUICK, build, pages, rest, stored
from upstream import json, serving

from hub.connectors.base import Backfills
from hub.errors import SourceRefused

START, END = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)
SINCE = {"field": "at", "send": ["from", "to"], "format": "iso", "start": "2020-01-01"}


def listed(request: web.Request) -> web.Response:
    page = int(request.query.get("page", 1))
    rows = [{"id": f"{request.query['from'][:10]}/{page}", "at": request.query["from"]}] if page < 3 else []
    return json({"rows": rows})


async def asked(**since: Any) -> list[tuple[str, str]]:
    """What was asked for, window by window."""
    async with serving(listed) as upstream:
        connector = rest(upstream.url, records="rows", page={"by": "page"}, since={**SINCE, **since})
        await pages(connector, stored(connector.between(START, END)))
        windows = [(query["from"][:10], query["to"][:10]) for query in upstream.queries()]
    return list(dict.fromkeys(windows))


async def test_a_stretch_is_asked_for_from_its_beginning_to_its_end_and_no_further():
    assert await asked() == [("2026-01-01", "2026-03-01")]


async def test_a_stretch_is_walked_in_the_windows_that_the_source_allows():
    assert await asked(window="30d") == [("2026-01-01", "2026-01-31"), ("2026-01-31", "2026-03-01")]


async def test_a_stretch_goes_on_where_it_was_cut():
    async with serving(listed) as upstream:
        connector = rest(upstream.url, records="rows", page={"by": "page"}, since={**SINCE, "window": "30d"})
        whole = await pages(connector, connector.between(START, END))

        rest_of_it = await pages(connector, stored(whole[0].cursor))

    assert [page.tickets for page in rest_of_it] == [page.tickets for page in whole[1:]]


@pytest.mark.parametrize("since", [None, {"field": "at"}])
def test_a_source_that_cannot_be_asked_by_time_says_so(since):
    page = {"by": "page", "until": "seen"}
    connector = rest("https://housing.example/api", page=page, **({"since": since} if since else {}))

    with pytest.raises(SourceRefused, match="cannot be asked for a stretch of time"):
        connector.between(START, END)


async def test_an_open311_city_is_asked_for_what_was_requested_in_the_stretch():
    async with serving(lambda _: json([])) as upstream:
        connector = build("open311", {**QUICK, "url": upstream.url, "window": "90d"})
        assert isinstance(connector, Backfills)
        await pages(connector, stored(connector.between(START, END)))
        (query,) = upstream.queries()

    assert (query["start_date"][:10], query["end_date"][:10]) == ("2026-01-01", "2026-03-01")


def test_files_cannot_be_asked_by_time():
    assert not isinstance(build("files", {"at": ".", "pick": "*.csv"}), Backfills)
