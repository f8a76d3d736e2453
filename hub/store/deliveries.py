"""Deliveries on their way: what waits for an endpoint, how far it got, and what became of every attempt.

An endpoint's cursor walks the change log. What it did not take is parked, an appeal a row, and the appeal's later
changes wait behind it; everything else behind the cursor was taken.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import orjson

from hub.model import Action, Attempt, Change, ChangeType, Delivery, EndpointRecord, Lane
from hub.store.database import Database
from hub.store.lanes import write_lane
from hub.store.tables import appeal

KEPT_ATTEMPTS = 1_000
"""How many attempts of each endpoint are remembered."""

_LONGEST_LINE = 100  # changes of one appeal that are read at once
_UNREAD = {"search", "location_longitude", "location_latitude"}
_APPEAL = ", ".join(f"a.{column.name}" for column in appeal.columns if column.name not in _UNREAD)
_DELIVERY = f"""
c.number, c.appeal_id, c.version, c.type, c.origin, c.at, c.fields::text as fields, c.action, c.actor, c.note,
c.organization, r.external_id as remote_id,
(select row_to_json(told) from (select {_APPEAL}, case when a.location_longitude is not null
   then json_build_array(a.location_longitude, a.location_latitude) end as location_point) told)::text as appeal
"""
_JOINED = "join appeal a on a.id = c.appeal_id left join remote_id r on r.endpoint = $1 and r.appeal_id = c.appeal_id"
_FRESH = f"""
select {_DELIVERY}, p.appeal_id is not null as held from (
  select * from change where number > $2 order by number limit $3
) c {_JOINED} left join parked p on p.endpoint = $1 and p.appeal_id = c.appeal_id
order by c.number
"""
_DUE = f"""
select {_DELIVERY}, p.number as first, p.tries from (
  select * from parked where endpoint = $1 and due_at <= clock_timestamp() and appeal_id <> all($3::bigint[])
  order by due_at limit $4
) p cross join lateral (
  select * from change where appeal_id = p.appeal_id and number between p.number and $2
  order by number limit {_LONGEST_LINE + 1}
) c {_JOINED}
order by c.number
"""
_AGAIN = f"""
select {_DELIVERY}, g.tries from (
  select * from again where endpoint = $1 and due_at <= clock_timestamp() and appeal_id <> all($2::bigint[])
  order by number limit $3
) g join change c on c.number = g.number {_JOINED}
order by c.number
"""
_DECLARE = """
insert into endpoint (name, title, source, active) select *, true from unnest($1::text[], $2::text[], $3::text[])
on conflict (name) do update set title = excluded.title, source = excluded.source, active = true
"""
_DECLARE_LANES = """
insert into lane (name, due_at, cursor, awaits)
select 'endpoint:' || name, now(), jsonb_build_object('after', began), began
from (select name, case when from_start then 0 else coalesce((select max(number) from change), 0) end as began
      from unnest($1::text[], $2::bool[]) as new (name, from_start)) as starting
on conflict do nothing
"""
_PARK = """
insert into parked (endpoint, appeal_id, number, tries, due_at, dead, reason)
select $1, appeal_id, number, tries, coalesce(clock_timestamp() + due_in, 'infinity'), due_in is null, reason
from unnest($2::bigint[], $3::bigint[], $4::int[], $5::interval[], $6::text[])
  as new (appeal_id, number, tries, due_in, reason)
on conflict (endpoint, appeal_id) do update set number = excluded.number, tries = excluded.tries,
  due_at = excluded.due_at, dead = excluded.dead, reason = excluded.reason
"""
_LATER = """
update again set tries = later.tries, due_at = coalesce(clock_timestamp() + later.due_in, 'infinity')
from unnest($2::bigint[], $3::int[], $4::interval[]) as later (appeal_id, tries, due_in)
where again.endpoint = $1 and again.appeal_id = later.appeal_id
"""
_NOTE = """
insert into attempt (endpoint, number, appeal_id, tries, at, milliseconds, outcome, status, reason, request, answer,
                     address)
select $1, * from unnest($2::bigint[], $3::bigint[], $4::int[], $5::timestamptz[], $6::int[], $7::text[], $8::int[],
                         $9::text[], $10::text[], $11::text[], $12::text[])
"""
_NAME = """
insert into remote_id (endpoint, appeal_id, external_id)
select $1, * from unnest($2::bigint[], $3::text[])
on conflict (endpoint, appeal_id) do update set external_id = excluded.external_id, at = now()
"""
_FORGET = f"""
delete from attempt where endpoint = $1 and id <= (
  select id from attempt where endpoint = $1 order by id desc offset {KEPT_ATTEMPTS} limit 1)
"""
_FINISH = """
leased_until = '-infinity', holder = null, failures = 0, last_error = null, last_error_at = null,
last_success_at = clock_timestamp(), awaits = (cursor->>'after')::bigint,
due_at = case when due_at between last_run_at and clock_timestamp() then due_at else least(
  coalesce((select min(due_at) from parked where endpoint = $3), 'infinity'),
  coalesce((select min(due_at) from again where endpoint = $3), 'infinity')) end
"""
_REST = """
leased_until = '-infinity', holder = null, failures = $3, last_error = $4, last_error_at = clock_timestamp(),
awaits = null, due_at = clock_timestamp() + $5
"""


@dataclass(frozen=True, slots=True)
class Read:
    """What was read of the log: deliveries, and of which appeals earlier changes are parked."""

    deliveries: Sequence[Delivery]
    held: frozenset[int] = frozenset()
    upto: int = 0
    """The number of the last change that was looked at."""
    cut: frozenset[int] = frozenset()
    """The appeals that have more changes still."""


@dataclass(frozen=True, slots=True)
class Parked:
    """An appeal whose change `number` was not taken, and when to try again; never, where `due_in` is None."""

    appeal_id: int
    number: int
    tries: int = 0
    due_in: timedelta | None = timedelta()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an endpoint got since the last time: all of it commits together, or none.

    `after` is the cursor: every wanted change up to it was taken, or its appeal is among the parked. `released` appeals
    are no longer parked. Of the changes that were to be sent again, `repeated` were, and those of the appeals in
    `later` wait. `failing` counts the failures since anything went well.
    """

    after: int
    failing: int = 0
    parked: Sequence[Parked] = ()
    released: Collection[int] = ()
    repeated: Collection[int] = ()
    later: Sequence[Parked] = ()
    attempts: Sequence[Attempt] = ()


@dataclass(frozen=True, slots=True)
class Rest:
    """Why an endpoint is left alone for a while; `failures` is how often in a row it was left for its failures."""

    reason: str
    lasting: timedelta
    failures: int = 0
    disabled: bool = False


@dataclass(frozen=True, slots=True)
class Sealed:
    """The secrets that the hub keeps for an endpoint, encrypted; the former one is given while it still signs."""

    secret: bytes | None = field(default=None, repr=False)
    former: bytes | None = field(default=None, repr=False)


class Deliveries:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def declare(self, records: Sequence[EndpointRecord]) -> None:
        """Make the configured endpoints known, each with a lane; those no longer configured become inactive."""
        names = [record.name for record in records]
        async with self._database.begin_lean() as connection:
            titles, sources = [record.title for record in records], [record.source for record in records]
            await connection.execute(_DECLARE, names, titles, sources)
            await connection.execute("update endpoint set active = false where name <> all($1)", names)
            await connection.execute(_DECLARE_LANES, names, [record.from_start for record in records])

    async def fresh(self, endpoint: str, after: int, limit: int) -> Read:
        """What happened after a change, the oldest first."""
        async with self._database.begin_lean() as connection:
            rows = await connection.fetch(_FRESH, endpoint, after, limit)
        held = frozenset(row["appeal_id"] for row in rows if row["held"])
        return Read([_delivery(row) for row in rows], held, rows[-1]["number"] if rows else after)

    async def due(self, endpoint: str, upto: int, but: Collection[int], limit: int) -> Read:
        """The parked appeals that are due, but for some: their changes up to a number."""
        async with self._database.begin_lean() as connection:
            rows = await connection.fetch(_DUE, endpoint, upto, list(but), limit)
        counted: Counter[int] = Counter()
        deliveries = []
        for row in rows:
            counted[row["appeal_id"]] += 1
            if counted[row["appeal_id"]] <= _LONGEST_LINE:
                deliveries.append(_delivery(row, tries=row["tries"] if row["number"] == row["first"] else 0))
        return Read(deliveries, cut=frozenset(each for each, count in counted.items() if count > _LONGEST_LINE))

    async def again(self, endpoint: str, but: Collection[int], limit: int) -> Read:
        """The changes that were asked for once more, but for those of some appeals."""
        async with self._database.begin_lean() as connection:
            rows = await connection.fetch(_AGAIN, endpoint, list(but), limit)
        return Read([_delivery(row, tries=row["tries"], again=True) for row in rows])

    async def settle(self, lane: Lane, endpoint: str, progress: Progress) -> None:
        """Keep how far an endpoint got. Raises LaneLost, with nothing kept."""
        cursor = orjson.dumps({"after": progress.after, "failing": progress.failing}).decode()
        async with self._database.begin_lean() as connection:
            await write_lane(connection, lane, "cursor = $3::text::jsonb", cursor)
            await _park(connection, endpoint, progress)
            await _note(connection, endpoint, progress.attempts)

    async def finish(self, lane: Lane, endpoint: str) -> None:
        """Give the lane back when nothing is left: due with the next change, or parked appeal. Raises LaneLost."""
        async with self._database.begin_lean() as connection:
            await write_lane(connection, lane, _FINISH, endpoint)
            await connection.execute(_FORGET, endpoint)

    async def rest(self, lane: Lane, endpoint: str, rest: Rest) -> None:
        """Give the lane back for a while, or until somebody resumes the endpoint. Raises LaneLost."""
        async with self._database.begin_lean() as connection:
            await write_lane(connection, lane, _REST, rest.failures, rest.reason, rest.lasting)
            await connection.execute(_FORGET, endpoint)
            if rest.disabled:
                await connection.execute("update lane set paused = true where name = $1", lane.name)
                await connection.execute(
                    "update endpoint set disabled_reason = $2, disabled_at = now() where name = $1",
                    endpoint,
                    rest.reason,
                )

    async def sealed(self, endpoint: str) -> Sealed:
        """The secrets that the hub itself made for an endpoint, if it did."""
        async with self._database.begin_lean() as connection:
            row = await connection.fetchrow(
                """select secret, case when former_until > clock_timestamp() then former_secret end as former
                   from endpoint where name = $1""",
                endpoint,
            )
        return Sealed(row["secret"], row["former"]) if row else Sealed()


async def _park(connection: asyncpg.Connection, endpoint: str, progress: Progress) -> None:
    if progress.released:
        await connection.execute(
            "delete from parked where endpoint = $1 and appeal_id = any($2)", endpoint, list(progress.released)
        )
    if progress.parked:
        await connection.execute(_PARK, endpoint, *_columns(progress.parked, _PARKED))
    if progress.repeated:
        await connection.execute(
            "delete from again where endpoint = $1 and number = any($2)", endpoint, list(progress.repeated)
        )
    if progress.later:
        await connection.execute(_LATER, endpoint, *_columns(progress.later, ("appeal_id", "tries", "due_in")))


async def _note(connection: asyncpg.Connection, endpoint: str, attempts: Sequence[Attempt]) -> None:
    if not attempts:
        return
    rows = zip(*map(_attempt_row, attempts), strict=True)
    await connection.execute(_NOTE, endpoint, *map(list, rows))
    named = {one.appeal_id: one.remote_id for one in attempts if one.remote_id}
    if named:
        await connection.execute(_NAME, endpoint, list(named), list(named.values()))


def _attempt_row(one: Attempt) -> tuple[Any, ...]:
    milliseconds = round(one.took.total_seconds() * 1000)
    return (
        *(one.number, one.appeal_id, one.tries, one.at, milliseconds, one.outcome.value, one.status, one.reason),
        *(one.request, one.answer, one.address),
    )


_PARKED = ("appeal_id", "number", "tries", "due_in", "reason")


def _columns(rows: Iterable[Parked], names: Sequence[str]) -> list[list[Any]]:
    return [list(column) for column in zip(*([getattr(row, name) for name in names] for row in rows), strict=True)]


def _delivery(row: Any, *, tries: int = 0, again: bool = False) -> Delivery:
    fields: Mapping[str, Any] = orjson.loads(row["fields"])
    at: datetime = row["at"]
    change = Change(
        row["number"],
        row["appeal_id"],
        row["version"],
        ChangeType(row["type"]),
        row["origin"],
        at,
        fields,
        Action(row["action"]) if row["action"] else None,
        row["actor"],
        row["note"],
        row["organization"],
    )
    return Delivery(change, orjson.loads(row["appeal"]), tries, again, row["remote_id"])
