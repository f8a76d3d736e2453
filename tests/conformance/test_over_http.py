"""GraphQL over HTTP, judged by the audits of its own working group."""

import json
from pathlib import Path

HERE = Path(__file__).parent


async def test_all_61_audits_of_graphql_over_http_pass(city, script):
    rules = await script("audit.mjs", f"{city.url}/graphql")

    assert len(rules) == 61
    assert [rule for rule in rules if rule["status"] != "ok"] == []


def test_the_lock_file_names_no_registry():
    locked = json.loads((HERE / "package-lock.json").read_text())["packages"]

    assert [name for name, package in locked.items() if "resolved" in package] == []
    assert [name for name, package in locked.items() if name and "integrity" not in package] == []
