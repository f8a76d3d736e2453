"""Keys: what is shown once, and what is kept."""

import base64
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from hub.keys import new_key, opens, read_key
from hub.model import Scope

NOW = datetime(2026, 11, 20, tzinfo=UTC)


def test_a_key_opens_what_it_was_made_for_and_is_not_kept():
    written, record = new_key("desk", [Scope.APPEALS_WRITE], NOW)

    key = read_key(written)

    assert key is not None
    assert key.id == record.id
    assert opens(key, record, NOW)
    assert written.split("_", 2)[2] not in repr(record)
    assert len(base64.urlsafe_b64decode(written.split("_", 2)[2] + "=")) == 32


def test_another_key_of_the_same_id_opens_nothing():
    written, record = new_key("desk", [], NOW)
    forged = read_key(f"hub_{record.id}_{'A' * 43}")

    assert forged is not None
    assert forged.id == read_key(written).id
    assert not opens(forged, record, NOW)


@pytest.mark.parametrize("ended", [{"revoked_at": NOW}, {"expires_at": NOW}, {"expires_at": NOW - timedelta(days=1)}])
def test_a_key_that_was_ended_opens_nothing(ended):
    written, record = new_key("desk", [], NOW)

    assert not opens(read_key(written), replace(record, **ended), NOW)


@pytest.mark.parametrize(
    "text", ["", "hub_", "hub_12_34", f"hub_{'g' * 12}_{'A' * 43}", f"hub_{'a' * 12}_{'A' * 44}", "é"]
)
def test_whatever_is_no_key_is_none(text):
    assert read_key(text) is None
