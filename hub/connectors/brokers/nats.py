"""Take from a stream of NATS JetStream, as a durable pull consumer that acknowledges each message by itself.

While a page is under way the hub says so again and again, so that no message comes a second time because a page took
long. What was taken and not acknowledged is given back when the connection ends.
"""

import asyncio
import base64
import binascii
import logging
import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from nats import errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext, api
from nats.js import errors as js_errors
from nats.protocol.parser import AWAITING_CONTROL_LINE, Parser

from hub.connectors.brokers.base import Message, bounded
from hub.connectors.brokers.options import BrokerAuth, BrokerOptions
from hub.connectors.brokers.wire import Site, asking, connection_error, part
from hub.connectors.guard import refuse_forbidden
from hub.errors import SourceError, SourceRefused, SourceUnavailable

# What it has to say, its exceptions say as well.
logging.getLogger("nats").setLevel(logging.CRITICAL)

_LARGEST_PAYLOAD = 64 * 2**20  # more than that no NATS server can be set to
_LONGEST_LINE = 64 * 1024
_ACK_WAIT = 30.0  # seconds until a message of a hub that died comes again, where the hub declares its consumer
_SHORTEST_WAIT = 0.05
_NO_STREAM = 10059
_USER = 20 << 3  # the first byte of a user's public nkey, which makes it begin with U

_VAGUE = (errors.NoServersError, errors.ConnectionClosedError, TimeoutError)
_JWT = re.compile(r"BEGIN NATS USER JWT-+\s+([\w.-]+)")
_SEED = re.compile(r"BEGIN USER NKEY SEED-+\s+(\w+)")


@asynccontextmanager
async def open_queue(options: BrokerOptions, site: Site) -> AsyncIterator["NatsQueue"]:
    client = _Client(site)
    try:
        async with asking(site, client.explain):
            await refuse_forbidden(site.host)
            await client.open(options)
            stream = client.jetstream(timeout=site.timeout)
            info = await _consumer(stream, options, site)
            subscription = await stream.pull_subscribe_bind(
                site.known_as, options.stream, pending_bytes_limit=2 * _LARGEST_PAYLOAD
            )
        queue = NatsQueue(client, subscription, site)
        try:
            async with _kept_alive(queue, info.config.ack_wait or _ACK_WAIT):
                yield queue
        finally:
            await part(queue.give_back())
    finally:
        await part(client.close())


class NatsQueue:
    def __init__(self, client: "_Client", subscription: JetStreamContext.PullSubscription, site: Site) -> None:
        self._client = client
        self._subscription = subscription
        self._site = site
        self._under_way: dict[str, Msg] = {}

    async def take(self, most: int, wait: float) -> list[Message]:
        fitting = min(most, max(1, self._site.most // max(1, self._client.max_payload)))
        async with asking(self._site, self._client.explain, wait):
            found = await self._fetched(fitting, max(wait, _SHORTEST_WAIT))
            if not found and self._subscription.pending_msgs:  # they came while the server was asked whether it lives
                found = await self._fetched(fitting, _SHORTEST_WAIT)
            return [self._message(came) for came in found]

    async def _fetched(self, most: int, wait: float) -> list[Msg]:
        try:
            return await self._subscription.fetch(most, wait)
        except TimeoutError:
            await self._client.ping()  # tells a quiet stream from a server that is gone
            return []

    async def acknowledge(self, messages: Sequence[Message]) -> None:
        async with asking(self._site, self._client.explain):
            for message in messages:
                # JetStream reads them in their order, and says of the last that it has, before it is asked for more.
                await (message.mark.ack_sync(self._site.timeout) if message is messages[-1] else message.mark.ack())
                self._under_way.pop(message.mark.reply, None)

    async def stay(self) -> None:
        """Say that what was taken is being worked on."""
        for came in list(self._under_way.values()):
            await came.in_progress()

    async def give_back(self) -> None:
        for came in self._under_way.values():
            await came.nak()
        await self._client.flush()

    def _message(self, came: Msg) -> Message:
        self._under_way[came.reply] = came
        headers = dict(came.headers or {})
        named = {name.lower(): value for name, value in headers.items()}
        return Message(
            mark=came,
            body=bounded(came.data, self._site.most),
            topic=came.subject,
            headers=headers,
            id=str(came.metadata.sequence.stream),
            at=came.metadata.timestamp,
            content_type=named.get("content-type", ""),
            content_encoding=named.get("content-encoding", ""),
        )


@asynccontextmanager
async def _kept_alive(queue: NatsQueue, ack_wait: float) -> AsyncIterator[None]:
    async def stay() -> None:
        while True:
            await asyncio.sleep(ack_wait / 3)
            with suppress(errors.Error, OSError):  # whoever takes or acknowledges next is told
                await queue.stay()

    staying = asyncio.create_task(stay())
    try:
        yield
    finally:
        staying.cancel()


async def _consumer(stream: JetStreamContext, options: BrokerOptions, site: Site) -> api.ConsumerInfo:
    """Find the hub's consumer, or declare it where that is allowed. Raises SourceRefused for one that may lose any."""
    name = options.stream or ""
    try:
        info: api.ConsumerInfo = await stream.consumer_info(name, site.known_as)
    except js_errors.NotFoundError as error:
        if error.err_code == _NO_STREAM:
            raise SourceRefused(f"has no stream {name!r}", hint="check `stream`") from None
        if not options.declare:
            raise SourceRefused(
                f"has no consumer {site.known_as!r} of the stream {name!r}", hint="create it, or set `declare: true`"
            ) from None
        return await stream.add_consumer(name, _wanted(options, site))
    if info.config.ack_policy != api.AckPolicy.EXPLICIT or info.config.deliver_subject:
        raise SourceRefused(
            f"pushes to the consumer {site.known_as!r}, or does not want each message acknowledged",
            hint="the hub needs a pull consumer with AckPolicy explicit: name another by `known_as`",
        )
    return info


def _wanted(options: BrokerOptions, site: Site) -> api.ConsumerConfig:
    return api.ConsumerConfig(
        durable_name=site.known_as,
        ack_policy=api.AckPolicy.EXPLICIT,
        ack_wait=_ACK_WAIT,
        filter_subject=options.subject,
        max_ack_pending=max(1000, 2 * options.size),
    )


class _Client(Client):
    """A client that connects once, insists on TLS where the URL does, and keeps nothing larger than NATS allows."""

    def __init__(self, site: Site) -> None:
        super().__init__()
        self._ps = _SparingParser(self)
        self._site = site
        self._trouble: Exception | None = None

    async def open(self, options: BrokerOptions) -> None:
        site, auth = self._site, options.auth or BrokerAuth.model_construct()
        await self.connect(
            options.url,
            name="appeal-hub",
            allow_reconnect=False,
            max_reconnect_attempts=1,
            reconnect_time_wait=0,
            connect_timeout=site.timeout,  # type: ignore[arg-type]  # seconds, and parts of one as well
            error_cb=self._remember,
            closed_cb=self._end_waiting,
            tls=site.tls,
            tls_hostname=site.host if site.tls else None,
            user=auth.username,
            password=auth.password.get_secret_value() if auth.password else None,
            token=auth.token.get_secret_value() if auth.token else None,
            **self._signing(auth),
        )

    async def ping(self) -> None:
        """Ask for a sign of life. Raises errors.Error where there is none."""
        if self._reading_task is None or self._reading_task.done():
            raise errors.StaleConnectionError
        await self.flush()

    def explain(self, error: Exception) -> SourceError | None:
        """Say what an error means; where it is no more than that the connection is gone, why it went."""
        if isinstance(error, _VAGUE) and self._trouble is not None:
            return _explain(self._trouble) or connection_error(self._site, self._trouble)
        return _explain(error)

    def _signing(self, auth: BrokerAuth) -> dict[str, Any]:
        """Say how the server's challenge is answered: by a seed alone, or by a signed card and the seed beside it."""
        if auth.nkey is not None:
            key = _key(auth.nkey.get_secret_value().strip(), "auth.nkey")
            self._public_nkey, self._auth_configured = _public(key), True
            return {"signature_cb": _signature(key)}
        if auth.creds is not None:
            held = auth.creds.get_secret_value()
            card, seed = _JWT.search(held), _SEED.search(held)
            if card is None or seed is None:
                raise SourceRefused("auth.creds holds no JWT and seed", hint="it is what a .creds file holds")
            self._auth_configured = True
            signature = _signature(_key(seed[1], "auth.creds"))
            return {"user_jwt_cb": lambda: bytearray(card[1].encode()), "signature_cb": signature}
        return {}

    async def _end_waiting(self) -> None:
        """Tell whoever waits for a sign of life that there will be none: of itself the client tells nobody."""
        for waiting in self._pongs:
            if not waiting.done():
                waiting.set_exception(errors.ConnectionClosedError)

    async def _remember(self, error: Exception) -> None:
        self._trouble = error

    async def _process_info(self, info: dict[str, Any], initial_connection: bool = False) -> None:
        # Before credentials are sent: the first words of a server come in clear, and so perhaps from somebody else.
        if self._site.tls is not None and initial_connection and not info.get("tls_required"):
            raise errors.SecureConnWantedError
        await super()._process_info({**info, "connect_urls": []}, initial_connection)


class _SparingParser(Parser):
    """A parser that gives up where a line has no end, or a message is larger than any can be."""

    async def parse(self, data: bytes = b"") -> None:
        await super().parse(data)
        is_line = self.state == AWAITING_CONTROL_LINE
        if len(self.buf) > _LONGEST_LINE if is_line else self.needed > _LARGEST_PAYLOAD + _LONGEST_LINE:
            raise errors.ProtocolError


def _key(seed: str, where: str) -> Ed25519PrivateKey:
    """Read the seed of an nkey: base 32 of two bytes of its kind, the key, and a checksum."""
    try:
        packed = base64.b32decode(seed + "=" * (-len(seed) % 8))
    except ValueError:
        packed = b""
    if len(packed) != 36 or binascii.crc_hqx(packed[:-2], 0) != int.from_bytes(packed[-2:], "little"):
        raise SourceRefused(f"{where} is not the seed of an nkey", hint="it begins with SU")
    return Ed25519PrivateKey.from_private_bytes(packed[2:34])


def _public(key: Ed25519PrivateKey) -> str:
    packed = bytes([_USER]) + key.public_key().public_bytes_raw()
    packed += binascii.crc_hqx(packed, 0).to_bytes(2, "little")
    return base64.b32encode(packed).rstrip(b"=").decode()


def _signature(key: Ed25519PrivateKey) -> Callable[[str], bytes]:
    return lambda nonce: base64.b64encode(key.sign(nonce.encode()))


def _explain(error: Exception) -> SourceError | None:
    said = str(error).removeprefix("nats: ").strip("'\" ")
    match error:
        case errors.TimeoutError():
            return None
        case errors.SecureConnWantedError():
            return SourceRefused("offers no TLS", hint="a URL of tls:// wants it; one of nats:// goes without")
        case js_errors.ServiceUnavailableError() | errors.NoRespondersError():
            return SourceRefused("has no JetStream for the hub", hint="turn it on for the account of `auth`")
        case js_errors.APIError():
            return SourceRefused(f"says no: {error.description}", hint="check `stream`, `subject` and `known_as`")
        case errors.ProtocolError():
            return SourceRefused("does not speak NATS", hint="check the host and port of `url`")
        case errors.AuthorizationError():
            return SourceRefused("does not let the hub in", hint="check `auth`")
        case errors.Error() if "authorization" in said.lower() or "authentication" in said.lower():
            return SourceRefused("does not let the hub in", hint="check `auth`")
        case errors.Error() if "permissions violation" in said.lower():
            return SourceRefused(f"does not allow that: {said}", hint="see what the user of `auth` may do")
        case errors.Error() if "info message" in said.lower():
            return SourceRefused("does not speak NATS", hint="check the host and port of `url`")
        case errors.Error():
            return SourceUnavailable(f"broke off: {said}")
    return None
