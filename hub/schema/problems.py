"""How errors go out: every one with a code, the client's own in full, the hub's own as an id that is in the log."""

import re
from typing import Any
from uuid import uuid4

import structlog
from graphql import GraphQLError, GraphQLFormattedError, GraphQLSyntaxError
from graphql.language.parser import MAX_NESTING_DEPTH
from graphql.validation.rules.max_introspection_depth_rule import MAX_LIST_DEPTH

from hub.errors import HubError, QueryError, StoreUnavailable

_log = structlog.get_logger()

# Every code that the API answers, and what a client does about it. A promise: none ever changes its meaning.
CODES = {
    "SYNTAX_ERROR": "The document cannot be read: mend it.",
    "INVALID_QUERY": "The document does not fit the schema: mend it.",
    "BAD_INPUT": "A variable, an argument or the request itself is not as it must be: mend it.",
    "BAD_CURSOR": "The cursor or number belongs to another list, or to none: start again without it.",
    "WRONG_OPERATION_KIND": "Queries go over GET or POST, mutations over POST, subscriptions over streams.",
    "UNAUTHENTICATED": "The key is missing, unknown, revoked or past its time: send one that holds.",
    "FORBIDDEN": "The key does not allow this: ask the hub's administrator for the scope.",
    "METHOD_NOT_ALLOWED": "Use POST, or GET for queries.",
    "UNSUPPORTED_MEDIA_TYPE": "Send application/json.",
    "PERSISTED_QUERY_NOT_FOUND": "The hub does not know a document of this name: send it whole.",
    "UNTRUSTED_DOCUMENT": "This hub answers documents of its manifests only: add it to one.",
    "INTROSPECTION_OFF": "This hub answers no introspection without the scope schema:read: ask for the SDL.",
    "BODY_LIMIT": "The request is too long.",
    "BATCH_LIMIT": "The request holds too many operations, or the hub answers no batches: send one each.",
    "TOKEN_LIMIT": "The document has too many words and signs, or comments.",
    "NESTING_LIMIT": "The document's brackets are nested too deeply.",
    "DEPTH_LIMIT": "Fields are nested too deeply.",
    "ALIAS_LIMIT": "The query has too many aliases.",
    "DIRECTIVE_LIMIT": "The query has too many directives.",
    "ROOT_FIELD_LIMIT": "The query has too many root fields.",
    "DUPLICATE_LIMIT": "The query repeats too many fields within a selection.",
    "FILTER_LIMIT": "The filter is put together from too many filters, or too deeply: ask with fewer.",
    "COST_LIMIT": "The answer may hold too many objects: ask for smaller pages.",
    "RATE_LIMIT": "The caller asked too often: try again after extensions.retryAfter seconds.",
    "CONCURRENCY_LIMIT": "Too many operations of the caller are under way: wait for some to end.",
    "STREAM_LIMIT": "The caller follows too many subscriptions: end some.",
    "SOCKET_LIMIT": "The caller has too many sockets open: put more subscriptions on each.",
    "TIMEOUT": "The query took too long: narrow its filter.",
    "SLOW_SUBSCRIBER": "The subscriber fell behind: subscribe again after extensions.lastNumber.",
    "STORE_UNAVAILABLE": "The database does not answer: try again later.",
    "INTERNAL": "The hub failed: tell its administrator extensions.id, which is in the log.",
}

# What graphql-core's own guards say, the code that each earns here, and the limit where the words do not tell it.
_GUARDS = (
    ("Document contains more than", "TOKEN_LIMIT", 0),
    ("Document is nested too deeply", "NESTING_LIMIT", MAX_NESTING_DEPTH),
    ("Maximum introspection depth exceeded", "DEPTH_LIMIT", MAX_LIST_DEPTH),
)


def refusal(error: QueryError) -> GraphQLFormattedError:
    """An error of a request that was never executed."""
    return {"message": str(error), "extensions": _extensions(error)}


def invalid(error: GraphQLError) -> GraphQLFormattedError:
    """An error that graphql-core found in the document or in the variables: always the client's, always in full."""
    for start, code, limit in _GUARDS:
        if start in error.message:
            told = re.search(r"\d+", error.message)
            limit = int(told[0]) if told else limit  # noqa: PLW2901  # the words know better
            # Each stops at the first that is too many, and so nobody knows how many there are.
            return {**error.formatted, "extensions": {"code": code, "limit": limit, "value": limit + 1}}
    code = "SYNTAX_ERROR" if isinstance(error, GraphQLSyntaxError) else "INVALID_QUERY"
    return {**error.formatted, "extensions": {"code": code}}


def bad_variable(error: GraphQLError) -> GraphQLFormattedError:
    """An error that graphql-core found in the variables."""
    return {**error.formatted, "extensions": {"code": "BAD_INPUT"}}


def failure(error: GraphQLError) -> GraphQLFormattedError:
    """An error of a resolver: in full when it was meant for the client, masked when it was not."""
    formatted = error.formatted
    original = error.original_error
    if isinstance(original, QueryError):
        return {**formatted, "message": str(original), "extensions": _extensions(original)}
    if isinstance(original, StoreUnavailable):
        # Its message may name hosts.
        return {**formatted, "message": "the database does not answer", "extensions": {"code": original.code}}
    if isinstance(original, GraphQLError | None) and error.message.startswith("Argument "):
        # A null in a variable whose own default is not null: only found when the field is reached.
        return {**formatted, "extensions": {"code": "BAD_INPUT"}}
    return {**formatted, **masked(original or error)}


def masked(error: BaseException) -> GraphQLFormattedError:
    """An error nobody foresaw: the client gets an id, the log gets the same id and everything else."""
    reference = uuid4().hex[:12]
    _log.error("graphql.internal_error", id=reference, exc_info=error)
    return {"message": f"internal error {reference}", "extensions": {"code": HubError.code, "id": reference}}


def _extensions(error: QueryError) -> dict[str, Any]:
    return {"code": error.code, **error.details}
