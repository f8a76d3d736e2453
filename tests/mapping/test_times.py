"""Times of legacy systems as aware UTC."""

from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.errors import Unreadable
from hub.mapping.times import time_reader

SHANGHAI = ZoneInfo("Asia/Shanghai")
NEW_YORK = ZoneInfo("America/New_York")
DAY = datetime(2026, 2, 28, 16, tzinfo=UTC)  # 1 March 2026, 00:00 in Shanghai


def read(value, *formats, zone=SHANGHAI, clock=None):
    return time_reader(formats, zone, clock)(value)


@pytest.mark.parametrize(
    ("value", "utc"),
    [
        ("2026-03-01T08:00:00Z", "2026-03-01T08:00:00+00:00"),
        ("2026-03-01T08:00:00+08:00", "2026-03-01T00:00:00+00:00"),
        ("2026-03-01 08:00:00 +0800", "2026-03-01T00:00:00+00:00"),
        ("2026-03-01 08:00:00 UTC", "2026-03-01T08:00:00+00:00"),
        ("2026-03-01 08:00:00", "2026-03-01T00:00:00+00:00"),
        ("2026-03-01 08:00", "2026-03-01T00:00:00+00:00"),
        ("2026-03-01", "2026-02-28T16:00:00+00:00"),
        ("20260301", "2026-02-28T16:00:00+00:00"),
        ("20260301T080000Z", "2026-03-01T08:00:00+00:00"),
        ("2026-07-18T01:53:30.950Z", "2026-07-18T01:53:30.950000+00:00"),
        ("2026-03-01T08:00:00.123456789Z", "2026-03-01T08:00:00.123456+00:00"),
        ("２０２６-０３-０１ ０８:００", "2026-03-01T00:00:00+00:00"),
        ("2026-03-01T24:00:00Z", "2026-03-02T00:00:00+00:00"),
        ("2026-12-31 24:00", "2026-12-31T16:00:00+00:00"),
    ],
)
def test_iso_is_read_in_the_zone_of_the_source(value, utc):
    assert read(value).isoformat() == utc
    assert read(value, "iso").isoformat() == utc


@pytest.mark.parametrize(
    ("value", "utc"),
    [
        ("2026年3月1日", "2026-02-28T16:00:00+00:00"),
        ("2026年03月01日 08时05分", "2026-03-01T00:05:00+00:00"),
        ("2026年03月01日08时05分30秒", "2026-03-01T00:05:30+00:00"),
        ("2026年3月1日 8时", "2026-03-01T00:00:00+00:00"),
        ("2026年3月1日 08:05", "2026-03-01T00:05:00+00:00"),
        ("2026年3月1日 下午3:05", "2026-03-01T07:05:00+00:00"),
        ("2026年3月1日 上午12时", "2026-02-28T16:00:00+00:00"),
        ("2026年3月1日 下午12时", "2026-03-01T04:00:00+00:00"),
        ("2026年3月1日 中午11点半", "2026-03-01T03:30:00+00:00"),
        ("2026年3月1日 星期日 8点半", "2026-03-01T00:30:00+00:00"),
        ("２０２６年３月１日", "2026-02-28T16:00:00+00:00"),
        ("2026年3月1日 24时", "2026-03-01T16:00:00+00:00"),
    ],
)
def test_chinese_dates_are_read(value, utc):
    assert read(value, "chinese").isoformat() == utc


@pytest.mark.parametrize(
    ("value", "local"),
    [
        (1, "1900-01-01 00:00:00"),
        (59, "1900-02-28 00:00:00"),
        (61, "1900-03-01 00:00:00"),
        (45000, "2023-03-15 00:00:00"),
        ("45000.5", "2023-03-15 12:00:00"),
        (45000.333333, "2023-03-15 08:00:00"),
    ],
)
def test_excel_serials_are_days_of_the_1900_system(value, local):
    assert read(value, "excel", zone=ZoneInfo("UTC")) == datetime.fromisoformat(local + "+00:00")


def test_epochs_are_told_apart_by_the_declared_format_only():
    utc = datetime(2026, 3, 4, 4, 53, 20, tzinfo=UTC)

    assert read(1772600000, "epoch_s") == read("1772600000", "epoch_s") == utc
    assert read(1772600000000, "epoch_ms") == read(1772600000000.0, "epoch_ms") == utc


@pytest.mark.parametrize(
    ("value", "formats", "hint"),
    [
        (1772600000000, ("epoch_s",), "milliseconds: write date: epoch_ms"),
        (1772600000, ("epoch_ms",), "seconds: write date: epoch_s"),
        (1772600000, ("iso",), "seconds: write date: epoch_s"),
        ("1772600000000", (), "milliseconds: write date: epoch_ms"),
        ("45000", ("%Y-%m-%d",), "an Excel serial: write date: excel"),
        ("2569-03-01", (), "years 1900 to 2200"),
    ],
)
def test_a_time_of_another_form_is_unreadable_and_the_hint_names_it(value, formats, hint):
    with pytest.raises(Unreadable) as caught:
        read(value, *formats)

    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("value", "format_"),
    [
        ("2026-02-30", "iso"),
        ("2026-13-01", "iso"),
        ("2026-03-01 25:00:00", "iso"),
        ("1700010112345", "iso"),
        ("20260301081233", "iso"),
        ("昨天", "iso"),
        ("9999-12-31", "iso"),
        ("9999-12-31 24:00", "iso"),
        ("2026年2月30日", "chinese"),
        ("2026年3月1日晚上12点", "chinese"),
        ("民国115年3月1日", "chinese"),
        ("2026-02-30", "%Y-%m-%d"),
        (60, "excel"),
        (-1, "excel"),
        (1e300, "excel"),
        ("nan", "excel"),
        (10**30, "epoch_ms"),
        ("1e9", "epoch_s"),
        ({}, "iso"),
        (float("inf"), "epoch_s"),
    ],
)
def test_what_is_no_time_is_unreadable_and_never_now(value, format_):
    with pytest.raises(Unreadable):
        read(value, format_)


@pytest.mark.parametrize(
    ("value", "format_"),
    [
        ("0000-00-00", "iso"),
        ("0000-00-00 00:00:00", "%Y-%m-%d %H:%M:%S"),
        ("0001-01-01T00:00:00Z", "iso"),
        ("0001-01-01 00:00:00", "iso"),
        (datetime(1, 1, 1), "iso"),  # noqa: DTZ001  # naive times are what is read here
        (0, "epoch_s"),
        ("0", "epoch_ms"),
        (0, "excel"),
    ],
)
def test_the_zero_of_a_format_is_no_time(value, format_):
    assert read(value, format_) is None


def test_a_time_shown_twice_is_the_earlier_one():
    assert read("2026-11-01 01:30:00", zone=NEW_YORK) == datetime(2026, 11, 1, 5, 30, tzinfo=UTC)


def test_a_time_that_the_clocks_skip_is_read_with_the_offset_before():
    assert read("2026-03-08 02:30:00", zone=NEW_YORK) == datetime(2026, 3, 8, 7, 30, tzinfo=UTC)


def test_the_first_format_that_suits_is_taken():
    formats = ("%Y年%m月%d日", "%Y/%m/%d", "excel")

    assert [read(text, *formats) for text in ("2026年3月1日", "2026/03/01", "46082")] == [DAY, DAY, DAY]


def test_a_pattern_reads_single_digits_and_full_width_ones():
    assert read("2026-3-1 0:00:00", "%Y-%m-%d %H:%M:%S") == DAY
    assert read("２０２６/３/１", "%Y/%m/%d") == DAY


def test_the_clock_moves_a_time_within_its_day_in_the_zone():
    assert read("2026-03-01", clock="end_of_day") == DAY + timedelta(hours=23, minutes=59, seconds=59)
    assert read("2026-02-28T18:00:00Z", clock="start_of_day") == DAY


def test_times_and_days_of_drivers_are_taken_as_they_are():
    assert read(datetime(2026, 3, 1)) == read(date(2026, 3, 1)) == DAY  # noqa: DTZ001  # naive times are what is read here
    assert read(datetime(2026, 3, 1, tzinfo=timezone(timedelta(hours=8)))) == DAY


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("iso8601", "did you mean 'iso'"),
        ("epoch", "no date format 'epoch'"),
        ("%H:%M", "has no year"),
        ("%Q %Y", "bad directive"),
        ("%Y %Y", "no date format"),
    ],
)
def test_an_unknown_format_is_refused_with_the_reason(name, reason):
    with pytest.raises(ValueError, match=reason):
        time_reader([name], SHANGHAI)


times = st.datetimes(datetime(1970, 1, 2), datetime(2199, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001  # naive times are what is read here


@settings(deadline=None)
@given(times, st.sampled_from([SHANGHAI, NEW_YORK, ZoneInfo("UTC")]))
def test_a_time_survives_being_written_with_its_offset(time, zone):
    assert read(time.astimezone(zone).isoformat(), zone=NEW_YORK) == time


@settings(deadline=None)
@given(times)
def test_a_time_of_shanghai_survives_being_written_without_offset(time):
    local = time.astimezone(SHANGHAI)
    twice = local.fold == 1

    assert twice or read(local.strftime("%Y-%m-%d %H:%M:%S.%f")) == time


@settings(deadline=None)
@given(times.map(lambda time: time.replace(microsecond=0)))
def test_a_time_survives_as_epoch_and_as_excel_serial(time):
    seconds = (time - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1)

    assert read(seconds, "epoch_s") == time
    assert read(seconds / 86400 + 25569, "excel", zone=ZoneInfo("UTC")) == time


@settings(deadline=None)
@given(
    st.one_of(st.text(max_size=30), st.integers(), st.floats(), st.datetimes(), st.dates()),
    st.sampled_from(["iso", "epoch_s", "epoch_ms", "excel", "chinese", "%Y-%m-%d %H:%M:%S", "%d/%m/%y"]),
)
def test_any_value_is_an_aware_time_or_none_or_unreadable(value, name):
    try:
        found = read(value, name)
    except Unreadable:
        return

    assert found is None or found.tzinfo is UTC


@pytest.mark.parametrize(
    ("value", "utc"),
    [
        ("/Date(1772323530000)/", "2026-03-01T00:05:30+00:00"),
        ("/Date(1772323530000+0800)/", "2026-03-01T00:05:30+00:00"),
        ("\\/Date(1772323530000-0500)\\/", "2026-03-01T00:05:30+00:00"),
    ],
)
def test_the_milliseconds_of_dot_net_are_utc_whatever_offset_stands_behind_them(value, utc):
    assert read(value, "epoch_ms").isoformat() == utc


@pytest.mark.parametrize("value", ["/Date(-62135596800000)/", "/Date(-62135625600000+0800)/", -62135596800000])
def test_the_least_time_of_dot_net_is_no_time(value):
    assert read(value, "epoch_ms") is None


def test_a_time_of_dot_net_that_was_not_declared_is_told_by_its_name():
    with pytest.raises(Unreadable) as caught:
        read("/Date(1772323530000)/")

    assert caught.value.hint == "looks like milliseconds: write date: epoch_ms"


def test_a_pattern_with_a_z_behind_the_clock_is_in_utc():
    assert read("01/03/2026 08:00Z", "%d/%m/%Y %H:%MZ").isoformat() == "2026-03-01T08:00:00+00:00"
    assert read("2026-03-01T08:00:00Z", "%Y-%m-%dT%H:%M:%SZ").isoformat() == "2026-03-01T08:00:00+00:00"
