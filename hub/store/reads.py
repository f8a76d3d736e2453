"""Every query that the API and the command ask: appeals, their changes, sources, rejected tickets, counts."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.model import (
    Action,
    Appeal,
    Change,
    ChangeType,
    Channel,
    DegradedSource,
    Drift,
    DriftKind,
    Entry,
    Event,
    Integration,
    Kind,
    RejectedTicket,
    Satisfaction,
    SourceClass,
    SourceHealth,
    SourceRecord,
    Status,
    StoredAppeal,
    Tally,
    TicketState,
    Urgency,
)
from hub.store import counting, freshness
from hub.store.conditions import clause
from hub.store.database import Database
from hub.store.endpoints import Endpoints
from hub.store.tables import appeal, change, drift, entry, lane, source, ticket
from hub.wanted import AppealFilter, AppealOrder, StatisticsQuery


@dataclass(frozen=True, slots=True)
class Position:
    """A place between two appeals of an order: just after the appeal `id`, whose time in that order is `at`."""

    at: datetime | None
    id: int


@dataclass(frozen=True, slots=True)
class AppealQuery:
    """What is wanted of the appeals: `size` of them from `start` on, or up to it when `backward`."""

    filter: AppealFilter = field(default_factory=AppealFilter)
    order: AppealOrder = AppealOrder.CREATED_DESC
    size: int = 20
    start: Position | None = None
    backward: bool = False

    def position(self, stored: StoredAppeal) -> Position:
        """Where an appeal stands in this order."""
        at: datetime | None = getattr(stored.appeal, _ORDERS[self.order].column.name)
        return Position(at, stored.id)


@dataclass(frozen=True, slots=True)
class AppealPage:
    """Appeals in their order; `more` says whether others follow in the direction of reading."""

    appeals: Sequence[StoredAppeal]
    more: bool


@dataclass(frozen=True, slots=True)
class RejectedPage:
    """Rejected tickets, the last landed first; `more` says whether others follow."""

    tickets: Sequence[RejectedTicket]
    more: bool


@dataclass(frozen=True, slots=True)
class EntryPage:
    """Entries of a register in the order of their ids, and how many it has in all."""

    entries: Sequence[Entry]
    count: int


@dataclass(frozen=True, slots=True)
class ChangePage:
    """Changes of one appeal, oldest first; `more` says whether others follow."""

    changes: Sequence[Change]
    more: bool


class Reads:
    """Each method is one transaction, and raises StoreUnavailable when the database is away."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.endpoints = Endpoints(database)

    async def ping(self) -> None:
        """Return when the database answers."""
        async with self._database.begin() as connection:
            await connection.execute(sa.select(1))

    async def appeals(self, query: AppealQuery) -> AppealPage:
        """One page of appeals, always in the query's order. The page is cut before anything is joined to it."""
        async with self._database.begin() as connection:
            rows = await _page(connection, query)
        found = [_stored(row) for row in rows[: query.size]]
        return AppealPage(found[::-1] if query.backward else found, len(rows) > query.size)

    async def count(self, wanted: AppealFilter) -> int:
        """How many appeals there are of a kind."""
        statement = sa.select(sa.func.count()).select_from(appeal).where(clause(wanted))
        async with self._database.begin() as connection:
            return int((await connection.execute(statement)).scalar_one())

    async def appeals_by_id(self, ids: Collection[int]) -> dict[int, StoredAppeal]:
        """Those of the appeals that exist, by their ids."""
        rows = await self._rows(sa.select(*_APPEAL).where(appeal.c.id == sa.any_(sa.cast(list(ids), _IDS))))
        return {row.id: _stored(row) for row in rows}

    async def appeal_of(self, source_name: str, external_id: str) -> StoredAppeal | None:
        """The appeal that a source's own id names, if there is one."""
        rows = await self._rows(
            sa.select(*_APPEAL).where(appeal.c.source == source_name, appeal.c.external_id == external_id)
        )
        return _stored(rows[0]) if rows else None

    async def appeals_of(self, keys: Collection[tuple[str, str]]) -> dict[tuple[str, str], StoredAppeal]:
        """Those of the appeals that exist, by their sources and the ids that they have there."""
        rows = await self._rows(sa.select(*_APPEAL).where(_is_one_of((appeal.c.source, appeal.c.external_id), keys)))
        return {(row.source, row.external_id): _stored(row) for row in rows}

    async def statistics(self, query: StatisticsQuery) -> counting.Statistics:
        """Count appeals in groups. Raises QueryError BAD_INPUT for a zone that the database does not know."""
        async with self._database.begin() as connection:

            async def ask(one: StatisticsQuery) -> Sequence[sa.Row[Any]]:
                text, parameters = counting.statement(one)
                found: Sequence[sa.Row[Any]] = (await connection.exec_driver_sql(text, tuple(parameters))).all()
                return found

            return await counting.count(query, ask)

    async def entries(self, register: str, *, size: int) -> EntryPage:
        """The first entries of a register."""
        of_it = entry.c.register == register
        async with self._database.begin() as connection:
            rows = (
                await connection.execute(sa.select(entry).where(of_it).order_by(entry.c.external_id).limit(size))
            ).all()
            count = await connection.execute(sa.select(sa.func.count()).select_from(entry).where(of_it))
        return EntryPage([_entry(row) for row in rows], int(count.scalar_one()))

    async def entries_named(self, names: Collection[str]) -> dict[str, Entry]:
        """The entries of these names; of several, those that still exist first, then in the order of registers."""
        rows = await self._rows(
            sa.select(entry)
            .where(entry.c.name == sa.any_(sa.cast(list(names), _TEXTS)))
            .order_by(entry.c.active, entry.c.register.desc(), entry.c.external_id.desc())
        )
        return {row.name: _entry(row) for row in rows}

    async def entries_of(self, keys: Collection[tuple[str, str]]) -> dict[tuple[str, str], Entry]:
        """Those of the entries that exist, by their registers and the ids that they have there."""
        rows = await self._rows(sa.select(entry).where(_is_one_of((entry.c.register, entry.c.external_id), keys)))
        return {(row.register, row.external_id): _entry(row) for row in rows}

    async def drift(self, source_name: str | None = None) -> list[Drift]:
        """How the tickets of one source, or of all, came to differ, newest first."""
        statement = sa.select(drift).order_by(drift.c.last_at.desc(), drift.c.source, drift.c.field, drift.c.word)
        if source_name is not None:
            statement = statement.where(drift.c.source == source_name)
        return [
            Drift(DriftKind(row.kind), row.field, row.word, row.tickets, row.source, row.first_at, row.last_at)
            for row in await self._rows(statement)
        ]

    async def source_records(self) -> dict[str, SourceRecord]:
        """Every source ever configured, by name, in the order of names."""
        rows = await self._rows(sa.select(source).order_by(source.c.name))
        return {row.name: _record(row) for row in rows}

    async def degraded_sources(self, names: Collection[str] = ()) -> list[DegradedSource]:
        """Those of the sources, or of all, whose appeals may be older here than there, in the order of names."""
        rows = await self._rows(freshness.statement(names))
        return freshness.degraded([(_record(row), row) for row in rows])

    async def source_health(self) -> list[SourceHealth]:
        """How every source is doing, in the order of names; those no longer configured included."""
        newest = (
            sa.select(sa.func.max(appeal.c.created_at))
            .where(appeal.c.source == source.c.name)
            .correlate(source)
            .scalar_subquery()
        )
        running = lane.c.leased_until > sa.func.clock_timestamp()
        statement = (
            sa.select(source, *_LANE, running.label("running"), newest.label("newest_at"))
            .select_from(source.outerjoin(lane, lane.c.name == sa.literal("source:") + source.c.name))
            .order_by(source.c.name)
        )
        async with self._database.begin() as connection:
            rows = (await connection.execute(statement)).all()
            counts = await _ticket_counts(connection)
        return [_health(row, counts.get(row.name, {})) for row in rows]

    async def ticket_counts(self) -> dict[str, dict[TicketState, int]]:
        """How many landed tickets each source has in each state; a state without tickets is left out."""
        async with self._database.begin() as connection:
            return await _ticket_counts(connection)

    async def rejected_tickets(
        self, source_name: str | None = None, *, size: int = 20, before: int | None = None
    ) -> RejectedPage:
        """The tickets set aside, of one source or of all, the last landed first, those landed `before` an id."""
        statement = _REJECTED.order_by(ticket.c.id.desc()).limit(size + 1)
        if source_name is not None:
            statement = statement.where(ticket.c.source == source_name)
        if before is not None:
            statement = statement.where(ticket.c.id < before)
        rows = await self._rows(statement)
        return RejectedPage([_rejected(row) for row in rows[:size]], len(rows) > size)

    async def rejected_by_id(self, ids: Collection[int]) -> dict[int, RejectedTicket]:
        """Those of the tickets that are set aside now, by their ids."""
        rows = await self._rows(_REJECTED.where(ticket.c.id == sa.any_(sa.cast(list(ids), _IDS))))
        return {row.id: _rejected(row) for row in rows}

    async def last_change_number(self) -> int:
        """The number of the newest change; 0 before the first."""
        rows = await self._rows(sa.select(sa.func.coalesce(sa.func.max(change.c.number), 0)))
        return int(rows[0][0])

    async def changes(self, after: int, limit: int, *, sources: Collection[str] = ()) -> list[Change]:
        """The log from just after a number on, of the appeals of the given sources or of all."""
        statement = _CHANGE.where(change.c.number > after).order_by(change.c.number).limit(limit)
        if sources:
            statement = statement.where(appeal.c.source.in_(sources))
        return [_change(row) for row in await self._rows(statement)]

    async def changes_by_number(self, numbers: Collection[int]) -> dict[int, Change]:
        """Those of the changes that exist, by their numbers."""
        rows = await self._rows(_CHANGE.where(change.c.number == sa.any_(sa.cast(list(numbers), _IDS))))
        return {row.number: _change(row) for row in rows}

    async def changes_of(self, appeal_ids: Collection[int], *, size: int, after: int = 0) -> dict[int, ChangePage]:
        """The changes of each appeal from just after a number on, `size` at most each, in one query for all of them."""
        wanted = sa.func.unnest(sa.cast(list(appeal_ids), _IDS)).table_valued("id").render_derived("wanted")
        one = (
            _CHANGE.where(change.c.appeal_id == wanted.c.id, change.c.number > after)
            .order_by(change.c.number)
            .limit(size + 1)
            .lateral("one")
        )
        rows = await self._rows(sa.select(one).select_from(wanted.join(one, sa.true())).order_by(one.c.number))
        found: dict[int, list[Change]] = {appeal_id: [] for appeal_id in appeal_ids}
        for row in rows:
            found[row.appeal_id].append(_change(row))
        return {key: ChangePage(changes[:size], len(changes) > size) for key, changes in found.items()}

    async def _rows(self, statement: sa.Select[Any]) -> Sequence[sa.Row[Any]]:
        async with self._database.begin() as connection:
            found: Sequence[sa.Row[Any]] = (await connection.execute(statement)).all()
        return found


_IDS = sa.ARRAY(sa.BigInteger)
_TEXTS = sa.ARRAY(sa.Text)
_APPEAL = [column for column in appeal.columns if column.name not in {"search", "acted"}]


def _is_one_of(columns: tuple[sa.Column[Any], ...], keys: Collection[tuple[str, ...]]) -> sa.ColumnElement[bool]:
    if not keys:
        return sa.false()
    lists = (sa.cast(list(values), _TEXTS) for values in zip(*keys, strict=True))
    wanted = sa.func.unnest(*lists).table_valued(*(column.name for column in columns)).render_derived("wanted")
    return sa.tuple_(*columns).in_(sa.select(*wanted.c))


@dataclass(frozen=True, slots=True)
class _Order:
    column: sa.Column[Any]
    descending: bool


_ORDERS = {
    AppealOrder.CREATED_DESC: _Order(appeal.c.created_at, descending=True),
    AppealOrder.CREATED_ASC: _Order(appeal.c.created_at, descending=False),
    AppealOrder.UPDATED_DESC: _Order(appeal.c.updated_at, descending=True),
    AppealOrder.UPDATED_ASC: _Order(appeal.c.updated_at, descending=False),
    AppealOrder.DUE_ASC: _Order(appeal.c.due_at, descending=False),
}


async def _page(connection: AsyncConnection, query: AppealQuery) -> list[sa.Row[Any]]:
    """One row more than asked for, where there is one, in the direction of reading."""
    rows: list[sa.Row[Any]] = []
    for stretch in _stretches(query):
        missing = query.size + 1 - len(rows)
        statement = stretch.where(clause(query.filter)).limit(missing)
        rows.extend((await connection.execute(statement)).all())
        if len(rows) > query.size:
            break
    return rows


def _stretches(query: AppealQuery) -> Iterator[sa.Select[Any]]:
    """The order in stretches that one index range serves each: appeals with a time, and after them those without."""
    order = _ORDERS[query.order]
    descending = order.descending != query.backward
    timed = _stretch((order.column, appeal.c.id), descending)
    if not order.column.nullable:
        yield timed if query.start is None else timed.where(_beyond(order.column, query.start, descending))
        return
    timed = timed.where(order.column.is_not(None))
    untimed = _stretch((appeal.c.id,), descending).where(order.column.is_(None))
    if query.start is None:
        yield from (untimed, timed) if query.backward else (timed, untimed)
    elif query.start.at is None:
        yield untimed.where(appeal.c.id < query.start.id if descending else appeal.c.id > query.start.id)
        if query.backward:
            yield timed
    else:
        yield timed.where(_beyond(order.column, query.start, descending))
        if not query.backward:
            yield untimed


def _stretch(keys: tuple[sa.Column[Any], ...], descending: bool) -> sa.Select[Any]:
    return sa.select(*_APPEAL).order_by(*(key.desc() if descending else key.asc() for key in keys))


def _beyond(column: sa.Column[Any], start: Position, descending: bool) -> sa.ColumnElement[bool]:
    """A comparison of rows, which the index on (column, id) answers; two comparisons joined by `or` would not."""
    here, there = sa.tuple_(column, appeal.c.id), sa.tuple_(sa.literal(start.at), sa.literal(start.id))
    return here < there if descending else here > there


_Word = TypeVar("_Word", bound=StrEnum)


def _reader(words: type[_Word]) -> dict[str, _Word]:
    return {word.value: word for word in words}


_STATUS, _KIND, _URGENCY = _reader(Status), _reader(Kind), _reader(Urgency)
_CHANNEL, _SATISFACTION = _reader(Channel), _reader(Satisfaction)
_CHANGE_TYPE, _ACTION = _reader(ChangeType), _reader(Action)


def _stored(row: sa.Row[Any]) -> StoredAppeal:
    """Read a row as an appeal; a word that this hub does not know, written by a newer one, is UNKNOWN."""
    return StoredAppeal(
        id=row.id,
        version=row.version,
        first_served_at=row.first_served_at,
        last_served_at=row.last_served_at,
        appeal=Appeal(
            source=row.source,
            external_id=row.external_id,
            title=row.title,
            status=_STATUS.get(row.status, Status.UNKNOWN),
            created_at=row.created_at,
            updated_at=row.updated_at,
            appeal_no=row.appeal_no,
            kind=_KIND.get(row.kind, Kind.UNKNOWN),
            kind_text=row.kind_text,
            topic=row.topic,
            content=row.content,
            status_text=row.status_text,
            status_note=row.status_note,
            urgency=_URGENCY.get(row.urgency, Urgency.UNKNOWN),
            urgency_text=row.urgency_text,
            channel=_CHANNEL.get(row.channel, Channel.UNKNOWN),
            channel_text=row.channel_text,
            origin_hotline=row.origin_hotline,
            is_secret=row.is_secret,
            reporter_name=row.reporter_name,
            reporter_phone=row.reporter_phone,
            respondent=row.respondent,
            area=row.area,
            grid=row.grid,
            location_address=row.location_address,
            location_point=_point(row.location_longitude, row.location_latitude),
            lead_org=row.lead_org,
            co_orgs=row.co_orgs,
            dispatched_at=row.dispatched_at,
            due_at=row.due_at,
            closed_at=row.closed_at,
            result=row.result,
            public_reply=row.public_reply,
            is_resolved=row.is_resolved,
            satisfaction=_SATISFACTION.get(row.satisfaction, Satisfaction.UNKNOWN),
            satisfaction_text=row.satisfaction_text,
            duplicate_of=row.duplicate_of,
            support_count=row.support_count,
            attachments=row.attachments,
            events=list(map(_event, row.events)),
            attributes=row.attributes,
        ),
    )


def _event(stored: Mapping[str, Any]) -> Event:
    at, status = stored["at"], stored["status"]
    return Event(
        at=datetime.fromisoformat(at) if at else None,
        text=stored["text"],
        by=stored["by"],
        status=_STATUS.get(status, Status.UNKNOWN) if status else None,
        status_text=stored["status_text"],
    )


def _entry(row: sa.Row[Any]) -> Entry:
    return Entry(
        register=row.register,
        external_id=row.external_id,
        name=row.name,
        kind=row.kind,
        parent=row.parent,
        area=row.area,
        grid=row.grid,
        location_address=row.location_address,
        location_point=_point(row.location_longitude, row.location_latitude),
        contact=row.contact,
        phone=row.phone,
        active=row.active,
        attributes=row.attributes,
    )


def _point(longitude: float | None, latitude: float | None) -> tuple[float, float] | None:
    return None if longitude is None or latitude is None else (longitude, latitude)


_CHANGE = sa.select(change, appeal.c.source).join(appeal, appeal.c.id == change.c.appeal_id)


def _change(row: sa.Row[Any]) -> Change:
    return Change(
        number=row.number,
        appeal_id=row.appeal_id,
        version=row.version,
        type=_CHANGE_TYPE.get(row.type, ChangeType.UPDATED),
        origin=row.origin,
        at=row.at,
        fields=row.fields,
        action=_ACTION.get(row.action),
        actor=row.actor,
        note=row.note,
        organization=row.organization,
        source=row.source,
    )


_REJECTED = sa.select(ticket).where(ticket.c.state == sa.literal_column("'rejected'"))


def _rejected(row: sa.Row[Any]) -> RejectedTicket:
    return RejectedTicket(
        id=row.id,
        source=row.source,
        external_id=row.external_id,
        reason=row.reason or "",
        field=row.field or "",
        raw=row.raw.decode(errors="replace"),
        landed_at=row.landed_at,
        rejected_at=row.settled_at or row.landed_at,
    )


async def _ticket_counts(connection: AsyncConnection) -> dict[str, dict[TicketState, int]]:
    columns = (ticket.c.source, ticket.c.state)
    rows = await connection.execute(sa.select(*columns, sa.func.count()).group_by(*columns))
    counts: dict[str, dict[TicketState, int]] = {}
    for name, state, count in rows:
        counts.setdefault(name, {})[TicketState(state)] = count
    return counts


def _record(row: sa.Row[Any]) -> SourceRecord:
    return SourceRecord(
        name=row.name,
        title=row.title,
        source_class=SourceClass(row.source_class),
        integration=Integration(row.integration) if row.integration else None,
        department=row.department,
        connector=row.connector,
        alias_of=row.alias_of,
        active=row.active,
        configuration_error=row.configuration_error,
    )


_LANE = [column for column in lane.columns if column.name not in {"name", "cursor", "holder", "fence"}]
_TALLY = {part.name for part in fields(Tally)}


def _health(row: sa.Row[Any], counts: Mapping[TicketState, int]) -> SourceHealth:
    tally = row.last_tally or {}
    return SourceHealth(
        record=_record(row),
        last_run_at=row.last_run_at,
        last_success_at=row.last_success_at,
        next_run_at=row.due_at,
        running=bool(row.running),
        paused=bool(row.paused),
        failures=row.failures or 0,
        last_error=row.push_error or row.last_error,
        last_error_at=row.push_error_at or row.last_error_at,
        last_tally=Tally(**{name: count for name, count in tally.items() if name in _TALLY}),
        landed=sum(counts.values()),
        served=counts.get(TicketState.SERVED, 0),
        rejected=counts.get(TicketState.REJECTED, 0),
        pending=counts.get(TicketState.PENDING, 0),
        newest_at=row.newest_at,
    )
