"""The face of an endpoint: what it wants, and the one verb by which a change is carried to it."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol, TypeAlias

from hub.connectors.exchange import Request
from hub.endpoints.options import Breaker, Only, Tries
from hub.model import Attempt, ChangeType, Delivery, EndpointRecord

Send: TypeAlias = Callable[[Delivery], Awaitable[Attempt]]
"""Try once to deliver one change; says what became of it, and raises nothing."""


class Carrier(Protocol):
    """The way to one endpoint, in whatever protocol and form. It never retries: one place does."""

    @property
    def secrets(self) -> frozenset[str]:
        """What must never be shown."""

    def says(self, delivery: Delivery) -> bool:
        """Tell whether the system has words for a change; what it has none for is not sent."""

    def preview(self, kept: "Kept", delivery: Delivery) -> Request:
        """Write what would be sent now. Raises SourceRefused."""

    def open(self, kept: "Kept") -> AbstractAsyncContextManager[Send]:
        """Open connections for one run. Raises ConfigError's kin only where nothing at all can be sent."""


@dataclass(frozen=True, slots=True)
class Kept:
    """The secrets that the hub itself made for an endpoint: the newest, and the one before while both sign."""

    secrets: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One system that wants changes, ready to be sent them."""

    record: EndpointRecord
    carrier: Carrier
    events: frozenset[ChangeType]
    only: Only
    retry: Tries
    breaker: Breaker
    concurrency: int
    timeout: timedelta
    enabled: bool = True
    secrets: frozenset[str] = field(default=frozenset(), repr=False)
    fingerprint: bytes = field(default=b"", repr=False)

    @property
    def name(self) -> str:
        return self.record.name

    def wants(self, delivery: Delivery) -> bool:
        """Tell whether the endpoint is to be sent a change. What came from its own system is not sent back there."""
        change = delivery.change
        return (
            change.origin != self.record.source
            and change.type in self.events
            and self._is_about(delivery.appeal)
            and self.carrier.says(delivery)
            and (not self.only.fields or not change.fields or any(name in change.fields for name in self.only.fields))
        )

    def _is_about(self, appeal: Mapping[str, Any]) -> bool:
        only = self.only
        return (
            (not only.sources or appeal["source"] in only.sources)
            and (not only.kinds or appeal["kind"] in only.kinds)
            and (not only.statuses or appeal["status"] in only.statuses)
            and _begins(appeal["area"], only.areas)
            and _begins(appeal["topic"], only.topics)
        )


def _begins(value: str | None, prefixes: tuple[str, ...]) -> bool:
    return not prefixes or (value is not None and value.startswith(prefixes))
