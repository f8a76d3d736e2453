"""Tell which sources may be behind: whose appeals may be older here than in the systems that they come from."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from hub.model import Degradation, DegradedSource, SourceClass, SourceRecord
from hub.store.tables import lane, source

PATIENCE = 3
"""How many times the pause between two runs may pass without a run that ended well."""
_GIVE_NO_TICKETS = (SourceClass.REGISTER.value, SourceClass.HUB.value)
_LEAST = timedelta(minutes=1)  # before that, a source that runs every second is not late


def statement(names: Collection[str]) -> sa.Select[Any]:
    """The sources of these names, or all, that give appeals and are configured, with what their lanes tell."""
    found = (
        sa.select(source, *_LANE, sa.func.clock_timestamp().label("now"))
        .select_from(source.outerjoin(lane, lane.c.name == sa.literal("source:") + source.c.name))
        .where(source.c.active, source.c.source_class.not_in(_GIVE_NO_TICKETS))
        .order_by(source.c.name)
    )
    return found.where(source.c.name.in_(names)) if names else found


_LANE = (lane.c.due_at, lane.c.paused, lane.c.failures, lane.c.last_success_at)


def degraded(rows: Sequence[tuple[SourceRecord, Any]]) -> list[DegradedSource]:
    """Those that may be behind, why, and since when."""
    judged = ((record, row, degradation(record, row)) for record, row in rows)
    return [DegradedSource(record, why, row.last_success_at) for record, row, why in judged if why is not None]


def degradation(record: SourceRecord, lane: Any) -> Degradation | None:
    """Why a source may be behind, the cause that a person must mend first; None for one that is up to date."""
    if lane.paused:
        return Degradation.PAUSED
    if record.configuration_error is not None and lane.last_success_at is None:
        return Degradation.MISCONFIGURED
    if lane.failures:
        return Degradation.FAILING
    if lane.last_success_at is None:
        return Degradation.NEVER_PULLED
    return Degradation.LATE if _is_late(lane.last_success_at, lane.due_at, lane.now) else None


def _is_late(success: datetime, due: datetime, now: datetime) -> bool:
    """The next run is due one pause after the last, so that the pause is known without the schedule."""
    return now - success > max(PATIENCE * (due - success), _LEAST) and now > due
