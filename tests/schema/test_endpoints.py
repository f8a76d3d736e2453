"""Endpoints in the API: their state, what waits, and the last attempts, with nobody's number in them."""

from aiohttp import web

from hub.app import create_app
from hub.model import Scope
from tests.connectors.upstream import json
from tests.endpoints.receiver import changes, endpoint, happen, receiving, told
from tests.schema.conftest import running
from tests.schema.test_mutation import Desk, key_of
from tests.scripted import ticket

ENDPOINTS = """{ endpoints {
  name title state reason waiting lagSeconds parked dead nextRunAt source { name }
  deadLetters(first: 5) { changeNumber externalId tries nextTryAt dead reason source { name } }
  parkedDeliveries { changeNumber }
  lastAttempts(first: 1) { changeNumber appealId tries outcome status reason request answer address }
} }"""


async def test_an_endpoint_shows_what_it_did_not_take_and_why(store, tmp_path):
    await happen(store, ticket("A-1", title="请致电 13812345678"))
    async with receiving(lambda _request: json({"msg": "13987654321 不收"}, status=400)) as receiver:
        await told(store, endpoint(tmp_path, receiver.url, title="督查室", data="full", retry={"refused": 1}))
        async with running(create_app(store)) as client:
            (one,) = (await client.ask(ENDPOINTS)).data["endpoints"]

    assert (one["name"], one["title"], one["state"], one["parked"], one["dead"]) == ("office", "督查室", "WELL", 1, 1)
    assert (one["waiting"], one["lagSeconds"], one["source"]) == (0, 0, None)
    (letter,) = one["deadLetters"]
    assert (letter["externalId"], letter["tries"], letter["nextTryAt"], letter["source"]) == (
        *("A-1", 1, None),
        {"name": "housing"},
    )
    (attempt,) = one["lastAttempts"]
    assert (attempt["outcome"], attempt["status"], attempt["appealId"]) == ("REFUSED", 400, "Appeal:1")
    assert "13812345678" not in str(one)
    assert "13987654321" not in str(one)
    assert "138****5678" in attempt["request"]


async def test_an_endpoint_that_is_away_says_so(store, tmp_path):
    await changes(store, 3)
    async with receiving(lambda _request: web.Response(status=503)) as receiver:
        await told(store, endpoint(tmp_path, receiver.url, concurrency=1, breaker={"failures": 1, "wait": "1h..1h"}))
        async with running(create_app(store)) as client:
            (one,) = (await client.ask(ENDPOINTS)).data["endpoints"]

    assert (one["state"], one["reason"]) == ("WAITING", "answered 503")
    assert one["nextRunAt"] is not None


async def test_a_page_of_attempts_is_bounded(store, tmp_path):
    await store.deliveries.declare([endpoint(tmp_path, "http://127.0.0.1:9").record])
    async with running(create_app(store)) as client:
        reply = await client.ask("{ endpoints { lastAttempts(first: 101) { at } } }")

    assert reply.codes == ["BAD_INPUT"]


MANAGE = """mutation ($input: %s!) { done: %s(input: $input) {
  __typename ... on EndpointActed { deliveries endpoint { name state dead } } ... on UserError { path code }
} }"""


async def test_endpoints_are_looked_after_with_a_key_that_may(store, tmp_path):
    await changes(store, 2)
    async with receiving(lambda _request: web.Response(status=400)) as receiver:
        await told(store, endpoint(tmp_path, receiver.url, retry={"refused": 1}))
    key = await key_of(store, Scope.SOURCES_MANAGE)
    async with running(create_app(store)) as client:
        desk, nobody = Desk(client, key), Desk(client, None)

        async def do(who, name, kind="EndpointInput", **given):
            return await who.post({"query": MANAGE % (kind, name), "variables": {"input": given}})

        refused = await do(nobody, "pauseEndpoint", endpoint="office")
        unknown = await do(desk, "pauseEndpoint", endpoint="ofice")
        paused = await do(desk, "pauseEndpoint", endpoint="office")
        resumed = await do(desk, "resumeEndpoint", endpoint="office")
        kind = "ReplayDeliveriesInput"
        counted = await do(desk, "replayDeliveries", kind, endpoint="office", dryRun=True, lastNumber=1)
        replayed = await do(desk, "replayDeliveries", kind, endpoint="office")

    assert refused.codes == ["UNAUTHENTICATED"]
    assert unknown.data["done"] == {"__typename": "NotFound", "path": ["input", "endpoint"], "code": "NOT_FOUND"}
    assert paused.data["done"]["endpoint"]["state"] == "PAUSED"
    assert resumed.data["done"]["endpoint"]["state"] == "WELL"
    assert (counted.data["done"]["deliveries"], counted.data["done"]["endpoint"]["dead"]) == (1, 2)
    assert (replayed.data["done"]["deliveries"], replayed.data["done"]["endpoint"]["dead"]) == (2, 0)
