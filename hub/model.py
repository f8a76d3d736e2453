"""The domain's words as frozen values: what travels between the modules, and nothing that acts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, NamedTuple, TypeAlias

Ticket: TypeAlias = dict[str, Any]
"""One record exactly as the source holds it, parsed from whatever carried it."""

BROKEN = "@broken"
"""The key under which a ticket that could not be read says why: it is kept, and rejected for that reason."""

HASH_SIZE = 16
"""Bytes of the hash that tells whether a ticket changed."""

Cursor: TypeAlias = dict[str, Any]
"""How far a source has been pulled: JSON, opaque to all but its connector."""


class Status(StrEnum):
    """Where an appeal stands: the twelve states of GB/T 33358-2016 practice, and UNKNOWN for a code nobody mapped."""

    RECEIVED = "RECEIVED"
    ACCEPTED = "ACCEPTED"
    REJECTED = "REJECTED"
    DISPATCHED = "DISPATCHED"
    IN_PROGRESS = "IN_PROGRESS"
    RETURNED = "RETURNED"
    SUSPENDED = "SUSPENDED"
    RESOLVED = "RESOLVED"
    REWORK = "REWORK"
    CLOSED = "CLOSED"
    MERGED = "MERGED"
    WITHDRAWN = "WITHDRAWN"
    UNKNOWN = "UNKNOWN"


class Kind(StrEnum):
    """What the resident wants (国办发〔2020〕53号, and 表扬 and 纠纷 as cities keep them)."""

    CONSULT = "CONSULT"
    HELP = "HELP"
    COMPLAINT = "COMPLAINT"
    REPORT = "REPORT"
    SUGGEST = "SUGGEST"
    PRAISE = "PRAISE"
    DISPUTE = "DISPUTE"
    OTHER = "OTHER"
    UNKNOWN = "UNKNOWN"


class Urgency(StrEnum):
    """How pressing: 特急 (24 hours), 紧急, 一般."""

    CRITICAL = "CRITICAL"
    URGENT = "URGENT"
    NORMAL = "NORMAL"
    UNKNOWN = "UNKNOWN"


class Channel(StrEnum):
    """How the resident reached the source (GB/T 33358-2016, and the city's own ways in)."""

    PHONE = "PHONE"
    WEB = "WEB"
    WECHAT_MINI = "WECHAT_MINI"
    APP = "APP"
    SMS = "SMS"
    MAIL = "MAIL"
    LETTER = "LETTER"
    VISIT = "VISIT"
    QR = "QR"
    GRID = "GRID"
    SENTINEL = "SENTINEL"
    PLATFORM_TRANSFER = "PLATFORM_TRANSFER"
    MEDIA = "MEDIA"
    EMAIL = "EMAIL"
    UNKNOWN = "UNKNOWN"


class Satisfaction(StrEnum):
    """What the resident thought of the result when asked."""

    SATISFIED = "SATISFIED"
    BASIC = "BASIC"
    DISSATISFIED = "DISSATISFIED"
    UNREACHED = "UNREACHED"
    NONE = "NONE"
    UNKNOWN = "UNKNOWN"


class SourceClass(StrEnum):
    """A source is a government hotline or a convenience platform; a register is pulled alike and gives no appeals.

    The hub itself is neither: what is submitted to it is counted among no city's systems.
    """

    HOTLINE = "hotline"
    PLATFORM = "platform"
    REGISTER = "register"
    HUB = "hub"


class Integration(StrEnum):
    """How a hotline joined 12345 (国办发〔2020〕53号): 归并主体, 整体并入, 双号并行, 设分中心."""

    INTEGRATOR = "integrator"
    ABSORBED = "absorbed"
    DUAL_NUMBER = "dual_number"
    SUB_CENTRE = "sub_centre"


class TicketState(StrEnum):
    """The three states of a landed ticket; a rejected ticket is the dead letter."""

    PENDING = "pending"
    SERVED = "served"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Page:
    """Tickets, and the cursor after them. `total` is the source's own guess of all there is to pull, for progress.

    `digest` stands for all that the tickets were read from, where a connector can tell; empty where it cannot.
    """

    tickets: Sequence[Ticket]
    cursor: Cursor
    total: int | None = None
    digest: bytes = b""


@dataclass(slots=True)
class Event:
    """One step in the life of an appeal, as its source tells it: who did or said what, and when.

    `at` is aware UTC; None where the source gives no time. `status_text` holds the source's own word for `status`.
    """

    at: datetime | None = None
    text: str | None = None
    by: str | None = None
    status: Status | None = None
    status_text: str | None = None


@dataclass
class Appeal:
    """The one record served, keyed by (source, external_id).

    Times are aware UTC. `location_point` is (longitude, latitude) in WGS-84 degrees. `status_text` and its like hold
    the source's own word wherever a code table stood between. Not frozen and without slots: one is made and written as
    JSON for every ticket; a frozen dataclass costs three times as much to make, one with slots twice as much to write.
    """

    source: str
    external_id: str
    title: str
    status: Status
    created_at: datetime
    updated_at: datetime
    appeal_no: str | None = None
    kind: Kind = Kind.OTHER
    kind_text: str | None = None
    topic: str | None = None
    content: str | None = None
    status_text: str | None = None
    status_note: str | None = None
    urgency: Urgency = Urgency.NORMAL
    urgency_text: str | None = None
    channel: Channel = Channel.UNKNOWN
    channel_text: str | None = None
    origin_hotline: str | None = None
    is_secret: bool = False
    reporter_name: str | None = None
    reporter_phone: str | None = None
    respondent: str | None = None
    area: str | None = None
    grid: str | None = None
    location_address: str | None = None
    location_point: tuple[float, float] | None = None
    lead_org: str | None = None
    co_orgs: list[str] = field(default_factory=list)
    dispatched_at: datetime | None = None
    due_at: datetime | None = None
    closed_at: datetime | None = None
    result: str | None = None
    public_reply: str | None = None
    is_resolved: bool | None = None
    satisfaction: Satisfaction = Satisfaction.NONE
    satisfaction_text: str | None = None
    duplicate_of: str | None = None
    support_count: int | None = None
    attachments: list[str] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    attributes: dict[str, Any] = field(default_factory=dict)


@dataclass
class Entry:
    """One row of a register, keyed by (register, external_id): an organization, an area, a building's code, a person.

    Registers are what appeals refer to, and never count as tickets. `parent` is the external id of the entry above.
    """

    register: str
    external_id: str
    name: str
    kind: str | None = None
    parent: str | None = None
    area: str | None = None
    grid: str | None = None
    location_address: str | None = None
    location_point: tuple[float, float] | None = None
    contact: str | None = None
    phone: str | None = None
    active: bool = True
    attributes: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StoredAppeal:
    """An appeal as the store serves it: the hub's own `id`, its `version` (1, 2, …), and when it was written."""

    id: int
    version: int
    first_served_at: datetime
    last_served_at: datetime
    appeal: Appeal


class LandedTicket(NamedTuple):
    """A ticket on its way: `raw` is its JSON, `hash` tells whether it changed, `external_id` names it in its source.

    `version` tells which of two pushed states is newer; what is pulled has none. A tuple, as a frozen dataclass takes
    four times as long to make, and one is made for every ticket.
    """

    external_id: str
    raw: bytes
    hash: bytes
    ticket: Ticket
    version: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why one landed ticket does not read as an appeal, and at which of the appeal's fields."""

    external_id: str
    hash: bytes
    reason: str
    field: str


@dataclass(frozen=True, slots=True)
class RejectedTicket:
    """A ticket set aside, as people look at it: what came, why it was refused, since when."""

    id: int
    source: str
    external_id: str
    reason: str
    field: str
    raw: str
    landed_at: datetime
    rejected_at: datetime


class DriftKind(StrEnum):
    """How the tickets of a source came to differ from what was usual."""

    FIELD_GONE = "field_gone"
    FIELD_NEW = "field_new"
    KIND_CHANGED = "kind_changed"
    WORD_UNKNOWN = "word_unknown"


@dataclass(frozen=True, slots=True)
class Drift:
    """One way in which tickets differ from before: which field, which word or kinds, in how many tickets."""

    kind: DriftKind
    field: str
    word: str
    tickets: int
    source: str = ""
    first_at: datetime | None = None
    last_at: datetime | None = None


ONE_STOP = "one_stop"
"""The source of what is submitted to the hub, and the origin of what is done there; no entry can have this name."""


class Action(StrEnum):
    """What a person may do to an appeal at the hub."""

    SUBMIT = "SUBMIT"
    ACCEPT = "ACCEPT"
    REJECT = "REJECT"
    DISPATCH = "DISPATCH"
    START = "START"
    RETURN = "RETURN"
    TRANSFER = "TRANSFER"
    SUSPEND = "SUSPEND"
    RESOLVE = "RESOLVE"
    CLOSE = "CLOSE"
    REOPEN = "REOPEN"
    WITHDRAW = "WITHDRAW"
    MERGE = "MERGE"
    SPLIT = "SPLIT"
    COMMENT = "COMMENT"
    RATE = "RATE"
    EXTEND = "EXTEND"
    URGE = "URGE"
    SUPERVISE = "SUPERVISE"


class Scope(StrEnum):
    """What a caller of the API may do. Every key may read."""

    APPEALS_READ = "appeals:read"
    APPEALS_WRITE = "appeals:write"
    SOURCES_MANAGE = "sources:manage"
    SCHEMA_READ = "schema:read"


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """A key as it is kept: all but the key itself, of which `digest` is the SHA-256.

    Several may have one `name`, the one that the log knows its holder by: that is how one takes another's place.
    """

    id: str
    name: str
    digest: bytes
    scopes: frozenset[Scope]
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    used_at: datetime | None = None


class ChangeType(StrEnum):
    """What a change says happened."""

    CREATED = "appeal.created"
    STATUS_CHANGED = "appeal.status_changed"
    UPDATED = "appeal.updated"
    COMMENTED = "appeal.commented"
    RATED = "appeal.rated"
    EXTENDED = "appeal.extended"
    URGED = "appeal.urged"
    SUPERVISED = "appeal.supervised"


@dataclass(frozen=True, slots=True)
class Change:
    """One entry of the append-only log. `number` is its id everywhere; `origin` the source it came from.

    `source` is the one whose appeal it is: another than `origin` where something was done at the hub. `fields` maps
    each field that changed to [before, after], as JSON; empty for a creation. What was done at the hub has an `action`,
    the `actor` who did it, and what was said with it: a `note`, an `organization`.
    """

    number: int
    appeal_id: int
    version: int
    type: ChangeType
    origin: str
    at: datetime
    fields: Mapping[str, Any]
    action: Action | None = None
    actor: str | None = None
    note: str | None = None
    organization: str | None = None
    source: str = ""


@dataclass(frozen=True, slots=True)
class EndpointRecord:
    """What the store knows of one endpoint besides its deliveries; `source` is the system behind it, where it is one.

    `from_start`: a new endpoint is sent the whole log; else only what happens from now on.
    """

    name: str
    title: str
    source: str | None = None
    from_start: bool = False


@dataclass(frozen=True, slots=True)
class Delivery:
    """One change for one endpoint; `appeal` is the appeal as it reads now, field by field as JSON has it.

    `tries` counts the attempts before. `again`: somebody asked to have it sent once more. `remote_id` is what the
    endpoint's system calls the appeal, where it said so.
    """

    change: Change
    appeal: Mapping[str, Any]
    tries: int = 0
    again: bool = False
    remote_id: str | None = None
    is_test: bool = False
    """Nothing happened: somebody wants to see whether the endpoint takes what it is sent."""


class Outcome(StrEnum):
    """What became of one attempt."""

    DELIVERED = "delivered"
    REFUSED = "refused"
    """The endpoint understood, and said no: of another try little is to be hoped."""
    FAILED = "failed"
    """The endpoint was away, slow or in trouble."""
    BUSY = "busy"
    """The endpoint asks for patience: that is no fault of the change."""
    GONE = "gone"
    """The endpoint wants nothing more (410)."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to deliver one change, and what became of it.

    `request` and `answer` are excerpts for people, personal numbers and secrets masked; `address` is where it went.
    """

    number: int
    appeal_id: int
    tries: int
    at: datetime
    outcome: Outcome
    took: timedelta = timedelta()
    status: int | None = None
    reason: str = ""
    request: str = ""
    answer: str = ""
    address: str = ""
    retry_after: timedelta | None = None
    remote_id: str | None = None


class EndpointState(StrEnum):
    """How an endpoint is doing."""

    WELL = "well"
    WAITING = "waiting"
    """Left alone for a while: it failed for every change, or asked for patience."""
    PAUSED = "paused"
    """Somebody stopped it."""
    DISABLED = "disabled"
    """It said that it wants nothing more; or connectors.yaml says so, or no longer names it."""


@dataclass(frozen=True, slots=True)
class EndpointHealth:
    """How an endpoint is doing: what waits for it, since when, and why."""

    record: EndpointRecord
    state: EndpointState
    reason: str | None
    waiting: int
    """Changes of the log that it has not been shown yet, whether it wants them or not."""
    waiting_since: datetime | None
    parked: int
    dead_letters: int
    next_run_at: datetime | None
    last_success_at: datetime | None
    delivered: int
    """Of its last attempts, those that went well."""
    failed: int
    lag_seconds: int = 0
    active: bool = True
    """Whether connectors.yaml names it."""


@dataclass(frozen=True, slots=True)
class ParkedAppeal:
    """An appeal whose change an endpoint did not take; a dead letter where nobody tries again by itself."""

    endpoint: str
    appeal_id: int
    source: str
    external_id: str
    number: int
    tries: int
    due_at: datetime | None
    dead: bool
    reason: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Selection:
    """Which deliveries to send again: every key given must hold. Of dead letters, or of all changes where `delivered`.

    Numbers and times hold their first and exclude their last.
    """

    numbers: tuple[int, int] | None = None
    since: datetime | None = None
    until: datetime | None = None
    source: str | None = None
    appeal_id: int | None = None
    delivered: bool = False


@dataclass(slots=True)
class Tally:
    """What one run did, in tickets. `repeated` counts ids that came again in one page (the later won)."""

    landed: int = 0
    served: int = 0
    unchanged: int = 0
    rejected: int = 0
    repeated: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            self.landed + other.landed,
            self.served + other.served,
            self.unchanged + other.unchanged,
            self.rejected + other.rejected,
            self.repeated + other.repeated,
        )


@dataclass(frozen=True, slots=True)
class SourceRecord:
    """What the store knows of one source, besides its tickets; inactive once connectors.yaml no longer holds it.

    `alias_of` names the hotline that answers today when people dial this one's number.
    """

    name: str
    title: str
    source_class: SourceClass
    integration: Integration | None = None
    department: str | None = None
    connector: str = ""
    alias_of: str | None = None
    active: bool = True
    configuration_error: str | None = None
    """Why what stands in connectors.yaml now is not in use; the source works as it was last good."""


class Degradation(StrEnum):
    """Why the appeals of a source may be older here than there."""

    PAUSED = "PAUSED"
    MISCONFIGURED = "MISCONFIGURED"
    FAILING = "FAILING"
    NEVER_PULLED = "NEVER_PULLED"
    LATE = "LATE"


@dataclass(frozen=True, slots=True)
class DegradedSource:
    """A source that may be behind, and when it was last known not to be; None when it never was."""

    record: SourceRecord
    why: Degradation
    since: datetime | None


@dataclass(frozen=True, slots=True)
class Lane:
    """One claim on one lane: whoever holds the highest `fence` may write. `cursor` is None before the first page."""

    name: str
    fence: int
    cursor: Cursor | None
    failures: int = 0


@dataclass(frozen=True, slots=True)
class SourceHealth:
    """How a source is doing: the last run, what is in store, and what is due next."""

    record: SourceRecord
    last_run_at: datetime | None
    last_success_at: datetime | None
    next_run_at: datetime | None
    running: bool
    paused: bool
    failures: int
    last_error: str | None
    last_error_at: datetime | None
    last_tally: Tally
    landed: int
    served: int
    rejected: int
    pending: int
    newest_at: datetime | None
