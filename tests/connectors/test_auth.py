"""Every way to prove who is asking, and what happens when a token is no longer taken."""

import base64
import hmac
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from aiohttp import web
from orjson import loads
from pulling import ids, rest, tickets
from pydantic import ValidationError
from upstream import Upstream, json, raw, serving

from hub.errors import SourceRefused, SourceUnavailable

ONE = [{"id": 1}]


async def first_asked(**options: Any) -> web.Request:
    async with serving(lambda _: json(ONE)) as upstream:
        await tickets(rest(upstream.url, **options))
    return upstream.asked[0]


async def test_a_key_goes_in_a_header():
    request = await first_asked(auth={"api_key": {"header": "X-Key", "value": "secret"}})

    assert request.headers["X-Key"] == "secret"


async def test_a_key_goes_in_the_query_beside_what_is_there():
    request = await first_asked(
        query={"kind": "open", "all": True}, auth={"api_key": {"query": "key", "value": "a+b&c"}}
    )

    assert dict(request.query) == {"kind": "open", "all": "true", "key": "a+b&c"}


async def test_basic_goes_as_utf8():
    request = await first_asked(auth={"basic": {"username": "张三", "password": "密:码"}})

    assert base64.b64decode(request.headers["Authorization"].removeprefix("Basic ")).decode() == "张三:密:码"


async def test_bearer_goes_as_it_is():
    request = await first_asked(auth={"bearer": "secret"})

    assert request.headers["Authorization"] == "Bearer secret"


class Gate:
    """Gives tokens out and takes each for so many questions."""

    def __init__(self, good_for: int = 1000, lifetime: Any = 3600) -> None:
        self.good_for = good_for
        self.lifetime = lifetime
        self.given = 0
        self.left = 0
        self.refusal = 401
        self.login_status = 200

    def __call__(self, request: web.Request) -> web.Response:
        if request.path == "/token":
            self.given += 1
            self.left = self.good_for
            token = f"token-{self.given}"
            body = {"access_token": token, "expires_in": self.lifetime, "data": {"token": token}}
            return json(body, self.login_status, **{"Set-Cookie": f"SID={token}; Path=/"})
        if self.shown(request) != f"token-{self.given}" or self.left <= 0:
            return json({"code": 40101, "message": "expired"}, self.refusal)
        self.left -= 1
        page = int(request.query["page"])
        return json({"code": 0, "rows": [{"id": page}] if page < 6 else []})

    @staticmethod
    def shown(request: web.Request) -> str:
        header = request.headers.get("Authorization", "").removeprefix("Bearer ")
        return header or request.query.get("token") or request.cookies.get("SID", "")


def oauth2(upstream: Upstream, **options: Any) -> dict[str, Any]:
    return {"oauth2": {"token_url": f"{upstream.url}/token", "client_id": "hub", "client_secret": "s/e c", **options}}


def paged(upstream: Upstream, auth: dict[str, Any], **options: Any) -> Any:
    return rest(f"{upstream.url}/t", records="rows", page={"by": "page"}, auth=auth, **options)


async def test_one_token_serves_a_whole_run_and_the_next():
    async with serving(gate := Gate()) as upstream:
        source = paged(upstream, oauth2(upstream))

        assert ids(await tickets(source)) == ids(await tickets(source)) == [1, 2, 3, 4, 5]

    assert gate.given == 1


async def test_a_token_that_grew_old_is_fetched_anew():
    async with serving(gate := Gate(lifetime=0)) as upstream:
        await tickets(paged(upstream, oauth2(upstream)))

    assert gate.given == 6


@pytest.mark.parametrize("lifetime", [None, "soon", -1, 10**12, "60"])
async def test_any_lifetime_of_a_token_is_borne(lifetime: Any):
    async with serving(Gate(lifetime=lifetime)) as upstream:
        assert len(await tickets(paged(upstream, oauth2(upstream)))) == 5


async def test_a_401_renews_the_token_once_and_loses_no_ticket():
    async with serving(gate := Gate(good_for=3)) as upstream:
        assert ids(await tickets(paged(upstream, oauth2(upstream)))) == [1, 2, 3, 4, 5]

    assert gate.given == 2


async def test_a_second_401_in_a_run_is_refused_so_that_no_loop_arises():
    async with serving(gate := Gate(good_for=2)) as upstream:
        with pytest.raises(SourceRefused, match="answered 401"):
            await tickets(paged(upstream, oauth2(upstream)))

    assert gate.given == 2


async def test_many_calls_at_once_share_one_renewal():
    def answer(request: web.Request) -> web.Response:
        if request.path.startswith("/detail"):
            return json({"ok": 1}) if gate.shown(request) == "token-2" else json({}, 401)
        if request.path == "/token":
            return gate(request)
        return json([{"id": number} for number in range(20)])

    async with serving(answer) as upstream:
        gate = Gate()
        limits = {"rate": "10000/s", "concurrency": 8}
        source = rest(f"{upstream.url}/t", auth=oauth2(upstream), detail={"url": "/detail/{id}"}, limits=limits)

        found = await tickets(source)

    assert [ticket["detail"] for ticket in found] == [{"ok": 1}] * 20
    assert gate.given == 2


async def test_an_envelope_that_says_expired_renews_the_token_too():
    async with serving(gate := Gate(good_for=3)) as upstream:
        gate.refusal = 200
        error = {"path": "code", "ok": [0], "message": "message", "expired": [40101]}

        found = await tickets(paged(upstream, oauth2(upstream), error=error))

    assert ids(found) == [1, 2, 3, 4, 5]


async def test_oauth2_client_proves_itself_in_the_header_percent_encoded():
    async with serving(Gate()) as upstream:
        await tickets(paged(upstream, oauth2(upstream, scope="report.read")))

    token_request = upstream.asked[0]
    assert base64.b64decode(token_request.headers["Authorization"].removeprefix("Basic ")) == b"hub:s%2Fe%20c"
    assert upstream.bodies[0] == b"grant_type=client_credentials&scope=report.read"


async def test_oauth2_client_may_prove_itself_in_the_body():
    async with serving(Gate()) as upstream:
        await tickets(paged(upstream, oauth2(upstream, style="body")))

    assert upstream.bodies[0] == b"grant_type=client_credentials&client_id=hub&client_secret=s%2Fe+c"


@pytest.mark.parametrize(
    "carried",
    [
        {"token": "data.token"},
        {"token": "data.token", "as": {"query": "token"}},
        {"token": "data.token", "as": {"cookie": "SID"}},
        {"cookie": "SID", "as": {"cookie": "SID"}},
        {"token": "data.token", "type": "form"},
    ],
)
async def test_a_login_gives_a_token_that_is_carried_as_told(carried: dict[str, Any]):
    async with serving(gate := Gate(good_for=3)) as upstream:
        login = {"url": f"{upstream.url}/token", "send": {"user": "hub", "password": "pässword"}, **carried}

        assert ids(await tickets(paged(upstream, {"login": login}))) == [1, 2, 3, 4, 5]

    assert gate.given == 2
    assert b"password" in upstream.bodies[0]


async def test_a_login_that_is_refused_is_tried_once_so_that_no_account_is_locked():
    async with serving(gate := Gate()) as upstream:
        gate.login_status = 401
        login = {"url": f"{upstream.url}/token", "send": {"password": "wr0ng-p4ss"}, "token": "data.token"}

        with pytest.raises(SourceRefused, match="credentials") as caught:
            await tickets(paged(upstream, {"login": login}))

    assert gate.given == 1
    assert "wr0ng" not in str(caught.value)


async def test_a_token_server_that_is_away_is_worth_another_try():
    async with serving(gate := Gate()) as upstream:
        gate.login_status = 503

        with pytest.raises(SourceUnavailable):
            await tickets(paged(upstream, oauth2(upstream)))

    assert gate.given == 3


@pytest.mark.parametrize("answer", ["{}", "[]", '{"access_token": ""}', '{"access_token": 5}', '"text"'])
async def test_an_answer_without_a_token_is_refused(answer: str):
    async with serving(lambda _: raw(answer)) as upstream:
        with pytest.raises(SourceRefused, match="access_token"):
            await tickets(paged(upstream, oauth2(upstream)))


class Refreshing:
    """Gives short-lived tokens, each with the token to refresh it by; that one is good once."""

    def __init__(self) -> None:
        self.forms: list[dict[str, str]] = []
        self.revoked = False
        self.upstream = Upstream(self)

    def __call__(self, request: web.Request) -> web.Response:
        if request.path != "/token":
            return json([{"id": page}] if (page := request.query["page"]) < "3" else [])
        form = dict(parse_qsl(self.upstream.bodies[-1].decode()))
        self.forms.append(form)
        last = f"refresh-{len(self.forms) - 1}"
        if form["grant_type"] == "refresh_token" and (self.revoked or form["refresh_token"] != last):
            return json({"error": "invalid_grant"}, 400)
        return json({"access_token": "t0ken", "expires_in": 0, "refresh_token": f"refresh-{len(self.forms)}"})


async def grants(gate: Refreshing, **options: Any) -> list[str]:
    async with serving(gate) as gate.upstream:
        await tickets(
            rest(
                f"{gate.upstream.url}/t",
                page={"by": "page"},
                auth={"oauth2": {"token_url": f"{gate.upstream.url}/token", **options}},
            )
        )
    return [form["grant_type"] for form in gate.forms]


async def test_a_token_is_refreshed_by_what_came_with_it():
    gate = Refreshing()
    user = {"grant": "password", "username": "hub", "password": "p4ss", "client_id": "app"}

    assert await grants(gate, **user) == ["password", "refresh_token", "refresh_token"]

    assert gate.forms[0] == {"grant_type": "password", "username": "hub", "password": "p4ss", "client_id": "app"}
    assert gate.forms[2]["refresh_token"] == "refresh-2"


async def test_where_refreshing_is_refused_the_password_is_given_again():
    gate = Refreshing()
    gate.revoked = True

    made = await grants(gate, grant="password", username="hub", password="p4ss")

    assert made == ["password", "refresh_token", "password", "refresh_token", "password"]


async def test_a_run_can_begin_with_a_token_to_refresh_by():
    assert await grants(Refreshing(), grant="refresh_token", refresh_token="refresh-0") == ["refresh_token"] * 3


def parts_of(token: str) -> list[Any]:
    return [loads(base64.urlsafe_b64decode(part + "==")) for part in token.split(".")[:2]]


def verified(token: str, public: Path, tmp_path: Path) -> bytes:
    """Have openssl say whether an RS256 token was signed with the key to that public key."""
    signed, _, signature = token.rpartition(".")
    (tmp_path / "signature").write_bytes(base64.urlsafe_b64decode(signature + "=="))
    command = ["openssl", "dgst", "-sha256", "-verify", public, "-signature", tmp_path / "signature"]
    return subprocess.run(command, input=signed.encode(), capture_output=True, check=False).stdout


@pytest.fixture
def rsa(tmp_path: Path) -> tuple[str, Path]:
    key, public = tmp_path / "key.pem", tmp_path / "public.pem"
    subprocess.run(["openssl", "genrsa", "-out", key, "2048"], check=True, capture_output=True)
    subprocess.run(["openssl", "rsa", "-in", key, "-pubout", "-out", public], check=True, capture_output=True)
    return key.read_text(), public


async def test_an_assertion_is_exchanged_for_a_token(rsa: tuple[str, Path], tmp_path: Path):
    gate, (key, public) = Refreshing(), rsa
    claims = {"iss": "app", "sub": "hub@city.example", "aud": "https://login.example"}

    await grants(gate, grant="jwt_bearer", assertion={"alg": "RS256", "key": key, "kid": "k1", "claims": claims})

    assert gate.forms[0]["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    header, said = parts_of(gate.forms[0]["assertion"])
    assert header == {"alg": "RS256", "typ": "JWT", "kid": "k1"}
    assert said.items() >= claims.items()
    assert said["exp"] - said["iat"] == 300
    assert verified(gate.forms[0]["assertion"], public, tmp_path) == b"Verified OK\n"


async def test_an_assertion_can_prove_the_client_in_place_of_a_secret(rsa: tuple[str, Path], tmp_path: Path):
    gate, (key, public) = Refreshing(), rsa

    await grants(gate, client_id="app", assertion={"alg": "RS256", "key": key, "claims": {"iss": "app"}})

    assert gate.forms[0]["grant_type"] == "client_credentials"
    assert gate.forms[0]["client_assertion_type"].endswith("client-assertion-type:jwt-bearer")
    assert verified(gate.forms[0]["client_assertion"], public, tmp_path) == b"Verified OK\n"


async def test_every_question_can_carry_a_token_that_the_hub_signs():
    async with serving(lambda r: json(ONE if r.query["page"] == "1" else [])) as upstream:
        jwt = {"alg": "HS256", "key": "short-k3y", "claims": {"iss": "hub"}, "ttl": "60s"}
        await tickets(rest(upstream.url, page={"by": "page"}, auth={"jwt": jwt}))

    one, other = (request.headers["Authorization"].removeprefix("Bearer ") for request in upstream.asked)
    signed, _, signature = one.rpartition(".")
    made = hmac.digest(b"short-k3y", signed.encode(), "sha256")
    assert base64.urlsafe_b64decode(signature + "==") == made
    assert parts_of(one)[1]["exp"] - parts_of(one)[1]["iat"] == 60
    assert parts_of(one)[1]["jti"] != parts_of(other)[1]["jti"]


async def test_a_key_of_the_wrong_kind_is_told_without_being_shown():
    with pytest.raises(SourceRefused, match="none for ES256") as caught:
        await first_asked(auth={"jwt": {"alg": "ES256", "key": "n0-pem-at-all", "as": {"query": "jwt"}}})

    assert "n0-pem" not in str(caught.value)


async def test_the_answer_of_a_token_server_may_be_in_an_envelope():
    async with serving(lambda r: json({"data": {"t": "t0ken"}} if r.path == "/token" else [])) as upstream:
        options = {"token": "data.t", "expires": "data.ttl", "as": {"query": "access_token"}}
        await tickets(rest(f"{upstream.url}/t", auth=oauth2(upstream, **options)))

    assert upstream.asked[1].query["access_token"] == "t0ken"


async def test_a_token_that_the_source_echoes_is_masked():
    def echo(request: web.Request) -> web.Response:
        return gate(request) if request.path == "/token" else raw(f"bad {request.headers['Authorization']}", status=400)

    async with serving(echo) as upstream:
        gate = Gate()
        with pytest.raises(SourceRefused) as caught:
            await tickets(paged(upstream, oauth2(upstream)))

    assert "token-1" not in str(caught.value)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({}, "exactly one"),
        ({"oauth2": {"token_url": "https://h.example", "client_id": "a"}}, "client_secret"),
        ({"oauth2": {"token_url": "https://h.example", "grant": "password"}}, "`username` and `password`"),
        ({"oauth2": {"token_url": "https://h.example", "grant": "jwt_bearer"}}, "`assertion`"),
        ({"jwt": {"alg": "none", "key": "k"}}, "HS256"),
        ({"bearer": "a", "basic": {"username": "a", "password": "b"}}, "exactly one"),
        ({"api_key": {"value": "k"}}, "either `header` or `query`"),
        ({"api_key": {"value": "k", "header": "a", "query": "b"}}, "either `header` or `query`"),
        ({"login": {"url": "https://h.example", "send": {}}}, "either `token`"),
        ({"login": {"url": "ftp://h.example", "send": {}, "token": "t"}}, "not a URL"),
        ({"login": {"url": "https://h.example", "send": {}, "token": "t", "as": {}}}, "exactly one of `header`"),
    ],
)
def test_credentials_that_cannot_work_are_named(wrong: dict[str, Any], said: str):
    with pytest.raises(ValidationError, match=said):
        rest("https://host.example/", auth=wrong)


def test_a_url_with_a_password_in_it_is_refused():
    with pytest.raises(ValidationError, match="under `auth`"):
        rest("https://hub:secret@host.example/")
