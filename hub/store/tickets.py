"""Tickets on their way: landed raw with the cursor, then served as appeals with their changes, or rejected."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.model import Appeal, ChangeType, Cursor, LandedTicket, Lane, Rejection, Tally
from hub.store import search, tables
from hub.store.database import Database
from hub.store.lanes import hold_lane, write_lane

_CHANGE_LOG = 0x6875_6202  # "hub", 2: held while the change log is written
_PERSONAL = {"reporter_name", "reporter_phone"}  # the log says that they changed, never what they were


@dataclass(frozen=True, slots=True)
class Landing:
    """What landing a page left to do: `pending` are new or changed; the rest was known already."""

    pending: list[LandedTicket]
    unchanged: int
    repeated: int


@dataclass(frozen=True, slots=True)
class Served:
    """A landed ticket, by the hash of its raw record, and the appeal it reads as."""

    hash: bytes
    appeal: Appeal


class Tickets:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def land(self, lane: Lane, source: str, tickets: Sequence[LandedTicket], cursor: Cursor) -> Landing:
        """Keep a page raw, and the cursor after it, in one transaction. Raises LaneLost.

        An id that comes twice in the page is landed once, as it came last.
        """
        last = {ticket.external_id: ticket for ticket in tickets}
        async with self._database.begin() as connection:
            await write_lane(connection, lane, "cursor = $3::text::jsonb", orjson.dumps(cursor).decode())
            known = await self._hashes(connection, source, list(last))
            pending = [ticket for ticket in last.values() if known.get(ticket.external_id) != ticket.hash]
            if pending:
                await connection.exec_driver_sql(
                    _LAND,
                    (
                        source,
                        [ticket.external_id for ticket in pending],
                        [ticket.raw for ticket in pending],
                        [ticket.hash for ticket in pending],
                    ),
                )
        return Landing(pending, len(last) - len(pending), len(tickets) - len(last))

    @staticmethod
    async def _hashes(connection: AsyncConnection, source: str, external_ids: list[str]) -> dict[str, bytes]:
        rows = await connection.exec_driver_sql(
            "select external_id, hash from ticket where source = $1 and external_id = any($2)", (source, external_ids)
        )
        return {row.external_id: row.hash for row in rows}

    async def pending(self, source: str, limit: int) -> list[LandedTicket]:
        """The oldest tickets of a source that are neither served nor rejected."""
        async with self._database.begin() as connection:
            rows = await connection.exec_driver_sql(
                """select external_id, raw, hash from ticket where source = $1 and state = 'pending'
                   order by id limit $2""",
                (source, limit),
            )
        return [LandedTicket(row.external_id, row.raw, row.hash, orjson.loads(row.raw)) for row in rows]

    async def put(self, lane: Lane, source: str, served: Sequence[Served], rejected: Sequence[Rejection]) -> Tally:
        """Settle landed tickets in one transaction: appeals with their changes, and rejections. Raises LaneLost.

        A ticket that was landed anew since (another hash) stays pending. An appeal that reads as before is not written
        again and makes no change. Appeals of a rejected ticket stay as they were last served.
        """
        async with self._database.begin() as connection:
            await hold_lane(connection, lane)
            changes = await self._write_appeals(connection, source, [one.appeal for one in served])
            await connection.exec_driver_sql(
                _SERVE, (source, [one.appeal.external_id for one in served], [one.hash for one in served])
            )
            if rejected:
                await connection.exec_driver_sql(
                    _REJECT,
                    (
                        source,
                        [one.external_id for one in rejected],
                        [one.hash for one in rejected],
                        [one.reason for one in rejected],
                        [one.field for one in rejected],
                    ),
                )
            # Last, so that the log is locked for as short as can be.
            await self._log(connection, source, changes)
        return Tally(served=len(served), rejected=len(rejected))

    async def _write_appeals(
        self, connection: AsyncConnection, source: str, appeals: Sequence[Appeal]
    ) -> list["_Written"]:
        """Write the appeals that are new or read otherwise than before, and say what became different."""
        rows = {appeal.external_id: _row(appeal) for appeal in appeals}
        before = await self._stored(connection, source, list(rows))
        different: dict[str, dict[str, Any]] = {}
        for external_id, row in rows.items():
            if (old := before.get(external_id)) is None:
                different[external_id] = {}
            elif fields := _difference(old, row):
                different[external_id] = fields
        if not different:
            return []
        written = [rows[external_id] for external_id in different]
        texts = [search.lexemes([row[_TITLE], row[_CONTENT], row[_NUMBER], row[_ADDRESS]]) for row in written]
        columns = [list(column) for column in zip(*written, strict=True)]
        result = await connection.exec_driver_sql(_WRITE, (source, *columns, texts))
        return [_Written(row.id, row.version, different[row.external_id]) for row in result]

    @staticmethod
    async def _stored(connection: AsyncConnection, source: str, external_ids: list[str]) -> dict[str, tuple[Any, ...]]:
        rows = await connection.exec_driver_sql(_STORED, (source, external_ids))
        return {row[0]: tuple(row) for row in rows}

    @staticmethod
    async def _log(connection: AsyncConnection, source: str, changes: Sequence["_Written"]) -> None:
        """Append to the change log.

        The lock makes commit order equal number order: without it a reader's position passes a change that is not
        committed yet, and never sees it.
        """
        if not changes:
            return
        await connection.exec_driver_sql("select pg_advisory_xact_lock($1)", (_CHANGE_LOG,))
        await connection.exec_driver_sql(
            _LOG,
            (
                source,
                [change.appeal_id for change in changes],
                [change.version for change in changes],
                [change.type.value for change in changes],
                [orjson.dumps(change.fields, default=str).decode() for change in changes],
            ),
        )

    async def replay(self, source: str | None = None) -> int:
        """Make rejected tickets pending again, of one source or of all; says how many. Their lanes become due now."""
        async with self._database.begin() as connection:
            rows = await connection.exec_driver_sql(
                """with again as (update ticket set state = 'pending', reason = null, field = null
                                  where state = 'rejected' and ($1::text is null or source = $1) returning source),
                        due as (update lane set due_at = clock_timestamp()
                                where name in (select distinct 'source:' || source from again))
                   select count(*) from again""",
                (source,),
            )
            return int(rows.scalar_one())

    async def replay_served(self, source: str) -> int:
        """Make every served ticket of a source pending again, to be read by a changed mapping; says how many."""
        async with self._database.begin() as connection:
            done = await connection.exec_driver_sql(
                "update ticket set state = 'pending' where source = $1 and state = 'served'", (source,)
            )
            return int(done.rowcount)


@dataclass(frozen=True, slots=True)
class _Written:
    appeal_id: int
    version: int
    fields: Mapping[str, Any]

    @property
    def type(self) -> ChangeType:
        if self.version == 1:
            return ChangeType.CREATED
        return ChangeType.STATUS_CHANGED if "status" in self.fields else ChangeType.UPDATED


# What is written of an appeal: every column but those that the store itself keeps.
_KEPT_BY_STORE = {"id", "source", "version", "first_served_at", "last_served_at", "search"}
_COLUMNS = [column for column in tables.appeal.columns if column.name not in _KEPT_BY_STORE]
_NAMES = [str(column.name) for column in _COLUMNS]
_TITLE, _CONTENT, _NUMBER, _ADDRESS = map(_NAMES.index, ("title", "content", "appeal_no", "location_address"))
_JSON = {str(column.name) for column in _COLUMNS if isinstance(column.type, JSONB)}


def _row(appeal: Appeal) -> tuple[Any, ...]:
    longitude, latitude = appeal.location_point or (None, None)
    return (
        appeal.external_id,
        appeal.title,
        appeal.status.value,
        appeal.created_at,
        appeal.updated_at,
        appeal.appeal_no,
        appeal.kind.value,
        appeal.kind_text,
        appeal.topic,
        appeal.content,
        appeal.status_text,
        appeal.status_note,
        appeal.urgency.value,
        appeal.channel.value,
        appeal.origin_hotline,
        appeal.is_secret,
        appeal.reporter_name,
        appeal.reporter_phone,
        appeal.respondent,
        appeal.area,
        appeal.grid,
        appeal.location_address,
        longitude,
        latitude,
        appeal.lead_org,
        _dumps(appeal.co_orgs),
        appeal.dispatched_at,
        appeal.due_at,
        appeal.closed_at,
        appeal.result,
        appeal.public_reply,
        appeal.is_resolved,
        appeal.satisfaction.value,
        appeal.duplicate_of,
        appeal.support_count,
        _dumps(appeal.attachments),
        _dumps(appeal.attributes),
    )


def _dumps(value: list[Any] | dict[str, Any]) -> str:
    if not value:
        return "[]" if isinstance(value, list) else "{}"
    return orjson.dumps(value, default=str, option=orjson.OPT_SORT_KEYS).decode()


def _difference(before: tuple[Any, ...], after: tuple[Any, ...]) -> dict[str, list[Any]]:
    """{field: [before, after]} of what is not the same; personal data without its values."""
    found: dict[str, list[Any]] = {}
    for name, old, new in zip(_NAMES, before, after, strict=True):
        one, other = (orjson.loads(old), orjson.loads(new)) if name in _JSON else (old, new)
        if one != other:
            found[name] = [None, None] if name in _PERSONAL else [_iso(one), _iso(other)]
    return found


def _iso(value: Any) -> Any:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value


def _type(column: sa.Column[Any]) -> str:
    """The PostgreSQL type that a column's values travel as."""
    kind = column.type
    if isinstance(kind, sa.DateTime):
        return "timestamptz"
    if isinstance(kind, sa.Boolean):
        return "boolean"
    if isinstance(kind, sa.Double):
        return "float8"
    return "int" if isinstance(kind, sa.Integer) else "text"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)


_LAND = """
insert into ticket (source, external_id, raw, hash, state)
select $1, * , 'pending' from unnest($2::text[], $3::bytea[], $4::bytea[])
on conflict (source, external_id) do update set raw = excluded.raw, hash = excluded.hash, state = 'pending',
  reason = null, field = null, landed_at = now()
"""
_SERVE = """
update ticket set state = 'served', reason = null, field = null, settled_at = now()
from unnest($2::text[], $3::bytea[]) as done (external_id, hash)
where ticket.source = $1 and ticket.external_id = done.external_id and ticket.hash = done.hash
"""
_REJECT = """
update ticket set state = 'rejected', reason = done.reason, field = done.field, settled_at = now()
from unnest($2::text[], $3::bytea[], $4::text[], $5::text[]) as done (external_id, hash, reason, field)
where ticket.source = $1 and ticket.external_id = done.external_id and ticket.hash = done.hash
"""
_STORED = f"""
select {_listed(f"{name}::text" if name in _JSON else name for name in _NAMES)}
from appeal where source = $1 and external_id = any($2) for update
"""
_WRITE = f"""
insert into appeal (source, {_listed(_NAMES)}, search)
select $1, {_listed(f"{name}::jsonb" if name in _JSON else name for name in _NAMES)},
  array_to_tsvector(string_to_array(search, ' '))
from unnest({_listed(f"${n}::{_type(column)}[]" for n, column in enumerate(_COLUMNS, 2))},
  ${len(_COLUMNS) + 2}::text[]) as new ({_listed(_NAMES)}, search)
on conflict (source, external_id) do update set
  {_listed(f"{name} = excluded.{name}" for name in _NAMES if name != "external_id")}, search = excluded.search,
  version = appeal.version + 1, last_served_at = now()
returning id, version, external_id
"""
_LOG = """
insert into change (appeal_id, version, type, origin, fields)
select appeal_id, version, type, $1, fields::jsonb
from unnest($2::bigint[], $3::int[], $4::text[], $5::text[]) with ordinality
  as new (appeal_id, version, type, fields, place) order by place
"""
