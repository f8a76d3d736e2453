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
    # Everything runs from bytecode, as what is installed does: some shells ask Python to keep none.
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    before, began = cpu_of(server), time.monotonic()
    process = subprocess.Popen(command, env={**inherited, **environ}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
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


def whole(cost: Cost) -> float:
    """The CPU of a process and of the database it wrote to."""
    return cost.cpu + cost.database


def own(cost: Cost) -> float:
    """The CPU of a process and its children alone."""
    return cost.cpu


def median(costs: Sequence[Cost], figure: Callable[[Cost], float]) -> float:
    return statistics.median(map(figure, costs))


def ratios(costs: Sequence[Cost], others: Sequence[Cost], cpu: Callable[[Cost], float] = own) -> list[float]:
    """Of the CPU within each round: what slows a machine slows all that runs in the same minute."""
    return [cpu(one) / cpu(other) for one, other in zip(costs, others, strict=True)]


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


def median_ratio(what: str, rounds: Sequence[float], target: float) -> bool:
    """Print the median of the rounds beside its target, and before it all of them; says whether it is kept."""
    print(f"rounds {what} {' '.join(f'{each:.2f}' for each in sorted(rounds))}", flush=True)
    return ratio(what, statistics.median(rounds), target)
