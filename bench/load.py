"""Ask one server as fast as it answers, over a few connections, in a process of its own; say how fast that was.

Reads one JSON object from stdin: port, bodies (each an operation, asked in turn), connections, seconds. Writes one to
stdout: requests, errors, seconds, p50 and p99 in milliseconds.
"""

import asyncio
import itertools
import json
import statistics
import sys
import time
from collections.abc import Iterator
from typing import Any

import uvloop


class Asking(asyncio.Protocol):
    """One connection: the next request goes out when the answer before it is whole."""

    def __init__(self, requests: Iterator[bytes], until: float) -> None:
        self.requests = requests
        self.until = until
        self.times: list[float] = []
        self.errors = 0
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self._ask()

    def _ask(self) -> None:
        self.answer, self.end = b"", -1
        self.began = time.perf_counter()
        self.transport.write(next(self.requests))

    def data_received(self, data: bytes) -> None:
        self.answer = self.answer + data if self.answer else data
        if self.end < 0:
            self.end = _end(self.answer)
        whole = self.answer.endswith(b"0\r\n\r\n") if self.end == 0 else len(self.answer) >= self.end > 0
        if whole:
            self._answered()

    def _answered(self) -> None:
        now = time.perf_counter()
        self.times.append(now - self.began)
        if not self.answer.startswith(b"HTTP/1.1 200") or b'"errors"' in self.answer:
            self.errors += 1
        if now < self.until:
            self._ask()
        else:
            self.transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        self.errors += error is not None
        if not self.ended.done():
            self.ended.set_result(None)


def _end(answer: bytes) -> int:
    """Where an answer ends, from its head: 0 when it comes in chunks, -1 when the head is not whole yet."""
    head, separator, _ = answer.partition(b"\r\n\r\n")
    if not separator:
        return -1
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return len(head) + 4 + int(line[15:])
    return 0


async def main(port: int, bodies: list[str], connections: int, seconds: float) -> dict[str, float]:
    requests = itertools.cycle([_request(body.encode()) for body in bodies])
    began = time.perf_counter()
    asking: list[Asking] = []
    for _ in range(connections):
        _, one = await asyncio.get_running_loop().create_connection(
            lambda: Asking(requests, began + seconds), "127.0.0.1", port
        )
        asking.append(one)
    await asyncio.gather(*(one.ended for one in asking))
    took = time.perf_counter() - began
    times = sorted(itertools.chain.from_iterable(one.times for one in asking))
    hundredths = statistics.quantiles(times, n=100)
    return {
        "requests": len(times),
        "errors": sum(one.errors for one in asking),
        "seconds": took,
        "p50": hundredths[49] * 1e3,
        "p99": hundredths[98] * 1e3,
    }


def _request(body: bytes) -> bytes:
    head = (
        "POST /graphql HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\naccept: application/json\r\n"
        f"content-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


if __name__ == "__main__":
    print(json.dumps(uvloop.run(main(**json.load(sys.stdin)))))
