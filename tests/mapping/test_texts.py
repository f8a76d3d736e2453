"""Values as text that can be stored."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.errors import Unreadable
from hub.mapping.texts import opening, storable, storable_json, text_of, without_markup


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("文", "文"),
        (7, "7"),
        (7.0, "7"),
        (20260001.0, "20260001"),
        (0.5, "0.5"),
        (1e300, "1e+300"),
        (True, "true"),
        (False, "false"),
        (Decimal("1.50"), "1.50"),
        (datetime(2026, 3, 1, 8, tzinfo=UTC), "2026-03-01T08:00:00+00:00"),
        (date(2026, 3, 1), "2026-03-01"),
    ],
)
def test_a_value_is_written_plainly(value, text):
    assert text_of(value) == text


@pytest.mark.parametrize("value", [{}, [1], b"x", float("nan"), float("inf"), pytest.param(10**5000, id="5000 digits")])
def test_what_is_no_single_text_is_unreadable(value):
    with pytest.raises(Unreadable):
        text_of(value)


@pytest.mark.parametrize(
    ("text", "stored"),
    [("a\x00b", "ab"), ("\ud83d\ude00", "😀"), ("x\ud800y", "x\ufffdy"), ("中文", "中文")],
)
def test_what_postgresql_refuses_is_taken_out(text, stored):
    assert storable(text) == stored


@given(st.text(st.characters(codec=None)))
def test_any_text_becomes_one_that_utf8_and_postgresql_take(text):
    stored = storable(text)

    assert "\x00" not in stored
    assert stored.encode().decode() == stored


def test_json_keeps_its_shape_and_loses_what_cannot_be_stored():
    value = {"a\x00": [1, 2**70, None, True, "\ud800"], "at": date(2026, 3, 1)}

    assert storable_json(value) == {"a": [1, str(2**70), None, True, "\ufffd"], "at": "2026-03-01"}


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>劳动&nbsp;争议</p><p>二</p>", "劳动 争议\n二"),
        ("一<br>二<br/>三", "一\n二\n三"),
        ("a &lt;b&gt; &amp; &#20013;", "a <b> & 中"),
        ("<script>alert(1)</script>好<style>p{}</style>", "好"),
        ("水压<2公斤", "水压<2公斤"),
        ("没有标签", "没有标签"),
        ("<!-- 注 -->", ""),
        ("", ""),
        ("\x00\ud800", "\ufffd"),
    ],
)
def test_markup_comes_off(html, text):
    assert without_markup(html) == text


def test_hostile_markup_ends():
    assert len(without_markup("<div>" * 20_000 + "x" + "<!--" * 20_000)) < 200_000


def test_an_opening_is_on_one_line():
    assert opening("第一行\n  第二行很长", 6) == "第一行 第二"
