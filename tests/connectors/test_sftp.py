"""SFTP: who the server is, who we are, names as bytes, and servers that lie."""

import asyncio
import io
import os
from collections.abc import AsyncIterator
from pathlib import Path
from traceback import format_exception
from typing import Any, ClassVar

import asyncssh
import pytest
from fileservers import FileServer, host_key, sftp_server
from listening import listening, mute
from pulling import build, ids, pages, stored, tickets
from pydantic import ValidationError

from hub.connectors.base import Connector
from hub.errors import SourceRefused, SourceUnavailable

FILE = asyncssh.SFTPAttrs(permissions=0o100644, size=5, mtime=1_700_000_000)
FOLDER = asyncssh.SFTPAttrs(permissions=0o040755, size=0, mtime=1_700_000_000)


def files(server: FileServer, pick: str = "*.csv", auth: Any = None, **options: Any) -> Connector:
    return build(
        "files",
        {
            "at": server.at,
            "pick": pick,
            "auth": {**server.auth, **(auth or {})},
            "ready": {"unchanged_for": "0s"},
            **options,
        },
        server.root.parent,
    )


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    folder.mkdir()
    (folder / "a.csv").write_text("id\n1\n")
    return folder


# The server ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_host_key_that_changed_is_refused_with_the_one_that_was_shown(root: Path):
    other = asyncssh.generate_private_key("ssh-ed25519")
    async with sftp_server(root) as server:
        source = files(server, auth={"host_key": other.get_fingerprint()})

        with pytest.raises(SourceRefused, match=r"SHA256:.*ssh-ed25519.*host_key") as caught:
            await tickets(source)

    assert host_key().get_fingerprint() in caught.value.message
    assert "write it there" in caught.value.hint
    assert server.logins == []


async def test_several_fingerprints_may_be_written_as_a_server_has_several_keys(root: Path):
    async with sftp_server(root) as server:
        fingerprints = [host_key("ecdsa-sha2-nistp256").get_fingerprint(), host_key().get_fingerprint()]

        assert ids(await tickets(files(server, auth={"host_key": fingerprints}))) == ["1"]


async def test_a_known_hosts_file_will_do_and_one_without_the_server_is_refused(root: Path):
    public = host_key().export_public_key().decode()
    async with sftp_server(root) as server:
        port = server.at.rstrip("/").rpartition(":")[2]
        (root.parent / "known").write_text(f"[127.0.0.1]:{port} {public}")
        (root.parent / "unknown").write_text(f"elsewhere {public}")

        found = await tickets(files(server, auth={"host_key": "known"}))
        with pytest.raises(SourceRefused, match="host key"):
            await tickets(files(server, auth={"host_key": "unknown"}))
        with pytest.raises(SourceRefused, match=r"auth\.host_key: No such file"):
            await tickets(files(server, auth={"host_key": "missing"}))

    assert ids(found) == ["1"]


OLD = {
    "kex_algs": ["diffie-hellman-group1-sha1"],
    "encryption_algs": ["aes128-cbc"],
    "mac_algs": ["hmac-md5"],
}


@pytest.mark.filterwarnings("ignore:Diffie-Hellman over finite fields")  # that it is old is the point
async def test_an_old_server_is_spoken_to_only_where_that_is_said(root: Path):
    async with sftp_server(root, key=host_key("ssh-rsa"), signature_algs=["ssh-rsa"], **OLD) as server:
        with pytest.raises(SourceRefused, match="no algorithm in common") as caught:
            await tickets(files(server))
        found = await tickets(files(server, auth={"legacy_algorithms": True}))

    assert "legacy_algorithms: true" in caught.value.hint
    assert ids(found) == ["1"]


def elsewhere(port: int, root: Path) -> FileServer:
    auth = {"password": "x", "host_key": host_key().get_fingerprint()}
    return FileServer(f"sftp://hub@127.0.0.1:{port}/", auth, root, lambda: None)


async def test_a_server_that_speaks_something_else_is_not_waited_for(root: Path):
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 2000)

    async with listening(talk) as port:
        with pytest.raises((SourceRefused, SourceUnavailable)):
            await tickets(files(elsewhere(port, root)))


async def test_a_server_that_says_nothing_is_worth_another_try(root: Path):
    async with listening(mute) as port:
        with pytest.raises(SourceUnavailable, match=r"no answer within 0\.1 s"):
            await tickets(files(elsewhere(port, root), limits={"timeout": "100ms"}))


# Ourselves ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def private(key: asyncssh.SSHKey, passphrase: str | None = None) -> str:
    return key.export_private_key("openssh", passphrase, rounds=1, ignore_few_rounds=True).decode()


@pytest.mark.parametrize("passphrase", [None, "made-up"])
async def test_a_key_lets_us_in(root: Path, passphrase: str | None):
    ours = asyncssh.generate_private_key("ssh-ed25519")
    async with sftp_server(root, client_key=ours) as server:
        auth = {"key": private(ours, passphrase), "passphrase": passphrase, "host_key": server.auth["host_key"]}
        source = build(
            "files",
            {
                "at": server.at,
                "pick": "*.csv",
                "auth": {k: v for k, v in auth.items() if v},
                "ready": {"unchanged_for": "0s"},
            },
        )

        assert ids(await tickets(source)) == ["1"]


async def test_a_key_that_is_not_ours_or_does_not_open_is_refused_and_never_shown(root: Path):
    ours, other = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(2))
    wrong = "wr0ng"
    async with sftp_server(root, client_key=ours) as server:
        with pytest.raises(SourceRefused, match="does not let hub in"):
            await tickets(files(server, auth={"key": private(other)}))
        with pytest.raises(SourceRefused, match="cannot be opened") as caught:
            await tickets(files(server, auth={"key": private(ours, "made-up"), "passphrase": wrong}))

    told = "".join(format_exception(caught.value)) + caught.value.hint
    assert wrong not in told
    assert "PRIVATE" not in told


async def test_nothing_of_this_machine_helps_to_log_in(root: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    ours = asyncssh.generate_private_key("ssh-ed25519")
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "id_ed25519").write_text(private(ours))
    monkeypatch.setenv("HOME", str(tmp_path))
    async with sftp_server(root, client_key=ours) as server:
        with pytest.raises(SourceRefused, match="does not let hub in"):
            await tickets(files(server))


# Names ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_names_in_gb18030_are_found_read_once_and_moved_as_they_are(root: Path):
    raw = "信访件_三月.csv".encode("gb18030")
    (root / "a.csv").rename(os.fsdecode(os.fsencode(root) + b"/" + raw))
    async with sftp_server(root) as server:
        source = files(server, "信访件_*.csv", name_encoding="gb18030", after={"move_to": "已读"})

        found = await pages(source)
        again = await tickets(source, stored(found[-1].cursor))

    assert (ids([t for page in found for t in page.tickets]), again) == (["1"], [])
    assert list(found[-1].cursor["done"]) == ["信访件_三月.csv"]
    assert [os.fsencode(path.relative_to(root)) for path in root.rglob("*.csv")] == ["已读/".encode("gb18030") + raw]


async def test_names_that_are_no_text_in_their_encoding_are_read_all_the_same(root: Path):
    (root / "a.csv").rename(os.fsdecode(os.fsencode(root) + b"/\xd0\xc5.csv"))
    async with sftp_server(root) as server:
        found = await pages(files(server))

    assert ids([t for page in found for t in page.tickets]) == ["1"]
    assert list(stored(found[-1].cursor)["done"]) == ["\\xd0\\xc5.csv"]


# Servers that lie ────────────────────────────────────────────────────────────────────────────────────────────────────


class Listing(asyncssh.SFTPServer):
    """Lists what a test wants to be listed."""

    names: ClassVar[list[tuple[bytes, asyncssh.SFTPAttrs]]] = []

    async def scandir(self, path: bytes) -> AsyncIterator[asyncssh.SFTPName]:
        for name, attrs in self.names:
            yield asyncssh.SFTPName(name, b"", attrs)

    def lstat(self, path: bytes) -> asyncssh.SFTPAttrs:
        return self.stat(path)


def listing(*names: tuple[bytes, asyncssh.SFTPAttrs]) -> type[Listing]:
    return type("Made", (Listing,), {"names": list(names)})


@pytest.mark.parametrize("name", [b"../../etc/passwd.csv", b"/etc/passwd.csv", b"x/../a.csv", b"a\0b.csv", b""])
async def test_names_that_lead_elsewhere_are_refused(root: Path, name: bytes):
    async with sftp_server(root, files=listing((name, FILE))) as server:
        with pytest.raises(SourceRefused, match="lists the name"):
            await tickets(files(server))


async def test_a_listing_without_end_is_refused(root: Path):
    class Endless(Listing):
        async def scandir(self, path: bytes) -> AsyncIterator[asyncssh.SFTPName]:
            same = asyncssh.SFTPName(b"again.txt", b"", asyncssh.SFTPAttrs(permissions=0o100644))
            while True:
                yield same

    async with sftp_server(root, files=Endless) as server:
        with pytest.raises(SourceRefused, match="more than 100,000 names"):
            await tickets(files(server))


async def test_folders_within_folders_without_end_are_refused(root: Path):
    async with sftp_server(root, files=listing((b"again", FOLDER))) as server:
        with pytest.raises(SourceRefused, match="more than 20 deep"):
            await tickets(files(server, "**/*.csv"))


class Reading(asyncssh.SFTPServer):
    """Gives more of a.csv than it says, for ever."""

    def read(self, file_obj: Any, offset: int, size: int) -> bytes:
        return b"1\n" * (size // 2 + 1)


async def test_a_file_without_end_is_refused_once_it_gave_more_than_it_said(root: Path):
    async with sftp_server(root, files=Reading) as server:
        with pytest.raises(SourceRefused, match=r"a\.csv holds more than the 5 bytes"):
            await tickets(files(server))


async def test_a_file_that_is_shorter_than_it_says_is_asked_for_again(root: Path):
    class Short(asyncssh.SFTPServer):
        def read(self, file_obj: Any, offset: int, size: int) -> bytes:
            return super().read(file_obj, offset, size) if offset < 3 and size <= 3 else b""

    async with sftp_server(root, files=Short) as server:
        with pytest.raises(SourceUnavailable, match=r"a\.csv broke off after 0 of 5 bytes"):
            await tickets(files(server))


async def test_a_file_that_grows_while_it_is_read_is_left_for_the_next_run(root: Path):
    class Growing(asyncssh.SFTPServer):
        grows = True

        def read(self, file_obj: Any, offset: int, size: int) -> bytes:
            content = super().read(file_obj, offset, size)
            if type(self).grows:
                type(self).grows = False
                with (root / "a.csv").open("a") as file:
                    file.write("2\n")
            return content

    async with sftp_server(root, files=Growing) as server:
        early = await tickets(files(server))
        later = await tickets(files(server))

    assert (early, ids(later)) == ([], ["1", "2"])


async def test_a_file_that_vanishes_before_it_is_read_is_left_out(root: Path):
    class Vanishing(asyncssh.SFTPServer):
        def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> Any:
            (root / "a.csv").unlink()
            return super().open(path, pflags, attrs)

    async with sftp_server(root, files=Vanishing) as server:
        assert await tickets(files(server)) == []


async def test_a_file_that_may_not_be_read_is_named(root: Path):
    class Closed(asyncssh.SFTPServer):
        def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> Any:
            raise asyncssh.SFTPPermissionDenied("no")

    async with sftp_server(root, files=Closed) as server:
        with pytest.raises(SourceRefused, match=r"a\.csv is not for us: permission denied"):
            await tickets(files(server))


async def test_a_folder_that_may_not_be_listed_is_named(root: Path):
    class Closed(asyncssh.SFTPServer):
        async def scandir(self, path: bytes) -> AsyncIterator[asyncssh.SFTPName]:
            raise asyncssh.SFTPPermissionDenied("no")
            yield  # makes it a generator

    async with sftp_server(root, files=Closed) as server:
        with pytest.raises(SourceRefused, match="the folder / is not for us"):
            await tickets(files(server))


async def test_a_connection_cut_in_the_middle_of_a_file_is_worth_another_try(root: Path):
    class Cutting(asyncssh.SFTPServer):
        def read(self, file_obj: Any, offset: int, size: int) -> bytes:
            self.channel.get_connection().abort()
            return b""

    async with sftp_server(root, files=Cutting) as server:
        with pytest.raises(SourceUnavailable, match="no connection"):
            await tickets(files(server))


async def test_a_file_that_is_given_drop_by_drop_is_given_up(root: Path):
    class Slow(asyncssh.SFTPServer):
        def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> Any:
            return io.BytesIO()

        async def read(self, file_obj: Any, offset: int, size: int) -> bytes:
            await asyncio.sleep(5)
            return b"i"

    async with sftp_server(root, files=Slow) as server:
        with pytest.raises(SourceUnavailable, match=r"no answer within 0\.3 s"):
            await tickets(files(server, limits={"timeout": "300ms"}))


async def test_a_server_without_permissions_in_its_listing_is_understood_by_the_long_form(root: Path):
    class Windows(asyncssh.SFTPServer):
        async def scandir(self, path: bytes) -> AsyncIterator[asyncssh.SFTPName]:
            facts = (root / "a.csv").stat()
            bare = asyncssh.SFTPAttrs(size=facts.st_size, atime=0, mtime=int(facts.st_mtime))
            yield asyncssh.SFTPName(b"sub", b"drwxr-xr-x 1 owner group 0 Mar 1 00:00 sub", bare)
            if path == b"/":
                yield asyncssh.SFTPName(b"a.csv", b"-rw-r--r-- 1 owner group 5 Mar 1 00:00 a.csv", bare)

    async with sftp_server(root, files=Windows) as server:
        assert ids(await tickets(files(server))) == ["1"]


# Options ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

KNOWN = "SHA256:" + "A" * 43


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({}, "ssh-keyscan -p 22 host"),
        ({"auth": {"password": "x"}}, "SFTP needs `host_key`"),
        ({"auth": {"host_key": KNOWN}}, "`password` or `key`"),
        ({"auth": {"host_key": "MD5:aa:bb", "password": "x"}}, "SHA256: and 43 characters"),
        ({"auth": {"host_key": "SHA256:short", "password": "x"}}, "SHA256: and 43 characters"),
        ({"auth": {"host_key": ["known_hosts"], "password": "x"}}, "SHA256: and 43 characters"),
        ({"auth": {"host_key": KNOWN, "key": "secrets/id_ed25519"}}, "not a private key"),
        ({"auth": {"host_key": KNOWN, "key": "PuTTY-User-Key-File-3: x"}}, "PuTTYgen"),
        ({"auth": {"host_key": KNOWN, "password": "x", "token": "y"}}, "sftp:// does not know `token`"),
        ({"at": "sftp://host/", "auth": {"host_key": KNOWN, "password": "x"}}, "needs a user"),
        ({"at": "sftp://u:p@host/"}, "holds a password"),
        ({"at": "sftp://"}, "not an address"),
        ({"at": "smb://host/share"}, "no folder is reached by smb://"),
        ({"at": "out", "auth": {"password": "x"}}, "needs no `auth`"),
        ({"at": "ftp://u@host/", "auth": {"host_key": KNOWN}}, "ftp:// does not know `host_key`"),
        ({"at": "https://host/", "auth": {"password": "x"}}, "needs its user"),
        ({"at": "https://host/", "after": "delete"}, "can only be left"),
        ({"at": "out", "after": {"move_to": "./"}}, "the folder itself"),
        ({"at": "out", "after": "burn"}, "leave"),
        ({"at": "out", "name_encoding": "klingon"}, "no encoding is called"),
    ],
)
def test_options_that_cannot_work_are_named(wrong: dict[str, Any], said: str):
    with pytest.raises(ValidationError, match=said):
        build("files", {"at": "sftp://u@host/", "pick": "*.csv", **wrong})
