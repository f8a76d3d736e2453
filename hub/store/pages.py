"""Compose the statements that read a page of appeals: each for the one plan that is good whatever its values are.

PostgreSQL's planner cannot know what a page asks for: that pairs of characters come together, that an area has no
parts, that among the newest thousand appeals fifty hold a word. So what is likely to be fast is tried first, in a form
that leaves the planner no choice; an attempt that does not fill the page is followed by the next. All of them answer
the same: only the time differs. A statement is composed once for each shape of question and holds our own words only;
what a client gave travels as parameters. The page is cut before anything is joined to it.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, TypeAlias

from hub.store import search
from hub.store.conditions import LAST_CHARACTER, Bind, Parameters, by_one_value_each, conditions, indexed, literal
from hub.store.reads import AppealQuery, Position
from hub.wanted import AppealFilter, AppealOrder

REMEMBERED = 1_000  # statements
_ORDERS = {
    AppealOrder.CREATED_DESC: ("created_at", True),
    AppealOrder.CREATED_ASC: ("created_at", False),
    AppealOrder.UPDATED_DESC: ("updated_at", True),
    AppealOrder.UPDATED_ASC: ("updated_at", False),
    AppealOrder.DUE_ASC: ("due_at", False),
}
_LEADS = ("source", "status")  # each has an index with the time of creation behind it
_RARE = 0.005  # Of so few appeals it is faster to fetch all that match, and sort them.
_COMMON = 0.05  # Of so many it is not, when something else is asked for as well.
_FEWEST, _MOST = 5_000, 20_000  # appeals to walk past at most: about 15 to 60 ms

Frequency: TypeAlias = Callable[[search.Sought], float]
"""How many appeals hold what is sought: about which part of all."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A statement for a page, which answers it when it finds `enough` rows."""

    text: str
    parameters: Sequence[Any]
    enough: int = 0
    anew: bool = False
    """Whether its best plan depends on the values, so that it must be planned anew each time."""
    part: bool = False
    """Whether its rows begin the page, and the next attempt goes on after them."""


def attempts(query: AppealQuery, columns: tuple[str, ...], frequency: Frequency) -> Iterator[Attempt]:
    """The statements to ask one after the other until a page is answered, one row more than asked for."""
    wanted = query.filter
    if query.order is AppealOrder.DUE_ASC:
        yield from _by_deadline(query, columns)
        return
    if _in_one_area(query):
        yield _of_area(query, columns)
    part = _expected(wanted.text, frequency) if wanted.text else None
    if part is not None and part >= _RARE:
        yield _walk(query, columns, steps=min(_MOST, max(_FEWEST, int(4 * (query.size + 1) / part))))
    alone = wanted == AppealFilter(text=wanted.text)
    if part is not None and (alone or part < _COMMON):
        yield _gather(query, columns, anew=not alone)
    else:
        yield _general(query, columns)


def _expected(text: str, frequency: Frequency) -> float | None:
    """Which part of all appeals may hold a text; None where no index knows.

    The pairs of one term come together, so the rarest tells; terms come as they like, which is what planners expect.
    """
    # So few characters begin any number of lexemes: alone they say nothing, beside others each is one of ten.
    if all(one.short for one in search.sought(text)):
        return 1 if search.sought(text) else None
    parts = [_together(sought, frequency) for term in search.terms(text) if (sought := search.sought(term))]
    return math.prod(parts)


def _together(sought: Sequence[search.Sought], frequency: Frequency) -> float:
    rarest = min((frequency(one) for one in sought if not one.short), default=1)
    return rarest * math.prod(0.1 ** len(one.lexeme) for one in sought if one.short)


# ── ways to read a page ──────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _Shape:
    """What a statement depends on: everything about a question but the values in it."""

    columns: tuple[str, ...]
    keys: tuple[str, ...]
    downward: bool
    limit: str
    bounds: tuple[str, ...]
    """Where the range of the index begins and ends."""
    conditions: tuple[str, ...]
    steps: int = 0
    """How many appeals to walk past at most; 0 for as many as it takes."""
    after_sorting: tuple[str, ...] = ()
    """Conditions that are dear: to be looked at in the order of the page, until it is full."""


def _general(query: AppealQuery, columns: tuple[str, ...]) -> Attempt:
    """Let the planner choose between the index in whose order the page is, and those of its conditions."""
    parameters = Parameters()
    lead = _lead(query)
    keys, bounds = _led(query, parameters.bind, lead)
    found = conditions(query.filter, parameters.bind, "a", but=lead)
    return _attempt(query, columns, parameters, keys, bounds, found, anew=not by_one_value_each(query.filter))


def _in_one_area(query: AppealQuery) -> bool:
    wanted = query.filter
    alone = AppealFilter(status=wanted.status, area=wanted.area)
    return len(wanted.status) == len(wanted.area) == 1 and wanted == alone and _ORDERS[query.order][0] == "created_at"


def _of_area(query: AppealQuery, columns: tuple[str, ...]) -> Attempt:
    """Walk the index on (area, status, created_at, id): it holds the page as it is, if the area has no parts."""
    parameters = Parameters()
    keys, bounds = _led(query, parameters.bind, "status")
    area = query.filter.area[0]
    same, last = parameters.bind(area), parameters.bind(area + LAST_CHARACTER)
    found = [
        f"a.area = {same}",
        f"not exists (select from appeal part where part.area ~>~ {same} and part.area ~<~ {last})",
    ]
    return _attempt(query, columns, parameters, keys, bounds, found, enough=1)


def _walk(query: AppealQuery, columns: tuple[str, ...], steps: int) -> Attempt:
    """Walk past appeals in the order of the page, and take those that match: so many do that it fills soon."""
    parameters = Parameters()
    lead = _lead(query)
    keys, bounds = _led(query, parameters.bind, lead)
    found = conditions(query.filter, parameters.bind, "a", but=lead)
    return _attempt(query, columns, parameters, keys, bounds, found, steps=steps, enough=query.size + 1)


def _gather(query: AppealQuery, columns: tuple[str, ...], *, anew: bool) -> Attempt:
    """Gather all that the index of the text finds, sort them, and look in that order which match to the letter."""
    parameters = Parameters()
    keys = (_ORDERS[query.order][0], "id")
    bounds = _after(query, keys, parameters.bind)
    wanted = replace(query.filter, text="")
    found = [*conditions(wanted, parameters.bind, "a"), *indexed(query.filter.text, parameters.bind, "a")]
    dear = tuple(literal(query.filter.text, parameters.bind, "a"))
    return _attempt(query, columns, parameters, keys, bounds, found, after_sorting=dear, anew=anew)


def _by_deadline(query: AppealQuery, columns: tuple[str, ...]) -> Iterator[Attempt]:
    """Appeals with a deadline, and after them those without: each a range of the index."""
    timed, untimed = _stretch(query, columns, timed=True), _stretch(query, columns, timed=False)
    if query.start is None:
        yield from (untimed, timed) if query.backward else (timed, untimed)
    elif query.start.at is None:
        yield untimed
        if query.backward:
            yield _stretch(replace(query, start=None), columns, timed=True)
    else:
        yield timed
        if not query.backward:
            yield _stretch(replace(query, start=None), columns, timed=False)


def _stretch(query: AppealQuery, columns: tuple[str, ...], *, timed: bool) -> Attempt:
    parameters = Parameters()
    keys = ("due_at", "id") if timed else ("id",)
    bounds = [f"a.due_at is {'not null' if timed else 'null'}", *_after(query, keys, parameters.bind)]
    found = conditions(query.filter, parameters.bind, "a")
    return _attempt(query, columns, parameters, keys, bounds, found, anew=True, part=True)


def _lead(query: AppealQuery) -> str | None:
    """The column with one wanted value that an index has before the time, so that it holds the list in its order."""
    if _ORDERS[query.order][0] != "created_at":
        return None
    return next((name for name in _LEADS if len(getattr(query.filter, name)) == 1), None)


def _led(query: AppealQuery, bind: Bind, lead: str | None) -> tuple[tuple[str, ...], Sequence[str]]:
    """The keys of the index to walk, and the bounds of its range."""
    key = _ORDERS[query.order][0]
    if lead is None:
        return (key, "id"), _after(query, (key, "id"), bind)
    value = bind(str(getattr(query.filter, lead)[0]))
    # As a range, not as an equality, so that the planner keeps to the index on (lead, created_at, id). It would
    # rather walk the one on created_at, and that is endless for closed appeals, none of which are new.
    bounds = {">": f"a.{lead} >= {value}", "<": f"a.{lead} <= {value}"}
    if query.start is not None:
        # The cursor is the bound on its own side: beside another one the index would not be entered there.
        del bounds[_beyond(query)]
    keys = (lead, key, "id")
    return keys, [*bounds.values(), *_after(query, keys, bind, value)]


def _after(query: AppealQuery, keys: tuple[str, ...], bind: Bind, lead: str | None = None) -> list[str]:
    """The cursor: a comparison of rows, which an index answers; several comparisons joined by `or` would not."""
    if query.start is None:
        return []
    there = [*([lead] if lead else []), *(bind(value) for value in _place(query.start)[-len(keys) :])]
    return [f"({', '.join(f'a.{name}' for name in keys)}) {_beyond(query)} ({', '.join(there)})"]


def _place(start: Position) -> Sequence[Any]:
    return start.at or datetime.min.replace(tzinfo=UTC), start.id


def _downward(query: AppealQuery) -> bool:
    return _ORDERS[query.order][1] != query.backward


def _beyond(query: AppealQuery) -> str:
    return "<" if _downward(query) else ">"


# ── the text of a statement ──────────────────────────────────────────────────────────────────────────────────────────


def _attempt(  # noqa: PLR0917  # what a statement is made of
    query: AppealQuery,
    columns: tuple[str, ...],
    parameters: Parameters,
    keys: tuple[str, ...],
    bounds: Sequence[str],
    found: Sequence[str],
    *,
    steps: int = 0,
    after_sorting: tuple[str, ...] = (),
    enough: int = 0,
    anew: bool = False,
    part: bool = False,
) -> Attempt:
    limit = parameters.bind(query.size + 1)
    shape = _Shape(columns, keys, _downward(query), limit, tuple(bounds), tuple(found), steps, after_sorting)
    return Attempt(_statement(shape), parameters, enough, anew, part)


@lru_cache(REMEMBERED)
def _statement(shape: _Shape) -> str:
    order = _order(shape, "a")
    inner = ", ".join(f"a.{name}" for name in sorted({*shape.keys, *_base(shape.columns)}))
    bounds, found = " and ".join(shape.bounds) or "true", " and ".join(shape.conditions) or "true"
    if shape.after_sorting:
        keys = ", ".join(f"a.{name}" for name in shape.keys)
        # `offset 0`: they are sorted first, and looked at afterwards.
        first = f"(select {keys} from appeal a where {bounds} and {found} order by {order} offset 0) f"
        rows = (
            f"{first} join appeal a on a.id = f.id where {' and '.join(shape.after_sorting)} "
            f"order by {_order(shape, 'f')}"
        )
    elif shape.steps:
        first = f"(select * from appeal a where {bounds} order by {order} limit {shape.steps}) a"
        rows = f"{first} where {found} order by {order}"
    else:
        rows = f"appeal a where {bounds} and {found} order by {order}"
    return (
        f"select {listed(shape.columns)} "
        f"from (select {inner} from {rows} limit {shape.limit}) a {joined(shape.columns)} order by {order}"
    )


def _order(shape: _Shape, of: str) -> str:
    return ", ".join(f"{of}.{name} {'desc' if shape.downward else 'asc'}" for name in shape.keys)


@lru_cache(REMEMBERED)
def one(columns: tuple[str, ...], condition: str) -> str:
    """The statement for one appeal, or some, by a condition."""
    return f"select {listed(columns)} from appeal a {joined(columns)} where {condition}"


def listed(columns: Sequence[str]) -> str:
    return ", ".join(_changes(name) if name.startswith(_CHANGES) else COLUMNS[name] for name in columns) or "1"


def joined(columns: Sequence[str]) -> str:
    return "left join source s on s.name = a.source" if any(name.startswith("source.") for name in columns) else ""


def _base(columns: Sequence[str]) -> Iterator[str]:
    """The columns of the appeal itself that some columns are made of."""
    for name in columns:
        if name.startswith(_CHANGES):
            yield "id"
        else:
            yield "source" if name.startswith("source.") else name.partition(":")[0]


def changes_column(size: int) -> str:
    """The name of the column that holds the first changes of an appeal, as JSON: a list of the values of CHANGE."""
    return f"{_CHANGES}{size}"


def _changes(name: str) -> str:
    return (
        f"(select coalesce(json_agg(json_build_array({', '.join(CHANGE.values())}) order by c.number), '[]')::text "
        f"from (select * from change where appeal_id = a.id order by number limit {int(name[len(_CHANGES) :])}) c "
        "left join source o on o.name = c.origin)"
    )


def _time(column: str) -> str:
    """As `2026-03-01 08:00:00.5`: the driver makes texts faster than times, and the API writes them as texts."""
    return f"({column} at time zone 'UTC')::text"


def _plain(*names: str) -> dict[str, str]:
    return {name: f"a.{name}" for name in names}


COLUMNS: Mapping[str, str] = {
    **_plain(
        "id", "source", "external_id", "version", "title", "status", "appeal_no", "kind", "kind_text", "topic",
        "urgency_text", "channel_text", "satisfaction_text",
        "content", "status_text", "status_note", "urgency", "channel", "origin_hotline", "is_secret", "reporter_name",
        "reporter_phone", "respondent", "area", "grid", "location_address", "location_longitude", "location_latitude",
        "lead_org", "result", "public_reply", "is_resolved", "satisfaction", "duplicate_of", "support_count",
        "attributes",
    ),
    **{
        name: _time(f"a.{name}")
        for name in (
            "created_at", "updated_at", "dispatched_at", "due_at", "closed_at", "first_served_at", "last_served_at",
        )
    },
    **{name: f"a.{name}::text" for name in ("events", "co_orgs", "attachments")},
    "created_at:us": "(extract(epoch from a.created_at) * 1000000)::int8",
    "updated_at:us": "(extract(epoch from a.updated_at) * 1000000)::int8",
    "due_at:us": "(extract(epoch from a.due_at) * 1000000)::int8",
    **{
        f"source.{name}": f"s.{name}"
        for name in (
            "name", "title", "source_class", "integration", "department", "connector", "active", "configuration_error",
        )
    },
}  # fmt: skip
"""What can be asked for: the column's name, and how it is read from the appeal `a` and its source `s`."""
_CHANGES = "changes:"
CHANGE: Mapping[str, str] = {
    **{
        name: f"c.{name}" for name in ("number", "type", "version", "fields", "action", "actor", "note", "organization")
    },
    "at": _time("c.at"),
    **{name: sql.replace("s.", "o.", 1) for name, sql in COLUMNS.items() if name.startswith("source.")},
}
"""What is told of a change, in this order: the column's name, and how it is read from `c` and its source `o`."""
