"""Look at SQL before it is sent: one statement, a SELECT, and the parameters that it names. Pure."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import NamedTuple

_SKIPPED = {
    "comment": r"--[^\n]*|/\*.*?(?:\*/|\Z)",
    "dollars": r"\$(?P<tag>\w*)\$.*?(?:\$(?P=tag)\$|\Z)",
    "text": r"'(?:[^']|'')*(?:'|\Z)",
    "name": r'"[^"]*(?:"|\Z)|`[^`]*(?:`|\Z)',
}
_BACKSLASHED = {**_SKIPPED, "text": r"'(?:[^'\\]|\\.|'')*(?:'|\Z)", "dollars": r"(?P<tag>(?!))"}
_TOKENS = {
    is_mysql: re.compile("|".join(f"(?P<{name}>{pattern})" for name, pattern in kinds.items()), re.DOTALL)
    for is_mysql, kinds in ((False, _SKIPPED), (True, _BACKSLASHED))
}
_WORD = re.compile(r"[^\W\d]\w*")
# As SQLAlchemy finds them: not in a cast (::), not in a time of day (08:00), not behind a backslash.
_PARAMETER = re.compile(r"(?<![:\w\\]):(\w+)(?!:)")
_WRITES = {
    **dict.fromkeys(("insert", "update", "delete", "merge"), "changes rows, or locks them"),
    **dict.fromkeys(("into", "outfile", "dumpfile"), "writes what it reads"),
    **dict.fromkeys(("call", "exec", "execute"), "runs more than a query"),
    **dict.fromkeys(("create", "alter", "drop", "truncate", "grant", "revoke"), "changes the database"),
    "lock": "locks rows",
}


class Flaw(NamedTuple):
    """What is wrong with a statement, and on which of its lines."""

    line: int
    message: str


@dataclass(frozen=True, slots=True)
class Sql:
    """A piece of SQL, without a semicolon at its end.

    `text` is for SQLAlchemy: a colon within a text or comment is escaped, as it names no parameter. `bare` has blanks
    in the place of what stands in quotes and comments, of which `flaws` are those that cannot be let through.
    """

    text: str
    bare: str
    flaws: tuple[Flaw, ...] = ()

    def parameters(self) -> Iterator[tuple[str, int]]:
        """Yield the parameters that it names, and the lines on which they stand."""
        for found in _PARAMETER.finditer(self.bare):
            yield found[1], _line(self.bare, found.start())


def sql(text: str, dialect: str) -> Sql:
    """Read a piece of SQL; a backslash in a text means something in MySQL only."""
    tokens = _TOKENS[dialect in {"mysql", "mariadb"}]
    bare = tokens.sub(_blank, text).rstrip().removesuffix(";")
    kept = tokens.sub(lambda found: _PARAMETER.sub(r"\\:\1", found[0]), text[: len(bare)])
    flaws = ((_line(text, found.start()), _flaw_of_token(found)) for found in tokens.finditer(text))
    return Sql(kept, bare, tuple(Flaw(line, message) for line, message in flaws if message))


def _flaw_of_token(token: re.Match[str]) -> str:
    if token["comment"] is not None:
        return "a comment that MySQL executes is not asked" if re.match(r"/\*M?!", token[0]) else ""
    is_closed = len(token[0]) > 1 and token[0][0] == token[0][-1]
    return "" if is_closed else "the quote that opens here is not closed"


def _blank(token: re.Match[str]) -> str:
    """Blank out a comment, and all but the quotes of what stands in them."""
    blanks = re.sub(r"[^\n]", " ", token[0])
    return blanks if token["comment"] is not None else f"{token[0][0]}{blanks[1:-1]}{token[0][-1]}"[: len(blanks)]


def flaws_of_query(piece: Sql) -> list[Flaw]:
    """Say why a statement is not one SELECT, or WITH and a SELECT."""
    first = _WORD.search(piece.bare)
    word = first[0].lower() if first else ""
    if not first or word not in {"select", "with"} or piece.bare[: first.start()].strip(" \n\t\r("):
        shown = f"not {first[0].upper()}" if first else "and this holds none"
        return [Flaw(_line(piece.bare, first.start() if first else 0), f"only one SELECT is asked, {shown}")]
    return _flaws(piece)


def flaws_of_condition(piece: Sql) -> list[Flaw]:
    """Say why a text cannot stand behind WHERE, beside the conditions of the hub."""
    depth = 0
    for place, char in enumerate(piece.bare):
        depth += {"(": 1, ")": -1}.get(char, 0)
        if depth < 0:
            return [Flaw(_line(piece.bare, place), "a ')' closes nothing")]
    if depth:
        return [Flaw(1, "a '(' is not closed")]
    if not piece.bare.strip():
        return [Flaw(1, "is empty")]
    return _flaws(piece)


def undeclared(piece: Sql, known: Sequence[str]) -> list[Flaw]:
    """Name the parameters that nothing fills."""
    return [
        Flaw(line, f"nothing fills :{name}{meant(name, known)}; a colon is written \\:")
        for name, line in piece.parameters()
        if name not in known
    ]


def meant(name: str, known: Sequence[str]) -> str:
    """Guess what a misspelt name was to be, or list those that there are."""
    if near := get_close_matches(name, known, 1):
        return f"; did you mean '{near[0]}'?"
    return f" (known: {', '.join(known)})" if known else ""


def _flaws(piece: Sql) -> list[Flaw]:
    found = list(piece.flaws)
    if (place := piece.bare.find(";")) >= 0:
        found.append(Flaw(_line(piece.bare, place), "a second statement follows the ';'; only one SELECT is asked"))
    for word in _WORD.finditer(piece.bare):
        if why := _WRITES.get(word[0].lower()):
            message = f"{word[0].upper()} {why}: sources are only read; a column of that name is put in quotes"
            found.append(Flaw(_line(piece.bare, word.start()), message))
            break
    return found


def _line(text: str, place: int) -> int:
    return text.count("\n", 0, place) + 1
