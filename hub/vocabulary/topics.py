"""The taxonomy of topics: what an appeal is about, from what its source's map says of it."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from types import MappingProxyType

from hub.vocabulary.words import Label, table

_BETWEEN = re.compile(r"\s*[/／>|]\s*")


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic: as `text` says it; `code` is None where the taxonomy does not know it. `parent` is the coarser one."""

    text: str
    code: str | None
    label: Label
    parent: "Topic | None" = None

    @property
    def group(self) -> "Topic":
        """The coarsest topic that holds it: itself, when nothing does."""
        return self if self.parent is None else self.parent.group


@cache
def topics() -> Mapping[str, Topic]:
    """All topics of the taxonomy by their codes, each group before its own."""
    found: dict[str, Topic] = {}
    for code, zh, en in table("topics")["topics"]:
        parent = found.get(code[:-2])
        found[code] = Topic(f"{parent.text}/{zh}" if parent else zh, code, Label(zh, en), parent)
    return MappingProxyType(found)


@lru_cache(10_000)
def topic(text: str) -> Topic:
    """The topic that a text means: by its code, its path, or a name of which there is only one.

    Of a path that begins in the taxonomy and leads out of it, the part that is known is the parent.
    """
    found = topics().get(text) or _by_name().get("/".join(_BETWEEN.split(text.strip())))
    if found is not None:
        return Topic(text, found.code, found.label, found.parent)
    above, _, last = "/".join(_BETWEEN.split(text.strip())).rpartition("/")
    if (parent := _by_name().get(above)) is not None:
        return Topic(text, None, Label(last, last), parent)
    return Topic(text, None, Label(text, text))


def texts_of(code: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """How appeals may say the topic of a code: the beginnings, and the whole texts, that mean it or a part of it."""
    if code not in topics():
        return (code,), ()
    whole = [name for name, one in _by_name().items() if "/" not in name and (one.code or "").startswith(code)]
    return (code, topics()[code].text), tuple(whole)


@cache
def _by_name() -> Mapping[str, Topic]:
    """Topics by their paths, and by those of their names that mean one topic only."""
    names = Counter(one.label.zh for one in topics().values())
    paths = {one.text: one for one in topics().values()}
    return {one.label.zh: one for one in topics().values() if names[one.label.zh] == 1} | paths
