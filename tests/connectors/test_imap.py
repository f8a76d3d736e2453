"""IMAP servers with ways of their own, and servers that mean no good."""

import base64
import itertools
from pathlib import Path
from typing import Any

import pytest
from certificates import certificate
from hypothesis import given
from hypothesis import strategies as st
from pulling import broken_off, build, stored, tickets
from scripted_imap import ScriptedImap

from hub.connectors.base import Connector
from hub.connectors.imap import PIECE, from_utf7, to_utf7
from hub.errors import SourceRefused, SourceUnavailable
from hub.model import BROKEN

ONE = b"Subject: one\r\nFrom: a@b.example\r\n\r\nhello\r\n"
TWO = b"Subject: two\r\nFrom: a@b.example\r\n\r\nhello\r\n"


def mailbox(imap: ScriptedImap, **options: Any) -> Connector:
    plain = {"url": f"imap://127.0.0.1:{imap.port}", "tls": {"plain": True}}
    return build("mailbox", {"auth": {"user": "hub", "password": "made-up"}, **plain, **options})


async def test_we_say_who_we_are_before_a_folder_is_opened_as_163_and_qq_want_it():
    def select(rest: str) -> bytes:
        told = any(command.startswith("ID (") for command in imap.commands)
        return b"* OK [UIDVALIDITY 7] ok\r\n" if told else b"TAG NO EXAMINE Unsafe Login. Please contact kefu\r\n"

    imap = ScriptedImap(ONE, EXAMINE=select)
    async with imap.serving():
        assert [ticket["subject"] for ticket in await tickets(mailbox(imap))] == ["one"]

    assert '"name" "appeal-hub"' in next(command for command in imap.commands if command.startswith("ID"))


async def test_a_server_that_knows_no_id_is_spoken_to_all_the_same():
    imap = ScriptedImap(ONE, ID=b"TAG BAD what?\r\n")
    async with imap.serving():
        assert len(await tickets(mailbox(imap))) == 1


async def test_a_folder_is_only_looked_at_and_mails_are_peeked_at():
    imap = ScriptedImap(ONE)
    async with imap.serving():
        await tickets(mailbox(imap))

    assert not [command for command in imap.commands if command.startswith(("SELECT", "UID STORE"))]
    assert all("BODY.PEEK[" in command for command in imap.commands if "BODY" in command)


async def test_a_token_is_sent_by_xoauth2():
    imap = ScriptedImap(ONE)
    async with imap.serving():
        await tickets(mailbox(imap, auth={"user": "hub", "token": "made-up"}))

    sent = next(imap.asked[place + 1] for place, line in enumerate(imap.asked) if "XOAUTH2" in line)
    assert base64.b64decode(sent.partition(" ")[2]) == b"user=hub\1auth=Bearer made-up\1\1"


async def test_a_password_in_chinese_is_sent_as_utf8():
    imap = ScriptedImap(ONE)
    async with imap.serving():
        await tickets(mailbox(imap, auth={"user": "hub", "password": "密码"}))

    sent = next(imap.asked[place + 1] for place, line in enumerate(imap.asked) if "AUTHENTICATE PLAIN" in line)
    assert base64.b64decode(sent.partition(" ")[2]).decode() == "\0hub\0密码"


async def test_tls_may_begin_with_the_connection(tmp_path: Path):
    ours = certificate(tmp_path)
    imap = ScriptedImap(ONE)
    async with imap.serving(ours.context()):
        trusted = {"url": f"imaps://127.0.0.1:{imap.port}", "tls": {"ca": str(ours.authority)}}

        assert len(await tickets(mailbox(imap, **trusted))) == 1
        with pytest.raises(SourceRefused, match="not to be trusted"):
            await tickets(mailbox(imap, **{**trusted, "tls": {}}))


async def test_a_password_is_not_said_to_a_server_without_tls():
    imap = ScriptedImap(ONE)
    async with imap.serving():
        with pytest.raises(SourceRefused, match=r"offers no TLS; .*plain: true"):
            await tickets(mailbox(imap, tls={}))

    assert not [command for command in imap.commands if "LOGIN" in command]


async def test_without_move_a_mail_is_copied_and_removed_alone():
    imap = ScriptedImap(ONE, CAPABILITY=b"* CAPABILITY IMAP4rev1 UIDPLUS\r\n")
    async with imap.serving():
        await tickets(mailbox(imap, after={"move_to": "完"}))

    changes = [command for command in imap.commands if command.startswith(("UID COPY", "UID STORE", "UID EXPUNGE"))]
    assert changes == ['UID COPY 1 "&W4w-"', r"UID STORE 1 +FLAGS.SILENT (\Deleted)", "UID EXPUNGE 1"]


async def test_without_uidplus_nobody_elses_mails_are_expunged():
    imap = ScriptedImap(ONE, CAPABILITY=b"* CAPABILITY IMAP4rev1\r\n")
    async with imap.serving():
        await tickets(mailbox(imap, after={"move_to": "done"}))

    assert not [command for command in imap.commands if "EXPUNGE" in command]


async def test_a_move_that_is_refused_keeps_no_mail_from_being_read():
    imap = ScriptedImap(ONE, TWO, MOVE=b"TAG NO not allowed\r\n")
    async with imap.serving():
        found, error = await broken_off(mailbox(imap, size=1, after={"move_to": "done"}))

    assert [t["subject"] for page in found for t in page.tickets] == ["one", "two"]
    assert isinstance(error, SourceRefused)
    assert "does not move mails to done: 'not allowed'" in error.message


async def test_a_folder_that_may_only_be_read_is_told_with_the_cure():
    imap = ScriptedImap(ONE, SELECT=b"* OK [UIDVALIDITY 7] ok\r\nTAG OK [READ-ONLY] done\r\n")
    async with imap.serving():
        with pytest.raises(SourceRefused, match="after: leave"):
            await tickets(mailbox(imap, after={"flag": "seen"}))


# What goes wrong ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_mail_that_the_server_cannot_give_is_a_ticket_that_says_so():
    def fetch(rest: str) -> Any:
        return b"TAG NO [SERVERBUG] corrupted\r\n" if rest.startswith("UID FETCH 1 (UID BODY") else imap._fetch(rest)

    imap = ScriptedImap(ONE, TWO, FETCH=fetch)
    async with imap.serving():
        broken, good = await tickets(mailbox(imap))

    assert broken == {
        BROKEN: "the server does not give the mail: [SERVERBUG] corrupted",
        "id": "7-1",
        "received": "2026-03-01T08:00:00+08:00",
    }
    assert good["subject"] == "two"


async def test_a_mail_that_vanishes_before_it_is_read_is_left_out():
    def fetch(rest: str) -> Any:
        return b"" if rest.startswith("UID FETCH 1 (UID BODY") else imap._fetch(rest)

    imap = ScriptedImap(ONE, TWO, FETCH=fetch)
    async with imap.serving():
        assert [ticket["subject"] for ticket in await tickets(mailbox(imap))] == ["two"]


async def test_a_connection_that_ends_in_the_middle_keeps_the_mails_before():
    def fetch(rest: str) -> Any:
        return b"* BYE going down\r\nTAG NO bye\r\n" if rest.startswith("UID FETCH 2 (UID BODY") else imap._fetch(rest)

    imap = ScriptedImap(ONE, TWO, FETCH=fetch)
    async with imap.serving():
        found, error = await broken_off(mailbox(imap))
        imap.says.clear()

        rest = await tickets(mailbox(imap), stored(found[-1].cursor))

    assert isinstance(error, SourceUnavailable)
    assert [t["subject"] for page in found for t in page.tickets] == ["one"]
    assert [ticket["subject"] for ticket in rest] == ["two"]


async def test_answers_about_other_mails_and_flags_are_passed_by():
    def fetch(rest: str) -> Any:
        yield b"* 9 FETCH (FLAGS (\\Seen))\r\n* 3 EXISTS\r\n"
        yield b"* 5 FETCH (UID 5 BODY[]<0> {3}\r\nxyz)\r\n" if "BODY.PEEK[]" in rest else b""
        yield from imap._fetch(rest)

    imap = ScriptedImap(ONE, FETCH=fetch)
    async with imap.serving():
        assert [ticket["subject"] for ticket in await tickets(mailbox(imap))] == ["one"]


async def test_a_mail_without_content_is_no_end_of_the_run():
    def fetch(rest: str) -> Any:
        return b'* 1 FETCH (UID 1 BODY[]<0> "")\r\n' if "BODY.PEEK[]" in rest else imap._fetch(rest)

    imap = ScriptedImap(ONE, FETCH=fetch)
    async with imap.serving():
        (ticket,) = await tickets(mailbox(imap))

    assert (ticket["subject"], ticket["text"]) == (None, None)


@pytest.mark.parametrize(
    ("says", "error", "said"),
    [
        ({"LOGIN": b"TAG NO [AUTHENTICATIONFAILED] no\r\n"}, SourceRefused, "does not let hub in"),
        ({"LOGIN": b"TAG NO [UNAVAILABLE] try again later\r\n"}, SourceUnavailable, "does not let hub in"),
        ({"LOGIN": "TAG NO 登录过于频繁\r\n".encode("gbk")}, SourceUnavailable, "登录过于频繁"),
        ({"LOGIN": b"TAG NO made-up is wrong\r\n"}, SourceRefused, r"'\*\*\* is wrong'"),
        ({"LOGIN": b"TAG BAD huh\r\n"}, SourceRefused, "does not let hub in"),
        ({"EXAMINE": b"TAG NO no such folder\r\n"}, SourceRefused, "does not open the folder INBOX"),
        ({"SEARCH": b"* SEARCH one two\r\n"}, SourceRefused, "speaks no IMAP that can be read"),
        ({"SEARCH": b"TAG NO no\r\n"}, SourceRefused, "does not search"),
        ({"SEARCH": b"garbage\r\n"}, SourceUnavailable, "the connection ended"),
        ({"FETCH": b"TAG NO no\r\n"}, SourceRefused, "does not describe its mails"),
        (
            {"FETCH": b"* 1 FETCH (UID 1 RFC822.SIZE {99999999999}\r\n"},
            SourceRefused,
            "sends more than it was asked for",
        ),
    ],
)
async def test_what_a_server_says_instead_is_told(says: dict[str, Any], error: type[Exception], said: str):
    imap = ScriptedImap(ONE, **says)
    async with imap.serving():
        with pytest.raises(error, match=said):
            await tickets(mailbox(imap))


@pytest.mark.parametrize(
    ("says", "greeting"),
    [
        ({}, (b"x" * 100_000 for _ in itertools.count())),
        ({"LOGIN": (b"* CAPABILITY x\r\n" for _ in itertools.count())}, None),
        ({"SEARCH": (b"* SEARCH 1\r\n" * 1000 for _ in itertools.count())}, None),
        ({"SEARCH": itertools.chain([b"* SEARCH"], (b" 1" * 100_000 for _ in itertools.count()))}, None),
        ({"FETCH": (b"* 1 FETCH (FLAGS ())\r\n" * 1000 for _ in itertools.count())}, None),
    ],
    ids=["greeting", "lines", "search", "one line", "fetch"],
)
async def test_a_server_that_never_ends_is_not_listened_to_for_ever(says: dict[str, Any], greeting: Any):
    imap = ScriptedImap(ONE, **says)
    imap.greeting = greeting or imap.greeting
    async with imap.serving():
        with pytest.raises(SourceRefused, match="sends more than it was asked for"):
            await tickets(mailbox(imap))


async def test_a_mail_that_is_larger_than_it_says_is_cut_at_the_limit_and_says_so():
    mail = ONE + b"x" * (2 * PIECE)
    imap = ScriptedImap(mail)
    lying = imap.described(1).replace(b"SIZE %d" % len(mail), b"SIZE 10")

    def fetch(rest: str) -> Any:
        return lying if "SIZE" in rest else imap._fetch(rest)

    imap.says["FETCH"] = fetch
    async with imap.serving():
        (broken,) = await tickets(mailbox(imap, limits={"max_body": "1MB"}))

    assert (broken[BROKEN], broken["subject"]) == ("the mail is larger than limits.max_body (1024 KB)", "one")


async def test_a_server_that_gives_a_whole_mail_for_a_piece_is_stopped():
    def fetch(rest: str) -> Any:
        return imap.given(1, ONE + b"x" * (3 * PIECE)) if "BODY.PEEK[]" in rest else imap._fetch(rest)

    imap = ScriptedImap(ONE, FETCH=fetch)
    async with imap.serving():
        with pytest.raises(SourceRefused, match="sends more than it was asked for"):
            await tickets(mailbox(imap))


@pytest.mark.parametrize("silent", ["", "LOGIN", "EXAMINE", "FETCH"])
async def test_a_server_that_falls_silent_is_given_up(silent: str):
    imap = ScriptedImap(ONE)
    imap.silent = silent
    async with imap.serving():
        with pytest.raises(SourceUnavailable, match=r"no answer within 0\.2 s"):
            await tickets(mailbox(imap, limits={"timeout": "200ms"}))


# Names of folders ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("市民来信", "&XgJsEWdlT+E-"),
        ("R&D", "R&-D"),
        ("INBOX/已处理", "INBOX/&XfJZBHQG-"),
        ("plain", "plain"),
        ("~peter/台北", "~peter/&U,BTFw-"),
    ],
)
def test_names_of_folders_are_written_in_modified_utf7(name: str, written: str):
    assert (to_utf7(name), from_utf7(written)) == (written, name)


@given(st.text())
def test_any_name_of_a_folder_comes_back(name: str):
    assert from_utf7(to_utf7(name)) == name


@pytest.mark.parametrize("broken", ["&", "&x", "&AAAA", "&A-", "&,,,-"])
def test_a_name_that_is_no_modified_utf7_stays_or_is_read_as_it_can_be(broken: str):
    assert isinstance(from_utf7(broken), str)


async def test_names_of_folders_never_become_commands():
    imap = ScriptedImap(ONE)
    async with imap.serving():
        await tickets(mailbox(imap, folder='a" DELETE "b\\'))

    assert r'EXAMINE "a\" DELETE \"b\\"' in imap.commands
