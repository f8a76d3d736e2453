"""The store: lanes, what is on its way in and out, and what is served. Each public method is one transaction."""

from hub.store.counted import Counted
from hub.store.database import Database
from hub.store.deliveries import Deliveries
from hub.store.drifts import Drifts
from hub.store.lanes import Lanes
from hub.store.migrations import migrate
from hub.store.pushes import Pushes
from hub.store.quick import Quick
from hub.store.reads import Reads
from hub.store.tickets import Tickets


class Store:
    """Everything the hub keeps. Open it once a process; no caller ever sees a session."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.lanes = Lanes(database)
        self.tickets = Tickets(database)
        self.pushes = Pushes(database)
        self.reads = Reads(database)
        self.quick = Quick(database)
        self.counted = Counted(self.quick)
        self.drifts = Drifts(database)
        self.deliveries = Deliveries(database)
        self.endpoints = self.reads.endpoints

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
        await self.quick.close()
        await self._database.close()
