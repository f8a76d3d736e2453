"""How large a query may be, checked before anything is executed, in time linear in the query.

Strawberry's own limiters follow every spread of every fragment, which is exponential; here each is measured once.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from graphql import (
    DirectiveNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
)

from hub.errors import QueryError

RATED = timedelta(seconds=10)
"""The time within which a rate counts."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one operation, one socket, or one caller may ask."""

    body: int = 100_000
    """Bytes of a request."""
    tokens: int = 1_000
    """Words and signs of a document, and as many comments."""
    depth: int = 10
    """Fields within fields."""
    introspection_depth: int = 15
    """The same below __schema and __type: the usual introspection query needs 14."""
    aliases: int = 15
    directives: int = 50
    root_fields: int = 10
    duplicates: int = 20
    """Fields that stand twice in one selection: to compare them takes the square of their number."""
    cost: int = 5_000
    """Objects an answer may hold, as far as the query tells."""
    batch: int = 0
    """Operations in one request; with 0, none but a single one is answered."""
    time: timedelta = timedelta(seconds=10)
    """How long one query may take."""
    subscriptions: int = 100
    """Operations under way on one socket."""
    rate: int = 1_000
    """Operations of one caller within 10 s, in one process. With 0, as of each below, any number."""
    concurrent: int = 50
    """Operations of one caller at a time."""
    streams: int = 1_000
    """Subscriptions of one caller at a time."""
    sockets: int = 1_000
    """Sockets of one caller at a time."""


@dataclass(frozen=True, slots=True)
class Size:
    """What counts in a selection, its fragments unfolded."""

    depth: int = 0
    introspection_depth: int = 0
    aliases: int = 0
    directives: int = 0
    root_fields: int = 0
    duplicates: int = 0

    def beside(self, other: "Size") -> "Size":
        return Size(
            max(self.depth, other.depth),
            max(self.introspection_depth, other.introspection_depth),
            self.aliases + other.aliases,
            self.directives + other.directives,
            self.root_fields + other.root_fields,
            self.duplicates + other.duplicates,
        )


_REFUSALS = {
    "depth": ("DEPTH_LIMIT", "the query is {} fields deep"),
    "introspection_depth": ("DEPTH_LIMIT", "the introspection is {} fields deep"),
    "aliases": ("ALIAS_LIMIT", "the query has {} aliases"),
    "directives": ("DIRECTIVE_LIMIT", "the query has {} directives"),
    "root_fields": ("ROOT_FIELD_LIMIT", "the query has {} root fields"),
    "duplicates": ("DUPLICATE_LIMIT", "the query repeats {} fields"),
}


def check_size(document: DocumentNode, limits: Limits) -> None:
    """Raise QueryError when the document is larger than the limits."""
    size = measure(document)
    for name, (code, fact) in _REFUSALS.items():
        value, limit = getattr(size, name), getattr(limits, name)
        if value > limit:
            raise QueryError(code, f"{fact.format(value)}; the limit is {limit}", limit=limit, value=value)


def measure(document: DocumentNode) -> Size:
    """The size of the document's operations together; a fragment that holds itself counts once, and fails elsewhere."""
    fragments = {node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)}
    measured: dict[str, Size] = {}
    total = Size(duplicates=_duplicates(document))
    for node in document.definitions:
        if isinstance(node, OperationDefinitionNode):
            variables = (variable.directives for variable in node.variable_definitions or ())
            own = Size(directives=_count(node.directives, *variables))
            total = total.beside(own).beside(_measure(node.selection_set.selections, fragments, measured))
    return total


def _measure(
    selections: Iterable[SelectionNode], fragments: Mapping[str, FragmentDefinitionNode], measured: dict[str, Size]
) -> Size:
    total = Size()
    for node in selections:
        inner, own = Size(), Size(directives=_count(node.directives))
        if isinstance(node, FieldNode):
            if node.selection_set:
                inner = _measure(node.selection_set.selections, fragments, measured)
            total = total.beside(own).beside(_around(node, inner))
        elif isinstance(node, InlineFragmentNode):
            total = total.beside(own).beside(_measure(node.selection_set.selections, fragments, measured))
        elif isinstance(node, FragmentSpreadNode):
            name = node.name.value
            if name not in measured and (fragment := fragments.get(name)):
                measured[name] = Size()
                inner = _measure(fragment.selection_set.selections, fragments, measured)
                measured[name] = inner.beside(Size(directives=_count(fragment.directives)))
            total = total.beside(own).beside(measured.get(name, inner))
    return total


def _around(field: FieldNode, inner: Size) -> Size:
    depth, introspection = inner.depth + 1, inner.introspection_depth
    if field.name.value in {"__schema", "__type"}:
        depth, introspection = 1, inner.depth + 1
    return Size(depth, introspection, inner.aliases + bool(field.alias), inner.directives, 1)


def _duplicates(document: DocumentNode) -> int:
    """Fields whose name stands before them in the same selection, in fragments that nobody spreads as well."""
    waiting: list[SelectionSetNode] = [
        node.selection_set
        for node in document.definitions
        if isinstance(node, OperationDefinitionNode | FragmentDefinitionNode)
    ]
    total = 0
    while waiting:
        names: set[str] = set()
        together = [waiting.pop()]
        while together:
            for node in together.pop().selections:
                if isinstance(node, FieldNode):
                    name = (node.alias or node.name).value
                    total += name in names
                    names.add(name)
                    waiting += [node.selection_set] if node.selection_set else []
                elif isinstance(node, InlineFragmentNode):
                    together.append(node.selection_set)
    return total


def _count(*lists: tuple[DirectiveNode, ...] | None) -> int:
    return sum(len(directives or ()) for directives in lists)
