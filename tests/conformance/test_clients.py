"""The clients that frontends use, each over the transport it speaks: queries, errors, and changes as they happen."""

import pytest

from tests.schema.conftest import appeal, serve


@pytest.mark.parametrize("client", ["sse.mjs", "urql.mjs", "ws.mjs"])
async def test_a_client_asks_is_refused_and_follows(city, store, script, client):
    written = serve(store, [appeal(41), appeal(42)])

    found, refused, *changes = await script(client, f"{city.url}/graphql", "38", "6", due={4: written})

    assert found["data"]["node"]["id"] == "Source:lift"
    assert refused["errors"][0]["extensions"] == {"code": "INVALID_QUERY"}
    assert [changed(answer) for answer in changes] == [39, 40, 41, 42]


async def test_apollo_client_asks_by_hash_and_follows_in_parts(city, store, script):
    written = serve(store, [appeal(41), appeal(42)])

    answers = await script("apollo.mjs", f"{city.url}/graphql", "38", "8", due={6: written})

    found, again, requests, refused, *changes = answers
    assert found["data"]["node"]["id"] == again["data"]["node"]["id"] == "Source:lift"
    # By its hash, then whole, then by its hash again.
    assert requests == {"requests": [["POST", False, 400], ["POST", True, 200], ["POST", False, 200]]}
    assert refused["errors"][0]["extensions"] == {"code": "INVALID_QUERY"}
    assert [changed(answer) for answer in changes] == [39, 40, 41, 42]


def changed(answer):
    return answer["data"]["appealChanged"]["number"]
