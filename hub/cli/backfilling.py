"""Answer `hub backfill`: read a stretch of a source's past again, beside its live cursor."""

import logging
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from hub.cli import logs
from hub.cli.asked import Asked, Misused, choose, moment, opened
from hub.cli.running import Bars, Outcome, claimed, told
from hub.cli.stopping import until_stopped
from hub.config import Config, Source
from hub.connectors.base import Backfills
from hub.errors import HubError
from hub.lanes import LEASE, hold
from hub.model import Cursor
from hub.store.lanes import backfill_lane
from hub.sync import sync


def backfill(asked: Asked, name: str, since: str, until: str | None, wait: int) -> int:
    """Pull what moved from `since` until before `until`, and serve it. The same command goes on after a cut."""
    config = asked.configuration()
    source = choose(config, name)
    zone = source.schedule.timezone
    start, end = moment(since, zone, "--from"), moment(until, zone, "--to") if until else datetime.now(UTC)
    if start >= end:
        raise Misused("--from is not before --to")
    cursor = _cursor(source, start, end)
    logs.configure(asked, logging.WARNING, config.secrets)
    lane = backfill_lane(name, start, end)
    return told(asked, [until_stopped(_backfill(asked, config, source, lane, cursor, timedelta(seconds=wait)))])


def _cursor(source: Source, start: datetime, end: datetime) -> Cursor:
    if not isinstance(source.connector, Backfills):
        kind = source.record.connector
        raise Misused(f"'{source.name}' cannot be asked for a stretch of time: connector '{kind}' reads what is there")
    try:
        return source.connector.between(start, end)
    except HubError as error:
        raise Misused(f"'{source.name}' {error.message}", hint=error.hint) from error


async def _backfill(  # noqa: PLR0917  # what was asked, and of what
    asked: Asked, config: Config, source: Source, name: str, cursor: Cursor, wait: timedelta
) -> Outcome:
    async with opened(config) as store:
        with Bars(asked) as bars:
            bar = bars.add(source.name)
            await store.lanes.open_backfill(name, cursor)
            try:
                lane = await claimed(store, name, wait, bar)
            except HubError as error:
                return Outcome(source.name, bar.tally, error.message, error.hint)
            try:
                tally = await hold(store.lanes, lane, LEASE, sync(source, store, lane, bar.watch))
                await store.lanes.close_backfill(lane)
            except HubError as error:
                with suppress(HubError):
                    await store.lanes.release(lane)
                return Outcome(source.name, bar.tally, error.message, error.hint)
            finally:
                bar.close()
        return Outcome(source.name, tally)
