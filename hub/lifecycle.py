"""What may be done to an appeal, and what that makes of it. Pure: no database, no clock.

The states and the ways between them are those of GB/T 33358-2016 practice as cities keep them; 退单, 改派 and 并单
are those of 国办函〔2025〕66号.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from hub.errors import ActionRefused
from hub.model import Action, Appeal, Satisfaction, Status

WAYS: Mapping[Status, frozenset[Status]] = {
    Status.RECEIVED: frozenset({Status.ACCEPTED, Status.REJECTED, Status.MERGED, Status.WITHDRAWN}),
    Status.ACCEPTED: frozenset({Status.DISPATCHED, Status.RESOLVED, Status.MERGED, Status.REJECTED, Status.WITHDRAWN}),
    Status.DISPATCHED: frozenset({Status.IN_PROGRESS, Status.RETURNED, Status.WITHDRAWN}),
    Status.IN_PROGRESS: frozenset(
        {
            Status.RESOLVED,
            Status.RETURNED,
            Status.SUSPENDED,
            Status.DISPATCHED,
            Status.MERGED,
            Status.WITHDRAWN,
        }
    ),
    Status.RETURNED: frozenset({Status.DISPATCHED, Status.REJECTED, Status.IN_PROGRESS}),
    Status.SUSPENDED: frozenset({Status.IN_PROGRESS, Status.WITHDRAWN}),
    Status.RESOLVED: frozenset({Status.CLOSED, Status.REWORK}),
    Status.REWORK: frozenset({Status.DISPATCHED, Status.IN_PROGRESS}),
    Status.CLOSED: frozenset({Status.REWORK}),
    Status.REJECTED: frozenset({Status.ACCEPTED}),
    Status.MERGED: frozenset({Status.ACCEPTED}),
    Status.WITHDRAWN: frozenset(),
    # What a source's word means here, nobody knows: so nobody knows what may follow it.
    Status.UNKNOWN: frozenset(),
}
"""From each status, those that may follow."""

OPEN = frozenset(
    {
        Status.RECEIVED,
        Status.ACCEPTED,
        Status.DISPATCHED,
        Status.IN_PROGRESS,
        Status.RETURNED,
        Status.SUSPENDED,
        Status.REWORK,
        Status.UNKNOWN,
    }
)
"""Where somebody still has to do something."""

_ENDED = frozenset({Status.RESOLVED, Status.CLOSED})


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be done, by whom and when, and what that takes; what an action does not take stays None.

    `into` is the appeal that another is merged into. `at` is aware UTC.
    """

    action: Action
    at: datetime
    by: str
    note: str | None = None
    organization: str | None = None
    co_organizations: tuple[str, ...] | None = None
    due_at: datetime | None = None
    result: str | None = None
    public_reply: str | None = None
    satisfaction: Satisfaction | None = None
    is_resolved: bool | None = None
    into: Appeal | None = None


@dataclass(frozen=True, slots=True)
class _Rule:
    """From where an action may be taken, where it leads (None: nowhere else), and what it writes."""

    within: frozenset[Status]
    to: Status | None = None
    writes: Callable[[Wish, Appeal], Mapping[str, Any]] = field(default=lambda _wish, _appeal: {})


def allowed(status: Status) -> tuple[Action, ...]:
    """The actions that an appeal of this status allows, in the order of their lists."""
    return tuple(action for action, rule in _RULES.items() if status in rule.within)


def act(wish: Wish, appeal: Appeal) -> Appeal:
    """What an action makes of an appeal. Raises ActionRefused, naming what would be allowed."""
    rule = _RULES[wish.action]
    if appeal.status not in rule.within:
        options = allowed(appeal.status)
        raise ActionRefused(
            "INVALID_TRANSITION",
            f"an appeal that is {appeal.status} does not allow {wish.action}; it allows "
            f"{', '.join(options) or 'nothing'}",
            path=("id",),
            status=appeal.status,
            allowed=list(options),
        )
    fields = dict(rule.writes(wish, appeal))
    if rule.to is not None:
        # The source's own word was for the status before.
        fields |= {"status": rule.to, "status_text": None, "status_note": wish.note}
    return replace(appeal, **fields, updated_at=max(appeal.updated_at, wish.at))


def _leading(*statuses: Status) -> frozenset[Status]:
    """Every status from which one of these may follow."""
    return frozenset(start for start, ends in WAYS.items() if ends.intersection(statuses))


def _dispatch(wish: Wish, appeal: Appeal) -> dict[str, Any]:
    co_organizations = appeal.co_orgs if wish.co_organizations is None else list(wish.co_organizations)
    return {
        "lead_org": wish.organization,
        "co_orgs": co_organizations,
        "dispatched_at": wish.at,
        "due_at": wish.due_at or appeal.due_at,
    }


def _resolve(wish: Wish, appeal: Appeal) -> dict[str, Any]:
    return {"result": wish.result, "public_reply": wish.public_reply or appeal.public_reply}


def _close(wish: Wish, _: Appeal) -> dict[str, Any]:
    return {"closed_at": wish.at}


def _reopen(_wish: Wish, _appeal: Appeal) -> dict[str, Any]:
    return {"closed_at": None, "is_resolved": None, "satisfaction": Satisfaction.NONE}


def _merge(wish: Wish, appeal: Appeal) -> dict[str, Any]:
    into = wish.into
    if into is None:
        raise ActionRefused("NOT_FOUND", "there is no appeal to merge into", path=("into",))
    if (into.source, into.external_id) == (appeal.source, appeal.external_id):
        raise ActionRefused("INVALID_INPUT", "an appeal cannot be merged into itself", path=("into",))
    if into.status not in OPEN:
        raise ActionRefused(
            "INVALID_INPUT", f"the appeal to merge into is {into.status}: nobody handles it any more", path=("into",)
        )
    return {"duplicate_of": into.external_id if into.source == appeal.source else f"{into.source}:{into.external_id}"}


def _split(_wish: Wish, _appeal: Appeal) -> dict[str, Any]:
    return {"duplicate_of": None}


def _rate(wish: Wish, _: Appeal) -> dict[str, Any]:
    return {"satisfaction": wish.satisfaction, "is_resolved": wish.is_resolved}


def _extend(wish: Wish, appeal: Appeal) -> dict[str, Any]:
    """延期 is asked for before the deadline, and moves it back."""
    if appeal.due_at is None:
        raise ActionRefused("INVALID_INPUT", "the appeal has no deadline to extend", path=("id",))
    if appeal.due_at < wish.at:
        raise ActionRefused("INVALID_INPUT", "the deadline has passed: it can no longer be extended", path=("id",))
    if wish.due_at is None or wish.due_at <= appeal.due_at:
        raise ActionRefused("INVALID_INPUT", "the new deadline must lie after the present one", path=("dueAt",))
    return {"due_at": wish.due_at}


_RULES: Mapping[Action, _Rule] = {
    Action.ACCEPT: _Rule(frozenset({Status.RECEIVED, Status.REJECTED}), Status.ACCEPTED),
    Action.REJECT: _Rule(_leading(Status.REJECTED), Status.REJECTED),
    Action.DISPATCH: _Rule(frozenset({Status.ACCEPTED, Status.RETURNED, Status.REWORK}), Status.DISPATCHED, _dispatch),
    Action.START: _Rule(_leading(Status.IN_PROGRESS), Status.IN_PROGRESS),
    Action.RETURN: _Rule(_leading(Status.RETURNED), Status.RETURNED),
    Action.TRANSFER: _Rule(frozenset({Status.IN_PROGRESS}), Status.DISPATCHED, _dispatch),
    Action.SUSPEND: _Rule(_leading(Status.SUSPENDED), Status.SUSPENDED),
    Action.RESOLVE: _Rule(_leading(Status.RESOLVED), Status.RESOLVED, _resolve),
    Action.CLOSE: _Rule(_leading(Status.CLOSED), Status.CLOSED, _close),
    Action.REOPEN: _Rule(_leading(Status.REWORK), Status.REWORK, _reopen),
    Action.WITHDRAW: _Rule(_leading(Status.WITHDRAWN), Status.WITHDRAWN),
    Action.MERGE: _Rule(_leading(Status.MERGED), Status.MERGED, _merge),
    Action.SPLIT: _Rule(frozenset({Status.MERGED}), Status.ACCEPTED, _split),
    Action.COMMENT: _Rule(frozenset(Status)),
    Action.RATE: _Rule(_ENDED, writes=_rate),
    Action.EXTEND: _Rule(OPEN, writes=_extend),
    Action.URGE: _Rule(OPEN),
    Action.SUPERVISE: _Rule(OPEN),
}
