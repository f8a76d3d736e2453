"""What the hub says to a source is what it would read from it."""

from pathlib import Path

import pytest

from hub.config import load
from hub.config.outward import Outward
from hub.model import Status

HEAD = """\
version: 1
maps:
  departments: {"4208-07": 市市场监督管理局, "4208-15": 市城市管理执法委员会, "4208-99": 市城市管理执法委员会}
sources:
  housing:
    title: 住房公积金12329
    class: hotline
    connector: rest
    url: https://housing.example.gov.cn/api/tickets
    map:
      external_id: id
      title: title
      created_at: created_at
"""


def words_of(folder: Path, rules: str) -> Outward:
    (folder / "connectors.yaml").write_text(HEAD + rules)
    return load(folder / "connectors.yaml", {}).sources["housing"].outward


def test_a_word_that_alone_means_a_status_is_the_word_for_it(tmp_path):
    said = words_of(tmp_path, "      status: {from: zt, map: {0: RECEIVED, 40: RESOLVED}, else: reject}\n")

    assert said.words == {"status": {"RECEIVED": "0", "RESOLVED": "40"}}


def test_of_several_words_for_a_status_none_is_guessed(tmp_path):
    rules = '      status: {from: zt, map: {"06": RESOLVED, "07": CLOSED, "17": CLOSED}, else: reject}\n'

    said = words_of(tmp_path, rules)

    assert said.words == {"status": {"RESOLVED": "06"}}
    assert Status.CLOSED in said.unsaid()


def test_the_administrator_chooses_among_several(tmp_path):
    rules = '      status: {from: zt, map: {"06": RESOLVED, "07": CLOSED, "17": CLOSED}, else: reject}\n'

    said = words_of(tmp_path, rules + '    outward: {status: {CLOSED: "17"}}\n')

    assert said.words == {"status": {"RESOLVED": "06", "CLOSED": "17"}}
    assert len(said.unsaid()) == 10
    assert said.chosen


def test_a_pattern_that_picks_the_word_out_must_find_it_in_the_word_itself(tmp_path):
    """`Initiated` reads back out of itself; of `0901|消费` the hub knows only the half."""
    rules = "      status: {from: notes, match: '^(\\w+)', map: {Initiated: RECEIVED}, else: reject}\n"
    half = "      kind: {from: code, match: '\\|(.+)$', map: {消费: COMPLAINT}, else: keep}\n"

    said = words_of(tmp_path, rules + half)

    assert said.words == {"status": {"RECEIVED": "Initiated"}}


def test_a_word_may_be_longer_than_what_the_map_holds(tmp_path):
    rules = "      status: {from: notes, match: '^(\\w+)', map: {Initiated: RECEIVED}, else: reject}\n"

    said = words_of(tmp_path, rules + "    outward: {status: {RECEIVED: Initiated - by the hub}}\n")

    assert said.words["status"]["RECEIVED"] == "Initiated - by the hub"


def test_a_shared_map_of_departments_is_read_both_ways(tmp_path):
    rules = "      status: {value: RECEIVED}\n      lead_org: {from: CBDW, map: departments, else: keep}\n"

    said = words_of(tmp_path, rules)
    chosen = words_of(tmp_path, rules + '    outward: {lead_org: {市城市管理执法委员会: "4208-99"}}\n')

    assert said.words == {"lead_org": {"市市场监督管理局": "4208-07"}}
    assert chosen.words["lead_org"]["市城市管理执法委员会"] == "4208-99"


def test_a_word_for_all_the_rest_may_be_chosen(tmp_path):
    """What no word means is said by any word that the map reads as the rest."""
    rules = "      status: {value: RECEIVED}\n      kind: {from: lx, map: {TS: COMPLAINT}, else: OTHER}\n"

    said = words_of(tmp_path, rules + "    outward: {kind: {OTHER: QT}}\n")

    assert said.words == {"kind": {"COMPLAINT": "TS", "OTHER": "QT"}}


@pytest.mark.parametrize("rules", ["      status: {value: RECEIVED}\n", "      status: status\n"])
def test_without_a_map_there_are_no_words(tmp_path, rules):
    said = words_of(tmp_path, rules)

    assert said == Outward({})
    assert len(said.unsaid()) == 12
