"""`make demo` as its user meets it: an answer soon, a clean stop, and a clear line when it cannot start."""

import asyncio
import json
import os
import re
import shlex
import signal
import socket
import sys
import tempfile
import time
from asyncio.subprocess import PIPE
from pathlib import Path

import psutil
import pytest

from replica import Replica, leash
from replica.systems import SYSTEMS

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 120  # seconds: other tests may keep the machine busy


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@pytest.fixture
def folder():
    """A folder of its own: pytest shuts its temporary ones to other accounts, such as that of the embedded server."""
    with tempfile.TemporaryDirectory(prefix="demo-") as made:
        Path(made).chmod(0o711)
        yield Path(made)


@pytest.fixture
def surroundings(folder):
    """An environment in which the demonstration disturbs nobody."""
    own = {
        "HUB_DATA": str(folder / "data"),
        "HUB_PORT": str(free_port()),
        "REPLICA_PORT": str(free_port()),
        "REPLICA_FILES": str(folder / "files"),
        "PYTHONPATH": str(ROOT),
    }
    kept = {name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "HUB_CONFIG", "HUB_HOST"}}
    return kept | own


async def demo(surroundings, cwd) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "replica.demo",
        cwd=cwd,
        env=surroundings,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )


async def told_until(process, words) -> str:
    """Read what the demonstration says, up to the line with `words`."""
    told = ""
    while words not in told:
        line = await asyncio.wait_for(process.stdout.readline(), PATIENCE)
        assert line, told
        told += line.decode()
    return told


async def answered(line):
    """What a command that the demonstration shows answers."""
    curl = await asyncio.create_subprocess_exec(*shlex.split(line), stdout=PIPE)
    return json.loads((await curl.communicate())[0])


def processes_of(folder) -> list[str]:
    """Every process that still works with the folder: the hub and its PostgreSQL work in it."""
    found = psutil.process_iter(["cmdline", "cwd"])
    others = (each.info for each in found if each.pid != os.getpid())
    return [" ".join(each["cmdline"] or ()) for each in others if str(folder) in (each["cwd"] or "")]


async def test_the_demonstration_answers_stops_cleanly_and_starts_again(surroundings, folder):
    for number in (signal.SIGINT, signal.SIGTERM):
        process = await demo(surroundings, folder)
        told = await told_until(process, "Ctrl-C stops")
        assert processes_of(folder)
        answer, made = [await answered(line) for line in re.findall(r"^\$ (curl .*)$", told, re.MULTILINE)]

        watching = shlex.split(re.search(r"^\$ (.* -m replica\.watch .*)$", told, re.MULTILINE)[1])
        watch = await asyncio.create_subprocess_exec(*watching, env=surroundings, stdout=PIPE)
        change = await asyncio.wait_for(watch.stdout.readline(), PATIENCE)
        watch.send_signal(signal.SIGINT)
        await watch.communicate()

        os.killpg(process.pid, number)
        rest, _ = await asyncio.wait_for(process.communicate(), PATIENCE)

        assert re.match(r" *\d+  \S", change.decode())
        assert len(answer["data"]["appeals"]["nodes"]) == 3
        assert made["data"]["submitAppeal"]["appeal"]["status"] == "RECEIVED"
        sources, served = re.search(r"\((\d+) sources, ([\d,]+) appeals\)", told).groups()
        assert (
            int(sources) == len(re.findall(r"^  \S.* \d+ appeals +\d+ rejected$", told, re.MULTILINE)) == len(SYSTEMS)
        )
        assert int(served.replace(",", "")) > 150 * len(SYSTEMS)
        assert process.returncode == 0
        assert "Traceback" not in told + rest.decode() + (folder / "files" / "hub.log").read_text("utf-8")
        assert processes_of(folder) == []


async def test_nothing_is_left_running_when_the_demonstration_is_killed(surroundings, folder):
    process = await demo(surroundings, folder)
    await told_until(process, "appeals")
    before = processes_of(folder)

    process.kill()
    await asyncio.wait_for(process.communicate(), PATIENCE)
    async with asyncio.timeout(PATIENCE):
        while processes_of(folder):
            await asyncio.sleep(0.1)

    assert any("hub.cli" in command for command in before)


async def test_a_taken_port_is_one_line_with_the_cure(surroundings, folder):
    async with Replica(files=None) as other:
        taken = other.url.rpartition(":")[2]

        process = await demo(surroundings | {"REPLICA_PORT": taken}, folder)
        told, _ = await asyncio.wait_for(process.communicate(), PATIENCE)

    assert process.returncode == 1
    cure = f"stop what uses it, or choose another: REPLICA_PORT={int(taken) + 1} make demo"
    assert told.decode() == f"cannot listen on 127.0.0.1:{taken} (Address already in use): {cure}\n"


async def test_a_hub_that_cannot_start_says_why(surroundings, folder):
    process = await demo(surroundings | {"DATABASE_URL": "mysql://nowhere/hub"}, folder)

    told, _ = await asyncio.wait_for(process.communicate(), PATIENCE)

    assert process.returncode == 1
    assert b"DATABASE_URL" in told
    assert b"Traceback" not in told


async def test_a_signal_before_anything_is_up_stops_it_too(surroundings, folder):
    process = await demo(surroundings, folder)
    await told_until(process, "the hub is starting")

    os.killpg(process.pid, signal.SIGINT)
    told, _ = await asyncio.wait_for(process.communicate(), PATIENCE)

    assert b"Traceback" not in told
    assert process.returncode == 0
    assert processes_of(folder) == []


async def test_a_start_that_is_cancelled_leaves_nothing_behind(folder):
    starting = asyncio.create_task(leash.start("sleep", "60", cwd=folder))
    async with asyncio.timeout(PATIENCE):
        while not processes_of(folder):
            await asyncio.sleep(0)
    time.sleep(1)
    starting.cancel()
    await asyncio.wait([starting], timeout=PATIENCE)

    assert starting.cancelled()
    assert processes_of(folder) == []


async def test_what_a_command_on_the_leash_left_running_ends_with_it(folder):
    process = await leash.start("sh", "-c", "sleep 60 & sleep 60", cwd=folder)
    async with asyncio.timeout(PATIENCE):
        while sum("sleep" in command for command in processes_of(folder)) < 3:
            await asyncio.sleep(0.01)

    await leash.stop(process)

    async with asyncio.timeout(PATIENCE):
        while processes_of(folder):
            await asyncio.sleep(0.01)


async def test_a_signal_while_the_command_on_the_leash_starts_reaches_it(folder):
    for wait in range(0, 120, 6):
        process = await asyncio.create_subprocess_exec(
            sys.executable, leash.__file__, "sleep", "60", cwd=folder, stdin=PIPE
        )
        await asyncio.sleep(wait / 1000)
        process.terminate()
        await asyncio.wait_for(process.wait(), PATIENCE)

        assert processes_of(folder) == [], wait
