"""Signatures as configuration: the golden vectors are those of the schemes' own papers, or made by openssl."""

import base64
import hashlib
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from aiohttp import web
from pulling import SHANGHAI, rest, tickets
from pydantic import ValidationError
from upstream import in_turn, json, serving

from hub.connectors.auth import Auth
from hub.connectors.digests import must_know
from hub.connectors.exchange import Request
from hub.connectors.signing import Sign, Signature
from hub.errors import SourceRefused

URL = "https://gate.example/api/orders"


def signed(options: Mapping[str, Any], request: Request, read: Mapping[str, str] | None = None) -> Request:
    return Signature(Sign.model_validate(options), SHANGHAI).on(request, read or {})


def openssl(*words: str, given: bytes) -> bytes:
    return subprocess.run(["openssl", *words], input=given, capture_output=True, check=True).stdout


WECHAT = {"appid": "wxd930ea5d5a258f4f", "mch_id": "10000100", "device_info": "1000", "body": "test", "empty": ""}
WECHAT_NONCE = {"nonce_str": "ibuaiVcKdpRxkhJA"}


@pytest.mark.parametrize(
    ("digest", "golden"),
    [
        ({"hash": "md5"}, "9A0A8659F005D6984697E2CA0A9CF3B7"),
        (
            {"hash": "sha256", "key": "{key}"},
            "6A9AE1657590FD6257D693A078E1C3E4BB6BA4DC30B23E0EE2496E54170DACD6",
        ),
    ],
)
def test_sorted_parameters_with_the_key_appended_as_wechat_pay_signs(digest: dict[str, str], golden: str):
    """The example of WeChat Pay's own documentation."""
    options = {
        "values": {"key": "192006250b4c09247ec02edce69f6a2d"},
        "body": {"sign": {**digest, "of": "{parameters}&key={key}", "as": "HEX"}},
    }

    request = signed(options, Request("POST", URL, form=WECHAT | WECHAT_NONCE))

    assert request.form == {**WECHAT, **WECHAT_NONCE, "sign": golden}


def test_names_and_values_between_two_secrets_as_taobao_signs():
    """The example of the Taobao Open Platform's own documentation."""
    query = {
        "method": "taobao.item.seller.get",
        "session": "test",
        "timestamp": "2016-01-01 12:00:00",
        "format": "json",
        "v": "2.0",
        "sign_method": "md5",
        "fields": "num_iid,title,nick,price,num",
        "num_iid": "11223344",
    }
    options = {
        "values": {"key": "12345678", "secret": "helloworld"},
        "parameters": {"pair": "", "between": ""},
        "query": {"app_key": "{key}", "sign": {"hash": "md5", "of": "{secret}{parameters}{secret}", "as": "HEX"}},
    }

    request = signed(options, Request("GET", URL, query))

    assert request.query["sign"] == "66987CB115214E59E6EC978214934FB8"


def test_a_canonical_query_in_base64_as_aliyun_signs():
    """The example of Aliyun's own documentation of RPC signatures."""
    options = {
        "values": {"secret": "testsecret", "canonical": {"hash": "none", "of": "{parameters}", "as": "percent"}},
        "parameters": {"encode": True, "empty": True},
        "query": {
            "AccessKeyId": "testid",
            "SignatureMethod": "HMAC-SHA1",
            "SignatureVersion": "1.0",
            "SignatureNonce": "3ee8c1b8-83d3-44af-a94f-4e0ad82fd6cf",
            "Timestamp": "2016-02-23T12:46:24Z",
            "Signature": {"hash": "sha1", "key": "{secret}&", "of": "{method}&%2F&{canonical}", "as": "base64"},
        },
    }
    query = {"Format": "XML", "Action": "DescribeRegions", "Version": "2014-05-26"}

    request = signed(options, Request("GET", "http://ecs.aliyuncs.com/", query))

    assert request.query["Signature"] == "OLeaidS1JvxuMvnyHOwuJ+uX5qY="


def test_chained_keys_of_bytes_as_tencent_cloud_signs():
    """The example of Tencent Cloud's own documentation of TC3-HMAC-SHA256."""
    canonical = (
        "{method}\n{path}\n{query}\ncontent-type:{header.Content-Type}\nhost:{host}\n\ncontent-type;host\n{hashed_body}"
    )
    scope = "2019-02-25/cvm/tc3_request"
    options = {
        "values": {
            "secret": "Gu5t9xGARNpq86cd98joQYCN3EXAMPLE",
            "hashed_body": {"hash": "sha256", "of": "{body}"},
            "request": {"hash": "sha256", "of": canonical},
            "by_date": {"hash": "sha256", "key": "TC3{secret}", "of": "2019-02-25", "as": "bytes"},
            "by_service": {"hash": "sha256", "key": "{by_date}", "of": "cvm", "as": "bytes"},
            "signing": {"hash": "sha256", "key": "{by_service}", "of": "tc3_request", "as": "bytes"},
            "signature": {
                "hash": "sha256",
                "key": "{signing}",
                "of": f"TC3-HMAC-SHA256\n1551113065\n{scope}\n{{request}}",
            },
        },
        "headers": {
            "Authorization": f"TC3-HMAC-SHA256 Credential=AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE/{scope}, "
            "SignedHeaders=content-type;host, Signature={signature}"
        },
    }
    body = '{"Limit": 1, "Filters": [{"Values": ["\\u672a\\u547d\\u540d"], "Name": "instance-name"}]}'

    request = signed(
        options, Request("POST", "https://cvm.tencentcloudapi.com/", text=body, kind="application/json; charset=utf-8")
    )

    signature = request.headers["Authorization"].rpartition("=")[2]
    assert signature == "72e494ea809ad7a8c8f7a4507b9bddcbaa8e581f516e8da2f66e2c5a96525168"


def test_time_nonce_and_body_on_lines_of_their_own():
    lines = "{timestamp}\n{nonce}\n{body}\n"
    options = {
        "values": {"secret": "s3cret", "signature": {"hash": "sha256", "key": "{secret}", "of": lines, "as": "base64"}},
        "headers": {"X-Time": "{timestamp}", "X-Nonce": "{nonce}", "Authorization": 'HUB id="7",sign="{signature}"'},
    }

    request = signed(options, Request("POST", URL, body={"fid": 1, "名": "张"}))

    text = f'{request.headers["X-Time"]}\n{request.headers["X-Nonce"]}\n{{"fid":1,"名":"张"}}\n'
    made = base64.b64encode(openssl("dgst", "-sha256", "-hmac", "s3cret", "-binary", given=text.encode())).decode()
    assert request.headers["Authorization"] == f'HUB id="7",sign="{made}"'
    assert abs(int(request.headers["X-Time"]) - datetime.now(UTC).timestamp()) < 60


@pytest.mark.parametrize("name", ["md5", "sha1", "sha256", "sha384", "sha512", "sm3"])
def test_every_hash_and_its_hmac_agree_with_openssl(name: str):
    given = "appId=7&诉求".encode()
    options = {
        "headers": {
            "plain": {"hash": name, "of": "appId=7&诉求"},
            "keyed": {"hash": name, "key": "密钥", "of": "appId=7&诉求"},
        }
    }

    headers = signed(options, Request("GET", URL)).headers

    keyed = openssl("dgst", f"-{name}", "-mac", "HMAC", "-macopt", "hexkey:" + "密钥".encode().hex(), given=given)
    assert headers["plain"] == openssl("dgst", f"-{name}", "-r", given=given).split()[0].decode()
    assert headers["keyed"] == keyed.split()[-1].decode()


@pytest.mark.parametrize(("key_as", "key"), [("base64", "AAEC/w=="), ("hex", "000102ff"), ("text", "k")])
def test_a_key_may_be_written_in_base64_or_hex(key_as: str, key: str):
    raw = {"base64": "000102ff", "hex": "000102ff", "text": "6b"}[key_as]
    digest = {"hash": "sha256", "key": "{key}", "key_as": key_as, "of": "诉求"}

    made = signed({"values": {"key": key}, "headers": {"X": digest}}, Request("GET", URL)).headers["X"]

    told = openssl("dgst", "-sha256", "-mac", "HMAC", "-macopt", f"hexkey:{raw}", given="诉求".encode())
    assert made == told.split()[-1].decode()


def test_sm3_of_id_time_and_secret():
    """`abc` is the first example of GB/T 32905-2016."""
    options = {
        "values": {"secret": "c", "id": "a"},
        "body": {"sign": {"hash": "sm3", "of": "{id}b{secret}"}},
    }

    request = signed(options, Request("POST", URL, body={}))

    assert request.body == {"sign": "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"}


def test_a_hash_that_this_openssl_lacks_is_named():
    with pytest.raises(ValueError, match="has no sm9"):
        must_know("sm9")


def test_a_private_key_signs_and_its_public_key_agrees(tmp_path: Path):
    key, public, signature = tmp_path / "key.pem", tmp_path / "public.pem", tmp_path / "signature"
    openssl("genrsa", "-out", str(key), "2048", given=b"")
    openssl("rsa", "-in", str(key), "-pubout", "-out", str(public), given=b"")
    bare = "".join(key.read_text().splitlines()[1:-1])
    written = {"hash": "rsa_sha256", "key": "{key}", "of": "{parameters}", "as": "base64"}

    for held in (key.read_text(), bare):
        options = {"values": {"key": held}, "query": {"sign": written}}
        request = signed(options, Request("GET", URL, {"b": "2", "a": "1"}))

        signature.write_bytes(base64.b64decode(request.query["sign"]))
        told = openssl("dgst", "-sha256", "-verify", str(public), "-signature", str(signature), given=b"a=1&b=2")
        assert told == b"Verified OK\n"


def test_what_a_nested_hash_signs_of_a_json_text_in_the_body():
    """As the message board of the People's Daily is asked, by its path, its parameters and a hash of its code."""
    half = {"hash": "md5", "of": "{code}"}
    options = {
        "values": {"code": "PC42ce3bfa4980a9", "half": half},
        "body": {"appCode": "{code}", "signature": {"hash": "md5", "of": "{path}{field.param}{half}"}},
    }
    param = '{"fid":"571","lastItem":0,"rows":10}'

    request = signed(options, Request("POST", "https://board.example/v1/threads/list?x=1", body={"param": param}))

    by_hand = hashlib.md5(f"/v1/threads/list{param}{hashlib.md5(b'PC42ce3bfa4980a9').hexdigest()}".encode())
    assert request.body["signature"] == by_hand.hexdigest()


def test_the_digest_of_a_body_and_the_date_go_into_headers():
    options = {
        "timestamp": "http",
        "values": {"key": "k", "md5": {"hash": "md5", "of": "{body}", "as": "base64"}},
        "headers": {
            "Date": "{timestamp}",
            "Content-MD5": "{md5}",
            "Authorization": {
                "hash": "sha1",
                "key": "{key}",
                "of": "{method}\n{header.date}\n{header.Content-Type}\n{md5}",
            },
        },
    }

    request = signed(options, Request("POST", URL, form={"q": "路灯"}))

    form = b"q=%E8%B7%AF%E7%81%AF"
    assert request.headers["Content-MD5"] == base64.b64encode(hashlib.md5(form).digest()).decode()
    text = f"POST\n{request.headers['Date']}\napplication/x-www-form-urlencoded\n{request.headers['Content-MD5']}"
    made = openssl("dgst", "-sha1", "-hmac", "k", given=text.encode()).split()[-1].decode()
    assert request.headers["Authorization"] == made
    assert datetime.strptime(request.headers["Date"], "%a, %d %b %Y %H:%M:%S GMT")  # noqa: DTZ007  GMT by its words


@pytest.mark.parametrize(
    ("params", "written"),
    [
        ({}, 'a=1&b=真&d={"x":1}&flag=true&n=7'),
        ({"empty": True}, 'a=1&b=真&c=&d={"x":1}&e=&flag=true&n=7'),
        ({"of": ["query"]}, "a=1&b=真"),
        ({"without": ["d", "flag"], "pair": ":", "between": ","}, "a:1,b:真,n:7"),
        ({"of": ["query"], "encode": True}, "a=1&b=%E7%9C%9F"),
    ],
)
def test_parameters_are_written_as_told(params: dict[str, Any], written: str):
    options = {"parameters": params, "headers": {"X": "{parameters}"}}
    body = {"n": 7, "flag": True, "d": {"x": 1}, "e": None}

    request = signed(options, Request("POST", f"{URL}?b=真", {"c": "", "a": "1"}, body=body))

    assert request.headers["X"] == written


def test_the_short_md5_is_the_middle_of_the_long_one():
    short = {"hash": "md5", "of": "诉求", "as": "HEX", "cut": [8, 24]}

    made = signed({"headers": {"X": short}}, Request("GET", URL)).headers["X"]

    assert made == hashlib.md5("诉求".encode()).hexdigest().upper()[8:24]


def test_a_parameter_of_several_values_is_signed_once_for_each():
    request = Request("POST", URL, {"b": ["2", "1"]}, form={"a": ["4", "3"]})

    assert signed({"headers": {"X": "{parameters}"}}, request).headers["X"] == "a=3&a=4&b=1&b=2"


@pytest.mark.parametrize(
    ("time", "written"),
    [
        ("epoch_ms", lambda now: str(int(now.timestamp()))[:8]),
        ("iso", lambda now: now.astimezone(UTC).strftime("%Y-%m-%dT%H")),
        ("%Y%m%d%H", lambda now: now.astimezone(SHANGHAI).strftime("%Y%m%d%H")),
        ("%Y-%m-%dT%H:00:00.000Z", lambda now: now.astimezone(ZoneInfo("UTC")).strftime("%Y-%m-%dT%H")),
    ],
)
def test_the_time_is_written_as_the_source_reads_it(time: str, written: Any):
    before = written(datetime.now(UTC))

    told = signed({"timestamp": time, "query": {"t": "{timestamp}"}}, Request("GET", URL)).query["t"]

    assert told.startswith((before, written(datetime.now(UTC))))


@pytest.mark.parametrize(("nonce", "length"), [("hex", 32), ("uuid", 36), ("digits", 10)])
def test_a_nonce_is_another_one_for_every_question(nonce: str, length: int):
    options = {"nonce": nonce, "query": {"n": "{nonce}", "again": "{nonce}"}}

    one, other = (signed(options, Request("GET", URL)).query for _ in range(2))

    assert one["n"] == one["again"] != other["n"]
    assert len(one["n"]) == length


def test_a_second_way_of_writing_the_time_is_a_value_of_its_own():
    day = {"timestamp": "%Y-%m-%d", "utc": True}

    query = signed({"values": {"day": day}, "query": {"t": "{timestamp}", "d": "{day}/cvm"}}, Request("GET", URL)).query

    assert query["d"] == f"{datetime.fromtimestamp(int(query['t']), UTC):%Y-%m-%d}/cvm"


def test_braces_that_name_nothing_stay():
    options = {"headers": {"X": '{"a":1} { b } {} {{timestamp}}'}}

    assert signed(options, Request("GET", URL)).headers["X"] == '{"a":1} { b } {} {timestamp}'


def test_a_value_of_chance_is_the_same_wherever_it_stands(tmp_path: Path):
    openssl("genrsa", "-out", str(tmp_path / "key.pem"), "2048", given=b"")
    public = openssl("rsa", "-in", str(tmp_path / "key.pem"), "-pubout", given=b"").decode()
    options = {
        "values": {"key": public, "user": {"encrypt": "rsa", "key": "{key}", "of": "hub"}},
        "headers": {"X-User": "{user}", "X-Sign": {"hash": "md5", "of": "{user}{parameters}"}},
    }

    headers = signed(options, Request("GET", URL, {"a": "1"})).headers

    assert headers["X-Sign"] == hashlib.md5(f"{headers['X-User']}a=1".encode()).hexdigest()


async def test_every_try_is_signed_anew():
    busy = lambda _: json({}, 503)  # noqa: E731  two lines would hide it
    async with serving(in_turn(busy, busy, [{"id": 1}])) as upstream:
        sign = {"query": {"nonce": "{nonce}", "sign": {"hash": "md5", "of": "{parameters}"}}}

        await tickets(rest(upstream.url, auth={"sign": sign}))

    assert len({query["nonce"] for query in upstream.queries()}) == 3
    assert all(
        query["sign"] == hashlib.md5(f"nonce={query['nonce']}".encode()).hexdigest() for query in upstream.queries()
    )


async def test_pages_details_and_lookups_are_signed_and_a_login_only_where_told():
    def answer(request: web.Request) -> web.Response:
        if request.path == "/login":
            return json({"token": "t0ken"})
        return json([{"id": 1, "org": 2}] if request.query.get("page", "1") == "1" else [])

    for login_too in (False, True):
        async with serving(answer) as upstream:
            login = {"url": f"{upstream.url}/login", "send": {"user": "hub"}, "token": "token"}
            sign = {"values": {"k": "s3cret"}, "headers": {"X-Sign": {"hash": "md5", "of": "{path}{k}"}}}
            source = rest(
                f"{upstream.url}/list",
                page={"by": "page"},
                auth={"login": login, "sign": {**sign, "login": login_too}},
                detail={"url": "/detail/{id}"},
                lookups={"org": {"url": "/orgs", "by": "org"}},
            )
            await tickets(source)

        for request in upstream.asked:
            made = hashlib.md5(f"{request.path}s3cret".encode()).hexdigest()
            assert request.headers.get("X-Sign") == (made if login_too or request.path != "/login" else None)
        assert {request.path for request in upstream.asked} == {"/login", "/list", "/detail/1", "/orgs"}


async def test_a_signature_can_hold_what_a_login_has_read():
    async with serving(lambda r: json({"t": "t0ken", "uid": 7} if r.path == "/login" else [])) as upstream:
        login = {"url": f"{upstream.url}/login", "send": {"user": "hub"}, "read": {"t": "t", "uid": "uid"}}
        sign = {"headers": {"X-User": "{uid}", "X-Sign": {"hash": "sha256", "of": "{t}{uid}"}}}

        await tickets(rest(f"{upstream.url}/list", auth={"login": login, "sign": sign}))

    assert upstream.asked[1].headers["X-User"] == "7"
    assert upstream.asked[1].headers["X-Sign"] == hashlib.sha256(b"t0ken7").hexdigest()
    assert "Authorization" not in upstream.asked[1].headers


async def test_a_form_in_gbk_is_signed_and_sent_as_the_same_bytes():
    async with serving(lambda _: json([])) as upstream:
        sign = {"headers": {"X-Sign": {"hash": "md5", "of": "{body}"}, "X-Text": {"hash": "md5", "of": "诉求"}}}
        options = {"method": "POST", "body": {"q": "诉求€"}, "body_type": "form", "send_encoding": "gbk"}

        await tickets(rest(upstream.url, auth={"sign": sign}, **options))

    assert upstream.bodies == [b"q=%CB%DF%C7%F3%A2%E3"]
    assert upstream.asked[0].headers["X-Sign"] == hashlib.md5(upstream.bodies[0]).hexdigest()
    assert upstream.asked[0].headers["X-Text"] == hashlib.md5("诉求".encode("gbk")).hexdigest()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"values": {"k": "v"}}, "where the signature goes"),
        ({"query": {"s": {"hash": "md4", "of": "x"}}}, "md4|hash"),
        ({"query": {"s": {"hash": "rsa_sha256", "of": "x"}}}, "private key"),
        ({"query": {"s": {"hash": "none", "of": "x", "key": "k"}}}, "takes no `key`"),
        ({"query": {"s": "{secrt}"}, "values": {"secret": "x"}}, r"sign\.query\.s: no value is called {secrt}"),
        ({"query": {"s": "{token}"}}, "{token}"),
        ({"values": {"a": {"hash": "md5", "of": "{b}"}, "b": "x"}, "query": {"s": "{a}"}}, r"values\.a: .*{b}"),
        ({"values": {"path": "x"}, "query": {"s": "{path}"}}, "a meaning already"),
        ({"timestamp": "soon", "query": {"s": "x"}}, "not iso"),
        ({"query": {"s": {"encrypt": "aes_cbc", "of": "x", "key": "k"}}}, "iv"),
    ],
)
def test_signatures_that_cannot_work_are_named(wrong: dict[str, Any], said: str):
    with pytest.raises(ValidationError, match=said):
        Auth.model_validate({"sign": wrong})


@pytest.mark.parametrize(
    ("digest", "said"),
    [({"hash": "rsa_sha256"}, "no private RSA key"), ({"hash": "md5", "key_as": "base64"}, "not written in base64")],
)
async def test_a_key_that_is_none_is_told_without_being_shown(digest: dict[str, str], said: str):
    sign = {"values": {"key": "n0-pem-at-all"}, "query": {"s": {**digest, "key": "{key}", "of": "x"}}}

    async with serving(lambda _: json([])) as upstream:
        with pytest.raises(SourceRefused, match=said) as caught:
            await tickets(rest(upstream.url, auth={"sign": sign}))

    assert "n0-pem" not in str(caught.value)
    assert upstream.asked == []
