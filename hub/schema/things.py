"""Find whatever global ids name, one query a type: what `node` and `nodes` ask for, described first."""

from collections.abc import Sequence
from dataclasses import dataclass

from hub.schema.ids import GlobalId, numbers
from hub.schema.paging import Node
from hub.schema.types import Appeal, Change, RejectedTicket, Source
from hub.store.reads import Reads


@dataclass(frozen=True, slots=True)
class ThingsWanted:
    """A description of the things that some ids name, None for an id that names nothing; of one thing when `alone`.

    This is what a resolver returns, and the executor turns into the things, in this order.
    """

    ids: Sequence[GlobalId | None]
    alone: bool = False

    async def resolved(self, reads: Reads) -> list[Node | None] | Node | None:
        """The things themselves, for resolvers to answer field by field."""
        found = await things(reads, self.ids)
        return found[0] if self.alone else found


async def things(reads: Reads, ids: Sequence[GlobalId | None]) -> list[Node | None]:
    """Whatever the ids name, one query a type, in the order of the ids."""
    found: dict[GlobalId, Node] = {}
    if keys := numbers(ids, "Appeal"):
        found |= {GlobalId("Appeal", key): Appeal.of(it) for key, it in (await reads.appeals_by_id(keys)).items()}
    if keys := numbers(ids, "RejectedTicket"):
        found |= {
            GlobalId("RejectedTicket", key): RejectedTicket.of(it)
            for key, it in (await reads.rejected_by_id(keys)).items()
        }
    if keys := numbers(ids, "Change"):
        found |= {GlobalId("Change", key): Change.of(it) for key, it in (await reads.changes_by_number(keys)).items()}
    if any(one is not None and one.type == "Source" for one in ids):
        found |= {GlobalId("Source", key): Source.of(it) for key, it in (await reads.source_records()).items()}
    return [found.get(one) if one is not None else None for one in ids]
