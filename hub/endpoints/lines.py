"""The changes that wait for one endpoint, in one line for each appeal: what may go next, and how far the cursor may go.

Pure bookkeeping. A line that failed, or whose first takes too long, is parked: a row of the store then stands for it,
and the cursor passes. Every other line that is not empty holds the cursor before its first change.
"""

from collections import deque
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import timedelta

from hub.model import Delivery
from hub.store.deliveries import Parked, Progress, Read


@dataclass(slots=True)
class Line:
    """One appeal's changes on their way, the oldest first."""

    key: int
    waiting: deque[Delivery] = field(default_factory=deque)
    tries: int = 0
    """How often the first was tried."""
    sent_at: float | None = None
    """When the first was sent, by a clock of the caller's; None while it waits."""
    written: int | None = None
    """The number by which the store knows that the line is parked."""
    behind: int | None = None
    """The number after which further changes of a parked appeal are still in the store alone."""
    halted: Parked | None = None
    """How the line ended early; the store is told at the next settling."""

    @property
    def appeal_id(self) -> int:
        return abs(self.key)

    @property
    def is_again(self) -> bool:
        """Whether it holds changes that were asked for once more; the cursor knows nothing of these."""
        return self.key < 0


class Lines:
    def __init__(self, after: int) -> None:
        self.read_to = after
        """The number of the last change read of the log."""
        self._lines: dict[int, Line] = {}
        self._ready: deque[Line] = deque()
        self._repeated: list[int] = []
        self.unfinished = 0

    @property
    def appeals(self) -> list[int]:
        """The appeals that have a line, however it ends."""
        return [key for key in self._lines if key > 0]

    @property
    def asked_again(self) -> list[int]:
        """The appeals that have a line of changes asked for once more."""
        return [-key for key in self._lines if key < 0]

    def add_fresh(self, read: Read, wanted: Collection[int]) -> None:
        """Take what was read of the log; `wanted` names the changes that the endpoint wants."""
        self.read_to = read.upto
        for delivery in read.deliveries:
            number, appeal_id = delivery.change.number, delivery.change.appeal_id
            line = self._lines.get(appeal_id)
            # What the store holds back comes when its appeal is due; a line in memory knows better than the store did.
            if number not in wanted or (line is None and appeal_id in read.held):
                continue
            if line is None:
                line = self._lines[appeal_id] = Line(appeal_id)
            if line.halted is None and line.behind is None:
                self._append(line, delivery)

    def add_due(self, read: Read, wanted: Collection[int]) -> None:
        """Take parked appeals that are due. One of which nothing is wanted any more is released."""
        for delivery in read.deliveries:
            number, appeal_id = delivery.change.number, delivery.change.appeal_id
            line = self._lines.get(appeal_id)
            if line is None:
                line = self._lines[appeal_id] = Line(appeal_id, tries=delivery.tries, written=number)
            if appeal_id in read.cut:
                line.behind = number
            if number in wanted:
                self._append(line, delivery)

    def add_again(self, read: Read) -> None:
        """Take what was asked for once more."""
        for delivery in read.deliveries:
            key = -delivery.change.appeal_id
            line = self._lines.get(key)
            if line is None:
                line = self._lines[key] = Line(key, tries=delivery.tries)
            self._append(line, delivery)

    def next(self) -> Line | None:
        """The line whose first may be sent now; None where there is none."""
        return self._ready.popleft() if self._ready else None

    def delivered(self, line: Line) -> None:
        """The first of a line was taken; the next one may go."""
        done = line.waiting.popleft()
        self.unfinished -= 1
        line.tries, line.sent_at = 0, None
        if line.is_again:
            self._repeated.append(done.change.number)
        if line.waiting:
            self._ready.append(line)

    def failed(self, line: Line, tries: int, due_in: timedelta | None, reason: str) -> None:
        """The first of a line was not taken: the line ends here, until `due_in`, or for good."""
        line.halted = Parked(line.appeal_id, line.waiting[0].change.number, tries, due_in, reason)
        self.unfinished -= len(line.waiting)

    def progress(self, now: float, patience: float) -> Progress:
        """What the store is to be told since the last time; a first that took longer than `patience` is parked."""
        parked, released, later = [], [], []
        holding = self.read_to + 1
        for line in list(self._lines.values()):
            if line.is_again:
                later += [line.halted] if line.halted else []
            elif line.halted:
                parked.append(line.halted)
            elif not line.waiting:
                parked += list(_still_behind(line))
                released += [line.key] if line.written is not None and line.behind is None else []
            elif line.written is not None or _is_slow(line, now, patience):
                parked += list(_moved_on(line))
            else:
                holding = min(holding, line.waiting[0].change.number)
            if line.halted or not line.waiting:
                del self._lines[line.key]
        repeated, self._repeated = self._repeated, []
        return Progress(holding - 1, parked=parked, released=released, repeated=repeated, later=later)

    def park_all(self) -> None:
        """End every line where it stands, due at once: whoever comes next goes on there."""
        for line in self._lines.values():
            if line.waiting and line.halted is None:
                self.failed(line, line.tries, timedelta(), "")
        self._ready.clear()

    def _append(self, line: Line, delivery: Delivery) -> None:
        line.waiting.append(delivery)
        self.unfinished += 1
        if len(line.waiting) == 1:
            self._ready.append(line)


def _is_slow(line: Line, now: float, patience: float) -> bool:
    return line.sent_at is not None and now - line.sent_at > patience


def _moved_on(line: Line) -> Iterator[Parked]:
    """Tell the store of a parked line whose first is another one than it knows."""
    first = line.waiting[0].change.number
    if line.written != first:
        line.written = first
        yield Parked(line.appeal_id, first, line.tries)


def _still_behind(line: Line) -> Iterator[Parked]:
    """Tell the store to go on with the changes of a parked appeal that were too many to be read at once."""
    if line.behind is not None:
        yield Parked(line.appeal_id, line.behind + 1)
