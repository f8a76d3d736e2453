"""Mails as they really come: charsets that lie, names in every writing, bodies of HTML, and mails made to do harm."""

import base64
from contextlib import suppress
from email.message import EmailMessage
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.connectors.formats import NotReadable, encoding_named
from hub.connectors.mails import addresses, charset_text, header_text, parameters, read_head, read_mail

HEAD = b"From: a@b.example\r\nSubject: x\r\nDate: Sun, 01 Mar 2026 08:00:00 +0800\r\nMessage-ID: <1@b.example>\r\n"


def raw(content: bytes) -> str:
    """A header as the parser keeps it: its bytes beyond ASCII as surrogates."""
    return content.decode("ascii", "surrogateescape")


def word(text: str, charset: str, codec: str | None = None) -> str:
    return f"=?{charset}?B?{base64.b64encode(text.encode(codec or charset)).decode()}?="


def halves(text: str, charset: str) -> str:
    """Two encoded words that cut a character in two, as mailers make them that count bytes."""
    data = text.encode(charset)
    cut = len(data) // 2 | 1
    return "\r\n ".join(f"=?{charset}?B?{base64.b64encode(part).decode()}?=" for part in (data[:cut], data[cut:]))


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("plain", "plain"),
        (word("关于路灯不亮", "gb2312"), "关于路灯不亮"),
        (word("镕基的诉求", "gb2312", "gbk"), "镕基的诉求"),
        (word("关于€", "gbk", "gb18030").replace("gbk", "cp936"), "关于€"),
        (word("关于路灯", "gb2312", "utf-8"), "关于路灯"),
        (word("关于路灯", "utf-8", "gbk"), "关于路灯"),
        (word("关于路灯", "us-ascii", "gbk"), "关于路灯"),
        (word("关于路灯", "x-unknown", "gbk"), "关于路灯"),
        (word("關於路燈", "big5"), "關於路燈"),
        ("=?utf-8?q?=E5=85=B3=E4=BA=8E_=E8=B7=AF?= abc", "关于 路 abc"),
        (halves("关于路灯不亮的诉求", "gbk"), "关于路灯不亮的诉求"),
        (f"Re: {word('一', 'utf-8')} {word('二', 'gbk')} end", "Re: 一二 end"),
        (f"Re: {word('一', 'utf-8')} and {word('二', 'utf-8')}", "Re: 一 and 二"),
        (raw("关于路灯".encode("gbk")), "关于路灯"),
        (raw("关于路灯".encode()), "关于路灯"),
        (raw("回复: ".encode("gbk")) + word("路灯", "utf-8"), "回复: 路灯"),
        ("folded\r\n over\r\n\tlines", "folded over lines"),
        ("=?utf-8?B?!!!?= x", "x"),
        ("=?utf-8*zh?B?5LiA?=", "一"),
        ("=?utf-8?X?abc?=", "=?utf-8?X?abc?="),
        ("", None),
        (None, None),
    ],
)
def test_a_header_reads(written: str | None, read: str | None):
    assert header_text(written) == read


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("a@b.example", [(None, "a@b.example")]),
        ("张 <a@b.example>", [("张", "a@b.example")]),
        (f'"{word("张三", "gbk")}" <a@b.example>', [("张三", "a@b.example")]),
        (f"{word('张,三', 'utf-8')} <a@b.example>, c@d.example", [("张,三", "a@b.example"), (None, "c@d.example")]),
        (raw("张三 <a@b.example>".encode("gbk")), [("张三", "a@b.example")]),
        ("张三 李四", [("张三 李四", None)]),
        ("", []),
        (None, []),
    ],
)
def test_people_of_a_header_read(written: str | None, read: list[Any]):
    assert [(person["name"], person["address"]) for person in addresses(written)] == read


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ('attachment; filename="a.csv"', "a.csv"),
        ("attachment; filename=信访.csv", "信访.csv"),
        (raw('attachment; filename="信访.csv"'.encode("gbk")), "信访.csv"),
        (f'attachment; filename="{word("信访.csv", "gb2312")}"', "信访.csv"),
        (f'attachment; filename="{halves("信访件_三月的报表.csv", "gbk")}"', "信访件_三月的报表.csv"),
        ("attachment; filename*=utf-8''%E4%BF%A1%E8%AE%BF.csv", "信访.csv"),
        ("attachment; filename*=gb2312'zh'%D0%C5%B7%C3.csv", "信访.csv"),
        ("attachment; filename*=utf-8''%D0%C5%B7%C3.csv", "信访.csv"),
        ("attachment; filename*0*=utf-8''%E4%BF%A1; filename*1*=%E8%AE%BF; filename*2=\".csv\"", "信访.csv"),
        ("attachment; filename*1=b.csv; filename*0=a", "ab.csv"),
        ("attachment; filename=\"x.csv\"; filename*=utf-8''%E4%BF%A1.csv", "信.csv"),
        ('attachment; filename="a\\"b;c.csv"; size=3', 'a"b;c.csv'),
        ("attachment; FILENAME = a.csv ; x", "a.csv"),
    ],
)
def test_the_name_of_an_attachment_reads(written: str, read: str):
    assert parameters(written)["filename"] == read


@pytest.mark.parametrize(
    ("data", "charset", "read"),
    [
        ("路灯不亮".encode("gbk"), "gb2312", "路灯不亮"),
        ("路灯不亮".encode(), "gb2312", "路灯不亮"),
        ("路灯不亮".encode("gbk"), "utf-8", "路灯不亮"),
        ("路灯不亮".encode("gbk"), "iso-8859-1", "路灯不亮"),
        ("路灯不亮".encode("utf-16"), None, "路灯不亮"),
        (b"caf\xe9", "iso-8859-1", "café"),
        ("café".encode(), "iso-8859-1", "café"),
        (b"\x80 5", "gbk", "€ 5"),
        (b"x\xff\xff", "utf-8", "x��"),
        (b"abc", "idna", "abc"),
        (b"abc", "zlib", "abc"),
    ],
)
def test_a_charset_is_believed_as_far_as_it_fits(data: bytes, charset: str | None, read: str):
    assert charset_text(data, charset) == read


@pytest.mark.parametrize("name", ["idna", "punycode", "unicode_escape", "raw-unicode-escape", "undefined"])
def test_what_is_no_charset_is_none(name: str):
    with pytest.raises(LookupError):
        encoding_named(name)


def test_a_mail_that_claims_a_charset_made_for_names_of_hosts_is_read_at_once():
    data = HEAD + b"Content-Type: text/plain; charset=idna\r\n\r\n" + b"a." * 200_000

    assert read_mail(data).ticket["text"].startswith("a.a.")


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (b"Sun, 01 Mar 2026 08:00:00 +0800", "2026-03-01T08:00:00+08:00"),
        (b"Sun, 1 Mar 2026 08:00:00 +0800 (CST)", "2026-03-01T08:00:00+08:00"),
        (b"Sun, 01 Mar 2026 00:00:00 -0000", "2026-03-01T00:00:00+00:00"),
        (b"Sun, 01 Mar 2026 08:00:00", "2026-03-01T08:00:00"),
        (b"Sun,\r\n 01 Mar 2026 08:00:00 GMT", "2026-03-01T08:00:00+00:00"),
        (b"Sun, 31 Feb 2026 08:00:00 +0800", None),
        (b"Sun, 01 Mar 99999 08:00:00 +0800", None),
        (b"Sun, 01 Mar 2026 08:00:00 +9999", None),
        ("2026年3月1日".encode("gbk"), None),
        (b"", None),
    ],
)
def test_the_date_reads_with_its_zone_or_not_at_all(written: bytes, read: str | None):
    assert read_head(b"Date: " + written + b"\r\n\r\n")["date"] == read


def test_a_body_of_html_in_gbk_reads_as_text_and_stays_as_it_came():
    html = "<html><meta charset=gb2312><style>p{}</style><p>路灯&nbsp;不亮</p><p>谢谢</p></html>"
    data = HEAD + b"Content-Type: text/html; charset=gb2312\r\nContent-Transfer-Encoding: base64\r\n\r\n"

    ticket = read_mail(data + base64.encodebytes(html.encode("gbk"))).ticket

    assert (ticket["text"], ticket["html"]) == ("路灯 不亮\n谢谢", html)


def test_of_two_writings_of_a_body_the_plain_one_is_the_text():
    message = EmailMessage()
    message.set_content("plain")
    message.add_alternative("<p>rich</p>", subtype="html")

    ticket = read_mail(message.as_bytes()).ticket

    assert (ticket["text"], ticket["html"].strip(), ticket["attachments"]) == ("plain", "<p>rich</p>", [])


def test_what_hangs_on_a_mail_is_listed_with_names_types_and_sizes():
    message = EmailMessage()
    message.set_content("words")
    message.add_attachment("id\n1\n", filename="信访.csv", subtype="csv")
    message.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="C:\\temp\\a.pdf")
    message.add_attachment(b"PK", maintype="application", subtype="zip")

    mail = read_mail(message.as_bytes())

    assert mail.ticket["attachments"] == [
        {"name": "信访.csv", "type": "text/csv", "size": 5},
        {"name": "a.pdf", "type": "application/pdf", "size": 4},
        {"name": "unnamed.zip", "type": "application/zip", "size": 2},
    ]
    assert mail.ticket["text"] == "words"


def test_a_forwarded_mail_hangs_on_the_other_with_what_hangs_on_it():
    inner = EmailMessage()
    inner["Subject"] = "inner"
    inner.set_content("inner words")
    inner.add_attachment(b"id\n1\n", maintype="text", subtype="csv", filename="a.csv")
    outer = EmailMessage()
    outer["Subject"] = "outer"
    outer.set_content("outer words")
    outer.add_attachment(inner)

    mail = read_mail(outer.as_bytes())

    assert (mail.ticket["subject"], mail.ticket["text"]) == ("outer", "outer words")
    assert [(each.type, each.name) for each in mail.attachments] == [
        ("message/rfc822", "unnamed.eml"),
        ("text/plain", "unnamed"),
        ("text/csv", "a.csv"),
    ]


def test_a_mail_is_the_same_by_whichever_way_it_came_and_another_where_a_word_differs():
    body = b"\r\nhello\r\n"
    ways = [b"Received: one\r\n" + HEAD + body, b"Received: two\r\nX-Spam: no\r\n" + HEAD + body]

    one, same, other = (read_mail(data).ticket["id"] for data in [*ways, HEAD + b"\r\nhello!\r\n"])

    assert one == same != other


def test_nobody_can_take_the_place_of_a_mail_by_repeating_its_id():
    first = read_mail(HEAD + b"\r\nhello\r\n").ticket
    forged = read_mail(HEAD.replace(b"a@b", b"x@y") + b"\r\nhello\r\n").ticket

    assert first["message_id"] == forged["message_id"]
    assert first["id"] != forged["id"]


def nested(depth: int) -> bytes:
    lines = [f"Content-Type: multipart/mixed; boundary=b{n}\r\n\r\n--b{n}\r\n" for n in range(depth)]
    return HEAD + "".join(lines).encode() + b"\r\nwords\r\n"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (nested(30), "nests parts more than 20 deep"),
        (nested(3000), "nests too many parts"),
        (HEAD + b"Content-Type: multipart/mixed; boundary=x\r\n\r\n" + b"--x\r\n\r\n" * 5000, "more than 1,000"),
        (HEAD + b"Content-Type: multipart/mixed; boundary=x\r\n\r\n" + b"--x\r\n\r\n" * 50_000, "too many parts"),
        (HEAD + b"\r\n" + b"\n" * 1_600_000, "more than 1,500,000 lines"),
        (b"a:\r\n" * 300_000, "more than 1 MB of headers"),
        (b"Subject: " + b"x" * 2_000_000, "more than 1 MB of headers"),
    ],
)
def test_a_mail_made_to_do_harm_is_refused_before_it_costs_much(data: bytes, said: str):
    with pytest.raises(NotReadable, match=said):
        read_mail(data)


def test_a_mail_whose_boundary_never_comes_is_its_text():
    ticket = read_mail(HEAD + b"Content-Type: multipart/mixed; boundary=x\r\n\r\nno boundary\r\n").ticket

    assert ticket["subject"] == "x"
    assert ticket["attachments"] or ticket["text"]


def test_what_is_cut_or_badly_encoded_is_read_as_far_as_it_goes():
    data = HEAD + b"Content-Transfer-Encoding: base64\r\n\r\naGVsbG8gd29y!!"

    assert read_mail(data).ticket["text"].startswith("hello wor")


@given(st.binary(max_size=2000))
def test_any_bytes_read_as_a_mail_or_are_refused(data: bytes):
    with suppress(NotReadable):
        assert read_mail(data).ticket["id"]


@given(
    st.lists(
        st.sampled_from(
            [
                b"Content-Type: multipart/mixed; boundary=x\r\n",
                b"Content-Type: message/rfc822\r\n",
                b"Content-Type: text/plain; charset=\r\n",
                b"Content-Transfer-Encoding: base64\r\n",
                b"Content-Transfer-Encoding: quoted-printable\r\n",
                b"From: =?\xff?B?=\r\n",
                b"Content-Disposition: attachment; filename*0*=x\r\n",
                b"Content-Transfer-Encoding: uuencode\r\n",
                b"\r\n",
                b"--x\r\n",
                b"--x--\r\n",
                b"=?gb2312?B?\r\n",
                b"begin 644 a\r\n",
                b"Subject: \xd0\xc5=?utf-8?Q?=ZZ?=\r\n",
                b"From: <<>>,,;:@\r\n",
                b"=FF=\r\n",
                b"Date: 0 0 0\r\n",
            ]
        ),
        max_size=20,
    )
)
def test_any_pieces_of_mails_read_as_a_mail_or_are_refused(pieces: list[bytes]):
    with suppress(NotReadable):
        assert read_mail(b"".join(pieces)).ticket["id"]
