"""Documents that clients name instead of sending them: trusted ones out of manifests, and registered ones.

Registering is Apollo's protocol of automatic persisted queries: a document goes by its SHA-256, and is sent whole once.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import orjson

from hub.errors import HubError, QueryError

NOT_FOUND = "PERSISTED_QUERY_NOT_FOUND"
_APOLLO = "apollo-persisted-query-manifest"
_MOST = 1_000
_MOST_CHARACTERS = 5_000_000


class Documents:
    """What names stand for. Registered documents are forgotten, the longest unused first, when they grow too many."""

    def __init__(
        self,
        trusted: Mapping[str, str] | None = None,
        *,
        only_trusted: bool = False,
        most: int = _MOST,
        most_characters: int = _MOST_CHARACTERS,
    ) -> None:
        self._trusted = {_plain(name): text for name, text in (trusted or {}).items()}
        self._trusted_texts = frozenset(self._trusted.values())
        self._only_trusted = only_trusted
        self._registered: OrderedDict[str, str] = OrderedDict()
        self._characters = 0
        self._most = most
        self._most_characters = most_characters

    def text(self, asked: Mapping[str, Any]) -> str:
        """The document that a request sends or names. Raises QueryError."""
        sent = asked.get("query")
        extensions = asked.get("extensions")
        if sent and not extensions and not self._only_trusted:
            return str(sent)
        digest = _digest(extensions)
        name = digest or _name(asked)
        if sent or (sent is not None and name is None):
            return self._sent(str(sent), digest)
        return self._named(name)

    def _sent(self, text: str, digest: str | None) -> str:
        if self._only_trusted:
            if text not in self._trusted_texts:
                raise _untrusted()
        elif digest is not None:
            if hashlib.sha256(text.encode()).hexdigest() != digest:
                raise QueryError("BAD_INPUT", "provided sha does not match query")
            self._register(digest, text)
        return text

    def _named(self, name: str | None) -> str:
        if name is None:
            raise QueryError("BAD_INPUT", "query must be text")
        if (text := self._trusted.get(name)) is not None:
            return text
        if self._only_trusted:
            raise _untrusted()
        if (text := self._registered.get(name)) is None:
            raise QueryError(NOT_FOUND, "PersistedQueryNotFound")  # the very words that Apollo's clients look for
        self._registered.move_to_end(name)
        return text

    def _register(self, digest: str, text: str) -> None:
        if digest not in self._registered:
            self._registered[digest] = text
            self._characters += len(text)
        self._registered.move_to_end(digest)
        while len(self._registered) > self._most or self._characters > self._most_characters:
            _, forgotten = self._registered.popitem(last=False)
            self._characters -= len(forgotten)


def read_manifests(paths: Iterable[Path]) -> dict[str, str]:
    """The documents of manifests, by their ids: as Apollo, the Relay compiler or GraphQL Codegen write them.

    A folder stands for every *.json in it. Raises HubError for what is no manifest.
    """
    found: dict[str, str] = {}
    for path in paths:
        files = sorted(path.glob("*.json")) if path.is_dir() else [path]
        if not files:
            raise HubError(f"{path} holds no manifest", hint="put files named *.json there")
        for file in files:
            found |= _read_manifest(file)
    return found


def _read_manifest(path: Path) -> dict[str, str]:
    try:
        manifest = orjson.loads(path.read_bytes())
    except OSError as error:
        raise HubError(f"{path} cannot be read: {error.strerror}") from error
    except orjson.JSONDecodeError as error:
        raise HubError(f"{path} is not JSON: {error}") from error
    if isinstance(manifest, dict) and manifest.get("format") == _APOLLO:
        operations = manifest.get("operations")
        manifest = {one.get("id"): one.get("body") for one in operations or ()} if _objects(operations) else None
    if not isinstance(manifest, dict) or not all(isinstance(word, str) for pair in manifest.items() for word in pair):
        raise HubError(
            f"{path} is no manifest of documents",
            hint="it holds ids and texts, as Apollo, Relay and GraphQL Codegen write them",
        )
    return manifest


def _objects(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, dict) for one in value)


def _digest(extensions: Any) -> str | None:
    """The hash by which Apollo's protocol names a document."""
    named = extensions.get("persistedQuery") if isinstance(extensions, dict) else None
    if named is None:
        return None
    digest = named.get("sha256Hash") if isinstance(named, dict) and named.get("version") == 1 else None
    if not isinstance(digest, str):
        raise QueryError("BAD_INPUT", "persistedQuery must hold version 1 and a sha256Hash")
    return _plain(digest)


def _name(asked: Mapping[str, Any]) -> str | None:
    """The id by which the draft of GraphQL over HTTP, or Relay's network layers, name a document."""
    for key in ("documentId", "id", "doc_id"):
        if isinstance(name := asked.get(key), str):
            return _plain(name)
    return None


def _plain(name: str) -> str:
    return name.removeprefix("sha256:")


def _untrusted() -> QueryError:
    return QueryError("UNTRUSTED_DOCUMENT", "this hub answers trusted documents only", hint="add it to a manifest")
