"""Logging in as a person does: forms, challenges, cookies, and sessions that end in the middle."""

import base64
import hashlib
import subprocess
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from pulling import ids, pages, rest, stored, tickets
from pydantic import ValidationError
from upstream import Upstream, json, raw, serving

from hub.errors import SourceRefused

FORM = """<!DOCTYPE html><html><body><form action=/login method=post>
<input type="hidden" name="_csrf" value="{0}"><input name=user><input type=password name=pass></form>"""


class Portal:
    """A system made for people: a form with a CSRF token, a session of two cookies, its login page for anyone else."""

    def __init__(self, good_for: int = 1000, ending: str = "redirect") -> None:
        self.good_for = good_for
        self.ending = ending
        self.logins = 0
        self.left = 0
        self.upstream = Upstream(self)

    def __call__(self, request: web.Request) -> web.StreamResponse:
        if request.path == "/login":
            return self.form() if request.method == "GET" else self.enter(request)
        if request.path == "/home":
            return raw("<html>欢迎", "text/html", **{"Set-Cookie": "route=b; Path=/"})
        shown = request.cookies
        if shown.get("SESSION") != f"session-number-{self.logins}" or shown.get("route") != "b" or self.left <= 0:
            return self.form() if self.ending == "page" else raw(b"", status=302, Location="/login")
        self.left -= 1
        page = int(request.query["page"])
        return json([{"id": page}] if page < 6 else [])

    def form(self) -> web.Response:
        return raw(FORM.format(f"csrf&amp;{self.logins}"), "text/html", **{"Set-Cookie": "seen=1; Path=/"})

    def enter(self, request: web.Request) -> web.StreamResponse:
        fields = dict(pair.split("=") for pair in self.upstream.bodies[-1].decode().split("&"))
        known = {"user": "hub", "pass": "p4ssword", "_csrf": f"csrf%26{self.logins}"}
        if fields != known or request.cookies.get("seen") != "1":
            return self.form()
        self.logins += 1
        self.left = self.good_for
        session = f"SESSION=session-number-{self.logins}; Path=/; HttpOnly"
        return raw(b"", status=302, Location="/home", **{"Set-Cookie": session})


def source_of(portal: Portal, password: str = "p4ssword") -> Any:
    url = portal.upstream.url
    login = {
        "first": [{"url": f"{url}/login", "read": {"csrf": {"field": "_csrf"}}}],
        "url": f"{url}/login",
        "type": "form",
        "send": {"user": "hub", "pass": password, "_csrf": "{csrf}"},
        "cookies": True,
    }
    return rest(f"{url}/t", page={"by": "page"}, auth={"login": login})


async def test_a_form_with_a_csrf_token_opens_a_session_of_several_cookies():
    async with serving(portal := Portal()) as portal.upstream:
        assert ids(await tickets(source_of(portal))) == [1, 2, 3, 4, 5]

    assert portal.logins == 1


async def test_a_session_serves_the_next_run_too():
    async with serving(portal := Portal()) as portal.upstream:
        source = source_of(portal)

        await tickets(source)
        await tickets(source)

    assert portal.logins == 1


@pytest.mark.parametrize("ending", ["redirect", "page"])
async def test_a_session_that_ends_is_opened_anew_once_and_no_ticket_is_lost(ending: str):
    async with serving(portal := Portal(good_for=3, ending=ending)) as portal.upstream:
        assert ids(await tickets(source_of(portal))) == [1, 2, 3, 4, 5]

    assert portal.logins == 2


@pytest.mark.parametrize("ending", ["redirect", "page"])
async def test_a_session_that_is_never_good_ends_the_run(ending: str):
    async with serving(portal := Portal(good_for=0, ending=ending)) as portal.upstream:
        with pytest.raises(SourceRefused, match=r"redirect to another path|not JSON but text/html"):
            await tickets(source_of(portal))

    assert portal.logins == 2


async def test_a_wrong_password_is_tried_once_so_that_no_account_is_locked():
    async with serving(portal := Portal()) as portal.upstream:
        with pytest.raises(SourceRefused, match=r"login form again; check the credentials"):
            await tickets(source_of(portal, "wr0ng-p4ss"))

    assert [request.path for request in portal.upstream.asked if request.method == "POST"] == ["/login"]


async def test_a_session_is_masked_where_the_source_echoes_it():
    def echo(request: web.Request) -> web.StreamResponse:
        answer = portal(request)
        return json({"cookie": request.headers["Cookie"]}, 400) if request.path == "/t" else answer

    portal = Portal()
    async with serving(echo) as portal.upstream:
        with pytest.raises(SourceRefused, match="answered 400") as caught:
            await tickets(source_of(portal))

    assert "session-number" not in str(caught.value)


def hashed(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()


async def test_a_challenge_is_answered_with_a_hash_of_it_and_the_password():
    def answer(request: web.Request) -> web.Response:
        if request.path == "/salt":
            return json({"data": {"salt": "s4lt", "who": request.query["user"]}})
        if request.path == "/login":
            return json({"data": {"token": "t0ken-of-ours"}})
        return json([{"id": 1}])

    async with serving(answer) as upstream:
        login = {
            "values": {"password": "p4ssword", "half": {"hash": "md5", "of": "{password}"}},
            "first": [{"url": f"{upstream.url}/salt", "send": {"user": "hub"}, "read": {"salt": "data.salt"}}],
            "url": f"{upstream.url}/login",
            "send": {"user": "hub", "password": {"hash": "md5", "of": "{half}{salt}"}},
            "token": "data.token",
            "as": {"header": "X-Token"},
        }
        await tickets(rest(f"{upstream.url}/t", auth={"login": login}))

    sent = hashed(hashed("p4ssword") + "s4lt")
    assert upstream.bodies[1] == f'{{"user":"hub","password":"{sent}"}}'.encode()
    assert upstream.asked[2].headers["X-Token"] == "t0ken-of-ours"


async def test_the_hash_of_a_password_is_masked_as_the_password_is():
    def echo(request: web.Request) -> web.Response:
        return raw(upstream.bodies[-1], status=400)

    async with serving(echo) as upstream:
        send = {"user": "hub", "proof": {"hash": "md5", "of": "p4ssword"}}
        with pytest.raises(SourceRefused, match="answered 400") as caught:
            await tickets(rest(upstream.url, auth={"login": {"url": upstream.url, "send": send, "token": "t"}}))

    assert hashed("p4ssword") not in str(caught.value)


async def test_a_token_from_a_cookie_goes_back_in_a_header_beside_it():
    """As Django and Angular want it: the cookie, and the same value in X-XSRF-TOKEN."""

    def answer(request: web.Request) -> web.Response:
        if request.path == "/csrf":
            return json({}, **{"Set-Cookie": "XSRF-TOKEN=x5rf-of-today; Path=/"})
        same = request.cookies.get("XSRF-TOKEN") == request.headers.get("X-XSRF-TOKEN") == "x5rf-of-today"
        return json([{"id": 1}] if same else {}, 200 if same else 403)

    async with serving(answer) as upstream:
        login = {"url": f"{upstream.url}/csrf", "method": "GET", "read": {"xsrf": {"cookie": "XSRF-TOKEN"}}}
        sign = {"headers": {"X-XSRF-TOKEN": "{xsrf}"}}

        assert await tickets(rest(f"{upstream.url}/t", auth={"login": login, "sign": sign})) == [{"id": 1}]


@pytest.mark.parametrize(
    ("page", "place"),
    [
        ('<meta name="csrf-token" content="abc">', {"field": "csrf-token"}),
        ("<form><input type=hidden id=token value='abc'>", {"field": "token"}),
        (" " * 30_000 + "<script>window.token = 'abc';</script>", {"match": r"token = '([^']+)'"}),
        ("ignored", {"header": "X-Csrf"}),
    ],
)
async def test_a_value_is_read_wherever_a_page_holds_it(page: str, place: dict[str, str]):
    async with serving(
        lambda r: raw(page, "text/html", **{"X-Csrf": "abc"}) if r.path == "/p" else json([])
    ) as upstream:
        login = {"url": f"{upstream.url}/p", "method": "GET", "read": {"csrf": place}}

        await tickets(rest(f"{upstream.url}/t", auth={"login": login, "sign": {"headers": {"X-Back": "{csrf}"}}}))

    assert upstream.asked[1].headers["X-Back"] == "abc"


async def test_a_value_that_is_not_there_is_named():
    async with serving(lambda _: raw("<html>", "text/html")) as upstream:
        login = {"url": upstream.url, "method": "GET", "read": {"csrf": {"field": "_csrf"}}}

        with pytest.raises(SourceRefused, match="holds no `_csrf`"):
            await tickets(rest(upstream.url, auth={"login": login}))


async def test_a_token_may_be_got_by_a_get_and_say_how_long_it_lives():
    """As WeChat's gateway gives it out, and as Seeyon's office does, with the secrets in the URL."""

    def answer(request: web.Request) -> web.Response:
        if request.path.startswith("/token/"):
            return json({"access": f"t0ken-{len(upstream.asked)}", "expires_in": 0})
        return json([{"id": 1}] if request.query.get("page") == "1" else [])

    async with serving(answer) as upstream:
        login = {
            "values": {"user": "rest/接口", "password": "p4ss w"},
            "method": "GET",
            "url": f"{upstream.url}/token/{{user}}/{{password}}",
            "token": "access",
            "expires": "expires_in",
            "as": {"query": "token"},
        }
        source = rest(f"{upstream.url}/t", page={"by": "page"}, auth={"login": login})
        await tickets(source)
        upstream.answer = lambda _: json({}, 403)
        with pytest.raises(SourceRefused) as caught:
            await tickets(source)

    assert upstream.asked[0].raw_path == "/token/rest%2F%E6%8E%A5%E5%8F%A3/p4ss%20w"
    assert [request.query.get("token") for request in upstream.asked] == [None, "t0ken-1", None, "t0ken-3", None]
    assert "p4ss" not in str(caught.value)


async def test_a_secret_is_sent_as_a_cipher_that_only_the_source_can_read(tmp_path: Path):
    """As Weaver's office wants it: a registration gives the key, and every question names the user by a cipher."""
    key, public = tmp_path / "key.pem", tmp_path / "public.pem"
    subprocess.run(["openssl", "genrsa", "-out", key, "2048"], check=True, capture_output=True)
    subprocess.run(["openssl", "rsa", "-in", key, "-pubout", "-out", public], check=True, capture_output=True)
    bare = "".join(public.read_text().splitlines()[1:-1])

    def opened(cipher: str) -> str:
        command = ["openssl", "pkeyutl", "-decrypt", "-inkey", key]
        return subprocess.run(command, input=base64.b64decode(cipher), check=True, capture_output=True).stdout.decode()

    def answer(request: web.Request) -> web.Response:
        if request.path == "/regist":
            return json({"secrit": "s3crit", "spk": bare})
        return json({"token": "t0ken-of-ours"} if request.path == "/applytoken" else [{"id": 1}])

    async with serving(answer) as upstream:
        login = {
            "first": [
                {
                    "url": f"{upstream.url}/regist",
                    "method": "POST",
                    "headers": {"appid": "HUB"},
                    "read": {"secrit": "secrit", "spk": "spk"},
                }
            ],
            "url": f"{upstream.url}/applytoken",
            "headers": {
                "appid": "HUB",
                "secret": {"encrypt": "rsa", "key": "{spk}", "of": "{secrit}"},
                "time": {"timestamp": "epoch_s"},
            },
            "token": "token",
            "as": {"header": "token"},
        }
        sign = {"headers": {"appid": "HUB", "userid": {"encrypt": "rsa", "key": "{spk}", "of": "1"}}}
        await tickets(rest(f"{upstream.url}/t", auth={"login": login, "sign": sign}))

    applied, asked = upstream.asked[1].headers, upstream.asked[2].headers
    assert (opened(applied["secret"]), opened(asked["userid"])) == ("s3crit", "1")
    assert asked["token"] == "t0ken-of-ours"
    assert applied["time"].isdigit()


@pytest.mark.parametrize(
    ("cipher", "words"),
    [
        ({"encrypt": "aes_ecb"}, ["-aes-128-ecb"]),
        ({"encrypt": "aes_cbc", "iv": "fedcba9876543210"}, ["-aes-128-cbc", "-iv", b"fedcba9876543210".hex()]),
        ({"encrypt": "sm4_ecb"}, ["-sm4-ecb"]),
        ({"encrypt": "sm4_cbc", "iv": "fedcba9876543210"}, ["-sm4-cbc", "-iv", b"fedcba9876543210".hex()]),
    ],
)
async def test_a_password_is_sent_as_a_cipher_by_a_shared_key(cipher: dict[str, str], words: list[str]):
    async with serving(lambda r: json({"t": "t0ken"} if r.path == "/login" else [])) as upstream:
        send = {"password": {**cipher, "key": "0123456789abcdef", "of": "密码 p4ssword"}}
        login = {"url": f"{upstream.url}/login", "send": send, "token": "t", "type": "form"}
        await tickets(rest(f"{upstream.url}/t", auth={"login": login}))

    command = ["openssl", "enc", *words, "-K", b"0123456789abcdef".hex()]
    made = subprocess.run(command, input="密码 p4ssword".encode(), check=True, capture_output=True).stdout
    assert upstream.bodies[0].decode().replace("%3D", "=").replace("%2B", "+").replace("%2F", "/") == (
        f"password={base64.b64encode(made).decode()}"
    )


@pytest.mark.parametrize(
    ("place", "body", "sent"),
    [
        ({"body": "token"}, {"a": 1}, b'{"a":1,"token":"t0ken"}'),
        ({"body": "head.token", "prefix": "T "}, {"head": {"v": 2}}, b'{"head":{"v":2,"token":"T t0ken"}}'),
    ],
)
async def test_a_token_can_go_into_the_body(place: dict[str, str], body: dict[str, Any], sent: bytes):
    async with serving(lambda r: json({"t": "t0ken"} if r.path == "/login" else [])) as upstream:
        login = {"url": f"{upstream.url}/login", "send": {"user": "hub"}, "token": "t", "as": place}
        await tickets(rest(f"{upstream.url}/t", method="POST", body=body, auth={"login": login}))

    assert upstream.bodies[1] == sent


@pytest.mark.parametrize("place", [{"header": "X-Token"}, {"cookie": "SID"}])
async def test_a_token_that_would_begin_a_header_of_its_own_is_refused(place: dict[str, str]):
    async with serving(lambda r: json({"t": "a\r\nX-Evil: 1"} if r.path == "/login" else [])) as upstream:
        login = {"url": f"{upstream.url}/login", "send": {"user": "hub"}, "token": "t", "as": place}
        with pytest.raises(SourceRefused, match="line break"):
            await tickets(rest(f"{upstream.url}/t", auth={"login": login}))

    assert [request.path for request in upstream.asked] == ["/login"]


async def test_a_key_can_go_into_the_body_of_a_form():
    async with serving(lambda _: json([])) as upstream:
        options = {"method": "POST", "body": {"a": 1}, "body_type": "form"}
        await tickets(rest(upstream.url, auth={"api_key": {"body": "key", "value": "k&y"}}, **options))

    assert upstream.bodies == [b"a=1&key=k%26y"]


async def test_cookies_that_a_source_sets_unasked_go_back_to_it_and_are_not_stored():
    def answer(request: web.Request) -> web.Response:
        more = int(request.query["page"]) < 3
        return json([{"id": request.query["page"]}] if more else [], **{"Set-Cookie": "balancer=node-7; Path=/"})

    async with serving(answer) as upstream:
        found = await pages(rest(upstream.url, page={"by": "page"}))

    assert [request.cookies.get("balancer") for request in upstream.asked] == [None, "node-7", "node-7"]
    assert "node-7" not in repr([stored(page.cursor) for page in found])


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"send": {"a": "b"}}, "either `token`"),
        ({"token": "t", "cookie": "c"}, "either `token`"),
        ({"token": "t", "send": {"p": {"hash": "md5", "of": "{pasword}"}}}, "no value is called {pasword}"),
        ({"token": "t", "url": "https://h.example/{user}"}, "no value is called {user}"),
        ({"read": {"x": {"match": "(a+)+"}}}, "nest"),
        ({"read": {"x": {}}}, "exactly one of"),
        ({"read": {"x": "a[b"}}, "path"),
        ({"token": "t", "as": {"body": "a", "query": "b"}}, "exactly one of"),
    ],
)
def test_a_login_that_cannot_work_is_named(wrong: dict[str, Any], said: str):
    with pytest.raises(ValidationError, match=said):
        rest("https://host.example/", auth={"login": {"url": "https://h.example/login", **wrong}})
