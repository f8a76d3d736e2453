"""The words of a mapping: what one rule may say, which fields an appeal has, and what does not go together."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from enum import StrEnum
from types import NoneType
from typing import Annotated, Any, Literal, TypeAlias, get_args, get_origin, get_type_hints

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    WithJsonSchema,
    field_validator,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from hub.mapping.coordinates import DATUMS, Crs, known_crs
from hub.mapping.times import Clock
from hub.model import Appeal, Entry, Event

Problem: TypeAlias = tuple[tuple[str | int, ...], str]
"""Where below `map`, and what is wrong there."""
Verb: TypeAlias = Literal["text", "int", "float", "bool", "phone", "html", "digest"]

ATTRIBUTES = "attributes"
_CRS_SCHEMA = {"anyOf": [{"enum": list(DATUMS)}, {"type": "string", "pattern": "^epsg:[0-9]{4,6}$"}]}
ATTRIBUTE = "attributes."


class Rule(BaseModel):
    """How one field of an appeal is read from a ticket. A bare text is a path: `title: 标题` is `title: {from: 标题}`.

    The steps are taken in the order in which they stand here, each at most once. A text is trimmed before the first;
    an empty text, list or object is nothing at all.
    """

    model_config = ConfigDict(
        extra="forbid", frozen=True, populate_by_name=True, coerce_numbers_to_str=True, defer_build=True
    )

    from_: str | list[str] | None = Field(
        None,
        alias="from",
        description="The path to the value, or several paths whose values make a list. `a || b` is the first that "
        "comes to something. Plain paths are keys with dots between; anything more is JMESPath; a key with a dot or "
        "bracket in it goes in double quotes.",
    )
    value: Any = Field(None, description="A constant instead of `from`; only date, time and crs go with it.")
    nulls: list[str] | None = Field(
        None,
        description="Texts, numbers and booleans that mean nothing here, beside those of the source; compared after "
        "trimming.",
    )
    split: str | None = Field(None, description="Cut the text at each of these; empty parts are dropped.")
    join: str | None = Field(
        None,
        description="Put the parts of a list together with this between; missing ones are left out; an id needs all.",
    )
    match: str | None = Field(
        None,
        description="A regular expression: its first group, or all it found when it has none. Nothing found is "
        "nothing. It looks at the first 10,000 characters; with one, two or three open-ended repeats (`+`, `*`) at "
        "5,000, 450 or 140.",
    )
    as_: Verb | None = Field(
        None,
        alias="as",
        description="Read the value as text, int, float or bool; write a phone number as E.164 (what is none stays as "
        "it is); take the tags off html; put a digest (SHA-256, its first half) in the place of an account's id.",
    )
    map: str | dict[str, Any] | None = Field(
        None, description="The name of a shared map, or a map itself: the source's words and what they become."
    )
    else_: Any = Field(
        None,
        alias="else",
        description="What a word becomes that the map does not hold: `reject` sets the ticket aside, `keep` keeps the "
        "word (a status, kind, urgency, channel or satisfaction becomes UNKNOWN), anything else is the value. "
        "A map must have it.",
    )
    date: str | list[str] | None = Field(
        None,
        description="The form of the time: iso (also where nothing is said), epoch_s, epoch_ms (also inside "
        "/Date(…)/, as .NET writes it), epoch_ds (tenths of seconds), epoch_us (millionths), excel, chinese, or a "
        "strptime pattern; or several, of which the first that suits is taken. A time without offset is in the "
        "source's time zone; of a pattern with a Z behind the clock, in UTC.",
    )
    time: Clock | None = Field(None, description="Put the time at the start (00:00:00) or end (23:59:59) of its day.")
    crs: Annotated[Crs, WithJsonSchema(_CRS_SCHEMA)] | None = Field(
        None,
        description="What the point's longitude and latitude count in; obligatory for location.point. Amap and "
        "Tencent give gcj02, Baidu bd09, GPS and Tianditu wgs84; a grid in metres is named by its EPSG code, such as "
        "epsg:4547 (CGCS2000, 3-degree zone 38, east first). The point is two numbers, longitude first, WKT, GeoJSON "
        "or an object that names both; of a line or an area it is the middle. (0, 0) is no point.",
    )
    each: dict[str, "Rule"] | None = Field(
        None,
        description="Only for events: how each element of the list reads, by rules for at, text, by, status and "
        "status_text. What must not be seen is left out by the path: `history[?is_public]`.",
    )
    default: Any = Field(
        None, description="What the field is when nothing came: a value of the appeal, taken as it stands."
    )

    @field_validator("crs")
    @classmethod
    def _known_crs(cls, crs: Crs | None) -> Crs | None:
        return None if crs is None else known_crs(crs)

    @model_validator(mode="before")
    @classmethod
    def _bare_path(cls, raw: Any) -> Any:
        return {"from": raw} if isinstance(raw, str) else raw

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        whole = handler.resolve_ref_schema(handler(core))
        return {"anyOf": [{"type": "string", "description": "The path to the value."}, dict(whole)]}

    def says(self, *keys: str) -> list[str]:
        """Return those of `keys` (as in YAML) that the rule holds."""
        return [key for key in keys if (key if key in type(self).model_fields else f"{key}_") in self.model_fields_set]


@dataclass(frozen=True, slots=True)
class Target:
    """One field of an appeal as mappings name it (`reporter.name`), its attribute and its type, None left out."""

    name: str
    attribute: str
    type: Any

    @property
    def is_enum(self) -> bool:
        return isinstance(self.type, type) and issubclass(self.type, StrEnum)

    @property
    def takes_list(self) -> bool:
        return self.type in (list, tuple, dict)


@dataclass(frozen=True, slots=True)
class Form:
    """What a mapping fills in: the fields of one kind of record, and those that it cannot do without."""

    noun: str
    record: type
    required: tuple[str, ...]
    targets: Mapping[str, Target]
    """Every field that a mapping can fill by name; `attributes.NAME` comes on top where the record has attributes."""

    @property
    def has_attributes(self) -> bool:
        return ATTRIBUTES in self.targets

    def target(self, name: str) -> Target:
        """Return the field of that name; raise ValueError with the nearest name when there is none."""
        if self.has_attributes and name.startswith(ATTRIBUTE) and name != ATTRIBUTE:
            return Target(name, name, dict)
        if name == ATTRIBUTE:
            raise ValueError("the attribute needs a name, as in attributes.people")
        if name not in self.targets:
            raise ValueError(f"the {self.noun} has no such field{self._meant(name)}")
        return self.targets[name]

    def _meant(self, name: str) -> str:
        dotted = name.replace("_", ".", 1)
        near = [dotted] if dotted in self.targets else get_close_matches(name, self.targets, 1)
        if near:
            return f"; did you mean {near[0]!r}?"
        return f"; anything of your own goes under attributes.{name}" if self.has_attributes else ""

    def missing(self, names: set[str]) -> Iterator[Problem]:
        """Name the rules that a mapping cannot do without."""
        for name in self.required:
            if name not in names:
                yield (), f"no rule for {name}, which every {self.noun} needs"
        if self.record is Appeal and not names & {"title", "content"}:
            yield (), "no rule for title, and none for content to take one from"


def _targets(record: type, *hidden: str) -> Mapping[str, Target]:
    return {each.name: each for each in _all_targets(record) if each.name not in hidden}


def _all_targets(record: type) -> Iterator[Target]:
    for attribute, hint in get_type_hints(record).items():
        plain = next((each for each in get_args(hint) if each is not NoneType), hint) if _optional(hint) else hint
        name = re.sub(r"^(reporter|location)_", r"\1.", attribute)
        yield Target(name, attribute, get_origin(plain) or plain)


def _optional(hint: Any) -> bool:
    return NoneType in get_args(hint)


APPEAL = Form("appeal", Appeal, ("external_id", "status", "created_at"), _targets(Appeal, "source"))
ENTRY = Form("entry", Entry, ("external_id", "name"), _targets(Entry, "register"))
EVENT = Form("event", Event, (), _targets(Event))


def contradictions(to: Target, rule: Rule) -> Iterator[Problem]:
    """Name what in a rule does not go together, or not with its field."""
    yield from _origins(to, rule)
    yield from _events(to, rule)
    yield from _maps(to, rule)
    if to.type not in (datetime, dict):
        for key in rule.says("date", "time"):
            yield (to.name, key), f"{to.name} is no time: remove {key!r}"
    if to.type is tuple and rule.crs is None:
        yield (to.name,), "say what the coordinates count in: crs: wgs84, gcj02 or bd09"
    if rule.split == "":
        yield (to.name, "split"), "say what to cut at"
    if to.type is not tuple and rule.crs:
        yield (to.name, "crs"), "only location.point has a crs"
    if not to.takes_list and rule.join is None and (isinstance(rule.from_, list) or rule.split is not None):
        yield (to.name,), f"several values come, but {to.name} holds one: add join"


def _events(to: Target, rule: Rule) -> Iterator[Problem]:
    if to.name != "events":
        if rule.each is not None:
            yield (to.name, "each"), "only events have `each`"
        return
    if isinstance(rule.from_, list):
        yield (to.name, "from"), "events come from one path; join two lists by `[first, second][]`"
    if rule.each is None:
        yield (to.name,), "say how each event reads: {from: history, each: {at: time, text: note}}"
    for key in rule.says("value", "split", "join", "match", "as", "map", "else", "default"):
        yield (to.name, key), f"events are read by `each`; they take no {key!r}"


def _origins(to: Target, rule: Rule) -> Iterator[Problem]:
    origins = [key for key in ("from", "value") if rule.says(key)]
    if len(origins) != 1:
        yield (to.name,), "give from or value, not both" if origins else "say where it comes from: from or value"
    if to.is_enum and rule.map is None and rule.from_ in list(to.type):
        yield (to.name,), f"{rule.from_} is read as a path; a constant is {{value: {rule.from_}}}"
    if rule.says("value"):
        for key in rule.says("nulls", "split", "join", "match", "as", "map", "else", "default"):
            yield (to.name, key), f"a constant value takes no {key!r}"
    if to.name == "external_id":
        for key in rule.says("value", "default"):
            yield (to.name, key), "an id cannot be the same for two tickets: read it with from"


def _maps(to: Target, rule: Rule) -> Iterator[Problem]:
    if rule.map is not None and not rule.says("else"):
        yield (to.name, "map"), "a map needs else: reject, keep or a value; an unmapped word must never pass unseen"
    if rule.map is None and rule.says("else"):
        yield (to.name, "else"), "else says what a map does not: there is no map"
    if rule.map is not None and to.type is tuple:
        yield (to.name, "map"), "a point is not mapped"
    if rule.else_ == "keep" and to.type is bool:
        yield (to.name, "else"), f"{to.name} is true or false and cannot keep a word: write reject, true or false"
