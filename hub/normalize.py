"""Turn a ticket into an appeal by its source's mapping. Pure: no network, no database, no clock.

A mapping is compiled once, to one straight-line Python function: each rule becomes a few lines that look its value up
and hand it from step to step (`Mapping.code` shows them). Beside the rules four things hold for every source:

- an appeal without a title gets the first 40 characters of its content as one; without either it is rejected;
- `updated_at` is `created_at` where the source has none, never the hub's own time;
- `status_text` and `kind_text` hold the source's own word, unless a rule of their own gives another;
- titles, names and other lines are cut after 500 characters, contents and results after 50,000.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Mapping as Table
from dataclasses import MISSING, dataclass, field, fields
from functools import partial
from itertools import chain
from typing import Any
from zoneinfo import ZoneInfo

from hub.errors import MappingError, TicketRejected, Unreadable
from hub.mapping import rules as words
from hub.mapping import steps
from hub.mapping.paths import Path
from hub.mapping.recipes import Recipe, Workshop
from hub.mapping.rules import Rule
from hub.mapping.steps import LookUp, Step
from hub.mapping.texts import opening, storable
from hub.model import BROKEN, Appeal, Ticket

__all__ = ["Mapping", "MappingError", "Rule", "compile_mapping", "normalize"]

TITLE_LENGTH = 40
"""How much of the content makes a title where the source has none."""

_PERSONAL = ("reporter.", "respondent", "location.address", "title", "content", "result", "public_reply", "attributes.")
_PERSONAL_NUMBER = re.compile(r"(?<!\d)(?:1[3-9]\d{9}|\d{17}[\dXx])(?!\d)", re.ASCII)
_QUOTED_LENGTH = 60
_DEFAULTS = {each.name: each.default for each in fields(Appeal) if each.default is not MISSING}
_WORDS = ("status", "kind")  # the fields beside which the source's own word is kept
_LISTS = {each.name for each in fields(Appeal) if each.default_factory is list}
_IS_LINE = f"(value.__class__ is str and 0 < len(value) <= {steps.LONGEST_LINE} and value.isprintable())"
"""What steps.line lets pass as it is, and that is nearly everything: what is printable, PostgreSQL keeps."""


@dataclass(frozen=True, slots=True)
class Mapping:
    """How one source's tickets read as appeals. `fingerprint` changes whenever a rule, map, zone or sentinel does."""

    source: str
    fingerprint: str
    code: str = field(repr=False)
    read: Callable[[Ticket], Appeal] = field(repr=False, compare=False)
    _identity: Callable[[Ticket], str | None] = field(repr=False, compare=False)

    def identify(self, ticket: Ticket) -> str | None:
        """Return the external id that `normalize` would find, or None where it would find none. Never raises."""
        try:
            return self._identity(ticket) if _is_object(ticket) else None
        except Unreadable:
            return None


def normalize(ticket: Ticket, mapping: Mapping) -> Appeal:
    """Return the appeal that the ticket reads as; raise TicketRejected with the reason and the appeal's field."""
    if not _is_object(ticket):
        raise TicketRejected("the ticket is no object with named fields", field="external_id")
    if isinstance(reason := ticket.get(BROKEN), str):
        raise TicketRejected(opening(storable(reason), 300), field="external_id")
    return mapping.read(ticket)


def _is_object(ticket: object) -> bool:
    # A page of a careless source can hold anything, whatever the type of a ticket says.
    return isinstance(ticket, dict)


def compile_mapping(
    source: str,
    rules: Table[str, str | Rule],
    *,
    maps: Table[str, Table[str, Any]],
    timezone: ZoneInfo,
    nulls: Sequence[str],
) -> Mapping:
    """Compile a source's rules; raise MappingError with everything that is wrong with them, not only the first."""
    named = {name: Rule.model_validate(rule) for name, rule in rules.items()}
    workshop = Workshop(source, maps, timezone, frozenset(map(str, ("", *nulls))))
    recipes = workshop.recipes(named)
    if workshop.problems:
        raise MappingError(*dict.fromkeys(workshop.problems))
    script = _Script(source)
    code = script.write(recipes)
    # What is executed is our own words, numbered names, and the administrator's keys as repr() writes them.
    exec(compile(code, f"<mapping of {source}>", "exec"), script.names)  # noqa: S102  # see above
    fingerprint = _fingerprint(named, maps, timezone, nulls)
    return Mapping(source, fingerprint, code, script.names["read"], script.names["identity"])


def _fingerprint(rules: Table[str, Rule], maps: Table[str, Any], zone: ZoneInfo, nulls: Sequence[str]) -> str:
    said = {name: rule.model_dump(by_alias=True, exclude_unset=True) for name, rule in rules.items()}
    shared = {
        rule.map: {str(word): meant for word, meant in maps[rule.map].items()}
        for rule in rules.values()
        if isinstance(rule.map, str)
    }
    canonical = json.dumps([said, shared, zone.key, sorted(map(str, nulls))], sort_keys=True, default=str)
    return hashlib.blake2b(canonical.encode(), digest_size=16).hexdigest()


class _Script:
    """Writes the recipes of a source as Python, and keeps what the names in it stand for."""

    def __init__(self, source: str) -> None:
        self.names: dict[str, Any] = {
            "Appeal": Appeal,
            "Unreadable": Unreadable,
            "line": steps.line,
            "opening": opening,
            "rejected": partial(_rejected, source),
            "lacking": partial(_lacking, source),
            "source": source,
            **{f"default_{name}": value for name, value in _DEFAULTS.items()},
        }

    def write(self, recipes: Sequence[Recipe]) -> str:
        blocks = {recipe.to.name: list(self._block(recipe)) for recipe in recipes}
        return "\n".join(
            [
                "def identity(ticket):",
                "    get = ticket.get",
                *_indented(4, blocks["external_id"]),
                "    return external_id",
                "",
                "",
                "def read(ticket):",
                "    get = ticket.get",
                "    attributes = {}",
                "    try:",
                *_indented(8, chain.from_iterable(blocks.values())),
                "    except Unreadable as error:",
                "        raise rejected(field, error) from error",
                *_indented(4, _end({recipe.to.name: recipe for recipe in recipes})),
                "",
            ]
        )

    def _block(self, recipe: Recipe) -> Iterator[str]:
        to = recipe.to
        yield f"field = {to.name!r}"
        yield from (f"{to.name}_word = None",) if to.name in _WORDS else ()
        yield from self._value(recipe)
        default = _DEFAULTS.get(to.attribute) if recipe.default is None else recipe.default
        if default is not None:
            yield f"if value is None: value = {self._bind(default)}"
        if to.name.startswith(words.ATTRIBUTE):
            yield f"if value is not None: attributes[{to.name.removeprefix(words.ATTRIBUTE)!r}] = value"
        else:
            yield f"{to.attribute} = value"

    def _value(self, recipe: Recipe) -> Iterator[str]:
        look_ups = [self._look_up(path) for path in recipe.origins]
        clean = self._bind(recipe.clean)
        if recipe.several:
            yield f"value = {clean}([{', '.join(look_ups)}])"
            yield from self._steps(recipe)
        elif len(look_ups) == 1 and not recipe.to.takes_list:
            # Nearly every value is a text: it is cleaned here and now, as steps.one would.
            yield f"value = {look_ups[0]}"
            yield "if value.__class__ is str:"
            yield "    value = value.strip()"
            yield f"    if value in {self._bind(recipe.nulls)}: value = None"
            yield "    else:"
            yield from _indented(8, self._steps(recipe, of_text=True))
            yield "elif value is not None:"
            yield f"    value = {clean}(value)"
            yield from _indented(4, self._steps(recipe))
        else:
            yield "value = None"
            yield from (f"if value is None: value = {clean}({look_up})" for look_up in look_ups)
            yield from self._steps(recipe)

    def _steps(self, recipe: Recipe, *, of_text: bool = False) -> Iterator[str]:
        """Hand the value from step to step. Before the first step of a text it is one, and not empty."""
        name = recipe.to.name
        for index, step in enumerate(recipe.steps if recipe.origins else ()):
            is_text = of_text and index == 0
            if index == recipe.word_at and name in _WORDS:
                yield f"{name}_word = value if value is None or {_IS_LINE} else line(value)"
            yield ("" if is_text else "if value is not None: ") + self._step(step, is_text=is_text)

    def _step(self, step: Step, *, is_text: bool) -> str:
        taken = self._bind(step)
        if step is steps.line or (step is steps.identity and is_text):
            return f"value = value if {_IS_LINE} else {taken}(value)"
        if isinstance(step, LookUp) and is_text:
            table = self._bind(step.table)
            return f"value = {table}[value] if value in {table} else {taken}(value)"
        return f"value = {taken}(value)"

    def _look_up(self, path: Path) -> str:
        return f"{self._bind(path.find)}(ticket)" if path.key is None else f"get({path.key!r})"

    def _bind(self, thing: Any) -> str:
        name = f"_{len(self.names)}"
        self.names[name] = thing
        return name


def _indented(depth: int, lines: Iterable[str]) -> Iterator[str]:
    return (" " * depth + line for line in lines)


def _end(recipes: Table[str, Recipe]) -> Iterator[str]:
    """Write what holds for every source: required fields, a title from the content, the source's own words."""
    for name in words.REQUIRED:
        between = " + " if recipes[name].several else " || "
        origin = between.join(path.text for path in recipes[name].origins)
        yield f"if {name} is None: raise lacking({name!r}, {origin!r})"
    yield from ("title = None",) if "title" not in recipes else ()
    if "content" in recipes:
        yield f"if title is None and content is not None: title = opening(content, {TITLE_LENGTH})"
    yield "if title is None: raise lacking('title', '')"
    yield from ("updated_at = None",) if "updated_at" not in recipes else ()
    yield "if updated_at is None: updated_at = created_at"
    for name in _WORDS:
        if name in recipes and recipes[name].origins:
            own = f"{name}_text if {name}_text is not None else " if f"{name}_text" in recipes else ""
            yield f"{name}_text = {own}{name}_word"
    yield f"return Appeal({', '.join(_arguments(recipes))})"


def _arguments(recipes: Table[str, Recipe]) -> Iterator[str]:
    """Write the appeal's arguments in their order: by name they would take longer. No rule, then the default."""
    filled = {recipe.to.attribute for recipe in recipes.values()} | {"source", "title", "updated_at", "attributes"}
    filled |= {f"{name}_text" for name in _WORDS if name in recipes and recipes[name].origins}
    for name in (each.name for each in fields(Appeal)):
        if name in _LISTS:
            # A list that an administrator gave as default is copied: appeals are not frozen.
            yield f"[*({name} or ())]" if name in filled else "[]"
        else:
            yield name if name in filled else f"default_{name}"


def _lacking(source: str, name: str, origin: str) -> TicketRejected:
    if name == "title":
        return TicketRejected(
            "the ticket has neither a title nor a content", field="title", hint=_mend(source, "title")
        )
    where = f": nothing at {origin!r}" if origin else ""
    return TicketRejected(f"the ticket has no {name}{where}", field=name, hint=_mend(source, name))


def _mend(source: str, name: str) -> str:
    return f"mend sources.{source}.map.{name}"


def _rejected(source: str, name: str, error: Unreadable) -> TicketRejected:
    value = ": its value" if name.startswith(_PERSONAL) else f" {_quoted(error.value)}"
    return TicketRejected(f"{name}{value} {error.problem}", field=name, hint=error.hint or _mend(source, name))


def _quoted(value: object) -> str:
    """Show a value in an error: shortened, on one line, without numbers of phones and identity cards."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}"
    if isinstance(value, int) and value.bit_length() > 256:
        return "a huge number"
    text = " ".join(str(value).replace("\x00", "").split())
    text = _PERSONAL_NUMBER.sub("…", text.encode("utf-8", "replace").decode())
    return f"'{text[:_QUOTED_LENGTH]}…'" if len(text) > _QUOTED_LENGTH else f"'{text}'"
