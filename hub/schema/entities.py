"""Find what a gateway refers to: for each type with a key, the function from keys to entities."""

from collections.abc import Mapping, Sequence

from hub.errors import QueryError
from hub.schema.context import Info
from hub.schema.federation import Find, Representation
from hub.schema.ids import read_id
from hub.schema.paging import Node
from hub.schema.referred import Area, Organization, Topic
from hub.schema.things import things
from hub.vocabulary.areas import area
from hub.vocabulary.topics import topics

_LONGEST = 200  # characters of a code or a name; a longer one names nothing


async def _by_id(info: Info, wanted: Sequence[Representation]) -> Sequence[Node | None]:
    """What global ids name, or sources by their names; one query a type."""
    found = await things(info.context.reads, [read_id(_id(one)) for one in wanted])
    # An id of another type names nothing of this one.
    return [
        it if it is not None and type(it).__name__ == one["__typename"] else None
        for it, one in zip(found, wanted, strict=True)
    ]


def _id(representation: Representation) -> str:
    if representation["__typename"] == "Source" and "id" not in representation:
        return f"Source:{_said(representation, 'name')}"
    return _said(representation, "id")


async def _areas(_: Info, wanted: Sequence[Representation]) -> Sequence[Area | None]:
    codes = [_said(one, "code") for one in wanted]
    return [Area.of(area(code)) if len(code) <= _LONGEST else None for code in codes]


async def _topics(_: Info, wanted: Sequence[Representation]) -> Sequence[Topic | None]:
    known = [topics().get(_said(one, "code")) for one in wanted]
    return [Topic.of(one) if one else None for one in known]


async def _organizations(_: Info, wanted: Sequence[Representation]) -> Sequence[Organization | None]:
    names = [_said(one, "name") for one in wanted]
    return [Organization(name=name) if len(name) <= _LONGEST else None for name in names]


def _said(representation: Representation, field: str) -> str:
    if not isinstance(value := representation.get(field), str):
        kind = representation["__typename"]
        raise QueryError("BAD_INPUT", f"representations: {kind} lacks the field of a key", hint=f"give its {field}")
    return value


ENTITIES: Mapping[str, Find] = {
    "Appeal": _by_id,
    "Area": _areas,
    "Change": _by_id,
    "Organization": _organizations,
    "RejectedTicket": _by_id,
    "Source": _by_id,
    "Topic": _topics,
}
