"""Answer `hub listen`: print what an endpoint would be sent, and send nothing."""

import asyncio
import logging
import os

from hub.cli import logs
from hub.cli.asked import Asked, opened
from hub.cli.delivering import choose
from hub.cli.stopping import until_stopped
from hub.cli.voice import answer, visible
from hub.config import Config, Endpoint
from hub.connectors.exchange import Request
from hub.endpoints.base import Kept
from hub.endpoints.sealing import Vault
from hub.errors import SourceRefused
from hub.model import Delivery
from hub.store.store import Store

_LOOK_EVERY = 0.3  # seconds between two looks at the log
_PAGE = 100


def listen(asked: Asked, name: str, after: int | None, count: int | None) -> int:
    """Print what an endpoint would be sent, until so many were printed or a signal comes."""
    config = asked.configuration()
    logs.configure(asked, logging.WARNING, config.secrets)
    until_stopped(_listen(asked, config, choose(config, name), after, count))
    return 0


async def _listen(asked: Asked, config: Config, endpoint: Endpoint, after: int | None, count: int | None) -> None:
    async with opened(config) as store:
        kept = await _kept(store, endpoint)
        number = await store.reads.last_change_number() if after is None else after
        printed = 0
        while count is None or printed < count:
            read = await store.deliveries.fresh(endpoint.name, number, _PAGE)
            number = read.upto
            for delivery in read.deliveries:
                if endpoint.wants(delivery) and (count is None or printed < count):
                    _print(asked, endpoint, kept, delivery)
                    printed += 1
            if not read.deliveries:
                await asyncio.sleep(_LOOK_EVERY)


async def _kept(store: Store, endpoint: Endpoint) -> Kept:
    sealed = await store.deliveries.sealed(endpoint.name)
    return Vault.of(os.environ).opened(endpoint.name, sealed.secret, sealed.former)


def _print(asked: Asked, endpoint: Endpoint, kept: Kept, delivery: Delivery) -> None:
    try:
        request = endpoint.carrier.preview(kept, delivery)
    except SourceRefused as error:
        answer(asked, {"number": delivery.change.number, "error": str(error)}, f"{delivery.change.number}: {error}", "")
        return
    body, kind = request.content() or (b"", "")
    headers = {**({"Content-Type": kind} if kind else {}), **request.headers}
    text = body.decode(request.encoding, "replace")
    facts = {"method": request.method, "url": str(request.target()), "headers": headers, "body": text}
    answer(asked, facts, *(visible(line) for line in _lines(request, headers, text)), "")


def _lines(request: Request, headers: dict[str, str], text: str) -> list[str]:
    return [f"{request.method} {request.target()}", *(f"{name}: {value}" for name, value in headers.items()), "", text]
