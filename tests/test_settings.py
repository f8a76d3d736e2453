"""What the environment says of the API, and how mistakes in it are told."""

from datetime import timedelta

import pytest

from hub.cli.settings import anybody, documents, limits
from hub.errors import HubError, QueryError
from hub.schema.limits import Limits
from hub.schema.viewers import ANYBODY, NOBODY


def test_without_a_word_the_limits_are_the_defaults():
    assert limits({}) == Limits()


def test_limits_are_changed_by_their_names():
    found = limits({"HUB_LIMITS": "depth=12, cost=8000 time=20"})

    assert (found.depth, found.cost, found.time) == (12, 8000, timedelta(seconds=20))
    assert found.aliases == Limits().aliases


@pytest.mark.parametrize(
    "word", ["deepness=1", "depth", "depth=-1", "depth=1.5", "depth=", "=1", "depth:1", "depth=１"]
)
def test_a_limit_that_there_is_not_is_told_with_those_there_are(word):
    with pytest.raises(HubError, match=r"HUB_LIMITS: .* is no limit; .*there are body, tokens, depth"):
        limits({"HUB_LIMITS": word})


def test_trusted_documents_are_read_and_others_refused(tmp_path):
    (tmp_path / "some.json").write_text('{"last": "{ lastChangeNumber }"}')

    found = documents({"HUB_TRUSTED_DOCUMENTS": str(tmp_path), "HUB_TRUSTED_ONLY": "1"})

    assert found.text({"documentId": "last"}) == "{ lastChangeNumber }"
    with pytest.raises(QueryError, match="trusted documents only"):
        found.text({"query": "{ __typename }"})


def test_only_trusted_documents_without_any_is_a_mistake():
    with pytest.raises(HubError, match="no document is trusted; name a manifest in HUB_TRUSTED_DOCUMENTS"):
        documents({"HUB_TRUSTED_ONLY": "1"})


@pytest.mark.parametrize(
    ("said", "viewer"), [({}, ANYBODY), ({"HUB_ANONYMOUS": ""}, ANYBODY), ({"HUB_ANONYMOUS": "none"}, NOBODY)]
)
def test_everybody_reads_unless_the_environment_says_otherwise(said, viewer):
    assert anybody(said) is viewer


@pytest.mark.parametrize("word", ["appeals:write", "all", "None"])
def test_nothing_but_reading_can_be_given_to_everybody(word):
    with pytest.raises(HubError, match="HUB_ANONYMOUS"):
        anybody({"HUB_ANONYMOUS": word})
