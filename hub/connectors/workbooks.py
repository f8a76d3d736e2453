"""Read workbooks from hands that nobody trusts, each in a process of its own that can do no harm but to itself."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import IO, Any, Self, cast

import orjson
from pydantic import Field

from hub.connectors import tables
from hub.connectors.base import Options
from hub.connectors.formats import NotReadable
from hub.model import Ticket

_PROGRAM = Path(__file__).with_name("workbook_process.py")
_SECONDS = 60
_PATIENCE = 120
_MEMORY = 2**30
# What a workbook says twice it may hold once, so its rows may be larger than it.
_MOST_TIMES = 4


class ExcelOptions(Options):
    sheet: str | None = None
    """The name of the sheet; left out, the first."""
    header: int = Field(1, ge=1)
    """The row that holds the column names, counted from 1."""


class Workbooks:
    """Reads the workbooks of one run. Leaving it kills whatever process is still at it, from any thread.

    `most` is how many bytes one may hold, inflated. A process gets a minute of computing, two of waiting, and 1 GB of
    memory beside four times `most`.
    """

    def __init__(self, most: int, *, seconds: int = _SECONDS, memory: int | None = None) -> None:
        self.most = most
        self._seconds = seconds
        self._memory = memory or _MEMORY + _MOST_TIMES * most
        self._lock = Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._is_over = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._is_over = True
            for process in self._running:
                process.kill()

    def rows(self, data: bytes, options: ExcelOptions) -> Iterator[Ticket]:
        """Read a sheet row by row; empty rows are left out.

        Raises NotReadable for what is no workbook, or one made to do harm.
        """
        names: list[str] | None = None
        for cells in self._cells(data, options):
            if names is None:
                names = tables.column_names(cells)
            else:
                yield {name: tables.plain(cell) for name, cell in zip(names, cells, strict=False)}

    def _cells(self, data: bytes, options: ExcelOptions) -> Iterator[list[Any]]:
        with self._started(options) as process:
            try:
                yield from self._lines(process, data)
                self._judge(process.wait())
            finally:
                process.kill()
                with self._lock:
                    self._running.discard(process)

    def _started(self, options: ExcelOptions) -> subprocess.Popen[bytes]:
        told = {"sheet": options.sheet, "header": options.header, "most": self.most, "memory": self._memory}
        told |= {"seconds": self._seconds, "patience": _PATIENCE}
        with self._lock:
            if self._is_over:
                raise NotReadable("was not read, as the run is over")
            process = subprocess.Popen(  # noqa: S603  ours, and what is untrusted goes in by its pipe
                [sys.executable, "-I", _PROGRAM, orjson.dumps(told)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={},  # It gets to know no secret,
                start_new_session=True,  # and Ctrl-C is ours to answer.
            )
            self._running.add(process)
        return process

    def _lines(self, process: subprocess.Popen[bytes], data: bytes) -> Iterator[list[Any]]:
        with suppress(BrokenPipeError), cast("IO[bytes]", process.stdin) as stdin:
            stdin.write(data)  # A process that is gone says why by its end.
        rows, left = cast("IO[bytes]", process.stdout), _MOST_TIMES * self.most
        while line := rows.readline(left + 1):
            if (left := left - len(line)) < 0:
                raise NotReadable(
                    f"repeats itself until it holds more than {_MOST_TIMES} times limits.max_body",
                    hint="raise it if you trust the file",
                )
            if line.endswith(b"\n"):
                yield orjson.loads(line)
            elif line.endswith(b"}"):
                said = orjson.loads(line)
                raise NotReadable(said["refused"], hint=said["hint"])

    def _judge(self, ended: int) -> None:
        if -ended in {signal.SIGXCPU, signal.SIGALRM}:
            raise NotReadable(f"is a workbook that takes more than {self._seconds} s to read; it was made to do harm")
        if ended:
            raise NotReadable(
                f"is a workbook that takes more than {self._memory >> 20} MB of memory, or breaks what reads it",
                hint="save it anew, or export it as CSV",
            )
