"""Write times and digits the way legacy systems do."""

from datetime import datetime

from replica.city import CHINA, Flaw, Snapshot

NO_SUCH_DAY = "2026-02-30 08:00:00"


def local(moment: datetime | None, pattern: str = "%Y-%m-%d %H:%M:%S") -> str:
    """Write a time in the city's zone, without saying so; no time is an empty text."""
    return moment.astimezone(CHINA).strftime(pattern) if moment else ""


def read_local(text: str | None, pattern: str = "%Y-%m-%d %H:%M:%S") -> datetime | None:
    """Read a time that a client asks from; raises ValueError for anything else than `pattern`."""
    return datetime.strptime(text, pattern).replace(tzinfo=CHINA) if text else None


def seconds(moment: datetime | None) -> int | None:
    return int(moment.timestamp()) if moment else None


def milliseconds(moment: datetime | None) -> int | None:
    return int(moment.timestamp()) * 1000 if moment else None


def full_width(text: str) -> str:
    """Write the digits as wide as Chinese characters, as an input method left on does."""
    return text.translate(_WIDE)


def is_flawed(seen: Snapshot, flaw: Flaw) -> bool:
    return seen.case.flaw is flaw


_WIDE = {ord("0") + digit: 0xFF10 + digit for digit in range(10)}
