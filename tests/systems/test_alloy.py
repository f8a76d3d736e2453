"""Alloy: a query as a tree of nodes in a POST, attributes by the codes of a design, ids for other records."""

from typing import Any

from catalogue import Asked, serving

ENTRY = """
version: 1
sources:
  alloy:
    title: 路灯资产平台
    class: platform
    connector: rest
    url: ${AT}/api/aqs/query
    method: POST
    send_in: query
    auth: {api_key: {query: token, value: "${TOKEN}"}}
    body:
      properties: {dodiCode: designs_streetLights, collectionCode: [Live], attributes: [all]}
      type: Query
      children:
        - type: GreaterThan
          children:
            - {type: Attribute, properties: {attributeName: attributes_itemsLastEditDate}}
            - {type: DateTime, properties: {value: ["{since}"]}}
    records: results
    page: {by: page, size: {send: pageSize, value: 2}, until: short}
    since:
      field: "attributes[?attributeCode=='attributes_itemsLastEditDate'].value | [0]"
      start: 2024-01-01
    lookups:
      state:
        url: ../item
        query: {ids: "{ids}"}
        by: "attributes[?attributeCode=='attributes_defectsStatus'].value[] | []"
        records: items
        key: itemId
        value: "attributes[?attributeCode=='attributes_title'].value | [0]"
    map:
      external_id: itemId
      title: from_items(attributes[].[attributeCode, value]).attributes_title
      status: {from: state, map: {Reported: RECEIVED, Fixed: RESOLVED}, else: reject}
      created_at: createdDate
      updated_at: "attributes[?attributeCode=='attributes_itemsLastEditDate'].value | [0]"
      location.point:
        from: "attributes[?attributeCode=='attributes_itemsGeometry'].value | [0]"
        crs: wgs84
      attributes: from_items(attributes[?starts_with(attributeCode, 'attributes_lights')].[attributeCode, value])
"""
STATES = {"5d01": "Reported", "5d02": "Fixed"}


class Alloy:
    def __init__(self) -> None:
        self.edited = {n: (f"2026-03-0{n}T00:00:00.000Z", "5d01") for n in (1, 2, 3)}

    def __call__(self, asked: Asked) -> Any:
        assert asked.query["token"] == "made-up"
        if asked.path == "/api/item":
            rows = [[{"attributeCode": "attributes_title", "value": STATES[i]}] for i in asked.query["ids"].split(",")]
            ids = asked.query["ids"].split(",")
            return {"items": [{"itemId": i, "attributes": row} for i, row in zip(ids, rows, strict=True)]}
        (since,) = asked.json()["children"][0]["children"][1]["properties"]["value"]
        found = [self.item(n) for n, (at, _) in sorted(self.edited.items()) if at > since]
        page = int(asked.query["page"])
        return {"page": page, "results": found[2 * page - 2 : 2 * page]}

    def item(self, number: int) -> dict[str, Any]:
        at, state = self.edited[number]
        values = {
            "attributes_title": f"灯杆{number}",
            "attributes_itemsLastEditDate": at,
            "attributes_defectsStatus": [state],
            "attributes_itemsGeometry": {"type": "Point", "coordinates": [112.2, 31.035]},
            "attributes_lightsHeight": 8,
            "attributes_lightsNote": "",
        }
        rows = [{"attributeCode": code, "value": value} for code, value in values.items()]
        return {"itemId": f"5c{number}", "createdDate": "2026-03-01T00:00:00.000Z", "attributes": rows}


async def test_alloy_is_pulled_twice():
    system = Alloy()
    async with serving(system, ENTRY, TOKEN="made-up") as run:
        first = await run()
        system.edited[1] = ("2026-03-06T00:00:00.000Z", "5d02")
        second = await run()

    assert sorted(first.appeals) == ["5c1", "5c2", "5c3"]
    assert {id_: appeal.status for id_, appeal in second.appeals.items()} == {"5c1": "RESOLVED", "5c3": "RECEIVED"}


async def test_the_time_stands_deep_in_the_query_and_the_page_in_the_url():
    async with serving(Alloy(), ENTRY, TOKEN="made-up") as run:
        await run()

        value = run.asked[0].json()["children"][0]["children"][1]["properties"]["value"]
        assert value == ["2023-12-31T16:00:00Z"]
        assert [asked.query.get("page") for asked in run.asked if asked.path.endswith("query")] == ["1", "2"]


async def test_attributes_are_picked_by_their_codes():
    async with serving(Alloy(), ENTRY, TOKEN="made-up") as run:
        appeal = (await run()).appeals["5c1"]

    assert (appeal.title, appeal.location_point) == ("灯杆1", (112.2, 31.035))
    assert appeal.attributes == {"attributes_lightsHeight": 8}
