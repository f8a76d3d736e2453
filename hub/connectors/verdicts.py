"""Say where an answer of 200 says that something went wrong after all."""

from collections.abc import Sequence

from pydantic import Field

from hub.connectors.base import Options
from hub.connectors.paths import Path


class ErrorEnvelope(Options):
    """How a source that always answers 200 says that something went wrong."""

    path: Path
    """Where the answer holds its code, such as `code`."""
    ok: Sequence[int | str | bool | None] = Field(min_length=1)
    """The codes that mean success; `null` where the field is missing then."""
    message: Path | None = None
    """Where the answer says what went wrong."""
    retry: Sequence[int | str] = ()
    """Codes worth asking again for, such as "busy"."""
    expired: Sequence[int | str] = ()
    """Codes that say the token is no longer good: logs in again, once a run."""
    absent: Sequence[int | str] = ()
    """Codes that say that there is nothing: a list is empty then, and the detail of a ticket null."""
