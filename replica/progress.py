"""Show how the sources of the demonstration come in: a live table on a terminal, a line each where nobody looks on."""

import os
import sys
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from itertools import zip_longest
from types import TracebackType
from typing import Any, Protocol, Self, TypeAlias

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

Standing: TypeAlias = Mapping[str, Any]
"""One source as the hub's API tells of it."""

_TITLE, _COUNT, _GAP = 31, 5, 2  # columns of a terminal that one source takes
_AROUND = 5  # lines of a terminal that are not for sources
_GIVEN_UP = 3  # failures in a row after which a source is no longer waited for


def has_run(source: Standing) -> bool:
    """Tell whether a source has brought something, in this demonstration or an earlier one over the same data.

    The first look into a folder may come too early, as its files count as whole only after they rested for a while, and
    a first run may fail, as the hub may be there before the source is.
    """
    health = source["health"]
    brought = health["lastSuccessAt"] is not None and health["served"] > 0
    return bool(brought and not health["lastError"]) or health["failures"] >= _GIVEN_UP


class Progress(AbstractContextManager["Progress"], Protocol):
    """Whoever shows how the sources stand, again and again, until all have come in."""

    def show(self, sources: Sequence[Standing]) -> None: ...


def progress() -> Progress:
    """Choose by whether somebody looks on."""
    return Screen(Console(highlight=False)) if sys.stdout.isatty() and not os.environ.get("NO_COLOR") else Lines()


def say(line: str) -> None:
    # Whoever read along may have gone; the demonstration goes on.
    with suppress(BrokenPipeError):
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()


class Lines:
    """A line for each source, as soon as it has come in."""

    def __init__(self) -> None:
        self._told: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def show(self, sources: Sequence[Standing]) -> None:
        for source in sources:
            if source["name"] not in self._told and has_run(source):
                self._told.add(source["name"])
                say(_line(source))


def _line(source: Standing) -> str:
    health = source["health"]
    wide = sum(unicodedata.east_asian_width(char) in "WF" for char in source["title"])
    name = f"  {source['title']:<{32 - wide}}{source['connector']:<10}"
    if health["lastError"]:
        return f"{name}{health['lastError']}"
    return f"{name}{health['served']:>5} appeals {health['rejected']:>4} rejected"


class Screen:
    """A bar and all the sources at once, side by side, each with its appeals as they come in."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, auto_refresh=False)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def show(self, sources: Sequence[Standing]) -> None:
        if sources:
            self._live.update(self._table(sources), refresh=True)

    def _table(self, sources: Sequence[Standing]) -> Table:
        done = sum(map(has_run, sources))
        table = Table.grid()
        table.add_row(_bar(done, sources))
        # On a small screen those that are in by now make room for the others.
        room = max(1, self._console.height - _AROUND) * self._abreast
        shown = sources if len(sources) <= room else [source for source in sources if not has_run(source)][:room]
        table.add_row(self._grid(shown))
        return table

    @property
    def _abreast(self) -> int:
        return max(1, self._console.width // (_TITLE + _COUNT + 2 * _GAP))

    def _grid(self, sources: Sequence[Standing]) -> Table:
        high = -(-len(sources) // self._abreast)
        ranks = [sources[start : start + high] for start in range(0, len(sources), high or 1)]
        grid = Table.grid(padding=(0, _GAP, 0, 0))
        for _ in ranks:
            grid.add_column(width=_TITLE, no_wrap=True, overflow="ellipsis")
            grid.add_column(width=_COUNT, justify="right", no_wrap=True)
        for row in zip_longest(*ranks):
            grid.add_row(*(cell for source in row for cell in _cells(source)))
        return grid


def _bar(done: int, sources: Sequence[Standing]) -> Table:
    served = sum(source["health"]["served"] for source in sources)
    bar = Table.grid(padding=(0, 2, 0, 0))
    bar.add_row(
        ProgressBar(total=len(sources), completed=done, width=30),
        Text(f"{done} of {len(sources)} sources, {served:,} appeals"),
    )
    return bar


def _cells(source: Standing | None) -> Iterable[Text]:
    if source is None:
        return Text(), Text()
    health = source["health"]
    if health["lastError"]:
        return Text(f"✗ {source['title']}", "red"), Text("fails", "red")
    if has_run(source):
        return Text.assemble(("✓ ", "green"), source["title"]), Text(f"{health['served']:,}", "green")
    return Text(f"· {source['title']}", "dim"), Text(f"{health['served']:,}" if health["served"] else "", "dim")
