"""Keys: `hub_ID_SECRET`, shown once and kept as a digest. Pure but for the randomness.

The secret has 256 bits of its own, so that a plain SHA-256 of it tells nothing.
"""

import hashlib
import re
import secrets
from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

from hub.model import KeyRecord, Scope

_WRITTEN = re.compile(r"hub_(?P<id>[0-9a-f]{12})_[A-Za-z0-9_-]{43}", re.ASCII)


class Key(NamedTuple):
    """The id of a key that somebody holds, and the digest of the whole."""

    id: str
    digest: bytes


def new_key(
    name: str, scopes: Collection[Scope], now: datetime, expires_at: datetime | None = None
) -> tuple[str, KeyRecord]:
    """Make a key: what its holder gets, and what is kept."""
    identity = secrets.token_hex(6)
    written = f"hub_{identity}_{secrets.token_urlsafe(32)}"
    return written, KeyRecord(identity, name, _digest(written), frozenset(scopes), now, expires_at)


def read_key(written: str) -> Key | None:
    """Read what somebody sent; None for what is no key."""
    found = _WRITTEN.fullmatch(written)
    return Key(found["id"], _digest(written)) if found else None


def opens(key: Key, record: KeyRecord, now: datetime) -> bool:
    """Whether a key is the one of the record, and still holds."""
    same = secrets.compare_digest(key.digest, record.digest)
    return same and record.revoked_at is None and (record.expires_at is None or now < record.expires_at)


def _digest(written: str) -> bytes:
    return hashlib.sha256(written.encode()).digest()
