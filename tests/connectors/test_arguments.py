"""Arguments as one tree: what is laid into it, and the documents that are written from it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from pydantic import ValidationError

from hub.connectors.arguments import InnerRequest, element, found, laid, steps
from hub.connectors.formats import parse_xml


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("page", ["page"]),
        ("request.page.index", ["request", "page", "index"]),
        ("查询.页码", ["查询", "页码"]),
        ("{http://tempuri.org/}Auth.User", ["{http://tempuri.org/}Auth", "User"]),
        ("", []),
    ],
)
def test_a_path_is_split_at_its_dots_but_for_those_of_a_namespace(path: str, expected: list[str]):
    assert steps(path) == expected


@pytest.mark.parametrize("path", [".", "a.", ".a", "a..b", "{a", "{a}", "a}b"])
def test_what_is_no_path_is_said_to_be_none(path: str):
    with pytest.raises(ValueError, match="is not a path"):
        steps(path)


def test_values_are_laid_beside_what_is_there_and_nothing_else_changes():
    tree = {"request": {"area": "1", "page": 1}, "other": [1]}

    whole = laid(tree, {"request.page": 2, "request.query.since": "2024", "token": "t"})

    assert whole == {
        "request": {"area": "1", "page": 2, "query": {"since": "2024"}},
        "other": [1],
        "token": "t",
    }
    assert tree == {"request": {"area": "1", "page": 1}, "other": [1]}
    assert list(whole["request"]) == ["area", "page", "query"]
    assert (found(whole, "request.query.since"), found(whole, "other.x"), found(whole, "none")) == ("2024", None, None)


def test_a_path_does_not_go_through_a_value():
    with pytest.raises(ValueError, match="goes through `request`, which holds a value already"):
        laid({"request": "x"}, {"request.page": 1})


def inner(**options: Any) -> InnerRequest:
    return InnerRequest.model_validate({"argument": "p", "as": "xml", "root": "r", **options})


@pytest.mark.parametrize(
    ("options", "content", "written"),
    [
        ({}, None, "<r/>"),
        ({}, "a<b", "<r>a&lt;b</r>"),
        ({}, {"a": True, "b": 1.5, "c": None, "d": [1, "二"]}, "<r><a>true</a><b>1.5</b><c/><d>1</d><d>二</d></r>"),
        ({}, {"@v": 1, "#text": "t", "e": {"f": {}}}, '<r v="1">t<e><f/></e></r>'),
        ({"declaration": "GBK"}, {}, '<?xml version="1.0" encoding="GBK"?><r/>'),
        ({"as": "json", "root": None}, {"a": [True, None, "二"]}, '{"a":[true,null,"二"]}'),
        ({"as": "json"}, {"a": 1}, '{"r":{"a":1}}'),
    ],
)
def test_a_document_is_written_as_it_would_be_read(options: Any, content: Any, written: str):
    assert inner(**options).written(content) == written


@pytest.mark.parametrize("content", [{"a": "\x01"}, {"a b": 1}, {"a": {"#text": ["x"]}}, ["x"]])
def test_what_cannot_stand_in_xml_is_an_error(content: Any):
    with pytest.raises(ValueError):
        inner().written(content)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"root": None}, "an XML document needs `root`"),
        ({"root": "a b"}, "is not the name of an element"),
        ({"as": "json", "declaration": "GBK"}, "only XML has a `declaration`"),
    ],
)
def test_a_document_that_cannot_be_is_told_when_the_configuration_is_read(options: Any, said: str):
    with pytest.raises(ValidationError, match=said):
        inner(**options)


names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,5}", fullmatch=True)
texts = st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S"]), min_size=1, max_size=8)
trees = st.recursive(
    texts,
    lambda below: st.dictionaries(names, below | st.lists(below, min_size=2, max_size=3), min_size=1, max_size=3),
    max_leaves=8,
)


@given(trees)
def test_whatever_is_written_reads_back_as_it_was(tree: Any):
    document = etree.tostring(element("r", tree))

    assert parse_xml(document) == {"r": tree}
