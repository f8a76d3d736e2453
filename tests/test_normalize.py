"""Tickets into appeals: whole tickets, each step, every mistake of a mapping, any input at all."""

import json
import random
from dataclasses import asdict
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.errors import MappingError, TicketRejected
from hub.mapping.steps import one
from hub.model import Appeal, Channel, Entry, Kind, Satisfaction, Status, Urgency
from hub.normalize import ENTRY, Rule, compile_mapping, normalize

SHANGHAI = ZoneInfo("Asia/Shanghai")
TICKETS = Path(__file__).parent / "tickets"
MAPS = {
    "kind_zh": {"咨询": "CONSULT", "投诉": "complaint"},
    "yes_no": {"1": True, "0": False, "是": True, "否": False},
    "broken": {"a": "CLOSD"},
}
BASE = {"external_id": "id", "title": "title", "status": {"value": "RECEIVED"}, "created_at": "at"}
TICKET = {"id": "1", "title": "路灯", "at": "2026-03-01"}
BY_TYPE = {"status": Status, "kind": Kind, "urgency": Urgency, "channel": Channel, "satisfaction": Satisfaction}


def mapping(rules, *, zone=SHANGHAI, nulls=("无",)):
    return compile_mapping("housing", rules, maps=MAPS, timezone=zone, nulls=nulls)


def appeal(rule_of=None, /, **values):
    """The appeal of a ticket with `values`, by the plainest mapping and the rules given beside it."""
    return normalize({**TICKET, **values}, mapping({**BASE, **(rule_of or {})}))


def rejected(rule_of=None, /, **values):
    with pytest.raises(TicketRejected) as caught:
        appeal(rule_of, **values)
    return caught.value


# ── whole tickets ────────────────────────────────────────────────────────────────────────────────────────────────────


def outcome(ticket_file):
    """What becomes of a ticket, as its golden file writes it: fields that hold something, or the rejection."""
    said = yaml.safe_load((ticket_file.parent / "mapping.yaml").read_text("utf-8"))
    compiled = mapping(said["map"], zone=ZoneInfo(said["timezone"]), nulls=said.get("nulls", ()))
    ticket = json.loads(ticket_file.read_text("utf-8"))
    try:
        found = asdict(normalize(ticket, compiled))
    except TicketRejected as error:
        return {"rejected": str(error), "field": error.field}
    return json.loads(json.dumps({key: each for key, each in found.items() if each not in (None, [], {})}, default=str))


@pytest.mark.parametrize(
    "ticket_file",
    [path for path in sorted(TICKETS.glob("*/*.json")) if not path.name.endswith(".appeal.json")],
    ids=lambda path: f"{path.parent.name}/{path.stem}",
)
def test_a_ticket_becomes_what_its_golden_file_says(ticket_file):
    golden = json.loads(ticket_file.with_suffix(".appeal.json").read_text("utf-8"))

    assert outcome(ticket_file) == golden


def test_no_golden_file_is_left_without_its_ticket():
    golden = {path.name.removesuffix(".appeal.json") for path in TICKETS.glob("*/*.appeal.json")}

    assert golden == {path.stem for path in TICKETS.glob("*/*.json") if not path.name.endswith(".appeal.json")}


# ── what holds for every source ──────────────────────────────────────────────────────────────────────────────────────


def test_a_title_is_taken_from_the_content_where_there_is_none():
    assert appeal({"content": "text"}, title="", text="一" * 60 + "\n二").title == "一" * 40


def test_a_ticket_without_title_and_content_is_rejected():
    error = rejected({"content": "text"}, title=" ", text=None)

    assert (error.field, error.message) == ("title", "the ticket has neither a title nor a content")


def test_an_appeal_never_updated_was_updated_when_it_was_made():
    found = appeal({"updated_at": "changed"}, changed="")

    assert found.updated_at == found.created_at == datetime(2026, 2, 28, 16, tzinfo=UTC)


@pytest.mark.parametrize("name", ["id", "at"])
@pytest.mark.parametrize("nothing", [None, "", "  ", "无", [], {}, "\u3000"])
def test_a_ticket_without_a_required_field_is_rejected(name, nothing):
    error = rejected(**{name: nothing})

    assert error.field == {"id": "external_id", "at": "created_at"}[name]
    assert f"nothing at '{name}'" in str(error)


def test_a_ticket_that_is_no_object_is_rejected():
    for ticket in ([], "x", None, 7):
        with pytest.raises(TicketRejected, match="no object"):
            normalize(ticket, mapping(BASE))


def test_a_row_that_its_connector_could_not_read_is_rejected_for_that_reason():
    assert rejected(**{"@broken": "row 7 has 12 cells,\nnot 13" + "\x00" * 9 + "!" * 900}).message == (
        "row 7 has 12 cells, not 13" + "!" * 274
    )


def test_lines_are_cut_after_500_characters_and_contents_after_50000():
    found = appeal({"content": "text", "lead_org": "text"}, title="题" * 600, text="文" * 60_000)

    assert (len(found.title), len(found.content), len(found.lead_org)) == (500, 50_000, 500)


def test_an_id_of_more_than_512_characters_is_rejected():
    error = rejected(id="9" * 513)

    assert error.field == "external_id"
    assert str(error) == f"external_id '{'9' * 60}…' has 513 characters; an id has at most 512"


def test_the_source_may_say_its_own_word_for_the_status():
    rules = {"status": {"from": "s", "map": {"1": "CLOSED"}, "else": "keep"}, "status_text": "label"}

    assert appeal(rules, s=1, label="办结").status_text == "办结"
    assert appeal(rules, s=1).status_text == "1"
    assert appeal(rules, s=5) == appeal({**rules, "status_text": "s"}, s=5)
    assert appeal(rules, s=5).status is Status.UNKNOWN


# ── paths and nulls ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_first_alternative_that_is_something_is_taken():
    assert appeal({"area": "a || b.c || d"}, a="无", b={"c": " "}, d="东宝区").area == "东宝区"


def test_false_and_zero_are_something():
    assert appeal({"attributes.n": "a || b"}, a=0, b=1).attributes == {"n": 0}
    assert appeal({"attributes.n": "a || b"}, a=False, b=True).attributes == {"n": False}


def test_sentinels_of_a_rule_add_to_those_of_the_source():
    rule = {"area": {"from": "a", "nulls": ["0", "未知"]}}

    assert [appeal(rule, a=value).area for value in ("无", "未知", "0", 0, 0.0, Decimal(0), " 未知 ", "00")] == [
        None
    ] * 7 + ["00"]


def test_one_value_is_a_list_of_one_and_a_list_of_one_is_a_value():
    assert appeal({"co_orgs": "orgs"}, orgs="住建局").co_orgs == ["住建局"]
    assert appeal({"co_orgs": "orgs[].name"}, orgs={"name": "住建局"}).co_orgs == ["住建局"]
    assert appeal({"co_orgs": "orgs"}, orgs=["住建局", "", "无", None, 7]).co_orgs == ["住建局", "7"]
    assert appeal({"area": "a"}, a=["东宝区"]).area == "东宝区"


def test_two_values_where_one_is_expected_are_rejected():
    error = rejected({"area": "a"}, a=["东宝区", "掇刀区"])

    assert str(error) == "area a list of 2 stands where one value is expected; add join, or pick one in the path"


# ── steps ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_split_makes_a_list_of_the_parts_that_are_something():
    assert appeal({"co_orgs": {"from": "o", "split": "、"}}, o="甲、 乙、、无").co_orgs == ["甲", "乙"]


def test_join_leaves_out_what_is_missing():
    rule = {"topic": {"from": ["a", "b", "c"], "join": "/"}}

    assert appeal(rule, a="城建", b="", c="路灯").topic == "城建/路灯"
    assert appeal(rule).topic is None
    assert appeal({"topic": {"from": "tags", "join": ","}}, tags=["x", None, "y"]).topic == "x,y"


def test_an_id_of_several_parts_needs_all_of_them():
    rule = {"external_id": {"from": ["a", "b"], "join": "-"}}

    assert appeal(rule, a=1, b="2").external_id == "1-2"
    assert "nothing at 'a + b'" in str(rejected(rule, a=1, b=" "))


def test_match_picks_the_first_group_or_the_whole():
    assert appeal({"area": {"from": "a", "match": r"^(\d{6})"}}, a=420802001).area == "420802"
    assert appeal({"area": {"from": "a", "match": r"\d{6}"}}, a="x420802y").area == "420802"
    assert appeal({"area": {"from": "a", "match": r"\d{6}", "default": "420800"}}, a="x").area == "420800"


@pytest.mark.parametrize(
    ("verb", "value", "read"),
    [
        ("text", 7.0, "7"),
        ("int", "３", 3),
        ("int", "1,234", 1234),
        ("int", 3.0, 3),
        ("int", "-7", -7),
        ("float", "3.5", 3.5),
        ("float", "1e3", 1000.0),
        ("bool", "是", True),
        ("bool", "0", False),
        ("bool", 1, True),
        ("phone", 13812345678, "+8613812345678"),
        ("html", "<b>好</b>", "好"),
        ("int", ["1", "2"], [1, 2]),
    ],
)
def test_a_value_is_read_as_what_the_rule_says(verb, value, read):
    assert appeal({"attributes.x": {"from": "x", "as": verb}}, x=value).attributes == {"x": read}


@pytest.mark.parametrize(
    ("verb", "value"),
    [
        ("int", "3人"),
        ("int", "3.5"),
        ("int", "9" * 5000),
        ("int", True),
        ("float", "nan"),
        ("float", "1e999"),
        ("float", "1_0"),
        ("bool", "也许"),
        ("text", {"a": 1}),
        ("float", float("inf")),
    ],
)
def test_a_value_that_cannot_be_read_so_is_rejected(verb, value):
    error = rejected({"attributes.x": {"from": "x", "as": verb}}, x=value)

    assert error.field == "attributes.x"


def test_a_map_knows_numbers_and_booleans_by_their_text():
    rule = {"is_secret": {"from": "s", "map": "yes_no", "else": "reject"}}

    assert [appeal(rule, s=value).is_secret for value in (1, 1.0, "1", "是", 0, "否")] == [True] * 4 + [False] * 2
    assert appeal({"area": {"from": "s", "map": {"true": "甲"}, "else": "keep"}}, s=True).area == "甲"


def test_a_word_outside_the_map_is_rejected_kept_or_replaced():
    def status(otherwise):
        return {"status": {"from": "s", "map": {"1": "CLOSED"}, "else": otherwise}}

    assert str(rejected(status("reject"), s="转办中")) == (
        "status '转办中' is unknown; add it under sources.housing.map.status.map"
    )
    assert appeal(status("keep"), s="转办中").status is Status.UNKNOWN
    assert appeal(status("rework"), s="转办中").status is Status.REWORK
    assert appeal({"topic": {"from": "s", "map": {"1": "路灯"}, "else": "keep"}}, s="转办中").topic == "转办中"


def test_a_word_outside_a_shared_map_is_to_be_added_there():
    assert "add it under maps.kind_zh" in str(
        rejected({"kind": {"from": "k", "map": "kind_zh", "else": "reject"}}, k="x")
    )


def test_a_status_without_a_map_has_to_be_one_in_any_case():
    assert appeal({"status": "s"}, s="in_progress").status is Status.IN_PROGRESS
    assert (
        str(rejected({"status": "s"}, s="办理中"))
        == "status '办理中' is no status; map it under sources.housing.map.status"
    )


def test_a_list_is_mapped_word_by_word():
    rule = {"co_orgs": {"from": "o", "split": " ", "map": {"D1": "住建局"}, "else": "keep"}}

    assert appeal(rule, o="D1 D2").co_orgs == ["住建局", "D2"]


def test_a_point_comes_in_many_forms():
    wgs84 = {"location.point": {"from": "p", "crs": "wgs84"}}
    forms = [
        [112.2, 31.0],
        ["112.2", "31.0"],
        "POINT (112.2 31.0)",
        {"type": "Point", "coordinates": [112.2, 31.0]},
        {"lng": "112.2", "lat": 31},
    ]

    assert {appeal(wgs84, p=form).location_point for form in forms} == {(112.2, 31.0)}
    assert appeal({"location.point": {"from": "p", "split": ",", "crs": "wgs84"}}, p="112.2, 31").location_point == (
        112.2,
        31,
    )
    assert appeal({"location.point": {"from": ["x", "y"], "crs": "wgs84"}}, x=112.2, y="31").location_point == (
        112.2,
        31,
    )


def test_half_a_point_and_null_island_are_no_point():
    rule = {"location.point": {"from": ["x", "y"], "crs": "gcj02"}}

    assert appeal(rule, x=112.2).location_point is None
    assert appeal(rule, x="0.0", y=0).location_point is None


def test_a_point_beyond_the_earth_is_rejected():
    rule = {"location.point": {"from": "p", "crs": "wgs84"}}

    assert (
        str(rejected(rule, p=[31.0, 112.2])) == "location.point a list of 2 is no point on Earth; longitude comes first"
    )
    assert rejected(rule, p=[500, 0]).field == "location.point"
    assert rejected(rule, p="somewhere").field == "location.point"


def test_constants_and_defaults_are_values_of_their_field():
    rules = {
        "kind": {"value": "complaint"},
        "urgency": {"from": "u", "default": "urgent"},
        "due_at": {"from": "d", "default": "2026-03-01"},
        "co_orgs": {"from": "o", "default": ["甲"]},
        "is_secret": {"value": True},
    }

    found = appeal(rules)

    assert (found.kind, found.urgency, found.co_orgs, found.is_secret) == (Kind.COMPLAINT, Urgency.URGENT, ["甲"], True)
    assert found.due_at == datetime(2026, 2, 28, 16, tzinfo=UTC)
    assert found.kind_text is None


def test_two_appeals_never_share_a_default_list():
    compiled = mapping({**BASE, "co_orgs": {"from": "o", "default": ["甲"]}})

    normalize(TICKET, compiled).co_orgs.append("乙")

    assert normalize(TICKET, compiled).co_orgs == ["甲"]


def test_attributes_keep_json_and_read_dates():
    rules = {"attributes.raw": "r", "attributes.day": {"from": "d", "date": "chinese"}}

    found = appeal(rules, r={"a": [1, None, 2**70, "x\x00"]}, d="2026年3月1日")

    assert found.attributes == {"raw": {"a": [1, None, str(2**70), "x"]}, "day": "2026-02-28T16:00:00+00:00"}


# ── reasons ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_reason_names_the_value_the_field_and_the_cure():
    error = rejected(at="2026-02-30")

    assert str(error) == "created_at '2026-02-30' is no time of the form iso; mend sources.housing.map.created_at"


@pytest.mark.parametrize("name", ["reporter.name", "attributes.电话", "respondent", "content"])
def test_a_reason_never_quotes_a_personal_value(name):
    error = rejected({name: {"from": "x", "as": "int"}}, x="张三丰")

    assert "张三丰" not in str(error)
    assert str(error).startswith(f"{name}: its value is no whole number")


def test_a_reason_never_quotes_a_phone_or_identity_number():
    error = rejected({"status": "s"}, s="张某13812345678 420800199001011234")

    assert "13812345678" not in str(error)
    assert "42080019900101" not in str(error)


def test_a_reason_is_short_and_on_one_line():
    error = rejected({"status": "s"}, s="很\n长" * 5000)

    assert len(str(error)) < 200
    assert "\n" not in str(error)


# ── mappings ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("name", "rule", "path", "reason"),
    [
        ("titel", "x", ("titel",), "no such field; did you mean 'title'?"),
        ("reporter_name", "x", ("reporter_name",), "did you mean 'reporter.name'?"),
        ("涉及人数", "x", ("涉及人数",), "anything of your own goes under attributes.涉及人数"),
        ("attributes.", "x", ("attributes.",), "the attribute needs a name"),
        ("source", "x", ("source",), "no such field"),
        ("content", "a.[b", ("content", "from"), "'a.[b' ends too early"),
        ("co_orgs", {"from": ["a", "("]}, ("co_orgs", "from", 1), "no path"),
        ("area", {"from": "a", "match": "(a+)+"}, ("area", "match"), "inside another"),
        ("due_at", {"from": "a", "date": "iso8601"}, ("due_at", "date"), "did you mean 'iso'?"),
        ("status", {"from": "a", "map": "kind_hz", "else": "reject"}, ("status", "map"), "did you mean 'kind_zh'?"),
        ("status", {"from": "a", "map": {"a": "CLOSED"}}, ("status", "map"), "a map needs else"),
        (
            "status",
            {"from": "a", "map": {"a": "CLOSD"}, "else": "keep"},
            ("status", "map", "a"),
            "did you mean 'CLOSED'?",
        ),
        ("status", {"from": "a", "map": "broken", "else": "keep"}, ("status", "map"), "did you mean 'CLOSED'?"),
        ("status", {"from": "a", "map": {}, "else": "OPEN"}, ("status", "else"), "no status 'OPEN'; known: RECEIVED"),
        ("status", {"from": "a", "map": {}, "else": None}, ("status", "else"), "cannot be nothing"),
        ("kind", {"value": "COMPLANT"}, ("kind", "value"), "did you mean 'COMPLAINT'?"),
        ("kind", {"from": "a", "default": "x"}, ("kind", "default"), "no kind 'x'"),
        ("is_secret", {"from": "a", "map": "yes_no", "else": "keep"}, ("is_secret", "else"), "cannot keep a word"),
        (
            "is_secret",
            {"from": "a", "map": {"1": "maybe"}, "else": False},
            ("is_secret", "map", "1"),
            "neither true nor false",
        ),
        ("support_count", {"from": "a", "default": -1}, ("support_count", "default"), "no count"),
        ("due_at", {"value": "soon"}, ("due_at", "value"), "no time"),
        ("title", {"from": "a", "else": "x"}, ("title", "else"), "there is no map"),
        ("title", {"from": "a", "value": "x"}, ("title",), "not both"),
        ("title", {}, ("title",), "from or value"),
        ("title", {"value": "a", "as": "text"}, ("title", "as"), "a constant value takes no 'as'"),
        ("title", {"from": "a", "date": "iso"}, ("title", "date"), "title is no time"),
        ("title", {"from": "a", "crs": "wgs84"}, ("title", "crs"), "only location.point"),
        ("location.point", "a", ("location.point",), "crs: wgs84, gcj02 or bd09"),
        (
            "location.point",
            {"from": "a", "crs": "bd09", "map": {}, "else": None},
            ("location.point", "map"),
            "not mapped",
        ),
        ("topic", {"from": ["a", "b"]}, ("topic",), "add join"),
        ("topic", {"from": "a", "split": ","}, ("topic",), "add join"),
        ("co_orgs", {"from": "a", "split": ""}, ("co_orgs", "split"), "say what to cut at"),
        ("external_id", {"value": "1"}, ("external_id", "value"), "cannot be the same for two tickets"),
        (
            "external_id",
            {"from": "a", "default": "1"},
            ("external_id", "default"),
            "cannot be the same for two tickets",
        ),
    ],
)
def test_a_mistake_is_told_with_its_place(name, rule, path, reason):
    with pytest.raises(MappingError) as caught:
        mapping({**BASE, name: rule})

    assert [where for where, _ in caught.value.problems] == [path]
    assert reason in caught.value.problems[0][1]


def test_all_mistakes_are_told_at_once():
    with pytest.raises(MappingError) as caught:
        mapping({"titel": "x", "area": {"from": "a", "match": "("}})

    assert [where for where, _ in caught.value.problems] == [(), (), (), (), ("titel",), ("area", "match")]
    assert [what.split(",")[0] for _, what in caught.value.problems[:4]] == [
        "no rule for external_id",
        "no rule for status",
        "no rule for created_at",
        "no rule for title",
    ]


def test_unknown_keys_of_a_rule_are_refused():
    with pytest.raises(ValueError, match="Extra inputs are not permitted"):
        Rule.model_validate({"fro": "a"})


def test_a_bare_text_is_a_path():
    assert Rule.model_validate("标题") == Rule(from_="标题")


def test_every_key_of_a_rule_says_what_it_is_for():
    whole = next(each for each in Rule.model_json_schema()["$defs"]["Rule"]["anyOf"] if each["type"] == "object")

    assert set(whole["properties"]) == {
        "from", "value", "nulls", "split", "join", "match", "as", "map", "else", "date", "time", "crs", "each",
        "default",
    }  # fmt: skip
    assert all(each["description"] for each in whole["properties"].values())


def test_the_fingerprint_tells_a_mended_mapping_from_the_old_one():
    rule = {"from": "k", "map": "kind_zh", "else": "reject"}
    base = mapping({**BASE, "kind": rule}).fingerprint

    assert mapping({**BASE, "kind": rule}).fingerprint == base
    assert mapping({**BASE, "kind": {**rule, "else": "keep"}}).fingerprint != base
    assert mapping({**BASE, "kind": rule}, nulls=("无", "/")).fingerprint != base
    assert mapping({**BASE, "kind": rule}, zone=ZoneInfo("UTC")).fingerprint != base
    more = {**MAPS, "kind_zh": {**MAPS["kind_zh"], "求助": "HELP"}}
    mended = compile_mapping("housing", {**BASE, "kind": rule}, maps=more, timezone=SHANGHAI, nulls=("无",))
    assert mended.fingerprint != base


def test_a_huge_number_in_a_mapping_is_no_accident():
    assert mapping({**BASE, "attributes.n": {"value": 10**30}}).fingerprint


def test_names_in_a_mapping_cannot_become_code():
    key = "'); __import__('os').abort(); ('"
    rules = {**BASE, f'attributes.{key}"\n': f'"{key}"', "area": '"a\\nb"'}

    found = normalize({**TICKET, key: 1, "a\nb": "区"}, mapping(rules))

    assert (found.attributes, found.area) == ({f'{key}"\n': 1}, "区")


# ── any input at all ─────────────────────────────────────────────────────────────────────────────────────────────────

WHOLE = mapping(
    {
        "external_id": {"from": ["a", "b || c"], "join": "-"},
        "title": "t || d.e",
        "content": {"from": "c", "as": "html"},
        "status": {"from": "s", "map": {"1": "CLOSED"}, "else": "keep"},
        "kind": {"from": "k[0].v", "as": "text", "default": "HELP"},
        "created_at": {"from": "at", "date": ["iso", "epoch_ms", "excel", "chinese"], "default": "2026-01-01"},
        "due_at": {"from": "b", "date": "%Y-%m-%d", "time": "end_of_day"},
        "reporter.phone": {"from": "p", "as": "phone"},
        "location.point": {"from": "g", "crs": "bd09"},
        "co_orgs": {"from": "k[].v", "split": ","},
        "topic": {"from": "d.* | [0]", "match": "(.+)a?"},
        "area": "k[?v=='1'].v | [0]",
        "is_secret": "s",
        "support_count": "a",
        "attributes.any": "d",
        "attributes.n": {"from": "t", "as": "float"},
    }
)
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(st.characters(codec=None), max_size=30),
    st.sampled_from(["1", "2026-03-01", "2026年3月1日", 1772600000000, 45000, "112.2,31.0", "0000-00-00", 10**400]),
)  # fmt: skip
names = st.one_of(st.sampled_from("abcdestkpgv"), st.just("at"), st.text(st.characters(codec=None), max_size=5))
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=5), max_leaves=15
)
wild_text = st.text(st.characters(codec=None), max_size=30)
well_shaped = st.fixed_dictionaries(
    {
        "a": st.integers(0, 9),
        "b": st.just("2026-03-01"),
        "t": st.integers(1, 99),
        "at": st.sampled_from(["2026-03-01", 45000, 1772600000000, "2026年3月1日", None]),
        "s": st.sampled_from(["1", 1, True, "0", None]),
    },
    optional={
        "c": wild_text,
        "d": st.dictionaries(names, wild_text | st.integers(), max_size=4),
        "k": st.lists(st.fixed_dictionaries({"v": wild_text | st.just("1")}), max_size=4),
        "p": wild_text | st.integers(),
        "g": st.tuples(st.floats(-180, 180), st.floats(-90, 90)).map(list),
    },
)
tickets = st.one_of(well_shaped, st.dictionaries(names, anything, max_size=12), anything)


@settings(deadline=None, max_examples=400, suppress_health_check=[HealthCheck.too_slow])
@given(tickets)
def test_any_ticket_is_an_appeal_or_rejected_with_a_field(ticket):
    found = appeal_or_rejection(ticket)

    if isinstance(found, Appeal):
        assert_storable(found)
    else:
        assert found.field
        assert str(found).encode()


def appeal_or_rejection(ticket):
    try:
        return normalize(ticket, WHOLE)
    except TicketRejected as error:
        return error


def assert_storable(found: Appeal):
    written = json.dumps(asdict(found), default=str, ensure_ascii=False, allow_nan=False)
    assert "\\u0000" not in written
    assert written.encode()
    assert 1 <= len(found.external_id) <= 512
    assert found.title
    for name, enum in BY_TYPE.items():
        assert isinstance(getattr(found, name), enum)
    for name in ("created_at", "updated_at", "due_at"):
        assert getattr(found, name) is None or getattr(found, name).tzinfo is UTC


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(tickets)
def test_identify_never_raises_and_agrees_with_the_appeal(ticket):
    found = WHOLE.identify(ticket)

    outcome = appeal_or_rejection(ticket)
    if isinstance(outcome, Appeal):
        assert found == outcome.external_id
    else:
        assert found is None or outcome.field != "external_id"


def test_functions_that_do_not_suit_a_ticket_reject_it():
    assert rejected({"area": "sum(k)"}).field == "area"
    assert rejected({"area": "join('/', keys(d))"}, d=7).field == "area"


def test_a_deeply_nested_ticket_is_not_fatal():
    nested: object = "x"
    for _ in range(50_000):
        nested = [nested]

    assert rejected({"attributes.deep": "d"}, d=nested).field == "attributes.deep"
    assert appeal({"area": "d[0]"}, d=nested).area == "x"


def test_the_inlined_cleaning_is_the_step_of_the_same_name():
    """The written function cleans plain texts itself; whatever it does must be what steps.one does."""
    chance = random.Random(7)
    values = [
        "",
        " ",
        "无",
        " 无\n",
        "a ",
        "\u3000a",
        "\x00",
        "0",
        *(chr(chance.randrange(1, 0x3000)) for _ in range(500)),
    ]
    clean = one(frozenset({"", "无"}))
    compiled = mapping({**BASE, "attributes.x": {"from": "x"}, "respondent": "x"})

    for value in values:
        cleaned = clean(value)
        found = normalize({**TICKET, "x": value}, compiled).respondent
        assert found == (None if cleaned is None else cleaned.replace("\x00", "") or None)


def test_satisfaction_and_channel_stay_unset_where_nothing_is_said():
    found = appeal()

    assert (found.channel, found.satisfaction, found.kind) == (Channel.UNKNOWN, Satisfaction.NONE, Kind.OTHER)


# ── events ───────────────────────────────────────────────────────────────────────────────────────────────────────────

EVENTS = {
    "events": {
        "from": "history[?is_public]",
        "each": {
            "at": {"from": "time", "date": "iso"},
            "text": "note",
            "by": "operator",
            "status": {"from": "state", "map": {"1": "RECEIVED", "9": "CLOSED"}, "else": "keep"},
        },
    }
}


def step(time, note, *, state="1", is_public=True, operator="甲科"):
    return {"time": time, "note": note, "state": state, "is_public": is_public, "operator": operator}


def test_events_come_oldest_first_whatever_order_the_source_keeps_them_in():
    found = appeal(EVENTS, history=[step("2026-03-02", "办结", state="9"), step("2026-03-01", "受理")]).events

    assert [(event.text, event.status, event.status_text) for event in found] == [
        ("受理", Status.RECEIVED, "1"),
        ("办结", Status.CLOSED, "9"),
    ]
    assert found[0].at == datetime(2026, 2, 28, 16, tzinfo=UTC)


def test_a_private_note_is_left_out_by_its_path():
    found = appeal(EVENTS, history=[step("2026-03-01", "受理"), step("2026-03-01", "内部意见", is_public=False)]).events

    assert [event.text for event in found] == ["受理"]


def test_the_same_event_told_twice_in_a_row_is_one():
    found = appeal(EVENTS, history=[step("2026-03-01", "受理"), step("2026-03-01", "受理")]).events

    assert len(found) == 1


def test_one_event_alone_is_a_list_of_one_and_none_is_no_event():
    assert len(appeal(EVENTS, history=step("2026-03-01", "受理")).events) == 1
    assert appeal(EVENTS, history=[]).events == appeal(EVENTS).events == []


def test_an_event_of_plain_text_is_read_by_the_name_value():
    rules = {"events": {"from": "notes", "each": {"text": "value"}}}

    assert [event.text for event in appeal(rules, notes=["已派单", "已办结"]).events] == ["已派单", "已办结"]


def test_an_event_that_does_not_read_rejects_the_ticket_and_names_the_rule():
    error = rejected(EVENTS, history=[step("2026-02-30", "受理")])

    assert error.field == "events.each.at"
    assert "mend sources.housing.map.events.each.at" in str(error)


@pytest.mark.parametrize(
    ("rule", "path", "problem"),
    [
        ({"from": "h"}, ("events",), "say how each event reads"),
        ({"from": ["a", "b"], "each": {"text": "t"}}, ("events", "from"), "events come from one path"),
        ({"from": "h", "each": {"txt": "t"}}, ("events", "each", "txt"), "the event has no such field; did you mean"),
        ({"from": "h", "each": {"at": {"from": "t", "date": "ios"}}}, ("events", "each", "at", "date"), "date format"),
        ({"from": "h", "each": {"text": "t"}, "join": ","}, ("events", "join"), "they take no 'join'"),
    ],
)
def test_a_mistake_in_the_rules_of_events_is_told_with_its_place(rule, path, problem):
    with pytest.raises(MappingError) as caught:
        mapping({**BASE, "events": rule})

    assert path in [where for where, _ in caught.value.problems]
    assert any(problem in said for _, said in caught.value.problems)


def test_only_events_are_read_by_each():
    with pytest.raises(MappingError, match="only events have `each`"):
        mapping({**BASE, "content": {"from": "c", "each": {"text": "t"}}})


# ── the last tenth: pairs of lists, attributes in a crowd, grids ──────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("path", "values"),
    [
        (
            "from_items(fields[].[name, value])",
            {"fields": [{"name": "楼层", "value": "3"}, {"name": "户数", "value": 12}]},
        ),
        ("from_items(zip(split(names, ','), split(values, ',')))", {"names": "楼层, 户数", "values": "3,12"}),
        ("parse_json(extend)", {"extend": '{"楼层": "3", "户数": 12}'}),
        ("extra", {"extra": {"楼层": "3", "户数": 12, "空": None}}),
    ],
)
def test_pairs_of_names_and_values_become_attributes_all_at_once(path, values):
    found = appeal({"attributes": path}, **values).attributes

    assert {name: str(value) for name, value in found.items()} == {"楼层": "3", "户数": "12"}


def test_an_attribute_with_a_rule_of_its_own_goes_before_the_crowd():
    rules = {"attributes": "extra", "attributes.楼层": {"from": "extra.楼层", "as": "int"}}

    assert appeal(rules, extra={"楼层": "3", "户数": "12"}).attributes == {"楼层": 3, "户数": "12"}


@pytest.mark.parametrize("value", [[1, 2], "text", 7])
def test_what_is_no_object_cannot_be_attributes_all_at_once(value):
    assert "is no object" in rejected({"attributes": "extra"}, extra=value).message


def test_names_and_values_that_do_not_match_lose_what_is_over():
    rules = {"attributes": "from_items(zip(split(names, ','), split(values, ',')))"}

    assert appeal(rules, names="a,b,c", values="1,,3,4").attributes == {"a": "1", "c": "3"}


@pytest.mark.parametrize(
    ("path", "ticket", "found"),
    [
        ("zip(a, b, c)", {"a": [1, 2], "b": [3, 4], "c": [5, 6, 7]}, [[1, 3, 5], [2, 4, 6]]),
        (
            "group_by(log, &id)",
            {"log": [{"id": 1, "t": "a"}, {"t": "b"}, {"id": "1"}]},
            {"1": [{"id": 1, "t": "a"}, {"id": "1"}]},
        ),
        (
            "unwind(d, 't')",
            {"d": [{"n": 1, "t": [2, 3]}, {"n": 4, "t": []}, {"n": 5}]},
            [{"n": 1, "t": 2}, {"n": 1, "t": 3}],
        ),
        ("unwind(d, 't')", {"d": {"n": 1, "t": {"id": 2}}}, [{"n": 1, "t": {"id": 2}}]),
        ("find_all(d, 'x')", {"d": [{"x": 1, "y": {"x": 2}}, {"z": [{"x": [{"x": 3}]}]}]}, [1, 2, [{"x": 3}]]),
        ("pad_left(code, `6`, '0')", {"code": 802}, "000802"),
        ("from_base64(d)", {"d": "6Lev54Gv\n5LiN5Lqu"}, "路灯不亮"),
        ("parse_json(from_base64(d)).a", {"d": "eyJhIjogMX0"}, 1),
    ],
)
def test_what_each_function_gives(path, ticket, found):
    assert appeal({"attributes.x": path}, **ticket).attributes["x"] == found


def test_what_would_be_repeated_without_end_is_not_unwound():
    ticket = {"d": {"text": "很" * 2**20, "t": list(range(100))}}

    assert "unwind" in rejected({"attributes.x": "unwind(d, 't')"}, **ticket).message


@pytest.mark.parametrize("value", [None, 7, [1], {"a": 1}, "text", "", "{", "NaN"])
@pytest.mark.parametrize(
    "path",
    [
        "split(v, ',')[0]",
        "from_items(v)",
        "items(v)",
        "zip(v, v)",
        "parse_json(v)",
        "lower(v)",
        "replace(v, 'a', 'b')",
        "group_by(v, &id)",
        "unwind(v, 'a')",
        "find_all(v, 'a')",
        "pad_left(v, `6`, '0')",
        "from_base64(v)",
    ],
)
def test_a_function_of_a_value_of_another_kind_is_nothing_rather_than_a_crash(path, value):
    appeal({"attributes.x": path}, v=value)


def test_an_account_is_known_by_its_digest_only():
    found = appeal({"attributes.openid": {"from": "openid", "as": "digest"}}, openid="oX-made-up-0001").attributes

    assert len(found["openid"]) == 32
    assert "made-up" not in found["openid"]


def test_a_point_of_a_grid_in_metres_comes_out_in_degrees():
    # 112.2 E, 31.035 N in CGCS2000, 3-degree zone 37 (111 E): EPSG:4546.
    found = appeal({"location.point": {"from": ["dong", "bei"], "crs": "epsg:4546"}}, dong=614587.9, bei=3434957.6)

    assert found.location_point == pytest.approx((112.2, 31.035), abs=0.01)


def test_a_place_that_no_grid_has_is_rejected():
    rules = {"location.point": {"from": ["x", "y"], "crs": "EPSG:27700"}}

    assert "is no place on the grid epsg:27700" in rejected(rules, x=9e12, y=9e12).message


@pytest.mark.parametrize("crs", ["epsg:999999", "cgcs2000", "epsg:abc"])
def test_a_grid_that_nobody_knows_is_a_mistake(crs):
    with pytest.raises(ValueError, match=r"EPSG code|no coordinate reference system"):
        mapping({**BASE, "location.point": {"from": "p", "crs": crs}})


@pytest.mark.parametrize(
    "shape",
    [
        "LINESTRING (112.1 31.0, 112.3 31.2)",
        "SRID=4326;POLYGON ((112.1 31.0, 112.3 31.0, 112.3 31.2, 112.1 31.2, 112.1 31.0))",
        "POINT Z (112.2 31.1 88)",
        {"type": "Polygon", "coordinates": [[[112.1, 31.0], [112.3, 31.0], [112.3, 31.2]]]},
        {"type": "MultiPoint", "coordinates": [[112.1, 31.0], [112.3, 31.2, 50]]},
        {"type": "Point", "coordinates": [112.2, 31.1, 88]},
    ],
)
def test_a_line_or_an_area_stands_for_its_middle(shape):
    found = appeal({"location.point": {"from": "p", "crs": "wgs84"}}, p=shape)

    assert found.location_point == pytest.approx((112.2, 31.1))


# ── registers ────────────────────────────────────────────────────────────────────────────────────────────────────────


def register(rules):
    return compile_mapping("orgs", rules, maps=MAPS, timezone=SHANGHAI, nulls=(), form=ENTRY)


def test_a_row_of_a_register_becomes_an_entry():
    rules = {"external_id": "dm", "name": "mc", "parent": "sj", "phone": {"from": "dh", "as": "phone"}}

    found = normalize({"dm": 7, "mc": "市城管委", "sj": "1", "dh": "13800000000"}, register(rules))

    assert found == Entry("orgs", "7", "市城管委", parent="1", phone="+8613800000000")


def test_an_entry_without_a_name_is_rejected_and_the_register_is_named():
    with pytest.raises(TicketRejected, match=r"the entry has no name: nothing at 'mc'; mend registers.orgs.map.name"):
        normalize({"dm": 7}, register({"external_id": "dm", "name": "mc"}))


def test_an_entry_has_no_status_and_needs_no_title():
    with pytest.raises(MappingError, match="the entry has no such field"):
        register({"external_id": "dm", "name": "mc", "status": "zt"})


# ── which of two tickets is newer ────────────────────────────────────────────────────────────────────────────────────

CHANGED = mapping({**BASE, "updated_at": {"from": "changed || meta.changed", "date": ["iso", "epoch_s"]}})


@pytest.mark.parametrize(
    ("values", "changed_at"),
    [
        ({"changed": "2026-03-01 16:00:00"}, datetime(2026, 3, 1, 8, tzinfo=UTC)),
        ({"meta": {"changed": 1772352000}}, datetime(2026, 3, 1, 8, tzinfo=UTC)),
        ({}, None),
        ({"changed": "无"}, None),
        ({"changed": "soon"}, None),
        ({"changed": ["a", "b"]}, None),
    ],
)
def test_the_time_of_the_last_change_is_read_alone_and_nothing_stands_in_for_it(values, changed_at):
    """An appeal says when it was created where nothing says when it was changed; that would make all states as old."""
    assert CHANGED.tells_changes
    assert CHANGED.changed_at({**TICKET, **values}) == changed_at


@pytest.mark.parametrize("ticket", [None, [], "text"])
def test_what_is_no_ticket_was_never_changed(ticket):
    assert CHANGED.changed_at(ticket) is None


@pytest.mark.parametrize("rule", [None, {"value": "2026-03-01"}, "at", {"from": "at", "date": "iso"}])
def test_a_map_that_reads_no_time_of_its_own_does_not_tell_changes(rule):
    compiled = mapping({**BASE, **({"updated_at": rule} if rule else {})})

    assert not compiled.tells_changes
    assert compiled.changed_at({**TICKET, "changed": "2026-03-01"}) is None


def test_a_sentinel_is_the_number_or_the_boolean_of_its_name_too():
    rules = {"topic": {"from": "a || b", "nulls": ["false", "0"]}, "is_resolved": {"from": "c", "nulls": ["-1"]}}

    assert appeal(rules, a=False, b="道路", c=False).topic == "道路"
    assert appeal(rules, a=0, b="道路", c=False).is_resolved is False
