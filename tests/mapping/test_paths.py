"""Paths into a ticket."""

import pytest

from hub.errors import Unreadable
from hub.mapping.paths import compile_path

TICKET = {
    "标题": "路灯不亮",
    "来源": {"渠道": "热线"},
    "a": {"b": {"c": 1}},
    "a.b": "dotted",
    ":id": "row-1",
    "@code": "x",
    "Created Date": "2026-03-01",
    "content-type": "text",
    "是否保密(是/否)": "否",
    "units": [{"name": "物业"}, {"name": "社区"}, {}],
    "unit": {"name": "城管"},
    "fields": [{"id": 360, "value": "东宝区"}, {"id": 361, "value": None}],
    "empty": "",
}


def found(path):
    return [each.find(TICKET) for each in compile_path(path)]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("标题", "路灯不亮"),
        ("来源.渠道", "热线"),
        ("a.b.c", 1),
        ('"a.b"', "dotted"),
        ('a."b".c', 1),
        (":id", "row-1"),
        ("@code", "x"),
        ("Created Date", "2026-03-01"),
        ("content-type", "text"),
        ('"是否保密(是/否)"', "否"),
        ("units[].name", ["物业", "社区"]),
        ("units[*].name", ["物业", "社区"]),
        ("units[0].name", "物业"),
        ("units[-2].name", "社区"),
        ("units[?name=='社区'].name | [0]", "社区"),
        ("fields[?id==`360`].value | [0]", "东宝区"),
        ("来源.[渠道, 标题]", ["热线", None]),
        ("length(units)", 3),
        ("标题.渠道", None),
        ("no.such.key", None),
        ("units.name", None),
    ],
)
def test_a_path_leads_to_its_value(path, value):
    assert found(path) == [value]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("unit[].name", ["城管"]),
        ("unit[*].name", ["城管"]),
        ("unit[0].name", "城管"),
        ("unit[?name=='城管'].name", ["城管"]),
    ],
)
def test_one_object_counts_as_a_list_of_one(path, value):
    assert found(path) == [value]


def test_alternatives_are_found_one_by_one():
    assert found("empty || 标题 || a.b.c") == ["", "路灯不亮", 1]


def test_alternatives_within_brackets_belong_to_jmespath():
    assert found("units[?name=='社区' || name=='物业'].name") == [["物业", "社区"]]


def test_alternatives_beside_a_pipe_belong_to_jmespath():
    assert found("empty || units | [0].name") == ["物业"]


def test_a_plain_key_is_told():
    assert [each.key for each in compile_path("标题 || a.b")] == ["标题", None]


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("", "a path is missing"),
        ("a ||", "a path is missing"),
        ("a..b", "makes no sense from '.' on"),
        ("detail.[result", "ends too early"),
        ("是否(是/否)", "in double quotes"),
        ("nosuch(a)", "there is no function 'nosuch'"),
        ("$.a.b", "begins with a key"),
        (".a", "begins with a key"),
        ("a[?b='c']", "equals is =="),
        ('a[?b=="c"]', "in single quotes"),
        ("a[0].b | c || d", "use parentheses"),
        ("split(a)", "takes 2 arguments, not 1"),
        ("a[].join(',')", "takes 2 arguments, not 1"),
        ("pad_left(a, 6, '0')", "in backticks"),
        ("{a} {b}", "no templates"),
        ("a" * 2000, "at most 1000 characters"),
        ("[" * 900, "no path"),
    ],
)
def test_what_is_no_path_is_refused_with_the_reason(path, reason):
    with pytest.raises(ValueError, match=reason.replace("(", r"\(")):
        compile_path(path)


@pytest.mark.parametrize(
    "path", ["a || b[0] | c", "x[?a == 'it is \"so\"']", "x[?a=='b||c'] | [0]", "x[?(a | b) || c]", 'x[?"a b"==c]']
)
def test_what_only_looks_like_a_mistake_is_a_path(path):
    assert compile_path(path)


def test_a_function_that_does_not_suit_the_ticket_makes_it_unreadable():
    with pytest.raises(Unreadable, match="does not suit the path"):
        found("sum(units)")


def test_a_number_in_a_plain_path_is_a_key_of_an_object_and_a_place_of_a_list():
    (path,) = compile_path("items.1.name")

    assert path.find({"items": [{"name": "a"}, {"name": "b"}]}) == "b"
    assert path.find({"items": {"1": {"name": "c"}}}) == "c"
    assert path.find({"items": [{"name": "a"}]}) is path.find({"items": "text"}) is None
