"""What can be changed: each mutation turns its input into one wish; the lifecycle decides, the store writes it once."""

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar, cast

import orjson
import strawberry

from hub.errors import ActionRefused
from hub.lifecycle import Wish, act
from hub.model import ONE_STOP, Action, Appeal, Scope, Status
from hub.schema.context import Info
from hub.schema.endpoint_mutations import EndpointPayload, pause_endpoint, replay_deliveries, resume_endpoint
from hub.schema.ids import read_id
from hub.schema.mutation_inputs import (
    AcceptAppealInput,
    ActionInput,
    CloseAppealInput,
    CommentOnAppealInput,
    DispatchAppealInput,
    ExtendAppealInput,
    MergeAppealInput,
    RateAppealInput,
    RejectAppealInput,
    ReopenAppealInput,
    ReplayTicketsInput,
    ResolveAppealInput,
    ReturnAppealInput,
    SourceInput,
    SplitAppealInput,
    StartAppealInput,
    SubmitAppealInput,
    SuperviseAppealInput,
    SuspendAppealInput,
    TransferAppealInput,
    UrgeAppealInput,
    WithdrawAppealInput,
    check_input,
)
from hub.schema.outcomes import AppealActed, AppealPayload, NotFound, SourceActed, SourcePayload, refusal
from hub.schema.types import Appeal as AppealType
from hub.schema.types import AppealWanted, Change, source_named
from hub.store.actions import Done, Request
from hub.store.lanes import source_lane
from hub.store.store import Store

_T = TypeVar("_T", bound=ActionInput)
_SAME = ("organization", "co_organizations", "due_at", "result", "public_reply", "satisfaction", "is_resolved")


def _store(info: Info) -> Store:
    if info.context.store is None:
        raise RuntimeError("this schema is executed without a store, and changes nothing")
    return info.context.store


def _given(value: Any) -> Any:
    """What a client gave; None for what it left out."""
    return None if value is strawberry.UNSET else value


def _request(action: Action, by: str, given: Any) -> Request:
    said = {each.name: _given(getattr(given, each.name)) for each in fields(given)}
    digest = hashlib.blake2b(orjson.dumps([action, said], default=str), digest_size=16).digest()
    note, organization = said.get("note"), said.get("organization")
    return Request(by, given.client_mutation_id, digest, action, note, organization)


def _number(identity: str, path: str) -> int:
    wanted = read_id(identity)
    if wanted is None or wanted.type != "Appeal" or not isinstance(wanted.key, int):
        raise ActionRefused("NOT_FOUND", "there is no such appeal", path=(path,))
    return wanted.key


async def _acted(info: Info, action: Action, given: ActionInput) -> AppealPayload:
    """Do it, and answer what became of it. Raises QueryError for whoever may not."""
    by = info.context.viewer.require(Scope.APPEALS_WRITE)
    appeal_id: int | None = None
    try:
        check_input(given)
        appeal_id = _number(given.id, "id")
        other = _given(getattr(given, "into", None))
        done = await _store(info).actions.act(
            _request(action, by, given),
            appeal_id,
            lambda before, into: act(_wish(action, by, given, into), before),
            version=_given(given.expected_version),
            other=_number(other, "into") if other else None,
        )
    except ActionRefused as refused:
        return refusal(refused, _appeal(appeal_id) if appeal_id else None)
    return await _success(info, done, given.client_mutation_id)


def _wish(action: Action, by: str, given: ActionInput, into: Appeal | None) -> Wish:
    wish = Wish(action, datetime.now(UTC), by, _given(given.note), into=into)
    known = {name: _given(getattr(given, name)) for name in _SAME if hasattr(given, name)}
    return replace(wish, **known)


async def _success(info: Info, done: Done, key: str) -> AppealActed:
    change = (await info.context.reads.changes_by_number([done.number]))[done.number]
    return AppealActed(
        appeal=_appeal(done.appeal_id),
        change=Change.of(change),
        client_mutation_id=key,
        repeated=done.repeated,
    )


def _appeal(appeal_id: int) -> AppealType:
    """A description of the appeal, which the executor turns into it."""
    return cast("AppealType", AppealWanted(appeal_id))


def _doing(action: Action, kind: type[_T]) -> Callable[..., Awaitable[AppealPayload]]:
    """A resolver for one action, which takes one kind of input."""

    async def resolve(info: Info, input: ActionInput) -> AppealPayload:  # noqa: A002  # the argument's name in the API
        return await _acted(info, action, input)

    resolve.__annotations__["input"] = Annotated[kind, strawberry.argument(description="To which appeal, and how.")]
    return resolve


async def submit_appeal(
    info: Info,
    input: Annotated[SubmitAppealInput, strawberry.argument(description="The appeal.")],  # noqa: A002  # as above
) -> AppealPayload:
    by = info.context.viewer.require(Scope.APPEALS_WRITE)
    try:
        check_input(input)
        done = await _store(info).actions.submit(_request(Action.SUBMIT, by, input), input.raw(), _submitted(input))
    except ActionRefused as refused:
        return refusal(refused, None)
    return await _success(info, done, input.client_mutation_id)


def _submitted(given: SubmitAppealInput) -> Appeal:
    now = datetime.now(UTC)
    longitude, latitude = _given(given.longitude), _given(given.latitude)
    point = None if longitude is None or latitude is None else (longitude, latitude)
    same = {
        each.name: value
        for each in fields(Appeal)
        if hasattr(given, each.name) and (value := _given(getattr(given, each.name))) is not None
    }
    located = {"location_address": _given(given.address), "location_point": point}
    # Its id is given by the store.
    whole = {"source": ONE_STOP, "external_id": "", "status": Status.RECEIVED, "created_at": now, "updated_at": now}
    return Appeal(**{**same, **located, **whole})


async def _managed(
    info: Info, given: SourceInput | ReplayTicketsInput, work: Callable[[Store, str], Awaitable[int | None]]
) -> SourcePayload:
    info.context.viewer.require(Scope.SOURCES_MANAGE)
    store = _store(info)
    record = (await store.reads.source_records()).get(given.source)
    if record is None or not record.active:
        unknown = ActionRefused("NOT_FOUND", "connectors.yaml names no such source", path=("source",))
        return cast("NotFound", refusal(unknown, None))
    tickets = await work(store, given.source)
    return SourceActed(source=await source_named(info, given.source), tickets=tickets)


Named = Annotated[SourceInput, strawberry.argument(description="Which source or register.")]


async def sync_source(info: Info, input: Named) -> SourcePayload:  # noqa: A002  # as above
    return await _managed(info, input, lambda store, name: store.lanes.wake([name]))


async def pause_source(info: Info, input: Named) -> SourcePayload:  # noqa: A002  # as above
    return await _managed(info, input, lambda store, name: store.lanes.pause(source_lane(name)))


async def resume_source(info: Info, input: Named) -> SourcePayload:  # noqa: A002  # as above
    return await _managed(info, input, lambda store, name: store.lanes.resume(source_lane(name)))


async def replay_tickets(
    info: Info,
    input: Annotated[ReplayTicketsInput, strawberry.argument(description="Which tickets.")],  # noqa: A002  # as above
) -> SourcePayload:
    async def work(store: Store, name: str) -> int:
        if input.dry_run:
            return await store.tickets.replayable(name, served=input.served)
        rejected = await store.tickets.replay(name)
        served = await store.tickets.replay_served(name) if input.served else 0
        if served:
            await store.lanes.wake([name])
        return rejected + served

    return await _managed(info, input, work)


@strawberry.type(description="What can be changed. Needs a key; each mutation is done once for its `clientMutationId`.")
class Mutation:
    submit_appeal: AppealPayload = strawberry.mutation(
        resolver=submit_appeal, description="提交: make an appeal of the hub's own."
    )
    accept_appeal: AppealPayload = strawberry.mutation(
        resolver=_doing(Action.ACCEPT, AcceptAppealInput), description="受理: accept an appeal for handling."
    )
    reject_appeal: AppealPayload = strawberry.mutation(
        resolver=_doing(Action.REJECT, RejectAppealInput), description="不予受理: do not accept an appeal."
    )
    dispatch_appeal: AppealPayload = strawberry.mutation(
        resolver=_doing(Action.DISPATCH, DispatchAppealInput),
        description="派单: send an appeal to an organization, which is in charge from then on.",
    )
    start_appeal: AppealPayload = strawberry.mutation(
        resolver=_doing(Action.START, StartAppealInput),
        description="签收: begin to handle an appeal, or go on after it was suspended, returned or opened again.",
    )
    return_appeal: AppealPayload = strawberry.mutation(
        resolver=_doing(Action.RETURN, ReturnAppealInput),
        description="退单: send an appeal back, and propose who should have it.",
    )
    transfer_appeal: AppealPayload = strawberry.mutation(
        resolver=_doing(Action.TRANSFER, TransferAppealInput),
        description="改派: send an appeal to another organization while it is handled.",
    )
    suspend_appeal: AppealPayload = strawberry.mutation(
        resolver=_doing(Action.SUSPEND, SuspendAppealInput), description="挂起: wait for something outside."
    )
    resolve_appeal: AppealPayload = strawberry.mutation(
        resolver=_doing(Action.RESOLVE, ResolveAppealInput), description="办结: say what was done about an appeal."
    )
    close_appeal: AppealPayload = strawberry.mutation(
        resolver=_doing(Action.CLOSE, CloseAppealInput), description="归档: close an appeal after review."
    )
    reopen_appeal: AppealPayload = strawberry.mutation(
        resolver=_doing(Action.REOPEN, ReopenAppealInput), description="重新办理: have an appeal handled anew."
    )
    withdraw_appeal: AppealPayload = strawberry.mutation(
        resolver=_doing(Action.WITHDRAW, WithdrawAppealInput),
        description="撤诉: take an appeal back for the resident.",
    )
    merge_appeal: AppealPayload = strawberry.mutation(
        resolver=_doing(Action.MERGE, MergeAppealInput),
        description="并单: handle an appeal together with another that says the same.",
    )
    split_appeal: AppealPayload = strawberry.mutation(
        resolver=_doing(Action.SPLIT, SplitAppealInput), description="拆单: handle a merged appeal by itself again."
    )
    comment_on_appeal: AppealPayload = strawberry.mutation(
        resolver=_doing(Action.COMMENT, CommentOnAppealInput), description="批注: say something about an appeal."
    )
    rate_appeal: AppealPayload = strawberry.mutation(
        resolver=_doing(Action.RATE, RateAppealInput), description="评价: say what the resident thinks of the result."
    )
    extend_appeal: AppealPayload = strawberry.mutation(
        resolver=_doing(Action.EXTEND, ExtendAppealInput),
        description="延期: move an appeal's deadline back, before it has passed.",
    )
    urge_appeal: AppealPayload = strawberry.mutation(
        resolver=_doing(Action.URGE, UrgeAppealInput), description="催办: urge whoever is in charge of an appeal."
    )
    supervise_appeal: AppealPayload = strawberry.mutation(
        resolver=_doing(Action.SUPERVISE, SuperviseAppealInput), description="督办: put an appeal under supervision."
    )
    sync_source: SourcePayload = strawberry.mutation(
        resolver=sync_source, description="Have a source pulled now, by whichever worker is free; as `hub sync` does."
    )
    pause_source: SourcePayload = strawberry.mutation(
        resolver=pause_source, description="Stop a source's schedule; a run under way goes on to its end."
    )
    resume_source: SourcePayload = strawberry.mutation(
        resolver=resume_source, description="Go on with a source's schedule, at once."
    )
    replay_tickets: SourcePayload = strawberry.mutation(
        resolver=replay_tickets, description="Read tickets of a source again, as `hub replay` does."
    )
    pause_endpoint: EndpointPayload = strawberry.mutation(
        resolver=pause_endpoint, description="Send an endpoint nothing; what changes meanwhile waits."
    )
    resume_endpoint: EndpointPayload = strawberry.mutation(
        resolver=resume_endpoint, description="Go on sending, at once, whatever stopped it."
    )
    replay_deliveries: EndpointPayload = strawberry.mutation(
        resolver=replay_deliveries,
        description="Send an endpoint its dead letters again, or what it had, as `hub replay-deliveries` does.",
    )
