"""Documents that are named instead of sent: registered by their hash, or trusted out of manifests."""

import hashlib
from pathlib import Path

import orjson
import pytest

from hub.app import create_app
from hub.errors import HubError, QueryError
from hub.schema.documents import Documents, read_manifests
from tests.schema.conftest import running

TEXT = "{ __typename }"
MANIFESTS = Path(__file__).parent / "manifests"


def digest(text):
    return hashlib.sha256(text.encode()).hexdigest()


def hashed(name, **more):
    return {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": name}}, **more}


async def sent(client, **asked):
    return await client.post(orjson.dumps(asked))


async def test_a_document_is_sent_once_and_then_named_by_its_hash(city_store):
    async with running(create_app(city_store)) as client:
        unknown = await sent(client, **hashed(digest(TEXT)))
        whole = await sent(client, **hashed(digest(TEXT), query=TEXT))
        named = await sent(client, **hashed(digest(TEXT)))
        by_get = await client.send(
            "GET", f"/graphql?extensions={orjson.dumps(hashed(digest(TEXT))['extensions']).decode()}"
        )

    assert (unknown.status, unknown.codes) == (400, ["PERSISTED_QUERY_NOT_FOUND"])
    assert unknown.body["errors"][0]["message"] == "PersistedQueryNotFound"
    for reply in (whole, named, by_get):
        assert reply.data == {"__typename": "Query"}
    assert by_get.headers["etag"]


async def test_a_document_that_is_named_is_known_on_a_socket_as_well(city):
    await sent(city, **hashed(digest(TEXT), query=TEXT))
    async with await city.socket() as socket:
        await socket.send_json({"type": "connection_init"})
        await socket.receive_json(timeout=5)
        for number, name in enumerate((digest(TEXT), digest("x"))):
            await socket.send_json({"id": str(number), "type": "subscribe", "payload": hashed(name)})
        said = [await socket.receive_json(timeout=5) for _ in range(3)]

    by_type = {message["type"]: message for message in said}
    assert by_type["next"]["payload"] == {"data": {"__typename": "Query"}}
    assert by_type["error"]["payload"][0]["extensions"]["code"] == "PERSISTED_QUERY_NOT_FOUND"
    assert by_type["complete"]["id"] == "0"


@pytest.mark.parametrize(
    "asked",
    [
        hashed(digest("other"), query=TEXT),
        hashed(1, query=TEXT),
        {"extensions": {"persistedQuery": {"version": 2, "sha256Hash": digest(TEXT)}}, "query": TEXT},
        {"extensions": {"persistedQuery": "x"}, "query": TEXT},
        {"documentId": 1},
        {},
    ],
)
async def test_a_name_that_is_none_is_refused(city, asked):
    reply = await sent(city, **asked)

    assert (reply.status, reply.codes) == (400, ["BAD_INPUT"])


def test_what_clients_register_takes_no_more_than_it_may():
    documents = Documents(most=3, most_characters=100)
    texts = [f"{{ a{number} }}" for number in range(4)]
    for text in texts[:3]:
        documents.text(hashed(digest(text), query=text))
    documents.text(hashed(digest(texts[0])))
    documents.text(hashed(digest(texts[3]), query=texts[3]))

    assert documents.text(hashed(digest(texts[0]))) == texts[0]  # used since, and so the second was the oldest
    with pytest.raises(QueryError, match="PersistedQueryNotFound"):
        documents.text(hashed(digest(texts[1])))

    long = "#" * 100
    documents.text(hashed(digest(long), query=long))
    with pytest.raises(QueryError, match="PersistedQueryNotFound"):
        documents.text(hashed(digest(texts[0])))
    assert documents.text(hashed(digest(long))) == long


@pytest.mark.parametrize("manifest", ["apollo.json", "relay.json", "client-preset.json"])
@pytest.mark.parametrize("by", ["documentId", "id", "doc_id", "extensions"])
async def test_a_trusted_document_is_answered_by_its_id_and_nothing_else_is(city_store, manifest, by):
    trusted = read_manifests([MANIFESTS / manifest])
    name = next(iter(trusted))
    async with running(create_app(city_store, documents=Documents(trusted, only_trusted=True))) as client:
        named = await sent(client, **(hashed(name) if by == "extensions" else {by: name}))
        whole = await sent(client, query=trusted[name])
        other = await sent(client, query="{ lastChangeNumber }")
        registered = await sent(client, **hashed(digest(TEXT), query=TEXT))
        unknown = await sent(client, **hashed(digest("x")))

    assert named.data
    assert whole.data == named.data
    for reply in (other, registered, unknown):
        assert (reply.status, reply.codes) == (400, ["UNTRUSTED_DOCUMENT"])


def test_the_id_of_the_draft_may_say_its_algorithm():
    documents = Documents({digest(TEXT): TEXT})

    assert documents.text({"documentId": f"sha256:{digest(TEXT)}"}) == TEXT


def test_a_folder_stands_for_its_manifests():
    assert len(read_manifests([MANIFESTS])) == 3


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "1",
        '{"a": 1}',
        '{"format": "apollo-persisted-query-manifest"}',
        '{"format": "apollo-persisted-query-manifest", "operations": [1]}',
    ],
)
def test_what_is_no_manifest_is_told_with_its_path(tmp_path, text):
    file = tmp_path / "some.json"
    file.write_text(text)

    with pytest.raises(HubError, match=r"some\.json is n"):
        read_manifests([file])


def test_a_manifest_that_is_missing_is_told_with_its_path(tmp_path):
    with pytest.raises(HubError, match=r"none\.json cannot be read"):
        read_manifests([tmp_path / "none.json"])
    with pytest.raises(HubError, match="holds no manifest"):
        read_manifests([tmp_path])
