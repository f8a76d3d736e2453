"""Mailboxes on real IMAP servers: which mails are read, how often, and what becomes of them."""

import gzip
from collections.abc import Iterator
from contextlib import aclosing
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from traceback import format_exception
from typing import Any
from uuid import uuid4

import pytest
from certificates import Certificate, certificate
from mailservers import PASSWORD, SERVERS, MailServer
from pulling import build, ids, pages, stored, tickets
from pydantic import ValidationError
from test_archives import packed
from test_files import workbook

from hub.connectors.base import Backfills, Connector
from hub.errors import SourceRefused, SourceUnavailable
from hub.model import BROKEN, Ticket


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module", params=sorted(SERVERS))
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, ours: Certificate
) -> Iterator[Any]:
    with SERVERS[request.param](tmp_path_factory.mktemp("server"), ours) as running:
        yield running


def mailbox(server: MailServer, folder: str, **options: Any) -> Connector:
    auth = {"user": "hub", "password": PASSWORD}
    return build("mailbox", {"url": server.url, "auth": auth, "folder": folder, "tls": {"plain": True}, **options})


def mail(subject: str, *attachments: tuple[str, bytes], sender: str = "张三 <zs@city.example>") -> bytes:
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = subject, sender, "letters@12345.example"
    message["Date"], message["Message-ID"] = "Sun, 01 Mar 2026 08:00:00 +0800", f"<{uuid4()}@city.example>"
    message.set_content(f"{subject}：路灯不亮\n")
    for name, content in attachments:
        message.add_attachment(content, maintype="application", subtype="octet-stream", filename=name)
    return message.as_bytes()


def subjects(found: list[Ticket]) -> list[Any]:
    return [ticket["subject"] for ticket in found]


async def run(source: Connector, cursor: Any = None) -> tuple[list[Ticket], Any]:
    found = await pages(source, cursor)
    return [t for page in found for t in page.tickets], stored(found[-1].cursor) if found else cursor


async def test_a_mail_is_a_ticket_with_its_people_its_words_and_its_times(server: MailServer):
    folder = server.folder("市民来信")
    server.post(folder, mail("一"), at='"01-Mar-2026 09:30:00 +0800"')

    (ticket,) = await tickets(mailbox(server, folder))

    assert ticket["subject"] == "一"
    assert ticket["from"] == {"name": "张三", "address": "zs@city.example"}
    assert ticket["date"] == "2026-03-01T08:00:00+08:00"
    assert ticket["received"].endswith("09:30:00+08:00") or ticket["received"].endswith("01:30:00+00:00")
    assert ticket["text"] == "一：路灯不亮"
    assert ticket["message_id"] is not None


async def test_mails_are_read_once_oldest_first_and_stay_unseen(server: MailServer):
    folder = server.folder()
    server.post(folder, mail("1"), mail("2"))
    source = mailbox(server, folder)

    first, cursor = await run(source)
    again, cursor = await run(source, cursor)
    server.post(folder, mail("3"))
    later, _ = await run(source, cursor)

    assert (subjects(first), again, subjects(later)) == (["1", "2"], [], ["3"])
    assert not [flags for flags in server.flags(folder) if "Seen" in flags]


async def test_a_run_goes_on_after_any_page(server: MailServer):
    folder = server.folder()
    server.post(folder, *(mail(str(number)) for number in range(5)))
    source = mailbox(server, folder, size=2)
    async with aclosing(source.pull(None)) as stream:
        cut = await anext(stream)

    rest, _ = await run(source, stored(cut.cursor))

    assert (subjects(list(cut.tickets)), subjects(rest)) == (["0", "1"], ["2", "3", "4"])


async def test_an_empty_folder_gives_nothing(server: MailServer):
    folder = server.folder()

    assert await tickets(mailbox(server, folder)) == []


async def test_senders_and_subjects_choose_in_chinese_too(server: MailServer):
    folder = server.folder()
    server.post(
        folder,
        mail("【信访】一", sender="信访局 <xf@12345.example>"),
        mail("广告", sender="信访局 <xf@12345.example>"),
        mail("【信访】二", sender="Spam <x@spam.example>"),
        mail("【信访】三", sender="李四 <LS@12345.EXAMPLE>"),
    )
    source = mailbox(server, folder, **{"from": ["@12345.example", "信访局"]}, subject="信访")

    found, cursor = await run(source)
    again, _ = await run(source, cursor)

    assert (subjects(found), again) == (["【信访】一", "【信访】三"], [])


async def test_mails_from_before_the_start_are_passed_by(server: MailServer):
    folder = server.folder()
    server.post(folder, mail("old"), at='"20-Feb-2026 12:00:00 +0800"')
    server.post(folder, mail("day before"), at='"28-Feb-2026 12:00:00 +0800"')
    server.post(folder, mail("new"), at='"01-Mar-2026 12:00:00 +0800"')

    assert subjects(await tickets(mailbox(server, folder, start="2026-03-01"))) == ["new"]


async def test_a_folder_that_is_numbered_anew_is_read_again_from_the_last_days_on(server: MailServer):
    folder = server.folder()
    server.post(folder, mail("long ago"), at='"01-Jan-2026 12:00:00 +0800"')
    server.post(folder, mail("yesterday"), mail("today"), at='"01-Mar-2026 12:00:00 +0800"')
    source = mailbox(server, folder)
    first, cursor = await run(source)

    again, renumbered = await run(source, {**cursor, "validity": cursor["validity"] + 1})
    server.post(folder, mail("an old one, moved here"), at='"02-Jan-2026 12:00:00 +0800"')
    later, _ = await run(source, renumbered)

    assert subjects(first) == ["long ago", "yesterday", "today"]
    assert (subjects(again), ids(again)) == (["yesterday", "today"], ids(first[1:]))
    assert subjects(later) == ["an old one, moved here"]


async def test_a_folder_that_there_is_not_is_named_with_those_that_there_are(server: MailServer):
    known = server.folder("市民来信")

    with pytest.raises(SourceRefused, match="does not open the folder 来信") as caught:
        await tickets(mailbox(server, "来信"))

    assert "INBOX" in caught.value.hint
    assert known in caught.value.hint or caught.value.hint.count(",") == 19


async def test_a_wrong_password_is_refused_and_not_told(server: MailServer):
    secret = "wr0ng"
    source = mailbox(server, "INBOX", auth={"user": "hub", "password": secret})

    with pytest.raises(SourceRefused, match=r"does not let hub in.*授权码") as caught:
        await tickets(source)

    assert secret not in "".join(format_exception(caught.value))


async def test_tls_begins_before_the_password_is_said(server: MailServer, ours: Certificate):
    folder = server.folder()
    server.post(folder, mail("1"))

    found = await tickets(mailbox(server, folder, tls={"ca": str(ours.authority)}))
    with pytest.raises(SourceRefused, match="certificate of the source is not to be trusted"):
        await tickets(mailbox(server, folder, tls={}))

    assert subjects(found) == ["1"]


# After ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_mails_are_moved_once_their_page_is_kept_and_not_before(server: MailServer):
    folder, done = server.folder(), server.folder("已处理")
    server.post(folder, mail("1"), mail("2"), mail("3"))
    async with aclosing(mailbox(server, folder, size=2, after={"move_to": done}).pull(None)) as stream:
        await anext(stream)
        before = server.subjects(folder)
        await anext(stream)
        between = server.subjects(folder)

        async for _ in stream:
            pass

    assert (before, between, server.subjects(folder)) == (["1", "2", "3"], ["3"], [])
    assert server.subjects(done) == ["1", "2", "3"]


async def test_a_run_that_ends_between_the_commit_and_the_move_leaves_the_move_to_the_next(server: MailServer):
    folder, done = server.folder(), server.folder()
    server.post(folder, mail("1"), mail("2"))
    source = mailbox(server, folder, after={"move_to": done})
    async with aclosing(source.pull(None)) as stream:
        killed = await anext(stream)
    between = server.subjects(folder)

    found, cursor = await run(source, stored(killed.cursor))
    again, _ = await run(source, cursor)

    assert (between, found, again) == (["1", "2"], [], [])
    assert (server.subjects(folder), server.subjects(done)) == ([], ["1", "2"])


async def test_a_move_that_was_done_before_the_hub_was_stopped_does_no_harm_again(server: MailServer):
    folder, done = server.folder(), server.folder()
    server.post(folder, mail("1"))
    source = mailbox(server, folder, after={"move_to": done})
    found = await pages(source)

    await run(source, stored(found[0].cursor))

    assert server.subjects(done) == ["1"]


async def test_the_folder_to_move_to_is_made_where_it_is_missing(server: MailServer):
    folder = server.folder()
    server.post(folder, mail("1"))

    await run(mailbox(server, folder, after={"move_to": f"已处理{folder}"}))

    assert server.subjects(f"已处理{folder}") == ["1"]


async def test_mails_are_marked_as_seen_where_that_is_asked(server: MailServer):
    folder = server.folder()
    server.post(folder, mail("1"))

    await run(mailbox(server, folder, after={"flag": "seen"}))

    assert ["Seen" in flags for flags in server.flags(folder)] == [True]


async def test_mails_that_nobody_wants_are_neither_moved_nor_marked(server: MailServer):
    folder, done = server.folder(), server.folder()
    server.post(folder, mail("信访"), mail("广告"))

    await run(mailbox(server, folder, subject="信访", after={"move_to": done}))

    assert (server.subjects(folder), server.subjects(done)) == (["广告"], ["信访"])


async def test_mails_without_tickets_are_marked_by_the_next_run_as_a_dry_run_asks_on_after_them(server: MailServer):
    folder = server.folder()
    server.post(folder, mail("1"))
    source = mailbox(server, folder, after={"flag": "seen"}, attachments={"pick": "*.csv", "missing": "ignore"})

    found, cursor = await run(source)
    between = server.flags(folder)
    await run(source, cursor)

    assert found == []
    assert ["Seen" in flags for flags in [*between, *server.flags(folder)]] == [False, True]


async def test_a_stretch_of_the_past_is_read_again_from_its_first_day_on(server: MailServer):
    folder = server.folder()
    server.post(folder, mail("old"), at='"20-Feb-2026 12:00:00 +0800"')
    server.post(folder, mail("1"), mail("2"), at='"01-Mar-2026 12:00:00 +0800"')
    source = mailbox(server, folder)
    assert isinstance(source, Backfills)

    found = await tickets(source, stored(source.between(datetime(2026, 3, 1, tzinfo=UTC), datetime.now(UTC))))

    assert subjects(found) == ["1", "2"]


# Attachments ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_rows_of_attachments_are_tickets(server: MailServer):
    folder = server.folder()
    server.post(
        folder,
        mail("日报", ("信访件.CSV", "id\n1\n2\n".encode("gbk")), ("说明.pdf", b"%PDF")),
        mail("压缩", ("day.csv.gz", gzip.compress(b"id\n3\n")), ("day.zip", packed({"信访.csv": "id\n4\n"}))),
    )

    source = mailbox(server, folder, attachments={"pick": "*.csv*"})
    zipped = mailbox(server, folder, attachments={"pick": "*.zip", "inside": "*.csv", "missing": "ignore"})

    assert ids(await tickets(source)) == ["1", "2", "3"]
    assert ids(await tickets(zipped)) == ["4"]


async def test_a_workbook_hangs_on_a_mail(server: MailServer):
    folder = server.folder()
    server.post(folder, mail("日报", ("信访件.xlsx", workbook())))

    found = await tickets(mailbox(server, folder, attachments={"pick": "*.xlsx", "excel": {"header": 2}}))

    assert [ticket["编号"] for ticket in found] == [201902030111, None]


async def test_a_run_cut_in_the_middle_of_an_attachment_goes_on_there(server: MailServer):
    folder = server.folder()
    server.post(folder, mail("1", ("a.csv", b"id\n0\n1\n2\n3\n4\n")), mail("2", ("b.csv", b"id\n5\n")))
    source = mailbox(server, folder, size=2, attachments={"pick": "*.csv"})
    whole = await pages(source)

    rests = [await tickets(source, stored(page.cursor)) for page in whole]

    assert ids([t for page in whole for t in page.tickets]) == ["0", "1", "2", "3", "4", "5"]
    for place, rest in enumerate(rests):
        before = ids([t for page in whole[: place + 1] for t in page.tickets])
        assert before + ids(rest) == ["0", "1", "2", "3", "4", "5"]


async def test_what_the_mail_says_may_be_added_to_each_row(server: MailServer):
    folder = server.folder()
    server.post(folder, mail("三月", ("东宝区.csv", b"id\n1\n")))
    how = {"pick": "*.csv", "mail_into": "mail", "name_into": "文件"}

    (row,) = await tickets(mailbox(server, folder, attachments=how))

    assert (row["id"], row["文件"], row["mail"]["subject"]) == ("1", "东宝区.csv", "三月")
    assert row["mail"]["received"]
    assert "text" not in row["mail"]


@pytest.mark.parametrize(
    ("attachment", "said"),
    [
        (("a.csv", b"\xff\xff\xff"), "the attachment a.csv is neither UTF-8 nor GB 18030"),
        (("a.json", b"[{"), "the attachment a.json the JSON breaks off"),
        (("a.xlsx", b"PK\x03\x04 broken"), "the attachment a.xlsx is not a workbook"),
        (("a.csv.gz", gzip.compress(b"0" * 2_000_000)), "the attachment a.csv.gz inflates to more than"),
        (("a.pdf", b"%PDF"), "no attachment is called [acjx.*]; there are: a.pdf"),
    ],
)
async def test_an_attachment_that_cannot_be_read_is_a_ticket_that_says_why_and_the_others_go_on(
    server: MailServer, attachment: tuple[str, bytes], said: str
):
    folder = server.folder()
    server.post(folder, mail("1", attachment), mail("2", ("b.csv", b"id\n2\n")))
    how = {"pick": "*.[cjx]*"}

    broken, good = await tickets(mailbox(server, folder, attachments=how, limits={"max_body": "1MB"}))

    assert broken[BROKEN].startswith(said.replace("[acjx.*]", "*.[cjx]*"))
    assert (broken["subject"], good) == ("1", {"id": "2"})


async def test_a_mail_beyond_the_limit_is_a_ticket_that_says_so_with_its_headers(server: MailServer):
    folder = server.folder()
    server.post(folder, mail("1", ("a.bin", b"0" * 100_000)), mail("2"))

    broken, good = await tickets(mailbox(server, folder, limits={"max_body": "64KB"}))

    assert broken[BROKEN] == "the mail is larger than limits.max_body (64 KB)"
    assert (broken["subject"], broken["from"]["name"], good["subject"]) == ("1", "张三", "2")


async def test_a_large_mail_comes_whole_in_pieces(server: MailServer):
    folder = server.folder()
    rows = "id\n" + "\n".join(map(str, range(200_000)))
    server.post(folder, mail("1", ("a.csv", rows.encode())))

    found = await tickets(mailbox(server, folder, size=10_000, attachments={"pick": "*.csv"}))

    assert ids(found)[-1] == "199999"


async def test_a_broken_mail_is_set_aside_and_the_others_go_on(server: MailServer):
    folder = server.folder()
    bomb = b"Subject: bomb\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n" + b"--x\r\n\r\n" * 1_100
    server.post(folder, mail("1"), bomb, mail("3"))

    found = await tickets(mailbox(server, folder))

    assert subjects(found) == ["1", "bomb", "3"]
    assert "more than 1,000" in found[1][BROKEN]


async def test_a_server_that_is_away_is_worth_another_try():
    with pytest.raises(SourceUnavailable, match="no connection"):
        await tickets(mailbox(MailServer(1), "INBOX"))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"url": "https://mail.example"}, "not a mail server"),
        ({"url": "imaps://"}, "not a mail server"),
        ({"url": "imaps://u:p@h"}, "under `auth`"),
        ({"url": "imaps://h/INBOX"}, "write the folder as `folder`"),
        ({"auth": {"user": "u"}}, "either `password` or `token`"),
        ({"auth": {"user": "u", "password": "x", "token": "y"}}, "either `password` or `token`"),
        ({"attachments": {"pick": "*.zip"}}, "write `inside`"),
        ({"after": {"flag": "deleted"}}, "seen"),
        ({"after": "delete"}, "leave"),
        ({"start": "yesterday"}, "date"),
    ],
)
def test_options_that_cannot_work_are_named(wrong: dict[str, Any], said: str):
    with pytest.raises(ValidationError, match=said):
        build("mailbox", {"url": "imaps://h", "auth": {"user": "u", "password": "x"}, **wrong}, Path())
