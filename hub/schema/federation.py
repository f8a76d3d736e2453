"""What makes a schema a subgraph of Apollo Federation 2: what gateways compose, and entities found a type at a time."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from functools import cached_property
from typing import Any, Literal, NamedTuple, TypeAlias, cast

import strawberry
from graphql import (
    REMOVE,
    SKIP,
    FieldDefinitionNode,
    ObjectTypeDefinitionNode,
    ScalarTypeDefinitionNode,
    UnionTypeDefinitionNode,
    Visitor,
    parse,
    print_ast,
    visit,
)
from strawberry.federation.schema import FederationAny
from strawberry.printer import print_schema

from hub.errors import QueryError

MOST_REPRESENTATIONS = 1_000
VERSION: Literal["2.3"] = "2.3"  # the oldest that knows all directives used here: any gateway of today composes it

Representation: TypeAlias = Mapping[str, Any]
"""What a gateway knows of an entity: its type, and the fields of a key."""
Find: TypeAlias = Callable[[Any, Sequence[Representation]], Awaitable[Sequence[Any]]]
"""From the info of a resolver and representations of one type to its entities, in their order; None for one unknown."""


class Subgraph(strawberry.federation.Schema):
    """A Strawberry schema that gateways compose. `find` finds the entities of each type that has a key.

    Fields of Query that only make sense for the whole graph are `left_out` of what is composed, such as Relay's `node`:
    whoever asks the subgraph itself still has them.
    """

    def __init__(
        self, query: type, *, find: Mapping[str, Find], left_out: Collection[str] = (), **arguments: Any
    ) -> None:
        self._find = find
        self._left_out = left_out
        super().__init__(_with_service(query), federation_version=VERSION, **arguments)

    @cached_property
    def subgraph_sdl(self) -> str:
        """The schema as gateways compose it, with its keys."""
        return print_ast(visit(parse(print_schema(self)), _Leaving(self._left_out))) + "\n"

    async def entities_resolver(  # type: ignore[override]  # Strawberry's own finds one by one, and does not wait
        self, info: strawberry.Info, representations: list[FederationAny]
    ) -> list[FederationAny]:
        """Find all entities of one type at once. One that cannot be found for a reason is an error in its place."""
        _check_number(len(representations))
        found: list[Any] = [_unknown(place) for place in range(len(representations))]
        wanted: defaultdict[str, list[_Placed]] = defaultdict(list)
        for place, representation in enumerate(representations):
            if (name := _type_of(representation)) in self._find:
                wanted[name].append(_Placed(place, cast("Representation", representation)))
        answers = await asyncio.gather(*(self._found(info, name, placed) for name, placed in wanted.items()))
        for placed, entities in zip(wanted.values(), answers, strict=True):
            for one, entity in zip(placed, entities, strict=True):
                found[one.place] = entity
        return found

    async def _found(self, info: strawberry.Info, name: str, wanted: Sequence["_Placed"]) -> Sequence[Any]:
        try:
            return await self._find[name](info, [one.representation for one in wanted])
        except Exception as error:  # noqa: BLE001  # one type's failure must not take the others' answers away
            return [error] * len(wanted)


@strawberry.type(name="_Service")
class Service:
    """What a gateway asks for first."""

    sdl: str


def _service(info: strawberry.Info) -> Service:
    return Service(sdl=cast("Subgraph", info.schema).subgraph_sdl)


@strawberry.type
class _Composed:
    service: Service = strawberry.field(name="_service", resolver=_service)


def _with_service(query: Any) -> Any:
    """The query type, with a `_service` that tells what is composed. Strawberry's own would tell everything."""
    description = query.__strawberry_definition__.description
    return strawberry.type(type(query.__name__, (query, _Composed), {}), description=description)


def _check_number(number: int) -> None:
    if number > MOST_REPRESENTATIONS:
        raise QueryError(
            "BAD_INPUT",
            f"representations holds {number}; the limit is {MOST_REPRESENTATIONS}",
            limit=MOST_REPRESENTATIONS,
            value=number,
        )


def _type_of(representation: Any) -> str:
    name = representation.get("__typename") if isinstance(representation, dict) else None
    return name if isinstance(name, str) else ""


def _unknown(place: int) -> QueryError:
    return QueryError("BAD_INPUT", f"representations[{place}] has no __typename of an entity of this subgraph")


class _Placed(NamedTuple):
    place: int
    representation: Representation


class _Leaving(Visitor):
    """Leaves out fields of Query by their names, and what every subgraph has and none is composed of."""

    def __init__(self, names: Collection[str]) -> None:
        super().__init__()
        self._names = {*names, "_service", "_entities"}

    def enter_object_type_definition(self, node: ObjectTypeDefinitionNode, *_: Any) -> Any:
        if node.name.value == "_Service":
            return REMOVE
        # Other types may have fields of the same names.
        return None if node.name.value == "Query" else SKIP

    def enter_field_definition(self, node: FieldDefinitionNode, *_: Any) -> Any:
        return REMOVE if node.name.value in self._names else SKIP

    def enter_union_type_definition(self, node: UnionTypeDefinitionNode, *_: Any) -> Any:
        return REMOVE if node.name.value == "_Entity" else SKIP

    def enter_scalar_type_definition(self, node: ScalarTypeDefinitionNode, *_: Any) -> Any:
        return REMOVE if node.name.value == "_Any" else SKIP
