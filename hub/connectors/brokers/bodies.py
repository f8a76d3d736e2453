"""Read the tickets that a message holds. Never fails: what cannot be read becomes a ticket that says why, and is kept.

A message that raised would be given back, and come again for ever; so the whole of it is landed, to be rejected.
"""

import base64
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

import orjson

from hub.connectors.brokers.base import Message, TooLarge
from hub.connectors.brokers.options import BrokerOptions
from hub.connectors.formats import NotReadable, decode, parse_json, parse_xml
from hub.connectors.payloads import Records
from hub.connectors.tables import csv_rows, jsonl_rows
from hub.errors import SourceError
from hub.model import BROKEN, Ticket

_GZIP = b"\x1f\x8b"
_CHARSET = re.compile(r"charset\s*=\s*\"?([\w.:-]+)", re.IGNORECASE)
_EVENT_PREFIX = re.compile(r"cloudevents[:_]|ce[-_]", re.IGNORECASE)
_CUT_FROM = 60_000  # characters; of a longer broken line only the beginning is in its ticket
_DEEPEST_HEADER = 8
_MOST_MEMBERS = 100


class Bodies:
    """How one source's messages are read."""

    def __init__(self, options: BrokerOptions) -> None:
        self._options = options
        self._records = Records(options.records)

    def tickets(self, message: Message) -> Iterator[Ticket]:
        """Yield the tickets of a message, each with what came around it under `@topic`, `@id`, `@at` and `@headers`."""
        if not message.body and message.fields is None:
            yield _empty(message)
            return
        around = _around(message)
        if (beyond := _too_large(message)) is not None:
            yield _beginning(beyond, self._options.limits.max_body) | around
            return
        lost = ""
        try:
            for row in self._rows(message):
                ticket = around | row
                if trouble := _trouble(ticket):
                    lost = trouble
                else:
                    yield ticket
        except SourceError as reason:
            lost = str(reason)
        except Exception as error:  # noqa: BLE001  # whatever a body does to a parser must not stop the queue
            lost = type(error).__name__
        if lost:
            yield {BROKEN: f"the message cannot be read: {lost}"} | _whole(message, self._options.encoding) | around

    def _rows(self, message: Message) -> Iterator[Ticket]:
        if message.fields is not None:
            return iter([self._fields(message.fields)])
        body = _unpacked(message, self._options.limits.max_body)
        rows = self._parsed(body, _charset(message.content_type))
        return _unwrapped(rows, message.headers) if self._options.unwrap else rows

    def _parsed(self, body: bytes, charset: str | None) -> Iterator[Ticket]:
        options = self._options
        match options.format:
            case "text":
                return iter([{"text": decode(body, [options.encoding or charset or "utf-8"])}])
            case "csv":
                return csv_rows(body, options.csv)
            case "jsonl":
                return jsonl_rows(body, options.encoding)
            case "xml":
                found = parse_xml(body, charset=charset, encoding=options.encoding)
                return iter(self._records.of(found, markup=True))
        found = parse_json(body, charset=charset, encoding=options.encoding)
        return iter(self._records.of(found, markup=False))

    def _fields(self, fields: Sequence[tuple[bytes, bytes]]) -> Ticket:
        encodings = [self._options.encoding or "utf-8"]
        found: dict[str, list[str]] = {}
        for name, value in fields:
            found.setdefault(decode(name, encodings), []).append(decode(value, encodings))
        return {name: values if len(values) > 1 else values[0] for name, values in found.items()}


def _empty(message: Message) -> Ticket:
    # Without id and time, so that a thousand of them are one ticket: there is nothing in them to lose.
    kept = {"@topic": message.topic, "@headers": _plain(message.headers)}
    return {BROKEN: "the message is empty"} | {key: value for key, value in kept.items() if value}


def _too_large(message: Message) -> TooLarge | None:
    parts = (message.body, *(value for _, value in message.fields or ()))
    return next((part for part in parts if isinstance(part, TooLarge)), None)


def _beginning(beyond: TooLarge, most: int) -> Ticket:
    """Say of a message that is too large what it was, for whoever sent it to be asked for it."""
    reason = f"the message holds {beyond.whole:,} bytes, more than limits.max_body ({most // 1024} KB)"
    return {BROKEN: reason, "sha256": beyond.digest, "beginning": beyond.decode("utf-8", "backslashreplace")}


def _around(message: Message) -> Ticket:
    at = message.at.isoformat() if message.at else None
    known = {"@topic": _plain(message.topic), "@id": _plain(message.id), "@at": at, "@headers": _plain(message.headers)}
    return {key: value for key, value in known.items() if value}


def _plain(value: Any, depth: int = 0) -> Any:
    """Write a header as JSON can hold it, whatever its publisher put there."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, bytes | bytearray):
        return bytes(value).decode("utf-8", "backslashreplace")
    if value is None or isinstance(value, bool | float) or (isinstance(value, int) and abs(value) < 2**63):
        return value
    if isinstance(value, Mapping) and depth < _DEEPEST_HEADER:
        return {str(_plain(key)): _plain(inner, depth + 1) for key, inner in value.items()}
    if isinstance(value, list | tuple) and depth < _DEEPEST_HEADER:
        return [_plain(inner, depth + 1) for inner in value]
    return str(value)


def _trouble(ticket: Ticket) -> str:
    """Say why a ticket could not be landed as it is; or that it is the beginning of a line, the rest of it lost."""
    if BROKEN in ticket and len(ticket.get("text", "")) > _CUT_FROM:
        return f"a long line is broken: {ticket[BROKEN]}"
    try:
        orjson.dumps(ticket, default=str)
    except TypeError as error:
        return f"it does not fit into JSON: {error}"
    return ""


def _whole(message: Message, encoding: str | None) -> Ticket:
    """Keep all that a message holds: as text where it is text, else in base64."""
    if message.fields is not None:
        return {"fields": [[_quoted(part, None) for part in pair] for pair in message.fields]}
    quoted = _quoted(message.body, encoding)
    return {"text": quoted} if isinstance(quoted, str) else quoted


def _quoted(data: bytes, encoding: str | None) -> str | dict[str, str]:
    with suppress(SourceError):
        return decode(data, [encoding or "utf-8"])
    return {"base64": base64.b64encode(data).decode()}


def _unpacked(message: Message, most: int) -> bytes:
    body, declared = message.body, message.content_encoding.strip().lower()
    # No text begins like gzip, so that a publisher who does not say so is understood as well.
    if body.startswith(_GZIP):
        body = _inflated(body, most)
    elif declared not in {"", "identity", "utf-8", "utf8"}:
        raise NotReadable(f"packed as {declared[:40]!r}; the hub knows gzip")
    if not body.strip():
        raise NotReadable("it holds nothing but blanks")
    return body


def _inflated(body: bytes, most: int) -> bytes:
    """Unpack gzip, of which several may follow one another, and never beyond the limit."""
    whole = b""
    for _ in range(_MOST_MEMBERS):
        unpacker = zlib.decompressobj(wbits=31)
        try:
            whole += unpacker.decompress(body, most + 1 - len(whole))
        except zlib.error as error:
            raise NotReadable(f"not the gzip that it begins as: {error}") from None
        if len(whole) > most:
            raise NotReadable(f"it inflates to more than limits.max_body ({most // 1024} KB)")
        if not unpacker.eof:
            raise NotReadable("it breaks off in the middle of its gzip")
        if not (body := unpacker.unused_data).startswith(_GZIP):
            return whole
    raise NotReadable(f"more than {_MOST_MEMBERS} pieces of gzip")


def _charset(content_type: str) -> str | None:
    found = _CHARSET.search(content_type)
    return found[1] if found else None


def _unwrapped(rows: Iterable[Ticket], headers: Mapping[str, Any]) -> Iterator[Ticket]:
    """Take the data out of CloudEvents, in the body (structured) or with their attributes in the headers (binary)."""
    carried = _carried(headers)
    for row in rows:
        if "specversion" not in row:
            yield {"@event": carried} | row if carried else row
            continue
        event = {key: value for key, value in row.items() if key not in {"data", "data_base64"}}
        found = _event_data(row)
        for ticket in found if isinstance(found, list) else [found]:
            yield {"@event": event} | (ticket if isinstance(ticket, dict) else {"value": ticket})


def _carried(headers: Mapping[str, Any]) -> dict[str, Any]:
    """Read the attributes of an event out of headers: `ce-id` (NATS), `cloudEvents:id` (AMQP), `id` (MQTT)."""
    event = {_EVENT_PREFIX.sub("", name, count=1).lower(): _plain(value) for name, value in headers.items()}
    return event if "specversion" in event else {}


def _event_data(event: Mapping[str, Any]) -> Any:
    """Parse what is not JSON already: text, or bytes in base64, of the type that the event says."""
    data: Any = event.get("data")
    if isinstance(packed := event.get("data_base64"), str):
        data = base64.b64decode(packed, validate=True)
    if not isinstance(data, str | bytes):
        return data
    content = data.encode() if isinstance(data, str) else data
    kind = str(event.get("datacontenttype") or "application/json").lower()
    if "xml" in kind:
        return parse_xml(content)
    if "json" in kind and content.lstrip()[:1] in (b"{", b"["):
        return parse_json(content)
    return decode(content, ["utf-8"])
