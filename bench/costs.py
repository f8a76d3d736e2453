"""What a whole process costs, and the lines in which the benchmarks say it."""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import psutil


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU (user + system) and wall seconds of a process and its children, peak MiB, the database's CPU meanwhile."""

    cpu: float
    wall: float
    peak: float
    database: float


def measure(command: Sequence[str], server: psutil.Process, environ: Mapping[str, str]) -> Cost:
    before, began = cpu_of(server), time.monotonic()
    process = subprocess.Popen(
        command, env={**os.environ, **environ}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    errors = process.stderr.read() if process.stderr else b""
    _, status, used = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{' '.join(command)} failed:\n{errors.decode()[-2000:]}")
    wall = time.monotonic() - began
    return Cost(used.ru_utime + used.ru_stime, wall, used.ru_maxrss / 1024, cpu_of(server) - before)


def cpu_of(server: psutil.Process) -> float:
    """CPU of a server and all its backends; those that ended are counted in the server's own children."""
    total = sum(server.cpu_times()[:4])
    for child in server.children(recursive=True):
        try:
            total += sum(child.cpu_times()[:2])
        except psutil.NoSuchProcess:
            continue
    return total


def median(costs: Sequence[Cost], figure: Callable[[Cost], float]) -> float:
    return statistics.median(map(figure, costs))


def median_ratio(costs: Sequence[Cost], others: Sequence[Cost]) -> float:
    """Of the ratios of CPU within each round: what slows a machine slows all that runs in the same minute."""
    return statistics.median(one.cpu / other.cpu for one, other in zip(costs, others, strict=True))


def show(what: str, cost: Cost) -> None:
    print(
        f"{what:<14} cpu {cost.cpu:6.2f} s   database {cost.database:6.2f} s   wall {cost.wall:6.2f} s   "
        f"peak {cost.peak:5.0f} MiB",
        flush=True,
    )


def ratio(what: str, value: float, target: float) -> bool:
    """Print one figure beside its target; says whether it is kept."""
    fine = value <= target
    print(f"RATIO {what} {value:.2f} {target:g} {'ok' if fine else 'short'}", flush=True)
    return fine
