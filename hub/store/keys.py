"""The keys that are kept: who may do more than read."""

from typing import Any

from hub.model import KeyRecord, Scope
from hub.store.database import Database

MOST_HELD = 2  # keys of one name that hold: one in use, and one that takes its place
_SCOPES = {scope.value: scope for scope in Scope}


class Keys:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, record: KeyRecord) -> bool:
        """Keep a key; False, and nothing is kept, where its name has two that hold."""
        async with self._database.begin_lean() as connection:
            # Two that count at once would each find room.
            await connection.execute("select pg_advisory_xact_lock(hashtextextended($1, 0))", f"key:{record.name}")
            done = await connection.execute(
                _ADD,
                *(record.id, record.name, record.digest, sorted(record.scopes), record.created_at, record.expires_at),
            )
        return bool(done == "INSERT 0 1")

    async def all(self) -> list[KeyRecord]:
        """Every key ever kept, by name, the newest of a name first."""
        async with self._database.begin_lean() as connection:
            return [_record(row) for row in await connection.fetch("select * from key order by name, created_at desc")]

    async def find(self, identity: str) -> KeyRecord | None:
        """The key of an id, noted as used, once an hour."""
        async with self._database.begin_lean() as connection:
            row = await connection.fetchrow("select * from key where id = $1", identity)
            if row is not None:
                await connection.execute(_USED, identity)
        return _record(row) if row else None

    async def revoke(self, identity: str) -> KeyRecord | None:
        """Have a key open nothing any more; None where there is none. One that is revoked already stays as it was."""
        async with self._database.begin_lean() as connection:
            row = await connection.fetchrow(
                "update key set revoked_at = coalesce(revoked_at, now()) where id = $1 returning *", identity
            )
        return _record(row) if row else None


_ADD = f"""
insert into key (id, name, digest, scopes, created_at, expires_at) select $1, $2, $3, $4, $5, $6
where (select count(*) from key where name = $2 and revoked_at is null and (expires_at is null or expires_at > now()))
  < {MOST_HELD}
"""
_USED = """
update key set used_at = now() where id = $1 and (used_at is null or used_at < now() - interval '1 hour')
"""


def _record(row: Any) -> KeyRecord:
    # A scope that a newer hub gave means nothing here.
    scopes = frozenset(_SCOPES[scope] for scope in row["scopes"] if scope in _SCOPES)
    return KeyRecord(**{**dict(row), "scopes": scopes})
