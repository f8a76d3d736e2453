"""Every page whose commands can be run is run, in a folder of its own; what it prints is what the page says."""

from pathlib import Path

import pytest

from tests.docs.console import Reader
from tests.docs.pages import DOCS, fences, name_of

PAGES = [
    page
    for page in sorted([*DOCS.glob("tutorial/*.md"), *DOCS.glob("how-to/*.md")])
    if any("run" in fence.words for fence in fences(page))
]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_following_a_page_prints_what_it_says(page: Path, tmp_path: Path) -> None:
    wrong = Reader(tmp_path).follow(fences(page))

    assert not wrong, "\n\n".join(wrong)


def test_a_page_that_says_something_else_is_noticed(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Title\n\n```console run\n$ echo one\ntwo\n```\n")

    wrong = Reader(tmp_path).follow(fences(page))

    assert len(wrong) == 1
    assert "two\nit printed:\none\n" in wrong[0]
