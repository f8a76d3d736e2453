"""Drift: what a source's tickets no longer are, noticed without anybody asking."""

from typing import Any

import pytest

from hub.drift import Notes, compared, merged, refused_words
from hub.model import DriftKind, LandedTicket, Rejection, Tally
from hub.store.store import Store
from hub.sync import sync
from tests.scripted import MAP, claimed, scripted, ticket

RULES = {
    **MAP,
    "status": {"from": "status", "map": {"open": "RECEIVED"}, "else": "keep"},
    "channel": {"from": "via", "map": {"电话": "PHONE"}, "else": "keep"},
}


def seen(*tickets: dict[str, Any]) -> Notes:
    notes = Notes()
    for each in tickets:
        notes.see([LandedTicket("1", b"", b"", each)])
    return notes


def usual(**fields: Any) -> dict[str, Any]:
    return merged({}, seen(*[fields] * 30))


def drifts(profile: dict[str, Any], notes: Notes) -> list[tuple[DriftKind, str, str]]:
    return [(one.kind, one.field, one.word) for one in compared(profile, notes)]


def test_a_field_that_was_renamed_is_gone_and_new():
    notes = seen(*[{"id": 1, "biaoti": "x"}] * 30)

    assert drifts(usual(id=1, title="x"), notes) == [
        (DriftKind.FIELD_NEW, "biaoti", ""),
        (DriftKind.FIELD_GONE, "title", ""),
    ]


def test_a_field_is_not_gone_while_one_ticket_still_has_it():
    notes = seen(*[{"id": 1}] * 29, {"id": 1, "title": "x"})

    assert drifts(usual(id=1, title="x"), notes) == []


def test_a_field_that_few_tickets_ever_had_is_not_missed():
    profile = merged({}, seen(*[{"id": 1}] * 28, *[{"id": 1, "note": "x"}] * 2))

    assert drifts(profile, seen(*[{"id": 1}] * 30)) == []


def test_a_field_that_is_always_empty_now_is_gone():
    assert drifts(usual(id=1, title="x"), seen(*[{"id": 1, "title": None}] * 30)) == [
        (DriftKind.FIELD_GONE, "title", "")
    ]


def test_another_kind_of_value_is_told_with_both():
    notes = seen(*[{"id": 1, "place": {"lon": 1.5}}] * 25)

    assert (DriftKind.KIND_CHANGED, "id", "text → number") in drifts(usual(id="1", place="x"), notes)


def test_of_few_tickets_nothing_is_said():
    assert drifts(merged({}, seen({"id": 1})), seen(*[{"other": 1}] * 30)) == []
    assert drifts(usual(id=1, title="x"), seen({"id": 1})) == []


def test_fields_of_objects_are_told_apart_by_their_paths():
    notes = seen(*[{"id": 1, "place": {"address": "x"}}] * 30)

    assert drifts(usual(id=1, place={"addr": "x"}), notes) == [
        (DriftKind.FIELD_NEW, "place.address", ""),
        (DriftKind.FIELD_GONE, "place.addr", ""),
    ]


def test_a_source_with_ever_new_fields_cannot_fill_the_memory():
    notes = seen(*[{f"field-{number}": 1} for number in range(5_000)])
    notes.hear(("status", f"word-{number}") for number in range(5_000))

    assert (len(notes.fields), len(notes.words)) == (500, 200)


def test_the_word_for_which_a_ticket_was_set_aside_is_told():
    rejection = Rejection("1", b"", "status '作废' is unknown; add it under sources.housing.map.status.map", "status")

    assert list(refused_words([rejection])) == [("status", "作废")]


@pytest.mark.parametrize("value", [{}, {"a": []}, {"a": {"b": {"c": {"d": {"e": 1}}}}}, {"": 1}, {"a": [1, {"b": 2}]}])
def test_any_ticket_can_be_looked_at(value):
    assert seen(value).tickets == 1


async def test_a_run_tells_unknown_words_and_what_vanished(store: Store):
    before = [ticket(number, via="电话") for number in range(30)]
    lane = await claimed(store, scripted(rules=RULES))
    await sync(scripted(before, rules=RULES), store, lane)
    after = [{"id": f"n{number}", "title": "x", "at": "2026-03-01", "status": "作废"} for number in range(30)]

    tally = await sync(scripted([*after, ticket("w", via="传真")], rules=RULES), store, lane)

    found = {(one.kind, one.field, one.word): one.tickets for one in await store.reads.drift("housing")}
    assert tally == Tally(landed=31, served=31)
    assert found[DriftKind.WORD_UNKNOWN, "status", "作废"] == 30
    assert found[DriftKind.WORD_UNKNOWN, "channel", "传真"] == 1
    assert (DriftKind.FIELD_GONE, "via", "") not in found


async def test_a_field_that_comes_back_is_no_longer_gone(store: Store):
    lane = await claimed(store, scripted())
    whole, part = ([ticket(f"{name}{n}", **extra) for n in range(30)] for name, extra in (("a", {"x": 1}), ("b", {})))
    await sync(scripted(whole), store, lane)
    await sync(scripted(part), store, lane)
    gone = [one.field for one in await store.reads.drift("housing") if one.kind is DriftKind.FIELD_GONE]

    await sync(scripted([ticket("c", x=1)]), store, lane)

    assert gone == ["x"]
    assert await store.reads.drift("housing") == []


async def test_a_run_without_news_has_nothing_to_tell_and_forgetting_clears_the_list(store: Store):
    source = scripted([ticket(1, status="?")], rules=RULES)
    lane = await claimed(store, source)
    await sync(source, store, lane)

    await sync(scripted([ticket(1, status="?")], rules=RULES), store, lane)

    assert [one.tickets for one in await store.reads.drift()] == [1]
    assert await store.drifts.forget("housing") == 1
    assert await store.reads.drift() == []
