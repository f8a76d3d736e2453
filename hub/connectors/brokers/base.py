"""What the brokers have in common: a message, the verbs of an opened queue, what is kept of a body too large."""

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from hub.connectors.brokers.options import BrokerOptions
from hub.connectors.brokers.wire import Site

_KEPT = 4096


class TooLarge(bytes):
    """The beginning of a body larger than may be taken, which was read past. `whole` is its size, `digest` SHA-256."""

    whole: int
    digest: str


class Passing:
    """Reads past a body piece by piece, and keeps no more of it than tells what it was."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._beginning = b""
        self._size = 0

    def by(self, piece: bytes) -> None:
        self._hash.update(piece)
        self._beginning += piece[: _KEPT - len(self._beginning)]
        self._size += len(piece)

    def told(self) -> TooLarge:
        told = TooLarge(self._beginning)
        told.whole, told.digest = self._size, self._hash.hexdigest()
        return told


def bounded(body: bytes, most: int) -> bytes:
    """Keep the beginning alone of a body that came, and is larger than may be taken."""
    if len(body) <= most or isinstance(body, TooLarge):
        return body
    passing = Passing()
    passing.by(body)
    return passing.told()


@dataclass(frozen=True, slots=True)
class Message:
    """One message. `mark` is what its own broker acknowledges it by; `fields` are set where it has no body.

    Where its body, or one of its fields, is larger than may be taken, TooLarge stands there.

    What a second delivery of the same message would say otherwise, such as how often it was tried, has no place here:
    it would make a new ticket of an old one.
    """

    mark: Any
    body: bytes
    topic: str = ""
    headers: Mapping[str, Any] = field(default_factory=dict)
    id: str | None = None
    at: datetime | None = None
    content_type: str = ""
    content_encoding: str = ""
    fields: Sequence[tuple[bytes, bytes]] | None = None

    @property
    def size(self) -> int:
        return len(self.body) + sum(len(name) + len(value) for name, value in self.fields or ())


class Queue(Protocol):
    """A broker that was opened. Leaving its context gives back whatever was taken and not acknowledged."""

    async def take(self, most: int, wait: float) -> list[Message]:
        """Take what is there: up to `most` messages, and not much more than `limits.max_body` of bytes.

        Waits up to `wait` seconds for the first. An empty list means that the broker answered, and had none.
        """

    async def acknowledge(self, messages: Sequence[Message]) -> None:
        """Tell the broker that these messages are kept."""


class Opener(Protocol):
    def __call__(self, options: BrokerOptions, site: Site) -> AbstractAsyncContextManager[Queue]: ...
