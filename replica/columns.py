"""Fill the columns of a ticket. A dialect is named columns, and each is a function of a case as it stands."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import cache
from operator import attrgetter
from typing import Any, TypeAlias

from replica.city import Case, Flaw, Snapshot, Stage
from replica.datum import bd09, gcj02
from replica.scenes import OFFICES, Wish
from replica.writing import Habit

Column: TypeAlias = Callable[[Snapshot], Any]
Columns: TypeAlias = Mapping[str, Any]
"""Names, and what stands below each: a column, a constant, or more of the same in an object or a list."""


def write(columns: Any, seen: Snapshot) -> Any:
    """Write a case down in the columns of a system."""
    if callable(columns):
        return columns(seen)
    if isinstance(columns, Mapping):
        return {name: write(column, seen) for name, column in columns.items()}
    if isinstance(columns, list):
        return [write(column, seen) for column in columns]
    return columns


TITLE: Column = attrgetter("case.title")
CONTENT: Column = attrgetter("case.content")
WISH: Column = attrgetter("case.scene.wish.value")
TOPIC: Column = attrgetter("case.scene.topic")
TOPIC_CODE: Column = attrgetter("case.scene.code")
OFFICE: Column = attrgetter("case.scene.office")
REPORTER: Column = attrgetter("case.reporter")
PHONE: Column = attrgetter("case.phone")
AREA: Column = attrgetter("case.place.area")
AREA_NAME: Column = attrgetter("case.place.area_name")
STREET: Column = attrgetter("case.place.street")
COMMUNITY: Column = attrgetter("case.place.community")
ESTATE: Column = attrgetter("case.place.estate")
ADDRESS: Column = attrgetter("case.place.address")


def office_code(seen: Snapshot) -> str:
    """Say who handles it by the code of the department, as the city's catalogue has it."""
    return OFFICES[seen.case.scene.office]


def number(pattern: str = "", *, nothing: Any = None) -> Column:
    """Number the case by a pattern such as `JS{:010d}`; without one, as a number. A flawed case has `nothing`."""

    def column(seen: Snapshot) -> Any:
        return nothing if seen.case.flaw is Flaw.NO_ID else written(seen.case)

    def written(case: Case) -> Any:
        return pattern.format(case.number) if pattern else case.number

    return column


def numbered(pattern: str) -> Callable[[Case], str]:
    """Say how a system numbers its cases, for the other systems that quote it."""
    return lambda case: pattern.format(case.number)


def stage(words: str | Mapping[Stage, str], *, odd: str, read: Callable[[str], Any] = str) -> Column:
    """Say where the case stands: a text each, or nine words in the order of `Stage`; `odd` is one that nobody knows."""
    texts = words.split() if isinstance(words, str) else [words[each] for each in Stage]
    spelt = dict(zip(Stage, map(read, texts), strict=True))
    return lambda seen: read(odd) if seen.case.flaw is Flaw.UNKNOWN_STATUS else spelt[seen.stage]


def wish(words: str) -> Column:
    """Say what the resident wants: six words in the order of `Wish`, 咨询 求助 投诉 举报 建议 表扬."""
    spelt = dict(zip(Wish, words.split(), strict=True))
    return lambda seen: spelt[seen.case.scene.wish]


def grade(words: str, *, nothing: Any = "", read: Callable[[str], Any] = str) -> Column:
    """Say what the resident thought of it: five words from worst to best, or `nothing` where nobody asked yet."""
    spelt = dict(enumerate(map(read, words.split()), 1))
    return lambda seen: spelt[seen.grade] if seen.grade else nothing


def created(habit: Habit) -> Column:
    """Say when the case was born; of a flawed one, a day that no calendar has."""
    return lambda seen: habit.no_such_day if seen.case.flaw is Flaw.NO_SUCH_DAY else habit.write(seen.case.created_at)


def updated(habit: Habit) -> Column:
    return lambda seen: habit.write(seen.updated_at)


def closed(habit: Habit, *, nothing: Any = None) -> Column:
    return lambda seen: habit.write(seen.closed_at) if seen.closed_at else nothing


def due(habit: Habit, *, days: int | None = None) -> Column:
    """Say until when it is due: as urgent as it is, or after a fixed number of days."""
    return lambda seen: habit.write(seen.case.due_at if days is None else _later(seen.case.created_at, days))


def _later(moment: datetime, days: int) -> datetime:
    return moment + timedelta(days=days)


def result(nothing: Any = None) -> Column:
    """Tell what was done, once it was done."""
    return lambda seen: seen.result or nothing


def history(columns: Columns) -> Column:
    """List the steps taken so far, each in the columns of a case as it stood then."""
    return lambda seen: [
        write(columns, Snapshot(seen.case, step.stage, step.at, None))
        for step in seen.case.steps
        if step.at <= seen.updated_at
    ]


def secret(yes: Any, no: Any) -> Column:
    return lambda seen: yes if seen.case.secret else no


def urgent(yes: Any, no: Any) -> Column:
    return lambda seen: yes if seen.case.urgent else no


def choice(*values: Any) -> Column:
    """Take one value or another by the number of the case: the same one every time it is told."""
    return lambda seen: values[seen.case.number % len(values)]


def text(pattern: str) -> Column:
    """Put a text together; `{0}` is the case as it stands, `{1}` its place."""
    return lambda seen: pattern.format(seen.case, seen.case.place)


def longitude(shift: Callable[[float, float], tuple[float, float]] | None = None) -> Column:
    return lambda seen: _point(seen, shift)[0]


def latitude(shift: Callable[[float, float], tuple[float, float]] | None = None) -> Column:
    return lambda seen: _point(seen, shift)[1]


def point(pattern: str, shift: Callable[[float, float], tuple[float, float]] | None = None) -> Column:
    """Write longitude and latitude as one text, such as `{:.6f},{:.6f}`."""
    return lambda seen: pattern.format(*_point(seen, shift))


def grid(axis: int) -> Column:
    """Say where it is in metres on the national grid: 0 how far east, 1 how far north."""
    return lambda seen: _on_the_grid(seen.case.longitude, seen.case.latitude)[axis]


def _on_the_grid(longitude: float, latitude: float) -> tuple[float, float]:
    east, north = _gauss_kruger().transform(longitude, latitude)
    return round(east, 3), round(north, 3)


@cache
def _gauss_kruger() -> Any:
    """Load CGCS2000, 3-degree zone 38 (EPSG:4547): a fifth of a second, for the one system that measures land."""
    import pyproj  # noqa: PLC0415  # see above

    return pyproj.Transformer.from_crs("EPSG:4490", "EPSG:4547", always_xy=True)


def _point(seen: Snapshot, shift: Callable[[float, float], tuple[float, float]] | None) -> tuple[float, float]:
    here = seen.case.longitude, seen.case.latitude
    return shift(*here) if shift else here


BAIDU, AMAP = bd09, gcj02
