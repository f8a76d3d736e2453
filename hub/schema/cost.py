"""What a query may cost: the objects its answer can hold, told from the query, its variables and the schema alone.

The schema says it by the directives of the cost specification, which every client can read: an object counts 1, a leaf
nothing, a field with `@cost` its weight besides, and a list as often what one of it costs as `@listSize` says.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    ValueNode,
    VariableNode,
    get_named_type,
    is_composite_type,
    is_list_type,
)

from hub.errors import QueryError
from hub.schema.directives import Cost, ListSize

_UNTOLD = 10  # what a list holds of which the schema says nothing
_GIVEN = {"_entities"}  # lists of what was given, one for one


class _Page(NamedTuple):
    """How many objects the lists with these names hold, in a connection."""

    size: int
    lists: frozenset[str]


def check_cost(
    schema: GraphQLSchema,
    operation: OperationDefinitionNode,
    fragments: Mapping[str, FragmentDefinitionNode],
    variables: Mapping[str, Any],
    limit: int,
) -> None:
    """Raise QueryError COST_LIMIT when the answer may hold more objects than the limit."""
    root = schema.get_root_type(operation.operation)
    cost = _Counting(schema, fragments, variables).selections(operation.selection_set, root, None)
    if cost > limit:
        raise QueryError(
            "COST_LIMIT",
            f"the answer may hold {cost} objects; the limit is {limit}",
            hint="ask for smaller pages",
            limit=limit,
            value=cost,
        )


class _Counting:
    def __init__(
        self, schema: GraphQLSchema, fragments: Mapping[str, FragmentDefinitionNode], variables: Mapping[str, Any]
    ) -> None:
        self.schema = schema
        self.fragments = fragments
        self.variables = variables
        self.counted: dict[tuple[str, _Page | None], int] = {}

    def selections(self, chosen: SelectionSetNode, parent: GraphQLNamedType | None, page: _Page | None) -> int:
        """What is below `parent`, in a connection when `page` is not None."""
        total = 0
        for node in chosen.selections:
            if isinstance(node, FieldNode):
                total += self.field(node, parent, page)
            elif isinstance(node, InlineFragmentNode):
                condition = node.type_condition
                kind = self.schema.get_type(condition.name.value) if condition else parent
                total += self.selections(node.selection_set, kind, page)
            elif isinstance(node, FragmentSpreadNode):
                total += self.fragment(node.name.value, page)
        return total

    def fragment(self, name: str, page: _Page | None) -> int:
        """Each fragment is counted once a page, however often it is spread."""
        if (name, page) not in self.counted:
            fragment = self.fragments[name]
            kind = self.schema.get_type(fragment.type_condition.name.value)
            self.counted[name, page] = self.selections(fragment.selection_set, kind, page)
        return self.counted[name, page]

    def field(self, node: FieldNode, parent: GraphQLNamedType | None, page: _Page | None) -> int:
        field: GraphQLField | None = getattr(parent, "fields", {}).get(node.name.value)
        if field is None:  # Introspection: no object of the store.
            return 0
        told = _told(field)
        kind = get_named_type(field.type)
        if node.selection_set is None or not is_composite_type(kind):
            return told.weight
        below = self.selections(node.selection_set, kind, self.page(node, told.size))
        return told.weight + (self.rows(node, told, page) * (1 + below) if told.is_list else 1 + below)

    def rows(self, node: FieldNode, told: "_Told", page: _Page | None) -> int:
        """How many a list may hold."""
        if node.name.value in _GIVEN:
            return sum(self.length(argument.value) for argument in node.arguments or ())
        if page is not None and node.name.value in page.lists:
            return page.size
        return (told.size and told.size.assumed_size) or _UNTOLD

    def length(self, value: ValueNode) -> int:
        if isinstance(value, ListValueNode):
            return len(value.values)
        given = self.variables.get(value.name.value) if isinstance(value, VariableNode) else None
        return len(given) if isinstance(given, list) else 1

    def page(self, node: FieldNode, size: ListSize | None) -> _Page | None:
        """How long the lists of a connection are; None for a field that is none."""
        if size is None or not size.sized_fields:
            return None
        lists = frozenset(size.sized_fields)
        for argument in node.arguments or ():
            if argument.name.value in (size.slicing_arguments or ()):
                value = argument.value
                if isinstance(value, IntValueNode):
                    return _Page(int(value.value), lists)
                given = self.variables.get(value.name.value) if isinstance(value, VariableNode) else None
                if isinstance(given, int):
                    return _Page(given, lists)
        return _Page(size.assumed_size or _UNTOLD, lists)


class _Told(NamedTuple):
    """What the schema tells of a field."""

    weight: int
    size: ListSize | None
    is_list: bool


def _told(field: GraphQLField) -> _Told:
    defined: Any = field.extensions.get("strawberry-definition")
    directives = defined.directives if defined else ()
    weight = next((int(one.weight) for one in directives if isinstance(one, Cost)), 0)
    size = next((one for one in directives if isinstance(one, ListSize)), None)
    kind = field.type.of_type if isinstance(field.type, GraphQLNonNull) else field.type
    return _Told(weight, size, is_list_type(kind))
