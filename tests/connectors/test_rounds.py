"""One list for each value of a parameter: a division, a category, or both."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web
from pulling import broken_off, ids, pages, rest, stored, tickets
from pydantic import ValidationError
from upstream import Upstream, json, raw, serving

from hub.errors import SourceRefused, SourceUnavailable

NOW = datetime.now(UTC)
CODES = ["420802", "420804", "420822"]


class Divisions:
    """Seven tickets in each division, three a page; what is wrong with a division stands in `broken`."""

    def __init__(self) -> None:
        self.broken: dict[str, int] = {}

    def __call__(self, request: web.Request) -> web.Response:
        code = request.path.rpartition("/")[2]
        if code in self.broken:
            return json({}, self.broken[code])
        start = int(request.query["offset"])
        age = {code: 10 * (number + 1) for number, code in enumerate(CODES)}.get(code, 1)
        updated = (NOW - timedelta(days=age)).isoformat(timespec="seconds")
        return json([{"id": f"{code}-{n}", "updated": updated} for n in range(7)][start : start + 3])


def source_of(upstream: Upstream, codes: list[Any] = CODES, **options: Any) -> Any:
    return rest(f"{upstream.url}/t/{{code}}", for_each={"code": codes}, page={"by": "offset"}, **options)


async def test_one_list_is_walked_after_the_other_and_a_ticket_tells_which_it_came_with():
    async with serving(Divisions()) as upstream:
        found = await tickets(source_of(upstream))

    assert ids(found) == [f"{code}-{number}" for code in CODES for number in range(7)]
    assert found[8]["asked"] == {"code": "420804"}


async def test_each_list_remembers_how_far_it_was_pulled():
    async with serving(Divisions()) as upstream:
        source = source_of(
            upstream, since={"field": "updated", "send": "after", "format": "epoch_s", "read": "iso", "overlap": "0s"}
        )
        first = await pages(source)
        upstream.asked.clear()

        await tickets(source, stored(first[-1].cursor))

    asked = {request.path.rpartition("/")[2]: int(request.query["after"]) for request in upstream.asked}
    assert asked == {
        code: int((NOW - timedelta(days=10 * (number + 1))).timestamp()) for number, code in enumerate(CODES)
    }


async def test_a_run_resumes_in_the_list_in_which_it_was_cut_and_goes_on_with_the_next():
    async with serving(Divisions()) as upstream:
        source = source_of(upstream)
        whole = await pages(source)

        for place, page in enumerate(whole[:-1]):
            upstream.asked.clear()
            rest_of_it = await pages(source, stored(page.cursor))

            assert [each.tickets for each in rest_of_it] == [each.tickets for each in whole[place + 1 :]]

    assert whole[-1].cursor["at"] is None


async def test_a_list_that_is_refused_keeps_no_other_waiting_and_is_told_at_the_end():
    async with serving(divisions := Divisions()) as upstream:
        divisions.broken = {"420802": 403}
        found, error = await broken_off(source_of(upstream))

    got = [ticket for page in found for ticket in page.tickets]
    assert ids(got) == [f"{code}-{number}" for code in CODES[1:] for number in range(7)]
    assert isinstance(error, SourceRefused)
    assert "/t/420802 answered 403" in str(error)
    assert found[-1].cursor["at"] is None


async def test_a_list_that_is_away_ends_the_run_and_the_next_run_begins_behind_it():
    async with serving(divisions := Divisions()) as upstream:
        divisions.broken = {"420804": 503}
        source = source_of(upstream)
        before, error = await broken_off(source)

        found = await tickets(source, stored(before[-1].cursor))

    assert isinstance(error, SourceUnavailable)
    assert ids(found) == [f"420822-{number}" for number in range(7)]


async def test_a_login_that_is_no_longer_taken_ends_the_run_at_once():
    async with serving(lambda _: json({}, 401)) as upstream:
        with pytest.raises(SourceRefused, match="answered 401"):
            await tickets(source_of(upstream))

    assert len(upstream.asked) == 1


async def test_several_parameters_are_combined():
    async with serving(lambda _: json([])) as upstream:
        options = {
            "query": {"area": "{area}", "kind": "{kind}"},
            "for_each": {"area": [1, 2], "kind": ["投诉", "求助"]},
        }
        await tickets(rest(upstream.url, **options))

    assert [(query["area"], query["kind"]) for query in upstream.queries()] == [
        ("1", "投诉"),
        ("1", "求助"),
        ("2", "投诉"),
        ("2", "求助"),
    ]


async def test_a_value_that_is_added_is_pulled_from_its_start_and_one_that_is_gone_is_forgotten():
    async with serving(Divisions()) as upstream:
        since = {"field": "updated", "send": "after", "format": "epoch_s", "read": "iso"}
        first = await pages(source_of(upstream, CODES[:2], since=since))
        upstream.asked.clear()

        later = await pages(source_of(upstream, ["420804", "420881"], since=since), stored(first[-1].cursor))

    started = {request.path.rpartition("/")[2]: "after" in request.query for request in upstream.asked}
    assert started == {"420804": True, "420881": False}
    assert set(later[-1].cursor["each"]) == {"420804", "420881"}


async def test_a_cursor_from_before_there_were_rounds_says_how_far_each_was_pulled():
    since = {"field": "updated", "send": "after", "format": "epoch_s", "read": "iso", "overlap": "0s"}
    async with serving(Divisions()) as upstream:
        before = await pages(rest(f"{upstream.url}/t/420804", page={"by": "offset"}, since=since))
        upstream.asked.clear()

        await tickets(source_of(upstream, since=since), stored(before[-1].cursor))

    assert {query["after"] for query in upstream.queries()} == {str(int((NOW - timedelta(days=20)).timestamp()))}


async def test_a_stretch_of_the_past_is_read_in_every_round():
    async with serving(Divisions()) as upstream:
        since = {"field": "updated", "send": ["from", "to"], "read": "iso", "start": "2020-01-01"}
        source = source_of(upstream, since=since)
        cursor = source.between(datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 2, 1, tzinfo=UTC))

        found = await tickets(source, stored(cursor))

    assert len(found) == 21
    asked = {(query["from"], query["to"]) for query in upstream.queries()}
    assert asked == {("2024-01-01T00:00:00Z", "2024-02-01T00:00:00Z")}


class Folder:
    """A listing of files in XML, as blob stores give it, and the files: CSV with a header."""

    def __init__(self) -> None:
        self.files = {"a/1.csv": ("v1", "id\n1\n2"), "b 2.csv": ("v1", "id\n3")}

    def __call__(self, request: web.Request) -> web.Response:
        if request.path == "/list":
            blobs = "".join(f"<Blob><Name>{n}</Name><Etag>{v}</Etag></Blob>" for n, (v, _) in self.files.items())
            return raw(f"<Blobs>{blobs}</Blobs>", "text/xml")
        if request.path.startswith("/more/"):
            return json({"of": request.path})
        return raw(self.files[request.path.removeprefix("/files/")][1], "text/csv")


FILES = {"url": "/list", "records": "Blobs.Blob", "value": "Name", "version": "Etag"}


async def test_the_values_may_be_listed_by_the_source_and_one_that_has_not_changed_is_not_walked_again():
    async with serving(folder := Folder()) as upstream:
        source = rest(f"{upstream.url}/files/{{file}}", for_each={"file": FILES}, format="csv")
        first = await pages(source)
        folder.files |= {"b 2.csv": ("v2", "id\n3\n4"), "c.csv": ("v1", "id\n5")}
        upstream.asked.clear()

        later = await pages(source, stored(first[-1].cursor))

    assert [(ids(list(page.tickets)), page.tickets[0]["asked"]["file"]) for page in first] == [
        (["1", "2"], "a/1.csv"),
        (["3"], "b 2.csv"),
    ]
    assert [request.raw_path for request in upstream.asked] == ["/list", "/files/b%202.csv", "/files/c.csv"]
    assert ids([ticket for page in later for ticket in page.tickets]) == ["3", "4", "5"]


async def test_what_is_asked_for_besides_a_csv_list_need_not_be_csv():
    async with serving(Folder()) as upstream:
        options = {"format": "csv", "detail": {"url": "/more/{id}"}}
        found = await tickets(rest(f"{upstream.url}/files/a/1.csv", **options))

    assert [ticket["detail"] for ticket in found] == [{"of": "/more/1"}, {"of": "/more/2"}]


async def test_values_may_be_bare_texts_in_pages():
    def answer(request: web.Request) -> web.Response:
        if request.path == "/areas":
            return json({"1": ["东宝", "掇刀"], "2": ["沙洋", "东宝"]}.get(request.query["page"], []))
        return json([{"id": request.query["area"]}])

    async with serving(answer) as upstream:
        areas = {"url": "/areas", "page": {"by": "page"}}
        found = await tickets(rest(f"{upstream.url}/t", query={"area": "{area}"}, for_each={"area": areas}))

    assert ids(found) == ["东宝", "掇刀", "沙洋"]


async def test_rows_without_the_value_and_rounds_beyond_all_measure_are_refused():
    for rows, said in (([{"code": 1}], "without a value"), (list(range(10_001)), "more than 10000 rounds")):
        async with serving(lambda r, rows=rows: json(rows if r.path == "/areas" else [])) as upstream:
            source = rest(f"{upstream.url}/{{area}}", for_each={"area": {"url": "/areas"}})
            with pytest.raises(SourceRefused, match=said):
                await tickets(source)

        assert len(upstream.asked) == 1


async def test_links_are_followed_from_the_url_of_their_round():
    def linked(request: web.Request) -> web.Response:
        page = int(request.query.get("page", 1))
        return json([{"id": request.path_qs}], **({"Link": '<?page=2>; rel="next"'} if page == 1 else {}))

    async with serving(linked) as upstream:
        source = rest(f"{upstream.url}/t/{{code}}/list", for_each={"code": ["a/b", "c"]}, page={"by": "link"})

        assert ids(await tickets(source)) == [
            "/t/a%2Fb/list",
            "/t/a%2Fb/list?page=2",
            "/t/c/list",
            "/t/c/list?page=2",
        ]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"for_each": {"code": []}}, "at least 1"),
        ({"for_each": {"page": [1]}, "query": {"p": "{page}"}}, "a meaning already"),
        ({"for_each": {"code": [1]}}, "goes nowhere"),
        ({"query": {"c": "{code}"}}, "no value is called {code}"),
        ({"query": {"c": "{code}"}, "for_each": {"code": {"url": "/{id}"}}}, "no value is called {id}"),
    ],
)
def test_rounds_that_cannot_work_are_named(wrong: dict[str, Any], said: str):
    with pytest.raises(ValidationError, match=said):
        rest("https://host.example/", **wrong)


async def test_a_cursor_that_is_none_is_refused():
    async with serving(Divisions()) as upstream:
        with pytest.raises(SourceRefused, match="cursor"):
            await tickets(source_of(upstream), {"each": 7})
