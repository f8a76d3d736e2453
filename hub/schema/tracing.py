"""Time the fields of one operation for the gateway that asks: a trace as Apollo Federation reads it, version ftv1.

The message is Protocol Buffers' `Trace` of Apollo's reports.proto, in Base64. A field that is compiled has a time; what
lies below it has none of its own, for one statement brings it all.
"""

import base64
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from time import perf_counter_ns, time_ns

from graphql import GraphQLFormattedError, GraphQLObjectType

_MOST = 5_000  # fields of one trace; what comes after is not timed


@dataclass(slots=True)
class Timed:
    """A field, or one of a list: `name` is then its place."""

    name: str | int | None = None
    field_name: str = ""
    type: str = ""
    parent_type: str = ""
    began: int = 0
    ended: int = 0
    errors: list[GraphQLFormattedError] = field(default_factory=list)
    below: dict[str | int, "Timed"] = field(default_factory=dict)


class Trace:
    """The times of one operation. It begins when it is made."""

    def __init__(self) -> None:
        self._since = time_ns()
        self._start = perf_counter_ns()
        self._root = Timed()
        self._timed = 0

    def begin(self, path: Sequence[str | int], parent: GraphQLObjectType, name: str) -> Timed | None:
        """Begin to time a field; None when enough were timed."""
        if self._timed >= _MOST or name.startswith("__"):
            return None
        self._timed += 1
        node = self._node(path)
        node.field_name, node.parent_type, node.type = name, parent.name, str(parent.fields[name].type)
        node.began = self._now()
        return node

    def end(self, node: Timed | None) -> None:
        if node is not None:
            node.ended = self._now()

    def encoded(self, errors: Iterable[GraphQLFormattedError]) -> str:
        """End the trace, with the errors as the client sees them, and write it."""
        for error in errors:
            self._node(error.get("path") or ()).errors.append(error)
        duration = self._now()
        whole = b"".join((
            _message(3, _timestamp(self._since + duration)),
            _message(4, _timestamp(self._since)),
            _number(11, duration),
            _message(14, _written(self._root)),
        ))  # fmt: skip
        return base64.b64encode(whole).decode()

    def _node(self, path: Sequence[str | int]) -> Timed:
        node = self._root
        for key in path:
            node = node.below.setdefault(key, Timed(key))
        return node

    def _now(self) -> int:
        return perf_counter_ns() - self._start


# ── Protocol Buffers ─────────────────────────────────────────────────────────────────────────────────────────────────


def _written(node: Timed) -> bytes:
    return b"".join(_parts(node))


def _parts(node: Timed) -> Iterator[bytes]:
    if isinstance(node.name, int):
        # A place is of a choice of two, and written even when it is 0.
        yield _varint(2 << 3) + _varint(node.name)
    elif node.name is not None:
        yield _text(1, node.name)
        yield _text(14, node.field_name if node.field_name != node.name else "")
    yield _text(3, node.type)
    yield _number(8, node.began)
    yield _number(9, node.ended)
    yield from (_message(11, _text(1, error["message"]) + _text(4, json.dumps(error))) for error in node.errors)
    yield from (_message(12, _written(below)) for below in node.below.values())
    yield _text(13, node.parent_type)


def _timestamp(nanoseconds: int) -> bytes:
    seconds, rest = divmod(nanoseconds, 10**9)
    return _number(1, seconds) + _number(2, rest)


def _text(number: int, text: str) -> bytes:
    return _message(number, text.encode()) if text else b""


def _message(number: int, body: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(body)) + body


def _number(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value) if value else b""


def _varint(value: int) -> bytes:
    written = bytearray()
    while value > 0x7F:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    written.append(value)
    return bytes(written)
