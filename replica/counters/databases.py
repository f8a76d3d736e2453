"""Databases that a client may read: one SQLite file a system, with tables that grow and change as the city does."""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from replica.city import Snapshot
from replica.columns import Columns, history
from replica.counters.base import Batch, House, Ledger


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """A table with the steps of each case, which name it by `parent`."""

    table: str
    parent: str
    columns: Columns


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """A table of tickets, whose column `key` is never empty; with a view before it, or a table of steps beside it."""

    file: str
    table: str
    key: str
    view: str = ""
    steps: Steps | None = None

    def open(self, ledger: Ledger, house: House) -> None:
        if house.files is not None:
            house.feed(ledger, _Writer(self, house.files / ledger.name / self.file))


@dataclass(frozen=True, slots=True)
class _Writer:
    database: Database
    path: Path

    def ends(self, since: datetime) -> datetime | None:
        return None

    async def take(self, batch: Batch) -> None:
        """Write what moved in one transaction, so that a reader sees all of it or nothing."""
        if not batch.seen:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(self.path)) as connection, connection:
            for statement in self._tables(batch.rows[0]):
                connection.execute(statement)
            for seen, row in zip(batch.seen, batch.rows, strict=True):
                self._write(connection, seen, row)

    def _tables(self, row: Mapping[str, Any]) -> Iterator[str]:
        database = self.database
        yield f"create table if not exists {database.table} ({', '.join(row)}, primary key ({database.key}))"
        if database.view:
            yield f"create view if not exists {database.view} as select * from {database.table}"
        if steps := database.steps:
            yield f"create table if not exists {steps.table} ({steps.parent}, {', '.join(steps.columns)})"

    def _write(self, connection: sqlite3.Connection, seen: Snapshot, row: Mapping[str, Any]) -> None:
        _insert(connection, self.database.table, row)
        if steps := self.database.steps:
            number = row[self.database.key]
            connection.execute(f"delete from {steps.table} where {steps.parent} = ?", (number,))
            for step in history(steps.columns)(seen):
                _insert(connection, steps.table, {steps.parent: number, **step})


def _insert(connection: sqlite3.Connection, table: str, row: Mapping[str, Any]) -> None:
    marks = ", ".join("?" * len(row))
    connection.execute(f"insert or replace into {table} ({', '.join(row)}) values ({marks})", tuple(row.values()))
