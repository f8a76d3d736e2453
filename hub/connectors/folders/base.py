"""Look at a folder of files, wherever it lies: what every folder can do, and how its files are found and named."""

import asyncio
import posixpath
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Any, Literal, Protocol, TypeAlias, TypeVar
from urllib.parse import unquote, urlsplit

from hub.errors import SourceRefused, SourceUnavailable

T = TypeVar("T")

_MOST_NAMES = 100_000
_DEEPEST = 20
_MOST_TWINS = 100
_SCHEMES = ("sftp", "ftp", "ftps", "http", "https")

Kind: TypeAlias = Literal["file", "folder", "astray", "other"]
"""A link that leads out of the folder is `astray`; sockets, pipes, devices and broken links are `other`."""


@dataclass(frozen=True, slots=True)
class Listed:
    """What a folder holds under one name. `path` is for people, patterns and cursors; `handle` is the folder's own.

    `changed` is when it changed last by the folder's clock, in nanoseconds since the epoch, 0 where the folder does not
    say. `size` is None where nobody knows it before the file is read.
    """

    path: str
    kind: Kind
    size: int | None
    changed: int
    handle: Any = field(compare=False)

    @property
    def name(self) -> str:
        """Its own name, without those of the folders it lies in."""
        return self.path.rpartition("/")[2]


class Folder(Protocol):
    """A folder, open for one run. It raises SourceUnavailable and SourceRefused, whatever carries it.

    A file that is gone, or is another than the one that was listed, is neither read nor moved nor removed.
    """

    keeps_time: bool
    """Whether `changed` cannot be set back, so that what is new is never older than what was there."""

    def entries(self, below: Listed | None) -> AsyncIterator[Listed]:
        """List the folder, or one of the folders in it."""

    async def read(self, file: Listed, most: int) -> bytes | None:
        """Read a whole file, or None. A file of more than `most` bytes is refused before all of it was read."""

    async def move(self, file: Listed, into: str) -> None:
        """Move a file, under its path, into a folder beside or below; what has that name already is left untouched."""

    async def remove(self, file: Listed) -> None: ...


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server keeps a folder. `path` is absolute, or starts from the user's own folder."""

    scheme: str
    host: str
    port: int | None
    user: str | None
    path: str

    @property
    def server(self) -> str:
        """The server, as errors name it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}{f':{self.port}' if self.port else ''}"


def address(at: str) -> Address | None:
    """Read where a folder lies; None for one of this machine. Raises ValueError for what is neither."""
    if "://" not in at:
        return None
    try:
        # Only browsers know fragments: a folder of a file server may well be called 2026#1.
        parts = urlsplit(at, allow_fragments=False)
        usable = bool(parts.hostname) and (parts.port or 1) > 0 and not any(char.isspace() for char in parts.netloc)
    except ValueError:
        usable = False
    if not usable:
        raise ValueError("not an address such as sftp://user@host:22/folder/")
    if parts.scheme not in _SCHEMES:
        known = ", ".join(f"{scheme}://" for scheme in _SCHEMES)
        raise ValueError(f"no folder is reached by {parts.scheme}://; write a path, or an address with {known}")
    if parts.password is not None:
        raise ValueError("the address holds a password; write it as auth.password")
    if parts.query and parts.scheme.startswith("http"):
        raise ValueError("the address of a folder has no query; leave out what begins with ?")
    path = unquote(f"{parts.path}?{parts.query}" if parts.query else parts.path) or "/"
    user = unquote(parts.username) if parts.username else None
    return Address(parts.scheme, parts.hostname or "", parts.port, user, path.removeprefix("/~/"))


@dataclass(frozen=True, slots=True)
class Look:
    """One folder as it was listed: everything in it by name, and the files that a pattern picks."""

    names: Mapping[str, Listed]
    picked: Sequence[Listed]


async def looks(folder: Folder, pattern: str, left_out: str | None = None) -> AsyncIterator[Look]:
    """List the folder, and those in it that the pattern leads into; not `left_out`, a folder's path.

    Raises SourceRefused for a listing without end. Hidden files and folders are passed by, and what Office leaves.
    """
    waiting: deque[tuple[Listed | None, _Patterns]] = deque([(None, _closed({tuple(pattern.split("/"))}))])
    counted = 0
    while waiting:
        below, patterns = waiting.popleft()
        names: dict[str, Listed] = {}
        async for entry in folder.entries(below):
            if (counted := counted + 1) > _MOST_NAMES:
                raise SourceRefused(
                    f"lists more than {_MOST_NAMES:,} names",
                    hint="narrow `at` and `pick`, or move files away by `after`",
                )
            names[_named(entry)] = entry
        seen = [entry for name, entry in names.items() if not name.startswith((".", "~$")) and entry.path != left_out]
        picked = [entry for entry in seen if entry.kind != "folder" and _is_picked(entry.name, patterns)]
        yield Look(names, [entry for entry in picked if entry.kind != "other"])
        folders = [entry for entry in seen if entry.kind == "folder"]
        waiting += [(entry, further) for entry in folders if (further := _below(entry, patterns))]


def _named(entry: Listed) -> str:
    """Return the name of an entry, which must be one name: what is joined to a path must not lead elsewhere."""
    name = entry.name
    if not name or name in {".", ".."} or "\0" in name:
        raise SourceRefused(f"lists the name {name!r}, which no file can have")
    return name


_Patterns: TypeAlias = frozenset[tuple[str, ...]]
"""What is left of the pattern below a folder; several, as `**` stands for any number of folders."""


def _closed(patterns: set[tuple[str, ...]]) -> _Patterns:
    """Add what is left where a leading `**` stands for no folder at all."""
    shorter = {rest[1:] for rest in patterns if rest[0] == "**" and len(rest) > 1}
    return frozenset(patterns) if shorter <= patterns else _closed(patterns | shorter)


def _below(entry: Listed, patterns: _Patterns) -> _Patterns:
    into = {rest[1:] for rest in patterns if len(rest) > 1 and rest[0] != "**" and fnmatchcase(entry.name, rest[0])}
    further = _closed(into | {rest for rest in patterns if rest[0] == "**"})
    if further and entry.path.count("/") >= _DEEPEST:
        raise SourceRefused(f"nests folders more than {_DEEPEST} deep, down to {entry.path[:80]}…")
    return further


def _is_picked(name: str, patterns: _Patterns) -> bool:
    return any(len(rest) == 1 and fnmatchcase(name, rest[0]) for rest in patterns)


def joined(below: Listed | None, name: str) -> str:
    """Return the path of what is called `name` in a folder. Raises SourceRefused for a name that leads elsewhere."""
    if "/" in name:
        raise SourceRefused(f"lists the name {name[:80]!r}, which leads out of the folder")
    return f"{below.path}/{name}" if below else name


@dataclass(frozen=True, slots=True)
class Names:
    """How a server writes names: it knows bytes only. `raw` keeps each byte, one a character, whatever it means."""

    encoding: str

    def shown(self, raw: str) -> str:
        """Read a raw name; bytes that are no text in this encoding are shown escaped."""
        return raw.encode("ascii", "surrogateescape").decode(self.encoding, "backslashreplace")

    def raw(self, text: str) -> str:
        """Write a name. Raises SourceRefused for one that the encoding cannot hold."""
        try:
            return text.encode(self.encoding).decode("ascii", "surrogateescape")
        except UnicodeEncodeError:
            raise SourceRefused(f"{text} cannot be written in {self.encoding}", hint="check name_encoding") from None


def whole(file: Listed, content: bytes, most: int, *, same: bool) -> bytes | None:
    """Judge what was read of a file, which on the server was the `same` afterwards, or not: then it was being written.

    `content` holds one byte more than was listed where there was more, and never more than that.
    """
    if len(content) > most:
        raise too_large(file, most)
    if not same:
        return None
    if file.size is None or len(content) == file.size:
        return content
    if len(content) < file.size:
        raise SourceUnavailable(f"the file {file.path} broke off after {len(content)} of {file.size} bytes")
    raise SourceRefused(f"the file {file.path} holds more than the {file.size} bytes that it is listed with")


def too_large(file: Listed, most: int) -> SourceRefused:
    """Say that a file is beyond the limit."""
    return SourceRefused(f"the file {file.path} is larger than limits.max_body ({most // 1024} KB)")


async def free_name(path: str, taken: Callable[[str], Awaitable[bool]]) -> str:
    """Return `path`, or one like it that nothing has yet."""
    for candidate in _twins(path):
        if not await taken(candidate):
            return candidate
    raise SourceRefused(f"has {_MOST_TWINS} files called like {path}", hint="tidy up the folder of after.move_to")


def _twins(path: str) -> Iterator[str]:
    yield path
    stem, ending = posixpath.splitext(path)
    moment = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    yield f"{stem}.{moment}{ending}"
    yield from (f"{stem}.{moment}-{number}{ending}" for number in range(2, _MOST_TWINS))


async def paced(items: AsyncIterator[T], seconds: float) -> AsyncIterator[T]:
    """Give on what comes, as long as each piece comes within its time. Raises TimeoutError."""
    while True:
        try:
            async with asyncio.timeout(seconds):
                item = await anext(items)
        except StopAsyncIteration:
            return
        yield item
