"""Asking only for what is new: windows, overlap, and a cursor that no ticket can poison."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from aiohttp import web
from pulling import ids, pages, rest, stored, tickets
from pydantic import ValidationError
from upstream import in_turn, json, serving

from hub.connectors.clocks import read_time, write_time

SHANGHAI = ZoneInfo("Asia/Shanghai")
NOW = datetime.now(UTC)


def ago(**much: float) -> str:
    return (NOW - timedelta(**much)).isoformat(timespec="seconds")


def since(**options: Any) -> dict[str, Any]:
    return {"field": "updated", "send": "after", **options}


async def cursor_after(rows: list[dict[str, Any]], **options: Any) -> Any:
    async with serving(in_turn(rows)) as upstream:
        return stored((await pages(rest(upstream.url, since=since(**options))))[-1].cursor)


async def test_a_first_run_without_start_asks_for_everything():
    async with serving(in_turn([])) as upstream:
        await tickets(rest(upstream.url, since=since()))

    assert upstream.queries() == [{}]


async def test_the_next_run_asks_from_the_newest_ticket_less_the_overlap():
    cursor = await cursor_after([{"updated": ago(hours=5)}, {"updated": ago(hours=3)}, {"updated": ago(hours=4)}])

    async with serving(in_turn([])) as upstream:
        await tickets(rest(upstream.url, since=since(overlap="15m")), cursor)

    assert datetime.fromisoformat(upstream.queries()[0]["after"]) == datetime.fromisoformat(ago(hours=3, minutes=15))


async def test_a_run_that_finds_nothing_does_not_move_back():
    cursor = await cursor_after([{"updated": ago(hours=3)}])

    async with serving(in_turn([])) as upstream:
        quiet = await pages(rest(upstream.url, since=since()), cursor)

    assert quiet[-1].cursor["since"] == cursor["since"]


async def test_a_ticket_of_the_year_2099_does_not_carry_the_cursor_past_now():
    cursor = await cursor_after([{"updated": "2099-12-31T23:59:59Z"}, {"updated": ago(hours=1)}])

    assert datetime.fromisoformat(cursor["since"]) <= datetime.now(UTC)


async def test_a_ticket_that_changed_while_its_run_was_paging_is_seen_by_the_next():
    """The newest time of a run counts only up to its start: page one was read before page nine's tickets changed."""
    soon = (NOW + timedelta(minutes=30)).isoformat()
    async with serving(in_turn([{"updated": ago(minutes=9)}], [{"updated": soon}], [])) as upstream:
        first, *_, last = await pages(rest(upstream.url, page={"by": "page"}, since=since()))

    assert last.cursor["since"] == first.cursor["walk"]["started"]


@pytest.mark.parametrize("odd", [None, "", "昨天", "2026-02-30", "0000-00-00 00:00:00", [], {}, "9" * 40, 1e300])
async def test_a_time_that_is_none_does_not_count_and_does_not_stop_the_run(odd: Any):
    async with serving(in_turn([{"updated": odd}, {"updated": ago(days=1)}])) as upstream:
        found = await pages(rest(upstream.url, since=since()))

    assert found[-1].cursor["since"] == ago(days=1)


@pytest.mark.parametrize(
    ("times", "newest"),
    [
        (["2026-01-01T08:00:00+08:00", "2026-01-01T01:00:00Z", "2026-01-01 08:30:00"], "2026-01-01T01:00:00Z"),
        (["2026-01-01T00:00:00.9Z", "2026-01-01T00:00:00.95Z"], "2026-01-01T00:00:00.950000Z"),
        (["2026-01-01 00:00:00", "9999-99-99 99:99:99", "2026-01-02 00:00:00"], "2026-01-01T16:00:00Z"),
    ],
)
async def test_the_newest_is_found_among_times_of_every_shape(times: list[str], newest: str):
    cursor = await cursor_after([{"updated": time} for time in times])

    assert datetime.fromisoformat(cursor["since"]) == datetime.fromisoformat(newest)


async def test_windows_walk_from_start_to_now_without_a_gap():
    async with serving(in_turn([])) as upstream:
        options = since(send=["from", "to"], window="7d", start=ago(days=30), format="epoch_s")
        found = await pages(rest(upstream.url, since=options))

    asked = [(int(query["from"]), int(query["to"])) for query in upstream.queries()]
    assert [end for _, end in asked[:-1]] == [start for start, _ in asked[1:]]
    assert len(asked) == 5
    assert abs(asked[-1][1] - datetime.now(UTC).timestamp()) < 60
    assert found[-1].cursor["since"] is not None


async def test_a_start_in_the_future_asks_up_to_now_and_ends():
    async with serving(in_turn([])) as upstream:
        options = since(send=["from", "to"], start="2099-01-01", format="epoch_s")
        await tickets(rest(upstream.url, since=options))

    (asked,) = upstream.queries()
    assert asked["from"] == asked["to"]


async def test_a_quiet_source_is_not_walked_from_its_last_ticket_for_ever():
    options = since(send=["from", "to"], window="1d", start=ago(days=30))
    async with serving(in_turn([])) as upstream:
        source = rest(upstream.url, since=options)
        cursor = stored((await pages(source))[-1].cursor)
        upstream.asked.clear()

        await pages(source, cursor)

    assert len(upstream.asked) <= 3


async def test_each_window_is_paged_to_its_end():
    def windowed(request: web.Request) -> web.Response:
        start, page = request.query["from"], request.query["page"]
        return json([{"id": f"{start}/{page}"}] if page < "3" else [])

    async with serving(windowed) as upstream:
        options = since(send=["from", "to"], window="1d", start=ago(days=1.5))
        found = await tickets(rest(upstream.url, page={"by": "page"}, since=options))

    assert len(found) == 4
    assert len(set(ids(found))) == 4


async def test_a_run_cut_in_a_window_goes_on_in_that_window():
    async with serving(lambda r: json([{"id": r.query["page"]}] if r.query["page"] < "3" else [])) as upstream:
        options = since(send=["from", "to"], window="1d", start=ago(days=2))
        source = rest(upstream.url, page={"by": "page"}, since=options)
        whole = await pages(source)
        asked = upstream.queries()
        upstream.asked.clear()

        await pages(source, stored(whole[3].cursor))

    assert upstream.queries() == asked[4:]


async def test_newest_first_stops_at_what_was_seen():
    def newest_first(request: web.Request) -> web.Response:
        page = int(request.query["page"])
        return json([{"id": page, "updated": ago(days=page)}])

    async with serving(newest_first) as upstream:
        newest = {"field": "updated", "start": ago(days=4.5)}
        source = rest(upstream.url, page={"by": "page", "until": "seen"}, since=newest)
        first = await pages(source)
        upstream.asked.clear()

        await pages(source, stored(first[-1].cursor))

    assert ids([t for page in first for t in page.tickets]) == [1, 2, 3, 4, 5]
    assert len(upstream.asked) == 2


@pytest.mark.parametrize(
    "page",
    [
        {"by": "last", "from": "id", "first": 0},
        {"by": "cursor", "send": "after", "next": "rows[-1].id"},
        {"by": "next_url", "next": "next"},
        {"by": "link"},
    ],
)
async def test_newest_first_stops_at_what_was_seen_however_pages_are_named(page: dict[str, Any]):
    def newest_first(request: web.Request) -> web.Response:
        day = int(request.query.get("after", 0)) + 1
        link = f"?after={day}"
        return json({"rows": [{"id": day, "updated": ago(days=day)}], "next": link}, Link=f'<{link}>; rel="next"')

    async with serving(newest_first) as upstream:
        newest = {"field": "updated", "start": ago(days=4.5)}
        source = rest(upstream.url, records="rows", page={**page, "until": "seen"}, since=newest)
        first = await pages(source)
        upstream.asked.clear()

        await pages(source, stored(first[-1].cursor))

    assert ids([t for page in first for t in page.tickets]) == [1, 2, 3, 4, 5]
    assert len(upstream.asked) == 2


async def test_a_change_that_does_not_move_an_old_ticket_to_the_top_is_found_within_the_overlap():
    """A list by creation, newest first: `overlap` says how old a ticket may be that still changes."""
    rows = [{"id": day, "created": ago(days=day), "state": "open"} for day in range(1, 60)]

    def newest_first(request: web.Request) -> web.Response:
        page = int(request.query["page"])
        return json(rows[page * 5 - 5 : page * 5])

    async with serving(newest_first) as upstream:
        created = {"field": "created", "start": ago(days=50), "overlap": "30d"}
        source = rest(upstream.url, page={"by": "page", "until": "seen"}, since=created)
        first = await pages(source)
        rows[24]["state"] = "closed"
        upstream.asked.clear()

        found = await tickets(source, stored(first[-1].cursor))

    assert {"id": 25, "created": rows[24]["created"], "state": "closed"} in found
    assert len(upstream.asked) == 8


async def test_without_a_time_in_the_tickets_our_clock_counts():
    """A feed of bare ids: what changed since the run before, less the overlap."""
    async with serving(in_turn(["a", "b"])) as upstream:
        source = rest(upstream.url, since={"send": "since", "format": "epoch_s", "overlap": "60s"})
        first = await pages(source)
        await tickets(source, stored(first[-1].cursor))

    (never, later) = upstream.queries()
    assert never == {}
    assert abs(int(later["since"]) - datetime.now(UTC).timestamp() + 60) < 50


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("iso", "2026-03-01T00:30:00Z"),
        ("epoch_s", "1772325000"),
        ("epoch_ms", "1772325000000"),
        ("%Y-%m-%d %H:%M:%S", "2026-03-01 08:30:00"),
        ("%Y%m%d%H%M%S", "20260301083000"),
        ("%d/%m/%Y %H:%M", "01/03/2026 08:30"),
        ("%Y年%m月%d日 %H时%M分", "2026年03月01日 08时30分"),
    ],
)
def test_times_are_written_and_read_in_the_source_s_way(written: str, text: str):
    moment = datetime(2026, 3, 1, 0, 30, tzinfo=UTC)

    assert write_time(moment, written, SHANGHAI) == text
    assert read_time(text, written, SHANGHAI) == moment


def test_a_filter_expression_can_be_written_as_a_pattern():
    moment = datetime(2026, 3, 1, tzinfo=UTC)

    assert (
        write_time(moment, ":updated_at > '%Y-%m-%dT%H:%M:%S'", ZoneInfo("UTC"))
        == ":updated_at > '2026-03-01T00:00:00'"
    )


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (since(format="isoo"), "not iso"),
        (since(window="1d", start="2024-01-01"), "two parameters"),
        (since(send=["a", "b"]), "need `start`"),
        (since(send=["a", "b"], start="2024-01-01", window="0s"), "longer than nothing"),
        (since(start="soon"), "not a date"),
        (since(field="a[b"), "path"),
        ({"field": "updated"}, "until: seen"),
    ],
)
def test_options_that_cannot_work_are_named(wrong: dict[str, Any], said: str):
    with pytest.raises(ValidationError, match=said):
        rest("https://host.example/x", since=wrong)
