"""The one schema, and its SDL: the hub's public promise."""

import re
from functools import cache

from graphql import GraphQLNamedType, GraphQLObjectType, GraphQLSchema, is_specified_scalar_type
from strawberry.printer.printer import PrintExtras, _print_type, is_builtin_directive, print_directive
from strawberry.schema.config import StrawberryConfig

from hub.schema.entities import ENTITIES
from hub.schema.executor import Executor
from hub.schema.federation import Subgraph
from hub.schema.mutation import Mutation
from hub.schema.query import Query
from hub.schema.scalars import SCALARS
from hub.schema.subscription import Subscription
from hub.schema.types import Appeal, Change, RejectedTicket, Source


@cache
def schema() -> Subgraph:
    return Subgraph(
        find=ENTITIES,
        # In a graph of several subgraphs none of them knows what every id names.
        left_out=("node", "nodes"),
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        types=[Appeal, Change, RejectedTicket, Source],
        config=StrawberryConfig(scalar_map=SCALARS),
        execution_context_class=Executor,
    )


def core_schema(of: Subgraph | None = None) -> GraphQLSchema:
    """The same schema as graphql-core executes it, or the one of another."""
    return (of or schema())._schema  # noqa: SLF001  # Strawberry has no public name for it; its version is pinned to a minor


def schema_sdl() -> str:
    """The schema as text, with every description, as clients see it: without what gateways alone need."""
    directives = [one for one in core_schema().directives if not is_builtin_directive(one)]
    printed = [
        *filter(None, (print_directive(one, schema=schema()) for one in directives)),
        *(_KEYS.sub("", _print_type(kind, schema(), extras=PrintExtras())) for kind in public_types()),
    ]
    return "\n\n".join(printed) + "\n"


# What federation says of a type, on its first line.
_KEYS = re.compile(r"(?<= )@(?:key\(fields: \"[^\"]*\"\)|shareable) ")


def public_types() -> list[GraphQLNamedType]:
    """The types that clients use, in the order of their names."""
    kinds = sorted(core_schema().type_map.values(), key=lambda kind: kind.name)
    return [_public(kind) for kind in kinds if not _is_reserved(kind.name) and not is_specified_scalar_type(kind)]


def _is_reserved(name: str) -> bool:
    """Whether introspection, `_Any` or federation's own `link__Import` goes by a name."""
    return name.startswith("_") or "__" in name


def _public(kind: GraphQLNamedType) -> GraphQLNamedType:
    if kind is not core_schema().query_type:
        return kind
    fields = {name: field for name, field in kind.fields.items() if not _is_reserved(name)}
    return GraphQLObjectType(kind.name, fields, description=kind.description, extensions=kind.extensions)
