"""What connectors.yaml may say of an endpoint: where it is, what it wants, how it is told, and how patiently."""

import base64
import codecs
from collections.abc import Collection, Iterator, Mapping
from dataclasses import fields
from datetime import timedelta
from difflib import get_close_matches
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr, StrictBool

from hub.connectors.asking import Asked
from hub.connectors.auth import Auth
from hub.connectors.base import Options
from hub.connectors.paths import Path
from hub.connectors.placeholders import base_of, names_in
from hub.connectors.tls import Tls
from hub.connectors.urls import Url
from hub.connectors.verdicts import ErrorEnvelope
from hub.endpoints.guard import Networks, refused
from hub.mapping.rules import APPEAL
from hub.model import Appeal, ChangeType, Kind, Status
from hub.units import Between, Duration, PerTime, Rate, Size, Waits

SHORTEST_SECRET = 24
"""Bytes, as Standard Webhooks wants them."""
SHORT_ANSWER, LONGEST_ANSWER = 1024, 64 * 1024
SAYABLE = {name: target.attribute for name, target in APPEAL.targets.items()} | {
    "source": "source",
    "location.longitude": "location.longitude",
    "location.latitude": "location.latitude",
}
"""What a request can say of an appeal, and the attribute that holds it."""
BESIDE = ("number", "version", "type", "changed_at", "remote_id", "id", "action", "actor", "note", "organization")
"""What it can say beside that."""
FIELDS = frozenset(each.name for each in fields(Appeal)) - {"source", "external_id"}
"""The fields of an appeal that can change."""


def secret_bytes(text: str) -> bytes:
    """Read a secret of Standard Webhooks: `whsec_` or `whsk_`, and base64. Raises ValueError."""
    kind, known, written = text.partition("_") if text.startswith(("whsec_", "whsk_")) else ("", "", "")
    if not known:
        raise ValueError("a secret begins with whsec_ (HMAC-SHA256) or whsk_ (ed25519)")
    try:
        raw = base64.b64decode(written, validate=True)
    except ValueError:
        raise ValueError(f"behind {kind}_ a secret is base64") from None
    if kind == "whsk" and len(raw) not in (32, 64):
        raise ValueError("a key of ed25519 has 32 bytes")
    if len(raw) < SHORTEST_SECRET:
        raise ValueError(
            f"a secret of {len(raw)} bytes can be guessed: `echo whsec_$(openssl rand -base64 32)` makes one of 32"
        )
    return raw


def _sound(secret: SecretStr) -> SecretStr:
    secret_bytes(secret.get_secret_value())
    return secret


Secret = Annotated[SecretStr, AfterValidator(_sound)]


class Only(Options):
    """Which changes an endpoint is sent: every key given must hold, by any of its values."""

    sources: tuple[str, ...] = ()
    """Of appeals from these sources."""
    kinds: tuple[Kind, ...] = ()
    """Of appeals of these kinds."""
    statuses: tuple[Status, ...] = ()
    """Of appeals that have one of these statuses now."""
    areas: tuple[str, ...] = ()
    """Of appeals in these divisions, or parts of them: the beginnings of their codes."""
    topics: tuple[str, ...] = ()
    """Of appeals about these topics, or parts of them: their beginnings."""
    fields: tuple[str, ...] = ()
    """Where one of these fields changed; creations always are."""


class Tries(Options):
    """How often, and how patiently, a change that was not taken is sent again."""

    attempts: int = Field(20, ge=1, le=100)
    """Tries in all, the first included; then it is a dead letter, which `hub replay-deliveries` sends again."""
    refused: int = Field(3, ge=1, le=100)
    """Tries in all for a change that the endpoint understood and refused: 4xx, or an error inside a 200."""
    wait: Waits = Between(timedelta(seconds=5), timedelta(hours=12))
    """The shortest and longest bound of the wait between tries, doubling; each real wait is drawn by chance below it.
    With 20 attempts they last for some two days."""
    retry_after_max: Duration = timedelta(hours=1)
    """Retry-After is obeyed up to this long."""


class Breaker(Options):
    """When an endpoint that fails for every change is left alone, and how it is tried again, by one change."""

    failures: int = Field(10, ge=1, le=1000)
    """Failures in a row, of whatever appeals."""
    wait: Waits = Between(timedelta(seconds=10), timedelta(minutes=10))
    """How long it is left alone at first, doubling up to the longest."""


class RequestKeys(Asked):
    """The request by which a legacy system wants to be told, in place of a message of Standard Webhooks.

    Its texts name the fields of the appeal as mappings do: `{external_id}`, `{status}`, `{reporter.phone}`; a time may
    say its form, as `{updated_at:%Y-%m-%d %H:%M:%S}`. A field that the system has words for is said in those. Beside
    them there are `{number}` (of the change), `{version}`, `{type}`, `{changed_at}` and `{remote_id}`; of what was done
    at the hub `{action}`, `{actor}`, `{note}` and `{organization}`.
    """

    url: str = ""
    """Where it goes, from the endpoint's `url` on; `{name}` stands for a value, percent-encoded."""
    method: Literal["POST", "PUT", "PATCH", "GET"] = "POST"  # type: ignore[assignment]  # nobody writes to it
    """How it is sent."""
    headers: Mapping[str, str] = {}
    """Headers, such as `SOAPAction`."""
    encoding: str = "utf-8"
    """What the system reads, such as `gbk`; a character that it lacks is sent as `?`."""
    words: Mapping[str, Mapping[str, str]] = {}
    """The system's words for the hub's, by field; of a source they come from its `map` and `outward`, and these go
    before."""
    error: ErrorEnvelope | None = None
    """How an error inside a 200 is recognised."""
    remote_id: Path | None = None
    """Where the answer says what the system calls the appeal; later requests name it as `{remote_id}`."""


class EndpointKeys(Options):
    """One system that is told what changes."""

    title: str | None = Field(None, min_length=1, max_length=200)
    """What people call it."""
    enabled: StrictBool = True
    """false sends nothing; what changes meanwhile waits."""
    url: Url
    """Where changes are posted to."""
    events: list[ChangeType] = Field([], max_length=len(ChangeType))
    """The kinds of changes that it is sent; all of them where none is named."""
    only: Only = Only()
    """Which of them."""
    begin: Literal["now", "start"] = "now"
    """Where a new endpoint begins: with what changes from now on, or with the first change that the hub knows."""
    request: RequestKeys | None = None
    """The system's own request, where it takes no Standard Webhooks. What it needs of words the system lacks is not
    sent."""
    data: Literal["thin", "full"] = "thin"
    """What a message says of the appeal: which one, where it stands and what changed; or all of it."""
    personal: StrictBool = False
    """true shows names, numbers and addresses as they are to this endpoint, which is masked otherwise."""
    cloudevents: StrictBool = False
    """true adds the headers of CloudEvents 1.0, binary mode."""
    secrets: tuple[Secret, ...] = Field((), max_length=4)
    """What messages are signed with, `whsec_…` by HMAC-SHA256, `whsk_…` by ed25519; all of them sign, so that the old
    and the new are good while they are exchanged. Without any, the hub signs with one that it makes itself:
    `hub endpoints NAME --rotate`."""
    auth: Auth | None = None
    """How the hub proves who it is beside that."""
    insecure: StrictBool = False
    """true allows `http://`: what is sent can be read on its way."""
    networks: Networks = ()
    """Private networks (CIDR) that the address may lie in, such as 10.8.0.0/16; otherwise only public addresses are
    connected to."""
    tls: Tls | None = None
    """Whom to trust over TLS, and the hub's own certificate."""
    timeout: Duration = timedelta(seconds=15)
    """How long one try may take."""
    rate: Rate = PerTime(100, timedelta(seconds=1))
    """Requests a second, minute or hour."""
    concurrency: int = Field(8, ge=1, le=64)
    """Requests under way at once; those for one appeal go one after another."""
    max_answer: Size | None = None
    """How much of an answer is read: 1 KB, or 64KB where `request` has to make sense of it."""
    retry: Tries = Tries()
    """How often a change is sent again."""
    breaker: Breaker = Breaker()
    """When the endpoint is left alone."""

    @property
    def kinds(self) -> frozenset[ChangeType]:
        return frozenset(self.events or ChangeType)

    def problems(self, sources: Collection[str]) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """Yield what does not fit together, or names what there is not, and where."""
        if self.url.startswith("http://") and not self.insecure:
            yield ("url",), "over http:// everybody on the way can read it; write https://, or `insecure: true`"
        if reason := refused(self.url, self.networks):
            yield ("url",), reason
        if self.max_answer is not None and self.max_answer > LONGEST_ANSWER:
            yield ("max_answer",), "at most 64KB of an answer is read"
        for place, name in enumerate(self.only.sources):
            if name not in sources:
                yield ("only", "sources", place), f"there is no source '{name}'{_meant(name, sources)}"
        for place, name in enumerate(self.only.fields):
            if name not in FIELDS:
                yield ("only", "fields", place), f"the appeal has no field '{name}'{_meant(name, FIELDS)}"
        if self.auth is not None and self.auth.login is not None and self.auth.login.cookies:
            yield ("auth", "login", "cookies"), "an endpoint keeps no cookies; name the one that it wants by `cookie`"
        if self.request is not None:
            yield from ((("request", *path), message) for path, message in _request_problems(self.request))
        elif self.auth is not None and self.auth.sign is not None and self.auth.sign.body:
            yield ("auth", "sign", "body"), "a message of Standard Webhooks has no place for more; write `headers`"

    @property
    def longest_answer(self) -> int:
        reads = self.request is not None and (self.request.error is not None or self.request.remote_id is not None)
        return self.max_answer or (LONGEST_ANSWER if reads else SHORT_ANSWER)


def _request_problems(request: RequestKeys) -> Iterator[tuple[tuple[str | int, ...], str]]:
    try:
        codecs.lookup(request.encoding)
    except LookupError:
        yield ("encoding",), f"there is no encoding '{request.encoding}'; did you mean 'gbk'?"
    known = {*SAYABLE, *BESIDE}
    for place, shape in (
        ("url", request.url),
        ("query", request.query),
        ("headers", request.headers),
        ("body", request.body),
    ):
        for name in sorted(set(names_in(shape))):
            base = base_of(name)
            if base not in known and not base.startswith("attributes.") and _reads_as_a_name(base):
                yield (place,), f"there is no value {{{base}}}{_meant(base, known)}"
    for name in request.words:
        if name not in SAYABLE:
            yield ("words", name), f"the appeal has no field '{name}'{_meant(name, SAYABLE)}"


def _reads_as_a_name(text: str) -> bool:
    return all(part.isidentifier() for part in text.split("."))


def _meant(name: str, known: Collection[str]) -> str:
    near = get_close_matches(name, known, 1)
    return f"; did you mean '{near[0]}'?" if near else ""
