"""The reference says what the code says, all of it."""

import re
import subprocess
import sys
from typing import Any

import pytest

from hub.cli import app
from hub.config import json_schema
from hub.connectors import REGISTRY
from hub.schema.problems import CODES
from tests.docs.pages import DOCS, ROOT, fences

REFERENCE = DOCS / "reference"


def test_the_reference_is_what_the_generator_writes() -> None:
    done = subprocess.run(
        [sys.executable, "docs/generate.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")


def test_every_command_is_documented() -> None:
    commands = {command.name or command.callback.__name__ for command in app.registered_commands if command.callback}

    documented = set(re.findall(r"^## hub (\S+)$", (REFERENCE / "cli.md").read_text(), re.MULTILINE))

    assert documented == commands


def test_no_page_names_a_command_that_there_is_not() -> None:
    known = set(re.findall(r"^## hub (\S+)$", (REFERENCE / "cli.md").read_text(), re.MULTILINE))
    texts = {page.name: page.read_text(encoding="utf-8") for page in [ROOT / "README.md", *DOCS.rglob("*.md")]}

    named = {
        (name, command)
        for name, text in texts.items()
        for command in re.findall(r"(?:`|\$ )hub ([a-z]+(?:-[a-z]+)*)", text)
    }

    assert {one for one in named if one[1] not in known} == set()


@pytest.mark.parametrize("connector", sorted(REGISTRY.keys() - {"inbound"}))
def test_every_key_of_a_connector_is_documented(connector: str) -> None:
    schema = json_schema()
    page = (REFERENCE / "connectors.md").read_text(encoding="utf-8")

    keys = set(_keys(schema["$defs"][f"{connector}_source"], schema["$defs"]))

    assert keys & {"url", "at", "dsn", "wsdl", "host"}
    assert {key for key in keys if f"| `{key}` |" not in page} == set()


def _keys(shape: Any, known: dict[str, Any]) -> list[str]:
    """The keys of a JSON Schema, and those of what it refers to; the steps of rules have a page of their own."""
    if isinstance(shape, list):
        return [key for part in shape for key in _keys(part, known)]
    if not isinstance(shape, dict):
        return []
    found = _keys(known[name], known) if (name := str(shape.get("$ref", "")).removeprefix("#/$defs/")) else []
    properties = {key: value for key, value in shape.get("properties", {}).items() if key not in ("map", "outward")}
    rest = [value for key, value in shape.items() if key != "properties"]
    return [*found, *properties, *_keys(list(properties.values()), known), *_keys(rest, known), *_map_key(shape)]


def _map_key(shape: dict[str, Any]) -> list[str]:
    return ["map"] if "map" in shape.get("properties", {}) else []


def test_every_step_of_a_mapping_is_documented() -> None:
    rule = json_schema()["$defs"]["Rule"]
    page = (REFERENCE / "mapping.md").read_text(encoding="utf-8")

    steps = next(shape["properties"] for shape in rule["anyOf"] if "properties" in shape)

    assert len(steps) > 10
    assert [step for step in steps if f"| `{step}` |" not in page] == []


def test_every_environment_variable_is_documented() -> None:
    page = (REFERENCE / "environment.md").read_text(encoding="utf-8")
    code = [*ROOT.glob("hub/**/*.py"), *ROOT.glob("replica/**/*.py"), ROOT / "tests" / "conftest.py"]

    read = {name for path in code for name in _variables(path.read_text(encoding="utf-8"))}
    documented = set(re.findall(r"^\| `([A-Z_]+)`", page, re.MULTILINE))

    assert documented == read


def _variables(text: str) -> list[str]:
    return re.findall(r'(?:environ(?:\.get\(|\[)\s*|envvar=)"([A-Z_]+)"', text)


def test_every_code_that_the_api_can_answer_is_documented() -> None:
    page = (REFERENCE / "errors.md").read_text(encoding="utf-8").partition("## Codes of the API")[2]

    documented = re.findall(r"^\| `([A-Z_]+)`", page, re.MULTILINE)

    assert documented == list(CODES)


def test_every_address_that_the_hub_serves_is_documented() -> None:
    page = (REFERENCE / "graphql.md").read_text(encoding="utf-8")

    served = set(re.findall(r'Route\("(/\S+)"', (ROOT / "hub" / "app.py").read_text(encoding="utf-8")))

    assert "/graphql" in served
    assert {path for path in served if f"{path}`" not in page} == set()


def test_the_sdl_of_the_reference_is_whole() -> None:
    text = (REFERENCE / "schema.graphql").read_text(encoding="utf-8")

    assert {"type Query {", "type Subscription {", "type Appeal implements Node {"} <= set(text.splitlines())


def test_the_help_on_the_page_names_every_option() -> None:
    printed = "\n".join(fence.text for fence in fences(REFERENCE / "cli.md"))

    options = {"--config", "--json", "--verbose", "--limit", "--concurrency", "--wait", "--all", "--api-only", "--port"}

    assert {option for option in options if option not in printed} == set()
