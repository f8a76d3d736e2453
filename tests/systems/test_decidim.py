"""Decidim: GraphQL with a connection inside a component, titles in several languages, whole days as a filter."""

from typing import Any

from catalogue import Asked, serving

ENTRY = """
version: 1
sources:
  decidim:
    title: 社区议事平台
    class: platform
    connector: graphql
    url: ${AT}/api
    query: |
      query Proposals($after: String, $first: Int, $filter: ProposalFilter) {
        participatoryProcess(id: "7") {
          components(filter: {type: "Proposals"}) {
            id
            ... on Proposals {
              proposals(first: $first, after: $after, order: {publishedAt: "asc"}, filter: $filter) {
                pageInfo { hasNextPage endCursor }
                nodes {
                  id
                  reference
                  title { translations { locale text } }
                  body { translation(locale: "zh-CN") }
                  state
                  publishedAt
                  updatedAt
                  voteCount
                  author { name }
                  coordinates { latitude longitude }
                }
              }
            }
          }
        }
      }
    page:
      by: relay
      connection: "data.participatoryProcess.components[0].proposals"
      size: {value: 2}
    since: {field: publishedAt, send: filter.publishedSince, format: "%Y-%m-%d", read: iso, start: 2024-01-01}
    map:
      external_id: id
      appeal_no: reference
      title: "(title.translations[?locale=='zh-CN'].text | [0]) || title.translations[0].text"
      content: {from: body.translation, as: html}
      status:
        from: state
        map: {evaluating: IN_PROGRESS, accepted: RESOLVED, withdrawn: WITHDRAWN}
        else: reject
        default: RECEIVED
      kind: {value: SUGGEST}
      created_at: publishedAt
      updated_at: updatedAt
      support_count: voteCount
      reporter.name: author.name
      location.point: {from: coordinates, crs: wgs84}
"""


class Decidim:
    def __init__(self) -> None:
        self.published = {str(n): f"2026-03-0{n}T08:00:00+08:00" for n in (1, 2, 3)}

    def __call__(self, asked: Asked) -> Any:
        variables = asked.json()["variables"]
        since = variables["filter"]["publishedSince"]
        rows = [self.proposal(n) for n, at in sorted(self.published.items()) if at[:10] >= since]
        start, size = int(variables.get("after") or 0), variables["first"]
        page = {"hasNextPage": start + size < len(rows), "endCursor": str(start + size)}
        proposals = {"pageInfo": page, "nodes": rows[start : start + size]}
        return {"data": {"participatoryProcess": {"components": [{"id": "12", "proposals": proposals}]}}}

    def proposal(self, number: str) -> dict[str, Any]:
        translations = [{"locale": "en", "text": "A ramp"}, {"locale": "zh-CN", "text": "加装坡道"}]
        return {
            "id": number,
            "reference": f"JM-PROP-2026-03-{number}",
            "title": {"translations": translations if number != "2" else translations[:1]},
            "body": {"translation": "<p>单元门口有台阶。</p>"},
            "state": None if number == "1" else "evaluating",
            "publishedAt": self.published[number],
            "updatedAt": self.published[number],
            "voteCount": None if number == "3" else 12,
            "author": {"name": "张家益"},
            "coordinates": {"latitude": None, "longitude": None},
        }


async def test_decidim_is_pulled_twice():
    system = Decidim()
    async with serving(system, ENTRY) as run:
        first = await run()
        system.published["4"] = "2026-03-04T08:00:00+08:00"
        second = await run()

    assert not first.rejected
    assert sorted(first.appeals) == ["1", "2", "3"]
    assert sorted(second.appeals) == ["3", "4"]


async def test_the_language_wanted_is_taken_and_another_where_it_is_missing():
    async with serving(Decidim(), ENTRY) as run:
        appeals = (await run()).appeals

    assert (appeals["1"].title, appeals["2"].title) == ("加装坡道", "A ramp")


async def test_no_state_yet_is_a_state_too():
    async with serving(Decidim(), ENTRY) as run:
        appeals = (await run()).appeals

    assert (appeals["1"].status, appeals["2"].status) == ("RECEIVED", "IN_PROGRESS")
    assert (appeals["1"].support_count, appeals["3"].support_count) == (12, None)
    assert appeals["1"].location_point is None
