"""GraphiQL as it is served: under a strict policy, with operations that are answered; or a word on how to build it."""

import json
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest
from graphql import parse, validate
from starlette.applications import Starlette
from starlette.routing import Mount

from hub.schema.ide import Ide
from hub.schema.schema import core_schema
from tests.schema.conftest import Client, running

SOURCES = Path(__file__).parents[2] / "graphiql"
OPERATIONS = sorted((SOURCES / "operations").glob("*.graphql"))


def serving(folder: Path) -> AbstractAsyncContextManager[Client]:
    return running(Starlette(routes=[Mount("/graphiql", Ide(folder))]))


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """Pages as Vite leaves them."""
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "index-1a2b.js").write_text("1")
    (tmp_path / "index.html").write_text("<title>GraphiQL</title>")
    return tmp_path


async def test_what_is_not_built_says_how_to_build_it(tmp_path):
    async with serving(tmp_path / "nothing") as client:
        reply = await client.send("GET", "/graphiql/")

    assert reply.status == 404
    assert reply.headers["content-type"].startswith("text/plain")
    assert "make graphiql" in reply.text


async def test_what_is_built_meanwhile_is_served_without_a_restart(tmp_path):
    folder = tmp_path / "graphiql"

    async with serving(folder) as client:
        before = await client.send("GET", "/graphiql/")
        folder.mkdir()
        (folder / "index.html").write_text("<title>GraphiQL</title>")
        after = await client.send("GET", "/graphiql/")

    assert (before.status, after.status) == (404, 200)


async def test_the_page_may_load_nothing_from_elsewhere(built):
    async with serving(built) as client:
        reply = await client.send("GET", "/graphiql/")

    policy = dict(part.split(" ", 1) for part in reply.headers["content-security-policy"].split("; "))
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert policy["script-src"] == policy["connect-src"] == policy["worker-src"] == "'self'"
    assert "http" not in reply.headers["content-security-policy"]


async def test_assets_are_kept_for_good_and_the_page_is_asked_for_again(built):
    async with serving(built) as client:
        page, asset = await client.send("GET", "/graphiql/"), await client.send("GET", "/graphiql/assets/index-1a2b.js")
        missing = await client.send("GET", "/graphiql/assets/nothing.js")

    assert page.headers["cache-control"] == "no-cache"
    assert "immutable" in asset.headers["cache-control"]
    assert missing.status == 404


@pytest.mark.parametrize("path", ["/../schema.py", "/%2e%2e/schema.py", "/assets/..%2f..%2fschema.py"])
async def test_nothing_beside_the_pages_is_served(built, path):
    (built.parent / "schema.py").write_text("secret")

    async with serving(built) as client:
        reply = await client.send("GET", f"/graphiql{path}")

    assert "secret" not in reply.text


async def test_production_has_no_ide(production, city):
    hidden, shown = await production.send("GET", "/graphiql/"), await city.send("GET", "/graphiql/")

    assert hidden.status == 404
    assert "GraphiQL" not in hidden.text
    assert "GraphiQL" in shown.text


@pytest.mark.parametrize("path", OPERATIONS, ids=lambda path: path.stem)
async def test_every_saved_operation_has_two_titles_and_is_answered(city, path):
    text = path.read_text(encoding="utf-8")

    chinese, english = text.splitlines()[:2]
    assert chinese.startswith("# ")
    assert not chinese.isascii()
    assert english.startswith("# ")
    assert english.isascii()
    assert validate(core_schema(), parse(text)) == []
    if "subscription" not in text:
        assert (await city.ask(text)).data


def test_there_are_operations():
    assert len(OPERATIONS) > 5


def test_the_lock_file_names_no_registry_and_every_package_by_its_hash():
    locked = json.loads((SOURCES / "package-lock.json").read_text(encoding="utf-8"))["packages"]

    assert len(locked) > 50
    assert [name for name, package in locked.items() if "resolved" in package] == []
    assert [name for name, package in locked.items() if name and "integrity" not in package] == []
