"""The one schema, and its SDL: the hub's public promise."""

from functools import cache

import strawberry
from graphql import GraphQLSchema
from strawberry.schema.config import StrawberryConfig

from hub.schema.executor import Executor
from hub.schema.query import Query
from hub.schema.scalars import SCALARS
from hub.schema.subscription import Subscription
from hub.schema.types import Appeal, Change, RejectedTicket, Source


@cache
def schema() -> strawberry.Schema:
    return strawberry.Schema(
        query=Query,
        subscription=Subscription,
        types=[Appeal, Change, RejectedTicket, Source],
        config=StrawberryConfig(scalar_map=SCALARS),
        execution_context_class=Executor,
    )


def core_schema() -> GraphQLSchema:
    """The same schema as graphql-core executes it."""
    return schema()._schema  # noqa: SLF001  # Strawberry has no public name for it; its version is pinned to a minor


def schema_sdl() -> str:
    """The schema as text, with every description."""
    return schema().as_str() + "\n"
