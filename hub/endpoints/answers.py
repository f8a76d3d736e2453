"""Judge what an endpoint answered: taken, refused, in trouble, busy, or gone. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from hub.connectors.masking import excerpt
from hub.model import Outcome

_PATIENCE = frozenset({429, 502, 503, 504})
"""Answers that slow the endpoint down where they say for how long."""
_WORTH_ANOTHER_TRY = frozenset({401, 403, 408, 425})
"""What is wrong is not the change: a proof, or the moment."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back: the beginning of its body, and where it came from."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    charset: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an answer means for the change; `remote_id` is what the system calls the appeal, where it says so."""

    outcome: Outcome
    reason: str = ""
    retry_after: timedelta | None = None
    remote_id: str | None = None


def judged(reply: Reply, text: str, wait: timedelta | None, secrets: Iterable[str] = ()) -> Verdict:
    """Judge an answer by its status alone; `wait` is what its Retry-After says."""
    status = reply.status
    if 200 <= status < 300:
        return Verdict(Outcome.DELIVERED)
    said = f"answered {status}" + (f": {quoted}" if (quoted := excerpt(text, secrets)) else "")
    if status == 410:
        return Verdict(Outcome.GONE, f"{said} (gone)")
    if status == 429 or (status in _PATIENCE and wait is not None):
        return Verdict(Outcome.BUSY, said, wait)
    if 300 <= status < 400:
        return Verdict(Outcome.REFUSED, f"{said}; redirects are never followed: write where it leads under `url`")
    if status >= 500 or status in _WORTH_ANOTHER_TRY:
        return Verdict(Outcome.FAILED, said)
    return Verdict(Outcome.REFUSED, said)
