"""Compile what a query selects of an appeal into columns and one function from a row to what goes out as JSON.

graphql-core resolves field by field, in Python, for every row: of a page of fifty appeals a thousand times. Here the
selection is walked once a document; afterwards rows become JSON without a call a field. The Strawberry types stay the
authority: what this module does not know of them is NotCompilable, and goes the ordinary way over the same description.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from itertools import chain
from typing import Any, TypeAlias

import orjson
from graphql import (
    BooleanValueNode,
    EnumValueNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    SelectionNode,
    VariableNode,
    get_named_type,
)

from hub import model
from hub.masking import masked_name, masked_phone
from hub.schema.counts import RATES, SUMS, rate
from hub.schema.cursors import fingerprint
from hub.schema.referred import file_name, media_type, safe_url
from hub.schema.scalars import write_time
from hub.store.quick import Row
from hub.store.reads import AppealQuery
from hub.vocabulary.areas import area
from hub.vocabulary.topics import topic
from hub.vocabulary.words import Locale, labels
from hub.wanted import AppealOrder, Dimension


class NotCompilable(Exception):
    """The selection asks for something that only a resolver can give."""


ROWS, TOTAL, DEGRADED, RECORDS = "rows", "total", "degraded", "records"
ABSENT: Any = object()
"""Stands for a variable that was not given."""
Fields = Mapping[str, list[FieldNode]]
"""A selection set, collected: the nodes of each response name, in order."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What a selection is read in: its schema, the fragments of its document, and the variables of this request."""

    schema: GraphQLSchema
    fragments: Mapping[str, FragmentDefinitionNode]
    variables: Mapping[str, Any]


@dataclass
class Selections:
    """Collects fields as the specification does (CollectFields), and notes the variables that decided."""

    scope: Scope
    decided_by: dict[str, Any] = field(default_factory=dict)

    def of(self, type_name: str, nodes: Iterable[FieldNode]) -> Fields:
        found: dict[str, list[FieldNode]] = {}
        for node in nodes:
            if node.selection_set is not None:
                self._collect(type_name, node.selection_set.selections, found, set())
        return found

    def _collect(
        self, type_name: str, chosen: Iterable[SelectionNode], found: dict[str, list[FieldNode]], spread: set[str]
    ) -> None:
        for node in chosen:
            if not self._is_included(node):
                continue
            if isinstance(node, FieldNode):
                found.setdefault((node.alias or node.name).value, []).append(node)
            elif isinstance(node, InlineFragmentNode):
                condition = node.type_condition
                if condition is None or self._applies(condition.name.value, type_name):
                    self._collect(type_name, node.selection_set.selections, found, spread)
            elif isinstance(node, FragmentSpreadNode) and node.name.value not in spread:
                spread.add(node.name.value)
                fragment = self.scope.fragments[node.name.value]
                if self._applies(fragment.type_condition.name.value, type_name):
                    self._collect(type_name, fragment.selection_set.selections, found, spread)

    def _applies(self, condition: str, type_name: str) -> bool:
        if condition == type_name:
            return True
        types: Mapping[str, Any] = self.scope.schema.type_map
        return self.scope.schema.is_sub_type(types[condition], types[type_name])

    def _is_included(self, node: SelectionNode) -> bool:
        for directive in node.directives or ():
            name = directive.name.value
            if name not in ("skip", "include"):
                raise NotCompilable(f"@{name}")
            if self._value((directive.arguments or ())[0].value) == (name == "skip"):
                return False
        return True

    def argument(self, node: FieldNode, name: str, default: Any) -> Any:
        """The word of an enum that an argument of a field says. Raises NotCompilable for whatever else it holds."""
        for one in node.arguments or ():
            if one.name.value == name:
                value = self._value(one.value)
                if value is None:
                    raise NotCompilable(f"{name}: null")
                return default if value is ABSENT else value
        return default

    def _value(self, node: Any) -> Any:
        if isinstance(node, VariableNode):
            value = self.scope.variables.get(node.name.value, ABSENT)
            self.decided_by[node.name.value] = value
            return value
        if isinstance(node, EnumValueNode):
            return node.value
        if isinstance(node, BooleanValueNode):
            return node.value
        raise NotCompilable("a directive's argument")


@dataclass
class Writer:
    """Writes the Python of one function over a row `r`, and lists the columns that the row must hold.

    What is written holds GraphQL names and numbers only, both from the parsed grammar; everything else is bound.
    """

    selections: Selections
    columns: dict[str, int] = field(default_factory=dict)
    names: dict[str, Any] = field(default_factory=dict)
    besides: set[str] = field(default_factory=set)

    def object(self, kind: GraphQLObjectType, nodes: Iterable[FieldNode], part: "Part") -> str:
        """Write an object: what `part` writes for each field that is selected, by its response name."""
        fields = self.selections.of(kind.name, nodes).items()
        return f"{{{', '.join(f'{key!r}: {self._value(kind, found, part)}' for key, found in fields)}}}"

    @staticmethod
    def _value(kind: GraphQLObjectType, nodes: list[FieldNode], part: "Part") -> str:
        name = nodes[0].name.value
        return repr(kind.name) if name == "__typename" else part(name, nodes)

    def column(self, name: str, row: str = "r") -> str:
        return f"{row}[{self.columns.setdefault(name, len(self.columns))}]"

    def ask(self, what: str) -> str:
        """What is not in the rows, and asked besides them."""
        self.besides.add(what)
        return f"besides[{what!r}]"

    def bind(self, thing: Any) -> str:
        name = f"b{len(self.names)}"
        self.names[name] = thing
        return name

    def function(self, source: str, arguments: str = "r") -> Callable[..., Any]:
        made: Callable[..., Any] = eval(f"lambda {arguments}: {source}", self.names)  # noqa: S307  # see the class
        return made


Part: TypeAlias = Callable[[str, list[FieldNode]], str]
"""Writes the value of a field, by its name and its nodes. Raises NotCompilable."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A selection made ready: the columns to ask for, and what makes of a row, or of rows, what goes out.

    It holds for this very selection (`nodes`, by identity) while the variables in `decided_by` have these values.
    """

    nodes: Sequence[FieldNode]
    decided_by: Mapping[str, Any]
    columns: tuple[str, ...]
    shape: Callable[..., Any]
    besides: frozenset[str] = frozenset()
    """What is to be asked, beside one row or counts: ROWS, TOTAL, DEGRADED, RECORDS."""

    def serves(self, nodes: Sequence[FieldNode], variables: Mapping[str, Any]) -> bool:
        return (
            len(nodes) == len(self.nodes)
            and all(one is other for one, other in zip(nodes, self.nodes, strict=True))
            and all(variables.get(name, ABSENT) == value for name, value in self.decided_by.items())
        )


# ── statistics ───────────────────────────────────────────────────────────────────────────────────────────────────────

_GROUPED = {one.value.lower(): one for one in Dimension if one is not Dimension.SOURCE}


def statistics_plan(selections: Selections, kind: GraphQLObjectType, nodes: Sequence[FieldNode]) -> Plan:
    """Make a plan for counts. Its columns are the measures."""
    writer = Writer(selections)

    def part(name: str, found: list[FieldNode]) -> str:
        below = _below(kind, name)
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
        below = _below(kind, name)
        if name == "count":
            return "g.count"
        if below is None:
            return f"{writer.bind(_grouped)}(g.key.get({writer.bind(_GROUPED[_column(name)])}))"
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
        if (measure := SUMS.get(_column(name))) is not None:
            writer.column(measure.value)
            return f"{counted}.sums[{writer.bind(measure)}]"
        for measure in chain(*RATES[_column(name)]):
            writer.column(measure.value)
        return f"{writer.bind(rate)}({counted}.sums, {counted}.count, {_column(name)!r})"

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
    if name not in (*_SOURCE, "class", "integration"):
        raise NotCompilable(f"source.{name}")
    return f"{writer.bind(_grouped)}({record}.{'source_class' if name == 'class' else _column(name)})"


def _degraded_sources(writer: Writer, kind: GraphQLObjectType, nodes: list[FieldNode]) -> str:
    def of_source(name: str, _: list[FieldNode]) -> str:
        return "'Source:' + d.record.name" if name == "id" else _of_record(writer, name, "d.record")

    def part(name: str, found: list[FieldNode]) -> str:
        below = _below(kind, name)
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
_SOURCE = ("name", "title", "department", "connector", "active", "configurationError")


def appeal_plan(selections: Selections, kind: GraphQLObjectType, nodes: Sequence[FieldNode]) -> Plan:
    """Make a plan for one appeal. Raises NotCompilable."""
    writer = Writer(selections)
    source = _appeal(writer, kind, nodes)
    return Plan(list(nodes), selections.decided_by, tuple(writer.columns), writer.function(source))


def page_plan(selections: Selections, kind: GraphQLObjectType, nodes: Sequence[FieldNode], query: AppealQuery) -> Plan:
    """Make a plan for a page of appeals in the order and direction of the query. Raises NotCompilable."""
    writer = Writer(selections)
    source = writer.object(kind, nodes, lambda name, found: _of_page(writer, _below(kind, name), name, found, query))
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
    node = _below(kind, name)
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
        return writer.column(_column(name))
    if name in _TIMES:
        time = writer.column(_column(name))
        return f"({time} and {time}.replace(' ', 'T') + 'Z')"
    if name in _WORDS:
        return _word(writer, _WORDS[name], writer.column(name))
    if name == "id":
        return f"f'Appeal:{{{writer.column('id')}}}'"
    if name == "duplicateOfExternalId":
        return writer.column("duplicate_of")
    if (word := name.removesuffix("Label")) in _WORDS:
        kinds = labels()[_LABELLED[word]]
        locale = writer.selections.argument(nodes[0], "locale", Locale.ZH)
        shown = {value: label.said(locale) for value, label in kinds.items()}
        return f"{writer.bind(shown.get)}({writer.column(word)}, {shown['UNKNOWN']!r})"
    below = _below(kind, name)
    if below is None or name not in _NESTED:
        raise NotCompilable(name)
    return _NESTED[name](writer, below, nodes)


def _word(writer: Writer, words: Any, value: str) -> str:
    """A word that this hub does not know, written by a newer one, is UNKNOWN."""
    return f"{writer.bind({word.value: word.name for word in words}.get)}({value}, 'UNKNOWN')"


def _source(writer: Writer, kind: GraphQLObjectType, nodes: list[FieldNode]) -> str:
    def part(name: str, _: list[FieldNode]) -> str:
        if name == "id":
            return f"'Source:' + {writer.column('source.name')}"
        if name in ("class", "integration"):
            column = writer.column(f"source.{'source_class' if name == 'class' else name}")
            return f"({column} and {column}.upper())"
        if name not in _SOURCE:
            raise NotCompilable(f"source.{name}")
        return writer.column(f"source.{_column(name)}")

    return writer.object(kind, nodes, part)


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
    word = _word(writer, model.Status, "e['status']")
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
    found = _meaning(writer, kind, nodes, "label")
    return f"(None if {text} is None else (lambda m: {found})({writer.bind(topic)}({text})))"


def _area(writer: Writer, kind: GraphQLObjectType, nodes: list[FieldNode], code: str) -> str:
    found = _meaning(writer, kind, nodes, "name")
    return f"(None if {code} is None else (lambda m: {found})({writer.bind(area)}({code})))"


def _meaning(writer: Writer, kind: GraphQLObjectType, nodes: list[FieldNode], labelled: str) -> str:
    """Write what is asked of a topic or an area `m`, as hub/vocabulary has it; its field `labelled` takes a locale."""

    def part(name: str, found: list[FieldNode]) -> str:
        if name == labelled:
            locale = writer.selections.argument(found[0], "locale", Locale.ZH)
            return f"(m.{name} and m.{name}.said({str(locale)!r}))"
        below = _below(kind, name)
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
    "source": _source,
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


def _below(kind: GraphQLObjectType, name: str) -> GraphQLObjectType | None:
    """The type of objects below a field; None for a leaf."""
    found = get_named_type(kind.fields[name].type)
    return found if isinstance(found, GraphQLObjectType) else None


def _column(name: str) -> str:
    """`createdAt` → `created_at`."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
