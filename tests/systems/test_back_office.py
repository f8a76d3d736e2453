"""Back offices: an ERP without column names, a JSP list for people, an exchange that counts tenths, a daily archive."""

import gzip
import io
import zipfile
from typing import Any
from urllib.parse import parse_qs

import orjson
from aiohttp import web
from catalogue import Asked, serving

KINGDEE = """
version: 1
sources:
  kingdee:
    title: 物业收费系统
    class: platform
    connector: rest
    timezone: Asia/Shanghai
    url: ${AT}/K3Cloud/Kingdee.BOS.WebApi.ServicesStub.DynamicFormService.ExecuteBillQuery.common.kdsvc
    method: POST
    body:
      data:
        FormId: CRM_Complaint
        FieldKeys: FBillNo,FTitle,FDocumentStatus,FCreateDate,FModifyDate
        FilterString: FModifyDate >= '{since:%Y-%m-%d %H:%M:%S}'
        OrderString: FModifyDate ASC, FBillNo ASC
        StartRow: "{page}"
        Limit: 2
    as_text: [data]
    auth:
      login:
        url: ${AT}/K3Cloud/Kingdee.BOS.WebApi.ServicesStub.AuthService.ValidateUser.common.kdsvc
        send: {acctID: "63f5", username: hub, password: "${PASSWORD}", lcid: "2052"}
        cookies: true
    page: {by: offset, until: short, size: {value: 2}}
    since: {field: "value[4]", format: "%Y-%m-%dT%H:%M:%S", start: 2024-01-01}
    error:
      path: "[0][0].Result.ResponseStatus.MsgCode"
      ok: [null]
      expired: [1]
      message: "[0][0].Result.ResponseStatus.Errors[0].Message"
    map:
      external_id: value.0
      title: value.1
      status: {from: value.2, map: {A: RECEIVED, B: IN_PROGRESS, C: CLOSED}, else: reject}
      created_at: value.3
      updated_at: value.4
"""


class Kingdee:
    def __init__(self) -> None:
        self.sessions = 0
        self.rows = [
            [f"TS{n}", f"电梯{n}", "A", f"2026-03-0{n}T08:00:00", f"2026-03-0{n}T08:00:00"] for n in range(1, 6)
        ]

    def __call__(self, asked: Asked) -> Any:
        if "ValidateUser" in asked.path:
            assert asked.json()["password"] == "made-up"
            self.sessions += 1
            answer = web.json_response({"LoginResultType": 1, "Message": None})
            answer.set_cookie("kdservice-sessionid", f"a-session-of-some-length-{self.sessions}")
            return answer
        if asked.request.cookies.get("kdservice-sessionid") != f"a-session-of-some-length-{self.sessions}":
            errors = [{"FieldName": None, "Message": "会话信息已丢失，请重新登录", "DIndex": 0}]
            status = {"ErrorCode": 500, "IsSuccess": False, "Errors": errors, "MsgCode": 1}
            return [[{"Result": {"ResponseStatus": status}}]]
        data = orjson.loads(asked.json()["data"])
        since = data["FilterString"].partition("'")[2].rstrip("'").replace(" ", "T")
        rows = [row for row in self.rows if row[4] >= since]
        return rows[int(data["StartRow"]) : int(data["StartRow"]) + data["Limit"]]


async def test_rows_without_names_are_read_by_their_places():
    system = Kingdee()
    async with serving(system, KINGDEE, PASSWORD="made-up") as run:
        first = await run()
        second = await run()

    assert sorted(first.appeals) == ["TS1", "TS2", "TS3", "TS4", "TS5"]
    assert first.appeals["TS2"].title == "电梯2"
    assert sorted(second.appeals) == ["TS5"]


async def test_a_session_that_is_lost_inside_a_200_is_opened_again():
    system = Kingdee()
    async with serving(system, KINGDEE, PASSWORD="made-up") as run:
        await run()
        system.sessions = 7
        await run()

    assert system.sessions == 8


JSP = """
version: 1
sources:
  jsp:
    title: 老信访系统
    class: platform
    connector: rest
    timezone: Asia/Shanghai
    url: ${AT}/xf/list.jsp
    method: POST
    body_type: form
    send_encoding: gb18030
    body: {查询类型: 全部}
    auth:
      login: {url: "${AT}/xf/login.do", type: form, send: {user: hub, pwd: "${PASSWORD}"}, cookies: true}
    format: html
    html: {header: 2}
    page: {by: page, send: pageNo, until: short, size: {value: 2}}
    map:
      external_id: 编号
      title: 标题
      status: {from: 状态, map: {在办: IN_PROGRESS, 办结: CLOSED}, else: reject}
      created_at: 日期
      attributes.链接: 标题@href
"""


class Jsp:
    def __init__(self) -> None:
        self.sessions = 0

    def __call__(self, asked: Asked) -> Any:
        form = parse_qs(asked.body.decode(), encoding="gb18030")
        if asked.path.endswith("login.do"):
            self.sessions += 1
            answer = self.page("<p>欢迎</p>")
            answer.set_cookie("JSESSIONID", f"0123456789ABCDEF{self.sessions}")
            return answer
        if asked.request.cookies.get("JSESSIONID") != f"0123456789ABCDEF{self.sessions}":
            return self.page('<form><input name="user"><input type="password" name="pwd"></form>')
        assert form["查询类型"] == ["全部"]
        numbers = range(1, 6)[2 * (int(form["pageNo"][0]) - 1) :][:2]
        rows = "".join(
            f"<tr><td>XF{n}</td><td><a href='show.jsp?id={n}'>反映噪音</a></td><td>在办</td><td>2026-03-0{n}</td></tr>"
            for n in numbers
        )
        head = "<tr><td colspan=4>信访件列表</td></tr><tr><th>编号</th><th>标题</th><th>状态</th><th>日期</th></tr>"
        return self.page(f"<table>{head}{rows}</table>")

    @staticmethod
    def page(body: str) -> web.Response:
        html = f'<html><head><meta http-equiv=Content-Type content="text/html; charset=gb2312"></head>{body}</html>'
        return web.Response(body=html.encode("gb18030"), headers={"Content-Type": "text/html"})


async def test_a_list_made_for_people_is_read_page_by_page():
    async with serving(Jsp(), JSP, PASSWORD="made-up") as run:
        found = await run()

    assert sorted(found.appeals) == ["XF1", "XF2", "XF3", "XF4", "XF5"]
    assert found.appeals["XF1"].attributes["链接"] == "show.jsp?id=1"


async def test_the_login_page_in_place_of_the_list_opens_the_session_again():
    system = Jsp()
    async with serving(system, JSP, PASSWORD="made-up") as run:
        await run()
        system.sessions = 7
        found = await run()

    assert system.sessions == 8
    assert len(found.appeals) == 5


EXCHANGE = """
version: 1
sources:
  exchange:
    title: 话务平台
    class: hotline
    connector: rest
    url: ${AT}/cdr
    page: {by: last, from: seq, send: after, until: short, keep: true, size: {send: n, value: 2}}
    map:
      external_id: seq
      title: subject
      status: {value: RECEIVED}
      created_at: {from: began, date: epoch_ds}
      updated_at: {from: noted, date: epoch_us}
"""


async def test_an_exchange_that_counts_tenths_of_seconds_is_read():
    calls = [
        {"seq": n, "subject": "咨询", "began": 17723235300 + n, "noted": 1772323530000000 + n} for n in range(1, 4)
    ]

    def answer(asked: Asked) -> Any:
        after, most = int(asked.query.get("after", 0)), int(asked.query["n"])
        return [call for call in calls if call["seq"] > after][:most]

    async with serving(answer, EXCHANGE) as run:
        first = await run()
        second = await run()

    assert first.appeals["1"].created_at.isoformat() == "2026-03-01T00:05:30.100000+00:00"
    assert first.appeals["1"].updated_at.isoformat() == "2026-03-01T00:05:30.000001+00:00"
    assert (sorted(first.appeals), second.tickets) == (["1", "2", "3"], [])


ARCHIVE = """
version: 1
sources:
  archive:
    title: 每日导出
    class: platform
    connector: rest
    timezone: Asia/Shanghai
    url: ${AT}/export/latest
    format: csv
    inside: "*.csv"
    map:
      external_id: 编号
      title: 标题
      status: {value: RECEIVED}
      created_at: 时间
"""
TABLE = "编号,标题,时间\n1,路灯,2026-03-01\n2,噪音,2026-03-02\n".encode("gb18030")


def zipped(**files: bytes) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        for name, content in files.items():
            archive.writestr(f"{name}.csv", content)
    return held.getvalue()


async def test_an_answer_in_a_zip_archive_or_in_gzip_is_opened():
    packed = [zipped(工单=TABLE), gzip.compress(TABLE), TABLE]
    kinds = iter(packed)

    async with serving(lambda _: web.Response(body=next(kinds)), ARCHIVE) as run:
        found = [sorted((await run()).appeals) for _ in packed]

    assert found == [["1", "2"]] * 3
