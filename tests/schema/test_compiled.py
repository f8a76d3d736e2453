"""What is compiled answers the very same as what is resolved field by field."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis_graphql import queries

from hub.app import create_app
from hub.schema.schema import schema_sdl
from hub.store.store import Store
from tests.schema.conftest import Client, running
from tests.schema.test_property import FILTERS, SCALARS

EXAMPLES = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
EVERYTHING = """
fragment Whole on Appeal {
  __typename id externalId version firstServedAt lastServedAt appealNo title content kind kindText topic status
  statusText statusNote urgency channel originHotline isSecret respondent area grid leadOrg coOrgs createdAt updatedAt
  dispatchedAt dueAt closedAt result publicReply isResolved satisfaction duplicateOf supportCount attachments attributes
  location { __typename address longitude latitude } reporter { name phone } events { at text by status statusText }
  source { __typename id name title class integration department connector active configurationError }
}
"""


@pytest.fixture(scope="session")
async def walked(city_store: Store) -> AsyncIterator[Client]:
    """The same city, every field resolved by itself."""
    async with running(create_app(city_store, compiled=False)) as client:
        yield client


async def same(city: Client, walked: Client, query: str, **variables: Any) -> Any:
    compiled, plain = await city.ask(query, **variables), await walked.ask(query, **variables)
    assert compiled.body == plain.body
    assert compiled.status == plain.status
    return compiled.body


@EXAMPLES
@given(query=queries(schema_sdl(), fields=["appeals", "appeal"], custom_scalars=SCALARS))
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
        pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor __typename }}
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


@pytest.mark.parametrize("show", [True, False])
async def test_a_directive_decides_anew_for_each_value_of_its_variable(city, walked, show):
    query = """query Q($show: Boolean!) { appeals(first: 2) { nodes {
      id ... @include(if: $show) { title } status @skip(if: $show) source { name @skip(if: $show) title } } } }"""

    for each in (show, not show, show):
        body = await same(city, walked, query, show=each)
        assert ("title" in body["data"]["appeals"]["nodes"][0]) is each


async def test_what_needs_resolvers_goes_the_ordinary_way_beside_what_does_not(city, walked):
    body = await same(
        city,
        walked,
        """{ plain: appeals(first: 2) { nodes { title } }
             counted: appeals(first: 2) { totalCount nodes { title source { health { served } } } }
             nested: appeals(first: 2) { nodes { changes { nodes { number } } } } }""",
    )

    assert body["data"]["counted"]["totalCount"] == 40
