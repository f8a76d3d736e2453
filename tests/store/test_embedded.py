"""The embedded server: one for all processes, gone after the last, back after kill -9."""

import asyncio
import os
import pwd
import signal
import subprocess
import sys
import time
import traceback
from pathlib import Path

import asyncpg
import pytest

from hub.errors import StoreUnavailable
from hub.store.embedded import EmbeddedPostgres
from hub.store.opening import opened

HOLD = """
import sys, time, pathlib
from hub.store.embedded import EmbeddedPostgres
EmbeddedPostgres(pathlib.Path(sys.argv[1])).open()
print("up", flush=True)
time.sleep(60)
"""


async def answer(server: EmbeddedPostgres) -> int:
    connection = await asyncpg.connect(server.url.replace("+asyncpg", ""))
    try:
        return await connection.fetchval("select 42")
    finally:
        await connection.close()


def postmaster(folder: Path) -> int:
    return int((folder / "postgres" / "postmaster.pid").read_text().split()[0])


async def test_the_last_user_stops_it(tmp_path):
    first, second = EmbeddedPostgres(tmp_path), EmbeddedPostgres(tmp_path)
    first.open()
    second.open()

    first.close()
    assert await answer(second) == 42

    second.close()
    assert not (tmp_path / "postgres" / "postmaster.pid").exists()


async def test_it_comes_back_after_kill_9_of_the_server(tmp_path):
    server = EmbeddedPostgres(tmp_path)
    server.open()
    os.kill(postmaster(tmp_path), signal.SIGKILL)
    await asyncio.sleep(0.1)

    assert server.revive()

    assert await answer(server) == 42
    server.close()


async def test_it_comes_back_after_kill_9_of_the_hub(tmp_path):
    hub = subprocess.Popen(
        [
            sys.executable,
            "-c",
            HOLD,
            str(tmp_path),
        ],
        stdout=subprocess.PIPE,
    )
    assert hub.stdout.readline() == b"up\n"
    hub.kill()
    hub.wait()
    hub.stdout.close()

    server = EmbeddedPostgres(tmp_path)
    server.open()

    assert await answer(server) == 42
    server.close()
    assert not (tmp_path / "postgres" / "postmaster.pid").exists()


async def test_a_process_id_inherited_by_a_stranger_does_not_keep_it_down(tmp_path):
    server = EmbeddedPostgres(tmp_path)
    server.open()
    pid_file = tmp_path / "postgres" / "postmaster.pid"
    remembered = pid_file.read_text().split("\n", 1)[1]
    server.close()
    pid_file.write_text(f"{os.getpid()}\n{remembered}")

    server.open()

    assert await answer(server) == 42
    server.close()


async def test_a_path_too_long_for_a_socket_still_works(tmp_path):
    folder = tmp_path / ("deep" * 30)
    folder.mkdir()
    server = EmbeddedPostgres(folder)

    server.open()

    assert await answer(server) == 42
    server.close()


def test_a_server_that_does_not_start_says_why(tmp_path):
    server = EmbeddedPostgres(tmp_path, start_within=0)
    server.open()
    server.close()
    (tmp_path / "postgres" / "global" / "pg_control").unlink()

    with pytest.raises(StoreUnavailable, match=r"could not open file.*pg_control.*No such file"):
        server.open()

    server.close()


async def test_a_folder_may_have_any_name(tmp_path):
    folder = tmp_path / """我的 数据 (1), a&b=c%20+'"$HOME`id`"""
    server = EmbeddedPostgres(folder)

    server.open()

    assert await answer(server) == 42
    server.close()
    assert (folder / "postgres.log").stat().st_size


@pytest.mark.parametrize("trap", [lambda path: path.symlink_to("/etc"), lambda path: path.mkdir(mode=0o777)])
def test_a_folder_for_the_socket_that_somebody_else_laid_out_is_refused(tmp_path, trap):
    """Whoever else may write there could answer in the server's place; and /etc must never change its owner."""
    server = EmbeddedPostgres(tmp_path / ("deep" * 30))
    sockets = Path(server.url.partition("host=")[2])
    trap(sockets)
    sockets.is_symlink() or sockets.chmod(0o777)

    with pytest.raises(StoreUnavailable, match="is not a folder of the hub's alone"):
        server.open()

    sockets.unlink() if sockets.is_symlink() else sockets.rmdir()


async def test_an_open_store_survives_kill_9_of_its_server(tmp_path):
    async with opened({"HUB_DATA": str(tmp_path)}) as store:
        os.kill(postmaster(tmp_path), signal.SIGKILL)
        deadline = time.monotonic() + 20

        while True:
            try:
                assert await store.lanes.holder("source:none") is None
                break
            except Exception:  # noqa: BLE001  # whatever a dying server makes of it
                assert time.monotonic() < deadline
                await asyncio.sleep(0.2)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become an ordinary user: run as root to see this test")
def test_it_works_for_an_ordinary_user(tmp_path):
    nobody = pwd.getpwnam("nobody")
    folder = tmp_path / "theirs"
    folder.mkdir()
    os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    for parent in folder.parents:
        parent.chmod(parent.stat().st_mode | 0o001)

    # Forked with everything imported: the interpreter itself may lie where only root may look.
    if not (child := os.fork()):
        os.setgroups([])
        os.setgid(nobody.pw_gid)
        os.setuid(nobody.pw_uid)
        try:
            server = EmbeddedPostgres(folder)
            server.open()
            running = (folder / "postgres" / "postmaster.pid").exists()
            server.close()
        except BaseException:  # noqa: BLE001  # reported, then the child ends
            traceback.print_exc()
            os._exit(2)
        os._exit(0 if running else 1)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert (folder / "postgres" / "PG_VERSION").stat().st_uid == nobody.pw_uid
