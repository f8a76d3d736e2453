"""JSON as old systems write it: in a call, behind a guard, in a text, or not quite JSON."""

from pathlib import Path
from typing import Any

import orjson
import pytest
from pulling import rest, tickets
from upstream import in_turn, json, raw, serving

from hub.connectors.formats import parse_json
from hub.connectors.lenient import mended
from hub.errors import SourceError, SourceRefused

ONE = [{"id": 1}]


@pytest.mark.parametrize(
    "body",
    [
        'callback([{"id": 1}]);',
        '/**/ jQuery1830_1600000 ([{"id": 1}])\n',
        'window.cb([{"id": 1}])',
        '\ufeffcb([{"id": 1}]);;',
        ')]}\',\n[{"id": 1}]',
        'for(;;);[{"id": 1}]',
        'while(1);[{"id": 1}]',
        'throw 1;cb([{"id": 1}])',
    ],
)
async def test_a_call_or_a_guard_around_json_is_taken_off(body: str):
    async with serving(lambda _: raw(body, "application/javascript")) as upstream:
        assert await tickets(rest(upstream.url)) == ONE


@pytest.mark.parametrize("body", ["alert(1)", "cb([1)", "cb(", "f(g([1]))", "登录()", "cb([1]) cb([2])"])
async def test_a_call_around_what_is_no_json_is_refused(body: str):
    async with serving(lambda _: raw(body, "text/javascript")) as upstream:
        with pytest.raises(SourceError):
            await tickets(rest(upstream.url))


FAULTY = [
    ('[{"service_code":001, "id": 010, "n": 10, "z": 0, "f": 0.5}]',
     [{"service_code": "001", "id": "010", "n": 10, "z": 0, "f": 0.5}]),
    ('[{"id": 1,}, ]', ONE),
    ("[{id: 1, 'name': 'it\\'s \"x\"'}]", [{"id": 1, "name": "it's \"x\""}]),
    ('[{"t": "一\n二\t三\x00"}]', [{"t": "一\n二\t三\x00"}]),
    ('[{"n": NaN, "m": -Infinity, "u": undefined}]', [{"n": None, "m": None, "u": None}]),
    ('[{"p": "C:\\dir\\u12"}]', [{"p": "C:diru12"}]),
    ('/* export */ [{"id": 1 // the first\n}]', ONE),
    ('cb([{"id": 1,}])', ONE),
    ('[{"d": "\\ud83d", "x": 1,}]', [{"d": "\ufffd", "x": 1}]),
]  # fmt: skip


@pytest.mark.parametrize(("body", "read"), FAULTY)
async def test_the_usual_faults_are_mended_where_told_and_refused_elsewhere(body: str, read: Any):
    async with serving(lambda _: raw(body)) as upstream:
        assert await tickets(rest(upstream.url, lenient=True)) == read
        with pytest.raises(SourceRefused, match=r"not JSON|control"):
            await tickets(rest(upstream.url))


@pytest.mark.parametrize("body", ["[1", '[{"a": "b', "{a b}", "[[", "[1 2]", '{"a": }', "<x"])
async def test_what_cannot_be_mended_is_refused(body: str):
    with pytest.raises(SourceError):
        parse_json(body.encode(), lenient=True)


def test_what_is_sound_is_not_changed():
    sound = {"a": [0, -1, 1.5e10, "01", "NaN", "x: y", "\\", '"', "\n", "/*"], "b": {"c": None, "d": True}, "中": "文"}

    assert orjson.loads(mended(orjson.dumps(sound).decode())) == sound


@pytest.mark.parametrize(
    "hostile", [",/*", '"\\', "a", "'\\'", ", ", "a ", '"\\"', "00", "-", "NaN", "cb(", "//", "a:", "\\u", "((", ")]}'"]
)
def test_mending_a_hostile_text_comes_to_an_end(hostile: str):
    """A step for every pair of characters would take hours, and the test's time would be up."""
    text = hostile * 300_000

    assert len(mended(text)) <= 6 * len(text) + 2


async def test_json_in_a_text_is_opened():
    payload = {"code": 0, "data": orjson.dumps({"rows": ONE, "code": 1}).decode()}

    async with serving(lambda _: json(payload)) as upstream:
        found = await tickets(
            rest(upstream.url, inner=["data"], records="data.rows", error={"path": "code", "ok": [0]})
        )

    assert found == ONE


async def test_xml_in_a_text_is_opened_whatever_it_calls_its_encoding():
    inside = '<?xml version="1.0" encoding="GB2312"?><rows><row><id>1</id><t>诉求</t></row></rows>'

    async with serving(lambda _: json({"result": inside})) as upstream:
        found = await tickets(rest(upstream.url, inner=["result"], records="result.rows.row"))

    assert found == [{"id": "1", "t": "诉求"}]


async def test_an_envelope_inside_an_envelope_can_hold_the_error():
    async with serving(lambda _: json({"d": '{"ret": 9, "why": "无权限"}'})) as upstream:
        with pytest.raises(SourceRefused, match="无权限"):
            await tickets(rest(upstream.url, inner=["d"], error={"path": "d.ret", "ok": [0], "message": "d.why"}))


async def test_a_field_of_every_ticket_is_opened_and_one_that_is_broken_stays_text():
    rows = [{"ext": '{"楼栋": "3"}'}, {"ext": '{"楼栋": '}, {"ext": "无"}, {"ext": None}, {}, {"ext": {"楼栋": "4"}}]

    async with serving(lambda _: json({"rows": rows})) as upstream:
        found = await tickets(rest(upstream.url, records="rows", inner=["rows.ext"]))

    assert [row.get("ext") for row in found] == [{"楼栋": "3"}, '{"楼栋": ', "无", None, None, {"楼栋": "4"}]


@pytest.mark.parametrize(
    "inside", ["[" * 100_000, "<a>" * 5000, '<!DOCTYPE r [<!ENTITY e "x">]><r>&e;</r>', '{"a": NaN}', "\ud800{"]
)
async def test_a_hostile_text_inside_stays_a_text(inside: str):
    body = f'{{"rows": [{{"ext": {json_text(inside)}}}]}}'

    async with serving(lambda _: raw(body)) as upstream:
        (found,) = await tickets(rest(upstream.url, records="rows", inner=["rows.ext"]))

    assert found["ext"] == inside.replace("\ud800", "\ufffd")


def json_text(text: str) -> str:
    return '"' + text.replace('"', '\\"').replace("\ud800", "\\ud800") + '"'


async def test_the_invalid_samples_of_the_open311_standard_read_leniently(tmp_path: Path):
    """In the shape of the standard's own example, whose codes begin with zeros."""
    body = '[{"service_request_id":638344,"status":"closed","service_code":006,"address_id":545483,}]'

    async with serving(in_turn(lambda _: raw(body))) as upstream:
        (ticket,) = await tickets(rest(upstream.url, lenient=True))

    assert ticket["service_code"] == "006"
