"""Read a selection as the specification does, and write the Python of one function that makes JSON of rows."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from graphql import (
    BooleanValueNode,
    EnumValueNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    NullValueNode,
    SelectionNode,
    VariableNode,
    get_named_type,
)


class NotCompilable(Exception):
    """The selection asks for something that only a resolver can give."""


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
        """The word of an enum, or the number, that an argument says. Raises NotCompilable for anything else."""
        for one in node.arguments or ():
            if one.name.value == name:
                value = self._value(one.value)
                if value is None:
                    raise NotCompilable(f"{name}: null")
                return default if value is ABSENT else value
        return default

    def lacks(self, node: FieldNode, name: str) -> bool:
        """Whether an argument of a field is left out, or null."""
        values = [self._value(one.value) for one in node.arguments or () if one.name.value == name]
        return all(value is None or value is ABSENT for value in values)

    def _value(self, node: Any) -> Any:
        if isinstance(node, VariableNode):
            value = self.scope.variables.get(node.name.value, ABSENT)
            self.decided_by[node.name.value] = value
            return value
        if isinstance(node, EnumValueNode):
            return node.value
        if isinstance(node, BooleanValueNode):
            return node.value
        if isinstance(node, IntValueNode):
            return int(node.value)
        if isinstance(node, NullValueNode):
            return None
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
    """What is to be asked, beside one row or counts."""

    def serves(self, nodes: Sequence[FieldNode], variables: Mapping[str, Any]) -> bool:
        return (
            len(nodes) == len(self.nodes)
            and all(one is other for one, other in zip(nodes, self.nodes, strict=True))
            and all(variables.get(name, ABSENT) == value for name, value in self.decided_by.items())
        )


def word_of(writer: Writer, words: Any, value: str) -> str:
    """A word that this hub does not know, written by a newer one, is UNKNOWN."""
    return f"{writer.bind({word.value: word.name for word in words}.get)}({value}, 'UNKNOWN')"


SOURCE_FIELDS = {
    "name": "name",
    "title": "title",
    "class": "source_class",
    "integration": "integration",
    "department": "department",
    "connector": "connector",
    "active": "active",
    "configurationError": "configuration_error",
}
"""The fields of a source that its record holds, by their columns."""


def source_of(writer: Writer, kind: GraphQLObjectType, nodes: list[FieldNode], column: Callable[[str], str]) -> str:
    """Write a source, of the columns of its record."""

    def part(name: str, _: list[FieldNode]) -> str:
        if name == "id":
            return f"'Source:' + {column('name')}"
        if name not in SOURCE_FIELDS:
            raise NotCompilable(f"source.{name}")
        said = column(SOURCE_FIELDS[name])
        return f"({said} and {said}.upper())" if name in {"class", "integration"} else said

    return writer.object(kind, nodes, part)


def type_below(kind: GraphQLObjectType, name: str) -> GraphQLObjectType | None:
    """The type of objects below a field; None for a leaf."""
    found = get_named_type(kind.fields[name].type)
    return found if isinstance(found, GraphQLObjectType) else None


def column_of(name: str) -> str:
    """`createdAt` → `created_at`."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
