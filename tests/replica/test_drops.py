"""Each system that drops files writes them in its own code page, shape and rhythm."""

import csv
import io
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import python_calamine
from lxml import etree

from replica import Replica
from replica.counters.folders import Folder
from replica.systems import SYSTEMS
from tests.replica.conftest import NOW, Clock

FOLDERS = [system for system in SYSTEMS.values() if isinstance(system.counter, Folder) and not system.counter.server]


@pytest.fixture
async def replica(clock: Clock, tmp_path: Path) -> AsyncIterator[Replica]:
    async with Replica(files=tmp_path, clock=clock, systems=FOLDERS) as running:
        yield running


def files_of(replica: Replica, system: str, pattern: str):
    return sorted((replica.files / system).glob(pattern))


async def test_every_day_that_is_over_has_its_file_and_today_has_one_so_far(replica):
    names = [file.name for file in files_of(replica, "mayor-mailbox", "letters_*.xml")]

    assert names[-2:] == ["letters_20260309_235959.xml", "letters_20260310_115959.xml"]
    assert len(names) == 46


async def test_a_csv_is_complete_when_its_marker_is_there(replica):
    files = files_of(replica, "hotline-12317", "gd_*.csv")

    assert all(file.with_name(f"{file.name}.ok").exists() for file in files)


async def test_12317_writes_pinyin_columns_in_code_page_936(replica):
    """Chinese as GB 18030, the euro sign as the single byte 0x80, some digits full-width."""
    content = b"".join(file.read_bytes() for file in files_of(replica, "hotline-12317", "gd_*.csv"))

    text = content.replace(b"\x80", "€".encode("gb18030")).decode("gb18030")

    assert {"gdbh", "sqlx_dm", "sqnr", "jgmyd"} <= set(next(csv.reader(io.StringIO(text))))
    with pytest.raises(UnicodeDecodeError):
        content.decode("utf-8")
    assert b"\x80" in content
    assert "补助标准€" in text
    assert "１３８００００" in text


async def test_an_archive_is_dropped_by_months_and_never_again(replica, clock):
    before = files_of(replica, "hotline-12301", "*")

    clock.forward(minutes=2)
    await replica.tell()

    assert [file.name for file in before if file.suffix == ".csv"] == [
        "旅游投诉_20211130_235959.csv",
        "旅游投诉_20211231_175959.csv",
    ]
    assert files_of(replica, "hotline-12301", "*") == before


async def test_12312_puts_a_title_above_its_columns(replica):
    newest = files_of(replica, "hotline-12312", "*.xlsx")[-1]

    title, _, header, *_ = python_calamine.CalamineWorkbook.from_path(newest).get_sheet_by_index(0).to_python()

    assert title[0] == "荆门市12312商务举报投诉台账"
    assert header[0] == "序号"


async def test_petition_is_a_workbook_with_excel_times(replica):
    newest = files_of(replica, "petition", "信访件_*.xlsx")[-1]

    header, first, *_ = python_calamine.CalamineWorkbook.from_path(newest).get_sheet_by_index(0).to_python()

    row = dict(zip(header, first, strict=True))
    assert row["信访件编号"].startswith("XF2026")
    assert row["登记日期"].endswith("日")
    assert 46000 < row["更新时间"] < 46100


async def test_petition_never_shows_a_file_by_its_name_before_it_is_whole(replica):
    assert all(file.suffix == ".xlsx" for file in (replica.files / "petition").iterdir())


async def test_mayor_mailbox_says_gb2312_and_splits_its_times(replica):
    newest = files_of(replica, "mayor-mailbox", "letters_*.xml")[-1].read_bytes()

    letters = etree.fromstring(newest.decode("gb18030").partition("?>")[2]).findall("letter")

    assert newest.startswith(b'<?xml version="1.0" encoding="GB2312"?>')
    assert all(len(letter.findtext("rq")) == 8 and len(letter.findtext("sj")) == 6 for letter in letters)


async def test_a_day_is_written_alike_by_every_replica_of_the_seed(clock, tmp_path):
    for folder in ("a", "b"):
        async with Replica(files=tmp_path / folder, clock=clock, systems=FOLDERS):
            pass

    written = {file.relative_to(tmp_path / "a"): file.read_bytes() for file in (tmp_path / "a").rglob("*.*")}
    again = {file.relative_to(tmp_path / "b"): file.read_bytes() for file in (tmp_path / "b").rglob("*.*")}
    assert len(written) > 100
    assert written == again


async def test_a_replica_started_later_leaves_the_files_that_are_there(tmp_path):
    async with Replica(files=tmp_path, clock=Clock(NOW), systems=FOLDERS):
        before = {file: file.read_bytes() for file in tmp_path.rglob("*.*")}

    async with Replica(files=tmp_path, clock=Clock(NOW + timedelta(days=20)), systems=FOLDERS):
        after = {file: file.read_bytes() for file in before}

    assert before == after


async def test_another_drop_holds_only_what_moved_since(replica, clock):
    before = files_of(replica, "mayor-mailbox", "letters_*.xml")

    clock.forward(minutes=2)
    await replica.tell()

    (new,) = set(files_of(replica, "mayor-mailbox", "letters_*.xml")) - set(before)
    letters = etree.fromstring(new.read_bytes().decode("gb18030").partition("?>")[2]).findall("letter")
    assert 0 < len(letters) < 30
    assert all(letter.findtext("gxrq") + letter.findtext("gxsj") >= "20260310120000" for letter in letters)
