"""SharePoint and other OData 2: everything below `d`, links to the next page, and the dates of .NET."""

import re
from typing import Any

from aiohttp import web
from catalogue import Asked, serving

ENTRY = """
version: 1
sources:
  sharepoint:
    title: 区政府信访登记
    class: platform
    connector: rest
    url: ${AT}/sites/xf/_vti_bin/ListData.svc/Tickets
    headers: {Accept: application/json;odata=verbose}
    query:
      $filter: "Modified gt datetime'{since:%Y-%m-%dT%H:%M:%S}'"      # the list's own zone
      $orderby: Modified
      $expand: Status,AssignedTo
    auth: {basic: {username: 'GOV\\hub', password: "${PASSWORD}"}}
    records: d.results
    page: {by: next_url, next: d.__next}
    since: {field: Modified, format: epoch_ms, start: 2024-01-01}
    error: {path: error.code, ok: [null], message: error.message.value}
    detail:
      - {into: files, url: "{Attachments.__deferred.uri}", records: d.results}
    map:
      external_id: Id
      title: Title
      content: {from: Body, as: html}
      status: {from: Status.Value, map: {未处理: RECEIVED, 处理中: IN_PROGRESS, 已完成: RESOLVED}, else: reject}
      created_at: {from: Created, date: epoch_ms}
      updated_at: {from: Modified, date: epoch_ms}
      closed_at: {from: Finished, date: epoch_ms}
      lead_org: AssignedTo.Name
      attachments: "files[].__metadata.media_src"
"""


class SharePoint:
    def __init__(self) -> None:
        self.modified = {n: f"2026-03-0{n}T08:00:00" for n in (1, 2, 3)}

    def __call__(self, asked: Asked) -> Any:
        if "odata=verbose" not in asked.headers["Accept"]:
            return web.Response(text="<feed/>", content_type="application/atom+xml")
        if asked.path.endswith("/Attachments"):
            return {"d": {"results": [{"__metadata": {"media_src": "http://files.example/1.jpg"}}]}}
        found = re.fullmatch(r"Modified gt datetime'(\S+)'", asked.query["$filter"])
        assert found
        rows = [n for n, at in sorted(self.modified.items()) if at > found[1]]
        start = int(asked.query.get("$skiptoken", 0))
        answer: dict[str, Any] = {"results": [self.row(n, str(asked.url.origin())) for n in rows[start : start + 2]]}
        if start + 2 < len(rows):
            answer["__next"] = str(asked.url.update_query({"$skiptoken": start + 2}))
        return {"d": answer}

    def row(self, number: int, origin: str) -> dict[str, Any]:
        return {
            "__metadata": {"etag": 'W/"1"'},
            "Id": number,
            "Title": "楼道堆物",
            "Body": "<div class='ms'>三楼&nbsp;楼道<br/>堆满杂物</div>",
            "Status": {"Value": "处理中"},
            "AssignedTo": {"Name": "东宝街道"} if number == 1 else None,
            # 8 o'clock in Shanghai.
            "Created": "/Date(1772323200000)/",
            "Modified": f"/Date({1772323200000 + 86_400_000 * (number - 1)})/",
            "Finished": "/Date(-62135596800000)/",
            "Attachments": {
                "__deferred": {"uri": f"{origin}/sites/xf/_vti_bin/ListData.svc/Tickets({number})/Attachments"}
            },
        }


async def test_sharepoint_is_pulled_twice():
    system = SharePoint()
    async with serving(system, ENTRY, PASSWORD="made-up") as run:
        first = await run()
        system.modified[3] = "2026-03-07T08:00:00"
        second = await run()

    assert sorted(first.appeals) == ["1", "2", "3"]
    assert sorted(second.appeals) == ["3"]


async def test_the_dates_of_dot_net_are_read_and_its_least_one_is_none():
    async with serving(SharePoint(), ENTRY, PASSWORD="made-up") as run:
        appeal = (await run()).appeals["1"]

    assert appeal.created_at.isoformat() == "2026-03-01T00:00:00+00:00"
    assert appeal.closed_at is None


async def test_what_is_deferred_is_fetched_from_where_the_ticket_says():
    async with serving(SharePoint(), ENTRY, PASSWORD="made-up") as run:
        appeal = (await run()).appeals["1"]

    assert appeal.attachments == ["http://files.example/1.jpg"]
    assert appeal.content == "三楼 楼道\n堆满杂物"
