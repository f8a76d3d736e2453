"""Pull tickets from files that a legacy system puts into a folder."""

import asyncio
import hashlib
import os
import stat
import time
from collections.abc import AsyncGenerator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field, field_validator, model_validator

from hub.connectors import paths
from hub.connectors.base import Limits, Options, Place
from hub.connectors.formats import known_encoding
from hub.connectors.tables import (
    FORMATS,
    CsvOptions,
    ExcelOptions,
    FileFormat,
    csv_rows,
    document_rows,
    excel_rows,
    jsonl_rows,
)
from hub.errors import SourceError, SourceRefused, SourceUnavailable
from hub.model import Cursor, Page, Ticket
from hub.units import Duration

_MOST_REMEMBERED = 200
_HASHED = 16


class Ready(Options):
    """When a file is whole: nothing else tells a file that is still being written from one that is done."""

    marker: str | None = None
    """A file beside it that says so, such as `{name}.ok`; `{stem}` is the name without its end."""
    unchanged_for: Duration | None = None
    """Neither written, renamed nor touched for this long; 10s where there is no marker."""

    @field_validator("marker")
    @classmethod
    def _names_the_file(cls, marker: str | None) -> str | None:
        if marker is not None and ("/" in marker or not ("{name}" in marker or "{stem}" in marker)):
            raise ValueError("a marker is named after its file, in the same folder, such as {name}.ok")
        return marker

    @property
    def patience(self) -> timedelta | None:
        """How long a file without a marker must rest; None where only the marker counts."""
        if self.unchanged_for is None and self.marker is None:
            return timedelta(seconds=10)
        return self.unchanged_for


class FilesOptions(Options):
    at: str
    """The folder; relative to connectors.yaml, or absolute."""
    pick: str
    """Which files, such as `*.csv` or `**/*.xlsx`."""
    format: FileFormat | None = None
    """What the files are; left out, by the end of their names."""
    ready: Ready = Ready()
    """When a file is whole."""
    encoding: str | None = None
    """The encoding of JSON, JSON lines and XML, where the file does not say it; for CSV see `csv.encoding`."""
    records: paths.Path = ""
    """Where a JSON or XML document holds the tickets; in XML the path begins with the root element."""
    csv: CsvOptions = CsvOptions()
    """How CSV is written."""
    excel: ExcelOptions = ExcelOptions()
    """Where in a workbook the table is."""
    size: int = Field(500, ge=1, le=10_000)
    """How many rows make a page."""
    limits: Limits = Limits()
    """`max_body` bounds a file, after decompression; the rest of it is for services."""

    @field_validator("pick")
    @classmethod
    def _stays_inside(cls, pick: str) -> str:
        if not pick or pick.startswith("/") or ".." in pick.split("/"):
            raise ValueError("the pattern is looked for inside the folder, such as *.csv")
        return pick

    @field_validator("encoding")
    @classmethod
    def _known(cls, encoding: str | None) -> str | None:
        return known_encoding(encoding) if encoding else None

    @model_validator(mode="after")
    def _format_is_told(self) -> "FilesOptions":
        ending = Path(self.pick).suffix.lower()
        if self.format is None and not any(c in ending for c in "*?[") and ending not in FORMATS:
            raise ValueError(f"`pick` does not tell the format; write `format`, or an end out of {' '.join(FORMATS)}")
        return self


@dataclass(frozen=True, slots=True)
class _File:
    """A file as it was found. `ready` is the moment it became ready, in nanoseconds since the epoch.

    That goes by its inode's time (or its marker's), not by its mtime, which copying programs set to what they please.
    `name` is for people and cursors: a name that is not UTF-8 stands in it escaped.
    """

    name: str
    size: int
    ready: int
    path: Path = field(default=Path(), compare=False)


@dataclass(frozen=True, slots=True)
class _Read:
    """A file that was read, or is being read: then `rows` counts the rows already given."""

    file: _File
    digest: str
    rows: int = 0


@dataclass(frozen=True, slots=True)
class _Mark:
    """Which files were read: those of `done` by name, and any other that became ready no later than `horizon`.

    So the mark never holds more than 200 names: the files that have been ready longest fall behind the horizon. Files
    are read in the order in which they became ready, so none can slip behind it unread.
    """

    done: dict[str, _Read]
    horizon: int = 0
    under_way: _Read | None = None

    def knows(self, file: _File) -> bool:
        read = self.done.get(file.name)
        return read.file == file if read else file.ready <= self.horizon

    def holds(self, file: _File, digest: str) -> bool:
        """Tell whether the same name with the same content was read before, however often it was touched since."""
        read = self.done.get(file.name)
        return read is not None and (read.file.size, read.digest) == (file.size, digest)

    def finished(self, read: _Read) -> "_Mark":
        newest = sorted([*(self.done | {read.file.name: read}).values()], key=lambda each: each.file.ready)
        dropped, kept = newest[:-_MOST_REMEMBERED], newest[-_MOST_REMEMBERED:]
        horizon = max([self.horizon, *(each.file.ready for each in dropped)])
        return _Mark({each.file.name: replace(each, rows=0) for each in kept}, horizon)


class Files:
    """One folder of files."""

    options_type: ClassVar[type[Options]] = FilesOptions
    default_map: ClassVar[dict[str, Any]] = {}

    def __init__(self, options: FilesOptions, place: Place) -> None:
        self._options = options
        self._folder = place.folder / options.at

    async def pull(self, cursor: Cursor | None) -> AsyncGenerator[Page, None]:
        """Read the files that are ready and were not read yet, the one that has been ready longest first."""
        mark = _read_cursor(cursor)
        for file in await asyncio.to_thread(self._waiting, mark):
            async for page in self._file_pages(file, mark):
                mark = _read_cursor(page.cursor)
                yield page

    async def _file_pages(self, file: _File, mark: _Mark) -> AsyncGenerator[Page, None]:
        if (found := await asyncio.to_thread(self._content, file)) is None:
            return
        content, digest = found
        read = _Read(file, digest, _rows_given(mark, file, digest))
        if mark.holds(file, digest):
            yield Page([], _write_cursor(mark.finished(read)))
            return
        rows = islice(self._rows(file, content), read.rows, None)
        while tickets := await asyncio.to_thread(self._some, file, rows):
            read = replace(read, rows=read.rows + len(tickets))
            yield Page(tickets, _write_cursor(replace(mark, under_way=read)))
        yield Page([], _write_cursor(mark.finished(read)))

    def _some(self, file: _File, rows: Iterator[Ticket]) -> Sequence[Ticket]:
        try:
            return list(islice(rows, self._options.size))
        except SourceError as error:
            error.message = f"the file {file.name} {error.message}"
            raise

    def _rows(self, file: _File, content: bytes) -> Iterator[Ticket]:
        options = self._options
        form = options.format or FORMATS.get(Path(file.name).suffix.lower())
        match form:
            case "csv":
                return csv_rows(content, options.csv)
            case "jsonl":
                return jsonl_rows(content, options.encoding)
            case "json" | "xml":
                return document_rows(content, form, options.records, options.encoding)
            case "excel":
                return excel_rows(content, options.excel, options.limits.max_body)
        raise SourceRefused(f"the file {file.name} does not tell its format by its name", hint="set `format`")

    def _waiting(self, mark: _Mark) -> list[_File]:
        """List what is ready and unread. Raises SourceUnavailable when the folder is away."""
        try:
            if not stat.S_ISDIR(self._folder.stat().st_mode):
                raise SourceRefused(f"{self._options.at} is not a folder", hint="set `at` to a folder")
            found = [file for file in self._found() if not mark.knows(file)]
        except FileNotFoundError:
            raise SourceUnavailable(f"there is no folder {self._options.at}") from None
        except PermissionError:
            raise SourceRefused(f"the folder {self._options.at} may not be read") from None
        except OSError as error:
            raise SourceUnavailable(f"the folder {self._options.at} cannot be read: {error.strerror}") from None
        return sorted(found, key=lambda file: (file.ready, file.name))

    def _found(self) -> Iterator[_File]:
        paths_found = [path for path in self._folder.glob(self._options.pick) if not path.name.startswith((".", "~$"))]
        markers = {self._marker(path) for path in paths_found}
        inside = self._folder.resolve()
        for path in paths_found:
            if not path.resolve().is_relative_to(inside):
                raise SourceRefused(f"{path.name} is a link that leads out of the folder {self._options.at}")
            if path not in markers and path.is_file() and (ready := self._ready_since(path)) is not None:
                name = os.fsencode(path.relative_to(self._folder)).decode("utf-8", "backslashreplace")
                yield _File(name, path.stat().st_size, ready, path)

    def _ready_since(self, path: Path) -> int | None:
        """Say since when a file is whole, or None where it may not be."""
        changed, marker = path.stat().st_ctime_ns, self._marker(path)
        if marker is not None and marker.is_file():
            return max(changed, marker.stat().st_ctime_ns)
        if (patience := self._options.ready.patience) is None:
            return None
        ready = changed + int(patience.total_seconds() * 1e9)
        return ready if ready <= time.time_ns() else None

    def _marker(self, path: Path) -> Path | None:
        if (marker := self._options.ready.marker) is None:
            return None
        return path.with_name(marker.replace("{name}", path.name).replace("{stem}", path.stem))

    def _content(self, file: _File) -> tuple[bytes, str] | None:
        """Read a whole file, and its digest; None where it vanished or changed under our hands, for the next run."""
        path, most = file.path, self._options.limits.max_body
        if file.size > most:
            raise SourceRefused(f"the file {file.name} is larger than limits.max_body ({most // 1024} KB)")
        try:
            with path.open("rb") as opened:
                content = opened.read(most + 1)
            unchanged = self._ready_since(path) == file.ready and len(content) == file.size
        except FileNotFoundError:
            return None
        except PermissionError:
            raise SourceRefused(f"the file {file.name} may not be read") from None
        except OSError as error:
            raise SourceUnavailable(f"the file {file.name} cannot be read: {error.strerror}") from None
        return (content, hashlib.sha256(content).hexdigest()[:_HASHED]) if unchanged else None


def _rows_given(mark: _Mark, file: _File, digest: str) -> int:
    """Say how many rows of this very content an earlier run gave before it was cut."""
    cut = mark.under_way
    return cut.rows if cut and (cut.file.name, cut.file.size, cut.digest) == (file.name, file.size, digest) else 0


def _write_cursor(mark: _Mark) -> Cursor:
    done = {name: [read.file.size, read.file.ready, read.digest] for name, read in mark.done.items()}
    cursor: Cursor = {"done": done, "horizon": mark.horizon}
    if (read := mark.under_way) is not None:
        cursor["under_way"] = [read.file.name, read.file.size, read.file.ready, read.digest, read.rows]
    return cursor


def _read_cursor(cursor: Cursor | None) -> _Mark:
    try:
        stored = cursor or {"done": {}, "horizon": 0}
        done = {
            str(name): _Read(_File(str(name), int(size), int(ready)), str(digest))
            for name, (size, ready, digest) in stored["done"].items()
        }
        under_way = None
        if "under_way" in stored:
            name, size, ready, digest, rows = stored["under_way"]
            under_way = _Read(_File(str(name), int(size), int(ready)), str(digest), int(rows))
        return _Mark(done, int(stored["horizon"]), under_way)
    except (AttributeError, KeyError, TypeError, ValueError):
        raise SourceRefused("the stored cursor is not one of this connector", hint="pull from the start") from None
