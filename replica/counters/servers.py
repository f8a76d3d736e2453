"""Servers of other protocols than HTTP that a city has one of each of, for whichever systems speak them."""

from pathlib import Path
from typing import ClassVar, Protocol


class Server(Protocol):
    """A server on this machine, started with the city."""

    variable: ClassVar[str]
    """The environment variable by which connectors.yaml learns where it listens."""
    place: ClassVar[int]
    """How far its port is from that of the web systems, where nobody else has taken that one."""

    def __init__(self, files: Path) -> None:
        """Make one that may keep what it has to keep below the city's folder."""

    async def start(self, host: str, port: int) -> int:
        """Listen, on any port where it is 0; return the port. Raises OSError where the port is taken."""

    async def stop(self) -> None: ...
