"""A file that is edited while the hub runs: one source at a time, and a bad save changes nothing."""

from pathlib import Path

import pytest

from hub.config import load
from hub.config.watching import News, WatchedFile

SOURCE = """\
  {name}:
    title: {title}
    class: hotline
    connector: rest
    url: https://{name}.example.gov.cn/api
    auth: {{bearer: "${{TOKEN}}"}}
    map: {{external_id: id, title: t, status: {{value: RECEIVED}}, created_at: c}}
"""
ENVIRON = {"TOKEN": "canary-7f3e"}


def text(**titles: str) -> str:
    return "version: 1\nsources:\n" + "".join(SOURCE.format(name=name, title=title) for name, title in titles.items())


@pytest.fixture
def file(tmp_path: Path) -> WatchedFile:
    path = tmp_path / "connectors.yaml"
    path.write_text(text(housing="住房热线", lift="电梯热线"))
    return WatchedFile(load(path, ENVIRON), ENVIRON)


def saved(file: WatchedFile, content: str) -> News | None:
    """Save the file and look twice: the first time it may be half written."""
    file.config.path.write_text(content)
    assert file.look() is None
    return file.look()


def test_a_file_that_stays_the_same_brings_no_news(file):
    assert file.look() is None
    assert saved(file, file.config.path.read_text()) is None


def test_a_source_that_reads_otherwise_is_taken_and_the_other_is_the_very_same(file):
    lift = file.config.sources["lift"]

    news = saved(file, text(housing="住房公积金热线", lift="电梯热线"))

    assert news == News(frozenset({"housing"}), frozenset(), ())
    assert file.config.sources["housing"].record.title == "住房公积金热线"
    assert file.config.sources["lift"] is lift


def test_a_source_with_a_mistake_stays_as_it_was_and_the_other_is_taken(file):
    before = file.config.sources["housing"]

    news = saved(file, text(housing="住房", lift="应急电梯").replace("class: hotline", "class: hot-line", 1))

    assert news is not None
    assert news.changed == {"lift"}
    assert file.config.sources["housing"] is before
    assert file.errors.keys() == {"housing"}
    assert "connectors.yaml:5: sources.housing.class: 'hot-line' is not one of" in file.errors["housing"]
    assert "canary" not in str(file.errors)


@pytest.mark.parametrize(
    "broken", ["version: 1\nsources: [", "", "\t", "version: 1\nsources: {}\n", "defaults: {x: 1}\n"]
)
def test_a_file_that_is_broken_as_a_whole_changes_nothing_and_says_why_everywhere(file, broken):
    before = file.config

    news = saved(file, broken)

    assert news is not None
    assert not news.changed
    assert file.config is before
    assert file.errors.keys() == {"housing", "lift"}


def test_a_mended_file_takes_the_errors_away(file):
    saved(file, "version: 1\nsources: [")

    news = saved(file, text(housing="住房热线", lift="电梯热线"))

    assert news == News(frozenset(), frozenset(), ())
    assert file.errors == {}


def test_a_half_written_file_is_not_read(file):
    whole = text(housing="住房热线", lift="电梯热线", water="供水热线")
    file.config.path.write_text(whole[: len(whole) // 2])
    assert file.look() is None

    file.config.path.write_text(whole)

    assert file.look() is None
    assert file.look() == News(frozenset({"water"}), frozenset(), ())
    assert list(file.config.sources) == ["housing", "lift", "water"]


def test_a_source_that_was_taken_out_is_gone_and_one_that_vanished_with_the_file_is_not(file):
    assert saved(file, text(housing="住房热线")) == News(frozenset(), frozenset({"lift"}), ())
    file.config.path.unlink()
    file.look()

    file.look()

    assert list(file.config.sources) == ["housing"]
    assert "there is no such file" in file.errors["housing"]


def test_a_new_source_with_a_mistake_is_told_of_and_not_taken(file):
    news = saved(file, text(housing="住房热线", lift="电梯热线", water="").replace("title: \n", "title: ''\n"))

    assert news is not None
    assert [mistake.path for mistake in news.mistakes] == ["sources.water.title"]
    assert list(file.config.sources) == ["housing", "lift"]
