"""Read a sample, whatever it is, and find the tickets in it. Pure."""

import csv
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import PurePath
from typing import Any

from hub.connectors.formats import looks_like_xml, parse_json, parse_xml, readable
from hub.connectors.tables import FORMATS, CsvOptions, FileFormat, csv_rows, jsonl_rows
from hub.connectors.workbooks import ExcelOptions, Workbooks
from hub.errors import SourceRefused
from hub.model import BROKEN, Ticket

MOST_BYTES = 64 * 1024**2
_MOST_TICKETS = 500
_DEEPEST = 6
_DEEPEST_HEADER = 4
_DELIMITERS = ",;\t|"


@dataclass(frozen=True, slots=True)
class Sample:
    """What a sample holds: its format, its tickets, where they stand, and what stands around them."""

    format: FileFormat
    tickets: Sequence[Ticket]
    records: str = ""
    around: Mapping[str, Any] | None = None
    delimiter: str = ","
    header: int = 1


def read_sample(content: bytes, name: str, charset: str | None = None) -> Sample:
    """Read a sample by its name and its content. Raises SourceRefused when there is no ticket in it."""
    form = _format(content, name)
    match form:
        case "excel":
            with Workbooks(MOST_BYTES) as books:
                sample = _table(form, lambda header: books.rows(content, ExcelOptions(header=header)), delimiter=",")
        case "csv":
            sample = _csv(content)
        case "jsonl":
            sample = Sample(form, _some(jsonl_rows(content, None)))
        case "json":
            sample = _document(form, parse_json(content, charset=charset))
        case "xml":
            sample = _document(form, parse_xml(content, charset=charset))
    whole = [ticket for ticket in sample.tickets if BROKEN not in ticket and any(ticket.values())]
    if not whole:
        raise SourceRefused("holds no tickets", hint="give a sample with at least one, better some dozens")
    return replace(sample, tickets=whole)


def _some(rows: Iterator[Ticket]) -> list[Ticket]:
    return list(islice(rows, _MOST_TICKETS))


def _format(content: bytes, name: str) -> FileFormat:
    """Tell the format by the content where it gives itself away, else by the end of the name."""
    if content.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        return "excel"
    if looks_like_xml(content):
        return "xml"
    start = readable(content[:4096], None).lstrip("\ufeff \t\r\n")
    if start.startswith(("{", "[")):
        return "jsonl" if _is_jsonl(content) else "json"
    known = FORMATS.get(PurePath(name).suffix.lower(), "csv")
    return known if known not in ("json", "xml", "excel") else "csv"


def _is_jsonl(content: bytes) -> bool:
    first, _, rest = content.lstrip().partition(b"\n")
    try:
        return isinstance(json.loads(first), dict) and rest.lstrip().startswith(b"{")
    except (ValueError, RecursionError):
        return False


def _csv(content: bytes) -> Sample:
    start = readable(content[:8192], None)
    try:
        delimiter = csv.Sniffer().sniff(start.partition("\n")[0], _DELIMITERS).delimiter
    except csv.Error:
        delimiter = ","
    return _table(
        "csv",
        lambda header: csv_rows(content, CsvOptions(delimiter=delimiter, header=header)),
        delimiter=delimiter,
    )


def _table(form: FileFormat, rows: Callable[[int], Iterator[Ticket]], *, delimiter: str) -> Sample:
    """Read a table whose header may stand below a title: where most columns have a name of their own."""
    tried = [(header, _some(rows(header))) for header in range(1, _DEEPEST_HEADER + 1)]
    header, tickets = max(tried, key=lambda found: (_named(found[1]), -found[0]))
    return Sample(form, tickets, delimiter=delimiter, header=header)


def _named(tickets: Sequence[Ticket]) -> int:
    whole = next((ticket for ticket in tickets if BROKEN not in ticket), {})
    return sum(not name.startswith("column_") and not name.strip().isdecimal() for name in whole)


def _document(form: FileFormat, payload: Any) -> Sample:
    path, tickets = max(_lists(payload), key=lambda found: len(found[1]), default=("", []))
    if not tickets and isinstance(payload, dict):
        path, tickets = _alone(payload)
    around = payload if isinstance(payload, dict) and path else None
    return Sample(form, tickets[:_MOST_TICKETS], path, around)


def _alone(payload: dict[str, Any]) -> tuple[str, list[Any]]:
    """Find the one ticket of a document: beneath whatever only wraps it."""
    path: list[str] = []
    while len(payload) == 1 and isinstance(inner := next(iter(payload.values())), dict):
        path.append(path_key(next(iter(payload))))
        payload = inner
    return ".".join(path), [payload]


def _lists(value: Any, path: str = "", depth: int = 0) -> Iterator[tuple[str, list[Any]]]:
    """Yield every list of objects with its path; lists inside of those are parts of tickets."""
    if isinstance(value, list):
        if value and all(isinstance(each, dict) for each in value):
            yield path, value
    elif isinstance(value, dict) and depth < _DEEPEST:
        for key, child in value.items():
            yield from _lists(child, f"{path}.{path_key(key)}" if path else path_key(key), depth + 1)


def path_key(key: str) -> str:
    """Write a key as a path names it: in double quotes where it holds marks that paths give a meaning."""
    plain = key and not set(key) & set(".[](){}*|&!<>=?,`'\"\\@") and key == key.strip()
    return key if plain else json.dumps(key, ensure_ascii=False)
