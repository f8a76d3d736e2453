"""The yardstick: fetch a page, insert it, again. No raw copy, hash, mapping, change log, search or retry."""

import asyncio
import sys

import aiohttp
import asyncpg


async def main(url: str, database: str) -> None:
    connection = await asyncpg.connect(database)
    async with aiohttp.ClientSession() as session:
        insert, cursor = "", ""
        while cursor is not None:
            async with session.get(url, params={"cursor": cursor, "limit": 500}) as response:
                page = await response.json()
            rows = page["items"]
            if not insert:
                names = list(rows[0])
                await connection.execute("drop table if exists bare")
                kinds = {str: "text", int: "bigint", float: "float8", type(None): "text"}
                columns = ", ".join(f"{name} {kinds[type(rows[0][name])]}" for name in names)
                await connection.execute(f"create table bare ({columns}, primary key ({names[0]}))")
                marks = ", ".join(f"${place}" for place in range(1, len(names) + 1))
                replaced = ", ".join(f"{name} = excluded.{name}" for name in names[1:])
                insert = f"insert into bare values ({marks}) on conflict ({names[0]}) do update set {replaced}"
            async with connection.transaction():
                await connection.executemany(insert, [tuple(row.values()) for row in rows])
            cursor = page["next_cursor"]
    print(await connection.fetchval("select count(*) from bare"))
    await connection.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
