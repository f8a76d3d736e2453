"""Answer `hub endpoints`, `hub deliveries` and `hub replay-deliveries`: who is told of changes, and how that goes."""

import logging
import os
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from hub.cli import logs
from hub.cli.asked import Asked, Misused, meant, moment, opened
from hub.cli.failures import FAILED
from hub.cli.stopping import until_stopped
from hub.cli.voice import about, ago, answer, columns, counted
from hub.config import Config, Endpoint
from hub.endpoints.sealing import Vault, new_secret
from hub.model import (
    Attempt,
    Change,
    ChangeType,
    Delivery,
    EndpointHealth,
    EndpointState,
    Outcome,
    ParkedAppeal,
    Selection,
)

_LAST = 2**62  # no change has a higher number
_PARKED = ("change", "appeal", "tries", "next try", "since", "reason")
_ATTEMPTS = ("change", "try", "at", "took", "status", "outcome", "reason")
_BOTH = timedelta(hours=24)
"""How long the former secret signs beside a new one."""


def endpoints(asked: Asked) -> int:
    """Show how every configured endpoint is doing."""
    config = _configured(asked)
    found = until_stopped(_health(config))
    now = datetime.now(UTC)
    heads = ("endpoint", "state", "waiting", "since", "parked", "dead letters", "next run", "reason")
    dead = next((each.record.name for each in found if each.dead_letters), None)
    answer(
        asked,
        {"endpoints": [_facts(each) for each in found]},
        columns(heads, [_row(each, now) for each in found]) if found else f"{config.path} names no endpoints",
        *([f"dead letters: run `hub deliveries {dead}`, then `hub replay-deliveries {dead}`"] if dead else []),
    )
    return 0


def pause(asked: Asked, name: str) -> int:
    """Send nothing to an endpoint until it is resumed."""
    config = _configured(asked)
    until_stopped(_paused(config, choose(config, name).name))
    answer(
        asked, {"endpoint": name, "state": "paused"}, f"{name} is sent nothing until `hub endpoints {name} --resume`"
    )
    return 0


def resume(asked: Asked, name: str) -> int:
    """Go on sending, at once."""
    config = _configured(asked)
    until_stopped(_resumed(config, choose(config, name).name))
    answer(asked, {"endpoint": name, "state": "well"}, f"{name} is sent what waits for it")
    return 0


def rotate(asked: Asked, name: str) -> int:
    """Make a new secret for an endpoint, and show it once."""
    config = _configured(asked)
    endpoint = choose(config, name)
    if endpoint.secrets:
        raise Misused(f"{config.path} holds the secrets of '{name}'", hint="change them there: old and new in one list")
    secret = new_secret()
    sealed = Vault.of(os.environ).seal(name, secret)
    until_stopped(_rotated(config, name, sealed))
    told = f"it is shown once; the one before signs as well for {about(_BOTH)}"
    answer(asked, {"endpoint": name, "secret": secret}, secret, told)
    return 0


def test(asked: Asked, name: str) -> int:
    """Send an endpoint a test message, once, and show what became of it."""
    config = _configured(asked)
    attempt = until_stopped(_tested(config, choose(config, name)))
    status = f" ({attempt.status})" if attempt.status else ""
    reason = f": {attempt.reason}" if attempt.reason else ""
    answer(asked, _attempt_facts(attempt), f"{attempt.outcome.value}{status}{reason}")
    return 0 if attempt.outcome is Outcome.DELIVERED else FAILED


async def _tested(config: Config, endpoint: Endpoint) -> Attempt:
    now = datetime.now(UTC)
    nothing = Delivery(Change(0, 0, 0, ChangeType.UPDATED, "", now, {}), {}, is_test=True)
    async with opened(config) as store:
        sealed = await store.deliveries.sealed(endpoint.name)
        kept = Vault.of(os.environ).opened(endpoint.name, sealed.secret, sealed.former)
    async with endpoint.carrier.open(kept) as send:
        return await send(nothing)


def deliveries(asked: Asked, name: str, limit: int, *, dead: bool) -> int:
    """Show what an endpoint did not take, and its last attempts."""
    config = _configured(asked)
    endpoint = choose(config, name)
    parked, attempts = until_stopped(_deliveries(config, endpoint.name, limit, dead=dead))
    now = datetime.now(UTC)
    waiting = columns(_PARKED, [_parked_row(one, now) for one in parked])
    tried = columns(_ATTEMPTS, [_attempt_row(one) for one in attempts])
    shown = [*([waiting] if parked else []), *([tried] if attempts else [])]
    letters = sum(one.dead for one in parked)
    verdict = f"{counted(letters, 'dead letter')}: run `hub replay-deliveries {name}`" if letters else "no dead letters"
    facts = {"parked": [asdict(one) for one in parked], "attempts": [_attempt_facts(one) for one in attempts]}
    answer(asked, facts, *shown, verdict)
    return 0


def replay(asked: Asked, name: str, selection: Selection, *, dry_run: bool) -> int:
    """Send dead letters again, or what was delivered once more."""
    config = _configured(asked)
    endpoint = choose(config, name)
    count = until_stopped(_replay(config, endpoint.name, selection, dry_run=dry_run))
    things = counted(count, "delivery" if count == 1 else "deliverie")
    said = f"{things} would be sent again; nothing was changed" if dry_run else f"{things} will be sent again"
    answer(asked, {"endpoint": name, "replayed": 0 if dry_run else count, "found": count}, said)
    return 0


def recover(asked: Asked, name: str, since: str) -> int:
    """Send everything since a time once more."""
    config = _configured(asked)
    begin = moment(since, config.timezone, "--recover-since")
    count = until_stopped(_recover(config, choose(config, name).name, begin))
    answer(asked, {"endpoint": name, "changes": count}, f"{counted(count, 'change')} will be looked at again, in order")
    return 0


def selection(
    asked: Asked,
    numbers: tuple[int | None, int | None, int | None],
    times: tuple[str | None, str | None],
    *,
    source: str | None,
    delivered: bool,
) -> Selection:
    """Which deliveries are meant; of the three numbers the first is one alone, the others a first and a last."""
    one, first, last = numbers
    if one is not None and (first is not None or last is not None):
        raise Misused("--number is one change", hint="leave out --from and --to, or write these alone")
    span = (one, one) if one is not None else (first or 0, last if last is not None else _LAST)
    if delivered and (one, first, last, *times, source) == (None,) * 6:
        raise Misused("--delivered sends everything once more", hint="say which: --number, --from, --to, --since …")
    since, until = (_moment(asked, text, option) for text, option in zip(times, ("--since", "--until"), strict=True))
    return Selection((span[0], span[1] + 1), since, until, source, None, delivered)


def _moment(asked: Asked, text: str | None, option: str) -> datetime | None:
    return moment(text, asked.configuration().timezone, option) if text else None


def choose(config: Config, name: str) -> Endpoint:
    """The endpoint of that name; a name that is not in the file is a misuse that says what was probably meant."""
    if endpoint := config.endpoints.get(name):
        return endpoint
    raise Misused(f"there is no endpoint '{name}' in {config.path}", hint=meant(name, config.endpoints))


def _configured(asked: Asked) -> Config:
    config = asked.configuration()
    logs.configure(asked, logging.WARNING, config.secrets)
    return config


async def _health(config: Config) -> list[EndpointHealth]:
    async with opened(config) as store:
        found = {each.record.name: each for each in await store.endpoints.health()}
    return [found[name] for name in config.endpoints]


async def _paused(config: Config, name: str) -> None:
    async with opened(config) as store:
        await store.endpoints.pause(name)


async def _resumed(config: Config, name: str) -> None:
    async with opened(config) as store:
        await store.endpoints.resume(name)


async def _rotated(config: Config, name: str, sealed: bytes) -> None:
    async with opened(config) as store:
        await store.endpoints.rotate(name, sealed, _BOTH)


async def _deliveries(config: Config, name: str, limit: int, *, dead: bool) -> tuple[list[ParkedAppeal], list[Attempt]]:
    async with opened(config) as store:
        parked = await store.endpoints.parked(name, limit, dead=dead)
        return parked, [] if dead else await store.endpoints.attempts(name, limit)


async def _replay(config: Config, name: str, selection: Selection, *, dry_run: bool) -> int:
    async with opened(config) as store:
        ask = store.endpoints.would_replay if dry_run else store.endpoints.replay
        return await ask(name, selection)


async def _recover(config: Config, name: str, since: datetime) -> int:
    async with opened(config) as store:
        return await store.endpoints.recover(name, since)


def _row(health: EndpointHealth, now: datetime) -> Sequence[object]:
    due = health.next_run_at
    return (
        health.record.name,
        health.state.value,
        health.waiting,
        ago(health.waiting_since, now) if health.waiting_since else "",
        health.parked,
        health.dead_letters,
        f"in {about(due - now)}" if health.state is EndpointState.WAITING and due and due > now else "",
        health.reason or "",
    )


def _facts(health: EndpointHealth) -> dict[str, Any]:
    facts = asdict(health)
    record = facts.pop("record")
    return {"endpoint": record["name"], "title": record["title"], "source": record["source"], **facts}


def _parked_row(one: ParkedAppeal, now: datetime) -> Sequence[object]:
    again = (
        "never" if one.dead or one.due_at is None else f"in {about(one.due_at - now)}" if one.due_at > now else "now"
    )
    return (one.number, f"{one.source}/{one.external_id}", one.tries, again, ago(one.since, now), one.reason)


def _attempt_row(one: Attempt) -> Sequence[object]:
    took = f"{round(one.took.total_seconds() * 1000)} ms"
    at = one.at.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    return (one.number, one.tries, at, took, one.status or "", one.outcome.value, one.reason)


def _attempt_facts(one: Attempt) -> dict[str, Any]:
    facts = asdict(one)
    facts.pop("retry_after")
    facts.pop("remote_id")
    return {**facts, "took": round(one.took.total_seconds() * 1000)}
