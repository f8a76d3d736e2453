"""What a client takes for an answer, told from its Accept by the rules of RFC 9110, section 12.5.1."""

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

JSON = "application/json"
GRAPHQL_JSON = "application/graphql-response+json"
EVENTS = "text/event-stream"
PARTS = "multipart/mixed"

_Parameters = frozenset[tuple[str, str]]
_MOST_RANGES = 50  # No client names more; the rest of a longer header is not read.


class Wishes(NamedTuple):
    """The media types that fit best."""

    json: str
    """For one answer in JSON: the newer type for whoever names it and likes it no less, to everybody else the older."""
    stream: str | None
    """For a subscription: the stream that was named, or None. A wildcard names none."""
    streamed: bool
    """Whether the stream was preferred to JSON, also for a single answer."""


class _Range(NamedTuple):
    media: str
    parameters: _Parameters
    quality: float


@lru_cache
def wishes(accept: str) -> Wishes:
    """What an Accept header asks for."""
    ranges = tuple(_ranges(accept))
    newer, older = _quality(ranges, GRAPHQL_JSON, wild=False), _quality(ranges, JSON)
    events = _quality(ranges, EVENTS, wild=False)
    parts = _quality(ranges, PARTS, frozenset({("subscriptionspec", "1.0")}), wild=False)
    stream = (EVENTS if events >= parts else PARTS) if max(events, parts) > 0 else None
    return Wishes(
        json=GRAPHQL_JSON if newer > 0 and newer >= older else JSON,
        stream=stream,
        streamed=events > max(newer, older),
    )


def _ranges(accept: str) -> Iterator[_Range]:
    for part in accept.lower().split(",", _MOST_RANGES)[:_MOST_RANGES]:
        media, *given = (word.strip() for word in part.split(";"))
        pairs = [(name.strip(), value.strip(' "')) for name, _, value in (word.partition("=") for word in given)]
        quality = next((_number(value) for name, value in pairs if name == "q"), 1.0)
        yield _Range(media, frozenset(pair for pair in pairs if pair[0] not in {"q", "charset", "boundary"}), quality)


def _number(text: str) -> float:
    """The value of q; 0 for what is none, among it NaN."""
    try:
        value = float(text)
    except ValueError:
        return 0
    return value if 0 <= value <= 1 else 0


def _quality(
    ranges: tuple[_Range, ...], media: str, parameters: _Parameters = frozenset(), *, wild: bool = True
) -> float:
    """How much a media type is liked: the most specific range that it falls in decides."""
    best, liked = -1, 0.0
    for one in ranges:
        specific = _specific(one, media, parameters, wild=wild)
        if specific > best:
            best, liked = specific, one.quality
    return liked


def _specific(one: _Range, media: str, parameters: _Parameters, *, wild: bool) -> int:
    """How closely a range names a media type; -1 when it does not at all."""
    if one.media == media and one.parameters <= parameters:
        return 2 + len(one.parameters)
    if wild and one.media == media.partition("/")[0] + "/*":
        return 1
    return 0 if wild and one.media in {"*/*", ""} else -1
