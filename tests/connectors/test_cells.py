"""What drivers give, as JSON; and keys that come back as they were."""

import json
import math
import struct
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID

import orjson
import pytest
from asyncpg import BitString, Point, Range
from hypothesis import given
from hypothesis import strategies as st

from hub.connectors.databases.cells import BadCell, cells, keys_from_json, keys_to_json, same_key
from hub.errors import SourceRefused


def cell(value, *, code=None, dialect="postgresql", encoding=None, is_json=False):
    (made,) = cells([code], ["c"], dialect, encoding, ["c"] if is_json else [])
    return made(value)


@pytest.mark.parametrize(
    ("value", "made"),
    [
        ("文", "文"),
        (True, True),
        (7, 7),
        (2**63 - 1, 2**63 - 1),
        (2**63, "9223372036854775808"),
        (1.5, 1.5),
        (math.nan, "NaN"),
        (-math.inf, "-Infinity"),
        (Decimal("12345678901234567890.10"), "12345678901234567890.10"),
        (Decimal("1E+3"), "1000"),
        (Decimal("NaN"), "NaN"),
        (datetime.fromisoformat("2026-03-01T08:00:00"), "2026-03-01T08:00:00"),
        (datetime.fromisoformat("2026-03-01T08:00:00.123456"), "2026-03-01T08:00:00.123456"),
        (datetime(2026, 3, 1, tzinfo=UTC), "2026-03-01T00:00:00+00:00"),
        (date(2026, 3, 1), "2026-03-01"),
        (time(8, 5), "08:05:00"),
        (timedelta(hours=30, seconds=5), "30:00:05"),
        (-timedelta(minutes=90, microseconds=1), "-01:30:00.000001"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        ([1, None, Decimal("2.50")], [1, None, "2.50"]),
        ({"a": date(2026, 3, 1)}, {"a": "2026-03-01"}),
        (b"\x00\xff", "AP8="),
        (memoryview(b"ab"), "YWI="),
        (BitString("101"), "101"),
        (Point(112.2, 31.03), [112.2, 31.03]),
        (Range(1, 5), "<Range [1, 5)>"),
    ],
)
def test_a_value_becomes_json(value, made):
    found = cell(value)

    assert found == made
    assert orjson.loads(orjson.dumps(found)) == made


@pytest.mark.parametrize("encoding", ["gbk", "GB2312", "gb18030"])
def test_bytes_are_text_where_an_encoding_is_told_and_fits(encoding):
    assert cell("路灯€".encode("gb18030").replace(b"\xa2\xe3", b"\x80"), encoding=encoding) == "路灯€"
    assert cell(b"\x89PNG\xff\xff", encoding=encoding) == "iVBOR///"


def test_a_bit_of_mysql_is_a_number():
    assert [cell(value, code=16, dialect="mysql") for value in (b"\x00", b"\x01", b"\x01\x05")] == [0, 1, 261]


def test_a_point_of_mysql_is_wkt_and_other_shapes_stay_bytes():
    point = struct.pack("<I", 4326) + b"\x01" + struct.pack("<Idd", 1, 112.2, 31.03)
    line = struct.pack("<I", 0) + b"\x01" + struct.pack("<Idd", 2, 0, 0)

    assert cell(point, code=255, dialect="mysql") == "POINT(112.2 31.03)"
    assert cell(line, code=255, dialect="mysql").startswith("AAAAAA")
    assert cell(b"\x00", code=255, dialect="mysql") == "AA=="


@pytest.mark.parametrize(("code", "dialect"), [(114, "postgresql"), (3802, "postgresql"), (245, "mysql")])
def test_json_is_read_as_what_it_holds(code, dialect):
    assert cell('{"a": [1, "文"]}', code=code, dialect=dialect) == {"a": [1, "文"]}
    assert cell('{"a": 1}', code=25, dialect=dialect) == '{"a": 1}'
    assert cell('{"a": 1}', is_json=True) == {"a": 1}
    assert cell({"a": 1}, is_json=True) == {"a": 1}


@pytest.mark.parametrize("text", ["{", "NaN", "", "[" * 100_000, '"\udc80"'])
def test_what_is_no_json_is_told(text):
    with pytest.raises(BadCell, match="is not JSON"):
        cell(text, is_json=True)


def test_bytes_that_are_no_text_are_told_and_shown_escaped():
    with pytest.raises(BadCell, match="holds bytes that are not text") as caught:
        cell("路\udcff灯")

    assert caught.value.kept == "路\\udcff灯"


KEYS = st.one_of(
    st.integers(),
    st.text(),
    st.floats(allow_nan=False),
    st.decimals(allow_nan=False, allow_infinity=False),
    st.datetimes(timezones=st.sampled_from([None, UTC])),
    st.dates(),
    st.times(),
    st.binary(),
    st.uuids(),
)


@given(st.dictionaries(st.text(), KEYS, max_size=4))
def test_keys_come_back_as_they_were(keys):
    found = keys_from_json(json.loads(json.dumps(keys_to_json(keys))))

    assert found == keys
    assert [type(value) for value in found.values()] == [type(value) for value in keys.values()]


def test_a_kind_that_no_page_can_begin_after_is_refused():
    with pytest.raises(SourceRefused, match="cannot be paged by 面: its values are list"):
        keys_to_json({"面": [1]})


def test_keys_that_a_database_may_take_for_one_are_the_same():
    assert same_key(["A1 ", 5], ["a1", 5])
    assert same_key([Decimal("5.0")], [5])
    assert not same_key(["a1"], ["a2"])
    assert not same_key([None], [0])
