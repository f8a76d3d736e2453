import hashlib
import hmac
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import orjson
from pulling import build

from hub.connectors.base import Push
from worlds.base import CANARY, ROWS, Sender


async def inbound_world(stack: AsyncExitStack, folder: Path) -> Sender:
    options = {
        "verify": {
            "by": "signature",
            "of": "{timestamp}.{body}",
            "in": {"header": "X-Signature"},
            "timestamp": {"header": "X-Timestamp"},
            "secrets": [CANARY],
        },
        "records": "rows",
    }
    connector = build("inbound", options, folder)

    def signed(body: bytes) -> Push:
        now = datetime.now(UTC)
        stamp = str(int(now.timestamp()))
        mac = hmac.new(CANARY.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
        return Push({"x-signature": mac, "x-timestamp": stamp, "content-type": "application/json"}, {}, body, now)

    genuine = signed(orjson.dumps({"rows": ROWS}))
    forged = replace(genuine, body=genuine.body.replace(b"open", b"done"))
    return Sender(connector, genuine, forged, unreadable=signed(b'{"rows": ' + CANARY.encode()))
