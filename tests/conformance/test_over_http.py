"""GraphQL over HTTP, judged by the audits of its own working group."""

from pathlib import Path

HERE = Path(__file__).parent


async def test_all_61_audits_of_graphql_over_http_pass(city, script):
    rules = await script("audit.mjs", f"{city.url}/graphql")

    assert len(rules) == 61
    assert [rule for rule in rules if rule["status"] != "ok"] == []


def test_the_lock_file_names_no_registry():
    lock = (HERE / "package-lock.json").read_text()

    assert "integrity" in lock
    assert "resolved" not in lock
    assert "http:" not in lock
    assert "https:" not in lock
