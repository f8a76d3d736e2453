"""Sixty appeals that differ in every way a filter can ask for, and what a filter means, said once more in Python."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from hub.model import Appeal, Channel, Kind, Satisfaction, Status, Urgency
from hub.store.search import fold

NOW = datetime.now(UTC)
START = datetime(2026, 3, 1, tzinfo=UTC)
AREAS = ["420802", "420802003", "420804", "420881", "429004", None]
TOPICS = ["城市管理/路灯", "城市管理/噪声", "物业与住房/电梯", None]
ORGS = ["城管局", "住建局", "水务公司"]
GRIDS = ["A-1", "A-2", None]
HOTLINES = ["12319", None]
TEXTS = ["路灯不亮", "电梯停运", "Lift 3 broken", "噪声扰民 路灯"]


def varied(number: int) -> Appeal:
    """The appeal with this number, the same each time; its past and future deadlines are years from now."""
    chosen = random.Random(number)  # to be varied, not secret
    created = START + timedelta(hours=chosen.randrange(40), minutes=chosen.choice([0, 30]))
    closed = chosen.choice([None, created + timedelta(hours=chosen.randrange(-5, 200))])
    return Appeal(
        source=chosen.choice(["housing", "lift"]),
        external_id=f"V{number}",
        appeal_no=f"NO-{number // 2}",
        title=chosen.choice(TEXTS),
        status=chosen.choice([*Status, Status.CLOSED, Status.CLOSED]),
        kind=chosen.choice(list(Kind)),
        urgency=chosen.choice(list(Urgency)),
        channel=chosen.choice([Channel.PHONE, Channel.WEB]),
        satisfaction=chosen.choice(list(Satisfaction)),
        area=chosen.choice(AREAS),
        topic=chosen.choice(TOPICS),
        grid=chosen.choice(GRIDS),
        lead_org=chosen.choice([*ORGS, None]),
        co_orgs=chosen.sample(ORGS, chosen.randrange(3)),
        origin_hotline=chosen.choice(HOTLINES),
        is_secret=chosen.random() < 0.2,
        is_resolved=chosen.choice([True, False, None]),
        location_point=chosen.choice([None, (chosen.uniform(111, 113), chosen.uniform(30, 32))]),
        created_at=created,
        updated_at=created + timedelta(hours=chosen.randrange(10)),
        dispatched_at=chosen.choice([None, created + timedelta(hours=1)]),
        due_at=chosen.choice([None, START + timedelta(days=chosen.randrange(5)), datetime(2199, 1, 1, tzinfo=UTC)]),
        closed_at=closed,
    )


VARIED = [varied(number) for number in range(60)]
ENDED = {"RESOLVED", "CLOSED", "REJECTED", "MERGED", "WITHDRAWN"}
EQUAL = {
    "status": "status",
    "kind": "kind",
    "source": "source",
    "urgency": "urgency",
    "channel": "channel",
    "satisfaction": "satisfaction",
    "externalId": "external_id",
    "appealNo": "appeal_no",
    "grid": "grid",
    "leadOrg": "lead_org",
    "originHotline": "origin_hotline",
}
SPANS = ("created", "updated", "dispatched", "due", "closed")


def holds(appeal: Appeal, wanted: dict[str, Any]) -> bool:
    """Whether an appeal is one of those that a filter asks for, as the API takes it."""
    return all(_holds(appeal, name, value) for name, value in wanted.items() if value not in (None, []))


def _holds(appeal: Appeal, name: str, value: Any) -> bool:
    if name in EQUAL:
        return getattr(appeal, EQUAL[name]) in value
    if name in SPANS:
        return _within(getattr(appeal, f"{name}_at"), value)
    match name:
        case "area":
            return any(
                (appeal.area or "-").startswith(code.removesuffix("00") if len(code) == 6 else code) for code in value
            )
        case "topic":
            return (appeal.topic or "-").startswith(tuple(value))
        case "org":
            return bool({appeal.lead_org, *appeal.co_orgs} & set(value))
        case "hasDue":
            return (appeal.due_at is not None) is value
        case "overdue":
            late = appeal.due_at is not None and appeal.due_at < NOW and appeal.status.value not in ENDED
            return late is value
        case "isSecret":
            return appeal.is_secret is value
        case "isResolved":
            return appeal.is_resolved is value
        case "within":
            return _inside(appeal.location_point, value)
        case "text":
            texts = fold(f"{appeal.title}\n{appeal.appeal_no}")
            return all(term in texts for term in fold(value).split())
        case "and":
            return all(holds(appeal, one) for one in value)
        case "or":
            return any(holds(appeal, one) for one in value)
        case "not":
            return not holds(appeal, value)
    raise AssertionError(name)


def _within(at: datetime | None, span: dict[str, Any]) -> bool:
    since, until = span.get("since"), span.get("until")
    if at is None:
        return not since and not until
    return (not since or datetime.fromisoformat(since) <= at) and (not until or at < datetime.fromisoformat(until))


def _inside(point: tuple[float, float] | None, box: dict[str, float]) -> bool:
    if point is None:
        return False
    longitude, latitude = point
    across = box["west"] <= box["east"]
    inside = (box["west"] <= longitude, longitude <= box["east"])
    return (all(inside) if across else any(inside)) and box["south"] <= latitude <= box["north"]


def _some(values: list[Any]) -> st.SearchStrategy[list[Any]]:
    return st.lists(st.sampled_from([value for value in values if value is not None]), max_size=3)


_MOMENTS = st.integers(-2, 60).map(lambda hours: (START + timedelta(hours=hours)).isoformat())
_SPAN = st.fixed_dictionaries({}, optional={"since": _MOMENTS, "until": _MOMENTS})
_BOX = st.builds(
    lambda west, east, south: {"west": west, "east": east, "south": south, "north": south + 1},
    st.floats(111, 113),
    st.floats(111, 113),
    st.floats(30, 31),
)
_PLAIN = st.fixed_dictionaries(
    {},
    optional={
        "status": _some([one.value for one in Status]),
        "kind": _some([one.value for one in Kind]),
        "urgency": _some([one.value for one in Urgency]),
        "channel": _some(["PHONE", "WEB"]),
        "satisfaction": _some([one.value for one in Satisfaction]),
        "source": _some(["housing", "lift"]),
        "externalId": _some([f"V{number}" for number in range(60)]),
        "appealNo": _some([f"NO-{number}" for number in range(30)]),
        "area": _some(["4208", "420800", "420802", "42"]),
        "topic": _some(["城市管理", "物业与住房/电梯"]),
        "grid": _some(GRIDS),
        "leadOrg": _some(ORGS),
        "org": _some(ORGS),
        "originHotline": _some(HOTLINES),
        **dict.fromkeys(SPANS, _SPAN),
        **dict.fromkeys(("hasDue", "overdue", "isSecret", "isResolved"), st.booleans() | st.none()),
        "within": _BOX,
        "text": st.sampled_from(["路灯", "LIFT 3", "噪声 路灯", "no-7", "灯"]),
    },
).map(lambda given: dict(list(given.items())[:3]))


def _deeper(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    several = st.lists(inner, max_size=2)
    parts = st.fixed_dictionaries({}, optional={"and": several, "or": several, "not": inner})
    return st.builds(lambda plain, others: plain | others, _PLAIN.map(lambda one: dict(list(one.items())[:1])), parts)


FILTERS = _PLAIN | _deeper(_PLAIN) | _deeper(_deeper(_PLAIN))
