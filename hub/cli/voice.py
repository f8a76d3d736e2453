"""How the command speaks: results on stdout and talk on stderr, in columns for people or in JSON for programs."""

import os
import re
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import IO, Any

import orjson
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from hub.cli.asked import Asked

# What a source sends may hold escape sequences, which a terminal would obey, or change the direction of a line.
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_ENDLESS = 100_000  # columns, where no terminal breaks the lines

_UNITS = (("d", 86400), ("h", 3600), ("m", 60), ("s", 1))


def _console(file: IO[str]) -> Console:
    """A console on the stream; without a terminal, or with NO_COLOR, it writes nothing but text."""
    file.reconfigure(errors="backslashreplace")  # type: ignore[attr-defined]  # both streams are text wrappers
    plain = bool(os.environ.get("NO_COLOR")) or not file.isatty()
    return Console(
        file=file,
        force_terminal=not plain,
        color_system=None if plain else "auto",
        width=None if file.isatty() else _ENDLESS,
        markup=False,
        emoji=False,
        highlight=False,
    )


results = _console(sys.stdout)
talk = _console(sys.stderr)


def answer(asked: Asked, facts: Any, *shown: RenderableType) -> None:
    """Print the facts as JSON for a program, on one line unless somebody looks; for people, what is shown of them."""
    if asked.json:
        indent = orjson.OPT_INDENT_2 if results.is_terminal else 0
        results.out(orjson.dumps(facts, default=str, option=indent | orjson.OPT_NON_STR_KEYS).decode())
        return
    for part in shown:
        say(part)


def say(part: RenderableType) -> None:
    """Print one part of a result, without blanks at the ends of lines where no terminal needs them."""
    if isinstance(part, str):
        results.print(part, soft_wrap=True)
        return
    if results.is_terminal:
        results.print(part)
        return
    with results.capture() as captured:
        results.print(part)
    results.out("\n".join(line.rstrip() for line in captured.get().splitlines()))


def columns(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    """A table without lines; numbers stand at the right, nothing is cut off."""
    rows = [list(row) for row in rows]
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for index, head in enumerate(heads):
        numbers = bool(rows) and all(isinstance(row[index], int) for row in rows)
        table.add_column(head, justify="right" if numbers else "left", overflow="fold")
    for row in rows:
        table.add_row(*(visible(cell) for cell in row))
    return table


def visible(value: object) -> Text:
    """A value as text, with characters that a terminal would obey written out."""
    text = "" if value is None else str(value)
    return Text(_UNSEEN.sub(lambda found: found[0].encode("unicode_escape").decode(), text))


def span(length: timedelta) -> str:
    """Say a length of time in its largest unit, such as 5m; exact ones stay exact, as in 90s."""
    seconds = max(0, round(length.total_seconds()))
    for unit, size in _UNITS:
        if seconds >= size and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def about(length: timedelta) -> str:
    """Say roughly how long: 3m, 2h, 5d."""
    seconds = max(0, round(length.total_seconds()))
    unit, size = next(((unit, size) for unit, size in _UNITS if seconds >= size), ("s", 1))
    return f"{seconds // size}{unit}"


def ago(moment: datetime | None, now: datetime) -> str:
    return f"{about(now - moment)} ago" if moment else "never"


def counted(number: int, thing: str) -> str:
    """`1 ticket`, `2 tickets`."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
