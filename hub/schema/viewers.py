"""Who asks: recognized by a key, or anybody. What is remembered of keys is bounded, and forgotten within seconds."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from hub.errors import QueryError
from hub.keys import Key, opens, read_key
from hub.model import KeyRecord, Scope
from hub.store.keys import Keys

_FRESH = timedelta(seconds=5)  # how long a key may still open what it was revoked for
_REMEMBERED = 1_000


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who asks, and what they may do."""

    name: str = ""
    scopes: frozenset[Scope] = frozenset()
    key: Key | None = None

    def require(self, scope: Scope) -> str:
        """The viewer's name. Raises QueryError UNAUTHENTICATED or FORBIDDEN where they may not do this."""
        if scope in self.scopes:
            return self.name
        if self.key is None:
            raise QueryError(
                "UNAUTHENTICATED",
                "this needs a key",
                hint="send `Authorization: Bearer hub_…`; `hub add-key` makes one",
            )
        raise QueryError("FORBIDDEN", f"the key of {self.name} does not have the scope {scope}", scope=scope.value)


READERS = frozenset({Scope.APPEALS_READ})
ANYBODY = Viewer(scopes=READERS)
NOBODY = Viewer()
"""Whoever brings no key, where reading needs one."""


class Viewers:
    """Recognizes keys."""

    def __init__(
        self, keys: Keys, anybody: Viewer = ANYBODY, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._keys = keys
        self._anybody = anybody
        self._now = now
        self._known: OrderedDict[str, tuple[datetime, KeyRecord | None]] = OrderedDict()
        self._asking: dict[str, asyncio.Task[KeyRecord | None]] = {}

    async def recognize(self, authorization: str | None) -> Viewer:
        """Who sent this Authorization header; anybody without one. Raises QueryError UNAUTHENTICATED."""
        if authorization is None:
            return self._anybody
        scheme, _, written = authorization.partition(" ")
        if scheme.lower() != "bearer" or (key := read_key(written.strip())) is None:
            raise QueryError("UNAUTHENTICATED", "the Authorization header holds no key", hint="send `Bearer hub_…`")
        return await self._viewer(key)

    async def again(self, viewer: Viewer) -> Viewer:
        """The same viewer as they are now. Raises QueryError UNAUTHENTICATED where their key does not hold any more."""
        return viewer if viewer.key is None else await self._viewer(viewer.key)

    async def _viewer(self, key: Key) -> Viewer:
        record = await self._record(key.id)
        if record is None or not opens(key, record, self._now()):
            raise QueryError("UNAUTHENTICATED", "the key is unknown, revoked or past its time")
        return Viewer(record.name, record.scopes | READERS, key)

    async def _record(self, identity: str) -> KeyRecord | None:
        until, record = self._known.get(identity, (None, None))
        if until is not None and self._now() < until:
            return record
        # Whoever asks meanwhile waits for the same answer.
        if (asking := self._asking.get(identity)) is None:
            asking = self._asking[identity] = asyncio.create_task(self._ask(identity))
        return await asyncio.shield(asking)

    async def _ask(self, identity: str) -> KeyRecord | None:
        try:
            record = await self._keys.find(identity)
        finally:
            self._asking.pop(identity, None)
        self._known[identity] = (self._now() + _FRESH, record)
        self._known.move_to_end(identity)
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return record
