"""Read the rows of a file: CSV, JSON lines, JSON, XML, HTML or its own kind of spreadsheet, a page at a time."""

import codecs
import csv
import io
import re
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Literal, TypeAlias

from lxml import etree
from pydantic import Field, field_validator, model_validator

from hub.connectors.base import Options
from hub.connectors.formats import (
    MOST_ATTRIBUTES,
    NotReadable,
    bom_encoding,
    decode,
    encoding_named,
    escaping,
    known_encoding,
    parse_json,
    parse_xml,
    strict_for,
    xml_tree,
)
from hub.connectors.paths import reader
from hub.errors import SourceError
from hub.model import BROKEN, Ticket

FileFormat: TypeAlias = Literal["csv", "jsonl", "json", "xml", "excel", "html"]

FORMATS: dict[str, FileFormat] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".xml": "xml",
    ".xlsx": "excel",
    ".xlsm": "excel",
    ".xls": "excel",
    ".html": "html",
    ".htm": "html",
}
"""What a file is by the end of its name."""

_LONGEST_FIELD = 2**20
_LONGEST_QUOTE = 2**16
_MOST_READ_AGAIN = 2**26  # characters of lines after quotes that were not closed; a line itself counts as some
_LINE_COST = 64
_CHUNK = 2**20
_UNDECODED = re.compile("[\udc80-\udcff]")
_SS = "{urn:schemas-microsoft-com:office:spreadsheet}"
_WIDEST_TABLE = 1000
_MOST_REPEATED = 200_000
_END_LINES = ("br", "p", "div", "li", "tr", "td", "th")
_LINE_END = "\u2028"
_META_CHARSET = re.compile(rb"""(?i)<meta[^>]{0,200}charset\s*=\s*["']?\s*([a-z0-9._-]+)""")

csv.field_size_limit(_LONGEST_FIELD)


class CsvOptions(Options):
    encoding: str = "auto"
    """`auto`: by the byte order mark, else UTF-8 where it fits, else gb18030; gb2312 and gbk are read as gb18030."""
    delimiter: str = Field(",", min_length=1, max_length=3)
    """What stands between cells; `tab` for a tabulator."""
    header: int = Field(1, ge=0)
    """The line that holds the column names, counted from 1; 0 where there is none, then write `columns`."""
    columns: Sequence[str] = ()
    """The names of the columns, instead of those in the file."""
    bad_lines: Literal["reject", "fail"] = "reject"
    """A broken line becomes a rejected ticket that holds its text, or stops the whole file."""

    @field_validator("delimiter")
    @classmethod
    def _one_character(cls, value: str) -> str:
        if value == "tab":
            return "\t"
        if len(value) != 1 or value in '"\r\n':
            raise ValueError("the delimiter is one character, or `tab`")
        return value

    @field_validator("encoding")
    @classmethod
    def _known(cls, value: str) -> str:
        return value if value == "auto" else known_encoding(value)

    @model_validator(mode="after")
    def _named(self) -> "CsvOptions":
        if self.header == 0 and not self.columns:
            raise ValueError("`header: 0` needs `columns`, or the cells would have no names")
        return self


class HtmlOptions(Options):
    table: int | None = Field(None, ge=1)
    """Which table of the page, counted from 1; left out, the one with the most rows."""
    header: int = Field(1, ge=1)
    """The row of it that holds the column names, counted from 1."""


def csv_rows(data: bytes, options: CsvOptions) -> Iterator[Ticket]:
    """Read CSV record by record; a broken line comes as a ticket that says why, or raises NotReadable."""
    tape = _Tape(_lines(data, options.encoding))
    names = list(options.columns)
    while (record := _record(tape, options.delimiter)) is not None:
        if tape.line < options.header or record == []:
            continue
        if tape.start <= options.header and isinstance(record, list):
            names = names or column_names(record)
            continue
        fault = record if isinstance(record, str) else _misfit(record, len(names), tape.taken)
        if fault is None:
            yield dict(zip(names, record, strict=False))
        elif options.bad_lines == "fail":
            raise NotReadable(f"line {tape.start}: {fault}")
        else:
            tape.give_back()
            yield broken(f"line {tape.start}: {fault}", tape.taken[0])


def _record(tape: "_Tape", delimiter: str) -> list[str] | str | None:
    """Read the cells of the next record, or say what is wrong with it; None at the end."""
    tape.begin()
    try:
        return next(csv.reader(tape, delimiter=delimiter, strict=True), None)
    except csv.Error as error:
        return str(error)


def _misfit(cells: list[str], columns: int, lines: list[str]) -> str | None:
    if any(_UNDECODED.search(line) for line in lines):
        return "holds bytes that are not text in this encoding"
    # A delimiter too many at the end of every line is a habit of exports, and says nothing.
    if len(cells) < columns or any(cells[columns:]):
        return f"has {len(cells)} cells, and the header {columns}"
    return None


class _Tape:
    """The lines of a file, with the ones of the record under way at hand, to quote or to read again."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)
        self._returned: deque[str] = deque()
        self._again = 0
        self.taken: list[str] = []
        self.line = 0

    def __iter__(self) -> "_Tape":
        return self

    def __next__(self) -> str:
        line = self._returned.popleft() if self._returned else next(self._lines)
        self.taken.append(line)
        self.line += 1
        return line

    @property
    def start(self) -> int:
        """The line that the record under way begins on."""
        return self.line - len(self.taken) + 1

    def begin(self) -> None:
        self.taken = []

    def give_back(self) -> None:
        """Keep the first line only: a quote that is never closed must not swallow the good lines after it."""
        self._again += sum(_LINE_COST + len(line) for line in self.taken[1:])
        if self._again > _MOST_READ_AGAIN:
            raise NotReadable(f"line {self.start}: opens a quote that is never closed, as too many lines before it")
        self._returned.extendleft(reversed(self.taken[1:]))
        self.line -= len(self.taken) - 1
        self.taken = self.taken[:1]


def _lines(data: bytes, encoding: str) -> Iterator[str]:
    codec = bom_encoding(data) or (_likely(data) if encoding == "auto" else encoding_named(encoding))
    text = io.TextIOWrapper(io.BytesIO(data), codec, escaping(codec), newline="")
    try:
        yield from text
    except UnicodeError:
        raise NotReadable(f"is not text in {codec}") from None


def _likely(data: bytes) -> str:
    """Choose UTF-8 where all of the file is, else GB 18030; what is neither has to be told by the administrator."""
    for encoding in ("utf-8", "gb18030"):
        if _fits(data, encoding):
            return encoding
    raise NotReadable("is neither UTF-8 nor GB 18030", hint="set csv.encoding")


def _fits(data: bytes, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)(strict_for(encoding))
    try:
        for start in range(0, len(data), _CHUNK):
            decoder.decode(data[start : start + _CHUNK])
        decoder.decode(b"", final=True)
    except UnicodeError:
        return False
    return True


def column_names(cells: Iterable[Any]) -> list[str]:
    """Name the columns: blanks trimmed, nameless ones by their place, a second one of a name as `name_2`."""
    names: dict[str, None] = {}
    same: Counter[str] = Counter()
    for place, cell in enumerate(cells, 1):
        if place > _WIDEST_TABLE:
            raise NotReadable(f"holds a table of more than {_WIDEST_TABLE} columns")
        name = str(cell).strip("\ufeff \t\r\n\u3000") or f"column_{place}"
        named = f"{name}_{same[name] + 1}" if name in names else name
        names[named] = None
        same.update({named, named.rpartition("_")[0]})
    return list(names)


def broken(reason: str, text: str) -> Ticket:
    """Make a ticket of what could not be read as one, so that it is kept, and rejected for this reason."""
    shown = text[:_LONGEST_QUOTE].encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return {BROKEN: reason, "text": shown.rstrip("\r\n")}


def jsonl_rows(data: bytes, encoding: str | None) -> Iterator[Ticket]:
    """Read one JSON object a line; a line that is none comes as a ticket that says why."""
    if encoding is not None or bom_encoding(data):
        data = decode(data, [encoding or "utf-8"]).encode()
    for number, line in enumerate(io.BytesIO(data), 1):
        if line.strip():
            yield _json_ticket(number, line)


def _json_ticket(number: int, line: bytes) -> Ticket:
    try:
        ticket = parse_json(line)
    except SourceError as error:
        return broken(f"line {number}: {error.message}", line.decode("utf-8", "surrogateescape"))
    return ticket if isinstance(ticket, dict) else {"value": ticket}


def document_rows(data: bytes, form: Literal["json", "xml"], records: str, encoding: str | None) -> Iterator[Ticket]:
    """Read the records of one JSON or XML document; one alone counts as a list of one."""
    parse = parse_xml if form == "xml" else parse_json
    found = reader(records)(parse(data, encoding=encoding))
    if found is None and form == "json":
        raise NotReadable(f"holds nothing at `records: {records}`")
    rows = found if isinstance(found, list) else [] if found is None else [found]
    yield from (row if isinstance(row, dict) else {"value": row} for row in rows)


def spreadsheet_rows(data: bytes, sheet: str | None, header: int) -> Iterator[Ticket]:
    """Read a sheet of the XML that Excel 2003 wrote, and many a report still writes, under the name of a workbook."""
    names: list[str] = []
    number = 0
    for row in _xml_sheet(data, sheet).iter(f"{_SS}Row"):
        number = _place(row, number)
        cells = _xml_cells(row)
        if number == header:
            names = column_names(cells.get(column) or "" for column in range(1, max(cells, default=0) + 1))
        elif number > header and any(cell is not None for cell in cells.values()):
            yield {name: cells.get(column) for column, name in enumerate(names, 1)}


def _xml_sheet(data: bytes, name: str | None) -> etree._Element:
    sheets = {sheet.get(f"{_SS}Name") or "": sheet for sheet in xml_tree(data).iter(f"{_SS}Worksheet")}
    if not sheets:
        raise NotReadable("holds no sheet")
    if name is not None and name not in sheets:
        raise NotReadable(f"has no sheet {name!r}; it has {', '.join(list(sheets)[:10])}")
    return sheets[name] if name is not None else next(iter(sheets.values()))


def _xml_cells(row: etree._Element) -> dict[int, Any]:
    cells: dict[int, Any] = {}
    column = 0
    for cell in row.iterchildren(f"{_SS}Cell"):
        column = _place(cell, column)
        if column > _WIDEST_TABLE:
            raise NotReadable(f"holds a table of more than {_WIDEST_TABLE} columns")
        cells[column] = _xml_value(cell)
    return cells


def _place(element: etree._Element, before: int) -> int:
    """Return the number of a row or a cell: empty ones before it are left out, and then it says its own."""
    told = element.get(f"{_SS}Index") or ""
    return int(told) if told.isascii() and told.isdigit() and len(told) < 9 else before + 1


def _xml_value(cell: etree._Element) -> Any:
    content = next(cell.iterchildren(f"{_SS}Data"), None)
    text = "" if content is None else "".join(map(str, content.itertext()))
    if content is not None and content.get(f"{_SS}Type") == "Number":
        with suppress(ValueError):
            return plain(float(text))
    return text or None


def plain(cell: Any) -> Any:
    """Write a cell of a workbook as a ticket has it: nothing for an empty one, whole numbers without a point."""
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 2**53:
        return int(cell)
    return None if cell == "" else cell


def html_rows(
    data: bytes, options: HtmlOptions, *, charset: str | None = None, encoding: str | None = None
) -> Iterator[Ticket]:
    """Read a table of an HTML page row by row; where a cell is a link, `NAME@href` says where to.

    A cell that spans others stands in each of them. A row of one cell across the table is a remark, such as the number
    of pages, and left out. Raises NotReadable for a page without such a table.
    """
    names: list[str] = []
    for number, cells in enumerate(_grid(_table(page_tree(data, charset, encoding), options.table)), 1):
        if number == options.header:
            names = column_names(_text_of(cell) for cell in cells)
        elif number > options.header and len(names) > 1 and len({id(cell) for cell in cells}) == 1 and len(cells) > 1:
            continue
        elif number > options.header and (ticket := _html_ticket(names, cells)):
            yield ticket
    if not names:
        raise NotReadable(f"holds a table of fewer than {options.header} rows", hint="check html.header")


def page_tree(data: bytes, charset: str | None, encoding: str | None) -> etree._Element:
    """Parse an HTML page as browsers do, scripts and comments left out. Raises NotReadable for what is none."""
    declared = _META_CHARSET.search(data[:4096])
    likely = [charset, declared[1].decode() if declared else None, "utf-8", "gb18030"]
    text = decode(data, [encoding] if encoding else [name for name in likely if name])
    content = text.replace("\0", "").encode()
    looking: Any = _Attributes()
    parser = etree.HTMLParser(encoding="utf-8", no_network=True, remove_comments=True, remove_pis=True)
    try:
        etree.fromstring(content, etree.HTMLParser(encoding="utf-8", target=looking))
        tree = etree.fromstring(content, parser)
    except etree.XMLSyntaxError:
        tree = None
    if tree is None:  # which is also what lxml makes of nothing
        raise NotReadable("is not an HTML page that can be read")
    etree.strip_elements(tree, "script", "style", with_tail=False)
    for block in tree.iter(*_END_LINES):
        block.tail = f"{_LINE_END}{block.tail or ''}"
    return tree


class _Attributes:
    """Looks at the attributes of each element before a tree is built: that takes as long as there are others."""

    def start(self, _: str, attributes: Mapping[str, str]) -> None:
        if len(attributes) > MOST_ATTRIBUTES:
            raise NotReadable(f"has an element of more than {MOST_ATTRIBUTES:,} attributes")

    def close(self) -> None:
        """End the look, as lxml wants."""


def _table(tree: etree._Element, number: int | None) -> list[etree._Element]:
    """Return the rows of the table asked for; those of tables inside it are its cells' own business."""
    tables: dict[etree._Element, list[etree._Element]] = {table: [] for table in tree.iter("table")}
    for row in tree.iter("tr"):
        if (table := next(row.iterancestors("table"), None)) is not None:
            tables[table].append(row)
    if not any(tables.values()):
        raise NotReadable("holds no table")
    if number is None:
        return max(tables.values(), key=len)
    if number > len(tables):
        raise NotReadable(f"holds {len(tables)} tables, and not the {number}th", hint="check html.table")
    return list(tables.values())[number - 1]


def _grid(rows: Iterable[etree._Element]) -> Iterator[list[etree._Element]]:
    """Lay the cells of each row out, one a column, those that span rows or columns in each of their places."""
    hanging: dict[int, tuple[int, etree._Element]] = {}
    repeated = 0
    for row in rows:
        laid: dict[int, etree._Element] = {column: cell for column, (_, cell) in hanging.items()}
        hanging = {column: (left - 1, cell) for column, (left, cell) in hanging.items() if left > 1}
        column = 0
        for cell in row.iterchildren("td", "th"):
            while column in laid:
                column += 1
            for place in range(column, column + _span(cell, "colspan")):
                laid[place] = cell
                if (below := _span(cell, "rowspan") - 1) > 0:
                    hanging[place] = (below, cell)
            if len(laid) > _WIDEST_TABLE:
                raise NotReadable(f"holds a table of more than {_WIDEST_TABLE} columns")
        if (repeated := repeated + len(laid) - len(row)) > _MOST_REPEATED:
            raise NotReadable("holds a table whose cells span too much")
        if laid:
            yield [laid[place] for place in sorted(laid)]


def _span(cell: etree._Element, name: str) -> int:
    try:
        return min(max(int(cell.get(name) or 1), 1), _WIDEST_TABLE + 1)
    except ValueError:
        return 1


def _html_ticket(names: list[str], cells: list[etree._Element]) -> Ticket:
    """Make a ticket of a row; nothing of one whose cells are all empty."""
    ticket: Ticket = {}
    for name, cell in zip(names, cells, strict=False):
        ticket[name] = _text_of(cell) or None
        if (link := next(cell.iter("a"), None)) is not None and (target := link.get("href")):
            ticket[f"{name}@href"] = target
    return ticket if any(value is not None for value in ticket.values()) else {}


def _text_of(cell: etree._Element) -> str:
    """Read the words of a cell as a browser shows them: blanks joined, lines only where the markup has them."""
    lines = "".join(map(str, cell.itertext())).split(_LINE_END)
    return "\n".join(line for line in (" ".join(line.split()) for line in lines) if line)
