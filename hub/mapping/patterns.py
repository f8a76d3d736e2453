"""Compile regular expressions from configuration, refusing those that a hostile text could make run for ever."""

import re
from dataclasses import dataclass
from re import _constants, _parser  # type: ignore[attr-defined]  # the standard parser has no public name since 3.11
from typing import Any

LONGEST_TEXT = (10_000, 5_000, 450, 140)
"""How many characters of a text a pattern with no, one, two, three open-ended repeats looks at.

Searching n characters with k of them takes up to n^(k+1) / (k+1)! steps; these lengths keep it at about 20 million.
"""

_OPEN_FROM = 10
_REPEATS = (_constants.MAX_REPEAT, _constants.MIN_REPEAT)


@dataclass(frozen=True, slots=True)
class Pattern:
    """A regular expression, and how much of a text it looks at."""

    regex: re.Pattern[str]
    longest: int

    def pick(self, text: str) -> str | None:
        """Return the first group of the first match, or the whole match where there is no group."""
        found = self.regex.search(text[: self.longest])
        return found[1 if self.regex.groups else 0] if found else None


def compile_pattern(pattern: str) -> Pattern:
    """Compile a pattern whose work stays polynomial; raise ValueError with the reason otherwise.

    Refused are an open-ended repeat inside another (`(a+)+`), alternatives inside one (`(a|aa)+`), and more than
    three open-ended repeats in all. Open-ended means that it may match more than ten times.
    """
    try:
        compiled = re.compile(pattern)
        tree = _parser.parse(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"no regular expression: {error}") from error
    open_repeats = _open_repeats(tree, within=False)
    if open_repeats >= len(LONGEST_TEXT):
        raise ValueError(
            "more than three open-ended repeats: such a pattern can take for ever; bound some, as in {1,8}"
        )
    return Pattern(compiled, LONGEST_TEXT[open_repeats])


def _open_repeats(tree: Any, *, within: bool) -> int:
    return sum(_open_repeats_in(node, argument, within=within) for node, argument in tree)


def _open_repeats_in(node: Any, argument: Any, *, within: bool) -> int:
    if node in _REPEATS:
        least, most, body = argument
        is_open = int(most) > _OPEN_FROM and most != least
        if is_open and within:
            raise ValueError(
                "an open-ended repeat inside another, as in (a+)+, can take for ever; write it without nesting"
            )
        return is_open + _open_repeats(body, within=within or int(most) > _OPEN_FROM)
    if node is _constants.BRANCH:
        if within:
            raise ValueError(
                "alternatives inside an open-ended repeat, as in (a|aa)+, can take for ever; repeat one class"
            )
        return sum(_open_repeats(branch, within=within) for branch in argument[1])
    if node is _constants.GROUPREF and within:
        raise ValueError("a back-reference inside an open-ended repeat can take for ever")
    return sum(_open_repeats(part, within=within) for part in _bodies(argument))


def _bodies(argument: Any) -> list[Any]:
    parts = argument if isinstance(argument, tuple) else (argument,)
    return [part for part in parts if isinstance(part, _parser.SubPattern)]
