"""What can be done to endpoints: paused, resumed, and sent again what they did not take."""

from datetime import datetime
from typing import Annotated, TypeAlias, cast

import strawberry

from hub.errors import ActionRefused
from hub.model import Scope, Selection
from hub.schema.context import Info
from hub.schema.endpoints import Endpoint
from hub.schema.outcomes import InvalidInput, NotFound, refusal
from hub.schema.scalars import ChangeNumber
from hub.store.endpoints import Endpoints


@strawberry.input(description="An endpoint.")
class EndpointInput:
    endpoint: str = strawberry.field(description="Its name, as in `Endpoint.name`.")


@strawberry.input(description="Deliveries that are to be sent again: every field given must hold.")
class ReplayDeliveriesInput:
    endpoint: str = strawberry.field(description="Its name, as in `Endpoint.name`.")
    first_number: ChangeNumber | None = strawberry.field(default=None, description="From this change on.")
    last_number: ChangeNumber | None = strawberry.field(default=None, description="Up to this change.")
    since: datetime | None = strawberry.field(default=None, description="What changed since then.")
    until: datetime | None = strawberry.field(default=None, description="What changed before then.")
    source: str | None = strawberry.field(default=None, description="What changed in this source.")
    delivered: bool = strawberry.field(
        default=False, description="Not dead letters, but what was delivered: exactly that, once more."
    )
    dry_run: bool = strawberry.field(default=False, description="Only count them.")


@strawberry.type(description="It was done to the endpoint.")
class EndpointActed:
    endpoint: Endpoint = strawberry.field(description="The endpoint as it is now.")
    deliveries: int | None = strawberry.field(description="How many deliveries it concerned; null where it is none.")


EndpointPayload: TypeAlias = Annotated[
    EndpointActed | NotFound | InvalidInput,
    strawberry.union("EndpointPayload", description="What became of a mutation of an endpoint."),
]
Named = Annotated[EndpointInput, strawberry.argument(description="Which endpoint.")]


async def pause_endpoint(info: Info, input: Named) -> EndpointPayload:  # noqa: A002  # the argument's name in the API
    kept = _managed(info)
    await kept.pause(input.endpoint)
    return await _answer(kept, input.endpoint, None)


async def resume_endpoint(info: Info, input: Named) -> EndpointPayload:  # noqa: A002  # as above
    kept = _managed(info)
    await kept.resume(input.endpoint)
    return await _answer(kept, input.endpoint, None)


async def replay_deliveries(
    info: Info,
    input: Annotated[ReplayDeliveriesInput, strawberry.argument(description="Which deliveries.")],  # noqa: A002  # as above
) -> EndpointPayload:
    kept = _managed(info)
    last = 2**62 if input.last_number is None else int(input.last_number)
    numbers = (int(input.first_number or 0), last + 1)
    selection = Selection(numbers, input.since, input.until, input.source, None, input.delivered)
    ask = kept.would_replay if input.dry_run else kept.replay
    return await _answer(kept, input.endpoint, await ask(input.endpoint, selection))


def _managed(info: Info) -> Endpoints:
    """The endpoints in the store. Raises QueryError for whoever may not look after them."""
    info.context.viewer.require(Scope.SOURCES_MANAGE)
    if info.context.store is None:
        raise RuntimeError("this schema is executed without a store, and changes nothing")
    return info.context.store.endpoints


async def _answer(kept: Endpoints, name: str, deliveries: int | None) -> EndpointPayload:
    health = next(iter(await kept.health(name)), None)
    if health is None or not health.active:
        unknown = ActionRefused("NOT_FOUND", "connectors.yaml names no such endpoint", path=("endpoint",))
        return cast("NotFound", refusal(unknown, None))
    return EndpointActed(endpoint=Endpoint.of(health), deliveries=deliveries)
