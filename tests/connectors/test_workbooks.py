"""Workbooks made to do harm: each ends in a process of its own, and is named."""

import asyncio
import io
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from pulling import build, ids, tickets
from test_files import AT_ONCE, put

from hub.connectors.formats import NotReadable
from hub.connectors.workbooks import ExcelOptions, Workbooks
from hub.errors import SourceRefused
from hub.model import Ticket
from replica.workbook import workbook

MEGABYTE = 2**20
HONEST = workbook([["id", "内容"], ["1", "路灯不亮"], ["2", "噪音"]])
SHEET = "xl/worksheets/sheet1.xml"
RELATIONS = "xl/_rels/workbook.xml.rels"


def sheet(rows: bytes) -> bytes:
    return (
        b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>%b</sheetData></worksheet>'
        % rows
    )


def made(parts: dict[str, bytes]) -> bytes:
    """An honest workbook with some of its parts replaced, or added."""
    held = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(HONEST)) as old, zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as new:
        for name, content in ({each: old.read(each) for each in old.namelist()} | parts).items():
            new.writestr(name, content)
    return held.getvalue()


def endless() -> bytes:
    """A hundred kilobytes that take seconds to read: millions of cells in the same place."""
    return made({SHEET: sheet(b'<row r="1">' + b'<c r="A1"/>' * 5_000_000 + b"</row>")})


def stretched() -> bytes:
    """Two cells at the ends of a sheet, in a part that is not called what sheets are called."""
    cells = b'<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
    relations = zipfile.ZipFile(io.BytesIO(HONEST)).read(RELATIONS).replace(b"worksheets/", b"pages/")
    return made({RELATIONS: relations, "xl/pages/sheet1.xml": sheet(cells)})


def lying() -> bytes:
    """A sheet of 300 MB that the directory says has a thousand bytes."""
    data = bytearray(
        made({SHEET: sheet(b'<row r="1"><c r="A1" t="str"><v>' + b" " * 300 * MEGABYTE + b"</v></c></row>")})
    )
    entry = data.rfind(SHEET.encode()) - 46
    data[entry + 24 : entry + 28] = (1000).to_bytes(4, "little")
    return bytes(data)


def repeating() -> bytes:
    """One text of a hundred kilobytes that a thousand cells show: 100 MB out of 200 kB."""
    kinds = zipfile.ZipFile(io.BytesIO(HONEST)).read("[Content_Types].xml")
    shared = "application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"
    types = kinds.replace(
        b"</Types>", f'<Override PartName="/xl/sharedStrings.xml" ContentType="{shared}"/></Types>'.encode()
    )
    relation = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/sharedStrings"
    relations = (
        zipfile.ZipFile(io.BytesIO(HONEST))
        .read(RELATIONS)
        .replace(b"</Rel", f'<Relationship Id="s" Type="{relation}" Target="sharedStrings.xml"/></Rel'.encode())
    )
    text = b'<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><si><t>%b</t></si></sst>'
    rows = b"".join(b'<row r="%d"><c r="A%d" t="s"><v>0</v></c></row>' % (n, n) for n in range(1, 1001))
    return made(
        {
            "[Content_Types].xml": types,
            RELATIONS: relations,
            "xl/sharedStrings.xml": text % (b"x" * 100_000),
            SHEET: sheet(rows),
        }
    )


def read(data: bytes, most: int = 64 * MEGABYTE, seconds: int = 60) -> list[Ticket]:
    with Workbooks(most, seconds=seconds) as books:
        return list(books.rows(data, ExcelOptions()))


def processes() -> list[psutil.Process]:
    """The processes of ours that read a workbook."""
    found = []
    for child in psutil.Process().children():
        with suppress(psutil.Error):
            found += [child] if "workbook_process" in " ".join(child.cmdline()) else []
    return found


@pytest.mark.parametrize(
    ("data", "limits", "said"),
    [
        pytest.param(endless(), {"seconds": 1}, "takes more than 1 s to read", id="computes"),
        pytest.param(stretched(), {}, "takes more than 1280 MB of memory", id="stretches"),
        pytest.param(lying(), {}, "is not a workbook that can be read|more than 1280 MB", id="lies"),
        pytest.param(repeating(), {"most": MEGABYTE}, "repeats itself until it holds more than 4 times", id="repeats"),
        pytest.param(made({"xl/media/a.png": bytes(2 * MEGABYTE)}), {"most": MEGABYTE}, "inflates to more", id="bomb"),
    ],
)
def test_a_workbook_made_to_do_harm_is_refused_and_leaves_no_process(data: bytes, limits: dict[str, int], said: str):
    with pytest.raises(NotReadable, match=said):
        read(data, **limits)

    assert processes() == []


async def test_a_hostile_workbook_is_named_and_costs_its_own_source_alone(tmp_path: Path):
    put(tmp_path, "账单.xlsx", stretched())

    with pytest.raises(SourceRefused, match=r"the file 账单\.xlsx is a workbook that takes more than"):
        await tickets(build("files", {"at": str(tmp_path), "pick": "*.xlsx", "ready": AT_ONCE}))


def test_an_honest_workbook_reads_lazily_and_whole():
    with Workbooks(MEGABYTE) as books:
        rows = books.rows(HONEST, ExcelOptions())

        assert next(rows) == {"id": "1", "内容": "路灯不亮"}
        assert ids(list(rows)) == ["2"]


def test_rows_that_nobody_asks_for_any_more_leave_no_process():
    with Workbooks(64 * MEGABYTE) as books:
        rows: Iterator[Ticket] = books.rows(workbook([["id"], *([str(n)] for n in range(100_000))]), ExcelOptions())
        next(rows)
        del rows

        assert processes() == []


async def test_the_process_ends_when_the_run_is_stopped(tmp_path: Path):
    put(tmp_path, "a.xlsx", endless())
    run = asyncio.create_task(tickets(build("files", {"at": str(tmp_path), "pick": "*.xlsx", "ready": AT_ONCE})))
    while not (found := processes()):
        await asyncio.sleep(0.01)
    found[0].suspend()  # It would never end by itself.

    run.cancel()

    with pytest.raises(asyncio.CancelledError):
        await run
    await asyncio.to_thread(psutil.wait_procs, found)
    assert processes() == []
