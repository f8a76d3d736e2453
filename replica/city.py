"""The made-up city: cases that are born and move on with the clock, the same ones for the same seed.

A case depends on the seed, the desk and its number alone, and its number on the time it was born. So a replica that is
started again shows the same history, without keeping anything. Only what came in live is forgotten between two runs.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from enum import Enum, StrEnum
from functools import cached_property
from random import Random

from replica.scenes import PLACES, SCENES, SURNAMES, Place, Scene, Wish

CHINA = timezone(timedelta(hours=8))
Clock = Callable[[], datetime]

ABSORBED = datetime(2021, 12, 31, 18, 0, tzinfo=CHINA)
"""When the small hotlines were merged into 12345: by the end of that year, says 国办发〔2020〕53号."""

FLAW_EVERY = 120
"""One case in so many is written down badly by its system: under one in a hundred."""

RELAYED_EVERY = 3
"""One call in so many to a hotline that kept its number comes by way of 12345, and is a ticket there as well."""


class Stage(StrEnum):
    """Where a case stands, in the replica's own words; every system spells it its own way."""

    RECEIVED = "待受理"
    ACCEPTED = "已受理"
    DECLINED = "不予受理"
    DISPATCHED = "已派单"
    WORKING = "办理中"
    RETURNED = "已退回"
    DONE = "已办结"
    AGAIN = "重新办理"
    CLOSED = "已归档"


class Flaw(Enum):
    """What a system got wrong when it wrote the case down."""

    UNKNOWN_STATUS = "a status code that no code table holds"
    NO_ID = "no number"
    NO_SUCH_DAY = "a date that no calendar has"


@dataclass(frozen=True, slots=True)
class Step:
    """From `at` on, the case stands at `stage`."""

    at: datetime
    stage: Stage


@dataclass(frozen=True, slots=True)
class Origin:
    """The hotline that a case was called in by, and the number that its own system gave it, if it has one."""

    line: str
    number: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """One resident's trouble and everything that will ever happen to it.

    `graded` is what the resident will say of the outcome, from 1 (worst) to 5. `origin` is set where another hotline
    than this desk's own was called.
    """

    number: int
    scene: Scene
    place: Place
    longitude: float
    latitude: float
    reporter: str
    phone: str
    urgent: bool
    secret: bool
    graded: int
    steps: tuple[Step, ...]
    flaw: Flaw | None
    origin: Origin | None = None

    @property
    def created_at(self) -> datetime:
        return self.steps[0].at

    @property
    def due_at(self) -> datetime:
        return self.created_at + timedelta(days=1 if self.urgent else 5)

    @property
    def title(self) -> str:
        return self.scene.title.format(where=self.place.estate)

    @property
    def content(self) -> str:
        return self.scene.content.format(where=self.place.address)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A case as it stands at one moment."""

    case: Case
    stage: Stage
    updated_at: datetime
    closed_at: datetime | None

    @property
    def result(self) -> str | None:
        return self.case.scene.answer if self.stage in _SETTLED else None

    @property
    def grade(self) -> int | None:
        """Say what the resident thought of it, from 1 (worst) to 5, once asked."""
        return self.case.graded if self.stage is Stage.CLOSED else None


_SETTLED = (Stage.DONE, Stage.CLOSED)


def snapshot(case: Case, now: datetime) -> Snapshot:
    """Say how `case` stands at `now`; it must have been born by then."""
    last = case.steps[bisect_right(case.steps, now, key=lambda step: step.at) - 1]
    ended = last.stage in (Stage.CLOSED, Stage.DECLINED)
    return Snapshot(case, last.stage, last.at, last.at if ended else None)


@dataclass(frozen=True, slots=True)
class Remit:
    """What a system is there for: which troubles of which places, how often it has one, and since when.

    `lines` are the hotlines whose troubles it hears, `codes` how their places in the taxonomy begin, `within` how the
    addresses do. With `until` it took its last call then, and has stood still since.
    """

    every: timedelta
    history: timedelta = timedelta(days=60)
    lines: tuple[str, ...] = ()
    codes: tuple[str, ...] = ("",)
    within: str = ""
    until: datetime | None = None


def archive(line: str) -> Remit:
    """The remit of a hotline that was absorbed: what it heard in its last two months, some more often than others."""
    every = timedelta(hours=7, minutes=12 * (int(line) % 11))
    return Remit(every=every, lines=(line,), until=ABSORBED)


@dataclass(frozen=True, slots=True)
class Relay:
    """A desk whose calls are seen at another desk too (双号并行), and how its system numbers a case."""

    line: str
    desk: "Desk"
    number: Callable[[Case], str]

    def cases(self) -> Iterator[Case]:
        """Give the third of the cases that came through the other desk, as that one has them: with its own numbers."""
        for case in self.desk.cases():
            if case.number % RELAYED_EVERY == 0:
                number = int(f"{self.line}{case.number:08d}")
                yield replace(case, number=number, flaw=None, origin=Origin(self.line, self.number(case)))


class Desk:
    """The cases of one system: those of its history, and a new one in every `live` since it opened."""

    def __init__(
        self, name: str, seed: int, clock: Clock, *, remit: Remit, live: timedelta, relays: Sequence[Relay] = ()
    ) -> None:
        self.name = name
        self._clock = clock
        self._until = remit.until
        self.opened = self.now()
        self.started = self.opened - remit.history
        self._seed = seed
        self._live = live
        self._live_until = self.opened
        self._places = [place for place in PLACES if place.address.startswith(remit.within)]
        self._own_line = remit.lines[0] if remit.lines else ""
        # The number itself is dialled more often than each of those that were merged into it.
        heard = [scene for scene in SCENES if _is_heard(scene, remit)]
        self._scenes = [scene for scene in heard for _ in range(4 if scene.line == self._own_line else 1)]
        self._every = remit.every
        self._relays = relays

    def now(self) -> datetime:
        """Tell the time of this desk; one that was closed has stood still since."""
        now = self._clock()
        return now if self._until is None else min(now, self._until)

    def cases(self) -> Sequence[Case]:
        """Return every case born by now, in the order of birth."""
        now = self.now()
        if now > self._live_until:
            self._cases.extend(self._born(self._live_until, now, self._live, pause=self._live))
            self._cases.sort(key=_birth)
            self._live_until = now
        own = self._cases[: bisect_right(self._cases, now, key=lambda case: case.created_at)]
        relayed = [case for relay in self._relays for case in relay.cases()]
        return sorted([*own, *relayed], key=_birth) if relayed else own

    def snapshots(self, since: datetime | None = None) -> list[Snapshot]:
        """Return how every case stands now, by birth; with `since`, only those that have moved at or after it."""
        now = self.now()
        seen = (snapshot(case, now) for case in self.cases())
        return [each for each in seen if since is None or each.updated_at >= since]

    def moved(self, since: datetime, until: datetime) -> list[Snapshot]:
        """Return, as they stood just before `until`, the cases that moved between the two moments."""
        last = until - timedelta(seconds=1)
        seen = (snapshot(case, last) for case in self.cases() if case.created_at <= last)
        return [each for each in seen if each.updated_at >= since]

    @cached_property
    def _cases(self) -> list[Case]:
        # Made when first asked for: most tests ask one system of the city.
        return self._born(self.started, self.opened + timedelta(days=1), self._every, pause=timedelta(hours=20))

    def _born(self, since: datetime, until: datetime, every: timedelta, *, pause: timedelta) -> list[Case]:
        # Slots are counted from 1970, so that a later start finds the same case in the same slot.
        step = max(1, round(every.total_seconds()))
        slots = range(int(since.timestamp()) // step, int(until.timestamp()) // step + 1)
        born = (self._case(slot, slot * step, step, pause) for slot in slots)
        return [case for case in born if since < case.created_at <= until]

    def _case(self, number: int, slot_start: int, slot_seconds: int, pause: timedelta) -> Case:
        chance = Random(f"{self._seed}/{self.name}/{slot_seconds}/{number}")
        created = datetime.fromtimestamp(slot_start + chance.randrange(slot_seconds), UTC)
        place, scene = chance.choice(self._places), chance.choice(self._scenes)
        return Case(
            number=number,
            scene=scene,
            place=place,
            longitude=round(place.longitude + chance.uniform(-0.004, 0.004), 6),
            latitude=round(place.latitude + chance.uniform(-0.004, 0.004), 6),
            reporter=chance.choice(SURNAMES) + chance.choice(("先生", "女士")),
            phone=f"1380000{chance.randrange(10_000):04d}",
            urgent=chance.random() < 0.1,
            secret=scene.wish is Wish.REPORT and chance.random() < 0.5,
            graded=chance.choices((5, 4, 3, 2, 1), (50, 25, 15, 6, 4))[0],
            steps=_life(chance, created, scene, pause),
            flaw=_flaw(number),
            origin=None if scene.line == self._own_line or not self._own_line else Origin(scene.line),
        )


_DIRECT = (Stage.RECEIVED, Stage.ACCEPTED, Stage.DONE, Stage.CLOSED)
_DECLINED = (Stage.RECEIVED, Stage.DECLINED)
_USUAL = (Stage.RECEIVED, Stage.ACCEPTED, Stage.DISPATCHED, Stage.WORKING, Stage.DONE, Stage.CLOSED)
_BOUNCED = (*_USUAL[:3], Stage.RETURNED, *_USUAL[2:])
_REDONE = (*_USUAL[:5], Stage.AGAIN, *_USUAL[3:])


def _life(chance: Random, created: datetime, scene: Scene, pause: timedelta) -> tuple[Step, ...]:
    usual = _DIRECT if scene.wish is Wish.ASK else _USUAL
    stages = chance.choices((usual, _BOUNCED, _REDONE, _DECLINED), (75, 12, 6, 7))[0]
    moment, steps = created, []
    for stage in stages:
        steps.append(Step(moment, stage))
        moment += timedelta(seconds=1 + round(chance.expovariate(1 / pause.total_seconds())))
    return tuple(steps)


def _flaw(number: int) -> Flaw | None:
    turn, place = divmod(number, FLAW_EVERY)
    return tuple(Flaw)[turn % len(Flaw)] if place == FLAW_EVERY - 1 else None


def _is_heard(scene: Scene, remit: Remit) -> bool:
    return scene.code.startswith(remit.codes) and (not remit.lines or scene.line in remit.lines)


def _birth(case: Case) -> tuple[datetime, int]:
    return case.created_at, case.number
