"""The city: the same for the same seed, moving with its clock, and seldom wrong."""

from collections import Counter
from datetime import timedelta

from replica.city import ABSORBED, FLAW_EVERY, Desk, Flaw, Relay, Remit, Stage, archive, snapshot
from tests.replica.conftest import NOW, Clock

REMIT = Remit(history=timedelta(days=60), every=timedelta(hours=4))


def desk_of(clock: Clock, *, seed: int = 1, name: str = "desk", remit: Remit = REMIT) -> Desk:
    return Desk(name, seed, clock, remit=remit, live=timedelta(seconds=15))


def test_the_same_seed_and_clock_give_the_same_cases(clock):
    assert desk_of(clock).snapshots() == desk_of(clock).snapshots()


def test_another_seed_and_another_desk_give_other_cases(clock):
    one = desk_of(clock).snapshots()

    assert one != desk_of(clock, seed=2).snapshots()
    assert one != desk_of(clock, name="other").snapshots()


def test_a_replica_started_later_shows_the_same_history():
    """Cases that both windows hold are the same, so a second demonstration goes on with the first one's appeals."""
    earlier = desk_of(Clock(NOW))
    later = desk_of(Clock(NOW + timedelta(days=3)))

    shared = {case.number: case for case in earlier.cases()}
    again = [case for case in later.cases() if case.number in shared]

    assert len(again) > 300
    assert all(shared[case.number] == case for case in again)


def test_history_has_a_case_a_slot(clock):
    cases = desk_of(clock).cases()

    assert abs(len(cases) - 60 * 24 / 4) <= 1
    assert len({case.number for case in cases}) == len(cases)


def test_a_new_case_comes_in_every_live_slot(clock):
    desk = desk_of(clock)
    before = len(desk.cases())

    clock.forward(minutes=5)

    assert abs(len(desk.cases()) - before - 5 * 60 / 15) <= 1


def test_asking_often_or_seldom_gives_the_same_live_cases():
    often, seldom = Clock(), Clock()
    asked_often, asked_seldom = desk_of(often), desk_of(seldom)

    for _ in range(60):
        often.forward(seconds=5)
        asked_often.cases()
    seldom.forward(seconds=300)

    assert list(asked_often.cases()) == list(asked_seldom.cases())


def test_a_case_goes_through_its_stages_as_the_clock_does(clock):
    desk = desk_of(clock)
    case = next(case for case in desk.cases() if len(case.steps) == 6)

    stages = [snapshot(case, step.at).stage for step in case.steps]

    assert stages == [
        Stage.RECEIVED,
        Stage.ACCEPTED,
        Stage.DISPATCHED,
        Stage.WORKING,
        Stage.DONE,
        Stage.CLOSED,
    ]
    assert snapshot(case, case.steps[3].at - timedelta(seconds=1)).stage is Stage.DISPATCHED


def test_a_live_case_moves_within_minutes(clock):
    desk = desk_of(clock)
    clock.forward(seconds=60)
    fresh = {case.number for case in desk.cases() if case.created_at > NOW}
    before = {seen.case.number: seen.stage for seen in desk.snapshots() if seen.case.number in fresh}

    clock.forward(minutes=2)

    after = {seen.case.number: seen.stage for seen in desk.snapshots() if seen.case.number in fresh}
    assert before.keys() == after.keys()
    assert before != after


def test_what_moved_between_two_moments_is_told_as_it_stood_then(clock):
    desk = desk_of(clock)
    since, until = NOW - timedelta(days=2), NOW - timedelta(days=1)

    moved = desk.moved(since, until)

    assert moved
    assert all(since <= seen.updated_at < until for seen in moved)


def test_under_one_case_in_a_hundred_is_flawed_and_every_flaw_comes_up(clock):
    cases = desk_of(clock).cases()

    flaws = Counter(case.flaw for case in cases if case.flaw)

    assert flaws.keys() == set(Flaw)
    assert flaws.total() <= len(cases) / 100
    assert FLAW_EVERY > 100


def test_a_desk_keeps_to_its_place_and_topics(clock):
    remit = Remit(history=timedelta(days=60), every=timedelta(hours=4), within="京山市", codes=("02",))

    cases = desk_of(clock, remit=remit).cases()

    assert {case.place.area for case in cases} == {"420882"}
    assert all(case.scene.code.startswith("02") for case in cases)


def test_nobody_has_a_full_name_or_a_number_in_use(clock):
    cases = desk_of(clock).cases()

    assert all(case.reporter[1:] in ("先生", "女士") for case in cases)
    assert all(case.phone.startswith("1380000") for case in cases)


def test_a_desk_hears_what_its_lines_are_called_for(clock):
    remit = Remit(every=timedelta(hours=4), lines=("12345", "12369"))

    cases = desk_of(clock, remit=remit).cases()

    origins = {case.scene.line: case.origin and case.origin.line for case in cases}
    assert origins == {"12345": None, "12369": "12369"}


def test_a_desk_that_was_closed_stands_still_since(clock):
    desk = desk_of(clock, remit=archive("12369"))
    before = desk.snapshots()

    clock.forward(days=400)

    assert desk.snapshots() == before
    assert max(seen.case.created_at for seen in before) <= ABSORBED == desk.now()
    assert len({seen.stage for seen in before}) > 3


def test_a_third_of_the_calls_of_another_desk_are_seen_here_too(clock):
    """The same trouble at the same moment, with a number of this desk's, and the other's kept beside it."""
    other = desk_of(clock, name="other", remit=Remit(every=timedelta(hours=4), lines=("12315",)))
    relay = Relay("12315", other, lambda case: f"TS{case.number}")
    remit = Remit(every=timedelta(hours=4), lines=("12345",))
    here = Desk("here", 1, clock, remit=remit, live=timedelta(seconds=15), relays=[relay])

    relayed = {case.origin.number: case for case in here.cases() if case.origin}
    theirs = {f"TS{case.number}": case for case in other.cases()}

    assert 0.2 < len(relayed) / len(theirs) < 0.45
    assert all(theirs[number].steps == case.steps for number, case in relayed.items())
    assert len({case.number for case in here.cases()}) == len(here.cases())
