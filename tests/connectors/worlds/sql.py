import sqlite3
from contextlib import AsyncExitStack
from pathlib import Path

from pulling import build

from worlds.base import CANARY, ROWS, World


async def sql_world(stack: AsyncExitStack, folder: Path) -> World:
    file = folder / "old.db"
    database = sqlite3.connect(file)
    database.execute("create table request (service_request_id text primary key, requested_datetime text, note text)")
    database.executemany(
        "insert into request values (?, ?, ?)",
        [(row["service_request_id"], row["requested_datetime"], CANARY) for row in ROWS],
    )
    database.commit()
    database.close()

    def go_away() -> None:
        file.rename(folder / "elsewhere.db")

    def say_no() -> None:
        file.write_text(CANARY * 200)

    options = {
        "dsn": f"sqlite:///old.db?password={CANARY}",
        "password": CANARY,
        "query": "select service_request_id, requested_datetime from request where note = :key",
        "parameters": {"key": CANARY},
        "page": {"keys": ["requested_datetime", "service_request_id"], "size": 4},
        "since": {"field": "requested_datetime", "format": "iso", "start": "2020-01-01"},
    }
    return World(build("sql", options, folder), go_away, say_no)
