"""Counts that are asked again and again, each kept for as long as no appeal changes."""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence

from hub.model import AppealFilter, Dimension
from hub.store.quick import Quick
from hub.store.reads import MAX_GROUPS, Reads, Statistics
from hub.store.rollups import rolled_up

_REMEMBERED = 256  # counts, of a thousand groups each at most
_Key = tuple[AppealFilter, tuple[Dimension, ...], str]


class Counted:
    """Statistics, exact at every moment: what an appeal is, and its change in the log, are committed together.

    So the number of the newest change tells one state of all appeals from every other. It is read before the counting,
    and what was counted is given out only to those who read the same number later.
    """

    def __init__(self, reads: Reads, quick: Quick) -> None:
        self._reads = reads
        self._quick = quick
        self.last_change = quick.last_change_number
        self._known: OrderedDict[_Key, tuple[int, asyncio.Task[Statistics]]] = OrderedDict()

    async def statistics(
        self, wanted: AppealFilter, by: Sequence[Dimension], timezone: str, last_change: int
    ) -> Statistics:
        """The counts, as they are at `last_change` or later. Those who ask for the same together count once."""
        key = (wanted, tuple(by), timezone)
        known = self._known.get(key)
        if known is None or known[0] != last_change:
            known = last_change, asyncio.ensure_future(self._counted(wanted, by, timezone))
            self._remember(key, known)
        # Whoever stops waiting does not stop those who wait for the same.
        return await asyncio.shield(known[1])

    async def _counted(self, wanted: AppealFilter, by: Sequence[Dimension], timezone: str) -> Statistics:
        rollup = rolled_up(wanted, by, timezone, MAX_GROUPS + 1)
        if rollup is None:
            return await self._reads.statistics(wanted, by, timezone)
        return Statistics.of(by, await self._quick.rows(rollup.text, rollup.parameters))

    def _remember(self, key: _Key, known: tuple[int, "asyncio.Task[Statistics]"]) -> None:
        self._known[key] = known
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)

        def forget_a_failure(done: "asyncio.Task[Statistics]") -> None:
            if (done.cancelled() or done.exception()) and self._known.get(key) == known:
                del self._known[key]

        known[1].add_done_callback(forget_a_failure)
