"""The store: lanes, what is on its way in and out, and what is served. Each public method is one transaction."""

from functools import cached_property
from typing import TYPE_CHECKING

from hub.store.actions import Actions
from hub.store.database import Database
from hub.store.deliveries import Deliveries
from hub.store.drifts import Drifts
from hub.store.endpoints import Endpoints
from hub.store.keys import Keys
from hub.store.lanes import Lanes
from hub.store.migrations import migrate
from hub.store.pushes import Pushes
from hub.store.tickets import Tickets

if TYPE_CHECKING:
    from hub.store.counted import Counted
    from hub.store.quick import Quick
    from hub.store.reads import Reads


class Store:
    """Everything the hub keeps. Open it once a process; no caller ever sees a session."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.lanes = Lanes(database)
        self.tickets = Tickets(database)
        self.actions = Actions(database)
        self.keys = Keys(database)
        self.pushes = Pushes(database)
        self.drifts = Drifts(database)
        self.deliveries = Deliveries(database)
        self.endpoints = Endpoints(database)

    # What answers questions is loaded when the first is asked: a run that pulls asks none.

    @cached_property
    def reads(self) -> "Reads":
        from hub.store.reads import Reads  # noqa: PLC0415  # see above

        return Reads(self._database)

    @cached_property
    def quick(self) -> "Quick":
        from hub.store.quick import Quick  # noqa: PLC0415  # see above

        return Quick(self._database)

    @cached_property
    def counted(self) -> "Counted":
        from hub.store.counted import Counted  # noqa: PLC0415  # see above

        return Counted(self.quick)

    @classmethod
    async def open(cls, url: str) -> "Store":
        """Connect and bring the schema up to date. Raises StoreUnavailable or SchemaTooNew."""
        database = Database(url)
        try:
            await migrate(database)
        except BaseException:
            await database.close()
            raise
        return cls(database)

    async def close(self) -> None:
        if "quick" in self.__dict__:
            await self.quick.close()
        await self._database.close()
