"""What holds for every page: its links lead somewhere, its configuration loads, it is one page of one kind."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from hub.config import load
from tests.docs.pages import DOCS, ROOT, anchors, fences, links, name_of, pages, prose

KINDS = ("tutorial", "how-to", "reference", "explanation", "decisions")
EVERY_PAGE = pytest.mark.parametrize("page", pages(), ids=name_of)


@EVERY_PAGE
def test_every_link_leads_somewhere(page: Path) -> None:
    broken = [link for link in links(page) if not _leads_somewhere(page, link)]

    assert not broken


def _leads_somewhere(page: Path, link: str) -> bool:
    if "://" in link:
        return True
    path, _, fragment = link.partition("#")
    target = (page.parent / path).resolve() if path else page
    if not target.exists() or not target.is_relative_to(ROOT):
        return False
    return not fragment or fragment in anchors(target)


@EVERY_PAGE
def test_no_page_loads_anything_from_elsewhere(page: Path) -> None:
    text = prose(page)

    assert not re.search(r"!\[|<(?:img|script|link|iframe|video)\b", text)


@EVERY_PAGE
def test_a_page_has_one_title_and_it_comes_first(page: Path) -> None:
    text = prose(page)

    titles = re.findall(r"^# .+$", text, re.MULTILINE)

    assert len(titles) == 1
    assert text.startswith(titles[0])


@EVERY_PAGE
def test_every_configuration_on_a_page_loads(page: Path, tmp_path: Path) -> None:
    written = [fence.text for fence in fences(page) if fence.language == "yaml" and "mistaken" not in fence.words]
    files = [_whole(text) for text in written if re.search(r"^(version|sources):", text, re.MULTILINE)]
    for beside in (fence for fence in fences(page) if fence.file):
        (tmp_path / beside.file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / beside.file).write_text(beside.text, encoding="utf-8")

    for number, text in enumerate(files):
        path = tmp_path / f"{number}.yaml"
        path.write_text(text, encoding="utf-8")
        load(path, _filled(text, tmp_path))


def _whole(text: str) -> str:
    return text if "version:" in text else f"version: 1\n{text}"


_MADE_UP = "whsec_bWFkZSB1cCBhbmQgbG9uZyBlbm91Z2ggZm9yIGFsbA=="


def _filled(text: str, folder: Path) -> Mapping[str, str]:
    """Make up what a configuration borrows."""
    for name in re.findall(r"\$\{file:([^}]+)\}", text):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(_MADE_UP)
    return dict.fromkeys(re.findall(r"\$\{([A-Z_0-9]+)\}", text), _MADE_UP)


@pytest.mark.parametrize("kind", KINDS)
def test_the_index_links_every_page(kind: str) -> None:
    linked = {(DOCS / link).resolve() for link in links(DOCS / "README.md")}

    missing = [name_of(page) for page in sorted((DOCS / kind).rglob("*.*")) if page.resolve() not in linked]

    assert not missing


def test_every_make_target_that_a_page_names_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))

    named = {target for page in pages() for target in re.findall(r"(?:`|\$ )make ([a-z-]+)", page.read_text("utf-8"))}

    assert named
    assert named <= targets


def test_every_make_target_is_told_to_contributors() -> None:
    told = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")

    listed = re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)

    assert [target for target in listed if f"| `make {target}` |" not in told and target != "help"] == []


def test_every_how_to_starts_with_its_command() -> None:
    late = [name_of(page) for page in sorted((DOCS / "how-to").glob("*.md")) if not _command_first(page)]

    assert not late


def _command_first(page: Path) -> bool:
    """Whether the first thing after the title, or after one sentence, is a block of commands."""
    before = page.read_text(encoding="utf-8").partition("```console")
    return bool(before[1]) and len(before[0].splitlines()) <= 6


@pytest.mark.parametrize("page", sorted((DOCS / "decisions").glob("[0-9]*.md")), ids=name_of)
def test_every_decision_says_its_cost_and_its_evidence(page: Path) -> None:
    parts = re.findall(r"^\*\*(\w+)\.\*\* \S", page.read_text(encoding="utf-8"), re.MULTILINE)

    assert parts == ["Context", "Decision", "Cost", "Evidence"]


def test_decisions_are_numbered_without_a_gap() -> None:
    numbers = [int(page.name[:4]) for page in sorted((DOCS / "decisions").glob("[0-9]*.md"))]

    assert numbers == list(range(1, len(numbers) + 1))


def test_each_hostile_thing_names_the_tests_that_show_what_comes_of_it() -> None:
    text = (DOCS / "explanation" / "what-a-hostile-source-can-do.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| ")][2:]

    named = {row: re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", row) for row in rows}

    assert len(rows) > 40
    assert [row for row, tests in named.items() if not tests] == []
    assert [test for tests in named.values() for test in tests if not _is_defined(*test)] == []


def _is_defined(file: str, test: str) -> bool:
    return f"def {test}(" in (ROOT / file).read_text(encoding="utf-8")


@pytest.mark.parametrize("page", sorted((DOCS / "decisions").glob("[0-9]*.md")), ids=name_of)
def test_the_evidence_of_a_decision_exists(page: Path) -> None:
    text = " ".join(page.read_text(encoding="utf-8").split())
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", text)
    files = re.findall(r"`((?:tests|hub)/[\w/]*(?:\.py)?)`", text)

    missing = [f"{file}::{test}" for file, test in named if not _is_defined(file, test)]

    assert missing == []
    assert [file for file in files if not (ROOT / file).exists()] == []
