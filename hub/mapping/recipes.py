"""Make rules ready to run: compile their paths, patterns, dates and maps, and note all that is wrong with them."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from difflib import get_close_matches
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from hub.errors import Unreadable
from hub.mapping import rules, steps
from hub.mapping.paths import Path, compile_path
from hub.mapping.patterns import compile_pattern
from hub.mapping.rules import ATTRIBUTES, EVENT, Form, Problem, Rule, Target
from hub.mapping.steps import Step
from hub.mapping.texts import text_of
from hub.mapping.times import time_reader
from hub.model import Ticket

T = TypeVar("T")

_LONG_TEXTS = frozenset({"content", "result", "public_reply", "status_note"})
_NEED_EVERY_PART = frozenset({"external_id", "location.point"})
_CLEANERS: Mapping[Any, Callable[[frozenset[str]], Step]] = {
    list: steps.many,
    dict: steps.any_of,
    tuple: steps.any_of,
}


@dataclass(frozen=True, slots=True)
class Recipe:
    """One rule made ready: the first of `origins` that comes to something is cleaned and goes from step to step.

    With `several` all the origins together are one list. `nulls` is what `clean` takes for nothing. Before step number
    `word_at` the value is the source's own word. `default` stands where nothing is left. `each` reads one element of
    a list of events.
    """

    to: Target
    origins: tuple[Path, ...]
    several: bool
    nulls: frozenset[str]
    clean: Step
    steps: tuple[Step, ...]
    word_at: int
    default: Any
    each: tuple["Recipe", ...] = ()


@dataclass
class Workshop:
    """Makes recipes of one mapping's rules, and notes what is wrong with them.

    `place` is where the mapping stands in connectors.yaml, for hints.
    """

    form: Form
    place: str
    maps: Mapping[str, Mapping[str, Any]]
    zone: ZoneInfo
    nulls: frozenset[str]
    problems: list[Problem] = field(default_factory=list)

    def recipes(self, named: Mapping[str, Rule]) -> list[Recipe]:
        """Return a recipe for each rule that makes sense so far; `problems` says why others, or all, cannot be used."""
        self.problems += self.form.missing(set(named))
        return [recipe for name, rule in named.items() if (recipe := self._recipe(name, rule))]

    def _recipe(self, name: str, rule: Rule) -> Recipe | None:
        to = self._noting((name,), self.form.target, name)
        if to is None:
            return None
        contradictions = list(rules.contradictions(to, rule))
        self.problems += contradictions
        return None if contradictions else self._made(to, rule)

    def _noting(self, path: tuple[str | int, ...], make: Callable[..., T], *arguments: Any) -> T | None:
        """Return what `make` makes; note its ValueError, if it raises one, as the problem of that path."""
        try:
            return make(*arguments)
        except ValueError as error:
            self.problems.append((path, str(error)))
            return None

    def _made(self, to: Target, rule: Rule) -> Recipe:
        nulls = self.nulls.union(rule.nulls or ())
        before = tuple(self._before_map(to, rule, nulls))
        after = tuple(self._from_map(to, rule))
        return Recipe(
            to=to,
            origins=self._origins(to, rule, nulls),
            several=isinstance(rule.from_, list),
            nulls=nulls,
            clean=_cleaner(to, rule)(nulls),
            steps=before + after,
            word_at=len(before),
            default=self._default(to, rule),
            each=self._each(to, rule, nulls),
        )

    def _each(self, to: Target, rule: Rule, nulls: frozenset[str]) -> tuple[Recipe, ...]:
        """Make the recipes for one element of a list of events."""
        if rule.each is None:
            return ()
        nested = Workshop(EVENT, f"{self._place(to)}.each", self.maps, self.zone, nulls)
        recipes = tuple(nested.recipes(rule.each))
        self.problems += [((to.name, "each", *path), problem) for path, problem in nested.problems]
        return recipes

    def _origins(self, to: Target, rule: Rule, nulls: frozenset[str]) -> tuple[Path, ...]:
        if isinstance(rule.from_, str):
            return self._noting((to.name, "from"), compile_path, rule.from_) or ()
        parts = [
            self._noting((to.name, "from", index), compile_path, text) for index, text in enumerate(rule.from_ or ())
        ]
        return tuple(_first_of(part, steps.one(nulls)) for part in parts if part)

    def _before_map(self, to: Target, rule: Rule, nulls: frozenset[str]) -> Iterator[Step]:
        if rule.split is not None:
            yield steps.split(rule.split, steps.many(nulls))
        if rule.join is not None:
            yield steps.join(rule.join)
        if rule.match is not None and (pattern := self._noting((to.name, "match"), compile_pattern, rule.match)):
            yield _each(to, steps.match(pattern))
        if rule.as_ is not None:
            yield _each(to, steps.VERBS[rule.as_])

    def _from_map(self, to: Target, rule: Rule) -> Iterator[Step]:
        if rule.map is not None:
            # A list is mapped word by word: what a word becomes is a line, not a list.
            yield _each(to, self._map(replace(to, type=str) if to.type is list else to, rule))
        if to.type is dict and rule.says("date", "time"):
            yield _each(to, self._time(to, rule))
        if rule.each is not None:
            return
        # A map of an enum has nothing but members on its right side.
        if not (to.is_enum and rule.map is not None):
            yield self._finish(to, rule)

    def _finish(self, to: Target, rule: Rule) -> Step:
        """Return the step that makes a value of the field's own type, whatever came before."""
        if to.is_enum:
            return steps.member(to.type, to.name, f"map it under {self._place(to)}")
        if to.type is datetime:
            return self._time(to, rule)
        if to.type is tuple:
            return steps.point(rule.crs or "wgs84")
        if to.name == "external_id":
            return steps.identity
        if to.name == ATTRIBUTES:
            return steps.named_values
        return steps.text if to.name in _LONG_TEXTS else steps.PLAIN[to.type]

    def _time(self, to: Target, rule: Rule) -> Step:
        formats = [rule.date] if isinstance(rule.date, str) else rule.date or []
        return self._noting((to.name, "date"), time_reader, formats, self.zone, rule.time) or steps.line

    def _map(self, to: Target, rule: Rule) -> Step:
        if isinstance(rule.map, str):
            shared = self._noting((to.name, "map"), self._shared, to, rule.map) or {}
            return steps.LookUp(shared, self._otherwise(to, rule, f"add it under maps.{rule.map}"))
        own = {
            text_of(word).strip(): self._noting((to.name, "map", word), self._constant, to, meant)
            for word, meant in (rule.map or {}).items()
        }
        return steps.LookUp(own, self._otherwise(to, rule, f"add it under {self._place(to)}.map"))

    def _shared(self, to: Target, name: str) -> dict[str, Any]:
        if name not in self.maps:
            near = get_close_matches(name, self.maps, 1)
            known = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(self.maps) or 'none'}"
            raise ValueError(f"there is no map {name!r}; {known}")
        return {text_of(word).strip(): self._constant(to, meant) for word, meant in self.maps[name].items()}

    def _otherwise(self, to: Target, rule: Rule, hint: str) -> Step:
        if rule.else_ == "reject":
            return steps.refuse(hint)
        if rule.else_ == "keep":
            return (lambda _word: to.type.UNKNOWN) if to.is_enum else (lambda word: word)
        constant = self._noting((to.name, "else"), self._constant, to, rule.else_)
        return lambda _word: constant

    def _default(self, to: Target, rule: Rule) -> Any:
        if rule.says("value"):
            return self._noting((to.name, "value"), self._constant, to, rule.value, rule)
        return self._noting((to.name, "default"), self._constant, to, rule.default) if rule.says("default") else None

    def _constant(self, to: Target, raw: Any, rule: Rule | None = None) -> Any:
        """Read a value that an administrator wrote, as strictly as one from a ticket; raise ValueError."""
        if raw is None and to.name in self.form.required:
            raise ValueError(f"every {self.form.noun} needs {to.name}: it cannot be nothing")
        try:
            return None if raw is None else self._finish(to, rule or Rule(value=raw))(raw)
        except Unreadable as error:
            raise ValueError(_no_member(to, raw) if to.is_enum else f"{raw!r} {error.problem}") from error

    def _place(self, to: Target) -> str:
        return f"{self.place}.{to.name}"


def _no_member(to: Target, raw: Any) -> str:
    known = [str(each.value) for each in to.type]
    near = get_close_matches(str(raw).upper(), known, 1)
    return f"no {to.name} {raw!r}; " + (f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}")


def _cleaner(to: Target, rule: Rule) -> Callable[[frozenset[str]], Step]:
    if to.name in _NEED_EVERY_PART and isinstance(rule.from_, list):
        return steps.all_or_nothing
    return steps.many if rule.join is not None else _CLEANERS.get(to.type, steps.one)


def _each(to: Target, step: Step) -> Step:
    return steps.each(step) if to.takes_list else step


def _first_of(paths: tuple[Path, ...], clean: Step) -> Path:
    """Make one path of alternatives."""
    if len(paths) == 1:
        return paths[0]

    def find(ticket: Ticket) -> Any:
        return next((value for path in paths if (value := clean(path.find(ticket))) is not None), None)

    return Path(" || ".join(path.text for path in paths), find)
