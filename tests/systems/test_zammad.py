"""Zammad: a search that answers ids, and the records they stand for beside them; notes that must not be seen."""

from typing import Any

from catalogue import Asked, serving

ENTRY = """
version: 1
sources:
  zammad:
    title: 市长信箱
    class: platform
    connector: rest
    url: ${AT}/api/v1/tickets/search
    headers: {Authorization: "Token token=${TOKEN}"}
    query:
      query: "updated_at:[{since} TO *]"
      sort_by: updated_at
      order_by: asc
      full: true
    records: values(assets.Ticket || `{}`)
    page: {by: page, size: {send: limit, value: 2}}
    since: {field: updated_at, start: 2024-01-01}
    lookups:
      customer: {inside: values(assets.User), by: customer_id}
      group: {inside: values(assets.Group), by: group_id, value: name}
      state: {url: ../ticket_states, by: state_id, value: name}
    detail:
      - {into: articles, url: "../ticket_articles/by_ticket/{id}"}
    map:
      external_id: id
      appeal_no: number
      title: title
      content: {from: "articles[0].body", as: html}
      status: {from: state, map: {new: RECEIVED, open: IN_PROGRESS, closed: CLOSED, merged: MERGED}, else: reject}
      created_at: created_at
      updated_at: updated_at
      closed_at: close_at
      reporter.name: {from: [customer.lastname, customer.firstname], join: ""}
      reporter.phone: {from: customer.phone, as: phone}
      lead_org: group
      events:
        from: "articles[?!internal]"
        each: {at: created_at, text: {from: body, as: html}, by: from}
"""
STATES = [{"id": 1, "name": "new"}, {"id": 2, "name": "open"}, {"id": 4, "name": "closed"}]
ARTICLES = [
    {"body": "<p>小区<b>停水</b></p>", "internal": False, "from": "王建国", "created_at": "2026-03-01T08:00:00.000Z"},
    {"body": "别让他知道", "internal": True, "from": "坐席3", "created_at": "2026-03-01T09:00:00.000Z"},
    {"body": "已修复", "internal": False, "from": "供水公司", "created_at": "2026-03-02T08:00:00.000Z"},
]


class Zammad:
    def __init__(self) -> None:
        self.rows = {n: (f"2026-03-0{n}T08:00:00.000Z", 2) for n in (1, 2, 3)}

    def __call__(self, asked: Asked) -> Any:
        assert asked.headers["Authorization"] == "Token token=made-up"
        if asked.path == "/api/v1/ticket_states":
            return STATES
        if asked.path.startswith("/api/v1/ticket_articles/by_ticket/"):
            return ARTICLES
        since = asked.query["query"].removeprefix("updated_at:[").removesuffix(" TO *]")
        found = sorted(n for n, (at, _) in self.rows.items() if at >= since)
        start = 2 * (int(asked.query["page"]) - 1)
        return self.answer(found[start : start + 2])

    def answer(self, numbers: list[int]) -> dict[str, Any]:
        if not numbers:
            return {"tickets": [], "tickets_count": 0, "assets": {}}
        return {
            "tickets": numbers,
            "tickets_count": len(numbers),
            "assets": {
                "Ticket": {str(n): self.ticket(n) for n in numbers},
                "User": {"7": {"id": 7, "firstname": "建国", "lastname": "王", "phone": "138 0013 8000"}},
                "Group": {"2": {"id": 2, "name": "供水公司"}},
            },
        }

    def ticket(self, number: int) -> dict[str, Any]:
        at, state = self.rows[number]
        return {
            "id": number,
            "number": f"7200{number}",
            "title": "停水",
            "state_id": state,
            "group_id": 2,
            "customer_id": 7,
            "created_at": "2026-03-01T08:00:00.000Z",
            "updated_at": at,
            "close_at": None,
        }


async def test_zammad_is_pulled_twice():
    system = Zammad()
    async with serving(system, ENTRY, TOKEN="made-up") as run:
        first = await run()
        system.rows[1] = ("2026-03-05T08:00:00.000Z", 4)
        second = await run()

    assert sorted(first.appeals) == ["1", "2", "3"]
    assert {id_: appeal.status for id_, appeal in second.appeals.items()} == {"1": "CLOSED", "3": "IN_PROGRESS"}


async def test_what_the_answer_holds_beside_the_tickets_is_joined_to_them():
    async with serving(Zammad(), ENTRY, TOKEN="made-up") as run:
        appeal = (await run()).appeals["1"]

    assert (appeal.reporter_name, appeal.reporter_phone, appeal.lead_org) == ("王建国", "+8613800138000", "供水公司")
    assert appeal.content == "小区停水"


async def test_internal_notes_are_left_out_by_the_path():
    async with serving(Zammad(), ENTRY, TOKEN="made-up") as run:
        appeal = (await run()).appeals["1"]

    assert [event.text for event in appeal.events] == ["小区停水", "已修复"]


async def test_the_table_of_states_is_asked_for_once_a_run():
    async with serving(Zammad(), ENTRY, TOKEN="made-up") as run:
        await run()

        assert sum(asked.path == "/api/v1/ticket_states" for asked in run.asked) == 1
