"""Text search in Chinese and Latin script: what an appeal is found by, and what a search asks for.

Runs of Han characters are indexed as overlapping pairs, so any two neighbouring characters find the appeal; Latin words
and numbers are indexed whole. The embedded PostgreSQL carries no extension, so the pairs are lexemes of a tsvector.
"""

import re
import sys
import unicodedata
from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

_HAN = "㐀-䶿一-鿿\U00020000-\U0003ffff"
_HAN_RUN = re.compile(f"[{_HAN}]+")
_HAN_RUN_APART = re.compile(f"({_HAN_RUN.pattern})")
_WORD = re.compile(f"[^\\W_{_HAN}]+")
_HAN_OR_WORD = re.compile(f"{_HAN_RUN.pattern}|{_WORD.pattern}")
_LONGEST = 64  # a longer word is cut: a lexeme ends at 2 KB, and nobody types more
_SHORT = 4  # characters
_END = "\0"  # stands between texts: PostgreSQL keeps none that holds it
_TO_FOLD_OR_CUT = re.compile(f"[^\0-\x7f，。、：；？！·…—（）“”‘’《》【】]|[A-Za-z0-9]{{{_LONGEST + 1}}}")
_BLANK_OR_LOWER = bytes(ord(sign.lower()) if (sign := chr(code)).isalnum() else ord(" ") for code in range(128))
_BLANK_OR_LOWER = _BLANK_OR_LOWER.replace(b" ", _END.encode(), 1).ljust(256)
_UTF_32 = "utf-32-le" if sys.byteorder == "little" else "utf-32-be"


def fold(text: str) -> str:
    """Bring text to the one form that is searched: NFKC, lower case."""
    return text.lower() if text.isascii() else unicodedata.normalize("NFKC", text).lower()


def lexemes(appeals: Iterable[Iterable[str | None]]) -> list[str]:
    """For the texts of each appeal all that they can be found by, between blanks; what comes twice stands twice."""
    cut = [_HAN_RUN_APART.split(" ".join(filter(None, texts))) for texts in appeals]
    pairs = _pairs([" ".join(pieces[1::2]) for pieces in cut])
    words = _words_of_each([" ".join(pieces[::2]) for pieces in cut])
    return [f"{of_han} {of_others}" for of_han, of_others in zip(pairs, words, strict=True)]


class Sought(NamedTuple):
    """A lexeme that an appeal must have, or begin one with."""

    lexeme: str
    prefix: bool

    @property
    def short(self) -> bool:
        """Whether it begins lexemes of which nobody can tell how many appeals hold one."""
        return self.prefix and len(self.lexeme) <= _SHORT


def sought(text: str) -> list[Sought]:
    """What every match of `text` has; nothing when `text` holds nothing that is indexed.

    Every other pair covers a run, so no more are asked: each costs the walk through a list. A single character, which
    begins thousands of pairs, is asked only when there is nothing else.
    """
    runs = _HAN_RUN.findall(text)
    pairs = [
        Sought(run[i : i + 2], prefix=False)
        for run in runs
        for i in sorted({*range(0, len(run) - 1, 2), len(run) - 2} - {-1})
    ]
    words = [Sought(word, prefix=True) for word in _words(text)]
    return list(dict.fromkeys([*pairs, *words] or [Sought(run, prefix=True) for run in runs]))


def tsquery(text: str) -> str:
    """The tsquery that every match of `text` satisfies, or "" when `text` holds nothing that is indexed."""
    return " & ".join(f"'{lexeme}':*" if prefix else f"'{lexeme}'" for lexeme, prefix in sought(text))


def terms(text: str) -> list[str]:
    """The pieces between blanks, folded; an appeal matches when it holds each of them literally."""
    return fold(text).split()


def _pairs(texts: Sequence[str]) -> Iterator[str]:
    """Turn 停车难 into `停车 车难 难`; the last character alone is found by a search for that one character.

    By slices of arrays, and of all texts at once: a loop over the characters took a quarter of a source's first load.
    """
    codes = array("I", " ".join(texts).encode(_UTF_32))
    blank = array("I", " ".encode(_UTF_32))
    spread = blank * (3 * len(codes))
    spread[0::3] = codes
    spread[1::3] = codes[1:] + blank[: len(codes)]
    pairs = spread.tobytes().decode(_UTF_32)
    start = 0
    for text in texts:
        yield pairs[start : start + 3 * len(text)]
        start += 3 * len(text) + 3


def _words_of_each(texts: Sequence[str]) -> list[str]:
    """Nearly always there is nothing to fold: all texts at once become lower case, and their signs blanks."""
    together = _END.join(texts)
    if together.count(_END) != len(texts) - 1 or _TO_FOLD_OR_CUT.search(together):
        return [" ".join(_words(text)) for text in texts]
    return together.encode("ascii", "replace").translate(_BLANK_OR_LOWER).decode().split(_END)


def _words(text: str) -> Iterator[str]:
    """Each word, folded. Han runs need no folding, and folding all of a text would be most of the work."""
    for word in _WORD.findall(text):
        if word.isascii():
            yield word[:_LONGEST].lower()
        else:
            # Folding may turn one character into several words, or into Han: ½ is 1⁄2, ㈱ is (株).
            yield from (part[:_LONGEST] for part in _HAN_OR_WORD.findall(fold(word)))
