"""Points of Chinese maps in WGS-84."""

from math import asin, atan2, cos, hypot, pi, radians, sin, sqrt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.mapping.coordinates import to_wgs84

PUBLISHED_GCJ02 = [
    # (WGS-84, GCJ-02) as published in the tests of hutool and geotool.
    ((116.404, 39.915), (116.41024449916938, 39.91640428150164)),
    ((121.0917077, 30.6107779), (121.09626935575027, 30.608604331756705)),
]
PUBLISHED_BD09 = [
    ((121.0917077, 30.6107779), (121.10271732371203, 30.61484572185035)),
    ((116.404, 39.915), (116.41662724378733, 39.922699552216216)),
    ((122.99395597, 44.99804071), (123.00636516028885, 45.0063690918959)),
]
in_china = st.tuples(st.floats(74, 134), st.floats(19, 53))


def metres(one, other):
    """The great-circle distance (haversine)."""
    (x1, y1), (x2, y2) = ((radians(x), radians(y)) for x, y in (one, other))
    a = sin((y2 - y1) / 2) ** 2 + cos(y1) * cos(y2) * sin((x2 - x1) / 2) ** 2
    return 2 * 6_371_000 * asin(sqrt(a))


def gcj02(lon, lat):
    """The forward formula as coordinate tables state it, term by term: written apart from the code under test."""

    def waves(unit, terms):
        return sum(size * sin(unit * pi / period) for size, period in terms) * 2 / 3

    x, y = lon - 105, lat - 35
    common = waves(x, [(20, 1 / 6), (20, 1 / 2)])
    d_lat = -100 + 2 * x + 3 * y + 0.2 * y**2 + 0.1 * x * y + 0.2 * abs(x) ** 0.5 + common
    d_lat += waves(y, [(20, 1), (40, 3), (160, 12), (320, 30)])
    d_lon = 300 + x + 2 * y + 0.1 * x**2 + 0.1 * x * y + 0.1 * abs(x) ** 0.5 + common
    d_lon += waves(x, [(20, 1), (40, 3), (150, 12), (300, 30)])
    a, ee = 6378245.0, 0.00669342162296594323
    m = 1 - ee * sin(radians(lat)) ** 2
    return (
        lon + d_lon * 180 / (a / m**0.5 * cos(radians(lat)) * pi),
        lat + d_lat * 180 / (a * (1 - ee) / m**1.5 * pi),
    )


def bd09(lon, lat):
    lon, lat = gcj02(lon, lat)
    r = hypot(lon, lat) + 0.00002 * sin(lat * pi * 3000 / 180)
    t = atan2(lat, lon) + 0.000003 * cos(lon * pi * 3000 / 180)
    return r * cos(t) + 0.0065, r * sin(t) + 0.006


@pytest.mark.parametrize(("wgs84", "theirs"), PUBLISHED_GCJ02)
def test_published_gcj02_points_come_back_within_a_decimetre(wgs84, theirs):
    assert metres(to_wgs84(*theirs, "gcj02"), wgs84) < 0.1


@pytest.mark.parametrize(("wgs84", "theirs"), PUBLISHED_BD09)
def test_published_bd09_points_come_back_within_a_metre(wgs84, theirs):
    assert metres(to_wgs84(*theirs, "bd09"), wgs84) < 1


def test_the_forward_formula_of_these_tests_is_the_published_one():
    for wgs84, theirs in PUBLISHED_GCJ02:
        assert metres(gcj02(*wgs84), theirs) < 0.01


@settings(deadline=None)
@given(in_china)
def test_gcj02_inverts_its_forward_formula_within_a_decimetre(wgs84):
    assert metres(to_wgs84(*gcj02(*wgs84), "gcj02"), wgs84) < 0.1


@settings(deadline=None)
@given(in_china)
def test_bd09_inverts_its_forward_formula_within_a_metre(wgs84):
    assert metres(to_wgs84(*bd09(*wgs84), "bd09"), wgs84) < 1


def test_wgs84_stays_what_it_is():
    assert to_wgs84(-79.272306875, 43.691104288, "wgs84") == (-79.2723069, 43.6911043)


def test_gcj02_does_not_move_points_outside_china():
    assert to_wgs84(-79.2723, 43.6911, "gcj02") == (-79.2723, 43.6911)
