"""GraphQL over HTTP as its specification says, what people see in a browser, and how failures of the hub look."""

import asyncio
import re
from datetime import timedelta
from types import SimpleNamespace
from urllib.parse import quote

import pytest
from graphql import get_introspection_query
from structlog.testing import capture_logs

from hub.app import create_app
from hub.schema.endpoint import page
from hub.schema.limits import Limits
from hub.store.database import Database
from hub.store.reads import Reads
from hub.store.store import Store
from tests.schema.conftest import NEW, running

OLD = "application/json"


async def test_get_answers_queries_with_variables(city):
    query = quote("query One($id: ID!) { node(id: $id) { id } }")

    reply = await city.send("GET", f'/graphql?query={query}&variables={{"id":"Source:lift"}}&operationName=One')

    assert reply.data == {"node": {"id": "Source:lift"}}


@pytest.mark.parametrize(
    "query",
    ["mutation { x }", "mutation M { x } query Q { y }&operationName=M", "subscription { appealChanged { id } }"],
)
async def test_row_14_get_answers_nothing_but_queries(city, query):
    reply = await city.send("GET", f"/graphql?query={query.replace(' ', '%20')}")

    assert reply.status == 405
    assert reply.headers["allow"] == "POST"
    assert reply.codes == ["WRONG_OPERATION_KIND"]


@pytest.mark.parametrize(
    "parameters", ["", "?query=", "?query=%7Ba%7D&variables=%7B", "?query=%7Ba%7D&variables=[]", "?quer=x"]
)
async def test_a_get_without_a_readable_query_is_refused(city, parameters):
    reply = await city.send("GET", f"/graphql{parameters}", headers={"accept": NEW})

    assert reply.status == 400
    assert set(reply.codes) <= {"BAD_INPUT", "SYNTAX_ERROR"}


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        (NEW, NEW),
        (OLD, OLD),
        ("*/*", OLD),
        (f"{OLD}, {NEW}", NEW),
        (f"{NEW};q=0.5, {OLD}", OLD),
        (f"{NEW};q=0", OLD),
        (f"{NEW};q=x", OLD),
        (f"{NEW}; charset=utf-8, {OLD};q=0.9, text/event-stream", NEW),
        (f"{NEW};q=0.5, */*", OLD),
        (f"{OLD}, text/event-stream, multipart/mixed", OLD),
        (f"{OLD};q=0.5, text/event-stream;q=0.4", OLD),
        ("multipart/mixed; deferspec=20220824, application/json", OLD),
        ("image/png", OLD),
        ("", OLD),
    ],
)
async def test_the_answer_comes_in_the_media_type_asked_for(city, accept, media):
    reply = await city.post(b'{"query": "{ __typename }"}', accept=accept)

    assert reply.status == 200
    assert reply.headers["content-type"] == f"{media}; charset=utf-8"


@pytest.mark.parametrize(("accept", "status"), [(NEW, 400), (OLD, 200)])
@pytest.mark.parametrize(
    "body",
    [b'{"query": "{"}', b'{"query": "{ nothing }"}', b'{"query": "query Q($n: Int!) { __typename }"}'],
)
async def test_a_faulty_query_in_a_sound_request_has_the_status_of_its_media_type(city, body, accept, status):
    reply = await city.post(body, accept=accept)

    assert reply.status == status
    assert "data" not in reply.body


async def test_the_usual_introspection_query_is_answered_in_development(city):
    reply = await city.ask(get_introspection_query(descriptions=True))

    assert len(reply.data["__schema"]["types"]) > 20


@pytest.mark.parametrize(
    "query",
    [
        get_introspection_query(),
        '{ __type(name: "Query") { name } }',
        "{ ...F } fragment F on Query { __schema { queryType { name } } }",
    ],
)
async def test_row_17_production_tells_nothing_of_its_schema(production, query):
    reply = await production.ask(query)

    assert reply.status == 400
    assert reply.codes == ["INTROSPECTION_OFF"]
    assert (await production.ask("{ __typename }")).data == {"__typename": "Query"}
    assert (await production.send("GET", "/schema.graphql")).status == 404


@pytest.mark.parametrize(
    ("query", "variables"),
    [
        ("{ appealz { totalCount } }", {}),
        ("{ appeals(firs: 1) { totalCount } }", {}),
        ("{ appeals(orderBy: CREATED_DES) { totalCount } }", {}),
        ("query Q($f: AppealFilte) { appeals(filter: $f) { totalCount } }", {}),
        ("query Q($f: AppealFilter) { appeals(filter: $f) { totalCount } }", {"f": {"statu": []}}),
        ("query Q($o: AppealOrder) { appeals(orderBy: $o) { totalCount } }", {"o": "CREATED_DES"}),
    ],
)
async def test_row_18_production_suggests_nothing(city, production, query, variables):
    helped, reply = await city.ask(query, **variables), await production.ask(query, **variables)

    assert "Did you mean" in helped.text
    assert "Did you mean" not in reply.text
    assert reply.status == 400


async def test_a_browser_gets_a_page_that_loads_nothing_from_elsewhere(city, production):
    reply = await city.send("GET", headers={"accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    home = await city.send("GET", "/", headers={"accept": "text/html"})
    hidden = await production.send("GET", headers={"accept": "text/html"})

    assert reply.text == home.text == page()
    assert reply.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in reply.headers["content-security-policy"]
    assert not re.search(r"https?:|//\w|@import|url\(", page())
    assert hidden.status == 400


async def test_every_example_of_the_page_is_answered(city):
    examples = re.findall(r'": "(\{\\n.*?\})"', page())
    assert len(examples) == 5

    for example in examples:
        query = example.encode().decode("unicode_escape").encode("latin-1").decode()
        assert (await city.ask(query)).data


async def test_health_and_sdl_are_plain_pages(city):
    alive, ready = await city.send("GET", "/healthz"), await city.send("GET", "/readyz")
    sdl = await city.send("GET", "/schema.graphql")

    assert (alive.status, alive.body) == (200, {"alive": True})
    assert (ready.status, ready.body) == (200, {"ready": True})
    assert "type Query {" in sdl.text


async def test_without_a_database_the_hub_lives_and_says_so():
    store = Store(Database("postgresql://nobody@127.0.0.1:1/secret_name"))
    async with running(create_app(store)) as client:
        alive, ready = await client.send("GET", "/healthz"), await client.send("GET", "/readyz")
        reply = await client.ask("{ appeals { totalCount } }")
    await store.close()

    assert (alive.status, ready.status, reply.status) == (200, 503, 200)
    assert reply.codes == ["STORE_UNAVAILABLE"]
    assert "secret_name" not in reply.text + ready.text


class Leaky(Reads):
    """A store whose counting fails as nobody foresaw, and whose change log takes for ever."""

    def __init__(self):
        pass

    async def count(self, wanted):
        raise RuntimeError("password=hunter2")

    async def last_change_number(self):
        await asyncio.sleep(60)
        return 1


@pytest.fixture(scope="module")
async def leaky():
    nothing = SimpleNamespace(reads=Leaky(), quick=None, counted=None, keys=None)
    app = create_app(nothing, limits=Limits(time=timedelta(milliseconds=100)))
    async with running(app) as client:
        yield client


async def test_row_31_an_unforeseen_error_is_an_id_that_is_also_in_the_log(leaky):
    with capture_logs() as logs:
        reply = await leaky.ask("{ appeals { totalCount } }")

    (error,) = reply.body["errors"]
    assert error["extensions"]["code"] == "INTERNAL"
    assert error["message"] == f"internal error {error['extensions']['id']}"
    assert "hunter2" not in reply.text
    (line,) = logs
    assert line["id"] == error["extensions"]["id"]
    assert str(line["exc_info"]) == "password=hunter2"


async def test_faults_of_the_client_are_never_masked(leaky):
    reply = await leaky.ask("{ appeals { totalCounts } }")

    assert "Cannot query field 'totalCounts'" in reply.body["errors"][0]["message"]


async def test_a_query_that_takes_too_long_is_ended(leaky):
    reply = await leaky.ask("{ lastChangeNumber }")

    assert reply.status == 503
    assert reply.codes == ["TIMEOUT"]
    assert reply.body["errors"][0]["extensions"]["limit"] == 0.1
