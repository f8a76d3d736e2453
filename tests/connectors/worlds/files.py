from contextlib import AsyncExitStack
from pathlib import Path

import orjson
from pulling import build

from worlds.base import CANARY, ROWS, World


async def files_world(stack: AsyncExitStack, folder: Path) -> World:
    outbox = folder / "outbox"
    outbox.mkdir()
    for half, rows in enumerate((ROWS[:7], ROWS[7:])):
        (outbox / f"{half}.jsonl").write_bytes(b"\n".join(map(orjson.dumps, rows)))

    def go_away() -> None:
        outbox.rename(folder / "elsewhere")

    def say_no() -> None:
        go_away()
        outbox.write_text(CANARY)

    options = {"at": "outbox", "pick": "*.jsonl", "size": 3, "ready": {"unchanged_for": "0s"}}
    return World(build("files", options, folder), go_away, say_no)
