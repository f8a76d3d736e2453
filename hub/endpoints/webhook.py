"""Put together the way to an endpoint: for one that takes Standard Webhooks, or one that has requests of its own."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

from hub.connectors.auth import credentials
from hub.connectors.exchange import Request
from hub.connectors.pace import Pace
from hub.connectors.tls import Tls
from hub.endpoints.answers import Reply, Verdict, judged
from hub.endpoints.base import Kept
from hub.endpoints.guard import Guard
from hub.endpoints.messages import Sign, message, signer
from hub.endpoints.options import EndpointKeys
from hub.endpoints.requests import LegacyRequest, Words, words_of
from hub.endpoints.sending import HttpCarrier, Terms
from hub.errors import SourceRefused
from hub.model import Delivery


class Webhook:
    """Writes messages of Standard Webhooks to one endpoint."""

    def __init__(self, keys: EndpointKeys, signs: Iterable[Sign], secrets: Iterable[str]) -> None:
        self._keys = keys
        self._signs = tuple(signs)
        self._secrets = frozenset(secrets)

    def write(self, delivery: Delivery, now: datetime) -> Request:
        return message(self._keys, self._signs, delivery, now)

    def judge(self, reply: Reply, text: str, wait: timedelta | None) -> Verdict:
        return judged(reply, text, wait, self._secrets)


def carrier_of(
    keys: EndpointKeys, folder: Path, zone: ZoneInfo, *, own: Iterable[int] = (), words: Words | None = None
) -> HttpCarrier:
    """Put together the way to an endpoint.

    Relative paths start from `folder`; `own` are the ports of the hub; `words` are those of the source whose system the
    endpoint is.
    """
    terms = Terms(
        keys.timeout,
        keys.concurrency,
        keys.longest_answer,
        Guard.of(keys.networks, own),
        (keys.tls or Tls()).at(folder),
    )
    proof, pace = credentials(keys.auth, zone), Pace(keys.rate)
    if keys.request is None:
        written = [secret.get_secret_value() for secret in keys.secrets]
        return HttpCarrier(terms, partial(_webhook, keys, written), proof, pace, secrets=written)
    legacy = LegacyRequest(keys, keys.request, words_of(keys.request, words or {}), zone, frozenset(proof.secrets()))
    return HttpCarrier(terms, lambda _: legacy, proof, pace, says=legacy.says)


def _webhook(keys: EndpointKeys, written: list[str], kept: Kept) -> Webhook:
    """Sign by the secrets in the file, or else by those that the hub made itself. Raises SourceRefused."""
    secrets = written or list(kept.secrets)
    if not secrets:
        raise SourceRefused(
            "it has no secret to sign with", hint="write `secrets`, or make one by `hub endpoints NAME --rotate`"
        )
    return Webhook(keys, map(signer, secrets), secrets)
