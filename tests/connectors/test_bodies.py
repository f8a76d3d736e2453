"""What the body of a message may be, and that no body, however broken, is anything but a ticket."""

import base64
import gzip
import zlib
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.connectors.brokers.base import Message
from hub.connectors.brokers.bodies import Bodies
from hub.connectors.brokers.options import BrokerOptions
from hub.model import BROKEN, Ticket


def read(body: bytes, *, headers: dict[str, Any] | None = None, says: dict[str, Any] | None = None, **options: Any):
    return list(bodies(**options).tickets(Message("mark", body, headers=headers or {}, **(says or {}))))


def bodies(**options: Any) -> Bodies:
    return Bodies(BrokerOptions.model_validate({"url": "amqp://host", "queue": "tickets", **options}))


def entry(*fields: tuple[bytes, bytes], **options: Any) -> list[Ticket]:
    return list(bodies(**options).tickets(Message("mark", b"", fields=fields)))


def reason(found: list[Ticket]) -> str:
    assert len(found) == 1
    return str(found[0][BROKEN])


def test_one_object_is_one_ticket():
    assert read(b'{"id": 1}') == [{"id": 1}]


def test_a_batch_is_read_at_its_records():
    assert read(b'{"rows": [{"id": 1}, {"id": 2}]}', records="rows") == [{"id": 1}, {"id": 2}]


def test_lines_of_json_are_tickets():
    assert read(b'{"id": 1}\n{"id": 2}\n', format="jsonl") == [{"id": 1}, {"id": 2}]


def test_csv_in_gbk_is_read():
    assert read("编号,标题\n1,路灯\n".encode("gbk"), format="csv") == [{"编号": "1", "标题": "路灯"}]


def test_xml_in_gbk_that_calls_itself_gb2312_is_read():
    body = '<?xml version="1.0" encoding="gb2312"?><gd><bh>镕1</bh></gd>'.encode("gbk")

    assert read(body, format="xml", records="gd") == [{"bh": "镕1"}]


def test_plain_text_is_a_ticket_of_its_own():
    assert read("路灯不亮€".encode("gb18030"), format="text", encoding="gbk") == [{"text": "路灯不亮€"}]


def test_the_charset_of_the_content_type_counts():
    body = '{"id": "路灯"}'.encode("gbk")

    assert read(body, says={"content_type": "application/json; charset=GB2312"}) == [{"id": "路灯"}]


def test_what_came_around_a_message_is_in_its_tickets():
    at = datetime(2026, 3, 1, 8, tzinfo=UTC)

    found = read(b'{"id": 1}', headers={"type": "new"}, says={"topic": "city.tickets", "id": "m1", "at": at})

    around = {"@topic": "city.tickets", "@id": "m1", "@at": "2026-03-01T08:00:00+00:00", "@headers": {"type": "new"}}
    assert found == [{"id": 1, **around}]


def test_what_a_record_says_itself_is_not_overwritten():
    found = read(b'<gd topic="own"/>', format="xml", records="gd", says={"topic": "city"})

    assert found == [{"@topic": "own"}]


def test_headers_of_any_kind_can_be_kept():
    headers = {
        "bytes": "€".encode("gb18030"),
        "time": datetime(2026, 3, 1, tzinfo=UTC),
        "money": Decimal("1.50"),
        "table": {"list": [1, 2**70]},
        "half": "\ud83d",
    }

    (found,) = read(b"{}", headers=headers)

    assert orjson.loads(orjson.dumps(found["@headers"])) == {
        "bytes": "\\xa2\\xe3",
        "time": "2026-03-01 00:00:00+00:00",
        "money": "1.50",
        "table": {"list": [1, str(2**70)]},
        "half": "\\ud83d",
    }


@pytest.mark.parametrize(
    "headers",
    [
        {"ce-id": "7", "ce-specversion": "1.0"},
        {"cloudEvents:id": "7", "cloudEvents:specversion": "1.0"},
        {"id": "7", "specversion": "1.0"},
    ],
)
def test_a_binary_cloud_event_has_its_attributes_in_headers(headers: dict[str, str]):
    (found,) = read(b'{"id": 1}', headers=headers, unwrap="data")

    assert (found["id"], found["@event"]) == (1, {"id": "7", "specversion": "1.0"})


@pytest.mark.parametrize(
    ("data", "ticket"),
    [
        ({"data": {"id": 1}}, {"id": 1}),
        ({"data": '{"id": 1}'}, {"id": 1}),
        ({"data_base64": base64.b64encode(b'{"id": 1}').decode()}, {"id": 1}),
        ({"data": "<gd><id>1</id></gd>", "datacontenttype": "text/xml"}, {"gd": {"id": "1"}}),
        ({"data": "路灯"}, {"value": "路灯"}),
    ],
)
def test_a_structured_cloud_event_is_unwrapped(data: dict[str, Any], ticket: Ticket):
    event = {"specversion": "1.0", "id": "7", "type": "cn.gov.ticket"}

    (found,) = read(orjson.dumps(event | data), unwrap="data")

    told = {key: value for key, value in data.items() if key == "datacontenttype"}
    assert found == {"@event": event | told, **ticket}


def test_without_unwrap_an_event_stays_as_it_is():
    event = {"specversion": "1.0", "data": {"id": 1}}

    assert read(orjson.dumps(event)) == [event]


def test_gzip_is_unpacked_whether_it_is_declared_or_not():
    packed = gzip.compress(b'{"id": ') + gzip.compress(b"1}")

    assert read(packed) == read(packed, says={"content_encoding": "gzip"}) == [{"id": 1}]


def test_a_gzip_bomb_is_kept_packed_and_rejected():
    bomb = gzip.compress(b" " * 50_000_000)

    (found,) = read(bomb, limits={"max_body": "1MB"})

    assert found[BROKEN] == "the message cannot be read: it inflates to more than limits.max_body (1024 KB)"
    assert base64.b64decode(found["base64"]) == bomb


def test_gzip_of_countless_pieces_is_rejected_at_once():
    assert "more than 100 pieces of gzip" in reason(read(gzip.compress(b"") * 100_000))


def test_gzip_that_breaks_off_is_rejected():
    assert "breaks off in the middle" in reason(read(gzip.compress(b'{"id": 1}')[:-4]))


def test_what_is_packed_otherwise_is_rejected():
    assert "packed as 'br'; the hub knows gzip" in reason(read(b"\x0b\x02\x80", says={"content_encoding": "br"}))


def test_a_thousand_empty_messages_are_one_ticket():
    found = [read(b"", says={"id": str(number), "topic": "city"}) for number in range(1000)]

    assert {orjson.dumps(one) for one in found} == {b'[{"@broken":"the message is empty","@topic":"city"}]'}


@pytest.mark.parametrize(
    ("body", "options", "said"),
    [
        (b'{"id": ', {}, "the JSON breaks off"),
        (b"<gd>", {"format": "xml"}, "the XML breaks off"),
        (b"<html>502</html>", {}, "not JSON"),
        (b'{"rows": []}', {"records": "data"}, "holds no `data`"),
        (b'<!DOCTYPE gd [<!ENTITY a "b">]><gd>&a;</gd>', {"format": "xml"}, "document type declaration"),
        (b'{"a":' * 5000 + b"1" + b"}" * 5000, {}, "not JSON: depth limit exceeded"),
        (b'{"a":' * 500 + b"1" + b"}" * 500, {}, "it does not fit into JSON: Recursion limit reached"),
        (b"   ", {}, "nothing but blanks"),
        (b"\xff\xfe\xfd", {}, "not text in utf-"),
        (b'{"specversion": "1.0", "data_base64": "~"}', {"unwrap": "data"}, "Error"),
    ],
    ids=str,
)
def test_a_body_that_cannot_be_read_is_rejected_with_its_reason(body: bytes, options: dict[str, Any], said: str):
    assert said in reason(read(body, **options))


def test_a_body_that_cannot_be_read_is_kept_whole():
    text = '{"id": 1, "text": "' + "路" * 100_000

    (found,) = read(text.encode())

    assert found["text"] == text


def test_bytes_that_are_no_text_are_kept_in_base64():
    (found,) = read(b"\x00\xff\xfe")

    assert base64.b64decode(found["base64"]) == b"\x00\xff\xfe"


def test_one_broken_line_does_not_spoil_the_others():
    found = read(b'{"id": 1}\n{"id": \n{"id": 3}\n', format="jsonl")

    assert [one.get("id") for one in found] == [1, None, 3]
    assert found[1]["text"] == '{"id": '


def test_a_long_broken_line_is_kept_whole_as_well():
    line = b'{"id": 2, "text": "' + b"x" * 100_000
    body = b'{"id": 1}\n' + line

    found = read(body, format="jsonl")

    assert [one.get("id") for one in found] == [1, None]
    assert found[1]["text"] == body.decode()


def test_the_fields_of_an_entry_are_a_ticket():
    assert entry((b"id", b"1"), (b"tag", b"a"), (b"tag", b"b")) == [{"id": "1", "tag": ["a", "b"]}]


def test_the_fields_of_an_entry_may_be_in_gbk():
    assert entry(("标题".encode("gbk"), "路灯".encode("gbk")), encoding="gbk") == [{"标题": "路灯"}]


def test_fields_that_cannot_be_read_are_kept():
    (found,) = entry((b"id", b"1"), (b"photo", b"\xff\xd8"))

    assert "not text in utf-8" in found[BROKEN]
    assert found["fields"] == [["id", "1"], ["photo", {"base64": "/9g="}]]


@given(st.binary(max_size=300), st.sampled_from(["json", "jsonl", "xml", "csv", "text"]), st.booleans())
def test_whatever_bytes_come_they_become_tickets_that_can_be_landed(body: bytes, form: str, packed: bool):
    found = read(zlib.compress(body, wbits=31) if packed else body, format=form, unwrap="data")

    assert orjson.dumps(found, option=orjson.OPT_SORT_KEYS)
