"""Turn a filter into SQL: the one place that says by which statement an appeal is one of those wanted.

What is written holds our own words only; what a client gave travels as parameters.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeAlias

import sqlalchemy as sa

from hub.store import search
from hub.wanted import ENDED, AppealFilter, Box, TimeRange

Bind: TypeAlias = Callable[[Any], str]
"""Keeps a value as a parameter of the statement, and gives what stands for it there."""

EQUAL = (
    "status", "kind", "source", "urgency", "channel", "satisfaction", "external_id", "appeal_no", "grid", "lead_org",
    "origin_hotline",
)  # fmt: skip
_SPAN = ("created", "updated", "dispatched", "due", "closed")
LAST_CHARACTER = "\U0010ffff"
_ENDED = ", ".join(f"'{status.value}'" for status in ENDED)


class Parameters(list[Any]):
    """The parameters of a statement, numbered from `$1` on, as PostgreSQL does."""

    def bind(self, value: Any) -> str:
        self.append(value)
        return f"${len(self)}"


def conditions(wanted: AppealFilter, bind: Bind, of: str = "appeal", *, but: str | None = None) -> list[str]:
    """The conditions that must all hold, but for those on one column; `of` is the appeal's name in the statement."""
    return list(_conditions(wanted, bind, of, but))


def clause(wanted: AppealFilter) -> sa.TextClause:
    """The same as one clause of a statement of SQLAlchemy's."""
    values: dict[str, Any] = {}

    def bind(value: Any) -> str:
        name = f"wanted_{len(values)}"
        values[name] = value
        return f":{name}"

    written = sa.text(" and ".join(conditions(wanted, bind)) or "true")
    # Without a type, so that PostgreSQL takes each for what it is compared with.
    return written.bindparams(*(sa.bindparam(name, value, sa.types.NullType()) for name, value in values.items()))


def by_one_value_each(wanted: AppealFilter) -> bool:
    """Whether nothing is asked but that some fields equal one value: then one plan is as good for any others."""
    plain = {name: values for name in EQUAL if len(values := getattr(wanted, name)) == 1}
    return wanted == AppealFilter(**plain)


def _conditions(wanted: AppealFilter, bind: Bind, of: str, but: str | None = None) -> Iterator[str]:
    if wanted == _ANY:
        return
    for name in EQUAL:
        if name != but and (values := getattr(wanted, name)):
            yield _one_of(f"{of}.{name}", values, bind)
    if wanted.area:
        yield _either(_begins(f"{of}.area", prefix, bind) for prefix in wanted.area)
    if wanted.topic or wanted.topic_is:
        whole = [_one_of(f"{of}.topic", wanted.topic_is, bind)] if wanted.topic_is else []
        yield _either([*whole, *(_begins(f"{of}.topic", prefix, bind) for prefix in wanted.topic)])
    for name in _SPAN:
        yield from _within(f"{of}.{name}_at", getattr(wanted, name), bind)
    if wanted.org:
        yield _concerns(wanted.org, bind, of)
    yield from _facts(wanted, of)
    if wanted.box is not None:
        yield from _inside(wanted.box, bind, of)
    yield from _holds(wanted.text, bind, of)
    for one in wanted.all_of:
        yield from _conditions(one, bind, of)
    if wanted.any_of:
        yield _either(_together(one, bind, of) for one in wanted.any_of)
    for one in wanted.none_of:
        # A comparison with a field that is missing is neither true nor false.
        yield f"{_together(one, bind, of)} is not true"


_ANY = AppealFilter()


def _together(wanted: AppealFilter, bind: Bind, of: str) -> str:
    return f"({' and '.join(_conditions(wanted, bind, of)) or 'true'})"


def _either(alternatives: Iterable[str]) -> str:
    return f"({' or '.join(alternatives)})"


def _one_of(column: str, values: tuple[Any, ...], bind: Bind) -> str:
    texts = [str(value) for value in values]
    return f"{column} = {bind(texts[0])}" if len(texts) == 1 else f"{column} = any(cast({bind(texts)} as text[]))"


def _begins(column: str, prefix: str, bind: Bind) -> str:
    # Comparisons by byte, which a text_pattern_ops index answers for a bound value; LIKE would need a literal.
    return f"({column} ~>=~ {bind(prefix)} and {column} ~<~ {bind(prefix + LAST_CHARACTER)})"


def _within(column: str, span: TimeRange, bind: Bind) -> Iterator[str]:
    if span.since is not None:
        yield f"{column} >= {bind(span.since)}"
    if span.until is not None:
        yield f"{column} < {bind(span.until)}"


def _concerns(names: tuple[str, ...], bind: Bind, of: str) -> str:
    given = f"cast({bind(list(names))} as text[])"
    return f"({of}.lead_org = any({given}) or {of}.co_orgs ?| {given})"


def _facts(wanted: AppealFilter, of: str) -> Iterator[str]:
    overdue = f"({of}.due_at < now() and {of}.status not in ({_ENDED}))"
    for said, holds in (
        (wanted.has_due, f"{of}.due_at is not null"),
        (wanted.overdue, f"{overdue} is true"),
        (wanted.is_secret, f"{of}.is_secret"),
    ):
        if said is not None:
            yield holds if said else f"not ({holds})"
    if wanted.is_resolved is not None:
        yield f"{of}.is_resolved is {str(wanted.is_resolved).lower()}"


def _inside(box: Box, bind: Bind, of: str) -> Iterator[str]:
    either = "and" if box.west <= box.east else "or"
    yield f"({of}.location_longitude >= {bind(box.west)} {either} {of}.location_longitude <= {bind(box.east)})"
    yield f"{of}.location_latitude between {bind(box.south)} and {bind(box.north)}"


def _holds(text: str, bind: Bind, of: str) -> Iterator[str]:
    yield from indexed(text, bind, of)
    yield from literal(text, bind, of)


def indexed(text: str, bind: Bind, of: str) -> Iterator[str]:
    """The index finds candidates by pairs of characters."""
    if lexemes := search.tsquery(text):
        yield f"{of}.search @@ cast(cast({bind(lexemes)} as text) as tsquery)"


def literal(text: str, bind: Bind, of: str) -> Iterator[str]:
    """Each term must then stand literally in one of the texts."""
    for term in search.terms(text):
        yield f"strpos({_FOLDED.format(of=of)}, {bind(term)}) > 0"


# As search.fold does it; a line break between the texts keeps a term from matching across two of them.
_FOLDED = "lower(normalize(concat_ws(E'\\n', {of}.title, {of}.content, {of}.appeal_no, {of}.location_address), NFKC))"
