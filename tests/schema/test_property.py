"""Whatever valid query a machine makes up, and whatever it puts into variables, gets a proper answer."""

from graphql.language import ast
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from hypothesis_graphql import nodes, queries

from hub.schema.schema import core_schema, schema_sdl

CODES = {
    "BAD_INPUT",
    "BAD_CURSOR",
    "COST_LIMIT",
    "DEPTH_LIMIT",
    "ALIAS_LIMIT",
    "TOKEN_LIMIT",
    "ROOT_FIELD_LIMIT",
    "INVALID_QUERY",
    "SYNTAX_ERROR",
    "BODY_LIMIT",
    "NESTING_LIMIT",
    "DIRECTIVE_LIMIT",
}
EXAMPLES = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
SCALARS = {
    "DateTime": st.datetimes().map(lambda time: ast.StringValueNode(value=time.isoformat() + "Z")),
    "ChangeNumber": st.integers(0, 100).map(nodes.Int),
    "JSON": st.just(nodes.Null),
    "Date": st.just(nodes.Null),
}


def proper(reply):
    """Whether the answer is one of those that the API promises."""
    assert reply.status in {200, 400}, reply.text
    body = reply.body
    assert body.keys() <= {"data", "errors"}
    if reply.status == 400:
        assert "data" not in body
        assert body["errors"]
    for error in body.get("errors", []):
        assert error["message"]
        assert error["extensions"]["code"] in CODES, error


@EXAMPLES
@given(query=queries(schema_sdl(), custom_scalars=SCALARS))
async def test_every_generated_query_is_answered(city, query):
    proper(await city.ask(query))


@EXAMPLES
@given(query=queries(schema_sdl(), fields=["appeals"], custom_scalars=SCALARS))
async def test_every_generated_list_of_appeals_is_answered(city, query):
    proper(await city.ask(query))


FILTER = sorted(core_schema().type_map["AppealFilter"].fields)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from(["CLOSED", "%_\\", "2026-01-01T00:00:00Z", "9999-12-31T23:59:59.999999-23:59"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*FILTER, "since", "until"]), inner, max_size=3)
    ),
    max_leaves=6,
)


@EXAMPLES
@given(
    variables=st.fixed_dictionaries(
        {}, optional=dict.fromkeys(("f", "o", "n", "a", "l", "b", "i", "s", "z", "g"), VALUES)
    )
)
@example(variables={"f": {"text": "ﷺ" * 200}})
@example(variables={"f": {"text": "㍿ ①②"}})
@example(variables={"z": "Factory", "g": ["DAY"]})
@example(variables={"z": "../../etc/passwd", "g": ["DAY"]})
@example(variables={"f": {"created": {"since": "0001-01-01T00:00:00Z", "until": "9999-12-31T23:59:59Z"}}})
async def test_whatever_the_variables_hold_is_answered(city, variables):
    query = """query Q($f: AppealFilter, $o: AppealOrder, $n: Int, $a: String, $l: Int, $b: String, $i: ID = "",
                       $s: String, $z: String! = "UTC", $g: [AppealDimension!]) {
      appeals(filter: $f, orderBy: $o, first: $n, after: $a, last: $l, before: $b) {
        nodes { id changes { nodes { id } } }
      }
      appealStatistics(filter: $f, groupBy: $g, timezone: $z) { count groups { count } }
      rejectedTickets(source: $s, after: $a) { nodes { id } }
      node(id: $i) { id }
    }"""

    proper(await city.ask(query, **{name: value for name, value in variables.items() if sendable(value)}))


def sendable(value):
    """The client's JSON writer, not the server's reader, refuses numbers beyond 64 bits."""
    if isinstance(value, dict):
        return all(map(sendable, value.values()))
    if isinstance(value, list):
        return all(map(sendable, value))
    return not isinstance(value, int) or -(2**63) <= value < 2**64


@EXAMPLES
@given(body=st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode(errors="surrogatepass")))
async def test_whatever_bytes_come_are_answered(city, body):
    reply = await city.post(body)

    assert reply.status == 400
    proper(reply)
