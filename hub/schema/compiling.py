"""Compile what a query selects of an appeal into columns and one function from a row to what goes out as JSON.

graphql-core resolves field by field, in Python, for every row: of a page of fifty appeals a thousand times. Here the
selection is walked once a document; afterwards rows become JSON without a call a field. The Strawberry types stay the
authority: what this module does not know of them is NotCompilable, and goes the ordinary way over the same description.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from enum import Enum
from functools import lru_cache
from itertools import chain
from typing import Any

import orjson
from graphql import FieldNode, GraphQLObjectType

from hub import model
from hub.masking import masked_name, masked_phone
from hub.schema.counts import RATES, SUMS, rate
from hub.schema.cursors import fingerprint
from hub.schema.histories import changes
from hub.schema.referred import file_name, media_type, safe_url
from hub.schema.scalars import write_time
from hub.schema.selections import (
    SOURCE_FIELDS,
    NotCompilable,
    Plan,
    Selections,
    Writer,
    column_of,
    source_of,
    type_below,
    word_of,
)
from hub.store.quick import Row
from hub.store.reads import AppealQuery
from hub.vocabulary.areas import area
from hub.vocabulary.topics import topic
from hub.vocabulary.words import Locale, labels
from hub.wanted import AppealOrder, Dimension

ROWS, TOTAL, DEGRADED, RECORDS = "rows", "total", "degraded", "records"
"""What a plan may need besides one row, or counts."""

_VALUES = 1_000  # topics and areas, in each plan

# ── statistics ───────────────────────────────────────────────────────────────────────────────────────────────────────

_GROUPED = {one.value.lower(): one for one in Dimension if one is not Dimension.SOURCE}


def statistics_plan(selections: Selections, nodes: Sequence[FieldNode], kind: GraphQLObjectType) -> Plan:
    """Make a plan for counts. Its columns are the measures."""
    writer = Writer(selections)

    def part(name: str, found: list[FieldNode]) -> str:
        below = type_below(kind, name)
        if below is None:
            return f"s.{name}"
        if name == "measures":
            return _measures(writer, below, found, "s")
        if name == "degradedSources":
            return _degraded_sources(writer, below, found)
        return f"[{_group(writer, below, found)} for g in s.groups]"

    shape = writer.function(writer.object(kind, nodes, part), "s, besides")
    return Plan(list(nodes), selections.decided_by, tuple(writer.columns), shape, frozenset(writer.besides))


def _group(writer: Writer, kind: GraphQLObjectType, nodes: list[FieldNode]) -> str:
    def part(name: str, found: list[FieldNode]) -> str:
        below = type_below(kind, name)
        if name == "count":
            return "g.count"
        if below is None:
            return f"{writer.bind(_grouped)}(g.key.get({writer.bind(_GROUPED[column_of(name)])}))"
        match name:
            case "measures":
                return _measures(writer, below, found, "g")
            case "period":
                return _period(writer, below, found)
            case "topic":
                return _topic(writer, below, found, f"g.key.get({writer.bind(Dimension.TOPIC)})")
            case "area":
                return _area(writer, below, found, f"g.key.get({writer.bind(Dimension.AREA)})")
            case "leadOrg":
                return _organization(writer, below, found, f"g.key.get({writer.bind(Dimension.LEAD_ORG)})")
            case "source":
                source = f"g.key.get({writer.bind(Dimension.SOURCE)})"
                return f"(None if {source} is None else {_counted_source(writer, below, found, source)})"
        raise NotCompilable(name)

    return writer.object(kind, nodes, part)


def _measures(writer: Writer, kind: GraphQLObjectType, nodes: list[FieldNode], counted: str) -> str:
    def part(name: str, _: list[FieldNode]) -> str:
        if (measure := SUMS.get(column_of(name))) is not None:
            writer.column(measure.value)
            return f"{counted}.sums[{writer.bind(measure)}]"
        for measure in chain(*RATES[column_of(name)]):
            writer.column(measure.value)
        return f"{writer.bind(rate)}({counted}.sums, {counted}.count, {column_of(name)!r})"

    return writer.object(kind, nodes, part)


def _period(writer: Writer, kind: GraphQLObjectType, nodes: list[FieldNode]) -> str:
    said = {
        "since": f"{writer.bind(write_time)}(g.period.since)",
        "until": f"{writer.bind(write_time)}(g.period.until)",
        "day": "g.period.local.date().isoformat()",
    }
    return f"(g.period and {writer.object(kind, nodes, lambda name, _: said[name])})"


def _counted_source(writer: Writer, kind: GraphQLObjectType, nodes: list[FieldNode], source: str) -> str:
    def part(name: str, _: list[FieldNode]) -> str:
        if name == "name":
            return source
        if name == "id":
            return f"'Source:' + {source}"
        return _of_record(writer, name, f"{writer.ask(RECORDS)}[{source}]")

    return writer.object(kind, nodes, part)


def _of_record(writer: Writer, name: str, record: str) -> str:
    if name not in SOURCE_FIELDS:
        raise NotCompilable(f"source.{name}")
    return f"{writer.bind(_grouped)}({record}.{SOURCE_FIELDS[name]})"


def _degraded_sources(writer: Writer, kind: GraphQLObjectType, nodes: list[FieldNode]) -> str:
    def of_source(name: str, _: list[FieldNode]) -> str:
        return "'Source:' + d.record.name" if name == "id" else _of_record(writer, name, "d.record")

    def part(name: str, found: list[FieldNode]) -> str:
        below = type_below(kind, name)
        if below is not None:
            return writer.object(below, found, of_source)
        return "d.why.name" if name == "code" else f"(d.since and {writer.bind(write_time)}(d.since))"

    return f"[{writer.object(kind, nodes, part)} for d in {writer.ask(DEGRADED)}]"


def _grouped(value: Any) -> Any:
    """Write a word of the domain as the API does; anything else goes out as it is."""
    return value.name if isinstance(value, Enum) else value


# ── appeals ──────────────────────────────────────────────────────────────────────────────────────────────────────────

_AS_IT_IS = frozenset({
    "externalId", "version", "title", "appealNo", "kindText", "content", "statusText", "statusNote",
    "urgencyText", "channelText", "satisfactionText",
    "originHotline", "isSecret", "respondent", "grid", "result", "publicReply", "isResolved", "supportCount",
    "attributes",
})  # fmt: skip
"""Fields that go out as the database gives them."""
_TIMES = frozenset({
    "createdAt", "updatedAt", "dispatchedAt", "dueAt", "closedAt", "firstServedAt", "lastServedAt",
})  # fmt: skip
_WORDS = {
    "status": model.Status,
    "kind": model.Kind,
    "urgency": model.Urgency,
    "channel": model.Channel,
    "satisfaction": model.Satisfaction,
}
_LABELLED = {
    "status": "AppealStatus",
    "kind": "AppealKind",
    "urgency": "AppealUrgency",
    "channel": "AppealChannel",
    "satisfaction": "Satisfaction",
}
"""The enums whose labels the fields named `…Label` show."""


def appeal_plan(selections: Selections, nodes: Sequence[FieldNode], kind: GraphQLObjectType) -> Plan:
    """Make a plan for one appeal. Raises NotCompilable."""
    writer = Writer(selections)
    source = _appeal(writer, kind, nodes)
    return Plan(list(nodes), selections.decided_by, tuple(writer.columns), writer.function(source))


def page_plan(selections: Selections, nodes: Sequence[FieldNode], kind: GraphQLObjectType, query: AppealQuery) -> Plan:
    """Make a plan for a page of appeals in the order and direction of the query. Raises NotCompilable."""
    writer = Writer(selections)
    source = writer.object(
        kind, nodes, lambda name, found: _of_page(writer, type_below(kind, name), name, found, query)
    )
    shape = writer.function(source, "rows, more, resumed, mark, besides")
    return Plan(list(nodes), selections.decided_by, tuple(writer.columns), shape, frozenset(writer.besides))


def shaped_page(plan: Plan, query: AppealQuery, rows: Sequence[Row], besides: Mapping[str, Any]) -> Any:
    """Make of the rows of a page, and of what was asked besides, what goes out."""
    more, rows = len(rows) > query.size, rows[: query.size]
    mark = fingerprint(query.filter)
    return plan.shape(rows[::-1] if query.backward else rows, more, query.start is not None, mark, besides)


def _of_page(
    writer: Writer, kind: GraphQLObjectType | None, name: str, nodes: list[FieldNode], query: AppealQuery
) -> str:
    if kind is None:
        return writer.ask(TOTAL)
    if name == "degradedSources":
        return _degraded_sources(writer, kind, nodes)
    writer.ask(ROWS)
    match name:
        case "nodes":
            return f"[{_appeal(writer, kind, nodes)} for r in rows]"
        case "edges":
            edge = writer.object(kind, nodes, lambda inner, found: _of_edge(writer, kind, inner, found, query))
            return f"[{edge} for r in rows]"
        case "pageInfo":
            return writer.object(kind, nodes, lambda inner, _: _of_page_info(writer, inner, query))
    raise NotCompilable(name)


def _of_edge(writer: Writer, kind: GraphQLObjectType, name: str, nodes: list[FieldNode], query: AppealQuery) -> str:
    node = type_below(kind, name)
    return _cursor(writer, query, "r") if node is None else _appeal(writer, node, nodes)


def _of_page_info(writer: Writer, name: str, query: AppealQuery) -> str:
    match name:
        case "startCursor":
            return f"({_cursor(writer, query, 'rows[0]')} if rows else None)"
        case "endCursor":
            return f"({_cursor(writer, query, 'rows[-1]')} if rows else None)"
    return "more" if (name == "hasNextPage") != query.backward else "resumed"


def _cursor(writer: Writer, query: AppealQuery, row: str) -> str:
    """The cursor of a row, as cursors.write_cursor writes it."""
    time = writer.column(f"{query.order.value.split('_')[0].lower()}_at:us", row)
    if query.order is AppealOrder.DUE_ASC:
        time = f"'-' if {time} is None else {time}"
    return f'f"{query.order.value}~{{mark}}~{{{time}}}~{{{writer.column("id", row)}}}"'


def _appeal(writer: Writer, kind: GraphQLObjectType, nodes: Sequence[FieldNode]) -> str:
    return writer.object(kind, nodes, lambda name, found: _of_appeal(writer, kind, name, found))


def _of_appeal(writer: Writer, kind: GraphQLObjectType, name: str, nodes: list[FieldNode]) -> str:
    if name in _AS_IT_IS:
        return writer.column(column_of(name))
    if name in _TIMES:
        time = writer.column(column_of(name))
        return f"({time} and {time}.replace(' ', 'T') + 'Z')"
    if name in _WORDS:
        return word_of(writer, _WORDS[name], writer.column(name))
    if name == "id":
        return f"f'Appeal:{{{writer.column('id')}}}'"
    if name == "duplicateOfExternalId":
        return writer.column("duplicate_of")
    if (word := name.removesuffix("Label")) in _WORDS:
        kinds = labels()[_LABELLED[word]]
        locale = writer.selections.argument(nodes[0], "locale", Locale.ZH)
        shown = {value: label.said(locale) for value, label in kinds.items()}
        return f"{writer.bind(shown.get)}({writer.column(word)}, {shown['UNKNOWN']!r})"
    below = type_below(kind, name)
    if below is None or name not in _NESTED:
        raise NotCompilable(name)
    return _NESTED[name](writer, below, nodes)


def _location(writer: Writer, kind: GraphQLObjectType, nodes: list[FieldNode]) -> str:
    said = {name: writer.column(f"location_{name}") for name in ("address", "longitude", "latitude")}
    found = writer.object(kind, nodes, lambda name, _: said[name])
    return f"(None if {said['address']} is None and {said['longitude']} is None else {found})"


def _reporter(writer: Writer, kind: GraphQLObjectType, nodes: list[FieldNode]) -> str:
    name, phone = writer.column("reporter_name"), writer.column("reporter_phone")
    said = {"name": f"{writer.bind(masked_name)}({name})", "phone": f"{writer.bind(masked_phone)}({phone})"}
    found = writer.object(kind, nodes, lambda inner, _: said[inner])
    return f"(None if {name} is None and {phone} is None else {found})"


def _events(writer: Writer, kind: GraphQLObjectType, nodes: list[FieldNode]) -> str:
    word = word_of(writer, model.Status, "e['status']")
    said = {
        "at": f"{writer.bind(_event_time)}(e['at'])",
        "text": "e['text']",
        "by": "e['by']",
        "status": f"(e['status'] and {word})",
        "statusText": "e['status_text']",
    }
    found = writer.object(kind, nodes, lambda name, _: said[name])
    return f"[{found} for e in {writer.bind(orjson.loads)}({writer.column('events')})]"


def _topic(writer: Writer, kind: GraphQLObjectType, nodes: list[FieldNode], text: str) -> str:
    return _looked_up(writer, topic, _meaning(writer, kind, nodes, "label"), text)


def _area(writer: Writer, kind: GraphQLObjectType, nodes: list[FieldNode], code: str) -> str:
    return _looked_up(writer, area, _meaning(writer, kind, nodes, "name"), code)


def _looked_up(writer: Writer, find: Callable[[str], Any], written: str, value: str) -> str:
    """Write what is found of a value, as `written` of `m`: made once for each of the values, which are few."""
    made = lru_cache(_VALUES)(writer.function(f"(lambda m: {written})({writer.bind(find)}(v))", "v"))
    return f"(None if {value} is None else {writer.bind(made)}({value}))"


def _meaning(writer: Writer, kind: GraphQLObjectType, nodes: list[FieldNode], labelled: str) -> str:
    """Write what is asked of a topic or an area `m`, as hub/vocabulary has it; its field `labelled` takes a locale."""

    def part(name: str, found: list[FieldNode]) -> str:
        if name == labelled:
            locale = writer.selections.argument(found[0], "locale", Locale.ZH)
            return f"(m.{name} and m.{name}.said({str(locale)!r}))"
        below = type_below(kind, name)
        if below is None:
            return f"m.{name}"
        inner = _meaning(writer, below, found, labelled)
        if name == "children":
            return f"[{inner} for m in m.children]"
        return f"(m.{name} and (lambda m: {inner})(m.{name}))"

    return writer.object(kind, nodes, part)


def _organization(writer: Writer, kind: GraphQLObjectType, nodes: list[FieldNode], name: str) -> str:
    return f"(None if {name} is None else {_named(writer, kind, nodes, name)})"


def _named(writer: Writer, kind: GraphQLObjectType, nodes: list[FieldNode], said: str) -> str:
    def part(name: str, _: list[FieldNode]) -> str:
        if name != "name":
            raise NotCompilable(f"organization.{name}")
        return said

    return writer.object(kind, nodes, part)


def _co_orgs(writer: Writer, kind: GraphQLObjectType, nodes: list[FieldNode]) -> str:
    return f"[{_named(writer, kind, nodes, 'o')} for o in {writer.bind(orjson.loads)}({writer.column('co_orgs')})]"


def _attachments(writer: Writer, kind: GraphQLObjectType, nodes: list[FieldNode]) -> str:
    said = {
        "text": "t",
        "url": f"{writer.bind(safe_url)}(t)",
        "name": f"{writer.bind(file_name)}(t)",
        "mediaType": f"{writer.bind(media_type)}(t)",
    }
    found = writer.object(kind, nodes, lambda name, _: said[name])
    return f"[{found} for t in {writer.bind(orjson.loads)}({writer.column('attachments')})]"


_NESTED: Mapping[str, Callable[[Writer, GraphQLObjectType, list[FieldNode]], str]] = {
    "source": lambda writer, kind, nodes: source_of(writer, kind, nodes, lambda name: writer.column(f"source.{name}")),
    "changes": changes,
    "topic": lambda writer, kind, nodes: _topic(writer, kind, nodes, writer.column("topic")),
    "area": lambda writer, kind, nodes: _area(writer, kind, nodes, writer.column("area")),
    "leadOrg": lambda writer, kind, nodes: _organization(writer, kind, nodes, writer.column("lead_org")),
    "coOrgs": _co_orgs,
    "attachments": _attachments,
    "location": _location,
    "reporter": _reporter,
    "events": _events,
}


def _event_time(text: str | None) -> str | None:
    """Write an event's time, which is stored as ISO 8601, as the API writes a moment."""
    return text and write_time(datetime.fromisoformat(text))
