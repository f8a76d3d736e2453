"""Mutations: who may, what becomes of an appeal, what is answered where it cannot be, and once for each key."""

import asyncio
import uuid
from datetime import UTC, datetime, timedelta

import orjson
import pytest

from hub.app import create_app
from hub.keys import new_key
from hub.lifecycle import allowed
from hub.model import ONE_STOP, Action, Scope, SourceClass, Status
from hub.schema.mutation import Mutation
from tests.schema.conftest import appeal, running, serve

DONE = """
  __typename
  ... on AppealActed {
    repeated clientMutationId
    appeal { id version status statusNote leadOrg { name } dueAt duplicateOf { id } satisfaction isResolved result }
    change { number type action actor note organization version source { name } fields { field before after } }
  }
  ... on UserError { message path code }
  ... on InvalidTransition { status allowed }
  ... on VersionConflict { appeal { version status } }
"""
MUTATION = "mutation ($input: %sInput!) { done: %s(input: $input) { %s } }"


class Desk:
    """A client that changes appeals."""

    def __init__(self, client, key: str | None) -> None:
        self.client = client
        self.key = key

    async def reply(self, name: str, **given):
        kind = name[0].upper() + name[1:]
        body = {
            "query": MUTATION % (kind, name, DONE),
            "variables": {"input": {"clientMutationId": str(uuid.uuid4()), **given}},
        }
        return await self.post(body)

    async def post(self, body):
        headers = {"content-type": "application/json", "accept": "application/graphql-response+json"}
        if self.key:
            headers["authorization"] = f"Bearer {self.key}"
        return await self.client.send("POST", data=orjson.dumps(body), headers=headers)

    async def do(self, name: str, **given):
        return (await self.reply(name, **given)).data["done"]

    async def manage(self, name: str, kind: str = "SourceInput", **given):
        query = f"mutation ($input: {kind}!) {{ done: {name}(input: $input) {{ __typename ... on SourceActed "
        query += "{ tickets source { name health { paused } } } ... on UserError { message path code } } }"
        return (await self.post({"query": query, "variables": {"input": given}})).data["done"]


async def key_of(store, *scopes: Scope) -> str:
    written, record = new_key("desk", scopes, datetime.now(UTC))
    await store.keys.add(record)
    return written


@pytest.fixture
async def desk(own_store):
    await serve(own_store, [appeal(number, status=Status.RECEIVED) for number in range(1, 4)])
    async with running(create_app(own_store)) as client:
        yield Desk(client, await key_of(own_store, Scope.APPEALS_WRITE, Scope.SOURCES_MANAGE))


async def ids(desk) -> list[str]:
    return [
        node["id"]
        for node in (await desk.client.ask("{ appeals(orderBy: CREATED_ASC) { nodes { id } } }")).data["appeals"][
            "nodes"
        ]
    ]


async def test_an_appeal_goes_its_whole_way(desk):
    one, *_ = await ids(desk)
    due = datetime.now(UTC) + timedelta(days=5)
    way = [
        ("acceptAppeal", {"note": "已核实"}, "ACCEPTED"),
        (
            "dispatchAppeal",
            {"organization": "市住建局", "coOrganizations": ["物业"], "dueAt": due.isoformat()},
            "DISPATCHED",
        ),
        ("returnAppeal", {"note": "不属本单位", "organization": "市城管委"}, "RETURNED"),
        ("dispatchAppeal", {"organization": "市城管委"}, "DISPATCHED"),
        ("startAppeal", {}, "IN_PROGRESS"),
        ("urgeAppeal", {}, "IN_PROGRESS"),
        ("superviseAppeal", {"note": "三日内反馈"}, "IN_PROGRESS"),
        ("extendAppeal", {"note": "等待材料", "dueAt": (due + timedelta(days=5)).isoformat()}, "IN_PROGRESS"),
        ("transferAppeal", {"note": "职责调整", "organization": "市住建局"}, "DISPATCHED"),
        ("startAppeal", {}, "IN_PROGRESS"),
        ("suspendAppeal", {"note": "等待材料"}, "SUSPENDED"),
        ("startAppeal", {}, "IN_PROGRESS"),
        ("resolveAppeal", {"result": "已修复", "publicReply": "已修复,谢谢"}, "RESOLVED"),
        ("rateAppeal", {"satisfaction": "SATISFIED", "isResolved": True}, "RESOLVED"),
        ("closeAppeal", {}, "CLOSED"),
        ("reopenAppeal", {"note": "又坏了"}, "REWORK"),
        ("startAppeal", {}, "IN_PROGRESS"),
        ("withdrawAppeal", {}, "WITHDRAWN"),
        ("commentOnAppeal", {"note": "已致电"}, "WITHDRAWN"),
    ]

    for version, (name, given, status) in enumerate(way, start=2):
        done = await desk.do(name, id=one, expectedVersion=version - 1, **given)
        assert done["__typename"] == "AppealActed", done
        assert (done["appeal"]["status"], done["appeal"]["version"]) == (status, version), name
        assert done["change"]["source"]["name"] == ONE_STOP
        assert (done["change"]["actor"], done["change"]["note"]) == ("desk", given.get("note"))
        assert done["change"]["organization"] == given.get("organization")

    told = await desk.client.ask("query ($id: ID!) { appeal(id: $id) { changes { nodes { type action } } } }", id=one)
    nodes = told.data["appeal"]["changes"]["nodes"]
    assert [node["action"] for node in nodes][:4] == [None, "ACCEPT", "DISPATCH", "RETURN"]
    assert {"URGED", "SUPERVISED", "EXTENDED", "RATED", "COMMENTED"} <= {node["type"] for node in nodes}


async def test_what_an_appeal_does_not_allow_is_an_answer_that_says_what_it_allows(desk):
    one, *_ = await ids(desk)

    done = await desk.do("closeAppeal", id=one)

    assert done["__typename"] == "InvalidTransition"
    assert (done["code"], done["path"], done["status"]) == ("INVALID_TRANSITION", ["input", "id"], "RECEIVED")
    assert done["allowed"] == [action.value for action in allowed(Status.RECEIVED)]


async def test_of_two_who_act_on_one_version_one_is_shown_the_appeal_as_it_is_now(desk):
    one, *_ = await ids(desk)

    both = await asyncio.gather(
        desk.do("acceptAppeal", id=one, expectedVersion=1), desk.do("withdrawAppeal", id=one, expectedVersion=1)
    )

    (conflict,) = [done for done in both if done["__typename"] != "AppealActed"]
    (acted,) = [done for done in both if done["__typename"] == "AppealActed"]
    assert (conflict["__typename"], conflict["path"]) == ("VersionConflict", ["input", "expectedVersion"])
    assert conflict["appeal"] == {"version": 2, "status": acted["appeal"]["status"]}


async def test_a_mutation_that_comes_again_is_answered_as_the_first_and_done_once(desk):
    one, *_ = await ids(desk)

    first = await desk.do("acceptAppeal", id=one, clientMutationId="a", expectedVersion=1)
    again = await desk.do("acceptAppeal", id=one, clientMutationId="a", expectedVersion=1)
    other = await desk.do("acceptAppeal", id=one, clientMutationId="a", note="另说")

    assert again == {**first, "repeated": True}
    assert (other["__typename"], other["path"]) == ("KeyReused", ["input", "clientMutationId"])


async def test_keys_of_requests_are_each_callers_own(desk, own_store):
    one, two, _ = await ids(desk)
    written, record = new_key("other", [Scope.APPEALS_WRITE], datetime.now(UTC))
    await own_store.keys.add(record)

    await desk.do("acceptAppeal", id=one, clientMutationId="a")
    done = await Desk(desk.client, written).do("acceptAppeal", id=two, clientMutationId="a")

    assert (done["__typename"], done["repeated"]) == ("AppealActed", False)


async def test_an_appeal_is_merged_and_split_again(desk):
    one, two, _ = await ids(desk)

    merged = await desk.do("mergeAppeal", id=one, into=two)
    split = await desk.do("splitAppeal", id=one)

    assert (merged["appeal"]["status"], merged["appeal"]["duplicateOf"]) == ("MERGED", {"id": two})
    assert (split["appeal"]["status"], split["appeal"]["duplicateOf"]) == ("ACCEPTED", None)


@pytest.mark.parametrize("identity", ["Appeal:999999", "Source:housing", "nonsense", ""])
async def test_an_appeal_that_is_not_there_is_not_found(desk, identity):
    done = await desk.do("acceptAppeal", id=identity)

    assert (done["__typename"], done["code"], done["path"]) == ("NotFound", "NOT_FOUND", ["input", "id"])


@pytest.mark.parametrize(
    ("name", "given", "path"),
    [
        ("acceptAppeal", {"note": "长" * 2001}, "note"),
        ("acceptAppeal", {"clientMutationId": " "}, "clientMutationId"),
        ("acceptAppeal", {"clientMutationId": "x" * 201}, "clientMutationId"),
        ("commentOnAppeal", {"note": "  "}, "note"),
        ("dispatchAppeal", {"organization": ""}, "organization"),
        ("dispatchAppeal", {"organization": "局", "coOrganizations": ["局"] * 21}, "coOrganizations"),
        ("mergeAppeal", {"into": "nonsense"}, "into"),
    ],
)
async def test_an_input_that_is_not_as_it_must_be_is_told_by_its_field(desk, name, given, path):
    one, *_ = await ids(desk)

    done = await desk.do(name, **{"id": one, **given})

    assert done["__typename"] in {"InvalidInput", "NotFound"}
    assert done["path"] == ["input", path]


async def test_a_resident_submits_an_appeal_and_their_number_is_masked(desk, own_store):
    given = {
        "title": "路灯不亮",
        "content": "三天了",
        "kind": "COMPLAINT",
        "area": "420802",
        "longitude": 112.2,
        "latitude": 31.03,
        "reporterName": "张三丰",
        "reporterPhone": "13812345678",
    }
    query = MUTATION % (
        "SubmitAppeal",
        "submitAppeal",
        """
      ... on AppealActed {
        appeal { appealNo externalId reporter { name phone } source { name title class } } change { type action }
      }
      ... on UserError { message path code }""",
    )

    made = (await desk.post({"query": query, "variables": {"input": {"clientMutationId": "s", **given}}})).data["done"]

    appeal = made["appeal"]
    assert appeal["appealNo"] == appeal["externalId"]
    assert appeal["reporter"] == {"name": "张*", "phone": "138****5678"}
    assert appeal["source"] == {"name": ONE_STOP, "title": "一站式诉求平台", "class": "HUB"}
    assert made["change"] == {"type": "CREATED", "action": "SUBMIT"}
    again = await desk.do("submitAppeal", clientMutationId="s", **given)
    assert again["repeated"]


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({"title": " "}, "title"),
        ({"title": "灯", "longitude": 1.0}, "longitude"),
        ({"title": "灯", "longitude": 200.0, "latitude": 1.0}, "longitude"),
    ],
)
async def test_what_is_no_appeal_is_not_submitted(desk, given, path):
    done = await desk.do("submitAppeal", **given)

    assert (done["__typename"], done["path"]) == ("InvalidInput", ["input", path])


async def test_what_is_submitted_is_counted_among_no_citys_systems(desk):
    await desk.do("submitAppeal", title="路灯不亮")

    told = (await desk.client.ask("{ sources { name class } }")).data["sources"]

    assert {source["class"] for source in told} <= {SourceClass.HOTLINE.name, SourceClass.PLATFORM.name}


@pytest.mark.parametrize("name", ["acceptAppeal", "submitAppeal"])
async def test_nobody_changes_anything_without_a_key(desk, name):
    one, *_ = await ids(desk)
    given = {"title": "灯"} if name == "submitAppeal" else {"id": one}

    reply = await Desk(desk.client, None).reply(name, **given)

    assert reply.codes == ["UNAUTHENTICATED"]
    assert (await desk.client.ask("{ appeals { totalCount } }")).data["appeals"]["totalCount"] == 3


async def test_a_key_does_what_its_scopes_say_and_no_more(desk, own_store):
    one, *_ = await ids(desk)
    writer = Desk(desk.client, await key_of(own_store, Scope.APPEALS_WRITE))
    manager = Desk(desk.client, await key_of(own_store, Scope.SOURCES_MANAGE))
    pause = {"query": 'mutation { pauseSource(input: {source: "housing"}) { __typename } }'}

    assert (await writer.post(pause)).codes == ["FORBIDDEN"]
    assert (await manager.reply("acceptAppeal", id=one)).codes == ["FORBIDDEN"]


async def test_mutations_do_not_go_over_get(desk):
    reply = await desk.client.send(
        "GET", params={"query": 'mutation { syncSource(input: {source: "housing"}) { __typename } }'}
    )

    assert (reply.status, reply.codes) == (405, ["WRONG_OPERATION_KIND"])


async def test_a_source_is_paused_resumed_and_pulled_at_once(desk, own_store):
    paused = await desk.manage("pauseSource", source="housing")
    assert paused["source"]["health"]["paused"]
    assert await own_store.lanes.claim("test", timedelta(seconds=5), ["source:housing"]) is None

    resumed = await desk.manage("resumeSource", source="housing")
    synced = await desk.manage("syncSource", source="housing")

    assert not resumed["source"]["health"]["paused"]
    assert synced == {"__typename": "SourceActed", "tickets": None, "source": resumed["source"]}
    assert await own_store.lanes.claim("test", timedelta(seconds=5), ["source:housing"]) is not None


async def test_a_source_that_is_not_there_is_not_found(desk):
    assert (await desk.manage("syncSource", source="nowhere"))["__typename"] == "NotFound"


async def test_tickets_are_counted_before_they_are_read_again(desk, own_store):
    await serve(own_store, [appeal(4, source="housing")], ["R1", "R2"])

    counted = await desk.manage("replayTickets", "ReplayTicketsInput", source="housing", dryRun=True)
    every = await desk.manage("replayTickets", "ReplayTicketsInput", source="housing", served=True, dryRun=True)
    done = await desk.manage("replayTickets", "ReplayTicketsInput", source="housing")
    after = await desk.manage("replayTickets", "ReplayTicketsInput", source="housing", dryRun=True)

    assert (counted["tickets"], done["tickets"], after["tickets"]) == (2, 2, 0)
    assert every["tickets"] > counted["tickets"]


def test_every_action_has_a_mutation():
    named = {name.removesuffix("_appeal").removesuffix("_on").upper() for name in Mutation.__annotations__}

    assert {action.value for action in Action} <= named | {"COMMENT"}
