"""What the environment says of the API: its limits, the documents that it trusts, who may read without a key."""

import os
import re
from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from hub.errors import HubError
from hub.model import Scope
from hub.schema.documents import Documents, read_manifests
from hub.schema.limits import Limits
from hub.schema.viewers import ANYBODY, NOBODY, Viewer

_LIMIT = re.compile(r"([a-z_]+)=(\d{1,12})", re.ASCII)


def limits(environ: Mapping[str, str]) -> Limits:
    """The limits, those that HUB_LIMITS names changed. Raises HubError for one that there is not."""
    changed: dict[str, Any] = {}
    defaults = {field.name: field.default for field in fields(Limits)}
    for word in environ.get("HUB_LIMITS", "").replace(",", " ").split():
        found = _LIMIT.fullmatch(word)
        if found is None or found[1] not in defaults:
            known = ", ".join(defaults)
            raise HubError(f"HUB_LIMITS: {word!r} is no limit", hint=f"write name=number; there are {known}")
        number = int(found[2])
        changed[found[1]] = timedelta(seconds=number) if isinstance(defaults[found[1]], timedelta) else number
    return replace(Limits(), **changed)


def documents(environ: Mapping[str, str]) -> Documents:
    """What clients may name, out of the manifests in HUB_TRUSTED_DOCUMENTS. Raises HubError for one it cannot read."""
    named = [Path(part) for part in environ.get("HUB_TRUSTED_DOCUMENTS", "").split(os.pathsep) if part]
    only = _is_on(environ.get("HUB_TRUSTED_ONLY", ""))
    if only and not named:
        raise HubError(
            "HUB_TRUSTED_ONLY is set, and no document is trusted", hint="name a manifest in HUB_TRUSTED_DOCUMENTS"
        )
    return Documents(read_manifests(named), only_trusted=only)


def subgraph(environ: Mapping[str, str]) -> bool:
    """Whether a gateway stands before the hub."""
    return _is_on(environ.get("HUB_SUBGRAPH", ""))


def anybody(environ: Mapping[str, str]) -> Viewer:
    """What HUB_ANONYMOUS lets those do who bring no key: read, unless it says otherwise. Raises HubError."""
    word = environ.get("HUB_ANONYMOUS") or Scope.APPEALS_READ.value
    known = {Scope.APPEALS_READ.value: ANYBODY, "none": NOBODY}
    if word not in known:
        raise HubError(
            f"HUB_ANONYMOUS: {word!r} is not {' or '.join(known)}", hint="who may do more has a key: `hub add-key`"
        )
    return known[word]


def _is_on(word: str) -> bool:
    return word.lower() in {"1", "true", "yes", "on"}
