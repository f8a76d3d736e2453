"""Global ids as plain text, such as `Appeal:42`: what `node` takes. Opaque to clients, legible to people."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

_NUMBERED = re.compile(r"(Appeal|RejectedTicket|Change):([1-9][0-9]{0,18})", re.ASCII)
_NAMED = re.compile(r"(Source):([^\x00]{1,200})")
_LARGEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class GlobalId:
    """A type of the schema, and the number or the name of one thing of it."""

    type: str
    key: int | str


def read_id(text: str) -> GlobalId | None:
    """Read an id; None for whatever names nothing, so that a malformed id tells no more than an unknown one."""
    if (named := _NAMED.fullmatch(text)) is not None:
        return GlobalId(named[1], named[2])
    if (numbered := _NUMBERED.fullmatch(text)) is None or int(numbered[2]) > _LARGEST:
        return None
    return GlobalId(numbered[1], int(numbered[2]))


def numbers(ids: Iterable[GlobalId | None], type_name: str) -> list[int]:
    """The numbers of those ids that are of one type."""
    return [one.key for one in ids if one is not None and one.type == type_name and isinstance(one.key, int)]
