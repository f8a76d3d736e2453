"""Regular expressions that no text can make run for ever."""

import time

import pytest

from hub.mapping.patterns import compile_pattern


@pytest.mark.parametrize(
    "pattern",
    [
        r"^(\d{6})",
        r"\[(.*?)\]",
        r"编号[:：]\s*(\w+)",
        r"(?:\d{2,4}-){2}\d+",
        r"(?:[a-z]|\d)+",
        r"a|b",
        r"(\w+)/(\w+)/(\w+)",
    ],
)
def test_ordinary_patterns_pass(pattern):
    assert compile_pattern(pattern).regex.pattern == pattern


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        (r"(a+)+", "inside another"),
        (r"(\w+\s?)*$", "inside another"),
        (r"((?:ab)*c)*", "inside another"),
        (r"(a{1,30}){1,30}", "inside another"),
        (r"(?=(a+))+b", "inside another"),
        (r"(a|aa)+$", "alternatives"),
        (r"(a)(?:\1)+", "back-reference"),
        (r".*.*.*.*x", "more than three"),
        (r"(", "no regular expression"),
        (r"[z-a]", "no regular expression"),
        (r"a{99999999999}", "no regular expression"),
    ],
)
def test_a_pattern_that_could_take_for_ever_is_refused(pattern, reason):
    with pytest.raises(ValueError, match=reason):
        compile_pattern(pattern)


@pytest.mark.parametrize("pattern", [r"(\w+)$", r"(\w*)(\d+)$", r"(\w*)(\w*)(\d+)$"])
def test_the_worst_text_for_an_allowed_pattern_is_searched_in_two_seconds(pattern):
    started = time.process_time()

    found = compile_pattern(pattern).pick("1" * 139 + "-" + "1" * 5000 + "-" + "1" * 9000 + "-")
    compile_pattern(pattern).pick("1" * 139 + "-")
    compile_pattern(pattern).pick("1" * 449 + "-")
    compile_pattern(pattern).pick("1" * 4999 + "-")

    assert time.process_time() - started < 2
    assert found is None or found.isdecimal()


def test_the_first_group_is_picked_or_the_whole_match():
    assert compile_pattern(r"^(\d{6})").pick("420802001") == "420802"
    assert compile_pattern(r"\d{6}").pick("区划 420802") == "420802"
    assert compile_pattern(r"\d{6}").pick("无") is None
