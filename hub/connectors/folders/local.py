"""A folder of this machine, with the face that every folder has."""

import asyncio
import errno
import os
import stat
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

from hub.connectors.folders.base import Kind, Listed, free_name, joined
from hub.errors import SourceRefused, SourceUnavailable


class LocalFolder:
    """A folder of this machine. Inodes tell when its files changed, which no copying program can set back."""

    keeps_time = True

    def __init__(self, root: Path, shown: str) -> None:
        self._root = root
        self._shown = shown

    async def entries(self, below: Listed | None) -> AsyncIterator[Listed]:
        for entry in await asyncio.to_thread(self._scanned, below):
            yield entry

    async def read(self, file: Listed, most: int) -> bytes | None:
        return await asyncio.to_thread(self._content, file, most)

    async def move(self, file: Listed, into: str) -> None:
        if await asyncio.to_thread(_is_same, file):
            target = await free_name(str(self._root / into / file.path), _is_taken)
            await asyncio.to_thread(_rename, file, Path(target))

    async def remove(self, file: Listed) -> None:
        if await asyncio.to_thread(_is_same, file):
            await asyncio.to_thread(_unlink, file)

    def _scanned(self, below: Listed | None) -> list[Listed]:
        try:
            with os.scandir(below.handle if below else self._root) as found:
                return [entry for each in found if (entry := self._entry(below, each))]
        except FileNotFoundError:
            if below:
                return []
            raise SourceUnavailable(f"there is no folder {self._shown}") from None
        except NotADirectoryError:
            raise SourceRefused(f"{self._shown} is not a folder", hint="set `at` to a folder") from None
        except PermissionError:
            raise SourceRefused(f"the folder {below.path if below else self._shown} may not be read") from None
        except OSError as error:
            raise SourceUnavailable(f"the folder {self._shown} cannot be read: {error.strerror}") from None

    def _entry(self, below: Listed | None, found: "os.DirEntry[str]") -> Listed | None:
        path = Path(found.path)
        try:
            facts = path.stat()
        except FileNotFoundError:  # It vanished, or is a link to nothing.
            return None
        kind = self._kind_of_link(path, facts) if found.is_symlink() else _kind(facts)
        # A name that is not UTF-8 is shown escaped: people and cursors need text.
        shown = os.fsencode(found.name).decode("utf-8", "backslashreplace")
        return Listed(joined(below, shown), kind, facts.st_size, facts.st_ctime_ns, path)

    def _kind_of_link(self, path: Path, facts: os.stat_result) -> Kind:
        """Follow links to files inside only: those to folders may go round in circles."""
        if not stat.S_ISREG(facts.st_mode):
            return "other"
        return "file" if path.resolve().is_relative_to(self._root.resolve()) else "astray"

    def _content(self, file: Listed, most: int) -> bytes | None:
        path: Path = file.handle
        try:
            with path.open("rb") as opened:
                content = opened.read(most + 1)
            return content if len(content) == file.size and _is_same(file) else None
        except FileNotFoundError:
            return None
        except PermissionError:
            raise SourceRefused(f"the file {file.path} may not be read") from None
        except OSError as error:
            raise SourceUnavailable(f"the file {file.path} cannot be read: {error.strerror}") from None


def _kind(facts: os.stat_result) -> Kind:
    if stat.S_ISDIR(facts.st_mode):
        return "folder"
    return "file" if stat.S_ISREG(facts.st_mode) else "other"


def _is_same(file: Listed) -> bool:
    try:
        facts = file.handle.stat()
    except OSError:
        return False
    return (facts.st_ctime_ns, facts.st_size) == (file.changed, file.size)


async def _is_taken(path: str) -> bool:
    return await asyncio.to_thread(os.path.lexists, path)


def _rename(file: Listed, target: Path) -> None:
    with _changing(f"the file {file.path} cannot be moved to {target.parent}"):
        target.parent.mkdir(parents=True, exist_ok=True)
        file.handle.rename(target)


def _unlink(file: Listed) -> None:
    with _changing(f"the file {file.path} cannot be removed"):
        file.handle.unlink(missing_ok=True)


@contextmanager
def _changing(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno == errno.EXDEV:
            raise SourceRefused(f"{what}: it lies on another disk", hint="choose a folder on the same one") from None
        raise SourceRefused(f"{what}: {error.strerror}", hint="give the hub the right to, or `after: leave`") from None
