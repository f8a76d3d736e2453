"""What can be asked: each resolver turns its arguments into one description of what is wanted; the store answers it."""

from functools import cache
from typing import Annotated, cast
from zoneinfo import available_timezones

import strawberry

from hub.errors import QueryError
from hub.model import SourceClass, SourceRecord
from hub.schema.context import Info
from hub.schema.counts import AppealStatistics, StatisticsWanted
from hub.schema.cursors import read_cursor, read_number_cursor
from hub.schema.directives import Cost, assumed, paged
from hub.schema.endpoints import Endpoint, endpoints
from hub.schema.ids import read_id
from hub.schema.inputs import AppealFilterInput, appeal_filter, page_size
from hub.schema.labels import EnumLabels, enum_labels
from hub.schema.paging import After, First, Node
from hub.schema.referred import Area, Topic
from hub.schema.scalars import ChangeNumber
from hub.schema.things import ThingsWanted
from hub.schema.types import (
    Appeal,
    AppealConnection,
    AppealWanted,
    RejectedTicketConnection,
    Source,
)
from hub.store.reads import AppealQuery
from hub.vocabulary.areas import area
from hub.vocabulary.areas import areas as known_areas
from hub.vocabulary.topics import topics as known_topics
from hub.wanted import AppealOrder, Bucket, Dimension, Moment, StatisticsQuery

MOST_NODES = 100
MOST_DIMENSIONS = 5
_PAGE = 20

Filter = Annotated[AppealFilterInput | None, strawberry.argument(description="Which appeals; all when left out.")]
Name = Annotated[str, strawberry.argument(description="A source's name, as in `Source.name`.")]
Identity = Annotated[strawberry.ID, strawberry.argument(description="A global id.")]


def appeals(  # noqa: PLR0917  # the arguments of a Relay connection; clients name them
    info: Info,
    filter: Filter = strawberry.UNSET,  # noqa: A002  # the argument's name in the API
    order_by: Annotated[AppealOrder, strawberry.argument(description="Their order.")] = AppealOrder.CREATED_DESC,
    first: Annotated[
        int | None, strawberry.argument(description="How many from the start, from 0 to 100; 20 when left out.")
    ] = strawberry.UNSET,
    after: After = strawberry.UNSET,
    last: Annotated[
        int | None, strawberry.argument(description="How many from the end, from 0 to 100; not together with `first`.")
    ] = strawberry.UNSET,
    before: Annotated[
        str | None, strawberry.argument(description="The cursor to end before; goes with `last`.")
    ] = strawberry.UNSET,
) -> AppealConnection:
    wanted = appeal_filter(filter or None)
    backward = isinstance(last, int) or bool(before)
    if backward and (isinstance(first, int) or after):
        raise QueryError("BAD_INPUT", "first and after go forward, last and before backward: use one pair")
    name, size, cursor = ("last", last, before) if backward else ("first", first, after)
    query = AppealQuery(
        filter=wanted,
        order=order_by,
        size=page_size(name, size) if isinstance(size, int) else _PAGE,
        start=read_cursor(cursor, order_by, wanted) if isinstance(cursor, str) else None,
        backward=backward,
    )
    return AppealConnection.of(info.context.reads, query)


def appeal(id: Identity) -> Appeal | None:  # noqa: A002  # the argument's name in the API
    wanted = read_id(id)
    if wanted is None or not isinstance(wanted.key, int) or wanted.type != "Appeal":
        return None
    return cast("Appeal", AppealWanted(wanted.key))  # the executor turns the description into the appeal


def appeal_by_external_id(
    source: Name,
    external_id: Annotated[str, strawberry.argument(description="The appeal's id in that source.")],
) -> Appeal | None:
    return cast("Appeal", AppealWanted((source, external_id)))  # as above


def node(id: Identity) -> Node | None:  # noqa: A002  # the argument's name in the API
    return cast("Node", ThingsWanted((read_id(id),), alone=True))  # as above


def nodes(
    ids: Annotated[list[strawberry.ID], strawberry.argument(description="At most 100 global ids.")],
) -> list[Node | None]:
    if len(ids) > MOST_NODES:
        raise QueryError(
            "BAD_INPUT", f"ids holds {len(ids)} ids; the limit is {MOST_NODES}", limit=MOST_NODES, value=len(ids)
        )
    return cast("list[Node | None]", ThingsWanted(tuple(map(read_id, ids))))  # as above


async def sources(info: Info) -> list[Source]:
    records = await info.context.reads.source_records()
    return [Source.of(record) for record in records.values() if record.active and not _is_register(record)]


async def registers(info: Info) -> list[Source]:
    records = await info.context.reads.source_records()
    return [Source.of(record) for record in records.values() if record.active and _is_register(record)]


def _is_register(record: SourceRecord) -> bool:
    return record.source_class is SourceClass.REGISTER


async def source(info: Info, name: Name) -> Source | None:
    record = (await info.context.reads.source_records()).get(name)
    return Source.of(record) if record else None


async def rejected_tickets(
    info: Info,
    source: Annotated[
        str | None, strawberry.argument(description="Those of one source only, by its name.")
    ] = strawberry.UNSET,
    first: First = _PAGE,
    after: After = strawberry.UNSET,
) -> RejectedTicketConnection:
    page = await info.context.reads.rejected_tickets(
        source if isinstance(source, str) else None,
        size=page_size("first", first),
        before=read_number_cursor(after) if after else None,
    )
    return RejectedTicketConnection.of(page, resumed=bool(after))


def appeal_statistics(
    filter: Filter = strawberry.UNSET,  # noqa: A002  # the argument's name in the API
    group_by: Annotated[
        list[Dimension] | None,
        strawberry.argument(description=f"What to count by, {MOST_DIMENSIONS} at most together."),
    ] = strawberry.UNSET,
    bucket: Annotated[
        Bucket | None, strawberry.argument(description="Stretches of time to count by as well.")
    ] = strawberry.UNSET,
    moment: Annotated[
        Moment, strawberry.argument(description="Which time of an appeal says in which bucket it is counted.")
    ] = Moment.CREATED,
    timezone: Annotated[
        str, strawberry.argument(description="The zone whose clocks cut the buckets, as in the tz database.")
    ] = "Asia/Shanghai",
) -> AppealStatistics:
    dimensions = tuple(dict.fromkeys(group_by or ()))
    if len(dimensions) > MOST_DIMENSIONS:
        raise QueryError(
            "BAD_INPUT",
            f"groupBy holds {len(dimensions)} dimensions; the limit is {MOST_DIMENSIONS}",
            limit=MOST_DIMENSIONS,
            value=len(dimensions),
        )
    if timezone not in _zones():
        raise QueryError("BAD_INPUT", f"timezone: {timezone!r} is not in the tz database", hint="try Asia/Shanghai")
    query = StatisticsQuery(appeal_filter(filter or None), dimensions, bucket or None, moment, timezone)
    return cast("AppealStatistics", StatisticsWanted(query))  # as above


@cache
def _zones() -> set[str]:
    """All zones; to list them anew takes longer than to count."""
    return available_timezones()


def topics() -> list[Topic]:
    return [Topic.of(one) for one in known_topics().values()]


def areas(
    below: Annotated[
        str | None, strawberry.argument(description="Only the divisions right below this one, by its code.")
    ] = strawberry.UNSET,
) -> list[Area]:
    found = area(below).children if isinstance(below, str) else known_areas().values()
    return [Area.of(one) for one in found]


async def last_change_number(info: Info) -> ChangeNumber:
    return ChangeNumber(await info.context.reads.last_change_number())


@strawberry.type(description="What can be asked.")
class Query:
    appeals: AppealConnection = strawberry.field(
        resolver=appeals,
        description="Appeals of all sources as one list, a page at a time.",
        directives=[paged("first", "last")],
    )
    appeal: Appeal | None = strawberry.field(resolver=appeal, description="One appeal; null when there is none.")
    appeal_by_external_id: Appeal | None = strawberry.field(
        resolver=appeal_by_external_id, description="One appeal by the id that its source gave it; null without one."
    )
    appeal_statistics: AppealStatistics = strawberry.field(
        resolver=appeal_statistics,
        description="Appeals counted, in groups by any of their values and by stretches of time.",
        directives=[Cost(weight="100")],
    )
    node: Node | None = strawberry.field(resolver=node, description="Anything by its global id; null when unknown.")
    nodes: list[Node | None] = strawberry.field(
        resolver=nodes,
        description="Many things by their global ids, in the order asked; null for each unknown one.",
        directives=[assumed(MOST_NODES)],
    )
    sources: list[Source] = strawberry.field(
        resolver=sources,
        description="Every configured hotline and platform, in the order of names.",
        directives=[assumed(50)],
    )
    registers: list[Source] = strawberry.field(
        resolver=registers,
        description="Every configured register, in the order of names: pulled as sources are.",
        directives=[assumed(50)],
    )
    source: Source | None = strawberry.field(resolver=source, description="One source by its name; null when unknown.")
    rejected_tickets: RejectedTicketConnection = strawberry.field(
        resolver=rejected_tickets,
        description="Tickets set aside, the last landed first.",
        directives=[paged("first")],
    )
    endpoints: list[Endpoint] = strawberry.field(
        resolver=endpoints,
        description="Every configured endpoint, in the order of names: systems that are told what changes.",
        directives=[assumed(20)],
    )
    topics: list[Topic] = strawberry.field(
        resolver=topics,
        directives=[assumed(100)],
        description="The taxonomy of topics, in the order of codes, each group before its own.",
    )
    areas: list[Area] = strawberry.field(
        resolver=areas,
        directives=[assumed(20)],
        description="The known administrative divisions, each before its parts.",
    )
    enum_labels: list[EnumLabels] = strawberry.field(
        resolver=enum_labels,
        directives=[assumed(20)],
        description="What people are shown for the words of enums, in Chinese and English.",
    )
    last_change_number: ChangeNumber = strawberry.field(
        resolver=last_change_number,
        description="The newest change's number, 0 before the first. Ask it before a list, then subscribe after it: "
        "nothing is missed between.",
    )
