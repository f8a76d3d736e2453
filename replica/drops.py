"""Drop the files of a system into its folder: one for each day that is over, then one for every little while."""

from datetime import datetime, time, timedelta
from pathlib import Path

from replica.city import CHINA, Desk
from replica.systems.base import DropSystem
from replica.writing import local

_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)


class Drops:
    """The folder of one system. A file is named by the last second it covers; what is there already stays as it is."""

    def __init__(self, system: DropSystem, desk: Desk, folder: Path) -> None:
        self._system = system
        self._desk = desk
        self._folder = folder
        self._until = _midnight(desk.started)

    def drop(self) -> None:
        """Write what moved since the last drop; days that are over get a file each."""
        self._folder.mkdir(parents=True, exist_ok=True)
        # The second under way is left for the next file: more may move in it.
        now = self._desk.now().replace(microsecond=0)
        while self._until < now:
            self._write(min(_midnight(self._until) + _DAY, now))

    def _write(self, until: datetime) -> None:
        since, self._until = self._until, until
        file = self._folder / self._system.file_name(local(until - _SECOND, "%Y%m%d_%H%M%S"))
        # What is there was written by an earlier replica: the same, or more, as its window began earlier.
        if file.exists() or (content := self._system.export(since, until)) is None:
            return
        if self._system.marked:
            file.write_bytes(content)
            file.with_name(f"{file.name}.ok").touch()
            return
        # Under another name until it is whole, so that nobody reads half of it.
        part = file.with_name(f".{file.name}.part")
        part.write_bytes(content)
        part.replace(file)


def _midnight(moment: datetime) -> datetime:
    return datetime.combine(moment.astimezone(CHINA).date(), time(), CHINA)
