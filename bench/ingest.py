"""First load and unchanged re-read of 100,000 tickets, side by side with a bare fetch-and-insert loop.

    python -m bench.ingest [--rounds 3] [--tickets 100000]

Each round runs the bare loop, the hub's first load and the hub's second run, in turn, as whole processes against one
upstream and one PostgreSQL, each into a database of its own. CPU is user + system of the process (the database's own
CPU is printed beside it). Figures are medians of the rounds' ratios; a line `RATIO what value target ok|short` each.
"""

import argparse
import asyncio
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import psutil

from hub.store.embedded import EmbeddedPostgres

CONFIG = """
version: 1
sources:
  bench:
    title: 12345政务服务便民热线
    class: hotline
    connector: rest
    url: http://127.0.0.1:{port}/cursor
    limits: {{rate: 100000/s}}
    records: items
    page: {{by: cursor, send: cursor, next: next_cursor, size: {{send: limit, value: 500}}}}
    schedule: {{every: 1h}}
    map:
      external_id: order_no
      title: title
      content: content
      topic: {{from: [category1, category2, category3], join: /}}
      channel:
        from: channel
        map: {{12345热线: PHONE, 微信小程序: WECHAT_MINI, 网站: WEB, APP: APP, 来信: LETTER, 来访: VISIT,
               市长信箱: MAIL}}
        else: reject
      status:
        from: status
        map: {{待受理: RECEIVED, 已受理: ACCEPTED, 转办中: DISPATCHED, 办理中: IN_PROGRESS, 已办结: RESOLVED,
               已退回: RETURNED, 重复件: MERGED, 已评价: CLOSED}}
        else: reject
      urgency: {{from: urgency, map: {{一般: NORMAL, 紧急: URGENT, 特急: CRITICAL}}, else: reject}}
      reporter.name: caller_name
      reporter.phone: {{from: caller_phone, as: phone}}
      area: area_code
      location.address: address
      location.point: {{from: [lng, lat], crs: bd09}}
      created_at: {{from: accept_time, date: iso}}
      updated_at: {{from: update_time, date: iso}}
      due_at: {{from: deadline, date: iso}}
      closed_at: {{from: finish_time, date: iso}}
      lead_org: handle_dept
      result: reply
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one whole process took: CPU and wall seconds, peak MiB, and the database's CPU seconds meanwhile."""

    cpu: float
    wall: float
    peak: float
    database: float


def measure(command: Sequence[str], server: psutil.Process, environ: dict[str, str]) -> Cost:
    before, began = _cpu_of(server), time.monotonic()
    process = subprocess.Popen(
        command, env={**os.environ, **environ}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    errors = process.stderr.read() if process.stderr else b""
    _, status, used = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{' '.join(command)} failed:\n{errors.decode()}")
    wall = time.monotonic() - began
    return Cost(used.ru_utime + used.ru_stime, wall, used.ru_maxrss / 1024, _cpu_of(server) - before)


def _cpu_of(server: psutil.Process) -> float:
    """CPU of the server and all its backends; those that ended are counted in the server's own children."""
    total = sum(server.cpu_times()[:4])
    for child in server.children(recursive=True):
        try:
            total += sum(child.cpu_times()[:2])
        except psutil.NoSuchProcess:
            continue
    return total


async def _fresh(admin: str, name: str) -> str:
    connection = await asyncpg.connect(admin)
    await connection.execute(f"drop database if exists {name} with (force)")
    await connection.execute(f"create database {name}")
    await connection.execute("checkpoint")
    await connection.close()
    return admin.replace("/postgres?", f"/{name}?")


def ratio(what: str, value: float, target: float) -> bool:
    fine = value <= target
    print(f"RATIO {what} {value:.2f} {target:g} {'ok' if fine else 'short'}", flush=True)
    return fine


def show(what: str, cost: Cost) -> None:
    print(
        f"{what:<18} cpu {cost.cpu:6.2f} s   database {cost.database:6.2f} s   wall {cost.wall:6.2f} s   "
        f"peak {cost.peak:5.0f} MiB",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tickets", type=int, default=100_000)
    given = parser.parse_args()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    upstream = subprocess.Popen(
        [sys.executable, "-m", "bench.upstream", "--port", str(port), "--tickets", str(given.tickets)],
        stdout=subprocess.PIPE,
    )
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        server = EmbeddedPostgres(data)
        server.open()
        try:
            assert upstream.stdout is not None
            upstream.stdout.readline()
            fine = _rounds(given.rounds, port, Path(folder), server)
        finally:
            upstream.terminate()
            upstream.wait()
            server.close()
    sys.exit(not fine)


def _rounds(rounds: int, port: int, folder: Path, server: EmbeddedPostgres) -> bool:
    (folder / "connectors.yaml").write_text(textwrap.dedent(CONFIG).format(port=port))
    admin = server.url.replace("+asyncpg", "")
    postmaster = psutil.Process(int((server.folder / "postgres" / "postmaster.pid").read_text().split()[0]))
    hub = [str(Path(sys.executable).parent / "hub"), "--config", str(folder / "connectors.yaml"), "sync"]
    costs: dict[str, list[Cost]] = {"bare": [], "first load": [], "unchanged": []}
    for _ in range(rounds):
        bare = asyncio.run(_fresh(admin, "bare"))
        command = [sys.executable, "-m", "bench.bare", f"http://127.0.0.1:{port}/cursor", bare]
        costs["bare"].append(measure(command, postmaster, {}))
        environ = {"DATABASE_URL": asyncio.run(_fresh(admin, "hub"))}
        costs["first load"].append(measure(hub, postmaster, environ))
        costs["unchanged"].append(measure(hub, postmaster, environ))
        for what, measured in costs.items():
            show(what, measured[-1])
    return all([*_figures(costs)])


def _figures(costs: dict[str, list[Cost]]) -> list[bool]:
    def against_bare(what: str) -> float:
        return statistics.median(one.cpu / bare.cpu for one, bare in zip(costs[what], costs["bare"], strict=True))

    return [
        ratio("first-load-cpu-to-bare", against_bare("first load"), 4.0),
        ratio("unchanged-cpu-to-bare", against_bare("unchanged"), 1.0),
        ratio("first-load-peak-mib", statistics.median(cost.peak for cost in costs["first load"]), 150),
    ]


if __name__ == "__main__":
    main()
