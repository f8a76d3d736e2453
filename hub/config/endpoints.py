"""Build one endpoint of a file: keys checked, its carrier made, and every problem gathered."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any
from zoneinfo import ZoneInfo

from hub.config.document import KeyPath, Problem
from hub.config.messages import masked, validated
from hub.config.secrets import Borrowed, held_secrets
from hub.config.sources import File
from hub.endpoints.base import Endpoint
from hub.endpoints.options import EndpointKeys
from hub.errors import HubError
from hub.model import EndpointRecord


def endpoint_of(
    file: File, name: str, raw: Mapping[str, Any], zone: ZoneInfo, port: int
) -> tuple[Endpoint | None, list[Problem]]:
    """Return the endpoint if it can be built, and everything that is wrong; `port` is the hub's own."""
    here: KeyPath = ("endpoints", name)
    borrowed = {path[2:]: one for path, one in file.borrowed.items() if path[:2] == here}
    keys, problems = validated(EndpointKeys, raw, borrowed)
    found = [Problem((*here, *problem.path), problem.message) for problem in problems]
    if keys is None or any(path[:2] == here for path in file.document.spoiled):
        return None, found
    found += [Problem((*here, *path), masked(message, path, borrowed)) for path, message in keys.problems(file.sources)]
    held = list(held_secrets(keys))
    if file.production:
        found += _in_clear(name, held, borrowed)
    try:
        from hub.endpoints.webhook import carrier_of  # noqa: PLC0415  # a file without endpoints need not load it

        carrier = carrier_of(keys, file.folder, zone, [port])
    except (HubError, ValueError, OSError) as error:
        return None, [*found, Problem(here, masked(str(error), (), borrowed))]
    record = EndpointRecord(name, keys.title or name, None, keys.begin == "start")
    endpoint = Endpoint(
        record,
        carrier,
        keys.kinds,
        keys.only,
        keys.retry,
        keys.breaker,
        keys.concurrency,
        keys.timeout,
        keys.enabled,
        frozenset(secret for _, secret in held),
        hashlib.blake2b(json.dumps([name, raw], sort_keys=True, default=str).encode(), digest_size=16).digest(),
    )
    return endpoint, found


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
