"""Guess what a misspelt word was meant to be."""

import difflib
from collections.abc import Iterable

_MOST_LISTED = 12

_SYNONYMS = {
    "api": "rest",
    "authentication": "auth",
    "credentials": "auth",
    "cron": "schedule",
    "csv": "files",
    "division": "area",
    "dsn": "url",
    "endpoint": "url",
    "every": "schedule",
    "excel": "files",
    "fields": "map",
    "folder": "files",
    "ftp": "files",
    "georeport": "open311",
    "http": "rest",
    "incremental": "since",
    "interval": "schedule",
    "json": "rest",
    "kind": "connector",
    "mapping": "map",
    "name": "title",
    "pagination": "page",
    "paging": "page",
    "protocol": "connector",
    "sftp": "files",
    "tz": "timezone",
    "type": "connector",
    "uri": "url",
    "username": "user",
    "zone": "timezone",
}
"""What people write for what is meant, where spelling alone would not tell."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?` when something known is near; all that is known when it is not, and they are few."""
    names = sorted(known)
    if near := closest(word, names):
        return f"; did you mean '{near}'?"
    if len(names) > _MOST_LISTED:
        return "; `hub schema connectors` lists those that there are"
    return f" (known: {', '.join(names)})"


def closest(word: str, known: Iterable[str]) -> str | None:
    """What `word` was probably meant to be, if anything."""
    names = {name.casefold().replace("-", "_"): name for name in known}
    plain = word.casefold().replace("-", "_")[:80]
    if (meant := _SYNONYMS.get(plain)) in names.values():
        return meant
    found = difflib.get_close_matches(plain, names, n=1, cutoff=0.6)
    return names[found[0]] if found else None
