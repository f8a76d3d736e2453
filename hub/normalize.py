"""Turn a ticket into an appeal, or an entry of a register, by its source's mapping. Pure: no network, database, clock.

A mapping is compiled once, to one straight-line Python function: each rule becomes a few lines that look its value up
and hand it from step to step (`Mapping.code` shows them). Beside the rules four things hold for every appeal:

- an appeal without a title gets the first 40 characters of its content as one; without either it is rejected;
- `updated_at` is `created_at` where the source has none, never the hub's own time;
- `status_text` and its like (of kind, urgency, channel and satisfaction) hold the source's own word, unless a rule of
  their own gives another;
- titles, names and other lines are cut after 500 characters, contents and results after 50,000.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Mapping as Table
from dataclasses import MISSING, dataclass, field, fields
from datetime import UTC, datetime
from functools import partial
from itertools import chain
from typing import Any
from zoneinfo import ZoneInfo

from hub.errors import MappingError, TicketRejected, Unreadable
from hub.mapping import rules as words
from hub.mapping import steps
from hub.mapping.paths import Path
from hub.mapping.recipes import Recipe, Workshop
from hub.mapping.rules import APPEAL, ENTRY, EVENT, Form, Rule
from hub.mapping.steps import LookUp, Step
from hub.mapping.texts import opening, storable
from hub.model import BROKEN, Event, Ticket

__all__ = ["APPEAL", "ENTRY", "Form", "Mapping", "MappingError", "Rule", "compile_mapping", "normalize"]

TITLE_LENGTH = 40
"""How much of the content makes a title where the source has none."""

_PERSONAL = (
    "reporter.", "respondent", "location.address", "title", "content", "result", "public_reply", "attributes",
    "name", "contact", "phone", "text", "by",
)  # fmt: skip
_PERSONAL_NUMBER = re.compile(r"(?<!\d)(?:1[3-9]\d{9}|\d{17}[\dXx])(?!\d)", re.ASCII)
_QUOTED_LENGTH = 60
_MOST_EVENTS = 1_000
_BEGINNING = datetime(1, 1, 1, tzinfo=UTC)
# The fields beside which the source's own word is kept, where there is a NAME_text.
_WORDS = ("status", "kind", "urgency", "channel", "satisfaction")
_IS_SHORT = f"len(value) <= {steps.LONGEST_LINE} and value.isprintable()"
_IS_LINE = f"(value.__class__ is str and value and {_IS_SHORT})"
_FITS: Table[Step, str] = {
    steps.line: _IS_SHORT,
    steps.identity: _IS_SHORT,
    steps.text: f"len(value) <= {steps.LONGEST_TEXT_KEPT} and value.isprintable()",
}
"""What these steps let pass as it is of a text, and that is nearly everything: PostgreSQL keeps what is printable."""


@dataclass(frozen=True, slots=True)
class Mapping:
    """How one source's tickets read as appeals, or a register's as entries.

    `fingerprint` changes whenever a rule, map, zone or sentinel does.
    """

    source: str
    fingerprint: str
    code: str = field(repr=False)
    read: Callable[[Ticket], Any] = field(repr=False, compare=False)
    _identity: Callable[[Ticket], str | None] = field(repr=False, compare=False)
    word_of: Table[str, Callable[[Ticket], Any]] = field(default_factory=dict, repr=False, compare=False)
    """How to find the source's own word for a field that has a closed list of words, where any word may pass."""
    _changed_at: Callable[[Ticket], datetime | None] | None = field(default=None, repr=False, compare=False)

    def identify(self, ticket: Ticket) -> str | None:
        """Return the external id that `normalize` would find, or None where it would find none. Never raises."""
        try:
            return self._identity(ticket) if _is_object(ticket) else None
        except Unreadable:
            return None

    @property
    def tells_changes(self) -> bool:
        """Whether a ticket says when it was last changed."""
        return self._changed_at is not None

    def changed_at(self, ticket: Ticket) -> datetime | None:
        """Return what the rule of `updated_at` reads, and nothing in its place where it reads nothing. Never raises."""
        try:
            return self._changed_at(ticket) if self._changed_at and _is_object(ticket) else None
        except Unreadable:
            return None


def normalize(ticket: Ticket, mapping: Mapping) -> Any:
    """Return the appeal or entry that the ticket reads as; raise TicketRejected with the reason and the field."""
    if not isinstance(ticket, dict):
        raise TicketRejected("the ticket is no object with named fields", field="external_id")
    if BROKEN in ticket and isinstance(reason := ticket[BROKEN], str):
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
    form: Form = APPEAL,
) -> Mapping:
    """Compile a source's rules; raise MappingError with everything that is wrong with them, not only the first."""
    named = {name: Rule.model_validate(rule) for name, rule in rules.items()}
    place = f"{'registers' if form is ENTRY else 'sources'}.{source}.map"
    workshop = Workshop(form, place, maps, timezone, frozenset(map(str, ("", *nulls))))
    recipes = workshop.recipes(named)
    if workshop.problems:
        raise MappingError(*dict.fromkeys(workshop.problems))
    script = _Script(form, source, place)
    code = script.write(recipes)
    script.run(code)
    fingerprint = _fingerprint(named, maps, timezone, nulls)
    word_of = {
        recipe.to.name: recipe.origins[0].find
        for recipe in recipes
        if recipe.to.is_enum and len(recipe.origins) == 1 and named[recipe.to.name].else_ not in (None, "reject")
    }
    names = script.names
    return Mapping(source, fingerprint, code, names["read"], names["identity"], word_of, names.get("changed_at"))


def _fingerprint(rules: Table[str, Rule], maps: Table[str, Any], zone: ZoneInfo, nulls: Sequence[str]) -> str:
    said = {name: rule.model_dump(by_alias=True, exclude_unset=True) for name, rule in rules.items()}
    nested = [inner for rule in rules.values() for inner in (rule.each or {}).values()]
    shared = {
        rule.map: {str(word): meant for word, meant in maps[rule.map].items()}
        for rule in (*rules.values(), *nested)
        if isinstance(rule.map, str)
    }
    canonical = json.dumps([said, shared, zone.key, sorted(map(str, nulls))], sort_keys=True, default=str)
    return hashlib.blake2b(canonical.encode(), digest_size=16).hexdigest()


class _Script:
    """Writes the recipes of a mapping as Python, and keeps what the names in it stand for."""

    def __init__(self, form: Form, source: str, place: str, within: str = "") -> None:
        self._form = form
        self._source = source
        self._place = place
        self._fields = [each.name for each in fields(form.record)]
        self._defaults = {each.name: each.default for each in fields(form.record) if each.default is not MISSING}
        self._lists = {each.name for each in fields(form.record) if each.default_factory is list}
        self._words = [name for name in _WORDS if f"{name}_text" in self._fields]
        self.names: dict[str, Any] = {
            "Record": form.record,
            "Unreadable": Unreadable,
            "line": steps.line,
            "opening": opening,
            "rejected": partial(_rejected, place, within),
            "lacking": partial(_lacking, form.noun, place),
            "source": source,
            **{f"default_{name}": value for name, value in self._defaults.items()},
        }

    def run(self, code: str) -> None:
        """Define the functions of a script."""
        # What is executed is our own words, numbered names, and the administrator's keys as repr() writes them.
        exec(compile(code, f"<{self._place}>", "exec"), self.names)  # noqa: S102  # see above

    def write(self, recipes: Sequence[Recipe]) -> str:
        blocks = {recipe.to.name: list(self._block(recipe)) for recipe in recipes}
        return "\n".join(
            [
                *(self._identity(blocks["external_id"]) if "external_id" in blocks else ()),
                *(_changed_at(blocks["updated_at"]) if _tells_changes(recipes) else ()),
                "def read(ticket):",
                "    get = ticket.get",
                *(("    attributes = {}",) if self._form.has_attributes else ()),
                "    field = ''",
                "    try:",
                *_indented(8, chain(chain.from_iterable(blocks.values()), ("pass",))),
                "    except Unreadable as error:",
                "        raise rejected(field, error) from error",
                *_indented(4, self._end({recipe.to.name: recipe for recipe in recipes})),
                "",
            ]
        )

    @staticmethod
    def _identity(block: Sequence[str]) -> list[str]:
        return ["def identity(ticket):", "    get = ticket.get", *_indented(4, block), "    return external_id", "", ""]

    def _block(self, recipe: Recipe) -> Iterator[str]:
        to = recipe.to
        yield f"field = {to.name!r}"
        yield from (f"{to.name}_word = None",) if to.name in self._words else ()
        yield from self._value(recipe)
        default = self._defaults.get(to.attribute) if recipe.default is None else recipe.default
        if default is not None:
            yield f"if value is None: value = {self._bind(default)}"
        if to.name.startswith(words.ATTRIBUTE):
            yield f"if value is not None: attributes[{to.name.removeprefix(words.ATTRIBUTE)!r}] = value"
        elif to.name == words.ATTRIBUTES:
            # What has a rule of its own goes before what came with the crowd.
            yield "if value is not None: attributes = {**value, **attributes}"
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
            yield f"    if {self._is_null(recipe.nulls)}: value = None"
            yield "    else:"
            yield from _indented(8, self._steps(recipe, of_text=True))
            yield "elif value is not None:"
            yield f"    value = {clean}(value)"
            yield from _indented(4, self._steps(recipe))
        else:
            yield "value = None"
            yield from (f"if value is None: value = {clean}({look_up})" for look_up in look_ups)
            yield from self._steps(recipe)

    def _is_null(self, nulls: frozenset[str]) -> str:
        """Write what a text must be to mean nothing. A long one need not be looked up: that reads all of it."""
        if nulls == {""}:
            return "not value"
        return f"len(value) <= {max(map(len, nulls))} and value in {self._bind(nulls)}"

    def _steps(self, recipe: Recipe, *, of_text: bool = False) -> Iterator[str]:
        """Hand the value from step to step. Before the first step of a text it is one, and not empty."""
        name = recipe.to.name
        for index, step in enumerate(recipe.steps if recipe.origins else ()):
            is_text = of_text and index == 0
            if index == recipe.word_at and name in self._words:
                fits = _IS_SHORT if is_text else f"value is None or {_IS_LINE}"
                yield f"{name}_word = value if {fits} else line(value)"
            yield ("" if is_text else "if value is not None: ") + self._step(step, is_text=is_text)
        if recipe.each:
            yield f"if value is not None: value = {self._bind(self._events(recipe))}(value)"

    def _events(self, recipe: Recipe) -> Callable[[Any], list[Event]]:
        within = f"{recipe.to.name}.each"
        script = _Script(EVENT, self._source, f"{self._place}.{within}", f"{within}.")
        script.run(script.write(recipe.each))
        return partial(_events, script.names["read"])

    def _step(self, step: Step, *, is_text: bool) -> str:
        taken = self._bind(step)
        if isinstance(step, LookUp):
            table = self._bind(step.table)
            known = f"{table}[value] if value in {table} else " if is_text else ""
            return f"value = {known}{taken}(value)"
        if fits := _FITS.get(step) if is_text else (step is steps.line and _IS_LINE):
            return f"value = value if {fits} else {taken}(value)"
        return f"value = {taken}(value)"

    def _look_up(self, path: Path) -> str:
        return f"{self._bind(path.find)}(ticket)" if path.key is None else f"get({path.key!r})"

    def _bind(self, thing: Any) -> str:
        name = f"_{len(self.names)}"
        self.names[name] = thing
        return name

    def _end(self, recipes: Table[str, Recipe]) -> Iterator[str]:
        """Write what holds for every record: required fields, the source's own words, and what is true of appeals."""
        for name in self._form.required:
            between = " + " if recipes[name].several else " || "
            origin = between.join(path.text for path in recipes[name].origins)
            yield f"if {name} is None: raise lacking({name!r}, {origin!r})"
        if self._form is APPEAL:
            yield from _end_of_appeal(recipes)
        for name in self._words:
            if name in recipes and recipes[name].origins:
                own = f"{name}_text if {name}_text is not None else " if f"{name}_text" in recipes else ""
                yield f"{name}_text = {own}{name}_word"
        yield f"return Record({', '.join(self._arguments(recipes))})"

    def _arguments(self, recipes: Table[str, Recipe]) -> Iterator[str]:
        """Write the record's arguments in their order: by name they would take longer. No rule, then the default."""
        filled = {recipe.to.attribute for recipe in recipes.values()} | {"title", "updated_at", "attributes"}
        filled |= {f"{name}_text" for name in self._words if name in recipes and recipes[name].origins}
        for name in self._fields:
            if name in ("source", "register"):
                yield "source"
            elif name in self._lists:
                # A list that an administrator gave as default is copied: appeals are not frozen.
                yield f"[*({name} or ())]" if name in filled else "[]"
            else:
                yield name if name in filled else f"default_{name}"


def _indented(depth: int, lines: Iterable[str]) -> Iterator[str]:
    return (" " * depth + line for line in lines)


def _tells_changes(recipes: Iterable[Recipe]) -> bool:
    """Tell whether the ticket says when it was changed: the time at which it was created says nothing of that."""
    origins = {recipe.to.name: [path.text for path in recipe.origins] for recipe in recipes}
    return bool(origins.get("updated_at")) and origins["updated_at"] != origins.get("created_at")


def _changed_at(block: Iterable[str]) -> Iterator[str]:
    """Write what reads the time of the last change alone, for those who have to know which of two tickets is newer."""
    yield from ("def changed_at(ticket):", "    get = ticket.get")
    yield from _indented(4, block)
    yield from ("    return updated_at", "", "")


def _end_of_appeal(recipes: Table[str, Recipe]) -> Iterator[str]:
    """Write a title from the content, and a time of update from that of creation."""
    yield from ("title = None",) if "title" not in recipes else ()
    if "content" in recipes:
        yield f"if title is None and content is not None: title = opening(content, {TITLE_LENGTH})"
    yield "if title is None: raise lacking('title', '')"
    yield from ("updated_at = None",) if "updated_at" not in recipes else ()
    yield "if updated_at is None: updated_at = created_at"


def _events(read: Callable[[Ticket], Event], value: Any) -> list[Event]:
    """Read the events of an appeal, oldest first; one told twice in a row, or that says nothing, is left out."""
    told = value if isinstance(value, list) else [value]
    found = [read(each if isinstance(each, dict) else {"value": each}) for each in told[-_MOST_EVENTS:]]
    found.sort(key=lambda event: event.at or _BEGINNING)
    following = [event for event, before in zip(found, [None, *found], strict=False) if event != before]
    return [event for event in following if event != Event()]


def _lacking(noun: str, place: str, name: str, origin: str) -> TicketRejected:
    what = "ticket" if noun == "appeal" else noun
    if name == "title":
        return TicketRejected(
            f"the {what} has neither a title nor a content", field="title", hint=_mend(place, "title")
        )
    where = f": nothing at {origin!r}" if origin else ""
    return TicketRejected(f"the {what} has no {name}{where}", field=name, hint=_mend(place, name))


def _mend(place: str, name: str) -> str:
    return f"mend {place}.{name}"


def _rejected(place: str, within: str, name: str, error: Unreadable) -> TicketRejected:
    value = ": its value" if name.startswith(_PERSONAL) else f" {_quoted(error.value)}"
    hint = error.hint or _mend(place, name)
    return TicketRejected(f"{within}{name}{value} {error.problem}", field=within + name, hint=hint)


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
