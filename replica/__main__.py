"""Run the made-up city by itself: `python -m replica`."""

import argparse
import asyncio
import os
import signal
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from replica.city import Clock
from replica.faults import Faults
from replica.replica import HOST, PACE, PORT, SEED, Replica


def main() -> int:
    """Serve until SIGINT or SIGTERM; return 2 when the port is taken."""
    options = _parser().parse_args()
    try:
        asyncio.run(_serve(_replica(options), options.hub))
    except OSError as error:
        cure = "stop what listens there, or choose another by --port (0: any)"
        sys.stderr.write(f"cannot listen on {HOST}:{options.port}: {error.strerror}; {cure}\n")
        return 2
    return 0


async def _serve(replica: Replica, hub: str | None) -> None:
    stop = asyncio.Event()
    if hub:
        replica.push_to(hub)
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with replica:
        sys.stdout.write(f"{replica.url} ({len(replica.desks)} systems); files in {replica.files}\n")
        sys.stdout.flush()
        await stop.wait()


def _replica(options: argparse.Namespace) -> Replica:
    return Replica(
        files=options.files,
        port=options.port,
        seed=options.seed,
        clock=clock_from(options.now),
        pace=timedelta(seconds=options.pace),
        faults=Faults(
            latency=timedelta(milliseconds=options.latency_ms),
            too_many=options.p429,
            retry_after=options.retry_after,
            broken=options.p500,
            cut=options.pcut,
            reorder=options.reorder,
            token_ttl=None if options.token_ttl is None else timedelta(seconds=options.token_ttl),
        ),
    )


def clock_from(start: datetime | None) -> Clock:
    """Return the real clock, or one that runs from `start`."""
    if start is None:
        return lambda: datetime.now(UTC)
    ahead = start - datetime.now(UTC)
    return lambda: datetime.now(UTC) + ahead


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise argparse.ArgumentTypeError("write the offset too, as in 2026-03-01T08:00:00+08:00")
    return moment


def _share(text: str) -> float:
    if not 0 <= float(text) <= 1:
        raise argparse.ArgumentTypeError("a share lies between 0 and 1")
    return float(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m replica", description="A made-up city of 43 legacy systems.")
    add = parser.add_argument
    add("--port", type=int, default=int(os.environ.get("REPLICA_PORT", str(PORT))), help="0: any")
    add("--files", type=Path, default=Path(os.environ.get("REPLICA_FILES", ".replica")), help="where files are dropped")
    add("--hub", help="where a hub serves, such as http://127.0.0.1:8000, for the systems that push")
    add("--seed", type=int, default=SEED, help="the same seed gives the same city")
    add("--now", type=_moment, help="when the city's clock starts, with its offset; the real time where left out")
    add("--pace", type=float, default=PACE.total_seconds(), help="seconds from one new ticket to the next")
    faults = parser.add_argument_group("faults").add_argument
    faults("--latency-ms", type=float, default=0, help="how late every answer is")
    faults("--p429", type=_share, default=0, help="share of requests answered with 429 and Retry-After")
    faults("--retry-after", type=int, default=1, help="what that Retry-After says, in seconds")
    faults("--p500", type=_share, default=0, help="share of requests answered with 500")
    faults("--pcut", type=_share, default=0, help="share of answers cut in the middle of the body")
    faults("--token-ttl", type=float, help="seconds until a token expires")
    faults("--reorder", action="store_true", help="shuffle the rows and the keys of every answer")
    return parser


if __name__ == "__main__":
    sys.exit(main())
