"""A kept WSDL: what is read of it, from where, and what is told when the options do not fit it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from lxml import etree
from pulling import QUICK, build, tickets
from soap_service import WSDLS, raw
from upstream import serving

from hub.errors import OptionsError

ANSWER = '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><r><row><id>1</id></row></r></s:Body></s:Envelope>'
ASK = (
    '<xs:element name="Ask"><xs:complexType><xs:sequence><xs:element name="day" type="xs:date"/>'
    "</xs:sequence></xs:complexType></xs:element>"
)
PROXIED = {"wsdl": "s.wsdl", "operation": "Ask", "arguments": {"day": "2024-01-01"}, "records": "row"}


def wsdl(
    types: str = ASK,
    *,
    before: str = "",
    part: str = 'name="parameters" element="t:Ask"',
    style: str = "document",
    body: str = 'use="literal"',
    action: str = "",
    address: str = "http://cases.example/",
) -> str:
    """A WSDL of one operation."""
    return f"""{before}<w:definitions xmlns:w="http://schemas.xmlsoap.org/wsdl/" targetNamespace="urn:t" xmlns:t="urn:t"
 xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/"
 xmlns:se="http://schemas.xmlsoap.org/soap/encoding/" xmlns:wsam="http://www.w3.org/2007/05/addressing/metadata">
<w:types><xs:schema targetNamespace="urn:t" elementFormDefault="qualified">{types}</xs:schema></w:types>
<w:message name="In"><w:part {part}/></w:message>
<w:portType name="P"><w:operation name="Ask"><w:input message="t:In" {action}/></w:operation></w:portType>
<w:binding name="B" type="t:P"><soap:binding style="{style}" transport="http://schemas.xmlsoap.org/soap/http"/>
<w:operation name="Ask"><soap:operation soapAction="urn:t#Ask"/><w:input><soap:body {body}/></w:input></w:operation>
</w:binding>
<w:service name="S"><w:port name="P1" binding="t:B"><soap:address location="{address}"/></w:port></w:service>
</w:definitions>"""


def told(folder: Path, **options: Any) -> list[tuple[str, str]]:
    """What is wrong with a source, each with the path of the option at fault."""
    with pytest.raises(OptionsError) as caught:
        build("soap", {**PROXIED, **options}, folder)
    return [(".".join(map(str, path)), message) for path, message in caught.value.problems]


async def asked(folder: Path, text: str, files: Mapping[str, str] | None = None, **options: Any) -> etree._Element:
    """The envelope that a service of this WSDL is sent."""
    for name, content in {"s.wsdl": text, **(files or {})}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    async with serving(lambda _: raw(ANSWER)) as upstream:
        assert await tickets(build("soap", {**QUICK, **PROXIED, "url": upstream.url, **options}, folder)) == [
            {"id": "1"}
        ]
        return etree.fromstring(upstream.bodies[0])


# ── from where it is read ──


async def test_nothing_is_read_from_the_network_nor_from_outside(tmp_path: Path):
    folder = tmp_path / "hub"
    folder.mkdir()
    (tmp_path / "secret.xsd").write_text("s3cr3t")
    (folder / "link.xsd").symlink_to(tmp_path / "secret.xsd")
    async with serving(lambda _: raw(ANSWER)) as upstream:
        places = [f"{upstream.url}/t.xsd?xsd=1", "file:///etc/passwd", "/etc/passwd", "../secret.xsd", "link.xsd"]
        found = []
        for place in places:
            (folder / "s.wsdl").write_text(wsdl(f'<xs:include schemaLocation="{place}"/>{ASK}'))
            found += told(folder)

    assert upstream.asked == []
    assert {path for path, _ in found} == {"wsdl"}
    remote, *others = [message for _, message in found]
    assert remote == (
        f"s.wsdl imports {upstream.url}/t.xsd?xsd=1, which is never fetched; "
        "keep that document beside it, and write its file name in place of the address"
    )
    assert others == ["s.wsdl imports a file from outside of the folder hub"] * 4


async def test_what_is_imported_may_lie_anywhere_below_the_folder_of_the_configuration(tmp_path: Path):
    text = wsdl('<xs:include schemaLocation="../xsd/ask.xsd"/>')
    ask = f'<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:t">{ASK}</xs:schema>'

    sent = await asked(tmp_path, "", {"wsdl/s.wsdl": text, "xsd/ask.xsd": ask}, wsdl="wsdl/s.wsdl")

    assert sent[0][0][0].text == "2024-01-01"


def test_a_wsdl_outside_of_that_folder_keeps_what_it_imports_beside_it(tmp_path: Path):
    (tmp_path / "kept").mkdir()
    (tmp_path / "ask.xsd").write_text("<a/>")
    (tmp_path / "kept" / "s.wsdl").write_text(wsdl('<xs:include schemaLocation="../ask.xsd"/>'))
    (tmp_path / "hub").mkdir()

    found = told(tmp_path / "hub", wsdl=str(tmp_path / "kept" / "s.wsdl"))

    assert found == [("wsdl", "s.wsdl imports a file from outside of the folder kept")]


@pytest.mark.parametrize("soap_encoding", ["", '<xs:import namespace="http://schemas.xmlsoap.org/soap/encoding/"/>'])
async def test_the_schemas_that_everybody_takes_for_granted_come_with_the_hub(tmp_path: Path, soap_encoding: str):
    rpc = {"style": "rpc", "body": 'use="encoded" namespace="urn:t"', "part": 'name="day" type="se:string"'}
    xml = (
        '<xs:import namespace="http://www.w3.org/XML/1998/namespace" schemaLocation="http://www.w3.org/2001/xml.xsd"/>'
    )

    sent = await asked(tmp_path, wsdl(soap_encoding + xml, **rpc))

    assert (sent[0][0].tag, sent[0][0][0].tag, sent[0][0][0].text) == ("{urn:t}Ask", "day", "2024-01-01")


async def test_documents_that_import_each_other_are_read_once(tmp_path: Path):
    xs = 'xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:t"'
    a = f'<xs:schema {xs}><xs:include schemaLocation="b.xsd"/>{ASK}</xs:schema>'
    b = f'<xs:schema {xs}><xs:include schemaLocation="a.xsd"/></xs:schema>'

    sent = await asked(tmp_path, wsdl('<xs:include schemaLocation="a.xsd"/>'), {"a.xsd": a, "b.xsd": b})

    assert sent[0][0][0].text == "2024-01-01"


async def test_a_wsdl_in_gbk_that_calls_itself_gb2312_is_read(tmp_path: Path):
    text = wsdl(ASK.replace("day", "日期龢")).encode("gbk")
    (tmp_path / "s.wsdl").write_bytes(b'<?xml version="1.0" encoding="gb2312"?>' + text)

    found = told(tmp_path)

    assert ("arguments.day", "no argument of Ask (known: 日期龢)") in found


# ── what is broken ──


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "s.wsdl cannot be read: Invalid XML content received"),
        (b"\x00\xff\xfe", "s.wsdl cannot be read: "),
        (b"<html><body>Login</body></html>", "s.wsdl describes no SOAP service; is it the WSDL of this system?"),
        (wsdl().encode()[:900], "s.wsdl cannot be read: Invalid XML content received"),
        (wsdl(before='<!DOCTYPE a [<!ENTITY a "b">]>').encode(), "s.wsdl cannot be read: the XML has a document type"),
        (wsdl(before='<!DOCTYPE a SYSTEM "http://x/a.dtd">').encode(), "the XML has a document type declaration"),
        (wsdl(part='name="parameters" element="t:Nothing"').encode(), "s.wsdl has no operation 'Ask' (known: none)"),
        (wsdl(ASK.replace("xs:date", "t:Nothing")).encode(), "s.wsdl cannot be read: "),
        (wsdl(address="ftp://a/").encode(), "s.wsdl names no http address for the port P1; write `url`"),
        (
            wsdl('<xs:include schemaLocation="no.xsd"/>').encode(),
            "s.wsdl imports no.xsd: there is no such file (known: s.wsdl)",
        ),
    ],
)
def test_a_wsdl_that_cannot_be_used_says_why(tmp_path: Path, content: bytes, said: str):
    (tmp_path / "s.wsdl").write_bytes(content)

    ((path, message),) = told(tmp_path)

    assert path in {"wsdl", "operation"}
    assert said in message
    assert "\n" not in message


def test_a_wsdl_without_end_is_not_read_to_it(tmp_path: Path):
    with (tmp_path / "s.wsdl").open("wb") as file:
        file.truncate(2**40)

    assert told(tmp_path) == [("wsdl", "s.wsdl is larger than 16 MB")]


def test_a_folder_is_no_wsdl(tmp_path: Path):
    (tmp_path / "s.wsdl").mkdir()

    assert told(tmp_path) == [("wsdl", "s.wsdl cannot be read: Is a directory")]


def test_what_a_wsdl_imports_is_never_quoted(tmp_path: Path):
    (tmp_path / "secret").write_text("s3cr3t")
    (tmp_path / "s.wsdl").write_text(wsdl('<xs:include schemaLocation="secret"/>'))

    ((_, message),) = told(tmp_path)

    assert message.startswith("secret cannot be read: Invalid XML content received")
    assert "s3cr3t" not in message


# ── what does not fit it ──


@pytest.mark.parametrize(
    ("arguments", "path", "said"),
    [
        ({}, "arguments", "`request` is missing, which Search requires (known: request)"),
        ({"request": "x"}, "arguments.request", "`request` takes keys: query, pageIndex, pageSize, @lang"),
        ({"request": {"pageIndex": {"a": 1}}}, "arguments.request.pageIndex", "`pageIndex` takes a text, not keys"),
        (
            {"request": {"pageIndx": 1}},
            "arguments.request.pageIndx",
            "no argument of request; did you mean 'pageIndex'? (known: @lang, pageIndex, pageSize, query)",
        ),
        (
            {"request": {"pageIndex": 1, "query": {"open": True}}},
            "arguments.request.query",
            "`areaCode` is missing, which query requires (known: areaCode, since, open, status)",
        ),
        ({"request": {"pageIndex": [1, 2]}}, "arguments.request.pageIndex", "`pageIndex` takes one value, not a list"),
    ],
)
def test_arguments_are_held_against_the_wsdl(arguments: Any, path: str, said: str):
    found = told(WSDLS, wsdl="wsdl/cases.wsdl", operation="Search", arguments=arguments)

    assert [(where, message[: len(said)]) for where, message in found if where == path] == [(path, said)]


def test_whatever_a_choice_or_null_or_a_list_allows_fits():
    request = {"pageIndex": 1, "pageSize": None, "query": {"areaCode": ["1", "2"], "status": "open"}}

    assert build(
        "soap", {**PROXIED, "wsdl": "wsdl/cases.wsdl", "operation": "Search", "arguments": {"request": request}}, WSDLS
    )


def test_every_mistake_is_told_at_once():
    login = {"operation": "Logon", "send": {"userName": "a"}, "token": "t", "as": {"argument": "tiket"}}
    options = {
        "wsdl": "wsdl/cases.wsdl",
        "operation": "QueryCaseList",
        "page": {"by": "page", "send": "page", "size": {"send": "pageSize", "value": 1}},
        "since": {"field": "a", "send": "from"},
        "detail": [{"operation": "CountCases", "send": {"id": "id"}}],
        "soap_headers": {"AuthHeader.User": "x"},
        "auth": {"login": login},
    }

    found = told(WSDLS, **options)

    assert [path for path, _ in found] == [
        "page.send",
        "since.send",
        "auth.login.as.argument",
        "soap_headers",
        "detail.0.send.id",
        "auth.login.as.argument",
        "auth.login.operation",
    ]


def test_what_is_sent_from_the_second_question_on_does_not_make_the_first():
    since = {"field": "DateChanged", "send": "LastUpdated"}
    missing = "`LastUpdated` is missing, which ServiceRequests_Updates_Get requires (known: token, LastUpdated)"

    found = told(WSDLS, wsdl="wsdl/bartec.wsdl", operation="ServiceRequests_Updates_Get", arguments={}, since=since)

    assert found == [
        ("arguments", f"{missing}; `since.send` gives it only once there was a first answer"),
    ]


# ── WS-Addressing ──


@pytest.mark.parametrize(
    ("action", "options", "sent"),
    [
        ('wsam:Action="urn:ask"', {}, "urn:ask"),
        ('wsam:Action="urn:ask"', {"addressing": False}, None),
        ("", {}, None),
        ("", {"addressing": True}, "urn:t#Ask"),
    ],
)
async def test_addressing_is_sent_where_the_wsdl_or_the_configuration_asks_for_it(
    tmp_path: Path, action: str, options: Any, sent: str | None
):
    envelope = await asked(tmp_path, wsdl(action=action), **options)

    assert envelope.findtext(".//{http://www.w3.org/2005/08/addressing}Action") == sent
