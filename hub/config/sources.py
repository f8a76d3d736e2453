"""Build one source of a file: keys checked, connector made, mapping compiled, and every problem gathered."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from hub.config.document import Document, KeyPath, Problem
from hub.config.messages import masked, validated
from hub.config.models import SourceKeys, source_model
from hub.config.outward import Outward, outward
from hub.config.schedule import Schedule
from hub.config.secrets import Borrowed, held_secrets
from hub.config.shapes import keys_of
from hub.config.spelling import synonym
from hub.connectors import REGISTRY
from hub.connectors.base import Connector, Place
from hub.errors import HubError, MappingError
from hub.mapping.recipes import Workshop
from hub.mapping.rules import TARGETS, Rule
from hub.model import SourceRecord
from hub.normalize import Mapping as AppealMapping
from hub.normalize import compile_mapping


@dataclass(frozen=True, slots=True)
class Source:
    """One legacy system, ready to be pulled: its connector is built, its mapping compiled."""

    record: SourceRecord
    connector: Connector
    mapping: AppealMapping
    schedule: Schedule
    enabled: bool = True
    secrets: frozenset[str] = field(default=frozenset(), repr=False)
    """What must never be shown, so that whoever shows things can mask it."""
    outward: Outward = field(default_factory=Outward)
    """The source's own words for the hub's, for whoever tells it of changes."""

    @property
    def name(self) -> str:
        return self.record.name


@dataclass(frozen=True)
class File:
    """What the whole file gives to each of its sources."""

    document: Document
    borrowed: Mapping[KeyPath, Borrowed]
    maps: Mapping[str, Mapping[str, Any]]
    folder: Path
    production: bool

    @cached_property
    def borrowed_by_defaults(self) -> Mapping[KeyPath, Borrowed]:
        return {path[1:]: one for path, one in self.borrowed.items() if path[:1] == ("defaults",)}

    @cached_property
    def borrowed_by_maps(self) -> Mapping[KeyPath, Borrowed]:
        """Each text that shared maps borrow, once, however often it stands there."""
        return {(one.written,): one for path, one in self.borrowed.items() if path[:1] == ("maps",)}

    @cached_property
    def borrowed_by_source(self) -> Mapping[str | int, Mapping[KeyPath, Borrowed]]:
        found: dict[str | int, dict[KeyPath, Borrowed]] = {}
        for path, one in self.borrowed.items():
            if path[0] == "sources" and len(path) > 2:
                found.setdefault(path[1], {})[path[2:]] = one
        return found


@dataclass(frozen=True)
class Entry:
    """One source as the file gives it, the defaults laid beneath. Paths in here start from the source."""

    name: str
    raw: Mapping[str, Any]
    model: type[SourceKeys]
    file: File

    def source(self) -> tuple[Source | None, list[Problem]]:
        """Return the source if it can be built, and everything that is wrong with it."""
        keys, problems = validated(self.model, self.raw, self._borrowed)
        problems = [self._at_home(problem) for problem in problems]
        mapping, wrong = self._mapping(keys)
        problems += wrong
        if keys is None or self._is_spoiled:
            return None, problems
        connector, wrong = self._connector(keys)
        problems += wrong
        held = list(held_secrets(keys))
        problems += self._unfilled(held)
        if self.file.production:
            problems += self._in_clear(held)
        if mapping is None or connector is None:
            return None, problems
        schedule = Schedule.of(keys.schedule, source=self.name, timezone=keys.timezone)
        secrets = frozenset(secret for _, secret in held)
        words, wrong = self._outward(keys)
        problems += wrong
        return Source(_record(self.name, keys), connector, mapping, schedule, keys.enabled, secrets, words), problems

    def origin(self, path: KeyPath) -> KeyPath:
        """Where in the file a path of this source stands: in the source itself, or among the defaults."""
        own: KeyPath = ("sources", self.name, *path)
        shared: KeyPath = ("defaults", *path)
        while len(own) > 2:
            if own in self._lines:
                break
            if shared in self._lines:
                return ("defaults", *path)
            own, shared = own[:-1], shared[:-1]
        return ("sources", self.name, *path)

    @property
    def _lines(self) -> Mapping[KeyPath, int]:
        return self.file.document.lines

    @cached_property
    def _borrowed(self) -> Mapping[KeyPath, Borrowed]:
        shared = self.file.borrowed_by_defaults
        used = {path: one for path, one in shared.items() if self.origin(path)[0] == "defaults"}
        return {**used, **self.file.borrowed_by_source.get(self.name, {})}

    @cached_property
    def _is_spoiled(self) -> bool:
        """Whether a value of this source could not be read, so that it cannot be built whatever else holds."""
        return any(path[0] == "defaults" or path[:2] == ("sources", self.name) for path in self.file.document.spoiled)

    def _at_home(self, problem: Problem) -> Problem:
        """Say of a key that is known elsewhere where it belongs."""
        key = problem.path[0] if problem.path else ""
        if len(problem.path) != 1 or not problem.message.startswith("no such key"):
            return problem
        if key in TARGETS:
            return Problem(problem.path, "no such key here; a field of the appeal stands under map")
        owners = [connector for connector in sorted(REGISTRY) if key in keys_of(source_model(connector))]
        if not owners:
            return problem
        message = f"connector '{self.raw['connector']}' has no such key; it is one of {', '.join(owners)}"
        return Problem(problem.path, message)

    def _mapping(self, keys: SourceKeys | None) -> tuple[AppealMapping | None, list[Problem]]:
        """Compile what can be compiled, so that one mistake elsewhere does not hide those of the map."""
        if self.raw.get("map") is None and not REGISTRY[self.raw["connector"]].default_map:
            return None, [] if "map" in self.raw else [Problem(("map",), _NO_MAP)]
        rules = self._rules
        whole = keys is not None
        try:
            mapping = compile_mapping(
                self.name,
                rules,
                maps=self.file.maps,
                timezone=keys.timezone if keys else ZoneInfo("UTC"),
                nulls=keys.nulls if keys else (),
            )
        except MappingError as error:
            return None, [self._of_map(path, message) for path, message in error.problems if path or whole]
        return mapping, []

    @cached_property
    def _rules(self) -> dict[str, Rule]:
        """The rules of the map, the connector's own laid beneath."""
        written = self.raw.get("map")
        return _rules({**REGISTRY[self.raw["connector"]].default_map, **(written if isinstance(written, dict) else {})})

    def _outward(self, keys: SourceKeys) -> tuple[Outward, list[Problem]]:
        nulls = frozenset(map(str, ("", *keys.nulls)))
        workshop = Workshop(self.name, self.file.maps, keys.timezone, nulls)
        mapped = {name: rule for name, rule in self._rules.items() if rule.map is not None}
        words, problems = outward(workshop.recipes(mapped), keys.outward)
        return words, [Problem(path, self._masked(message, path)) for path, message in problems]

    def _of_map(self, path: KeyPath, message: str) -> Problem:
        written = self.raw.get("map")
        is_bare = isinstance(written, dict) and path and isinstance(written.get(path[0]), str)
        here = ("map", *(path[:1] if is_bare else path))
        if path and message.startswith("the appeal has no such field") and (meant := synonym(str(path[0]), TARGETS)):
            message = f"the appeal has no such field; did you mean '{meant}'?"
        return Problem(here, self._masked(message, here))

    def _connector(self, keys: SourceKeys) -> tuple[Connector | None, list[Problem]]:
        place = Place(self.name, keys.timezone, self.file.folder)
        try:
            return REGISTRY[keys.connector](keys, place), []
        except (HubError, ValueError, OSError) as error:
            return None, [Problem((), self._masked(str(error), ()))]

    def _masked(self, message: str, path: KeyPath) -> str:
        return masked(masked(message, path, self._borrowed), (), self.file.borrowed_by_maps)

    def _unfilled(self, held: Iterable[tuple[KeyPath, str]]) -> Iterator[Problem]:
        """Name the secrets that a shell would fill in, and the hub would send as they stand."""
        for path, secret in held:
            if path not in self._borrowed and _SHELL_NAME.fullmatch(secret):
                yield Problem(path, f"'{secret}' would be sent as it stands; write \"${{{secret[1:]}}}\"")

    def _in_clear(self, held: Iterable[tuple[KeyPath, str]]) -> Iterator[Problem]:
        """Name the secrets that stand in the file itself."""
        for path, _ in held:
            here = self.origin(path)
            if here in self._lines and (path not in self._borrowed or self._borrowed[path].clear):
                owner = self.name if here[0] == "sources" else "shared"
                yield Problem(path, _borrow_instead(owner, path))


_SHELL_NAME = re.compile(r"\$[A-Z_][A-Z0-9_]*")
_NO_MAP = "is missing; it says how a ticket reads as an appeal: external_id, title, status, created_at …"


def _rules(written: Mapping[str, Any]) -> dict[str, Rule]:
    """Those of the rules that can be read; the others are told of where the whole source is checked."""
    readable = {}
    for name, raw in written.items():
        rule, _ = validated(Rule, raw, {})
        if rule is not None:
            readable[name] = rule
    return readable


def _record(name: str, keys: SourceKeys) -> SourceRecord:
    return SourceRecord(
        name, keys.title, keys.source_class, keys.integration, keys.department, keys.connector, keys.alias_of
    )


def _borrow_instead(owner: str, path: KeyPath) -> str:
    variable = f"{owner}_{path[-1]}".upper().replace("-", "_")
    return (
        "a secret stands here in clear, which HUB_ENV=production does not allow; "
        f'write "${{{variable}}}" and set that variable, or "${{file:secrets/{variable.lower()}}}"'
    )
