"""The command `hub`, run as people run it: a process of its own, real files, a real database, real signals."""

import asyncio
import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import parse_qs, unquote

import asyncpg
import jsonschema
import psutil
import pytest
import sqlalchemy as sa
import yaml
from websockets.sync.client import connect

from hub.cli import app
from hub.config import load
from hub.model import Status, TicketState
from hub.store.embedded import EmbeddedPostgres
from hub.store.store import Store
from hub.sync import run

ROOT = Path(__file__).parent.parent
HUB = (sys.executable, "-m", "hub.cli")

CONFIG = """\
version: 1
defaults:
  schedule: {every: 1h}
sources:
  housing:
    title: 房产服务热线
    class: hotline
    department: 市住建局
    connector: files
    at: inbox
    pick: "*.jsonl"
    ready: {unchanged_for: 0s}
    map:
      external_id: 编号
      title: 标题
      status: {from: 状态, map: {待办: RECEIVED, 办结: RESOLVED}, else: reject}
      created_at: {from: 时间, date: iso}
      reporter.phone: {from: 来电.电话, as: phone}
"""
AWAY = """\
  lift:
    title: 电梯应急平台
    class: platform
    connector: rest
    url: http://127.0.0.1:9/tickets
    retry: {attempts: 1}
    auth: {bearer: "${LIFT_TOKEN:-canary-7f3a}"}
    map: {external_id: id, title: title, status: {value: RECEIVED}, created_at: {from: at, date: iso}}
"""
RESTING = """\
  resting:
    title: 停用的平台
    class: platform
    enabled: false
    connector: files
    at: inbox
    pick: "*.csv"
    map: {external_id: id, title: title, status: {value: RECEIVED}, created_at: {from: at, date: iso}}
"""
BROKEN_LIFT = {"编号": "A1", "标题": "电梯坏了", "状态": "待办", "时间": "2026-03-01T10:00:00+08:00"}
DARK_STREET = {"编号": "A2", "标题": "路灯不亮", "状态": "办结", "时间": "2026-03-01T11:00:00+08:00"}
VOID = {"编号": "A3", "标题": "漏水", "状态": "作废", "时间": "2026-03-01T12:00:00+08:00"}
UNKNOWN_STATUS = "status '作废' is unknown; add it under sources.housing.map.status.map"


@dataclass(frozen=True)
class City:
    """A folder with connectors.yaml and a source's inbox, and the environment that commands run in."""

    folder: Path
    environ: Mapping[str, str] = field(default_factory=dict)

    def configure(self, text: str) -> None:
        (self.folder / "connectors.yaml").write_text(text)

    def drop(self, name: str, *tickets: Mapping[str, object]) -> None:
        """A file appears in the inbox, whole."""
        (self.folder / "inbox").mkdir(exist_ok=True)
        part = self.folder / "part"
        part.write_text("".join(json.dumps(ticket, ensure_ascii=False) + "\n" for ticket in tickets))
        part.rename(self.folder / "inbox" / name)

    def hub(self, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            (*HUB, *arguments),
            cwd=self.folder,
            env=self._environment(environ),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    @contextmanager
    def running(self, *arguments: str, **environ: str) -> Iterator[subprocess.Popen[str]]:
        """A command under way in a group of its own; killed if it is still there at the end."""
        process = subprocess.Popen(
            (*HUB, *arguments),
            cwd=self.folder,
            env=self._environment(environ),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            process.kill()
            process.communicate(timeout=20)

    def _environment(self, more: Mapping[str, str]) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
        return {**kept, "PYTHONPATH": str(ROOT), "LANG": "C.UTF-8", **self.environ, **more}


@pytest.fixture
def offline(tmp_path: Path) -> City:
    """A city whose commands fail as soon as they look for a database."""
    city = City(tmp_path, {"HUB_DATA": "/dev/null/nowhere"})
    city.configure(CONFIG)
    city.drop("a.jsonl", BROKEN_LIFT, DARK_STREET, VOID)
    return city


@pytest.fixture
async def database_url(embedded: EmbeddedPostgres) -> AsyncIterator[str]:
    """An empty database. The command is the same whatever the server: the embedded one will do."""
    name = f"hub_test_{uuid.uuid4().hex[:12]}"
    url = sa.make_url(embedded.url)
    admin = await asyncpg.connect(url.set(drivername="postgresql").render_as_string(hide_password=False))
    await admin.execute(f'create database "{name}"')
    yield url.set(database=name).render_as_string(hide_password=False)
    await admin.execute(f'drop database "{name}" with (force)')
    await admin.close()


@pytest.fixture
def city(tmp_path: Path, database_url: str) -> City:
    city = City(tmp_path, {"DATABASE_URL": database_url})
    city.configure(CONFIG)
    city.drop("a.jsonl", BROKEN_LIFT, DARK_STREET, VOID)
    return city


@pytest.fixture
async def pulled(city: City) -> City:
    """A city that was synced once."""
    await _pull(city)
    return city


@pytest.fixture
def data() -> Iterator[str]:
    """A folder for the hub's own database; see tests/conftest.py for why it is not a tmp_path."""
    with TemporaryDirectory(prefix="hub-test-") as folder:
        yield folder


# ── hub ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_bare_command_shows_the_help_with_a_sentence_for_every_command(offline: City) -> None:
    bare, asked = offline.hub(), offline.hub("--help")

    assert (bare.returncode, bare.stderr) == (0, "")
    assert bare.stdout == asked.stdout
    for command in app.registered_commands:
        name = command.name or command.callback.__name__
        assert re.search(rf"^  {name} +[A-Z].*\.$", bare.stdout, re.MULTILINE), name


def test_help_is_shown_without_loading_what_a_command_needs() -> None:
    loaded = subprocess.run(
        (sys.executable, "-c", "import hub.cli, sys; print(*sys.modules)"),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()

    assert not {"aiohttp", "pydantic", "rich", "sqlalchemy", "strawberry", "structlog", "uvicorn"} & set(loaded)


def test_a_misspelt_command_is_a_misuse_that_says_what_was_meant(offline: City) -> None:
    done = offline.hub("synk")

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.endswith("Error: No such command 'synk'. Did you mean 'sync'?\n")


def test_an_unknown_option_is_a_misuse(offline: City) -> None:
    done = offline.hub("check", "--jsn")

    assert (done.returncode, done.stdout) == (2, "")
    assert "No such option: --jsn" in done.stderr


def test_the_version_is_that_of_the_package(offline: City) -> None:
    assert offline.hub("version").stdout == "hub 0.1.0\n"
    assert json.loads(offline.hub("version", "--json").stdout) == {"version": "0.1.0"}


def test_a_mistake_of_the_hubs_own_is_one_line_and_keeps_its_message_to_itself(offline: City) -> None:
    script = (
        "import hub.cli\n@hub.cli.app.command()\ndef fall() -> int:\n    raise KeyError('canary-7f3a')\nhub.cli.main()"
    )

    def fall(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = (sys.executable, "-c", script, *arguments, "fall")
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    quiet, loud = fall(), fall("--verbose")

    assert (quiet.returncode, quiet.stdout) == (1, "")
    assert re.fullmatch(
        r"Error: internal error: KeyError at hub/cli/__init__.py:\d+\n"
        r"  this is a mistake of the hub's: run again with --verbose and report it\n",
        quiet.stderr,
    )
    assert loud.returncode == 1
    assert loud.stderr.startswith("Traceback (most recent call last):\n")


# ── hub check ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_check_lists_the_sources_in_columns(offline: City) -> None:
    offline.configure(CONFIG + AWAY + RESTING)

    done = offline.hub("check")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        "source   class     connector  schedule  title\n"
        "housing  hotline   files      every 1h  房产服务热线\n"
        "lift     platform  rest       every 1h  电梯应急平台\n"
        "resting  platform  files      disabled  停用的平台\n"
        "connectors.yaml is in order: 3 sources; run `hub try housing` or `hub sync`\n"
    )


def test_check_says_the_same_to_a_program(offline: City) -> None:
    (source,) = json.loads(offline.hub("check", "--json").stdout)["sources"]

    assert source == {
        "source": "housing",
        "class": "hotline",
        "connector": "files",
        "schedule": "every 1h",
        "title": "房产服务热线",
        "department": "市住建局",
        "integration": None,
        "alias_of": None,
        "enabled": True,
        "outward": {"status": {"RECEIVED": "待办", "RESOLVED": "办结"}},
        "unsaid": [each for each in Status if each not in ("RECEIVED", "RESOLVED", "UNKNOWN")],
    }


def test_check_says_what_a_source_cannot_be_told_once_somebody_thought_of_telling_it(offline: City) -> None:
    several = CONFIG.replace("办结: RESOLVED}", "办结: RESOLVED, 结案: RESOLVED}")

    offline.configure(several)
    unasked = offline.hub("check").stdout
    offline.configure(several + "    outward: {status: {RESOLVED: 结案}}\n")
    asked = offline.hub("check").stdout

    assert "cannot be told" not in unasked
    assert "\nhousing: cannot be told ACCEPTED, REJECTED, DISPATCHED" in asked
    assert "RESOLVED" not in asked


def test_check_prints_one_line_a_mistake_and_exits_2(offline: City) -> None:
    offline.configure(CONFIG.replace("connector: files", "connector: flies").replace("1h", "soon"))

    done = offline.hub("check")

    assert (done.returncode, done.stderr) == (2, "")
    first, second = done.stdout.splitlines()
    assert first.startswith("connectors.yaml:3: defaults.schedule.every: 'soon' is not a duration")
    assert second.startswith(
        "connectors.yaml:9: sources.housing.connector: no connector 'flies'; did you mean 'files'?"
    )


def test_check_gives_a_program_every_mistake_in_parts(offline: City) -> None:
    offline.configure(CONFIG.replace("connector: files", "connector: flies"))

    done = offline.hub("--json", "check")

    (mistake,) = json.loads(done.stdout)["mistakes"]
    assert done.returncode == 2
    assert (mistake["file"], mistake["line"], mistake["path"]) == ("connectors.yaml", 9, "sources.housing.connector")


def test_the_file_is_the_one_that_is_named(offline: City) -> None:
    (offline.folder / "connectors.yaml").rename(offline.folder / "other.yaml")

    by_option = offline.hub("check", "--config", "other.yaml", HUB_CONFIG="nowhere.yaml")
    by_environment = offline.hub("check", HUB_CONFIG="nowhere.yaml")

    assert by_option.returncode == 0
    assert by_environment.returncode == 2
    assert by_environment.stdout.startswith("nowhere.yaml:1: there is no such file")


def test_check_opens_no_socket(offline: City) -> None:
    offline.configure(CONFIG + AWAY)
    script = (
        "import sys\n"
        "def forbid(event, _):\n"
        "    if event in ('socket.connect', 'socket.bind', 'socket.getaddrinfo', 'socket.sendto'): sys.exit(event)\n"
        "sys.addaudithook(forbid)\n"
        "from hub.cli import main\n"
        "main()"
    )

    def watched(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = (sys.executable, "-c", script, *arguments)
        environ = {**os.environ, "PYTHONPATH": str(ROOT)}
        return subprocess.run(
            command, cwd=offline.folder, env=environ, capture_output=True, text=True, check=False, timeout=30
        )

    assert watched("check").returncode == 0
    assert "socket." in watched("try", "lift").stderr, "or the watch would see nothing"


# ── hub try ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_try_shows_each_ticket_beside_its_appeal_and_needs_no_database(offline: City) -> None:
    offline.drop("a.jsonl", {**BROKEN_LIFT, "来电": {"电话": "13800000001"}})

    done = offline.hub("try", "housing")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        "ticket 1 → appeal A1\n"
        "ticket                                   appeal\n"
        "编号       A1                         →  external_id     A1\n"
        "标题       电梯坏了                   →  title           电梯坏了\n"
        "状态       待办                       →  status          RECEIVED\n"
        "时间       2026-03-01T10:00:00+08:00  →  created_at      2026-03-01T02:00:00+00:00\n"
        "来电.电话  13800000001                →  updated_at      2026-03-01T02:00:00+00:00\n"
        "                                      →  kind            OTHER\n"
        "                                      →  status_text     待办\n"
        "                                      →  urgency         NORMAL\n"
        "                                      →  channel         UNKNOWN\n"
        "                                      →  is_secret       False\n"
        "                                      →  reporter.phone  +8613800000001\n"
        "                                      →  satisfaction    NONE\n"
        "\n"
        "1 ticket reads as an appeal; nothing was stored: run `hub sync housing`\n"
    )


def test_try_shows_why_a_ticket_is_rejected_and_exits_1(offline: City) -> None:
    done = offline.hub("try", "housing")

    assert done.returncode == 1
    assert f"ticket 3 → rejected: {UNKNOWN_STATUS}\n" in done.stdout
    assert done.stdout.endswith("1 of 3 tickets rejected: mend sources.housing.map and run `hub try housing` again\n")


def test_try_says_the_same_to_a_program_and_pulls_no_more_tickets_than_asked(offline: City) -> None:
    offline.drop("a.jsonl", BROKEN_LIFT, VOID, DARK_STREET)

    read, refused = json.loads(offline.hub("try", "housing", "--json", "--limit", "2").stdout)["tickets"]

    assert (read["ticket"], read["appeal"]["status"], read["rejected"]) == (BROKEN_LIFT, "RECEIVED", None)
    assert (refused["ticket"], refused["appeal"], refused["rejected"]["field"]) == (VOID, None, "status")


@pytest.mark.parametrize("only_if", ["标题", "misspelt"])
def test_try_leaves_files_where_they_are_even_where_nothing_is_held(offline: City, only_if: str) -> None:
    text = (offline.folder / "connectors.yaml").read_text()
    offline.configure(
        text.replace("connector: files", f"connector: files\n    after: delete\n    only_if: {only_if}", 1)
    )
    offline.drop("a.jsonl", BROKEN_LIFT)
    offline.drop("b.jsonl")

    done = offline.hub("try", "housing")

    assert ("gave no tickets" in done.stdout) == (only_if == "misspelt")
    assert sorted(path.name for path in (offline.folder / "inbox").iterdir()) == ["a.jsonl", "b.jsonl"]


def test_what_a_source_sends_cannot_command_the_terminal(offline: City) -> None:
    offline.drop("a.jsonl", {**BROKEN_LIFT, "标题": "\x1b]0;owned\x07\u202e[red]电梯"})

    shown = offline.hub("try", "housing").stdout

    assert "\\x1b]0;owned\\x07\\u202e[red]电梯" in shown
    assert not {"\x1b", "\x07", "\u202e"} & set(shown)


def test_a_misspelt_source_is_a_misuse_that_says_what_was_meant(offline: City) -> None:
    done = offline.hub("try", "hosing")

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "Error: there is no source 'hosing' in connectors.yaml\n  did you mean 'housing'?\n"


def test_a_source_that_is_away_is_one_line_without_its_secret(offline: City) -> None:
    offline.configure(CONFIG + AWAY)

    done = offline.hub("try", "lift")

    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(r"Error: GET http://127\.0\.0\.1:9/tickets: .*\n", done.stderr)
    assert "canary" not in done.stderr


# ── hub sync ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_sync_shows_what_became_of_the_tickets_and_names_the_next_command(city: City) -> None:
    done = city.hub("sync")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        "source   landed  served  unchanged  rejected\n"
        "housing       3       2          0         1\n"
        "1 rejected: run `hub rejected housing`\n"
    )


def test_sync_counts_what_it_knew_and_what_came_twice(pulled: City) -> None:
    pulled.drop("b.jsonl", BROKEN_LIFT, DARK_STREET, {**DARK_STREET, "状态": "待办"})

    done = pulled.hub("sync", "housing")

    assert done.stdout == (
        "source   landed  served  unchanged  rejected  repeated\n"
        "housing       1       1          1         0         1\n"
    )


def test_a_source_that_fails_ends_no_other_and_makes_the_exit_code_1(city: City) -> None:
    city.configure(CONFIG + AWAY)

    done = city.hub("sync", "--verbose")

    lines = done.stdout.splitlines()
    assert done.returncode == 1
    assert lines[1:4] == [
        "housing       3       2          0         1",
        "lift          0       0          0         0",
        "total         3       2          0         1",
    ]
    assert lines[4].startswith("lift failed: GET http://127.0.0.1:9/tickets: ")
    assert lines[5:] == [
        "1 rejected: run `hub rejected housing`",
        "1 failed: run `hub try lift` to see what it answers",
    ]
    assert "canary" not in done.stdout + done.stderr


def test_sync_says_the_same_to_a_program_of_every_enabled_source(city: City) -> None:
    city.configure(CONFIG + AWAY + RESTING)

    done = city.hub("sync", "--json")

    housing, lift = json.loads(done.stdout)["sources"]
    counts = {"landed": 3, "served": 2, "unchanged": 0, "rejected": 1, "repeated": 0}
    assert housing == {"source": "housing", **counts, "error": None}
    assert lift["error"]["message"].startswith("GET http://127.0.0.1:9/tickets: ")


def test_a_disabled_source_is_not_pulled_by_name_either(offline: City) -> None:
    offline.configure(CONFIG + RESTING)

    done = offline.hub("sync", "resting")

    assert done.returncode == 2
    assert done.stderr == "Error: 'resting' is disabled in connectors.yaml\n  remove `enabled: false` there\n"


async def test_sync_says_who_works_on_a_source_and_gives_up_in_time(pulled: City, database_url: str) -> None:
    store = await Store.open(database_url)
    await store.lanes.claim_named("source:housing", "elsewhere:42", timedelta(minutes=1))

    done = pulled.hub("sync", "housing", "--wait", "0")

    assert done.returncode == 1
    assert done.stdout.splitlines()[2] == (
        "housing failed: elsewhere:42 is working on it; try again later, or give --wait more seconds"
    )
    await store.close()


async def test_sync_waits_for_a_source_that_another_process_works_on(pulled: City, database_url: str) -> None:
    store = await Store.open(database_url)
    lane = await store.lanes.claim_named("source:housing", "elsewhere:42", timedelta(minutes=1))
    assert lane is not None

    with pulled.running("sync", "housing") as process:
        assert process.stderr is not None
        told = process.stderr.readline()
        await store.lanes.release(lane)
        code = process.wait(20)

    assert told == "housing: elsewhere:42 is working on it; waiting up to 60s\n"
    assert code == 0
    await store.close()


async def test_sync_that_is_told_to_stop_gives_its_source_back(city: City, database_url: str) -> None:
    with _silent_server() as port:
        city.configure(CONFIG + AWAY.replace("127.0.0.1:9/", f"127.0.0.1:{port}/"))
        with city.running("sync", "lift") as process:
            store = await Store.open(database_url)
            _until(lambda: _connected(process.pid, port))
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=20)

    assert (process.returncode, out) == (128 + signal.SIGTERM, "")
    assert err == "stopped by SIGTERM; what was landed stays: run the command again to go on\n"
    assert await store.lanes.holder("source:lift") is None
    await store.close()


def test_a_terminal_gets_progress_on_stderr_and_stdout_stays_a_table(city: City) -> None:
    shown, out = _on_a_terminal(city, "sync", TERM="xterm-256color")
    plain, again = _on_a_terminal(city, "sync", TERM="xterm-256color", NO_COLOR="1")

    assert "housing" in shown
    assert "\x1b[" in shown
    assert "\x1b" not in out + plain + again
    assert out.startswith("source   landed  served")


# ── hub rejected, hub replay ─────────────────────────────────────────────────────────────────────────────────────────


def test_rejected_lists_what_was_refused_and_why(pulled: City) -> None:
    done = pulled.hub("rejected", "housing")

    head, row, advice = done.stdout.splitlines()
    assert done.returncode == 0
    assert head.split() == ["source", "id", "field", "reason", "since"]
    assert re.fullmatch(rf"housing  A3  status  {re.escape(UNKNOWN_STATUS)}  \d{{4}}-\d\d-\d\d \d\d:\d\d", row)
    assert advice == "mend the map in connectors.yaml, then run `hub replay housing`"


def test_rejected_gives_a_program_the_ticket_as_it_came(pulled: City) -> None:
    told = json.loads(pulled.hub("rejected", "--json").stdout)

    (ticket,) = told["rejected"]
    assert (ticket["source"], ticket["id"], ticket["field"]) == ("housing", "A3", "status")
    assert ticket["raw"] == VOID
    assert told["more"] is False


async def test_rejected_shows_no_more_than_asked_and_says_that_there_are_more(city: City) -> None:
    city.drop("a.jsonl", VOID, {**VOID, "编号": "A4"})
    await _pull(city)

    done = city.hub("rejected", "--limit", "1")

    assert len(done.stdout.splitlines()) == 3
    assert done.stdout.splitlines()[2].startswith("the newest 1, there are more (--limit); ")


def test_without_rejected_tickets_both_commands_say_so(city: City) -> None:
    assert city.hub("rejected", "housing").stdout == "no rejected tickets of housing\n"
    assert city.hub("replay").stdout == "no rejected tickets\n"


def test_replay_serves_rejected_tickets_once_their_mapping_is_mended(pulled: City) -> None:
    in_vain = pulled.hub("replay")
    pulled.configure(CONFIG.replace("办结: RESOLVED", "办结: RESOLVED, 作废: WITHDRAWN"))

    mended = pulled.hub("replay", "housing")

    assert in_vain.stdout.splitlines()[1:] == [
        "housing       0       0          0         1",
        "1 rejected: run `hub rejected housing`",
    ]
    assert (mended.returncode, mended.stdout.splitlines()[1:]) == (0, ["housing       0       1          0         0"])


async def test_replay_of_all_reads_served_tickets_by_the_changed_mapping(pulled: City, database_url: str) -> None:
    pulled.configure(CONFIG.replace("办结: RESOLVED", "办结: CLOSED"))

    done = pulled.hub("replay", "--all")

    assert done.stdout.splitlines()[1] == "housing       0       2          0         1"
    store = await Store.open(database_url)
    changed = await store.reads.appeal_of("housing", "A2")
    assert changed is not None
    assert (changed.appeal.status, changed.version) == ("CLOSED", 2)
    await store.close()


# ── hub sources ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_sources_shows_how_each_is_doing(city: City) -> None:
    city.configure(CONFIG + AWAY + RESTING)
    city.hub("sync")

    lines = city.hub("sources").stdout.splitlines()

    assert lines[0].split("  ")[0] == "source"
    assert re.fullmatch(r"housing  \d+[sm] ago +\d+[sm] +3 +2 +1 +0  in \d+[ms]", lines[1])
    assert re.fullmatch(
        r"lift +\d+[sm] ago +0 +0 +0 +0  in \d+[ms] +\d+[sm] ago: GET http://127.0.0.1:9/tickets: .*", lines[2]
    )
    assert re.fullmatch(r"resting  never +0 +0 +0 +0  disabled", lines[3])
    assert lines[4:] == ["1 source failing: run `hub try lift`", "1 rejected: run `hub rejected`"]


def test_sources_says_the_same_to_a_program(pulled: City) -> None:
    (housing,) = json.loads(pulled.hub("sources", "--json").stdout)["sources"]

    assert (housing["landed"], housing["served"], housing["rejected"], housing["pending"]) == (3, 2, 1, 0)
    assert (housing["last_error"], housing["failures"], housing["running"]) == (None, 0, False)
    assert 0 <= housing["lag_seconds"] < 60


# ── the environment ──────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("url", ["mysql://hub:canary-7f3a@127.0.0.1/hub", "postgresql://127.0.0.1:door/hub"])
def test_an_address_that_is_none_of_postgresql_is_a_misuse(offline: City, url: str) -> None:
    done = offline.hub("sources", DATABASE_URL=url)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "Error: DATABASE_URL cannot be read\n  it is written postgresql://user:password@host/name\n"


def test_a_database_that_refuses_is_a_misuse_without_the_password(offline: City, database_url: str) -> None:
    done = offline.hub("sources", DATABASE_URL=re.sub(r"hub_test_\w+", "no_such_database", database_url))

    assert (done.returncode, done.stdout) == (2, "")
    assert (
        done.stderr
        == 'Error: the database refuses: database "no_such_database" does not exist\n  look at DATABASE_URL\n'
    )


def test_a_database_that_is_away_is_one_line(offline: City) -> None:
    done = offline.hub("sources", DATABASE_URL="postgresql://hub:canary-7f3a@127.0.0.1:9/hub")

    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(r"Error: the database does not answer: .*\n  look at DATABASE_URL\n", done.stderr)
    assert "canary" not in done.stderr


def test_a_data_folder_that_cannot_be_is_a_misuse(offline: City) -> None:
    done = offline.hub("sources")

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Error: cannot keep data in /dev/null/nowhere: ")


def test_a_broken_configuration_stops_every_command_before_it_begins(offline: City) -> None:
    offline.configure(CONFIG.replace("connector: files", "connector: flies"))

    done = offline.hub("sync")

    assert (done.returncode, done.stdout) == (2, "")
    first, second = done.stderr.splitlines()
    assert first.startswith("connectors.yaml:9: sources.housing.connector: ")
    assert second == "1 mistake; nothing was done"


def test_what_is_logged_holds_no_secret_not_even_in_a_traceback(offline: City) -> None:
    offline.configure(CONFIG + AWAY)
    script = (
        "import logging, structlog\n"
        "from hub.cli import logs\n"
        "from hub.cli.asked import Asked\n"
        "asked = Asked()\n"
        "logs.configure(asked, logging.INFO, asked.configuration().secrets)\n"
        "structlog.get_logger('hub.sync').info('synced', url='http://lift/?key=canary-7f3a')\n"
        "token = 'canary-7f3a'\n"
        "try: raise ValueError('the key canary-7f3a is wrong')\n"
        "except ValueError: logging.getLogger('aiohttp').exception('refused %s', token)\n"
    )

    done = subprocess.run(
        (sys.executable, "-c", script),
        cwd=offline.folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout == ""
    assert "synced" in done.stderr
    assert "http://lift/?key=***" in done.stderr
    assert "ValueError: the key *** is wrong" in done.stderr
    assert "canary" not in done.stderr


# ── hub schema ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_schema_of_connectors_accepts_what_check_accepts(offline: City) -> None:
    schema = json.loads(offline.hub("schema", "connectors").stdout)

    jsonschema.validate(yaml.safe_load(CONFIG), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(yaml.safe_load(CONFIG.replace("title:", "titel:", 1)), schema)


def test_the_schema_of_graphql_is_printed(offline: City) -> None:
    done = offline.hub("schema", "graphql")

    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(r"^type Query \{$", done.stdout, re.MULTILINE)


# ── hub worker, hub serve ────────────────────────────────────────────────────────────────────────────────────────────


async def test_workers_pull_on_schedule_until_told_to_stop(city: City, database_url: str) -> None:
    with city.running("worker") as one, city.running("worker", "--json") as other:
        said = [process.stdout.readline() for process in (one, other) if process.stdout]
        store = await Store.open(database_url)
        counts = await _served(store, "housing", 2)
        for process in (one, other):
            process.terminate()
        _, logged = one.communicate(timeout=20), other.communicate(timeout=20)[1]

    await store.close()
    assert counts == {"served": 2, "rejected": 1}
    assert (one.returncode, other.returncode) == (0, 0)
    assert (said[0], json.loads(said[1])) == ("working on 1 source\n", {"working": 1})
    assert {"event", "level", "timestamp"} <= set(json.loads(logged.splitlines()[-1]))


def test_serve_answers_and_pulls_and_stops_at_sigterm_with_nothing_left(offline: City, data: str) -> None:

    with offline.running("serve", "--port", "0", HUB_DATA=data) as process:
        url = _announced(process)
        _until(lambda: _count(url) == 2)
        children = psutil.Process(process.pid).children(recursive=True)
        began = time.monotonic()
        process.terminate()
        process.communicate(timeout=20)

    assert process.returncode == 0
    assert time.monotonic() - began < 5
    assert not [child for child in children if child.is_running()]
    assert not Path(data, "postgres", "postmaster.pid").exists()


def test_a_hub_that_was_killed_goes_on_where_it_was(offline: City, data: str) -> None:
    with offline.running("serve", "--port", "0", HUB_DATA=data) as killed:
        url = _announced(killed)
        _until(lambda: _count(url) == 2)
        killed.kill()
        killed.wait()

    with offline.running("serve", "--port", "0", HUB_DATA=data) as process:
        count = _count(_announced(process))
        process.terminate()
        process.communicate(timeout=20)

    assert count == 2
    assert process.returncode == 0


def test_ctrl_c_stops_the_hub_in_spite_of_an_open_subscription(city: City) -> None:
    with city.running("serve", "--port", "0") as process:
        address = _announced(process).replace("http:", "ws:")
        with connect(address, subprotocols=["graphql-transport-ws"]) as socket_:  # type: ignore[list-item]  # a NewType of str
            socket_.send('{"type": "connection_init"}')
            assert json.loads(socket_.recv(timeout=5))["type"] == "connection_ack"
            query = "subscription { appealChanged { __typename } }"
            socket_.send(json.dumps({"id": "1", "type": "subscribe", "payload": {"query": query}}))
            began = time.monotonic()
            os.killpg(process.pid, signal.SIGINT)
            os.killpg(process.pid, signal.SIGINT)
            _, err = process.communicate(timeout=20)

    assert process.returncode == 0, err
    assert time.monotonic() - began < 6
    assert "Traceback" not in err


def test_a_port_that_is_taken_is_told_before_anything_is_started(offline: City) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]

        done = offline.hub("serve", HUB_PORT=str(port))

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"Error: port {port} on 127.0.0.1 is taken\n  stop what uses it, or run `hub serve --port {port + 1}`\n"
    )


def test_a_host_that_is_not_this_machine_is_told_in_a_line(offline: City) -> None:
    done = offline.hub("serve", "--host", "192.0.2.1")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "Error: 192.0.2.1 is no address of this machine\n  run `hub serve --host 127.0.0.1`\n"


def test_serve_announces_itself_and_with_api_only_leaves_pulling_to_workers(pulled: City) -> None:
    pulled.drop("b.jsonl", {**BROKEN_LIFT, "编号": "A9"})

    with pulled.running("serve", "--port", "0", "--api-only", "--json") as process:
        assert process.stdout is not None
        announced = json.loads(process.stdout.readline())
        time.sleep(1.5)
        count = _count(announced["serving"])
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)

    assert (announced["sources"], announced["appeals"]) == (1, 2)
    assert count == 2
    assert process.returncode == 0


# ── explain, backfill, drift, a file that is edited ──────────────────────────────────────────────────────────────────


def test_explain_says_where_each_value_comes_from_and_shows_no_secret(offline: City) -> None:
    offline.configure(CONFIG + AWAY)

    done = offline.hub("explain", "lift", LIFT_TOKEN="canary-9c1d")

    lines = {tuple(line.split()[-2:]): line.split()[:2] for line in done.stdout.splitlines()}
    assert done.returncode == 0
    assert lines["schedule.every", "1h"] == ["3", "defaults"]
    assert lines["retry.attempts", "1"] == ["24", "own"]
    assert lines["auth.bearer", "***"] == ["25", "own"]
    assert lines["limits.max_pages", "100000"][0] == "built"
    assert "canary" not in done.stdout + done.stderr


def test_explain_says_the_same_to_a_program(offline: City) -> None:
    values = json.loads(offline.hub("explain", "housing", "--json").stdout)["values"]

    assert {"path": "at", "value": "inbox", "where": "own", "line": 10} in values


def test_explain_of_a_source_that_is_not_there_says_what_was_meant(offline: City) -> None:
    done = offline.hub("explain", "housin")

    assert (done.returncode, "did you mean 'housing'?" in done.stderr) == (2, True)


def test_a_source_that_cannot_be_asked_by_time_is_not_backfilled(offline: City) -> None:
    done = offline.hub("backfill", "housing", "--from", "2026-01-01")

    assert done.returncode == 2
    assert "'housing' cannot be asked for a stretch of time: connector 'files' reads what is there" in done.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--from", "yesterday"), "--from 'yesterday' is no day such as 2024-01-31"),
        (("--from", "2026-03-01", "--to", "2026-01-01"), "--from is not before --to"),
    ],
)
def test_a_stretch_that_is_none_is_a_misuse(offline: City, options: tuple[str, ...], said: str) -> None:
    done = offline.hub("backfill", "housing", *options)

    assert (done.returncode, said in done.stderr) == (2, True)


async def test_a_backfill_reads_the_past_and_leaves_the_live_cursor_where_it_is(city: City, database_url: str) -> None:
    asked: list[str] = []
    with _past(asked) as port:
        city.configure(CONFIG + PAST.format(port=port))
        live = city.hub("sync", "past")
        store = await Store.open(database_url)
        before = await _cursors(store)

        done = city.hub("backfill", "past", "--from", "2025-01-01", "--to", "2025-02-01")

    after = await _cursors(store)
    await store.close()
    assert (live.returncode, done.returncode) == (0, 0)
    assert done.stdout.splitlines()[1].split() == ["past", "1", "1", "0", "0"]
    assert asked[-1] == "/tickets?from=2024-12-31T16:00:00Z&to=2025-01-31T16:00:00Z"
    assert after == before


async def test_drift_tells_words_that_no_map_knows_until_they_were_seen(city: City) -> None:
    await _pull(city)

    first, cleared, then = city.hub("drift"), city.hub("drift", "housing", "--seen"), city.hub("drift")

    assert first.stdout.splitlines()[1].split()[:8] == [
        *("housing", "word", "that", "no", "map", "knows", "status", "作废"),
    ]
    assert "1 difference; cleared" in cleared.stdout
    assert then.stdout == "the tickets are as they were\n"


def test_a_file_that_is_saved_while_the_hub_runs_is_taken_and_a_bad_save_is_told(offline: City, data: str) -> None:
    mended = CONFIG.replace("办结: RESOLVED", "办结: RESOLVED, 作废: WITHDRAWN").replace("1h", "1s")
    with offline.running("serve", "--port", "0", HUB_DATA=data) as process:
        url = _announced(process)
        _until(lambda: _count(url) == 2)
        offline.configure(mended)
        offline.drop("b.jsonl", {**VOID, "编号": "B1"})
        _until(lambda: _count(url) == 3)
        offline.configure(mended.replace("class: hotline", "class: hot-line"))
        _until(lambda: _configuration_error(url) is not None)
        error = _configuration_error(url)
        offline.drop("c.jsonl", {**VOID, "编号": "C1"})
        _until(lambda: _count(url) == 4)
        offline.configure(mended)
        _until(lambda: _configuration_error(url) is None)
        process.terminate()
        process.communicate(timeout=20)

    assert error == (
        "connectors.yaml:7: sources.housing.class: 'hot-line' is not one of hotline, platform; did you mean 'hotline'?"
    )


PAST = """\
  past:
    title: 有历史的热线
    class: hotline
    connector: rest
    url: http://127.0.0.1:{port}/tickets
    records: rows
    since: {{field: at, send: [from, to], start: 2026-01-01}}
    map: {{external_id: id, title: title, status: {{value: RECEIVED}}, created_at: {{from: at, date: iso}}}}
"""


@contextmanager
def _past(asked: list[str]) -> Iterator[int]:
    """A service that has one ticket in every stretch it is asked for."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(unquote(self.path))
            since = parse_qs(self.path.partition("?")[2])["from"][0]
            body = json.dumps({"rows": [{"id": since, "title": "路灯", "at": since}]}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


async def _cursors(store: Store) -> dict[str, Any]:
    async with store._database.begin() as connection:
        rows = await connection.execute(sa.text("select name, cursor::text from lane"))
        return {row.name: row.cursor for row in rows}


def _configuration_error(url: str) -> str | None:
    (source,) = _ask(url, "{ sources { configurationError } }")["sources"]
    error: str | None = source["configurationError"]
    return error


def _ask(url: str, query: str) -> dict[str, Any]:
    request = urllib.request.Request(url, json.dumps({"query": query}).encode(), {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        data: dict[str, Any] = json.load(answer)["data"]
        return data


async def _pull(city: City) -> None:
    """Do what `hub sync housing` does, without the cost of a process."""
    source = load(city.folder / "connectors.yaml", {}).sources["housing"]
    store = await Store.open(city.environ["DATABASE_URL"])
    await store.lanes.declare([source.record])
    lane = await store.lanes.claim_named("source:housing", "setup", timedelta(minutes=1))
    assert lane is not None
    await run(source, store, lane)
    await store.close()


def _announced(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    found = re.fullmatch(r"serving (http://127\.0\.0\.1:\d+/graphql)   \(1 source, \d+ appeals\)\n", line)
    assert found, line or process.communicate(timeout=10)[1]
    return found[1]


def _count(url: str) -> int:
    return int(_ask(url, "{ appealStatistics(groupBy: []) { count } }")["appealStatistics"]["count"])


def _until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.1)


async def _served(store: Store, source: str, count: int) -> Mapping[str, int]:
    """Wait until so many tickets of a source are served; return how many it has in each state."""
    for _ in range(200):
        counts = (await store.reads.ticket_counts()).get(source, {})
        if counts.get(TicketState.SERVED) == count:
            break
        await asyncio.sleep(0.1)
    return counts


@contextmanager
def _silent_server() -> Iterator[int]:
    """A port that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def _connected(pid: int, port: int) -> bool:
    return any(each.raddr and each.raddr.port == port for each in psutil.Process(pid).net_connections("tcp"))


def _on_a_terminal(city: City, *arguments: str, **environ: str) -> tuple[str, str]:
    """Run a command whose stderr is a terminal; return what was written there, and to stdout."""
    ours, theirs = pty.openpty()
    read: list[bytes] = []

    def drain() -> None:
        try:
            while chunk := os.read(ours, 4096):
                read.append(chunk)
        except OSError:  # The other end is closed: so a terminal says that it is over.
            return

    reader = threading.Thread(target=drain)
    reader.start()
    done = subprocess.run(
        (*HUB, *arguments),
        cwd=city.folder,
        env=city._environment(environ),
        stdout=subprocess.PIPE,
        stderr=theirs,
        text=True,
        timeout=60,
        check=False,
    )
    os.close(theirs)
    reader.join()
    os.close(ours)
    return b"".join(read).decode(), done.stdout


# ── init ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_init_begins_a_file_and_check_says_what_is_left_to_decide(tmp_path: Path) -> None:
    city = City(tmp_path)
    (tmp_path / "gd_20260301.csv").write_text(
        "编号,标题,状态,登记时间\n1,路灯,怪状态,2026-03-01\n2,井盖,已办结,2026-03-02\n"
    )

    done, checked = city.hub("init", "branch", "gd_20260301.csv"), city.hub("check")

    assert done.returncode == 0
    assert "guessed from 2 tickets; it is in connectors.yaml, settle the 3 TODOs, then `hub check`" in done.stderr
    assert "connectors.yaml" in checked.stdout
    assert "no status 'TODO'" in checked.stdout


def test_init_beside_a_file_prints_and_changes_nothing(offline: City) -> None:
    before = (offline.folder / "connectors.yaml").read_text()

    done = offline.hub("init", "again", "inbox/a.jsonl", "--json")

    assert json.loads(done.stdout)["entry"].startswith("  again:\n")
    assert (offline.folder / "connectors.yaml").read_text() == before


def test_init_asks_an_endpoint_with_a_borrowed_key_and_writes_its_name_only(tmp_path: Path) -> None:
    asked: list[str] = []
    with _past(asked) as port:
        url = f"http://127.0.0.1:{port}/tickets?from=2026-01-01"
        done = City(tmp_path).hub("init", "past", url, "--header", "X-Key: ${PAST_KEY}", PAST_KEY="canary-1f")

    assert done.returncode == 0
    assert 'headers: {X-Key: "${PAST_KEY}"}' in done.stdout
    assert "canary" not in done.stdout + done.stderr + (tmp_path / "connectors.yaml").read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("init", "Branch", "a.csv"), "cannot be a source's name"),
        (("init", "branch", "nowhere.csv"), "the sample nowhere.csv cannot be read"),
        (("init", "branch", "http://127.0.0.1:9/x"), "no connection"),
        (("init", "branch", "http://127.0.0.1:9/x", "--header", "oops"), "--header 'oops' is not NAME: TEXT"),
    ],
)
def test_init_says_in_a_line_what_hinders_it(offline: City, arguments: tuple[str, ...], said: str) -> None:
    done = offline.hub(*arguments)

    assert done.returncode in {1, 2}
    assert said in done.stderr
