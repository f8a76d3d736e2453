"""Keep to a rate between runs too."""

import asyncio

from aiolimiter import AsyncLimiter

from hub.units import PerTime


class Pace:
    """Lets so many through in a time. Lives as long as its connector."""

    def __init__(self, rate: PerTime) -> None:
        self._rate = rate
        self._limiter: tuple[asyncio.AbstractEventLoop, AsyncLimiter] | None = None

    async def wait(self) -> None:
        """Return when it is time."""
        # A limiter belongs to one event loop.
        loop = asyncio.get_running_loop()
        if self._limiter is None or self._limiter[0] is not loop:
            self._limiter = (loop, AsyncLimiter(self._rate.count, self._rate.per.total_seconds()))
        await self._limiter[1].acquire()
