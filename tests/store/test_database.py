"""The one door to PostgreSQL: what it hands out is open, and a transaction that was stopped leaves nothing behind."""

import asyncio
import logging

import pytest

from hub.errors import Unstorable
from hub.store.database import POOL_SIZE
from hub.store.store import Store

_BACKEND = "select pg_backend_pid()"


async def _backend(store: Store) -> int:
    async with store._database.begin_lean() as connection:
        return int(await connection.fetchval(_BACKEND))


async def test_a_connection_is_used_again(store):
    assert await _backend(store) == await _backend(store)


async def test_more_transactions_at_once_than_connections_wait_for_each_other(store, caplog):
    backends = await asyncio.gather(*(_backend(store) for _ in range(3 * POOL_SIZE)))

    assert len(set(backends)) <= POOL_SIZE
    assert await _backend(store) in backends
    assert caplog.messages == []  # The pool tells there of a connection that it could not close.


async def test_a_connection_that_the_server_ended_is_not_handed_out_again(store):
    ended = await _backend(store)
    other = await store._database.connect()
    await other.fetchval("select pg_terminate_backend($1, 5000)", ended)
    await other.close()

    async with store._database.begin() as connection:
        now = (await connection.exec_driver_sql(_BACKEND)).scalar_one()

    assert now != ended


async def test_a_transaction_that_is_cancelled_while_it_asks_is_rolled_back(store):
    asking = asyncio.Event()

    async def slow() -> None:
        async with store._database.begin_lean() as connection:
            await connection.execute("insert into lane (name, due_at) values ('half', now())")
            asking.set()
            await connection.execute("select pg_sleep(60)")

    task = asyncio.create_task(slow())
    await asking.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    async with store._database.begin_lean() as connection:
        assert await connection.fetchval("select count(*) from lane where name = 'half'") == 0


async def test_a_value_that_cannot_be_held_undoes_all_of_its_transaction(store):
    async def half() -> None:
        async with store._database.begin_lean() as connection:
            await connection.execute("insert into lane (name, due_at) values ('half', now())")
            await connection.execute("select $1::text::jsonb", "no JSON")

    with pytest.raises(Unstorable):
        await half()

    async with store._database.begin_lean() as connection:
        assert await connection.fetchval("select count(*) from lane where name = 'half'") == 0


async def test_many_transactions_at_once_close_no_connection_in_anger(store, caplog):
    async def hold(_: int) -> None:
        async with store._database.begin_lean() as connection:
            await connection.execute("select pg_sleep(0.05)")

    with caplog.at_level(logging.WARNING, "sqlalchemy"):
        await asyncio.gather(*map(hold, range(30)))

    assert caplog.messages == []
