"""Administrative divisions by their codes (GB/T 2260, and a city's own), and which lies in which."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from types import MappingProxyType

from hub.vocabulary.words import Label, table


@dataclass(frozen=True, slots=True)
class Area:
    """One division; `name` is None where only its code is known. `parent` is the smallest known one that holds it."""

    code: str
    name: Label | None
    parent: "Area | None" = None

    @property
    def children(self) -> "tuple[Area, ...]":
        """The known divisions right below it."""
        return _children().get(self.code, ())


@cache
def areas() -> Mapping[str, Area]:
    """All known divisions by their codes, each before its parts."""
    found: dict[str, Area] = {}
    for code, zh, en in sorted(table("areas")["areas"], key=lambda row: (len(beginning(row[0])), row[0])):
        found[code] = Area(code, Label(zh, en), _holder(code, found))
    return MappingProxyType(found)


@lru_cache(10_000)
def area(code: str) -> Area:
    """The division of a code, known or not. `4208` is the same as `420800`."""
    known = areas().get(code) or areas().get(code.ljust(6, "0") if code.isdecimal() else code)
    return known or Area(code, None, _holder(code, areas()))


def beginning(code: str) -> str:
    """What the codes of a division's parts begin with: GB/T 2260 fills up with zeros, `420800` is all of `4208`."""
    if len(code) == 6 and code.isdecimal():
        return code.removesuffix("0000") if code.endswith("0000") else code.removesuffix("00")
    return code


def _holder(code: str, known: Mapping[str, Area]) -> Area | None:
    """The smallest of the known divisions that holds a code."""
    holding = [one for one in known.values() if one.code != code and code.startswith(beginning(one.code))]
    return max(holding, key=lambda one: len(beginning(one.code)), default=None)


@cache
def _children() -> Mapping[str, tuple[Area, ...]]:
    found: dict[str, tuple[Area, ...]] = {}
    for one in areas().values():
        if one.parent is not None:
            found[one.parent.code] = (*found.get(one.parent.code, ()), one)
    return found
