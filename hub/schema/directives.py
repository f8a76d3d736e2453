"""What the SDL tells of costs, by the directives of the cost specification (https://ibm.github.io/graphql-specs/)."""

from collections.abc import Sequence

import strawberry
from strawberry.schema_directive import Location


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION], name="cost", description="What a field costs beside the objects it gives."
)
class Cost:
    weight: str


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION],
    name="listSize",
    description="How many a list may hold, for its costs: what a slicing argument says, or else as assumed.",
)
class ListSize:
    assumed_size: int | None = strawberry.UNSET
    slicing_arguments: list[str] | None = strawberry.UNSET
    sized_fields: list[str] | None = strawberry.UNSET
    require_one_slicing_argument: bool | None = strawberry.UNSET


def assumed(size: int) -> ListSize:
    """A list of some `size` objects."""
    return ListSize(assumed_size=size)


def paged(*slicing: str, size: int = 20, lists: Sequence[str] = ("edges", "nodes")) -> ListSize:
    """A connection whose `lists` are as long as one of the arguments says."""
    return ListSize(
        assumed_size=size,
        slicing_arguments=list(slicing),
        sized_fields=list(lists),
        require_one_slicing_argument=False,
    )
