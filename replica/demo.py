"""Show the hub at work on the made-up city: `python -m replica.demo [COMMAND…]`, which is what `make demo` runs.

The command runs beside the city, and ends with it at the latest.
"""

import asyncio
import json
import os
import re
import signal
import socket
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp

from replica import leash
from replica.progress import has_run, progress, say
from replica.replica import HOST, PORT, Replica

ROOT = Path(__file__).resolve().parent.parent
QUERY = "{ appeals(first: 3) { nodes { source { title } title status createdAt } } }"
MUTATION = (
    'mutation { submitAppeal(input: {clientMutationId: "1", title: "路灯不亮"}) '
    "{ ... on AppealActed { appeal { id title status } } ... on UserError { message code } } }"
)
STANDING = "{ sources { name title connector health { running lastSuccessAt lastError failures served rejected } } }"

_FIRST_RUNS = 90  # seconds that the sources get for their first runs


class Hindered(Exception):
    """The demonstration cannot start, or go on: the message says why, and what to do."""


def main() -> int:
    """Run until Ctrl-C or SIGTERM; return 1 when something is in the way."""
    try:
        asyncio.run(_until_stopped())
    except Hindered as hindrance:
        sys.stderr.write(f"{hindrance}\n")
        return 1
    except KeyboardInterrupt:  # Before the handlers stood.
        return 130
    return 0


async def _until_stopped() -> None:
    stopped = asyncio.Event()
    # `nohup` has SIGHUP ignored for us, and means it.
    hang_up = () if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else (signal.SIGHUP,)
    for number in (signal.SIGINT, signal.SIGTERM, *hang_up):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    showing = asyncio.create_task(_show())
    waiting = asyncio.create_task(stopped.wait())
    await asyncio.wait({showing, waiting}, return_when=asyncio.FIRST_COMPLETED)
    if stopped.is_set():
        say("\nstopping")
        showing.cancel()
    waiting.cancel()
    with suppress(asyncio.CancelledError):
        await showing


async def _show() -> None:
    """Start the city and the hub, tell what they do, and go on until cancelled."""
    _require_free(os.environ.get("HUB_HOST", HOST), int(os.environ.get("HUB_PORT", "8000")), "HUB_PORT")
    port, files = int(os.environ.get("REPLICA_PORT", str(PORT))), _folder()
    _require_free(HOST, port, "REPLICA_PORT")
    async with Replica(files=files, port=port, eager=False) as city:
        say(f"a made-up city of {len(city.desks)} legacy systems on {city.url} and in {_short(files)}")
        log = files / "hub.log"
        async with _beside(sys.argv[1:], files / "beside.log"), _hub(city.surroundings, log) as (hub, endpoint):
            city.push_to(endpoint.removesuffix("/graphql"))
            telling = asyncio.create_task(_tell(endpoint, city.surroundings))
            ended = asyncio.create_task(hub.wait())
            try:
                await asyncio.wait({telling, ended}, return_when=asyncio.FIRST_COMPLETED)
                if telling.done():
                    await telling
                await ended
            finally:
                telling.cancel()
                ended.cancel()
            raise Hindered(_last_words(hub, log))


def _folder() -> Path:
    files = Path(os.environ.get("REPLICA_FILES", ".replica")).resolve()
    files.mkdir(parents=True, exist_ok=True)
    return files


def _short(path: Path) -> Path:
    """Write a path as one types it here."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _require_free(host: str, port: int, variable: str) -> None:
    try:
        with socket.create_server((host, port)):
            pass
    except OSError as error:
        cure = f"stop what uses it, or choose another: {variable}={port + 1} make demo"
        raise Hindered(f"cannot listen on {host}:{port} ({os.strerror(error.errno or 0)}): {cure}") from error


@asynccontextmanager
async def _beside(command: Sequence[str], log: Path) -> AsyncIterator[None]:
    """Run a command, if there is one, and stop it at the end."""
    if not command:
        yield
        return
    with log.open("wb") as output:
        process = await leash.start(*command, stdout=output, stderr=output)
    try:
        yield
    finally:
        await leash.stop(process)


@asynccontextmanager
async def _hub(surroundings: Mapping[str, str], log: Path) -> AsyncIterator[tuple[Process, str]]:
    """Run `hub serve`, and give its process and its endpoint."""
    say(f"the hub is starting (its data: {os.environ.get('HUB_DATA', '.hub')}, its log: {_short(log)})")
    command = (sys.executable, "-m", "hub.cli", "--config", str(ROOT / "connectors.yaml"), "serve")
    with log.open("wb") as stderr:
        # It ends with this process, however that ends.
        process = await leash.start(*command, stdout=PIPE, stderr=stderr, env={**os.environ, **surroundings})
    try:
        yield process, await _endpoint(process, log)
    finally:
        await leash.stop(process)


async def _endpoint(hub: Process, log: Path) -> str:
    """Wait for the line in which the hub says where it serves."""
    said = await hub.stdout.readline() if hub.stdout else b""
    if found := re.search(r"https?://\S+", said.decode()):
        return found[0]
    await hub.wait()
    raise Hindered(_last_words(hub, log))


def _last_words(hub: Process, log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()[-15:] if log.exists() else []
    return "\n".join([*lines, f"the hub ended with exit code {hub.returncode}; see {log}"])


async def _tell(endpoint: str, surroundings: Mapping[str, str]) -> None:
    """Wait for the sources' first runs, telling of each, then say what to do next."""
    async with aiohttp.ClientSession() as http:
        sources = await _first_runs(http, endpoint)
        served = sum(source["health"]["served"] for source in sources)
        command = f"curl -s {endpoint} -H 'content-type: application/json' -d '{json.dumps({'query': QUERY})}'"
        answer = await _asked(http, endpoint, QUERY)
    say(f"\nserving {endpoint}   ({len(sources)} sources, {served:,} appeals)")
    say(f"\nAsk it:\n\n$ {command}\n{json.dumps(answer, ensure_ascii=False, separators=(',', ':'))}")
    if key := await _new_key(surroundings):
        headers = f"-H 'authorization: Bearer {key}' -H 'content-type: application/json'"
        changing = f"curl -s {endpoint} {headers} -d '{json.dumps({'query': MUTATION}, ensure_ascii=False)}'"
        say(f"\nMake an appeal of your own, by a key that holds for a day:\n\n$ {changing}")
    python = _short(Path(sys.executable))
    say(f"\nThe city goes on; watch its changes as they come:\n\n$ {python} -m replica.watch {endpoint}")
    say(f"\nSee how the sources do, and what was set aside and why:\n\n$ {python.with_name('hub')} rejected")
    say("\nCtrl-C stops all of it. What was pulled stays; the next start goes on from there.")
    await asyncio.Event().wait()


async def _new_key(surroundings: Mapping[str, str]) -> str:
    """Have the hub make a key for whoever looks on; empty where it does not."""
    # A name has two keys at most, and the demonstration may be started often.
    name = f"demo-{time.time_ns():x}"
    command = ("--config", str(ROOT / "connectors.yaml"), "--json", "add-key", name, "--days", "1")
    environ = {**os.environ, **surroundings}
    process = await leash.start(sys.executable, "-m", "hub.cli", *command, stdout=PIPE, stderr=DEVNULL, env=environ)
    try:
        said = await process.stdout.read() if process.stdout else b""
    finally:
        await leash.stop(process)
    return str(json.loads(said)["key"]) if said else ""


async def _first_runs(http: aiohttp.ClientSession, endpoint: str) -> list[dict[str, Any]]:
    """Show how the sources come in, until each has, or has had time enough; return how they stand then."""
    deadline = time.monotonic() + _FIRST_RUNS
    sources: list[dict[str, Any]] = []
    with progress() as shown:
        while not sources or not all(map(has_run, sources)):
            if time.monotonic() > deadline:
                waiting = [source["title"] for source in sources if not has_run(source)]
                say(f"still waiting for {', '.join(waiting)}")
                break
            await asyncio.sleep(0.2)
            answer = await _asked(http, endpoint, STANDING)
            sources = (answer.get("data") or {}).get("sources") or []
            shown.show(sources)
    return sources


async def _asked(http: aiohttp.ClientSession, endpoint: str, query: str) -> dict[str, Any]:
    try:
        async with http.post(endpoint, json={"query": query}) as response:
            answer: dict[str, Any] = await response.json(content_type=None)
    except (aiohttp.ClientError, ValueError):
        # The hub is on its way up, or down: then its process ends, and that is told.
        return {}
    return answer


if __name__ == "__main__":
    sys.exit(main())
