"""Read a GraphQL document without its schema: its operation, its variables, and what it selects. Pure."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from typing import Any, NamedTuple, TypeAlias

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLField,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLString,
    InlineFragmentNode,
    NonNullTypeNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    TypeNode,
    parse,
    print_ast,
    validate,
)
from graphql import validation as rules

from hub.connectors.paths import is_plain

Selection: TypeAlias = dict[str, Any]
"""What is selected, level by level, by the names that it has in the answer; nothing beneath a field without a block."""

# Those that hold for any schema. Which fields there are, the source says when it is asked.
_RULES = (
    rules.ExecutableDefinitionsRule,
    rules.UniqueOperationNamesRule,
    rules.LoneAnonymousOperationRule,
    rules.UniqueFragmentNamesRule,
    rules.KnownFragmentNamesRule,
    rules.NoUnusedFragmentsRule,
    rules.NoFragmentCyclesRule,
    rules.UniqueVariableNamesRule,
    rules.NoUndefinedVariablesRule,
    rules.NoUnusedVariablesRule,
    rules.UniqueArgumentNamesRule,
    rules.UniqueInputFieldNamesRule,
)
_MOST_TOKENS = 20_000
_INDEX = re.compile(r"\[-?\d*\]")


class Flaw(NamedTuple):
    """What is wrong with a document, and on which of its lines."""

    line: int
    message: str


class Flawed(ValueError):
    """A document cannot be used as it stands."""

    def __init__(self, *flaws: Flaw) -> None:
        super().__init__("; ".join(flaw.message for flaw in flaws))
        self.flaws = flaws


@dataclass(frozen=True, slots=True)
class Variable:
    """What an operation declares. `type` is the innermost one by name: `ID` of `[ID!]!`."""

    type: str
    declared: str
    is_required: bool
    line: int


@dataclass(frozen=True, slots=True)
class Operation:
    """One query of a document."""

    name: str | None
    variables: Mapping[str, Variable]
    selection: Selection

    def connections(self) -> list[str]:
        """List the paths, from the top of the answer, of what is paged as Relay has it."""
        return list(_connections(self.selection, "data"))

    def at(self, path: str) -> Selection:
        """Say what is selected at a path; one of a list, `components[0]`, is selected like all of it."""
        found: Selection = {"data": self.selection}
        for key in _INDEX.sub("", path).split("."):
            found = found.get(key, {})
        return found

    def unselected(self, path: str) -> tuple[str, Sequence[str]] | None:
        """Name the first key of a path that the answer cannot hold, and those that it can hold there.

        None where all is well, or nobody can tell: beneath a scalar, and for what is more than keys with dots between.
        """
        known: Selection = {"data": self.selection, "errors": {}, "extensions": {}}
        for key in map(str.strip, path.split(".") if is_plain(path) else ()):
            if not known:
                return None
            if key not in known:
                return key, list(known)
            known = known[key]
        return None


def operation(text: str, name: str | None) -> Operation:
    """Read the query of that name, or the only one there is. Raises Flawed."""
    document = _parsed(text)
    if errors := validate(_any_schema(), document, _RULES):
        raise Flawed(*map(_flaw, errors))
    chosen = _chosen(document, name)
    if chosen.operation is not OperationType.QUERY:
        raise Flawed(Flaw(_line(chosen), f"a {chosen.operation.value} is never sent: sources are only read by queries"))
    fragments = {
        node.name.value: node.selection_set for node in document.definitions if isinstance(node, FragmentDefinitionNode)
    }
    variables = {each.variable.name.value: _variable(each) for each in chosen.variable_definitions or ()}
    return Operation(chosen.name.value if chosen.name else None, variables, _selection(chosen.selection_set, fragments))


def meant(word: str, known: Sequence[str]) -> str:
    """Guess what a misspelt name was to be, or list those that there are."""
    if near := get_close_matches(word, known, 1):
        return f"; did you mean '{near[0]}'?"
    return f" (known: {', '.join(known)})" if known else ""


def _parsed(text: str) -> DocumentNode:
    try:
        return parse(text, max_tokens=_MOST_TOKENS)
    except GraphQLError as error:
        raise Flawed(_flaw(error)) from None


def _flaw(error: GraphQLError) -> Flaw:
    return Flaw(error.locations[0].line if error.locations else 1, " ".join(error.message.split()).rstrip("."))


@cache
def _any_schema() -> GraphQLSchema:
    return GraphQLSchema(GraphQLObjectType("Query", {"any": GraphQLField(GraphQLString)}))


def _chosen(document: DocumentNode, name: str | None) -> OperationDefinitionNode:
    there = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    names = [node.name.value for node in there if node.name]
    if not there:
        raise Flawed(Flaw(1, "the document holds no query"))
    if name is None and len(there) > 1:
        raise Flawed(
            Flaw(1, f"the document holds {len(there)} operations; choose one by `operation`: {', '.join(names)}")
        )
    if name is None:
        return there[0]
    found = next((node for node in there if node.name and node.name.value == name), None)
    if found is None:
        raise UnknownOperation(name, names)
    return found


class UnknownOperation(Flawed):
    """The document holds no operation of that name."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        super().__init__(Flaw(1, f"the document holds no operation '{name}'{meant(name, known)}"))


def _variable(node: Any) -> Variable:
    innermost: TypeNode = node.type
    while not hasattr(innermost, "name"):
        innermost = innermost.type  # type: ignore[attr-defined]  # a list or a non-null type wraps another
    is_required = isinstance(node.type, NonNullTypeNode) and node.default_value is None
    return Variable(innermost.name.value, print_ast(node.type), is_required, _line(node))


def _line(node: Any) -> int:
    return int(node.loc.start_token.line) if node.loc else 1


def _selection(block: SelectionSetNode | None, fragments: Mapping[str, SelectionSetNode]) -> Selection:
    found: Selection = {}
    for field in _fields(block, fragments):
        key = field.alias.value if field.alias else field.name.value
        found[key] = _merged(found.get(key, {}), _selection(field.selection_set, fragments))
    return found


def _fields(block: SelectionSetNode | None, fragments: Mapping[str, SelectionSetNode]) -> Iterator[FieldNode]:
    """Yield the fields of a block, those of its fragments too; no fragment holds itself, which was looked at before."""
    for node in block.selections if block else ():
        if isinstance(node, FieldNode):
            yield node
        elif isinstance(node, FragmentSpreadNode):
            yield from _fields(fragments[node.name.value], fragments)
        elif isinstance(node, InlineFragmentNode):
            yield from _fields(node.selection_set, fragments)


def _merged(one: Selection, other: Selection) -> Selection:
    return {key: _merged(one.get(key, {}), other.get(key, {})) for key in one | other}


def _connections(selection: Selection, path: str) -> Iterator[str]:
    if "pageInfo" in selection and ("nodes" in selection or "edges" in selection):
        yield path
    for key, beneath in selection.items():
        yield from _connections(beneath, f"{path}.{key}")
