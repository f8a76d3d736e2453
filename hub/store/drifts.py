"""How sources drift: the profile of each, and what differed from it."""

from collections.abc import Callable, Sequence
from typing import Any

import orjson

from hub.model import Drift, DriftKind, Lane
from hub.store.database import Database
from hub.store.lanes import hold_lane

Profile = dict[str, Any]
Judge = Callable[[Profile], tuple[Profile, Sequence[Drift], Sequence[str]]]
"""Of a profile makes the next one, what differs from it, and which fields are there after all."""

_NOTE = """
insert into drift (source, kind, field, word, tickets)
select $1, * from unnest($2::text[], $3::text[], $4::text[], $5::bigint[])
on conflict (source, kind, field, word) do update set tickets = drift.tickets + excluded.tickets, last_at = now()
"""


class Drifts:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def note(self, lane: Lane, source: str, judge: Judge) -> None:
        """Compare a source's profile with what a run saw, and keep both, in one transaction. Raises LaneLost."""
        async with self._database.begin_lean() as connection:
            await hold_lane(connection, lane)
            known = await connection.fetchval("select profile::text from source where name = $1 for update", source)
            profile, drifts, back = judge(orjson.loads(known) if known else {})
            await connection.execute(
                "update source set profile = $2::text::jsonb where name = $1", source, orjson.dumps(profile).decode()
            )
            if back:
                await connection.execute(
                    "delete from drift where source = $1 and kind = $2 and field = any($3)",
                    source,
                    DriftKind.FIELD_GONE.value,
                    list(back),
                )
            if drifts:
                columns = zip(*((each.kind.value, each.field, each.word, each.tickets) for each in drifts), strict=True)
                await connection.execute(_NOTE, source, *map(list, columns))

    async def forget(self, source: str | None = None) -> int:
        """Clear what is known of one source, or of all: a person has seen it. Says how much it was."""
        async with self._database.begin() as connection:
            done = await connection.exec_driver_sql(
                "delete from drift where $1::text is null or source = $1", (source,)
            )
            return int(done.rowcount)
