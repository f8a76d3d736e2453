"""Queries made to hurt, and requests that are none: each gets its own clear error, fast, and the server lives on."""

import time

import pytest
from graphql import parse

from hub.schema.limits import measure
from tests.schema.conftest import NEW

OLD = "application/json"


def chain(length: int, spread: str = "...F{0} ...F{0}") -> str:
    """Fragments that each spread the next one twice: 2^length fields when they are followed."""
    fragments = [f"fragment F{n} on Query {{ {spread.format(n + 1)} }}" for n in range(length)]
    return " ".join(["{ ...F0 }", *fragments, f"fragment F{length} on Query {{ lastChangeNumber }}"])


def circle(rounds: int) -> str:
    return "{ __schema { types { " + "fields { type { " * rounds + "name" + " } }" * rounds + " } } }"


DEEP = (
    "{ appeals { nodes { "
    + "source { name } changes(first: 1) { nodes { appeal { " * 3
    + "id"
    + " } } }" * 3
    + " } } }"
)
ALIASES = "{" + " ".join(f"a{n}: lastChangeNumber" for n in range(16)) + "}"
SPREAD = (
    "{ appeals { nodes { ...A ...A } } sources { ...S } } fragment A on Appeal { a: id b: id c: id d: id "
    "e: id f: id g: id h: id } "
    "fragment S on Source { name }"
)
BOMB = (
    "{ appeals { nodes { ...F0 } } }"
    + "".join(f" fragment F{n} on Appeal {{ a{n}: title ...F{n + 1} ...F{n + 1} }}" for n in range(40))
    + " fragment F40 on Appeal { id }"
)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        pytest.param(DEEP, "DEPTH_LIMIT", id="row 1: depth 11"),
        pytest.param(ALIASES, "ALIAS_LIMIT", id="row 2: 16 aliases"),
        pytest.param(SPREAD, "ALIAS_LIMIT", id="row 3: 16 aliases by a fragment spread twice"),
        pytest.param(BOMB, "ALIAS_LIMIT", id="row 3: 2^40 aliases by fragments"),
        pytest.param(
            "{ lastChangeNumber " + "@skip(if: false) " * 51 + "}", "DIRECTIVE_LIMIT", id="row 4: 51 directives"
        ),
        pytest.param("{ " + "lastChangeNumber " * 999 + "}", "TOKEN_LIMIT", id="row 5: 1,001 tokens"),
        pytest.param("{ " + "lastChangeNumber " * 5_000 + "}", "TOKEN_LIMIT", id="row 12: one field 5,000 times"),
        pytest.param("#\n" * 30_000 + "{ lastChangeNumber }", "TOKEN_LIMIT", id="30,000 comments"),
        pytest.param("{" * 20_000, "SYNTAX_ERROR", id="row 7: 20,000 braces"),
        pytest.param("{a" * 7_000 + "}" * 7_000, "NESTING_LIMIT", id="a document 7,000 deep"),
        pytest.param("{a(b:" + "[" * 5_000 + "]" * 5_000 + ")}", "NESTING_LIMIT", id="row 8: 5,000 nested lists"),
        pytest.param("{a(b:" + "{c:" * 5_000 + "1" + "}" * 5_000 + ")}", "NESTING_LIMIT", id="5,000 nested objects"),
        pytest.param("{ ...F0 } fragment F0 on Query { ...F0 }", "INVALID_QUERY", id="row 9: circular fragments"),
        pytest.param(chain(2).replace("lastChangeNumber", "...F0"), "INVALID_QUERY", id="row 9: a wider circle"),
        pytest.param("{ " + "lastChangeNumber " * 11 + "}", "ROOT_FIELD_LIMIT", id="11 root fields"),
        pytest.param(chain(30), "ROOT_FIELD_LIMIT", id="2^30 root fields by fragments"),
        pytest.param("{ appeals(first: 2147483647) { nodes { id } } }", "COST_LIMIT", id="row 10: first 2^31-1"),
        pytest.param("{ appeals(first: 101) { totalCount } }", "BAD_INPUT", id="row 10: first 101"),
        pytest.param("{ appeals(first: -1) { nodes { id } } }", "BAD_INPUT", id="row 10: negative first"),
        pytest.param("{ appeals(last: 101) { totalCount } }", "BAD_INPUT", id="row 10: last 101"),
        pytest.param("{ appeals(first: 1, last: 1) { totalCount } }", "BAD_INPUT", id="first and last together"),
        pytest.param(
            "{ appeals(first: 100) { nodes { changes(first: 100) { nodes { number } } } } }",
            "COST_LIMIT",
            id="row 11: 10,000",
        ),
        pytest.param(
            "query Q($n: Int = 100) { appeals(first: $n) { nodes { changes(first: 60) { nodes { number } } } } }",
            "COST_LIMIT",
            id="row 11: by a variable",
        ),
        pytest.param(
            "{ appeals(first: 100) { ...C } } fragment C on AppealConnection { nodes { ...A } } "
            "fragment A on Appeal { changes(first: 100) { edges { node { number } } } }",
            "COST_LIMIT",
            id="row 11: by fragments",
        ),
        pytest.param(circle(3), "DEPTH_LIMIT", id="row 19: circular introspection"),
        pytest.param(circle(8), "DEPTH_LIMIT", id="row 19: deep introspection"),
        pytest.param('{ node(id: "a\\u0000b") { id } }', "BAD_INPUT", id="row 29: NUL in a literal"),
        pytest.param('{ node(id: "\\ud800") { id } }', "SYNTAX_ERROR", id="row 30: lone surrogate in a literal"),
        pytest.param(
            "{ appeals(first: " + "1" * 5_000 + ") { totalCount } }", "INVALID_QUERY", id="row 26: 5,000 digits"
        ),
        pytest.param("{ appeals(first: 1e400) { totalCount } }", "INVALID_QUERY", id="row 26: 10^400"),
        pytest.param(
            '{ appeals(filter: {created: {since: "2026-01-01T00:00:00"}}) { totalCount } }',
            "INVALID_QUERY",
            id="no offset",
        ),
        pytest.param(
            '{ appeals(filter: {created: {since: "0001-01-01T00:00:00+23:00"}}) { totalCount } }',
            "INVALID_QUERY",
            id="year 0",
        ),
        pytest.param(
            '{ appeals(filter: {created: {since: "2026-02-30T00:00:00Z"}}) { totalCount } }',
            "INVALID_QUERY",
            id="30 February",
        ),
        pytest.param('{ appeals(filter: {text: "' + "长" * 201 + '"}) { totalCount } }', "BAD_INPUT", id="a long text"),
        pytest.param(
            "{ appealStatistics(groupBy: [SOURCE, KIND, TOPIC, GRID, AREA, STATUS]) { count } }",
            "BAD_INPUT",
            id="6 dimensions",
        ),
        pytest.param(
            "query A { lastChangeNumber } query B { lastChangeNumber }", "BAD_INPUT", id="two operations, no name"
        ),
        pytest.param("subscription { appealChanged { number } }", "WRONG_OPERATION_KIND", id="subscription over POST"),
        pytest.param("fragment F on Query { lastChangeNumber }", "BAD_INPUT", id="no operation"),
        pytest.param("", "SYNTAX_ERROR", id="an empty document"),
        pytest.param("{ nothing }", "INVALID_QUERY", id="an unknown field"),
    ],
)
async def test_a_harmful_query_is_refused_fast_with_its_code(city, query, code):
    began = time.process_time()

    reply = await city.ask(query)

    took = time.process_time() - began  # of this process alone, so that a busy machine changes nothing
    assert set(reply.codes) == {code}
    assert reply.body.get("data") is None
    assert took < 1
    assert (await city.ask("{ __typename }")).data == {"__typename": "Query"}


async def test_a_limit_error_names_the_limit_and_the_value(city):
    reply = await city.ask(ALIASES)

    assert reply.status == 400
    assert reply.body == {
        "errors": [
            {
                "message": "the query has 16 aliases; the limit is 15",
                "extensions": {"code": "ALIAS_LIMIT", "limit": 15, "value": 16},
            }
        ]
    }


@pytest.mark.parametrize(
    "query",
    [
        "{" + " ".join(f"a{n}: lastChangeNumber" for n in range(10)) + "}",
        "{ appeals(first: 100) { nodes { id source { name } } } }",
        "{ appeals { edges { node { source { health { lastTally { landed } } } } } } }",
        "{ lastChangeNumber " + "@skip(if: false) @include(if: true) }",
        "{ ...F0 } "
        + " ".join(f"fragment F{n} on Query {{ ...F{n + 1} }}" for n in range(100))
        + " fragment F100 on Query { lastChangeNumber }",
    ],
)
async def test_a_query_just_inside_the_limits_is_answered(city, query):
    assert (await city.ask(query)).data


def test_size_is_measured_in_one_step_a_fragment():
    fragments = " ".join(f"fragment F{n} on Query {{ x: __typename ...F{n + 1} ...F{n + 1} }}" for n in range(60))
    document = parse("{ ...F0 } " + fragments + " fragment F60 on Query { __typename }")
    began = time.process_time()

    size = measure(document)

    assert size.aliases == 2**60 - 1
    assert time.process_time() - began < 0.1


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param(b'{"query": "{ __typename }", "variables": {"a": NaN}}', 400, id="row 26: NaN"),
        pytest.param(b'{"query": "{ __typename }", "variables": {"a": 1e400}}', 400, id="row 26: 10^400"),
        pytest.param(
            b'{"query": "{ __typename }", "variables": {"a": ' + b"1" * 5_000 + b"}}", 400, id="row 26: 5,000 digits"
        ),
        pytest.param(
            b'{"query": "{ __typename }", "variables": {"a": "\\u0000"}}', 400, id="row 29: NUL in a variable"
        ),
        pytest.param(
            b'{"query": "{ __typename }", "variables": {"a": [{"\\u0000": 1}]}}', 400, id="row 29: NUL in a name"
        ),
        pytest.param(b'{"query": "{ __typename }", "variables": {"a": "\\ud800"}}', 400, id="row 30: lone surrogate"),
        pytest.param(b'{"query": "{ __typename }", "variables": {"a": "\xed\xa0\x80"}}', 400, id="row 30: as bytes"),
        pytest.param(
            b'{"query": "{ __typename }", "variables": ' + b"[" * 5_000 + b"]" * 5_000 + b"}", 400, id="nested JSON"
        ),
        pytest.param(b"", 400, id="nothing"),
        pytest.param(b"null", 400, id="null"),
        pytest.param(b'"{ __typename }"', 400, id="text"),
        pytest.param(b"{}", 400, id="no query"),
        pytest.param(b'{"query": 1}', 400, id="a number for a query"),
        pytest.param(b'{"query": "{ __typename }", "variables": []}', 400, id="a list of variables"),
        pytest.param(b'{"query": "{ __typename }", "variables": "{}"}', 400, id="text for variables"),
        pytest.param(b'{"query": "{ __typename }", "operationName": 1}', 400, id="a number for a name"),
        pytest.param(b'{"query": "{ __typename }", "operationName": "X"}', 400, id="an unknown name"),
        pytest.param(b'{"query": "{ __typename }", "extensions": 1}', 400, id="a number for extensions"),
        pytest.param(b'{"query": "' + b"a" * 100_000 + b'"}', 413, id="100 KB"),
        pytest.param(b'{"query": "{' + b"a:__typename " * 150_000 + b'}"}', 413, id="row 6: 1.8 MB of aliases"),
    ],
)
@pytest.mark.parametrize("accept", [NEW, OLD])
async def test_a_request_that_is_none_gets_its_status(city, body, status, accept):
    reply = await city.post(body, accept=accept)

    assert reply.status == status
    assert reply.codes == ["BODY_LIMIT" if status == 413 else "BAD_INPUT"]
    assert "data" not in reply.body


async def test_row_26_a_variable_of_the_wrong_type_is_the_clients_mistake(city):
    query = "query F($first: Int, $f: AppealFilter) { appeals(first: $first, filter: $f) { totalCount } }"
    for variables in (
        {"first": "many"},
        {"first": 2**31},
        {"first": 1.5},
        {"f": {"status": ["NOPE"]}},
        {"f": {"x": 1}},
    ):
        reply = await city.ask(query, **variables)

        assert reply.status == 400
        assert set(reply.codes) == {"BAD_INPUT"}


@pytest.mark.parametrize(
    "content",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "",
        "application/json; charset=gbk",
        "application/xml",
        "application/json-patch+json",
    ],
)
async def test_rows_15_and_16_only_json_is_read(city, content):
    reply = await city.post(b'{"query": "{ __typename }"}', content=content)

    assert reply.status == 415
    assert reply.codes == ["UNSUPPORTED_MEDIA_TYPE"]


async def test_a_compressed_body_is_not_unpacked(city):
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    reply = await city.send("POST", data=b"\x1f\x8b\x08", headers=headers)

    assert reply.status == 415


async def test_row_6_a_body_that_says_too_long_is_not_awaited(city):
    async def endless():
        while True:
            yield b" " * 10_000

    began = time.process_time()
    reply = await city.send("POST", data=endless(), headers={"content-type": "application/json"})

    assert reply.status == 413
    assert time.process_time() - began < 1


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_other_methods_are_refused(city, method):
    reply = await city.send(method)

    assert reply.status == 405
    assert reply.headers["allow"] == "GET, POST"


@pytest.mark.parametrize(
    ("cursor", "variables"),
    [
        ("nonsense", {}),
        ("'; DROP TABLE appeal; --", {}),
        ("", {}),
        ("CREATED_DESC~{print}~1~-1", {}),
        ("CREATED_DESC~{print}~1~99999999999999999999", {}),
        ("CREATED_DESC~{print}~999999999999999999~1", {}),
        ("CREATED_DESC~{print}~-~1", {}),
        ("CREATED_DESC~000000000000~1769817600000000~1", {}),
        ("UPDATED_DESC~{print}~1769817600000000~1", {}),
        ("{cursor}", {"order": "CREATED_ASC"}),
        ("{cursor}", {"filter": {"status": ["CLOSED"]}}),
        ("{cursor}", {"filter": {"text": "路灯"}}),
        ("{cursor} ", {}),
        ("MTIzNDU=", {}),
    ],
)
async def test_row_27_a_cursor_of_another_list_or_of_none_is_refused(city, cursor, variables):
    query = """query P($after: String, $order: AppealOrder, $filter: AppealFilter) {
      appeals(first: 1, after: $after, orderBy: $order, filter: $filter) { pageInfo { endCursor } } }"""
    real = (await city.ask("{ appeals(first: 1) { pageInfo { endCursor } } }")).data["appeals"]["pageInfo"]["endCursor"]

    reply = await city.ask(query, after=cursor.format(cursor=real, print=real.split("~")[1]), **variables)

    assert reply.status == 200
    assert reply.codes == ["BAD_CURSOR"]
    assert reply.body["data"] is None


@pytest.mark.parametrize("cursor", ["x", "-1", "99999999999999999999", "１"])
async def test_row_27_number_cursors_are_checked_too(city, cursor):
    rejected = await city.ask("query R($a: String) { rejectedTickets(after: $a) { nodes { id } } }", a=cursor)
    changes = await city.ask(
        "query R($a: String) { appeals { nodes { changes(after: $a) { nodes { id } } } } }", a=cursor
    )

    assert rejected.codes == ["BAD_CURSOR"]
    assert set(changes.codes) == {"BAD_CURSOR"}
