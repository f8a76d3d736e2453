"""The lifecycle of an appeal: every way that the practice knows, and no other."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.errors import ActionRefused
from hub.lifecycle import OPEN, WAYS, Wish, act, allowed
from hub.model import Action, Appeal, Satisfaction, Status

NOW = datetime(2026, 11, 20, 8, tzinfo=UTC)
STATUSES = st.sampled_from(list(Status))
ACTIONS = st.sampled_from([action for action in Action if action is not Action.SUBMIT])


def appeal(status=Status.RECEIVED, **fields) -> Appeal:
    times = {"created_at": NOW - timedelta(days=3), "updated_at": NOW - timedelta(days=2)}
    kept = {"source": "housing", "external_id": "A-1", "title": "路灯不亮", "due_at": NOW + timedelta(days=1)}
    return Appeal(**{**kept, **times, "status": status, **fields})


def wish(action, **fields) -> Wish:
    given_with = {
        "note": "说明",
        "organization": "市住建局",
        "due_at": NOW + timedelta(days=9),
        "result": "已修复",
        "satisfaction": Satisfaction.SATISFIED,
        "is_resolved": True,
        "into": appeal(external_id="A-2"),
    }
    return Wish(action, NOW, "desk", **{**given_with, **fields})


@given(STATUSES, ACTIONS)
def test_no_action_leaves_the_ways_that_there_are(status, action):
    if action not in allowed(status):
        with pytest.raises(ActionRefused) as caught:
            act(wish(action), appeal(status))
        assert caught.value.details == {"status": status, "allowed": list(allowed(status))}
    else:
        after = act(wish(action), appeal(status)).status
        assert after == status or after in WAYS[status]


@pytest.mark.parametrize(("start", "end"), [(start, end) for start, ends in WAYS.items() for end in ends])
def test_every_way_is_opened_by_an_action(start, end):
    ends = {act(wish(action), appeal(start)).status for action in allowed(start)}

    assert end in ends


@given(st.lists(ACTIONS, max_size=30))
def test_a_life_of_any_actions_follows_the_ways(actions):
    current = appeal()
    for action in actions:
        before = current.status
        if action in allowed(before):
            current = act(wish(action, due_at=(current.due_at or NOW) + timedelta(days=1)), current)
        assert current.status == before or current.status in WAYS[before]


def test_what_has_ended_for_good_allows_nothing_but_words():
    assert allowed(Status.WITHDRAWN) == (Action.COMMENT,)


def test_a_status_that_nobody_can_read_may_be_urged_but_not_moved():
    assert set(allowed(Status.UNKNOWN)) == {Action.COMMENT, Action.EXTEND, Action.URGE, Action.SUPERVISE}


def test_a_dispatch_names_who_is_in_charge_and_until_when():
    after = act(wish(Action.DISPATCH, co_organizations=("物业",)), appeal(Status.ACCEPTED, status_text="已受理"))

    assert (after.lead_org, after.co_orgs, after.dispatched_at) == ("市住建局", ["物业"], NOW)
    assert after.due_at == NOW + timedelta(days=9)
    assert (after.status_text, after.status_note) == (None, "说明")


def test_a_dispatch_without_a_deadline_keeps_the_one_there_is():
    before = appeal(Status.ACCEPTED)

    assert act(wish(Action.DISPATCH, due_at=None), before).due_at == before.due_at


def test_an_appeal_that_is_opened_again_is_no_longer_rated_or_closed():
    before = appeal(Status.CLOSED, closed_at=NOW, is_resolved=True, satisfaction=Satisfaction.SATISFIED)

    after = act(wish(Action.REOPEN), before)

    assert (after.closed_at, after.is_resolved, after.satisfaction) == (None, None, Satisfaction.NONE)


@pytest.mark.parametrize(
    ("fields", "asked", "path"),
    [
        ({"due_at": None}, NOW + timedelta(days=2), ("id",)),
        ({"due_at": NOW - timedelta(hours=1)}, NOW + timedelta(days=2), ("id",)),
        ({"due_at": NOW + timedelta(days=3)}, NOW + timedelta(days=2), ("dueAt",)),
    ],
)
def test_a_deadline_moves_back_before_it_has_passed_and_not_else(fields, asked, path):
    with pytest.raises(ActionRefused) as caught:
        act(wish(Action.EXTEND, due_at=asked), appeal(Status.IN_PROGRESS, **fields))

    assert caught.value.code == "INVALID_INPUT"
    assert caught.value.path == path


def test_an_appeal_is_merged_into_another_that_is_still_open():
    assert act(wish(Action.MERGE), appeal()).duplicate_of == "A-2"
    assert act(wish(Action.MERGE, into=appeal(source="lift")), appeal()).duplicate_of == "lift:A-1"


@pytest.mark.parametrize("into", [None, appeal(), appeal(Status.CLOSED, external_id="A-2")])
def test_an_appeal_is_merged_into_no_other(into):
    with pytest.raises(ActionRefused):
        act(wish(Action.MERGE, into=into), appeal())


@given(STATUSES, ACTIONS)
def test_time_never_goes_back(status, action):
    before = appeal(status, updated_at=NOW + timedelta(hours=1))
    if action in allowed(status):
        assert act(wish(action), before).updated_at == before.updated_at


def test_open_is_whatever_is_not_ended():
    assert set(Status) - OPEN == {
        Status.REJECTED,
        Status.RESOLVED,
        Status.CLOSED,
        Status.MERGED,
        Status.WITHDRAWN,
    }
