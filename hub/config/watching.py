"""Keep the configuration as it was last good, source by source, while the file is being edited."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from hub.config import Config, Endpoint, Reading, Source, read_whole
from hub.errors import ConfigError, Mistake


@dataclass(frozen=True, slots=True)
class News:
    """What a look at the file brought: the names of what is new or reads otherwise, and of what is gone."""

    changed: frozenset[str]
    gone: frozenset[str]
    mistakes: tuple[Mistake, ...]


@dataclass
class WatchedFile:
    """connectors.yaml as it was last good. A source with a mistake stays as it was; one without is taken at once.

    A mistake of the whole file (no YAML, a wrong default) keeps everything as it was. `errors` says, by name, why what
    stands in the file is not in use.
    """

    config: Config
    environ: Mapping[str, str] = field(repr=False)
    errors: Mapping[str, str] = field(default_factory=dict)
    _read: bytes = b""
    _seen: bytes = b""

    def __post_init__(self) -> None:
        self._read = self._seen = _digest(self.config.path)

    def look(self) -> News | None:
        """Take what changed since the last look; None where nothing did.

        A file is read once it is the same in two looks, so that one that is half written is not read.
        """
        digest = _digest(self.config.path)
        settled, self._seen = digest == self._seen, digest
        if not settled or digest == self._read:
            return None
        self._read = digest
        return self._take(self._reading())

    def _reading(self) -> Reading:
        try:
            return read_whole(self.config.path, self.environ)
        except ConfigError as error:
            return Reading(self.config, error.mistakes, {"": error.mistakes})

    def _take(self, reading: Reading) -> News:
        before, told = self.config.pulled, self.config.endpoints
        whole = reading.spoilt.get("")
        if whole:
            self.errors = dict.fromkeys(before, _told(whole))
            return News(frozenset(), frozenset(), reading.mistakes)
        self.errors = {name: _told(mistakes) for name, mistakes in reading.spoilt.items()}
        sources = _merged(self.config.sources, reading.config.sources, self.errors)
        registers = _merged(self.config.registers, reading.config.registers, self.errors)
        endpoints = _merged(self.config.endpoints, reading.config.endpoints, self.errors)
        self.config = replace(reading.config, sources=sources, registers=registers, endpoints=endpoints)
        now, telling = self.config.pulled, self.config.endpoints
        changed = _changed(before, now) | _changed(told, telling)
        return News(changed, frozenset(before.keys() - now.keys()), reading.mistakes)


_Named = TypeVar("_Named", Source, Endpoint)


def _merged(before: Mapping[str, _Named], now: Mapping[str, _Named], kept: Mapping[str, str]) -> dict[str, _Named]:
    """Take what reads well now; what stands in the file with a mistake stays as it was, and what says the same too.

    A connector that goes on keeps its tokens and its pace.
    """
    same = {name for name, source in now.items() if name in before and before[name].fingerprint == source.fingerprint}
    stays: dict[str, _Named] = {name: source for name, source in before.items() if name in kept or name in same}
    return {name: stays.get(name) or now[name] for name in [*now, *(name for name in stays if name not in now)]}


def _changed(before: Mapping[str, object], now: Mapping[str, object]) -> frozenset[str]:
    return frozenset(name for name, one in now.items() if before.get(name) is not one)


def _told(mistakes: tuple[Mistake, ...]) -> str:
    return "\n".join(map(str, mistakes))


def _digest(path: Path) -> bytes:
    try:
        return hashlib.blake2b(path.read_bytes(), digest_size=16).digest()
    except OSError:
        return b""
