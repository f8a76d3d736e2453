"""Pull tickets from files that a legacy system leaves in a folder, on this machine or on a server."""

import asyncio
import hashlib
import os
import posixpath
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import aclosing, nullcontext
from dataclasses import replace
from datetime import timedelta
from itertools import islice
from pathlib import PurePosixPath
from typing import Any, ClassVar, Literal

from pydantic import Field, ValidationInfo, field_validator

from hub.connectors.base import Limits, Options, Place, Retry
from hub.connectors.filerows import Reading, file_rows
from hub.connectors.folders.base import Folder, address, looks, too_large
from hub.connectors.folders.local import LocalFolder
from hub.connectors.folders.servers import FileAuth, FileTls, Opening, Server, check, opening
from hub.connectors.formats import known_encoding
from hub.connectors.taken import File, Mark, Read, Sight, from_cursor, to_cursor
from hub.connectors.workbooks import Workbooks
from hub.errors import SourceError, SourceRefused
from hub.model import Cursor, Page, Ticket
from hub.units import Duration

_HASHED = 16
_LONGEST_PAUSE = 60.0


class Ready(Options):
    """When a file is whole: nothing else tells a file that is still being written from one that is done."""

    marker: str | None = None
    """A file beside it that says so, such as `{name}.ok`; `{stem}` is the name without its end."""
    unchanged_for: Duration | None = None
    """Neither written, renamed nor touched for this long; 10s where there is no marker. On a server, two of our looks
    that are this far apart must agree: up to 1m a run waits for the second, more is left to the next run."""

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

    def marker_of(self, name: str) -> str | None:
        """Name the marker of a file."""
        if self.marker is None:
            return None
        return self.marker.replace("{name}", name).replace("{stem}", PurePosixPath(name).stem)


class Move(Options):
    move_to: str = Field(min_length=1)
    """A folder beside or below, such as `done/`; it is made where it is missing."""


class At(Options):
    """Where the files are; apart, so that it stands first in the reference."""

    at: str
    """The folder: relative to connectors.yaml, absolute, or `sftp://user@host/folder/`, also `ftp`, `ftps`, `https`."""

    @field_validator("at")
    @classmethod
    def _leads_somewhere(cls, at: str) -> str:
        address(at)
        return at


class FilesOptions(Reading, At):
    auth: FileAuth | None = Field(None, validate_default=True)
    """How the hub and a file server know each other."""
    ready: Ready = Ready()
    """When a file is whole."""
    after: Literal["leave", "delete"] | Move = "leave"
    """What becomes of a file, and its marker, once its tickets are kept: `leave`, `delete` or `move_to`."""
    name_encoding: str = "utf-8"
    """How a file server writes names."""
    size: int = Field(500, ge=1, le=10_000)
    """How many rows make a page."""
    tls: FileTls = FileTls()
    """FTPS and HTTPS: whose certificates to trust."""
    limits: Limits = Limits()
    """`max_body` bounds a file, after decompression; `timeout` each step, or piece of a file; `rate` is for HTTP."""
    retry: Retry = Retry()
    """HTTP: how often a question is asked again."""

    @field_validator("auth")
    @classmethod
    def _is_enough(cls, auth: FileAuth | None, info: ValidationInfo) -> FileAuth | None:
        if "at" in info.data:
            check(address(info.data["at"]), auth)
        return auth

    @field_validator("after")
    @classmethod
    def _can_be_done(cls, after: str | Move, info: ValidationInfo) -> str | Move:
        where = address(info.data["at"]) if "at" in info.data else None
        if after != "leave" and where and where.scheme.startswith("http"):
            raise ValueError("files behind HTTP can only be left where they are")
        if isinstance(after, Move) and posixpath.normpath(after.move_to) == ".":
            raise ValueError("this is the folder itself, where the file would be found again")
        return after

    @field_validator("name_encoding")
    @classmethod
    def _is_an_encoding(cls, encoding: str) -> str:
        return known_encoding(encoding)


class Files:
    """One folder of files."""

    options_type: ClassVar[type[Options]] = FilesOptions
    default_map: ClassVar[dict[str, Any]] = {}

    def __init__(self, options: FilesOptions, place: Place) -> None:
        self._options = options
        self._opened: Opening
        if (where := address(options.at)) is None:
            local = LocalFolder(place.folder / options.at, options.at)
            self._opened = lambda: nullcontext(local)
            root = os.path.abspath(place.folder / options.at)  # noqa: PTH100  # must not follow links
        else:
            auth = options.auth or FileAuth()
            self._opened = opening(
                Server(
                    where,
                    auth,
                    options.tls.at(place.folder),
                    options.tls.implicit,
                    options.limits,
                    options.retry,
                    options.name_encoding,
                    place.folder,
                )
            )
            root = where.path
        self._left_out = _inside(root, options.after)

    async def pull(self, cursor: Cursor | None) -> AsyncGenerator[Page, None]:
        """Read the files that are ready and were not read yet, the one that has been ready longest first.

        A file is moved or removed after the page that ends it was committed. Where the hub is stopped between, the next
        run does it, as the cursor knows the file.
        """
        mark = from_cursor(cursor)
        with Workbooks(self._options.limits.max_body) as books:
            async with self._opened() as folder:
                run = _Run(self._options, folder, books, mark, self._left_out)
                async with aclosing(run.pages()) as pages:
                    async for page in pages:
                        yield page


def _inside(root: str, after: str | Move) -> str | None:
    """Return the path of the folder that read files are moved to, where it lies in the folder they come from."""
    if not isinstance(after, Move):
        return None
    path = posixpath.relpath(posixpath.join(root, after.move_to), root or ".")
    return None if path.startswith("..") else path


class _Run:
    """One run over an open folder."""

    def __init__(
        self, options: FilesOptions, folder: Folder, books: Workbooks, mark: Mark, left_out: str | None
    ) -> None:
        self._options = options
        self._folder = folder
        self._books = books
        self._mark = mark
        self._left_out = left_out
        self._trouble: SourceError | None = None

    async def pages(self) -> AsyncGenerator[Page, None]:
        """Tidy up after earlier runs, read what is new, and look once more where files have to be seen at rest."""
        seen = self._mark.seen
        left, new = await self._look()
        for file in left:
            await self._tidy(file)
        async for page in self._pages_of(new):
            yield page
        if (pause := self._pause()) is not None:
            yield self._page([])  # What was seen now counts for the next run too, should this one be cut.
            await asyncio.sleep(pause)
            _, new = await self._look()
            async for page in self._pages_of(new):
                yield page
        if self._mark.seen != seen:
            yield self._page([])
        if self._trouble:
            raise self._trouble

    def _page(self, tickets: Sequence[Ticket]) -> Page:
        return Page(tickets, to_cursor(self._mark))

    def _pause(self) -> float | None:
        """Say how long to wait until the files that were seen for the first time may be seen at rest."""
        patience = self._options.ready.patience
        if patience is None or not self._mark.seen or patience.total_seconds() > _LONGEST_PAUSE:
            return None
        latest = max(sight.at for sight in self._mark.seen.values())
        return max(0.0, latest + patience.total_seconds() - time.time())

    async def _look(self) -> tuple[list[File], list[File]]:
        """List the files that an earlier run took, and those that wait to be read."""
        found = [each async for each in self._found()]
        self._mark = self._mark.among([file.entry for file in found])
        left = [file for file in found if self._mark.took(file.entry)]
        return left, self._waiting([file for file in found if not self._mark.took(file.entry)])

    async def _pages_of(self, files: Sequence[File]) -> AsyncGenerator[Page, None]:
        for file in files:
            async for page in self._file_pages(file):
                yield page

    async def _found(self) -> AsyncIterator[File]:
        """List the files that are picked, each with its marker; markers are no files of their own."""
        ready = self._options.ready
        async for look in looks(self._folder, self._options.pick, self._left_out):
            markers = {ready.marker_of(entry.name) for entry in look.picked}
            for entry in look.picked:
                if entry.kind == "astray":
                    raise SourceRefused(f"{entry.path} is a link that leads out of the folder {self._options.at}")
                if entry.name not in markers:
                    marker = look.names.get(ready.marker_of(entry.name) or "")
                    yield File(entry, 0, marker if marker and marker.kind == "file" else None)

    def _waiting(self, files: Sequence[File]) -> list[File]:
        """Choose those that are ready and unread, the one that has been ready longest first."""
        now = time.time()
        sights: dict[str, Sight] = {}
        ready = []
        for file in files:
            since = self._ready_since(file, now, sights)
            if since is not None and not self._mark.knows(found := replace(file, ready=since)):
                ready.append(found)
        self._mark = replace(self._mark, seen=sights)
        return sorted(ready, key=lambda file: (file.ready, file.path))

    def _ready_since(self, file: File, now: float, sights: dict[str, Sight]) -> int | None:
        """Say since when a file is whole. One that may not be leaves a sight, where its folder's clock is not ours."""
        changed, patience = file.entry.changed, self._options.ready.patience
        if file.marker is not None:
            return max(changed, file.marker.changed)
        if patience is None:
            return None
        if self._folder.keeps_time:
            ready = changed + int(patience.total_seconds() * 1e9)
            return ready if ready <= now * 1e9 else None
        sight = self._mark.sighted(file.entry, now)
        if now - sight.at >= patience.total_seconds():
            return changed
        sights[file.path] = sight
        return None

    async def _file_pages(self, file: File) -> AsyncGenerator[Page, None]:
        most = self._options.limits.max_body
        if file.entry.size is not None and file.entry.size > most:
            raise too_large(file.entry, most)
        content = await self._folder.read(file.entry, most)
        if content is None:  # It vanished, or is still being written: the next run will see.
            return
        digest = await asyncio.to_thread(_digest, content)
        read = replace(Read.of(file, digest), rows=self._mark.rows_given(file, digest))
        rows = iter(()) if self._mark.holds(file, digest) else self._rows(file, content, read.rows)
        is_whole = given = False
        while not is_whole:
            tickets = await asyncio.to_thread(self._some, file, rows)
            given = bool(tickets)
            is_whole = len(tickets) < self._options.size
            read = replace(read, rows=read.rows + len(tickets))
            self._mark = self._marked(read, is_whole)
            yield self._page(tickets)
        if given:  # `hub try` asks on after an empty page, and keeps nothing: that file waits for the next run.
            await self._tidy(file)

    def _rows(self, file: File, content: bytes, given: int) -> Iterator[Ticket]:
        return islice(file_rows(file.entry.name, content, self._options, self._books), given, None)

    def _some(self, file: File, rows: Iterator[Ticket]) -> list[Ticket]:
        try:
            return list(islice(rows, self._options.size))
        except SourceError as error:
            error.message = f"the file {file.path} {error.message}"
            raise

    def _marked(self, read: Read, is_whole: bool) -> Mark:
        if is_whole:
            return self._mark.finished(read, keeps_time=self._folder.keeps_time)
        return replace(self._mark, under_way=read)

    async def _tidy(self, file: File) -> None:
        """Do `after` to a file whose tickets are kept. A file that must stay keeps no other from being read."""
        after = self._options.after
        if after == "leave":
            return
        try:
            # The marker goes first: alone, it would call the next file of this name whole before it is.
            for entry in [file.marker, file.entry] if file.marker else [file.entry]:
                await (
                    self._folder.move(entry, after.move_to) if isinstance(after, Move) else self._folder.remove(entry)
                )
        except SourceError as error:
            self._trouble = self._trouble or error


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:_HASHED]
