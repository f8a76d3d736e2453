"""The GraphQL rows of the list of bad inputs, by their numbers: what is sent, and what it must get.

Rows 20 to 25 belong to sockets and row 31 to failures of the hub: `test_socket.py` and `test_http.py` name them.
"""

import re
from pathlib import Path
from typing import NamedTuple

import orjson
import pytest

from tests.schema.conftest import NEW

HERE = Path(__file__).parent
OF_OTHERS = {20, 21, 22, 23, 24, 25, 31}
LONG = 1_800_000


class Row(NamedTuple):
    """One bad input: a query, or a request of its own."""

    number: int
    what: str
    code: str
    query: str = "{ __typename }"
    variables: dict | None = None
    status: int = 400
    body: bytes | None = None
    content: str = "application/json"
    get: bool = False
    production: bool = False


def spread(count):
    """Fragments that each spread the next one twice."""
    return "".join(f" fragment F{n} on Appeal {{ a{n}: id ...F{n + 1} ...F{n + 1} }}" for n in range(count)) + (
        f" fragment F{count} on Appeal {{ id }}"
    )


def nested(times):
    return (
        "{ appeals(first: 100) { nodes { "
        + "changes(first: 100) { nodes { appeal { " * times
        + "id"
        + " } } }" * (times)
        + " } } }"
    )


TYPED = "query Q($first: Int, $text: String) { appeals(first: $first, filter: {text: $text}) { totalCount } }"
ROWS = [
    Row(
        1,
        "depth 11",
        "DEPTH_LIMIT",
        "{ appeals { nodes " + "{ changes(first: 1) { nodes { appeal " * 3 + "{ id }" + " } } }" * 3 + " } }",
    ),
    Row(
        2, "16 aliases of one field", "ALIAS_LIMIT", "{" + " ".join(f"a{n}: lastChangeNumber" for n in range(16)) + "}"
    ),
    Row(3, "aliases by spreads", "ALIAS_LIMIT", "{ appeals { nodes { ...F0 } } }" + spread(20)),
    Row(4, "51 directives", "DIRECTIVE_LIMIT", "{ lastChangeNumber " + "@skip(if: false) " * 51 + "}"),
    Row(5, "1,001 tokens", "TOKEN_LIMIT", "{ " + "lastChangeNumber " * 999 + "}"),
    Row(
        6,
        "100,000 aliases in 1.8 MB",
        "BODY_LIMIT",
        status=413,
        body=b'{"query": "{' + b"aaaa:__typename   " * (LONG // 18) + b'}"}',
    ),
    Row(7, "20,000 braces", "SYNTAX_ERROR", "{" * 20_000),
    Row(8, "5,000 nested lists", "NESTING_LIMIT", "{a(b:" + "[" * 5_000 + "]" * 5_000 + ")}"),
    Row(9, "circular fragments", "INVALID_QUERY", "{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }"),
    Row(10, "first 2,147,483,647", "COST_LIMIT", "{ appeals(first: 2147483647) { nodes { id } } }"),
    Row(11, "100 within 100 within 100", "COST_LIMIT", nested(2)),
    Row(12, "one field 10,000 times", "TOKEN_LIMIT", "{ " + "__typename " * 9_000 + "}"),
    Row(12, "one field 100 times", "DUPLICATE_LIMIT", "{ appeals { " + "totalCount " * 100 + "} }"),
    Row(13, "a batch", "BATCH_LIMIT", body=b'[{"query": "{ __typename }"}]'),
    Row(14, "a mutation by GET", "WRONG_OPERATION_KIND", "mutation { x }", status=405, get=True),
    Row(15, "text", "UNSUPPORTED_MEDIA_TYPE", status=415, content="text/plain"),
    Row(15, "a form", "UNSUPPORTED_MEDIA_TYPE", status=415, content="application/x-www-form-urlencoded"),
    Row(16, "an upload", "UNSUPPORTED_MEDIA_TYPE", status=415, content="multipart/form-data; boundary=x"),
    Row(17, "introspection in production", "INTROSPECTION_OFF", "{ __schema { types { name } } }", production=True),
    Row(18, "a misspelt field", "INVALID_QUERY", "{ lastChangeNumbe }", production=True),
    Row(
        19,
        "circular introspection",
        "DEPTH_LIMIT",
        "{ __schema { types { " + "fields { type { " * 8 + "name" + " } }" * 8 + " } } }",
    ),
    Row(26, "text for a number", "BAD_INPUT", TYPED, {"first": "many"}),
    Row(26, "NaN", "BAD_INPUT", body=b'{"query": "{ __typename }", "variables": {"a": NaN}}'),
    Row(26, "10^400", "BAD_INPUT", body=b'{"query": "{ __typename }", "variables": {"a": 1e400}}'),
    Row(
        26, "5,000 digits", "BAD_INPUT", body=b'{"query": "{ __typename }", "variables": {"a": ' + b"1" * 5_000 + b"}}"
    ),
    Row(
        27,
        "a forged cursor",
        "BAD_CURSOR",
        '{ appeals(after: "\'; DROP TABLE appeal") { totalCount nodes { id } } }',
        status=200,
    ),
    Row(29, "NUL in a text", "BAD_INPUT", TYPED, {"text": "a\0b"}),
    Row(30, "half a surrogate pair", "BAD_INPUT", body=b'{"query": "{ __typename }", "variables": {"a": "\\ud800"}}'),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"row {row.number}: {row.what}")
async def test_a_bad_input_gets_what_it_must(city, production, row):
    client = production if row.production else city
    reply = await sent(client, row)

    assert (reply.status, set(reply.codes)) == (row.status, {row.code})
    assert reply.body.get("data") is None
    assert "Did you mean" not in reply.text or not row.production
    if row.code.endswith("_LIMIT"):
        for error in reply.body["errors"]:
            assert error["extensions"]["value"] > error["extensions"]["limit"]
    assert (await city.ask("{ __typename }")).data == {"__typename": "Query"}


async def sent(client, row):
    if row.get:
        return await client.send("GET", "/graphql", params={"query": row.query}, headers={"accept": NEW})
    body = row.body or orjson.dumps({"query": row.query, "variables": row.variables})
    return await client.post(body, content=row.content)


@pytest.mark.parametrize("text", ["%_\\", '"*"', "NEAR(a b)", "a & !b:*", "<->", "'", "路灯 | 电梯"])
async def test_row_28_what_a_search_takes_for_signs_is_text_here(city, text):
    reply = await city.ask("query Q($text: String) { appeals(filter: {text: $text}) { totalCount } }", text=text)

    assert reply.data["appeals"]["totalCount"] in {0, 40}


async def test_row_3_fragments_that_double_20_times_are_walked_once_each(city):
    doubling = "{ appeals(first: 2) { nodes { ...F0 } } }" + re.sub(r"a\d+: id", "id", spread(20))

    reply = await city.ask(doubling)

    assert [set(node) for node in reply.data["appeals"]["nodes"]] == [{"id"}, {"id"}]


def test_every_row_from_1_to_31_is_named_by_a_test():
    texts = [file.read_text(encoding="utf-8") for file in HERE.glob("test_*.py")]
    named = {int(number) for text in texts for number in re.findall(r"test_rows?_(\d+)", text)}
    named |= {int(number) for text in texts for number in re.findall(r"test_rows_\d+_and_(\d+)", text)}
    named |= {row.number for row in ROWS}

    assert {row.number for row in ROWS} & OF_OTHERS == set()

    assert set(range(1, 32)) - named == set()
