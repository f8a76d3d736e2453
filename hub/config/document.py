"""Read YAML text as plain values, and remember the line of every path.

The scalars are few on purpose: `true`, `false`, `null`, whole numbers and decimals. `NO`, `0123`, `12:30`, `1_000`,
`2026-01-01` and `是` are text, and every key is text. Built on events rather than on `yaml.compose`, whose recursion a
hostile file could drive through the stack.
"""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

import yaml

KeyPath: TypeAlias = tuple[str | int, ...]
"""Where a value stands: the keys and list positions from the top of the file."""

MAX_BYTES = 1024**2
MAX_DEPTH = 64
MAX_ALIASED = 10_000

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_WHOLE = re.compile(r"-?(0|[1-9][0-9]{0,17})")
_DECIMAL = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_WORDS: Mapping[str, Any] = {"true": True, "false": False, "null": None, "~": None, "": None}
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufffe\uffff]")


class Problem(NamedTuple):
    """One thing wrong, and where; it becomes a Mistake once its line is looked up."""

    path: KeyPath
    message: str


class BrokenFile(Exception):
    """The text is not YAML that the hub reads; nothing beneath can be judged."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line
        self.message = message


@dataclass(frozen=True, slots=True)
class Document:
    """The values of a file, the line of each path, and what is wrong already.

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
    if len(raw) > MAX_BYTES:
        raise BrokenFile(1, "the file is larger than 1 MiB; a connectors.yaml of a thousand sources is smaller")
    text = _decoded(raw)
    try:
        root = _composed(text)
    except yaml.MarkedYAMLError as error:
        raise _plain_words(error, text) from error
    return _Builder().document(root)


def _decoded(raw: bytes) -> str:
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise BrokenFile(line, "the bytes here are not UTF-8; save the file as UTF-8") from error
    if found := _UNPRINTABLE.search(text):
        line = text.count("\n", 0, found.start()) + 1
        raise BrokenFile(line, f"there is an invisible control character (U+{ord(found[0]):04X}) here; remove it")
    return text


@dataclass(slots=True)
class _Node:
    """A value as written: text, list or keys. `size` counts it and all beneath, aliases expanded."""

    line: int
    content: "str | list[_Node] | list[tuple[_Node, _Node]]"
    kind: str
    tag: str | None = None
    size: int = 1


def _composed(text: str) -> _Node:
    events = yaml.parse(text, Loader=_LOADER)
    next(events)  # the start of the stream
    if isinstance(next(events), yaml.StreamEndEvent):
        raise BrokenFile(1, "the file is empty; it begins with `version: 1`, then `sources:`")
    root = _Composer(events).node(next(events), depth=0)
    next(events)  # the end of the document
    after = next(events)
    if not isinstance(after, yaml.StreamEndEvent):
        raise BrokenFile(_line(after), "a second document begins here; remove the line `---`")
    return root


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1


class _Composer:
    """Turn events into nodes; an alias is the anchored node itself, so a bomb stays small until it is measured."""

    def __init__(self, events: Iterator[Any]) -> None:
        self._events = events
        self._anchors: dict[str, _Node] = {}
        self._aliased = 0

    def node(self, event: Any, depth: int) -> _Node:
        line = _line(event)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(str(event.anchor), line)
        if depth > MAX_DEPTH:
            raise BrokenFile(line, f"values are nested more than {MAX_DEPTH} deep")
        made = self._made(event, line, depth)
        if event.anchor:
            self._anchors[event.anchor] = made
        return made

    def _made(self, event: Any, line: int, depth: int) -> _Node:
        if isinstance(event, yaml.ScalarEvent):
            kind = "plain" if event.implicit[0] else "quoted"
            return _Node(line, event.value, kind, event.tag)
        if isinstance(event, yaml.SequenceStartEvent):
            children = list(self._until(yaml.SequenceEndEvent, depth))
            return _Node(line, children, "list", event.tag, 1 + sum(child.size for child in children))
        flat = list(self._until(yaml.MappingEndEvent, depth))
        pairs = list(zip(flat[::2], flat[1::2], strict=True))
        return _Node(line, pairs, "keys", event.tag, 1 + sum(child.size for child in flat))

    def _until(self, end: type, depth: int) -> Iterator[_Node]:
        while not isinstance(event := next(self._events), end):
            yield self.node(event, depth + 1)

    def _alias(self, anchor: str, line: int) -> _Node:
        if anchor not in self._anchors:
            raise BrokenFile(line, f"'*{anchor}' repeats nothing: no '&{anchor}' is complete above it")
        target = self._anchors[anchor]
        self._aliased += target.size
        if self._aliased > MAX_ALIASED:
            raise BrokenFile(line, f"'*{anchor}' repeats too much: aliases may add {MAX_ALIASED} values in all")
        return target


@dataclass(slots=True)
class _Builder:
    """Turn nodes into values, noting the line of each path and what cannot be read."""

    lines: dict[KeyPath, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    spoiled: set[KeyPath] = field(default_factory=set)

    def document(self, root: _Node) -> Document:
        value = self._value(root, ())
        self.lines[()] = 1
        return Document(value, self.lines, tuple(self.problems), frozenset(self.spoiled))

    def _value(self, node: _Node, path: KeyPath) -> Any:
        self.lines.setdefault(path, node.line)
        if node.tag is not None:
            return self._spoil(path, f"tags such as '{_short(node.tag)}' are not used here; to keep text, quote it")
        if isinstance(node.content, str):
            return self._scalar(node.content, node.kind, path)
        if node.kind == "list":
            return [self._value(child, (*path, index)) for index, child in enumerate(node.content)]  # type: ignore[arg-type]  # `kind` says which of the two lists
        return self._keys(node.content, path)  # type: ignore[arg-type]  # as above

    def _scalar(self, text: str, kind: str, path: KeyPath) -> Any:
        if kind == "plain":
            return _resolved(text)
        if _UNPRINTABLE.search(text) or any("\ud800" <= char <= "\udfff" for char in text):
            return self._spoil(path, "there is an escaped control character; use single quotes to keep a backslash")
        return text

    def _keys(self, pairs: list[tuple[_Node, _Node]], path: KeyPath) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in pairs:
            if (name := self._key(key, path)) is None:
                continue
            here = (*path, name)
            if name in found:
                self._repeated(name, key.line, here)
                continue
            self.lines[here] = key.line
            found[name] = self._value(value, here)
        return found

    def _key(self, key: _Node, path: KeyPath) -> str | None:
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


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "…"


_SENTENCES = (
    ("cannot start any token", "a value cannot begin with {char}; put it in quotes"),
    (
        "mapping values are not allowed",
        "a second ': ' stands here, or the line is indented too far; quote text that holds ': '",
    ),
    ("sequence entries are not allowed", "a list item '- ' cannot begin here; put it on its own line"),
    ("',' or ']'", "the list opened with '[' on line {opened} is not closed"),
    ("',' or '}'", "the keys opened with '{{' on line {opened} are not closed"),
    ("unexpected end of stream", "the quote opened on line {opened} is not closed"),
    ("document indicator", "the quote opened on line {opened} is not closed"),
    ("escape", "a backslash in double quotes begins an escape; use single quotes to keep it"),
    ("directive", "a line that begins with '%' is not used here; remove it or quote it"),
    ("incompatible YAML", "a line that begins with '%' is not used here; remove it or quote it"),
    ("tag handle", "tags (words that begin with '!') are not used here; to keep text, quote it"),
    ("expected comment or line break", "the text after '|' or '>' begins on the next line"),
    ("indentation indicators", "the text after '|' or '>' begins on the next line"),
    ("node content", "a ']', '}}' or ',' stands here where a value should"),
    ("'-' indicator", "the line does not fit the list above it; align it with the '- '"),
    ("expected key", "the line does not fit the indentation above it"),
    ("<block end>", "the line does not fit the indentation above it"),
    ("<document start>", "the line does not fit what stands above it"),
)


def _plain_words(error: yaml.MarkedYAMLError, text: str) -> BrokenFile:
    """Say a YAML error in words that an administrator can act on."""
    mark = error.problem_mark or error.context_mark
    line = mark.line + 1 if mark else 1
    opened = error.context_mark.line + 1 if error.context_mark else line
    char = _char_at(text, mark)
    problem = str(error.problem)
    if "cannot start any token" in problem and char == "\t":
        return BrokenFile(line, "a tab cannot indent YAML; use spaces")
    if "could not find expected ':'" in problem:
        return BrokenFile(opened, "this line is not 'key: value'; is a ':' missing?")
    for fragment, sentence in _SENTENCES:
        if fragment in problem:
            return BrokenFile(line, sentence.format(char=repr(char), opened=opened))
    return BrokenFile(line, f"this is not YAML: {problem}")


def _char_at(text: str, mark: Any) -> str:
    rows = text.split("\n")
    row = rows[mark.line] if mark and mark.line < len(rows) else ""
    return row[mark.column : mark.column + 1]
