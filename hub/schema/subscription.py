"""What can be followed: the change log."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated

import strawberry

from hub.schema.context import Info
from hub.schema.inputs import MOST_VALUES, several
from hub.schema.scalars import ChangeNumber
from hub.schema.types import Change


async def appeal_changed(
    info: Info,
    after: Annotated[
        ChangeNumber | None,
        strawberry.argument(description="The number of the last change already seen; from now on when left out."),
    ] = strawberry.UNSET,
    source: Annotated[
        list[str] | None,
        strawberry.argument(
            description="Changes of appeals of these sources only, by their names, wherever they were made; "
            f"{MOST_VALUES} at most."
        ),
    ] = strawberry.UNSET,
) -> AsyncGenerator[Change, None]:
    changes = info.context.live.follow(after if isinstance(after, int) else None, several("source", source))
    async with aclosing(changes):
        async for change in changes:
            yield Change.of(change)


@strawberry.type(description="What can be followed, over the WebSocket protocol `graphql-transport-ws`.")
class Subscription:
    appeal_changed: AsyncGenerator[Change, None] = strawberry.subscription(
        resolver=appeal_changed,
        description="Every change of an appeal, in the order of the log. To miss nothing, subscribe again `after` the "
        "last number seen. A subscriber that falls 1,000 changes behind is ended with SLOW_SUBSCRIBER and that number.",
    )
