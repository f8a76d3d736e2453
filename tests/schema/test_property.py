"""Whatever valid query a machine makes up, and whatever it puts into variables, gets a proper answer."""

from graphql.language import ast
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from hypothesis_graphql import nodes, queries

from hub.model import Status
from hub.schema import problems
from hub.schema.schema import schema_sdl
from hub.wanted import AppealOrder, Bucket, Dimension, Moment

CODES = set(problems.CODES) - {"INTERNAL", "TIMEOUT", "STORE_UNAVAILABLE"}
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


LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from(["CLOSED", "%_\\", "2026-01-01T00:00:00Z", "9999-12-31T23:59:59.999999-23:59", "Source:lift"])
)
JUNK = LEAVES | st.lists(LEAVES, max_size=3) | st.dictionaries(st.sampled_from(["text", "due", "since"]), LEAVES)
TIMES = st.datetimes(timezones=st.timezones()).map(lambda time: time.isoformat()) | st.none()
SPANS = st.fixed_dictionaries({}, optional={"since": TIMES, "until": TIMES})
TEXTS = st.lists(st.text(max_size=5), max_size=3)
FILTERS = st.fixed_dictionaries(
    {},
    optional={
        "text": st.text(max_size=30) | st.none(),
        "status": st.lists(st.sampled_from(list(Status)), max_size=3),
        "source": TEXTS,
        "area": TEXTS,
        "topic": TEXTS,
        "created": SPANS,
        "due": SPANS,
    },
)
VARIABLES = st.fixed_dictionaries(
    {"f": FILTERS},
    optional={
        "o": st.sampled_from(list(AppealOrder)),
        "n": st.integers(-5, 105),
        "l": st.integers(-5, 105),
        "a": st.text(max_size=30),
        "b": st.text(max_size=30),
        "i": st.text(max_size=30),
        "s": st.text(max_size=30),
        "z": st.text(max_size=10) | st.timezone_keys(),
        "g": st.lists(st.sampled_from(list(Dimension)), max_size=6),
        "k": st.sampled_from(list(Bucket)),
        "m": st.sampled_from(list(Moment)),
    },
)
MANGLED = st.fixed_dictionaries({}, optional=dict.fromkeys("fonalbiszgkm", JUNK))


@EXAMPLES
@given(variables=VARIABLES | MANGLED)
@example(variables={"f": {"text": "ﷺ" * 200}})
@example(variables={"f": {"text": "㍿ ①②"}})
@example(variables={"z": "Factory", "k": "DAY"})
@example(variables={"z": "../../etc/passwd", "k": "DAY"})
@example(variables={"f": {"created": {"since": "0001-01-01T00:00:00Z", "until": "9999-12-31T23:59:59Z"}}})
async def test_whatever_the_variables_hold_is_answered(city, variables):
    query = """query Q($f: AppealFilter, $o: AppealOrder, $n: Int, $a: String, $l: Int, $b: String, $i: ID = "",
                       $s: String, $z: String! = "UTC", $g: [AppealDimension!], $k: TimeBucket,
                       $m: AppealMoment! = CREATED) {
      appeals(filter: $f, orderBy: $o, first: $n, after: $a, last: $l, before: $b) {
        nodes { id changes { nodes { id } } }
      }
      appealStatistics(filter: $f, groupBy: $g, bucket: $k, moment: $m, timezone: $z) { count groups { count } }
      rejectedTickets(source: $s, after: $a) { nodes { id } }
      node(id: $i) { id }
    }"""

    proper(await city.ask(query, **variables))


@EXAMPLES
@given(body=st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode(errors="surrogatepass")))
async def test_whatever_bytes_come_are_answered(city, body):
    reply = await city.post(body)

    assert reply.status == 400
    proper(reply)
