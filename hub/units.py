"""Durations, sizes, rates and shares as administrators write them: `5m`, `64MB`, `5/s`, `5%`."""

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, WithJsonSchema

_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
_BYTES = {"B": 1, "KB": 1024, "MB": 1024**2, "GB": 1024**3}


@dataclass(frozen=True, slots=True)
class PerTime:
    """`count` things in `per`."""

    count: int
    per: timedelta


@dataclass(frozen=True, slots=True)
class Between:
    """From the shortest to the longest wait."""

    shortest: timedelta
    longest: timedelta


def duration(text: str) -> timedelta:
    """Read `250ms`, `30s`, `5m`, `2h`, `1d`. Zero is written `0s`."""
    number, unit = _match(r"(\d{1,9})(ms|s|m|h|d)", text, "a duration such as 30s, 5m, 2h or 1d")
    return timedelta(seconds=int(number) * _SECONDS[unit])


def size(text: str) -> int:
    """Read `512KB`, `64MB`, `1GB` as bytes (1 KB = 1024 bytes)."""
    number, unit = _match(r"(\d+)(B|KB|MB|GB)", text, "a size such as 512KB or 64MB")
    return int(number) * _BYTES[unit]


def per_time(text: str) -> PerTime:
    """Read `5/s`, `100/m`, `1000/h`."""
    number, unit = _match(r"([1-9]\d*)/(s|m|h|d)", text, "a rate such as 5/s or 100/m")
    return PerTime(int(number), timedelta(seconds=_SECONDS[unit]))


def between(text: str) -> Between:
    """Read `1s..60s`."""
    low, high = _match(r"(\w+)\.\.(\w+)", text, "two durations such as 1s..60s")
    found = Between(duration(low), duration(high))
    if found.shortest > found.longest:
        raise ValueError(f"the first wait is longer than the last: write {high}..{low}")
    return found


def spelt(value: timedelta | PerTime | Between) -> str:
    """Write a duration, rate or pair of waits as an administrator would."""
    if isinstance(value, PerTime):
        return f"{value.count}/{spelt(value.per).lstrip('1')}"
    if isinstance(value, Between):
        return f"{spelt(value.shortest)}..{spelt(value.longest)}"
    milliseconds = round(value.total_seconds() * 1000)
    sizes = (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000))
    unit, size = next(((unit, size) for unit, size in sizes if milliseconds and milliseconds % size == 0), ("ms", 1))
    return f"{milliseconds // size}{unit}" if milliseconds else "0s"


def _match(pattern: str, text: str, wanted: str) -> tuple[str, ...]:
    if not (found := re.fullmatch(pattern, text)):
        raise ValueError(f"{text!r} is not {wanted}")
    return found.groups()


Duration = Annotated[
    timedelta,
    BeforeValidator(lambda value: value if isinstance(value, timedelta) else duration(str(value))),
    WithJsonSchema({"type": "string", "pattern": r"^\d{1,9}(ms|s|m|h|d)$", "examples": ["30s", "5m", "1d"]}),
]
Size = Annotated[
    int,
    BeforeValidator(lambda value: size(str(value))),
    WithJsonSchema({"type": "string", "pattern": r"^\d+(B|KB|MB|GB)$", "examples": ["64MB"]}),
]
Rate = Annotated[
    PerTime,
    BeforeValidator(lambda value: value if isinstance(value, PerTime) else per_time(str(value))),
    WithJsonSchema({"type": "string", "pattern": r"^[1-9]\d*/(s|m|h|d)$", "examples": ["5/s"]}),
]
Waits = Annotated[
    Between,
    BeforeValidator(lambda value: value if isinstance(value, Between) else between(str(value))),
    WithJsonSchema({"type": "string", "pattern": r"^\w+\.\.\w+$", "examples": ["1s..60s"]}),
]
