"""Tickets on their way: landed raw with the cursor, then served as appeals with their changes, or rejected."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any, NamedTuple

import asyncpg
import orjson
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.model import HASH_SIZE, Appeal, ChangeType, Cursor, Entry, LandedTicket, Lane, Rejection, Tally
from hub.store import search, tables
from hub.store.acted import merged
from hub.store.database import Database, unhurried
from hub.store.lanes import hold_lane, write_lane

_CHANGE_LOG = 0x6875_6202  # "hub", 2: held while the change log is written
_UNTOLD = {"reporter_name", "reporter_phone", "events"}  # the log says that they changed, never what they were


@dataclass(frozen=True, slots=True)
class Landing:
    """What landing a page left to do: `pending` are new or changed; the rest was known already."""

    pending: list[LandedTicket]
    unchanged: int
    repeated: int


class Served(NamedTuple):
    """A landed ticket, by the hash of its raw record, and the appeal or entry it reads as."""

    hash: bytes
    record: Appeal | Entry


class _Changes(NamedTuple):
    """What is to be logged: the ids of appeals that are new, and the rows for those that read otherwise than before."""

    created: Sequence[int]
    others: Sequence[Mapping[str, Any]]


class Tickets:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def land(
        self, lane: Lane, source: str, tickets: Sequence[LandedTicket], cursor: Cursor, digest: bytes = b""
    ) -> Landing:
        """Keep a page raw, and the cursor after it, in one transaction. Raises LaneLost.

        An id that comes twice in the page is landed once, as it came last. A page with a digest is remembered.
        """
        last = {ticket.external_id: ticket for ticket in tickets}
        repeated = len(tickets) - len(last)
        named = _named(list(last.values()))
        async with self._database.begin_lean() as connection:
            await write_lane(connection, lane, "cursor = $3::text::jsonb", orjson.dumps(cursor).decode())
            unknown = await connection.fetchval(_UNKNOWN, source, *named)
            pending = [last[external_id] for external_id in unknown or ()]
            if pending:
                raws = [ticket.raw for ticket in pending]
                await connection.execute(_LAND, source, *_named(pending), raws)
            if digest:
                await connection.execute(_REMEMBER, source, *named, digest, repeated, lane.fence)
        return Landing(pending, len(last) - len(pending), repeated)

    async def land_again(self, lane: Lane, source: str, cursor: Cursor, digest: bytes) -> Landing | None:
        """Land a page by its digest alone; None where it is not known, or one of its tickets is no longer as it was.

        Raises LaneLost.
        """
        async with self._database.begin_lean() as connection:
            known = await connection.fetchrow(_SETTLED, source, digest, lane.fence)
            if known is None:
                return None
            await write_lane(connection, lane, "cursor = $3::text::jsonb", orjson.dumps(cursor).decode())
        return Landing([], known["tickets"], known["repeated"])

    async def forget_pages(self, lane: Lane, source: str) -> None:
        """Forget the pages that the run of this lane did not meet. Raises LaneLost."""
        async with self._database.begin_lean() as connection:
            await hold_lane(connection, lane)
            await connection.execute("delete from page where source = $1 and fence < $2", source, lane.fence)

    async def pending(self, source: str, limit: int) -> list[LandedTicket]:
        """The oldest tickets of a source that are neither served nor rejected."""
        async with self._database.begin_lean() as connection:
            rows = await connection.fetch(
                """select external_id, raw, hash from ticket where source = $1 and state = 'pending'
                   order by id limit $2""",
                source,
                limit,
            )
        return [LandedTicket(row["external_id"], row["raw"], row["hash"], orjson.loads(row["raw"])) for row in rows]

    async def put(self, lane: Lane, source: str, served: Sequence[Served], rejected: Sequence[Rejection]) -> Tally:
        """Settle landed tickets in one transaction: appeals with their changes, entries of a register, and rejections.

        A ticket that was landed anew since (another hash) stays pending. An appeal that reads as before is not written
        again and makes no change. Appeals of a rejected ticket stay as they were last served. Raises LaneLost, and
        Unstorable, with nothing settled, when PostgreSQL cannot hold one of the values.
        """
        records = [one.record for one in served]
        async with self._database.begin_lean() as connection:
            await hold_lane(connection, lane)
            changes = await self._write_appeals(connection, source, [one for one in records if isinstance(one, Appeal)])
            await self._write_entries(connection, source, [one for one in records if isinstance(one, Entry)])
            external_ids = orjson.dumps([one.external_id for one in records])
            await connection.execute(_SERVE, source, external_ids, b"".join([one.hash for one in served]))
            if rejected:
                await connection.execute(
                    _REJECT,
                    source,
                    [one.external_id for one in rejected],
                    [one.hash for one in rejected],
                    [one.reason for one in rejected],
                    [one.field for one in rejected],
                )
            # Last, so that the log is locked for as short as can be.
            await self._log(connection, source, changes)
        return Tally(served=len(served), rejected=len(rejected))

    async def _write_appeals(self, connection: asyncpg.Connection, source: str, appeals: Sequence[Appeal]) -> _Changes:
        """Write the appeals that are new or read otherwise than before, and say what became different."""
        before = await self._stored(connection, source, [appeal.external_id for appeal in appeals])
        if any(old["acted"] for old in before.values()):
            appeals = await _merge(connection, appeals, before)
        different = {
            appeal.external_id: fields
            for appeal in (appeals if before else ())
            if (old := before.get(appeal.external_id)) and (fields := difference(old, appeal))
        }
        same = before.keys() - different.keys()
        written = [appeal for appeal in appeals if appeal.external_id not in same] if same else appeals
        if not written:
            return _Changes([], [])
        now = await write_appeals(connection, source, written)
        told = [different.get(external_id, {}) for external_id in now["external_ids"] or ()]
        return _Changes(now["created"] or [], [*map(_change, now["ids"] or (), now["versions"] or (), told)])

    @staticmethod
    async def _write_entries(connection: asyncpg.Connection, register: str, entries: Sequence[Entry]) -> None:
        """Write the entries of a register; one that reads as before is not written again."""
        if entries:
            await connection.execute(_WRITE_ENTRIES, register, orjson.dumps(entries))

    @staticmethod
    async def _stored(
        connection: asyncpg.Connection, source: str, external_ids: list[str]
    ) -> dict[str, dict[str, Any]]:
        """The appeals as they were last written, field by field as JSON has them."""
        rows = await connection.fetch(_STORED, source, orjson.dumps(external_ids))
        return {row["external_id"]: orjson.loads(row["fields"]) for row in rows}

    @staticmethod
    async def _log(connection: asyncpg.Connection, source: str, changes: _Changes) -> None:
        """Append to the change log."""
        if not changes.created and not changes.others:
            return
        await lock_log(connection)
        if changes.created:
            await connection.execute(_LOG_CREATED, source, orjson.dumps(changes.created))
        if changes.others:
            await connection.execute(_LOG, source, orjson.dumps(changes.others))

    async def replay(self, source: str | None = None) -> int:
        """Make rejected tickets pending again, of one source or of all; says how many. Their lanes become due now."""
        async with self._database.begin() as connection:
            await unhurried(connection)
            await _hold_lanes(connection, source)
            rows = await connection.exec_driver_sql(
                """with again as (update ticket set state = 'pending', reason = null, field = null
                                  where state = 'rejected' and ($1::text is null or source = $1) returning source),
                        due as (update lane set due_at = clock_timestamp()
                                where name in (select distinct 'source:' || source from again))
                   select count(*) from again""",
                (source,),
            )
            return int(rows.scalar_one())

    async def replayable(self, source: str, *, served: bool) -> int:
        """How many tickets a replay would read again."""
        states = ["rejected", *(["served"] if served else [])]
        async with self._database.begin_lean() as connection:
            return int(
                await connection.fetchval(
                    "select count(*) from ticket where source = $1 and state = any($2)", source, states
                )
            )

    async def replay_served(self, source: str) -> int:
        """Make every served ticket of a source pending again, to be read by a changed mapping; says how many.

        Versions are forgotten: a mapping that changed may tell them otherwise, and the next push of a ticket is taken.
        """
        async with self._database.begin() as connection:
            await unhurried(connection)
            await _hold_lanes(connection, source)
            done = await connection.exec_driver_sql(
                "update ticket set state = 'pending', version = null where source = $1 and state = 'served'", (source,)
            )
            return int(done.rowcount)


async def lock_log(connection: asyncpg.Connection) -> None:
    """Be the only one who appends to the change log, until this transaction ends.

    The lock makes commit order equal number order: without it a reader's position passes a change that is not committed
    yet, and never sees it.
    """
    await connection.execute("select pg_advisory_xact_lock($1)", _CHANGE_LOG)


async def write_appeals(connection: asyncpg.Connection, source: str, appeals: Sequence[Appeal]) -> asyncpg.Record:
    """Write appeals of one source, each another version; says which were created, and the versions of the others."""
    texts = search.lexemes([(a.title, a.content, a.appeal_no, a.location_address) for a in appeals])
    return await connection.fetchrow(_WRITE, source, orjson.dumps(appeals), "\n".join(texts))


async def _merge(
    connection: asyncpg.Connection, appeals: Sequence[Appeal], before: Mapping[str, Mapping[str, Any]]
) -> list[Appeal]:
    """Let what was done at the hub stand where the sources tell nothing new."""
    told = []
    for appeal in appeals:
        old = before.get(appeal.external_id)
        if old is None or old["acted"] is None:
            told.append(appeal)
            continue
        whole, acted = merged(appeal, old, old["acted"])
        await connection.execute(_ACTED, appeal.source, appeal.external_id, orjson.dumps(acted.written()).decode())
        told.append(whole)
    return told


async def _hold_lanes(connection: AsyncConnection, source: str | None) -> None:
    """Keep others from writing for the source, or for any. All take the lane first, or two could wait in a ring."""
    await connection.exec_driver_sql(
        """select 1 from lane where $1::text is null or name = 'source:' || $1
           order by name for no key update""",
        (source,),
    )


def _named(tickets: Sequence[LandedTicket]) -> tuple[bytes, bytes]:
    """The ids of tickets, and their hashes one after another, as the statements below take them."""
    return orjson.dumps([ticket.external_id for ticket in tickets]), b"".join([ticket.hash for ticket in tickets])


def _change(appeal_id: int, version: int, fields: Mapping[str, Any]) -> dict[str, Any]:
    """A row of the change log to be, of an appeal that was there before."""
    change = ChangeType.STATUS_CHANGED if "status" in fields else ChangeType.UPDATED
    return {"appeal_id": appeal_id, "version": version, "type": change, "fields": fields}


def difference(before: Mapping[str, Any], after: Appeal) -> dict[str, list[Any]]:
    """{field: [before, after]} of what is not the same; personal data without its values."""
    found: dict[str, list[Any]] = {}
    now = orjson.loads(orjson.dumps(after))
    for name in APPEAL_FIELDS:
        old, new = before[name], now[name]
        if name in _TIMES and old and new:
            old, new = _utc(old), _utc(new)
        if old != new:
            found[name] = [None, None] if name in _UNTOLD else [old, new]
    return found


def _utc(time: str) -> str:
    return datetime.fromisoformat(time).astimezone(UTC).isoformat()


# What is many travels to PostgreSQL as JSON in UTF-8, and comes back in arrays: one parameter, or row, for any number
# of fields and rows. The driver asks each element of an array that it sends what it is, and makes each row an object.
APPEAL_FIELDS = [each.name for each in fields(Appeal) if each.name not in {"source", "external_id"}]
_ENTRY_FIELDS = [each.name for each in fields(Entry) if each.name != "register"]
_TIMES = {column.name for column in tables.appeal.columns if isinstance(column.type, sa.DateTime)}
_POINT = {"location_longitude": "(location_point->>0)::float8", "location_latitude": "(location_point->>1)::float8"}
_COLUMNS = ["external_id", *(name for name in APPEAL_FIELDS if name != "location_point"), *_POINT]


def _type(field: str, table: sa.Table = tables.appeal) -> str:
    """The PostgreSQL type that a field of a record has on its way there."""
    if field == "location_point":
        return "jsonb"
    return "timestamptz" if field in _TIMES else str(table.columns[field].type)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)


_GIVEN = "convert_from($2, 'UTF8')::json"
_NAMED = f"json_array_elements_text({_GIVEN})"
_HASH = f"substr($3::bytea, {HASH_SIZE} * (place::int - 1) + 1, {HASH_SIZE})"
_UNKNOWN = f"""
select array_agg(external_id order by place) from {_NAMED} with ordinality as given (external_id, place)
where (select hash from ticket where source = $1 and ticket.external_id = given.external_id) is distinct from {_HASH}
"""
_LAND = f"""
insert into ticket (source, external_id, raw, hash, state)
select $1, external_id, raw, {_HASH}, 'pending'
from rows from ({_NAMED}, unnest($4::bytea[])) with ordinality as new (external_id, raw, place)
on conflict (source, external_id) do update set raw = excluded.raw, hash = excluded.hash, version = null,
  state = 'pending', reason = null, field = null, landed_at = now()
"""
_REMEMBER = """
insert into page (source, external_ids, hashes, digest, repeated, fence) values ($1, $2, $3, $4, $5, $6)
on conflict (source, digest) do update set external_ids = excluded.external_ids, hashes = excluded.hashes,
  repeated = excluded.repeated, fence = excluded.fence
"""
_SETTLED = f"""
with known as (
  update page set fence = $3 where source = $1 and digest = $2 returning external_ids, hashes, repeated
)
select length(hashes) / {HASH_SIZE} as tickets, repeated from known where not exists (
  select from json_array_elements_text(convert_from(external_ids, 'UTF8')::json)
    with ordinality as held (external_id, place)
  where (select hash from ticket where source = $1 and ticket.external_id = held.external_id)
    is distinct from substr(hashes, {HASH_SIZE} * (place::int - 1) + 1, {HASH_SIZE})
)
"""
_SERVE = f"""
update ticket set state = 'served', reason = null, field = null, settled_at = now()
from {_NAMED} with ordinality as done (external_id, place)
where ticket.source = $1 and ticket.external_id = done.external_id and ticket.hash = {_HASH}
"""
_REJECT = """
update ticket set state = 'rejected', reason = done.reason, field = done.field, settled_at = now()
from unnest($2::text[], $3::bytea[], $4::text[], $5::text[]) as done (external_id, hash, reason, field)
where ticket.source = $1 and ticket.external_id = done.external_id and ticket.hash = done.hash
"""
AS_JSON = f"""
(select row_to_json(kept) from (select source, {_listed(name for name in _COLUMNS if name not in _POINT)}, acted,
  case when location_longitude is not null then json_build_array(location_longitude, location_latitude) end
  as location_point) kept)::text as fields
"""
_ACTED = "update appeal set acted = $3::text::jsonb where source = $1 and external_id = $2"
_STORED = f"""
select external_id, {AS_JSON}
from appeal where source = $1 and external_id = any(array(select {_NAMED})) for update
"""
_WRITE = f"""
with written as (
  insert into appeal (source, {_listed(_COLUMNS)}, search)
  select $1, {_listed(_POINT.get(name, name) for name in _COLUMNS)},
    array_to_tsvector(array_remove(string_to_array(lexemes, ' '), ''))
  from rows from (
    json_to_recordset({_GIVEN}) as ({_listed(f"{name} {_type(name)}" for name in ["external_id", *APPEAL_FIELDS])}),
    string_to_table($3, E'\\n')
  ) as new ({_listed(["external_id", *APPEAL_FIELDS])}, lexemes)
  on conflict (source, external_id) do update set
    {_listed(f"{name} = excluded.{name}" for name in _COLUMNS if name != "external_id")}, search = excluded.search,
    version = appeal.version + 1, last_served_at = now()
  returning id, version, external_id
)
select array_agg(id) filter (where version = 1) as created, array_agg(id) filter (where version > 1) as ids,
  array_agg(version) filter (where version > 1) as versions,
  array_agg(external_id) filter (where version > 1) as external_ids
from written
"""
_ENTRY_COLUMNS = [*(name for name in _ENTRY_FIELDS if name != "location_point"), *_POINT]
_WRITE_ENTRIES = f"""
insert into entry (register, {_listed(_ENTRY_COLUMNS)})
select $1, {_listed(_POINT.get(name, name) for name in _ENTRY_COLUMNS)}
from json_to_recordset({_GIVEN}) as ({_listed(f"{name} {_type(name, tables.entry)}" for name in _ENTRY_FIELDS)})
on conflict (register, external_id) do update set
  {_listed(f"{name} = excluded.{name}" for name in _ENTRY_COLUMNS if name != "external_id")}, last_served_at = now()
where ({_listed(f"entry.{name}" for name in _ENTRY_COLUMNS)})
  is distinct from ({_listed(f"excluded.{name}" for name in _ENTRY_COLUMNS)})
"""
_LOG_CREATED = f"""
insert into change (appeal_id, version, type, origin, fields)
select appeal_id::bigint, 1, '{ChangeType.CREATED}', $1, '{{}}'
from {_NAMED} with ordinality as new (appeal_id, place) order by place
"""
_LOG = f"""
insert into change (appeal_id, version, type, origin, fields)
select appeal_id, version, type, $1, fields
from rows from (json_to_recordset({_GIVEN}) as (appeal_id bigint, version int, type text, fields jsonb))
  with ordinality as new (appeal_id, version, type, fields, place)
order by place
"""
