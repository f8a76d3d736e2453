"""Shift a true WGS-84 point onto the two Chinese map datums that systems report in: GCJ-02 and BD-09."""

from math import atan2, cos, pi, sin, sqrt

_AXIS = 6378245.0
_ECCENTRICITY = 0.00669342162296594323
_BAIDU = pi * 3000.0 / 180.0


def gcj02(longitude: float, latitude: float) -> tuple[float, float]:
    """Shift onto the datum of Amap and Tencent."""
    x, y = longitude - 105.0, latitude - 35.0
    angle = latitude / 180.0 * pi
    magic = 1 - _ECCENTRICITY * sin(angle) ** 2
    north = _north(x, y) * 180.0 / (_AXIS * (1 - _ECCENTRICITY) / (magic * sqrt(magic)) * pi)
    east = _east(x, y) * 180.0 / (_AXIS / sqrt(magic) * cos(angle) * pi)
    return longitude + east, latitude + north


def bd09(longitude: float, latitude: float) -> tuple[float, float]:
    """Shift onto the datum of Baidu, which lies on top of GCJ-02."""
    x, y = gcj02(longitude, latitude)
    radius = sqrt(x * x + y * y) + 0.00002 * sin(y * _BAIDU)
    angle = atan2(y, x) + 0.000003 * cos(x * _BAIDU)
    return radius * cos(angle) + 0.0065, radius * sin(angle) + 0.006


def _ripple(value: float) -> float:
    return (20.0 * sin(6.0 * value * pi) + 20.0 * sin(2.0 * value * pi)) * 2.0 / 3.0


def _north(x: float, y: float) -> float:
    flat = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * sqrt(abs(x))
    waves = (20.0 * sin(y * pi) + 40.0 * sin(y / 3.0 * pi)) * 2.0 / 3.0
    swell = (160.0 * sin(y / 12.0 * pi) + 320.0 * sin(y * pi / 30.0)) * 2.0 / 3.0
    return flat + _ripple(x) + waves + swell


def _east(x: float, y: float) -> float:
    flat = 300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * sqrt(abs(x))
    waves = (20.0 * sin(x * pi) + 40.0 * sin(x / 3.0 * pi)) * 2.0 / 3.0
    swell = (150.0 * sin(x / 12.0 * pi) + 300.0 * sin(x / 30.0 * pi)) * 2.0 / 3.0
    return flat + _ripple(x) + waves + swell
