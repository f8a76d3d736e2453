"""Tokens that are given out at a login and stop working after a while."""

from datetime import datetime, timedelta
from hashlib import sha256

from replica.city import Clock
from replica.faults import Faults

HALF_AN_HOUR = timedelta(minutes=30)


class Tokens:
    """The tokens of one system. `Faults.token_ttl`, where set, shortens their life at once."""

    def __init__(self, name: str, clock: Clock, faults: Faults, ttl: timedelta) -> None:
        self._name = name
        self._clock = clock
        self._faults = faults
        self._ttl = ttl
        self._given: dict[str, datetime] = {}

    @property
    def ttl(self) -> timedelta:
        shortened = self._faults.token_ttl
        return self._ttl if shortened is None else shortened

    @property
    def seconds(self) -> int:
        return int(self.ttl.total_seconds())

    def give(self) -> str:
        """Give out one more token."""
        token = sha256(f"{self._name}/{len(self._given)}".encode()).hexdigest()
        self._given[token] = self._clock()
        return token

    def is_good(self, token: str | None) -> bool:
        given = self._given.get(token or "")
        return given is not None and self._clock() < given + self.ttl
