"""Files in a folder, as legacy systems leave them there: when they are read, how often, and in what shape."""

import asyncio
import io
import os
import re
import shutil
import zipfile
from contextlib import aclosing
from datetime import date, datetime
from pathlib import Path
from typing import Any

import openpyxl
import orjson
import pytest
import xlwt
from pulling import build, ids, pages, stored, tickets
from pydantic import ValidationError

from hub.connectors import taken
from hub.connectors.base import Connector
from hub.errors import SourceRefused, SourceUnavailable
from hub.model import BROKEN, Page, Ticket

AT_ONCE = {"unchanged_for": "0s"}


def files(folder: Path, pick: str = "*.csv", **options: Any) -> Connector:
    return build("files", {"at": str(folder), "pick": pick, "ready": AT_ONCE, **options})


def put(folder: Path, name: str, content: bytes | str) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


async def run(source: Connector, cursor: Any = None) -> tuple[list[Ticket], Any]:
    found = await pages(source, cursor)
    return [t for page in found for t in page.tickets], stored(found[-1].cursor) if found else cursor


async def test_a_file_is_read_once(tmp_path: Path):
    put(tmp_path, "a.csv", "id\n1\n2\n")
    source = files(tmp_path)

    first, cursor = await run(source)
    again, _ = await run(source, cursor)

    assert (ids(first), again) == (["1", "2"], [])


async def test_a_changed_file_of_the_same_name_is_read_again(tmp_path: Path):
    put(tmp_path, "a.csv", "id\n1\n")
    _, cursor = await run(files(tmp_path))
    put(tmp_path, "a.csv", "id\n2\n")

    found, _ = await run(files(tmp_path), cursor)

    assert ids(found) == ["2"]


async def test_a_file_that_was_only_touched_is_not_read_again(tmp_path: Path):
    path = put(tmp_path, "a.csv", "id\n1\n")
    _, cursor = await run(files(tmp_path))
    os.utime(path)

    found, _ = await run(files(tmp_path), cursor)

    assert found == []


async def test_the_file_that_is_ready_longest_comes_first_whatever_its_name_and_mtime(tmp_path: Path):
    first = put(tmp_path, "z.csv", "id\n1\n")
    os.utime(first, (4_000_000_000, 4_000_000_000))
    await asyncio.sleep(0.02)
    put(tmp_path, "a.csv", "id\n2\n")

    assert ids(await tickets(files(tmp_path))) == ["1", "2"]


async def test_a_file_that_is_still_being_written_waits(tmp_path: Path):
    put(tmp_path, "a.csv", "id\n1\n")
    patient = files(tmp_path, ready={"unchanged_for": "300ms"})

    early = await tickets(patient)
    await asyncio.sleep(0.35)

    assert (early, ids(await tickets(patient))) == ([], ["1"])


async def test_without_a_word_a_file_must_rest_for_ten_seconds(tmp_path: Path):
    put(tmp_path, "a.csv", "id\n1\n")

    assert await tickets(files(tmp_path, ready={})) == []


async def test_a_file_waits_for_its_marker_which_is_no_file_of_its_own(tmp_path: Path):
    put(tmp_path, "a.csv", "id\n1\n")
    source = files(tmp_path, "*", format="csv", ready={"marker": "{name}.ok"})

    before = await tickets(source)
    put(tmp_path, "a.csv.ok", "")

    assert (before, ids(await tickets(source))) == ([], ["1"])


async def test_a_marker_that_comes_late_is_not_missed(tmp_path: Path):
    put(tmp_path, "early.csv", "id\n1\n")
    await asyncio.sleep(0.02)
    put(tmp_path, "late.csv", "id\n2\n")
    put(tmp_path, "late.csv.ok", "")
    source = files(tmp_path, ready={"marker": "{name}.ok"})
    _, cursor = await run(source)
    put(tmp_path, "early.csv.ok", "")

    found, _ = await run(source, cursor)

    assert ids(found) == ["1"]


async def test_a_run_cut_in_the_middle_of_a_file_goes_on_there(tmp_path: Path):
    put(tmp_path, "a.csv", "id\n" + "\n".join(map(str, range(10))))
    source = files(tmp_path, size=3)
    async with aclosing(source.pull(None)) as stream:
        cut: Page = await anext(stream)

    rest, _ = await run(source, stored(cut.cursor))

    assert ids(rest) == [str(n) for n in range(3, 10)]


async def test_a_file_that_changed_after_the_cut_is_read_from_its_start(tmp_path: Path):
    put(tmp_path, "a.csv", "id\n0\n1\n2\n3\n")
    cut = (await pages(files(tmp_path, size=2)))[0]
    put(tmp_path, "a.csv", "id\n9\n1\n2\n3\n")

    rest, _ = await run(files(tmp_path, size=2), stored(cut.cursor))

    assert ids(rest) == ["9", "1", "2", "3"]


async def test_the_cursor_stays_small_and_still_no_file_is_read_twice_or_missed(tmp_path: Path):
    most = taken._MOST_REMEMBERED
    for number in range(most + 50):
        put(tmp_path, f"{number}.csv", f"id\n{number}\n")
    source = files(tmp_path)

    found, cursor = await run(source)
    again, _ = await run(source, cursor)
    put(tmp_path, "new.csv", "id\nnew\n")
    put(tmp_path, "0.csv", "id\nchanged\n")
    later, _ = await run(source, cursor)

    assert (len(found), again, sorted(ids(later))) == (most + 50, [], ["changed", "new"])
    assert len(cursor["done"]) == most


async def test_a_copy_with_an_old_mtime_is_new_all_the_same(tmp_path: Path):
    most = taken._MOST_REMEMBERED
    for number in range(most + 1):
        put(tmp_path, f"{number}.csv", "id\n1\n")
    _, cursor = await run(files(tmp_path))
    os.utime(put(tmp_path, "old.csv", "id\nold\n"), (1, 1))

    found, _ = await run(files(tmp_path), cursor)

    assert ids(found) == ["old"]


async def test_links_out_of_the_folder_are_refused(tmp_path: Path):
    outbox = tmp_path / "outbox"
    outbox.mkdir()
    put(tmp_path, "secret.csv", "id\n1\n")
    (outbox / "a.csv").symlink_to(tmp_path / "secret.csv")

    with pytest.raises(SourceRefused, match=r"a\.csv is a link that leads out"):
        await tickets(files(outbox))


async def test_links_inside_the_folder_and_things_that_are_no_files_are_borne(tmp_path: Path):
    put(tmp_path, "a.csv", "id\n1\n")
    (tmp_path / "dir.csv").mkdir()
    os.mkfifo(tmp_path / "pipe.csv")
    put(tmp_path, ".hidden.csv", "id\n2\n")
    (tmp_path / "dir.csv" / "b.csv").symlink_to(tmp_path / "a.csv")

    assert ids(await tickets(files(tmp_path, "**/*.csv"))) == ["1", "1"]


async def test_a_folder_that_is_away_is_worth_another_try(tmp_path: Path):
    with pytest.raises(SourceUnavailable, match="no folder"):
        await tickets(files(tmp_path / "share"))


async def test_a_name_that_is_not_utf8_is_read_and_its_cursor_can_be_stored(tmp_path: Path):
    name = os.fsencode(tmp_path) + b"/" + "信访件".encode("gb18030") + b".csv"
    Path(os.fsdecode(name)).write_text("id\n1\n")
    source = files(tmp_path)

    found, cursor = await run(source)
    again, _ = await run(source, cursor)

    assert (ids(found), again) == (["1"], [])


async def test_a_file_beyond_the_limit_is_refused(tmp_path: Path):
    put(tmp_path, "a.csv", "id\n" + "1\n" * 5000)

    with pytest.raises(SourceRefused, match="max_body"):
        await tickets(files(tmp_path, limits={"max_body": "4KB"}))


CHINESE = "工单编号,诉求内容\nGD1,路灯不亮\nGD2,“物业”，乱收费\n"
READ = [{"工单编号": "GD1", "诉求内容": "路灯不亮"}, {"工单编号": "GD2", "诉求内容": "“物业”，乱收费"}]


@pytest.mark.parametrize(
    ("written", "options"),
    [
        ("utf-8", {}),
        ("utf-8-sig", {}),
        ("gb18030", {}),
        ("utf-16", {}),
        ("gbk", {"encoding": "gb2312"}),
        ("utf-8-sig", {"encoding": "gb18030"}),
    ],
)
async def test_csv_reads_in_its_encoding(tmp_path: Path, written: str, options: dict[str, str]):
    put(tmp_path, "a.csv", CHINESE.encode(written))

    assert await tickets(files(tmp_path, csv=options)) == READ


async def test_the_euro_sign_of_code_page_936_reads(tmp_path: Path):
    put(tmp_path, "a.csv", "编号,金额\n1,".encode("gbk") + b"\x80 5\n")

    assert await tickets(files(tmp_path)) == [{"编号": "1", "金额": "€ 5"}]


async def test_a_file_that_is_neither_utf8_nor_gb18030_asks_for_its_encoding(tmp_path: Path):
    put(tmp_path, "a.csv", b"id\n\xc3\x28\xff\xff\n")

    with pytest.raises(SourceRefused, match=r"csv\.encoding"):
        await tickets(files(tmp_path))


async def test_a_line_with_bytes_that_are_no_text_is_set_aside_and_the_others_go_on(tmp_path: Path):
    put(tmp_path, "a.csv", b"id,t\n1,a\n2,\xff\xff\n3,c\n")

    found = await tickets(files(tmp_path, csv={"encoding": "utf-8"}))

    assert [row.get("id") for row in found] == ["1", None, "3"]
    assert found[1] == {BROKEN: "line 3: holds bytes that are not text in this encoding", "text": "2,\\xff\\xff"}
    assert orjson.dumps(found)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("2", "has 1 cells, and the header 2"),
        ("2,b,c", "has 3 cells, and the header 2"),
        ('2,"b" c', "expected after"),
        ('2,"never closed', "unexpected end of data|expected after"),
    ],
)
async def test_a_broken_line_becomes_a_ticket_that_says_why(tmp_path: Path, line: str, why: str):
    put(tmp_path, "a.csv", f"id,t\n1,a\n{line}\n3,c\n4,d\n")

    found = await tickets(files(tmp_path))

    assert [row.get("id") for row in found] == ["1", None, "3", "4"]
    assert found[1]["text"] == line
    assert re.match(f"line 3: .*({why})", found[1][BROKEN])


async def test_a_broken_line_can_stop_the_file_instead(tmp_path: Path):
    put(tmp_path, "a.csv", "id,t\n1,a\n2\n")

    with pytest.raises(SourceRefused, match=r"the file a\.csv line 3: has 1 cells"):
        await tickets(files(tmp_path, csv={"bad_lines": "fail"}))


async def test_a_huge_field_is_capped_and_costs_only_its_own_line(tmp_path: Path):
    put(tmp_path, "a.csv", 'id,t\n1,"' + "x" * 3_000_000 + '"\n2,b\n')

    broken, good = await tickets(files(tmp_path))

    assert "field larger than field limit" in broken[BROKEN]
    assert len(broken["text"]) <= 2**16
    assert good == {"id": "2", "t": "b"}


async def test_cells_may_hold_line_breaks_formulas_and_blanks_as_they_are(tmp_path: Path):
    put(tmp_path, "a.csv", '\ufeffid,t\r\n1,"a\r\nb"\r\n\r\n2,=HYPERLINK(1)\r\n3,+cmd|x\r\n4, 5 ,\r\n')

    found = await tickets(files(tmp_path))

    assert [row["t"] for row in found] == ["a\r\nb", "=HYPERLINK(1)", "+cmd|x", " 5 "]


async def test_the_header_may_stand_lower_have_twins_and_gaps_or_be_missing(tmp_path: Path):
    put(tmp_path, "a.csv", "某市12345\n\n 编号\u3000;姓名;姓名;\n1;a;b;c\n")
    put(tmp_path, "b.txt", "1\tx\n")

    twins = await tickets(files(tmp_path, csv={"header": 3, "delimiter": ";"}))
    named = await tickets(files(tmp_path, "*.txt", csv={"header": 0, "columns": ["n", "m"], "delimiter": "tab"}))

    assert twins == [{"编号": "1", "姓名": "a", "姓名_2": "b", "column_4": "c"}]
    assert named == [{"n": "1", "m": "x"}]


async def test_json_lines_read_one_by_one_and_a_broken_one_is_set_aside(tmp_path: Path):
    put(tmp_path, "a.jsonl", '{"id": 1}\n\n{"id": 006}\n{"id": 3}\n[4]\n{"id": 5')

    found = await tickets(files(tmp_path, "*.jsonl"))

    assert [row.get("id") for row in found] == [1, None, 3, None, None]
    assert found[1][BROKEN].startswith("line 3: not JSON")
    assert found[3] == {"value": [4]}
    assert BROKEN in found[4]


async def test_json_lines_may_be_in_gb18030(tmp_path: Path):
    put(tmp_path, "a.jsonl", '{"t": "诉求"}\n{"t": "二"}'.encode("gb18030"))

    assert await tickets(files(tmp_path, "*.jsonl", encoding="gbk")) == [{"t": "诉求"}, {"t": "二"}]


async def test_json_and_xml_documents_read_at_their_path(tmp_path: Path):
    put(tmp_path, "a.json", '{"data": {"rows": [{"id": 1}]}}')
    put(tmp_path, "a.xml", '<?xml version="1.0" encoding="gb2312"?><列表><件><号>一</号></件></列表>'.encode("gbk"))

    assert await tickets(files(tmp_path, "*.json", records="data.rows")) == [{"id": 1}]
    assert await tickets(files(tmp_path, "*.xml", records="列表.件")) == [{"号": "一"}]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.json", '{"other": 1}', "holds nothing at"),
        ("a.json", "{", "breaks off"),
        ("a.xml", '<!DOCTYPE r [<!ENTITY e SYSTEM "file:///etc/passwd">]><r>&e;</r>', "document type"),
        ("a.xlsx", "no workbook", "not a workbook"),
        ("a.xlsx", "PK\x03\x04 no archive", "not a workbook"),
        ("a.xls", "", "not a workbook"),
    ],
)
async def test_a_document_that_cannot_be_read_is_named(tmp_path: Path, name: str, content: str, said: str):
    put(tmp_path, name, content)

    with pytest.raises((SourceRefused, SourceUnavailable), match=f"the file {name}.*{said}"):
        await tickets(files(tmp_path, f"*{Path(name).suffix}", records="data.rows"))


def workbook() -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "信访件"
    sheet.append(["某市信访局"])
    sheet.append(["编号", "登记", "日", "人数"])
    sheet.append([201902030111, datetime(2026, 1, 2, 3, 4, 5), date(2026, 1, 2), 1.5])  # noqa: DTZ001  cells have no zone
    sheet.append([])
    sheet.append(["=1+1", None, None, True])
    held = io.BytesIO()
    book.save(held)
    return held.getvalue()


async def test_a_workbook_reads_with_whole_numbers_and_times(tmp_path: Path):
    put(tmp_path, "a.xlsx", workbook())

    found = await tickets(files(tmp_path, "*.xlsx", size=1, excel={"header": 2, "sheet": "信访件"}))

    assert found[0] == {"编号": 201902030111, "登记": "2026-01-02T03:04:05", "日": "2026-01-02", "人数": 1.5}
    assert found[1]["人数"] is True
    assert len(found) == 2
    assert orjson.dumps(found)


async def test_an_old_workbook_reads_too(tmp_path: Path):
    book = xlwt.Workbook()
    sheet = book.add_sheet("Sheet1")
    for column, (name, value) in enumerate({"编号": "GD1", "人数": 3}.items()):
        sheet.write(0, column, name)
        sheet.write(1, column, value)
    book.save(str(tmp_path / "a.xls"))

    assert await tickets(files(tmp_path, "*.xls")) == [{"编号": "GD1", "人数": 3}]


async def test_a_missing_sheet_is_named(tmp_path: Path):
    put(tmp_path, "a.xlsx", workbook())

    with pytest.raises(SourceRefused, match="no sheet 'x'; it has 信访件"):
        await tickets(files(tmp_path, "*.xlsx", excel={"sheet": "x"}))


def rezipped(content: bytes, name: str, body: bytes) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.namelist():
            new.writestr(entry, body if entry == name else old.read(entry))
    return held.getvalue()


async def test_a_workbook_that_inflates_beyond_the_limit_is_refused(tmp_path: Path):
    put(tmp_path, "a.xlsx", rezipped(workbook(), "xl/styles.xml", b" " * 80 * 1024**2))

    with pytest.raises(SourceRefused, match="inflates"):
        await tickets(files(tmp_path, "*.xlsx"))


async def test_a_workbook_whose_cells_stretch_over_billions_is_refused(tmp_path: Path):
    sheet = (
        b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
        b'<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
        b"</sheetData></worksheet>"
    )
    put(tmp_path, "a.xlsx", rezipped(workbook(), "xl/worksheets/sheet1.xml", sheet))

    with pytest.raises(SourceRefused, match="stretches over 1048576 rows"):
        await tickets(files(tmp_path, "*.xlsx"))


async def test_a_file_that_vanishes_between_listing_and_reading_is_left_out(tmp_path: Path):
    put(tmp_path, "a.csv", "id\n1\n")
    await asyncio.sleep(0.01)
    put(tmp_path, "b.csv", "id\n2\n")
    async with aclosing(files(tmp_path).pull(None)) as stream:
        first = await anext(stream)
        shutil.rmtree(tmp_path)

        assert ids(list(first.tickets)) == ["1"]
        assert [t async for page in stream for t in page.tickets] == []


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"pick": "../*.csv"}, "inside the folder"),
        ({"pick": "/etc/*.csv"}, "inside the folder"),
        ({"pick": "*.dat"}, "format"),
        ({"pick": "*.csv", "csv": {"encoding": "klingon"}}, "no encoding is called"),
        ({"pick": "*.csv", "csv": {"delimiter": "||"}}, "one character"),
        ({"pick": "*.csv", "csv": {"header": 0}}, "needs `columns`"),
        ({"pick": "*.csv", "ready": {"marker": "ok"}}, "named after its file"),
        ({"pick": "*.csv", "ready": {"marker": "../{name}"}}, "named after its file"),
        ({"pick": "*.json", "encoding": "x"}, "no encoding is called"),
    ],
)
def test_options_that_cannot_work_are_named(wrong: dict[str, Any], said: str):
    with pytest.raises(ValidationError, match=said):
        build("files", {"at": ".", **wrong})
