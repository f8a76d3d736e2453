"""Files on SFTP and FTP servers: how they are found, taken once, tidied away, and what a hostile server gets."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from traceback import format_exception
from typing import Any

import pytest
from fileservers import SERVERS, FileServer
from pulling import broken_off, build, ids, pages, stored, tickets

from hub.connectors import taken
from hub.connectors.base import Connector
from hub.errors import SourceRefused, SourceUnavailable
from hub.model import Ticket

AT_ONCE = {"unchanged_for": "0s"}


@pytest.fixture(params=sorted(SERVERS))
async def server(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[FileServer]:
    """A server of either kind, with an empty folder."""
    root = tmp_path / "root"
    root.mkdir()
    async with SERVERS[request.param](root) as running:
        yield running


def files(server: FileServer, pick: str = "*.csv", **options: Any) -> Connector:
    options = {"at": server.at, "pick": pick, "auth": server.auth, "ready": AT_ONCE, **options}
    return build("files", options)


def put(server: FileServer, name: str, content: bytes | str = "id\n1\n") -> Path:
    path = server.root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


async def stopped(server: FileServer) -> None:
    server.stop()
    await asyncio.sleep(0.05)


async def run(source: Connector, cursor: Any = None) -> tuple[list[Ticket], Any]:
    found = await pages(source, cursor)
    return [t for page in found for t in page.tickets], stored(found[-1].cursor) if found else cursor


async def test_a_file_is_read_once(server: FileServer):
    put(server, "a.csv", "id\n1\n2\n")
    source = files(server)

    first, cursor = await run(source)
    again, _ = await run(source, cursor)

    assert (ids(first), again) == (["1", "2"], [])


async def test_a_changed_file_of_the_same_name_is_read_again(server: FileServer):
    put(server, "a.csv", "id\n1\n")
    _, cursor = await run(files(server))
    os.utime(put(server, "a.csv", "id\n2\n"), (2_000_000_000, 2_000_000_000))

    found, _ = await run(files(server), cursor)

    assert ids(found) == ["2"]


async def test_a_file_that_was_only_touched_is_not_read_again(server: FileServer):
    path = put(server, "a.csv")
    _, cursor = await run(files(server))
    os.utime(path, (2_000_000_000, 2_000_000_000))

    found, later = await run(files(server), cursor)
    again = await pages(files(server), later)

    assert (found, again) == ([], [])


async def test_a_copy_that_brings_an_old_time_along_is_read_all_the_same(server: FileServer):
    for number in range(taken._MOST_REMEMBERED + 20):
        put(server, f"{number}.csv", f"id\n{number}\n")
    first, cursor = await run(files(server))
    os.utime(put(server, "old.csv", "id\nold\n"), (1, 1))

    found, later = await run(files(server), cursor)
    again = await pages(files(server), later)

    assert (len(first), ids(found), again) == (taken._MOST_REMEMBERED + 20, ["old"], [])


async def test_the_file_that_changed_first_comes_first(server: FileServer):
    os.utime(put(server, "a.csv", "id\nlater\n"), (2_000, 2_000))
    os.utime(put(server, "z.csv", "id\nearlier\n"), (1_000, 1_000))

    assert ids(await tickets(files(server))) == ["earlier", "later"]


@pytest.mark.parametrize(
    ("pick", "found"),
    [
        ("*.csv", {"top"}),
        ("*/*.csv", {"mid"}),
        ("**/*.csv", {"top", "mid", "deep"}),
        ("2026/**/*.csv", {"mid", "deep"}),
        ("2026/0?/[1-5].csv", {"deep"}),
        ("**/none/*.csv", set()),
    ],
)
async def test_patterns_lead_into_folders(server: FileServer, pick: str, found: set[str]):
    put(server, "a.csv", "id\ntop\n")
    put(server, "2026/b.csv", "id\nmid\n")
    put(server, "2026/03/1.csv", "id\ndeep\n")
    put(server, ".hidden/c.csv", "id\nhidden\n")
    put(server, "~$lock.csv", "id\nlock\n")

    assert set(ids(await tickets(files(server, pick)))) == found


async def test_a_file_waits_for_its_marker_however_late_that_comes(server: FileServer):
    put(server, "early.csv", "id\n1\n")
    put(server, "late.csv", "id\n2\n")
    put(server, "late.csv.ok", "")
    source = files(server, "*", format="csv", ready={"marker": "{name}.ok"})

    before, cursor = await run(source)
    put(server, "early.csv.ok", "")
    after, _ = await run(source, cursor)

    assert (ids(before), ids(after)) == (["2"], ["1"])


@pytest.mark.parametrize("clock", [0, 4_000_000_000])
async def test_a_file_without_a_marker_is_read_once_we_saw_it_twice_unchanged_whatever_the_servers_clock(
    server: FileServer, clock: int
):
    os.utime(put(server, "a.csv"), (clock, clock))
    source = files(server, ready={"unchanged_for": "20ms"})

    found = await pages(source)

    assert [ids(list(page.tickets)) for page in found] == [[], ["1"]]


async def test_a_file_that_changes_between_the_two_looks_waits_for_the_next_run(server: FileServer):
    put(server, "a.csv", "id\n1\n")
    source = files(server, ready={"unchanged_for": "20ms"})
    async with aclosing(source.pull(None)) as stream:
        first = await anext(stream)
        put(server, "a.csv", "id\n1\n2\n")

        rest = [page async for page in stream]
    found, _ = await run(source, stored(rest[-1].cursor))

    assert [list(page.tickets) for page in [first, *rest]] == [[], []]
    assert ids(found) == ["1", "2"]


async def test_a_long_rest_is_counted_from_run_to_run(server: FileServer):
    put(server, "a.csv")
    source = files(server, ready={"unchanged_for": "1h"})
    early, cursor = await run(source)
    still, cursor = await run(source, cursor)
    size, changed, at = cursor["seen"]["a.csv"]
    an_hour_later = {**cursor, "seen": {"a.csv": [size, changed, at - 3600]}}

    found, _ = await run(source, an_hour_later)

    assert (early, still, ids(found)) == ([], [], ["1"])


async def test_a_run_cut_in_the_middle_of_a_file_goes_on_there(server: FileServer):
    put(server, "a.csv", "id\n" + "\n".join(map(str, range(10))))
    source = files(server, size=3)
    async with aclosing(source.pull(None)) as stream:
        cut = await anext(stream)

    rest, _ = await run(source, stored(cut.cursor))

    assert ids(rest) == [str(n) for n in range(3, 10)]


async def test_a_folder_that_is_not_there_is_said(server: FileServer):
    with pytest.raises((SourceUnavailable, SourceRefused), match="/信访"):
        await tickets(files(server, at=f"{server.at}信访/"))


async def test_a_folder_below_and_a_path_with_blanks_is_found(server: FileServer):
    put(server, "信访 outbox/a.csv")

    found = await tickets(files(server, at=f"{server.at}信访%20outbox/"))

    assert ids(found) == ["1"]


async def test_a_wrong_password_is_refused_and_not_told(server: FileServer):
    source = files(server, auth={**server.auth, "password": "wr0ng-p4ssword"})

    with pytest.raises(SourceRefused, match="auth") as caught:
        await tickets(source)

    assert "wr0ng" not in "".join(format_exception(caught.value))


async def test_a_server_that_is_away_is_worth_another_try(server: FileServer):
    put(server, "a.csv")
    await stopped(server)

    with pytest.raises(SourceUnavailable, match="no connection"):
        await tickets(files(server))


async def test_a_connection_cut_between_two_files_keeps_what_was_given(server: FileServer):
    os.utime(put(server, "a.csv", "id\n1\n"), (1000, 1000))
    os.utime(put(server, "b.csv", "id\n2\n"), (2000, 2000))
    async with aclosing(files(server).pull(None)) as stream:
        first = await anext(stream)
        await stopped(server)

        with pytest.raises(SourceUnavailable):
            await anext(stream)

    assert ids(list(first.tickets)) == ["1"]


async def test_a_file_beyond_the_limit_is_refused(server: FileServer):
    put(server, "a.csv", "id\n" + "1\n" * 5000)

    with pytest.raises(SourceRefused, match="max_body"):
        await tickets(files(server, limits={"max_body": "4KB"}))


async def test_a_large_file_comes_whole(server: FileServer):
    rows = [str(number) for number in range(200_000)]
    put(server, "a.csv", "id\n" + "\n".join(rows))

    assert ids(await tickets(files(server, size=10_000))) == rows


async def test_what_is_no_file_is_left_out_and_links_do_not_go_round_in_circles(server: FileServer):
    put(server, "a.csv", "id\n1\n")
    put(server, "dir.csv/b.csv", "id\n2\n")
    os.mkfifo(server.root / "pipe.csv")
    (server.root / "circle").symlink_to(".")
    (server.root / "nowhere.csv").symlink_to("gone")

    assert sorted(ids(await tickets(files(server, "*.csv")))) == ["1"]


# After ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


def names(server: FileServer) -> list[str]:
    return sorted(str(path.relative_to(server.root)) for path in server.root.rglob("*") if path.is_file())


async def test_a_file_is_moved_once_its_last_page_is_kept_and_not_before(server: FileServer):
    put(server, "a.csv", "id\n1\n2\n3\n")
    source = files(server, size=2, after={"move_to": "done/"})
    async with aclosing(source.pull(None)) as stream:
        await anext(stream)
        await anext(stream)
        before = names(server)

        assert await anext(stream, None) is None

    assert (before, names(server)) == (["a.csv"], ["done/a.csv"])


async def test_a_run_that_ends_between_the_commit_and_the_move_leaves_the_move_to_the_next(server: FileServer):
    put(server, "a.csv")
    source = files(server, after={"move_to": "done/"})
    async with aclosing(source.pull(None)) as stream:
        killed = await anext(stream)
    between = names(server)

    found, cursor = await run(source, stored(killed.cursor))
    again, _ = await run(source, cursor)

    assert (between, found, again, names(server)) == (["a.csv"], [], [], ["done/a.csv"])


async def test_a_file_whose_page_was_never_kept_stays(server: FileServer):
    put(server, "a.csv")
    source = files(server, after="delete")
    async with aclosing(source.pull(None)) as stream:
        await anext(stream)

    found, _ = await run(source, None)

    assert (ids(found), names(server)) == (["1"], [])


async def test_a_marker_goes_with_its_file(server: FileServer):
    put(server, "a.csv")
    put(server, "a.csv.ok", "")

    await run(files(server, ready={"marker": "{name}.ok"}, after={"move_to": "done"}))

    assert names(server) == ["done/a.csv", "done/a.csv.ok"]


async def test_a_marker_that_went_alone_takes_its_file_along_later(server: FileServer):
    put(server, "a.csv")
    marker = put(server, "a.csv.ok", "")
    source = files(server, ready={"marker": "{name}.ok"}, after="delete")
    async with aclosing(source.pull(None)) as stream:
        killed = await anext(stream)
    marker.unlink()

    await run(source, stored(killed.cursor))

    assert names(server) == []


async def test_a_file_never_takes_the_place_of_one_that_was_moved_before(server: FileServer):
    put(server, "done/a.csv", "older")
    put(server, "a.csv", "id\n1\n")

    await run(files(server, after={"move_to": "done"}))

    kept = {path.read_text() for path in (server.root / "done").iterdir()}
    assert kept == {"older", "id\n1\n"}


async def test_moved_files_keep_their_folders_and_are_not_found_again(server: FileServer):
    put(server, "2026/03/a.csv")
    source = files(server, "**/*.csv", after={"move_to": "done"})

    found, cursor = await run(source)
    again, _ = await run(source, cursor)

    assert (ids(found), again, names(server)) == (["1"], [], ["done/2026/03/a.csv"])


async def test_files_move_to_a_folder_beside_as_well(server: FileServer):
    put(server, "outbox/a.csv")

    await run(files(server, at=f"{server.at}outbox/", after={"move_to": "../taken"}))

    assert names(server) == ["taken/a.csv"]


async def test_a_file_that_changed_while_its_page_was_kept_is_read_again_rather_than_moved(server: FileServer):
    put(server, "a.csv", "id\n1\n")
    source = files(server, after="delete")
    async with aclosing(source.pull(None)) as stream:
        page = await anext(stream)
        put(server, "a.csv", "id\n1\n2\n")

        assert await anext(stream, None) is None
    found, _ = await run(source, stored(page.cursor))

    assert (ids(found), names(server)) == (["1", "2"], [])


async def test_a_file_without_tickets_is_tidied_by_the_next_run_as_a_dry_run_asks_on_after_it(server: FileServer):
    put(server, "a.csv", "id\n")
    source = files(server, after="delete")

    found, cursor = await run(source)
    between = names(server)
    await run(source, cursor)

    assert (found, between, names(server)) == ([], ["a.csv"], [])


async def test_a_file_that_cannot_be_moved_keeps_no_other_from_being_read(server: FileServer):
    os.utime(put(server, "a.csv", "id\n1\n"), (1000, 1000))
    os.utime(put(server, "b.csv", "id\n2\n"), (2000, 2000))
    put(server, "done", "a file where a folder should be")

    found, error = await broken_off(files(server, after={"move_to": "done"}))

    assert ids([t for page in found for t in page.tickets]) == ["1", "2"]
    assert "a.csv" in error.message
    assert "moved to done" in error.message
    assert {"a.csv", "b.csv"} <= set(names(server))
