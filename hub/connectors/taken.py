"""Remember which files of a folder were taken, and which are still to be seen at rest. Pure."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from hub.connectors.folders.base import Listed
from hub.errors import SourceRefused
from hub.model import Cursor

_MOST_REMEMBERED = 200
_MOST_OLDER = 20_000
_MOST_SEEN = 500
_PRINT = 12
_NEVER = -1


@dataclass(frozen=True, slots=True)
class File:
    """A file as it was found, and its marker; `ready` is when it became ready, by the folder's clock."""

    entry: Listed
    ready: int
    marker: Listed | None = None

    @property
    def path(self) -> str:
        return self.entry.path


@dataclass(frozen=True, slots=True)
class Read:
    """A file that was read, or is being read: then `rows` counts the rows already given."""

    path: str
    size: int | None
    changed: int
    ready: int
    digest: str
    rows: int = 0

    @classmethod
    def of(cls, file: File, digest: str) -> "Read":
        return cls(file.path, file.entry.size, file.entry.changed, file.ready, digest)

    def is_of(self, entry: Listed) -> bool:
        return (self.path, self.size, self.changed) == (entry.path, entry.size, entry.changed)

    @property
    def print(self) -> str:
        return _print(self.path, self.size, self.changed)


@dataclass(frozen=True, slots=True)
class Sight:
    """How a file looked when it was first seen so, `at` seconds since the epoch by our own clock."""

    size: int | None
    changed: int
    at: float


@dataclass(frozen=True, slots=True)
class Mark:
    """Which files were read: the last 200 by name, and those before them in fewer words.

    A folder that keeps time needs one: files are read in the order in which they became ready, so whatever became
    ready no later than `horizon` was read. Elsewhere a copy may bring a time from long ago, so each file that is still
    listed leaves a print in `older`.
    """

    done: Mapping[str, Read] = field(default_factory=dict)
    older: frozenset[str] = frozenset()
    horizon: int = _NEVER
    seen: Mapping[str, Sight] = field(default_factory=dict)
    under_way: Read | None = None

    def knows(self, file: File) -> bool:
        """Tell whether a file was read, as far as can be told before it is read again."""
        if (read := self.done.get(file.path)) is not None:
            return read.is_of(file.entry)
        return file.ready <= self.horizon or self.took(file.entry)

    def took(self, entry: Listed) -> bool:
        """Tell whether this very file was read; what only lies behind the horizon may never have been picked."""
        if (read := self.done.get(entry.path)) is not None:
            return read.is_of(entry)
        return _print(entry.path, entry.size, entry.changed) in self.older

    def holds(self, file: File, digest: str) -> bool:
        """Tell whether the same name with the same content was read before, however often it was touched since."""
        read = self.done.get(file.path)
        return read is not None and (read.size, read.digest) == (file.entry.size, digest)

    def rows_given(self, file: File, digest: str) -> int:
        """Say how many rows of this very content an earlier run gave before it was cut."""
        cut = self.under_way
        same = cut and (cut.path, cut.size, cut.digest) == (file.path, file.entry.size, digest)
        return cut.rows if cut and same else 0

    def among(self, entries: Collection[Listed]) -> "Mark":
        """Forget the prints of files that are listed no longer."""
        if not self.older:
            return self
        return replace(self, older=self.older & {_print(each.path, each.size, each.changed) for each in entries})

    def finished(self, read: Read, *, keeps_time: bool) -> "Mark":
        """Add a file that was read; of those before the last 200, keep the horizon or the prints."""
        newest = sorted((dict(self.done) | {read.path: replace(read, rows=0)}).values(), key=lambda each: each.ready)
        dropped, kept = newest[:-_MOST_REMEMBERED], newest[-_MOST_REMEMBERED:]
        mark = replace(self, done={each.path: each for each in kept}, under_way=None)
        if keeps_time:
            return replace(mark, horizon=max([self.horizon, *(each.ready for each in dropped)]))
        older = self.older | {each.print for each in dropped}
        if len(older) > _MOST_OLDER:
            raise SourceRefused(
                f"has more than {_MOST_OLDER:,} files that were read and left there",
                hint="let `after` move them away, or narrow `pick`",
            )
        return replace(mark, older=older)

    def sighted(self, entry: Listed, now: float) -> Sight:
        """Say since when a file has looked as it does now, as far as we have seen."""
        sight = self.seen.get(entry.path)
        same = sight is not None and (sight.size, sight.changed) == (entry.size, entry.changed)
        return sight if sight and same and sight.at <= now else Sight(entry.size, entry.changed, now)


def _print(path: str, size: int | None, changed: int) -> str:
    return hashlib.sha256(f"{changed} {size} {path}".encode("utf-8", "surrogatepass")).hexdigest()[:_PRINT]


def to_cursor(mark: Mark) -> Cursor:
    """Write a mark as JSON."""
    cursor: Cursor = {"done": {path: _written(read) for path, read in mark.done.items()}, "horizon": mark.horizon}
    if mark.older:
        cursor["older"] = "".join(sorted(mark.older))
    if mark.seen:
        longest = sorted(mark.seen.items(), key=lambda pair: pair[1].at)[:_MOST_SEEN]
        cursor["seen"] = {path: [sight.size, sight.changed, sight.at] for path, sight in longest}
    if (read := mark.under_way) is not None:
        cursor["under_way"] = [read.path, *_written(read), read.rows]
    return cursor


def _written(read: Read) -> list[Any]:
    return [read.size, read.changed, read.ready, read.digest]


def from_cursor(cursor: Cursor | None) -> Mark:
    """Read a mark that was stored. Raises SourceRefused for a cursor of something else."""
    if cursor is None:
        return Mark()
    try:
        return Mark(
            {path: _read([path, *written]) for path, written in cursor["done"].items()},
            _prints(cursor.get("older", "")),
            int(cursor["horizon"]),
            {path: Sight(_size(size), int(changed), float(at)) for path, (size, changed, at) in _seen(cursor).items()},
            _read(cursor["under_way"]) if "under_way" in cursor else None,
        )
    except (AttributeError, KeyError, TypeError, ValueError):
        raise SourceRefused("the stored cursor is not one of this connector", hint="pull from the start") from None


def _read(stored: Sequence[Any]) -> Read:
    path, size, changed, ready, digest, *rows = stored
    return Read(str(path), _size(size), int(changed), int(ready), str(digest), int(rows[0]) if rows else 0)


def _size(stored: Any) -> int | None:
    return None if stored is None else int(stored)


def _seen(cursor: Cursor) -> dict[str, Any]:
    return dict(cursor.get("seen", {}))


def _prints(written: str) -> frozenset[str]:
    return frozenset(written[start : start + _PRINT] for start in range(0, len(written), _PRINT))
