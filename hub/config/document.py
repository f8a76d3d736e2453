"""Read YAML text as plain values, and remember the line of every path.

The scalars are few on purpose: `true`, `false`, `null`, whole numbers and decimals. `NO`, `0123`, `12:30`, `1_000`,
`2026-01-01` and `是` are text, and every key is text.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

from hub.config.nodes import UNPRINTABLE, BrokenFile, Node, compose

__all__ = ["BrokenFile", "Document", "KeyPath", "Problem", "read"]

KeyPath: TypeAlias = tuple[str | int, ...]
"""Where a value stands: the keys and list positions from the top of the file."""

_WHOLE = re.compile(r"-?(0|[1-9][0-9]{0,17})")
_DECIMAL = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_CHINESE_QUOTES = re.compile("“.*”|‘.*’|「.*」", re.DOTALL)
_WORDS: Mapping[str, Any] = {"true": True, "false": False, "null": None, "~": None, "": None}


class Problem(NamedTuple):
    """One thing wrong, and where; it becomes a Mistake once its line is looked up."""

    path: KeyPath
    message: str


@dataclass(frozen=True, slots=True)
class Document:
    """The values of a file, the line of each path, and what is wrong already.

    The third line of a block of text has the path of the text, and then -3: nothing else ends in a negative number.
    `spoiled` holds the paths of values that could not be read: nothing more is to be said about them.
    """

    value: Any
    lines: Mapping[KeyPath, int]
    problems: tuple[Problem, ...] = ()
    spoiled: frozenset[KeyPath] = frozenset()

    def line(self, path: KeyPath) -> int:
        """The line of a path, or of the nearest parent that the file does hold."""
        while path not in self.lines:
            path = path[:-1]
        return self.lines[path]


def read(raw: bytes) -> Document:
    """Read one file of at most 1 MiB of UTF-8; raises BrokenFile."""
    return _Builder().document(compose(raw))


@dataclass(slots=True)
class _Builder:
    """Turn nodes into values, noting the line of each path and what cannot be read."""

    lines: dict[KeyPath, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    spoiled: set[KeyPath] = field(default_factory=set)

    def document(self, root: Node) -> Document:
        value = self._value(root, ())
        self.lines[()] = 1
        return Document(value, self.lines, tuple(self.problems), frozenset(self.spoiled))

    def _value(self, node: Node, path: KeyPath) -> Any:
        self.lines.setdefault(path, node.line)
        if node.tag is not None:
            return self._spoil(path, f"tags such as '{_tag(node.tag)}' are not used here; to keep text, quote it")
        if isinstance(node.content, str):
            if node.kind == "block":
                self.lines.update({(*path, -n): node.line + n for n in range(1, node.content.count("\n") + 2)})
            return self._scalar(node.content, node.kind, path)
        if node.kind == "list":
            return [self._value(child, (*path, index)) for index, child in enumerate(node.content)]  # type: ignore[arg-type]  # `kind` says which of the two lists
        return self._keys(node.content, path)  # type: ignore[arg-type]  # as above

    def _scalar(self, text: str, kind: str, path: KeyPath) -> Any:
        if kind == "plain":
            if _CHINESE_QUOTES.fullmatch(text):
                return self._spoil(path, f"{_short(text)} would keep its quotes; write \"…\", or '“…”' to keep them")
            return _resolved(text)
        if UNPRINTABLE.search(text) or any("\ud800" <= char <= "\udfff" for char in text):
            return self._spoil(path, "there is an escaped control character; use single quotes to keep a backslash")
        return text

    def _keys(self, pairs: list[tuple[Node, Node]], path: KeyPath) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in pairs:
            if (name := self._key(key, path)) is None:
                continue
            if "：" in name and key.kind == "plain" and value.content == "" and value.kind == "plain":
                self._complain(
                    path, key.line, f"'{_short(name)}' has a full-width '：'; write ': ' with a blank after it"
                )
                continue
            here = (*path, name)
            if name in found:
                self._repeated(name, key.line, here)
                continue
            self.lines[here] = key.line
            found[name] = self._value(value, here)
        return found

    def _key(self, key: Node, path: KeyPath) -> str | None:
        if not isinstance(key.content, str) or key.tag is not None:
            self._complain(path, key.line, "a key must be plain text")
        elif key.kind == "plain" and key.content == "<<":
            self._complain(path, key.line, "merge keys ('<<') are not used here; put what sources share under defaults")
        else:
            return key.content
        return None

    def _repeated(self, name: str, line: int, path: KeyPath) -> None:
        self._complain(path, line, f"'{_short(name)}' is given twice; it stands on line {self.lines[path]} already")

    def _complain(self, path: KeyPath, line: int, message: str) -> None:
        # A line of its own, which no path has: kept under a path that no key can spell.
        mark = (*path, -len(self.problems) - 1)
        self.lines[mark] = line
        self.problems.append(Problem(mark, message))

    def _spoil(self, path: KeyPath, message: str) -> None:
        self.problems.append(Problem(path, message))
        self.spoiled.add(path)


def _resolved(text: str) -> Any:
    if text in _WORDS:
        return _WORDS[text]
    if _WHOLE.fullmatch(text):
        return int(text)
    if len(text) <= 40 and _DECIMAL.fullmatch(text) and not _WHOLE_LONG.fullmatch(text):
        number = float(text)
        return number if math.isfinite(number) else text
    return text


_WHOLE_LONG = re.compile(r"-?[0-9]+")
"""A whole number too long for a count is an identifier: it stays text, digit by digit."""


def _tag(tag: str) -> str:
    return _short(tag.replace("tag:yaml.org,2002:", "!!"))


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "…"
