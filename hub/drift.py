"""Notice how the tickets of a source drift away from what its mapping expects. Pure.

Three things change without a word: a field vanishes or is renamed, a field holds another kind of value, a code appears
that no map knows. A run notes what it saw of the tickets that were new or changed; what it saw is compared with the
profile of the source, which is what all runs before have seen.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from operator import attrgetter
from typing import Any, TypeAlias

from hub.model import Appeal, Drift, DriftKind, LandedTicket, Rejection, Ticket

Profile: TypeAlias = dict[str, Any]
"""What was seen so far, as JSON: `{"tickets": n, "fields": {path: {"seen": n, "kinds": [kind, …]}}}`."""

_SAMPLE = 20  # tickets of one page that are looked at: rows of one page are alike
_ENOUGH = 20  # tickets that must have been seen before something counts as usual, or as gone
_USUAL = 0.5  # the share of tickets that have a field which would be missed
_REMEMBERED = 10_000  # tickets after which older ones count for half
_DEEPEST = 3
_MOST_FIELDS = 500
_MOST_WORDS = 200
_LONGEST_WORD = 60
_ENUMS = ("status", "kind", "urgency", "channel", "satisfaction")


class Kind(StrEnum):
    """What sort of value a field holds, as JSON tells them apart."""

    TEXT = "text"
    NUMBER = "number"
    BOOLEAN = "boolean"
    LIST = "list"
    OBJECT = "object"


@dataclass
class Notes:
    """What one run saw: of a sample of its tickets the fields, of all of them the words that no map knew."""

    tickets: int = 0
    fields: dict[str, Counter[str]] = field(default_factory=dict)
    words: Counter[tuple[str, str]] = field(default_factory=Counter)

    def see(self, tickets: Sequence[LandedTicket]) -> None:
        """Look at the tickets of a page."""
        step = max(1, len(tickets) // _SAMPLE)
        for landed in tickets[::step]:
            self.tickets += 1
            for path, kind in _flat(landed.ticket):
                kinds = self.fields.get(path)
                if kinds is not None:
                    kinds[kind] += 1
                elif len(self.fields) < _MOST_FIELDS:
                    self.fields[path] = Counter({kind: 1})

    def hear(self, words: Iterable[tuple[str, str]]) -> None:
        """Note words that no map knew, each with its field."""
        for name, word in words:
            key = name, word[:_LONGEST_WORD]
            if key in self.words or len(self.words) < _MOST_WORDS:
                self.words[key] += 1


def unknown_words(records: Iterable[tuple[Ticket, Any]], word_of: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Name the words of served tickets that became UNKNOWN; `word_of` finds a field's word in a ticket."""
    names = [name for name in _ENUMS if name in word_of]
    values = attrgetter("external_id", *names)
    for ticket, record in records if names else ():
        if isinstance(record, Appeal) and "UNKNOWN" in values(record):
            for name in names:
                if getattr(record, name) == "UNKNOWN":
                    word = word_of[name](ticket)
                    if isinstance(word, str | int | float) and str(word).strip():
                        yield name, str(word).strip()


def refused_words(rejections: Iterable[Rejection]) -> Iterator[tuple[str, str]]:
    """Name the words for which tickets were set aside, as their reasons do."""
    for rejection in rejections:
        said, found, _ = rejection.reason.partition("' is unknown")
        if found and said.startswith(f"{rejection.field} '"):
            yield rejection.field, said.removeprefix(f"{rejection.field} '")


def compared(profile: Profile, notes: Notes) -> list[Drift]:
    """Say what a run saw that is not as before."""
    words = [Drift(DriftKind.WORD_UNKNOWN, name, word, count) for (name, word), count in notes.words.items()]
    if profile.get("tickets", 0) < _ENOUGH:
        return words
    return [*words, *_new(profile, notes), *_changed(profile, notes), *_gone(profile, notes)]


def back_again(profile: Profile, notes: Notes) -> list[str]:
    """Name the fields that a run saw, so that none of them counts as gone any more."""
    return [path for path in notes.fields if path in profile.get("fields", {})]


def merged(profile: Profile, notes: Notes) -> Profile:
    """Return the profile with what a run saw."""
    before, fields = profile.get("tickets", 0), dict(profile.get("fields", {}))
    for path, kinds in notes.fields.items():
        known = fields.get(path, {"seen": 0, "kinds": []})
        fields[path] = {"seen": known["seen"] + kinds.total(), "kinds": sorted({*known["kinds"], *kinds})}
    together = {"tickets": before + notes.tickets, "fields": fields}
    return _halved(together) if together["tickets"] > _REMEMBERED else together


def _halved(profile: Profile) -> Profile:
    fields = {path: {**known, "seen": known["seen"] // 2} for path, known in profile["fields"].items()}
    return {
        "tickets": profile["tickets"] // 2,
        "fields": {path: known for path, known in fields.items() if known["seen"]},
    }


def _new(profile: Profile, notes: Notes) -> Iterator[Drift]:
    for path, kinds in notes.fields.items():
        if path not in profile["fields"]:
            yield Drift(DriftKind.FIELD_NEW, path, "", kinds.total())


def _changed(profile: Profile, notes: Notes) -> Iterator[Drift]:
    for path, kinds in notes.fields.items():
        known = profile["fields"].get(path)
        if known is not None and known["seen"] >= _ENOUGH:
            before = "/".join(known["kinds"])
            yield from (
                Drift(DriftKind.KIND_CHANGED, path, f"{before} → {kind}", count)
                for kind, count in kinds.items()
                if kind not in known["kinds"]
            )


def _gone(profile: Profile, notes: Notes) -> Iterator[Drift]:
    if notes.tickets < _ENOUGH:
        return
    for path, known in profile["fields"].items():
        if path not in notes.fields and known["seen"] >= _USUAL * profile["tickets"]:
            yield Drift(DriftKind.FIELD_GONE, path, "", notes.tickets)


def _flat(value: Any, path: str = "", depth: int = 0) -> Iterator[tuple[str, str]]:
    """Name the fields that hold something, and of what kind; what is empty counts as not there."""
    if not isinstance(value, dict):
        return
    for key, child in value.items():
        here = f"{path}.{key}" if path else str(key)
        kind = _kind(child)
        if kind is Kind.OBJECT and depth < _DEEPEST:
            yield from _flat(child, here, depth + 1)
        elif kind is not None:
            yield here, kind


def _kind(value: Any) -> Kind | None:
    if value is None or value in ("", [], {}):
        return None
    return _KINDS.get(value.__class__, Kind.TEXT)


_KINDS: Mapping[type, Kind] = {
    bool: Kind.BOOLEAN,
    int: Kind.NUMBER,
    float: Kind.NUMBER,
    list: Kind.LIST,
    tuple: Kind.LIST,
    dict: Kind.OBJECT,
}
