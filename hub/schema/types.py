"""The things the API answers: appeals, their changes, sources, rejected tickets, and the lists they come in."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Optional

import strawberry
from strawberry.utils.str_converters import to_camel_case

from hub import model
from hub.masking import masked_name, masked_numbers, masked_phone
from hub.model import (
    Action,
    ChangeType,
    Channel,
    Degradation,
    DriftKind,
    Integration,
    Kind,
    Satisfaction,
    SourceClass,
    Status,
    StoredAppeal,
    Tally,
    Urgency,
)
from hub.schema import words  # noqa: F401  # makes the domain's enums the schema's, before a type mentions one
from hub.schema.context import ChangesWanted, Info
from hub.schema.cursors import read_number_cursor, write_cursor
from hub.schema.directives import Cost, paged
from hub.schema.inputs import page_size
from hub.schema.labels import In, said
from hub.schema.paging import After, Edge, First, Node, PageInfo, backward, edges, forward
from hub.schema.referred import Area, Attachment, Organization, Topic
from hub.schema.scalars import JSON, ChangeNumber
from hub.store.reads import AppealPage, AppealQuery, ChangePage, Reads, RejectedPage
from hub.vocabulary.words import Locale


@strawberry.type(description="Where something is.")
class Location:
    address: str | None = strawberry.field(description="The address as the source writes it.")
    longitude: float | None = strawberry.field(description="Degrees east, WGS-84.")
    latitude: float | None = strawberry.field(description="Degrees north, WGS-84.")


@strawberry.type(description="Who made an appeal. Personal data: masked, for the API does not know yet who asks.")
class Reporter:
    name: str | None = strawberry.field(description="The family name alone: `张*`.")
    phone: str | None = strawberry.field(description="The first three digits and the last four: `138****1234`.")


SOME_CHANGES, MOST_CHANGES = 20, 100
"""How many changes of an appeal are given where nobody says how many, and how many at most."""


@strawberry.type(description="What one run over a source did, in tickets.")
class RunTally:
    landed: int = strawberry.field(description="Kept raw, new or changed.")
    served: int = strawberry.field(description="Served as appeals.")
    unchanged: int = strawberry.field(description="Known already, in the same form.")
    rejected: int = strawberry.field(description="Set aside.")
    repeated: int = strawberry.field(description="Came twice in one page; the later one won.")

    @classmethod
    def of(cls, tally: Tally) -> "RunTally":
        return cls(
            landed=tally.landed,
            served=tally.served,
            unchanged=tally.unchanged,
            rejected=tally.rejected,
            repeated=tally.repeated,
        )


@strawberry.type(description="How a source is doing: its last run, what is in store, what is due next.")
class SourceHealth:
    last_run_at: datetime | None = strawberry.field(description="When a run last began; null before the first.")
    last_success_at: datetime | None = strawberry.field(description="When a run last ended well; null before that.")
    next_run_at: datetime | None = strawberry.field(
        description="When the next run is due; null while paused or not configured."
    )
    lag_seconds: int | None = strawberry.field(
        description="Seconds since a run last ended well: how old what is served may be. Null before that."
    )
    running: bool = strawberry.field(description="Whether a run is under way.")
    paused: bool = strawberry.field(description="Whether somebody stopped its schedule.")
    failures: int = strawberry.field(description="Runs that failed in a row; 0 when the last one ended well.")
    last_error: str | None = strawberry.field(description="Why the last run failed; null when it ended well.")
    last_error_at: datetime | None = strawberry.field(description="When it failed.")
    last_tally: RunTally = strawberry.field(description="What the last run that ended well did.")
    landed: int = strawberry.field(description="Tickets in store, whatever became of them.")
    served: int = strawberry.field(description="Tickets served as appeals.")
    rejected: int = strawberry.field(description="Tickets set aside; see `rejectedTickets`.")
    pending: int = strawberry.field(description="Tickets landed and not yet served or set aside.")
    newest_at: datetime | None = strawberry.field(description="`createdAt` of its newest appeal; null without one.")

    @classmethod
    def of(cls, health: model.SourceHealth) -> "SourceHealth":
        scheduled = health.record.active and not health.paused
        return cls(
            last_run_at=health.last_run_at,
            last_success_at=health.last_success_at,
            next_run_at=health.next_run_at if scheduled else None,
            lag_seconds=_seconds_since(health.last_success_at),
            running=health.running,
            paused=health.paused,
            failures=health.failures,
            last_error=health.last_error,
            last_error_at=health.last_error_at,
            last_tally=RunTally.of(health.last_tally),
            landed=health.landed,
            served=health.served,
            rejected=health.rejected,
            pending=health.pending,
            newest_at=health.newest_at,
        )


@strawberry.type(description="One way in which a source's tickets differ from what was usual.")
class Drift:
    kind: DriftKind = strawberry.field(description="How they differ.")
    field: str = strawberry.field(description="The field: of the ticket, or, of an unknown word, of the appeal.")
    word: str = strawberry.field(description="The unknown word, or the kinds of value before and after.")
    tickets: int = strawberry.field(description="How many tickets showed it; of fields, among those that were sampled.")
    first_at: datetime | None = strawberry.field(description="When it was first seen.")
    last_at: datetime | None = strawberry.field(description="When it was last seen.")

    @classmethod
    def of(cls, drift: model.Drift) -> "Drift":
        return cls(
            kind=drift.kind,
            field=drift.field,
            word=drift.word,
            tickets=drift.tickets,
            first_at=drift.first_at,
            last_at=drift.last_at,
        )


@strawberry.federation.type(
    description="One legacy system that appeals come from: a hotline or a platform.", keys=["id", "name"]
)
class Source(Node):
    name: str = strawberry.field(description="Its name in connectors.yaml, such as `housing`.")
    title: str = strawberry.field(description="Its name for people.")
    source_class: SourceClass = strawberry.field(name="class", description="A hotline or a platform.")
    integration: Integration | None = strawberry.field(description="How a hotline joined 12345; null for a platform.")
    department: str | None = strawberry.field(description="The department in charge of it.")
    connector: str = strawberry.field(description="The protocol it is pulled by, such as `rest`.")
    active: bool = strawberry.field(description="Whether it is still configured; its appeals stay when it is not.")
    configuration_error: str | None = strawberry.field(
        description="What is wrong with its entry in connectors.yaml, a line a mistake. It works as it was last good."
    )
    stands_for: strawberry.Private[str | None] = None

    async def _alias_of(self, info: Info) -> "Source | None":
        return await source_named(info, self.stands_for) if self.stands_for else None

    alias_of: "Source | None" = strawberry.field(
        resolver=_alias_of,
        description="The hotline that answers today where this one's number is dialled; null for a number in use.",
    )

    async def _health(self, info: Info) -> SourceHealth:
        return SourceHealth.of(await info.context.health.load(self.name))

    async def _drift(self, info: Info) -> list[Drift]:
        return [Drift.of(one) for one in await info.context.drift.load(self.name)]

    health: SourceHealth = strawberry.field(resolver=_health, description="How it is doing.")
    drift: list[Drift] = strawberry.field(
        resolver=_drift, description="How its tickets came to differ, the newest first; `hub drift --seen` clears it."
    )

    @classmethod
    def of(cls, record: model.SourceRecord) -> "Source":
        return cls(
            id=strawberry.ID(f"Source:{record.name}"),
            name=record.name,
            title=record.title,
            source_class=record.source_class,
            integration=record.integration,
            department=record.department,
            connector=record.connector,
            active=record.active,
            configuration_error=record.configuration_error,
            stands_for=record.alias_of,
        )


async def source_named(info: Info, name: str) -> Source:
    return Source.of(await info.context.records.load(name))


@strawberry.type(description="What one field of an appeal was, and what it became.")
class FieldChange:
    field: str = strawberry.field(description="The field as in `Appeal`, such as `status` or `reporter.phone`.")
    before: JSON | None = strawberry.field(
        description="What it was. Null for personal data, which the log never keeps."
    )
    after: JSON | None = strawberry.field(description="What it became. Null for personal data, as above.")


@strawberry.federation.type(description="One entry of the append-only log of what happened to appeals.", keys=["id"])
class Change(Node):
    number: ChangeNumber = strawberry.field(
        description="Its place in the log. Numbers only ever rise; some are left out. Resume `appealChanged` after it."
    )
    type: ChangeType = strawberry.field(description="What happened.")
    at: datetime = strawberry.field(description="When the hub wrote it.")
    version: int = strawberry.field(description="The appeal's version that it made.")
    fields: list[FieldChange] = strawberry.field(description="What became different; empty for a new appeal.")
    action: Action | None = strawberry.field(description="What was done at the hub; null for what a source told.")
    actor: str | None = strawberry.field(description="Who did it: the name of the key; null for what a source told.")
    note: str | None = strawberry.field(description="What was said with it.")
    organization: str | None = strawberry.field(
        description="The organization it names: in charge from then on, or proposed when it was returned."
    )
    origin: strawberry.Private[str]
    appeal_id: strawberry.Private[int]

    async def _source(self, info: Info) -> Source:
        return await source_named(info, self.origin)

    async def _appeal(self, info: Info) -> "Appeal | None":
        stored = await info.context.appeals.load(self.appeal_id)
        return Appeal.of(stored) if stored else None

    source: Source = strawberry.field(resolver=_source, description="Where it came from.")
    appeal: "Appeal | None" = strawberry.field(
        resolver=_appeal, description="The appeal as it is now; null when it may no longer be seen."
    )

    @classmethod
    def of(cls, change: model.Change) -> "Change":
        return cls(
            id=strawberry.ID(f"Change:{change.number}"),
            number=ChangeNumber(change.number),
            type=change.type,
            at=change.at,
            version=change.version,
            fields=_field_changes(change.fields),
            action=change.action,
            actor=change.actor,
            note=change.note,
            organization=change.organization,
            origin=change.origin,
            appeal_id=change.appeal_id,
        )


@strawberry.type(description="The changes of one appeal, oldest first.")
class ChangeConnection:
    edges: list[Edge[Change]] = strawberry.field(description="The changes and their cursors.")
    nodes: list[Change] = strawberry.field(description="The changes alone.")
    page_info: PageInfo = strawberry.field(description="Where this page lies.")

    @classmethod
    def of(cls, page: ChangePage, *, resumed: bool) -> "ChangeConnection":
        nodes = [Change.of(change) for change in page.changes]
        cursors = [str(change.number) for change in page.changes]
        return cls(edges=edges(cursors, nodes), nodes=nodes, page_info=forward(cursors, page.more, resumed=resumed))


@strawberry.type(description="One step in the life of an appeal, as its source tells it.")
class Event:
    at: datetime | None = strawberry.field(description="When it was; null where the source does not say.")
    text: str | None = strawberry.field(description="What was said or done.")
    by: str | None = strawberry.field(description="Who said or did it: a person or an organization of the source.")
    status: Status | None = strawberry.field(
        description="Where the appeal stood from then on; null if it says nothing."
    )
    status_text: str | None = strawberry.field(description="The source's own word for `status`.")

    @classmethod
    def of(cls, event: model.Event) -> "Event":
        return cls(at=event.at, text=event.text, by=event.by, status=event.status, status_text=event.status_text)


@strawberry.federation.type(description="One appeal (诉求) of a resident, whichever system it came from.", keys=["id"])
class Appeal(Node):
    external_id: str = strawberry.field(description="Its id in its source.")
    version: int = strawberry.field(description="How often it was written: 1 when new, one more for every change.")
    first_served_at: datetime = strawberry.field(description="When the hub first served it.")
    last_served_at: datetime = strawberry.field(description="When the hub last wrote it.")
    appeal_no: str | None = strawberry.field(description="工单编号: the number that residents are told.")
    title: str = strawberry.field(description="Its subject, in one line.")
    content: str | None = strawberry.field(description="What the resident said, as the source holds it.")
    kind: Kind = strawberry.field(description="诉求类型: what the resident wants.")
    kind_text: str | None = strawberry.field(description="The source's own word for `kind`.")
    status: Status = strawberry.field(description="办理状态: where it stands.")
    status_text: str | None = strawberry.field(description="The source's own word for `status`.")
    status_note: str | None = strawberry.field(description="What the source adds to the status.")
    urgency: Urgency = strawberry.field(description="紧急程度: how pressing it is.")
    urgency_text: str | None = strawberry.field(description="The source's own word for `urgency`.")
    channel: Channel = strawberry.field(description="受理渠道: how the resident reached the source.")
    channel_text: str | None = strawberry.field(description="The source's own word for `channel`.")
    origin_hotline: str | None = strawberry.field(description="The hotline first called, where its lines were merged.")
    is_secret: bool = strawberry.field(description="是否保密: whether the resident asked for confidence.")
    respondent: str | None = strawberry.field(description="被诉主体: whom or what it is about.")
    grid: str | None = strawberry.field(description="网格: the grid cell of the neighbourhood.")
    created_at: datetime = strawberry.field(description="When it was made.")
    updated_at: datetime = strawberry.field(description="When the source last changed it.")
    dispatched_at: datetime | None = strawberry.field(description="When it was sent to the organization in charge.")
    due_at: datetime | None = strawberry.field(description="When it must be handled; null without a deadline.")
    closed_at: datetime | None = strawberry.field(description="When it was closed.")
    result: str | None = strawberry.field(description="办理情况: what was done.")
    public_reply: str | None = strawberry.field(description="公开答复: what the resident was answered.")
    is_resolved: bool | None = strawberry.field(
        description="Whether the resident says it is solved; null if not asked."
    )
    satisfaction: Satisfaction = strawberry.field(description="满意度: what the resident thought of the result.")
    satisfaction_text: str | None = strawberry.field(description="The source's own word for `satisfaction`.")
    duplicate_of_external_id: str | None = strawberry.field(
        description="并单: the id that its source gives for the appeal that it repeats; `SOURCE:ID` for one of another "
        "source, which it was merged into at the hub."
    )
    support_count: int | None = strawberry.field(description="How many others support it.")
    attachments: list[Attachment] = strawberry.field(description="附件: photos and files.")
    location: Location | None = strawberry.field(description="Where it is; null when the source does not say.")
    reporter: Reporter | None = strawberry.field(description="Who made it, masked; null when the source does not say.")
    events: list[Event] = strawberry.field(
        description="办理过程: what its source tells of its way, oldest first. `changes` is what the hub saw itself."
    )
    attributes: JSON = strawberry.field(description="Whatever else the source's map keeps: an object.")
    source_name: strawberry.Private[str]
    key: strawberry.Private[int]
    plain: strawberry.Private[model.Appeal]

    async def _source(self, info: Info) -> Source:
        return await source_named(info, self.source_name)

    def _topic(self) -> Topic | None:
        return Topic.said(self.plain.topic)

    def _area(self) -> Area | None:
        return Area.coded(self.plain.area)

    def _lead_org(self) -> Organization | None:
        return Organization.named(self.plain.lead_org)

    def _co_orgs(self) -> list[Organization]:
        return [Organization(name=name) for name in self.plain.co_orgs]

    async def _duplicate_of(self, info: Info) -> Optional["Appeal"]:
        if self.plain.duplicate_of is None:
            return None
        stored = await info.context.appeals_by_source.load((self.source_name, self.plain.duplicate_of))
        source, separator, external_id = self.plain.duplicate_of.partition(":")
        if stored is None and separator:  # Merged at the hub, into an appeal of another source.
            stored = await info.context.appeals_by_source.load((source, external_id))
        return Appeal.of(stored) if stored else None

    def _status_label(self, locale: In = Locale.ZH) -> str:
        return said("AppealStatus", self.status.name, locale)

    def _kind_label(self, locale: In = Locale.ZH) -> str:
        return said("AppealKind", self.kind.name, locale)

    def _urgency_label(self, locale: In = Locale.ZH) -> str:
        return said("AppealUrgency", self.urgency.name, locale)

    def _channel_label(self, locale: In = Locale.ZH) -> str:
        return said("AppealChannel", self.channel.name, locale)

    def _satisfaction_label(self, locale: In = Locale.ZH) -> str:
        return said("Satisfaction", self.satisfaction.name, locale)

    topic: Topic | None = strawberry.field(resolver=_topic, description="问题分类: what it is about.")
    area: Area | None = strawberry.field(resolver=_area, description="行政区划: the administrative division.")
    lead_org: Organization | None = strawberry.field(
        resolver=_lead_org, description="主办单位: the organization in charge."
    )
    co_orgs: list[Organization] = strawberry.field(
        resolver=_co_orgs, description="协办单位: the organizations that help."
    )
    duplicate_of: Optional["Appeal"] = strawberry.field(
        resolver=_duplicate_of,
        description="并单: the appeal that it repeats; null when the hub has none of that id.",
    )
    status_label: str = strawberry.field(resolver=_status_label, description="`status` as people are shown it.")
    kind_label: str = strawberry.field(resolver=_kind_label, description="`kind` as people are shown it.")
    urgency_label: str = strawberry.field(resolver=_urgency_label, description="`urgency` as people are shown it.")
    channel_label: str = strawberry.field(resolver=_channel_label, description="`channel` as people are shown it.")
    satisfaction_label: str = strawberry.field(
        resolver=_satisfaction_label, description="`satisfaction` as people are shown it."
    )

    async def _changes(
        self, info: Info, first: First = SOME_CHANGES, after: After = strawberry.UNSET
    ) -> ChangeConnection:
        start = read_number_cursor(after) if after else 0
        wanted = ChangesWanted(self.key, page_size("first", first, MOST_CHANGES), start)
        return ChangeConnection.of(await info.context.changes.load(wanted), resumed=bool(after))

    source: Source = strawberry.field(resolver=_source, description="The system it came from.")
    changes: ChangeConnection = strawberry.field(
        resolver=_changes, description="What happened to it, oldest first.", directives=[paged("first")]
    )

    @classmethod
    def of(cls, stored: StoredAppeal) -> "Appeal":
        appeal = stored.appeal
        return cls(
            id=strawberry.ID(f"Appeal:{stored.id}"),
            key=stored.id,
            source_name=appeal.source,
            version=stored.version,
            first_served_at=stored.first_served_at,
            last_served_at=stored.last_served_at,
            location=_location(appeal),
            reporter=_reporter(appeal),
            events=list(map(Event.of, appeal.events)),
            attributes=JSON(appeal.attributes),
            attachments=list(map(Attachment.of, appeal.attachments)),
            duplicate_of_external_id=appeal.duplicate_of,
            plain=appeal,
            **{name: getattr(appeal, name) for name in _SAME},
        )


@dataclass(frozen=True, slots=True)
class AppealWanted:
    """A description of one appeal, by its number, or by its source and the id that it has there.

    This is what a resolver returns, and the executor turns into the appeal.
    """

    key: int | tuple[str, str]

    async def resolved(self, reads: Reads) -> Appeal | None:
        """The appeal itself, for resolvers to answer field by field."""
        if isinstance(self.key, int):
            stored = (await reads.appeals_by_id([self.key])).get(self.key)
        else:
            stored = await reads.appeal_of(*self.key)
        return Appeal.of(stored) if stored else None


# The fields that an appeal of the API has in common with an appeal of the domain, name and value.
_OWN = {"source", "attributes", "events", "topic", "area", "lead_org", "co_orgs", "duplicate_of", "attachments"}
_SAME = sorted(set(Appeal.__annotations__) & set(model.Appeal.__annotations__) - _OWN)


class _Fetch:
    """One page of appeals, read when the first field of the connection asks for it, and once for all of them."""

    def __init__(self, reads: Reads, query: AppealQuery) -> None:
        self.reads = reads
        self.query = query
        self._page: asyncio.Task[AppealPage] | None = None

    async def page(self) -> AppealPage:
        if self._page is None:
            self._page = asyncio.ensure_future(self.reads.appeals(self.query))
        return await self._page


@strawberry.type(description="A source whose appeals may be older here than in the system that they come from.")
class DegradedSource:
    since: datetime | None = strawberry.field(
        description="When it was last known to be up to date; null when it never was."
    )
    code: Degradation = strawberry.field(description="Why; what its system answered is told to administrators alone.")
    record: strawberry.Private[model.SourceRecord]

    def _source(self) -> Source:
        return Source.of(self.record)

    source: Source = strawberry.field(resolver=_source, description="The source.")

    @classmethod
    def of(cls, degraded: model.DegradedSource) -> "DegradedSource":
        return cls(since=degraded.since, code=degraded.why, record=degraded.record)


@strawberry.type(description="A page of appeals. What is not asked for is not computed: `totalCount` least of all.")
class AppealConnection:
    fetch: strawberry.Private[_Fetch]

    async def _nodes(self) -> list[Appeal]:
        return [Appeal.of(stored) for stored in (await self.fetch.page()).appeals]

    async def _edges(self) -> list[Edge[Appeal]]:
        return edges(self._cursors(await self.fetch.page()), await self._nodes())

    async def _page_info(self) -> PageInfo:
        page, query = await self.fetch.page(), self.fetch.query
        cursors, resumed = self._cursors(page), query.start is not None
        return (
            backward(cursors, page.more, resumed=resumed)
            if query.backward
            else forward(cursors, page.more, resumed=resumed)
        )

    async def _degraded_sources(self) -> list[DegradedSource]:
        found = await self.fetch.reads.degraded_sources(self.fetch.query.filter.source)
        return [DegradedSource.of(one) for one in found]

    async def _total_count(self) -> int:
        return await self.fetch.reads.count(self.fetch.query.filter)

    def _cursors(self, page: AppealPage) -> list[str]:
        query = self.fetch.query
        return [write_cursor(query.position(stored), query.order, query.filter) for stored in page.appeals]

    edges: list[Edge[Appeal]] = strawberry.field(resolver=_edges, description="The appeals and their cursors.")
    nodes: list[Appeal] = strawberry.field(resolver=_nodes, description="The appeals alone.")
    page_info: PageInfo = strawberry.field(resolver=_page_info, description="Where this page lies.")
    total_count: int = strawberry.field(
        resolver=_total_count,
        description="How many appeals the filter finds in all, exactly. Counted only when it is asked.",
        directives=[Cost(weight="10")],
    )
    degraded_sources: list[DegradedSource] = strawberry.field(
        resolver=_degraded_sources,
        description="The sources, of those that the filter names or of all, whose appeals may be older here than "
        "there. Empty when all is well.",
    )

    @classmethod
    def of(cls, reads: Reads, query: AppealQuery) -> "AppealConnection":
        return cls(fetch=_Fetch(reads, query))


@strawberry.federation.type(
    description="A ticket that does not read as an appeal: set aside until the source's map is mended.", keys=["id"]
)
class RejectedTicket(Node):
    external_id: str = strawberry.field(description="Its id in its source.")
    reason: str = strawberry.field(description="Why it was set aside.")
    field: str = strawberry.field(description="The field of the appeal that failed; empty when none did.")
    raw: str = strawberry.field(
        description="The record as the source sent it, as JSON; mobile and identity-card numbers are masked. "
        "May hold other personal data."
    )
    landed_at: datetime = strawberry.field(description="When it came.")
    rejected_at: datetime = strawberry.field(description="When it was last set aside.")
    source_name: strawberry.Private[str]

    async def _source(self, info: Info) -> Source:
        return await source_named(info, self.source_name)

    source: Source = strawberry.field(resolver=_source, description="The system it came from.")

    @classmethod
    def of(cls, ticket: model.RejectedTicket) -> "RejectedTicket":
        return cls(
            id=strawberry.ID(f"RejectedTicket:{ticket.id}"),
            external_id=ticket.external_id,
            reason=ticket.reason,
            field=ticket.field,
            raw=masked_numbers(ticket.raw),
            landed_at=ticket.landed_at,
            rejected_at=ticket.rejected_at,
            source_name=ticket.source,
        )


@strawberry.type(description="A page of rejected tickets, the last landed first.")
class RejectedTicketConnection:
    edges: list[Edge[RejectedTicket]] = strawberry.field(description="The tickets and their cursors.")
    nodes: list[RejectedTicket] = strawberry.field(description="The tickets alone.")
    page_info: PageInfo = strawberry.field(description="Where this page lies.")

    @classmethod
    def of(cls, page: RejectedPage, *, resumed: bool) -> "RejectedTicketConnection":
        nodes = [RejectedTicket.of(ticket) for ticket in page.tickets]
        cursors = [str(ticket.id) for ticket in page.tickets]
        return cls(edges=edges(cursors, nodes), nodes=nodes, page_info=forward(cursors, page.more, resumed=resumed))


def _seconds_since(then: datetime | None) -> int | None:
    return None if then is None else max(0, int((datetime.now(UTC) - then).total_seconds()))


def _location(appeal: model.Appeal) -> Location | None:
    if appeal.location_address is None and appeal.location_point is None:
        return None
    longitude, latitude = appeal.location_point or (None, None)
    return Location(address=appeal.location_address, longitude=longitude, latitude=latitude)


def _reporter(appeal: model.Appeal) -> Reporter | None:
    if appeal.reporter_name is None and appeal.reporter_phone is None:
        return None
    return Reporter(name=masked_name(appeal.reporter_name), phone=masked_phone(appeal.reporter_phone))


def _field_changes(fields: Mapping[str, Any]) -> list[FieldChange]:
    return [FieldChange(field=field_name(name), before=before, after=after) for name, (before, after) in fields.items()]


def field_name(column: str) -> str:
    """`reporter_phone` → `reporter.phone`, `status_text` → `statusText`: as a query writes it."""
    for group in ("reporter_", "location_"):
        if column.startswith(group):
            return f"{group[:-1]}.{column.removeprefix(group)}"
    return to_camel_case(column)
