"""Say of every value of a source's configuration what it is, and on which line it stands."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import BaseModel, SecretStr

from hub.config.document import KeyPath
from hub.config.draft import Draft
from hub.config.messages import validated
from hub.config.secrets import held_secrets
from hub.config.sources import Entry
from hub.mapping.rules import Rule
from hub.units import Between, PerTime, spelt

HIDDEN = "***"


@dataclass(frozen=True, slots=True)
class Said:
    """One value: `path` below the source, `line` in the file, or none for what the hub brings itself.

    `where` is `own`, `defaults` or `built in`.
    """

    path: str
    value: str
    where: str
    line: int | None = None


def explain(draft: Draft, written: Mapping[KeyPath, Any], name: str) -> list[Said]:
    """List the values of a source or register: those of the file with their lines, then those built in.

    `written` holds the texts of the file as they stand there, so that what is borrowed is shown by its name. A secret
    in clear is never shown. Raises KeyError where the file has no such source.
    """
    entry = draft.entry(name)
    keys, _ = validated(entry.model, entry.raw, {})
    hidden = frozenset(path for path, _ in held_secrets(keys)) if keys else frozenset()
    teller = _Teller(entry, written, hidden)
    told = [teller.told(path, value) for path, value in _leaves(entry.raw)]
    own = {said.path for said in told}
    return [*told, *(said for said in _built_in(entry, keys) if said.path not in own)]


@dataclass(frozen=True, slots=True)
class _Teller:
    """Says of one value of the file where it stands."""

    entry: Entry
    written: Mapping[KeyPath, Any]
    hidden: frozenset[KeyPath]

    def told(self, path: KeyPath, value: Any) -> Said:
        origin, lines = self.entry.origin(path), self.entry.file.document.lines
        as_written = self.written.get(origin, value)
        shown = HIDDEN if path in self.hidden and not _is_borrowed(as_written) else _text(as_written)
        if path[:1] == ("map",) and path[-1] == "map" and ("maps", value) in lines:
            shown = f"{shown} (line {lines['maps', value]})"
        where = "defaults" if origin[0] == "defaults" else "own"
        return Said(_dotted(path), shown, where, self.entry.file.document.line(origin))


def _is_borrowed(text: Any) -> bool:
    """Whether a text names what it borrows, and holds nothing of it."""
    return isinstance(text, str) and "${" in text and ":-" not in text


def _built_in(entry: Entry, keys: BaseModel | None) -> Iterator[Said]:
    """What nobody wrote: defaults of options, and the rules that a protocol brings."""
    for field, rule in entry.default_map.items():
        if field not in (entry.raw.get("map") or {}):
            yield from (Said(_dotted(("map", field, *path)), _text(value), "built in") for path, value in _leaves(rule))
    if keys is not None:
        yield from (Said(_dotted(path), _text(value), "built in") for path, value in _unset(keys))


def _unset(model: BaseModel, path: KeyPath = ()) -> Iterator[tuple[KeyPath, Any]]:
    for name, field in type(model).model_fields.items():
        value, here = getattr(model, name), (*path, field.alias or name)
        if isinstance(value, Rule) or here == ("map",):
            continue
        if isinstance(value, BaseModel):
            yield from _unset(value, here)
        elif name not in model.model_fields_set and value not in (None, "", {}, [], ()):
            yield here, value


def _leaves(value: Any, path: KeyPath = ()) -> Iterator[tuple[KeyPath, Any]]:
    if isinstance(value, dict) and value:
        for key, child in value.items():
            yield from _leaves(child, (*path, key))
    else:
        yield path, value


def _text(value: Any) -> str:
    if isinstance(value, SecretStr):
        return HIDDEN
    if isinstance(value, timedelta | PerTime | Between):
        return spelt(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_text, value))}]"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, ZoneInfo | Path):
        return str(value)
    return "" if value is None else str(value)


def _dotted(path: KeyPath) -> str:
    return ".".join(map(str, path))
