"""Judge a whole file: what stands at its top, and each of its sources, every problem gathered."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from hub.config.document import Document, KeyPath, Problem
from hub.config.endpoints import endpoint_of
from hub.config.messages import shown, validated
from hub.config.models import (
    MAX_SOURCES,
    OWN_KEYS,
    SECTIONS,
    SOURCE_NAME,
    DefaultKeys,
    FileKeys,
    PulledKeys,
    Section,
    laid_beneath,
    pulled_model,
    shared_keys,
)
from hub.config.secrets import Borrowed
from hub.config.shapes import keys_of
from hub.config.sources import Entry, Source
from hub.config.spelling import closest, did_you_mean
from hub.config.whole import File
from hub.connectors import REGISTRY
from hub.endpoints.base import Endpoint
from hub.model import SourceClass


@dataclass(frozen=True)
class Draft:
    """A file on its way to sources: nothing in it is trusted yet."""

    document: Document
    borrowed: Mapping[KeyPath, Borrowed]
    folder: Path
    production: bool
    port: int = 0
    """The port that the hub listens on, where it is known: no endpoint is there."""

    def pulled(self) -> tuple[dict[Section, list[Source]], list[Problem]]:
        """Return every source and register that can be built, and everything that is wrong."""
        built: dict[Section, list[Source]] = {section: [] for section in SECTIONS}
        problems = list(self._top_problems())
        for section in SECTIONS:
            for name, own in list(self._part(section).items())[:MAX_SOURCES]:
                if not isinstance(own, dict):
                    continue  # the top's problems say so
                source, wrong = self._source(section, name, own)
                problems += wrong
                built[section] += [source] if source else []
        return built, problems

    def endpoints(self) -> tuple[list[Endpoint], list[Problem]]:
        """Return every endpoint that can be built, and everything that is wrong."""
        built, problems = [], list(self._endpoint_problems())
        for name, own in list(self._part("endpoints").items())[:MAX_SOURCES]:
            if isinstance(own, dict):
                endpoint, wrong = endpoint_of(self.file, name, own, self.timezone)
                problems += wrong
                built += [endpoint] if endpoint else []
        return built, problems

    def _endpoint_problems(self) -> Iterator[Problem]:
        names = self._part("endpoints")
        if len(names) > MAX_SOURCES:
            yield Problem(("endpoints",), f"holds {len(names)} endpoints; one file holds at most {MAX_SOURCES}")
        for name in names:
            yield from _name_problems("endpoints", name)
            if name in self._part("sources"):
                yield Problem(("endpoints", name), "a source has this name already; commands could not tell them apart")

    @cached_property
    def timezone(self) -> ZoneInfo:
        model, _ = validated(DefaultKeys, self.defaults, {})
        return model.timezone if model else ZoneInfo("UTC")

    @cached_property
    def defaults(self) -> Mapping[str, Any]:
        return self._part("defaults")

    @cached_property
    def file(self) -> File:
        maps = {name: table for name, table in self._part("maps").items() if isinstance(table, dict)}
        return File(self.document, self.borrowed, maps, self.folder, self.production, self.port)

    def _part(self, key: str) -> Mapping[str, Any]:
        top = self.document.value
        part = top.get(key) if isinstance(top, dict) else None
        return part if isinstance(part, dict) else {}

    def _top_problems(self) -> Iterator[Problem]:
        yield from validated(FileKeys, self.document.value, self.borrowed)[1]
        for section in SECTIONS:
            names = self._part(section)
            if len(names) > MAX_SOURCES:
                yield Problem((section,), f"holds {len(names)} {section}; one file holds at most {MAX_SOURCES}")
            for name in names:
                yield from _name_problems(section, name)
        for name in self._part("sources"):
            yield from self._alias_problems(name)
        for name in self._part("registers"):
            if name in self._part("sources"):
                yield Problem(("registers", name), "a source has this name already; commands could not tell them apart")
        for path, message in validated(DefaultKeys, self.defaults, self.file.borrowed_by_defaults)[1]:
            yield Problem(("defaults", *path), message)
        for key in self.defaults:
            if key in OWN_KEYS:
                yield Problem(("defaults", key), "every source says this itself; it cannot be a default")
            # Connectors that no source uses are loaded only where a key is none of those in use.
            elif key not in self._keys_in_use and key not in shared_keys():
                yield Problem(("defaults", key), f"no key that sources share{did_you_mean(key, shared_keys())}")

    @cached_property
    def _keys_in_use(self) -> frozenset[str]:
        entries = [own for section in SECTIONS for own in self._part(section).values() if isinstance(own, dict)]
        used = {own.get("connector") for own in entries if isinstance(own.get("connector"), str)}
        return frozenset().union(*(keys_of(pulled_model("sources", each)) for each in used if each in REGISTRY))

    def _alias_problems(self, name: str) -> Iterator[Problem]:
        """Say what an alias cannot stand for; calls are answered by a hotline in use, and by one only."""
        hotlines = {known: keys for known, keys in self._part("sources").items() if isinstance(keys, dict)}
        meant = hotlines.get(name, {}).get("alias_of")
        here: KeyPath = ("sources", name, "alias_of")
        if not isinstance(meant, str) or not SOURCE_NAME.fullmatch(meant):
            return  # none, or the keys' own problems say so
        if meant == name:
            yield Problem(here, "a source is no alias of itself: remove it")
        elif meant not in hotlines:
            yield Problem(here, f"there is no source '{meant}'{did_you_mean(meant, hotlines.keys() - {name})}")
        elif hotlines[meant].get("class") == SourceClass.PLATFORM:
            yield Problem(here, f"'{meant}' is a platform; a hotline's calls are answered by a hotline")
        elif further := hotlines[meant].get("alias_of"):
            yield Problem(here, f"'{meant}' is an alias itself; write the one in use, '{further}'")

    @property
    def names(self) -> list[str]:
        """Those of all sources and registers."""
        return [name for section in SECTIONS for name in self._part(section)]

    def entry(self, name: str) -> Entry:
        """The source or register of that name. Raises KeyError where there is none, or no connector of its."""
        for section in SECTIONS:
            own = self._part(section).get(name)
            if isinstance(own, dict) and own.get("connector") in REGISTRY:
                return self._entry(section, name, own, pulled_model(section, own["connector"]))
        raise KeyError(name)

    def _source(self, section: Section, name: str, own: Mapping[str, Any]) -> tuple[Source | None, list[Problem]]:
        connector = own.get("connector")
        if not isinstance(connector, str) or connector not in REGISTRY:
            return None, [self._connector_problem(section, name, own)]
        entry = self._entry(section, name, own, pulled_model(section, connector))
        source, problems = entry.source()
        return source, [Problem(entry.origin(path), message) for path, message in problems]

    def _connector_problem(self, section: Section, name: str, own: Mapping[str, Any]) -> Problem:
        path: KeyPath = (section, name, "connector")
        known = ", ".join(sorted(REGISTRY))
        if "connector" not in own:
            return Problem(path, f"is missing; it names the protocol that the system speaks (known: {known})")
        named = self.borrowed[path].written if path in self.borrowed else own["connector"]
        if not isinstance(named, str):
            return Problem(path, f"expected the name of a connector, not {shown(named)} (known: {known})")
        near = closest(named, REGISTRY)
        meant = f"; did you mean '{near}'?" if near else ""
        return Problem(path, f"no connector {shown(named)}{meant} (known: {known})")

    def _entry(self, section: Section, name: str, own: Mapping[str, Any], model: type[PulledKeys]) -> Entry:
        known = keys_of(model)
        defaults = {key: value for key, value in self.defaults.items() if key in known}
        return Entry(section, name, laid_beneath(defaults, own), model, self.file)


def _name_problems(section: str, name: str) -> Iterator[Problem]:
    if SOURCE_NAME.fullmatch(name):
        return
    tame = "-".join(name.lower().replace("_", " ").replace(".", " ").split()).lstrip("-0123456789")[:63]
    meant = f"; did you mean '{tame}'?" if SOURCE_NAME.fullmatch(tame) else ", such as 'hotline-12345'"
    an = "an" if section == "endpoints" else "a"
    rule = f"{an} {section.removesuffix('s')}'s name is 1 to 63 small letters, digits and '-', beginning with a letter"
    yield Problem((section, name), f"{rule}{meant}")
