"""Guess what a misspelt word was meant to be."""

import difflib
from collections.abc import Collection, Iterable

_MOST_LISTED = 14

_SYNONYMS = {
    "address": "location.address",
    "api": "rest",
    "authentication": "auth",
    "body": "content",
    "category": "topic",
    "concat": "join",
    "credentials": "auth",
    "cron": "schedule",
    "csv": "files",
    "database": "sql",
    "db": "sql",
    "deadline": "due_at",
    "description": "content",
    "district": "area",
    "division": "area",
    "dsn": "url",
    "email": "mailbox",
    "endpoint": "url",
    "every": "schedule",
    "excel": "files",
    "fields": "map",
    "folder": "files",
    "ftp": "files",
    "ftps": "files",
    "georeport": "open311",
    "gql": "graphql",
    "header": "api_key",
    "http": "rest",
    "id": "external_id",
    "imap": "mailbox",
    "incremental": "since",
    "interval": "schedule",
    "jdbc": "sql",
    "json": "rest",
    "kind": "connector",
    "limit": "size",
    "location": "location.point",
    "mail": "mailbox",
    "mapping": "map",
    "mariadb": "sql",
    "mobile": "reporter.phone",
    "mssql": "sql",
    "mysql": "sql",
    "name": "title",
    "odbc": "sql",
    "oracle": "sql",
    "number": "appeal_no",
    "org": "lead_org",
    "organization": "lead_org",
    "pagination": "page",
    "paging": "page",
    "parameters": "query",
    "params": "query",
    "phone": "reporter.phone",
    "point": "location.point",
    "postgres": "sql",
    "postgresql": "sql",
    "protocol": "connector",
    "push": "inbound",
    "regex": "match",
    "region": "area",
    "reporter": "reporter.name",
    "sftp": "files",
    "source_id": "external_id",
    "sqlite": "sql",
    "sqlserver": "sql",
    "state": "status",
    "subject": "title",
    "summary": "title",
    "text": "content",
    "token": "bearer",
    "total_pages": "pages",
    "type": "connector",
    "tz": "timezone",
    "uri": "url",
    "username": "user",
    "webhook": "inbound",
    "webhooks": "inbound",
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
    names = {_plain(name): name for name in known}
    if meant := synonym(word, names.values()):
        return meant
    found = difflib.get_close_matches(_plain(word), names, n=1, cutoff=0.6)
    return names[found[0]] if found else None


def synonym(word: str, known: Collection[str]) -> str | None:
    """The known word that people also call `word`."""
    meant = _SYNONYMS.get(_plain(word))
    return meant if meant in known else None


def _plain(word: str) -> str:
    return word.casefold().replace("-", "_")[:80]
