"""Sources that know whole days only, and sources that cut what they give without a word."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from aiohttp import web
from pulling import SHANGHAI, broken_off, build, ids, pages, rest, stored, tickets
from pydantic import ValidationError
from upstream import json, serving

from hub.connectors.clocks import midnight, read_time, tick, write_time
from hub.connectors.windows import Grid, Window
from hub.errors import SourceRefused

DAY = timedelta(days=1)
TODAY = datetime.now(SHANGHAI).date()


def days_ago(number: int) -> date:
    return TODAY - number * DAY


class Archive:
    """A ticket every six hours of ten days; asked by day, `to` included or not; at most `cap` an answer."""

    def __init__(self, *, inclusive: bool, cap: int = 1000) -> None:
        self.inclusive = inclusive
        self.cap = cap
        start = datetime.combine(days_ago(10), datetime.min.time(), SHANGHAI)
        times = [start + timedelta(hours=6) * number for number in range(44)]
        self.rows = [{"id": n, "at": f"{at:%Y-%m-%d %H:%M:%S}"} for n, at in enumerate(times)]

    def __call__(self, request: web.Request) -> web.Response:
        start, end = request.query["from"], request.query["to"]
        inside = [row for row in self.rows if start <= row["at"][:10] and self._is_before(row["at"][:10], end)]
        return json(inside[: self.cap])

    def _is_before(self, day: str, end: str) -> bool:
        return day <= end if self.inclusive else day < end


def by_day(**options: Any) -> dict[str, Any]:
    start = str(days_ago(10))
    return {
        "field": "at",
        "send": ["from", "to"],
        "format": "%Y-%m-%d",
        "read": "%Y-%m-%d %H:%M:%S",
        "start": start,
    } | options


@pytest.mark.parametrize("inclusive", [True, False])
@pytest.mark.parametrize("window", ["1d", "3d", "30d", None])
async def test_no_day_is_left_out_whether_or_not_the_last_one_is_part_of_the_answer(inclusive: bool, window: str):
    async with serving(archive := Archive(inclusive=inclusive)) as upstream:
        options = {"window": window} if window else {}
        found = await tickets(rest(upstream.url, since=by_day(**options)))

    assert set(ids(found)) == {row["id"] for row in archive.rows}


@pytest.mark.parametrize(("end", "last"), [("inclusive", TODAY), ("exclusive", TODAY + DAY)])
async def test_every_day_is_asked_once_and_the_last_question_is_about_today(end: str, last: date):
    async with serving(archive := Archive(inclusive=end == "inclusive")) as upstream:
        found = await tickets(rest(upstream.url, since=by_day(window="4d", end=end)))

    assert ids(found) == [row["id"] for row in archive.rows]
    assert upstream.queries()[0]["from"] == str(days_ago(10))
    assert upstream.queries()[-1]["to"] == str(last)


async def test_the_next_run_asks_for_the_day_of_the_newest_ticket_again():
    async with serving(Archive(inclusive=True)) as upstream:
        upstream.answer.rows = upstream.answer.rows[:6]  # type: ignore[union-attr]  # up to the morning of a day
        source = rest(upstream.url, since=by_day(end="inclusive"))
        first = await pages(source)
        upstream.asked.clear()

        await tickets(source, stored(first[-1].cursor))

    assert upstream.queries() == [{"from": str(days_ago(9)), "to": str(TODAY)}]


async def test_a_list_of_one_day_is_asked_day_by_day():
    async with serving(lambda r: json([{"id": r.query["date"], "at": f"{r.query['date']} 09:00:00"}])) as upstream:
        found = await tickets(rest(upstream.url, since=by_day(send="date", window="1d", start=str(days_ago(3)))))

    assert ids(found) == [str(days_ago(number)) for number in (3, 2, 1, 0)]


async def test_a_run_cut_between_days_goes_on_with_the_next_one():
    async with serving(archive := Archive(inclusive=True)) as upstream:
        source = rest(upstream.url, since=by_day(window="1d", end="inclusive"))
        whole = await pages(source)

        rest_of_it = await tickets(source, stored(whole[4].cursor))

    before = [ticket for page in whole[:5] for ticket in page.tickets]
    assert ids(before) + ids(rest_of_it) == [row["id"] for row in archive.rows]


async def test_a_stretch_of_the_past_is_read_by_whole_days_also_where_a_text_holds_them():
    start, end = datetime(2024, 3, 1, 10, tzinfo=SHANGHAI), datetime(2024, 3, 3, 10, tzinfo=SHANGHAI)
    async with serving(lambda _: json([])) as upstream:
        since = by_day(send=None, window="2d", end="inclusive")
        source = rest(upstream.url, query={"day": "{since}", "q": "up to {until}"}, since=since)

        await tickets(source, stored(source.between(start, end)))

    assert upstream.queries() == [
        {"day": "2024-03-01", "q": "up to 2024-03-02"},
        {"day": "2024-03-03", "q": "up to 2024-03-03"},
    ]


async def test_a_source_that_knows_no_time_cannot_be_asked_for_a_stretch():
    with pytest.raises(SourceRefused, match="stretch of time"):
        rest("https://host.example/").between(datetime.now(UTC), datetime.now(UTC))


class Capped:
    """So many tickets a minute for three hours; at most a hundred an answer, with or without saying how many."""

    def __init__(self, *, tells: bool = False) -> None:
        self.tells = tells
        self.now = datetime.now(UTC).replace(microsecond=0)
        self.start = self.now - timedelta(hours=3)
        self.rows = [{"id": n, "at": int(self.start.timestamp()) + n * 12} for n in range(900)]

    def __call__(self, request: web.Request) -> web.Response:
        start, end = int(request.query["from"]), int(request.query["to"])
        found = [row for row in self.rows if start <= row["at"] <= end]
        page = int(request.query.get("page", 1))
        rows = found[:100][(page - 1) * 40 : page * 40] if "page" in request.query else found[:100]
        return json({"rows": rows, **({"total": len(found)} if self.tells else {})})


def capped(upstream: Any, archive: Capped, **options: Any) -> Any:
    since = {"field": "at", "send": ["from", "to"], "format": "epoch_s", "cap": 100, "start": archive.start.isoformat()}
    return rest(upstream.url, records="rows", since=since, **options)


@pytest.mark.parametrize("page", [{"by": "none"}, {"by": "page"}, {"by": "page", "total": "total"}])
async def test_a_window_that_comes_back_full_is_asked_for_in_halves(page: dict[str, str]):
    async with serving(archive := Capped(tells="total" in page)) as upstream:
        found = await tickets(capped(upstream, archive, page=page))

    assert set(ids(found)) == set(range(900))
    assert len(upstream.asked) < 120


async def test_details_are_not_asked_for_what_is_asked_for_again():
    def answer(request: web.Request) -> web.Response:
        return json({}) if request.path == "/detail" else archive(request)

    async with serving(answer) as upstream:
        archive = Capped()
        await tickets(capped(upstream, archive, detail={"url": "/detail", "query": {"id": "{id}"}}))

    asked = Counter(request.query["id"] for request in upstream.asked if request.path == "/detail")
    assert len(asked) == 900
    assert sum(asked.values()) < 920  # the second on which a window ends is asked twice


async def test_what_is_full_and_cannot_be_cut_is_refused_after_what_came():
    async with serving(Archive(inclusive=True, cap=3)) as upstream:
        found, error = await broken_off(rest(upstream.url, since=by_day(cap=3, end="inclusive")))

    assert [ids(list(page.tickets)) for page in found] == [[0, 1, 2]]
    assert isinstance(error, SourceRefused)
    assert "3 tickets for the shortest time that can be asked for" in str(error)


def test_windows_follow_the_calendar_where_clocks_change():
    """In New York the third of November 2024 has 25 hours."""
    new_york = ZoneInfo("America/New_York")
    grid = Grid(DAY, new_york)
    start = datetime(2024, 11, 2, tzinfo=new_york).astimezone(UTC)

    window = grid.window(start, 2 * DAY, datetime(2024, 12, 1, tzinfo=UTC))

    assert window.end == datetime(2024, 11, 4, tzinfo=new_york)
    assert grid.first_half(window) == Window(start, datetime(2024, 11, 3, tzinfo=new_york).astimezone(UTC))
    assert grid.first_half(Window(start, midnight(start, new_york, days=1))) is None
    assert grid.ceil(start) == start
    assert grid.ceil(start + timedelta(seconds=1)) == midnight(start, new_york, days=1)


@pytest.mark.parametrize(
    ("written", "shortest"),
    [
        ("iso", timedelta(seconds=1)),
        ("epoch_ms", timedelta(seconds=1)),
        ("%Y-%m-%d %H:%M:%S", timedelta(seconds=1)),
        ("%Y-%m-%d %H:%M", timedelta(minutes=1)),
        ("%Y年%m月%d日", DAY),
        ("%d/%m/%Y", DAY),
    ],
)
def test_a_format_tells_what_it_can_tell_apart(written: str, shortest: timedelta):
    assert tick(written) == shortest


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("%Y-%m-%dT%H:%M:%SZ", "2026-03-01T00:30:00Z"),
        ("%Y-%m-%dT%H:%M:%S.000Z", "2026-03-01T00:30:00.000Z"),
        ("%d/%m/%Y %H:%MZ", "01/03/2026 00:30Z"),
        ("%Y-%m-%dT%H:%M:%S%z", "2026-03-01T08:30:00+0800"),
        ("%Y-%m-%dT%H:%M:%S%:z", "2026-03-01T08:30:00+08:00"),
        ("http", "Sun, 01 Mar 2026 00:30:00 GMT"),
    ],
)
def test_a_pattern_with_a_z_behind_the_clock_is_in_utc_and_others_in_the_source_s_zone(written: str, text: str):
    moment = datetime(2026, 3, 1, 0, 30, tzinfo=UTC)

    assert write_time(moment, written, SHANGHAI) == text
    assert read_time(text, written.replace("%:z", "%z"), SHANGHAI) == moment


@pytest.mark.parametrize(
    "value", ["/Date(1772325000000)/", "/Date(1772325000000+0800)/", "1772325000000", 1772325000000]
)
def test_milliseconds_are_read_as_dot_net_writes_them_too(value: Any):
    assert read_time(value, "epoch_ms", SHANGHAI) == datetime(2026, 3, 1, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"cap": 100}, "need `start`"),
        ({"cap": 100, "start": "2024-01-01"}, "two parameters"),
        ({"cap": 1, "start": "2024-01-01"}, "greater than or equal to 2"),
        ({"send": "date", "format": "%Y-%m-%d", "window": "7d", "start": "2024-01-01"}, "two parameters"),
        ({"end": "included"}, "exclusive"),
    ],
)
def test_options_that_cannot_work_are_named(wrong: dict[str, Any], said: str):
    with pytest.raises(ValidationError, match=said):
        build("rest", {"url": "https://host.example/x", "since": {"field": "at", "send": "after", **wrong}})
