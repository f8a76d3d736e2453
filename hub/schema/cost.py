"""What a query may cost: the objects its answer can hold, told from the query, its variables and the schema alone."""

from collections.abc import Mapping
from typing import Any

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

_PAGE = 20  # what a connection gives when neither `first` nor `last` is given
_LISTS = {
    "sources": 50,
    "registers": 50,
    "nodes": 100,
    "groups": 250,  # a thousand at most, in few queries
}  # lists that are no pages, by their fields; others hold some 10
_OTHER = 10
_GIVEN = {"_entities"}  # lists of what was given, one for one


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
        self.counted: dict[tuple[str, int | None], int] = {}

    def selections(self, chosen: SelectionSetNode, parent: GraphQLNamedType | None, page: int | None) -> int:
        """The objects below `parent`, in a connection of `page` rows when that is not None."""
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

    def fragment(self, name: str, page: int | None) -> int:
        """Each fragment is counted once a page size, however often it is spread."""
        if (name, page) not in self.counted:
            fragment = self.fragments[name]
            kind = self.schema.get_type(fragment.type_condition.name.value)
            self.counted[name, page] = self.selections(fragment.selection_set, kind, page)
        return self.counted[name, page]

    def field(self, node: FieldNode, parent: GraphQLNamedType | None, page: int | None) -> int:
        field: GraphQLField | None = getattr(parent, "fields", {}).get(node.name.value)
        if field is None or node.selection_set is None:  # Introspection, or a leaf: no object of the store.
            return 0
        kind = get_named_type(field.type)
        if not is_composite_type(kind):
            return 0
        rows = self.page(node) if "first" in field.args else None
        below = self.selections(node.selection_set, kind, rows)
        if not _is_list(field):
            return 1 + below
        return (self.given(node) if node.name.value in _GIVEN else self.rows(node, page)) * (1 + below)

    @staticmethod
    def rows(node: FieldNode, page: int | None) -> int:
        return page if page is not None else _LISTS.get(node.name.value, _OTHER)

    def given(self, node: FieldNode) -> int:
        """How many values the arguments of a field list."""
        return sum(self.length(argument.value) for argument in node.arguments or ())

    def length(self, value: ValueNode) -> int:
        if isinstance(value, ListValueNode):
            return len(value.values)
        given = self.variables.get(value.name.value) if isinstance(value, VariableNode) else None
        return len(given) if isinstance(given, list) else 1

    def page(self, node: FieldNode) -> int:
        for argument in node.arguments or ():
            if argument.name.value in {"first", "last"}:
                value = argument.value
                if isinstance(value, IntValueNode):
                    return int(value.value)
                given = self.variables.get(value.name.value) if isinstance(value, VariableNode) else None
                if isinstance(given, int):
                    return given
        return _PAGE


def _is_list(field: GraphQLField) -> bool:
    kind = field.type.of_type if isinstance(field.type, GraphQLNonNull) else field.type
    return is_list_type(kind)
