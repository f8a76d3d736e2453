"""A message bus of a province: Base64 around JSON, a log of steps instead of tickets, columns without names."""

import base64
import json
from typing import Any

from catalogue import Asked, serving

ENTRY = """
version: 1
sources:
  bus:
    title: 鄂汇办
    class: platform
    connector: rest
    url: ${AT}/bus/pull
    method: POST
    body: {head: {appId: hub, sinceMs: "{since}"}}
    auth: {sign: {values: {key: "${KEY}"}, body: {head.sign: {hash: md5, key: "{key}", of: "{field.head.sinceMs}"}}}}
    # The answer's payload is Base64; in it a table of rows without names, one row a step; several rows are one ticket.
    records: >-
      values(group_by(parse_json(from_base64(payload)).rows[*].{id: [0], at: [1], state: [2], text: [3], by: [4]}, &id))
      [*].{id: [0].id, first: [0], last: [-1], steps: @}
    since: {field: last.at, format: epoch_ms, start: 2026-01-01}
    error: {path: head.status, ok: [200], message: head.message}
    nulls: ["", "-"]
    map:
      external_id: id
      content: first.text
      status: {from: last.state, map: {SL: ACCEPTED, ZB: DISPATCHED, BJ: RESOLVED}, else: reject}
      created_at: {from: first.at, date: epoch_ms}
      updated_at: {from: last.at, date: epoch_ms}
      lead_org: last.by
      events: {from: steps, each: {at: {from: at, date: epoch_ms}, by: by, text: text}}
"""
MARCH = 1_772_323_200_000


class Bus:
    def __init__(self) -> None:
        self.steps = [
            ["E1", MARCH, "SL", "低保申请被退回", "-"],
            ["E2", MARCH + 1000, "SL", "公租房漏水", "-"],
            ["E1", MARCH + 2000, "ZB", "转民政局", "市民政局"],
        ]

    def __call__(self, asked: Asked) -> Any:
        since = asked.json()["head"]["sinceMs"]
        assert isinstance(since, int)
        changed = {step[0] for step in self.steps if step[1] >= since}
        rows = [step for step in self.steps if step[0] in changed]
        payload = base64.b64encode(json.dumps({"rows": rows}, ensure_ascii=False).encode()).decode()
        return {"head": {"status": 200, "message": "OK"}, "payload": payload}


async def test_a_bus_is_pulled_twice():
    system = Bus()
    async with serving(system, ENTRY, KEY="made-up") as run:
        first = await run()
        system.steps.append(["E2", MARCH + 86_400_000, "BJ", "已维修", "市住建局"])
        second = await run()

    assert {id_: appeal.status for id_, appeal in first.appeals.items()} == {"E1": "DISPATCHED", "E2": "ACCEPTED"}
    assert second.appeals["E2"].status == "RESOLVED"


async def test_the_steps_of_a_log_become_one_ticket():
    async with serving(Bus(), ENTRY, KEY="made-up") as run:
        appeal = (await run()).appeals["E1"]

    assert (appeal.title, appeal.lead_org) == ("低保申请被退回", "市民政局")
    assert [(event.by, event.text) for event in appeal.events] == [(None, "低保申请被退回"), ("市民政局", "转民政局")]
    assert appeal.updated_at.isoformat() == "2026-03-01T00:00:02+00:00"
