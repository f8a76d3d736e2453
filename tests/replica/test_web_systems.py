"""Each system on the web speaks its own dialect."""

import base64
import csv
import hashlib
import io
import re
from math import ceil
from pathlib import Path
from xml.etree import ElementTree as ET
from xml.sax.saxutils import unescape

import aiohttp
import orjson
import pytest

from replica.city import Flaw
from replica.systems import SYSTEMS
from replica.systems.absorbed import ABSORBED

ROOT = Path(__file__).resolve().parents[2]
TORONTO = [
    "service_request_id",
    "status",
    "status_notes",
    "service_name",
    "service_code",
    "description",
    "agency_responsible",
    "service_notice",
    "requested_datetime",
    "updated_datetime",
    "expected_datetime",
    "address",
    "address_id",
    "zipcode",
    "long",
    "lat",
    "media_url",
]
"""The fields of a request in Toronto's answers, in their order."""


async def login(ask):
    _, _, body = await ask("/hotline-12345/api/login", json={"username": "hub", "password": "demo-12345"})
    return {"X-Token": body["data"]["token"]}


async def bearer(ask):
    auth = {"Authorization": aiohttp.encode_basic_auth("hub", "demo-gaopinban")}
    _, _, body = await ask("/gaopinban/oauth/token", data={"grant_type": "client_credentials"}, headers=auth)
    return {"Authorization": f"Bearer {body['access_token']}"}


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/hotline-12345/api/orders", 401),
        ("/hotline-12315/complaints", 403),
        ("/gaopinban/api/v2/reports", 401),
        ("/mashangyi/v1/topics", 401),
        ("/huiqi/api/v2/incremental/tickets/cursor.json?start_time=0", 401),
        ("/hotline-12328/open311/v2/requests.json", 403),
        ("/hotline-12330/ipr/query.aspx", 403),
        ("/hotline-12333/rsapi/v3/appeals", 401),
        ("/hotline-12351/api/index.php", 401),
        ("/hotline-12356/counselling/sessions", 401),
        ("/hotline-12358/export.csv", 403),
        ("/hotline-12365/dump/complaints.ndjson", 401),
        ("/hotline-12385/api/now/table/u_appeal", 401),
        ("/hotline-12393/ybrx/工单", 401),
    ],
)
async def test_nobody_is_served_without_credentials(ask, path, status):
    answered, _, _ = await ask(path)

    assert answered == status


async def test_12345_hides_a_wrong_password_in_a_200(ask):
    status, _, body = await ask("/hotline-12345/api/login", json={"username": "hub", "password": "guess"})

    assert (status, body) == (200, {"code": 1001, "message": "用户名或密码错误", "data": None})


async def test_12345_pages_by_number_to_the_last(ask, replica):
    token = await login(ask)
    rows = []
    for page in range(1, 6):
        _, _, body = await ask("/hotline-12345/api/orders", headers=token, params={"page": page, "size": 200})
        rows += body["data"]["list"]

    assert body["code"] == 0
    assert body["data"]["pages"] == ceil(body["data"]["total"] / 200)
    assert len(rows) == body["data"]["total"] == len(replica.desks["hotline-12345"].cases())


async def test_12345_tells_only_what_changed_since(ask):
    token = await login(ask)

    _, _, body = await ask("/hotline-12345/api/orders", headers=token, params={"beginTime": "2026-03-09 12:00:00"})

    rows = body["data"]["list"]
    assert 0 < body["data"]["total"] < 200
    assert all(row["updateTime"] >= "2026-03-09 12:00:00" for row in rows)


async def test_12345_calls_a_foreign_time_a_wrong_parameter(ask):
    token = await login(ask)

    status, _, body = await ask(
        "/hotline-12345/api/orders", headers=token, params={"beginTime": "2026-03-09T12:00:00Z"}
    )

    assert (status, body["code"]) == (200, 4000)


async def test_12345_names_the_hotline_that_was_dialled_and_the_number_that_it_keeps(ask, replica):
    token = await login(ask)
    rows = []
    for page in range(1, 6):
        _, _, body = await ask("/hotline-12345/api/orders", headers=token, params={"page": page, "size": 200})
        rows += body["data"]["list"]

    numbered = {row["originHotline"] for row in rows if row["originOrderNum"]}
    plain = {row["originHotline"] for row in rows if not row["originOrderNum"]}
    assert numbered == {system.line for system in SYSTEMS.values() if system.quoted}
    assert plain == {"", *(system.line for system in ABSORBED)}


async def test_12329_keeps_a_session_by_cookie_and_tells_its_end_in_a_200(replica, clock):
    base = f"{replica.url}/hotline-12329/gjj"
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(cookie_jar=jar) as http:
        await http.post(f"{base}/login.do", data={"user": "hub", "pwd": "demo-12329"})
        async with http.post(f"{base}/tsjy/list.do", data={"pageNo": 1, "pageSize": 500}) as response:
            inside = await response.json()
        clock.forward(minutes=21)
        async with http.post(f"{base}/tsjy/list.do", data={"pageNo": 1}) as response:
            too_late = response.status, (await response.json())["retCode"]

    assert len(inside["data"]["rows"]) == 50
    assert too_late == (200, "E403")


async def test_12393_tells_the_newest_first_in_chinese(ask):
    auth = {"Authorization": aiohttp.encode_basic_auth("hub", "demo-12393")}

    _, _, body = await ask("/hotline-12393/ybrx/工单", headers=auth, params={"每页": 60})

    times = [row["更新时间"] for row in body["工单"]]
    assert len(times) == 60
    assert times == sorted(times, reverse=True)


async def test_12330_says_gb2312_and_means_more(ask):
    _, _, body = await ask("/hotline-12330/ipr/query.aspx", params={"sn": "demo-12330", "n": 500})

    rows = ET.fromstring(body.decode("gb18030").partition("?>")[2])

    assert body.startswith(b'<?xml version="1.0" encoding="GB2312"?>')
    assert len(rows) == 50
    assert all(len(row.get("SJ")) == 14 for row in rows if not row.get("SJ").startswith("20260230"))


async def test_12336_gives_points_in_metres_on_the_national_grid(ask):
    params = {"token": "demo-12336", "resultRecordCount": 10}

    _, _, body = await ask("/hotline-12336/arcgis/rest/services/zf/wfxs/MapServer/0/query", params=params)

    assert body["exceededTransferLimit"]
    assert all(300_000 < row["geometry"]["x"] < 700_000 for row in body["features"])
    assert all(3_300_000 < row["geometry"]["y"] < 3_500_000 for row in body["features"])


async def test_12356_knows_nobody_by_name(ask):
    grant = {"grant_type": "password", "username": "hub", "password": "demo-12356-user"}
    auth = {"Authorization": aiohttp.encode_basic_auth("hub", "demo-12356")}
    _, _, body = await ask("/hotline-12356/oauth2/token", data=grant, headers=auth)
    token = {"Authorization": f"Bearer {body['access_token']}"}

    _, _, body = await ask("/hotline-12356/counselling/sessions", headers=token, params={"first": 100})

    assert all(re.fullmatch(r"来电者\d{4}", row["caller"]["alias"]) for row in body["sessions"])
    assert {row["consent"]["share"] for row in body["sessions"]} == {"Y", "N"}


@pytest.mark.parametrize(
    ("path", "body", "refusal"),
    [
        ("/ehuiban/exchange/appeal/page", None, {"code": 40101, "msg": "签名验证失败", "data": None}),
        ("/lingdao-liuyanban/v1/threads/list", {"param": "{}"}, {"errCode": 1003, "message": "签名错误"}),
    ],
)
async def test_a_question_without_its_signature_is_refused_in_a_200(ask, path, body, refusal):
    _, _, answer = await ask(path, **({"json": body} if body else {}))

    assert refusal.items() <= answer.items()


async def test_the_board_tells_ten_threads_newest_first_and_the_next_below_the_last(ask):
    async def asked(last: int) -> list[int]:
        param = orjson.dumps({"fid": 571, "rows": 10, "lastItem": last}).decode()
        half = hashlib.md5(b"demo-board").hexdigest()
        signature = hashlib.md5(f"/lingdao-liuyanban/v1/threads/list{param}{half}".encode()).hexdigest()
        body = {"param": param, "signature": signature}
        _, _, answer = await ask("/lingdao-liuyanban/v1/threads/list", json=body)
        return [thread["tid"] for thread in answer["resultData"]]

    first = await asked(0)
    second = await asked(min(filter(None, first)))

    assert len(first) == len(second) == 10
    assert sorted(filter(None, first), reverse=True) == list(filter(None, first))
    assert max(filter(None, second)) < min(filter(None, first))


ENVELOPE = """<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>{}</s:Body></s:Envelope>"""


async def test_12366_lets_in_who_logged_in_and_answers_in_gbk_that_says_gb2312(ask):
    async def call(body: str) -> tuple[int, str]:
        status, headers, answer = await ask("/hotline-12366/services/TaxHotline", data=ENVELOPE.format(body))
        assert headers["Content-Type"] == "text/xml; charset=gb2312"
        return status, answer.decode("gb18030")

    refused = await call("<queryOrders><pageIndex>1</pageIndex></queryOrders>")
    _, welcome = await call("<login><user>hub</user><password>demo-12366</password></login>")
    token = re.search("<loginResult>(.*)</loginResult>", welcome)[1]
    _, answer = await call(f"<queryOrders><sessionId>{token}</sessionId><pageSize>3</pageSize></queryOrders>")

    document = ET.fromstring(unescape(re.search("<queryOrdersResult>(.*)</queryOrdersResult>", answer)[1]))
    assert refused[0] == 500
    assert "NotLoggedIn" in refused[1]
    assert len(document.findall("ROW")) == 3
    assert int(document.findtext("TOTAL")) > 100


async def test_a_service_gives_the_wsdl_that_the_hub_keeps(ask):
    for name, path in (("hotline-12331", "/FoodDrug/ComplaintService.asmx"), ("zongzhi", "/grid/EventService")):
        _, _, wsdl = await ask(f"/{name}{path}?wsdl")

        assert wsdl == (ROOT / "wsdl" / f"{name}.wsdl").read_bytes()


async def test_12320_pages_by_connection_for_whoever_has_the_token(ask, replica):
    query = """query ($after: String) { cases(first: 100, after: $after) {
      totalCount pageInfo { hasNextPage endCursor } edges { node { caseNumber state } } } }"""
    token = {"Authorization": "Bearer demo-12320"}
    _, _, refused = await ask("/hotline-12320/graphql", json={"query": query})
    after, seen = None, 0
    while True:
        asked = {"query": query, "variables": {"after": after}}
        _, _, answer = await ask("/hotline-12320/graphql", json=asked, headers=token)
        cases = answer["data"]["cases"]
        after, seen = cases["pageInfo"]["endCursor"], seen + len(cases["edges"])
        if not cases["pageInfo"]["hasNextPage"]:
            break

    assert refused["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    assert seen == cases["totalCount"] == len(replica.desks["hotline-12320"].cases())


async def test_12358_is_asked_by_days_and_answers_in_code_page_936(ask):
    days = {"key": "demo-12358", "from": "2021-12-01", "to": "2021-12-02"}

    _, _, body = await ask("/hotline-12358/export.csv", params=days)

    rows = list(csv.DictReader(io.StringIO(body.decode("gb18030")), delimiter=";"))
    assert {row["JBSJ"][:10] for row in rows} == {"2021-12-01", "2021-12-02"}


async def test_12315_gives_no_more_than_a_hundred_whatever_is_asked(ask):
    key = {"X-Api-Key": "demo-12315"}

    _, _, body = await ask("/hotline-12315/complaints", headers=key, params={"limit": 5000})

    assert (body["success"], body["start"], body["resultCount"], len(body["rows"])) == (True, 0, 100, 100)
    assert body["total"] > 200


async def test_gaopinban_reaches_every_report_by_cursor(ask, replica):
    token, cursor, ids = await bearer(ask), None, []
    while True:
        params = {"limit": 50} | ({"cursor": cursor} if cursor else {})
        _, _, body = await ask("/gaopinban/api/v2/reports", headers=token, params=params)
        ids += [item["id"] for item in body["data"]["items"]]
        if (cursor := body["data"]["next_cursor"]) is None:
            break

    cases = replica.desks["gaopinban"].cases()
    assert sorted(filter(None, ids)) == sorted(f"GPB-{case.number}" for case in cases if case.flaw is not Flaw.NO_ID)


async def test_gaopinban_refuses_a_forged_cursor(ask):
    token = await bearer(ask)

    status, _, body = await ask("/gaopinban/api/v2/reports", headers=token, params={"cursor": "'; DROP TABLE"})

    assert (status, body) == (400, {"error": "bad_cursor"})


async def test_gaopinban_tells_a_result_in_the_detail_only(ask):
    token = await bearer(ask)
    _, _, body = await ask("/gaopinban/api/v2/reports", headers=token)
    done = next(item for item in body["data"]["items"] if item["has_result"])

    _, _, detail = await ask(f"/gaopinban/api/v2/reports/{done['id']}", headers=token)

    assert "result" not in done
    assert detail["data"]["result"]
    assert detail["data"]["history"][0]["status"] == "new"


async def test_mashangyi_links_to_the_next_page_without_the_key(ask, http, replica):
    url, ids = f"{replica.url}/mashangyi/v1/topics?per_page=80", []
    while url:
        async with http.get(url, params={"key": "demo-mashangyi"}) as response:
            ids += [topic["id"] for topic in await response.json()]
            link = response.links.get("next")
        url = str(link["url"]) if link else None
        assert "demo-mashangyi" not in str(url)

    assert len(ids) == len(replica.desks["mashangyi"].cases())


async def test_huiqi_exports_like_zendesk(ask, replica):
    """Cursor pages until `end_of_stream`; the last cursor goes on from there the next time."""
    auth = {"Authorization": aiohttp.encode_basic_auth("hub@jingmen.example/token", "demo-huiqi")}
    path = "/huiqi/api/v2/incremental/tickets/cursor.json"
    _, _, body = await ask(path, headers=auth, params={"start_time": 0, "per_page": 100})
    tickets = body["tickets"]
    while not body["end_of_stream"]:
        _, _, body = await ask(path, headers=auth, params={"cursor": body["after_cursor"], "per_page": 100})
        tickets += body["tickets"]

    _, _, nothing = await ask(path, headers=auth, params={"cursor": body["after_cursor"]})

    assert body.keys() == {
        "tickets",
        "after_url",
        "before_url",
        "after_cursor",
        "before_cursor",
        "end_of_stream",
    }
    assert base64.b64decode(body["after_cursor"]).endswith(b"|")
    assert len(tickets) == len(replica.desks["huiqi"].cases())
    assert [ticket["updated_at"] for ticket in tickets] == sorted(ticket["updated_at"] for ticket in tickets)
    assert (nothing["tickets"], nothing["end_of_stream"]) == ([], True)
    assert nothing["after_cursor"] == body["after_cursor"]


async def test_12319_has_the_structure_of_torontos_answers(ask):
    _, headers, body = await ask("/hotline-12319/open311/v2/requests.xml")

    root = ET.fromstring(body)

    assert headers["Content-Type"] == "text/xml; charset=utf-8"
    assert root.tag == "service_requests"
    assert {row.tag for row in root} == {"request"}
    assert all([field.tag for field in row] == TORONTO for row in root)
    assert all(row.find("zipcode").text is None for row in root)
    assert {row.find("status").text for row in root} == {"open", "closed"}
    assert all(" - " in row.find("status_notes").text for row in root)
    assert any(row.find("updated_datetime").text is None for row in root)


async def test_12319_tells_ninety_days_at_most(ask, replica):
    path, end = "/hotline-12319/open311/v2/requests.xml", "2022-02-15T00:00:00Z"

    _, _, body = await ask(path, params={"start_date": "2021-01-01T00:00:00Z", "end_date": end})

    times = [row.find("requested_datetime").text for row in ET.fromstring(body)]
    assert min(times) >= "2021-11-17"
    assert 0 < len(times) < len(replica.desks["hotline-12319"].cases())


async def test_12319_answers_errors_as_the_standard_says(ask):
    status, _, body = await ask("/hotline-12319/open311/v2/requests.xml", params={"jurisdiction_id": "elsewhere"})

    error = ET.fromstring(body)

    assert (status, error.tag, error.find("error/code").text) == (404, "errors", "404")


async def test_12328_pages_what_was_updated(ask):
    params = {"api_key": "demo-12328", "page_size": 100, "updated_after": "2026-03-01T00:00:00Z"}
    rows, page = [], 1
    while True:
        _, _, body = await ask("/hotline-12328/open311/v2/requests.json", params=params | {"page": page})
        if not body:
            break
        rows, page = rows + body, page + 1

    assert len(rows) > 20
    assert all(row["updated_datetime"] >= "2026-03-01T08:00:00+08:00" for row in rows)


async def test_12328_gives_a_token_where_there_is_no_number_yet(ask):
    params, rows = {"api_key": "demo-12328", "page_size": 100}, []
    for page in (1, 2, 3):
        _, _, body = await ask("/hotline-12328/open311/v2/requests.json", params=params | {"page": page})
        rows += body

    waiting = [row for row in rows if "token" in row]
    assert waiting
    assert all("service_request_id" not in row and row["token"].startswith("t") for row in waiting)


async def test_a_flawed_case_is_written_down_badly(ask, replica):
    flaws = {case.number: case.flaw for case in replica.desks["hotline-12345"].cases() if case.flaw}
    token = await login(ask)
    rows = []
    for page in range(1, 6):
        _, _, body = await ask("/hotline-12345/api/orders", headers=token, params={"page": page, "size": 200})
        rows += body["data"]["list"]

    assert sum(row["orderId"] is None for row in rows) == list(flaws.values()).count(Flaw.NO_ID) > 0
    assert sum(row["orderState"] == "待会商" for row in rows) == list(flaws.values()).count(Flaw.UNKNOWN_STATUS) > 0
    assert sum("02-30" in row["callTime"] for row in rows) == list(flaws.values()).count(Flaw.NO_SUCH_DAY) > 0


async def test_tickets_change_while_the_replica_runs(ask, clock):
    key, since = {"X-Api-Key": "demo-12315"}, {"modifiedSince": "20260310120001", "limit": 100}
    _, _, before = await ask("/hotline-12315/complaints", headers=key, params=since)

    clock.forward(minutes=8)
    _, _, after = await ask("/hotline-12315/complaints", headers=key, params=since)
    clock.forward(minutes=8)
    _, _, later = await ask("/hotline-12315/complaints", headers=key, params=since)

    assert before["total"] == 0
    assert after["total"] >= 7
    moved = {row["TSBH"]: row["ZTDM"] for row in after["rows"]}
    assert any(moved.get(row["TSBH"], row["ZTDM"]) != row["ZTDM"] for row in later["rows"])
