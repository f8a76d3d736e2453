"""Text search in Chinese and Latin script: what an appeal is found by, and what a search asks for.

Runs of Han characters are indexed as overlapping pairs, so any two neighbouring characters find the appeal; Latin words
and numbers are indexed whole. The embedded PostgreSQL carries no extension, so the pairs are lexemes of a tsvector.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from operator import add

_HAN = "㐀-䶿一-鿿\U00020000-\U0003ffff"
_HAN_RUN = re.compile(f"[{_HAN}]+")
_WORD = re.compile(f"[^\\W_{_HAN}]+")
_LONGEST = 64  # a longer word is cut: a lexeme ends at 2 KB, and nobody types more


def fold(text: str) -> str:
    """Bring text to the one form that is searched: NFKC, lower case."""
    return text.lower() if text.isascii() else unicodedata.normalize("NFKC", text).lower()


def lexemes(texts: Iterable[str | None]) -> str:
    """All that the texts can be found by, separated by blanks."""
    found: set[str] = set()
    for text in texts:
        if text:
            for run in _HAN_RUN.findall(text):
                found.update(map(add, run, run[1:]))
                # The last character starts no pair; alone it is found by a search for that one character.
                found.add(run[-1])
            found.update(_words(text))
    return " ".join(found)


def tsquery(text: str) -> str:
    """The tsquery that every match of `text` satisfies, or "" when `text` holds nothing that is indexed."""
    asked: dict[str, None] = {}
    for run in _HAN_RUN.findall(text):
        pairs = [f"'{pair}'" for pair in map(add, run, run[1:])]
        asked.update(dict.fromkeys(pairs or [f"'{run}':*"]))
    asked.update(dict.fromkeys(f"'{word}':*" for word in _words(text)))
    return " & ".join(asked)


def terms(text: str) -> list[str]:
    """The pieces between blanks, folded; an appeal matches when it holds each of them literally."""
    return fold(text).split()


def _words(text: str) -> Iterator[str]:
    """Each word, folded. Han runs need no folding, and folding all of a text would be most of the work."""
    for word in _WORD.findall(text):
        # Folding may turn one character into several words, or into Han: ½ is 1⁄2, ㈱ is (株).
        folded = fold(word)
        yield from (part[:_LONGEST] for part in _HAN_OR_WORD.findall(folded))


_HAN_OR_WORD = re.compile(f"{_HAN_RUN.pattern}|{_WORD.pattern}")
