"""Answer `hub sources`, `hub rejected`, `hub drift`, `hub entries`, `hub pause` and `hub resume`: how things stand."""

import logging
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from hub.cli import logs
from hub.cli.asked import Asked, Misused, choose, opened
from hub.cli.stopping import until_stopped
from hub.cli.voice import about, ago, answer, columns, counted
from hub.config import Config
from hub.model import Drift, DriftKind, RejectedTicket, SourceHealth
from hub.store.lanes import source_lane
from hub.store.reads import EntryPage, RejectedPage


def sources(asked: Asked) -> int:
    """Show the health of every configured source."""
    config = asked.configuration()
    logs.configure(asked, logging.WARNING, config.secrets)
    found = until_stopped(_health(config))
    now = datetime.now(UTC)
    heads = ("source", "last run", "lag", "landed", "served", "rejected", "pending", "next run", "last error")
    rows = [_row(health, config.pulled[health.record.name].enabled, now) for health in found]
    failing = [health.record.name for health in found if health.last_error]
    rejected = sum(health.rejected for health in found)
    answer(
        asked,
        {"sources": [_health_facts(health, now) for health in found]},
        columns(heads, rows),
        *([f"{counted(len(failing), 'source')} failing: run `hub try {failing[0]}`"] if failing else []),
        *([f"{rejected} rejected: run `hub rejected`"] if rejected else []),
    )
    return 0


def pause(asked: Asked, name: str) -> int:
    """Have nobody pull a source until it is resumed."""
    source = _chosen(asked, name)
    until_stopped(_paused(*source))
    answer(asked, {"source": name, "paused": True}, f"{name} is not pulled until `hub resume {name}`")
    return 0


def resume(asked: Asked, name: str) -> int:
    """Let a source be pulled again, at once."""
    source = _chosen(asked, name)
    until_stopped(_resumed(*source))
    answer(asked, {"source": name, "paused": False}, f"{name} is pulled again, by whichever worker is free")
    return 0


def _chosen(asked: Asked, name: str) -> tuple[Config, str]:
    config = asked.configuration()
    logs.configure(asked, logging.WARNING, config.secrets)
    return config, choose(config, name).name


def rejected(asked: Asked, name: str | None, limit: int) -> int:
    """Show the newest rejected tickets, of one source or of all."""
    config = asked.configuration()
    source = choose(config, name).name if name else None
    logs.configure(asked, logging.WARNING, config.secrets)
    page = until_stopped(_rejected(config, source, limit))
    heads = ("source", "id", "field", "reason", "since")
    answer(
        asked,
        {"rejected": [_ticket_facts(ticket) for ticket in page.tickets], "more": page.more},
        *([columns(heads, map(_ticket_row, page.tickets))] if page.tickets else []),
        _verdict(config, source, page),
    )
    return 0


def entries(asked: Asked, name: str, limit: int) -> int:
    """Show the first entries of a register."""
    config = asked.configuration()
    register = choose(config, name)
    if register.name not in config.registers:
        raise Misused(
            f"'{name}' is a source; it gives appeals", hint=f"registers: {', '.join(config.registers) or 'none'}"
        )
    logs.configure(asked, logging.WARNING, config.secrets)
    page = until_stopped(_entries(config, name, limit))
    heads = ("id", "name", "kind", "parent", "area", "active")
    rows = [
        (one.external_id, one.name, one.kind or "", one.parent or "", one.area or "", one.active)
        for one in page.entries
    ]
    more = f", of which these are {len(page.entries)} (--limit)" if page.count > len(page.entries) else ""
    held = "1 entry" if page.count == 1 else f"{page.count:,} entries"
    answer(
        asked,
        {"register": name, "count": page.count, "entries": [asdict(one) for one in page.entries]},
        *([columns(heads, rows)] if rows else []),
        f"{held} in {name}{more}" if page.count else f"no entries in {name}: run `hub sync {name}`",
    )
    return 0


def drift(asked: Asked, name: str | None, *, seen: bool) -> int:
    """Show how tickets came to differ from what was usual; with `seen`, clear it afterwards."""
    config = asked.configuration()
    source = choose(config, name).name if name else None
    logs.configure(asked, logging.WARNING, config.secrets)
    found = until_stopped(_drift(config, source, seen))
    now = datetime.now(UTC)
    heads = ("source", "what", "field", "word", "tickets", "first", "last")
    rows = [
        (one.source, _WHAT[one.kind], one.field, one.word, one.tickets, ago(one.first_at, now), ago(one.last_at, now))
        for one in found
    ]
    of = f" of {source}" if source else ""
    cleared = "; cleared" if seen else f"; `hub drift{f' {source}' if source else ''} --seen` clears it"
    verdict = f"{counted(len(found), 'difference')}{cleared}" if found else f"the tickets{of} are as they were"
    answer(asked, {"drift": [asdict(one) for one in found]}, *([columns(heads, rows)] if rows else []), verdict)
    return 0


_WHAT = {
    DriftKind.FIELD_GONE: "field is gone",
    DriftKind.FIELD_NEW: "field is new",
    DriftKind.KIND_CHANGED: "other kind of value",
    DriftKind.WORD_UNKNOWN: "word that no map knows",
}


async def _drift(config: Config, source: str | None, seen: bool) -> list[Drift]:
    async with opened(config) as store:
        found = await store.reads.drift(source)
        if seen:
            await store.drifts.forget(source)
        return found


async def _entries(config: Config, name: str, limit: int) -> EntryPage:
    async with opened(config) as store:
        return await store.reads.entries(name, size=limit)


async def _paused(config: Config, name: str) -> None:
    async with opened(config) as store:
        await store.lanes.pause(source_lane(name))


async def _resumed(config: Config, name: str) -> None:
    async with opened(config) as store:
        await store.lanes.resume(source_lane(name))


async def _health(config: Config) -> list[SourceHealth]:
    async with opened(config) as store:
        found = {health.record.name: health for health in await store.reads.source_health()}
    return [found[name] for name in config.pulled]


async def _rejected(config: Config, source: str | None, limit: int) -> RejectedPage:
    async with opened(config) as store:
        return await store.reads.rejected_tickets(source, size=limit)


def _row(health: SourceHealth, enabled: bool, now: datetime) -> Sequence[object]:
    return (
        health.record.name,
        "running" if health.running else ago(health.last_run_at, now),
        about(lag) if (lag := _lag(health, now)) is not None else "",
        health.landed,
        health.served,
        health.rejected,
        health.pending,
        _next_run(health, enabled, now),
        f"{ago(health.last_error_at, now)}: {health.last_error}" if health.last_error else "",
    )


def _lag(health: SourceHealth, now: datetime) -> timedelta | None:
    """How old our knowledge of the source is: the time since it was last pulled to its end."""
    return now - health.last_success_at if health.last_success_at else None


def _next_run(health: SourceHealth, enabled: bool, now: datetime) -> str:
    if not enabled:
        return "disabled"
    if health.paused:
        return "paused"
    if health.next_run_at is None or health.next_run_at <= now:
        return "now"
    return f"in {about(health.next_run_at - now)}"


def _health_facts(health: SourceHealth, now: datetime) -> dict[str, Any]:
    lag = _lag(health, now)
    return {
        "source": health.record.name,
        "title": health.record.title,
        "running": health.running,
        "paused": health.paused,
        "last_run_at": health.last_run_at,
        "last_success_at": health.last_success_at,
        "lag_seconds": round(lag.total_seconds()) if lag is not None else None,
        "landed": health.landed,
        "served": health.served,
        "rejected": health.rejected,
        "pending": health.pending,
        "failures": health.failures,
        "last_error": health.last_error,
        "last_error_at": health.last_error_at,
        "next_run_at": health.next_run_at,
        "newest_at": health.newest_at,
    }


def _ticket_row(ticket: RejectedTicket) -> Sequence[object]:
    since = ticket.rejected_at.astimezone().strftime("%Y-%m-%d %H:%M")
    return (ticket.source, ticket.external_id, ticket.field, ticket.reason, since)


def _ticket_facts(ticket: RejectedTicket) -> dict[str, Any]:
    return {
        "source": ticket.source,
        "id": ticket.external_id,
        "field": ticket.field,
        "reason": ticket.reason,
        "since": ticket.rejected_at,
        "landed_at": ticket.landed_at,
        "raw": orjson.loads(ticket.raw),
    }


def _verdict(config: Config, source: str | None, page: RejectedPage) -> str:
    of = f" of {source}" if source else ""
    if not page.tickets:
        return f"no rejected tickets{of}"
    replay = f"run `hub replay{f' {source}' if source else ''}`"
    more = f"the newest {len(page.tickets)}, there are more (--limit); " if page.more else ""
    return f"{more}mend the map in {config.path}, then {replay}"
