"""Parse the bytes of a YAML file into nodes that know their lines, within bounds, or say in plain words why not.

Built on events rather than on `yaml.compose`, whose recursion a hostile file could drive through the stack.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

MAX_BYTES = 1024**2
MAX_DEPTH = 64
MAX_ALIASED = 10_000

UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufffe\uffff]")
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class BrokenFile(Exception):
    """The text is not YAML that the hub reads; nothing beneath can be judged."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line
        self.message = message


@dataclass(slots=True)
class Node:
    """A value as written: text, list or keys. `size` and `height` are those of it and all beneath, aliases expanded.

    A text is plain, quoted, or a block: one that begins below a `|`, its lines as they stand in the file.
    """

    line: int
    content: "str | list[Node] | list[tuple[Node, Node]]"
    kind: str
    tag: str | None = None
    size: int = 1
    height: int = 0


def compose(raw: bytes) -> Node:
    """Return the root of the one document in `raw`; raises BrokenFile."""
    if len(raw) > MAX_BYTES:
        raise BrokenFile(1, "the file is larger than 1 MiB; a connectors.yaml of a thousand sources is smaller")
    text = _decoded(raw)
    try:
        return _composed(text)
    except yaml.MarkedYAMLError as error:
        raise _plain_words(error, text) from error


def _decoded(raw: bytes) -> str:
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise BrokenFile(line, "the bytes here are not UTF-8; save the file as UTF-8") from error
    if found := UNPRINTABLE.search(text):
        line = text.count("\n", 0, found.start()) + 1
        raise BrokenFile(line, f"there is an invisible control character (U+{ord(found[0]):04X}) here; remove it")
    return text


def _composed(text: str) -> Node:
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
        self._anchors: dict[str, Node] = {}
        self._aliased = 0

    def node(self, event: Any, depth: int) -> Node:
        line = _line(event)
        if isinstance(event, yaml.AliasEvent):
            made = self._alias(str(event.anchor), line)
            _check_depth(depth + made.height, line)
            return made
        _check_depth(depth, line)
        made = self._made(event, line, depth)
        if event.anchor:
            self._anchors[event.anchor] = made
        return made

    def _made(self, event: Any, line: int, depth: int) -> Node:
        if isinstance(event, yaml.ScalarEvent):
            return Node(line, event.value, _kind(event), event.tag)
        if isinstance(event, yaml.SequenceStartEvent):
            children = list(self._until(yaml.SequenceEndEvent, depth))
            return Node(line, children, "list", event.tag, *_measured(children))
        flat = list(self._until(yaml.MappingEndEvent, depth))
        pairs = list(zip(flat[::2], flat[1::2], strict=True))
        return Node(line, pairs, "keys", event.tag, *_measured(flat))

    def _until(self, end: type, depth: int) -> Iterator[Node]:
        while not isinstance(event := next(self._events), end):
            yield self.node(event, depth + 1)

    def _alias(self, anchor: str, line: int) -> Node:
        if anchor not in self._anchors:
            raise BrokenFile(line, f"'*{anchor}' repeats nothing: no '&{anchor}' is complete above it")
        target = self._anchors[anchor]
        self._aliased += target.size
        if self._aliased > MAX_ALIASED:
            raise BrokenFile(line, f"'*{anchor}' repeats too much: aliases may add {MAX_ALIASED} values in all")
        return target


def _kind(event: Any) -> str:
    if event.style == "|":
        return "block"
    return "plain" if event.implicit[0] else "quoted"


def _measured(children: list[Node]) -> tuple[int, int]:
    return 1 + sum(child.size for child in children), 1 + max((child.height for child in children), default=0)


def _check_depth(depth: int, line: int) -> None:
    if depth > MAX_DEPTH:
        raise BrokenFile(line, f"values are nested more than {MAX_DEPTH} deep")


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
    ("alphabetic or numeric character", "a value cannot begin with '*' or '&'; put it in quotes"),
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
    if cause := _typed_in_chinese(text, min(opened, line), line) or _unclosed(text, line):
        return cause
    if "could not find expected ':'" in problem:
        return BrokenFile(opened, "this line is not 'key: value'; is a ':' missing?")
    for fragment, sentence in _SENTENCES:
        if fragment in problem:
            return BrokenFile(line, sentence.format(char=repr(char), opened=opened))
    return BrokenFile(line, f"this is not YAML: {problem}")


_IN_CHINESE = (
    ("：", re.compile(r"(^|[{,，])\s*(- )?[^\s{},，：]+："), "write ': ' with a blank after it"),
    ("，", re.compile(r"[{\[].*，"), "write ','"),
    ("｛", re.compile("｛"), "write '{'"),
    ("\u3000", re.compile("\u3000"), "use ordinary blanks"),
    ("\u00a0", re.compile("\u00a0"), "use ordinary blanks"),
)
"""What a Chinese keyboard, or a word processor, puts where YAML has a sign of its own."""

_QUOTED_OR_COMMENT = re.compile(r"""'(?:[^']|'')*'|"(?:[^"\\]|\\.)*"|(?:^|\s)#.*""")


def _typed_in_chinese(text: str, first: int, last: int) -> BrokenFile | None:
    """The likely cause of a YAML error, on its lines or on the one above, which YAML only finds wrong a line later."""
    rows = text.split("\n")
    for number in range(min(last, len(rows)), max(first - 2, 0), -1):
        row = _QUOTED_OR_COMMENT.sub("", rows[number - 1])
        for char, pattern, cure in _IN_CHINESE:
            if pattern.search(row):
                return BrokenFile(number, f"there is a {_named(char)} here, which means nothing to YAML; {cure}")
    return None


def _unclosed(text: str, last: int) -> BrokenFile | None:
    """A quote that is not closed swallows the lines up to the next one, and YAML complains only there."""
    rows = text.split("\n")[: last - 1]
    open_in = [number for number, row in enumerate(rows, 1) if '"' in _QUOTED_OR_COMMENT.sub("", row)]
    # Text over several lines opens in one and closes in another.
    return BrokenFile(open_in[0], "the quote opened here is not closed") if len(open_in) == 1 else None


def _named(char: str) -> str:
    return f"wide blank (U+{ord(char):04X})" if char.isspace() else f"full-width '{char}'"


def _char_at(text: str, mark: Any) -> str:
    rows = text.split("\n")
    row = rows[mark.line] if mark and mark.line < len(rows) else ""
    return row[mark.column : mark.column + 1]
