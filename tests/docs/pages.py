"""The pages of the documentation as tests look at them: headings, links, and fences with their labels."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"

_FENCE = re.compile(r"^(?P<marks>```+)(?P<says>[^\n`]*)\n(?P<text>.*?)^(?P=marks)$", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


@dataclass(frozen=True)
class Fence:
    """A block of code. Its first word is the language; `run`, `background` and `file=NAME` are for the tests."""

    language: str
    words: frozenset[str]
    text: str

    @property
    def file(self) -> str | None:
        return next((word.removeprefix("file=") for word in self.words if word.startswith("file=")), None)


@dataclass(frozen=True)
class Step:
    """One command of a console block, and what it prints."""

    command: str
    printed: str


def pages() -> list[Path]:
    found = [ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")]
    return found + sorted(DOCS.rglob("*.md"))


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def fences(page: Path) -> list[Fence]:
    found = _FENCE.finditer(page.read_text(encoding="utf-8"))
    return [Fence((says := each["says"].split() or [""])[0], frozenset(says[1:]), each["text"]) for each in found]


def prose(page: Path) -> str:
    """The page without its blocks of code."""
    return _FENCE.sub("", page.read_text(encoding="utf-8"))


def links(page: Path) -> list[str]:
    return _LINK.findall(prose(page))


def headings(page: Path) -> list[str]:
    return re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)


def anchors(page: Path) -> set[str]:
    """The fragments of a page, as GitHub makes them from its headings."""
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings(page)}


def steps(fence: Fence) -> Iterator[Step]:
    """The commands of a console block. A line that ends in a backslash goes on in the next."""
    command, printed = "", ""
    for line in fence.text.splitlines():
        if command.endswith("\\"):
            command += f"\n{line}"
        elif line.startswith("$ "):
            if command:
                yield Step(command, printed)
            command, printed = line.removeprefix("$ "), ""
        else:
            printed += f"{line}\n"
    if command:
        yield Step(command, printed)
