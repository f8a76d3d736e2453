"""Hold what the whole file gives to each of its sources and endpoints."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from hub.config.document import Document, KeyPath
from hub.config.models import SECTIONS
from hub.config.secrets import Borrowed


@dataclass(frozen=True)
class File:
    """What the whole file gives to each of its sources and endpoints."""

    document: Document
    borrowed: Mapping[KeyPath, Borrowed]
    maps: Mapping[str, Mapping[str, Any]]
    folder: Path
    production: bool
    port: int = 0
    """The port that the hub listens on, where it is known: no endpoint is there."""

    @cached_property
    def sources(self) -> frozenset[str]:
        """The names of the sources in it, good or bad."""
        top = self.document.value
        named = top.get("sources") if isinstance(top, dict) else None
        return frozenset(named if isinstance(named, dict) else ())

    @cached_property
    def borrowed_by_defaults(self) -> Mapping[KeyPath, Borrowed]:
        return {path[1:]: one for path, one in self.borrowed.items() if path[:1] == ("defaults",)}

    @cached_property
    def borrowed_by_maps(self) -> Mapping[KeyPath, Borrowed]:
        """Each text that shared maps borrow, once, however often it stands there."""
        return {(one.written,): one for path, one in self.borrowed.items() if path[:1] == ("maps",)}

    @cached_property
    def borrowed_by_name(self) -> Mapping[KeyPath, Mapping[KeyPath, Borrowed]]:
        """By section and name: what that source or register borrows itself."""
        found: dict[KeyPath, dict[KeyPath, Borrowed]] = {}
        for path, one in self.borrowed.items():
            if path[0] in SECTIONS and len(path) > 2:
                found.setdefault(path[:2], {})[path[2:]] = one
        return found
