"""Read how new a ticket's state is: a number that rises with every change, or a time. Versions only compare."""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, TypeAlias
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema

from hub.connectors.paths import reader
from hub.errors import Unreadable
from hub.mapping.times import time_reader
from hub.model import Ticket


def _known(forms: Sequence[str]) -> Sequence[str]:
    time_reader(forms, ZoneInfo("UTC"))
    return forms


TimeForms: TypeAlias = Annotated[
    Sequence[str],
    BeforeValidator(lambda forms: [forms] if isinstance(forms, str) else forms),
    AfterValidator(_known),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]
"""The forms of a time in an option, one or several, as a mapping's `date` writes them."""

VersionReader: TypeAlias = Callable[[Ticket, datetime], Decimal | None]
"""Reads the version of a ticket that came at a time; None where it has none."""

_START = datetime(1970, 1, 1, tzinfo=UTC)
_AHEAD = timedelta(days=1)
_NUMBER = re.compile(r"-?\d{1,30}(?:\.\d{1,12})?", re.ASCII)


def version_reader(path: str, forms: Sequence[str], zone: ZoneInfo) -> VersionReader:
    """Return the reader of the version at `path`: a time of these forms, or without any a number or an ISO time."""
    find, read_time = reader(path), time_reader(forms, zone)

    def read(ticket: Ticket, now: datetime) -> Decimal | None:
        value = find(ticket)
        if value is None or isinstance(value, bool):
            return None
        if not forms and (number := _NUMBER.fullmatch(str(value).strip())):
            return Decimal(number[0])
        try:
            return version_of(read_time(value), now)
        except Unreadable:
            return None

    return read


def version_of(time: datetime | None, now: datetime) -> Decimal | None:
    """Return a time as a version; one from beyond tomorrow is none, or nothing would ever be newer."""
    if time is None or time > now + _AHEAD:
        return None
    return Decimal((time - _START) // timedelta(microseconds=1)).scaleb(-6)
