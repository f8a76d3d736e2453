"""Run the event loop until the work is done, or until a signal stops it in good order."""

import asyncio
import gc
import signal
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(Exception):
    """A signal ended the work before it was done; everything was given back."""

    def __init__(self, number: signal.Signals) -> None:
        super().__init__(f"stopped by {number.name}; what was landed stays: run the command again to go on")
        self.signal = int(number)


def until_stopped(work: Coroutine[Any, Any, T]) -> T:
    """Run the work. Raises Stopped when SIGINT, SIGTERM or SIGHUP cancelled it.

    Signals after the first change nothing: Ctrl-C reaches a whole group of processes, and some pass it on once more.
    """
    gc.freeze()  # What was imported until here stays for good: the collector need not look at it again and again.
    gc.set_threshold(50_000, 20, 50)  # Tickets leave no cycles: by default it would look after every 700 objects.
    gc.enable()
    with asyncio.Runner(loop_factory=_fast_loop()) as runner:
        return runner.run(_stoppable(work))


async def _stoppable(work: Coroutine[Any, Any, T]) -> T:
    running = asyncio.ensure_future(work)
    came: list[signal.Signals] = []

    def stop(number: signal.Signals) -> None:
        if not came:
            running.cancel()
        came.append(number)

    for number in _SIGNALS:
        # `nohup` has SIGHUP ignored for us, and means it.
        if number is not signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
            asyncio.get_running_loop().add_signal_handler(number, stop, number)
    try:
        return await running
    except asyncio.CancelledError:
        if not came:
            raise
        raise Stopped(came[0]) from None


def _fast_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:  # There is none for Windows.
        return None
    return uvloop.new_event_loop
