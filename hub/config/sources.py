"""Build one source of a file: keys checked, connector made, mapping compiled, and every problem gathered."""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from hub.config.document import KeyPath, Problem
from hub.config.endpoints import Surroundings, built
from hub.config.messages import masked, validated
from hub.config.models import SECTIONS, PulledKeys, Section, SourceKeys, pulled_model
from hub.config.outward import Outward, outward
from hub.config.schedule import Schedule
from hub.config.secrets import Borrowed, held_secrets
from hub.config.shapes import keys_of
from hub.config.spelling import synonym
from hub.config.whole import File
from hub.connectors import REGISTRY
from hub.connectors.base import Connector, Place
from hub.connectors.paths import NOTHING, Reader, reader
from hub.endpoints.base import Endpoint
from hub.errors import HubError, MappingError, OptionsError
from hub.mapping.recipes import Workshop
from hub.mapping.rules import APPEAL, Form, Rule
from hub.model import BROKEN, SourceClass, SourceRecord, Ticket
from hub.normalize import Mapping as AppealMapping
from hub.normalize import compile_mapping


@dataclass(frozen=True, slots=True)
class Source:
    """One legacy system or register, ready to be pulled: its connector is built, its mapping compiled."""

    record: SourceRecord
    connector: Connector
    mapping: AppealMapping
    schedule: Schedule
    enabled: bool = True
    secrets: frozenset[str] = field(default=frozenset(), repr=False)
    """What must never be shown, so that whoever shows things can mask it."""
    only_if: Reader | None = None
    fingerprint: bytes = field(default=b"", repr=False)
    """Changes whenever anything that is said of it does, the defaults and shared maps that it uses included."""
    endpoint: Endpoint | None = None
    """The system itself as one that is told what changes, where it has a `push`."""
    outward: Outward = field(default_factory=Outward)
    """The source's own words for the hub's, for whoever tells it of changes."""

    @property
    def name(self) -> str:
        return self.record.name

    def holds(self, ticket: Ticket) -> bool:
        """Tell a ticket from a row that `only_if` leaves unread; what is broken is always a ticket."""
        if self.only_if is None or BROKEN in ticket:
            return True
        found = self.only_if(ticket)
        return found not in NOTHING and not (isinstance(found, str) and not found.strip())


@dataclass(frozen=True)
class Entry:
    """One source or register as the file gives it, the defaults laid beneath. Paths in here start from there."""

    section: Section
    name: str
    raw: Mapping[str, Any]
    model: type[PulledKeys]
    file: File

    @property
    def form(self) -> Form:
        return SECTIONS[self.section][1]

    @property
    def default_map(self) -> Mapping[str, Any]:
        """What the protocol knows of its fields: those of tickets, not of registers."""
        return REGISTRY[self.raw["connector"]].default_map if self.form is APPEAL else {}

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
        only_if = reader(keys.only_if) if keys.only_if else None
        record = _record(self.name, keys)
        fingerprint = _fingerprint(self.section, self.raw, mapping.fingerprint)
        words, wrong = self._outward(keys)
        problems += wrong
        endpoint, wrong = self._endpoint(keys, words)
        problems += wrong
        return (
            Source(record, connector, mapping, schedule, keys.enabled, secrets, only_if, fingerprint, endpoint, words),
            problems,
        )

    def origin(self, path: KeyPath) -> KeyPath:
        """Where in the file a path of this source stands: in the source itself, or among the defaults."""
        own: KeyPath = (self.section, self.name, *path)
        shared: KeyPath = ("defaults", *path)
        while len(own) > 2:
            if own in self._lines:
                break
            if shared in self._lines:
                return ("defaults", *path)
            own, shared = own[:-1], shared[:-1]
        return (self.section, self.name, *path)

    @property
    def _lines(self) -> Mapping[KeyPath, int]:
        return self.file.document.lines

    @cached_property
    def _borrowed(self) -> Mapping[KeyPath, Borrowed]:
        shared = self.file.borrowed_by_defaults
        used = {path: one for path, one in shared.items() if self.origin(path)[0] == "defaults"}
        return {**used, **self.file.borrowed_by_name.get((self.section, self.name), {})}

    @cached_property
    def _is_spoiled(self) -> bool:
        """Whether a value of this source could not be read, so that it cannot be built whatever else holds."""
        return any(
            path[0] == "defaults" or path[:2] == (self.section, self.name) for path in self.file.document.spoiled
        )

    def _at_home(self, problem: Problem) -> Problem:
        """Say of a key that is known elsewhere where it belongs."""
        key = problem.path[0] if problem.path else ""
        if len(problem.path) != 1 or not problem.message.startswith("no such key"):
            return problem
        if key in self.form.targets:
            return Problem(problem.path, f"no such key here; a field of the {self.form.noun} stands under map")
        if key in keys_of(SourceKeys):
            return Problem(problem.path, "a register has no such key: it says what a hotline or platform is")
        owners = [connector for connector in sorted(REGISTRY) if key in keys_of(pulled_model(self.section, connector))]
        if not owners:
            return problem
        message = f"connector '{self.raw['connector']}' has no such key; it is one of {', '.join(owners)}"
        return Problem(problem.path, message)

    def _mapping(self, keys: PulledKeys | None) -> tuple[AppealMapping | None, list[Problem]]:
        """Compile what can be compiled, so that one mistake elsewhere does not hide those of the map."""
        if self.raw.get("map") is None and not self.default_map:
            return None, [] if "map" in self.raw else [Problem(("map",), _no_map(self.form))]
        rules = self._rules
        whole = keys is not None
        try:
            mapping = compile_mapping(
                self.name,
                rules,
                maps=self.file.maps,
                timezone=keys.timezone if keys else ZoneInfo("UTC"),
                nulls=keys.nulls if keys else (),
                form=self.form,
            )
        except MappingError as error:
            return None, [self._of_map(path, message) for path, message in error.problems if path or whole]
        return mapping, []

    @cached_property
    def _rules(self) -> dict[str, Rule]:
        """The rules of the map, the connector's own laid beneath."""
        written = self.raw.get("map")
        return _rules({**self.default_map, **(written if isinstance(written, dict) else {})})

    def _outward(self, keys: PulledKeys) -> tuple[Outward, list[Problem]]:
        if not isinstance(keys, SourceKeys):
            return Outward(), []
        nulls = frozenset(map(str, ("", *keys.nulls)))
        workshop = Workshop(APPEAL, f"sources.{self.name}.map", self.file.maps, keys.timezone, nulls)
        mapped = {name: rule for name, rule in self._rules.items() if rule.map is not None}
        words, problems = outward(workshop.recipes(mapped), keys.outward)
        return words, [Problem(path, self._masked(message, path)) for path, message in problems]

    def _endpoint(self, keys: PulledKeys, words: Outward) -> tuple[Endpoint | None, list[Problem]]:
        """Build what tells the source itself of changes, in its own words."""
        if not isinstance(keys, SourceKeys) or keys.push is None:
            return None, []
        borrowed = {path[1:]: one for path, one in self._borrowed.items() if path[:1] == ("push",)}
        around = Surroundings(("push",), borrowed, self.file, keys.timezone, self.name, words.words)
        endpoint, problems = built(self.name, keys.push, around)
        return endpoint if endpoint is None or keys.enabled else replace(endpoint, enabled=False), problems

    def _of_map(self, path: KeyPath, message: str) -> Problem:
        written = self.raw.get("map")
        is_bare = isinstance(written, dict) and path and isinstance(written.get(path[0]), str)
        here = ("map", *(path[:1] if is_bare else path))
        unknown = f"the {self.form.noun} has no such field"
        if path and message.startswith(unknown) and (meant := synonym(str(path[0]), self.form.targets)):
            message = f"{unknown}; did you mean '{meant}'?"
        return Problem(here, self._masked(message, here))

    def _connector(self, keys: PulledKeys) -> tuple[Connector | None, list[Problem]]:
        place = Place(self.name, keys.timezone, self.file.folder)
        try:
            return REGISTRY[keys.connector](keys, place), []
        except OptionsError as error:
            return None, [Problem(path, self._masked(message, path)) for path, message in error.problems]
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
                owner = self.name if here[0] in SECTIONS else "shared"
                yield Problem(path, _borrow_instead(owner, path))


_SHELL_NAME = re.compile(r"\$[A-Z_][A-Z0-9_]*")


def _no_map(form: Form) -> str:
    some = "external_id, title, status, created_at …" if form is APPEAL else ", ".join([*form.required, "kind …"])
    return f"is missing; it says how a ticket reads as an {form.noun}: {some}"


def _fingerprint(*said: Any) -> bytes:
    return hashlib.blake2b(json.dumps(said, sort_keys=True, default=str).encode(), digest_size=16).digest()


def _rules(written: Mapping[str, Any]) -> dict[str, Rule]:
    """Those of the rules that can be read; the others are told of where the whole source is checked."""
    readable = {}
    for name, raw in written.items():
        rule, _ = validated(Rule, raw, {})
        if rule is not None:
            readable[name] = rule
    return readable


def _record(name: str, keys: PulledKeys) -> SourceRecord:
    if not isinstance(keys, SourceKeys):
        return SourceRecord(name, keys.title, SourceClass.REGISTER, None, keys.department, keys.connector)
    source_class = SourceClass(keys.source_class)
    return SourceRecord(
        name, keys.title, source_class, keys.integration, keys.department, keys.connector, keys.alias_of
    )


def _borrow_instead(owner: str, path: KeyPath) -> str:
    name = path[-1:] if isinstance(path[-1], str) else path[-2:]
    variable = "_".join(map(str, (owner, *name))).upper().replace("-", "_")
    return (
        "a secret stands here in clear, which HUB_ENV=production does not allow; "
        f'write "${{{variable}}}" and set that variable, or "${{file:secrets/{variable.lower()}}}"'
    )
