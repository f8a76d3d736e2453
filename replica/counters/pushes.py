"""Systems that push what moves to the hub's own door, each with its signature, and again until it is taken."""

import asyncio
import base64
import hashlib
import hmac
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import aiohttp
import orjson

from replica.counters.answers import fill
from replica.counters.base import Batch, House, Ledger, NotNow

_AT_ONCE = 50
_WAITS = (0.2, 0.5, 1.0)  # seconds between tries; after the last, the next telling tries again
_PATIENCE = aiohttp.ClientTimeout(10)


class Seal(Protocol):
    """How a push proves whose it is."""

    def headers(self, key: str, body: bytes) -> Mapping[str, str]: ...


@dataclass(frozen=True, slots=True)
class TimedHmac:
    """HMAC-SHA256 over time and body, in headers of the system's own."""

    secret: str
    time_header: str
    sign_header: str

    def headers(self, key: str, body: bytes) -> Mapping[str, str]:
        now = str(int(time.time()))
        sign = hmac.new(self.secret.encode(), f"{now}.".encode() + body, hashlib.sha256).hexdigest()
        return {self.time_header: now, self.sign_header: sign}


@dataclass(frozen=True, slots=True)
class StandardWebhooks:
    """As Standard Webhooks says: `v1`, with a secret that is `whsec_` and base64."""

    secret: str

    def headers(self, key: str, body: bytes) -> Mapping[str, str]:
        now, secret = str(int(time.time())), base64.b64decode(self.secret.removeprefix("whsec_"))
        digest = hmac.new(secret, b".".join((key.encode(), now.encode(), body)), hashlib.sha256).digest()
        signature = f"v1,{base64.b64encode(digest).decode()}"
        return {"webhook-id": key, "webhook-timestamp": now, "webhook-signature": signature}


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """A system that posts to the hub, some tickets at a time. In the envelope, `$rows` stands for them."""

    seal: Seal
    envelope: Any = "$rows"

    def open(self, ledger: Ledger, house: House) -> None:
        house.feed(ledger, _Pusher(self, house))


@dataclass(frozen=True, slots=True)
class _Pusher:
    push: Push
    house: House

    def ends(self, since: datetime) -> datetime | None:
        return None

    async def take(self, batch: Batch) -> None:
        """Push it all, in order. Raises NotNow where the hub does not take it: then all of it comes again."""
        if self.house.hub is None:
            raise NotNow
        url = f"{self.house.hub}/in/{batch.ledger.name}"
        async with aiohttp.ClientSession() as http:
            for start in range(0, len(batch.rows), _AT_ONCE):
                body = orjson.dumps(fill(self.push.envelope, {"rows": batch.rows[start : start + _AT_ONCE]}))
                # The same for the same tickets, so that a push which comes again is known.
                key = hashlib.sha256(batch.ledger.name.encode() + body).hexdigest()[:24]
                await self._post(http, url, key, body)

    async def _post(self, http: aiohttp.ClientSession, url: str, key: str, body: bytes) -> None:
        for wait in _WAITS:
            headers = {"Content-Type": "application/json", **self.push.seal.headers(key, body)}
            with suppress(aiohttp.ClientError, TimeoutError):
                async with http.post(url, data=body, headers=headers, timeout=_PATIENCE) as response:
                    if response.ok:
                        return
            await asyncio.sleep(wait)
        raise NotNow
