"""Requests of legacy systems' own: in their words, their form and their encoding, signed as they want, and judged."""

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import orjson
import pytest
import yaml
from aiohttp import web

from hub.config import Endpoint, load
from hub.errors import ConfigError
from hub.model import Action, Status
from hub.store import tables
from hub.store.actions import Request
from tests.connectors.upstream import json, raw
from tests.endpoints.receiver import happen, receiving, told
from tests.scripted import ticket
from tests.test_webhooks import rows

SOURCE: dict[str, Any] = {
    "title": "12345热线",
    "class": "hotline",
    "connector": "rest",
    "url": "https://hotline.example.gov.cn/api",
    "map": {
        "external_id": "id",
        "title": "title",
        "status": {"from": "state", "map": {"01": "RECEIVED", "06": "RESOLVED"}, "else": "reject"},
        "created_at": "at",
    },
}


def pushed(folder: Path, url: str, request: dict[str, Any], **keys: Any) -> Endpoint:
    """A source that is told of changes of its own appeals, which others made."""
    push = {
        "url": url,
        "insecure": True,
        "networks": ["127.0.0.0/8"],
        "begin": "start",
        "only": {"sources": ["housing"]},
        "retry": {"attempts": 1, "refused": 1},
        "request": request,
        **keys,
    }
    housing = {**SOURCE, "title": "住房热线"}
    file = {"version": 1, "sources": {"hotline": {**SOURCE, "push": push}, "housing": housing}}
    path = folder / "connectors.yaml"
    path.write_text(yaml.safe_dump(orjson.loads(orjson.dumps(file)), allow_unicode=True))
    return load(path, {}).endpoints["hotline"]


async def test_a_status_is_said_in_the_systems_own_word(store, tmp_path):
    await happen(store, ticket("GJ-1", status="done"))
    request = {
        "url": "orders/{external_id}",
        "method": "PUT",
        "body": {"orderState": "{status}", "when": "{created_at:%Y/%m/%d %H:%M}", "n": "{version}", "none": "{topic}"},
    }
    async with receiving() as receiver:
        await told(store, pushed(tmp_path, f"{receiver.url}/api/", request))

        (asked,) = receiver.upstream.asked
        assert (asked.method, asked.path) == ("PUT", "/api/orders/GJ-1")
        assert orjson.loads(receiver.upstream.bodies[0]) == {"orderState": "06", "when": "2026/03/01 08:00", "n": 1}


async def test_a_status_for_which_the_system_has_no_word_is_not_sent(store, tmp_path):
    await happen(store, ticket("1"), ticket("2", status="done"))
    async with receiving() as receiver:
        wanted = pushed(tmp_path, receiver.url, {"body": {"id": "{external_id}", "state": "{status}"}})
        legacy = wanted.carrier.says.__self__
        object.__setattr__(legacy, "words", {"status": {"RESOLVED": "06"}})

        await told(store, wanted)

        assert [orjson.loads(body)["id"] for body in receiver.upstream.bodies] == ["2"]


async def test_what_came_from_the_system_itself_is_not_sent_there(store, tmp_path):
    await happen(store, ticket("1"), name="hotline")
    async with receiving() as receiver:
        await told(store, pushed(tmp_path, receiver.url, {"body": {"id": "{id}"}}, only={"sources": ["hotline"]}))

        assert receiver.upstream.asked == []


async def test_what_is_done_at_the_hub_is_told_to_the_system_that_the_appeal_came_from(store, tmp_path):
    """Two ways: what the system says itself is not sent back, what others do to its appeals is."""
    await happen(store, ticket("GJ-9"), name="hotline")
    asked = Request("张三", "k1", b"d", Action.RESOLVE, note="已修，回访 13812345678")
    await store.actions.act(asked, 1, lambda before, _: replace(before, status=Status.RESOLVED))
    request = {"url": "{external_id}", "body": {"s": "{status}", "what": "{action}", "who": "{actor}", "why": "{note}"}}
    async with receiving() as receiver:
        await told(store, pushed(tmp_path, f"{receiver.url}/orders/", request, only={}))

        assert [one.path for one in receiver.upstream.asked] == ["/orders/GJ-9"]
        assert orjson.loads(receiver.upstream.bodies[0]) == {
            "s": "06",
            "what": "RESOLVE",
            "who": "张三",
            "why": "已修，回访 138****5678",
        }


async def test_an_error_inside_a_200_is_a_failure_with_its_reason(store, tmp_path):
    await happen(store, ticket("1"))
    request = {"body": {"id": "{external_id}"}, "error": {"path": "code", "ok": [0, 200], "message": "msg"}}
    async with receiving(lambda _request: json({"code": 500, "msg": "工单已归档"})) as receiver:
        await told(store, pushed(tmp_path, receiver.url, request))

        (parked,) = await rows(store, tables.parked)
        assert (parked.dead, parked.reason) == (True, "answered code=500: '工单已归档'")


async def test_an_answer_that_is_a_page_for_people_is_a_failure(store, tmp_path):
    await happen(store, ticket("1"))
    request = {"body": {"id": "{external_id}"}, "error": {"path": "code", "ok": [0]}}
    async with receiving(lambda _request: raw("<html><body>请登录</body></html>", "text/html")) as receiver:
        await told(store, pushed(tmp_path, receiver.url, request))

        assert "answered not JSON but text/html" in (await rows(store, tables.parked))[0].reason


async def test_what_the_system_calls_the_appeal_is_kept_and_named_from_then_on(store, tmp_path):
    await happen(store, ticket("1"))
    request = {
        "body": {"no": "{external_id}", "remote": "{remote_id}"},
        "remote_id": "data.orderNo",
    }
    async with receiving(lambda _request: json({"data": {"orderNo": 20260301001}})) as receiver:
        wanted = pushed(tmp_path, receiver.url, request)
        await told(store, wanted)
        await happen(store, ticket("1", title="又坏了"))
        await told(store, wanted)

        said = [orjson.loads(body) for body in receiver.upstream.bodies]
        assert said == [{"no": "1"}, {"no": "1", "remote": "20260301001"}]
        assert [(row.endpoint, row.external_id) for row in await rows(store, tables.remote_id)] == [
            ("hotline", "20260301001")
        ]


async def test_a_form_in_gbk_is_signed_by_md5_over_its_sorted_fields(store, tmp_path):
    await happen(store, ticket("1", title="电梯😀坏了"))
    request = {"body": {"title": "{title}", "no": "{external_id}"}, "body_type": "form", "encoding": "gbk"}
    auth = {
        "sign": {
            "values": {"secret": "canary-91"},
            "parameters": {"of": ["body"]},
            "body": {"sign": {"hash": "md5", "of": "{parameters}{secret}"}},
        }
    }
    async with receiving() as receiver:
        await told(store, pushed(tmp_path, receiver.url, request, auth=auth))

        (body,) = receiver.upstream.bodies
        fields = {name: values[0] for name, values in parse_qs(body.decode(), encoding="gbk").items()}
        signed = f"no=1&title={fields['title']}canary-91".encode("gbk")
        assert fields == {"no": "1", "title": "电梯?坏了", "sign": hashlib.md5(signed).hexdigest()}
        assert "gbk" in receiver.upstream.asked[0].headers["Content-Type"]
        (attempt,) = await rows(store, tables.attempt)
        assert "canary-91" not in str(attempt)


ENVELOPE = """\
<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body>
<UpdateOrder><no>{external_id}</no><title>{title}</title><state>{status}</state></UpdateOrder>
</soap:Body></soap:Envelope>"""


async def test_a_soap_operation_is_called_by_its_envelope(store, tmp_path):
    await happen(store, ticket("1", title='<b>"电梯" & 门</b>'))
    request = {
        "body": ENVELOPE,
        "body_type": "xml",
        "headers": {"SOAPAction": '"urn:UpdateOrder"'},
        "error": {
            "path": "Envelope.Body.UpdateOrderResponse.code",
            "ok": ["0"],
            "message": "Envelope.Body.UpdateOrderResponse.message",
        },
    }
    answer = (
        '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><UpdateOrderResponse>'
        "<code>{}</code><message>没有此工单</message></UpdateOrderResponse></s:Body></s:Envelope>"
    )
    codes = ["0", "7"]
    async with receiving(lambda _request: raw(answer.format(codes.pop(0)), "text/xml")) as receiver:
        wanted = pushed(tmp_path, receiver.url, request)
        await told(store, wanted)
        await happen(store, ticket("1", title="又"))
        await told(store, wanted)

        said = receiver.upstream.bodies[0].decode()
        assert "<title>&lt;b&gt;&quot;电梯&quot; &amp; 门&lt;/b&gt;</title><state>01</state>" in said
        assert receiver.upstream.asked[0].headers["SOAPAction"] == '"urn:UpdateOrder"'
        (parked,) = await rows(store, tables.parked)
        assert "没有此工单" in parked.reason


async def test_a_login_is_asked_for_once_and_again_when_it_has_expired(store, tmp_path):
    await happen(store, *(ticket(str(number)) for number in range(4)))
    tokens, logins = ["t1", "t2"], []

    def answer(request: web.Request) -> web.Response:
        if request.path == "/login":
            logins.append(receiver.upstream.bodies[-1])
            return json({"token": tokens[len(logins) - 1]})
        sent = len([one for one in receiver.upstream.asked if one.path != "/login"])
        expired = request.headers["X-Token"] == "t1" and sent > 2
        return json({"code": 401 if expired else 0})

    request = {"body": {"id": "{external_id}"}, "error": {"path": "code", "ok": [0], "expired": [401]}}
    async with receiving(answer) as receiver:
        auth = {
            "login": {
                "url": f"{receiver.url}/login",
                "send": {"user": "hub", "password": "canary"},
                "token": "token",
                "as": {"header": "X-Token"},
            }
        }
        await told(store, pushed(tmp_path, f"{receiver.url}/push", request, auth=auth, concurrency=1))

        assert len(logins) == 2
        assert await rows(store, tables.parked) == []


async def test_personal_data_is_masked_unless_it_is_granted(store, tmp_path):
    await happen(store, ticket("1", title="请致电 13812345678"))
    async with receiving() as receiver:
        await told(store, pushed(tmp_path, receiver.url, {"body": {"t": "{title}"}}))
        await happen(store, ticket("1", title="请致电 13812345670"))
        await told(store, pushed(tmp_path, receiver.url, {"body": {"t": "{title}"}}, personal=True))

        assert [orjson.loads(body)["t"] for body in receiver.upstream.bodies] == [
            "请致电 138****5678",
            "请致电 13812345670",
        ]


async def test_a_value_that_the_request_cannot_do_without_is_told_as_missing(store, tmp_path):
    await happen(store, ticket("1"))
    async with receiving() as receiver:
        await told(store, pushed(tmp_path, receiver.url, {"url": "/areas/{area}", "body": {"a": "{title}"}}))

        (parked,) = await rows(store, tables.parked)
        assert parked.reason == "cannot be said: the appeal has no value for {area}"
        assert receiver.upstream.asked == []


@pytest.mark.parametrize(
    ("request_keys", "message"),
    [
        ({"body": {"a": "{titel}"}}, "push.request.body: there is no value {titel}; did you mean 'title'?"),
        ({"body": {"a": "b"}, "encoding": "gb-k"}, "push.request.encoding: there is no encoding 'gb-k'"),
        ({"words": {"staus": {}}}, "push.request.words.staus: the appeal has no field 'staus'; did you mean 'status'?"),
        ({"body": "text"}, "a text as body needs `body_type: xml` or `text`"),
    ],
)
def test_a_request_that_cannot_be_meant_is_told(tmp_path, request_keys, message):
    with pytest.raises(ConfigError) as caught:
        pushed(tmp_path, "http://127.0.0.1:9", request_keys)

    assert message in str(caught.value)
