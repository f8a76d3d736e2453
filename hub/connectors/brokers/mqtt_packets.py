"""Write and read the packets of MQTT 5 and 3.1.1, as far as a subscriber needs them. Pure: no socket, no clock."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal, TypeAlias

Version: TypeAlias = Literal[5, "3.1.1"]

CONNECT, CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL = 0x10, 0x20, 0x30, 0x40, 0x50, 0x60
PUBCOMP, SUBSCRIBE, SUBACK, PINGREQ, PINGRESP, DISCONNECT = 0x70, 0x80, 0x90, 0xC0, 0xD0, 0xE0

LONGEST_LENGTH = 4
"""How many bytes may say how long a packet is."""

_RESERVED = {SUBSCRIBE: 0x02}  # bits that the standard wants set
_KEEP_ALIVE = 600  # seconds; the hub is silent while a page is committed, and asks for itself when it waits


class Malformed(Exception):
    """What came is no MQTT."""


@dataclass(frozen=True, slots=True)
class Publication:
    """A message as it came. `number` acknowledges it, for this connection; with `qos` 0 nothing does."""

    qos: int
    number: int
    topic: str
    body: bytes
    content_type: str = ""
    user: list[tuple[str, str]] = field(default_factory=list)
    """Its user properties (MQTT 5): what other protocols call headers."""


def packet(kind: int, body: bytes = b"") -> bytes:
    return bytes([kind | _RESERVED.get(kind, 0)]) + _variable(len(body)) + body


def connect(version: Version, client: str, login: tuple[str, str] | None, *, keep: timedelta, at_once: int) -> bytes:
    """Ask to resume the session of a client, or to begin one; `at_once` bounds what may be unacknowledged (MQTT 5)."""
    flags = 0xC0 if login else 0x00  # user and password; never a clean start, which would drop what waits
    body = _text("MQTT") + bytes([5 if version == 5 else 4, flags]) + short(_KEEP_ALIVE)
    if version == 5:
        seconds = min(int(keep.total_seconds()), 0xFFFFFFFF)
        told = b"\x11" + seconds.to_bytes(4, "big") + b"\x21" + short(min(at_once, 0xFFFF))
        body += _variable(len(told)) + told
    return packet(CONNECT, body + _text(client) + b"".join(map(_text, login or ())))


def subscribe(version: Version, topics: Sequence[str]) -> bytes:
    """Ask for topics at least once (QoS 1), and in MQTT 5 for what they retain only where the subscription is new."""
    wish, told = (b"\x11", b"\x00") if version == 5 else (b"\x01", b"")
    return packet(SUBSCRIBE, short(1) + told + b"".join(_text(topic) + wish for topic in topics))


def publication(flags: int, body: bytes, version: Version) -> Publication:
    """Read a PUBLISH packet; `flags` are the low bits of its first byte. Raises Malformed."""
    qos, cursor = flags >> 1 & 3, _Cursor(body)
    topic = cursor.text()
    number = cursor.number(2) if qos else 0
    content_type, user = _properties(cursor) if version == 5 else ("", [])
    return Publication(qos, number, topic, cursor.rest(), content_type, user)


def short(number: int) -> bytes:
    return number.to_bytes(2, "big")


def _text(text: str) -> bytes:
    written = text.encode()
    return short(len(written)) + written


def _variable(number: int) -> bytes:
    written = bytearray()
    while number >= 0x80:
        written.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*written, number])


def _properties(cursor: "_Cursor") -> tuple[str, list[tuple[str, str]]]:
    """Read the properties of a message (MQTT 5, 3.3.2.3): its content type and its user's own; skip the others."""
    content_type, user = "", []
    end = cursor.variable() + cursor.at
    while cursor.at < end:
        match cursor.number(1):
            case 1:  # payload format
                cursor.take(1)
            case 2:  # expiry
                cursor.take(4)
            case 3:
                content_type = cursor.text()
            case 8 | 9:  # response topic, correlation data
                cursor.take(cursor.number(2))
            case 11:  # subscription
                cursor.variable()
            case 35:  # topic alias
                cursor.take(2)
            case 38:
                user.append((cursor.text(), cursor.text()))
            case unknown:
                raise Malformed(f"property {unknown}")
    return content_type, user


class _Cursor:
    """Reads the parts of a body one after the other."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self.at = 0

    def rest(self) -> bytes:
        return self._body[self.at :]

    def take(self, length: int) -> bytes:
        found = self._body[self.at : self.at + length]
        if len(found) < length:
            raise Malformed("a packet is too short")
        self.at += length
        return found

    def number(self, length: int) -> int:
        return int.from_bytes(self.take(length), "big")

    def text(self) -> str:
        return self.take(self.number(2)).decode("utf-8", "backslashreplace")

    def variable(self) -> int:
        found = 0
        for place in range(LONGEST_LENGTH):
            byte = self.number(1)
            found |= (byte & 0x7F) << (7 * place)
            if byte < 0x80:
                return found
        raise Malformed("a length without an end")
