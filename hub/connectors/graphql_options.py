"""Say what connectors.yaml may hold about a GraphQL source."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field, SecretStr, model_validator

from hub.connectors.auth import Auth
from hub.connectors.base import Limits, Options, Retry
from hub.connectors.http import Tls
from hub.connectors.paging import ByCursor, ByLast, ByOffset, ByPage, OnePage
from hub.connectors.paths import Path
from hub.connectors.since import Since
from hub.connectors.urls import Url

PERSISTED = "persistedQuery"
"""The extension by which a source knows a document without being sent it."""


class RelaySize(Options):
    send: str = "first"
    """The variable that carries the page size."""
    value: int = Field(100, ge=1, le=100_000)
    """How many tickets to ask for at once."""


class ByRelay(Options):
    """The list is a connection as Relay has it: `pageInfo { hasNextPage endCursor }` beside `nodes` or `edges`."""

    by: Literal["relay"]
    connection: Path | None = None
    """Where the answer holds it, such as `data.tickets`; left out, it is the one that the query asks `pageInfo` of."""
    send: str = "after"
    """The variable that carries the cursor."""
    size: RelaySize | None = None
    """The page size to ask for, and the variable that carries it."""
    keep: bool = False
    """The cursor stays good between runs: the next run goes on from it, and `since` is sent only without one."""


GraphQLPaging: TypeAlias = Annotated[
    ByRelay | ByCursor | ByPage | ByOffset | ByLast | OnePage, Field(discriminator="by")
]


class Document(Options):
    """A query, and which one of its document it is."""

    query: str | None = None
    """The query, as a block of text, or `file:NAME`, a file beside connectors.yaml that holds it."""
    operation: str | None = None
    """The operation to ask for, where the document holds several."""
    extensions: Mapping[str, Any] = {}
    """What goes along under `extensions`; with a `persistedQuery` in it, the query itself stays at home."""


class GraphQLDetail(Document):
    """One more query for each ticket, joined to it under a name."""

    variables: Mapping[str, Path] = Field(min_length=1)
    """Its variables, and where the ticket holds what they carry; a ticket without one of them is not asked about."""
    into: str = "detail"
    """The name under which the answer is joined."""
    only_if: Path | None = None
    """Ask only for tickets where this is neither missing, empty, false nor 0."""
    records: Path | None = None
    """Where the answer holds the detail; left out, it is the only field of the query."""


class GraphQLErrors(Options):
    """What the `errors` of an answer mean; codes are compared whatever their case."""

    code: Path = "extensions.code || extensions.classification || errorType || type"
    """Where an error holds its code."""
    retry: Sequence[str] = (
        *("RATE_LIMITED", "RATE_LIMIT_EXCEEDED", "THROTTLED", "TOO_MANY_REQUESTS"),
        *("SERVICE_UNAVAILABLE", "UNAVAILABLE", "TIMEOUT", "GATEWAY_TIMEOUT"),
        *("INTERNAL_SERVER_ERROR", "INTERNAL_ERROR", "INTERNAL"),
    )
    """Codes worth asking again for."""
    expired: Sequence[str] = ("UNAUTHENTICATED", "UNAUTHORIZED", "TOKEN_EXPIRED", "INVALID_TOKEN")
    """Codes that say the token is no longer good: logs in again, once a run."""
    partial: Literal["refuse", "keep"] = "refuse"
    """What to do with data that comes beside errors: some of its fields are null only because they failed."""


class GraphQLOptions(Document):
    url: Url
    """The endpoint."""
    method: Literal["POST", "GET"] = "POST"
    """How it is asked."""
    variables: Mapping[str, Any] = {}
    """Variables that every question carries; never quoted in an error."""
    headers: Mapping[str, SecretStr] = {}
    """Headers that every question carries; never shown."""
    records: Path | None = None
    """Where the answer holds the tickets, such as `data.tickets`; left out, what `page: {by: relay}` walks."""
    page: GraphQLPaging | None = None
    """How the list is paged; `send` names a variable, dots lead into it, such as `filter.offset`."""
    since: Since | None = None
    """How to ask only for what is new; `send` names a variable, such as `filter.updatedAfter`."""
    detail: GraphQLDetail | list[GraphQLDetail] = Field(default_factory=list)
    """One more query for each ticket, or several, one after the other: each can name what those before have joined."""
    errors: GraphQLErrors = GraphQLErrors()
    """What the errors of an answer mean."""
    auth: Auth | None = None
    """How the hub proves who it is."""
    tls: Tls = Tls()
    """Whose certificates to trust."""
    limits: Limits = Limits()
    """What the hub allows itself to take."""
    retry: Retry = Retry()
    """How often a question is asked again."""

    @model_validator(mode="after")
    def _joined_apart(self) -> "GraphQLOptions":
        names = [detail.into for detail in self.details]
        if len(set(names)) < len(names):
            raise ValueError("two details are joined under one name: give each its own `into`")
        return self

    @property
    def details(self) -> list[GraphQLDetail]:
        """The details, however many are written."""
        return [self.detail] if isinstance(self.detail, GraphQLDetail) else self.detail
