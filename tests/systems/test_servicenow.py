"""ServiceNow, Table API: every value a text, references as links or as display values, a query language of its own."""

import re
from typing import Any

from aiohttp import web
from catalogue import Asked, serving

ENTRY = """
version: 1
sources:
  servicenow:
    title: 城市管理工单平台
    class: platform
    connector: rest
    timezone: UTC                       # the API speaks UTC and does not say so
    url: ${AT}/api/now/table/incident
    auth: {basic: {username: hub, password: "${PASSWORD}"}}
    query:
      sysparm_query: "sys_updated_on>={since:%Y-%m-%d %H:%M:%S}^ORDERBYsys_updated_on"
      sysparm_display_value: all        # every field is {display_value, value}, references have a link besides
      sysparm_exclude_reference_link: "true"
    records: result
    page: {by: offset, send: sysparm_offset, size: {send: sysparm_limit, value: 2}, total: "@headers.X-Total-Count"}
    since: {field: sys_updated_on.value, format: "%Y-%m-%d %H:%M:%S", start: 2024-01-01}
    error: {path: error.message, ok: [null], message: error.detail}
    detail:
      - into: journal
        url: sys_journal_field          # relative to the list's URL
        query: {sysparm_query: "element_id={sys_id.value}^element=comments^ORDERBYsys_created_on"}
        records: result
        page: {by: offset, send: sysparm_offset, size: {send: sysparm_limit, value: 100}, until: short}
    map:
      external_id: sys_id.value
      appeal_no: number.value
      title: short_description.value
      content: description.value
      status:
        from: state.value
        map: {"1": RECEIVED, "2": IN_PROGRESS, "3": SUSPENDED, "6": RESOLVED, "7": CLOSED, "8": WITHDRAWN}
        else: reject
      status_text: state.display_value
      urgency: {from: priority.value, map: {"1": CRITICAL, "2": URGENT}, else: NORMAL}
      channel: {from: contact_type.value, map: {phone: PHONE, self-service: WEB, email: EMAIL}, else: keep}
      created_at: sys_created_on.value
      updated_at: sys_updated_on.value
      closed_at: closed_at.value
      due_at: sla_due.value
      lead_org: assignment_group.display_value
      reporter.name: caller_id.display_value
      is_resolved: {from: made_sla.value, as: bool}
      duplicate_of: {from: parent_incident.value}
      events:
        from: journal
        each: {at: sys_created_on, text: value, by: sys_created_by}
"""
SECRET = {"PASSWORD": "made-up"}


def both(value: str, shown: str | None = None) -> dict[str, str]:
    return {"display_value": value if shown is None else shown, "value": value}


class ServiceNow:
    def __init__(self) -> None:
        self.updated = {f"9d385017c611228701d22104cc95c37{n}": f"2026-03-0{n} 01:02:03" for n in (1, 2, 3)}

    def __call__(self, asked: Asked) -> Any:
        if asked.headers["Authorization"] != "Basic aHViOm1hZGUtdXA=":
            return web.json_response({"error": {"message": "User Not Authenticated", "detail": ""}}, status=401)
        if asked.path.endswith("sys_journal_field"):
            rows = [{"sys_created_on": "2026-03-01 02:00:00", "value": "已派人查看", "sys_created_by": "liu.q"}]
            return {"result": rows if "c371^" in asked.query["sysparm_query"] else []}
        found = re.match(r"sys_updated_on>=([-\d]+ [:\d]+)\^ORDERBY", asked.query["sysparm_query"])
        assert found
        rows = [self.row(id_, at) for id_, at in sorted(self.updated.items(), key=lambda each: each[1])]
        rows = [row for row in rows if row["sys_updated_on"]["value"] >= found[1]]
        start, size = int(asked.query["sysparm_offset"]), int(asked.query["sysparm_limit"])
        headers = {"X-Total-Count": str(len(rows))}
        return web.json_response({"result": rows[start : start + size]}, headers=headers)

    def row(self, id_: str, at: str) -> dict[str, Any]:
        return {
            "sys_id": both(id_),
            "number": both(f"INC000000{id_[-1]}"),
            "short_description": both("月亮湖路路灯不亮"),
            "description": both("三盏路灯不亮已一周。"),
            "state": both("2" if at < "2026-03-09" else "6", "处理中" if at < "2026-03-09" else "已解决"),
            "priority": both("2", "2 - High"),
            "contact_type": both("phone", "Phone"),
            "sys_created_on": both("2026-03-01 01:00:00", "2026-03-01 09:00:00"),
            "sys_updated_on": both(at, "shown in the user's own zone"),
            "closed_at": both(""),
            "sla_due": both("", "UNKNOWN"),
            "assignment_group": both("287ebd7da9fe198100f92cc8d1d2154e", "市城管局"),
            "caller_id": both("6816f79cc0a8016401c5a33be04be441", "王建国"),
            "made_sla": both("true"),
            "parent_incident": both(""),
        }


async def test_servicenow_is_pulled_twice():
    system = ServiceNow()
    async with serving(system, ENTRY, **SECRET) as run:
        first = await run()
        system.updated["9d385017c611228701d22104cc95c371"] = "2026-03-10 08:00:00"
        second = await run()

    assert len(first.appeals) == 3
    assert not first.rejected
    assert [appeal.status for appeal in second.appeals.values()] == ["IN_PROGRESS", "RESOLVED"]


async def test_a_field_is_read_by_its_value_or_as_it_is_shown():
    async with serving(ServiceNow(), ENTRY, **SECRET) as run:
        appeal = (await run()).appeals["9d385017c611228701d22104cc95c371"]

    assert (appeal.status, appeal.status_text) == ("IN_PROGRESS", "处理中")
    assert (appeal.urgency, appeal.channel, appeal.lead_org) == ("URGENT", "PHONE", "市城管局")
    assert (appeal.closed_at, appeal.due_at, appeal.duplicate_of) == (None, None, None)
    assert appeal.created_at.isoformat() == "2026-03-01T01:00:00+00:00"
    assert [event.text for event in appeal.events] == ["已派人查看"]


async def test_the_time_stands_inside_the_encoded_query():
    async with serving(ServiceNow(), ENTRY, **SECRET) as run:
        await run()
        await run()

        assert run.asked[0].query["sysparm_query"] == "sys_updated_on>=2026-03-03 00:57:03^ORDERBYsys_updated_on"
