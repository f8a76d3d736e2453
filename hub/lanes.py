"""Hold a lane while its work runs: renew the lease, and stop the work the moment the lane is lost."""

import asyncio
import os
import socket
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any, TypeVar

from hub.errors import LaneLost, StoreUnavailable
from hub.model import Lane
from hub.store.lanes import Lanes

T = TypeVar("T")

LEASE = timedelta(seconds=15)


def holder() -> str:
    """This process, as people read it in `hub sources` and in the lane table."""
    return f"{socket.gethostname()}:{os.getpid()}"


async def hold(lanes: Lanes, lane: Lane, lease: timedelta, work: Coroutine[Any, Any, T]) -> T:
    """Run `work` under the lane, renewing the lease every third of its length. Raises LaneLost, the work cancelled."""
    running = asyncio.ensure_future(work)
    beat = asyncio.create_task(_beat(lanes, lane, lease))
    try:
        await asyncio.wait((running, beat), return_when=asyncio.FIRST_COMPLETED)
        if not running.done():
            await beat  # It ends only by raising.
        return await running
    finally:
        for task in (running, beat):
            task.cancel()
        await asyncio.gather(running, beat, return_exceptions=True)


async def _beat(lanes: Lanes, lane: Lane, lease: timedelta) -> None:
    loop = asyncio.get_running_loop()
    ends = loop.time() + lease.total_seconds()
    while True:
        await asyncio.sleep(lease.total_seconds() / 3)
        try:
            await lanes.renew(lane, lease)
        except StoreUnavailable as error:
            # Another process may take the lane once the lease has run out; until then the database may come back.
            if loop.time() > ends:
                raise LaneLost(f"the lease of {lane.name} ran out while the database was away") from error
        else:
            ends = loop.time() + lease.total_seconds()
