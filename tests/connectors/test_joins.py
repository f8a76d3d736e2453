"""Joining what a list leaves out: details, histories, and names looked up by ids."""

from collections import Counter
from typing import Any

import pytest
from aiohttp import web
from pulling import rest, tickets
from pydantic import ValidationError
from upstream import Upstream, in_turn, json, serving

from hub.errors import SourceRefused, SourceUnavailable


def asked(upstream: Upstream) -> Counter[str]:
    return Counter(request.path_qs for request in upstream.asked)


async def test_several_details_are_joined_one_after_the_other():
    def answer(request: web.Request) -> web.Response:
        match request.path.split("/")[1:]:
            case ["list"]:
                return json([{"id": 7}])
            case ["tickets", "7"]:
                return json({"data": {"house": 12, "text": "诉求"}})
            case ["houses", "12"]:
                return json({"name": "丽景苑"})
        return json([{"at": 1}, {"at": 2}])

    async with serving(answer) as upstream:
        detail = [
            {"url": "/tickets/{id}", "records": "data", "into": "more"},
            {"url": "/houses/{more.house}", "into": "house"},
            {"url": "/history", "query": {"ticket": "{id}"}, "into": "events"},
        ]
        found = await tickets(rest(f"{upstream.url}/list", detail=detail))

    assert found == [
        {"id": 7, "more": {"house": 12, "text": "诉求"}, "house": {"name": "丽景苑"}, "events": [{"at": 1}, {"at": 2}]}
    ]
    assert "/history?ticket=7" in asked(upstream)


async def test_a_detail_knows_the_round_that_its_ticket_came_with():
    async with serving(lambda r: json([{"id": 7}]) if r.path.endswith("list") else json({"path": r.path})) as upstream:
        source = rest(f"{upstream.url}/{{area}}/list", for_each={"area": ["420802"]}, detail={"url": "tickets/{id}"})
        (found,) = await tickets(source)

    assert found["detail"] == {"path": "/420802/tickets/7"}


async def test_ids_may_be_sent_as_several_parameters_or_in_quotes():
    async with serving(in_turn([{"id": 1, "u": ["a", "b"]}], [], [])) as upstream:
        lookups = {
            "x": {"url": "/x", "query": {"ids[]": ["{ids}"]}, "by": "u"},
            "y": {"url": "/y", "query": {"where": "id in ('{ids}')"}, "join": "','", "by": "u"},
        }
        await tickets(rest(f"{upstream.url}/list", lookups=lookups))

    assert upstream.asked[1].path_qs == "/x?ids%5B%5D=a&ids%5B%5D=b"
    assert upstream.asked[2].query["where"] == "id in ('a','b')"


async def test_a_link_in_a_ticket_is_followed_on_the_list_s_host_only():
    def answer(request: web.Request) -> web.Response:
        if request.path == "/list":
            here = f"http://{request.host}/orgs/7?full=1"
            return json(
                [{"org": {"link": link}} for link in (here, "/orgs/8", "http://evil.example/9", "file:///x", None)]
            )
        return json({"path": request.path_qs})

    async with serving(answer) as upstream:
        found = await tickets(rest(f"{upstream.url}/list", detail={"url": "{org.link}", "into": "more"}))

    assert [ticket.get("more") for ticket in found] == [
        {"path": "/orgs/7?full=1"},
        {"path": "/orgs/8"},
        None,
        None,
        None,
    ]


@pytest.mark.parametrize(("id_", "path"), [(7, "/7"), ("a b", "/a%20b"), ("a-b", "/a-b"), ("..", None)])
async def test_an_id_alone_is_no_link(id_: Any, path: str | None):
    async with serving(lambda r: json([{"id": id_}] if r.path == "/list" else {"path": r.raw_path})) as upstream:
        (found,) = await tickets(rest(f"{upstream.url}/list", detail={"url": "{id}"}))

    assert found.get("detail") == ({"path": path} if path else None)


async def test_a_detail_may_be_asked_for_by_a_post():
    async with serving(in_turn([{"tid": 7}], {"body": "内容"})) as upstream:
        detail = {"url": "/detail", "method": "POST", "body": {"param": {"tid": "{tid}"}}, "as_text": ["param"]}
        found = await tickets(rest(f"{upstream.url}/list", detail=detail))

    assert found == [{"tid": 7, "detail": {"body": "内容"}}]
    assert upstream.bodies[1] == rb'{"param":"{\"tid\":7}"}'


async def test_a_detail_of_several_pages_is_joined_whole():
    def answer(request: web.Request) -> web.Response:
        if request.path == "/list":
            return json([{"id": 1}, {"id": 2}])
        page = int(request.query.get("page", 1))
        more = f"?page={page + 1}" if page < 3 else None
        return json({"rows": [f"{request.path} {page}"], "next": more})

    async with serving(answer) as upstream:
        page = {"by": "next_url", "next": "next"}
        detail = {"url": "/tickets/{id}/history", "into": "events", "records": "rows", "page": page}
        found = await tickets(rest(f"{upstream.url}/list", detail=detail))

    assert [event["value"] for event in found[1]["events"]] == [f"/tickets/2/history {page}" for page in (1, 2, 3)]


async def test_a_detail_whose_pages_never_end_is_refused():
    def answer(request: web.Request) -> web.Response:
        page = int(request.query.get("page", 0))
        return json([{"id": page}])

    async with serving(answer) as upstream:
        detail = {"url": "/x", "page": {"by": "page"}}
        source = rest(f"{upstream.url}/list", detail=detail, limits={"rate": "10000/s", "max_pages": 5})
        with pytest.raises(SourceRefused, match="max_pages"):
            await tickets(source)


async def test_what_a_log_names_twice_on_a_page_is_asked_for_once():
    log = [{"ticket": 1, "to": "open"}, {"ticket": 2, "to": "open"}, {"ticket": 1, "to": "done"}]

    async with serving(lambda r: json(log if r.path == "/log" else {"path": r.path})) as upstream:
        found = await tickets(rest(f"{upstream.url}/log", detail={"url": "/tickets/{ticket}"}))

    assert [ticket["detail"]["path"] for ticket in found] == ["/tickets/1", "/tickets/2", "/tickets/1"]
    assert max(asked(upstream).values()) == 1


async def test_what_a_log_names_again_on_a_later_page_is_asked_for_again():
    """It may have changed meanwhile."""

    def answer(request: web.Request) -> web.Response:
        if request.path == "/log":
            return json([{"ticket": 1, "page": page}] if (page := int(request.query["page"])) < 3 else [])
        return json({"version": asked(upstream)["/tickets/1"]})

    async with serving(answer) as upstream:
        found = await tickets(rest(f"{upstream.url}/log", page={"by": "page"}, detail={"url": "/tickets/{ticket}"}))

    assert [ticket["detail"]["version"] for ticket in found] == [1, 2]


@pytest.mark.parametrize(("cached", "times"), [(True, 1), (False, 3)])
async def test_what_many_tickets_share_is_asked_for_once_a_run_where_told(cached: bool, times: int):
    def answer(request: web.Request) -> web.Response:
        if request.path.startswith("/orgs"):
            return json({"name": "城管局"})
        page = int(request.query["page"])
        return json([{"id": f"{page}{n}", "org": 9} for n in range(4)] if page < 4 else [])

    async with serving(answer) as upstream:
        detail = {"url": "/orgs/{org}", "into": "org_name", "cached": cached}
        source = rest(f"{upstream.url}/list", page={"by": "page"}, detail=detail)
        found = await tickets(source)
        first = asked(upstream)["/orgs/9"]
        await tickets(source)

    assert [ticket["org_name"] for ticket in found] == [{"name": "城管局"}] * 12
    assert (first, asked(upstream)["/orgs/9"]) == (times, 2 * times)


@pytest.mark.parametrize("status", [400, 403, 422])
async def test_an_optional_detail_that_is_refused_is_null(status: int):
    async with serving(lambda r: json([{"id": 1}]) if r.path == "/list" else json({}, status)) as upstream:
        detail = {"url": "/secret/{id}", "optional": True}

        assert await tickets(rest(f"{upstream.url}/list", detail=detail)) == [{"id": 1, "detail": None}]


@pytest.mark.parametrize(("status", "kind"), [(503, SourceUnavailable), (401, SourceRefused)])
async def test_an_optional_detail_is_not_taken_for_null_while_the_source_is_away(status: int, kind: type[Exception]):
    async with serving(lambda r: json([{"id": 1}]) if r.path == "/list" else json({}, status)) as upstream:
        with pytest.raises(kind):
            await tickets(rest(f"{upstream.url}/list", detail={"url": "/x/{id}", "optional": True}))


async def test_an_envelope_can_say_that_there_is_no_such_detail():
    answers = {"/list": {"code": 0, "data": [{"id": 1}]}, "/x/1": {"code": 404, "msg": "不存在"}}

    async with serving(lambda r: json(answers[r.path])) as upstream:
        error = {"path": "code", "ok": [0], "message": "msg", "absent": [404]}
        source = rest(f"{upstream.url}/list", records="data", error=error, detail={"url": "/x/{id}"})

        assert await tickets(source) == [{"id": 1, "detail": None}]


async def test_a_list_of_bare_ids_becomes_tickets_by_their_details():
    async with serving(lambda r: json(["a1", "b2"]) if r.path == "/ids" else json({"path": r.path})) as upstream:
        found = await tickets(rest(f"{upstream.url}/ids", detail={"url": "/tickets/{value}"}))

    assert found == [
        {"value": "a1", "detail": {"path": "/tickets/a1"}},
        {"value": "b2", "detail": {"path": "/tickets/b2"}},
    ]


ORGS = [{"id": n, "name": f"单位{n}"} for n in range(250)]


class Registry:
    """Tickets that name organizations by id, and the organizations: all, some by id, or a page at a time."""

    def __init__(self, rows: list[dict[str, Any]] | None = None) -> None:
        self.rows = [{"id": n, "org": n % 7} for n in range(20)] if rows is None else rows
        self.status = 200

    def __call__(self, request: web.Request) -> web.Response:
        if request.path == "/list":
            page = int(request.query["page"])
            return json(self.rows[page * 10 - 10 : page * 10])
        if self.status != 200:
            return json({}, self.status)
        if "ids" in request.query:
            known = {str(org["id"]): org for org in ORGS}
            return json({"data": [known[each] for each in request.query["ids"].split(",") if each in known]})
        start = int(request.query.get("offset", 0))
        return json({"data": ORGS[start : start + 100] if "offset" in request.query else ORGS})


async def looked_up(registry: Registry, **lookup: Any) -> tuple[list[Any], Counter[str]]:
    async with serving(registry) as upstream:
        org = {"url": "/orgs", "by": "org", "records": "data", **lookup}
        source = rest(f"{upstream.url}/list", page={"by": "page"}, lookups={"org_name": org})
        found = await tickets(source)
    return [ticket.get("org_name", "-") for ticket in found], asked(upstream)


async def test_a_whole_table_is_asked_for_once_a_run():
    found, questions = await looked_up(Registry(), value="name")

    assert found == [f"单位{n % 7}" for n in range(20)]
    assert questions["/orgs"] == 1


async def test_a_table_may_be_paged():
    found, questions = await looked_up(Registry(), page={"by": "offset"})

    assert found[3] == {"id": 3, "name": "单位3"}
    assert [path for path in questions if path.startswith("/orgs")] == [
        "/orgs?offset=0", "/orgs?offset=100", "/orgs?offset=200", "/orgs?offset=250"
    ]  # fmt: skip


async def test_ids_are_looked_up_many_at_a_time_and_each_once():
    registry = Registry([{"id": n, "org": org} for n, org in enumerate([3, "4", 3, 999, 5, None, "", 999, 3, 4, 999])])

    found, questions = await looked_up(registry, query={"ids": "{ids}"}, chunk=2, value="name")

    assert found == ["单位3", "单位4", "单位3", None, "单位5", "-", "-", None, "单位3", "单位4", None]
    assert [path for path in questions if path.startswith("/orgs")] == ["/orgs?ids=3,4", "/orgs?ids=999,5"]


async def test_a_list_of_ids_becomes_a_list_of_names():
    found, _ = await looked_up(Registry([{"id": 1, "org": [2, 999, 1]}, {"id": 2, "org": []}]), value="name")

    assert found == [["单位2", None, "单位1"], "-"]


async def test_ids_go_into_a_json_body_as_a_list():
    async with serving(in_turn([{"id": 1, "u": [7, 8]}], [{"id": 8, "n": "李"}, {"id": 7, "n": "张"}])) as upstream:
        user = {"url": "/users", "method": "POST", "body": {"ids": "{ids}"}, "by": "u", "value": "n"}
        found = await tickets(rest(f"{upstream.url}/list", lookups={"names": user}))

    assert upstream.bodies[1] == b'{"ids":[7,8]}'
    assert found[0]["names"] == ["张", "李"]


async def test_rows_may_stand_in_the_list_s_own_answer():
    """As Zendesk gives its users, and JSON:API what is included."""
    users = [{"id": 5, "name": "张三"}]
    answer = {"tickets": [{"id": 1, "by": 5}, {"id": 2, "by": 6}], "users": users}

    async with serving(lambda _: json(answer)) as upstream:
        lookups = {"requester": {"inside": "users", "by": "by", "value": "name"}}
        found = await tickets(rest(upstream.url, records="tickets", lookups=lookups))

    assert [ticket["requester"] for ticket in found] == ["张三", None]


async def test_a_lookup_may_go_by_what_a_detail_has_joined():
    answers = {"/list": [{"id": 1}], "/t/1": {"org": 2}, "/orgs": [{"id": 2, "name": "单位2"}]}

    async with serving(lambda r: json(answers[r.path])) as upstream:
        source = rest(
            f"{upstream.url}/list",
            detail={"url": "/t/{id}"},
            lookups={"org": {"url": "/orgs", "by": "detail.org", "value": "name"}},
        )
        assert (await tickets(source))[0]["org"] == "单位2"


@pytest.mark.parametrize("lookup", [{}, {"query": {"ids": "{ids}"}}])
async def test_a_table_that_is_refused_stops_the_run_unless_it_is_optional(lookup: dict[str, Any]):
    registry = Registry()
    registry.status = 403

    with pytest.raises(SourceRefused, match="answered 403"):
        await looked_up(registry, **lookup)
    assert (await looked_up(registry, optional=True, **lookup))[0] == [None] * 20


async def test_a_table_without_end_is_refused():
    def answer(request: web.Request) -> web.Response:
        start = int(request.query.get("offset", 0))
        return json([{"id": n} for n in range(start, start + 50_000)] if "offset" in request.query else [{"id": 1}])

    async with serving(answer) as upstream:
        source = rest(f"{upstream.url}/list", lookups={"x": {"url": "/x", "by": "id", "page": {"by": "offset"}}})
        with pytest.raises(SourceRefused, match="more than 200000 rows"):
            await tickets(source)

    assert len(upstream.asked) < 10


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"lookups": {"o": {"by": "org"}}}, "either `url`, or `inside`"),
        ({"lookups": {"o": {"by": "org", "url": "/x", "inside": "y"}}}, "either `url`, or `inside`"),
        ({"lookups": {"o": {"by": "org", "url": "/{id}"}}}, r"no value is called {id}; did you mean {ids}\?"),
        ({"lookups": {"o": {"by": "a[b", "url": "/x"}}}, "path"),
        ({"detail": {"url": "/{a[b}"}}, "no path"),
        ({"detail": {"url": "/x", "query": {"q": "{a[b}"}}}, "no path"),
        ({"detail": {"url": "/x", "body": {"a": 1}}}, "POST"),
        ({"detail": [{"url": "/x"}, {"url": "/y"}]}, "joined under the name `detail`"),
        ({"detail": {"url": "/x", "into": "o"}, "lookups": {"o": {"url": "/y", "by": "z"}}}, "under the name `o`"),
    ],
)  # fmt: skip
def test_joins_that_cannot_work_are_named(wrong: dict[str, Any], said: str):
    with pytest.raises(ValidationError, match=said):
        rest("https://host.example/", **wrong)
