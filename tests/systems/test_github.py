"""GitHub issues: pages by a Link header, a list that holds other things too, labels for kinds and areas."""

from typing import Any

from aiohttp import web
from catalogue import Asked, serving

ENTRY = """
version: 1
sources:
  github:
    title: 政务开放数据意见箱
    class: platform
    connector: rest
    url: ${AT}/repos/jingmen/opendata/issues
    headers: {Accept: application/vnd.github+json, X-GitHub-Api-Version: "2022-11-28"}
    auth: {bearer: "${TOKEN}"}
    query: {state: all, sort: updated, direction: asc}
    page: {by: link, size: {send: per_page, value: 2}}
    since: {field: updated_at, send: since, start: 2024-01-01}
    only_if: "!pull_request"            # the list holds pull requests too
    detail:
      - {into: comments_, url: "{comments_url}", only_if: comments, page: {by: link}}
    map:
      external_id: number
      title: title
      content: body
      status:
        from: [state, state_reason]
        join: "/"
        map: {open: RECEIVED, open/reopened: REWORK, closed/completed: RESOLVED, closed/not_planned: REJECTED}
        else: reject
      kind: {from: "labels[].name", join: " ", match: 'kind:(\\S+)', map: {bug: COMPLAINT, idea: SUGGEST}, else: OTHER}
      area: "labels[?starts_with(name, 'area:')].name | [0] | replace(@, 'area:', '')"
      created_at: created_at
      updated_at: updated_at
      closed_at: closed_at
      support_count: reactions."+1"
      attributes.提交人: {from: user.id, as: digest}
      events: {from: comments_, each: {at: created_at, text: body}}
"""


class GitHub:
    def __init__(self) -> None:
        self.updated = {n: f"2026-03-0{n}T00:00:00Z" for n in (1, 2, 3, 4)}

    def __call__(self, asked: Asked) -> Any:
        assert asked.headers["Authorization"] == "Bearer made-up"
        if asked.path.endswith("/comments"):
            return [{"created_at": "2026-03-02T00:00:00Z", "body": "已更新数据"}]
        rows = [n for n, at in sorted(self.updated.items(), key=lambda each: each[1]) if at >= asked.query["since"]]
        page = int(asked.query.get("page", 1))
        links = [f'<{asked.url.update_query(page=1)}>; rel="first"']
        if 2 * page < len(rows):
            links.append(f'<{asked.url.update_query(page=page + 1)}>; rel="next"')
        whole = [self.issue(n, str(asked.url.origin())) for n in rows[2 * page - 2 : 2 * page]]
        return web.json_response(whole, headers={"Link": ", ".join(links)})

    def issue(self, number: int, origin: str) -> dict[str, Any]:
        return {
            "number": number,
            "title": "公交线路数据过期",
            "body": None,
            "state": "open" if number != 3 else "closed",
            "state_reason": None if number != 3 else "not_planned",
            "labels": [{"name": "kind:bug"}, {"name": "area:420802"}] if number == 1 else [],
            "comments": int(number == 1),
            "comments_url": f"{origin}/repos/jingmen/opendata/issues/{number}/comments",
            "created_at": "2026-03-01T00:00:00Z",
            "updated_at": self.updated[number],
            "closed_at": None,
            "reactions": {"+1": 5},
            "user": {"id": 583231},
            **({"pull_request": {"url": "…"}} if number == 2 else {}),
        }


async def test_github_is_pulled_twice():
    system = GitHub()
    async with serving(system, ENTRY, TOKEN="made-up") as run:
        first = await run()
        system.updated[1] = "2026-03-09T00:00:00Z"
        second = await run()

    assert sorted(first.appeals) == ["1", "3", "4"]
    assert sorted(second.appeals) == ["1", "4"]


async def test_a_status_of_two_fields_is_mapped_as_one():
    async with serving(GitHub(), ENTRY, TOKEN="made-up") as run:
        appeals = (await run()).appeals

    assert (appeals["1"].status, appeals["3"].status) == ("RECEIVED", "REJECTED")


async def test_labels_tell_what_has_no_field_of_its_own():
    async with serving(GitHub(), ENTRY, TOKEN="made-up") as run:
        appeals = (await run()).appeals

    assert (appeals["1"].kind, appeals["1"].area, appeals["1"].support_count) == ("COMPLAINT", "420802", 5)
    assert (appeals["3"].kind, appeals["3"].area) == ("OTHER", None)


async def test_comments_are_asked_for_only_where_there_are_any():
    async with serving(GitHub(), ENTRY, TOKEN="made-up") as run:
        appeals = (await run()).appeals

        assert sum(asked.path.endswith("/comments") for asked in run.asked) == 1
    assert [event.text for event in appeals["1"].events] == ["已更新数据"]
