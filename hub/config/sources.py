"""Build the sources of a file: keys checked, connector made, mapping compiled, and every problem gathered."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import BaseModel, SecretStr, ValidationError

from hub.config.document import Document, KeyPath, Problem
from hub.config.messages import did_you_mean, explain, keys_of, masked, shown
from hub.config.models import (
    MAX_SOURCES,
    OWN_KEYS,
    SOURCE_NAME,
    DefaultKeys,
    FileKeys,
    SourceKeys,
    laid_beneath,
    shared_keys,
    source_model,
)
from hub.config.schedule import Schedule
from hub.config.secrets import Borrowed
from hub.connectors import REGISTRY
from hub.connectors.base import Connector, Place
from hub.errors import HubError, MappingError
from hub.model import SourceRecord
from hub.normalize import Mapping as AppealMapping
from hub.normalize import compile_mapping
from hub.rules import Rule


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

    @property
    def name(self) -> str:
        return self.record.name


@dataclass(frozen=True)
class Draft:
    """A file on its way to sources: nothing in it is trusted yet."""

    document: Document
    borrowed: Mapping[KeyPath, Borrowed]
    folder: Path
    production: bool

    def sources(self) -> tuple[list[Source], list[Problem]]:
        """Return every source that can be built, and everything that is wrong."""
        sources, problems = [], list(self._top_problems())
        for name, own in list(self._part("sources").items())[:MAX_SOURCES]:
            if not isinstance(own, dict):
                continue  # the top's problems say so
            source, wrong = self._source(name, own)
            problems += wrong
            if source:
                sources.append(source)
        return sources, problems

    @cached_property
    def timezone(self) -> ZoneInfo:
        model, _ = _validated(DefaultKeys, self.defaults, {})
        return model.timezone if model else ZoneInfo("UTC")

    @cached_property
    def defaults(self) -> Mapping[str, Any]:
        return self._part("defaults")

    @cached_property
    def maps(self) -> Mapping[str, Mapping[str, Any]]:
        return {name: table for name, table in self._part("maps").items() if isinstance(table, dict)}

    @cached_property
    def borrowed_by_defaults(self) -> Mapping[KeyPath, Borrowed]:
        return {path[1:]: one for path, one in self.borrowed.items() if path[:1] == ("defaults",)}

    @cached_property
    def borrowed_by_source(self) -> Mapping[str | int, Mapping[KeyPath, Borrowed]]:
        found: dict[str | int, dict[KeyPath, Borrowed]] = {}
        for path, one in self.borrowed.items():
            if path[0] == "sources" and len(path) > 2:
                found.setdefault(path[1], {})[path[2:]] = one
        return found

    def _part(self, key: str) -> Mapping[str, Any]:
        top = self.document.value
        part = top.get(key) if isinstance(top, dict) else None
        return part if isinstance(part, dict) else {}

    def _top_problems(self) -> Iterator[Problem]:
        yield from _validated(FileKeys, self.document.value, self.borrowed)[1]
        names = self._part("sources")
        if len(names) > MAX_SOURCES:
            yield Problem(("sources",), f"holds {len(names)} sources; one file holds at most {MAX_SOURCES}")
        for name in names:
            yield from _name_problems(name)
        for path, message in _validated(DefaultKeys, self.defaults, self.borrowed_by_defaults)[1]:
            yield Problem(("defaults", *path), message)
        shared = shared_keys()
        for key in self.defaults:
            if key in OWN_KEYS:
                yield Problem(("defaults", key), "every source says this itself; it cannot be a default")
            elif key not in shared:
                yield Problem(("defaults", key), f"no key that sources share{did_you_mean(key, shared)}")

    def _source(self, name: str, own: Mapping[str, Any]) -> tuple[Source | None, list[Problem]]:
        connector = own.get("connector")
        if not isinstance(connector, str) or connector not in REGISTRY:
            return None, [_connector_problem(name, own)]
        entry = self._entry(name, own, source_model(connector))
        source, problems = entry.source()
        return source, [Problem(entry.origin(path), message) for path, message in problems]

    def _entry(self, name: str, own: Mapping[str, Any], model: type[SourceKeys]) -> "_Entry":
        known = keys_of(model)
        defaults = {key: value for key, value in self.defaults.items() if key in known}
        return _Entry(name, laid_beneath(defaults, own), model, self)


def _validated(model: type[BaseModel], raw: Any, borrowed: Mapping[KeyPath, Borrowed]) -> tuple[Any, list[Problem]]:
    try:
        return model.model_validate(raw), []
    except ValidationError as error:
        return None, list(explain(error.errors(include_url=False), raw, model, borrowed))


def _name_problems(name: str) -> Iterator[Problem]:
    if SOURCE_NAME.fullmatch(name):
        return
    tame = "-".join(name.lower().replace("_", " ").replace(".", " ").split()).lstrip("-0123456789")[:63]
    meant = f"; did you mean '{tame}'?" if SOURCE_NAME.fullmatch(tame) else ", such as 'hotline-12345'"
    rule = "a source's name is 1 to 63 small letters, digits and '-', beginning with a letter"
    yield Problem(("sources", name), f"{rule}{meant}")


def _connector_problem(name: str, own: Mapping[str, Any]) -> Problem:
    path = ("sources", name, "connector")
    known = ", ".join(sorted(REGISTRY))
    if "connector" not in own:
        return Problem(path, f"is missing; it names the protocol that the system speaks (known: {known})")
    named = own["connector"]
    meant = did_you_mean(named, REGISTRY).partition(" (known")[0] if isinstance(named, str) else ""
    return Problem(path, f"no connector {shown(named)}{meant} (known: {known})")


@dataclass(frozen=True)
class _Entry:
    """One source as the file gives it, the defaults laid beneath. Paths in here start from the source."""

    name: str
    raw: Mapping[str, Any]
    model: type[SourceKeys]
    draft: Draft

    def source(self) -> tuple[Source | None, list[Problem]]:
        """Return the source if it can be built, and everything that is wrong with it."""
        keys, problems = _validated(self.model, self.raw, self._borrowed)
        problems = [self._at_home(problem) for problem in problems]
        mapping, wrong = self._mapping(keys)
        problems += wrong
        if keys is None or self._is_spoiled:
            return None, problems
        connector, wrong = self._connector(keys)
        problems += wrong
        if self.draft.production:
            problems += self._clear_secrets(keys, ())
        if mapping is None or connector is None:
            return None, problems
        schedule = Schedule.of(keys.schedule, source=self.name, timezone=keys.timezone)
        secrets = frozenset(_secrets(keys))
        return Source(_record(self.name, keys), connector, mapping, schedule, keys.enabled, secrets), problems

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
        return self.draft.document.lines

    @cached_property
    def _borrowed(self) -> Mapping[KeyPath, Borrowed]:
        shared = self.draft.borrowed_by_defaults
        used = {path: one for path, one in shared.items() if self.origin(path)[0] == "defaults"}
        return {**used, **self.draft.borrowed_by_source.get(self.name, {})}

    @cached_property
    def _is_spoiled(self) -> bool:
        """Whether a value of this source could not be read, so that it cannot be built whatever else holds."""
        return any(path[0] == "defaults" or path[:2] == ("sources", self.name) for path in self.draft.document.spoiled)

    def _at_home(self, problem: Problem) -> Problem:
        """Say of a key that another connector knows whose it is."""
        key = problem.path[0] if problem.path else ""
        if len(problem.path) != 1 or not problem.message.startswith("no such key"):
            return problem
        owners = [connector for connector in sorted(REGISTRY) if key in keys_of(source_model(connector))]
        if not owners:
            return problem
        message = f"connector '{self.raw['connector']}' has no such key; it is one of {', '.join(owners)}"
        return Problem(problem.path, message)

    def _mapping(self, keys: SourceKeys | None) -> tuple[AppealMapping | None, list[Problem]]:
        """Compile what can be compiled, so that one mistake elsewhere does not hide those of the map."""
        written = self.raw.get("map")
        default = REGISTRY[self.raw["connector"]].default_map
        if written is None and not default:
            return None, [] if "map" in self.raw else [Problem(("map",), _NO_MAP)]
        rules = _rules({**default, **(written if isinstance(written, dict) else {})})
        whole = keys is not None
        try:
            mapping = compile_mapping(
                self.name,
                rules,
                maps=self.draft.maps,
                timezone=keys.timezone if keys else ZoneInfo("UTC"),
                nulls=keys.nulls if keys else (),
            )
        except MappingError as error:
            told = [(path, message) for path, message in error.problems if path or whole]
            return None, [Problem(("map", *path), self._masked(message, ("map", *path))) for path, message in told]
        return mapping, []

    def _connector(self, keys: SourceKeys) -> tuple[Connector | None, list[Problem]]:
        place = Place(self.name, keys.timezone, self.draft.folder)
        try:
            return REGISTRY[keys.connector](keys, place), []
        except (HubError, ValueError, OSError) as error:
            return None, [Problem((), self._masked(str(error), ()))]

    def _masked(self, message: str, path: KeyPath) -> str:
        return masked(masked(message, path, self._borrowed), ("maps",), self.draft.borrowed)

    def _clear_secrets(self, value: Any, path: KeyPath) -> Iterator[Problem]:
        """Yield a problem for each secret that stands in the file in clear."""
        if isinstance(value, SecretStr) and self._stands_in_clear(path):
            yield Problem(path, _in_clear(self.name, path))
        for step, child in _children(value):
            yield from self._clear_secrets(child, (*path, step))

    def _stands_in_clear(self, path: KeyPath) -> bool:
        if self.origin(path) not in self._lines or (path[0] == "headers" and str(path[-1]).lower() in _HARMLESS):
            return False
        return path not in self._borrowed or self._borrowed[path].clear


_NO_MAP = "is missing; it says how a ticket reads as an appeal: external_id, title, status, created_at …"
_HARMLESS = {"accept", "accept-language", "accept-encoding", "content-type", "user-agent", "referer", "origin"}
"""Headers that are kept unseen like all others, but that no one needs to hide."""


def _rules(written: Mapping[str, Any]) -> dict[str, Rule]:
    """Those of the rules that can be read; the others are told of where the whole source is checked."""
    readable = {}
    for name, raw in written.items():
        rule, _ = _validated(Rule, raw, {})
        if rule is not None:
            readable[name] = rule
    return readable


def _record(name: str, keys: SourceKeys) -> SourceRecord:
    return SourceRecord(name, keys.title, keys.source_class, keys.integration, keys.department, keys.connector)


def _children(value: Any) -> Iterable[tuple[str | int, Any]]:
    if isinstance(value, BaseModel):
        fields = type(value).model_fields
        return [(fields[name].alias or name, getattr(value, name)) for name in fields]
    if isinstance(value, dict):
        return value.items()
    if isinstance(value, list | tuple):
        return list(enumerate(value))
    return ()


def _secrets(value: Any) -> Iterator[str]:
    if isinstance(value, SecretStr):
        yield value.get_secret_value()
    for step, child in _children(value):
        if str(step).lower() not in _HARMLESS:
            yield from _secrets(child)


def _in_clear(source: str, path: KeyPath) -> str:
    variable = f"{source}_{path[-1]}".upper().replace("-", "_")
    return (
        "a secret stands here in clear, which HUB_ENV=production does not allow; "
        f'write "${{{variable}}}" and set that variable, or "${{file:secrets/{variable.lower()}}}"'
    )
