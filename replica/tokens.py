"""Tokens that are given out at a login and stop working after a while."""

from datetime import datetime, timedelta
from hashlib import sha256

from replica.city import Desk


class Tokens:
    """The tokens of one system. `Faults.token_ttl`, where set, shortens their life at once."""

    def __init__(self, desk: Desk, ttl: timedelta) -> None:
        self._desk = desk
        self._ttl = ttl
        self._given: dict[str, datetime] = {}

    @property
    def ttl(self) -> timedelta:
        shortened = self._desk.faults.token_ttl
        return self._ttl if shortened is None else shortened

    def give(self) -> str:
        """Give out one more token."""
        token = sha256(f"{self._desk.name}/{len(self._given)}".encode()).hexdigest()
        self._given[token] = self._desk.now()
        return token

    def is_good(self, token: str | None) -> bool:
        given = self._given.get(token or "")
        return given is not None and self._desk.now() < given + self.ttl
