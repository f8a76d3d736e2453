"""Drop the files of a system into its folder: one for each day that is over, then one for every little while."""

from datetime import datetime, time, timedelta
from pathlib import Path

from replica.city import CHINA, Desk
from replica.systems.base import DropSystem
from replica.writing import local

_DAY = timedelta(days=1)


class Drops:
    """The folder of one system. Whatever an earlier replica left there stays."""

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
        while self._until + _DAY <= now and self._until == _midnight(self._until):
            self._write(self._until + _DAY, local(self._until, "%Y%m%d"))
        if self._until < now:
            self._write(now, local(now, "%Y%m%d_%H%M%S"))

    def _write(self, until: datetime, stamp: str) -> None:
        content = self._system.export(self._until, until)
        self._until = until
        if content is None:
            return
        file = self._folder / self._system.file_name(stamp)
        if self._system.marked:
            file.write_bytes(content)
            file.with_name(file.name + ".ok").touch()
        else:
            # Under another name until it is whole, so that nobody reads half of it.
            part = file.with_name(f".{file.name}.part")
            part.write_bytes(content)
            part.replace(file)


def _midnight(moment: datetime) -> datetime:
    return datetime.combine(moment.astimezone(CHINA).date(), time(), CHINA)
