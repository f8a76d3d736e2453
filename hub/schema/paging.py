"""What every list of the API shares: nodes, edges, and where a page lies."""

from collections.abc import Sequence
from typing import Annotated, Generic, TypeVar

import strawberry

T = TypeVar("T")
First = Annotated[int, strawberry.argument(description="How many, from 0 to 100.")]
After = Annotated[str | None, strawberry.argument(description="The cursor to go on after.")]


@strawberry.interface(description="Whatever has a global id.")
class Node:
    id: strawberry.ID = strawberry.field(
        description="The global id, such as `Appeal:42`. Opaque: keep it, don't read it."
    )


@strawberry.federation.type(description="Where a page lies in its list.", shareable=True)
class PageInfo:
    has_next_page: bool = strawberry.field(
        description="Whether there is more after this page. Exact going forward; going backward it says "
        "whether `before` was given."
    )
    has_previous_page: bool = strawberry.field(
        description="Whether there is more before this page. Exact going backward; going forward it says "
        "whether `after` was given."
    )
    start_cursor: str | None = strawberry.field(description="The cursor of the first one here; null for an empty page.")
    end_cursor: str | None = strawberry.field(description="The cursor of the last one here; null for an empty page.")


@strawberry.type(description="One of a list, and its place there.")
class Edge(Generic[T]):
    cursor: str = strawberry.field(description="Its place: opaque, good for the same list in the same order only.")
    node: T = strawberry.field(description="The thing itself.")


def edges(cursors: Sequence[str], nodes: Sequence[T]) -> list[Edge[T]]:
    return [Edge(cursor=cursor, node=node) for cursor, node in zip(cursors, nodes, strict=True)]


def forward(cursors: Sequence[str], more: bool, *, resumed: bool) -> PageInfo:
    start, end = (cursors[0], cursors[-1]) if cursors else (None, None)
    return PageInfo(has_next_page=more, has_previous_page=resumed, start_cursor=start, end_cursor=end)


def backward(cursors: Sequence[str], more: bool, *, resumed: bool) -> PageInfo:
    start, end = (cursors[0], cursors[-1]) if cursors else (None, None)
    return PageInfo(has_next_page=resumed, has_previous_page=more, start_cursor=start, end_cursor=end)
