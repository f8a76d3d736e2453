"""Write times, digits and code pages the way legacy systems do."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from replica.city import CHINA

NO_SUCH_DAY = "2026-02-30 08:00:00"

_EXCEL_EPOCH = datetime(1899, 12, 30, tzinfo=CHINA)
_WIDE = {ord("0") + digit: 0xFF10 + digit for digit in range(10)}


@dataclass(frozen=True, slots=True)
class Habit:
    """How one system writes a time, reads one that a client asks from, and writes a day that no calendar has.

    `read` raises ValueError for what is no such time.
    """

    write: Callable[[datetime], Any]
    read: Callable[[str], datetime]
    no_such_day: Any = NO_SUCH_DAY


def local(pattern: str = "%Y-%m-%d %H:%M:%S") -> Habit:
    """Write a time in the city's zone, without saying so."""
    bad = pattern.replace("%Y", "2026").replace("%m", "02").replace("%d", "30").replace("%H", "08")
    return Habit(
        lambda moment: moment.astimezone(CHINA).strftime(pattern),
        lambda text: datetime.strptime(text, pattern).replace(tzinfo=CHINA),
        bad.replace("%M", "00").replace("%S", "00"),
    )


LOCAL = local()
COMPACT = local("%Y%m%d%H%M%S")
DAY = local("%Y-%m-%d")
CHINESE = local("%Y年%m月%d日 %H:%M:%S")
CHINESE_DAY = local("%Y年%m月%d日")


def _aware(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text} has no offset")
    return moment


OFFSET = Habit(lambda moment: moment.astimezone(CHINA).isoformat(timespec="seconds"), _aware)
"""ISO 8601 with +08:00."""
ZULU = Habit(lambda moment: moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), _aware)
"""ISO 8601 in UTC."""
SECONDS = Habit(lambda moment: int(moment.timestamp()), lambda text: datetime.fromtimestamp(int(text), UTC))
MILLISECONDS = Habit(
    lambda moment: int(moment.timestamp()) * 1000, lambda text: datetime.fromtimestamp(int(text) / 1000, UTC)
)
EXCEL = Habit(
    lambda moment: round((moment - _EXCEL_EPOCH) / timedelta(days=1), 6),
    lambda text: _EXCEL_EPOCH + float(text) * timedelta(days=1),
)
"""The days since the end of 1899 on the city's clock, as a workbook counts them."""


def full_width(text: str) -> str:
    """Write the digits as wide as Chinese characters, as an input method left on does."""
    return text.translate(_WIDE)


def cp936(text: str) -> bytes:
    """Encode as GB 18030, but the euro sign at 0x80, where Windows has it and the standard has nothing."""
    return b"\x80".join(part.encode("gb18030") for part in text.split("€"))
