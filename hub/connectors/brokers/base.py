"""What the brokers have in common: a message, the three verbs of an opened queue, and what is too large to take."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from hub.connectors.brokers.options import BrokerOptions
from hub.connectors.brokers.wire import Site
from hub.errors import SourceRefused

_MOST_LEFT = 100


@dataclass(frozen=True, slots=True)
class Message:
    """One message. `mark` is what its own broker acknowledges it by; `fields` are set where it has no body.

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
    def __call__(self, options: BrokerOptions, site: Site, left: "Left") -> AbstractAsyncContextManager[Queue]: ...


class Left:
    """Counts the messages too large to take: they stay with the broker, neither read nor acknowledged."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._count = 0

    def one_more(self) -> None:
        self._count += 1
        if self._count >= _MOST_LEFT:
            self.tell()

    def tell(self) -> None:
        """Raise SourceRefused where there is any: a person must make room, or take it away."""
        if self._count:
            some = "a message" if self._count == 1 else f"{self._count} messages"
            raise SourceRefused(
                f"{self._site.place} keeps {some} of more than limits.max_body ({self._site.most // 1024} KB)",
                hint="raise limits.max_body, or remove what is too large there",
            )
