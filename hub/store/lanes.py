"""Lanes in the database: who may work on a source or an endpoint now, by the database's clock, and how far it got.

A claim raises the lane's fence. Whatever is written for a lane checks the fence in the same transaction, so a worker
that was paused past its lease, and lost the lane meanwhile, cannot write.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

import asyncpg
import orjson

from hub.errors import LaneLost
from hub.model import Lane, SourceRecord, Tally
from hub.store.database import Database

_FREE = "leased_until < clock_timestamp()"
_TAKE = """
update lane set holder = $1, leased_until = clock_timestamp() + $2, fence = fence + 1, last_run_at = clock_timestamp()
where name = ({wanted} for update skip locked) returning name, fence, cursor, failures
"""
_CLAIM_DUE = _TAKE.format(
    wanted=f"""select name from lane where name = any($3) and not paused and {_FREE} and ($4 or failures = 0)
                 and (due_at <= clock_timestamp() or awaits < (select max(number) from change))
               order by due_at limit 1"""
)
_NEXT_DUE = f"""
select extract(epoch from min(due_at) - clock_timestamp())::float8 from lane
where name = any($1) and not paused and due_at > clock_timestamp() and due_at < 'infinity'
  and {_FREE}
"""
_CLAIM_NAMED = _TAKE.format(wanted=f"select name from lane where name = $3 and {_FREE}")


def source_lane(source: str) -> str:
    """The name of a source's lane."""
    return f"source:{source}"


def endpoint_lane(endpoint: str) -> str:
    """The name of an endpoint's lane."""
    return f"endpoint:{endpoint}"


def backfill_lane(source: str, start: datetime, end: datetime) -> str:
    """The name of the lane that reads a stretch of a source's past: the same stretch goes on where it was cut."""
    return f"backfill:{source}:{start:%Y%m%dT%H%M%S%z}:{end:%Y%m%dT%H%M%S%z}"


class Lanes:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def declare(self, records: Sequence[SourceRecord], errors: Mapping[str, str] | None = None) -> None:
        """Make the configured sources known, each with a lane due now; sources no longer configured become inactive.

        `errors` says, by name, why what stands in the file now is not in use.
        """
        async with self._database.begin() as connection:
            await connection.exec_driver_sql(
                """
                insert into source (name, title, source_class, integration, department, connector, alias_of,
                                    configuration_error, active)
                select *, true
                from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[],
                            $7::text[], $8::text[])
                on conflict (name) do update set title = excluded.title, source_class = excluded.source_class,
                  integration = excluded.integration, department = excluded.department,
                  connector = excluded.connector, alias_of = excluded.alias_of,
                  configuration_error = excluded.configuration_error, active = true
                """,
                (
                    [record.name for record in records],
                    [record.title for record in records],
                    [record.source_class.value for record in records],
                    [record.integration and record.integration.value for record in records],
                    [record.department for record in records],
                    [record.connector for record in records],
                    [record.alias_of for record in records],
                    [(errors or {}).get(record.name) for record in records],
                ),
            )
            names = [record.name for record in records]
            await connection.exec_driver_sql("update source set active = false where name <> all($1)", (names,))
            await connection.exec_driver_sql(
                "insert into lane (name, due_at) select new, now() from unnest($1::text[]) new on conflict do nothing",
                ([source_lane(name) for name in names],),
            )

    async def open_backfill(self, name: str, cursor: Mapping[str, object]) -> None:
        """Make a lane for one stretch of the past, claimed by name only; one that is there stays as it is."""
        async with self._database.begin() as connection:
            await connection.exec_driver_sql(
                """insert into lane (name, due_at, cursor) values ($1, 'infinity', $2::text::jsonb)
                   on conflict do nothing""",
                (name, orjson.dumps(cursor).decode()),
            )

    async def close_backfill(self, lane: Lane) -> None:
        """Drop the lane of a stretch that was read to its end. Raises LaneLost."""
        async with self._database.begin_lean() as connection:
            await hold_lane(connection, lane)
            await connection.execute("delete from lane where name = $1", lane.name)

    async def wake(self, names: Collection[str]) -> None:
        """Make the lanes of these sources due now."""
        async with self._database.begin() as connection:
            await connection.exec_driver_sql(
                "update lane set due_at = clock_timestamp() where name = any($1)", ([*map(source_lane, names)],)
            )

    async def pause(self, name: str) -> None:
        """Have nobody claim the lane when it is due, until `resume`; a run under way goes on to its end."""
        async with self._database.begin_lean() as connection:
            await connection.execute("update lane set paused = true where name = $1", name)

    async def resume(self, name: str) -> None:
        """Let the lane be claimed again, at once."""
        async with self._database.begin_lean() as connection:
            await connection.execute(
                "update lane set paused = false, due_at = clock_timestamp() where name = $1 and paused", name
            )

    async def claim(self, holder: str, lease: timedelta, names: Sequence[str], *, failing: bool = True) -> Lane | None:
        """Take the lane among `names` that has been due longest; None when none is due and free.

        An endpoint's lane is due as well when there are changes behind those that it awaits. With `failing` false one
        whose last run failed is passed over.
        """
        return await self._claim(_CLAIM_DUE, (holder, lease, list(names), failing))

    async def next_due(self, names: Sequence[str]) -> timedelta | None:
        """How long until the next lane among `names` that is free becomes due; None where none will."""
        async with self._database.begin() as connection:
            seconds = (await connection.exec_driver_sql(_NEXT_DUE, (list(names),))).scalar()
        return None if seconds is None else timedelta(seconds=seconds)

    async def claim_named(self, name: str, holder: str, lease: timedelta) -> Lane | None:
        """Take one lane whether it is due or not; None when another process holds it."""
        return await self._claim(_CLAIM_NAMED, (holder, lease, name))

    async def _claim(self, statement: str, parameters: tuple[object, ...]) -> Lane | None:
        async with self._database.begin() as connection:
            row = (await connection.exec_driver_sql(statement, parameters)).first()
        return Lane(row.name, row.fence, _json(row.cursor), row.failures) if row else None

    async def renew(self, lane: Lane, lease: timedelta) -> None:
        """Hold the lane for another lease. Raises LaneLost."""
        await self._settle(lane, "leased_until = clock_timestamp() + $3", lease)

    async def finish(self, lane: Lane, due_at: datetime, tally: Tally) -> None:
        """Give the lane back after a run that went well. Raises LaneLost.

        A lane that a push or a replay made due since the run began stays due.
        """
        await self._settle(
            lane,
            """leased_until = '-infinity', holder = null, failures = 0,
               due_at = case when due_at between last_run_at and clock_timestamp() then due_at else $3 end,
               last_success_at = clock_timestamp(),
               last_error = null, last_error_at = null, last_tally = $4::text::jsonb""",
            due_at,
            orjson.dumps(tally).decode(),
        )

    async def fail(self, lane: Lane, due_at: datetime, error: str) -> None:
        """Give the lane back after a run that failed; `error` is for people and holds no secret. Raises LaneLost."""
        await self._settle(
            lane,
            """leased_until = '-infinity', holder = null, due_at = $3, failures = failures + 1, last_error = $4,
               last_error_at = clock_timestamp()""",
            due_at,
            error,
        )

    async def release(self, lane: Lane) -> None:
        """Give the lane back in the middle of a run, due at once, so that the next process goes on. Raises LaneLost."""
        await self._settle(lane, "leased_until = '-infinity', holder = null, due_at = clock_timestamp()")

    async def holder(self, name: str) -> str | None:
        """Who holds the lane now, for people; None when nobody does."""
        async with self._database.begin() as connection:
            row = (
                await connection.exec_driver_sql(f"select holder from lane where name = $1 and not ({_FREE})", (name,))
            ).first()
        return row.holder if row else None

    async def _settle(self, lane: Lane, assignments: str, *values: object) -> None:
        async with self._database.begin_lean() as connection:
            await write_lane(connection, lane, assignments, *values)


async def write_lane(connection: asyncpg.Connection, lane: Lane, assignments: str, *values: object) -> None:
    """Write the lane's own row inside the transaction of its work. `assignments` counts its values from $3."""
    done = await connection.execute(
        f"update lane set {assignments} where name = $1 and fence = $2", lane.name, lane.fence, *values
    )
    if done != "UPDATE 1":
        raise LaneLost(f"{lane.name} was taken over by another process")


async def hold_lane(connection: asyncpg.Connection, lane: Lane) -> None:
    """Keep the lane ours until this transaction ends: a claim by another process waits. Raises LaneLost."""
    held = await connection.fetchval(
        "select 1 from lane where name = $1 and fence = $2 for share", lane.name, lane.fence
    )
    if held is None:
        raise LaneLost(f"{lane.name} was taken over by another process")


def _json(value: object) -> dict[str, object] | None:
    return orjson.loads(value) if isinstance(value, str | bytes) else value  # type: ignore[return-value]  # jsonb: the driver may have decoded it already
