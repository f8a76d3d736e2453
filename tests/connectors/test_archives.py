"""Archives from hands that nobody trusts: what is read out of them, and what each bomb gets."""

import gzip
import io
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pulling import build, ids, tickets
from pydantic import ValidationError
from test_files import AT_ONCE, put, workbook

from hub.connectors.archives import gunzipped, unpacked
from hub.connectors.base import Connector
from hub.connectors.formats import NotReadable
from hub.errors import SourceRefused

MEGABYTE = 2**20


def files(folder: Path, pick: str = "*.zip", inside: str = "*.csv", **options: Any) -> Connector:
    return build("files", {"at": str(folder), "pick": pick, "inside": inside, "ready": AT_ONCE, **options})


def packed(entries: Mapping[str, bytes | str], **options: Any) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED, **options) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return held.getvalue()


def read(data: bytes, pick: str = "*.csv", most: int = MEGABYTE) -> dict[str, bytes]:
    return dict(unpacked(data, pick, most))


async def test_the_files_of_an_archive_are_read_by_their_names(tmp_path: Path):
    put(tmp_path, "day.zip", packed({"b.csv": "id\n2\n", "a.csv": "id\n1\n", "readme.txt": "no", "x/c.csv": "id\n3\n"}))

    assert ids(await tickets(files(tmp_path))) == ["1", "2", "3"]


async def test_a_run_cut_in_the_middle_of_an_archive_goes_on_there(tmp_path: Path):
    put(tmp_path, "day.zip", packed({"a.csv": "id\n1\n2\n", "b.csv": "id\n3\n4\n"}))
    source = files(tmp_path, size=3)
    stream = source.pull(None)
    cut = await anext(stream)
    await stream.aclose()

    assert ids(await tickets(source, cut.cursor)) == ["4"]


@pytest.mark.parametrize(
    ("inside", "name", "content"),
    [
        ("*.json", "a.json", b'[{"id": "1"}]'),
        ("*.xlsx", "a.xlsx", workbook()),
        ("2026/*.csv", "2026/a.csv", b"id\n1\n"),
    ],
)
async def test_what_is_inside_may_be_of_any_form(tmp_path: Path, inside: str, name: str, content: bytes):
    put(tmp_path, "day.zip", packed({name: content, "other/b.csv": "id\n2\n"}))

    found = await tickets(files(tmp_path, inside=inside, excel={"header": 2}))

    assert len(found) in {1, 2}
    assert found[0].get("id", "1") == "1"


async def test_archives_and_plain_files_may_lie_side_by_side(tmp_path: Path):
    put(tmp_path, "a.csv", "id\n1\n")
    put(tmp_path, "b.zip", packed({"b.csv": "id\n2\n"}))
    put(tmp_path, "c.csv.gz", gzip.compress(b"id\n3\n"))

    assert sorted(ids(await tickets(files(tmp_path, "*.*")))) == ["1", "2", "3"]


async def test_the_name_of_the_file_may_be_added_to_each_ticket(tmp_path: Path):
    put(tmp_path, "day.zip", packed({"东宝区.csv": "id\n1\n"}))
    put(tmp_path, "掇刀区.csv", "id\n2\n")

    found = await tickets(files(tmp_path, "*.*", name_into="文件"))

    assert sorted(ticket["文件"] for ticket in found) == ["day.zip/东宝区.csv", "掇刀区.csv"]


def renamed(data: bytes, old: bytes, new: bytes) -> bytes:
    """Give an entry another name of the same length, in both its headers."""
    assert len(old) == len(new)
    return data.replace(old, new)


@pytest.mark.parametrize("encoding", ["gbk", "utf-8"])
def test_chinese_names_without_the_mark_of_utf8_are_read(encoding: str):
    raw = "信访件".encode(encoding)
    data = renamed(packed({"x" * len(raw) + ".csv": "id\n"}), b"x" * len(raw), raw)

    assert list(read(data)) == ["信访件.csv"]


def test_chinese_names_with_the_mark_of_utf8_are_read():
    assert list(read(packed({"信访件.csv": "id\n"}), "信访*.csv")) == ["信访件.csv"]


def test_names_with_backslashes_are_paths():
    assert list(read(packed({"2026\\a.csv": "id\n"}), "2026/*.csv")) == ["2026/a.csv"]


def test_what_macs_and_office_leave_behind_is_passed_by():
    assert read(packed({"__MACOSX/._a.csv": "x", "~$a.csv": "x", ".hidden.csv": "x", "a.csv": "y"})) == {"a.csv": b"y"}


def test_archives_inside_an_archive_stay_closed():
    inner = packed({"a.csv": "id\n"})

    assert read(packed({"in.zip": inner, "in.CSV.GZ": b"x", "in.7z": b"x", "a.csv": "id\n"}), "*") == {"a.csv": b"id\n"}


def linked() -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        link = zipfile.ZipInfo("a.csv")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    return held.getvalue()


def encrypted() -> bytes:
    data = bytearray(packed({"a.csv": "id\n1\n"}))
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.find(signature) + flags] |= 1
    return bytes(data)


def overlapping(times: int = 50) -> bytes:
    """One kernel of zeros that many entries share, as in David Fifield's zbsm."""
    data = packed({"a.csv": b"0" * MEGABYTE})
    start = data.find(b"PK\x01\x02")
    end = data.find(b"PK\x05\x06")
    header = data[start:end]
    headers = b"".join(header.replace(b"a.csv", b"%05d" % number) for number in range(times))
    directory = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, times, times, len(headers), start, 0)
    return data[:start] + headers + directory


def lying(size: int) -> bytes:
    """An entry that says it has another size than it has."""
    data = bytearray(packed({"a.csv": b"id\n" + b"1\n" * 1000}))
    central = data.find(b"PK\x01\x02")
    data[central + 24 : central + 28] = struct.pack("<L", size)
    return bytes(data)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (packed({"../../etc/passwd.csv": "x"}), "leads out of the archive"),
        (packed({"x/../../a.csv": "x"}), "leads out of the archive"),
        (packed({"..\\a.csv": "x"}), "leads out of the archive"),
        (packed({"/etc/a.csv": "x"}), "leads out of the archive"),
        (packed({"C:\\a.csv": "x"}), "leads out of the archive"),
        (linked(), "holds a link"),
        (encrypted(), "needs a password; have it packed without one"),
        (packed({f"{number}.csv": "" for number in range(1001)}), "1,001 entries"),
        (b"PK\x01\x02" * 20_001, "more than 1,000 entries"),
        (packed({"a.csv": os.urandom(MEGABYTE + 1)}), "inflates to more than limits.max_body"),
        (packed({f"{number}.csv": b"0" * 600_000 for number in range(2)}), "inflates to more than limits.max_body"),
        (overlapping(), "lie over one another"),
        (lying(10), "cannot|not a zip|breaks off"),
        (lying(100_000), "not a zip|breaks off"),
        (packed({"a.csv": "id\n1\n"})[:-30], "not a zip archive"),
        (b"no archive", "not a zip archive"),
        (b"", "not a zip archive"),
    ],
)
def test_an_archive_that_is_broken_or_made_to_do_harm_is_refused(data: bytes, said: str):
    with pytest.raises(NotReadable, match=said):
        read(data)


def test_what_packs_too_well_to_be_text_is_refused_however_large_a_file_may_be():
    with pytest.raises(NotReadable, match="more than 250 times its size"):
        read(packed({"a.csv": b"0" * (2 * MEGABYTE)}), most=64 * MEGABYTE)


def test_ways_of_packing_that_take_memory_of_their_own_are_refused():
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("a.csv", "id\n1\n")

    with pytest.raises(NotReadable, match="packed in a way that is rarely read"):
        read(held.getvalue())


def test_a_bomb_whose_entry_lies_about_its_size_never_fills_the_memory():
    data = bytearray(packed({"a.csv": b"0" * (50 * MEGABYTE)}))
    central = data.find(b"PK\x01\x02")
    data[central + 24 : central + 28] = struct.pack("<L", 1000)

    with pytest.raises(NotReadable):
        read(bytes(data))


async def test_an_archive_that_is_refused_is_named_with_the_file_in_it(tmp_path: Path):
    put(tmp_path, "day.zip", packed({"a.csv": b"\xff\xff\xff\n"}))

    with pytest.raises(SourceRefused, match=r"the file day\.zip holds a\.csv, which is neither UTF-8 nor GB 18030"):
        await tickets(files(tmp_path))


# Gzip ────────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_gzip_file_reads_by_the_name_it_had(tmp_path: Path):
    put(tmp_path, "a.CSV.gz", gzip.compress(b"id\n1\n"))
    put(tmp_path, "b.jsonl.gz", gzip.compress(b'{"id": "2"}'))

    assert sorted(ids(await tickets(build("files", {"at": str(tmp_path), "pick": "*.*", "ready": AT_ONCE})))) == [
        "1",
        "2",
    ]


def test_gzip_may_have_several_members_and_zeros_after_them():
    assert gunzipped(gzip.compress(b"a") + gzip.compress(b"b") + b"\0" * 512, 10) == b"ab"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (gzip.compress(b"0" * (2 * MEGABYTE)), "inflates to more than limits.max_body"),
        (gzip.compress(b"0" * 1000) * 5000, "inflates to more than limits.max_body"),
        (gzip.compress(b"") * 10_001, "more than 10,000 members"),
        (gzip.compress(bytes(range(256)))[:-20], "not a gzip file"),
        (b"no gzip", "not a gzip file"),
        (zlib.compress(b"no gzip either"), "not a gzip file"),
    ],
)
def test_a_gzip_file_that_is_broken_or_bursts_is_refused(data: bytes, said: str):
    with pytest.raises(NotReadable, match=said):
        gunzipped(data, MEGABYTE)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"pick": "*.zip", "inside": None}, "write `inside`"),
        ({"pick": "*.zip", "inside": "*.dat"}, "`inside` does not tell the format"),
        ({"pick": "*.zip", "inside": "*.zip"}, "an archive inside an archive is not opened"),
        ({"pick": "*.dat.gz", "inside": None}, "`pick` does not tell the format"),
    ],
)
def test_options_that_cannot_work_are_named(wrong: dict[str, Any], said: str):
    with pytest.raises(ValidationError, match=said):
        build("files", {"at": ".", **wrong})
