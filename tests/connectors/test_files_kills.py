"""kill -9 with a page of files or mails in hand, kept or not: nothing is lost, doubled, moved unread or left behind."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import asyncpg
import orjson
import pytest
import sqlalchemy as sa
from certificates import certificate
from fileservers import ftp_server, sftp_server
from mailservers import PASSWORD, pymap
from taking import lane_of, source_of

from hub.store.store import Store
from hub.sync import sync
from tests.scripted import ticket

TAKING = Path(__file__).with_name("taking.py")


@dataclass
class Far:
    """A source of a hundred tickets: `left` lies where it was, `moved` where it was moved to."""

    connector: str
    options: dict[str, Any]
    left: Callable[[], int]
    moved: Callable[[], int]


async def a_folder(stack: AsyncExitStack, folder: Path, serve: Any) -> Far:
    outbox = folder / "outbox"
    outbox.mkdir()
    for number in range(20):
        rows = [ticket(20 * row + number) for row in range(5)]
        (outbox / f"{number}.jsonl").write_bytes(b"\n".join(map(orjson.dumps, rows)))
    server = await stack.enter_async_context(serve(outbox))
    options = {"at": server.at, "auth": server.auth, "pick": "*.jsonl", "size": 3}
    options |= {"ready": {"unchanged_for": "0s"}, "after": {"move_to": "done"}}
    return Far("files", options, lambda: len(list(outbox.glob("*.jsonl"))), lambda: len(list(outbox.glob("done/*"))))


async def a_mailbox(stack: AsyncExitStack, folder: Path) -> Far:
    server = stack.enter_context(pymap(folder, certificate(folder)))
    box, done = server.folder(), server.folder()
    mails = []
    for number in range(20):
        mail = EmailMessage()
        mail["Subject"] = str(number)
        mail.set_content("rows")
        rows = b"\n".join(orjson.dumps(ticket(20 * row + number)) for row in range(5))
        mail.add_attachment(rows, maintype="application", subtype="octet-stream", filename="rows.jsonl")
        mails.append(mail.as_bytes())
    server.post(box, *mails)
    options = {"url": server.url, "tls": {"plain": True}, "auth": {"user": "hub", "password": PASSWORD}, "size": 3}
    options |= {"folder": box, "attachments": {"pick": "*.jsonl"}, "after": {"move_to": done}}
    return Far("mailbox", options, lambda: len(server.subjects(box)), lambda: len(server.subjects(done)))


FAR = {
    "sftp": lambda stack, folder: a_folder(stack, folder, sftp_server),
    "ftp": lambda stack, folder: a_folder(stack, folder, ftp_server),
    "mailbox": a_mailbox,
}


@pytest.fixture(params=sorted(FAR))
async def far(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Far]:
    async with AsyncExitStack() as stack:
        yield await FAR[request.param](stack, tmp_path)


async def killed_before(moment: str, page: int, far: Far, database: str) -> int | None:
    options = orjson.dumps(far.options).decode()
    process = await asyncio.create_subprocess_exec(
        sys.executable, TAKING, database, options, moment, str(page), far.connector
    )
    return await process.wait()


async def test_kills_before_a_page_is_kept_or_its_files_are_moved_lose_and_double_nothing(
    far: Far, store: Store, database_url: str
):
    moments = [("acknowledged", 1), ("kept", 2), ("acknowledged", 2), ("acknowledged", 4), ("kept", 3)]

    deaths = [await killed_before(moment, page, far, database_url) for moment, page in moments]
    left_by_kills, moved_by_kills = far.left(), far.moved()
    await sync(source_of(far.options, connector_name=far.connector), store, await lane_of(store))

    found = await asyncpg.connect(sa.make_url(database_url).set(drivername="postgresql").render_as_string(False))
    appeals = await found.fetch("select external_id from appeal order by external_id::int")
    created = await found.fetchval("select count(*) from change where type = 'appeal.created'")
    await found.close()
    assert deaths == [-signal.SIGKILL] * 5
    assert [row["external_id"] for row in appeals] == [str(number) for number in range(100)]
    assert created == 100
    assert left_by_kills + moved_by_kills == 20
    assert (far.left(), far.moved()) == (0, 20)
