"""Say the hub's words in a source's own: what its map reads one way, told the other way round."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from hub.config.document import KeyPath, Problem
from hub.config.spelling import did_you_mean
from hub.errors import Unreadable
from hub.mapping.recipes import Recipe
from hub.mapping.rules import APPEAL, Target
from hub.mapping.steps import LookUp
from hub.mapping.texts import text_of
from hub.model import Status

_NOBODYS = "UNKNOWN"  # what a word becomes that nobody mapped: there is nothing to say it by


@dataclass(frozen=True, slots=True)
class Outward:
    """For each field, the hub's values and the source's word for each; what the map reads such a word back as is it.

    `chosen` tells whether the administrator wrote any of it.
    """

    words: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    chosen: bool = False

    def unsaid(self) -> list[Status]:
        """Return the statuses that cannot be told to the source, because it has no word for them, or several."""
        said = self.words.get("status", {})
        return [status for status in Status if status.value not in said and status.value != _NOBODYS]


def outward(recipes: Iterable[Recipe], chosen: Mapping[str, Mapping[str, str]]) -> tuple[Outward, list[Problem]]:
    """Derive the words from the maps of a source, and let those `chosen` go before; say which do not read back."""
    mapped = {recipe.to.name: recipe for recipe in recipes}
    problems = [problem for name in chosen for problem in _problems(name, chosen[name], mapped.get(name))]
    derived = {name: dict(_derived(recipe)) for name, recipe in mapped.items()}
    words = {name: derived.get(name, {}) | dict(chosen.get(name, {})) for name in derived.keys() | chosen.keys()}
    return Outward({name: said for name, said in sorted(words.items()) if said}, bool(chosen)), problems


def _derived(recipe: Recipe) -> Iterator[tuple[str, str]]:
    """Give each value that just one word means. Where several do, only a person knows which one the source expects."""
    inverse: dict[str, list[str]] = {}
    for table in (step.table for step in recipe.steps if isinstance(step, LookUp)):
        for word, meant in table.items():
            if meant is not None:
                inverse.setdefault(str(text_of(meant)), []).append(word)
    for value, words in inverse.items():
        if value != _NOBODYS and len(words) == 1 and _read_back(recipe, words[0]) == value:
            yield value, words[0]


def _problems(name: str, words: Mapping[str, str], recipe: Recipe | None) -> Iterator[Problem]:
    here: KeyPath = ("outward", name)
    if recipe is None:
        unknown = f"the appeal has no such field{did_you_mean(name, APPEAL.targets)}"
        yield Problem(here, f"map.{name} has no map to read the words back by" if name in APPEAL.targets else unknown)
        return
    members = sayable(recipe.to)
    for value, word in words.items():
        if members and value not in members:
            yield Problem((*here, value), f"no {name} '{value}'{did_you_mean(value, members)}")
        elif (read := _read_back(recipe, word)) != value:
            back = f"reads back as {read}" if read else "does not read back at all"
            yield Problem((*here, value), f"'{word}' {back}; write a word that map.{name} reads as {value}")


def sayable(to: Target) -> list[str]:
    """Name the values of a field that has only a few; none for any other field."""
    return [value for member in to.type if (value := str(member.value)) != _NOBODYS] if to.is_enum else []


def _read_back(recipe: Recipe, word: str) -> str | None:
    """Read a word as it would be read in a ticket; None where nothing comes of it."""
    value: Any = recipe.clean(word)
    try:
        for step in recipe.steps:
            value = None if value is None else step(value)
        return None if value is None else text_of(value)
    except Unreadable:
        return None
