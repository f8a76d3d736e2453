"""Messages of Standard Webhooks: what they say, what they keep to themselves, and that others can verify them."""

import base64
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
import standardwebhooks
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hub.endpoints.messages import data, message, signer
from hub.endpoints.options import EndpointKeys, secret_bytes
from hub.model import Change, ChangeType, Delivery
from hub.store.tables import appeal
from tests.endpoints.receiver import SECRET

NOW = datetime(2026, 3, 1, 8, tzinfo=UTC)
APPEAL: dict[str, Any] = dict.fromkeys(column.name for column in appeal.columns) | {
    "id": 7,
    "version": 3,
    "source": "housing",
    "external_id": "GJ-1",
    "title": "请回电 13812345678",
    "status": "RESOLVED",
    "kind": "HELP",
    "urgency": "NORMAL",
    "reporter_name": "欧阳锋",
    "reporter_phone": "+8613812345678",
    "events": [{"at": None, "text": "致电 13812345678"}],
    "attributes": {"idcard": "420802199001011234"},
}
FIELDS = {"status": ["DISPATCHED", "RESOLVED"], "reporter_phone": [None, None], "title": ["旧", "请回电 13812345678"]}


def delivery(**options: Any) -> Delivery:
    change = Change(42, 7, 3, ChangeType.STATUS_CHANGED, "housing", NOW, FIELDS)
    return Delivery(change, APPEAL, **options)


def keys(**options: Any) -> EndpointKeys:
    return EndpointKeys.model_validate({"url": "https://office.example.gov.cn/hook", **options})


def test_the_published_vector_is_signed_as_published():
    """From standard-webhooks/standard-webhooks, the same in its suites for Go, JavaScript, Java, PHP, C# and Python."""
    text = b'msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{"test": 2432232314}'

    signature = signer("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")(text)

    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_vector_of_rfc_8032_is_signed_as_published():
    """Section 7.1, test 2: one byte, 0x72."""
    seed = bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
    published = (
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    )

    signature = signer("whsk_" + base64.b64encode(seed).decode())(b"\x72")

    assert signature == "v1a," + base64.b64encode(bytes.fromhex(published)).decode()


def test_a_message_is_verified_by_the_library_of_standard_webhooks():
    request = message(keys(), [signer(SECRET)], delivery(), datetime.now(UTC))
    content = request.content()
    assert content is not None

    said = standardwebhooks.Webhook(SECRET).verify(content[0].decode(), dict(request.headers))

    assert (said["type"], said["timestamp"]) == ("appeal.status_changed", NOW.isoformat())
    assert content[1] == "application/json"


def test_while_keys_are_exchanged_both_sign():
    seed = bytes(range(32))
    other = "whsk_" + base64.b64encode(seed).decode()

    request = message(keys(), [signer(SECRET), signer(other)], delivery(), datetime.now(UTC))

    by_secret, by_key = request.headers["webhook-signature"].split()
    content = request.content()
    assert content is not None
    signed = f"42.{request.headers['webhook-timestamp']}.".encode() + content[0]
    Ed25519PrivateKey.from_private_bytes(seed).public_key().verify(
        base64.b64decode(by_key.removeprefix("v1a,")), signed
    )
    standardwebhooks.Webhook(SECRET).verify(content[0].decode(), dict(request.headers))
    assert by_secret.startswith("v1,")


def test_the_id_is_the_number_of_the_change_however_often_it_is_sent():
    first = message(keys(), [], delivery(), NOW)
    second = message(keys(), [], delivery(tries=5, again=True), datetime.now(UTC))

    assert first.headers["webhook-id"] == second.headers["webhook-id"] == "42"
    assert first.headers["Idempotency-Key"] == "42"


def test_a_thin_message_says_nothing_that_people_wrote_or_are_known_by():
    said = data(keys(), delivery(remote_id="R9"))

    assert said == {
        "id": "Appeal:7",
        "source": "housing",
        "external_id": "GJ-1",
        "remote_id": "R9",
        "version": 3,
        "status": "RESOLVED",
        "kind": "HELP",
        "topic": None,
        "urgency": "NORMAL",
        "area": None,
        "changed": {"status": {"from": "DISPATCHED", "to": "RESOLVED"}, "reporter_phone": {}, "title": {}},
    }


def test_a_full_message_masks_who_made_the_appeal():
    said = data(keys(data="full"), delivery())

    assert (said["appeal"]["reporter_name"], said["appeal"]["reporter_phone"]) == ("欧阳*", "138****5678")
    assert "13812345678" not in str(said)
    assert "420802199001011234" not in str(said)


def test_personal_data_is_said_to_whom_it_is_granted():
    said = data(keys(data="full", personal=True), delivery())

    assert said["appeal"]["reporter_phone"] == "+8613812345678"
    assert said["changed"]["title"] == {"from": "旧", "to": "请回电 13812345678"}


def test_the_headers_of_cloudevents_are_added_where_they_are_wanted():
    headers = message(keys(cloudevents=True), [], delivery(), NOW).headers

    assert {name: value for name, value in headers.items() if name.startswith("ce-")} == {
        "ce-specversion": "1.0",
        "ce-id": "42",
        "ce-source": "/appeal-hub",
        "ce-type": "appeal.status_changed",
        "ce-subject": "Appeal:7",
        "ce-time": NOW.isoformat(),
        "ce-sequence": "3",
    }


@pytest.mark.parametrize(
    "secret", ["", "secret", "whsec_", "whsec_MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM=", "whsec_!", "whsk_AAAA"]
)
def test_what_can_be_guessed_is_no_secret(secret):
    with pytest.raises(ValueError, match=r"secret|key"):
        secret_bytes(secret)


def test_a_body_is_json_with_the_three_keys_of_the_standard():
    content = message(keys(), [], delivery(), NOW).content()
    assert content is not None

    assert list(orjson.loads(content[0])) == ["type", "timestamp", "data"]
