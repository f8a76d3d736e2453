"""A receiver on loopback: verifies with the library of Standard Webhooks, and remembers what came in which order."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import standardwebhooks
import yaml
from aiohttp import web

from hub.config import Endpoint, load
from hub.model import Lane
from hub.store.lanes import endpoint_lane
from hub.store.store import Store
from hub.sync import sync
from hub.webhooks import run
from tests.connectors.upstream import Answerer, Upstream, serving
from tests.scripted import claimed, scripted, ticket

LEASE = timedelta(minutes=1)
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="
SOURCE = {
    "title": "住房热线",
    "class": "hotline",
    "connector": "rest",
    "url": "https://housing.example.gov.cn/api",
    "map": {"external_id": "id", "title": "title", "status": {"value": "RECEIVED"}, "created_at": "at"},
}


class Receiver:
    """What came, in order; a message that does not verify is an error of the test."""

    def __init__(self, upstream: Upstream) -> None:
        self.upstream = upstream
        self.url = upstream.url

    @property
    def ids(self) -> list[int]:
        return [int(request.headers["webhook-id"]) for request in self.upstream.asked]

    def verified(self, secret: str = SECRET) -> list[dict[str, Any]]:
        webhook = standardwebhooks.Webhook(secret)
        pairs = zip(self.upstream.bodies, self.upstream.asked, strict=True)
        return [webhook.verify(body.decode(), dict(request.headers)) for body, request in pairs]

    def seen(self) -> dict[str, list[int]]:
        """The versions of each appeal in the order in which they came."""
        found: dict[str, list[int]] = {}
        for body in self.upstream.bodies:
            data = orjson.loads(body)["data"]
            found.setdefault(data["external_id"], []).append(data["version"])
        return found

    def repeated(self) -> dict[int, int]:
        return {number: count for number, count in Counter(self.ids).items() if count > 1}


@asynccontextmanager
async def receiving(answer: Answerer | None = None) -> AsyncIterator[Receiver]:
    async with serving(answer or (lambda _request: web.Response(status=204))) as upstream:
        yield Receiver(upstream)


def endpoint(
    folder: Path, url: str, *, name: str = "office", environ: Mapping[str, str] | None = None, **keys: Any
) -> Endpoint:
    """An endpoint as connectors.yaml describes it."""
    known = {
        "url": f"{url}/hook",
        "secrets": [SECRET],
        "insecure": True,
        "networks": ["127.0.0.0/8"],
        "begin": "start",
        "rate": "100000/s",
        "retry": {"wait": "1ms..1ms"},
        **keys,
    }
    file = {"version": 1, "sources": {"housing": SOURCE, "other": SOURCE}, "endpoints": {name: known}}
    path = folder / "connectors.yaml"
    path.write_text(yaml.safe_dump(orjson.loads(orjson.dumps(file)), allow_unicode=True))
    return load(path, environ or {}).endpoints[name]


async def happen(store: Store, *tickets: Mapping[str, Any], name: str = "housing") -> None:
    """Let a source bring these tickets, and serve them."""
    source = scripted([*tickets], name=name)
    lane = await claimed(store, source)
    await sync(source, store, Lane(lane.name, lane.fence, None))
    await store.lanes.release(lane)


async def changes(store: Store, appeals: int, versions: int = 1) -> None:
    """So many appeals, changed so often."""
    for version in range(versions):
        await happen(store, *(ticket(number, title=f"第{version}版") for number in range(appeals)))


async def told(store: Store, wanted: Endpoint, **options: Any) -> None:
    """One run of an endpoint, whether it is due or not."""
    await store.deliveries.declare([wanted.record])
    lane = await store.lanes.claim_named(endpoint_lane(wanted.name), "test", LEASE)
    assert lane is not None
    await run(wanted, store, lane, **options)


async def until(condition: Callable[[], Any]) -> None:
    """Wait for what comes soon; pytest ends the waiting for what never comes."""
    while not condition():
        await asyncio.sleep(0.01)
