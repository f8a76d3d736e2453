"""Answer `hub keys`, `hub add-key` and `hub revoke-key`: who may do more than read."""

import logging
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from hub.cli import logs
from hub.cli.asked import Asked, Misused, opened
from hub.cli.stopping import until_stopped
from hub.cli.voice import ago, answer, columns
from hub.config import Config
from hub.errors import HubError
from hub.keys import new_key
from hub.model import KeyRecord, Scope
from hub.store.keys import MOST_HELD

_LONGEST_NAME = 64


def keys(asked: Asked) -> int:
    """List the keys, those that hold no more included."""
    config = _configured(asked)
    found = until_stopped(_all(config))
    now = datetime.now(UTC)
    heads = ("name", "id", "scopes", "made", "used", "state")
    shown = (
        columns(heads, [_row(each, now) for each in found]) if found else "there are no keys: run `hub add-key NAME`"
    )
    answer(asked, {"keys": [_facts(each, now) for each in found]}, shown)
    return 0


def add_key(asked: Asked, name: str, scopes: Collection[Scope], days: int | None) -> int:
    """Make a key, and show it once."""
    if not 0 < len(name) <= _LONGEST_NAME or not name.isprintable():
        raise Misused(f"a name has from 1 to {_LONGEST_NAME} printable characters")
    config = _configured(asked)
    now = datetime.now(UTC)
    written, record = new_key(name, scopes, now, now + timedelta(days=days) if days else None)
    until_stopped(_added(config, record))
    answer(
        asked,
        {"key": written, **_facts(record, now)},
        written,
        f"this is the key of {name}, shown once: it goes into `Authorization: Bearer …`; "
        f"`hub revoke-key {record.id}` ends it",
    )
    return 0


def revoke_key(asked: Asked, identity: str) -> int:
    """Have a key open nothing any more."""
    config = _configured(asked)
    record = until_stopped(_revoked(config, identity))
    if record is None:
        raise Misused(f"there is no key '{identity}'", hint="run `hub keys`")
    answer(
        asked,
        _facts(record, datetime.now(UTC)),
        f"the key {record.id} of {record.name} opens nothing any more, within seconds",
    )
    return 0


def _configured(asked: Asked) -> Config:
    config = asked.configuration()
    logs.configure(asked, logging.WARNING, config.secrets)
    return config


async def _all(config: Config) -> list[KeyRecord]:
    async with opened(config) as store:
        return await store.keys.all()


async def _added(config: Config, record: KeyRecord) -> None:
    async with opened(config) as store:
        if not await store.keys.add(record):
            raise HubError(
                f"{record.name} has {MOST_HELD} keys that hold", hint="end one first: `hub keys`, `hub revoke-key ID`"
            )


async def _revoked(config: Config, identity: str) -> KeyRecord | None:
    async with opened(config) as store:
        return await store.keys.revoke(identity)


def _state(record: KeyRecord, now: datetime) -> str:
    if record.revoked_at is not None:
        return "revoked"
    if record.expires_at is None:
        return "holds"
    return f"holds until {record.expires_at:%Y-%m-%d}" if now < record.expires_at else "past its time"


def _row(record: KeyRecord, now: datetime) -> Sequence[object]:
    used = ago(record.used_at, now) if record.used_at else "never"
    scopes = " ".join(sorted(record.scopes))
    return record.name, record.id, scopes, ago(record.created_at, now), used, _state(record, now)


def _facts(record: KeyRecord, now: datetime) -> dict[str, Any]:
    return {
        "name": record.name,
        "id": record.id,
        "scopes": sorted(record.scopes),
        "created_at": record.created_at,
        "expires_at": record.expires_at,
        "used_at": record.used_at,
        "state": _state(record, now),
    }
