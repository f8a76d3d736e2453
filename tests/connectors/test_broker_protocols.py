"""What is particular to each protocol: who is let in, what has to be there, and how its messages are carried."""

import asyncio
import base64
import binascii
import ipaddress
import os
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from traceback import format_exception
from typing import Any

import aiomqtt
import aiormq
import nats
import orjson
import pytest
import redis.asyncio
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from far_brokers import (
    QUICK,
    Far,
    NatsServer,
    amqtt,
    fakeredis,
    fresh,
    made_up,
    mosquitto,
    nats_of_pip,
    rabbitmq,
    redis_service,
)
from nats.js.api import AckPolicy, ConsumerConfig
from pamqp.commands import Basic
from pulling import build, ids, pages, tickets

from hub.connectors.base import Connector
from hub.errors import SourceError, SourceRefused, SourceUnavailable
from tests.services import port_of

CANARY = "c4n4ry/s3cr3t+value"
ROOT = Path(__file__).parents[2]
_LOOPBACK = ipaddress.ip_address("127.0.0.1")


async def refused(connector: Connector, match: str) -> SourceRefused:
    with pytest.raises(SourceRefused, match=match) as caught:
        await pages(connector)
    assert CANARY not in "".join(format_exception(caught.value)) + repr(caught.value)
    return caught.value


# AMQP


async def test_amqp_refuses_a_wrong_password(tmp_path: Path):
    async with rabbitmq(tmp_path) as far:
        wrong = far.connector(auth={"username": "guest", "password": CANARY})

        await refused(wrong, "does not let the hub in; check `auth`")


async def test_amqp_does_not_make_a_queue_unasked(tmp_path: Path):
    async with rabbitmq(tmp_path) as far:
        await refused(far.connector(queue=fresh()), "has no queue 'hub-test-.*'; create it, or set `declare: true`")


async def test_amqp_makes_a_durable_queue_where_it_may_and_never_changes_one(tmp_path: Path):
    name = fresh()
    async with rabbitmq(tmp_path) as far:
        declaring = far.connector(queue=name, declare=True)

        first = await pages(declaring)
        again = await pages(declaring)

        connection = await aiormq.connect(far.options["url"])
        channel = await connection.channel()
        declared = await channel.queue_declare(name, durable=True)  # refused if it were not durable
        await channel.queue_delete(name)
        await connection.close()
    assert (first, again, declared.queue) == ([], [], name)


async def test_amqp_knows_no_such_virtual_host(tmp_path: Path):
    async with rabbitmq(tmp_path) as far:
        await refused(far.connector(url=f"{far.options['url']}/nowhere"), "the path of `url` is the virtual host")


async def test_amqp_says_where_a_message_came_from(tmp_path: Path):
    async with rabbitmq(tmp_path) as far:
        await far.publish(b'{"id": 1}', district="东宝区")

        (found,) = await tickets(far.connector())

    assert (found["@topic"], found["@headers"]) == (far.options["queue"], {"district": "东宝区"})
    assert found["@id"].startswith("m-")


async def test_amqp_cannot_be_held_up_by_an_id_that_no_database_takes(tmp_path: Path):
    async with rabbitmq(tmp_path) as far:
        connection = await aiormq.connect(far.options["url"])
        channel = await connection.channel()
        named = Basic.Properties(message_id="m\0\ud7ff")
        await channel.basic_publish(b'{"id": 1}', routing_key=far.options["queue"], properties=named)

        (page,) = await pages(far.connector())
        await connection.close()

    assert page.cursor == {"last": "m??"}


async def test_amqp_cannot_be_held_up_by_names_in_gbk_or_a_time_that_never_is(tmp_path: Path):
    async with rabbitmq(tmp_path) as far:
        connection = await aiormq.connect(far.options["url"])
        channel = await connection.channel()
        for properties in (GbkProperties(type="投诉"), GbkProperties(timestamp=1_772_323_200_000_000)):
            await channel.basic_publish(b'{"id": 1}', routing_key=far.options["queue"], properties=properties)
        await far.publish(b'{"id": 2}')

        found = await tickets(far.connector())
        await connection.close()

    assert ids(found) == [1, 1, 2]


class GbkProperties(Basic.Properties):
    """What a publisher may write, and no decoder expects: a text in GBK, a time in microseconds."""

    def __init__(self, **properties: Any) -> None:
        super().__init__()
        self._raw = properties

    def marshal(self) -> bytes:
        if "type" in self._raw:
            text = self._raw["type"].encode("gbk")
            return (0x20).to_bytes(2, "big") + bytes([len(text)]) + text
        return (0x40).to_bytes(2, "big") + self._raw["timestamp"].to_bytes(8, "big")


# MQTT


async def test_mqtt_carries_headers_and_its_topic(tmp_path: Path):
    async with mosquitto(tmp_path) as far:
        source = await far.subscribed()
        await far.publish(b'{"id": 1}', district="东宝区")

        (found,) = await tickets(source)

    assert found == {"id": 1, "@topic": far.options["topics"], "@headers": {"district": "东宝区"}}


@pytest.mark.parametrize("version", [5, "3.1.1"])
async def test_mqtt_of_qos_2_is_taken_at_least_once(tmp_path: Path, version: Any):
    async with mosquitto(tmp_path) as far:
        source = await far.subscribed(version=version)
        async with client() as publisher:
            await publisher.publish(far.options["topics"], b'{"id": 1}', qos=2)

        async with aclosing(source.pull(None)) as run:
            first = await anext(run)
        again = await tickets(source)
        then = await tickets(source)

    assert (ids(list(first.tickets)), ids(again), then) == ([1], [1], [])


async def test_mqtt_of_qos_2_in_an_older_session_of_that_name_is_taken_as_well(tmp_path: Path):
    async with mosquitto(tmp_path) as far:
        name, topic = far.options["known_as"], far.options["topics"]
        async with client(identifier=name, clean_session=False) as older:
            await older.subscribe(topic, qos=2)
        async with client() as publisher:
            await publisher.publish(topic, b'{"id": 1}', qos=2)
        source = far.connector(version="3.1.1")

        async with aclosing(source.pull(None)) as run:
            first = await anext(run)
        again = await tickets(source)
        then = await tickets(source)

    assert (ids(list(first.tickets)), ids(again), then) == ([1], [1], [])


async def test_mqtt_gives_what_is_retained_once(tmp_path: Path):
    async with mosquitto(tmp_path) as far:
        topic = far.options["topics"]
        async with client() as publisher:
            await publisher.publish(topic, b'{"id": 1}', qos=1, retain=True)

            first, again = await tickets(far.connector()), await tickets(far.connector())
            await publisher.publish(topic, b"", qos=1, retain=True)

    assert (ids(first), again) == ([1], [])


async def test_mqtt_shares_a_subscription_between_hubs(tmp_path: Path):
    async with mosquitto(tmp_path) as far:
        shared = f"$share/{fresh()}/{far.options['topics']}"
        one, other = [await far.subscribed(topics=shared, known_as=far.options["known_as"] + n) for n in ("", "-2")]
        for number in range(10):
            await far.publish(orjson.dumps({"id": number}))

        found = await tickets(one) + await tickets(other)
        async with client(identifier=far.options["known_as"] + "-2", clean_session=True):
            pass

    assert sorted(ids(found)) == list(range(10))


async def test_mqtt_in_the_same_name_is_one_session_that_the_later_takes_over(tmp_path: Path):
    async with mosquitto(tmp_path) as far:
        source = await far.subscribed(size=1)
        for number in range(2):
            await far.publish(orjson.dumps({"id": number}))

        async with aclosing(source.pull(None)) as paused:
            await anext(paused)
            found = await tickets(far.connector())
            with pytest.raises(SourceUnavailable, match=r"ended the connection|hung up"):
                await anext(paused)

    assert ids(found) == [0, 1]


@pytest.mark.parametrize(
    ("code", "kind", "said"),
    [
        (1, SourceRefused, "speaks another MQTT: see `version`"),
        (0x84, SourceRefused, "speaks another MQTT: see `version`"),
        (2, SourceRefused, "does not like the client id: see `known_as`"),
        (3, SourceUnavailable, "reason code 0x03"),
        (5, SourceRefused, "check `auth`"),
        (0x87, SourceRefused, "check `auth`"),
        (0x89, SourceUnavailable, "reason code 0x89"),
    ],
)
async def test_mqtt_that_does_not_let_the_hub_in_says_why(code: int, kind: type[SourceError], said: str):
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1024)
        writer.write(bytes([0x20, 2, 0, code]))
        await reader.read()

    async with made_up(serve) as port:
        with pytest.raises(kind, match=said):
            await pages(build("broker", {**QUICK, "url": f"mqtt://127.0.0.1:{port}", "topics": "a"}))


async def test_mqtt_with_a_wrong_password_is_refused(tmp_path: Path):
    async with amqtt(tmp_path) as far:
        await refused(build("broker", {**QUICK, **far.options, "auth": None}), "does not let the hub in")


async def test_mqtt_says_when_a_topic_is_not_to_be_had():
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1024)
        writer.write(b"\x20\x03\x00\x00\x00\x90\x04\x00\x01\x00" + granted)
        with suppress(OSError):
            while await reader.read(1024):
                writer.write(b"\xd0\x00")

    said = {}
    for granted in (b"\x00", b"\x87"):
        async with made_up(serve) as port:
            url = f"mqtt://127.0.0.1:{port}"
            with pytest.raises(SourceRefused) as caught:
                await pages(build("broker", {**QUICK, "url": url, "topics": ["city/#"]}))
            said[granted] = caught.value.message.removeprefix(url)

    assert said == {
        b"\x00": " gives city/# with QoS 0 only, which loses messages",
        b"\x87": " does not let the hub subscribe to city/# (reason code 0x87)",
    }


def client(**more: Any) -> aiomqtt.Client:
    return aiomqtt.Client("127.0.0.1", port_of("mqtt"), **more)


# NATS


async def test_nats_carries_headers_subject_and_time(tmp_path: Path):
    async with nats_of_pip(tmp_path) as far:
        await far.publish(b'{"id": 1}', District="A")

        (found,) = await tickets(far.connector())

    assert (found["@topic"], found["@id"]) == (f"{far.options['stream']}.tickets", "1")
    assert found["@headers"] == {"District": "A"}
    assert datetime.now(UTC) - datetime.fromisoformat(found["@at"]) < timedelta(minutes=5)


async def test_nats_has_no_consumer_unasked_and_declares_one_where_it_may(tmp_path: Path):
    async with nats_of_pip(tmp_path) as far:
        name = fresh()
        await far.publish(b'{"id": 1}')

        await refused(far.connector(known_as=name), f"has no consumer '{name}'.*; create it, or set `declare: true`")
        found = await tickets(far.connector(known_as=name, declare=True, subject=f"{far.options['stream']}.*"))

    assert ids(found) == [1]


async def test_nats_has_no_such_stream(tmp_path: Path):
    async with nats_of_pip(tmp_path) as far:
        await refused(far.connector(stream="NOWHERE", declare=True), "has no stream 'NOWHERE'")


@pytest.mark.parametrize("lossy", [{"ack_policy": AckPolicy.NONE}, {"ack_policy": AckPolicy.ALL}])
async def test_nats_refuses_a_consumer_that_may_lose_messages(tmp_path: Path, lossy: dict[str, Any]):
    async with nats_of_pip(tmp_path) as far, await nats.connect(far.options["url"]) as other:
        name = fresh()
        await other.jetstream().add_consumer(far.options["stream"], ConsumerConfig(durable_name=name, **lossy))

        await refused(far.connector(known_as=name), "the hub needs a pull consumer with AckPolicy explicit")


async def test_nats_does_not_give_again_what_a_long_page_holds(tmp_path: Path):
    async with nats_of_pip(tmp_path) as far:  # whose consumer waits for a second
        await far.publish(b'{"id": 1}')

        async with aclosing(far.connector().pull(None)) as run:
            await anext(run)
            await asyncio.sleep(2.5)
            found = [ticket async for page in run for ticket in page.tickets]
        again = await tickets(far.connector())

    assert (found, again) == ([], [])


async def test_nats_without_jetstream_is_told(tmp_path: Path):
    async with NatsServer(tmp_path, "accounts: {A: {users: [{user: a, password: b}]}}") as server:
        auth = {"username": "a", "password": "b"}

        await refused(build("broker", {**QUICK, "url": server.url, "stream": "T", "auth": auth}), "JetStream")


@asynccontextmanager
async def guarded(folder: Path, config: str, **login: Any) -> AsyncIterator[dict[str, Any]]:
    """A NATS server that lets in only some, with a stream of one message in it."""
    async with NatsServer(folder, config) as server, await nats.connect(server.url, **login) as other:
        await other.jetstream().add_stream(name="T", subjects=["t"])
        await other.jetstream().publish("t", b'{"id": 1}')
        yield {**QUICK, "url": server.url, "stream": "T", "declare": True}


async def test_nats_takes_a_token(tmp_path: Path):
    async with guarded(tmp_path, f'authorization {{token: "{CANARY}"}}', token=CANARY) as options:
        found = await tickets(build("broker", {**options, "auth": {"token": CANARY}}))

        await refused(build("broker", {**options, "auth": {"token": "another"}}), "does not let the hub in")
    assert ids(found) == [1]


async def test_nats_takes_an_nkey(tmp_path: Path):
    seed, public = user_nkey(b"1")
    users = f'authorization {{users: [{{user: a, password: b}}, {{nkey: "{public}"}}]}}'
    async with guarded(tmp_path, users, user="a", password="b") as options:
        found = await tickets(build("broker", {**options, "auth": {"nkey": seed}}))

        await refused(build("broker", {**options, "auth": {"nkey": user_nkey(b"2")[0]}}), "does not let the hub in")
        await refused(build("broker", {**options, "auth": {"nkey": CANARY}}), "auth.nkey is not the seed of an nkey")
    assert ids(found) == [1]


async def test_nats_takes_what_a_credentials_file_holds():
    connect: asyncio.Future[dict[str, str]] = asyncio.get_running_loop().create_future()
    seed, _ = user_nkey(b"1")
    creds = (
        "-----BEGIN NATS USER JWT-----\neyJ0eXAi.eyJqdGki.c2ln\n------END NATS USER JWT------\n\n"
        f"-----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
    )

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b'INFO {"max_payload": 1048576, "headers": true, "nonce": "abc", "auth_required": true}\r\n')
        said = await reader.readuntil(b"\r\n")
        connect.set_result(orjson.loads(said.removeprefix(b"CONNECT ")))

    async with made_up(serve) as port:
        with pytest.raises(SourceUnavailable):
            await pages(
                build("broker", {**QUICK, "url": f"nats://127.0.0.1:{port}", "stream": "T", "auth": {"creds": creds}})
            )
        told = await connect

    signature = base64.b64decode(told["sig"])
    assert told["jwt"] == "eyJ0eXAi.eyJqdGki.c2ln"
    Ed25519PrivateKey.from_private_bytes(b"1" * 32).public_key().verify(signature, b"abc")


async def test_nats_says_what_its_user_may_not_do(tmp_path: Path):
    user = '{user: a, password: b, permissions: {publish: {deny: "$JS.API.CONSUMER.>"}}}'
    async with guarded(tmp_path, f"authorization {{users: [{user}]}}", user="a", password="b") as options:
        forbidden = {**options, "auth": {"username": "a", "password": "b"}, "limits": {"timeout": "500ms"}}

        await refused(build("broker", forbidden), "does not allow that: permissions violation for publish")


def user_nkey(letter: bytes) -> tuple[str, str]:
    """The seed of a user, and the public key, in base 32 with their kinds and checksums (NATS ADR-14)."""
    raw = letter * 32
    public = Ed25519PrivateKey.from_private_bytes(raw).public_key().public_bytes_raw()
    return _nkey(bytes([18 << 3 | 20 >> 2, (20 & 3) << 6]) + raw), _nkey(bytes([20 << 3]) + public)


def _nkey(packed: bytes) -> str:
    return base64.b32encode(packed + binascii.crc_hqx(packed, 0).to_bytes(2, "little")).decode().rstrip("=")


# Redis


async def test_redis_takes_the_fields_of_an_entry_as_they_are(tmp_path: Path):
    async with fakeredis(tmp_path) as far, redis.asyncio.Redis.from_url(far.options["url"]) as other:
        source = await far.subscribed(body_field=None)
        entry = await other.xadd(far.options["stream"], {"id": 1, "标题": "路灯不亮"})

        (found,) = await tickets(source)

    at = datetime.fromtimestamp(int(entry.split(b"-")[0]) / 1000, UTC).isoformat()
    around = {"@topic": far.options["stream"], "@id": entry.decode(), "@at": at}
    assert found == {"id": "1", "标题": "路灯不亮", **around}


async def test_redis_has_no_group_unasked(tmp_path: Path):
    async with fakeredis(tmp_path) as far:
        nowhere = far.connector(stream=fresh(), declare=False)

        await refused(nowhere, "has no group 'hub-test-.*' of a stream .*; create it, or set `declare: true`")


async def test_redis_takes_over_what_a_dead_consumer_of_the_group_left(tmp_path: Path):
    async with fakeredis(tmp_path) as far, redis.asyncio.Redis.from_url(far.options["url"]) as other:
        source = await far.subscribed(claim_after="1ms")
        await far.publish(b'{"id": 1}')
        await other.xreadgroup(far.options["known_as"], "dead", {far.options["stream"]: ">"})
        await asyncio.sleep(0.01)

        assert ids(await tickets(source)) == [1]


async def test_redis_goes_on_past_entries_that_were_deleted(tmp_path: Path):
    async with redis_service(tmp_path) as far, redis.asyncio.Redis.from_url(far.options["url"]) as other:
        source = await far.subscribed()
        for number in range(3):
            await far.publish(orjson.dumps({"id": number}))
        async with aclosing(source.pull(None)) as run:
            await anext(run)
        entries = await other.xrange(far.options["stream"])
        await other.xdel(far.options["stream"], entries[1][0])

        found = await tickets(source)
        left = await other.xpending(far.options["stream"], far.options["known_as"])

    assert (ids(found), left["pending"]) == ([0, 2], 0)


async def test_redis_reads_large_entries_a_few_at_a_time_and_loses_none(tmp_path: Path):
    async with redis_service(tmp_path) as far:
        source = await far.subscribed(limits={"max_body": "100KB", "timeout": "5s"})
        for number in range(10):
            await far.publish(orjson.dumps({"id": number, "photo": "x" * 40_000}))

        found = await pages(source)

    assert ids(list(found[0].tickets))[:2] == [0, 1]
    assert ids([ticket for page in found for ticket in page.tickets]) == list(range(10))


async def test_redis_refuses_what_is_no_stream(tmp_path: Path):
    async with redis_service(tmp_path) as far, redis.asyncio.Redis.from_url(far.options["url"]) as other:
        await other.set(far.options["stream"], "a text")

        await refused(far.connector(), "says no: WRONGTYPE")


async def test_redis_lets_in_by_its_access_list(tmp_path: Path):
    async with redis_service(tmp_path) as far, redis.asyncio.Redis.from_url(far.options["url"]) as other:
        user = fresh()
        allowed = ["+xreadgroup", "+xack", "+xautoclaim", "+xgroup", "+xinfo", "+exists", "+client", "+ping"]
        await other.acl_setuser(user, enabled=True, passwords=[f"+{CANARY}"], keys=["*"], commands=allowed)
        await far.publish(b'{"id": 1}')

        found = await tickets(far.connector(auth={"username": user, "password": CANARY}))
        await refused(far.connector(auth={"username": user, "password": "another"}), "does not let the hub in")
        await other.acl_setuser(user, commands=["-xreadgroup"], enabled=True)
        forbidden = await refused(far.connector(auth={"username": user, "password": CANARY}), "does not allow that")
        await other.acl_deluser(user)
    assert ids(found) == [1]
    assert "xreadgroup" in str(forbidden)


# TLS


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of 127.0.0.1 and one of the hub, both signed by an authority of their own."""
    folder = tmp_path_factory.mktemp("certificates")
    ca_key = ec.generate_private_key(ec.SECP256R1())
    ca = signed("authority", ca_key, ca_key, None)
    write(folder / "ca.pem", ca)
    for name in ("broker", "hub"):
        key = ec.generate_private_key(ec.SECP256R1())
        write(folder / f"{name}.pem", signed(name, key, ca_key, ca))
        pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
        (folder / f"{name}.key").write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    return folder


def signed(name: str, key: Any, ca_key: Any, ca: x509.Certificate | None) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(ca.subject if ca else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=ca is None, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(_LOOPBACK)]), critical=False)
    )
    return builder.sign(ca_key, hashes.SHA256())


def write(path: Path, certificate: x509.Certificate) -> None:
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


@asynccontextmanager
async def behind_tls(far: Far, folder: Path) -> AsyncIterator[Far]:
    """The broker behind a door that wants TLS, and a certificate of whoever comes."""
    trust = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=folder / "ca.pem")
    trust.load_cert_chain(folder / "broker.pem", folder / "broker.key")
    trust.verify_mode = ssl.CERT_REQUIRED
    scheme, _, there = far.options["url"].partition("://")

    async def serve(near: asyncio.StreamReader, near_writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", int(there.rpartition(":")[2]))
        await asyncio.gather(pass_on(near, far_writer), pass_on(far_reader, near_writer))

    async with await asyncio.start_server(serve, "127.0.0.1", 0, ssl=trust) as server:
        url = f"{scheme}s://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield Far({**far.options, "url": url}, far.publish)


async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while piece := await reader.read(65536):
            writer.write(piece)
            await writer.drain()
    writer.close()


@pytest.mark.parametrize("kind", [rabbitmq, mosquitto, fakeredis])
async def test_tls_with_an_authority_and_a_certificate_of_the_hub(kind: Any, tmp_path: Path, certificates: Path):
    tls = {"ca": "ca.pem", "certificate": "hub.pem", "key": "hub.key"}
    async with kind(tmp_path) as far, behind_tls(far, certificates) as door:
        await far.subscribed()
        await far.publish(b'{"id": 1}')
        login = {"auth": {"username": "guest", "password": "guest"}} if kind is rabbitmq else {}

        found = await tickets(build("broker", {**QUICK, **door.options, **login, "tls": tls}, certificates))
        await refused(build("broker", {**QUICK, **door.options}), "the certificate of the broker is not to be trusted")
        missing = {"ca": "nowhere.pem"}
        await refused(build("broker", {**QUICK, **door.options, "tls": missing}, certificates), "tls.ca: No such file")

    assert ids(found) == [1]


async def test_nats_over_tls(tmp_path: Path, certificates: Path):
    files = {name: certificates / f"broker.{name}" for name in ("pem", "key")}
    ours = f"cert_file: '{files['pem']}', key_file: '{files['key']}'"
    config = f"tls {{{ours}, verify: true, ca_file: '{certificates}/ca.pem'}}"
    trust = ssl.create_default_context(cafile=certificates / "ca.pem")
    trust.load_cert_chain(certificates / "hub.pem", certificates / "hub.key")
    tls = {"ca": "ca.pem", "certificate": "hub.pem", "key": "hub.key"}
    async with guarded(tmp_path, config, tls=trust) as options:
        secure = {**options, "url": options["url"].replace("nats://", "tls://")}

        found = await tickets(build("broker", {**secure, "tls": tls}, certificates))
        await refused(build("broker", secure), "the certificate of the broker is not to be trusted")

    assert ids(found) == [1]


async def test_nats_that_offers_no_tls_is_told_no_password(tmp_path: Path):
    said: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b'INFO {"max_payload": 1048576, "headers": true}\r\n')
        said.set_result(await reader.read(1024))

    async with made_up(serve) as port:
        auth = {"username": "hub", "password": CANARY}
        secure = build("broker", {**QUICK, "url": f"tls://127.0.0.1:{port}", "stream": "T", "auth": auth})

        await refused(secure, "offers no TLS")
        told = await said

    assert told == b""


# The command


async def test_hub_try_shows_messages_and_leaves_them_where_they_are(tmp_path: Path):
    async with fakeredis(tmp_path) as far:
        source = await far.subscribed()
        for number in range(3):
            await far.publish(orjson.dumps({"id": number, "title": "路灯不亮", "at": "2026-03-01 08:00:00"}))
        rules = {"external_id": "id", "title": "title", "status": {"value": "RECEIVED"}, "created_at": "at"}
        city = {"title": "城市大脑", "class": "platform", "connector": "broker", **QUICK, **far.options, "map": rules}
        (tmp_path / "connectors.yaml").write_bytes(orjson.dumps({"version": 1, "sources": {"city": city}}))

        shown = await hub("try", "city", "--limit", "10", folder=tmp_path)
        found = await tickets(source)

    assert "3 tickets read as appeals" in shown
    assert ids(found) == [0, 1, 2]


async def test_the_libraries_of_brokers_are_imported_where_they_are_needed_only():
    said = "import sys, hub.config; print(sorted({'aiormq', 'nats', 'redis'} & set(sys.modules)))"

    process = await asyncio.create_subprocess_exec(sys.executable, "-c", said, stdout=asyncio.subprocess.PIPE)
    printed, _ = await process.communicate()

    assert printed.decode().strip() == "[]"


async def hub(*words: str, folder: Path) -> str:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "hub.cli", *words),
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    printed, _ = await process.communicate()
    return printed.decode()
