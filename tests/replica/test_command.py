"""`python -m replica`: the city by itself, with its clock and its faults set from the command line."""

import asyncio
import re
import signal
import sys
from pathlib import Path

import pytest
from aiohttp import web

from replica import Replica

ROOT = Path(__file__).resolve().parents[2]


async def started(*arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "replica",
        *arguments,
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def test_it_serves_where_it_says_with_its_clock_and_faults(http, tmp_path):
    process = await started(
        "--port", "0", "--files", str(tmp_path), "--now", "2026-03-10T12:00:00+08:00", "--p500", "1", "--seed", "7"
    )
    line = (await process.stdout.readline()).decode()
    url = re.search(r"http://127\.0\.0\.1:\d+", line)[0]

    async with http.get(f"{url}/hotline-12315/complaints") as response:
        status = response.status
    process.send_signal(signal.SIGTERM)
    _, talk = await asyncio.wait_for(process.communicate(), 10)

    assert status == 500
    assert (tmp_path / "petition" / "信访件_20260309_235959.xlsx").exists()
    assert (process.returncode, talk) == (0, b"")


async def test_it_pushes_to_the_hub_that_it_is_told_of(tmp_path):
    came: asyncio.Queue[str] = asyncio.Queue()

    async def take(request: web.Request) -> web.Response:
        came.put_nowait(request.path)
        return web.Response(status=202)

    app = web.Application()
    app.add_routes([web.post("/in/{name}", take)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    hub = f"http://127.0.0.1:{runner.addresses[0][1]}"

    process = await started("--port", "0", "--files", str(tmp_path), "--hub", hub)
    pushed = {await asyncio.wait_for(came.get(), 30) for _ in range(8)}
    process.send_signal(signal.SIGTERM)
    _, talk = await asyncio.wait_for(process.communicate(), 10)
    await runner.cleanup()

    assert pushed == {"/in/hotline-12363", "/in/hotline-12367"}
    assert (process.returncode, talk) == (0, b"")


async def test_a_taken_port_is_told_in_a_line(tmp_path):
    async with Replica(files=None) as other:
        process = await started("--port", other.url.rpartition(":")[2], "--files", str(tmp_path))
        _, talk = await asyncio.wait_for(process.communicate(), 10)

    assert process.returncode == 2
    assert talk.decode().count("\n") == 1
    assert "--port" in talk.decode()


@pytest.mark.parametrize(
    ("option", "value", "complaint"),
    [("--p429", "1.5", "between 0 and 1"), ("--now", "2026-03-10T12:00:00", "offset")],
)
async def test_an_option_that_makes_no_sense_is_refused(option, value, complaint):
    process = await started(option, value)

    _, talk = await asyncio.wait_for(process.communicate(), 10)

    assert process.returncode == 2
    assert complaint in talk.decode()
