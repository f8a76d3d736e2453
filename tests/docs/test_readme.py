"""The README is short, and what it shows is what happens."""

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.docs.console import Reader
from tests.docs.pages import ROOT, Fence, fences, steps

README = ROOT / "README.md"


def shown(word: str) -> Fence:
    (found,) = [fence for fence in fences(README) if word in fence.words]
    return found


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    return Reader(tmp_path_factory.mktemp("readme"))


@pytest.fixture(scope="module")
def demo(reader: Reader) -> Iterator[str]:
    """What `make demo` runs, up to the line that says where it serves; it runs on until the tests are done."""
    environ = {**reader.environment(), "HUB_DATA": ".hub", "REPLICA_FILES": ".replica"}
    process = subprocess.Popen(
        [sys.executable, "-m", "replica.demo"],
        cwd=reader.folder,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
    )
    assert process.stdout
    lines: list[str] = []
    try:
        while (line := process.stdout.readline()) and not (lines and lines[-1].startswith("serving ")):
            lines.append(line)
        yield reader.as_written("".join(lines))
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)


def test_it_has_at_most_a_hundred_lines() -> None:
    assert len(README.read_text(encoding="utf-8").splitlines()) <= 100


def test_the_demo_prints_what_the_readme_shows(demo: str) -> None:
    (step,) = steps(shown("demo"))

    assert step.command == "make demo"
    assert _in_any_order(step.printed) - {"…"} <= _in_any_order(demo)
    assert set(demo.splitlines()[:2]) <= set(step.printed.splitlines())


def _in_any_order(printed: str) -> set[str]:
    """The lines without their figures: sources come as they are done, and the city never stands still."""
    lines = [re.sub(r"\d[\d,]*(?= appeals| rejected)", "N", line) for line in printed.splitlines() if line]
    return {re.sub(r" +", " ", line) for line in lines}


def test_make_demo_runs_what_is_tested_here() -> None:
    done = subprocess.run(["make", "-n", "demo"], cwd=ROOT, capture_output=True, text=True, check=True)

    assert "bin/python -m replica.demo" in done.stdout


def test_the_query_is_answered_in_the_shape_shown(demo: str, reader: Reader) -> None:
    del demo
    (step,) = steps(shown("query"))

    answer = json.loads(reader.printed(step.command))

    assert answer["data"]["appeals"]["nodes"]
    assert _shape(answer) == _shape(json.loads(step.printed))


def _shape(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _shape(inner) for key, inner in value.items()}
    return [_shape(value[0])] if isinstance(value, list) and value else type(value)


def test_adding_a_system_prints_what_the_readme_shows(tmp_path: Path) -> None:
    drop = tmp_path / "drop"
    drop.mkdir()
    rows = "gdbh,sqbt,zt_dm,djsj\nFP001,井盖缺失,A1,2026-03-01 08:00:00\nFP002,噪音扰民,C9,2026-02-28 21:40:00\n"
    (drop / "gd_20260301.csv").write_text(rows, encoding="gb18030")
    (drop / "gd_20260301.csv.ok").touch()

    wrong = Reader(tmp_path).follow(fences(README))

    assert not wrong, "\n\n".join(wrong)
