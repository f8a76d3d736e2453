"""What connectors.yaml says of a broker: where it is, what is taken from it, and what its messages hold."""

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated, Literal, TypeAlias
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, WithJsonSchema, field_validator, model_validator

from hub.connectors.base import Limits, Options
from hub.connectors.formats import known_encoding
from hub.connectors.paths import Path
from hub.connectors.tables import CsvOptions
from hub.connectors.tls import Tls
from hub.units import Duration

Scheme: TypeAlias = Literal["amqp", "mqtt", "nats", "redis"]

SCHEMES: dict[str, tuple[Scheme, int]] = {
    "amqp": ("amqp", 5672),
    "amqps": ("amqp", 5671),
    "mqtt": ("mqtt", 1883),
    "mqtts": ("mqtt", 8883),
    "nats": ("nats", 4222),
    "tls": ("nats", 4222),
    "redis": ("redis", 6379),
    "rediss": ("redis", 6379),
}
"""Which broker a URL speaks of by its scheme, and its usual port."""

SECURE = frozenset({"amqps", "mqtts", "tls", "rediss"})

_NEEDED = {"amqp": "queue", "mqtt": "topics", "nats": "stream", "redis": "stream"}
_KEYS_OF: dict[str, frozenset[str]] = {
    "queue": frozenset({"amqp"}),
    "topics": frozenset({"mqtt"}),
    "stream": frozenset({"nats", "redis"}),
    "subject": frozenset({"nats"}),
    "body_field": frozenset({"redis"}),
    "claim_after": frozenset({"redis"}),
    "keep_session": frozenset({"mqtt"}),
    "version": frozenset({"mqtt"}),
    "known_as": frozenset({"mqtt", "nats", "redis"}),
    "declare": frozenset({"amqp", "nats", "redis"}),
}


def _broker_url(text: str) -> str:
    try:
        parts = urlsplit(text)
        usable = parts.scheme in SCHEMES and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if any(char.isspace() for char in text):
        raise ValueError("the URL holds a blank; write %20 if it belongs there")
    if not usable:
        raise ValueError(f"not a URL such as amqp://host; a broker's begins with {', '.join(SCHEMES)}")
    if parts.username is not None:
        raise ValueError("the URL holds a user name or password; write them under `auth`")
    if parts.query or parts.fragment:
        raise ValueError("a broker's URL ends with its path; what followed `?` or `#` has keys of its own here")
    if parts.scheme.startswith("redis") and not re.fullmatch(r"/?\d{0,5}", parts.path):
        raise ValueError("the path of Redis is the number of a database, such as redis://host/0")
    return text


BrokerUrl = Annotated[
    str,
    AfterValidator(_broker_url),
    WithJsonSchema({"type": "string", "pattern": f"^({'|'.join(SCHEMES)})://"}),
]


_TOPIC = {"type": "string", "minLength": 1}
Topics = Annotated[
    Sequence[Annotated[str, Field(min_length=1, max_length=1000)]],
    BeforeValidator(lambda topics: [topics] if isinstance(topics, str) else topics),
    WithJsonSchema({"anyOf": [_TOPIC, {"type": "array", "items": _TOPIC}]}),
]
"""One topic, or several."""

_PLAIN_NAME = "^[A-Za-z0-9_-]{1,64}$"


def _plain_name(name: str) -> str:
    if not re.fullmatch(_PLAIN_NAME, name):
        raise ValueError("up to 64 letters, digits, - and _, such as hub-12345")
    return name


KnownAs = Annotated[str, AfterValidator(_plain_name), WithJsonSchema({"type": "string", "pattern": _PLAIN_NAME})]
"""A name that every broker takes: some want neither dots nor blanks in it."""


class BrokerAuth(Options):
    """How the hub proves who it is: a user with a password, or one of the ways of NATS."""

    username: str | None = None
    """The user's name."""
    password: SecretStr | None = None
    """The user's password."""
    token: SecretStr | None = None
    """A token (NATS)."""
    nkey: SecretStr | None = None
    """The seed of an nkey (NATS), such as `${file:secrets/hub.nk}`."""
    creds: SecretStr | None = None
    """What a credentials file holds (NATS), such as `${file:secrets/hub.creds}`."""

    @model_validator(mode="after")
    def _one_way(self) -> "BrokerAuth":
        ways = [self.password, self.token, self.nkey, self.creds]
        if sum(way is not None for way in ways) != 1 or (self.username is not None and self.password is None):
            raise ValueError("write `username` and `password`, or exactly one of `token`, `nkey` and `creds`")
        return self


class BrokerLimits(Limits):
    max_pages: int = Field(1_000, ge=1)
    """Pages in one run; what waits then is taken by the next run."""


class BrokerOptions(Options):
    url: BrokerUrl
    """The broker: amqp(s)://host/vhost, mqtt(s)://host, nats:// or tls://host, redis(s)://host/database."""
    queue: str | None = Field(None, min_length=1, max_length=255)
    """The queue that is drained (AMQP)."""
    topics: Topics = ()
    """The topics that are subscribed to (MQTT), such as `city/+/tickets`, or `$share/hub/city/#` for a shared one."""
    stream: str | None = Field(None, min_length=1)
    """The stream that is read (NATS JetStream, Redis)."""
    subject: str | None = Field(None, min_length=1)
    """What of the stream is wanted (NATS), where the hub declares its consumer."""
    body_field: str | None = Field(None, min_length=1)
    """The field of an entry that holds its body (Redis); left out, an entry's fields are the ticket."""
    known_as: KnownAs | None = None
    """What the broker knows the hub by: client id (MQTT), consumer (NATS), group (Redis); `hub-` and the source."""
    declare: bool = False
    """Whether the hub may make what is not there: a queue (AMQP), its consumer (NATS), its group and stream (Redis)."""
    version: Literal[5, "3.1.1"] = 5
    """The version of MQTT."""
    keep_session: Duration = timedelta(days=7)
    """How long the broker keeps messages for a hub that is away (MQTT 5)."""
    claim_after: Duration = timedelta(minutes=5)
    """When messages that another consumer of the group left unacknowledged are taken over (Redis)."""
    format: Literal["json", "jsonl", "xml", "csv", "text"] = "json"
    """What a message's body is; gzip is unpacked."""
    records: Path = ""
    """Where a JSON or XML body holds its tickets; in XML the path begins with the root element."""
    csv: CsvOptions = CsvOptions()
    """How a CSV body is written."""
    encoding: str | None = None
    """The encoding of the body, where it does not say; gb2312 and gbk are read as gb18030."""
    unwrap: Literal["data"] | None = None
    """`data` takes the ticket out of a CloudEvent; the event's attributes are then under `@event`."""
    size: int = Field(200, ge=1, le=10_000)
    """How many messages, and then how many tickets, make a page at most."""
    wait: Duration = timedelta(milliseconds=500)
    """A page is done when no other message comes for this long."""
    idle: Duration = timedelta(seconds=2)
    """A run is done when nothing comes for this long."""
    auth: BrokerAuth | None = None
    """How the hub proves who it is."""
    tls: Tls = Tls()
    """Whose certificates to trust, and the hub's own."""
    limits: BrokerLimits = BrokerLimits()
    """`max_body` bounds a message, `timeout` an answer, `max_pages` a run; the rest of it is for services."""

    @property
    def scheme(self) -> Scheme:
        return SCHEMES[urlsplit(self.url).scheme][0]

    @field_validator("encoding")
    @classmethod
    def _known(cls, encoding: str | None) -> str | None:
        return known_encoding(encoding) if encoding else None

    @model_validator(mode="after")
    def _fits_the_broker(self) -> "BrokerOptions":
        scheme, needed = self.scheme, _NEEDED[self.scheme]
        for key, schemes in _KEYS_OF.items():
            if key in self.model_fields_set and scheme not in schemes:
                raise ValueError(f"`{key}` is for {' and '.join(sorted(schemes))}, and the URL is one of {scheme}")
        if not getattr(self, needed):
            raise ValueError(f"{scheme} needs `{needed}`: what the hub takes from")
        if self.auth is not None and self.auth.password is None and scheme != "nats":
            raise ValueError(f"{scheme} knows a `username` and a `password`; the other ways are those of nats")
        return self

    @model_validator(mode="after")
    def _records_are_inside(self) -> "BrokerOptions":
        if self.records and self.format not in {"json", "xml"}:
            raise ValueError(f"a body of {self.format} holds nothing around its tickets: leave `records` out")
        return self
