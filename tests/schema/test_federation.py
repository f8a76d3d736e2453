"""The hub as one subgraph of a federated graph: what gateways compose, and entities found by their keys."""

import base64
import json

import pytest
import sqlalchemy as sa
from graphql import build_schema, parse

from hub.app import create_app
from hub.schema.entities import ENTITIES
from hub.schema.federation import MOST_REPRESENTATIONS
from hub.schema.schema import schema, schema_sdl
from hub.vocabulary.topics import topics
from tests.schema.conftest import appeal, running, serve

QUERY = """
query Entities($all: [_Any!]!) {
  _entities(representations: $all) {
    __typename
    ... on Appeal { id title reporter { name phone } source { name } }
    ... on Source { name title }
    ... on Change { number }
    ... on RejectedTicket { externalId }
  }
}
"""
KEYS = {"Appeal": ["id"], "Change": ["id"], "RejectedTicket": ["id"], "Source": ["id", "name"]}
VALUES = {"Area": ["code"], "Organization": ["name"], "Topic": ["code"]}


def keys(kind: str) -> list[str]:
    (definition,) = [
        node
        for node in parse(schema().subgraph_sdl).definitions
        if getattr(node, "name", None) and node.name.value == kind
    ]
    return [one.arguments[0].value.value for one in definition.directives if one.name.value == "key"]


def test_every_type_with_an_id_has_a_key():
    kinds = build_schema(schema_sdl()).get_possible_types(build_schema(schema_sdl()).type_map["Node"])

    assert {str(kind): keys(str(kind)) for kind in kinds} == KEYS
    assert {kind: keys(kind) for kind in VALUES} == VALUES
    assert ENTITIES.keys() == KEYS.keys() | VALUES.keys()


def test_what_gateways_compose_leaves_out_what_no_subgraph_can_answer_alone():
    sdl = schema().subgraph_sdl

    (query,) = [node for node in parse(sdl).definitions if getattr(node, "name", None) and node.name.value == "Query"]
    offered = {field.name.value for field in query.fields}
    assert offered == set(build_schema(schema_sdl()).query_type.fields) - {"node", "nodes"}
    assert "type PageInfo @shareable" in sdl
    assert "_Entity" not in sdl


def test_clients_see_nothing_of_it():
    assert "@key" not in schema_sdl()
    assert "_entities" not in schema_sdl()


async def test_entities_of_every_type_come_in_the_order_asked(city):
    wanted = [
        {"__typename": "Source", "name": "lift"},
        {"__typename": "Appeal", "id": "Appeal:4"},
        {"__typename": "Change", "id": "Change:2"},
        {"__typename": "Source", "id": "Source:housing"},
        {"__typename": "Appeal", "id": "Appeal:1"},
    ]

    found = (await city.ask(QUERY, all=wanted)).data["_entities"]

    assert [one["__typename"] for one in found] == [one["__typename"] for one in wanted]
    assert [found[1]["id"], found[4]["id"]] == ["Appeal:4", "Appeal:1"]
    assert [found[0]["name"], found[2]["number"], found[3]["title"]] == ["lift", 2, "住房热线"]


async def test_what_appeals_refer_to_is_found_by_its_code_or_name(city):
    wanted = [
        {"__typename": "Area", "code": "420802"},
        {"__typename": "Topic", "code": next(iter(topics()))},
        {"__typename": "Organization", "name": "住建局"},
        {"__typename": "Topic", "code": "no such code"},
        {"__typename": "Organization", "name": "住" * 201},
        {"__typename": "Area", "code": "4" * 201},
    ]
    query = """query Q($all: [_Any!]!) { _entities(representations: $all) {
      ... on Area { division: name } ... on Topic { label } ... on Organization { name code } } }"""

    area, topic, organization, *nothing = (await city.ask(query, all=wanted)).data["_entities"]

    assert area["division"]
    assert topic["label"]
    assert organization == {"name": "住建局", "code": None}
    assert nothing == [None, None, None]


async def test_personal_data_is_masked_here_too(city):
    reply = await city.ask(QUERY, all=[{"__typename": "Appeal", "id": "Appeal:1"}])

    assert reply.data["_entities"][0]["reporter"]["name"] == "张*"
    assert "*" in reply.data["_entities"][0]["reporter"]["phone"]


@pytest.mark.parametrize(
    "key",
    [
        {"__typename": "Appeal", "id": "Appeal:999999"},
        {"__typename": "Appeal", "id": "Source:lift"},
        {"__typename": "Appeal", "id": "nonsense"},
        {"__typename": "Source", "name": "nobody"},
    ],
)
async def test_a_key_that_names_nothing_of_its_type_is_null(city, key):
    assert (await city.ask(QUERY, all=[key])).data == {"_entities": [None]}


@pytest.mark.parametrize(
    "key",
    [
        {"__typename": "Reporter", "name": "张*"},
        {"__typename": "Nobody", "id": "1"},
        {"__typename": "Appeal"},
        {"__typename": "Appeal", "id": 4},
        {"__typename": ["Appeal"], "id": "Appeal:4"},
        {"__typename": "Appeal", "name": "lift"},
        {"id": "Appeal:4"},
        "Appeal:4",
        None,
        [[]],
    ],
    ids=json.dumps,
)
async def test_what_is_no_reference_is_an_error_in_its_place(city, key):
    query = QUERY.replace("[_Any!]!", "[_Any]!") if key is None else QUERY
    reply = await city.ask(query, all=[{"__typename": "Source", "name": "lift"}, key])

    assert set(reply.codes) <= {"BAD_INPUT", "INVALID_QUERY"}
    if "data" in reply.body:
        assert reply.body["data"]["_entities"][0]["name"] == "lift"
        assert reply.body["data"]["_entities"][1] is None


async def test_each_type_is_asked_for_once(own_store):
    await serve(own_store, [appeal(number) for number in range(1, 21)])
    statements = []
    sa.event.listen(
        own_store._database.engine.sync_engine, "before_cursor_execute", lambda *event: statements.append(event[2])
    )
    wanted = [{"__typename": "Appeal", "id": f"Appeal:{number}"} for number in range(1, 21)]

    async with running(create_app(own_store)) as client:
        found = (
            await client.ask(
                "query Q($all: [_Any!]!) { _entities(representations: $all) { ... on Appeal { title } } }", all=wanted
            )
        ).data
        own = [statement for statement in statements if "appeal" in statement]

    assert all(one["title"] for one in found["_entities"])
    assert len(own) == 1


async def test_more_references_than_the_limit_are_refused(city):
    wanted = [{"__typename": "Source", "name": "lift"}] * (MOST_REPRESENTATIONS + 1)

    reply = await city.ask("query Q($all: [_Any!]!) { _entities(representations: $all) { __typename } }", all=wanted)

    assert reply.codes == ["BAD_INPUT"]
    assert reply.body["errors"][0]["extensions"]["limit"] == MOST_REPRESENTATIONS


@pytest.mark.parametrize("given", ["variable", "literal"])
async def test_references_cost_as_much_as_what_they_bring(city, given):
    fields = "{ ... on Appeal { changes(first: 100) { nodes { id } } } }"
    literal = ", ".join('{__typename: "Appeal", id: "Appeal:1"}' for _ in range(60))
    queries = {
        "variable": f"query Q($all: [_Any!]!) {{ _entities(representations: $all) {fields} }}",
        "literal": f"{{ _entities(representations: [{literal}]) {fields} }}",
    }

    reply = await city.ask(queries[given], all=[{"__typename": "Appeal", "id": "Appeal:1"}] * 60)

    assert reply.codes == ["COST_LIMIT"]


async def test_a_gateway_may_ask_for_the_schema_only_where_it_is_meant_to(city, production, city_store):
    query = "{ _service { sdl } }"

    told, hidden = await city.ask(query), await production.ask(query)
    async with running(create_app(city_store, production=True, subgraph=True)) as behind:
        composed = await behind.ask(query)
        introspected = await behind.ask("{ __schema { queryType { name } } }")

    assert told.data == composed.data == {"_service": {"sdl": schema().subgraph_sdl}}
    assert hidden.codes == introspected.codes == ["INTROSPECTION_OFF"]


TRACED = {"apollo-federation-include-trace": "ftv1", "content-type": "application/json"}


async def test_only_a_gateway_is_told_how_long_each_field_took(city, production, city_store):
    body = json.dumps({"query": "{ appeals(first: 1) { nodes { id } } }"})

    asked = await city.send("POST", data=body, headers=TRACED)
    unasked = await city.ask("{ appeals(first: 1) { nodes { id } } }")
    hidden = await production.send("POST", data=body, headers=TRACED)
    async with running(create_app(city_store, production=True, subgraph=True)) as behind:
        told = await behind.send("POST", data=body, headers=TRACED)

    assert asked.body["data"] == unasked.data
    assert base64.b64decode(told.body["extensions"]["ftv1"])
    assert [reply.body.get("extensions", {}).keys() for reply in (asked, unasked, hidden)] == [{"ftv1"}, set(), set()]


async def test_what_a_compiled_query_answers_does_not_depend_on_the_trace(city):
    query = "{ appeals(first: 3) { edges { cursor node { id } } pageInfo { endCursor } } sources { drift { field } } }"

    plain = await city.ask(query)
    traced = await city.send("POST", data=json.dumps({"query": query}), headers=TRACED)

    assert traced.body["data"] == plain.data
