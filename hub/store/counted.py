"""Counts that are asked again and again, each kept for as long as no appeal changes."""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence

from hub.store import counting, rollups
from hub.store.counting import Statistics
from hub.store.quick import Quick, Row
from hub.wanted import StatisticsQuery

_REMEMBERED = 256  # counts, of a thousand groups each at most


class Counted:
    """Statistics, exact at every moment: what an appeal is, and its change in the log, are committed together.

    So the number of the newest change tells one state of all appeals from every other. It is read before the counting,
    and what was counted is given out only to those who read the same number later, and ask for the very same: who may
    see a part of the appeals only must ask for that part, by the filter.
    """

    def __init__(self, quick: Quick) -> None:
        self._quick = quick
        self.last_change = quick.last_change_number
        self._known: OrderedDict[StatisticsQuery, tuple[int, asyncio.Task[Statistics]]] = OrderedDict()

    async def statistics(self, query: StatisticsQuery, last_change: int) -> Statistics:
        """The counts, as they are at `last_change` or later. Those who ask for the same together count once."""
        if query.filter.depends_on_now:
            return await counting.count(query, self._rows)
        known = self._known.get(query)
        if known is None or known[0] != last_change:
            known = last_change, asyncio.ensure_future(counting.count(query, self._rows))
            self._remember(query, known)
        # Whoever stops waiting does not stop those who wait for the same.
        return await asyncio.shield(known[1])

    async def _rows(self, query: StatisticsQuery) -> Sequence[Row]:
        if (rolled_up := rollups.statement(query)) is not None:
            return await self._quick.rows(*rolled_up)
        return await self._quick.rows_planned_anew(*counting.statement(query))

    def _remember(self, key: StatisticsQuery, known: tuple[int, "asyncio.Task[Statistics]"]) -> None:
        self._known[key] = known
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)

        def forget_a_failure(done: "asyncio.Task[Statistics]") -> None:
            if (done.cancelled() or done.exception()) and self._known.get(key) == known:
                del self._known[key]

        known[1].add_done_callback(forget_a_failure)
