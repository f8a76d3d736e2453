"""Read a mail: who sent it, what it says and what hangs on it, whatever its charsets claim. Pure."""

import binascii
import hashlib
import quopri
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC
from email import message_from_bytes
from email.message import Message
from email.parser import BytesHeaderParser
from email.utils import getaddresses, parsedate_to_datetime
from itertools import groupby, islice
from typing import Any, NamedTuple, TypeAlias
from urllib.parse import unquote_to_bytes

from hub.connectors.formats import NotReadable, bom_encoding, encoding_named, strict_for
from hub.mapping.texts import without_markup
from hub.model import Ticket

_MOST_LINES = 1_500_000
_MOST_BOUNDARIES = 10_000
_MOST_NESTED = 200
_MOST_PARTS = 1_000
_DEEPEST = 20
_MOST_HEADER_BYTES = 2**20
_LONGEST_HEADER = 20_000
_MOST_ADDRESSES = 1_000

_BOUNDARY = re.compile(rb"(?m)^--\S")
_NESTED = re.compile(rb"(?i)\ncontent-type:\s*(?:multipart|message)/")
_END_OF_HEADERS = re.compile(rb"\r?\n\r?\n")
_FOLD = re.compile(r"\r?\n(?=[ \t])")
_ENCODED_WORD = re.compile(r"=\?([^?\s]{1,60})\?([bBqQ])\?([^?]*)\?=")
_PARAMETER = re.compile(
    r""";\s*([\w!#$%&+.^`{|}~-]+)(?:\*(\d{1,3}))?(\*)?\s*=\s*("(?:[^"\\]|\\.)*"|[^;]*)""", re.DOTALL
)
_QUOTED_PAIR = re.compile(r"\\(.)", re.DOTALL)
_MESSAGE_ID = re.compile(r"<([^<>\s]{1,500})>")
_WESTERN = frozenset({"iso-8859-1", "latin1", "us-ascii", "ascii", "windows-1252", "iso-8859-15"})
_GB2312 = re.compile(rb"(?:[\x00-\x7f]++|[\xa1-\xf7][\xa1-\xfe])*+")
_ENDINGS = {
    "application/gzip": ".gz",
    "application/json": ".json",
    "application/vnd.ms-excel": ".xls",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
    "application/xml": ".xml",
    "application/zip": ".zip",
    "message/rfc822": ".eml",
    "text/csv": ".csv",
    "text/html": ".html",
    "text/xml": ".xml",
}
"""How a file is called that came without a name, so that its type tells its format all the same."""
_IDENTIFYING = ("message-id", "date", "from", "subject")

Headers: TypeAlias = dict[str, str]
"""The first header of each name, by its name in small letters, as it was sent: bytes beyond ASCII as surrogates."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """What hangs on a mail. A mail that was forwarded whole has no `content`: what hangs on that one comes beside."""

    name: str
    type: str
    content: bytes | None


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail as a ticket, and what hangs on it."""

    ticket: Ticket
    attachments: list[Attachment]


def read_mail(data: bytes) -> Mail:
    """Read a whole mail. Raises NotReadable for one that was made to do harm, or that the parser gives up on."""
    _refuse_bomb(data)
    with _calmly():
        parts = list(_parts(message_from_bytes(data)))
        attachments = [_attachment(part) for part in parts if not part.is_words]
        words = [(part.type, _words(part.message)) for part in parts if part.is_words]
        listed = [{"name": each.name, "type": each.type, "size": _length(each)} for each in attachments]
        return Mail(_head(data) | _body(words) | {"attachments": listed}, attachments)


def read_head(data: bytes) -> Ticket:
    """Make a ticket of what the headers of a mail say. Its `id` is the same by whichever way the mail came.

    Raises NotReadable.
    """
    with _calmly():
        return _head(data)


@contextmanager
def _calmly() -> Iterator[None]:
    try:
        yield
    except NotReadable:
        raise
    except Exception as error:  # noqa: BLE001  # the email package raises nearly anything at a hostile mail
        raise NotReadable(f"is no mail that can be read ({type(error).__name__})") from None


def _head(data: bytes) -> Ticket:
    headers = read_headers(data)
    return {
        "id": _identity(data, headers),
        "message_id": _first(_message_ids(headers.get("message-id"))),
        "subject": header_text(headers.get("subject")),
        "from": _first(addresses(headers.get("from"))),
        "to": addresses(headers.get("to")),
        "cc": addresses(headers.get("cc")),
        "reply_to": _first(addresses(headers.get("reply-to"))),
        "date": _date(headers.get("date")),
        "in_reply_to": _first(_message_ids(headers.get("in-reply-to"))),
    }


def read_headers(data: bytes) -> Headers:
    """Read the headers at the start of a mail, the first of each name; more than 1 MB of them are cut off."""
    end = _END_OF_HEADERS.search(data, 0, _MOST_HEADER_BYTES)
    head = BytesHeaderParser().parsebytes(data[: end.end() if end else _MOST_HEADER_BYTES])
    return {name.lower(): value for name, value in reversed(list(head.raw_items()))}


def _first(found: list[Any]) -> Any:
    return found[0] if found else None


def _identity(data: bytes, headers: Headers) -> str:
    """Name a mail by what its sender wrote: ids of mails are missing, repeated and forged, and routes differ."""
    digest = hashlib.sha256()
    for name in _IDENTIFYING:
        digest.update(headers.get(name, "").encode("utf-8", "surrogateescape") + b"\n")
    end = _END_OF_HEADERS.search(data)
    digest.update(memoryview(data)[end.end() if end else len(data) :])
    return digest.hexdigest()[:32]


# Headers ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def header_text(raw: str | None) -> str | None:
    """Read a header as text: encoded words (RFC 2047), or bytes of UTF-8 or GBK that stand there as they are."""
    if raw is None:
        return None
    return " ".join(_encoded_words(_plain(raw[:_LONGEST_HEADER])).split()) or None


def _plain(raw: str) -> str:
    """Unfold a header, and read what bytes beyond ASCII there are in it."""
    raw = _FOLD.sub("", raw)
    return raw if raw.isascii() else charset_text(raw.encode("utf-8", "surrogateescape"), None)


def _encoded_words(text: str) -> str:
    """Decode encoded words. Neighbours of one charset are one text: mailers cut characters in two between them."""
    if "=?" not in text:
        return text
    pieces: list[str] = []
    end = 0
    run: list[tuple[str, bytes]] = []
    for found in _ENCODED_WORD.finditer(text):
        between = text[end : found.start()]
        if between.strip() or not run:
            pieces += [_joined(run), between]
            run = []
        run.append((found[1].partition("*")[0].lower(), _decoded_word(found)))
        end = found.end()
    return "".join([*pieces, _joined(run), text[end:]])


def _joined(run: list[tuple[str, bytes]]) -> str:
    texts = [(charset, b"".join(raw for _, raw in words)) for charset, words in groupby(run, lambda word: word[0])]
    return "".join(charset_text(raw, charset) for charset, raw in texts)


def _decoded_word(found: "re.Match[str]") -> bytes:
    written = found[3].encode("utf-8")
    if found[2] in "qQ":
        return quopri.decodestring(written, header=True)
    try:
        return binascii.a2b_base64(written + b"===")
    except binascii.Error:
        return found[0].encode("utf-8")  # Broken: better as it stands than not at all.


def addresses(raw: str | None) -> list[dict[str, str | None]]:
    """Read the people of a header: `name` and `address`, either of which may be missing."""
    if raw is None:
        return []
    people = [_person(*found) for found in getaddresses([_plain(raw[:_LONGEST_HEADER])])[:_MOST_ADDRESSES]]
    if any(person["address"] for person in people):
        return [person for person in people if any(person.values())]
    # What holds no address at all is still the word of who wrote.
    return [{"name": name, "address": None}] if (name := header_text(raw)) else []


def _person(name: str, address: str) -> dict[str, str | None]:
    if "@" not in address:
        return {"name": header_text(name or address), "address": None}
    return {"name": header_text(name), "address": address}


def _message_ids(raw: str | None) -> list[str]:
    return _MESSAGE_ID.findall(raw or "")[:_MOST_ADDRESSES]


def _date(raw: str | None) -> str | None:
    """Write the date as ISO 8601 with its zone; without one where the sender gave none."""
    try:
        moment = parsedate_to_datetime(" ".join((raw or "").split()))
        # RFC 5322: -0000 is UTC, of a sender whose own zone is unknown.
        return (moment.replace(tzinfo=UTC) if moment.tzinfo is None and "-0000" in (raw or "") else moment).isoformat()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def parameters(raw: str | None) -> dict[str, str]:
    """Read the parameters of a header: in pieces or percent-encoded (RFC 2231), as encoded words, or as plain bytes."""
    pieces: dict[str, list[_Piece]] = {}
    for name, place, extended, written in _PARAMETER.findall(_plain((raw or "")[:_LONGEST_HEADER])):
        value = _QUOTED_PAIR.sub(r"\1", written[1:-1]) if written.startswith('"') else written.strip()
        pieces.setdefault(name.lower(), []).append(_Piece(int(place or 0), bool(extended), bool(place), value))
    return {name: _parameter(found) for name, found in pieces.items()}


class _Piece(NamedTuple):
    """One `name*place*=value`, or a plain `name=value`."""

    place: int
    is_extended: bool
    is_placed: bool
    value: str


def _parameter(pieces: list[_Piece]) -> str:
    """Join the pieces of a parameter; a plain one beside them is for old readers."""
    placed = sorted(piece for piece in pieces if piece.is_extended or piece.is_placed)
    if not any(piece.is_extended for piece in placed):
        return _encoded_words("".join(piece.value for piece in placed or pieces[:1]))
    charset, _, rest = placed[0].value.partition("'")
    _, marked, text = rest.partition("'")
    values = [text if marked else placed[0].value, *(piece.value for piece in placed[1:])]
    return charset_text(b"".join(unquote_to_bytes(value) for value in values), charset if marked else None)


def charset_text(data: bytes, charset: str | None) -> str:
    """Decode bytes by the charset that they claim, unless they are another in truth; what fits nothing keeps marks.

    Chinese in UTF-8 decodes as GBK without a fault, to other characters; hardly any GBK decodes as UTF-8. And anything
    decodes by a charset of one byte, which old mailers claim without a thought.
    """
    truth = bom_encoding(data) or ("utf-8" if _is_utf8(data, charset) else None)
    if truth is None and (charset or "").lower() in _WESTERN and _GB2312.fullmatch(data):
        truth = "gb18030"
    for encoding in filter(None, [truth, charset, "utf-8", "gb18030"]):
        try:
            codec = encoding_named(encoding)
            return data.decode(codec, strict_for(codec))
        except (LookupError, UnicodeError):
            continue
    return data.decode("gb18030", "replace")


def _is_utf8(data: bytes, charset: str | None) -> bool:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    # Two bytes of GBK may happen to be one character of UTF-8, as in the famous 联通; three hardly ever are.
    is_chinese = (charset or "").lower().startswith(("gb", "cp936", "hz", "big5"))
    return not is_chinese or any(character > "\u07ff" for character in text)


# The body ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _refuse_bomb(data: bytes) -> None:
    """Count before parsing, as a parsed mail may take a hundred times its size."""
    if data.count(b"\n") > _MOST_LINES:
        raise NotReadable(f"has more than {_MOST_LINES:,} lines")
    if sum(1 for _ in _up_to(_BOUNDARY.finditer(data), _MOST_BOUNDARIES)) > _MOST_BOUNDARIES:
        raise NotReadable("has too many parts")
    if sum(1 for _ in _up_to(_NESTED.finditer(data), _MOST_NESTED)) > _MOST_NESTED:
        raise NotReadable("nests too many parts")
    if not _END_OF_HEADERS.search(data, 0, _MOST_HEADER_BYTES) and len(data) > _MOST_HEADER_BYTES:
        raise NotReadable("has more than 1 MB of headers")


def _up_to(found: Iterator[Any], most: int) -> Iterator[Any]:
    """Stop one beyond what is allowed: that many more need not be counted."""
    return islice(found, most + 1)


@dataclass(frozen=True, slots=True)
class _Part:
    """A part that holds no others, or a forwarded mail; `is_words` tells the mail's own text from what hangs on it."""

    message: "Message[str, str]"
    type: str
    is_words: bool


def _parts(root: "Message[str, str]") -> Iterator[_Part]:
    waiting = [(root, 0, False)]
    given = 0
    while waiting:
        message, depth, is_forwarded = waiting.pop()
        given += 1
        if depth > _DEEPEST or given > _MOST_PARTS:
            raise NotReadable(f"nests parts more than {_DEEPEST} deep, or has more than {_MOST_PARTS:,}")
        kind = message.get_content_type()
        is_mail = message.get_content_maintype() == "message"
        if not message.is_multipart():
            is_words = kind in {"text/plain", "text/html"} and not is_forwarded and not _is_attached(message)
            yield _Part(message, kind, is_words)
            continue
        if is_mail:
            yield _Part(message, kind, is_words=False)
        inner: Any = message.get_payload()
        waiting += [(each, depth + 1, is_forwarded or is_mail) for each in reversed(inner)]


def _is_attached(message: "Message[str, str]") -> bool:
    disposition = (_raw(message, "content-disposition") or "").lstrip().lower()
    return disposition.startswith("attachment") or _name(message) is not None


def _raw(message: "Message[str, str]", name: str) -> str | None:
    return next((value for key, value in message.raw_items() if key.lower() == name), None)


def _name(message: "Message[str, str]") -> str | None:
    told = parameters(_raw(message, "content-disposition")).get("filename")
    told = told or parameters(_raw(message, "content-type")).get("name")
    plain = " ".join("".join(c if c.isprintable() else " " for c in told or "").split())
    return plain.replace("\\", "/").rpartition("/")[2] or None


def _attachment(part: _Part) -> Attachment:
    name = _name(part.message) or f"unnamed{_ENDINGS.get(part.type, '')}"
    return Attachment(name, part.type, None if part.message.is_multipart() else _content(part.message))


def _content(message: "Message[str, str]") -> bytes:
    content = message.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""


def _length(attachment: Attachment) -> int | None:
    return None if attachment.content is None else len(attachment.content)


def _words(message: "Message[str, str]") -> str:
    charset = parameters(_raw(message, "content-type")).get("charset")
    return charset_text(_content(message), charset).replace("\r\n", "\n")


def _body(words: list[tuple[str, str]]) -> Ticket:
    """Give the text of a mail, taken off its HTML where it brings no other, and the HTML as it came."""
    plain = "\n\n".join(text.strip() for kind, text in words if kind == "text/plain" and text.strip())
    html = "\n".join(text for kind, text in words if kind == "text/html")
    return {"text": plain or without_markup(html) or None, "html": html or None}
