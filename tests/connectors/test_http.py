"""The shared HTTP session against a hostile or tired source: retries, caps, refusals, and what it says."""

import asyncio
import gzip
import ssl
import subprocess
import time
import warnings
import zlib
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import psutil
import pytest
from aiohttp import web
from pulling import QUICK, build, ids, rest, tickets
from pydantic import ValidationError
from upstream import in_turn, json, raw, serving

from hub.connectors.http import retry_after
from hub.connectors.masking import EXCERPT, excerpt, hide
from hub.errors import SourceError, SourceRefused, SourceUnavailable

ONE = [{"id": 1}]


def status(code: int, **headers: str) -> Callable[[web.Request], web.Response]:
    return lambda _: json({"message": "系统繁忙"}, code, **headers)


@pytest.mark.parametrize("code", [408, 425, 429, 500, 502, 503, 504, 599])
async def test_a_source_that_is_busy_for_a_moment_is_asked_again(code: int):
    async with serving(in_turn(status(code), status(code), ONE)) as upstream:
        assert await tickets(rest(upstream.url)) == ONE

    assert len(upstream.asked) == 3


async def test_after_the_last_try_the_source_is_unavailable():
    async with serving(status(503)) as upstream:
        with pytest.raises(SourceUnavailable, match=r"answered 503 Service Unavailable.*系统繁忙"):
            await tickets(rest(upstream.url))

    assert len(upstream.asked) == 3


@pytest.mark.parametrize("code", [400, 401, 403, 404, 405, 410, 422])
async def test_a_refusal_is_not_asked_again(code: int):
    async with serving(status(code)) as upstream:
        with pytest.raises(SourceRefused, match=f"answered {code}"):
            await tickets(rest(upstream.url))

    assert len(upstream.asked) == 1


@pytest.mark.parametrize("asked", ["315360000", "99999999999999999999", "1e999", "Fri, 31 Dec 2099 23:59:59 GMT"])
async def test_retry_after_of_years_is_capped(asked: str):
    async with serving(in_turn(status(429, **{"Retry-After": asked}), ONE)) as upstream:
        started = time.monotonic()

        assert await tickets(rest(upstream.url)) == ONE

    assert 0.02 <= time.monotonic() - started < 2


@pytest.mark.parametrize("asked", ["-5", "0", "soon", "nan", "", "Fri, 31 Dec 1999 23:59:59 GMT", "Fri, 99 Foo"])
async def test_retry_after_that_is_past_or_nonsense_does_not_hold_up(asked: str):
    async with serving(in_turn(status(429, **{"Retry-After": asked}), ONE)) as upstream:
        assert await tickets(rest(upstream.url)) == ONE


def test_retry_after_is_read_as_seconds_or_as_a_date():
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)

    assert retry_after("7") == 7
    assert 88 <= (retry_after(date) or 0) <= 90
    assert retry_after(None) is None


async def unfinished(answer: bytes) -> Any:
    """A server that sends these bytes and hangs up."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        writer.close()

    return await asyncio.start_server(talk, "127.0.0.1", 0)


@pytest.mark.parametrize(
    "answer",
    [
        b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n[{"id": 1}',
        b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n[{"id": 1}, {"id',
        b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n\r\n<a><b>1</b><b",
        b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n[{"id": 1}',
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nContent-Encoding: gzip\r\n\r\nnot gzip!",
        b"",
        b"HTTP/1.1 200",
        b"\x00\x01\x02 rubbish\r\n\r\n",
    ],
)
async def test_an_answer_that_breaks_off_is_worth_another_try(answer: bytes):
    server = await unfinished(answer)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(SourceUnavailable):
            await tickets(rest(f"http://127.0.0.1:{port}/"))


async def test_a_cut_answer_that_comes_whole_the_next_time_loses_nothing():
    def cut(_: web.Request) -> web.Response:
        return raw('[{"id": 1}, {"id": ')

    async with serving(in_turn(cut, [{"id": 1}, {"id": 2}])) as upstream:
        assert ids(await tickets(rest(upstream.url))) == [1, 2]


async def test_nobody_listening_is_unavailable():
    with pytest.raises(SourceUnavailable, match="no connection"):
        await tickets(rest("http://127.0.0.1:9/"))


async def drip(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    try:
        while True:
            await response.write(b" ")
            await asyncio.sleep(0.02)
    except ConnectionError:
        return response


async def test_a_body_that_drips_for_ever_ends_at_the_timeout():
    async with serving(drip) as upstream:
        source = rest(
            upstream.url, limits={"rate": "1000/s", "timeout": "200ms"}, retry={"attempts": 1, "wait": "1ms..1ms"}
        )
        started = time.monotonic()

        with pytest.raises(SourceUnavailable, match=r"within 0\.2 s"):
            await tickets(source)

    assert time.monotonic() - started < 3


async def test_a_body_beyond_the_limit_is_refused():
    async with serving(lambda _: raw(b"[" + b" " * 5000 + b"]")) as upstream:
        with pytest.raises(SourceRefused, match="max_body"):
            await tickets(rest(upstream.url, limits={"rate": "1000/s", "max_body": "4KB"}))


def bomb(size: int) -> bytes:
    return gzip.compress(b" " * size, 9)


async def test_a_gzip_bomb_stops_at_the_limit_with_memory_flat():
    """1.25 MiB on the wire, 286 MiB inflated."""
    packed = bomb(286 * 1024**2)
    memory = psutil.Process().memory_info
    peaks: list[int] = []

    async def watch() -> None:
        while True:
            peaks.append(memory().rss)
            await asyncio.sleep(0.005)

    async with serving(lambda _: raw(packed, **{"Content-Encoding": "gzip"})) as upstream:
        before = memory().rss
        watching = asyncio.create_task(watch())
        with pytest.raises(SourceRefused, match="max_body"):
            await tickets(rest(upstream.url, limits={"rate": "1000/s", "max_body": "8MB"}))
        watching.cancel()

    assert max(peaks) - before < 60 * 1024**2


async def test_a_deflate_bomb_stops_at_the_limit_too():
    packed = zlib.compress(b" " * (64 * 1024**2), 9)

    async with serving(lambda _: raw(packed, **{"Content-Encoding": "deflate"})) as upstream:
        with pytest.raises(SourceRefused, match="max_body"):
            await tickets(rest(upstream.url, limits={"rate": "1000/s", "max_body": "1MB"}))


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [("gzip", gzip.compress), ("deflate", zlib.compress), ("deflate", lambda body: zlib.compress(body, wbits=-15))],
)
async def test_a_compressed_answer_reads(encoding: str, pack: Callable[[bytes], bytes]):
    packed = pack(b'[{"id": 1}]')

    async with serving(lambda _: raw(packed, **{"Content-Encoding": encoding})) as upstream:
        assert await tickets(rest(upstream.url)) == ONE


Certificate = Callable[[str], tuple[ssl.SSLContext, Path]]


@pytest.fixture
def certificate(tmp_path: Path) -> Certificate:
    """Make a self-signed certificate for a name, valid for a number of days."""

    def make(name: str) -> tuple[ssl.SSLContext, Path]:
        key, pem = tmp_path / "key.pem", tmp_path / "ca.pem"
        command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", pem]
        subprocess.run(
            [*command, "-subj", "/CN=test", "-addext", f"subjectAltName={name}"], check=True, capture_output=True
        )
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(pem, key)
        return context, pem

    return make


async def test_an_answer_packed_as_nobody_asked_for_is_refused():
    async with serving(lambda _: raw(b"\x28\xb5\x2f\xfd[1]", **{"Content-Encoding": "zstd"})) as upstream:
        with pytest.raises(SourceRefused, match="packs its answer"):
            await tickets(rest(upstream.url))

    assert len(upstream.asked) == 1


async def test_headers_beyond_all_measure_are_not_read():
    async with serving(lambda _: raw(b"[]", **{"X-Big": "x" * 100_000})) as upstream:
        with pytest.raises(SourceUnavailable, match="no answer"):
            await tickets(rest(upstream.url))


async def test_a_thousand_cookies_do_not_pile_up():
    def answer(request: web.Request) -> web.Response:
        page = int(request.query["page"])
        response = json([{"id": page}] if page < 8 else [])
        for number in range(60):
            response.set_cookie(f"c{page}-{number}", "x" * 30)
        return response

    async with serving(answer) as upstream:
        assert len(await tickets(rest(upstream.url, page={"by": "page"}))) == 7

    assert max(len(request.headers.get("Cookie", "")) for request in upstream.asked) < 8192


async def test_a_redirect_to_another_host_is_refused_by_name():
    def moved(_: web.Request) -> web.Response:
        return raw(b"", status=302, Location="https://user:pw@evil.example/x?key=1")

    async with serving(moved) as upstream:
        with pytest.raises(SourceRefused, match=r"redirect to evil\.example") as caught:
            await tickets(rest(upstream.url))

    assert "pw" not in str(caught.value)


@pytest.mark.parametrize(
    ("location", "said"),
    [
        ("http://169.254.169.254/latest/meta-data", r"redirect to 169\.254\.169\.254"),
        ("//evil.example/x", r"redirect to evil\.example"),
        ("ftp://127.0.0.1/x", r"redirect to 127\.0\.0\.1"),
        ("file:///etc/passwd", "redirect to another path"),
        ("http://[", "redirect to what is no URL"),
        ("", "redirect to another path"),
    ],
)
async def test_a_redirect_that_leads_astray_is_refused(location: str, said: str):
    async with serving(lambda _: raw(b"", status=307, Location=location)) as upstream:
        with pytest.raises(SourceRefused, match=said):
            await tickets(rest(upstream.url, limits={"rate": "1000/s"}))


async def test_a_redirect_from_https_to_http_is_refused(certificate: Certificate):
    context, ca = certificate("IP:127.0.0.1")

    async with serving(lambda r: raw(b"", status=302, Location=f"http://{r.host}/"), tls=context) as upstream:
        with pytest.raises(SourceRefused, match="redirect to 127"):
            await tickets(rest(upstream.url, tls={"ca": str(ca)}))


async def test_a_post_is_not_sent_again_to_where_it_is_redirected():
    async with serving(lambda _: raw(b"", status=307, Location="/new")) as upstream:
        with pytest.raises(SourceRefused, match="redirect"):
            await tickets(rest(upstream.url, method="POST", body={"who": "张三"}))

    assert len(upstream.asked) == 1


async def test_a_redirect_on_the_same_host_is_followed():
    def moved(request: web.Request) -> web.Response:
        return json(ONE) if request.path == "/new" else raw(b"", status=301, Location="/new")

    async with serving(moved) as upstream:
        assert await tickets(rest(f"{upstream.url}/old")) == ONE


async def test_redirects_in_a_circle_are_refused():
    async with serving(lambda _: raw(b"", status=302, Location="/")) as upstream:
        with pytest.raises(SourceRefused, match="redirect"):
            await tickets(rest(upstream.url))

    assert len(upstream.asked) <= 4


@pytest.mark.parametrize(
    "host", ["169.254.169.254", "100.100.100.200", "0.0.0.0", "[::ffff:169.254.169.254]", "[fe80::1]", "2852039166"]
)
async def test_cloud_metadata_is_never_asked(host: str):
    with pytest.raises(SourceRefused, match=r"never asked|not a URL"):
        await tickets(rest(f"http://{host}/latest/meta-data"))


async def test_the_rate_is_kept():
    async with serving(in_turn(*([[{"id": n}] for n in range(6)]), [])) as upstream:
        source = rest(upstream.url, page={"by": "page"}, limits={"rate": "5/s"})
        started = time.monotonic()

        await tickets(source)

    assert time.monotonic() - started >= 0.3


async def test_an_excerpt_is_short_and_masked():
    said = "诉求人张三 13812345678 420802199001011234 someone@example.com token=abcdef 密" * 20

    async with serving(lambda _: raw(said, status=400)) as upstream:
        with pytest.raises(SourceRefused) as caught:
            await tickets(rest(upstream.url))

    told = str(caught.value)
    assert "138****" in told
    assert all(bare not in told for bare in ("13812345678", "199001011234", "someone@", "abcdef"))
    assert len(told.partition(": ")[2]) <= EXCERPT + 10


@pytest.mark.parametrize(
    ("encoding", "declared"),
    [("utf-8", "; charset=utf-8"), ("gbk", "; charset=gb2312"), ("gbk", ""), ("gbk", "; charset=utf-8")],
)
async def test_the_words_of_a_refusal_are_readable_in_the_encodings_that_old_systems_use(encoding: str, declared: str):
    async with serving(lambda _: raw("请求过于频繁".encode(encoding), f"text/plain{declared}", 403)) as upstream:
        with pytest.raises(SourceRefused, match="请求过于频繁"):
            await tickets(rest(upstream.url))


async def test_the_query_of_a_url_is_not_told():
    async with serving(status(404)) as upstream:
        with pytest.raises(SourceRefused) as caught:
            await tickets(rest(f"{upstream.url}/a?who=zhang", query={"code": "topsecret"}))

    assert "zhang" not in str(caught.value)
    assert "topsecret" not in str(caught.value)


def test_an_excerpt_has_no_control_characters_and_no_tags():
    assert excerpt("<h1>502\x00\x1b[31m Bad\n\n Gateway</h1>") == "502 [31m Bad Gateway"


async def asked_over_tls(context: ssl.SSLContext, **options: Any) -> Awaitable[Any]:
    async with serving(in_turn(ONE), tls=context) as upstream:
        return await tickets(build("rest", {**QUICK, "url": upstream.url, **options}))


async def test_a_self_signed_certificate_is_refused(certificate: Certificate):
    context, _ = certificate("IP:127.0.0.1")

    with pytest.raises(SourceRefused, match="self-signed"):
        await asked_over_tls(context)


async def test_a_certificate_for_another_host_is_refused(certificate: Certificate):
    context, ca = certificate("DNS:other.example")

    with pytest.raises(SourceRefused, match="certificate"):
        await asked_over_tls(context, tls={"ca": str(ca)})


AUTHORITY = """
[ca]
default_ca = own
[own]
database = index.txt
new_certs_dir = .
default_md = sha256
policy = any
x509_extensions = names
rand_serial = yes
[any]
commonName = optional
[names]
subjectAltName = IP:127.0.0.1
"""


async def test_an_expired_certificate_is_refused_even_of_a_trusted_authority(tmp_path: Path):
    def openssl(*words: str) -> None:
        subprocess.run(["openssl", *words], check=True, capture_output=True, cwd=tmp_path)

    (tmp_path / "ca.cnf").write_text(AUTHORITY)
    (tmp_path / "index.txt").touch()
    openssl(
        "req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-subj", "/CN=test", "-out", "csr.pem"
    )
    dates = ["-startdate", "20200101000000Z", "-enddate", "20200201000000Z"]
    signing = ["-selfsign", "-batch", "-config", "ca.cnf", "-keyfile", "key.pem", "-in", "csr.pem", "-out", "ca.pem"]
    openssl("ca", *signing, *dates)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tmp_path / "ca.pem", tmp_path / "key.pem")

    with pytest.raises(SourceRefused, match="expired"):
        await asked_over_tls(context, tls={"ca": str(tmp_path / "ca.pem")})


async def test_an_authority_named_in_the_configuration_is_trusted(certificate: Certificate):
    context, ca = certificate("IP:127.0.0.1")

    assert await asked_over_tls(context, tls={"ca": str(ca)}) == ONE


async def test_a_missing_authority_file_is_named():
    with pytest.raises(SourceRefused, match=r"tls\.ca: No such file"):
        await tickets(rest("https://127.0.0.1:9/", tls={"ca": "nowhere.pem"}))


@pytest.mark.parametrize("written", ["p&amp;s&lt;1&gt;", "p&#38;s&#60;1&#x3E;", "p&s<1>", "p%26s%3c1%3E"])
def test_a_secret_is_hidden_however_xml_or_a_url_writes_it(written: str):
    assert hide(f"no user {written} here", ["p&s<1>"]) == "no user *** here"


@pytest.fixture
def own_certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate of the hub's own, and its key under the password `k3yword`."""
    key, pem = tmp_path / "own.key", tmp_path / "own.pem"
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-passout",
        "pass:k3yword",
        "-keyout",
        key,
        "-out",
        pem,
    ]
    subprocess.run([*command, "-subj", "/CN=hub"], check=True, capture_output=True)
    return pem, key


async def test_the_hub_shows_its_own_certificate_where_a_source_asks_for_it(
    certificate: Certificate, own_certificate: tuple[Path, Path]
):
    (context, ca), (own, key) = certificate("IP:127.0.0.1"), own_certificate
    context.load_verify_locations(own)
    context.verify_mode = ssl.CERT_REQUIRED
    shown = {"certificate": str(own), "key": str(key), "password": "k3yword"}

    assert await asked_over_tls(context, tls={"ca": str(ca), **shown}) == ONE
    with pytest.raises(SourceUnavailable):
        await asked_over_tls(context, tls={"ca": str(ca)})


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"certificate": "nowhere.pem"}, r"tls\.certificate: No such file"),
        ({"certificate": "own.pem"}, "no certificate with its key"),
        ({"certificate": "own.pem", "key": "own.key"}, "no certificate with its key"),
        ({"certificate": "own.pem", "key": "own.key", "password": "wr0ng"}, "no certificate with its key"),
    ],
)
async def test_a_certificate_that_cannot_be_shown_is_named_and_nobody_is_asked_for_a_password(
    options: dict[str, str], said: str, own_certificate: tuple[Path, Path], tmp_path: Path
):
    source = build("rest", {**QUICK, "url": "https://127.0.0.1:9/", "tls": options}, tmp_path)

    with pytest.raises(SourceRefused, match=said) as caught:
        await tickets(source)

    assert "wr0ng" not in str(caught.value)


async def test_a_server_that_is_too_old_is_asked_only_where_told(certificate: Certificate):
    context, ca = certificate("IP:127.0.0.1")
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.maximum_version = ssl.TLSVersion.TLSv1

    assert await asked_over_tls(context, tls={"ca": str(ca), "legacy": True}) == ONE
    with pytest.raises(SourceError):
        await asked_over_tls(context, tls={"ca": str(ca)})


async def test_a_server_that_is_too_old_is_told_with_the_cure():
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1024)
        writer.write(bytes.fromhex("15030100020246"))  # a fatal alert: protocol version
        await writer.drain()
        await reader.read()
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(SourceRefused, match=r"no TLS that both sides know \(TLSV1_ALERT.*legacy: true"):
            await tickets(rest(f"https://127.0.0.1:{port}/"))


def test_a_key_without_its_certificate_is_named():
    with pytest.raises(ValidationError, match="belong to a `certificate`"):
        rest("https://host.example/", tls={"key": "own.key"})
