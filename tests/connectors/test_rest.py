"""What the rest connector makes of answers: records, envelopes, details, XML, encodings, and nonsense."""

from typing import Any

import pytest
from aiohttp import web
from pulling import build, ids, pages, rest, tickets
from pydantic import ValidationError
from upstream import in_turn, json, raw, serving

from hub.errors import SourceRefused, SourceUnavailable

ONE = [{"id": 1}]


async def pulled(answer: Any, **options: Any) -> Any:
    async with serving(answer if callable(answer) else in_turn(answer)) as upstream:
        return await tickets(rest(upstream.url, **options))


@pytest.mark.parametrize(
    ("payload", "records", "found"),
    [
        ([{"id": 1}], "", [1]),
        ({"id": 1}, "", [1]),
        ({"data": {"items": [{"id": 1}, {"id": 2}]}}, "data.items", [1, 2]),
        ({"数据": {"列表": [{"id": 1}]}}, "数据.列表", [1]),
        ({"data": {"items": None}}, "data.items", []),
        ({"data": None}, "data.items", []),
        ({"data": {"items": {"id": 1}}}, "data.items", [1]),
        ({"rows": [{"r": {"id": 1}}, {"r": {"id": 2}}]}, "rows[].r", [1, 2]),
        ({"data": {"1": {"t": "a"}, "2": {"t": "b"}}}, "items(data)[*].{id: [0], row: [1]}", ["1", "2"]),
        ({"cols": ["id", "t"], "rows": [[1, "a"], [2, "b"]]}, "rows[*].{id: [0], t: [1]}", [1, 2]),
    ],
)
async def test_records_are_found_where_the_path_says(payload: Any, records: str, found: list[int]):
    assert ids(await pulled(payload, records=records)) == found


@pytest.mark.parametrize(
    ("payload", "records", "said"),
    [
        ({"result": []}, "data.items", "no `data` .* it holds result"),
        ({"data": {"list": []}}, "data.items", "no `items`"),
        ([{"id": 1}], "data", "no `data`"),
        ({"data": {"list": []}}, "data.items", "`data` holds list"),
        ({"rows": 1}, "x[?a].b", "holds nothing at .*: there is no `x`; it holds rows"),
        ({"data": {"r": 1}}, "unwind(data.rows, 'a')", "there is no `rows`; `data` holds r"),
        ({"data": {"rows": 1}}, "unwind(data.rows, 'a')", "holds nothing at `records: unwind.data.rows, 'a'.`;"),
    ],
)
async def test_a_path_that_leads_nowhere_is_an_error_and_not_an_empty_list(payload: Any, records: str, said: str):
    with pytest.raises(SourceRefused, match=said):
        await pulled(payload, records=records)


async def test_rows_that_are_no_objects_are_kept_to_be_rejected():
    assert await pulled([1, "二", None, {"id": 4}]) == [{"value": 1}, {"value": "二"}, {"value": None}, {"id": 4}]


@pytest.mark.parametrize("status", [204, 304])
async def test_an_answer_that_says_that_there_is_nothing_has_no_envelope(status: int):
    assert await pulled(lambda _: web.Response(status=status), records="data", error=ENVELOPE) == []


async def test_an_empty_body_is_an_empty_list_only_where_told():
    assert await pulled(lambda _: raw("", "text/plain"), records="data", blank="empty") == []
    with pytest.raises(SourceRefused, match="empty body"):
        await pulled(lambda _: raw("", "text/plain"), records="data")


@pytest.mark.parametrize("page", [{"by": "none"}, {"by": "page"}, {"by": "cursor", "next": "next"}])
async def test_a_code_can_mean_that_there_is_nothing(page: dict[str, str]):
    error = {"path": "code", "ok": [0], "absent": [1001]}

    assert await pulled({"code": 1001, "msg": "无数据"}, records="data.rows", error=error, page=page) == []


async def test_a_path_that_may_lead_nowhere_is_written_with_an_alternative():
    assert await pulled({"total": 0}, records="rows || `[]`") == []


@pytest.mark.parametrize(
    ("body", "said"), [(b"PK\x03\x04\xff\xfe", "holds a zip archive"), (b"\x1f\x8b\x08\xff", "is not a gzip file")]
)
async def test_what_is_packed_is_told_as_such_and_not_as_an_encoding(body: bytes, said: str):
    with pytest.raises(SourceRefused, match=said):
        await pulled(lambda _: raw(body))


async def test_204_is_an_empty_list():
    assert await pulled(lambda _: web.Response(status=204), records="data") == []


async def test_a_post_carries_its_parameters_in_the_body():
    async with serving(in_turn({"rows": ONE}, {"rows": []})) as upstream:
        source = rest(
            upstream.url, method="POST", body={"appCode": "x"}, query={"v": 1}, records="rows", page={"by": "page"}
        )
        await tickets(source)

    assert upstream.bodies == [b'{"appCode":"x","page":"1"}', b'{"appCode":"x","page":"2"}']
    assert upstream.queries() == [{"v": "1"}, {"v": "1"}]


async def test_a_post_may_be_a_form_and_keep_its_parameters_in_the_query():
    async with serving(in_turn(ONE, [])) as upstream:
        options: dict[str, Any] = {"body": {"user": "张三"}, "body_type": "form", "send_in": "query"}
        await tickets(rest(upstream.url, method="POST", page={"by": "page"}, **options))

    assert upstream.bodies[0] == b"user=%E5%BC%A0%E4%B8%89"
    assert [query["page"] for query in upstream.queries()] == ["1", "2"]


ENVELOPE = {"path": "code", "ok": [0, 200], "message": "msg", "retry": ["busy", 9]}


@pytest.mark.parametrize("code", [0, "0", 200, "200"])
async def test_an_envelope_that_says_success_lets_the_tickets_through(code: Any):
    assert await pulled({"code": code, "data": ONE}, records="data", error=ENVELOPE) == ONE


@pytest.mark.parametrize("code", [1, "500", None, False, [], "E13812345678"])
async def test_an_envelope_that_says_anything_else_is_refused_with_its_message(code: Any):
    with pytest.raises(SourceRefused, match="签名错误") as caught:
        await pulled({"code": code, "msg": "签名错误 13812345678", "data": []}, records="data", error=ENVELOPE)

    assert "13812345678" not in str(caught.value)


async def test_a_missing_code_can_mean_success():
    assert await pulled({"data": ONE}, records="data", error={"path": "error.code", "ok": [None]}) == ONE


async def test_a_code_worth_another_try_is_asked_again():
    busy = {"code": "busy", "msg": "系统繁忙"}

    assert await pulled(in_turn(busy, {"code": 0, "data": ONE}), records="data", error=ENVELOPE) == ONE
    with pytest.raises(SourceUnavailable, match="系统繁忙"):
        await pulled(busy, records="data", error=ENVELOPE)


@pytest.mark.parametrize(
    ("body", "kind", "said"),
    [
        ("<html><title>502</title> Bad Gateway</html>", "text/html", "not JSON but text/html: '502 Bad Gateway'"),
        ("<!DOCTYPE html>\n<p>登录", "application/json", "not JSON but application/json"),
        ('{"service_code":006}', "application/json", r"leading zero .* line 1 column 17 \(character 16\)"),
        ('[{"a": NaN}]', "application/json", "not JSON"),
        ('[{"a": -Infinity}]', "application/json", "not JSON"),
        ("[" * 100_000, "application/json", "depth"),
        ('{"a":' * 100_000, "application/json", "depth"),
        ("[1e400]", "application/json", "not JSON"),
        ("{'a': 1}", "application/json", "not JSON"),
        ("[1] trailing", "application/json", "not JSON"),
        ("", "application/json", "empty body"),
        (" \n", "application/json", "empty body"),
        ("登录超时", "text/plain", "not JSON"),
        ("诉求".encode("gbk"), "application/json; charset=utf-8", "set `encoding`"),
        ("诉求".encode("gbk"), "application/json", "set `encoding`"),
    ],
)
async def test_an_answer_that_is_not_what_it_should_be_is_refused_in_plain_words(body: Any, kind: str, said: str):
    with pytest.raises(SourceRefused, match=said):
        await pulled(lambda _: raw(body, kind))


async def test_the_same_name_twice_in_an_object_reads_as_the_later():
    assert await pulled(lambda _: raw('[{"id": 1, "id": 2}]')) == [{"id": 2}]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("18446744073709551616", "18446744073709551616"),
        ("420800202611230000123", "420800202611230000123"),
        ("9007199254740993", 9007199254740993),
    ],
)
async def test_no_digit_of_a_long_number_is_lost(text: str, value: Any):
    assert await pulled(lambda _: raw(f'{{"rows": [{{"id": {text}}}]}}'), records="rows") == [{"id": value}]


@pytest.mark.parametrize(
    ("text", "read"),
    [(r"\ud83d", "\ufffd"), (r"\udc00x", "\ufffdx"), (r"\ud83d\ude00", "😀"), (r"\\ud800 \ud83d", "\\ud800 \ufffd")],
)
async def test_half_an_emoji_does_not_stop_a_source(text: str, read: str):
    assert await pulled(lambda _: raw(f'[{{"t": "{text}"}}, {{"u": "\\ud800"}}]')) == [{"t": read}, {"u": "\ufffd"}]


@pytest.mark.parametrize(
    ("encoded", "charset", "options"),
    [
        ("gbk", "gb2312", {}),
        ("gb18030", "GBK", {}),
        ("gb18030", "utf-8", {"encoding": "gb2312"}),
        ("utf-8", "iso-8859-1", {}),
        ("utf-8-sig", "utf-8", {}),
        ("utf-16", "utf-8", {}),
        ("big5", "big5", {}),
    ],
)
async def test_text_is_decoded_by_what_is_said_and_by_its_mark(encoded: str, charset: str, options: dict[str, str]):
    body = '[{"t": "訴求"}]'.encode(encoded)

    assert await pulled(lambda _: raw(body, f"application/json; charset={charset}"), **options) == [{"t": "訴求"}]


async def test_the_euro_sign_of_code_page_936_reads():
    body = '[{"t": "价€"}]'.encode().replace("价€".encode(), "价".encode("gbk") + b"\x80")

    assert await pulled(lambda _: raw(body, "application/json; charset=gbk")) == [{"t": "价€"}]


XML = """<?xml version="1.0" encoding="{0}"?>
<!-- made up --><s:Body xmlns:s="urn:a" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
<b:Case xmlns:b="urn:b" n="1"><id>1</id><名称>诉求</名称><empty/><nil xsi:nil="true"/><tag>a</tag>
<tag>b</tag></b:Case></s:Body>"""


@pytest.mark.parametrize(
    ("encoded", "kind"),
    [
        ("utf-8", "text/xml"),
        ("gb2312", "text/xml"),
        ("gb2312", "text/xml; charset=utf-8"),
        ("gbk", "application/xml; charset=gb2312"),
        ("utf-16", "text/xml"),
    ],
)
async def test_xml_reads_in_every_encoding_with_one_ticket_as_a_list(encoded: str, kind: str):
    body = XML.format(encoded).encode(encoded)

    found = await pulled(lambda _: raw(body, kind), records="Body.Case")

    assert found == [{"@n": "1", "id": "1", "名称": "诉求", "empty": None, "nil": None, "tag": ["a", "b"]}]


async def test_an_xml_list_that_is_empty_is_no_ticket_but_another_root_is_an_error():
    assert await pulled(lambda _: raw("<rows/>", "text/xml"), records="rows.row") == []
    with pytest.raises(SourceRefused, match="no `rows`"):
        await pulled(lambda _: raw("<errors><error>x</error></errors>", "text/xml"), records="rows.row")


BILLION = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))


@pytest.mark.parametrize(
    "document",
    [
        f'<?xml version="1.0"?><!DOCTYPE r [<!ENTITY a0 "ha">{BILLION}]><r><id>&a9;</id></r>',
        '<!DOCTYPE r [<!ENTITY e SYSTEM "file:///etc/passwd">]><r><id>&e;</id></r>',
        '<!-- a --><?pi?><!DOCTYPE r SYSTEM "http://127.0.0.1:9/x.dtd"><r/>',
        '<!DOCTYPE r [<!ENTITY % p SYSTEM "http://127.0.0.1:9/p"> %p;]><r/>',
        "<!--" + "--><!--" * 20_000 + "--><!DOCTYPE r><r/>",
    ],
)
async def test_a_document_type_declaration_is_refused_unread(document: str):
    for encoding in ("utf-8", "utf-16"):
        with pytest.raises(SourceRefused, match="document type"):
            await pulled(lambda _, encoding=encoding: raw(document.encode(encoding), "text/xml"))


@pytest.mark.parametrize(
    "document", ["<r>&e;</r>", "<r><a></r>", "<a>" * 5000 + "</a>" * 5000, "<r>\x01</r>", "<r/><r/>"]
)
async def test_xml_that_is_broken_is_refused(document: str):
    with pytest.raises(SourceRefused, match="XML"):
        await pulled(lambda _: raw(document, "text/xml"))


async def test_html_inside_a_ticket_is_text():
    document = "<r><row><id>1</id><t><![CDATA[<!DOCTYPE html><b>急</b>]]></t></row></r>"

    assert await pulled(lambda _: raw(document, "text/xml"), records="r.row") == [
        {"id": "1", "t": "<!DOCTYPE html><b>急</b>"}
    ]


def with_details(request: web.Request) -> web.Response:
    if request.path == "/list":
        return json(
            [{"id": "a/b", "h": 1}, {"id": "../x", "h": True}, {"id": 3, "h": 0}, {"h": 1}, {"id": "..", "h": 1}]
        )
    return json({"data": {"path": request.raw_path}})


async def test_details_are_joined_under_a_name_and_ids_stay_in_their_place():
    async with serving(with_details) as upstream:
        detail = {"url": "/t/{id}", "into": "more", "only_if": "h", "records": "data", "query": {"full": True}}
        found = await tickets(rest(f"{upstream.url}/list", detail=detail))

    assert [ticket.get("more") for ticket in found] == [
        {"path": "/t/a%2Fb?full=true"},
        {"path": "/t/..%2Fx?full=true"},
        None,
        None,
        None,
    ]


async def test_a_detail_that_is_gone_does_not_stop_the_run():
    answer = lambda r: json([{"id": 1}, {"id": 2}]) if r.path == "/" else json({}, 404 if r.path == "/1" else 200)  # noqa: E731  two lines would hide it

    async with serving(answer) as upstream:
        found = await tickets(rest(f"{upstream.url}/", detail={"url": "/{id}"}))

    assert found == [{"id": 1, "detail": None}, {"id": 2, "detail": {}}]


async def test_a_detail_that_is_forbidden_stops_the_run_with_one_plain_error():
    async with serving(lambda r: json([{"id": 1}, {"id": 2}]) if r.path == "/" else json({}, 403)) as upstream:
        with pytest.raises(SourceRefused, match="answered 403"):
            await tickets(rest(f"{upstream.url}/", detail={"url": "/{id}"}))


async def test_the_total_is_told_for_progress():
    async with serving(in_turn({"rows": ONE, "total": "7"}, {"rows": [], "total": 7})) as upstream:
        found = await pages(rest(upstream.url, records="rows", page={"by": "page", "total": "total"}))

    assert found[0].total == 7


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"url": "host.example/x"}, "not a URL"),
        ({"url": "https://"}, "not a URL"),
        ({"url": "https://h:99999/"}, "not a URL"),
        ({"body": {}}, "POST"),
        ({"send_in": "body"}, "POST"),
        ({"records": "a[?"}, "path"),
        ({"page": {"by": "pages"}}, "page"),
        ({"page": {"by": "page", "until": "short"}}, "needs `size`"),
        ({"page": {"by": "cursor"}}, "next"),
        ({"pagge": 1}, "pagge"),
        ({"error": {"path": "code", "ok": []}}, "ok"),
    ],
)
def test_options_that_cannot_work_are_named(wrong: dict[str, Any], said: str):
    with pytest.raises(ValidationError, match=said):
        build("rest", {"url": "https://host.example/", **wrong})
