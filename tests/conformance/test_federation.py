"""The hub as a subgraph: composed with another Relay subgraph by Apollo's own composition, and asked by its gateway."""

import asyncio
import os
import socket

import aiohttp
import orjson
import pytest

from hub.schema.schema import schema
from tests.conformance import products
from tests.conformance.conftest import HERE
from tests.schema.conftest import running

NOTES = """
query Notes($first: Int!) {
  notes(first: $first) {
    edges { node { text appeal { title status reporter { name } source { title } } source { id title } } }
    pageInfo { hasNextPage }
  }
}
"""
APPEALS = """
{ appeals(first: 2, orderBy: CREATED_ASC, filter: {source: ["housing"]}) {
    nodes { id title notes { edges { node { text } } } } pageInfo { hasNextPage endCursor } } }
"""


@pytest.fixture
async def graph(city, serving):
    """A gateway over the hub and its neighbour: a function from a query to its answer."""
    neighbour = orjson.loads(await serving(HERE / "neighbour.mjs"))
    subgraphs = [f"hub={city.url}/graphql", f"neighbour=http://127.0.0.1:{neighbour['port']}/"]
    gateway = orjson.loads(await serving(HERE / "gateway.mjs", "0", *subgraphs))
    assert "port" in gateway, gateway

    async def ask(query, **variables):
        url = f"http://127.0.0.1:{gateway['port']}/"
        async with (
            aiohttp.ClientSession() as session,
            session.post(url, json={"query": query, "variables": variables}) as response,
        ):
            return await response.json()

    return ask


async def test_it_composes_with_another_relay_subgraph(graph):
    answer = await graph("{ __typename }")

    assert answer["data"] == {"__typename": "Query"}


async def test_its_file_composes_without_a_word_of_doubt(script, tmp_path):
    """What `hub schema subgraph` prints, without a hub that runs."""
    (tmp_path / "hub.graphql").write_text(schema().subgraph_sdl)

    (composed,) = await script("compose.mjs", str(tmp_path / "hub.graphql"))

    assert composed["errors"] == []
    assert composed["hints"] == []
    assert {"appeals", "notes"} < set(composed["query"])


async def test_a_gateway_joins_what_refers_to_appeals_and_sources(graph):
    answer = await graph(NOTES, first=4)

    assert "errors" not in answer
    notes = [edge["node"] for edge in answer["data"]["notes"]["edges"]]
    assert [note["source"]["id"] for note in notes] == ["Source:housing", "Source:lift"] * 2
    assert all(note["appeal"]["title"] and note["appeal"]["reporter"]["name"] == "张*" for note in notes)


async def test_a_gateway_joins_what_another_subgraph_knows_of_appeals(graph):
    answer = await graph(APPEALS)

    assert "errors" not in answer
    nodes = answer["data"]["appeals"]["nodes"]
    assert [[edge["node"]["text"] for edge in one["notes"]["edges"]] for one in nodes] == [["第1条"], ["第2条"]]


async def test_node_is_the_neighbours_for_no_subgraph_knows_all_ids(graph):
    answer = await graph('{ node(id: "Note:1") { id ... on Note { text } } }')

    assert answer["data"] == {"node": {"id": "Note:1", "text": "第1条"}}


SUITE = HERE / "node_modules" / "@apollo" / "federation-subgraph-compatibility-tests"
URLS = {"users": "http://127.0.0.1:4002/", "inventory": "http://127.0.0.1:4003/"}  # the suite knows no others


@pytest.mark.timeout(300)
async def test_apollos_compatibility_suite_passes_15_of_15(node, serving):
    """The suite's own tests and its other two subgraphs, unchanged.

    Its gateway is Apollo Router, a binary that npm does not carry: Apollo's gateway for Node stands in its place.
    """
    require_free(4000, 4002, 4003)
    for name in URLS:
        await serving(SUITE / "dist" / "subgraphs" / name / "index.js", ready="ready at")
    async with running(products.app()) as client:
        subgraphs = [f"{name}={url}" for name, url in {**URLS, "products": f"{client.url}/"}.items()]
        gateway = orjson.loads(await serving(HERE / "gateway.mjs", "4000", *subgraphs))
        assert "port" in gateway, gateway
        failures = await run_suite(node, client.url)

    assert {name: said for name, said in failures.items() if said} == {}
    assert len(failures) == 15


def require_free(*ports):
    for port in ports:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                pytest.skip(f"port {port}, which Apollo's suite needs, is taken here")


async def run_suite(node, url):
    """Run the suite; tells of each thing that it asks for what fails of it."""
    jest = HERE / "node_modules" / "jest" / "bin" / "jest.js"
    configuration = orjson.dumps(
        {
            "rootDir": str(SUITE / "dist" / "tests"),
            "haste": {"retainAllFiles": True},
            "testPathIgnorePatterns": [],
            "testEnvironment": "node",
        }
    ).decode()
    process = await asyncio.create_subprocess_exec(
        node,
        str(jest),
        "--ci",
        "--json",
        "--config",
        configuration,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "PRODUCTS_URL": f"{url}/"},
    )
    written, complaints = await process.communicate()
    assert written, complaints.decode()
    failures = {}
    for file in orjson.loads(written)["testResults"]:
        assert file["assertionResults"], file["message"]
        for one in file["assertionResults"]:
            name = (one["ancestorTitles"] or [one["fullName"]])[0]
            failures.setdefault(name, []).extend(one["failureMessages"])
    return failures


async def test_apollos_own_reader_understands_how_long_each_field_took(city, script):
    query = """
    { appeals(first: 2) { nodes { id } }
      wrong: _entities(representations: [{__typename: "Nobody"}]) { __typename }
      sources { name health { served } } }
    """
    reply = await city.send("POST", json={"query": query}, headers={"apollo-federation-include-trace": "ftv1"})

    (trace,) = await script("trace.mjs", reply.body["extensions"]["ftv1"])

    roots = {node["responseName"]: node for node in trace["root"]["child"]}
    assert {name: node["type"] for name, node in roots.items()} == {
        "appeals": "AppealConnection!",
        "wrong": "[_Entity]!",
        "sources": "[Source!]!",
    }
    assert roots["wrong"]["originalFieldName"] == "_entities"
    assert "no __typename of an entity" in roots["wrong"]["child"][0]["error"][0]["message"]
    assert "child" not in roots["appeals"], "what is compiled is timed as a whole"
    (first, second) = roots["sources"]["child"]
    assert (first["index"], second["index"]) == (0, 1)
    assert {node["responseName"] for node in first["child"]} == {"name", "health"}
    times = [int(node["endTime"]) for node in roots.values()]
    assert 0 < max(times) <= int(trace["durationNs"])
