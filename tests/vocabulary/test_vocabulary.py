"""Words for people, topics and areas: whole, in both languages, and found by whatever sources say."""

import pytest
from graphql import GraphQLEnumType

from hub.schema.schema import core_schema
from hub.vocabulary.areas import area, areas
from hub.vocabulary.topics import texts_of, topic, topics
from hub.vocabulary.words import labels


def test_every_word_of_every_enum_has_a_label_in_both_languages():
    enums = {
        name: set(kind.values) for name, kind in core_schema().type_map.items() if isinstance(kind, GraphQLEnumType)
    }

    assert {name: set(words) for name, words in labels().items()} == {
        name: words for name, words in enums.items() if "__" not in name
    }
    for words in labels().values():
        assert all(label.zh and label.en and label.en.isascii() for label in words.values())
        assert len({label.zh for label in words.values()}) == len(words)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("0106", "0106"),
        ("城市管理/路灯", "0106"),
        ("城市管理 / 路灯", "0106"),
        ("城市管理>路灯", "0106"),
        ("路灯", "0106"),
        ("城市管理", "01"),
        ("物业与住房/电梯", None),
        ("电梯", None),
        ("", None),
        ("/", None),
    ],
)
def test_a_topic_is_known_by_its_code_its_path_or_its_name(text, code):
    assert (topic(text).text, topic(text).code) == (text, code)


def test_a_topic_knows_what_it_is_a_part_of_even_when_the_taxonomy_does_not_know_it():
    lamp, lift, alone = topic("路灯"), topic("物业与住房/电梯"), topic("电梯")

    assert (lamp.parent.code, lamp.group.label.en) == ("01", "City management")
    assert (lift.label.zh, lift.parent.code) == ("电梯", "03")
    assert (alone.label.en, alone.parent, alone.group) == ("电梯", None, alone)


def test_a_name_that_two_topics_have_means_neither():
    names = [one.label.zh for one in topics().values()]

    for name in names:
        assert (topic(name).code is not None) == (names.count(name) == 1 or name in {t.text for t in topics().values()})


@pytest.mark.parametrize("code", [*topics(), "no code"])
def test_whatever_means_a_topic_is_found_by_its_code(code):
    beginnings, whole = texts_of(code)

    for one in topics().values():
        part = code in topics() and one.code.startswith(code)
        for said in (one.code, one.text, one.label.zh):
            if topic(said).code == one.code:
                assert (said.startswith(beginnings) or said in whole) == part


def test_areas_lie_in_each_other_by_their_codes():
    district, street, city = area("420802"), area("420802003"), area("4208")

    assert (district.name.zh, district.parent.code, district.parent.parent.code) == ("东宝区", "420800", "420000")
    assert (street.name, street.parent) == (None, district)
    assert city is areas()["420800"]
    assert district in city.children
    assert area("420822-BJ").parent.code == "420822"
    assert area("4208-ZH") in city.children
    assert (area("429004").parent.code, area("110000").parent, area("?").parent) == ("420000", None, None)


def test_every_area_and_topic_is_named_in_both_languages_and_once():
    for known in (areas(), topics()):
        names = [getattr(one, "name", None) or one.label for one in known.values()]
        assert all(name.zh and name.en.isascii() for name in names)
    assert len({one.name.zh for one in areas().values()}) == len(areas())
