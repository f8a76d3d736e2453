"""Lines and the cursor: whatever succeeds, fails, hangs or crashes in whatever order, nothing is lost or overtaken."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from hub.endpoints.lines import Lines
from hub.model import Change, ChangeType, Delivery
from hub.store.deliveries import Progress, Read

AT = datetime(2026, 3, 1, tzinfo=UTC)
PAGE = 5


def delivery(number: int, appeal_id: int, tries: int = 0) -> Delivery:
    change = Change(number, appeal_id, 1, ChangeType.UPDATED, "housing", AT, {})
    return Delivery(change, {}, tries)


class World:
    """A change log, what the store keeps of an endpoint, and what the endpoint was sent."""

    def __init__(self, log: list[int]) -> None:
        self.log = [delivery(number, appeal) for number, appeal in enumerate(log, 1)]
        self.after = 0
        self.parked: dict[int, int] = {}
        self.got: dict[int, list[int]] = defaultdict(list)

    def read(self, lines: Lines) -> bool:
        fresh = [one for one in self.log if one.change.number > lines.read_to][:PAGE]
        upto = fresh[-1].change.number if fresh else lines.read_to
        lines.add_fresh(Read(fresh, frozenset(self.parked), upto), {one.change.number for one in fresh})
        due = [
            one
            for one in self.log
            if one.change.appeal_id in self.parked.keys() - set(lines.appeals)
            and self.parked[one.change.appeal_id] <= one.change.number <= lines.read_to
        ]
        lines.add_due(Read(due), {one.change.number for one in due})
        return bool(fresh or due)

    def settle(self, progress: Progress) -> None:
        self.after = progress.after
        for appeal in progress.released:
            self.parked.pop(appeal, None)
        for row in progress.parked:
            self.parked[row.appeal_id] = row.number

    def take(self, one: Delivery) -> None:
        self.got[one.change.appeal_id].append(one.change.number)


STEPS = ("send", "ok", "ok", "ok", "fail", "read", "settle", "crash", "later")


@given(
    log=st.lists(st.integers(1, 4), min_size=1, max_size=30),
    steps=st.lists(
        st.sampled_from(["send", "ok", "ok", "ok", "fail", "read", "settle", "crash", "later"]), max_size=150
    ),
    picks=st.randoms(use_true_random=False),
)
@settings(max_examples=400, deadline=None)
def test_nothing_is_lost_and_nothing_overtakes(log, steps, picks):
    world = World(log)
    lines, under_way, now = Lines(0), [], 0.0
    world.read(lines)
    for step in [*steps, "crash"]:
        if step == "send" and (line := lines.next()):
            line.sent_at = now
            under_way.append(line)
        elif step in ("ok", "fail") and under_way:
            line = under_way.pop(picks.randrange(len(under_way)))
            if step == "ok":
                world.take(line.waiting[0])
                lines.delivered(line)
            else:
                lines.failed(line, 1, timedelta(), "")
        elif step == "read":
            world.read(lines)
        elif step == "settle":
            world.settle(lines.progress(now, 1.0))
        elif step == "later":
            now += 2.0
        elif step == "crash":
            lines, under_way = Lines(world.after), []
            world.read(lines)
    # In the end everything goes well.
    while True:
        while line := lines.next():
            world.take(line.waiting[0])
            lines.delivered(line)
        world.settle(lines.progress(now, 1.0))
        if not world.read(lines) and not lines.unfinished:
            break

    for appeal in set(log):
        numbers = [number for number, one in enumerate(log, 1) if one == appeal]
        assert list(dict.fromkeys(world.got[appeal])) == numbers
    assert (world.after, world.parked) == (len(log), {})


def test_a_line_without_trouble_holds_the_cursor_before_its_first():
    lines = Lines(0)
    lines.add_fresh(Read([delivery(1, 1), delivery(2, 2)], frozenset(), 2), {1, 2})
    first = lines.next()
    assert first is not None

    lines.delivered(first)

    assert lines.progress(0.0, 1.0).after == 1


def test_what_an_endpoint_does_not_want_is_passed():
    lines = Lines(0)

    lines.add_fresh(Read([delivery(1, 1), delivery(2, 2)], frozenset(), 2), set())

    assert (lines.unfinished, lines.progress(0.0, 1.0).after) == (0, 2)


def test_a_parked_appeal_of_which_nothing_is_wanted_any_more_is_released():
    lines = Lines(5)

    lines.add_due(Read([delivery(3, 7)]), set())

    assert list(lines.progress(0.0, 1.0).released) == [7]


def test_more_changes_than_are_read_at_once_stay_parked_behind_the_last():
    lines = Lines(9)
    lines.add_due(Read([delivery(3, 7), delivery(4, 7)], cut=frozenset({7})), {3, 4})
    for _ in range(2):
        line = lines.next()
        assert line is not None
        lines.delivered(line)

    progress = lines.progress(0.0, 1.0)

    assert ([(row.appeal_id, row.number) for row in progress.parked], list(progress.released)) == ([(7, 5)], [])
