"""What was changed at the hub and what the source tells later, made one appeal: a merge of three.

What the source said of a field when somebody changed it here is kept (the *base*). As long as the source says the
same, what was done here stands; once it says something else, that is news, and counts. Where the source's own clock
says that its news is older than what was done here, it changes nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

import orjson
from pydantic import TypeAdapter

from hub.model import Appeal

Fields = Mapping[str, Any]
"""An appeal field by field, as JSON has it."""


@dataclass(frozen=True, slots=True)
class Acted:
    """Since when an appeal is not only its source's, and what the source last said of the fields that are not."""

    at: datetime
    base: Fields

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> "Acted":
        return cls(datetime.fromisoformat(kept["at"]), kept["base"])

    def written(self) -> dict[str, Any]:
        return {"at": self.at.astimezone(UTC).isoformat(), "base": dict(self.base)}


def done(before: Fields, after: Fields, kept: Mapping[str, Any] | None, at: datetime) -> Acted:
    """What is to be known from now on, once `before` was made `after` at the hub."""
    known = Acted.of(kept).base if kept else {}
    changed = {name: before[name] for name, value in after.items() if not _same(before[name], value)}
    # Its clock is always kept, to tell old news from new.
    return Acted(at, {"updated_at": before["updated_at"], **changed, **known})


def merged(told: Appeal, stored: Fields, kept: Mapping[str, Any]) -> tuple[Appeal, Acted]:
    """The appeal as it is to be served when its source has `told` it anew, and what is to be known from now on."""
    acted = Acted.of(kept)
    theirs = fields_of(told)
    late = _is_late(theirs, acted)
    ours = {name: stored[name] for name, base in acted.base.items() if late or _same(theirs[name], base)}
    news = Acted(acted.at, {name: theirs[name] for name in acted.base})
    return appeal_of({**theirs, **ours}), news


def fields_of(appeal: Appeal) -> dict[str, Any]:
    """An appeal as JSON has it."""
    fields: dict[str, Any] = orjson.loads(orjson.dumps(appeal))
    return fields


def appeal_of(fields: Fields) -> Appeal:
    """An appeal out of its JSON."""
    return _reader().validate_python(dict(fields))


@cache
def _reader() -> TypeAdapter[Appeal]:
    return TypeAdapter(Appeal)


def _is_late(theirs: Fields, acted: Acted) -> bool:
    """Whether the source's clock moved, and still stands before what was done here."""
    moved = not _same(theirs["updated_at"], acted.base["updated_at"])
    return moved and datetime.fromisoformat(theirs["updated_at"]) < acted.at


def _same(one: Any, other: Any) -> bool:
    return bool(one == other) or (_time(one) is not None and _time(one) == _time(other))


def _time(value: Any) -> datetime | None:
    """A moment, however its offset is written; None for what is none."""
    if not isinstance(value, str) or "T" not in value:
        return None
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        return None
