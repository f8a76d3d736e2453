"""The scalars of the API: times with an offset, days, JSON, and numbers of changes."""

from datetime import UTC, date, datetime
from typing import Any, NewType

import strawberry
from strawberry.types.scalar import ScalarDefinition

JSON = NewType("JSON", object)
ChangeNumber = NewType("ChangeNumber", int)

_LARGEST = 2**53 - 1  # the largest whole number that every JSON reader keeps exact


def write_time(value: datetime) -> str:
    """Write a moment as the API does: in UTC, ending in Z."""
    text = value.astimezone(UTC).isoformat().removesuffix("+00:00")
    # Without zeros at the end of a fraction, as PostgreSQL writes it.
    return f"{text.rstrip('0') if '.' in text else text}Z"


def _read_time(value: Any) -> datetime:
    if not isinstance(value, str):
        raise ValueError("a time is written as text")  # noqa: TRY004  # graphql-core's way to say: not this scalar
    try:
        time = datetime.fromisoformat(value)
        if time.tzinfo is None:
            raise ValueError("a time needs an offset, such as Z or +08:00")
        return time.astimezone(UTC)
    except OverflowError:
        raise ValueError("a time lies between the years 1 and 9999") from None


def _read_number(value: Any) -> int:
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 17:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _LARGEST:
        raise ValueError(f"a change's number is a whole number from 0 to {_LARGEST}")
    return value


def _only_answered(_: Any) -> Any:
    raise ValueError("this scalar is only ever answered, never asked")


SCALARS: dict[object, ScalarDefinition] = {
    datetime: strawberry.scalar(
        name="DateTime",
        description="A moment as ISO 8601 with an offset, such as `2026-01-31T08:00:00+08:00`. "
        "Answered in UTC, ending in `Z`; a time without an offset is refused.",
        serialize=write_time,
        parse_value=_read_time,
    ),
    date: strawberry.scalar(
        name="Date",
        description="A day as ISO 8601, such as `2026-01-31`.",
        serialize=date.isoformat,
        parse_value=_only_answered,
    ),
    JSON: strawberry.scalar(
        name="JSON",
        description="Any JSON value: text, a number, true, false, null, a list or an object.",
        parse_value=_only_answered,
    ),
    ChangeNumber: strawberry.scalar(
        name="ChangeNumber",
        description="A change's place in the log: a whole number from 0 to 9007199254740991 that only ever rises. "
        "Larger than the 32 bits of Int; may be given as text as well.",
        parse_value=_read_number,
    ),
}
