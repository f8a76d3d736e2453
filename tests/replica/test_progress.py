"""What one sees while the sources come in."""

import io

import pytest
from rich.console import Console

from replica.progress import Lines, Screen, has_run


def standing(name: str, *, served: int = 0, success: bool = False, error: str | None = None, failures: int = 0):
    health = {"lastSuccessAt": "2026-03-10T04:00:00Z" if success else None, "lastError": error}
    health |= {"served": served, "rejected": 1, "failures": failures, "running": False}
    return {"name": name, "title": f"{name}热线", "connector": "rest", "health": health}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (standing("12315"), False),
        (standing("12315", served=5), False),
        (standing("12315", success=True), False),
        (standing("12315", served=5, success=True), True),
        (standing("12315", error="refused", failures=1), False),
        (standing("12315", error="refused", failures=3), True),
    ],
)
def test_a_source_has_come_in_once_it_brought_something_or_keeps_failing(source, expected):
    assert has_run(source) is expected


def test_where_nobody_looks_on_each_source_is_told_once(capsys):
    with Lines() as shown:
        shown.show([standing("12315", served=5), standing("12345", served=1234, success=True)])
        shown.show([standing("12315", served=9, success=True), standing("12345", served=1300, success=True)])

    assert capsys.readouterr().out.splitlines() == [
        "  12345热线                       rest       1234 appeals    1 rejected",
        "  12315热线                       rest          9 appeals    1 rejected",
    ]


def test_a_source_that_keeps_failing_is_told_with_the_reason(capsys):
    with Lines() as shown:
        shown.show([standing("12315", error="no answer from 127.0.0.1:9", failures=3)])

    assert capsys.readouterr().out == "  12315热线                       rest      no answer from 127.0.0.1:9\n"


def seen(sources, *, width: int, height: int) -> str:
    """What stands on a screen of that size in the end."""
    console = Console(file=io.StringIO(), width=width, height=height, force_terminal=True, color_system=None)
    with Screen(console) as shown:
        shown.show(sources)
    return console.file.getvalue()


def test_a_screen_shows_every_source_with_its_appeals_and_how_many_are_in():
    sources = [standing(f"123{number:02}", served=1200, success=number % 2 == 0) for number in range(43)]

    screen = seen(sources, width=80, height=30)

    assert "22 of 43 sources, 51,600 appeals" in screen
    assert all(f"{'✓' if number % 2 == 0 else '·'} 123{number:02}热线" in screen for number in range(43))


def test_a_small_screen_shows_those_that_are_still_waited_for():
    sources = [standing(f"123{number:02}", served=12, success=number < 40) for number in range(43)]

    screen = seen(sources, width=40, height=24)

    assert [number for number in range(43) if f"123{number:02}" in screen] == [40, 41, 42]


def test_a_source_that_fails_is_marked():
    assert "✗ 12315热线" in seen([standing("12315", error="refused", failures=1)], width=80, height=24)
