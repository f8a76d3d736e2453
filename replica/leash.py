"""Run a command that ends when whoever started it does: `python leash.py COMMAND…`, with a pipe as its stdin.

However the starter ends, by kill -9 too, the system closes its end of the pipe, and the command is told to stop.
"""

import asyncio
import os
import signal
import subprocess
import sys
import threading
from asyncio.subprocess import PIPE, Process
from contextlib import suppress
from typing import Any

_STOPPING = 10  # seconds that the command gets to stop by itself
_PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


async def start(*command: str, **options: Any) -> Process:
    """Start a command on a leash, in a session of its own: Ctrl-C reaches only the starter.

    Options are those of `asyncio.create_subprocess_exec`. A start that is cancelled leaves nothing behind.
    """
    leashed = asyncio.create_subprocess_exec(
        sys.executable, "-P", __file__, *command, stdin=PIPE, start_new_session=True, **options
    )
    # asyncio would kill what it has started, the leash, and with it the one who stops the command.
    starting = asyncio.ensure_future(leashed)
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        await stop(await starting)
        raise


async def stop(process: Process) -> None:
    """Stop what `start` started, with force where it takes more than 10 seconds, and what it left running itself."""
    if process.returncode is None:
        process.terminate()
    with suppress(TimeoutError):
        await asyncio.wait_for(process.wait(), _STOPPING)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()


def main() -> int:
    """Return what the command returned; signals go on to it."""
    # One that comes while the command is being started waits until it can be passed on.
    signal.pthread_sigmask(signal.SIG_BLOCK, _PASSED_ON)
    with subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, preexec_fn=_hear) as command:  # noqa: PLW1509, S603
        for number in _PASSED_ON:
            signal.signal(number, lambda number, _frame: command.send_signal(number))
        _hear()
        threading.Thread(target=_follow, args=(command,), daemon=True).start()
        ended = command.wait()
    return ended if ended >= 0 else 128 - ended


def _hear() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _PASSED_ON)


def _follow(command: "subprocess.Popen[bytes]") -> None:
    # Not by sys.stdin, whose lock a thread that waits there would hold when the interpreter ends.
    while os.read(0, 1024):
        pass
    command.terminate()
    try:
        command.wait(_STOPPING)
    except subprocess.TimeoutExpired:
        command.kill()


if __name__ == "__main__":
    sys.exit(main())
