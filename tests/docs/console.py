"""Follow a page as its reader does: write its files, run its commands, and compare what they print with the page.

What a fence says after its language: `run` runs its commands in turn; `background` starts one and leaves it running to
the end of the page; `file=NAME` writes it; `adds` puts it at the end of connectors.yaml; `mends=KEY` puts it in the
place of the line with that key there. A line `…` of a page stands for any lines. Ports 8000 and 8100 are free ones.
"""

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, Queue
from threading import Thread

from tests.docs.pages import ROOT, Fence, Step, steps

CONFIG = "connectors.yaml"

_PATIENCE = 240  # seconds for one command: other tests may keep the machine busy
_WHEN = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d(?=\n|$)")


@dataclass
class Reader:
    """Somebody who follows a page in a folder."""

    folder: Path
    ports: dict[str, str] = field(default_factory=lambda: {"8000": _free_port(), "8100": _free_port()})
    exported: dict[str, str] = field(default_factory=dict)

    def follow(self, fences: list[Fence]) -> list[str]:
        """Do what the fences say; return one line for every command that prints something else than the page."""
        wrong: list[str] = []
        with ExitStack() as running:
            for fence in fences:
                self._write(fence)
                if "background" in fence.words:
                    (step,) = steps(fence)
                    wrong += _compared(step, running.enter_context(self._started(step)))
                elif "run" in fence.words:
                    wrong += [line for step in steps(fence) for line in _compared(step, self.printed(step.command))]
        return wrong

    def _write(self, fence: Fence) -> None:
        config = self.folder / CONFIG
        text = self._here(fence.text)
        if fence.file:
            (self.folder / fence.file).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / fence.file).write_text(text, encoding="utf-8")
        elif "adds" in fence.words:
            config.write_text(config.read_text(encoding="utf-8") + text, encoding="utf-8")
        elif key := next((word.removeprefix("mends=") for word in fence.words if word.startswith("mends=")), None):
            mended, times = re.subn(
                rf"(?m)^ *{re.escape(key)}:.*\n", lambda _: text, config.read_text(encoding="utf-8")
            )
            assert times == 1, f"{times} lines of {CONFIG} begin with {key}:"
            config.write_text(mended, encoding="utf-8")

    def printed(self, command: str) -> str:
        if exported := re.fullmatch(r"export (\w+)=(\S+)", command):
            self.exported[exported[1]] = exported[2]
            return ""
        done = subprocess.run(
            ["bash", "-c", self._here(command)],
            cwd=self.folder,
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            timeout=_PATIENCE,
            check=False,
            text=True,
            encoding="utf-8",
        )
        return self.as_written(done.stdout)

    @contextmanager
    def _started(self, step: Step) -> Iterator[str]:
        """Run a command in the background; give as many lines of it as the page shows."""
        process = subprocess.Popen(
            ["bash", "-c", f"exec {self._here(step.command)}"],
            cwd=self.folder,
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
        )
        assert process.stdout
        lines: Queue[str] = Queue()
        reading = Thread(target=lambda: [lines.put(line) for line in process.stdout or ()])
        reading.start()
        try:
            yield self.as_written("".join(_next(lines) for _ in step.printed.splitlines()))
        finally:
            process.terminate()
            process.wait(_PATIENCE)
            reading.join()
            process.stdout.close()

    def environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR") if name in os.environ}
        return {
            **kept,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
            "HUB_PORT": self.ports["8000"],
            "REPLICA_PORT": self.ports["8100"],
            **self.exported,
        }

    def _here(self, text: str) -> str:
        for written, port in self.ports.items():
            text = re.sub(rf"(?<=127\.0\.0\.1:){written}\b", port, text)
        return text

    def as_written(self, text: str) -> str:
        for written, port in self.ports.items():
            text = re.sub(rf"(?<=127\.0\.0\.1:){port}\b", written, text)
        return text


def _next(lines: "Queue[str]") -> str:
    try:
        return lines.get(timeout=_PATIENCE)
    except Empty:
        return "(nothing more)\n"


def _compared(step: Step, printed: str) -> list[str]:
    lines = _WHEN.sub("NOW", step.printed.rstrip()).splitlines()
    pattern = "".join("(?:.*\n)*?" if line == "…" else f"{re.escape(line)}\n" for line in lines)
    if re.fullmatch(pattern, "".join(f"{line}\n" for line in _WHEN.sub("NOW", printed.rstrip()).splitlines())):
        return []
    return [f"$ {step.command}\nthe page says:\n{step.printed}it printed:\n{printed}"]


def _free_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return str(server.getsockname()[1])
