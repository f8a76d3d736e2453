"""Endpoints in the API: how they do, what they did not take, and what was tried last."""

from datetime import datetime

import strawberry

from hub import model
from hub.model import EndpointState, Outcome
from hub.schema.context import Info
from hub.schema.directives import assumed
from hub.schema.inputs import page_size
from hub.schema.paging import First
from hub.schema.scalars import ChangeNumber
from hub.schema.types import Source, source_named
from hub.schema.words import describe

_FEW = 20
_MOST = assumed(20)

describe(
    EndpointState,
    "EndpointState",
    "How an endpoint is doing.",
    {
        EndpointState.WELL: "正常: it is sent what changes.",
        EndpointState.WAITING: "等待: left alone for a while: it failed for every change, or asked for patience.",
        EndpointState.PAUSED: "暂停: somebody stopped it.",
        EndpointState.DISABLED: "停用: it said that it wants nothing more.",
    },
)
describe(
    Outcome,
    "DeliveryOutcome",
    "What became of one try to deliver a change.",
    {
        Outcome.DELIVERED: "送达: taken.",
        Outcome.REFUSED: "拒收: understood, and refused.",
        Outcome.FAILED: "失败: the endpoint was away, slow or in trouble.",
        Outcome.BUSY: "繁忙: the endpoint asked for patience.",
        Outcome.GONE: "停收: the endpoint wants nothing more.",
    },
)


@strawberry.type(description="One try to deliver one change to an endpoint. Personal numbers and secrets are masked.")
class DeliveryAttempt:
    change_number: ChangeNumber = strawberry.field(description="The change; it is the id of the message as well.")
    appeal_id: strawberry.ID = strawberry.field(description="The global id of the appeal that changed.")
    tries: int = strawberry.field(description="Which try of this change it was; 1 for the first.")
    at: datetime = strawberry.field(description="When it began.")
    milliseconds: int = strawberry.field(description="How long it took.")
    outcome: Outcome = strawberry.field(description="What became of it.")
    status: int | None = strawberry.field(description="The HTTP status of the answer; null without one.")
    reason: str = strawberry.field(description="Why it was not taken; empty when it was.")
    request: str = strawberry.field(description="How the request began.")
    answer: str = strawberry.field(description="How the answer began.")
    address: str = strawberry.field(description="The address that was connected to.")

    @classmethod
    def of(cls, attempt: model.Attempt) -> "DeliveryAttempt":
        return cls(
            change_number=ChangeNumber(attempt.number),
            appeal_id=strawberry.ID(f"Appeal:{attempt.appeal_id}"),
            tries=attempt.tries,
            at=attempt.at,
            milliseconds=round(attempt.took.total_seconds() * 1000),
            outcome=attempt.outcome,
            status=attempt.status,
            reason=attempt.reason,
            request=attempt.request,
            answer=attempt.answer,
            address=attempt.address,
        )


@strawberry.type(description="An appeal whose change an endpoint did not take; its later changes wait behind it.")
class ParkedDelivery:
    change_number: ChangeNumber = strawberry.field(description="The change that was not taken.")
    appeal_id: strawberry.ID = strawberry.field(description="The global id of the appeal.")
    external_id: str = strawberry.field(description="The appeal's id in its source.")
    tries: int = strawberry.field(description="How often it was tried.")
    next_try_at: datetime | None = strawberry.field(description="When it is tried again; null for a dead letter.")
    dead: bool = strawberry.field(description="Whether its tries are used up: it is sent again when somebody asks.")
    reason: str = strawberry.field(description="Why it was not taken the last time.")
    since: datetime = strawberry.field(description="Since when the appeal waits.")
    source_name: strawberry.Private[str]

    async def _source(self, info: Info) -> Source:
        return await source_named(info, self.source_name)

    source: Source = strawberry.field(resolver=_source, description="Where the appeal came from.")

    @classmethod
    def of(cls, parked: model.ParkedAppeal) -> "ParkedDelivery":
        return cls(
            change_number=ChangeNumber(parked.number),
            appeal_id=strawberry.ID(f"Appeal:{parked.appeal_id}"),
            external_id=parked.external_id,
            tries=parked.tries,
            next_try_at=parked.due_at,
            dead=parked.dead,
            reason=parked.reason,
            since=parked.since,
            source_name=parked.source,
        )


@strawberry.type(
    description="A system that is told what changes: an endpoint of connectors.yaml, or a source's `push`."
)
class Endpoint:
    name: str = strawberry.field(description="Its name in connectors.yaml.")
    title: str = strawberry.field(description="Its name for people.")
    state: EndpointState = strawberry.field(description="How it is doing.")
    reason: str | None = strawberry.field(description="Why it is sent nothing now; null while it is, or is paused.")
    waiting: int = strawberry.field(description="Changes of the log that it was not shown yet, wanted or not.")
    lag_seconds: int = strawberry.field(description="How old the oldest of these is; 0 without any.")
    parked: int = strawberry.field(description="Appeals of which it did not take a change, dead letters among them.")
    dead: int = strawberry.field(description="Dead letters: appeals whose change is no longer tried.")
    next_run_at: datetime | None = strawberry.field(
        description="When it is due again by the clock; null where the next change makes it due, or nothing does."
    )
    last_success_at: datetime | None = strawberry.field(description="When it last had everything; null before that.")
    source_name: strawberry.Private[str | None]

    async def _source(self, info: Info) -> Source | None:
        return await source_named(info, self.source_name) if self.source_name else None

    async def _waiting_deliveries(self, info: Info, first: First = _FEW) -> list[ParkedDelivery]:
        found = await info.context.reads.endpoints.parked(self.name, page_size("first", first))
        return [ParkedDelivery.of(one) for one in found]

    async def _dead_letters(self, info: Info, first: First = _FEW) -> list[ParkedDelivery]:
        found = await info.context.reads.endpoints.parked(self.name, page_size("first", first), dead=True)
        return [ParkedDelivery.of(one) for one in found]

    async def _last_attempts(self, info: Info, first: First = _FEW) -> list[DeliveryAttempt]:
        found = await info.context.reads.endpoints.attempts(self.name, page_size("first", first))
        return [DeliveryAttempt.of(one) for one in found]

    source: Source | None = strawberry.field(resolver=_source, description="The source whose system it is, if any.")
    parked_deliveries: list[ParkedDelivery] = strawberry.field(
        resolver=_waiting_deliveries,
        description="What it did not take, dead letters among it, the newest first.",
        directives=[_MOST],
    )
    dead_letters: list[ParkedDelivery] = strawberry.field(
        resolver=_dead_letters, description="Dead letters alone, the newest first.", directives=[_MOST]
    )
    last_attempts: list[DeliveryAttempt] = strawberry.field(
        resolver=_last_attempts,
        description="What was tried last, the newest first; a thousand are kept.",
        directives=[_MOST],
    )

    @classmethod
    def of(cls, health: model.EndpointHealth) -> "Endpoint":
        return cls(
            name=health.record.name,
            title=health.record.title,
            state=health.state,
            reason=health.reason,
            waiting=health.waiting,
            lag_seconds=health.lag_seconds,
            parked=health.parked,
            dead=health.dead_letters,
            next_run_at=health.next_run_at,
            last_success_at=health.last_success_at,
            source_name=health.record.source,
        )


async def endpoints(info: Info) -> list[Endpoint]:
    return [Endpoint.of(health) for health in await info.context.reads.endpoints.health() if health.active]
