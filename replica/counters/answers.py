"""Fill the envelopes in which web systems answer, and send them as JSON, XML or rows of text."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from string import Template
from typing import Any, Protocol
from xml.etree import ElementTree as ET

import orjson
from aiohttp import web

from replica.writing import cp936


def fill(envelope: Any, facts: Mapping[str, Any]) -> Any:
    """Put the facts of an answer where the envelope says `$name`."""
    if isinstance(envelope, Mapping):
        return {key: fill(value, facts) for key, value in envelope.items()}
    if isinstance(envelope, list):
        return [fill(value, facts) for value in envelope]
    if not isinstance(envelope, str) or "$" not in envelope:
        return envelope
    return facts[envelope[1:]] if envelope[1:] in facts else Template(envelope).safe_substitute(facts)


def json_answer(payload: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """Answer in JSON whose Chinese can be read."""
    return web.Response(
        body=orjson.dumps(payload), status=status, headers=headers, content_type="application/json", charset="utf-8"
    )


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a system answers instead of tickets; `$reason` says why, where it says so at all."""

    status: int
    payload: Any

    def answer(self, reason: str = "") -> web.Response:
        return json_answer(fill(self.payload, {"reason": reason}), status=self.status)


class Form(Protocol):
    """How an answer is written."""

    def answer(self, payload: Any, headers: Mapping[str, str]) -> web.Response: ...


@dataclass(frozen=True, slots=True)
class Json:
    def answer(self, payload: Any, headers: Mapping[str, str]) -> web.Response:
        return json_answer(payload, headers=headers)


@dataclass(frozen=True, slots=True)
class Xml:
    """An envelope `{root: {"@attribute": text, element: [...]}}` as XML, in the encoding that the system claims."""

    claims: str = "UTF-8"
    encoding: str = "utf-8"

    def answer(self, payload: Any, headers: Mapping[str, str]) -> web.Response:
        return web.Response(body=self.document(payload), headers=headers, content_type="text/xml")

    def document(self, payload: Any) -> bytes:
        ((root, content),) = payload.items()
        declaration = f'<?xml version="1.0" encoding="{self.claims}"?>\n'
        return (declaration + ET.tostring(element(root, content), encoding="unicode")).encode(self.encoding)


def element(name: str, content: Any) -> ET.Element:
    """Write an object as an element: `@name` is an attribute, a list an element each, no value an empty one."""
    made = ET.Element(name)
    if not isinstance(content, Mapping):
        made.text = None if content in (None, "") else str(content)
        return made
    for key, value in content.items():
        if key.startswith("@"):
            made.set(key[1:], "" if value is None else str(value))
        else:
            made.extend(element(key, each) for each in (value if isinstance(value, list) else [value]))
    return made


@dataclass(frozen=True, slots=True)
class Csv:
    """Rows of flat tickets as text with separators; `cp936` is what old Windows calls GBK."""

    encoding: str = "utf-8"
    delimiter: str = ","
    header: bool = True
    preamble: Sequence[str] = field(default=())

    def answer(self, payload: Any, headers: Mapping[str, str]) -> web.Response:
        return web.Response(body=self.table(payload), headers=headers, content_type="text/csv")

    def table(self, rows: Sequence[Mapping[str, Any]]) -> bytes:
        text = io.StringIO(newline="")
        text.writelines(f"{line}\r\n" for line in self.preamble)
        writer = csv.writer(text, delimiter=self.delimiter, lineterminator="\r\n")
        if self.header and rows:
            writer.writerow(rows[0])
        writer.writerows(["" if value is None else value for value in row.values()] for row in rows)
        return cp936(text.getvalue()) if self.encoding == "cp936" else text.getvalue().encode(self.encoding)


@dataclass(frozen=True, slots=True)
class JsonLines:
    def answer(self, payload: Any, headers: Mapping[str, str]) -> web.Response:
        return web.Response(body=self.table(payload), headers=headers, content_type="application/x-ndjson")

    def table(self, rows: Sequence[Mapping[str, Any]]) -> bytes:
        return b"".join(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in rows)
