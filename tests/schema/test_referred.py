"""What appeals refer to, through a real server: topics, areas, organizations, attachments, duplicates, labels."""

import pytest

from hub.vocabulary.topics import topics
from hub.vocabulary.words import labels


async def one(city, number, fields):
    source = "lift" if number % 4 == 0 else "housing"
    query = f'{{ appealByExternalId(source: "{source}", externalId: "N{number}") {{ {fields} }} }}'
    return (await city.ask(query)).data["appealByExternalId"]


async def test_a_topic_is_named_in_both_languages_and_knows_its_group(city):
    fields = "topic { text code zh: label en: label(locale: EN) parent { code } group { code label } }"

    known, unknown = await one(city, 5, fields), await one(city, 7, fields)

    assert known["topic"] == {
        "text": "城市管理/路灯",
        "code": "0106",
        "zh": "路灯",
        "en": "Street lamps",
        "parent": {"code": "01"},
        "group": {"code": "01", "label": "城市管理"},
    }
    assert unknown["topic"] == {
        "text": "物业与住房/电梯",
        "code": None,
        "zh": "电梯",
        "en": "电梯",
        "parent": {"code": "03"},
        "group": {"code": "03", "label": "物业与住房"},
    }


@pytest.mark.parametrize("topic", ["01", "0106", "城市管理"])
async def test_appeals_are_found_by_the_code_of_their_topic_or_of_its_group(city, topic):
    reply = await city.ask("query Q($t: String!) { appeals(filter: {topic: [$t]}) { totalCount } }", t=topic)

    assert reply.data["appeals"]["totalCount"] == 8


async def test_an_area_is_named_and_knows_what_holds_it_and_what_it_holds(city):
    fields = (
        "area { code name en: name(locale: EN) parent { code name children { name } parent { name parent { code } } } }"
    )

    found = (await one(city, 7, fields))["area"]

    assert (found["code"], found["name"], found["en"]) == ("420804", "掇刀区", "Duodao")
    assert (found["parent"]["code"], found["parent"]["name"]) == ("420800", "荆门市")
    assert {"name": "东宝区"} in found["parent"]["children"]
    assert found["parent"]["parent"] == {"name": "湖北省", "parent": None}


async def test_an_organization_is_told_of_by_the_register_that_holds_its_name(city):
    fields = """leadOrg { name code kind address active register area { code } parent { name parent { name } } }
                coOrgs { name code active parent { name } }"""

    found = await one(city, 6, fields)

    assert found["leadOrg"] == {
        "name": "市城管委",
        "code": "4208-01",
        "kind": "部门",
        "address": "象山大道1号",
        "active": True,
        "register": "orgs",
        "area": {"code": "420800"},
        "parent": {"name": "荆门市人民政府", "parent": None},
    }
    assert found["coOrgs"] == [
        {"name": "市水务集团", "code": "4208-05", "active": False, "parent": None},
        {"name": "无名单位", "code": None, "active": None, "parent": None},
    ]


async def test_an_attachment_has_a_name_a_kind_and_an_address_only_where_that_is_safe(city):
    found = await one(city, 6, "attachments { text url name mediaType }")

    assert found["attachments"] == [
        {
            "text": "https://photos.example/a/%E8%B7%AF.JPG?x=1",
            "url": "https://photos.example/a/%E8%B7%AF.JPG?x=1",
            "name": "路.JPG",
            "mediaType": "image/jpeg",
        },
        {"text": "javascript:alert(1)", "url": None, "name": "alert(1)", "mediaType": None},
    ]


async def test_a_duplicate_leads_to_what_it_repeats_where_the_hub_has_that(city):
    fields = "duplicateOfExternalId duplicateOf { externalId source { name } duplicateOf { id } }"

    known, unknown, none = [await one(city, number, fields) for number in (6, 12, 7)]

    assert known["duplicateOf"] == {"externalId": "N3", "source": {"name": "housing"}, "duplicateOf": None}
    assert unknown == {"duplicateOfExternalId": "nobody", "duplicateOf": None}
    assert none == {"duplicateOfExternalId": None, "duplicateOf": None}


async def test_words_are_shown_in_the_language_asked_for(city):
    fields = "statusLabel en: statusLabel(locale: EN) kindLabel urgencyLabel channelLabel satisfactionLabel(locale: EN)"

    assert await one(city, 7, fields) == {
        "statusLabel": "已办结",
        "en": "Resolved",
        "kindLabel": "投诉",
        "urgencyLabel": "特急",
        "channelLabel": "电话",
        "satisfactionLabel": "Not rated",
    }


async def test_all_labels_topics_and_areas_can_be_asked_for(city):
    reply = await city.ask("""{
      all: enumLabels { enum words { value } }
      some: enumLabels(enums: ["Satisfaction"]) { words { value label en: label(locale: EN) } }
      topics { code label(locale: EN) parent { code } } areas { code } below: areas(below: "4208") { code } }""")

    assert {one["enum"] for one in reply.data["all"]} == set(labels())
    assert {"value": "BASIC", "label": "基本满意", "en": "Mostly satisfied"} in reply.data["some"][0]["words"]
    assert [one["code"] for one in reply.data["topics"]] == list(topics())
    assert {one["code"] for one in reply.data["below"]} > {"420802", "420804"}
    assert {"420000", "420800"} <= {one["code"] for one in reply.data["areas"]} - {
        one["code"] for one in reply.data["below"]
    }
    assert (await city.ask('{ enumLabels(enums: ["Colour"]) { enum } }')).codes == ["BAD_INPUT"]
