"""Folders into which a system drops a file for each day, or month, or all of it at once."""

import io
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any, Literal, TypeAlias

import orjson

from replica.city import CHINA
from replica.counters.answers import Csv, JsonLines, Xml, fill
from replica.counters.base import Batch, House, Ledger
from replica.counters.fileservers import FtpServer, SftpServer
from replica.workbook import workbook
from replica.writing import local

Rows: TypeAlias = Sequence[Mapping[str, Any]]
Write: TypeAlias = Callable[[Rows], bytes]

_SECOND = timedelta(seconds=1)
_STAMP = local("%Y%m%d_%H%M%S")


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """A folder of files, each named by the last second that it covers; what is there already stays as it is.

    With `marked`, an empty file beside it, named NAME.ok, says that a file is complete. With `server`, the files are
    had from that one.
    """

    name: str
    write: Write
    each: Literal["day", "month", "always"] = "day"
    marked: bool = False
    server: type[SftpServer] | type[FtpServer] | None = None

    def open(self, ledger: Ledger, house: House) -> None:
        if house.files is not None:
            root = house.server(self.server).root if self.server else house.files
            house.feed(ledger, _Drops(self, root / ledger.name))


@dataclass(frozen=True, slots=True)
class _Drops:
    folder: Folder
    path: Path

    def ends(self, since: datetime) -> datetime | None:
        if self.folder.each == "day":
            return _midnight(since) + timedelta(days=1)
        return month_after(since) if self.folder.each == "month" else None

    async def take(self, batch: Batch) -> None:
        self.path.mkdir(parents=True, exist_ok=True)
        file = self.path / self.folder.name.format(_STAMP.write(batch.until - _SECOND))
        # What is there was written by an earlier replica: the same, or more, as its window began earlier.
        if file.exists() or not batch.seen:
            return
        content = self.folder.write(batch.rows)
        if self.folder.marked:
            file.write_bytes(content)
            file.with_name(f"{file.name}.ok").touch()
            return
        # Under another name until it is whole, so that nobody reads half of it.
        part = file.with_name(f".{file.name}.part")
        part.write_bytes(content)
        part.replace(file)


def month_after(moment: datetime) -> datetime:
    """Return the beginning of the next month."""
    return (_midnight(moment).replace(day=1) + timedelta(days=32)).replace(day=1)


def _midnight(moment: datetime) -> datetime:
    return datetime.combine(moment.astimezone(CHINA).date(), time(), CHINA)


def zipped(name: str, write: Write) -> Write:
    """Pack a file into a zip archive; the same rows are the same bytes."""

    def packed(rows: Rows) -> bytes:
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as opened:
            opened.writestr(zipfile.ZipInfo(name), write(rows), zipfile.ZIP_DEFLATED)
        return archive.getvalue()

    return packed


def csv(*, encoding: str = "utf-8", delimiter: str = ",", header: bool = True, preamble: Sequence[str] = ()) -> Write:
    return Csv(encoding, delimiter, header, preamble).table


def json_lines() -> Write:
    return JsonLines().table


def json_document(envelope: Any) -> Write:
    return lambda rows: orjson.dumps(fill(envelope, {"rows": rows, "count": len(rows)}))


def xml_document(envelope: Any, *, claims: str = "UTF-8", encoding: str = "utf-8") -> Write:
    """Write rows as XML that declares one encoding and may be in another."""
    return lambda rows: Xml(claims, encoding).document(fill(envelope, {"rows": rows}))


def excel(*, above: Sequence[str] = ()) -> Write:
    """Write a workbook; lines of a title may stand above the column names."""
    return lambda rows: workbook([*([line] for line in above), list(rows[0]), *(list(row.values()) for row in rows)])
