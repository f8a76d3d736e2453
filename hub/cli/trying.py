"""Answer `hub try`: pull a few tickets of a source or register and show how each reads, storing nothing."""

import logging
from collections.abc import Iterator
from contextlib import aclosing
from dataclasses import dataclass, fields
from datetime import datetime
from itertools import zip_longest
from typing import Any

from rich.table import Table
from rich.text import Text

from hub.cli import logs
from hub.cli.asked import Asked, choose
from hub.cli.failures import FAILED
from hub.cli.stopping import until_stopped
from hub.cli.voice import answer, columns, counted, talk, visible
from hub.config import Source
from hub.connectors.base import Receiver
from hub.errors import TicketRejected
from hub.model import Appeal, Entry, Event, SourceClass, Ticket
from hub.normalize import normalize

_LONGEST_SHOWN = 300  # characters of one value; --json shows all
_GAP = Text("   ")


@dataclass(frozen=True, slots=True)
class _Trial:
    """A ticket, and what it reads as: an appeal or an entry, or the reason why not."""

    ticket: Ticket
    record: Appeal | Entry | None = None
    rejected: TicketRejected | None = None


def try_source(asked: Asked, name: str, limit: int) -> int:
    """Show up to `limit` tickets of a source beside their appeals. Raises SourceError; touches no database."""
    config = asked.configuration()
    source = choose(config, name)
    logs.configure(asked, logging.WARNING, config.secrets)
    with talk.status(f"pulling from {name} …"):
        tickets = until_stopped(_pulled(source, limit))
    trials = [_tried(source, ticket) for ticket in tickets]
    noun = "entry" if source.record.source_class is SourceClass.REGISTER else "appeal"
    shown = [part for number, trial in enumerate(trials, 1) for part in _shown(number, trial, noun)]
    facts = [_facts(trial, noun) for trial in trials]
    answer(asked, {"source": name, "tickets": facts}, *shown, _verdict(source, trials, noun))
    return FAILED if any(trial.rejected for trial in trials) else 0


async def _pulled(source: Source, limit: int) -> list[Ticket]:
    """Take from the first page that holds any, and never ask for another.

    Whoever asks says that the page before is kept: a queue would then forget what nobody has, and a file be moved, even
    where `only_if`, which may be what is tried, holds none of it.
    """
    # Closing the generator closes its connections now, not at some later time.
    async with aclosing(source.connector.pull(None)) as pages:
        async for page in pages:
            if page.tickets:
                return [ticket for ticket in page.tickets if source.holds(ticket)][:limit]
    return []


def _tried(source: Source, ticket: Ticket) -> _Trial:
    try:
        return _Trial(ticket, record=normalize(ticket, source.mapping))
    except TicketRejected as reason:
        return _Trial(ticket, rejected=reason)


def _facts(trial: _Trial, noun: str) -> dict[str, Any]:
    reason = trial.rejected
    return {
        "ticket": trial.ticket,
        noun: dict(_read(trial.record)) if trial.record else None,
        "rejected": {"reason": reason.message, "field": reason.field, "hint": reason.hint} if reason else None,
    }


def _shown(number: int, trial: _Trial, noun: str) -> Iterator[Text | Table]:
    """A heading, and the ticket's fields at the left of the record's."""
    if trial.record is None:
        yield _heading(number, f"rejected: {trial.rejected}", "red")
        yield columns(("ticket", ""), _flat(trial.ticket))
    else:
        yield _heading(number, f"{noun} {visible(trial.record.external_id)}", "green")
        yield _side_by_side(list(_flat(trial.ticket)), list(_read(trial.record)), noun)
    yield Text()


def _heading(number: int, outcome: str, colour: str) -> Text:
    return Text.assemble((f"ticket {number}", "bold"), " → ", (str(visible(outcome)), colour))


def _side_by_side(ticket: list[tuple[str, Any]], record: list[tuple[str, Any]], noun: str) -> Table:
    rows = zip_longest(ticket, record, fillvalue=("", ""))
    return columns(
        ("ticket", "", "", noun, ""),
        (
            [left, _shortened(value), "" if not field else "→", field, _shortened(read)]
            for (left, value), (field, read) in rows
        ),
    )


def _flat(ticket: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """A ticket's values by their paths, as a mapping names them."""
    if isinstance(ticket, dict) and ticket:
        for key, value in ticket.items():
            yield from _flat(value, f"{path}.{key}" if path else str(key))
    elif isinstance(ticket, list) and any(isinstance(value, dict | list) for value in ticket):
        for index, value in enumerate(ticket):
            yield from _flat(value, f"{path}[{index}]")
    else:
        yield path, ticket


def _read(record: Appeal | Entry) -> Iterator[tuple[str, Any]]:
    """What a record says, by the names of connectors.yaml; fields that say nothing are left out."""
    for each in fields(record):
        value = getattr(record, each.name)
        if each.name in ("source", "register") or value in (None, [], {}):
            continue
        if each.name == "attributes":
            yield from ((f"attributes.{name}", inner) for name, inner in value.items())
        elif each.name == "events":
            yield from ((f"events[{place}]", _event(event)) for place, event in enumerate(value))
        else:
            yield _yaml_name(each.name), value


def _event(event: Event) -> str:
    said = (event.at and event.at.isoformat(), event.status, event.by, event.text)
    return " · ".join(str(part) for part in said if part)


def _yaml_name(attribute: str) -> str:
    whole, _, part = attribute.partition("_")
    return f"{whole}.{part}" if whole in ("reporter", "location") else attribute


def _shortened(value: Any) -> str:
    text = value.isoformat() if isinstance(value, datetime) else "" if value is None else str(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}… ({len(text)} characters)"


def _verdict(source: Source, trials: list[_Trial], noun: str) -> str:
    """Say how many read as appeals or entries, and what to run next."""
    name = source.name
    if not trials:
        pushed = f": it pushes them, to POST /in/{name}" if isinstance(source.connector, Receiver) else ""
        return f"{name} gave no tickets{pushed}"
    wrong = sum(trial.rejected is not None for trial in trials)
    if not wrong:
        several = "entries" if noun == "entry" else f"{noun}s"
        read = f"1 ticket reads as an {noun}" if len(trials) == 1 else f"{len(trials)} tickets read as {several}"
        return f"{read}; nothing was stored: run `hub sync {name}`"
    section = "registers" if noun == "entry" else "sources"
    of = counted(len(trials), "ticket")
    return f"{wrong} of {of} rejected: mend {section}.{name}.map and run `hub try {name}` again"
