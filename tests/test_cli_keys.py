"""The commands for keys, and those that stop and start schedules, run as people run them."""

import json

from hub.keys import read_key
from tests.test_cli import City, city, database_url

__all__ = ["city", "database_url"]  # the fixtures of the command


def test_a_key_is_made_shown_once_listed_and_revoked(city: City) -> None:
    nothing = city.hub("keys")
    made = city.hub("add-key", "desk", "--scope", "appeals:write", "--scope", "sources:manage", "--days", "30")
    written = made.stdout.splitlines()[0]
    key = read_key(written)
    listed = city.hub("keys")

    revoked = city.hub("revoke-key", key.id if key else "")
    after = json.loads(city.hub("keys", "--json").stdout)["keys"]

    assert nothing.stdout == "there are no keys: run `hub add-key NAME`\n"
    assert key is not None
    assert "holds until" in listed.stdout
    assert "appeals:write sources:manage" in listed.stdout
    assert written not in listed.stdout
    assert revoked.stdout == f"the key {key.id} of desk opens nothing any more, within seconds\n"
    assert [(one["name"], one["state"]) for one in after] == [("desk", "revoked")]


def test_a_key_that_there_is_not_cannot_be_revoked(city: City) -> None:
    done = city.hub("revoke-key", "abc")

    assert done.returncode == 2
    assert done.stderr == "Error: there is no key 'abc'\n  run `hub keys`\n"


def test_a_source_is_paused_and_resumed(city: City) -> None:
    paused = city.hub("pause", "housing")
    shown = json.loads(city.hub("sources", "--json").stdout)["sources"]
    resumed = city.hub("resume", "housing")
    after = json.loads(city.hub("sources", "--json").stdout)["sources"]

    assert paused.stdout == "housing is not pulled until `hub resume housing`\n"
    assert resumed.stdout == "housing is pulled again, by whichever worker is free\n"
    assert [one["paused"] for one in shown if one["source"] == "housing"] == [True]
    assert [one["paused"] for one in after if one["source"] == "housing"] == [False]


def test_a_third_key_of_a_name_is_refused_while_two_hold(city: City) -> None:
    done = [city.hub("add-key", "desk") for _ in range(3)]

    assert [one.returncode for one in done] == [0, 0, 1]
    assert done[2].stderr == "Error: desk has 2 keys that hold\n  end one first: `hub keys`, `hub revoke-key ID`\n"
