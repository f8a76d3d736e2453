"""First load and unchanged re-read of 100,000 tickets, side by side with a bare fetch-and-insert loop, and with peers.

    python -m bench.ingest [--rounds 3] [--tickets 100000] [--peers] [--loaders] [--lag]

Each round runs the bare loop, the hub's first load and the hub's second run in turn, and with --peers also dlt, the
Airbyte CDK and the Singer SDK, as whole processes against one upstream. What is compared is the CPU, user + system, of
the process and its children. The bare loop and the hub write to one PostgreSQL, each to a database of its own; its CPU
is printed beside theirs and counted in no ratio. The peers write to files or to nowhere (`bench.peers`).

With --loaders dlt and Singer also load into that PostgreSQL, and there the server's CPU is counted for them and for the
hub alike. Figures are medians of the rounds' ratios, a line `RATIO what value target ok|short` each. A peer that cannot
be installed is said to be missing. With --lag `bench.lag` measures besides how long a source waits for others.
"""

import argparse
import asyncio
import compileall
import site
import socket
import statistics
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import psutil

from bench import peers
from bench.costs import Cost, measure, median, median_ratio, ratio, ratios, show, whole
from bench.lag import lag
from hub.store.embedded import EmbeddedPostgres

FIRST_LOAD, UNCHANGED, PEAK = 2.5, 0.75, 120
"""The targets: CPU as multiples of the bare loop's, and MiB."""

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


async def _fresh(admin: str, name: str) -> str:
    connection = await asyncpg.connect(admin)
    await connection.execute(f"drop database if exists {name} with (force)")
    await connection.execute(f"create database {name}")
    await connection.execute("checkpoint")
    await connection.close()
    return admin.replace("/postgres?", f"/{name}?")


@dataclass(frozen=True, slots=True)
class Scene:
    """One upstream and one PostgreSQL, the same for all that is measured."""

    url: str
    folder: Path
    admin: str
    postgres: psutil.Process

    def bare(self) -> Cost:
        command = [sys.executable, "-m", "bench.bare", self.url, self.fresh("bare")]
        return measure(command, self.postgres, {})

    def hub(self, database: str) -> Cost:
        command = [str(Path(sys.executable).parent / "hub"), "--config", str(self.folder / "connectors.yaml"), "sync"]
        return measure(command, self.postgres, {"DATABASE_URL": database})

    def peer(self, peer: peers.Peer) -> Cost:
        with tempfile.TemporaryDirectory() as folder:
            return measure(peers.command(peer, self.url, Path(folder), self.fresh("peer")), self.postgres, {})

    def fresh(self, name: str) -> str:
        return asyncio.run(_fresh(self.admin, name))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tickets", type=int, default=100_000)
    parser.add_argument("--peers", action="store_true", help="also dlt, the Airbyte CDK and the Singer SDK")
    parser.add_argument("--loaders", action="store_true", help="also dlt and Singer into the same PostgreSQL")
    parser.add_argument("--lag", action="store_true", help="also how long a source waits for others that hang")
    given = parser.parse_args()
    _compile()
    readers = peers.installed(peers.READERS) if given.peers else []
    loaders = peers.installed(peers.LOADERS) if given.loaders else []
    with scene(given.tickets) as stage:
        costs = _rounds(stage, given.rounds, [*readers, *loaders])
    fine = [*_figures(costs, readers), *_loading(costs, loaders), *([lag()] if given.lag else [])]
    sys.exit(not all(fine))


def _compile() -> None:
    """Write the bytecode that an installation has: pip compiled the peers'."""
    for folder in (*site.getsitepackages(), "hub", "bench"):
        compileall.compile_dir(folder, quiet=2)


@contextmanager
def scene(tickets: int) -> Iterator[Scene]:
    with tempfile.TemporaryDirectory() as name, _upstream(tickets) as port:
        folder = Path(name)
        (folder / "connectors.yaml").write_text(textwrap.dedent(CONFIG).format(port=port))
        server = EmbeddedPostgres(folder / "data")
        server.open()
        try:
            postmaster = int((server.folder / "postgres" / "postmaster.pid").read_text().split()[0])
            admin = server.url.replace("+asyncpg", "")
            yield Scene(f"http://127.0.0.1:{port}/cursor", folder, admin, psutil.Process(postmaster))
        finally:
            server.close()


@contextmanager
def _upstream(tickets: int) -> Iterator[int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "bench.upstream", "--port", str(port), "--tickets", str(tickets)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield port
        finally:
            process.terminate()


def _rounds(stage: Scene, rounds: int, beside: Sequence[peers.Peer]) -> dict[str, list[Cost]]:
    costs: dict[str, list[Cost]] = {}
    for _ in range(rounds):
        for what, cost in _one_round(stage, beside):
            show(what, cost)
            costs.setdefault(what, []).append(cost)
    return costs


def _one_round(stage: Scene, beside: Sequence[peers.Peer]) -> Iterator[tuple[str, Cost]]:
    yield "bare", stage.bare()
    database = stage.fresh("hub")
    yield "first load", stage.hub(database)
    yield "unchanged", stage.hub(database)
    for peer in beside:
        yield peer.name, stage.peer(peer)


def _figures(costs: dict[str, list[Cost]], readers: Sequence[peers.Peer]) -> Iterator[bool]:
    bare, first_load, unchanged = costs["bare"], costs["first load"], costs["unchanged"]
    yield median_ratio("first-load-cpu-to-bare", ratios(first_load, bare), FIRST_LOAD)
    yield median_ratio("unchanged-cpu-to-bare", ratios(unchanged, bare), UNCHANGED)
    yield ratio("first-load-peak-mib", median(first_load, lambda cost: cost.peak), PEAK)
    for peer in readers:
        print(f"PEER {peer.requirement} cpu-to-bare {statistics.median(ratios(costs[peer.name], bare)):.2f}")
        yield median_ratio(f"first-load-cpu-to-{peer.name}", ratios(first_load, costs[peer.name]), 1)
        yield median_ratio(f"unchanged-cpu-to-{peer.name}", ratios(unchanged, costs[peer.name]), 1)


def _loading(costs: dict[str, list[Cost]], loaders: Sequence[peers.Peer]) -> Iterator[bool]:
    """Both write to one PostgreSQL, and its CPU is counted for both; the hub writes raw tickets and history as well."""
    for peer in loaders:
        print(f"LOADER {peer.requirement}")
        both = ratios(costs["first load"], costs[peer.name], whole)
        yield median_ratio(f"first-load-cpu-with-database-{peer.name}", both, 1)


if __name__ == "__main__":
    main()
