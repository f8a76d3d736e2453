"""GLPI: a session from a token, ranges of rows in one parameter and in a header, columns without names."""

from typing import Any

from aiohttp import web
from catalogue import Asked, serving

ENTRY = """
version: 1
sources:
  glpi:
    title: 政务服务运维台
    class: platform
    connector: rest
    url: ${AT}/apirest.php/search/Ticket
    headers: {App-Token: "${APP_TOKEN}"}
    auth:
      login:
        url: ${AT}/apirest.php/initSession
        method: GET
        headers: {Authorization: "user_token ${USER_TOKEN}", App-Token: "${APP_TOKEN}"}
        token: session_token
        as: {header: Session-Token}
    query:
      "criteria[0][field]": 19          # the time of the last update
      "criteria[0][searchtype]": morethan
      "criteria[0][value]": "{since}"
      "forcedisplay[]": [1, 2, 5, 12, 15, 19, 21]
      sort: 19
      order: ASC
      range: "{page}-{to}"
    records: data || `[]`               # nothing found: no `data` at all
    page: {by: offset, size: {value: 2}, total: "@headers.Content-Range"}
    since: {field: '"19"', format: "%Y-%m-%d %H:%M:%S", start: 2024-01-01}
    lookups:
      assignee: {url: "../User/{ids}", chunk: 1, by: '"5"', value: realname, optional: true}
    map:
      external_id: "2"
      title: {from: "1", as: html}
      content: {from: "21", as: html}
      status:
        from: "12"
        map: {"1": RECEIVED, "2": IN_PROGRESS, "4": SUSPENDED, "5": RESOLVED, "6": CLOSED}
        else: reject
      created_at: "15"
      updated_at: "19"
      lead_org: assignee
"""
SECRETS = {"APP_TOKEN": "made-up", "USER_TOKEN": "made-up-too"}


class Glpi:
    def __init__(self) -> None:
        self.changed = {n: f"2026-03-0{n} 08:00:00" for n in (1, 2, 3, 4)}

    def __call__(self, asked: Asked) -> Any:
        if asked.path.endswith("/initSession"):
            assert asked.headers["Authorization"] == "user_token made-up-too"
            return {"session_token": "83af7e620c83a50a18d3eac2f6ed05a3ca0bea62"}
        assert asked.headers["Session-Token"].startswith("83af")
        if asked.path.startswith("/apirest.php/User/"):
            return {"id": 7, "realname": "数据局"}
        since = asked.query["criteria[0][value]"]
        rows = [n for n, at in sorted(self.changed.items(), key=lambda each: each[1]) if at > since]
        start, end = map(int, asked.query["range"].split("-"))
        if rows and start >= len(rows):
            return web.json_response(["ERROR_RANGE_EXCEED_TOTAL", "…"], status=400)
        if not rows:
            return {"totalcount": 0, "count": 0}
        page = rows[start : end + 1]
        headers = {"Content-Range": f"{start}-{start + len(page) - 1}/{len(rows)}"}
        status = 206 if len(page) < len(rows) else 200
        return web.json_response({"data": [self.row(n) for n in page]}, headers=headers, status=status)

    def row(self, number: int) -> dict[str, Any]:
        changed = self.changed[number]
        values = {
            1: "打不开 &#38; 报错",
            2: number,
            5: 7,
            12: 2,
            15: "2026-03-01 08:00:00",
            19: changed,
            21: "&#60;p&#62;白屏",
        }
        return {str(column): value for column, value in values.items()}


async def test_glpi_is_pulled_twice():
    system = Glpi()
    async with serving(system, ENTRY, **SECRETS) as run:
        first = await run()
        ranges = [asked.query["range"] for asked in run.asked if "range" in asked.query]
        system.changed[2] = "2026-03-09 08:00:00"
        second = await run()

    assert sorted(first.appeals) == ["1", "2", "3", "4"]
    assert ranges == ["0-1", "2-3"]  # and not 4-5, which would be an error
    assert sorted(second.appeals) == ["2", "4"]


async def test_columns_that_are_numbers_are_keys_like_any_other():
    async with serving(Glpi(), ENTRY, **SECRETS) as run:
        appeal = (await run()).appeals["1"]

    assert (appeal.title, appeal.status, appeal.lead_org) == ("打不开 & 报错", "IN_PROGRESS", "数据局")


async def test_an_answer_without_its_list_is_an_empty_one_where_told():
    system = Glpi()
    system.changed.clear()
    async with serving(system, ENTRY, **SECRETS) as run:
        assert (await run()).tickets == []
