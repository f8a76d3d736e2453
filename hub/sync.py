"""START HERE: one source, one run. Pull, land, normalize, put, in that order."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import structlog

from hub import __version__
from hub.config import Source
from hub.connectors.base import Receiver, Unread
from hub.drift import Notes, back_again, compared, merged, refused_words, unknown_words
from hub.errors import HubError, LaneLost, StoreError, TicketRejected, Unstorable
from hub.lanes import LEASE, hold
from hub.model import BROKEN, HASH_SIZE, LandedTicket, Lane, Page, Rejection, Tally, Ticket
from hub.normalize import normalize
from hub.store.store import Store
from hub.store.tickets import Served

Watch = Callable[[Tally, int | None], None]
"""Told after each page: what was done so far, and the source's own guess of how many tickets there are."""

_BATCH = 500  # pending tickets served in one transaction
_LONGEST_WAIT = timedelta(minutes=15)
_log = structlog.get_logger()


async def sync(source: Source, store: Store, lane: Lane, watch: Watch = lambda _tally, _total: None) -> Tally:
    """Pull what is new and serve it; says what became of the tickets. Safe to run again at any point.

    Raises SourceUnavailable, SourceRefused, LaneLost or StoreUnavailable; what was landed until then stays landed.
    """
    notes = Notes()
    # What was pushed since the last run is pending; of a source that is pulled, only what a crash or a replay left.
    tally = await serve_pending(source, store, lane, notes if isinstance(source.connector, Receiver) else None)
    remembers = False
    async with aclosing(source.connector.pull(lane.cursor)) as pages:
        async for page in pages:
            tally += await take(source, store, lane, page, notes)
            watch(tally, page.total)
            remembers = remembers or bool(page.digest)
    if remembers:
        await store.tickets.forget_pages(lane, source.name)
    await _note(source, store, lane, notes)
    return tally


async def take(source: Source, store: Store, lane: Lane, page: Page, notes: Notes) -> Tally:
    """Land a page and serve what is new in it. When it returns nothing of the page is kept while the next one comes."""
    digest = _digest(source, page)
    if isinstance(page.tickets, Unread) and (
        same := await store.tickets.land_again(lane, source.name, page.cursor, digest)
    ):
        return Tally(unchanged=same.unchanged, repeated=same.repeated)
    held = [ticket for ticket in page.tickets if source.holds(ticket)]
    tickets = [landed(source, ticket) for ticket in held]
    landing = await store.tickets.land(lane, source.name, tickets, page.cursor, digest)
    tally = Tally(landed=len(landing.pending), unchanged=landing.unchanged, repeated=landing.repeated)
    return tally + await serve(source, store, lane, landing.pending, notes)


async def serve_pending(source: Source, store: Store, lane: Lane, notes: Notes | None = None) -> Tally:
    """Serve what was landed and not settled: after a crash, after `hub replay`, or because it was pushed."""
    tally = Tally()
    while pending := await store.tickets.pending(source.name, _BATCH):
        tally += await serve(source, store, lane, pending, notes)
    return tally


async def serve(
    source: Source, store: Store, lane: Lane, tickets: Sequence[LandedTicket], notes: Notes | None = None
) -> Tally:
    """Normalize landed tickets and put them: as appeals, or as rejected with the reason."""
    if not tickets:
        return Tally()
    served: list[Served] = []
    rejected: list[Rejection] = []
    for ticket in tickets:
        try:
            served.append(Served(ticket.hash, normalize(ticket.ticket, source.mapping)))
        except TicketRejected as reason:
            rejected.append(Rejection(ticket.external_id, ticket.hash, str(reason), reason.field))
    if notes is not None:
        notes.see(tickets)
        notes.hear(refused_words(rejected))
        notes.hear(unknown_words(_read(tickets, served), source.mapping.word_of))
    try:
        return await store.tickets.put(lane, source.name, served, rejected)
    except Unstorable:
        return await _put_one_by_one(source, store, lane, served, rejected)


async def _put_one_by_one(
    source: Source, store: Store, lane: Lane, served: Sequence[Served], rejected: Sequence[Rejection]
) -> Tally:
    """Serve a batch of which one ticket cannot be stored: that one is rejected, and the others do not wait for it."""
    tally = await store.tickets.put(lane, source.name, [], rejected)
    for one in served:
        try:
            tally += await store.tickets.put(lane, source.name, [one], [])
        except Unstorable as reason:
            rejection = Rejection(one.record.external_id, one.hash, str(reason), "")
            tally += await store.tickets.put(lane, source.name, [], [rejection])
    return tally


def _read(tickets: Sequence[LandedTicket], served: Sequence[Served]) -> Iterator[tuple[Ticket, Any]]:
    """Pair the tickets with what they read as; both are in one order, from which rejected ones are missing."""
    records = {one.record.external_id: one.record for one in served}
    yield from ((one.ticket, record) for one in tickets if (record := records.get(one.external_id)))


async def _note(source: Source, store: Store, lane: Lane, notes: Notes) -> None:
    """Keep what the run saw of how the source drifts; a run that saw nothing new has nothing to tell."""
    if notes.tickets:
        await store.drifts.note(
            lane, source.name, lambda known: (merged(known, notes), compared(known, notes), back_again(known, notes))
        )


def landed(source: Source, ticket: Ticket) -> LandedTicket:
    """Make a ticket ready to land. One without an id is known by its hash, and rejected later."""
    external_id = source.mapping.identify(ticket)
    try:
        raw = _raw(ticket)
    except orjson.JSONEncodeError as error:
        # Nested deeper than anything means it: the rest of the page must not be lost over it.
        raw = _raw({BROKEN: f"the ticket cannot be kept: {str(error).lower()}"})
        ticket = orjson.loads(raw)
    digest = hashlib.blake2b(raw, digest_size=HASH_SIZE).digest()
    return LandedTicket(external_id or f"?{digest.hex()}", raw, digest, ticket)


async def run(
    source: Source, store: Store, lane: Lane, *, lease: timedelta = LEASE, watch: Watch | None = None
) -> Tally:
    """Run `sync` under a claimed lane and give it back, due when the schedule says. Raises what `sync` raises."""
    try:
        work = sync(source, store, lane, watch) if watch else sync(source, store, lane)
        tally = await hold(store.lanes, lane, lease, work)
        await store.lanes.finish(lane, source.schedule.next_after(datetime.now(UTC)), tally)
    except (LaneLost, StoreError):
        raise
    except HubError as error:
        await store.lanes.fail(lane, _next_try(source, lane), str(error))
        raise
    except Exception as error:
        await store.lanes.fail(lane, _next_try(source, lane), f"internal error: {type(error).__name__}")
        raise
    except BaseException:  # Told to stop in the middle: whoever comes next goes on from the last page.
        await store.lanes.release(lane)
        raise
    _log.info("synced", source=source.name, **_nonzero(tally))
    return tally


def _next_try(source: Source, lane: Lane) -> datetime:
    """When a source that failed is tried again: as scheduled, but ever later while it keeps failing."""
    now = datetime.now(UTC)
    wait = min(_LONGEST_WAIT, timedelta(seconds=2 ** min(lane.failures, 10)))
    return max(source.schedule.next_after(now), now + wait)


def _digest(source: Source, page: Page) -> bytes:
    """What stands for the tickets of a page at their hashes: its bytes, and all that says how they are read."""
    if not page.digest:
        return b""
    return hashlib.blake2b(page.digest + source.fingerprint + __version__.encode(), digest_size=HASH_SIZE).digest()


def _raw(ticket: Ticket) -> bytes:
    # Sorted, because a source that writes its keys in another order has changed nothing.
    return orjson.dumps(ticket, default=str, option=orjson.OPT_SORT_KEYS)


def _nonzero(tally: Tally) -> dict[str, Any]:
    return {name: count for name in Tally.__slots__ if (count := getattr(tally, name))}
