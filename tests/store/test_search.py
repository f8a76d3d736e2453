"""What text is found by."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.store.search import lexemes, terms, tsquery


def test_any_two_neighbouring_characters_are_indexed():
    assert set(lexemes([["小区停车难"]])[0].split()) == {"小区", "区停", "停车", "车难", "难"}


def test_words_and_numbers_are_indexed_whole_and_folded():
    assert set(lexemes([["Pot-hole，ＡＢ１２ ﬁne", None, ""]])[0].split()) == {"pot", "hole", "ab12", "fine"}


@pytest.mark.parametrize(
    ("asked", "query"),
    [
        ("停车", "'停车'"),
        ("停车难", "'停车' & '车难'"),
        ("难", "'难':*"),
        ("电梯 Stop", "'电梯' & 'stop':*"),
        ("%_\\ * '", ""),
        ("'; drop table", "'drop':* & 'table':*"),
    ],
)
def test_a_search_asks_for_every_pair_and_word(asked, query):
    assert tsquery(asked) == query


def test_terms_are_what_stands_between_blanks():
    assert terms("停车　难  NEAR(") == ["停车", "难", "near("]


@given(st.text())
def test_any_text_is_indexed_without_harm(text):
    lexemes([[text]])
    assert all("'" not in part.strip(":*")[1:-1] for part in tsquery(text).split(" & ") if part)


@given(st.text(alphabet="停车难小区𠀀𠀁 ，a1", max_size=20), st.data())
def test_whatever_a_search_asks_of_a_piece_of_a_text_the_text_is_indexed_by(text, data):
    start = data.draw(st.integers(0, len(text)))
    piece = text[start : data.draw(st.integers(start, len(text)))]
    indexed = set(lexemes([[text]])[0].split())

    for asked in filter(None, tsquery(piece).split(" & ")):
        lexeme = asked.removesuffix(":*").strip("'")
        if not asked.endswith(":*"):
            assert lexeme in indexed
        elif not lexeme.isascii():
            assert any(known.startswith(lexeme) for known in indexed)
