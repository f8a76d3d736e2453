"""Turn connectors.yaml into sources, or into one line a mistake that says where it is and how to mend it."""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from hub.config.document import BrokenFile, Document, KeyPath, Problem, read
from hub.config.draft import Draft
from hub.config.editor import json_schema
from hub.config.models import SECTIONS
from hub.config.nodes import MAX_BYTES
from hub.config.schedule import Schedule
from hub.config.secrets import resolve
from hub.config.sources import Source
from hub.endpoints.base import Endpoint
from hub.errors import ConfigError, Mistake

__all__ = ["Config", "Endpoint", "Reading", "Schedule", "Source", "json_schema", "load", "read_whole"]


@dataclass(frozen=True, slots=True)
class Config:
    """What connectors.yaml says: its sources, registers and endpoints by name, in file order, and the default zone."""

    path: Path
    timezone: ZoneInfo
    sources: dict[str, Source]
    registers: dict[str, Source] = field(default_factory=dict)
    endpoints: dict[str, Endpoint] = field(default_factory=dict)

    @property
    def pulled(self) -> dict[str, Source]:
        """All that is pulled: the sources, then the registers."""
        return self.sources | self.registers

    @property
    def secrets(self) -> frozenset[str]:
        """Every secret of all that the file names, for those who must mask them."""
        pulled = (source.secrets for source in self.pulled.values())
        return frozenset().union(*pulled, *(endpoint.secrets for endpoint in self.endpoints.values()))


@dataclass(frozen=True, slots=True)
class Reading:
    """One reading of the file: `config` holds what can be used of it, `mistakes` all that is wrong, in file order."""

    config: Config
    mistakes: tuple[Mistake, ...]
    spoilt: Mapping[str, tuple[Mistake, ...]]
    """The mistakes of each source, register and endpoint; under "" those that are of the whole file."""


def load(path: Path, environ: Mapping[str, str]) -> Config:
    """Read the file at `path`, filling in secrets from `environ` and from files beside it.

    Opens no socket and writes nothing. Raises ConfigError with every mistake at once; of a file that is no YAML, the
    first. With HUB_ENV=production in `environ`, a secret written in clear is a mistake as well.
    """
    reading = read_whole(path, environ)
    if reading.mistakes:
        raise ConfigError(*reading.mistakes)
    return reading.config


def read_whole(path: Path, environ: Mapping[str, str]) -> Reading:
    """Read the file as `load` does, but let the mistakes of a source spoil that one only.

    Raises ConfigError for a file that is no YAML.
    """
    draft = drafted(path, environ)
    built, problems = draft.pulled()
    endpoints, wrong = draft.endpoints()
    mistakes = tuple(_mistakes(path, draft.document, [*draft.document.problems, *problems, *wrong]))
    spoilt: dict[str, tuple[Mistake, ...]] = {}
    for name, mistake in mistakes:
        spoilt[name] = (*spoilt.get(name, ()), mistake)
    sources, registers = ({source.name: source for source in built[section]} for section in SECTIONS)
    told = [*(source.endpoint for source in sources.values() if source.endpoint), *endpoints]
    config = Config(path, draft.timezone, sources, registers, {endpoint.name: endpoint for endpoint in told})
    return Reading(config, tuple(sorted(mistake for _, mistake in mistakes)), spoilt)


def leaves_of(path: Path) -> dict[KeyPath, Any]:
    """The texts and numbers of the file as they are written, placeholders not filled in. Raises ConfigError."""
    try:
        return dict(_leaves(read(content_of(path)).value, ()))
    except BrokenFile as broken:
        raise ConfigError(Mistake(str(path), broken.line, "", broken.message)) from None


def _leaves(value: Any, path: KeyPath) -> Iterator[tuple[KeyPath, Any]]:
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    yield path, value
    for step, child in children:
        yield from _leaves(child, (*path, step))


def drafted(path: Path, environ: Mapping[str, str]) -> Draft:
    """Parse the file and fill in what it borrows. Raises ConfigError for no YAML."""
    try:
        document = read(content_of(path))
    except BrokenFile as broken:
        raise ConfigError(Mistake(str(path), broken.line, "", broken.message)) from None
    document, borrowed = resolve(document, environ, path.parent)
    port = environ.get("HUB_PORT", "")
    is_production = environ.get("HUB_ENV") == "production"
    return Draft(document, borrowed, path.parent, is_production, int(port) if port.isdecimal() else USUAL_PORT)


_NO_FILE = "there is no such file; begin with a copy of the connectors.yaml in the hub's repository"


def content_of(path: Path) -> bytes:
    try:
        if not path.is_file():
            raise BrokenFile(1, _NO_FILE)
        with path.open("rb") as opened:
            return opened.read(MAX_BYTES + 1)
    except OSError as error:
        raise BrokenFile(1, f"the file cannot be read: {os.strerror(error.errno or 0)}") from error


USUAL_PORT = 8000
_OWNED = {*SECTIONS, "endpoints"}
"""The sections whose entries are each on their own: a mistake spoils one only."""


def _mistakes(path: Path, document: Document, problems: Iterable[Problem]) -> Iterator[tuple[str, Mistake]]:
    """Say each problem with its line, and whose it is: a source's or register's, or "" for the whole file's."""
    own = set(document.problems)
    for problem in problems:
        if problem in own or not _lies_in(problem.path, document.spoiled):
            mistake = Mistake(str(path), document.line(problem.path), _dotted(problem.path), problem.message)
            yield str(problem.path[1]) if len(problem.path) > 1 and problem.path[0] in _OWNED else "", mistake


def _lies_in(path: KeyPath, spoiled: frozenset[KeyPath]) -> bool:
    return any(path[:length] in spoiled for length in range(len(path) + 1))


def _dotted(path: KeyPath) -> str:
    """Write a path as people do; a negative number only marks a line (see document.py)."""
    text = ""
    for step in path:
        if isinstance(step, str):
            text += f".{step}" if text else step
        elif step >= 0:
            text += f"[{step}]"
    return " ".join(text.split())[:200]
