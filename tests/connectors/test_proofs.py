"""How a push proves whose it is: every scheme against an independent signer, and everything that proves nothing."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import standardwebhooks
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.hmac import HMAC
from hypothesis import given, settings
from hypothesis import strategies as st
from pulling import build

from hub.connectors.base import Push
from hub.errors import NotGenuine

NOW = datetime(2026, 3, 1, 8, tzinfo=UTC)
BODY = '{"id": "A1", "标题": "电梯停运"}'.encode()
OLD, NEW = (
    "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "whsec_" + base64.b64encode(b"another secret, twenty-four").decode(),
)
SECRET = "0123456789abcdef-shared"


def push(body: bytes = BODY, at: datetime = NOW, query: dict[str, str] | None = None, **headers: str) -> Push:
    return Push({name.replace("_", "-").lower(): value for name, value in headers.items()}, query or {}, body, at)


def verified(verify: dict[str, Any], sent: Push) -> str | None:
    return build("inbound", {"verify": verify}).verify(sent)


def refused(verify: dict[str, Any], sent: Push) -> str:
    with pytest.raises(NotGenuine) as caught:
        verified(verify, sent)
    return caught.value.message


# ── Standard Webhooks ──


def standard(*secrets: str, **options: Any) -> dict[str, Any]:
    return {"by": "standard-webhooks", "secrets": secrets or [OLD], **options}


def signed(secret: str = OLD, body: bytes = BODY, at: datetime = NOW, key: str = "msg_1") -> dict[str, str]:
    return {
        "webhook_id": key,
        "webhook_timestamp": str(int(at.timestamp())),
        "webhook_signature": standardwebhooks.Webhook(secret).sign(key, at, body.decode()),
    }


def test_the_published_vector_is_genuine():
    at = datetime.fromtimestamp(1614265330, UTC)
    headers = {
        "webhook_id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook_timestamp": "1614265330",
        "webhook_signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }

    key = verified(standard(), push(b'{"test": 2432232314}', at, **headers))

    assert key == "id:msg_p5jXN8AQM9LWM0D4loKWxJek"


@given(st.text(st.characters(codec="utf-8"), max_size=200), st.binary(min_size=24, max_size=64))
@settings(max_examples=50, deadline=None)
def test_what_the_reference_library_signs_is_genuine(text, secret):
    whsec = "whsec_" + base64.b64encode(secret).decode()

    assert verified(standard(whsec), push(text.encode(), **signed(whsec, text.encode()))) == "id:msg_1"


@pytest.mark.parametrize("used", [OLD, NEW])
def test_while_a_secret_is_changed_both_are_good(used):
    assert verified(standard(OLD, NEW), push(**signed(used)))


def test_of_several_signatures_one_has_to_fit():
    other, right = signed(NEW)["webhook_signature"], signed(OLD)["webhook_signature"]

    sent = push(**{**signed(), "webhook_signature": f"v1a,{'A' * 86}== {other} {right}"})

    assert verified(standard(OLD), sent)


def test_a_secret_may_lack_its_prefix_and_its_padding():
    bare = base64.b64encode(b"another secret, twenty-four").decode().rstrip("=")

    assert verified(standard(bare), push(**signed(NEW)))


def test_svix_has_its_own_names():
    headers = {name.replace("webhook", "svix"): value for name, value in signed().items()}

    assert verified(standard(headers="svix"), push(**headers))


@pytest.mark.parametrize("given_headers", [{}, {"webhook_id": "msg_1"}, {"webhook_signature": "v1"}])
def test_what_is_not_signed_is_not_genuine(given_headers):
    assert "missing" in refused(standard(), push(**given_headers))


@pytest.mark.parametrize(
    "signature",
    [
        "v1",
        "v1,",
        "garbage",
        "v1,garbage",
        "v1,====",
        "v1,\u00e4\u00f6",
        "v1," + "A" * 44,
        "v2," + signed()["webhook_signature"][3:],
        signed()["webhook_signature"][3:],
        signed(body=b"{}")["webhook_signature"],
        signed(NEW)["webhook_signature"],
        signed(key="msg_2")["webhook_signature"],
        " ".join(["v1," + "A" * 43 + "="] * 1000),
        # One that would fit, but beyond all that a sender has reason to send.
        " ".join(["v1," + "A" * 43 + "="] * 1000 + [signed()["webhook_signature"]]),
        "",
    ],
)
def test_row_68_a_signature_that_does_not_fit_is_refused_in_one_way(signature):
    reason = refused(standard(), push(**{**signed(), "webhook_signature": signature}))

    assert reason == "webhook-signature fits none of the secrets"


@pytest.mark.parametrize("seconds", [-299, 0, 299])
def test_a_push_within_the_tolerance_is_genuine(seconds):
    assert verified(standard(), push(**signed(at=NOW + timedelta(seconds=seconds))))


@pytest.mark.parametrize(("seconds", "told"), [(-301, "301 s behind"), (301, "301 s ahead of")])
def test_row_69_a_stale_or_early_push_is_refused(seconds, told):
    reason = refused(standard(), push(**signed(at=NOW + timedelta(seconds=seconds))))

    assert reason == f"webhook-timestamp is {told} the hub's clock"


@pytest.mark.parametrize(
    "stamp", ["", "1.5", "-1", f"{NOW.timestamp()}", "1e9", "٣", "now", "9" * 12, "9" * 5000, " 1772352000", "0x10"]
)
def test_row_69_a_timestamp_that_is_no_whole_number_is_refused_though_signed(stamp):
    text = f"msg_1.{stamp}.".encode() + BODY
    secret = base64.b64decode(OLD.removeprefix("whsec_"))
    signature = base64.b64encode(hmac.new(secret, text, hashlib.sha256).digest()).decode()
    headers = {"webhook_id": "msg_1", "webhook_timestamp": stamp, "webhook_signature": f"v1,{signature}"}

    assert refused(standard(), push(**headers)) == "webhook-timestamp is missing or no time"


def test_an_id_with_a_full_stop_is_refused_for_it_could_hide_a_time():
    assert "full stop" in refused(standard(), push(**signed(key="msg.1")))


def test_the_tolerance_is_an_option():
    late = push(**signed(at=NOW - timedelta(minutes=20)))

    assert verified(standard(tolerance="30m"), late)
    assert "behind" in refused(standard(), late)


# ── signatures of one's own making ──


def signature(**options: Any) -> dict[str, Any]:
    return {"by": "signature", "secrets": [SECRET], "in": {"header": "X-Signature"}, **options}


def sm3(text: bytes) -> bytes:
    digest = hashes.Hash(hashes.SM3())
    digest.update(text)
    return digest.finalize()


def hmac_sm3(secret: bytes, text: bytes) -> bytes:
    mac = HMAC(secret, hashes.SM3())
    mac.update(text)
    return mac.finalize()


def test_sm3_is_the_one_of_the_standard():
    """GB/T 32905-2016, appendix A."""
    of_abc = "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"
    verify = signature(algorithm="sm3", of="{body}{secret}", secrets=["c"], short_secrets=True)

    assert verified(verify, push(b"ab", x_signature=of_abc)) is None


@pytest.mark.parametrize("name", ["sha256", "sha512", "sha1", "md5"])
def test_a_mac_over_the_body_is_genuine(name):
    mac = hmac.new(SECRET.encode(), BODY, name).hexdigest()

    assert verified(signature(algorithm=f"hmac-{name}"), push(x_signature=mac)) is None
    assert "fits none" in refused(signature(algorithm=f"hmac-{name}"), push(BODY + b" ", x_signature=mac))


def test_a_mac_by_sm3_is_genuine():
    mac = hmac_sm3(SECRET.encode(), BODY)

    verify = signature(algorithm="hmac-sm3", encoding="base64")

    assert verified(verify, push(x_signature=base64.b64encode(mac).decode())) is None
    assert verified(verify, push(x_signature=base64.urlsafe_b64encode(mac).decode().rstrip("="))) is None


def test_github_writes_the_name_before_it():
    mac = hmac.new(SECRET.encode(), BODY, "sha256").hexdigest()
    verify = signature(**{"in": {"header": "X-Hub-Signature-256", "prefix": "sha256="}})

    assert verified(verify, push(x_hub_signature_256=f"sha256={mac}")) is None
    assert "fits none" in refused(verify, push(x_hub_signature_256=mac))


def test_stripe_puts_time_and_signatures_into_one_header():
    mac = hmac.new(SECRET.encode(), f"{int(NOW.timestamp())}.".encode() + BODY, "sha256").hexdigest()
    verify = signature(
        of="{timestamp}.{body}",
        **{"in": {"header": "Stripe-Signature", "prefix": "v1="}},
        timestamp={"header": "Stripe-Signature", "prefix": "t="},
    )

    sent = push(stripe_signature=f"t={int(NOW.timestamp())},v1={'0' * 64},v1={mac}")

    assert verified(verify, sent) == f"signature:{mac}"


CHINESE = {
    "of": "{header.X-App-Id}{timestamp}{nonce}{body}{secret}",
    "timestamp": {"header": "X-Timestamp"},
    "nonce": {"header": "X-Nonce"},
}


@pytest.mark.parametrize(("name", "digest"), [("sm3", sm3), ("md5", lambda text: hashlib.md5(text).digest())])
@pytest.mark.parametrize("stamp", [str(int(NOW.timestamp())), f"{int(NOW.timestamp())}789"])
def test_a_digest_over_a_text_with_the_secret_in_it_is_genuine(name, digest, stamp):
    text = b"app-7" + stamp.encode() + b"n0nce" + BODY + SECRET.encode()
    headers = {"x_app_id": "app-7", "x_timestamp": stamp, "x_nonce": "n0nce", "x_signature": digest(text).hex().upper()}

    key = verified(signature(algorithm=name, **CHINESE), push(**headers))

    assert key == f"signature:{digest(text).hex()}"
    for changed in ("x_app_id", "x_timestamp", "x_nonce"):
        assert refused(signature(algorithm=name, **CHINESE), push(**{**headers, changed: headers[changed] + "1"}))


@pytest.mark.parametrize("off", [-301, 301])
def test_row_69_a_signed_time_is_kept_to(off):
    stamp = str(int(NOW.timestamp()) + off)
    text = b"" + stamp.encode() + b"n" + BODY + SECRET.encode()

    reason = refused(
        signature(algorithm="md5", **CHINESE),
        push(x_timestamp=stamp, x_nonce="n", x_signature=hashlib.md5(text).hexdigest()),
    )

    assert reason.startswith("X-Timestamp is 301 s")


@pytest.mark.parametrize("stamp", ["", "1.5", "-1", "soon", "9" * 400, "²²²²²²²²²²"])
def test_row_69_a_signed_time_that_is_none_is_refused(stamp):
    text = stamp.encode("latin-1") + b"n" + BODY + SECRET.encode()

    reason = refused(
        signature(algorithm="md5", **CHINESE),
        push(x_timestamp=stamp, x_nonce="n", x_signature=hashlib.md5(text).hexdigest()),
    )

    assert reason == "X-Timestamp is missing or no time"


def test_a_time_may_have_the_form_that_the_sender_writes():
    """On the sender's clock, where it names no zone."""
    mac = hmac.new(SECRET.encode(), b"20260301160000" + BODY, "sha256").hexdigest()
    verify = signature(of="{timestamp}{body}", timestamp={"header": "X-Time", "date": "%Y%m%d%H%M%S"})

    assert verified(verify, push(x_time="20260301160000", x_signature=mac))
    assert "behind" in refused(verify, push(at=NOW + timedelta(hours=8), x_time="20260301160000", x_signature=mac))


def test_a_nonce_has_to_be_there():
    mac = hmac.new(SECRET.encode(), BODY, "sha256").hexdigest()
    verify = signature(of="{nonce}{body}", nonce={"header": "X-Nonce"})

    assert refused(verify, push(x_signature=mac)) == "X-Nonce is missing"


def test_wechat_sorts_its_three_texts():
    """The body is not signed: token, time and nonce in the query are, sorted and joined, by SHA-1."""
    stamp = str(int(NOW.timestamp()))
    text = "".join(sorted([SECRET, stamp, "1320562132"]))
    query = {"signature": hashlib.sha1(text.encode()).hexdigest(), "timestamp": stamp, "nonce": "1320562132"}
    verify = signature(
        algorithm="sha1",
        of=["{secret}", "{timestamp}", "{nonce}"],
        **{"in": {"query": "signature"}},
        timestamp={"query": "timestamp"},
        nonce={"query": "nonce"},
    )

    assert verified(verify, push(query=query)) == f"signature:{query['signature']}"
    assert not build("inbound", {"verify": verify}).terms.signs_body


PARAMETERS = {
    "algorithm": "md5",
    "of": "{parameters}&key={secret}",
    "in": {"field": "sign"},
    "timestamp": {"field": "timestamp"},
}


@pytest.mark.parametrize("as_json", [True, False])
def test_the_parameters_in_the_order_of_their_names_are_genuine(as_json):
    stamp = str(int(NOW.timestamp()))
    text = f"appid=7&data=x y&timestamp={stamp}&zone=东宝区&key={SECRET}"
    sign = hashlib.md5(text.encode()).hexdigest().upper()
    body = (
        f'{{"zone":"东宝区","sign":"{sign}","data":"x y","empty":"","none":null,"timestamp":{stamp}}}'
        if as_json
        else f"zone=%E4%B8%9C%E5%AE%9D%E5%8C%BA&sign={sign}&data=x+y&empty=&timestamp={stamp}"
    )
    media = "application/json" if as_json else "application/x-www-form-urlencoded"

    sent = push(body.encode(), query={"appid": "7"}, content_type=media)

    assert verified(signature(**PARAMETERS), sent)
    assert refused(signature(**PARAMETERS), push(body.encode(), query={"appid": "8"}, content_type=media))


def test_parts_of_the_body_that_are_no_texts_are_signed_as_they_are_written():
    stamp = int(NOW.timestamp())
    text = f'data={{"b":[1,true,2.5],"a":null}}&n=7&timestamp={stamp}&key={SECRET}'
    sign = hashlib.md5(text.encode()).hexdigest()
    body = f'{{"timestamp":{stamp},"n":7,"data":{{"b":[1,true,2.5],"a":null}},"sign":"{sign}"}}'

    assert verified(signature(**PARAMETERS), push(body.encode()))
    assert refused(signature(**PARAMETERS), push(body.replace("true", "false").encode()))


def test_a_signed_body_that_cannot_be_read_proves_nothing():
    reason = refused(signature(**PARAMETERS), push(b"{not json"))

    assert reason.startswith("the signed body cannot be read: not JSON")


@pytest.mark.parametrize("used", [SECRET, "another secret of 30 characters"])
def test_while_the_secret_of_a_signature_is_changed_both_are_good(used):
    mac = hmac.new(used.encode(), BODY, "sha256").hexdigest()

    sent = push(x_signature=mac)

    assert verified(signature(secrets=[SECRET, "another secret of 30 characters"]), sent) is None


@pytest.mark.parametrize("shown", ["", "zz", "0", "00" * 32, "é" * 64, "00 " * 5000])
def test_row_68_any_other_text_is_no_signature(shown):
    assert refused(signature(), push(x_signature=shown)) == "X-Signature fits none of the secrets"


# ── tokens and passwords ──


@pytest.mark.parametrize(
    ("options", "headers"),
    [
        ({}, {"authorization": f"Bearer {SECRET}"}),
        ({}, {"authorization": f"bearer  {SECRET}"}),
        ({"header": "X-Token"}, {"x_token": SECRET}),
        ({"header": "X-Token", "prefix": "Token "}, {"x_token": f"Token {SECRET}"}),
        ({"secrets": ["the old one, on its way out", SECRET]}, {"authorization": f"Bearer {SECRET}"}),
        (
            {"secrets": ["令牌令牌令牌令牌"]},
            {"authorization": "Bearer " + "令牌令牌令牌令牌".encode().decode("latin-1")},
        ),
    ],
)
def test_a_token_in_a_header_is_genuine(options, headers):
    assert verified({"by": "token", "secrets": [SECRET], **options}, push(**headers)) is None


@pytest.mark.parametrize(
    "shown",
    ["", SECRET, "Bearer", "Bearer ", f"Basic {SECRET}", f"Bearer {SECRET}1", f"Bearer {SECRET}, Bearer {SECRET}"],
)
def test_anything_else_is_no_token(shown):
    sent = push(query={"token": SECRET, "authorization": SECRET}, authorization=shown)

    assert refused({"by": "token", "secrets": [SECRET]}, sent) == "Authorization carries none of the tokens"


def basic(name: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


@pytest.mark.parametrize("password", ["old password of the system", "密码密码密码:密码"])
def test_a_name_and_a_password_are_genuine(password):
    verify = {"by": "basic", "username": "住建局", "secrets": ["old password of the system", "密码密码密码:密码"]}

    assert verified(verify, push(authorization=basic("住建局", password))) is None


@pytest.mark.parametrize(
    "shown", ["", "Basic", "Basic !", basic("a", SECRET), basic("b", "x"), basic("b:" + SECRET, ""), f"Basic {SECRET}"]
)
def test_anything_else_is_no_password(shown):
    verify = {"by": "basic", "username": "b", "secrets": [SECRET]}

    assert refused(verify, push(authorization=shown)) == "Authorization carries none of the passwords"


# ── whatever comes ──

HEADERS = st.dictionaries(
    st.sampled_from(
        ["webhook-id", "webhook-timestamp", "webhook-signature", "x-signature", "authorization", "x-nonce"]
    ),
    st.text(st.characters(max_codepoint=255), max_size=80),
)
SCHEMES = [
    standard(),
    signature(),
    signature(algorithm="sm3", **{**CHINESE, "timestamp": {"query": "t"}}),
    signature(**PARAMETERS),
    {"by": "token", "secrets": [SECRET]},
    {"by": "basic", "username": "b", "secrets": [SECRET]},
]


@given(st.sampled_from(SCHEMES), HEADERS, st.dictionaries(st.text(max_size=9), st.text(max_size=30)), st.binary())
@settings(max_examples=300, deadline=None)
def test_whatever_comes_is_refused_and_never_a_surprise(verify, headers, query, body):
    with pytest.raises(NotGenuine) as caught:
        build("inbound", {"verify": verify}).verify(Push(headers, query, body, NOW))

    assert SECRET not in caught.value.message


def test_no_secret_stands_in_a_connector_or_its_options():
    connector = build("inbound", {"verify": signature()})

    assert SECRET not in repr(connector) + repr(connector._options) + connector._options.model_dump_json()
