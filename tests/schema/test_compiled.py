"""What is compiled answers the very same as what is resolved field by field."""

from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
from graphql import FieldNode, OperationDefinitionNode, parse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis_graphql import queries

from hub.app import create_app
from hub.model import Kind, Status
from hub.model import Scope as KeyScope
from hub.schema.context import Context
from hub.schema.executor import Compiler
from hub.schema.live import Live
from hub.schema.schema import core_schema, schema_sdl
from hub.schema.selections import Scope
from hub.schema.shortcut import Shortcut
from hub.schema.types import AppealWanted
from hub.schema.viewers import Viewer
from hub.store.store import Store
from hub.wanted import Bucket, Dimension, Moment
from tests.schema.conftest import UNRATED, Client, appeal, running, serve
from tests.schema.test_property import FILTERS, SCALARS

EXAMPLES = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
COMPILED = ["appeals", "appeal", "appealByExternalId", "appealStatistics", "node", "nodes"]
EVERYTHING = """
fragment Whole on Appeal {
  __typename id externalId version firstServedAt lastServedAt appealNo title content kind kindText status
  statusText statusNote urgency channel originHotline isSecret respondent grid createdAt updatedAt dispatchedAt dueAt
  urgencyText channelText satisfactionText closedAt result publicReply isResolved satisfaction
  duplicateOfExternalId supportCount attributes
  topic { __typename text code label zh: label(locale: ZH) en: label(locale: EN) parent { label parent { code } }
    group { code label(locale: EN) } }
  area { __typename code name en: name(locale: EN) parent { code name parent { name } } children { name } }
  leadOrg { __typename name } coOrgs { __typename name } attachments { __typename text url name mediaType }
  statusLabel kindLabel urgencyLabel channelLabel satisfactionLabel statusEn: statusLabel(locale: EN)
  location { __typename address longitude latitude } reporter { name phone } events { at text by status statusText }
  source { __typename id name title class integration department connector active configurationError }
  changes(first: 1) { __typename nodes { ...Told } edges { cursor node { number } } pageInfo { ...Where } }
  none: changes(first: 0, after: null) { nodes { id } pageInfo { ...Where } }
  all: changes { nodes { id fields { f: field before after __typename } } pageInfo { hasNextPage } }
}
fragment Told on Change {
  __typename id number type at version fields { field before after } source { id name title class connector active }
}
fragment Where on PageInfo { hasNextPage hasPreviousPage startCursor endCursor __typename }
"""


@pytest.fixture(scope="session")
async def walked(city_store: Store) -> AsyncIterator[Client]:
    """The same city, every field resolved by itself."""
    async with running(create_app(city_store, compiled=False, limits=UNRATED)) as client:
        yield client


async def same(city: Client, walked: Client, query: str, **variables: Any) -> Any:
    compiled, plain = await city.ask(query, **variables), await walked.ask(query, **variables)
    assert compiled.body == plain.body
    assert compiled.status == plain.status
    return compiled.body


@EXAMPLES
@given(query=queries(schema_sdl(), fields=COMPILED, custom_scalars=SCALARS))
async def test_any_query_is_answered_the_same(city, walked, query):
    await same(city, walked, query)


VARIABLES = st.fixed_dictionaries(
    {"f": FILTERS, "n": st.integers(0, 12)},
    optional={
        "o": st.sampled_from(["CREATED_DESC", "CREATED_ASC", "UPDATED_DESC", "UPDATED_ASC", "DUE_ASC"]),
        "back": st.booleans(),
        "names": st.booleans(),
    },
)


@EXAMPLES
@given(variables=VARIABLES)
async def test_any_page_and_the_one_after_it_are_answered_the_same(city, walked, variables):
    back = variables.pop("back", False)
    size, cursor = ("last", "before") if back else ("first", "after")
    query = f"""query Q($f: AppealFilter, $o: AppealOrder, $n: Int, $c: String, $names: Boolean = true) {{
      appeals(filter: $f, orderBy: $o, {size}: $n, {cursor}: $c) {{
        edges {{ cursor node {{ ...Whole }} }}
        again: nodes {{ a: title b: title source {{ name @include(if: $names) }} source {{ t: title }} }}
        pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor __typename }} total: totalCount
      }} }} {EVERYTHING}"""

    body = await same(city, walked, query, **variables)

    page = body.get("data") and body["data"]["appeals"]["pageInfo"]
    if page:
        await same(city, walked, query, **variables, c=page["startCursor" if back else "endCursor"])


async def test_one_appeal_is_answered_the_same_and_so_is_one_that_is_not_there(city, walked):
    query = f"query Q($id: ID!) {{ appeal(id: $id) {{ ...Whole }} }} {EVERYTHING}"

    page = await same(city, walked, "{ appeals(first: 9) { nodes { id } } }")
    for node in page["data"]["appeals"]["nodes"]:
        found = await same(city, walked, query, id=node["id"])
        assert found["data"]["appeal"]["id"] == node["id"]
    for unknown in ("Appeal:999999", "Source:lift", "nothing", "Appeal:9223372036854775808"):
        assert (await same(city, walked, query, id=unknown))["data"]["appeal"] is None


@pytest.mark.parametrize("first", ["EN", "ZH"])
async def test_a_label_is_in_the_language_of_its_variable_each_time(city, walked, first):
    query = """query Q($l: Locale) { appeals(first: 3) { nodes {
      statusLabel(locale: $l) topic { label(locale: $l) } area { name(locale: $l) } } } }"""

    for said in ({"l": first}, {}, {"l": "ZH"}, {"l": None}, {"l": "EN"}, {"l": "FR"}):
        body = await same(city, walked, query, **said)
        if said.get("l", "ZH") in {"ZH", "EN"}:
            name = body["data"]["appeals"]["nodes"][0]["area"]["name"]
            assert name.isascii() == (said.get("l") == "EN")
        else:
            assert body["errors"][0]["extensions"]["code"] == "BAD_INPUT"


@pytest.mark.parametrize("show", [True, False])
async def test_a_directive_decides_anew_for_each_value_of_its_variable(city, walked, show):
    query = """query Q($show: Boolean!) { appeals(first: 2) { nodes {
      id ... @include(if: $show) { title } status @skip(if: $show) source { name @skip(if: $show) title } } } }"""

    for each in (show, not show, show):
        body = await same(city, walked, query, show=each)
        assert ("title" in body["data"]["appeals"]["nodes"][0]) is each


BESIDES = """query Q($f: AppealFilter) { appeals(filter: $f, first: 2) { totalCount nodes { title }
    degradedSources { __typename code since source { id name title class integration active } } }
  appealStatistics(filter: $f) { count degradedSources { since source { name } } } }"""


@EXAMPLES
@given(wanted=FILTERS)
async def test_what_is_asked_besides_rows_is_answered_the_same(city, walked, wanted):
    await same(city, walked, BESIDES, f=wanted)


async def test_what_needs_resolvers_goes_the_ordinary_way_beside_what_does_not(city, walked):
    body = await same(
        city,
        walked,
        """{ plain: appeals(first: 2) { nodes { title } }
             counted: appeals(first: 2) { totalCount nodes { title source { health { served } } } }
             nested: appeals(first: 2) { nodes { changes(after: "1") { nodes { number appeal { id } } } } } }""",
    )

    assert body["data"]["counted"]["totalCount"] == 40


async def test_a_number_alone_reads_no_appeals(city, walked):
    query = "query Q($f: AppealFilter) { appeals(filter: $f) { __typename totalCount } }"
    asked = orjson.dumps({"query": query, "extensions": {"plan": True}})

    for wanted in ({}, {"status": ["CLOSED"]}, {"text": "路灯"}, {"overdue": True}):
        await same(city, walked, query, f=wanted)
    (plan,) = (await city.post(asked)).body["extensions"]["plan"]

    assert plan["compiled"] is True
    assert all("from appeal" not in statement for statement in plan["statements"])


IDS = st.sampled_from(
    [
        *(f"Appeal:{number}" for number in (*range(1, 9), 999_999, 2**63)),
        *("RejectedTicket:1", "Change:3", "Change:999", "Source:lift", "Source:nobody", "nothing"),
    ]
)


@EXAMPLES
@given(
    one=IDS, several=st.lists(IDS, max_size=5) | st.lists(IDS.filter(lambda it: it.startswith("Appeal")), max_size=5)
)
async def test_whatever_ids_name_is_answered_the_same(city, walked, one, several):
    query = f"""query Q($one: ID!, $several: [ID!]!) {{
      node(id: $one) {{ __typename ...Whole ... on Source {{ title }} ... on Node {{ again: id }} }}
      nodes(ids: $several) {{ id ... on Appeal {{ title source {{ name }} }} ... on Change {{ number }} __typename }}
    }} {EVERYTHING}"""

    await same(city, walked, query, one=one, several=several)


async def test_changes_come_with_their_appeals_in_one_statement(city):
    query = "{ appeals(first: 3) { nodes { id changes(first: 2) { nodes { number type } } } } }"
    asked = orjson.dumps({"query": query, "extensions": {"plan": True}})

    (plan,) = (await city.post(asked)).body["extensions"]["plan"]

    assert plan["compiled"] is True
    assert len(plan["statements"]) == 1


GROUPED = """query Q($f: AppealFilter, $by: [AppealDimension!], $bucket: TimeBucket, $moment: AppealMoment! = CREATED,
                    $zone: String! = "Asia/Shanghai") {
  appealStatistics(filter: $f, groupBy: $by, bucket: $bucket, moment: $moment, timezone: $zone) {
    __typename count truncated measures { ...All } groups {
      __typename count status kind urgency channel satisfaction grid originHotline
      topic { text code label group { label } } area { code name(locale: EN) parent { name } } leadOrg { name }
      period { __typename since until day } measures { closedRate meanSecondsToClose }
      source { id name title class integration department connector active configurationError } } } }
  fragment All on AppealMeasures { __typename open resolved closed resolvedRate closedRate asked solved solvedRate
    satisfied basic dissatisfied unreached satisfiedRate satisfiedOrBasicRate inTime late inTimeRate
    meanSecondsToClose }"""


@EXAMPLES
@given(
    wanted=FILTERS,
    by=st.lists(st.sampled_from(list(Dimension)), max_size=6),
    bucket=st.none() | st.sampled_from(list(Bucket)),
    moment=st.sampled_from(list(Moment)),
    zone=st.sampled_from(["Asia/Shanghai", "UTC", "America/St_Johns", "Nowhere/Land"]),
)
async def test_any_counts_are_answered_the_same(city, walked, wanted, by, bucket, moment, zone):
    body = await same(city, walked, GROUPED, f=wanted, by=by, bucket=bucket, moment=moment, zone=zone)

    assert "data" in body or body["errors"][0]["extensions"]["code"] == "BAD_INPUT"


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"f": None, "n": None},
        {"f": {}, "n": 3},
        {"f": {"status": "CLOSED"}, "n": 3.0},
        {"f": {"status": ["CLOSED", None]}},
        {"f": {"status": ["NOWHERE"]}},
        {"f": {"status": None, "created": {"since": "2026-03-01T08:00:00+08:00"}}},
        {"f": {"created": {"since": "2026-03-01T08:00:00"}}},
        {"f": {"unknown": 1}},
        {"f": [], "n": True},
        {"n": 101},
        {"n": -1},
        {"n": 2**40},
        {"n": "3"},
        {"f": {"text": "\0"}},
        {"f": {"text": "x" * 201}},
        {"other": 1},
    ],
)
async def test_variables_are_read_and_refused_the_same(city, walked, variables):
    query = (
        "query Q($f: AppealFilter = {kind: [HELP]}, $n: Int = 4) { appeals(filter: $f, first: $n) { nodes { id } } }"
    )

    await same(city, walked, query, **variables)


def test_a_filter_that_holds_filters_goes_past_the_ordinary_execution_too(city_store):
    document = parse("query Q($f: AppealFilter, $n: Int) { appeals(filter: $f, first: $n) { nodes { id } } }")
    shortcut = Shortcut(core_schema(), Compiler(city_store.quick), document, document.definitions[0], 10_000)

    given = shortcut.variables({"f": {"or": [{"not": {"and": [{"kind": ["HELP"]}]}}]}, "n": 3})

    assert given["f"].or_[0].not_.and_[0].kind == [Kind.HELP]


async def test_what_costs_too_much_is_refused_the_same(city, walked):
    page = "appeals(first: $n) { nodes { events { text } source { name } } }"
    query = f"query Q($n: Int!) {{ {' '.join(f'page{number}: {page}' for number in range(9))} }}"

    cheap = await same(city, walked, query, n=2)
    dear = await same(city, walked, query, n=100)

    assert "errors" not in cheap
    assert dear["errors"][0]["extensions"]["code"] == "COST_LIMIT"


async def test_an_appeal_is_found_by_the_id_its_source_gave_it(city, walked):
    query = f"""query Q($s: String!, $e: String!) {{
      appealByExternalId(source: $s, externalId: $e) {{ ...Whole }} }} {EVERYTHING}"""

    found = await same(city, walked, query, s="housing", e="N7")
    unknown = await same(city, walked, query, s="lift", e="N7")

    assert found["data"]["appealByExternalId"]["externalId"] == "N7"
    assert unknown["data"]["appealByExternalId"] is None


async def test_counts_are_of_this_moment_after_every_change(own_store):
    """Counts are remembered for as long as no appeal changes, and not a change longer."""
    query = "{ appealStatistics(groupBy: [STATUS]) { count groups { count status } } }"

    async with (
        running(create_app(own_store, limits=UNRATED)) as compiled,
        running(create_app(own_store, compiled=False, limits=UNRATED)) as plain,
    ):
        for number in (1, 2, 3, 2, 5):
            await serve(own_store, [appeal(number, status=list(Status)[number * 3 % 12], title=f"{number}")])
            body = await same(compiled, plain, query)
            again = await same(compiled, plain, query)
            assert body == again
            await serve(own_store, [appeal(number, status=Status.REWORK)])
            changed = await same(compiled, plain, query)
            assert changed != body


async def test_whoever_develops_can_ask_how_each_field_was_answered(city, production):
    query = """{ plain: appeals(first: 1) { nodes { title } } walked: appeals { nodes { source { aliasOf { id } } } }
      lastChangeNumber counted: appeals { totalCount } }"""
    asked = orjson.dumps({"query": query, "extensions": {"plan": True}})

    plain, walked, counted = (await city.post(asked)).body["extensions"]["plan"]

    assert (plain["path"], plain["compiled"]) == (["plain"], True)
    assert plain["statements"][0].startswith("select a.title from (select a.created_at, a.id, a.title from appeal a")
    assert (walked["path"], walked["compiled"], walked["statements"]) == (["walked"], False, [])
    assert counted["compiled"]
    assert not any("limit" in statement for statement in counted["statements"])
    assert "extensions" not in (await production.post(asked)).body
    assert "extensions" not in (await city.ask(query)).body


async def test_the_plan_tells_counts_from_rollups_and_from_appeals(city):
    query = """{ rolled: appealStatistics(groupBy: [TOPIC]) { count }
                 counted: appealStatistics(groupBy: [TOPIC, AREA]) { count } }"""
    asked = orjson.dumps({"query": query, "extensions": {"plan": True}})

    plans = (await city.post(asked)).body["extensions"]["plan"]

    statements = {plan["path"][0]: plan["statements"][-1] for plan in plans}
    assert "from rollup where" in statements["rolled"]
    assert "rollup" not in statements["counted"]


def test_plans_are_kept_apart_by_what_their_viewers_may_do(city_store):
    """A plan made for one who may do more is not used for another, in whatever order they come."""
    document = parse("{ appeal(id: 1) { reporter { name } } }")
    operation = document.definitions[0]
    assert isinstance(operation, OperationDefinitionNode)
    nodes = [node for node in operation.selection_set.selections if isinstance(node, FieldNode)]
    compiler, scope = Compiler(city_store.quick, city_store.counted), Scope(core_schema(), {}, {})

    def plan(*scopes: KeyScope) -> Any:
        viewer = Viewer("somebody", frozenset(scopes))
        context = Context(city_store.reads, Live(city_store.reads), compiler, viewer=viewer)
        return compiler.start(AppealWanted(1), None, nodes, scope, context).args[-1]

    first, other, again = plan(), plan(*KeyScope), plan()

    assert first is again
    assert first is not other
