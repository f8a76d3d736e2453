r"""Compile paths into a ticket: plain ones to dictionary look-ups, anything more to JMESPath.

A plain path is keys with dots between them. A key may hold anything, Chinese, blanks, dashes and colons too, but the
marks that JMESPath gives a meaning: `. [ ] ( ) { } * | & ! < > = ? , ' " \` and the backtick; a key with one of those
is put in double quotes: `"是否保密(是/否)"`, `"a.b".c`. `a || b` is the first of several paths that comes to something.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from jmespath import exceptions, parser, visitor

from hub.errors import Unreadable
from hub.mapping.functions import PathFunctions
from hub.model import Ticket

_QUOTED = r'"(?:[^"\\]|\\.)+"'
_MARKS = r".\[\](){}*|&!<>=?,`'\"\\"
_KEY = rf"@?[^@{_MARKS}][^{_MARKS}]*"
_PLAIN = re.compile(rf"(?:{_QUOTED}|{_KEY})(?:\.(?:{_QUOTED}|{_KEY}))*")
_SEGMENT = re.compile(rf"{_QUOTED}|{_KEY}")
_TOKEN = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`|\|\||[^\W\d]\w*|.", re.DOTALL)
_QUOTED_WORD = re.compile(r'(?:[=!]=|[<>]=?)\s*"')
_LONGEST = 1000


@dataclass(frozen=True, slots=True)
class Path:
    """One way into a ticket. `key` is set where it is a single key, which a caller may look up itself."""

    text: str
    find: Callable[[Ticket], Any]
    key: str | None = None


def compile_path(text: str) -> tuple[Path, ...]:
    """Return the alternatives of a path in order; raise ValueError with the reason when it is none."""
    if len(text) > _LONGEST:
        raise ValueError(f"a path has at most {_LONGEST} characters")
    return tuple(_single(part.strip()) for part in _alternatives(text))


def _alternatives(text: str) -> Iterator[str]:
    """Split at each `||` that no bracket holds; a pipe binds looser than `||`, so a piped path stays whole."""
    pieces = _TOKEN.findall(text)
    parts, depth = [""], 0
    for place, piece in enumerate(pieces):
        depth += (piece in "([{") - (piece in ")]}")
        if piece == "||" and depth == 0:
            parts.append("")
        elif piece == "|" and depth == 0:
            if "||" in _outside(pieces[place + 1 :]):
                raise ValueError(f"no path: in {text!r} the `||` belongs to what stands behind `|`; use parentheses")
            return iter([text])
        else:
            parts[-1] += piece
    return iter(parts)


def _outside(pieces: list[str]) -> Iterator[str]:
    """Yield the pieces that no bracket holds."""
    depth = 0
    for piece in pieces:
        depth += (piece in "([{") - (piece in ")]}")
        if depth == 0:
            yield piece


def _single(text: str) -> Path:
    if not text:
        raise ValueError("a path is missing")
    if text.startswith(("$.", "$[", ".")):
        raise ValueError(f"no path: {text!r}; a path begins with a key: leave out what stands before it")
    if not _PLAIN.fullmatch(text):
        return Path(text, _expression(text))
    keys = [_key(segment) for segment in _SEGMENT.findall(text)]
    if not all(keys):
        raise ValueError(f"no path: {text!r} has an empty key")
    if len(keys) == 1:
        key = keys[0]
        return Path(text, lambda ticket: ticket.get(key), key)
    return Path(text, _look_up(keys))


def _key(segment: str) -> str:
    return str(json.loads(segment)) if segment.startswith('"') else segment.strip()


def _look_up(keys: list[str]) -> Callable[[Ticket], Any]:
    def find(ticket: Ticket) -> Any:
        value: Any = ticket
        for key in keys:
            value = value.get(key) if isinstance(value, dict) else _at(value, key)
        return value

    return find


def _at(value: Any, key: str) -> Any:
    """Take what stands at a place of a list, as `items.0.name` asks; of anything else nothing."""
    is_place = isinstance(value, list) and key.isdecimal() and len(key) < 7 and int(key) < len(value)
    return value[int(key)] if is_place else None


def _expression(text: str) -> Callable[[Ticket], Any]:
    try:
        tree = parser.Parser().parse(_with_quoted_names(text)).parsed
    except (exceptions.JMESPathError, ValueError, RecursionError) as error:
        raise ValueError(f"no path: {text!r} {_fault(error)}; {_cure(text)}") from error
    if _QUOTED_WORD.search(_bare(text)):
        raise ValueError(f"no path: {text!r} compares with a key; a text stands in single quotes: state=='new'")
    if unknown := sorted(_functions(tree) - PathFunctions.FUNCTION_TABLE.keys()):
        raise ValueError(f"no path: there is no function {unknown[0]!r}{_meant(unknown[0])}")
    _must_suit(tree)
    tree, interpreter = _listed(tree), _OneOrMany(visitor.Options(custom_functions=PathFunctions()))

    def find(ticket: Ticket) -> Any:
        try:
            return interpreter.visit(tree, ticket)
        except (exceptions.JMESPathError, ArithmeticError, LookupError, TypeError, ValueError, RecursionError) as error:
            raise Unreadable(ticket, f"does not suit the path {text}: {type(error).__name__}") from error

    return find


def _with_quoted_names(text: str) -> str:
    """Put names that are not ASCII in quotes: JMESPath wants it, nobody who writes 标题 expects it."""
    return "".join(
        piece if piece.isascii() or not piece.isidentifier() else f'"{piece}"' for piece in _TOKEN.findall(text)
    )


def _must_suit(node: Any) -> None:
    """Raise ValueError where a function is given too few arguments or too many: no ticket could be read by it."""
    if node["type"] == "function_expression":
        signature = PathFunctions.FUNCTION_TABLE[node["value"]]["signature"]
        wanted, given = len(signature), len(node["children"])
        is_open = bool(signature and signature[-1].get("variadic"))
        if given < wanted or (given > wanted and not is_open):
            takes = f"{'at least ' if is_open else ''}{wanted} argument{'s' if wanted != 1 else ''}"
            raise ValueError(f"no path: {node['value']}() takes {takes}, not {given}")
    for child in node.get("children", []):
        if isinstance(child, dict):
            _must_suit(child)


def _bare(text: str) -> str:
    """Blank out what stands in single quotes or backticks."""
    return re.sub(r"'(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`", "''", text)


def _cure(text: str) -> str:
    """Say what mends a path that makes no sense, as far as its looks tell."""
    bare = _bare(text)
    if re.search(r"[^=!<>]=[^=]", bare):
        return "equals is =="
    if re.search(r"\{\s*[^:{}]*\}", bare):
        return "paths are no templates: {from: [a, b], join: ' '} puts values together"
    if re.search(r"[(,]\s*-?\d", bare):
        return "a number stands in backticks: `6`"
    return "put keys with special marks in double quotes"


def _meant(name: str) -> str:
    near = get_close_matches(name, PathFunctions.FUNCTION_TABLE, 1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _fault(error: Exception) -> str:
    if isinstance(error, exceptions.IncompleteExpressionError):
        return "ends too early"
    if isinstance(error, exceptions.ParseError):
        return f"makes no sense from {error.token_value!r} on"
    return "holds what JMESPath does not know"


def _functions(node: Any) -> set[str]:
    """Return the names of the functions that the expression calls."""
    children = [child for child in node.get("children", []) if isinstance(child, dict)]
    named = {node["value"]} if node["type"] == "function_expression" else set()
    return named.union(*map(_functions, children))


def _listed(node: Any) -> Any:
    """Wrap whatever a projection walks, so that one object counts as a list of one: XML cannot tell them apart."""
    children = [_listed(child) if isinstance(child, dict) else child for child in node.get("children", [])]
    if node["type"] in ("flatten", "projection", "filter_projection"):
        children[0] = {"type": "listed", "children": [children[0]]}
    return {**node, "children": children}


class _OneOrMany(visitor.TreeInterpreter):
    def visit_listed(self, node: Any, value: Any) -> Any:
        base = self.visit(node["children"][0], value)
        return base if base is None or isinstance(base, list) else [base]

    def visit_index(self, node: Any, value: Any) -> Any:
        if isinstance(value, dict) and node["value"] in (0, -1):
            return value
        return super().visit_index(node, value)
