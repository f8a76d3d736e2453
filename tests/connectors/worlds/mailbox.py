from contextlib import AsyncExitStack
from pathlib import Path

import orjson
from pulling import build
from scripted_imap import ScriptedImap

from worlds.base import CANARY, ROWS, World


def letter(number: int, row: dict[str, str]) -> bytes:
    head = f"Subject: {number}\r\nFrom: a@b.example\r\nContent-Type: application/json; name={number}.json\r\n\r\n"
    return head.encode() + orjson.dumps(row)


async def mailbox_world(stack: AsyncExitStack, folder: Path) -> World:
    imap = ScriptedImap(*(letter(number, row) for number, row in enumerate(ROWS)))
    away = await stack.enter_async_context(AsyncExitStack())
    await away.enter_async_context(imap.serving())

    def go_away() -> None:
        imap.greeting = b"* BYE closed for the night\r\n"

    def say_no() -> None:
        imap.says["LOGIN"] = f"TAG NO {CANARY} is not the password\r\n".encode()

    options = {
        "url": f"imap://127.0.0.1:{imap.port}",
        "auth": {"user": "hub", "password": CANARY},
        "tls": {"plain": True},
        "attachments": {"pick": "*.json"},
        "size": 3,
    }
    return World(build("mailbox", options), go_away, say_no)
