"""Read what a client sent, by whatever transport, into an operation."""

from collections.abc import Mapping
from typing import Any

from hub.errors import QueryError
from hub.schema.documents import Documents
from hub.schema.execution import Operation


def read_operation(asked: Any, documents: Documents) -> Operation:
    """The operation that a request means. Raises QueryError, BAD_INPUT when it is no GraphQL request at all."""
    if not isinstance(asked, dict):
        raise QueryError("BAD_INPUT", "the request is not an object")
    if problem := _problem(asked):
        raise QueryError("BAD_INPUT", problem)
    plan = (asked.get("extensions") or {}).get("plan") is True
    return Operation(documents.text(asked), asked.get("variables") or {}, asked.get("operationName") or None, plan)


def _problem(asked: Mapping[str, Any]) -> str | None:
    """What is wrong with the members of a request, or None."""
    for name in ("query", "operationName"):
        if not isinstance(asked.get(name), str | None):
            return f"{name} must be text"
    for name in ("variables", "extensions"):
        # An empty parameter of a GET is as good as none.
        if asked.get(name) != "" and not isinstance(asked.get(name), dict | None):
            return f"{name} must be an object"
    return None
