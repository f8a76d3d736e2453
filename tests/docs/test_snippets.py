"""What pages show of other files stands in them."""

from pathlib import Path

import pytest

from tests.docs.pages import DOCS, ROOT, Fence, fences, name_of

SHOWN = [
    pytest.param(page, fence, id=f"{name_of(page)}-{number}")
    for page in sorted(DOCS.rglob("*.md"))
    for number, fence in enumerate(fences(page))
    if any(word.startswith("from=") for word in fence.words)
]


@pytest.mark.parametrize(("page", "fence"), SHOWN)
def test_a_part_of_a_file_is_as_the_file_has_it(page: Path, fence: Fence) -> None:
    (name,) = [word.removeprefix("from=") for word in fence.words if word.startswith("from=")]

    assert fence.text in (ROOT / name).read_text(encoding="utf-8"), f"{name} no longer holds what {page.name} shows"


def test_pages_show_parts_of_files() -> None:
    assert len(SHOWN) > 5
