"""Read one workbook in a process of its own, within limits of it: its rows go out as JSON, one list a line.

Run by its path and with `python -I`, so it imports nothing of the hub, and starts in a moment. The workbook comes in on
standard input. The last line is an object instead of a list where the workbook was refused.
"""

import io
import re
import resource
import signal
import sys
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from typing import Any

import orjson
from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook, load_workbook

_MOST_CELLS = 10_000_000
_CHUNK = 2**20
_CELL = re.compile(rb"""\sr=["']([A-Z]{1,3})([0-9]{1,7})["']""")


class Refused(Exception):
    """The workbook is not read: why, as the end of a sentence about it, and the cure."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.said = {"refused": message, "hint": hint}


def main(told: dict[str, Any]) -> None:
    _limit(told["memory"], told["seconds"])
    data = sys.stdin.buffer.read()
    out = sys.stdout.buffer
    signal.alarm(told["patience"])
    try:
        for cells in rows(data, told["sheet"], told["header"], told["most"]):
            line = orjson.dumps(cells, default=_seconds)
            signal.alarm(0)  # How long the hub takes with what it got is its own affair.
            out.write(line + b"\n")
            signal.alarm(told["patience"])
    except Refused as error:
        out.write(orjson.dumps(error.said))
    out.flush()


def _limit(memory: int, seconds: int) -> None:
    # The kernel ends a process that computes for too long, whatever code it is in; macOS knows no limit of memory.
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))


def _seconds(cell: Any) -> float:
    if isinstance(cell, timedelta):
        return cell.total_seconds()
    raise TypeError(type(cell).__name__)


def rows(data: bytes, sheet: str | None, header: int, most: int) -> Iterator[list[Any]]:
    """Give the cells of the header, and of each row below it that is not empty."""
    _refuse_bomb(data, most)
    try:
        with load_workbook(io.BytesIO(data)) as book:
            for number, cells in enumerate(_sheet(book, sheet).iter_rows(), 1):
                if number == header or (number > header and any(cell != "" for cell in cells)):
                    yield cells
    except CalamineError as error:
        raise Refused(f"is not a workbook that can be read: {error}") from None


def _sheet(book: CalamineWorkbook, name: str | None) -> CalamineSheet:
    if name is not None and name not in book.sheet_names:
        raise Refused(f"has no sheet {name!r}; it has {', '.join(book.sheet_names[:10])}")
    return book.get_sheet_by_name(name) if name else book.get_sheet_by_index(0)


def _refuse_bomb(data: bytes, most: int) -> None:
    """Refuse a workbook that says itself that it inflates beyond the limit, or whose few cells stretch over billions.

    One that lies about it meets the limits of the process.
    """
    if not data.startswith(b"PK"):
        return
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > most:
                raise Refused("inflates to more than limits.max_body", "raise it if you trust the file")
            for entry in archive.infolist():
                if entry.filename.startswith("xl/worksheets/") and entry.filename.endswith(".xml"):
                    _refuse_stretch(archive, entry)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError) as error:
        raise Refused(f"is not a workbook that can be read: {error}") from None


def _refuse_stretch(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> None:
    height = width = 0
    with archive.open(entry) as sheet:
        tail = b""
        while piece := sheet.read(_CHUNK):
            for letters, number in _CELL.findall(tail + piece):
                height, width = max(height, int(number)), max(width, _column(letters))
            tail = piece[-16:]
    if height * width > _MOST_CELLS:
        raise Refused(f"stretches over {height} rows and {width} columns", "clear what lies outside the table")


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number


if __name__ == "__main__":
    main(orjson.loads(sys.argv[1]))
