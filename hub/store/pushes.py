"""Pushes on their way: landed once whatever comes again, the newer state of a ticket winning in whatever order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from sqlalchemy.ext.asyncio import AsyncConnection

from hub.errors import KeyReused, StoreError
from hub.model import LandedTicket
from hub.store.database import Database
from hub.store.lanes import source_lane

_FORGOTTEN_AT_ONCE = 100
_LAND = """
insert into ticket (source, external_id, raw, hash, version, state)
select $1, * , 'pending' from unnest($2::text[], $3::bytea[], $4::bytea[], $5::numeric[])
on conflict (source, external_id) do update set raw = excluded.raw, hash = excluded.hash, version = excluded.version,
  state = 'pending', reason = null, field = null, landed_at = now()
"""


@dataclass(frozen=True, slots=True)
class Arrival:
    """One push on its way into the store.

    `keys` tell it from every other push, and `body` is a digest of what it holds; both are remembered for `keep`. Where
    it is `ordered`, its tickets' versions decide what is newer; else, as far as anyone can tell, the later is.
    """

    source: str
    tickets: Sequence[LandedTicket]
    ordered: bool = False
    keys: Sequence[bytes] = ()
    body: bytes = b""
    keep: timedelta = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a push brought: `accepted` tickets were new or newer, `repeated` ones told nothing new."""

    accepted: int
    repeated: int


class Pushes:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def land(self, arrival: Arrival) -> Receipt:
        """Keep what a push brought and make its source's lane due, in one transaction; of one known already, nothing.

        No claim of the lane is needed: any number of processes may land for one source, and while one runs. Raises
        KeyReused, and Unstorable or StoreUnavailable with nothing landed.
        """
        async with self._database.begin() as connection:
            await _take_turn(connection, arrival.source)
            if (first := await _known(connection, arrival)) is not None:
                await _remember(connection, arrival, first)
                return first
            pending = _newest(arrival, await _stored(connection, arrival))
            await _land(connection, arrival.source, pending)
            receipt = Receipt(len(pending), len(arrival.tickets) - len(pending))
            await _remember(connection, arrival, receipt)
        return receipt

    async def refused(self, source: str, reason: str) -> None:
        """Note for people why a push was refused; it stands there until one is taken."""
        async with self._database.begin() as connection:
            await connection.exec_driver_sql(
                "update lane set push_error = $2, push_error_at = clock_timestamp() where name = $1",
                (source_lane(source), reason),
            )


async def _take_turn(connection: AsyncConnection, source: str) -> None:
    """Make the lane due, and keep its row to the end of the transaction.

    Whoever writes for a source writes or shares this row first: so nobody lands or settles meanwhile, none waits for
    another in a ring, and a run that began before sees at its end that it was asked for again.
    """
    done = await connection.exec_driver_sql(
        "update lane set due_at = clock_timestamp(), push_error = null, push_error_at = null where name = $1",
        (source_lane(source),),
    )
    if done.rowcount != 1:
        raise StoreError(f"the source {source} has no lane")


async def _known(connection: AsyncConnection, arrival: Arrival) -> Receipt | None:
    """What was answered when the same push came first. Raises KeyReused where that had another body."""
    if not arrival.keys:
        return None
    rows = await connection.exec_driver_sql(
        "select body, accepted, repeated from push where source = $1 and key = any($2)",
        (arrival.source, list(arrival.keys)),
    )
    known = rows.all()
    if any(push.body != arrival.body for push in known):
        raise KeyReused(
            "the key of this push came before, with another body",
            hint="give each push a key of its own, and send it again with the same body",
        )
    return Receipt(known[0].accepted, known[0].repeated) if known else None


async def _stored(connection: AsyncConnection, arrival: Arrival) -> Mapping[str, tuple[bytes, Decimal | None]]:
    ids = list({ticket.external_id for ticket in arrival.tickets})
    rows = await connection.exec_driver_sql(
        "select external_id, hash, version from ticket where source = $1 and external_id = any($2)",
        (arrival.source, ids),
    )
    return {row.external_id: (row.hash, row.version) for row in rows}


def _newest(arrival: Arrival, stored: Mapping[str, tuple[bytes, Decimal | None]]) -> list[LandedTicket]:
    """The states that replace what is stored, one a ticket, in the order of their ids."""
    newest: dict[str, LandedTicket] = {}
    for ticket in arrival.tickets:
        best = newest.get(ticket.external_id)
        known = (best.hash, best.version) if best else stored.get(ticket.external_id)
        if known is None or _replaces(ticket, *known, ordered=arrival.ordered):
            newest[ticket.external_id] = ticket
    return [newest[external_id] for external_id in sorted(newest)]


def _replaces(ticket: LandedTicket, known_hash: bytes, known_version: Decimal | None, *, ordered: bool) -> bool:
    """Whether a state is newer than the known one; of two with one version, in every order, the same one is."""
    if ticket.hash == known_hash:
        return False
    if not ordered or known_version is None:
        return True
    return ticket.version is not None and (ticket.version, ticket.hash) > (known_version, known_hash)


async def _land(connection: AsyncConnection, source: str, tickets: Sequence[LandedTicket]) -> None:
    if tickets:
        columns = zip(*((each.external_id, each.raw, each.hash, each.version) for each in tickets), strict=True)
        await connection.exec_driver_sql(_LAND, (source, *map(list, columns)))


async def _remember(connection: AsyncConnection, arrival: Arrival, receipt: Receipt) -> None:
    """Keep the keys and what is answered, and forget some that nobody will send again."""
    if not arrival.keys:
        return
    await connection.exec_driver_sql(
        """insert into push (source, key, body, accepted, repeated)
           select $1, *, $3, $4, $5 from unnest($2::bytea[]) on conflict do nothing""",
        (arrival.source, list(arrival.keys), arrival.body, receipt.accepted, receipt.repeated),
    )
    await connection.exec_driver_sql(
        """delete from push where (source, key) in (
             select source, key from push where source = $1 and came_at < now() - $2::interval
             order by came_at limit $3)""",
        (arrival.source, arrival.keep, _FORGOTTEN_AT_ONCE),
    )
