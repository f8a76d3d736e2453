"""Write a change as the request that a legacy system knows, in its own words, and read what it answers. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from multidict import CIMultiDict, CIMultiDictProxy

from hub.connectors.asking import Manner, question
from hub.connectors.clocks import write_time
from hub.connectors.exchange import Answer, Request, parse
from hub.connectors.formats import NotReadable
from hub.connectors.paths import reader
from hub.connectors.payloads import judge as judge_envelope
from hub.connectors.placeholders import UNKNOWN, base_of, names_in
from hub.endpoints.answers import Reply, Verdict, judged
from hub.endpoints.messages import whole
from hub.endpoints.options import SAYABLE, EndpointKeys, RequestKeys
from hub.errors import SourceRefused
from hub.masking import masked_numbers
from hub.model import Delivery, Outcome

Words = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class LegacyRequest:
    """Writes changes as one system's own requests. `words` are the system's, by field and the hub's value."""

    keys: EndpointKeys
    request: RequestKeys
    words: Words
    zone: ZoneInfo
    secrets: frozenset[str] = frozenset()

    def says(self, delivery: Delivery) -> bool:
        """Tell whether a change can be said at all: a status that is asked for, and that the system has a word for."""
        words = self.words.get("status")
        return not words or "status" not in self._names or delivery.appeal["status"] in words

    def write(self, delivery: Delivery, now: datetime) -> Request:
        """Raises SourceRefused where the request needs a value that the appeal does not have."""
        del now
        if delivery.is_test:
            raise SourceRefused("its own system would take a test for an appeal", hint="`hub listen` prints requests")
        values = _Values(self, delivery)
        written = question(self.request, values.find, self._manner)
        if written is None:
            raise SourceRefused(f"cannot be said: the appeal has no value for {', '.join(values.missing)}")
        return written

    def judge(self, reply: Reply, text: str, wait: timedelta | None) -> Verdict:
        """Judge an answer by its status, then by what stands in it. Raises LoginExpired."""
        verdict = judged(reply, text, wait, self.secrets)
        if verdict.outcome is not Outcome.DELIVERED or (self.request.error is None and self.request.remote_id is None):
            return verdict
        try:
            payload = parse(_answer(reply))
        except NotReadable as error:
            return Verdict(Outcome.FAILED, error.message)
        if self.request.error is not None:
            judge_envelope(payload, self.request.error)
        name = reader(self.request.remote_id)(payload) if self.request.remote_id else None
        return Verdict(Outcome.DELIVERED, remote_id=None if name in (None, "") else str(name))

    @cached_property
    def _names(self) -> frozenset[str]:
        shapes = [self.request.url, self.request.query, self.request.body, self.request.headers]
        return frozenset(base_of(name) for name in names_in(shapes))

    @cached_property
    def _manner(self) -> Manner:
        return Manner(self.keys.url, parse, lambda url: url, self.zone, 1, self.request.headers, self.request.encoding)


class _Values:
    """What the names in a request stand for, for one change."""

    def __init__(self, legacy: LegacyRequest, delivery: Delivery) -> None:
        self._legacy = legacy
        self._delivery = delivery
        self._appeal = whole(delivery.appeal, personal=legacy.keys.personal)
        self.missing: list[str] = []

    def find(self, name: str) -> Any:
        base, form = base_of(name), name.partition(":")[2]
        if base not in SAYABLE and base not in self._beside and not base.startswith("attributes."):
            return UNKNOWN
        value = self._value(base)
        if value is None:
            self.missing.append(f"{{{base}}}")
            return None
        return self._encodable(self._written(base, value, form))

    def _value(self, base: str) -> Any:
        if base in self._beside:
            return self._beside[base]
        if base.startswith("attributes."):
            return (self._appeal.get("attributes") or {}).get(base.removeprefix("attributes."))
        if base.startswith("location.l"):
            point = self._appeal["location_point"]
            return point and point[base == "location.latitude"]
        value = self._appeal.get(SAYABLE[base])
        words = self._legacy.words.get(base)
        return words.get(str(value)) if words and value is not None else value

    @cached_property
    def _beside(self) -> dict[str, Any]:
        change = self._delivery.change
        return {
            "number": change.number,
            "version": change.version,
            "type": change.type.value,
            "changed_at": change.at.isoformat(),
            "remote_id": self._delivery.remote_id,
            "id": f"Appeal:{change.appeal_id}",
            "action": change.action,
            "actor": change.actor,
            "note": change.note if change.note is None or self._legacy.keys.personal else masked_numbers(change.note),
            "organization": change.organization,
        }

    def _written(self, base: str, value: Any, form: str) -> Any:
        """Write a time in its form; without one, and anything else, stay as JSON has them."""
        if not form or not base.endswith("_at") or not isinstance(value, str):
            return value
        return write_time(datetime.fromisoformat(value), form, self._legacy.zone)

    def _encodable(self, value: Any) -> Any:
        """Replace the characters that the system's encoding lacks."""
        encoding = self._legacy.request.encoding
        if not isinstance(value, str) or encoding.lower().replace("_", "-") in ("utf-8", "utf8"):
            return value
        return value.encode(encoding, "replace").decode(encoding)


def _answer(reply: Reply) -> Answer:
    headers = CIMultiDictProxy(CIMultiDict(reply.headers))
    kind = headers.get("Content-Type", "").partition(";")[0].strip()
    return Answer(reply.status, "", kind, reply.charset, reply.body, headers)


def words_of(request: RequestKeys, own: Words) -> Words:
    """The words of a system: its own by its map, and those that are written for this request, which go before."""
    return {name: {**own.get(name, {}), **request.words.get(name, {})} for name in {*own, *request.words}}
