"""What the soap connector asks and makes of answers: against a service that takes only what its WSDL allows."""

import base64
import hashlib
import shutil
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from subprocess import run
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st
from pulling import QUICK, build, ids, pages, stored, tickets
from soap_service import BARTEC, CASES, WSDLS, Asked, Fault, Service, escaped, fault, raw
from upstream import Upstream, json, serving

from hub.config import load
from hub.connectors.envelopes import body_of, content_in, fault_in, opened
from hub.connectors.http import Answer
from hub.errors import HubError, SourceError, SourceRefused, SourceUnavailable
from hub.normalize import normalize

ONE = "<DataSet><Case><AJBH>1</AJBH></Case></DataSet>"
LISTING = {
    "wsdl": "wsdl/cases.wsdl",
    "operation": "QueryCaseList",
    "arguments": {"areaCode": "420800", "pageIndex": 1, "pageSize": 100},
    "inner_xml": "QueryCaseListResult",
    "records": "DataSet.Case",
}
EXECUTE = {"wsdl": "wsdl/cases.wsdl", "operation": "Execute", "records": "DataSet.Case", "inner_xml": "ExecuteResult"}
LOGIN = {
    "operation": "Login",
    "send": {"userName": "hub", "passWord": "s3cr3t-word"},
    "token": "LoginResult",
    "as": {"argument": "ticket"},
}


def inner(document: str, name: str = "QueryCaseListResult") -> str:
    return f"<{name}>{escaped(document)}</{name}>"


def listing(upstream: Upstream, **options: Any) -> Any:
    return build("soap", {**QUICK, **LISTING, "url": upstream.url, **options}, WSDLS)


async def pulled(answer: Any, **options: Any) -> list[Any]:
    """Pull from a service that lists with one answer, or from one that is given."""
    service = answer if callable(answer) else Service(CASES, {"QueryCaseList": lambda _: answer})
    async with serving(service) as upstream:
        return await tickets(listing(upstream, **options))


async def refused(answer: Any, **options: Any) -> str:
    with pytest.raises(SourceRefused) as caught:
        await pulled(answer, **options)
    return str(caught.value)


def answering(
    body: bytes | str, kind: str = "text/xml; charset=utf-8", status: int = 200
) -> Callable[..., web.Response]:
    return lambda _: raw(body, kind, status)


def enveloped(content: str, *beside: str) -> str:
    return (
        '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>'
        f'<QueryCaseListResponse xmlns="urn:other">{content}</QueryCaseListResponse>'
        f"{''.join(beside)}</s:Body></s:Envelope>"
    )


# ── what is asked ──


async def test_the_question_is_what_the_wsdl_allows_and_carries_what_the_configuration_says():
    service = Service(CASES, {"QueryCaseList": lambda _: inner(ONE)})

    async with serving(service) as upstream:
        found = await tickets(
            listing(upstream, headers={"X-Gate": "open"}, auth={"basic": {"username": "hub", "password": "pwd"}})
        )

    assert found == [{"AJBH": "1"}]
    asked = {"areaCode": "420800", "pageIndex": "1", "pageSize": "100"}
    assert service.asked == [("QueryCaseList", asked)]
    assert service.requests[0].headers["X-Gate"] == "open"
    assert service.requests[0].headers["Authorization"] == f"Basic {base64.b64encode(b'hub:pwd').decode()}"


@pytest.mark.parametrize(("version", "kind"), [("1.1", "text/xml"), (1.2, "application/soap+xml")])
async def test_either_version_of_soap_is_spoken(version: Any, kind: str):
    service = Service(CASES, {"QueryCaseList": lambda _: inner(ONE)})

    assert ids(await pulled(service, soap_version=version), "AJBH") == ["1"]
    assert service.requests[0].content_type == kind


async def test_the_port_decides_the_version_too():
    service = Service(CASES, {"QueryCaseList": lambda _: inner(ONE)})

    await pulled(service, port="CaseSoap12")

    assert service.requests[0].content_type == "application/soap+xml"


async def test_another_action_is_sent_where_the_configuration_names_one():
    service = Service(CASES, {})

    told = await refused(service, soap_action="urn:query")

    assert "fault Client" in told
    assert "unknown action" in told
    assert service.requests[0].headers["SOAPAction"] == '"urn:query"'


async def test_a_question_in_gbk_says_so_and_writes_what_gbk_lacks_as_references():
    bodies: list[bytes] = []

    async def answer(request: web.Request) -> web.Response:
        bodies.append(await request.read())
        return raw(enveloped(inner(ONE)))

    options = {"request_encoding": "GBK", "arguments": {**LISTING["arguments"], "areaCode": "东宝😀"}}
    await pulled(answer, **options)

    assert bodies[0].startswith(b'<?xml version="1.0" encoding="GBK"?>')
    assert "东宝&#128512;".encode("gbk") in bodies[0]


async def test_arguments_in_arguments_lists_attributes_and_null_are_written_in_the_order_of_the_wsdl():
    service = Service(CASES, {"Search": lambda _: "<SearchResult><Case><id>1</id></Case></SearchResult>"})
    request = {"pageSize": None, "query": {"status": "open", "areaCode": ["420802", "420804"]}, "@lang": "zh"}
    options = {
        "operation": "Search",
        "arguments": {"request": request},
        "page": {"by": "offset", "send": "request.pageIndex", "until": "empty"},
        "since": {"field": "at", "send": "request.query.since", "start": "2024-01-01"},
        "inner_xml": None,
        "records": "SearchResult.Case",
    }

    async with serving(service) as upstream:
        first = await anext(listing(upstream, **options).pull(None))

    assert first.tickets == [{"id": "1"}]
    asked = {"query": {"areaCode": ["420802", "420804"], "since": "2023-12-31T16:00:00Z", "status": "open"}}
    assert service.questions("Search") == [{"request": {**asked, "pageIndex": "0", "pageSize": ""}}]


SOAP_HEADERS = {"AuthHeader.User": "hub", "{urn:gate}Key.Value": "k"}
SEARCH = {
    "operation": "Search",
    "arguments": {"request": {"pageIndex": 1, "pageSize": 10}},
    "inner_xml": None,
    "records": "SearchResult.Case",
}


async def test_soap_headers_are_written_declared_or_with_their_namespace():
    service = Service(CASES, {"Search": lambda _: "<SearchResult/>"})

    await pulled(service, **SEARCH, soap_headers=SOAP_HEADERS)

    header = service.headers[0]
    assert header.findtext("{http://12319.example.gov.cn/}AuthHeader/{http://12319.example.gov.cn/}User") == "hub"
    assert header.findtext("{urn:gate}Key/{urn:gate}Value") == "k"


# ── documents in strings, on the way there ──


async def test_one_argument_can_be_an_xml_document_that_paging_time_and_token_are_written_into():
    service = Service(
        CASES,
        {"Execute": lambda _: inner(ONE, "ExecuteResult"), "Login": lambda _: "<LoginResult>t&amp;1</LoginResult>"},
    )
    options = {
        **EXECUTE,
        "arguments": {
            "xmlParam": {"head": {"@version": "1.0", "code": "A<01"}, "body": {"areas": {"area": ["东宝", "掇刀"]}}}
        },
        "inner_request": {"argument": "xmlParam", "root": "request", "as": "xml", "declaration": "GBK"},
        "page": {
            "by": "page",
            "send": "xmlParam.body.page",
            "size": {"send": "xmlParam.body.size", "value": 2},
            "until": "short",
        },
        "since": {"field": "at", "send": "xmlParam.body.from", "format": "%Y%m%d", "start": "2024-01-01"},
        "auth": {"login": {**LOGIN, "as": {"argument": "xmlParam.head.token"}}},
    }

    assert await pulled(service, **options) == [{"AJBH": "1"}]

    assert service.questions("Execute")[0]["xmlParam"] == (
        '<?xml version="1.0" encoding="GBK"?><request>'
        '<head version="1.0"><code>A&lt;01</code><token>t&amp;1</token></head>'
        "<body><areas><area>东宝</area><area>掇刀</area></areas><page>1</page><size>2</size><from>20240101</from></body></request>"
    )


async def test_one_argument_can_be_a_json_document_with_numbers_as_numbers():
    answer = '<ExecuteResult>{"rows": [{"id": 1}, {"id": 2}], "total": 2}</ExecuteResult>'
    service = Service(CASES, {"Execute": lambda _: answer})
    options = {
        **EXECUTE,
        "inner_xml": None,
        "inner_json": "ExecuteResult",
        "records": "rows",
        "arguments": {"xmlParam": {"code": "007"}},
        "inner_request": {"argument": "xmlParam", "as": "json", "root": "params"},
        "page": {
            "by": "page",
            "send": "xmlParam.page",
            "size": {"send": "xmlParam.size", "value": 2},
            "total": "total",
        },
        "since": {"field": "at", "send": "xmlParam.from", "format": "epoch_s", "start": "1970-01-02T00:00:00+00:00"},
    }

    assert ids(await pulled(service, **options)) == [1, 2]
    assert service.questions("Execute") == [{"xmlParam": '{"params":{"code":"007","page":1,"size":2,"from":86400}}'}]


async def test_an_argument_that_takes_xml_is_given_the_document_itself():
    service = Service(CASES, {"Submit": lambda _: inner(ONE, "SubmitResult")})
    options = {
        "operation": "Submit",
        "arguments": {"document": {"code": "A01"}},
        "inner_request": {"argument": "document", "as": "xml", "root": "query"},
        "inner_xml": "SubmitResult",
    }

    assert await pulled(service, **options) == [{"AJBH": "1"}]
    assert service.questions("Submit") == [{"document": {"query": {"code": "A01"}}}]


# ── what is made of answers ──


@pytest.mark.parametrize(
    ("document", "found"),
    [
        ("<DataSet><Case><AJBH>1</AJBH></Case><Case><AJBH>2</AJBH></Case></DataSet>", ["1", "2"]),
        (ONE, ["1"]),
        ("<DataSet/>", []),
        ("<DataSet><Total>0</Total></DataSet>", []),
        ('<?xml version="1.0" encoding="gb2312"?><DataSet><Case><AJBH>一</AJBH></Case></DataSet>', ["一"]),
    ],
)
async def test_the_document_in_the_string_holds_one_ticket_or_many_or_none(document: str, found: list[str]):
    assert ids(await pulled(inner(document)), "AJBH") == found


@pytest.mark.parametrize(
    "content",
    [
        f"<QueryCaseListResult><![CDATA[{ONE}]]></QueryCaseListResult>",
        f"<QueryCaseListResult>{escaped(escaped(ONE))}</QueryCaseListResult>",
        f"<QueryCaseListResult>{ONE}</QueryCaseListResult>",
        f"<unheard/><QueryCaseListResult>{escaped(ONE)}</QueryCaseListResult><of>1</of>",
        f'<q:QueryCaseListResult xmlns:q="urn:wrong">{escaped(ONE)}</q:QueryCaseListResult>',
    ],
    ids=["cdata", "escaped twice", "not escaped at all", "unknown elements", "wrong namespace"],
)
async def test_real_systems_write_the_document_in_ways_of_their_own(content: str):
    assert ids(await pulled(content), "AJBH") == ["1"]


@pytest.mark.parametrize("content", ["", "<QueryCaseListResult/>", "<QueryCaseListResult>  </QueryCaseListResult>"])
async def test_a_result_that_was_sent_empty_or_left_out_whole_is_an_empty_list(content: str):
    assert await pulled(content) == []


async def test_what_stands_beside_the_string_can_be_read_too():
    beside = f"<code>0</code><total>1</total>{inner(ONE)}"
    options = {"error": {"path": "code", "ok": [0]}, "page": {"by": "page", "send": "pageIndex", "total": "total"}}
    service = Service(CASES, {"QueryCaseList": lambda _: beside})

    assert ids(await pulled(service, **options), "AJBH") == ["1"]
    assert len(service.asked) == 1


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("<other>1</other>", "holds no `QueryCaseListResult`; it holds other"),
        (inner("<Data/>"), "holds no `DataSet` of `records: DataSet.Case`; it holds QueryCaseListResult, Data"),
        (inner("<DataSet><Case>"), "holds no readable document at `QueryCaseListResult`: the XML breaks off"),
        (inner("系统繁忙"), "holds no readable document at `QueryCaseListResult`: not XML"),
        (inner("<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"), "document type declaration"),
    ],
)
async def test_a_string_without_its_document_is_an_error_and_not_an_empty_list(content: str, said: str):
    service = Service(CASES, {"QueryCaseList": lambda _: content})

    told = await refused(service)

    assert said in told
    assert "(QueryCaseList)" in told
    assert len(service.asked) == 1


async def test_a_document_beyond_ten_megabytes_is_read_within_the_limit():
    cases = f"<Case><NR>{'长' * 1000}</NR></Case>" * 4000

    assert len(await pulled(answering(enveloped(inner(f"<DataSet>{cases}</DataSet>"))))) == 4000


async def test_a_list_in_json_is_read_by_the_name_of_its_string():
    answer = '<QueryCaseListResult>[{"id": 1}, {"id": 2}]</QueryCaseListResult>'
    options = {"inner_xml": None, "inner_json": "QueryCaseListResult", "records": "QueryCaseListResult"}

    assert ids(await pulled(answer, **options)) == [1, 2]


async def test_answers_in_gbk_that_call_themselves_gb2312_are_read_with_the_euro_sign():
    answer = enveloped(inner("<DataSet><Case><BT>龢平路收費@</BT></Case></DataSet>"))
    body = b'<?xml version="1.0" encoding="gb2312"?>' + answer.encode("gbk").replace(b"@", b"\x80")

    assert await pulled(answering(body, "text/xml")) == [{"BT": "龢平路收費€"}]


async def test_answers_in_gbk_that_call_themselves_utf_8_are_read_by_the_configured_encoding():
    body = b'<?xml version="1.0" encoding="utf-8"?>' + enveloped(inner(ONE.replace("1", "东宝区"))).encode("gbk")

    assert ids(await pulled(answering(body), encoding="gb18030"), "AJBH") == ["东宝区"]
    assert "not text in utf-8" in await refused(answering(body))


async def test_rpc_encoded_answers_are_read_without_their_markup_and_with_what_they_refer_to():
    xsi = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:e="http://schemas.xmlsoap.org/soap/encoding/"'
    answer = enveloped(
        f'<return {xsi} xsi:type="e:Array" e:arrayType="ns1:Case[2]"><item href="#id0"/><item href="#id1"/></return>',
        f'<m id="id0" {xsi} e:root="0" xsi:type="ns7:Case"><id xsi:type="xsd:int">1</id><org href="#id2"/></m>',
        f'<m id="id1" {xsi} xsi:type="ns8:Case"><id xsi:type="xsd:int">2</id><org href="#id2"/></m>',
        f'<m id="id2" {xsi} xsi:type="ns9:Org"><name xsi:type="xsd:string">住建局</name></m>',
    )

    found = await pulled(answering(answer), inner_xml=None, records="return.item")

    org = {"@type": "Org", "name": "住建局"}
    assert found == [{"@type": "Case", "id": "1", "org": org}, {"@type": "Case", "id": "2", "org": org}]


async def test_the_rows_of_a_dotnet_dataset_are_read_without_their_row_numbers():
    answer = enveloped(
        '<r><xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"/>'
        '<d:diffgram xmlns:d="urn:schemas-microsoft-com:xml-diffgram-v1" '
        'xmlns:m="urn:schemas-microsoft-com:xml-msdata">'
        '<NewDataSet xmlns=""><Table d:id="Table1" m:rowOrder="0"><BH>1</BH></Table></NewDataSet>'
        "</d:diffgram></r>"
    )

    assert await pulled(answering(answer), inner_xml=None, records="r.diffgram.NewDataSet.Table") == [{"BH": "1"}]


MULTIPART = 'multipart/related; type="application/xop+xml"; boundary="b1"; start="<root>"'


def in_parts(*parts: tuple[str, str | bytes]) -> bytes:
    pieces = [
        b"--b1\r\n" + head.encode() + b"\r\n\r\n" + (body.encode() if isinstance(body, str) else body)
        for head, body in parts
    ]
    return b"\r\n" + b"\r\n".join([*pieces, b"--b1--\r\n"])


async def test_an_answer_in_parts_is_read_and_its_attachments_stand_where_they_belong():
    include = '<x:Include xmlns:x="http://www.w3.org/2004/08/xop/include" href="cid:photo%401"/>'
    envelope = enveloped(f"<Case><id>1</id><photo>{include}</photo></Case>")
    body = in_parts(
        (
            "Content-Type: application/xop+xml; charset=UTF-8\r\nContent-Transfer-Encoding: 8bit\r\nContent-ID: <root>",
            envelope,
        ),
        ("Content-Type: image/jpeg\r\nContent-ID: <photo@1>", b"\xff\xd8\r\n\r\n--\x00"),
    )

    found = await pulled(answering(body, MULTIPART), inner_xml=None, records="Case")

    assert found == [{"id": "1", "photo": base64.b64encode(b"\xff\xd8\r\n\r\n--\x00").decode()}]


async def test_a_part_can_be_written_as_base64_and_in_gbk():
    envelope = base64.encodebytes(enveloped("<Case><id>东宝</id></Case>").encode("gbk"))
    body = in_parts(("Content-Type: text/xml; charset=gb2312\r\nContent-Transfer-Encoding: base64", envelope))

    assert await pulled(answering(body, MULTIPART), inner_xml=None, records="Case") == [{"id": "东宝"}]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"no parts at all", "in parts that cannot be told apart"),
        (b"--b1" + b"\r\n\r\nx\r\n--b1" * 1200, "in parts that cannot be told apart, or in too many"),
        (in_parts(("Content-Type: text/plain", "hello")), "answered not SOAP"),
        (in_parts(("Content-Transfer-Encoding: base64", "a")), "a part that is not base64"),
        (
            in_parts(
                ("A: b", enveloped('<x:Include xmlns:x="http://www.w3.org/2004/08/xop/include" href="cid:none"/>'))
            ),
            "refers to an attachment that it did not send",
        ),
    ],
)
async def test_an_answer_in_broken_parts_is_refused(body: bytes, said: str):
    assert said in await refused(answering(body, MULTIPART), inner_xml=None, records="Case")


# ── faults ──


@pytest.mark.parametrize("version", ["1.1", "1.2"])
@pytest.mark.parametrize("status", [500, 200, 400])
@pytest.mark.parametrize(
    ("codes", "kind"),
    [
        (("Server", "Receiver"), SourceUnavailable),
        (("Server.Database", "Receiver.Database"), SourceUnavailable),
        (("Client", "Sender"), SourceRefused),
        (("VersionMismatch", "MustUnderstand"), SourceRefused),
        (("E1001", "E1001"), SourceRefused),
    ],
)
async def test_a_fault_says_whether_to_ask_again(
    version: str, status: int, codes: tuple[str, str], kind: type[HubError]
):
    code = codes[version == "1.2"]
    asked = 0

    def answer(_: web.Request) -> web.Response:
        nonlocal asked
        asked += 1
        return fault(code, "系统异常，联系 13912345678", version=version, status=status)

    with pytest.raises(kind) as caught:
        await pulled(answer, soap_version=version)

    assert f"answered the fault {code}: '系统异常，联系 139****'" in str(caught.value)
    assert asked == (3 if kind is SourceUnavailable else 1)


@pytest.mark.parametrize(
    ("rules", "code", "text", "detail", "kind"),
    [
        ({"retry": ["busy"]}, "Client", "The system is BUSY", "", SourceUnavailable),
        ({"retry": ["E503"]}, "Client", "no", "<code>E503</code>", SourceUnavailable),
        ({"retry": ["E503"]}, "Client.E503", "no", "", SourceUnavailable),
        ({"refused": ["参数"]}, "Server", "参数错误", "", SourceRefused),
        ({"retry": ["Server"], "refused": ["参数"]}, "Client", "参数错误", "", SourceRefused),
    ],
)
async def test_rules_tell_what_a_code_tells_wrongly(
    rules: Any, code: str, text: str, detail: str, kind: type[HubError]
):
    with pytest.raises(kind):
        await pulled(lambda _: fault(code, text, detail=detail), fault=rules)


async def test_a_fault_without_a_reason_is_told_by_its_detail():
    told = await refused(lambda _: fault("Client", "", detail="<e>缺少 areaCode</e>"))

    assert told.endswith("answered the fault Client: '缺少 areaCode'")


async def test_a_status_with_its_own_meaning_is_not_overruled_by_a_fault():
    with pytest.raises(SourceUnavailable, match="answered 503"):
        await pulled(lambda _: fault("Client", "maintenance", status=503))


async def test_an_error_envelope_inside_the_document_is_judged():
    options = {"error": {"path": "DataSet.Code", "ok": ["0"], "message": "DataSet.Message"}}

    told = await refused(inner("<DataSet><Code>7</Code><Message>无权限</Message></DataSet>"), **options)

    assert told.endswith("(QueryCaseList) answered DataSet.Code=7: '无权限'")


# ── who asks ──


class Gate:
    """A service that gives out tickets, takes each until it is told to forget them, and counts logins."""

    def __init__(self) -> None:
        self.logins = 0
        self.good = ""
        self.error = Fault("Client.NotLoggedIn", "ticket 已过期")
        self.service = Service(CASES, {"Login": self.login, "QueryCaseList": self.listed})

    def login(self, asked: Asked) -> str:
        self.logins += 1
        if asked["passWord"] != "s3cr3t-word":
            raise Fault("Server", f"password {asked['passWord']} is wrong")
        self.good = f"t0ken-{self.logins}"
        return f"<LoginResult>{self.good}</LoginResult>"

    def listed(self, asked: Asked) -> str:
        if asked.get("ticket") != self.good:
            raise self.error
        return inner(ONE)


EXPIRED = {"expired": ["NotLoggedIn"]}


async def test_a_token_serves_several_runs_until_it_expires_and_is_then_renewed():
    gate = Gate()
    async with serving(gate.service) as upstream:
        connector = listing(upstream, auth={"login": LOGIN}, fault=EXPIRED)
        before = [await tickets(connector), await tickets(connector), gate.logins]
        gate.good = "forgotten"

        after = await tickets(connector)

    assert before == [[{"AJBH": "1"}], [{"AJBH": "1"}], 1]
    assert (after, gate.logins) == ([{"AJBH": "1"}], 2)


async def test_a_token_is_fetched_anew_when_its_time_is_over():
    gate = Gate()
    async with serving(gate.service) as upstream:
        connector = listing(upstream, auth={"login": {**LOGIN, "ttl": "0s"}})

        await tickets(connector)
        await tickets(connector)

    assert gate.logins == 2


async def test_a_token_that_is_never_good_is_renewed_once_a_run():
    gate = Gate()
    gate.service.operations["QueryCaseList"] = lambda _: (_ for _ in ()).throw(gate.error)

    told = await refused(gate.service, auth={"login": LOGIN}, fault=EXPIRED)

    assert gate.logins == 2
    assert "已过期" in told
    assert "check `auth`" in told


async def test_an_error_envelope_can_say_that_the_token_expired():
    gate = Gate()
    gate.good = "none"
    gate.service.operations["QueryCaseList"] = lambda asked: inner(
        ONE if asked["ticket"] == "t0ken-2" else "<DataSet><Code>401</Code></DataSet>"
    )
    error = {"path": "DataSet.Code", "ok": [None], "expired": [401]}

    assert await pulled(gate.service, auth={"login": LOGIN}, error=error) == [{"AJBH": "1"}]


async def test_a_password_that_is_refused_is_tried_once_a_run_and_never_told():
    gate = Gate()

    with pytest.raises(SourceUnavailable) as caught:
        await pulled(gate.service, auth={"login": {**LOGIN, "send": {"userName": "hub", "passWord": "wr0ng-word"}}})

    assert gate.logins == 1
    assert "password *** is wrong" in str(caught.value)


@pytest.mark.parametrize("answer", ["<LoginResult/>", "<LoginResult> </LoginResult>", "<Other>1</Other>", ""])
async def test_a_login_without_a_token_is_refused(answer: str):
    service = Service(CASES, {"Login": lambda _: answer})

    assert "(Login) holds no token at `LoginResult`" in await refused(service, auth={"login": LOGIN})


async def test_a_token_can_stand_in_a_document_and_go_into_an_http_header():
    service = Service(
        CASES,
        {
            "Login": lambda _: inner("<r><code>0</code><token>t1</token></r>", "LoginResult"),
            "QueryCaseList": lambda _: inner(ONE),
        },
    )
    login = {**LOGIN, "inner_xml": "LoginResult", "token": "r.token", "error": {"path": "r.code", "ok": [0]}}

    await pulled(service, auth={"login": {**login, "as": {"header": "X-Token", "prefix": "Bearer "}}})

    assert [request.headers.get("X-Token") for request in service.requests] == [None, "Bearer t1"]


async def test_a_token_can_go_into_a_soap_header():
    service = Service(
        CASES, {"Login": lambda _: "<LoginResult>t1</LoginResult>", "Search": lambda _: "<SearchResult/>"}
    )
    login = {**LOGIN, "as": {"soap_header": "AuthHeader.Token"}}

    await pulled(service, **SEARCH, auth={"login": login}, soap_headers={"AuthHeader.User": "hub"})

    assert service.headers[0] is None
    assert [each.text for each in service.headers[1][0]] == ["hub", "t1"]


@pytest.mark.parametrize("token", ["a\nb", "\u200b"])
async def test_a_token_that_could_not_be_sent_is_refused(token: str):
    service = Service(CASES, {"Login": lambda _: f"<LoginResult>{token}</LoginResult>"})

    assert "holds no token" in await refused(service, auth={"login": {**LOGIN, "as": {"header": "X-Token"}}})


async def test_a_401_renews_the_token_too():
    gate = Gate()
    gate.service.operations["QueryCaseList"] = lambda asked: (
        inner(ONE) if asked["ticket"] == "t0ken-2" else raw("who?", status=401)
    )

    assert await pulled(gate.service, auth={"login": LOGIN}) == [{"AJBH": "1"}]
    assert gate.logins == 2


async def test_the_login_can_be_another_service_with_a_wsdl_of_its_own():
    collective, service = Collective(), Service(CASES, {"QueryCaseList": lambda _: inner(ONE)})
    login = {
        "wsdl": "wsdl/bartec.wsdl",
        "operation": "Authenticate",
        "send": {"user": "hub", "password": "s3cr3t-word"},
        "token": "AuthenticateResult.Token.TokenString",
        "as": {"argument": "ticket"},
    }

    async with serving(collective.service) as other, serving(service) as upstream:
        found = await tickets(listing(upstream, auth={"login": {**login, "url": other.url}}, soap_version="1.2"))

    assert found == [{"AJBH": "1"}]
    assert service.asked[0][1]["ticket"] == "t1"


async def test_a_gateway_with_oauth2_may_stand_before_the_service():
    service = Service(CASES, {"QueryCaseList": lambda _: inner(ONE)})

    async def answer(request: web.Request) -> web.StreamResponse:
        return json({"access_token": "a1"}) if request.path == "/token" else await service(request)

    async with serving(answer) as upstream:
        oauth2 = {"token_url": f"{upstream.url}/token", "client_id": "hub", "client_secret": "s3cr3t-word"}
        found = await tickets(listing(upstream, auth={"oauth2": oauth2}))

    assert found == [{"AJBH": "1"}]
    assert service.requests[0].headers["Authorization"] == "Bearer a1"


async def test_passwords_can_be_arguments_of_every_question_and_are_never_told():
    def echo(asked: Asked) -> str:
        raise Fault("Client", f"ticket {asked['ticket']}")

    told = await refused(Service(CASES, {"QueryCaseList": echo}), auth={"arguments": {"ticket": "p&ssw0rd<1>"}})

    assert told.endswith("answered the fault Client: 'ticket ***'")


@pytest.mark.parametrize("way", ["text", "digest"])
async def test_a_username_token_is_made_anew_for_every_question(way: str):
    service = Service(CASES, {"QueryCaseList": lambda asked: inner(ONE if asked["pageIndex"] != "3" else "<DataSet/>")})
    wsse = {"username": "hub", "password": "s3cr3t-word", "send": way, "timestamp": True}

    await pulled(
        service,
        auth={"wsse": wsse},
        page={"by": "page", "send": "pageIndex"},
        arguments={"areaCode": "1", "pageSize": 1},
    )

    names = {"wsse": "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"}
    names["wsu"] = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
    security = [header.find("wsse:Security", names) for header in service.headers]
    assert {each.findtext("wsse:UsernameToken/wsse:Username", namespaces=names) for each in security} == {"hub"}
    for each in security:
        password = each.find("wsse:UsernameToken/wsse:Password", names)
        expected = "s3cr3t-word"
        if way == "digest":
            nonce, created = (
                each.findtext(f"wsse:UsernameToken/{name}", namespaces=names) for name in ("wsse:Nonce", "wsu:Created")
            )
            age = datetime.now(UTC) - datetime.fromisoformat(created)
            assert abs(age) < timedelta(minutes=5)
            expected = base64.b64encode(
                hashlib.sha1(base64.b64decode(nonce) + created.encode() + b"s3cr3t-word").digest()
            ).decode()
        assert (password.text, password.get("Type").partition("#")[2].lower()) == (expected, f"password{way}")
        assert each.find("wsu:Timestamp/wsu:Expires", names) is not None
    if way == "digest":
        assert len({each.findtext(".//wsse:Nonce", namespaces=names) for each in security}) == len(security) > 1


async def test_a_user_that_ws_security_does_not_know_is_told_to_check_auth():
    answer = lambda _: fault("Sender.FailedAuthentication", "unknown user", version="1.2", status=500)  # noqa: E731

    told = await refused(answer, soap_version="1.2", auth={"wsse": {"username": "hub", "password": "s3cr3t-word"}})

    assert told.endswith("answered the fault Sender.FailedAuthentication: 'unknown user'; check `auth`")


# ── pages, windows, counts ──


def paged(asked: Asked) -> str:
    page, size = int(asked["pageIndex"]), int(asked["pageSize"])
    numbers = range((page - 1) * size, min(page * size, 5))
    return inner(f"<DataSet>{''.join(f'<Case><AJBH>{number}</AJBH></Case>' for number in numbers)}</DataSet>")


BY_PAGE = {"by": "page", "send": "pageIndex", "size": {"send": "pageSize", "value": 2}}
AREA = {"areaCode": "420800"}


async def test_a_count_is_asked_for_once_before_the_first_page():
    service = Service(CASES, {"QueryCaseList": paged, "CountCases": lambda _: "<CountCasesResult>5</CountCasesResult>"})
    count = {"operation": "CountCases", "total": "CountCasesResult"}

    found = await pulled(service, page=BY_PAGE, arguments=AREA, count=count)

    assert ids(found, "AJBH") == ["0", "1", "2", "3", "4"]
    assert [name for name, _ in service.asked] == ["CountCases", *["QueryCaseList"] * 3]


async def test_where_there_is_nothing_to_count_nothing_is_listed():
    service = Service(CASES, {"CountCases": lambda _: "<CountCasesResult>0</CountCasesResult>"})

    assert (
        await pulled(
            service, page=BY_PAGE, arguments=AREA, count={"operation": "CountCases", "total": "CountCasesResult"}
        )
        == []
    )


async def test_a_count_that_is_no_number_is_refused():
    service = Service(CASES, {"CountCases": lambda _: "<CountCasesResult>many</CountCasesResult>"})
    count = {"operation": "CountCases", "total": "CountCasesResult"}

    told = await refused(service, page=BY_PAGE, arguments=AREA, count=count)

    assert "(CountCases) holds no number at `count.total: CountCasesResult`" in told


async def test_windows_are_asked_for_by_two_arguments_in_the_zone_of_the_source():
    today = datetime.now(UTC) + timedelta(hours=8)
    start = (today - timedelta(hours=36)).strftime("%Y-%m-%d %H:%M:%S")
    service = Service(CASES, {"QueryCaseList": lambda _: inner("<DataSet/>")})
    since = {
        "field": "GXSJ",
        "send": ["beginTime", "endTime"],
        "format": "%Y-%m-%d %H:%M:%S",
        "window": "1d",
        "start": start,
    }

    async with serving(service) as upstream:
        found = await pages(listing(upstream, since=since))
        again = await pages(listing(upstream, since=since), stored(found[-1].cursor))

    first, second, third = service.questions("QueryCaseList")
    assert (first["beginTime"], first["endTime"]) == (start, second["beginTime"])
    assert second["endTime"][:10] == today.strftime("%Y-%m-%d")
    assert third["beginTime"] > start
    assert len(again) == 1


async def test_a_stretch_of_the_past_is_asked_for_from_its_beginning_to_its_end():
    service = Service(CASES, {"QueryCaseList": lambda _: inner("<DataSet/>")})
    since = {"field": "GXSJ", "send": ["beginTime", "endTime"], "window": "30d", "start": "2020-01-01"}

    async with serving(service) as upstream:
        connector = listing(upstream, since=since)
        await pages(
            connector, stored(connector.between(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)))
        )

    asked = [(each["beginTime"][:10], each["endTime"][:10]) for each in service.questions("QueryCaseList")]
    assert asked == [("2026-01-01", "2026-01-31"), ("2026-01-31", "2026-03-01")]


# ── one more call for each ticket: the shape of Bartec ──


class Collective:
    """Updates since a time, each with a request and a history of its own."""

    def __init__(self) -> None:
        self.service = Service(
            BARTEC,
            {
                "Authenticate": lambda _: (
                    "<AuthenticateResult><Token><TokenString>t1</TokenString></Token></AuthenticateResult>"
                ),
                "ServiceRequests_Updates_Get": self.updates,
                "ServiceRequests_Get": self.request,
                "ServiceRequests_History_Get": self.history,
            },
        )

    def updates(self, asked: Asked) -> str:
        rows = "".join(
            f'<ServiceRequest_Updates RecordCount="0"><ServiceRequestID>{number}</ServiceRequestID>'
            f"<ServiceCode>SR{number}</ServiceCode><DateAdded>0001-01-01T00:00:00</DateAdded>"
            f"<DateChanged>2020-06-19T15:04:56.007</DateChanged></ServiceRequest_Updates>"
            for number in (51390, 51391, 51392)
        )
        errors = '<Errors><Result xmlns="urn:b">0</Result><Message xmlns="urn:b"/></Errors>'
        name = "ServiceRequests_Updates_GetResult"
        return f'<{name} xmlns="urn:updates" RecordCount="3">{rows}{errors}</{name}>'

    def request(self, asked: Asked) -> str:
        code, name = asked["ServiceCode"], "ServiceRequests_GetResult"
        if code == "SR51391":
            raise Fault("Server", "Service Request NotFound")
        status = '<ServiceStatus xmlns="urn:c"><Status>OPEN</Status></ServiceStatus>'
        request = f'<ServiceRequest><id xmlns="urn:b">{code}</id>{status}</ServiceRequest>'
        return f'<{name} xmlns="urn:get">{request}</{name}>'

    def history(self, asked: Asked) -> str:
        times = {"51390": 2, "51391": 1, "51392": 0}[asked["ServiceRequestID"]]
        rows = "<ServiceRequest_History><ServiceStatusName>OPEN</ServiceStatusName></ServiceRequest_History>" * times
        return f'<ServiceRequests_History_GetResult xmlns="urn:h">{rows}</ServiceRequests_History_GetResult>'


UPDATES = {
    "wsdl": "wsdl/bartec.wsdl",
    "operation": "ServiceRequests_Updates_Get",
    "arguments": {},
    "inner_xml": None,
    "records": "ServiceRequests_Updates_GetResult.ServiceRequest_Updates",
    "since": {"field": "DateChanged", "send": "LastUpdated", "format": "%Y-%m-%dT%H:%M:%S", "start": "2020-06-19"},
    "error": {"path": "ServiceRequests_Updates_GetResult.Errors.Result", "ok": ["0"]},
    "fault": {"absent": ["NotFound"]},
    "auth": {
        "login": {
            "operation": "Authenticate",
            "send": {"user": "hub", "password": "s3cr3t-word"},
            "token": "AuthenticateResult.Token.TokenString",
            "as": {"argument": "token"},
        }
    },
    "detail": [
        {
            "operation": "ServiceRequests_Get",
            "send": {"ServiceCode": "ServiceCode"},
            "records": "ServiceRequests_GetResult.ServiceRequest",
            "into": "request",
        },
        {
            "operation": "ServiceRequests_History_Get",
            "arguments": {"Date": None},
            "send": {"ServiceRequestID": "ServiceRequestID"},
            "records": "ServiceRequests_History_GetResult.ServiceRequest_History",
            "into": "history",
            "many": True,
        },
    ],
}


async def test_each_ticket_is_joined_with_several_calls_of_its_own():
    collective = Collective()

    first, second, third = await pulled(collective.service, **UPDATES)

    opened = {"ServiceStatusName": "OPEN"}
    assert first["request"] == {"id": "SR51390", "ServiceStatus": {"Status": "OPEN"}}
    assert second["request"] is None
    assert [each["history"] for each in (first, second, third)] == [[opened, opened], [opened], []]
    asked = collective.service.questions("ServiceRequests_Updates_Get")
    assert asked == [{"token": "t1", "LastUpdated": "2020-06-19T00:00:00"}]
    assert {each["token"] for each in collective.service.questions("ServiceRequests_History_Get")} == {"t1"}


async def test_a_ticket_without_the_value_to_ask_by_is_left_as_it_is():
    collective = Collective()
    detail = {"operation": "ServiceRequests_Get", "send": {"ServiceCode": "JobReference"}}

    found = await pulled(collective.service, **{**UPDATES, "detail": detail})

    assert [each.get("detail", "none") for each in found] == ["none"] * 3
    assert collective.service.questions("ServiceRequests_Get") == []


# ── hostile and broken ──


BOMB = '<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]>'
OUTSIDE = '<!DOCTYPE a [<!ENTITY a SYSTEM "file:///etc/passwd">]>'


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (BOMB + enveloped("<Case>&b;</Case>"), "has a document type declaration"),
        (OUTSIDE + enveloped("<Case>&a;</Case>"), "has a document type declaration"),
        ("", "answered 200 with an empty body"),
        ("<html><body>请登录</body></html>", "answered not SOAP but text/xml: '请登录'"),
        ("<!DOCTYPE html><html><body>请登录</body></html>", "answered not SOAP"),
        ('{"code": 1}', "answered not SOAP"),
        ("<Case><id>1</id></Case>", "answered an `Case` without a Body, which is no SOAP"),
        (enveloped("<a>" * 300 + "</a>" * 300), "not XML"),
    ],
)
async def test_what_is_no_soap_is_refused(body: str, said: str):
    assert said in await refused(answering(body))


async def test_an_answer_that_breaks_off_is_asked_for_again():
    asked: list[int] = []

    def answer(_: web.Request) -> web.Response:
        asked.append(1)
        return raw(enveloped(inner(ONE))[:-40] if len(asked) < 3 else enveloped(inner(ONE)))

    assert await pulled(answer) == [{"AJBH": "1"}]
    assert len(asked) == 3


async def test_references_cannot_multiply_what_they_refer_to():
    levels = [f'<m id="i{level}"><a href="#i{level + 1}"/><b href="#i{level + 1}"/></m>' for level in range(30)]
    answer = enveloped('<return href="#i0"/>', *levels, '<m id="i30"><c>1</c></m>')

    assert "refers to its own parts so often" in await refused(answering(answer), inner_xml=None, records="return")


async def test_references_that_lead_back_to_themselves_are_left_alone():
    answer = enveloped('<return href="#i0"/>', '<m id="i0"><self href="#i0"/><id>1</id></m>')

    found = await pulled(answering(answer), inner_xml=None, records="return")

    assert found == [{"self": {"@href": "#i0"}, "id": "1"}]


async def test_an_id_that_nothing_refers_to_is_left_where_it_is():
    answer = enveloped("<row><id>1</id></row>").replace("<QueryCaseListResponse", '<QueryCaseListResponse id="o0"')

    assert await pulled(answering(answer), inner_xml=None, records="row") == [{"id": "1"}]


async def test_a_chain_of_references_cannot_go_too_deep():
    chain = [f'<m id="i{level}"><a href="#i{level + 1}"/></m>' for level in range(100)]

    told = await refused(answering(enveloped('<return href="#i0"/>', *chain)), inner_xml=None, records="return")

    assert "refers to its own parts so often" in told


async def test_an_answer_larger_than_the_limit_is_refused():
    told = await refused(inner(f"<DataSet>{'x' * 70_000}</DataSet>"), limits={"max_body": "64KB", "rate": "10000/s"})

    assert "answered more than limits.max_body (64 KB)" in told


async def test_a_cursor_that_cannot_stand_in_xml_is_refused_and_not_sent():
    document = '{"rows": [{"id": 1}], "next": "a\\u0001b"}'
    options = {
        **EXECUTE,
        "arguments": {"xmlParam": {"code": 1}},
        "inner_request": {"argument": "xmlParam", "as": "xml", "root": "r"},
        "inner_xml": None,
        "inner_json": "ExecuteResult",
        "records": "rows",
        "page": {"by": "cursor", "send": "xmlParam.after", "next": "next"},
    }

    told = await refused(Service(CASES, {"Execute": lambda _: inner(document, "ExecuteResult")}), **options)

    assert "(Execute) cannot be asked" in told


SPARE = [
    b"<",
    b">",
    b'"',
    b"",
    b"\x00",
    b"&x;",
    b"\xff",
    b"/>",
    b'href="#a"',
    b'id="a"',
    b"--b1",
    b"\r\n\r\n",
    b"<s:Fault>",
]
WHOLE = [
    enveloped(inner(ONE), '<m id="a"><b href="#a"/></m>').encode(),
    in_parts(("Content-Type: text/xml; charset=gbk", enveloped(inner(ONE))), ("Content-ID: <a>", b"\xff")),
    fault("Client.a", "text", detail="<e>1</e>").body,
]


@given(
    st.sampled_from(WHOLE),
    st.lists(st.tuples(st.integers(0, 999), st.integers(0, 9), st.sampled_from(SPARE)), max_size=4),
)
@settings(max_examples=300, deadline=None)
def test_no_byte_can_make_an_answer_fail_otherwise(whole: bytes, changes: list[tuple[int, int, bytes]]):
    for place, length, put in changes:
        whole = whole[: place % len(whole)] + put + whole[place % len(whole) + length :]
    kind = "multipart/related" if whole.startswith(b"\r\n--") else "text/xml"

    with suppress(SourceError):
        body = body_of(Answer(200, "OK", kind, None, whole, [], {}), None)
        fault_in(body)
        opened(content_in(body), "QueryCaseListResult", is_json=False)


# ── the worked entry of the documentation ──


def case_of_12319(number: int, changed: datetime) -> str:
    at = changed.astimezone(ZoneInfo("Asia/Shanghai"))
    return (
        f"<Case><AJBH>JM{number}</AJBH><BT>路灯不亮€</BT><NR>象山大道</NR><ZT>办理中</ZT><LX>投诉</LX>"
        f"<SLRQ>{at:%Y%m%d}</SLRQ><SLSJ>{at:%H%M%S}</SLSJ><GXSJ>{at:%Y-%m-%d %H:%M:%S}</GXSJ><LXR>张某</LXR>"
        "<LXDH>13912345678</LXDH><SFBM>1</SFBM><DZ>象山大道1号</DZ><ZB>112.210987,31.041234</ZB><QHDM>420802001</QHDM></Case>"
    )


async def test_the_worked_entry_of_12319_reads_as_appeals(tmp_path: Path):
    changed = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)

    def listed(asked: Asked) -> str:
        written = f"{changed.astimezone(ZoneInfo('Asia/Shanghai')):%Y-%m-%d %H:%M:%S}"
        cases = case_of_12319(1, changed) if asked["beginTime"] <= written < asked["endTime"] else ""
        return inner(f"<DataSet><Total>{1 if cases else 0}</Total>{cases}</DataSet>")

    gate = Gate()
    service = Service(CASES, {"Login": gate.login, "QueryCaseList": listed}, encoding="gb18030", says="utf-8")
    async with serving(service) as upstream:
        text = (WSDLS / "soap.good.yaml").read_text().partition("  nested:")[0]
        text = text.replace("wsdl: file:", f"url: {upstream.url}\n    wsdl: file:").replace(
            "rate: 1/s", "rate: 10000/s"
        )
        text = text.replace("start: 2023-01-01", f"start: {changed - timedelta(days=3):%Y-%m-%d}")
        (tmp_path / "connectors.yaml").write_text(text)
        shutil.copytree(WSDLS / "wsdl", tmp_path / "wsdl")
        config = load(tmp_path / "connectors.yaml", {"CANARY": "hub", "HOUSING_TOKEN": "s3cr3t-word"})
        source = config.sources["hotline-12319"]

        (ticket,) = await tickets(source.connector)

    appeal = normalize(ticket, source.mapping)
    assert (appeal.external_id, appeal.title, appeal.created_at) == ("JM1", "路灯不亮€", changed)
    assert (appeal.reporter_phone, appeal.is_secret, appeal.area) == ("+8613912345678", True, "420802")


# ── zeep ──


def test_zeep_is_imported_by_those_who_have_a_soap_source_only():
    code = "import sys, hub.config; hub.config.json_schema(); sys.exit('zeep' in sys.modules)"

    assert run([sys.executable, "-c", code], check=False).returncode == 0
