"""What can be asked, through a real server: lists and their pages, one appeal, sources, rejected tickets, counts."""

import re
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from hub.app import create_app
from hub.model import SourceClass, SourceRecord
from hub.store.conditions import clause
from hub.store.reads import AppealQuery, Position, _stretches
from hub.wanted import AppealFilter, AppealOrder
from tests.schema.conftest import appeal, running, serve

PAGE = """
query Page($filter: AppealFilter, $order: AppealOrder, $first: Int, $after: String, $last: Int, $before: String) {
  appeals(filter: $filter, orderBy: $order, first: $first, after: $after, last: $last, before: $before) {
    edges { cursor node { externalId createdAt updatedAt dueAt } }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  }
}
"""


async def found(city, **wanted):
    reply = await city.ask(
        "query F($f: AppealFilter) { appeals(filter: $f, first: 100) { nodes { externalId } } }", f=wanted
    )
    return {node["externalId"] for node in reply.data["appeals"]["nodes"]}


def numbers(*wanted: int) -> set[str]:
    return {f"N{number}" for number in wanted}


@pytest.mark.parametrize(
    ("order", "field", "descending"),
    [
        ("CREATED_DESC", "createdAt", True),
        ("CREATED_ASC", "createdAt", False),
        ("UPDATED_DESC", "updatedAt", True),
        ("UPDATED_ASC", "updatedAt", False),
        ("DUE_ASC", "dueAt", False),
    ],
)
@pytest.mark.parametrize("size", [1, 7, 40])
async def test_pages_forward_and_backward_hold_every_appeal_once(city, order, field, descending, size):
    forward, page = [], {"hasNextPage": True, "endCursor": None}
    while page["hasNextPage"]:
        connection = (await city.ask(PAGE, order=order, first=size, after=page["endCursor"])).data["appeals"]
        page = connection["pageInfo"]
        forward += [edge["node"] for edge in connection["edges"]]
    backward, page = [], {"hasPreviousPage": True, "startCursor": None}
    while page["hasPreviousPage"]:
        connection = (await city.ask(PAGE, order=order, last=size, before=page["startCursor"])).data["appeals"]
        page = connection["pageInfo"]
        backward = [edge["node"] for edge in connection["edges"]] + backward

    assert len(forward) == 40
    assert len({node["externalId"] for node in forward}) == 40
    assert backward == forward
    times = [node[field] for node in forward if node[field]]
    assert times == sorted(times, reverse=descending)
    assert [bool(node[field]) for node in forward] == sorted((bool(node[field]) for node in forward), reverse=True)


async def test_an_appeal_that_comes_between_moves_no_page(own_store):
    await serve(own_store, [appeal(number) for number in range(1, 7)])
    async with running(create_app(own_store)) as client:
        first = (await client.ask(PAGE, first=3)).data["appeals"]

        await serve(own_store, [appeal(100)])
        second = (await client.ask(PAGE, first=3, after=first["pageInfo"]["endCursor"])).data["appeals"]

    seen = [edge["node"]["externalId"] for edge in first["edges"] + second["edges"]]
    assert sorted(seen) == ["N1", "N2", "N3", "N4", "N5", "N6"]


async def test_an_empty_page_has_no_cursors(city):
    connection = (await city.ask(PAGE, first=0)).data["appeals"]

    assert connection == {
        "edges": [],
        "pageInfo": {"hasNextPage": True, "hasPreviousPage": False, "startCursor": None, "endCursor": None},
    }


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"status": ["IN_PROGRESS"]}, set(range(1, 41, 3)) - {7}),
        ({"status": ["RESOLVED", "CLOSED"]}, {7, *range(2, 41, 3)}),
        ({"kind": ["HELP"]}, set(range(2, 41, 2))),
        ({"source": ["lift"]}, set(range(4, 41, 4))),
        ({"source": ["nobody"]}, set()),
        ({"area": ["4208"]}, set(range(1, 41))),
        ({"area": ["420802", "420881"]}, {*range(3, 41, 3), *range(2, 41, 3)}),
        ({"area": ["%"]}, set()),
        ({"topic": ["城市管理"]}, set(range(5, 41, 5))),
        ({"urgency": ["CRITICAL"]}, {7}),
        ({"channel": ["WEB"]}, set()),
        ({"status": []}, set(range(1, 41))),
        ({"created": {"since": "2026-03-01T01:00:00Z", "until": "2026-03-01T03:00:00Z"}}, set(range(3, 9))),
        ({"created": {"since": "2026-03-01T09:00:00+08:00", "until": "2026-03-01T02:00:00Z"}}, {3, 4, 5}),
        ({"updated": {"since": "2026-03-02T00:39:00Z"}}, {39, 40}),
        ({"due": {"until": "2026-03-11T00:00:00.000001Z"}}, {1, 2}),
        ({"text": "路灯"}, set(range(5, 41, 5))),
        ({"text": "灯不"}, set(range(5, 41, 5))),
        ({"text": "路灯 第5件"}, {5}),
        ({"text": "象山大道12号"}, {12}),
        ({"text": "20260301-0009"}, {9}),
        ({"text": "路灯 电梯"}, set()),
        ({"text": "大道1"}, {1, *range(10, 20)}),
        ({"status": ["IN_PROGRESS"], "source": ["lift"], "text": "路灯"}, {40}),
    ],
)
async def test_a_filter_finds_what_it_says(city, wanted, expected):
    assert await found(city, **wanted) == numbers(*expected)


@pytest.mark.parametrize("text", ["%_\\", "100%_\\*", "*很"])
async def test_signs_of_patterns_are_searched_literally(city, text):
    assert await found(city, text=text) == numbers(*range(1, 41))


@pytest.mark.parametrize("text", ['"*"', "NEAR(", "'", "a' | 'b", "路灯 & !电梯", "<->", ":*", "(", "\\'", "路灯:*"])
async def test_search_syntax_is_text_and_finds_nothing_here(city, text):
    assert await found(city, text=text) == set()


async def test_the_total_is_counted_with_the_filter(city):
    reply = await city.ask('{ appeals(filter: {text: "路灯"}, first: 3) { totalCount nodes { id } } }')

    assert reply.data["appeals"]["totalCount"] == 8
    assert len(reply.data["appeals"]["nodes"]) == 3


async def test_an_appeal_is_found_by_id_by_its_sources_id_and_as_a_node(city):
    known = await city.ask('{ appealByExternalId(source: "lift", externalId: "N8") { id title source { name } } }')
    found = known.data["appealByExternalId"]

    reply = await city.ask(
        "query One($id: ID!) { appeal(id: $id) { id title source { name } } "
        "node(id: $id) { __typename id ... on Appeal { title source { name } } } }",
        id=found["id"],
    )

    assert found["title"] == "第8件：电梯停运"
    assert found["source"] == {"name": "lift"}
    assert reply.data == {"appeal": found, "node": {"__typename": "Appeal", **found}}


async def test_every_field_of_an_appeal_is_answered(city):
    query = """{ appealByExternalId(source: "housing", externalId: "N7") {
      externalId version appealNo title content kind kindText topic { text } status statusText statusNote urgency
      channel originHotline isSecret respondent area { code } grid leadOrg { name } coOrgs { name } createdAt updatedAt
      dispatchedAt dueAt closedAt result publicReply isResolved satisfaction duplicateOfExternalId supportCount
      attachments { url } attributes urgencyText channelText satisfactionText
      location { address longitude latitude } reporter { name phone } } }"""

    reply = await city.ask(query)

    assert reply.data["appealByExternalId"] == {
        "externalId": "N7",
        "version": 2,
        "appealNo": "20260301-0007",
        "title": "第7件：电梯停运",
        "content": "居民反映100%_\\*很急",
        "kind": "COMPLAINT",
        "kindText": None,
        "urgencyText": "急",
        "channelText": None,
        "satisfactionText": None,
        "topic": {"text": "物业与住房/电梯"},
        "status": "RESOLVED",
        "statusText": "处理中",
        "statusNote": None,
        "urgency": "CRITICAL",
        "channel": "PHONE",
        "originHotline": None,
        "isSecret": False,
        "respondent": None,
        "area": {"code": "420804"},
        "grid": None,
        "leadOrg": None,
        "coOrgs": [],
        "createdAt": "2026-03-01T02:00:00Z",
        "updatedAt": "2026-03-02T00:07:00Z",
        "dispatchedAt": None,
        "dueAt": "2026-03-11T01:00:00Z",
        "closedAt": None,
        "result": None,
        "publicReply": None,
        "isResolved": None,
        "satisfaction": "NONE",
        "duplicateOfExternalId": None,
        "supportCount": None,
        "attachments": [],
        "attributes": {"floor": 7},
        "location": {"address": "象山大道7号", "longitude": 112.2, "latitude": 31.03},
        "reporter": {"name": "张*", "phone": "139****0000"},
    }


async def test_the_changes_of_appeals_are_read_in_pages_and_hold_no_personal_data(city):
    query = """query C($a: String) { appealByExternalId(source: "housing", externalId: "N7") {
      changes(first: 1, after: $a) {
        nodes { number version type at fields { field before after } source { name } appeal { externalId } }
        pageInfo { hasNextPage endCursor } } } }"""

    first = (await city.ask(query)).data["appealByExternalId"]["changes"]
    second = (await city.ask(query, a=first["pageInfo"]["endCursor"])).data["appealByExternalId"]["changes"]

    assert first["nodes"][0]["type"] == "CREATED"
    assert first["nodes"][0]["fields"] == []
    assert first["pageInfo"]["hasNextPage"]
    (change,) = second["nodes"]
    assert change["type"] == "STATUS_CHANGED"
    assert change["version"] == 2
    assert change["source"] == {"name": "housing"}
    assert change["appeal"] == {"externalId": "N7"}
    assert sorted(change["fields"], key=lambda field: field["field"]) == [
        {"field": "reporter.phone", "before": None, "after": None},
        {"field": "status", "before": "IN_PROGRESS", "after": "RESOLVED"},
    ]
    assert not second["pageInfo"]["hasNextPage"]


@pytest.mark.parametrize(
    "unknown",
    [
        "Appeal:999999",
        "Appeal:0",
        "Appeal:-1",
        "Appeal:99999999999999999999999",
        "appeal:1",
        "Appeal:1 ",
        "Appeal:１",
        "Source:nobody",
        "Change:0",
        "RejectedTicket:1'",
        "",
        "42",
        "Query:1",
        "Appeal:" + "9" * 5000,
        "%",
        "QXBwZWFsOjE=",
    ],
)
async def test_an_id_that_names_nothing_is_null(city, unknown):
    reply = await city.ask("query One($id: ID!) { appeal(id: $id) { id } node(id: $id) { id } }", id=unknown)

    assert reply.data == {"appeal": None, "node": None}


async def test_nodes_come_in_the_order_asked(city):
    rejected = (await city.ask("{ rejectedTickets { nodes { id } } }")).data["rejectedTickets"]["nodes"][0]["id"]
    ids = ["Source:lift", rejected, "nonsense", "Change:1", "Source:lift"]

    reply = await city.ask("query Many($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }", ids=ids)

    assert [node and node["id"] for node in reply.data["nodes"]] == [*ids[:2], None, *ids[3:]]
    assert [node and node["__typename"] for node in reply.data["nodes"]] == [
        "Source",
        "RejectedTicket",
        None,
        "Change",
        "Source",
    ]


async def test_sources_say_how_they_are(city):
    reply = await city.ask(
        """{ sources { id name title class integration department connector active health { landed served rejected
             pending running paused failures lastError lagSeconds nextRunAt newestAt lastRunAt lastSuccessAt
             lastTally { served rejected } } } }"""
    )

    housing, lift = reply.data["sources"]
    health = housing.pop("health")
    assert housing == {
        "id": "Source:housing",
        "name": "housing",
        "title": "住房热线",
        "class": "HOTLINE",
        "integration": "DUAL_NUMBER",
        "department": "住建局",
        "connector": "rest",
        "active": True,
    }
    assert health.pop("lagSeconds") >= 0
    assert health.pop("lastRunAt") <= health.pop("lastSuccessAt")
    assert health == {
        "landed": 33,
        "served": 30,
        "rejected": 3,
        "pending": 0,
        "running": False,
        "paused": False,
        "failures": 0,
        "lastError": None,
        "nextRunAt": "2027-04-05T00:00:00Z",
        "newestAt": "2026-03-01T13:00:00Z",
        "lastTally": {"served": 1, "rejected": 0},
    }
    assert (lift["health"]["served"], lift["health"]["rejected"], lift["class"]) == (10, 0, "PLATFORM")


async def test_a_number_given_up_names_the_hotline_that_answers_today(own_store):
    food = SourceRecord("food", "食品药品", SourceClass.HOTLINE, connector="soap", alias_of="market")
    await own_store.lanes.declare([food, SourceRecord("market", "市场监管", SourceClass.HOTLINE)])
    async with running(create_app(own_store)) as client:
        reply = await client.ask("{ sources { name aliasOf { name title aliasOf { name } } } }")

    assert reply.data["sources"] == [
        {"name": "food", "aliasOf": {"name": "market", "title": "市场监管", "aliasOf": None}},
        {"name": "market", "aliasOf": None},
    ]


async def test_a_source_dropped_from_the_file_leaves_the_list_and_keeps_its_appeals(own_store):
    await serve(own_store, [appeal(4)])
    await own_store.lanes.declare([])
    async with running(create_app(own_store)) as client:
        reply = await client.ask(
            """{ sources { name } source(name: "lift") { active } none: source(name: "x") { id }
                 appeals { nodes { source { name } } } }"""
        )

    assert reply.data == {
        "sources": [],
        "source": {"active": False},
        "appeals": {"nodes": [{"source": {"name": "lift"}}]},
        "none": None,
    }


async def test_rejected_tickets_show_what_came_and_why_it_was_refused(city):
    query = """query R($s: String, $a: String) { rejectedTickets(source: $s, first: 2, after: $a) {
      nodes { externalId reason field raw source { name } } pageInfo { hasNextPage endCursor } } }"""

    first = (await city.ask(query, s="housing")).data["rejectedTickets"]
    second = (await city.ask(query, a=first["pageInfo"]["endCursor"])).data["rejectedTickets"]
    none = (await city.ask(query, s="lift")).data["rejectedTickets"]

    assert [node["externalId"] for node in first["nodes"] + second["nodes"]] == ["R3", "R2", "R1"]
    assert first["nodes"][0] == {
        "externalId": "R3",
        "reason": "unknown status '?'",
        "field": "status",
        "raw": '{"id":"R3","text":"?"}',
        "source": {"name": "housing"},
    }
    assert (first["pageInfo"]["hasNextPage"], second["pageInfo"]["hasNextPage"], none["nodes"]) == (True, False, [])


async def test_appeals_are_counted_in_groups(city):
    reply = await city.ask(
        """{ appealStatistics(groupBy: [SOURCE, KIND]) { count truncated
             groups { count kind source { name } status topic { text } urgency area { code } grid
             leadOrg { name } period { day } } } }"""
    )

    statistics = reply.data["appealStatistics"]
    groups = [(group["source"]["name"], group["kind"], group["count"]) for group in statistics["groups"]]
    assert (statistics["count"], statistics["truncated"]) == (40, False)
    assert groups == [("housing", "COMPLAINT", 20), ("housing", "HELP", 10), ("lift", "HELP", 10)]
    assert {
        group[name]
        for group in statistics["groups"]
        for name in ("status", "topic", "urgency", "area", "grid", "leadOrg", "period")
    } == {None}


async def test_a_day_is_that_of_the_zone_asked_for(own_store):
    await serve(own_store, [appeal(1, created_at=datetime(2026, 3, 1, 17, tzinfo=UTC))])
    query = "query D($z: String!) { appealStatistics(bucket: DAY, timezone: $z) { groups { period { day } count } } }"
    async with running(create_app(own_store)) as client:
        shanghai = (await client.ask(query, z="Asia/Shanghai")).data["appealStatistics"]["groups"]
        utc = (await client.ask(query, z="UTC")).data["appealStatistics"]["groups"]
        unknown = await client.ask(query, z="Mars/Olympus")

    assert shanghai == [{"period": {"day": "2026-03-02"}, "count": 1}]
    assert utc == [{"period": {"day": "2026-03-01"}, "count": 1}]
    assert unknown.codes == ["BAD_INPUT"]


async def test_a_filter_without_groups_is_just_counted(city):
    reply = await city.ask('{ appealStatistics(filter: {text: "路灯"}) { count groups { count } } }')

    assert reply.data["appealStatistics"] == {"count": 8, "groups": []}


async def test_groups_are_bounded_and_the_count_is_not(own_store):
    many = [appeal(number * 4 + 1, topic=f"题{number}") for number in range(1_005)]
    await serve(own_store, many)
    async with running(create_app(own_store)) as client:
        reply = await client.ask("{ appealStatistics(groupBy: [TOPIC]) { count truncated groups { count } } }")

    statistics = reply.data["appealStatistics"]
    assert (statistics["count"], statistics["truncated"], len(statistics["groups"])) == (1_005, True, 1_000)


async def test_words_of_a_newer_hub_are_unknown(own_store):
    await serve(own_store, [appeal(1)])
    async with own_store._database.begin() as connection:
        await connection.execute(
            sa.text("update appeal set status='X', kind='X', urgency='X', channel='X', satisfaction='X'")
        )
    async with running(create_app(own_store)) as client:
        reply = await client.ask(
            """{ appeals { nodes { status kind urgency channel satisfaction } }
                 appealStatistics(groupBy: [STATUS, KIND, URGENCY]) { groups { status kind urgency } } }"""
        )

    assert reply.data == {
        "appeals": {"nodes": [dict.fromkeys(["status", "kind", "urgency", "channel", "satisfaction"], "UNKNOWN")]},
        "appealStatistics": {"groups": [dict.fromkeys(["status", "kind", "urgency"], "UNKNOWN")]},
    }


@pytest.mark.parametrize("order", list(AppealOrder))
async def test_a_deep_page_is_read_through_the_index(own_store, order):
    await serve(own_store, [appeal(number * 4 + 1) for number in range(400)])
    query = AppealQuery(AppealFilter(), order, 20, Position(datetime(2026, 3, 2, tzinfo=UTC), 50))
    plans = []
    async with own_store._database.begin() as connection:
        # A table this small is read whole unless that is forbidden; whether the index can serve is what matters.
        await connection.execute(sa.text("analyze appeal"))
        await connection.execute(sa.text("set local enable_seqscan = off"))
        await connection.execute(sa.text("set local enable_sort = off"))
        for stretch in _stretches(query):
            statement = stretch.where(clause(query.filter)).limit(21)
            compiled = statement.compile(connection.engine, compile_kwargs={"literal_binds": True})
            rows = await connection.exec_driver_sql(f"explain {compiled}")
            plans.append("\n".join(row[0] for row in rows))

    index = {"C": "appeal_created", "U": "appeal_updated", "D": "appeal_due"}[order.value[0]]
    assert f"using {index}" in plans[0]
    assert re.search(r"Index Cond: .*ROW\(\w+, id\) [<>] ROW\(", plans[0])
    assert not any("Sort" in plan for plan in plans)


async def test_a_page_costs_one_query_a_kind_of_thing_however_long_it_is(own_store):
    await serve(own_store, [appeal(number) for number in range(1, 41)])
    statements = []
    sa.event.listen(
        own_store._database.engine.sync_engine, "before_cursor_execute", lambda *event: statements.append(event[2])
    )
    async with running(create_app(own_store)) as client:
        reply = await client.ask(
            """{ appeals(first: 40) {
              edges { cursor node { source { title health { served } } } }
              nodes { id source { name } changes(first: 2) { nodes { number appeal { title } source { name } } } }
              pageInfo { endCursor } } }"""
        )
        several = len(statements)
        statements.clear()
        await client.ask("{ appeals { totalCount } }")

    assert len(reply.data["appeals"]["nodes"]) == 40
    # The page; sources, twice at most, for edges and nodes may come apart; their health in two; changes; their appeals.
    assert several <= 9
    assert not any("order by" in statement for statement in statements)
