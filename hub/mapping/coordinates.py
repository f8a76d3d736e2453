"""Bring a point of any Chinese map, or of a grid in metres, to WGS-84.

GCJ-02 ("Mars") moves every point of mainland China by some 500 m with a published-by-use formula on the Krasovsky
ellipsoid; BD-09 turns that once more about its own centre. Neither has an official inverse: ours iterates the forward
formula at the corners of half a kilometre, and is right to three centimetres between them. Grids are pyproj's, which is
loaded when one is named.
"""

import re
from functools import cache, lru_cache
from importlib.util import find_spec
from math import cos, hypot, isfinite, pi, sin, sqrt
from typing import Any, TypeAlias

Crs: TypeAlias = str
"""`wgs84`, `gcj02`, `bd09`, or a grid by its EPSG code, such as `epsg:4547`."""
DATUMS = ("wgs84", "gcj02", "bd09")
Point: TypeAlias = tuple[float, float]
"""(longitude, latitude) in degrees."""

_SEMI_MAJOR = 6378245.0
_ECCENTRICITY_SQUARED = 0.00669342162296594323
_BD_TURN = pi * 3000 / 180
_SQUARES = 200  # a degree, each way: half a kilometre
_Plane: TypeAlias = tuple[float, float, float, float]


def known_crs(name: str) -> Crs:
    """Return the name of a coordinate reference system in small letters; raise ValueError for one that nobody knows."""
    crs = name.strip().lower()
    if crs in DATUMS:
        return crs
    if not re.fullmatch(r"epsg:\d{4,6}", crs):
        meant = f"; did you mean epsg:{crs}?" if re.fullmatch(r"\d{4,6}", crs) else ""
        raise ValueError(f"{name!r} is none of {', '.join(DATUMS)} and no EPSG code such as epsg:4547{meant}")
    if find_spec("pyproj") is None:
        raise ValueError(f"{crs} needs the library pyproj: pip install 'hub[grid]'")
    _grid(crs)
    return crs


def from_grid(east: float, north: float, crs: Crs) -> Point | None:
    """Return the WGS-84 point of a place on a grid; None where it lies outside of what the grid is for."""
    longitude, latitude = _grid(crs).transform(east, north)
    if not (isfinite(longitude) and isfinite(latitude)):
        return None
    return round(longitude, 7), round(latitude, 7)


@cache
def _grid(crs: Crs) -> Any:
    import pyproj  # noqa: PLC0415  # a fifth of a second and its database: only those who name a grid pay

    try:
        return pyproj.Transformer.from_crs(crs.upper(), "EPSG:4326", always_xy=True)
    except pyproj.exceptions.CRSError as error:
        raise ValueError(f"no coordinate reference system is called {crs}") from error


def to_wgs84(longitude: float, latitude: float, crs: Crs) -> Point:
    """Return the WGS-84 point, rounded to 1e-7 degrees (a centimetre). Outside China GCJ-02 is WGS-84.

    In one piece, because each call in it would cost a tenth of the whole, and every ticket has a point.
    """
    if crs == "bd09":
        x, y = longitude - 0.0065, latitude - 0.006
        scale = 1 - 0.00002 * sin(y * _BD_TURN) / (hypot(x, y) or 1.0)
        turn = 0.000003 * cos(x * _BD_TURN)  # so small that its sine is itself, and its cosine 1, to a millimetre
        longitude, latitude = scale * (x + turn * y), scale * (y - turn * x)
    if crs != "wgs84" and 72.004 <= longitude <= 137.8347 and 0.8293 <= latitude <= 55.8271:
        # The shift is taken back by what it is at the corners of the square around the point.
        x, y = longitude * _SQUARES, latitude * _SQUARES
        column, row = int(x), int(y)
        east, by_x, by_y, by_xy, north, north_by_x, north_by_y, north_by_xy = _square(column, row)
        x -= column
        y -= row
        longitude -= east + by_x * x + (by_y + by_xy * x) * y
        latitude -= north + north_by_x * x + (north_by_y + north_by_xy * x) * y
    # The same as round(…, 7), which takes three times as long.
    return round(longitude * 1e7) / 1e7, round(latitude * 1e7) / 1e7


@lru_cache(maxsize=10_000)  # a city and its counties
def _square(column: int, row: int) -> tuple[float, ...]:
    """Return how the shift of GCJ-02 points, east and north, goes from corner to corner of one square."""
    corners = [_shift_of_gcj02(column + x, row + y) for x, y in ((0, 0), (1, 0), (0, 1), (1, 1))]
    return *_plane(*(east for east, _ in corners)), *_plane(*(north for _, north in corners))


def _plane(here: float, right: float, above: float, across: float) -> _Plane:
    return here, right - here, above - here, across - right - above + here


def _shift_of_gcj02(column: int, row: int) -> Point:
    longitude, latitude = column / _SQUARES, row / _SQUARES
    east, north = _shift(longitude, latitude)
    for _ in range(2):  # On its way the shift changes by less than half a percent.
        east, north = _shift(longitude - east, latitude - north)
    return east, north


def _shift(longitude: float, latitude: float) -> Point:
    """Return how far GCJ-02 moves this WGS-84 point, in degrees east and north."""
    x, y = longitude - 105.0, latitude - 35.0
    px, py, root = x * pi, y * pi, sqrt(abs(x))
    shared = 20.0 * (sin(6.0 * px) + sin(2.0 * px))
    north = (
        -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * root
        + (shared + 20.0 * sin(py) + 40.0 * sin(py / 3.0) + 160.0 * sin(py / 12.0) + 320.0 * sin(py / 30.0)) * 2.0 / 3.0
    )  # fmt: skip
    east = (
        300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * root
        + (shared + 20.0 * sin(px) + 40.0 * sin(px / 3.0) + 150.0 * sin(px / 12.0) + 300.0 * sin(px / 30.0)) * 2.0 / 3.0
    )  # fmt: skip
    angle = latitude / 180.0 * pi
    magic = 1.0 - _ECCENTRICITY_SQUARED * sin(angle) ** 2
    normal = _SEMI_MAJOR / sqrt(magic)
    meridian = normal * (1.0 - _ECCENTRICITY_SQUARED) / magic
    return east * 180.0 / (normal * cos(angle) * pi), north * 180.0 / (meridian * pi)
