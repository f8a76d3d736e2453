"""Cursors: what is written is read back, for the very list it was written for."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.errors import QueryError
from hub.model import Status
from hub.schema.cursors import fingerprint, read_cursor, write_cursor
from hub.store.reads import Position
from hub.wanted import AppealFilter, AppealOrder

TIMES = st.datetimes(timezones=st.just(UTC))


@given(at=TIMES, number=st.integers(1, 2**63 - 1), order=st.sampled_from(list(AppealOrder)))
def test_a_cursor_is_read_back_exactly(at, number, order):
    wanted = AppealFilter(status=(Status.CLOSED,), text="路灯")

    assert read_cursor(write_cursor(Position(at, number), order, wanted), order, wanted) == Position(at, number)


def test_an_appeal_without_a_deadline_has_a_place_among_deadlines_only():
    cursor = write_cursor(Position(None, 7), AppealOrder.DUE_ASC, AppealFilter())

    assert read_cursor(cursor, AppealOrder.DUE_ASC, AppealFilter()) == Position(None, 7)
    with pytest.raises(QueryError):
        read_cursor(cursor.replace("DUE_ASC", "CREATED_ASC"), AppealOrder.CREATED_ASC, AppealFilter())


@given(text=st.text() | st.from_regex(r"CREATED_DESC~[0-9a-f]{12}~-?[0-9]{1,18}~[0-9]{1,19}", fullmatch=True))
def test_whatever_text_comes_is_refused(text):
    with pytest.raises(QueryError, match="cursor"):
        read_cursor(text, AppealOrder.CREATED_DESC, AppealFilter())


def test_the_order_of_a_filters_values_makes_no_difference():
    one = AppealFilter(status=(Status.CLOSED, Status.REJECTED), source=("a", "b"))
    other = AppealFilter(status=(Status.REJECTED, Status.CLOSED), source=("b", "a"))

    assert fingerprint(one) == fingerprint(other)
    assert fingerprint(one) != fingerprint(AppealFilter(status=(Status.CLOSED,), source=("a", "b")))


def test_every_field_of_a_filter_is_in_its_fingerprint():
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    values = {"created": moment, "updated": moment, "due": moment, "text": "x"}
    prints = set()
    for name in AppealFilter.__dataclass_fields__:
        value = values.get(name, ("x",))
        if value is moment:
            value = type(AppealFilter().created)(since=moment)
        prints.add(fingerprint(AppealFilter(**{name: value})))

    assert len(prints) == len(AppealFilter.__dataclass_fields__)
