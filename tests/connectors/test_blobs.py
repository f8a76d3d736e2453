"""Files behind HTTP: index pages of web servers and lists of object stores, and what else may be answered."""

import asyncio
import functools
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from pulling import QUICK, build, ids, pages, stored, tickets
from upstream import Upstream, raw, serving

from hub.connectors.base import Connector
from hub.errors import SourceRefused, SourceUnavailable

NGINX = """<html><head><title>Index of /export/</title></head><body><h1>Index of /export/</h1><hr><pre>
<a href="../">../</a>
<a href="2026/">2026/</a>                                          01-Mar-2026 06:30                   -
<a href="a%20b.csv">a b.csv</a>                                    01-Mar-2026 06:30                   5
<a href="%E4%BF%A1%E8%AE%BF.csv">信访.csv</a>                      01-Mar-2026 06:31                   5
</pre><hr></body></html>"""
APACHE = """<html><head><title>Index of /export</title></head><body><h1>Index of /export</h1><table>
<tr><th><a href="?C=N;O=D">Name</a></th><th><a href="?C=M;O=A">Last modified</a></th><th>Size</th></tr>
<tr><td><a href="/">Parent Directory</a></td><td>&nbsp;</td><td align="right">  - </td></tr>
<tr><td><a href="a.csv">a.csv</a></td><td align="right">2026-03-01 06:30  </td><td align="right">1.2K</td></tr>
<tr><td><a href="//evil.example/export/b.csv">b.csv</a></td><td></td><td></td></tr>
<tr><td><a href="http://127.0.0.1:1/export/c.csv">c.csv</a></td><td></td><td></td></tr>
<tr><td><a href="../secret/d.csv">d.csv</a></td><td></td><td></td></tr>
<tr><td><a href="javascript:alert(1)">e.csv</a></td><td></td><td></td></tr>
</table></body></html>"""
CSV = b"id\n1\n"


def files(upstream: Upstream | str, pick: str = "*.csv", **options: Any) -> Connector:
    at = upstream if isinstance(upstream, str) else f"{upstream.url}/export/"
    return build("files", {**QUICK, "at": at, "pick": pick, "ready": {"unchanged_for": "0s"}, **options})


def answering(listing: str, content_type: str = "text/html; charset=utf-8", **held: bytes) -> Any:
    def answer(request: web.Request) -> web.Response:
        if request.path.endswith("/"):
            return raw(listing, content_type)
        return raw(CSV.replace(b"1", request.path.rpartition("/")[2].encode()), "text/csv")

    return answer


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder behind the web server that Python brings."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=tmp_path))
    threading.Thread(target=server.serve_forever).start()
    yield tmp_path, f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


async def test_a_folder_behind_a_real_web_server_is_read_once(folder: tuple[Path, str]):
    root, url = folder
    (root / "信访 1.csv").write_bytes(CSV)
    (root / "2026").mkdir()
    (root / "2026" / "b.csv").write_bytes(b"id\n2\n")
    source = files(url, "**/*.csv")

    found = await pages(source)
    again = await tickets(source, stored(found[-1].cursor))

    assert (sorted(ids([t for page in found for t in page.tickets])), again) == (["1", "2"], [])


async def test_an_empty_folder_is_empty(folder: tuple[Path, str]):
    assert await tickets(files(folder[1])) == []


async def test_the_index_of_nginx_is_read():
    async with serving(answering(NGINX)) as upstream:
        found = await pages(files(upstream))

    assert ids([t for page in found for t in page.tickets]) == ["a b.csv", "信访.csv"]
    assert [size for size, *_ in stored(found[-1].cursor)["done"].values()] == [5, 5]


async def test_of_the_index_of_apache_only_what_lies_in_the_folder_is_asked_for():
    async with serving(answering(APACHE)) as upstream:
        assert ids(await tickets(files(upstream))) == ["a.csv"]

    assert [request.path for request in upstream.asked] == ["/export/", "/export/a.csv"]


async def test_names_in_gb18030_are_read_as_the_server_writes_them():
    page = NGINX.replace("%E4%BF%A1%E8%AE%BF", "%D0%C5%B7%C3")
    async with serving(answering(page)) as upstream:
        found = await pages(files(upstream, "信访*.csv", name_encoding="gb18030"))

    assert list(stored(found[-1].cursor)["done"]) == ["信访.csv"]
    assert upstream.asked[-1].raw_path == "/export/%D0%C5%B7%C3.csv"


async def test_a_file_that_changed_in_the_index_is_read_again():
    async with serving(answering(NGINX)) as upstream:
        cursor = stored((await pages(files(upstream, "a*.csv")))[-1].cursor)
        upstream.answer = answering(NGINX.replace("06:30                   5", "07:00                   5"))

        found = await pages(files(upstream, "a*.csv"), cursor)

    assert len(found) == 1  # It came again, with the same content: nothing new in it.
    assert stored(found[-1].cursor) != cursor


BUCKET = """<?xml version="1.0" encoding="UTF-8"?>
<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name><Prefix>{prefix}</Prefix>
<IsTruncated>{cut}</IsTruncated>{next}{contents}</ListBucketResult>"""
OBJECT = "<Contents><Key>{}</Key><LastModified>2026-03-01T06:30:0{}.000Z</LastModified><Size>5</Size></Contents>"
KEYS = ["a.csv", "out/", "out/信访 1.csv", "out/c.csv", "out/deep/d.csv"]


def bucket(request: web.Request) -> web.Response:
    """List a bucket two keys at a time, as an object store does."""
    if not request.path.endswith("/export/"):
        return raw(CSV.replace(b"1", request.path.rpartition("/")[2].encode()), "text/csv")
    prefix = request.query.get("prefix", "")
    below = [key for key in KEYS if key.startswith(prefix)]
    plain = [key for key in below if "/" not in key.removeprefix(prefix)]
    folders = sorted({prefix + key.removeprefix(prefix).partition("/")[0] + "/" for key in set(below) - set(plain)})
    start = int(request.query.get("continuation-token", 0))
    told = [OBJECT.format(key, number) for number, key in enumerate(plain)]
    told += [f"<CommonPrefixes><Prefix>{name}</Prefix></CommonPrefixes>" for name in folders]
    cut = start + 2 < len(told)
    following = f"<NextContinuationToken>{start + 2}</NextContinuationToken>" if cut else ""
    contents = "".join(told[start : start + 2])
    return raw(BUCKET.format(prefix=prefix, cut=str(cut).lower(), next=following, contents=contents), "application/xml")


@pytest.mark.parametrize(
    ("pick", "found"),
    [("*.csv", ["a.csv"]), ("out/*.csv", ["信访 1.csv", "c.csv"]), ("**/d.csv", ["d.csv"])],
)
async def test_the_list_of_an_object_store_is_read_prefix_by_prefix_page_by_page(pick: str, found: list[str]):
    async with serving(bucket) as upstream:
        source = files(upstream, pick)

        first = await pages(source)
        again = await tickets(source, stored(first[-1].cursor))

    assert (ids([t for page in first for t in page.tickets]), again) == (found, [])


async def test_a_list_that_leads_in_circles_is_refused():
    circle = BUCKET.format(prefix="", cut="true", next="<NextContinuationToken>1</NextContinuationToken>", contents="")
    async with serving(answering(circle, "application/xml")) as upstream:
        with pytest.raises(SourceRefused, match="already read"):
            await tickets(files(upstream))


async def test_names_of_objects_that_lead_elsewhere_are_refused():
    evil = BUCKET.format(prefix="", cut="false", next="", contents=OBJECT.format("../../x.csv", 1))
    async with serving(answering(evil, "application/xml")) as upstream:
        with pytest.raises(SourceRefused, match="leads out of the folder"):
            await tickets(files(upstream))


@pytest.mark.parametrize(
    ("listing", "content_type"),
    [
        ("<html><title>登录</title><form><a href='https://sso.example/'>登录</a></form></html>", "text/html"),
        ('{"files": []}', "application/json"),
        ("<rss><item/></rss>", "application/xml"),
        ('<!DOCTYPE r [<!ENTITY e SYSTEM "file:///etc/passwd">]><r>&e;</r>', "application/xml"),
    ],
)
async def test_an_answer_that_is_no_index_is_refused_rather_than_read_as_an_empty_folder(
    listing: str, content_type: str
):
    async with serving(answering(listing, content_type)) as upstream:
        with pytest.raises(SourceRefused, match="no index of files"):
            await tickets(files(upstream))


async def test_a_page_that_comes_in_the_place_of_a_file_is_refused():
    def answer(request: web.Request) -> web.Response:
        return raw(NGINX if request.path.endswith("/") else "<html>请登录</html>", "text/html; charset=utf-8")

    async with serving(answer) as upstream:
        with pytest.raises(SourceRefused, match="came as a page: '请登录'"):
            await tickets(files(upstream))


async def test_a_file_that_vanished_is_left_out():
    def answer(request: web.Request) -> web.Response:
        return raw(NGINX, "text/html") if request.path.endswith("/") else raw("gone", "text/plain", 404)

    async with serving(answer) as upstream:
        assert await tickets(files(upstream)) == []


async def test_a_file_beyond_the_limit_is_refused():
    def answer(request: web.Request) -> web.Response:
        return raw(NGINX, "text/html") if request.path.endswith("/") else raw(b"1\n" * 5000, "text/csv")

    async with serving(answer) as upstream:
        with pytest.raises(SourceRefused, match="max_body"):
            await tickets(files(upstream, limits={"max_body": "4KB", "rate": "1000/s"}))


async def test_a_server_that_is_busy_is_asked_again_and_then_given_up():
    async with serving(lambda request: raw("busy", "text/plain", 503)) as upstream:
        with pytest.raises(SourceUnavailable, match="503"):
            await tickets(files(upstream))

    assert len(upstream.asked) == 3


async def test_an_index_without_end_is_refused():
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/html"})
        await response.prepare(request)
        while True:
            await response.write(b'<a href="a.csv">a.csv</a>\n' * 1000)
            await asyncio.sleep(0)

    async with serving(endless) as upstream:
        with pytest.raises(SourceRefused, match="max_body"):
            await tickets(files(upstream, limits={"max_body": "1MB", "rate": "1000/s"}))


@pytest.mark.parametrize(
    ("auth", "header"),
    [({"password": "made-up-1"}, "Basic aHViOm1hZGUtdXAtMQ=="), ({"token": "made-up-2"}, "Bearer made-up-2")],
)
async def test_a_password_or_a_token_goes_with_every_question(auth: dict[str, str], header: str):
    async with serving(answering(NGINX)) as upstream:
        at = f"{upstream.url}/export/".replace("127", "hub@127") if "password" in auth else f"{upstream.url}/export/"

        await tickets(files(at, auth=auth))

    assert {request.headers["Authorization"] for request in upstream.asked} == {header}
