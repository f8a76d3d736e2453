"""An office suite of a city: GBK forms, pinyin columns, tickets below departments, a status in two fields, 年月日."""

import re
from typing import Any
from urllib.parse import parse_qs

from aiohttp import web
from catalogue import Asked, serving

ENTRY = """
version: 1
sources:
  oa:
    title: 京山12345工单系统
    class: hotline
    integration: dual_number
    connector: rest
    url: ${AT}/oa/interface/gdlist.jsp
    method: POST
    body_type: form
    send_encoding: gbk
    encoding: gbk
    body: {xzqh: 京山市}
    auth:
      sign:
        values: {key: "${KEY}"}
        timestamp: "%Y%m%d%H%M%S"
        body:
          timestamp: "{timestamp}"
          sign: {hash: sm3, of: "{key}{timestamp}{key}", as: HEX}
    inner: [data]
    lenient: true
    records: "unwind(data.r.bmList || `[]`, 'gdList')"
    page: {by: page, send: pageNo, size: {send: pageSize, value: 2}, pages: data.r.totalPage}
    since: {field: gdList.gxsj, send: [kssj, jssj], format: "%Y年%m月%d日%H时%M分", start: 2026-01-01}
    error: {path: code, ok: ["0000"], message: msg, absent: ["0404"], retry: ["9999"]}
    nulls: ["", 无, 'null', '0000年00月00日00时00分']
    map:
      external_id: gdList.gdbh
      title: gdList.bt
      content: gdList.nr
      # The state alone says only that it is over; how it ended stands in the result.
      status:
        from: [gdList.zt, gdList.bljg]
        join: "/"
        map: {"1": RECEIVED, "2": IN_PROGRESS, "3/属实": RESOLVED, "3/不属实": CLOSED, "3/撤诉": WITHDRAWN}
        else: reject
      created_at: {from: gdList.djsj, date: chinese}
      updated_at: {from: gdList.gxsj, date: chinese}
      due_at: {from: gdList.blqx, date: "%Y%m%d", time: end_of_day}
      lead_org: bmmc
      co_orgs: {from: gdList.xbdw, split: "、"}
      area: pad_left(gdList.qhdm, `6`, '0')
      reporter.name: {from: gdList.ldr, match: '^([^（]+)'}
      reporter.phone: {from: gdList.ldr, match: '（(.+)）', as: phone}
      satisfaction: {from: gdList.myd, map: {"1": SATISFIED, "0.7": BASIC, "0": DISSATISFIED}, else: reject}
      events:
        from: >-
          zip(split(gdList.lcsj, '|'), split(gdList.lcdw, '|'), split(gdList.lcyj, '|'))
          | [*].{at: [0], by: [1], text: [2]}
        each: {at: {from: at, date: chinese}, by: by, text: text}
"""


class Office:
    def __init__(self) -> None:
        self.changed = {f"2026030{n}": (f"2026年03月0{n}日08时00分", "2", "") for n in (1, 2, 3)}

    def __call__(self, asked: Asked) -> Any:
        form = {name: values[0] for name, values in parse_qs(asked.body.decode(), encoding="gbk").items()}
        if form["xzqh"] != "京山市" or not re.fullmatch("[0-9A-F]{64}", form["sign"]):
            return answered('{"code":"1001","msg":"签名错误"}')
        found = [n for n, (at, *_) in sorted(self.changed.items()) if form["kssj"] <= at < form["jssj"]]
        if not found:
            return answered('{"code":"0404","msg":"无数据"}')
        page = int(form["pageNo"])
        here = "".join(f"<gdList>{self.order(n)}</gdList>" for n in found[2 * page - 2 : 2 * page])
        inner = f"<totalPage>{-(-len(found) // 2)}</totalPage><bmList><bmmc>市水务局</bmmc>{here}</bmList>"
        return answered(
            f'{{"code":"0000","msg":"成功","data":"<?xml version=\\"1.0\\" encoding=\\"GBK\\"?><r>{inner}</r>",}}'
        )

    def order(self, number: str) -> str:
        at, state, result = self.changed[number]
        values = {
            "gdbh": number, "bt": "自来水发黄", "nr": "早晚\n尤其明显", "zt": state, "bljg": result,
            "djsj": "2026年03月01日08时00分", "gxsj": at, "blqx": "20260308", "xbdw": "住建局、街道办",
            "qhdm": "20821", "ldr": "李先生（0724-7221234）", "myd": "0.7",
            "lcsj": "2026年03月01日08时00分|2026年03月01日09时30分", "lcdw": "12345|水务局", "lcyj": "派单|",
        }  # fmt: skip
        return "".join(f"<{name}>{value}</{name}>" for name, value in values.items())


def answered(text: str) -> web.Response:
    # Old servers say nothing of their encoding.
    return web.Response(body=text.encode("gbk"), content_type="text/html")


async def test_an_office_suite_is_pulled_twice():
    system = Office()
    async with serving(system, ENTRY, KEY="made-up") as run:
        first = await run()
        system.changed["20260301"] = ("2026年03月09日08时00分", "3", "不属实")
        second = await run()

    assert not first.rejected
    assert sorted(first.appeals) == ["20260301", "20260302", "20260303"]
    assert {id_: appeal.status for id_, appeal in second.appeals.items()} == {
        "20260303": "IN_PROGRESS",
        "20260301": "CLOSED",
    }


async def test_a_ticket_knows_the_department_that_it_stood_below():
    async with serving(Office(), ENTRY, KEY="made-up") as run:
        appeal = (await run()).appeals["20260301"]

    assert (appeal.lead_org, appeal.co_orgs, appeal.area) == ("市水务局", ["住建局", "街道办"], "020821")


async def test_three_lists_in_three_texts_become_events():
    async with serving(Office(), ENTRY, KEY="made-up") as run:
        appeal = (await run()).appeals["20260301"]

    assert [(event.by, event.text) for event in appeal.events] == [("12345", "派单"), ("水务局", None)]


async def test_a_name_and_a_number_share_a_column():
    async with serving(Office(), ENTRY, KEY="made-up") as run:
        appeal = (await run()).appeals["20260301"]

    assert (appeal.reporter_name, appeal.reporter_phone, appeal.satisfaction) == ("李先生", "+867247221234", "BASIC")
    assert appeal.due_at is not None
    assert appeal.due_at.isoformat() == "2026-03-08T15:59:59+00:00"
