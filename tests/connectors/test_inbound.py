"""What a push holds, in every form it comes in: its tickets, how new they are, its key; or what is wrong with it."""

import gzip
import zlib
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import quote_from_bytes

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pulling import build, pages

from hub.connectors.base import Push, Pushed, Receiver
from hub.connectors.inbound import TooLong, WrongMedia
from hub.errors import SourceError, SourceRefused, SourceUnavailable

NOW = datetime(2026, 3, 1, 8, tzinfo=UTC)
VERIFY = {"by": "token", "secrets": ["a token of sixteen bytes or more"]}
TICKETS = [{"id": "A1", "标题": "电梯停运"}, {"id": "A2", "标题": "井盖缺失"}]
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"


def read(body: bytes | str, media: str | None = None, headers: dict[str, str] | None = None, **options: Any) -> Pushed:
    content = body.encode() if isinstance(body, str) else body
    said = {"content-type": media} if media is not None else {}
    return build("inbound", {"verify": VERIFY, **options}).read(Push({**said, **(headers or {})}, {}, content, NOW))


def tickets(body: bytes | str, media: str | None = None, **options: Any) -> list[Any]:
    return list(read(body, media, **options).tickets)


def refused(body: bytes | str, media: str | None = None, **options: Any) -> SourceError:
    with pytest.raises(SourceError) as caught:
        read(body, media, **options)
    return caught.value


async def test_it_is_pushed_to_and_yields_nothing_when_pulled():
    connector = build("inbound", {"verify": VERIFY})

    assert isinstance(connector, Receiver)
    assert await pages(connector) == await pages(connector, {"whatever": 1}) == []


@pytest.mark.parametrize(
    ("body", "options"),
    [
        (TICKETS, {}),
        ({"data": {"items": TICKETS}}, {"records": "data.items"}),
        ({"code": 0, "rows": TICKETS}, {"records": "rows", "error": {"path": "code", "ok": [0]}}),
    ],
)
def test_a_batch_is_its_tickets(body, options):
    assert tickets(orjson.dumps(body), JSON, **options) == TICKETS


def test_one_object_is_one_ticket():
    assert tickets(orjson.dumps(TICKETS[0]), JSON) == [TICKETS[0]]
    assert tickets(orjson.dumps({"ticket": TICKETS[0]}), JSON, records="ticket") == [TICKETS[0]]


def test_an_empty_batch_holds_no_tickets():
    assert tickets("[]", JSON) == []


@pytest.mark.parametrize("media", ["application/xml", "text/xml; charset=gb2312", "application/soap+xml", None])
def test_xml_is_read_in_its_encoding(media):
    body = '<?xml version="1.0" encoding="gb2312"?><rows><row><id>1</id><t>电梯€</t></row><row><id>2</id></row></rows>'

    found = tickets(body.encode("gb18030").replace("€".encode("gb18030"), b"\x80"), media, records="rows.row")

    assert found == [{"id": "1", "t": "电梯€"}, {"id": "2"}]


def test_json_in_gbk_is_read_where_it_says_so_or_the_options_do():
    body = orjson.dumps(TICKETS).decode().encode("gbk")

    assert tickets(body, "application/json; charset=GBK") == TICKETS
    assert tickets(body, JSON, encoding="gb2312") == TICKETS
    assert "set `encoding`" in str(refused(body, JSON))


@pytest.mark.parametrize(
    ("encoding", "media", "options"),
    [("utf-8", FORM, {}), ("gbk", f"{FORM}; charset=gb2312", {}), ("gbk", FORM, {"encoding": "gbk"})],
)
def test_a_form_is_one_ticket(encoding, media, options):
    body = f"id=A1&title={quote_from_bytes('电梯 停运'.encode(encoding))}&tag=a&tag=b&tag=c&note="

    found = tickets(body, media, **options)

    assert found == [{"id": "A1", "title": "电梯 停运", "tag": ["a", "b", "c"], "note": ""}]


@pytest.mark.parametrize("inside", [orjson.dumps({"rows": TICKETS}).decode(), "<rows><id>A1</id><id>A2</id></rows>"])
def test_a_document_inside_a_field_of_a_form_is_read(inside):
    body = f"appid=7&data={quote_from_bytes(inside.encode())}"

    found = tickets(body, FORM, inner="data", records="rows" if inside.startswith("{") else "rows.id")

    assert [each.get("id", each.get("value")) for each in found] == ["A1", "A2"]


def test_a_document_inside_an_element_is_read():
    body = f"<Envelope><Body><in>{orjson.dumps(TICKETS).decode()}</in></Body></Envelope>"

    assert tickets(body, "text/xml", inner="Envelope.Body.in") == TICKETS


def test_csv_rows_are_tickets_and_a_broken_one_is_kept_to_be_rejected():
    body = "gdbh;bt\nJS1;井盖\nJS2;a;b;c\nJS3;噪音\n".encode("gbk")

    found = tickets(body, "text/csv", csv={"delimiter": ";"})

    assert [ticket.get("gdbh") for ticket in found] == ["JS1", None, "JS3"]
    assert found[1]["@broken"] == "line 3: has 4 cells, and the header 2"


def test_json_lines_are_tickets_and_a_broken_one_is_kept_to_be_rejected():
    body = b"\n".join([orjson.dumps(TICKETS[0]), b"{nonsense", orjson.dumps(TICKETS[1])])

    found = tickets(body, "application/x-ndjson")

    assert [found[0], found[2]] == TICKETS
    assert found[1]["@broken"].startswith("line 2: not JSON")


@pytest.mark.parametrize("media", [None, "text/plain", "application/octet-stream", FORM])
def test_where_the_type_says_nothing_or_is_a_tools_default_json_is_told_by_its_look(media):
    assert tickets(orjson.dumps(TICKETS), media) == TICKETS


@pytest.mark.parametrize("media", ["application/vnd.city+json", "application/cloudevents+json; charset=utf-8"])
def test_types_that_end_in_json_are_json(media):
    assert tickets(orjson.dumps(TICKETS), media) == TICKETS


def test_a_format_in_the_options_goes_before_what_the_push_says():
    assert tickets(orjson.dumps(TICKETS), "text/html", format="json") == TICKETS


@pytest.mark.parametrize("media", ["multipart/form-data; boundary=x", "image/png", "text/html"])
def test_any_other_type_is_refused_with_those_that_there_are(media):
    error = refused("whatever", media)

    assert isinstance(error, WrongMedia)
    assert "application/json" in error.hint


# ── compression ──


@pytest.mark.parametrize("coding", ["gzip", "x-gzip", "GZIP", "deflate", None])
def test_a_compressed_body_is_read_also_where_it_does_not_say_so(coding):
    body = orjson.dumps(TICKETS)
    packed = zlib.compress(body) if coding == "deflate" else gzip.compress(body[:9]) + gzip.compress(body[9:])

    found = read(packed, JSON, {"content-encoding": coding} if coding else {}).tickets

    assert found == TICKETS


def test_a_bomb_is_stopped_at_the_limit():
    bomb = gzip.compress(b" " * 300 * 1024**2)
    assert len(bomb) < 320 * 1024

    with pytest.raises(TooLong, match="inflates to more than"):
        read(bomb, JSON)


def test_a_bomb_in_many_pieces_is_stopped_too():
    with pytest.raises(TooLong):
        read(gzip.compress(b" " * 1024**2) * 9, JSON)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (gzip.compress(b"[]", mtime=0)[:-9], "the compressed body breaks off"),
        (gzip.compress(b"[1, 2, 3]", mtime=0)[:14], "the compressed body breaks off"),
        (b"[]", "says that it is compressed, and is not"),
        (gzip.compress(b"[]", mtime=0) + b"rubbish", "says that it is compressed, and is not"),
    ],
)
def test_what_does_not_decompress_is_refused(body, told):
    with pytest.raises(SourceRefused, match=told):
        read(body, JSON, {"content-encoding": "gzip"})


def test_another_compression_is_refused_with_the_one_there_is():
    with pytest.raises(WrongMedia, match="'br'; send it plain, or as gzip"):
        read(b"[]", JSON, {"content-encoding": "br"})


# ── what cannot be read ──


@pytest.mark.parametrize(
    ("body", "media", "options", "told"),
    [
        ("", JSON, {}, "the body is empty"),
        ("  \n", None, {}, "the body is empty"),
        ('{"id": 1,}', JSON, {}, "not JSON: trailing comma"),
        ('[{"id": NaN}]', JSON, {}, "not JSON"),
        ("<a><b></a>", "text/xml", {}, "not XML: Opening and ending tag mismatch"),
        ('<!DOCTYPE a [<!ENTITY e "x">]><a>&e;</a>', "text/xml", {}, "document type declaration"),
        ("<html><body>502</body></html>", JSON, {}, "not JSON"),
        ('{"rows": []}', JSON, {"records": "data.items"}, "holds no `data` of `records: data.items`; it holds rows"),
        ("a=%ff%fe", FORM, {}, "not a form in utf-8"),
        ("a=é", FORM, {}, "not a form in utf-8"),
        ("&".join(f"a{n}=" for n in range(10_001)), FORM, {}, "more than 10000 fields"),
        ("a=1", f"{FORM}; charset=klingon", {}, "not a form in klingon"),
        ('{"data": {"a": 1}}', JSON, {"inner": "data"}, "holds no text at `inner: data`"),
        ('{"data": "{"}', JSON, {"inner": "data"}, "breaks off"),
        (
            '{"code": 500, "msg": "导出失败"}',
            JSON,
            {"error": {"path": "code", "ok": [0], "message": "msg"}},
            "导出失败",
        ),
        ("[" * 100_000, JSON, {}, "JSON"),
        (b"\x00" * 100, JSON, {}, "not JSON"),
        ("[]", "application/json; charset=klingon", {}, "klingon"),
    ],
)
def test_what_cannot_be_read_is_refused_with_what_and_where(body, media, options, told):
    assert told in str(refused(body, media, **options))


def test_json_cut_short_says_where():
    error = refused('[{"id": 1}, {"id"', JSON)

    assert isinstance(error, SourceUnavailable)
    assert "breaks off after" in str(error)


@given(
    st.binary(max_size=200), st.sampled_from([JSON, "text/xml", FORM, "text/csv", "application/jsonl", "", "\x00;=;"])
)
@settings(max_examples=400, deadline=None)
def test_whatever_comes_is_read_or_refused_and_never_a_surprise(body, media):
    try:
        found = read(body, media, {"content-encoding": ""}).tickets
    except SourceError:
        return

    assert all(isinstance(ticket, dict) for ticket in found)


# ── how new a ticket is ──


@pytest.mark.parametrize(
    ("value", "version"),
    [
        (7, Decimal(7)),
        ("0012", Decimal(12)),
        (2.5, Decimal("2.5")),
        ("123456789012345678901234567890", Decimal(123456789012345678901234567890)),
        ("-3", Decimal(-3)),
        ("2026-03-01T08:00:00.000001Z", Decimal("1772352000.000001")),
        ("2026-03-01 16:00:00", Decimal(1772352000)),
        ("2026-03-02T07:59:00Z", Decimal(1772438340)),
        ("2099-01-01T00:00:00Z", None),
        ("soon", None),
        ("", None),
        (None, None),
        (True, None),
        ([], None),
        ({"a": 1}, None),
        ("1e5", None),
        ("NaN", None),
        ("9" * 31, None),
        ("9" * 5000, None),
    ],
)
def test_a_version_is_a_number_or_a_time(value, version):
    pushed = read(orjson.dumps([{"v": value}]), JSON, version="v")

    assert pushed.versions == [version]


def test_a_version_may_be_a_time_of_another_form():
    body = orjson.dumps([{"t": "2026/03/01 16:00"}, {"t": "20260301"}])

    pushed = read(body, JSON, version="t", version_date=["%Y/%m/%d %H:%M", "%Y%m%d"])

    assert pushed.versions == [Decimal(1772352000), Decimal(1772294400)]


def test_without_the_option_there_are_no_versions():
    assert read("[]", JSON).versions is None


# ── keys ──


def test_a_key_comes_from_a_header_or_from_the_body():
    header, path = {"header": "Idempotency-Key"}, {"path": "meta.id"}

    assert read("[]", JSON, {"idempotency-key": "k1"}, idempotency=header).key == "k1"
    assert read("[]", JSON, idempotency=header).key is None
    assert read('{"meta": {"id": 7}}', JSON, idempotency=path).key == "7"
    assert read('{"meta": {}}', JSON, idempotency=path).key is None
    assert read('{"meta": {"id": {"a": 1}}}', JSON, idempotency=path).key is None


def test_a_key_is_known_for_a_week_or_as_long_as_the_options_say():
    def keep(**options: Any) -> timedelta:
        return build("inbound", {"verify": VERIFY, **options}).terms.keep

    assert keep() == timedelta(days=7)
    assert keep(idempotency={"header": "X-Id", "keep": "1d"}) == timedelta(days=1)


# ── answers ──


@pytest.mark.parametrize(
    ("answer", "status", "body", "media"),
    [
        ({}, 202, None, JSON),
        ({"status": 200, "body": {"code": 0, "msg": "成功"}}, 200, '{"code":0,"msg":"成功"}'.encode(), JSON),
        ({"body": "success"}, 202, b"success", "text/plain"),
        ({"body": "<ok/>", "type": "text/xml"}, 202, b"<ok/>", "text/xml"),
    ],
)
def test_an_answer_is_what_its_sender_expects(answer, status, body, media):
    reply = build("inbound", {"verify": VERIFY, "answer": answer}).terms.reply

    assert (reply.status, reply.body, reply.content_type) == (status, body, media)
