"""Quote a source's words in an error without its secrets or its people's numbers."""

import re
from collections.abc import Iterable
from functools import lru_cache

EXCERPT = 200
"""The most characters of a source's answer that an error quotes."""

_LOOKED_AT = 20 * EXCERPT
_SHORTEST_SECRET = 4  # shorter ones would blot out ordinary words

_NAMED_SECRET = re.compile(
    r"""(?ix) (["']?\b\w*(?:token|secret|passw(?:or)?d|pwd|api[_-]?key|authorization|ticket)\b["']?\s*[:=]\s*["']?)
        (?:bearer\s+|basic\s+)? [^"'&\s,;}<>]+"""
)
_PERSON_NUMBER = re.compile(r"\d{3}(?:[ -]?\d){4,}[Xx]?")
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_XML_NAMES = {"&": "amp", "<": "lt", ">": "gt", '"': "quot", "'": "apos"}
_TAG = re.compile(r"<[^<>]*>")


def excerpt(text: str, secrets: Iterable[str] = ()) -> str:
    """Quote the start of `text` on one line, its tags off, and mask secrets, numbers of people and e-mail addresses."""
    if not text:
        return ""
    start = hide(text[:_LOOKED_AT], secrets)
    start = _NAMED_SECRET.sub(r"\1***", start)
    start = _PERSON_NUMBER.sub(lambda found: found[0][:3] + "****", _EMAIL.sub("***@***", start))
    if start.lstrip().startswith("<"):
        start = _TAG.sub(" ", start)
    line = " ".join("".join(c if c.isprintable() else " " for c in start).split())
    return line if len(line) <= EXCERPT else line[: EXCERPT - 1] + "…"


def hide(text: str, secrets: Iterable[str]) -> str:
    """Replace every known secret by `***`, however it was percent-encoded or escaped on its way; the longest first."""
    for secret in sorted(set(secrets), key=len, reverse=True):
        if len(secret) >= _SHORTEST_SECRET:
            text = _pattern(secret).sub("***", text)
    return text


@lru_cache(1024)
def _pattern(secret: str) -> re.Pattern[str]:
    return re.compile("".join(map(_any_writing, secret)))


def _any_writing(character: str) -> str:
    """Match one character as it is, percent-encoded, or as JSON or XML escapes it."""
    if character.isascii() and character.isalnum():
        return character
    percent = "".join(f"%{byte:02x}" for byte in character.encode("utf-8", "surrogatepass"))
    escaped = f"\\u{ord(character):04x}"
    reference = f"&(?:{_XML_NAMES.get(character, '#')}|#0*{ord(character)}|#x0*{ord(character):x});"
    return rf"(?:(?i:{percent}|{re.escape(escaped)}|{reference})|\\?{re.escape(character)})"
