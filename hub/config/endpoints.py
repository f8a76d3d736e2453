"""Build one endpoint of a file: keys checked, its carrier made, and every problem gathered."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from hub.config.document import KeyPath, Problem
from hub.config.messages import masked, validated
from hub.config.secrets import Borrowed, held_secrets
from hub.config.whole import File
from hub.endpoints.base import Endpoint
from hub.endpoints.options import EndpointKeys, Only
from hub.errors import HubError
from hub.model import EndpointRecord


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What an endpoint is built with, wherever in the file it stands: at `here`, with what is borrowed below that.

    `source` is the source whose system it is, and `words` are that system's.
    """

    here: KeyPath
    borrowed: Mapping[KeyPath, Borrowed]
    file: File
    zone: ZoneInfo
    source: str | None = None
    words: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def endpoint_of(file: File, name: str, raw: Mapping[str, Any], zone: ZoneInfo) -> tuple[Endpoint | None, list[Problem]]:
    """Return an endpoint of the section `endpoints` if it can be built, and everything that is wrong with it."""
    here: KeyPath = ("endpoints", name)
    borrowed = {path[2:]: one for path, one in file.borrowed.items() if path[:2] == here}
    keys, problems = validated(EndpointKeys, raw, borrowed)
    found = [Problem((*here, *problem.path), problem.message) for problem in problems]
    if keys is None or any(path[:2] == here for path in file.document.spoiled):
        return None, found
    endpoint, wrong = built(name, keys, Surroundings(here, borrowed, file, zone))
    held = list(held_secrets(keys))
    in_clear = _in_clear(name, held, borrowed) if file.production else ()
    return endpoint, [*found, *wrong, *in_clear]


def built(name: str, keys: EndpointKeys, around: Surroundings) -> tuple[Endpoint | None, list[Problem]]:
    """Return the endpoint that its keys describe, and what is wrong with them."""
    found = [
        Problem((*around.here, *path), masked(message, path, around.borrowed))
        for path, message in keys.problems(around.file.sources)
    ]
    try:
        from hub.endpoints.webhook import carrier_of  # noqa: PLC0415  # a file without endpoints need not load it

        carrier = carrier_of(keys, around.file.folder, around.zone, own=[around.file.port], words=around.words)
    except (HubError, ValueError, OSError) as error:
        return None, [*found, Problem(around.here, masked(str(error), (), around.borrowed))]
    # A source is told of its own appeals, unless others are named: those of others it does not know.
    only = keys.only if keys.only.sources or around.source is None else replaced(keys.only, around.source)
    said = [name, keys.model_dump(mode="json"), sorted(_texts(keys)), around.source, around.words]
    endpoint = Endpoint(
        EndpointRecord(name, keys.title or name, around.source, keys.begin == "start"),
        carrier,
        keys.kinds,
        only,
        keys.retry,
        keys.breaker,
        keys.concurrency,
        keys.timeout,
        keys.enabled,
        frozenset(secret for _, secret in held_secrets(keys)),
        hashlib.blake2b(json.dumps(said, sort_keys=True, default=str).encode(), digest_size=16).digest(),
    )
    return endpoint, found


def replaced(only: Only, source: str) -> Only:
    return only.model_copy(update={"sources": (source,)})


def _texts(keys: EndpointKeys) -> list[str]:
    """The secrets, which a dump of the keys hides: a changed one makes another endpoint."""
    return [secret for _, secret in held_secrets(keys)]


def _in_clear(name: str, held: list[tuple[KeyPath, str]], borrowed: Mapping[KeyPath, Borrowed]) -> Iterator[Problem]:
    """Name the secrets that stand in the file itself."""
    for path, _ in held:
        if path not in borrowed or borrowed[path].clear:
            variable = "_".join((name, str(path[0]))).upper().replace("-", "_")
            yield Problem(
                ("endpoints", name, *path),
                "a secret stands here in clear, which HUB_ENV=production does not allow; "
                f'write "${{{variable}}}" and set that variable, or "${{file:secrets/{variable.lower()}}}"',
            )
