"""GraphQL sources: pages, variables and details from a Strawberry server, and answers that a real one never gives."""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from traceback import format_exception
from typing import Any

import orjson
import pytest
from aiohttp import web
from graphql_city import CALLED, answer
from pulling import QUICK, build, ids, pages, stored, tickets
from upstream import Upstream, in_turn, json, raw, serving

from hub.connectors.base import Connector
from hub.errors import OptionsError, SourceRefused, SourceUnavailable

QUERY = """
query Tickets($first: Int!, $after: String, $filter: TicketFilter) {
  tickets(first: $first, after: $after, filter: $filter) {
    pageInfo { hasNextPage endCursor }
    edges { node { sqbh title status updatedAt } }
  }
}
"""
SLICE = """
query ($offset: Int!, $limit: Int!, $since: Int) {
  slice(offset: $offset, limit: $limit, since: $since) { total items { sqbh updatedAt } }
}
"""
HISTORY = "query History($number: String!) { history(sqbh: $number) { at text } }"
PLAIN = "{ tickets { id name } }"
RELAY = {"by": "relay", "size": {"value": 5}}


def graphql(url: str, query: str | None = QUERY, **options: Any) -> Connector:
    given = {"query": query} if query else {}
    paged = {"page": RELAY} if query == QUERY else {}
    return build("graphql", {**QUICK, "url": url, **given, **paged, **options})


def plain(url: str, **options: Any) -> Connector:
    return graphql(url, PLAIN, records="data.tickets", **options)


def variables(upstream: Upstream) -> list[dict[str, Any]]:
    return [orjson.loads(body)["variables"] for body in upstream.bodies]


def errors(*codes: str | None, status: int = 200, **beside: Any) -> Callable[[web.Request], web.Response]:
    """An answer of nothing but errors, one for each code."""
    told = [
        {"message": "不行", "path": ["tickets", 3], **({"extensions": {"code": code}} if code else {})}
        for code in codes
    ]
    return lambda _: json({"errors": told, **beside}, status)


def given(*rows: Any) -> dict[str, Any]:
    return {"data": {"tickets": list(rows)}}


ONE = {"id": "1", "name": "路灯"}


# ── pages ──


async def test_a_connection_is_walked_by_what_the_query_asks_for():
    async with serving(answer) as upstream:
        found = await pages(graphql(upstream.url))

    assert [len(page.tickets) for page in found] == [5, 5, 4]
    assert ids([t for page in found for t in page.tickets], "sqbh") == [f"QY{n:04}" for n in range(14)]
    assert "after" not in variables(upstream)[0]
    assert {asked["first"] for asked in variables(upstream)} == {5}
    assert orjson.loads(upstream.bodies[0])["operationName"] == "Tickets"


async def test_variables_of_the_options_and_those_of_the_walk_meet_in_one_object():
    filtered = {"variables": {"filter": {"status": "OPEN"}}}
    since = {"field": "updatedAt", "send": "filter.updatedAfter", "start": "2026-03-05"}
    async with serving(answer) as upstream:
        found = await tickets(graphql(upstream.url, **filtered, since=since))

    assert variables(upstream)[0] == {
        "first": 5,
        "filter": {"status": "OPEN", "updatedAfter": "2026-03-04T16:00:00Z"},
    }
    assert ids(found, "sqbh") == ["QY0005", "QY0007", "QY0009", "QY0011", "QY0013"]


async def test_the_next_run_asks_from_the_newest_ticket_less_the_overlap():
    since = {"field": "updatedAt", "send": "filter.updatedAfter", "overlap": "1h"}
    async with serving(answer) as upstream:
        connector = graphql(upstream.url, since=since)
        first = await pages(connector)
        upstream.bodies.clear()

        again = await tickets(connector, stored(first[-1].cursor))

    assert variables(upstream)[0]["filter"] == {"updatedAfter": "2026-03-13T23:00:00Z"}
    assert ids(again, "sqbh") == ["QY0013"]


async def test_a_stretch_of_the_past_can_be_asked_for():
    since = {"field": "updatedAt", "send": "filter.updatedAfter"}
    async with serving(answer) as upstream:
        connector = graphql(upstream.url, since=since)

        await pages(connector, stored(connector.between(CALLED[10], CALLED[12])))  # type: ignore[attr-defined]

    assert variables(upstream)[0]["filter"] == {"updatedAfter": "2026-03-11T00:00:00Z"}


async def test_offsets_sizes_and_epochs_are_sent_as_the_numbers_that_the_query_declares():
    page = {"by": "offset", "total": "data.slice.total", "size": {"send": "limit", "value": 4}}
    since = {"field": "updatedAt", "send": "since", "format": "epoch_s", "read": "iso", "start": "2026-03-08"}
    async with serving(answer) as upstream:
        found = await tickets(graphql(upstream.url, SLICE, records="data.slice.items", page=page, since=since))

    start = int(datetime(2026, 3, 7, 16, tzinfo=UTC).timestamp())
    assert variables(upstream) == [{"offset": n, "limit": 4, "since": start} for n in (0, 4)]
    assert ids(found, "sqbh") == [f"QY{n:04}" for n in range(7, 14)]


@pytest.mark.parametrize(
    ("declared", "sent"), [("Int", 0), ("NonNegativeInt!", 0), ("String", "0"), ("ID!", "0"), ("Float", 0)]
)
async def test_a_page_number_is_written_as_its_variable_is_declared(declared, sent):
    query = f"query ($n: {declared}) {{ tickets(n: $n) {{ id }} }}"
    async with serving(in_turn(given())) as upstream:
        page = {"by": "page", "send": "n", "first": 0}

        await tickets(graphql(upstream.url, query, records="data.tickets", page=page))

    assert variables(upstream) == [{"n": sent}]


async def test_a_cursor_of_digits_stays_the_text_that_it_is():
    query = "query ($c: Cursor) { tickets(c: $c) { next rows { id } } }"
    first = {"data": {"tickets": {"next": "0042", "rows": [ONE]}}}
    last = {"data": {"tickets": {"next": None, "rows": []}}}
    async with serving(in_turn(first, last)) as upstream:
        page = {"by": "cursor", "send": "c", "next": "data.tickets.next"}

        await tickets(graphql(upstream.url, query, records="data.tickets.rows", page=page))

    assert variables(upstream) == [{}, {"c": "0042"}]


@pytest.mark.parametrize(("declared", "first", "later"), [("bigint!", 0, 2), ("String!", "0", "2")])
async def test_a_table_that_is_asked_beyond_its_last_id_is_walked(declared, first, later):
    query = f"query ($after: {declared}) {{ tickets(where: {{id: {{_gt: $after}}}}) {{ id }} }}"
    page = {"by": "last", "send": "after", "from": "id", "first": 0}
    async with serving(in_turn(given({"id": 1}, {"id": 2}), given())) as upstream:
        found = await tickets(graphql(upstream.url, query, records="data.tickets", page=page))

    assert ids(found) == [1, 2]
    assert variables(upstream) == [{"after": first}, {"after": later}]


async def test_nodes_are_read_where_the_query_has_no_edges_and_null_ones_are_none():
    query = "query ($after: String) { me { all: tickets(after: $after) { pageInfo { hasNextPage endCursor } %s } } }"
    last = {"hasNextPage": False, "endCursor": None}
    async with serving(in_turn({"data": {"me": {"all": {"pageInfo": last, "nodes": [ONE]}}}})) as upstream:
        assert await tickets(graphql(upstream.url, query % "nodes { id }", page={"by": "relay"})) == [ONE]
    edges = [{"node": ONE}, {"node": None}, None]
    async with serving(in_turn({"data": {"me": {"all": {"pageInfo": last, "edges": edges}}}})) as upstream:
        assert await tickets(graphql(upstream.url, query % "edges { node { id } }", page={"by": "relay"})) == [ONE]


async def test_a_connection_that_promises_a_page_and_gives_no_cursor_is_not_taken_for_its_end():
    promise = {"pageInfo": {"hasNextPage": True, "endCursor": None}, "edges": [{"node": ONE}]}
    async with serving(in_turn({"data": {"tickets": promise}})) as upstream:
        with pytest.raises(SourceRefused, match="gives no endCursor"):
            await tickets(graphql(upstream.url))


async def test_a_connection_whose_cursor_never_moves_is_left():
    stuck = {"pageInfo": {"hasNextPage": True, "endCursor": "c"}, "edges": [{"node": ONE}]}
    async with serving(in_turn({"data": {"tickets": stuck}})) as upstream:
        with pytest.raises(SourceRefused, match="same page again"):
            await tickets(graphql(upstream.url))

    assert len(upstream.asked) == 2


async def test_a_cursor_that_outlives_the_run_is_kept():
    page = {**RELAY, "keep": True}
    async with serving(answer) as upstream:
        connector = graphql(upstream.url, page=page)
        first = await pages(connector)
        upstream.bodies.clear()

        assert await tickets(connector, stored(first[-1].cursor)) == []

    assert variables(upstream)[0]["after"] is not None


# ── how it is asked ──


async def test_a_get_carries_the_query_and_its_variables_in_the_url():
    async with serving(answer) as upstream:
        found = await tickets(graphql(upstream.url, method="GET"))

    assert len(found) == 14
    assert {request.method for request in upstream.asked} == {"GET"}
    assert orjson.loads(upstream.asked[0].query["variables"]) == {"first": 5}


async def test_the_query_may_stand_in_a_file(tmp_path: Path):
    (tmp_path / "tickets.graphql").write_text(QUERY, encoding="utf-8-sig")
    async with serving(answer) as upstream:
        options = {**QUICK, "url": upstream.url, "query": "file:tickets.graphql", "page": RELAY}

        assert len(await tickets(build("graphql", options, tmp_path))) == 14


def test_a_mistake_in_a_file_is_told_with_its_line_there(tmp_path: Path):
    (tmp_path / "tickets.graphql").write_text("{\n  tickets {\n    ...Fields\n  }\n}\n")
    options = {"url": "https://a.example/graphql", "query": "file:tickets.graphql", "records": "data.tickets"}

    with pytest.raises(OptionsError) as caught:
        build("graphql", options, tmp_path)

    assert caught.value.problems == ((("query",), "tickets.graphql:3: Unknown fragment 'Fields'"),)


@pytest.mark.parametrize("content", [b"\xb2\xe9\xd1\xaf", b"x" * (2**20 + 1)])
def test_a_file_that_is_no_query_is_refused(content, tmp_path: Path):
    (tmp_path / "tickets.graphql").write_bytes(content)

    with pytest.raises(OptionsError, match=r"not text in UTF-8|larger than 1 MiB"):
        build("graphql", {"url": "https://a.example", "query": "file:tickets.graphql"}, tmp_path)


def persisted(text: str) -> dict[str, Any]:
    return {"persistedQuery": {"version": 1, "sha256Hash": hashlib.sha256(text.encode()).hexdigest()}}


async def test_a_persisted_query_is_asked_for_by_its_hash_alone():
    async with serving(in_turn(given(ONE))) as upstream:
        found = await tickets(graphql(upstream.url, None, records="data.tickets", extensions=persisted(PLAIN)))

    assert found == [ONE]
    assert orjson.loads(upstream.bodies[0]) == {"extensions": persisted(PLAIN), "variables": {}}


@pytest.mark.parametrize("status", [200, 400, 404])
async def test_a_hash_that_the_source_has_forgotten_is_sent_once_more_with_the_document(status):
    forgotten = errors("PERSISTED_QUERY_NOT_FOUND", status=status)
    async with serving(in_turn(forgotten, given(ONE))) as upstream:
        assert await tickets(plain(upstream.url, extensions=persisted(PLAIN))) == [ONE]

    bodies = [orjson.loads(body) for body in upstream.bodies]
    assert [body.get("query") for body in bodies] == [None, PLAIN]
    assert {orjson.dumps(body["extensions"]) for body in bodies} == {orjson.dumps(persisted(PLAIN))}


async def test_a_hash_that_the_source_never_learns_is_refused():
    async with serving(errors("PERSISTED_QUERY_NOT_FOUND")) as upstream:
        with pytest.raises(SourceRefused, match="PERSISTED_QUERY_NOT_FOUND"):
            await tickets(plain(upstream.url, extensions=persisted(PLAIN)))
        with pytest.raises(SourceRefused, match="write the document under `query`"):
            await tickets(graphql(upstream.url, None, records="data.tickets", extensions=persisted(PLAIN)))

    assert len(upstream.asked) == 3


# ── details ──


async def test_a_second_query_is_asked_for_each_ticket():
    detail = {"query": HISTORY, "variables": {"number": "sqbh"}, "into": "history", "only_if": "status"}
    async with serving(answer) as upstream:
        found = await tickets(graphql(upstream.url, detail=detail, variables={"filter": {"status": "OPEN"}}))

    histories = {ticket["sqbh"]: ticket["history"] for ticket in found}
    assert histories["QY0003"] is None
    assert histories["QY0005"] == [{"at": "2026-03-01T08:00:00+08:00", "text": "已派单 QY0005"}]


async def test_a_ticket_without_the_value_of_a_variable_is_not_asked_about():
    detail = {"query": HISTORY, "variables": {"number": "code"}}
    rows = [{"id": 1, "code": 7}, {"id": 2}, {"id": 3, "code": ""}]
    async with serving(in_turn(given(*rows), {"data": {"history": ["noted"]}})) as upstream:
        found = await tickets(plain(upstream.url, detail=detail))

    assert found == [{**rows[0], "detail": ["noted"]}, *rows[1:]]
    assert variables(upstream)[1:] == [{"number": "7"}]


async def test_several_details_follow_one_another_and_know_what_came_before():
    organ = {"query": "query ($no: ID!) { organ(no: $no) { id } }", "variables": {"no": "organ"}, "into": "organ"}
    head = {"query": "query ($id: Int!) { head(id: $id) { name } }", "variables": {"id": "organ.id"}, "into": "head"}
    answers = given({"id": 1, "organ": "A"}), {"data": {"organ": {"id": "7"}}}, {"data": {"head": {"name": "李某"}}}
    async with serving(in_turn(*answers)) as upstream:
        found = await tickets(plain(upstream.url, detail=[organ, head]))

    assert found == [{"id": 1, "organ": {"id": "7"}, "head": {"name": "李某"}}]
    assert variables(upstream)[1:] == [{"no": "A"}, {"id": 7}]


async def test_an_endpoint_that_is_gone_is_not_a_ticket_without_detail():
    detail = {"query": HISTORY, "variables": {"number": "id"}}
    async with serving(in_turn(given(ONE), lambda _: raw("nothing here", "text/plain", 404))) as upstream:
        with pytest.raises(SourceRefused, match="answered 404 Not Found; check `url`"):
            await tickets(plain(upstream.url, detail=detail))


# ── errors ──


@pytest.mark.parametrize("status", [200, 400, 403])
@pytest.mark.parametrize("code", ["RATE_LIMITED", "throttled", "TOO-MANY-REQUESTS", "INTERNAL_SERVER_ERROR"])
async def test_a_code_that_asks_for_patience_is_asked_again(code, status):
    async with serving(in_turn(errors(code, status=status), given(ONE))) as upstream:
        assert await tickets(plain(upstream.url)) == [ONE]
    async with serving(errors(code, status=status)) as upstream:
        with pytest.raises(SourceUnavailable, match=f"answered {status} with errors: '不行' at tickets.3"):
            await tickets(plain(upstream.url))

    assert len(upstream.asked) == 3


@pytest.mark.parametrize("status", [200, 400, 401, 403])
async def test_a_token_that_ran_out_is_renewed_once(status):
    login = {"login": {"url": "http://127.0.0.1", "send": {"user": "hub"}, "token": "token"}}
    logins: list[int] = []

    def city(request: web.Request) -> web.Response:
        if request.path == "/login":
            logins.append(1)
            return json({"token": f"t-{len(logins)}"})
        good = request.headers["Authorization"] == "Bearer t-2"
        return json(given(ONE)) if good else errors("UNAUTHENTICATED", status=status)(request)

    async with serving(city) as upstream:
        login["login"]["url"] = f"{upstream.url}/login"

        assert await tickets(plain(f"{upstream.url}/graphql", auth=login)) == [ONE]

    assert len(logins) == 2


async def test_without_a_token_to_renew_unauthenticated_is_refused():
    async with serving(errors("UNAUTHENTICATED")) as upstream:
        with pytest.raises(SourceRefused, match="check `auth`"):
            await tickets(plain(upstream.url, auth={"bearer": "t-1"}))

    assert len(upstream.asked) == 1


@pytest.mark.parametrize("status", [200, 400, 422])
@pytest.mark.parametrize("code", ["FORBIDDEN", "BAD_USER_INPUT", None])
async def test_any_other_error_is_refused_at_once(code, status):
    async with serving(errors(code, status=status)) as upstream:
        with pytest.raises(SourceRefused, match=f"answered {status} with errors: '不行' at tickets.3"):
            await tickets(plain(upstream.url))

    assert len(upstream.asked) == 1


@pytest.mark.parametrize(
    "error",
    [
        {"message": "slow down", "type": "RATE_LIMITED"},
        {"message": "slow down", "errorType": "throttled"},
        {"message": "slow down", "extensions": {"classification": "TOO_MANY_REQUESTS"}},
    ],
)
async def test_a_code_is_found_where_the_usual_servers_put_it(error):
    async with serving(in_turn({"errors": [error]}, given(ONE))) as upstream:
        assert await tickets(plain(upstream.url)) == [ONE]


async def test_the_codes_of_a_source_can_be_told():
    meaning = {"code": "extensions.no", "retry": ["E-17"]}
    own = {"errors": [{"message": "忙", "extensions": {"no": "e_17"}}]}
    async with serving(in_turn(own, given(ONE))) as upstream:
        assert await tickets(plain(upstream.url, errors=meaning)) == [ONE]


async def test_data_beside_errors_is_refused_unless_it_is_wanted():
    partial = errors("NOT_FOUND", **given({**ONE, "name": None}))
    async with serving(partial) as upstream:
        with pytest.raises(SourceRefused, match=r"errors\.partial: keep"):
            await tickets(plain(upstream.url))

        found = await tickets(plain(upstream.url, errors={"partial": "keep"}))

    assert found == [{"id": "1", "name": None}]


@pytest.mark.parametrize("data", [None, {"tickets": None}])
async def test_errors_in_the_place_of_the_list_are_never_an_empty_list(data):
    async with serving(errors(None, data=data)) as upstream:
        with pytest.raises(SourceRefused, match="with errors"):
            await tickets(plain(upstream.url, errors={"partial": "keep"}))


async def test_a_code_that_asks_for_patience_counts_beside_data_too():
    busy = errors("TIMEOUT", **given(ONE))
    async with serving(busy) as upstream:
        with pytest.raises(SourceUnavailable):
            await tickets(plain(upstream.url, errors={"partial": "keep"}))


async def test_a_field_that_the_service_does_not_have_is_named():
    async with serving(answer) as upstream:
        with pytest.raises(SourceRefused, match="Cannot query field 'priority' on type 'Ticket'"):
            await tickets(graphql(upstream.url, "{ broken { priority } }", records="data.broken"))


async def test_a_resolver_that_fails_is_told_with_its_path():
    async with serving(answer) as upstream:
        with pytest.raises(SourceRefused, match="'boom' at broken"):
            await tickets(graphql(upstream.url, "{ broken { sqbh } }", records="data.broken"))


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("[]", "not GraphQL: it holds a list"),
        ("7", "not GraphQL: it holds a number"),
        ('{"tickets": []}', "not GraphQL: it holds tickets, and no `data`"),
        ("<html><body>维护中</body></html>", "not JSON but"),
        ("", "an empty body"),
        ('{"data": {"ticket": []}}', "holds no `tickets` of `records: data.tickets`"),
        ('{"errors": "系统繁忙"}', "'系统繁忙'"),
        ('{"errors": [null, 7, {"message": ["x"]}, {}]}', "with errors: .* and 1 more"),
        ('{"errors": {"message": "one"}}', "'one'"),
    ],
)
async def test_what_is_no_answer_is_refused(body, told):
    async with serving(lambda _: raw(body)) as upstream:
        with pytest.raises(SourceRefused, match=told):
            await tickets(plain(upstream.url))


async def test_a_media_type_of_its_own_is_read():
    async with serving(lambda _: raw(orjson.dumps(given(ONE)), "application/graphql-response+json")) as upstream:
        assert await tickets(plain(upstream.url)) == [ONE]

    assert upstream.asked[0].headers["Accept"].startswith("application/graphql-response+json, application/json")


@pytest.mark.parametrize("status", [200, 400, 503])
async def test_no_secret_of_headers_or_variables_is_quoted_back(status):
    secret = "s3cret-é/値" + "x" * 190
    told = {"errors": [{"message": f"{'y' * 60} $key got {secret}, key {secret[:-1]}", "path": [secret]}]}
    async with serving(lambda _: json(told, status)) as upstream:
        connector = graphql(
            upstream.url,
            "query ($key: String!) { tickets(key: $key) { id } }",
            records="data.tickets",
            variables={"key": secret},
            headers={"X-Key": secret[:-1]},
        )
        with pytest.raises((SourceRefused, SourceUnavailable)) as caught:
            await tickets(connector)

    told = "".join(format_exception(caught.value)) + str(caught.value)
    assert "s3cret" not in told
    assert "***" in told
