"""FTP and FTPS: listings of every kind, names as bytes, certificates, and servers that lie."""

import itertools
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aioftp
import pytest
from certificates import Certificate, certificate
from fileservers import PASSWORD, FileServer, ScriptedFtp, ftp_server
from listening import listening, mute
from pulling import build, ids, pages, stored, tickets

from hub.connectors.base import Connector
from hub.connectors.folders.listings import Line, list_line
from hub.errors import SourceRefused, SourceUnavailable


def files(server: FileServer | ScriptedFtp, pick: str = "*.csv", **options: Any) -> Connector:
    return build(
        "files",
        {"at": server.at, "pick": pick, "auth": {"password": PASSWORD}, "ready": {"unchanged_for": "0s"}, **options},
    )


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    folder.mkdir()
    (folder / "a.csv").write_text("id\n1\n")
    return folder


async def test_names_in_gb18030_are_found_read_once_and_moved(root: Path):
    (root / "a.csv").rename(root / "信访件_三月.csv")
    async with ftp_server(root, encoding="gb18030") as server:
        source = files(server, "信访件_*.csv", name_encoding="gb18030", after={"move_to": "已读"})

        found = await pages(source)
        again = await tickets(source, stored(found[-1].cursor))

    assert (ids([t for page in found for t in page.tickets]), again) == (["1"], [])
    assert [str(path.relative_to(root)) for path in root.rglob("*.csv")] == ["已读/信访件_三月.csv"]


class OnlyList(aioftp.Server):
    """Knows none of the newer commands, as servers of the 1990s."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for command in ("mlsd", "mlst", "epsv"):
            del self.commands_mapping[command]


async def test_a_server_that_only_knows_list_and_pasv_is_read_and_tidied(root: Path):
    (root / "2026").mkdir()
    (root / "2026" / "b.csv").write_text("id\n2\n")
    async with ftp_server(root, serve=OnlyList) as server:
        source = files(server, "**/*.csv", after={"move_to": "done"})

        found = await pages(source)
        again = await tickets(source, stored(found[-1].cursor))

    assert (sorted(ids([t for page in found for t in page.tickets])), again) == (["1", "2"], [])
    assert sorted(str(path.relative_to(root)) for path in root.rglob("*.csv")) == ["done/2026/b.csv", "done/a.csv"]


YEAR = datetime.now(UTC).year


def at(*parts: int) -> int:
    return int(datetime(*parts, tzinfo=UTC).timestamp()) * 10**9  # type: ignore[misc, arg-type]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (
            b"-rw-r--r--   1 ftp      ftp            12 Mar  1  2025 a b.csv\r\n",
            ("a b.csv", "file", 12, at(2025, 3, 1)),
        ),
        (b"drwxr-xr-x 2 0 0 4096 Jan 01 00:00 in", ("in", "folder", 4096, at(YEAR, 1, 1))),
        (b"-rw-r--r-- 1 u 12 Mar  1  2025  a.csv", (" a.csv", "file", 12, at(2025, 3, 1))),
        ("-rw-r--r-- 1 u g 12 3月  1  2025 a.csv".encode(), ("a.csv", "file", 12, at(2025, 3, 1))),
        ("-rw-r--r-- 1 u g 12 3月  1  2025 a.csv".encode("gbk"), ("a.csv", "file", 12, at(2025, 3, 1))),
        (b"-rw-r--r-- 1 u g 12 2025-03-01 06:30 a.csv", ("a.csv", "file", 12, at(2025, 3, 1, 6, 30))),
        ("-rw-r--r-- 1 u g 12 märz 1  2025 a.csv".encode(), ("a.csv", "file", 12, 0)),
        (b"lrwxrwxrwx 1 u g 5 Mar  1  2025 l.csv -> /etc/passwd", ("l.csv -> /etc/passwd", "other", 5, at(2025, 3, 1))),
        (b"03-01-25  06:30AM       1,234 a b.csv", ("a b.csv", "file", 1234, at(2025, 3, 1, 6, 30))),
        (b"03-01-2025  18:30       <DIR>          in", ("in", "folder", None, at(2025, 3, 1, 18, 30))),
        (b"02-30-25  06:30AM       12 a.csv", ("a.csv", "file", 12, 0)),
    ],
)
def test_a_line_of_list_reads(written: bytes, read: tuple[Any, ...]):
    assert list_line(written) == Line(*read)


@pytest.mark.parametrize("heading", [b"total 12\r\n", b"\r\n"])
def test_the_heading_of_a_list_is_no_file(heading: bytes):
    assert list_line(heading) is None


def test_a_line_that_nobody_reads_is_said():
    with pytest.raises(ValueError, match="LIST"):
        list_line(b"<html>")


def test_a_name_keeps_its_bytes():
    line = list_line(b"-rw-r--r-- 1 u g 12 Mar  1  2025 \xd0\xc5\x85.csv")

    assert line
    assert line.name.encode("ascii", "surrogateescape") == b"\xd0\xc5\x85.csv"


# TLS ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def explicit(root: Path, ours: Certificate) -> Iterator[str]:
    """A server of another make, that begins in clear and wants AUTH TLS before it lets anybody in."""
    script = Path(__file__).with_name("ftps_server.py")
    with subprocess.Popen(
        [sys.executable, script, root, PASSWORD, ours.chain],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout
        yield f"ftps://hub@127.0.0.1:{process.stdout.readline().strip()}/"
        process.terminate()


async def test_ftps_that_begins_with_auth_tls(explicit: str, root: Path, ours: Certificate):
    source = build(
        "files",
        {
            "at": explicit,
            "pick": "*.csv",
            "auth": {"password": PASSWORD},
            "ready": {"unchanged_for": "0s"},
            "after": {"move_to": "done"},
            "tls": {"ca": str(ours.authority)},
        },
    )

    assert ids(await tickets(source)) == ["1"]
    assert [str(path.relative_to(root)) for path in root.rglob("*.csv")] == ["done/a.csv"]


async def test_a_password_is_not_sent_where_the_server_has_no_tls():
    ftp = ScriptedFtp(AUTH="502 what is that?")
    async with ftp.serving():
        ftp.at = ftp.at.replace("ftp:", "ftps:")

        with pytest.raises(SourceRefused, match="502"):
            await tickets(files(ftp))

    assert ftp.asked == ["AUTH TLS"]


async def test_ftps_that_begins_with_tls(root: Path, ours: Certificate):
    async with ftp_server(root, scheme="ftps", ssl=ours.context()) as server:
        tls = {"ca": str(ours.authority), "implicit": True}

        assert ids(await tickets(files(server, tls=tls))) == ["1"]


async def test_a_certificate_that_nobody_vouches_for_is_refused(root: Path, ours: Certificate):
    async with ftp_server(root, scheme="ftps", ssl=ours.context()) as server:
        with pytest.raises(SourceRefused, match="certificate of the source is not to be trusted"):
            await tickets(files(server, tls={"implicit": True}))
        with pytest.raises(SourceRefused, match=r"tls\.ca"):
            await tickets(files(server, tls={"implicit": True, "ca": "missing.pem"}))


# Servers that lie ────────────────────────────────────────────────────────────────────────────────────────────────────

LISTED = b"type=file;size=5;modify=20260301000000; a.csv\r\n"


async def test_a_server_that_names_another_host_for_its_data_is_asked_for_them_itself():
    ftp = ScriptedFtp(EPSV="502 no", PASV="227 come to (10,1,2,3,PORT)")
    ftp.lists = [LISTED]
    async with ftp.serving():
        assert ids(await tickets(files(ftp))) == ["1"]


@pytest.mark.parametrize("name", [b"../../etc/passwd.csv", b"/etc/passwd.csv", b"x/../a.csv"])
async def test_names_that_lead_elsewhere_are_refused(name: bytes):
    ftp = ScriptedFtp()
    ftp.lists = [LISTED.replace(b"a.csv", name)]
    async with ftp.serving():
        with pytest.raises(SourceRefused, match="leads out of the folder"):
            await tickets(files(ftp))


async def test_a_listing_without_end_is_refused():
    ftp = ScriptedFtp()
    ftp.lists = (LISTED * 1000 for _ in itertools.count())
    async with ftp.serving():
        with pytest.raises(SourceRefused, match="more than 100,000 names"):
            await tickets(files(ftp))


async def test_a_line_without_end_is_refused():
    ftp = ScriptedFtp()
    ftp.lists = (b"x" * 100_000 for _ in itertools.count())
    async with ftp.serving():
        with pytest.raises(SourceRefused, match="speaks no FTP that can be read"):
            await tickets(files(ftp))


async def test_a_listing_of_something_else_is_refused():
    ftp = ScriptedFtp(MLSD="502 no")
    ftp.lists = [b"<html>maintenance</html>\r\n"]
    async with ftp.serving():
        with pytest.raises(SourceRefused, match="speaks no FTP that can be read"):
            await tickets(files(ftp))


async def test_a_greeting_without_end_is_refused():
    ftp = ScriptedFtp()
    ftp.greeting = b"220-welcome\r\n" * 10_000
    async with ftp.serving():
        with pytest.raises(SourceRefused, match="speaks no FTP that can be read"):
            await tickets(files(ftp))


async def test_a_file_without_end_is_refused_once_it_gave_more_than_it_said():
    ftp = ScriptedFtp()
    ftp.lists, ftp.holds = [LISTED], (b"1\n" * 1000 for _ in itertools.count())
    async with ftp.serving():
        with pytest.raises(SourceRefused, match=r"a\.csv holds more than the 5 bytes"):
            await tickets(files(ftp))


async def test_a_file_without_a_size_is_read_up_to_the_limit():
    ftp = ScriptedFtp(MLST="250-there\r\n type=file;modify=20260301000000; a.csv\r\n250 end")
    ftp.lists, ftp.holds = [b"type=file;modify=20260301000000; a.csv\r\n"], (b"1\n" * 1000 for _ in itertools.count())
    async with ftp.serving():
        with pytest.raises(SourceRefused, match="max_body"):
            await tickets(files(ftp, limits={"max_body": "64KB"}))


async def test_a_file_that_is_shorter_than_it_says_is_asked_for_again():
    ftp = ScriptedFtp()
    ftp.lists, ftp.holds = [LISTED], [b"id\n"]
    async with ftp.serving():
        with pytest.raises(SourceUnavailable, match="broke off after 3 of 5 bytes"):
            await tickets(files(ftp))


async def test_a_file_that_grew_meanwhile_is_left_for_the_next_run():
    ftp = ScriptedFtp(MLST="250-there\r\n type=file;size=7;modify=20260301000500; a.csv\r\n250 end")
    ftp.lists, ftp.holds = [LISTED], [b"id\n1\n2\n"]
    async with ftp.serving():
        assert await tickets(files(ftp)) == []


async def test_a_file_that_may_not_be_read_is_named_with_what_the_server_says_in_its_own_encoding():
    ftp = ScriptedFtp(RETR="550 " + "没有权限".encode("gbk").decode("latin-1"))
    ftp.lists = [LISTED]
    async with ftp.serving():
        with pytest.raises(SourceRefused, match=r"a\.csv is not given: the server says 550: '.*没有权限"):
            await tickets(files(ftp, name_encoding="gb18030"))


async def test_a_file_that_vanished_is_left_out():
    ftp = ScriptedFtp(RETR="550 gone", MLST="550 gone")
    ftp.lists = [LISTED]
    async with ftp.serving():
        assert await tickets(files(ftp)) == []


@pytest.mark.parametrize("said", ["421 too many of you", "450 busy"])
async def test_a_server_that_is_busy_is_worth_another_try(said: str):
    ftp = ScriptedFtp(PASS=said)
    async with ftp.serving():
        with pytest.raises(SourceUnavailable, match=said[:3]):
            await tickets(files(ftp))


async def test_a_server_that_says_nothing_is_worth_another_try():
    ftp = ScriptedFtp()
    async with listening(mute) as port:
        ftp.at = f"ftp://hub@127.0.0.1:{port}/"

        with pytest.raises(SourceUnavailable, match=r"no answer within 0\.1 s"):
            await tickets(files(ftp, limits={"timeout": "100ms"}))


async def test_an_answer_that_quotes_the_password_does_not_get_it_into_the_error():
    ftp = ScriptedFtp(PASS=f"530 {PASSWORD} is wrong")
    async with ftp.serving():
        with pytest.raises(SourceRefused, match=r"530: '\*\*\* is wrong'; check auth"):
            await tickets(files(ftp))


async def test_names_never_become_commands():
    ftp = ScriptedFtp()
    ftp.lists = [b"type=file;size=5; a.csv\rDELE b.csv\r\n"]
    async with ftp.serving():
        with pytest.raises(SourceRefused):
            await tickets(files(ftp, "a*", format="csv"))

    assert not [line for line in ftp.asked if line.startswith("DELE")]
