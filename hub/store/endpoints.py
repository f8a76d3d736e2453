"""Endpoints as people look after them: how they are doing, what they did not take, and what is to be sent again."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import asyncpg

from hub.model import (
    Attempt,
    EndpointHealth,
    EndpointRecord,
    EndpointState,
    Outcome,
    ParkedAppeal,
    Selection,
)
from hub.store.database import Database
from hub.store.lanes import endpoint_lane

_HEALTH = """
select e.name, e.title, e.source, e.active, e.disabled_reason, l.paused, l.due_at, l.awaits, l.last_error,
  l.last_success_at, coalesce((l.cursor->>'after')::bigint, 0) as after, l.leased_until > clock_timestamp() as running,
  (select count(*) from change where number > coalesce((l.cursor->>'after')::bigint, 0)) as waiting,
  (select at from change where number > coalesce((l.cursor->>'after')::bigint, 0) order by number limit 1) as since,
  coalesce((select extract(epoch from now() - at)::int from change
            where number > coalesce((l.cursor->>'after')::bigint, 0) order by number limit 1), 0) as lag,
  (select count(*) from parked where endpoint = e.name) as parked,
  (select count(*) from parked where endpoint = e.name and dead) as dead,
  (select count(*) from attempt where endpoint = e.name and outcome = 'delivered') as delivered,
  (select count(*) from attempt where endpoint = e.name and outcome <> 'delivered') as failed
from endpoint e join lane l on l.name = 'endpoint:' || e.name
where $1::text is null or e.name = $1
order by e.name
"""
_PARKED = """
select p.*, a.source, a.external_id from parked p join appeal a on a.id = p.appeal_id
where p.endpoint = $1 and (p.dead or not $2) order by p.since desc, p.appeal_id limit $3
"""
_SELECTED = """
c.number >= coalesce($2::bigint, 0) and c.number < coalesce($3::bigint, 9223372036854775807)
and c.at >= coalesce($4::timestamptz, '-infinity') and c.at < coalesce($5::timestamptz, 'infinity')
and ($6::text is null or c.origin = $6) and ($7::bigint is null or c.appeal_id = $7)
"""
_DEAD = f"from parked p join change c on c.number = p.number where p.endpoint = $1 and p.dead and {_SELECTED}"
_SENT = f"""
from change c join lane l on l.name = 'endpoint:' || $1
where c.number <= (l.cursor->>'after')::bigint and {_SELECTED}
"""
_REVIVE = f"""
update parked set dead = false, tries = 0, due_at = clock_timestamp()
where endpoint = $1 and appeal_id in (select p.appeal_id {_DEAD})
"""
_REPEAT = f"""
insert into again (endpoint, number, appeal_id) select $1, c.number, c.appeal_id {_SENT}
on conflict (endpoint, number) do update set tries = 0, due_at = clock_timestamp()
"""
_MOVE_BACK = """
update lane set fence = fence + 1, leased_until = '-infinity', holder = null, due_at = clock_timestamp(), awaits = null,
  cursor = jsonb_build_object('after', $2::bigint)
where name = $1 and coalesce((cursor->>'after')::bigint, 0) > $2
"""
_DUE_NOW = "update lane set due_at = clock_timestamp() where name = $1 and not (failures > 0 and awaits is null)"


class Endpoints:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def health(self, name: str | None = None) -> list[EndpointHealth]:
        """How every endpoint is doing, or one, in the order of names; those no longer configured included."""
        async with self._database.begin_lean() as connection:
            return [_health(row) for row in await connection.fetch(_HEALTH, name)]

    async def attempts(self, name: str, limit: int) -> list[Attempt]:
        """The last tries to deliver anything to an endpoint, the newest first."""
        async with self._database.begin_lean() as connection:
            rows = await connection.fetch(
                "select * from attempt where endpoint = $1 order by id desc limit $2", name, limit
            )
        return [_attempt(row) for row in rows]

    async def parked(self, name: str, limit: int, *, dead: bool = False) -> list[ParkedAppeal]:
        """The appeals that wait for another try, and dead letters, the newest first; or dead letters alone."""
        async with self._database.begin_lean() as connection:
            return [_parked(row) for row in await connection.fetch(_PARKED, name, dead, limit)]

    async def would_replay(self, name: str, selection: Selection) -> int:
        """How many deliveries `replay` would send again."""
        async with self._database.begin_lean() as connection:
            where = _SENT if selection.delivered else _DEAD
            return int(await connection.fetchval(f"select count(*) {where}", *_given(name, selection)))

    async def replay(self, name: str, selection: Selection) -> int:
        """Make dead letters due again, or send what was delivered once more; says how many. The ids stay as they were.

        Behind a dead letter its appeal's later changes follow, as they always do.
        """
        async with self._database.begin_lean() as connection:
            await _hold(connection, name)
            statement = _REPEAT if selection.delivered else _REVIVE
            done = await connection.execute(statement, *_given(name, selection))
            await connection.execute(_DUE_NOW, endpoint_lane(name))
        return int(done.rpartition(" ")[2])

    async def recover(self, name: str, since: datetime) -> int:
        """Send everything since a time once more, in its order: the cursor goes back. Says how many changes that is.

        A run under way loses its lane.
        """
        async with self._database.begin_lean() as connection:
            await _hold(connection, name)
            after = await connection.fetchval(
                """select coalesce((select number - 1 from change where at >= $1 order by number limit 1),
                                   (select max(number) from change), 0)""",
                since,
            )
            await connection.execute(_MOVE_BACK, endpoint_lane(name), after)
            # The walk meets them again, and keeps their order by itself.
            await connection.execute("delete from parked where endpoint = $1 and number > $2", name, after)
            return int(await connection.fetchval("select count(*) from change where number > $1", after))

    async def pause(self, name: str) -> bool:
        """Send nothing until `resume`; a run under way goes on to its end. False where there is no such endpoint."""
        async with self._database.begin_lean() as connection:
            done = await connection.execute("update lane set paused = true where name = $1", endpoint_lane(name))
        return bool(done == "UPDATE 1")

    async def resume(self, name: str) -> bool:
        """Send again, at once, whoever stopped it: a person, or itself. False where there is no such endpoint."""
        async with self._database.begin_lean() as connection:
            done = await connection.execute(
                "update lane set paused = false, due_at = clock_timestamp() where name = $1", endpoint_lane(name)
            )
            await connection.execute(
                "update endpoint set disabled_reason = null, disabled_at = null where name = $1", name
            )
        return bool(done == "UPDATE 1")

    async def rotate(self, name: str, sealed: bytes, both: timedelta) -> bool:
        """Keep a new secret; for a while the one before signs beside it. False where there is no such endpoint."""
        async with self._database.begin_lean() as connection:
            done = await connection.execute(
                """update endpoint set former_secret = secret, former_until = clock_timestamp() + $3, secret = $2
                   where name = $1 and active""",
                name,
                sealed,
                both,
            )
        return bool(done == "UPDATE 1")


async def _hold(connection: asyncpg.Connection, name: str) -> None:
    """Keep others from settling for the endpoint meanwhile: all take the lane first."""
    await connection.execute("select 1 from lane where name = $1 for no key update", endpoint_lane(name))


def _given(name: str, selection: Selection) -> Sequence[Any]:
    first, last = selection.numbers or (None, None)
    return (name, first, last, selection.since, selection.until, selection.source, selection.appeal_id)


def _health(row: Any) -> EndpointHealth:
    state, reason = _state(row)
    return EndpointHealth(
        EndpointRecord(row["name"], row["title"], row["source"]),
        state,
        reason,
        row["waiting"],
        row["since"],
        row["parked"],
        row["dead"],
        None if state in (EndpointState.PAUSED, EndpointState.DISABLED) or row["due_at"].year > 9000 else row["due_at"],
        row["last_success_at"],
        row["delivered"],
        row["failed"],
        row["lag"],
        row["active"],
    )


def _state(row: Any) -> tuple[EndpointState, str | None]:
    if row["disabled_reason"] or not row["active"]:
        return EndpointState.DISABLED, row["disabled_reason"] or "connectors.yaml no longer names it"
    if row["paused"]:
        return EndpointState.PAUSED, None
    if row["last_error"] and row["awaits"] is None:
        return EndpointState.WAITING, row["last_error"]
    return EndpointState.WELL, None


def _attempt(row: Any) -> Attempt:
    return Attempt(
        row["number"],
        row["appeal_id"],
        row["tries"],
        row["at"],
        Outcome(row["outcome"]),
        timedelta(milliseconds=row["milliseconds"]),
        row["status"],
        row["reason"],
        row["request"],
        row["answer"],
        row["address"],
    )


def _parked(row: Any) -> ParkedAppeal:
    return ParkedAppeal(
        row["endpoint"],
        row["appeal_id"],
        row["source"],
        row["external_id"],
        row["number"],
        row["tries"],
        None if row["dead"] else row["due_at"],
        row["dead"],
        row["reason"],
        row["since"],
    )
