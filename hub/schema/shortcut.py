"""Answer operations that are made of compiled lists and objects only, past graphql-core's execution.

A shortcut is taken in the happy case alone. Whatever is unusual (a variable that does not fit, a cost beyond the limit,
a selection that needs resolvers, an error) makes it give up, and the ordinary execution answers, errors and all.
Queries only read, so that running one again is harmless.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from inspect import iscoroutinefunction
from typing import Any, NamedTuple, TypeAlias

from graphql import (
    ArgumentNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    ListValueNode,
    NullValueNode,
    ObjectValueNode,
    OperationDefinitionNode,
    OperationType,
    ValueNode,
    VariableNode,
    Visitor,
    get_named_type,
    type_from_ast,
    value_from_ast,
    visit,
)
from graphql.pyutils import Undefined

from hub.schema.context import Context
from hub.schema.cost import check_cost
from hub.schema.executor import WANTED, Compiler, Start
from hub.schema.selections import Scope


class GivenUp(Exception):
    """Not a case for a shortcut."""


_REMEMBERED = 1_000  # sizes of pages that one operation may ask
_ABSENT: Any = object()
Variables: TypeAlias = Mapping[str, Any]
Read: TypeAlias = Callable[[Any], Any]
"""From a value as JSON has it to the value as resolvers take it. Raises whatever it likes for one that does not fit."""
Given: TypeAlias = Callable[[Variables], Any]
"""From the variables, read, to the value of an argument; _ABSENT for a variable that was not given."""


class _Variable(NamedTuple):
    name: str
    read: Read
    default: Any
    required: bool


class _Info(NamedTuple):
    """What resolvers of compiled fields take for their `info`: they reach the context, and nothing else."""

    context: Context


@dataclass(frozen=True, slots=True)
class _Root:
    key: str
    resolve: Callable[..., Any]
    arguments: Sequence[tuple[str, Given]]
    takes_info: bool
    kind: GraphQLObjectType | GraphQLInterfaceType
    nodes: Sequence[FieldNode]

    def wanted(self, info: _Info, variables: Variables) -> Any:
        given = {name: value for name, read in self.arguments if (value := read(variables)) is not _ABSENT}
        return self.resolve(info, **given) if self.takes_info else self.resolve(**given)


class Shortcut:
    """One operation of one valid document, made ready. Raises GivenUp when there is no shortcut for it."""

    def __init__(
        self,
        schema: GraphQLSchema,
        compiler: Compiler,
        document: DocumentNode,
        operation: OperationDefinitionNode,
        dearest: int,
    ) -> None:
        if operation.operation is not OperationType.QUERY or operation.directives:
            raise GivenUp
        self._schema = schema
        self._compiler = compiler
        self._fragments = {it.name.value: it for it in document.definitions if isinstance(it, FragmentDefinitionNode)}
        self._variables = [_variable(schema, it) for it in operation.variable_definitions or ()]
        self._operation = operation
        self._dearest = dearest
        self._sizes = _sizes(document)
        self._affordable: set[tuple[Any, ...]] = set()
        self._constants: dict[str, Any] = {}
        self._roots: list[_Root] = []
        for node in operation.selection_set.selections:
            if not isinstance(node, FieldNode):
                raise GivenUp
            self._add(node)

    def _add(self, node: FieldNode) -> None:
        key = (node.alias or node.name).value
        if node.directives or key in self._constants:
            raise GivenUp
        self._constants[key] = None
        if node.name.value == "__typename":
            self._constants[key] = "Query"
        else:
            self._roots.append(_root(self._schema, key, node))

    def variables(self, raw: Mapping[str, Any]) -> Variables:
        """Read the variables. Raises anything."""
        found: dict[str, Any] = {}
        for name, read, default, required in self._variables:
            if name in raw:
                found[name] = read(raw[name])
            elif default is not _ABSENT:
                found[name] = default
            elif required:
                raise GivenUp
        self._check_cost(found)
        return found

    def _check_cost(self, variables: Variables) -> None:
        """Count once for each size of pages: no other variable changes the cost."""
        sizes = tuple([variables.get(name) for name in self._sizes])
        if sizes not in self._affordable:
            check_cost(self._schema, self._operation, self._fragments, variables, self._dearest)
            if len(self._affordable) < _REMEMBERED:
                self._affordable.add(sizes)

    async def answer(self, context: Context, variables: Variables) -> dict[str, Any]:
        """Answer all roots, side by side as the ordinary execution does. Raises anything."""
        scope, info = Scope(self._schema, self._fragments, variables), _Info(context)
        starts = [self._start(root, info, scope) for root in self._roots]
        if len(starts) == 1:
            found = [await starts[0]()]
        else:
            found = await asyncio.gather(*(start() for start in starts))
        return self._constants | {root.key: one for root, one in zip(self._roots, found, strict=True)}

    def _start(self, root: _Root, info: _Info, scope: Scope) -> Start:
        wanted = root.wanted(info, scope.variables)
        if not isinstance(wanted, WANTED):
            raise GivenUp
        start = self._compiler.start(wanted, root.kind, root.nodes, scope, info.context)
        if start is None:
            raise GivenUp
        return start


# ── made once an operation ───────────────────────────────────────────────────────────────────────────────────────────


def _root(schema: GraphQLSchema, key: str, node: FieldNode) -> _Root:
    field = schema.query_type.fields.get(node.name.value) if schema.query_type else None
    defined: Any = field and field.extensions.get("strawberry-definition")
    resolver = defined and defined.base_resolver
    if not field or not resolver or iscoroutinefunction(resolver.wrapped_func):
        raise GivenUp
    if defined.permission_classes or defined.extensions:
        raise GivenUp
    kind = get_named_type(field.type)
    if not isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
        raise GivenUp
    given = [_argument(field.args[it.name.value], it.value) for it in node.arguments or ()]
    return _Root(key, resolver.wrapped_func, given, resolver.info_parameter is not None, kind, [node])


def _sizes(document: DocumentNode) -> Sequence[str]:
    """The variables that say how long a page is."""
    found: dict[str, None] = {}

    class Arguments(Visitor):
        def enter_argument(self, node: ArgumentNode, *_: Any) -> None:
            if node.name.value in {"first", "last"} and isinstance(node.value, VariableNode):
                found[node.value.name.value] = None

    visit(document, Arguments())
    return tuple(found)


def _argument(argument: GraphQLArgument, node: ValueNode) -> tuple[str, Given]:
    return argument.extensions["strawberry-definition"].python_name, _given(argument.type, node)


def _variable(schema: GraphQLSchema, node: Any) -> _Variable:
    kind: Any = type_from_ast(schema, node.type)
    default = _ABSENT if node.default_value is None else _given(kind, node.default_value)({})
    return _Variable(node.variable.name.value, _reader(kind), default, isinstance(kind, GraphQLNonNull))


def _given(kind: GraphQLInputType, node: ValueNode) -> Given:
    """What a value in a document stands for."""
    if isinstance(kind, GraphQLNonNull):
        inner = _given(kind.of_type, node)
        return lambda variables: _not_null(inner(variables))
    if isinstance(node, VariableNode):
        name = node.name.value
        return lambda variables: variables.get(name, _ABSENT)
    if isinstance(node, NullValueNode):
        return lambda _: None
    if isinstance(kind, GraphQLList):
        return _given_list(kind, node)
    if isinstance(kind, GraphQLInputObjectType) and isinstance(node, ObjectValueNode):
        return _given_object(kind, node)
    value = value_from_ast(node, kind)
    if value is Undefined:
        raise GivenUp
    value = _member(kind, value)
    return lambda _: value


def _given_list(kind: "GraphQLList[Any]", node: ValueNode) -> Given:
    nodes = node.values if isinstance(node, ListValueNode) else (node,)
    each = [_given(kind.of_type, one) for one in nodes]
    return lambda variables: [_present(one(variables)) for one in each]


def _given_object(kind: GraphQLInputObjectType, node: ObjectValueNode) -> Given:
    make = kind.extensions["strawberry-definition"].origin
    each = [
        (_python_name(kind, it.name.value), _given(kind.fields[it.name.value].type, it.value)) for it in node.fields
    ]
    return lambda variables: make(**{
        name: value for name, one in each if (value := one(variables)) is not _ABSENT
    })  # fmt: skip


def _reader(kind: Any) -> Read:
    """How the values of a type are read from JSON, as the specification coerces them."""
    if isinstance(kind, GraphQLNonNull):
        inner = _reader(kind.of_type)
        return lambda value: inner(_not_null(value))
    if isinstance(kind, GraphQLList):
        each = _reader(kind.of_type)
        return lambda value: None if value is None else [each(one) for one in _listed(value)]
    if isinstance(kind, GraphQLInputObjectType):
        return _object_reader(kind)
    if isinstance(kind, GraphQLEnumType):
        members = {name: _member(kind, value.value) for name, value in kind.values.items()}
        return lambda value: None if value is None else members[value]
    assert isinstance(kind, GraphQLScalarType)  # noqa: S101  # there is no other kind of input
    read = kind.coerce_input_value
    return lambda value: None if value is None else read(value)


def _object_reader(kind: GraphQLInputObjectType) -> Read:
    make = kind.extensions["strawberry-definition"].origin
    names = {name: _python_name(kind, name) for name in kind.fields}
    readers: dict[str, Read] = {}

    def inner(name: str, value: Any) -> Any:
        # Made when it is needed: a filter holds filters, which hold filters.
        if name not in readers:
            readers[name] = _reader(kind.fields[name].type)
        return readers[name](value)

    def read(value: Any) -> Any:
        if value is None:
            return None
        return make(**{names[name]: inner(name, one) for name, one in value.items()})

    return read


def _python_name(kind: GraphQLInputObjectType, name: str) -> str:
    field = kind.fields[name]
    if isinstance(field.type, GraphQLNonNull):  # One that is required could be missing: none of ours is.
        raise GivenUp
    named: str = field.extensions["strawberry-definition"].python_name
    return named


def _member(kind: Any, value: Any) -> Any:
    """The member of the enum that graphql-core's value of it stands for; values of other types as they are."""
    if not isinstance(kind, GraphQLEnumType):
        return value
    return kind.extensions["strawberry-definition"].wrapped_cls(getattr(value, "value", value))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _not_null(value: Any) -> Any:
    if value is None:
        raise GivenUp
    return value


def _present(value: Any) -> Any:
    if value is _ABSENT:
        raise GivenUp
    return value
