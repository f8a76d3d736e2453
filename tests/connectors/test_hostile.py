"""What hostile sources do, in every protocol it can be done in: the run ends, and says why.

The outcomes are those of docs/explanation/what-a-hostile-source-can-do.md.
"""

import asyncio
import gzip
import io
import zipfile
import zlib
from datetime import UTC, datetime
from typing import Any

import brotli
import pytest
from aiohttp import web
from pulling import QUICK, broken_off, build, tickets
from scripted_imap import ScriptedImap
from soap_service import WSDLS
from upstream import Answerer, json, raw, serving

from hub.connectors.base import Connector, Push
from hub.connectors.formats import NotReadable, parse_json, parse_xml
from hub.connectors.tables import CsvOptions, HtmlOptions, column_names, csv_rows, html_rows
from hub.errors import SourceError, SourceRefused, SourceUnavailable

MEGABYTE = 2**20
LIMITS = {"rate": "10000/s", "max_body": "1MB", "timeout": "5s", "max_pages": 20}
LISTED = """
query Requests($first: Int!, $after: String) {
  requests(first: $first, after: $after) { pageInfo { hasNextPage endCursor } nodes { id } }
}
"""
OVER_HTTP: dict[str, tuple[str, dict[str, Any]]] = {
    "rest": ("url", {}),
    "graphql": ("url", {"query": LISTED, "page": {"by": "relay", "size": {"value": 4}}}),
    "open311": ("url", {"start": "2026-01-01"}),
    "soap": (
        "url",
        {
            "wsdl": "wsdl/cases.wsdl",
            "operation": "QueryCaseList",
            "arguments": {"ticket": "t", "areaCode": "420800", "pageIndex": "1", "pageSize": "50"},
            "records": "QueryCaseListResult",
        },
    ),
    "files": ("at", {"pick": "*.csv", "ready": {"unchanged_for": "0s"}}),
}
ENTITY = '<!DOCTYPE r [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><r>&b;</r>'


@pytest.fixture(params=OVER_HTTP)
def protocol(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def source(protocol: str, url: str, **limits: str) -> Connector:
    where, options = OVER_HTTP[protocol]
    return build(protocol, {**QUICK, **options, where: f"{url}/", "limits": {**LIMITS, **limits}}, WSDLS)


async def trouble(protocol: str, answer: Answerer, **limits: str) -> SourceError:
    async with serving(answer) as upstream:
        _, error = await broken_off(source(protocol, upstream.url, **limits))
    return error


async def without_end(request: web.Request) -> web.StreamResponse:
    """An answer that goes on until nobody listens any more."""
    response = web.StreamResponse(headers={"Content-Type": "text/html" if request.path == "/" else "application/json"})
    await response.prepare(request)
    while True:
        await response.write(b" " * 2**16)


async def test_an_answer_without_end_stops_at_the_limit(protocol: str):
    error = await trouble(protocol, without_end)

    assert isinstance(error, SourceRefused)
    assert "more than limits.max_body (1024 KB)" in error.message


PACK = {"gzip": gzip.compress, "deflate": zlib.compress, "br": brotli.compress}


@pytest.mark.parametrize("coding", PACK)
async def test_an_answer_that_inflates_stops_at_the_limit(protocol: str, coding: str):
    bomb = PACK[coding](b" " * 32 * MEGABYTE)

    error = await trouble(protocol, lambda _: raw(bomb, **{"Content-Encoding": coding}))

    assert isinstance(error, SourceRefused)
    assert "more than limits.max_body" in error.message


async def test_an_answer_packed_to_burst_is_refused():
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", b" " * 32 * MEGABYTE)
    bombs = [held.getvalue(), gzip.compress(b" " * 32 * MEGABYTE)]

    async with serving(lambda _: raw(bombs.pop(), "application/octet-stream")) as upstream:
        options = {**QUICK, "url": upstream.url, "format": "csv", "inside": "*.csv", "limits": LIMITS}
        for _ in range(2):
            with pytest.raises(SourceRefused, match="inflates to more than"):
                await tickets(build("rest", options))


@pytest.mark.parametrize(
    "location",
    ["http://10.0.0.1/", "http://169.254.169.254/latest/meta-data", "http://[::1]:1/", "http://evil.example/"],
)
async def test_a_redirect_to_another_host_is_never_followed(protocol: str, location: str):
    error = await trouble(protocol, lambda _: raw(b"", status=302, Location=location))

    assert isinstance(error, SourceRefused)
    assert "answered 302, a redirect to" in error.message


async def test_a_wait_of_ten_years_is_cut_to_what_is_allowed(protocol: str):
    error = await trouble(protocol, lambda _: json({}, 503, **{"Retry-After": str(10 * 365 * 86400)}))

    assert isinstance(error, SourceUnavailable)
    assert "answered 503" in error.message


async def test_a_source_that_says_nothing_is_left_after_its_time(protocol: str):
    async def nothing(request: web.Request) -> web.Response:
        while request.transport is not None:  # until the hub hangs up
            await asyncio.sleep(0.01)
        return web.Response()

    error = await trouble(protocol, nothing, timeout="50ms")

    assert isinstance(error, SourceUnavailable)
    assert "gave no whole answer within 0.05 s" in error.message


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        pytest.param(b"[" * MEGABYTE, "application/json", id="lists"),
        pytest.param(b'{"a":' * 200_000, "application/json", id="objects"),
        pytest.param(b"<a>" * 300_000, "text/xml", id="xml"),
        pytest.param(ENTITY.encode(), "text/xml", id="entities"),
        pytest.param(b'<!DOCTYPE r [<!ENTITY a SYSTEM "file:///etc/passwd">]><r>&a;</r>', "text/xml", id="file"),
        pytest.param(b'<!DOCTYPE r SYSTEM "http://169.254.169.254/x.dtd"><r/>', "text/xml", id="dtd"),
        pytest.param(b"\xff\xfe\xfd\x00" * 1000, "application/json", id="noise"),
        pytest.param(b"<r " + b" ".join(b'a%d=""' % n for n in range(100_000)) + b"/>", "text/xml", id="attributes"),
    ],
)
async def test_a_document_made_to_do_harm_is_refused(protocol: str, body: bytes, kind: str):
    """Nested without end, with entities, a reference to a file or a host, noise, or a hundred thousand attributes."""
    error = await trouble(protocol, lambda _: raw(body, kind))

    assert isinstance(error, SourceRefused | SourceUnavailable)
    assert "root:" not in error.message


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("rest", {"url": "http://169.254.169.254/"}),
        ("open311", {"url": "http://169.254.169.254/"}),
        ("graphql", {"url": "http://169.254.169.254/", "query": "{ a { id } }", "records": "data.a"}),
        ("files", {"at": "http://169.254.169.254/", "pick": "*.csv"}),
        ("files", {"at": "ftp://169.254.169.254/", "pick": "*.csv"}),
        ("files", {"at": "ftp://[::ffff:169.254.169.254]/", "pick": "*.csv"}),
        (
            "files",
            {
                "at": "sftp://hub@169.254.169.254/",
                "pick": "*.csv",
                "auth": {"password": "x", "host_key": "SHA256:" + "a" * 43},
            },
        ),
        ("mailbox", {"url": "imaps://169.254.169.254", "auth": {"user": "hub", "password": "x"}}),
    ],
)
async def test_where_clouds_keep_credentials_nobody_is_sent(name: str, options: dict[str, Any]):
    with pytest.raises(SourceRefused, match="never asked: cloud metadata lives there"):
        await tickets(build(name, options))


async def test_a_mail_server_that_announces_two_gigabytes_is_not_listened_to():
    imap = ScriptedImap(b"Subject: one\r\n\r\nhello\r\n")
    imap.says["FETCH"] = lambda rest: (
        b"* 1 FETCH (UID 1 BODY[]<0> {2147483648}\r\nx" if "BODY.PEEK[]" in rest else imap._fetch(rest)
    )
    options = {"auth": {"user": "hub", "password": "x"}, "tls": {"plain": True}}

    async with imap.serving():
        _, error = await broken_off(build("mailbox", {**options, "url": f"imap://127.0.0.1:{imap.port}"}))

    assert isinstance(error, SourceRefused)
    assert "more than it was asked for" in error.message


# What is the same wherever it comes from ─────────────────────────────────────────────────────────────────────────────


def test_of_a_key_that_comes_twice_the_last_value_counts():
    assert parse_json(b'{"id": "1", "state": "open", "id": "2"}') == {"id": "2", "state": "open"}


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (b"[" * MEGABYTE + b"]" * MEGABYTE, "depth limit exceeded"),
        (b'{"a":' * 2000 + b"1" + b"}" * 2000, "depth limit exceeded"),
    ],
)
def test_json_nested_too_deep_is_refused(document: bytes, said: str):
    with pytest.raises(NotReadable, match=said):
        parse_json(document)


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (b"<a>" * 1000 + b"</a>" * 1000, "Excessive depth"),
        (b"<r " + b" ".join(b'a%d=""' % n for n in range(50_000)) + b"/>", "more than 1,000 attributes"),
    ],
)
def test_xml_nested_too_deep_or_with_countless_attributes_is_refused(document: bytes, said: str):
    with pytest.raises(NotReadable, match=said):
        parse_xml(document)


def test_html_with_countless_attributes_is_refused():
    page = b"<table><tr " + b" ".join(b"a%d" % n for n in range(100_000)) + b"><td>1</table>"

    with pytest.raises(NotReadable, match="an element of more than 1,000 attributes"):
        list(html_rows(page, HtmlOptions()))


def test_csv_whose_every_line_opens_a_quote_is_given_up():
    """Each would be read to the end of the file, for the quote that closes it, and every time in vain."""
    with pytest.raises(NotReadable, match="opens a quote that is never closed, as too many lines before it"):
        for _ in csv_rows(b"a,b\n" + b'x","\n' * 20_000, CsvOptions()):
            pass


def test_a_table_of_countless_columns_is_refused():
    with pytest.raises(NotReadable, match="more than 1000 columns"):
        column_names(["a"] * 1_000_000)


def test_a_push_of_countless_packed_pieces_is_refused_at_once():
    receiver: Any = build("inbound", {"verify": {"by": "token", "secrets": ["a token of sixteen bytes or more"]}})

    with pytest.raises(NotReadable, match="more than 100 pieces"):
        receiver.read(Push({}, {}, gzip.compress(b"", mtime=0) * 500_000, datetime(2026, 3, 1, tzinfo=UTC)))
