"""Write a change as a message of Standard Webhooks 1.0: its body, and the headers that sign it. Pure."""

import base64
import hmac
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, TypeAlias
from uuid import uuid4

import orjson

from hub.connectors.exchange import Request
from hub.endpoints.options import EndpointKeys, secret_bytes
from hub.masking import masked_name, masked_numbers, masked_phone
from hub.model import Delivery

Sign: TypeAlias = Callable[[bytes], str]
"""Write the signature of a text, with its version."""

_TOLD = (
    *("appeal_no", "status", "status_text", "kind", "kind_text", "topic", "urgency", "urgency_text", "channel"),
    *("channel_text", "origin_hotline"),
    *("is_secret", "area", "grid", "lead_org", "co_orgs", "created_at", "updated_at", "dispatched_at", "due_at"),
    *("closed_at", "is_resolved", "satisfaction", "duplicate_of", "support_count"),
)
"""What a thin message says of an appeal and its changes: nothing that people wrote, or are known by."""
_NAMED_ALWAYS = ("status", "kind", "topic", "urgency", "area")
_TEXTS = ("title", "content", "status_note", "result", "public_reply", "respondent", "location_address")
_OURS = frozenset({"id", "version", "first_served_at", "last_served_at"})


def message(keys: EndpointKeys, signs: Iterable[Sign], delivery: Delivery, now: datetime) -> Request:
    """Write and sign one message; the signature covers exactly the bytes that are sent."""
    change = delivery.change
    said = {"type": "hub.test", "timestamp": now, "data": {}} if delivery.is_test else _said(keys, delivery)
    body = orjson.dumps(said)
    # A test is never taken for a change, and no two of them for the same.
    number = f"test_{uuid4().hex}" if delivery.is_test else str(change.number)
    stamp = str(int(now.timestamp()))
    signed = b".".join((number.encode(), stamp.encode(), body))
    headers = {
        "webhook-id": number,
        "webhook-timestamp": stamp,
        "webhook-signature": " ".join(sign(signed) for sign in signs),
        "Idempotency-Key": number,
        **(_cloud_event(delivery) if keys.cloudevents and not delivery.is_test else {}),
    }
    return Request("POST", keys.url, headers=headers, text=body.decode(), kind="application/json")


def _said(keys: EndpointKeys, delivery: Delivery) -> dict[str, Any]:
    return {"type": delivery.change.type, "timestamp": delivery.change.at, "data": data(keys, delivery)}


def data(keys: EndpointKeys, delivery: Delivery) -> dict[str, Any]:
    """Say which appeal changed, and how, as far as the endpoint may know."""
    change, appeal = delivery.change, delivery.appeal
    said = {
        "id": f"Appeal:{change.appeal_id}",
        "source": appeal["source"],
        "external_id": appeal["external_id"],
        **({"remote_id": delivery.remote_id} if delivery.remote_id else {}),
        "version": change.version,
        **({"action": change.action, "organization": change.organization} if change.action else {}),
    }
    changed = {name: _difference(keys, name, *values) for name, values in change.fields.items()}
    if keys.data == "thin":
        return {**said, **{name: appeal[name] for name in _NAMED_ALWAYS}, "changed": changed}
    note = change.note if change.note is None or keys.personal else masked_numbers(change.note)
    return {**said, "note": note, "changed": changed, "appeal": whole(appeal, personal=keys.personal)}


def whole(appeal: Mapping[str, Any], *, personal: bool) -> dict[str, Any]:
    """Say all of an appeal; who made it only in part, unless `personal`, and then nothing that no rule can mask."""
    told = {name: value for name, value in appeal.items() if name not in _OURS}
    if personal:
        return told
    told |= {name: masked_numbers(text) for name in _TEXTS if (text := appeal[name])}
    told["events"] = [{**event, "text": masked_numbers(event.get("text") or "")} for event in appeal["events"]]
    told["reporter_name"] = masked_name(appeal["reporter_name"])
    told["reporter_phone"] = masked_phone(appeal["reporter_phone"])
    # Whatever a source keeps beside the known fields may be anything, and nobody has looked at it.
    del told["attributes"]
    return told


def signer(secret: str) -> Sign:
    """Sign by a secret: `v1` is HMAC-SHA256, `v1a` ed25519. Raises ValueError for what is no secret."""
    raw = secret_bytes(secret)
    if secret.startswith("whsec_"):
        return lambda text: "v1," + base64.b64encode(hmac.digest(raw, text, "sha256")).decode()
    # The library takes longer to import than everything else of a check, and few endpoints need it.
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415

    key = Ed25519PrivateKey.from_private_bytes(raw[:32])
    return lambda text: "v1a," + base64.b64encode(key.sign(text)).decode()


def _difference(keys: EndpointKeys, name: str, before: Any, after: Any) -> dict[str, Any]:
    """What a field was and became; of what people wrote, or are known by, only that it changed."""
    return {"from": before, "to": after} if name in _TOLD or (keys.data == "full" and keys.personal) else {}


def _cloud_event(delivery: Delivery) -> dict[str, str]:
    """The headers of CloudEvents 1.0 in its binary mode."""
    change = delivery.change
    return {
        "ce-specversion": "1.0",
        "ce-id": str(change.number),
        "ce-source": "/appeal-hub",
        "ce-type": change.type.value,
        "ce-subject": f"Appeal:{change.appeal_id}",
        "ce-time": change.at.isoformat(),
        "ce-sequence": str(change.version),
    }
