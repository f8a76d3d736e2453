"""Make answers smaller for those who ask for it: br, or gzip (RFC 9110, section 12.5.3).

What is said here holds against BREACH: that attack needs a page of another site that makes a browser ask with the
victim's rights. Here nothing is proved by cookies, a POST must be JSON, and what a browser sends across sites is not
compressed at all.
"""

import zlib
from collections.abc import Callable
from functools import lru_cache
from typing import TypeAlias

import brotli

SMALLEST = 1_400
"""Bytes that are worth it: less goes into one packet anyhow."""

Coding: TypeAlias = tuple[str, Callable[[bytes], bytes]]
_LEVEL = 4  # of both: beyond it, a page of appeals shrinks by a tenth and takes thrice the time


def _gzip(body: bytes) -> bytes:
    deflating = zlib.compressobj(_LEVEL, wbits=31)  # 31: with the head and tail of gzip
    return deflating.compress(body) + deflating.flush()


def _brotli(body: bytes) -> bytes:
    small: bytes = brotli.compress(body, mode=brotli.MODE_TEXT, quality=_LEVEL)
    return small


_CODINGS: tuple[Coding, ...] = (("br", _brotli), ("gzip", _gzip))


@lru_cache
def coding(accepted: bytes) -> Coding | None:
    """The coding that an Accept-Encoding likes best; None for none."""
    liked = dict(_liked(part) for part in accepted.decode("latin-1").lower().split(","))
    others = liked.get("*", 0.0)
    best = max(_CODINGS, key=lambda one: liked.get(one[0], others))
    quality = liked.get(best[0], others)
    return best if quality > 0 and quality >= liked.get("identity", 0.0) else None


def _liked(part: str) -> tuple[str, float]:
    name, _, parameter = part.partition(";")
    key, _, value = parameter.strip().partition("=")
    try:
        quality = float(value) if key == "q" else 1.0
    except ValueError:
        quality = 0.0
    return name.strip(), quality if 0 <= quality <= 1 else 0.0
