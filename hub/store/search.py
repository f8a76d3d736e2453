"""Text search in Chinese and Latin script: what an appeal is found by, and what a search asks for.

Runs of Han characters are indexed as overlapping pairs, so any two neighbouring characters find the appeal; Latin words
and numbers are indexed whole. The embedded PostgreSQL carries no extension, so the pairs are lexemes of a tsvector.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator

_HAN = "㐀-䶿一-鿿\U00020000-\U0003ffff"
_RUN = re.compile(f"([{_HAN}]+)|[^\\W_{_HAN}]+")
_LONGEST = 64  # a longer word is cut: a lexeme ends at 2 KB, and nobody types more


def fold(text: str) -> str:
    """Bring text to the one form that is searched: NFKC, lower case."""
    return text.lower() if text.isascii() else unicodedata.normalize("NFKC", text).lower()


def lexemes(texts: Iterable[str | None]) -> str:
    """All that the texts can be found by, separated by blanks."""
    found: set[str] = set()
    for text in texts:
        for run, han in _runs(text or ""):
            if han:
                found.update([run[i : i + 2] for i in range(len(run) - 1)])
                # The last character starts no pair; alone it is found by a search for that one character.
                found.add(run[-1])
            else:
                found.add(run[:_LONGEST])
    return " ".join(found)


def tsquery(text: str) -> str:
    """The tsquery that every match of `text` satisfies, or "" when `text` holds nothing that is indexed."""
    asked: dict[str, None] = {}
    for run, han in _runs(text):
        if han and len(run) > 1:
            asked.update((f"'{run[i : i + 2]}'", None) for i in range(len(run) - 1))
        else:
            asked[f"'{run[:_LONGEST]}':*"] = None
    return " & ".join(asked)


def terms(text: str) -> list[str]:
    """The pieces between blanks, folded; an appeal matches when it holds each of them literally."""
    return fold(text).split()


def _runs(text: str) -> Iterator[tuple[str, bool]]:
    """Each run of Han characters (True), each word (False). Han needs no folding, and folding is most of the work."""
    for match in _RUN.finditer(text):
        if match[1]:
            yield match[1], True
            continue
        word = match[0]
        folded = fold(word)
        if folded == word or _RUN.fullmatch(folded):
            yield folded, False
        else:  # One character became several, such as ㍿ or ①②: they are runs of their own.
            yield from _runs(folded)
