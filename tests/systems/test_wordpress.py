"""WordPress REST: the number of pages in a header, two clocks in a record, HTML in titles, names in what it embeds."""

from typing import Any

from aiohttp import web
from catalogue import Asked, serving

ENTRY = """
version: 1
sources:
  wordpress:
    title: 网民留言
    class: platform
    connector: rest
    url: ${AT}/wp-json/wp/v2/appeals
    auth: {basic: {username: hub, password: "${PASSWORD}"}}
    query: {orderby: modified, order: asc, context: edit, _embed: "author,wp:term", status: any}
    page: {by: page, size: {send: per_page, value: 2}, pages: "@headers.X-WP-TotalPages"}
    since: {field: modified_gmt, send: modified_after, format: "%Y-%m-%dT%H:%M:%SZ", start: 2024-01-01}
    map:
      external_id: id
      title: {from: title.rendered, as: html}
      content: {from: content.rendered, as: html}
      status: {from: status, map: {pending: RECEIVED, publish: RESOLVED, trash: WITHDRAWN}, else: reject}
      created_at: "join('', [date_gmt, 'Z'])"          # `date` stands beside it, in the site's own zone
      updated_at: "join('', [modified_gmt, 'Z'])"
      topic: _embedded."wp:term"[0][0].name
      reporter.name: _embedded.author[0].name
      public_reply: {from: acf.reply || meta.reply, nulls: ["false"]}
"""


class WordPress:
    def __init__(self) -> None:
        self.modified = {n: f"2026-03-0{n}T00:00:00" for n in (1, 2, 3)}

    def __call__(self, asked: Asked) -> Any:
        after = asked.query["modified_after"]
        assert after.endswith("Z")
        rows = [n for n, at in sorted(self.modified.items(), key=lambda each: each[1]) if at > after[:-1]]
        page, pages = int(asked.query["page"]), -(-len(rows) // 2)
        if page > max(pages, 1):
            return web.json_response({"code": "rest_post_invalid_page_number", "data": {"status": 400}}, status=400)
        headers = {"X-WP-Total": str(len(rows)), "X-WP-TotalPages": str(pages)}
        return web.json_response([self.row(n) for n in rows[2 * page - 2 : 2 * page]], headers=headers)

    def row(self, number: int) -> dict[str, Any]:
        return {
            "id": number,
            "date": "2026-03-01T08:00:00",
            "date_gmt": "2026-03-01T00:00:00",
            "modified_gmt": self.modified[number],
            "status": "pending",
            "title": {"rendered": "公交&#8220;末班&#8221;太早"},
            "content": {"rendered": "<p>晚上九点就没有了。</p>\n", "protected": False},
            "acf": {"reply": False},
            "_embedded": {"author": [{"name": "晨曦"}], "wp:term": [[{"name": "交通出行"}], []]},
        }


async def test_wordpress_is_pulled_twice():
    system = WordPress()
    async with serving(system, ENTRY, PASSWORD="made-up") as run:
        first = await run()
        pages = len(run.asked)
        system.modified[1] = "2026-03-09T00:00:00"
        second = await run()

    assert sorted(first.appeals) == ["1", "2", "3"]
    assert pages == 2  # the one after the last would be an error
    assert sorted(second.appeals) == ["1", "3"]


async def test_a_clock_that_is_utc_without_saying_so_is_told_apart_from_the_sites_own():
    async with serving(WordPress(), ENTRY, PASSWORD="made-up") as run:
        appeal = (await run()).appeals["1"]

        assert run.asked[0].query["modified_after"] == "2023-12-31T16:00:00Z"
    assert appeal.created_at.isoformat() == "2026-03-01T00:00:00+00:00"


async def test_markup_leaves_titles_and_contents():
    async with serving(WordPress(), ENTRY, PASSWORD="made-up") as run:
        appeal = (await run()).appeals["1"]

    assert (appeal.title, appeal.content) == ("公交“末班”太早", "晚上九点就没有了。")
    assert (appeal.topic, appeal.reporter_name, appeal.public_reply) == ("交通出行", "晨曦", None)
