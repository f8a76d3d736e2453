"""Read the rows of a file by what it is: as options say, as its name ends, or as its first bytes betray."""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import TypeVar

from pydantic import field_validator, model_validator

from hub.connectors import paths
from hub.connectors.archives import PACKED, gunzipped, unpacked
from hub.connectors.base import Options
from hub.connectors.formats import NotReadable, known_encoding
from hub.connectors.tables import (
    FORMATS,
    CsvOptions,
    FileFormat,
    HtmlOptions,
    csv_rows,
    document_rows,
    html_rows,
    jsonl_rows,
    spreadsheet_rows,
)
from hub.connectors.workbooks import ExcelOptions, Workbooks
from hub.errors import SourceError
from hub.model import Ticket

_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"\x09\x08", b"\x09\x04", b"\x09\x02", b"\x09\x00")
"""What real workbooks begin with: a zip archive, an OLE file, or the bare records of the oldest Excels."""
_SPREADSHEET_XML = b"urn:schemas-microsoft-com:office:spreadsheet"
_MARKUP = re.compile(rb"\s*<")


class Reading(Options):
    """How files read, wherever they come from."""

    pick: str
    """Which files, such as `*.csv` or `**/*.xlsx`."""
    inside: str | None = None
    """Of a zip archive: which of the files in it, such as `*.csv`. One in `.gz` is opened as it is."""
    format: FileFormat | None = None
    """What the files are; left out, by the end of their names."""
    encoding: str | None = None
    """The encoding of JSON, JSON lines, XML and HTML, where the file does not say it; for CSV see `csv.encoding`."""
    records: paths.Path = ""
    """Where a JSON or XML document holds the tickets; in XML the path begins with the root element."""
    csv: CsvOptions = CsvOptions()
    """How CSV is written."""
    excel: ExcelOptions = ExcelOptions()
    """Where in a workbook the table is."""
    html: HtmlOptions = HtmlOptions()
    """Where in an HTML page the table is."""
    name_into: str | None = None
    """Adds the file's name to each ticket under this key, where the name says what the rows do not."""

    @field_validator("pick")
    @classmethod
    def _stays_inside(cls, pick: str) -> str:
        if not pick or pick.startswith("/") or ".." in pick.split("/"):
            raise ValueError("the pattern is looked for inside the folder, such as *.csv")
        return pick

    @field_validator("inside")
    @classmethod
    def _opens_once(cls, inside: str | None) -> str | None:
        if inside is not None and PurePosixPath(inside).suffix.lower() in PACKED:
            raise ValueError("an archive inside an archive is not opened; write what is in it, such as *.csv")
        return inside

    @field_validator("encoding")
    @classmethod
    def _known(cls, encoding: str | None) -> str | None:
        return known_encoding(encoding) if encoding else None

    @model_validator(mode="after")
    def _format_is_told(self) -> "Reading":
        ending = _ending(self.pick)
        if ending == ".zip" and self.inside is None:
            raise ValueError(
                "`pick` takes zip archives: write `inside`, which says which of their files, such as *.csv"
            )
        telling = "inside" if ending == ".zip" else "pick"
        ending = _ending(self.inside or "") if ending == ".zip" else ending
        if self.format is None and not any(c in ending for c in "*?[") and ending not in FORMATS:
            raise ValueError(
                f"`{telling}` does not tell the format; write `format`, or an end out of {' '.join(FORMATS)}"
            )
        return self


def _ending(name: str) -> str:
    """Return the end of a name that tells the format: `.csv` of `a.csv.gz`."""
    lower = name.lower().removesuffix(".gz")
    return PurePosixPath(lower).suffix


def file_rows(name: str, data: bytes, how: Reading, books: Workbooks) -> Iterator[Ticket]:
    """Read a file, or the files in it, row by row. Raises NotReadable, naming the file inside an archive."""
    if name.lower().endswith(".gz"):
        name, data = name[:-3], gunzipped(data, books.most)
    if how.inside is None or not _is_archive(name, data):
        yield from _named(name, _rows(name, data, how, books), how)
        return
    for inner, content in unpacked(data, how.inside, books.most):
        try:
            yield from _named(f"{name}/{inner}", _rows(inner, content, how, books), how)
        except SourceError as error:
            error.message = f"holds {inner}, which {error.message}"
            raise


def _is_archive(name: str, data: bytes) -> bool:
    """Tell an archive to open from a workbook, which is a zip archive as well."""
    return name.lower().endswith(".zip") or (data.startswith(b"PK") and _ending(name) not in FORMATS)


def _named(name: str, rows: Iterator[Ticket], how: Reading) -> Iterator[Ticket]:
    return ({**row, how.name_into: name} for row in rows) if how.name_into else rows


def _rows(name: str, data: bytes, how: Reading, books: Workbooks) -> Iterator[Ticket]:
    form = how.format or FORMATS.get(_ending(name))
    match form:
        case "csv":
            return csv_rows(data, how.csv)
        case "jsonl":
            return jsonl_rows(data, how.encoding)
        case "json" | "xml":
            return document_rows(data, form, how.records, how.encoding)
        case "html":
            return html_rows(data, how.html, encoding=how.encoding)
        case "excel":
            return _workbook_rows(data, how, books)
    raise NotReadable("does not tell its format by its name", hint="set `format`")


def _workbook_rows(data: bytes, how: Reading, books: Workbooks) -> Iterator[Ticket]:
    """Read what is called a workbook: many systems export an HTML table, XML or plain text under that name."""
    if data.startswith(_WORKBOOKS) or not data.strip():
        return books.rows(data, how.excel)
    header = how.excel.header
    if _SPREADSHEET_XML in data[:4096]:
        return spreadsheet_rows(data, how.excel.sheet, header)
    if _MARKUP.match(data.removeprefix(b"\xef\xbb\xbf")):
        return html_rows(data, _headed(how.html, header), encoding=how.encoding)
    first_line = data.lstrip().partition(b"\n")[0]
    delimiter = next((sign for sign in ("\t", how.csv.delimiter) if sign.encode() in first_line), None)
    if delimiter is None:
        return books.rows(data, how.excel)  # which says that it is none
    return csv_rows(data, _headed(how.csv, header).model_copy(update={"delimiter": delimiter}))


_Headed = TypeVar("_Headed", CsvOptions, HtmlOptions)


def _headed(options: _Headed, header: int) -> _Headed:
    """Take the row of the header from `excel`, as the file is called a workbook, unless the options say it."""
    return options if "header" in options.model_fields_set else options.model_copy(update={"header": header})
