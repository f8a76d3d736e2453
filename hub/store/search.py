"""Text search in Chinese and Latin script: what an appeal is found by, and what a search asks for.

Runs of Han characters are indexed as overlapping pairs, so any two neighbouring characters find the appeal; Latin words
and numbers are indexed whole. The embedded PostgreSQL carries no extension, so the pairs are lexemes of a tsvector.
"""

import re
import sys
import unicodedata
from array import array
from collections.abc import Iterable, Iterator

_HAN = "㐀-䶿一-鿿\U00020000-\U0003ffff"
_HAN_RUN = re.compile(f"[{_HAN}]+")
_NOT_HAN = re.compile(f"[^{_HAN}]+")
_WORD = re.compile(f"[^\\W_{_HAN}]+")
_HAN_OR_WORD = re.compile(f"{_HAN_RUN.pattern}|{_WORD.pattern}")
_LONGEST = 64  # a longer word is cut: a lexeme ends at 2 KB, and nobody types more
_UTF_32 = "utf-32-le" if sys.byteorder == "little" else "utf-32-be"


def fold(text: str) -> str:
    """Bring text to the one form that is searched: NFKC, lower case."""
    return text.lower() if text.isascii() else unicodedata.normalize("NFKC", text).lower()


def lexemes(texts: Iterable[str | None]) -> str:
    """All that the texts can be found by, between blanks; what comes twice stands twice."""
    text = " ".join(filter(None, texts))
    return " ".join([_pairs(_NOT_HAN.sub(" ", text)), *_words(text)])


def tsquery(text: str) -> str:
    """The tsquery that every match of `text` satisfies, or "" when `text` holds nothing that is indexed."""
    asked: dict[str, None] = {}
    for run in _HAN_RUN.findall(text):
        pairs = [f"'{run[i : i + 2]}'" for i in range(len(run) - 1)]
        asked.update(dict.fromkeys(pairs or [f"'{run}':*"]))
    asked.update(dict.fromkeys(f"'{word}':*" for word in _words(text)))
    return " & ".join(asked)


def terms(text: str) -> list[str]:
    """The pieces between blanks, folded; an appeal matches when it holds each of them literally."""
    return fold(text).split()


def _pairs(text: str) -> str:
    """Turn 停车难 into `停车 车难 难`; the last character alone is found by a search for that one character.

    By slices of arrays: a loop over the characters took a quarter of a source's first load.
    """
    codes = array("I", text.encode(_UTF_32))
    blank = array("I", " ".encode(_UTF_32))
    spread = blank * (3 * len(codes))
    spread[0::3] = codes
    spread[1::3] = codes[1:] + blank[: len(codes)]
    return spread.tobytes().decode(_UTF_32)


def _words(text: str) -> Iterator[str]:
    """Each word, folded. Han runs need no folding, and folding all of a text would be most of the work."""
    for word in _WORD.findall(text):
        # Folding may turn one character into several words, or into Han: ½ is 1⁄2, ㈱ is (株).
        for part in _HAN_OR_WORD.findall(fold(word)):
            yield part[:_LONGEST]
