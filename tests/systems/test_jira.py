"""Jira Cloud: JQL with minutes in it, texts as trees, a history of entries that each hold several changes."""

import re
from typing import Any

from catalogue import Asked, serving

ENTRY = """
version: 1
sources:
  jira:
    title: 惠企服务平台
    class: platform
    connector: rest
    url: ${AT}/rest/api/3/search/jql
    auth: {basic: {username: hub@example.gov.cn, password: "${TOKEN}"}}
    query:
      jql: project = SQ AND updated >= "{since:%Y-%m-%d %H:%M}" ORDER BY updated ASC
      fields: "*all"
      expand: changelog
    records: issues
    page: {by: cursor, send: nextPageToken, next: nextPageToken, end: isLast, size: {send: maxResults, value: 2}}
    since: {field: fields.updated, format: "%Y-%m-%d %H:%M", read: iso, start: 2024-01-01}
    map:
      external_id: key
      title: fields.summary
      content: {from: "find_all(fields.description, 'text')", join: ""}
      status:
        from: fields.status.statusCategory.key
        map: {new: RECEIVED, indeterminate: IN_PROGRESS, done: RESOLVED}
        else: reject
      status_text: fields.status.name
      kind: {from: fields.labels, join: "|", match: "类型-([^|]+)", map: {投诉: COMPLAINT, 咨询: CONSULT}, else: keep}
      created_at: fields.created
      updated_at: fields.updated
      due_at: {from: fields.duedate, date: "%Y-%m-%d", time: end_of_day}
      lead_org: fields.components[0].name
      co_orgs: fields.components[1:].name
      attributes.园区: fields.customfield_10042.value
      attributes.联系方式: fields.customfield_10043
      events:
        from: "unwind(changelog.histories, 'items')[?items.field=='status']"
        each: {at: created, by: author.displayName, status_text: items.toString}
"""


def text(words: str) -> dict[str, Any]:
    return {"type": "paragraph", "content": [{"type": "text", "text": words}]}


DESCRIPTION = {
    "type": "doc",
    "version": 1,
    "content": [
        text("园区停电两次："),
        {"type": "bulletList", "content": [{"type": "listItem", "content": [text("3月1日，")]}]},
        text("3月3日。"),
    ],
}
HISTORIES = [
    {
        "id": "2",
        "created": "2026-03-02T09:00:00.000+0800",
        "author": {"displayName": "李敏"},
        "items": [
            {"field": "assignee", "fromString": None, "toString": "李敏"},
            {"field": "status", "fromString": "待办", "toString": "处理中"},
        ],
    },
    {
        "id": "1",
        "created": "2026-03-01T09:00:00.000+0800",
        "author": {"displayName": "系统"},
        "items": [{"field": "labels", "fromString": "", "toString": "类型-投诉"}],
    },
]


class Jira:
    def __init__(self) -> None:
        self.updated = {f"SQ-{n}": f"2026-03-0{n}T08:00:30.000+0800" for n in (1, 2, 3)}

    def __call__(self, asked: Asked) -> Any:
        found = re.fullmatch(r'project = SQ AND updated >= "(\S+) (\S+)" ORDER BY updated ASC', asked.query["jql"])
        assert found
        rows = sorted((at, key) for key, at in self.updated.items() if at >= f"{found[1]}T{found[2]}")
        start, size = int(asked.query.get("nextPageToken", "t0")[1:]), int(asked.query["maxResults"])
        page = {"issues": [self.issue(key, at) for at, key in rows[start : start + size]]}
        if start + size >= len(rows):
            return {**page, "isLast": True}
        return {**page, "isLast": False, "nextPageToken": f"t{start + size}"}

    def issue(self, key: str, at: str) -> dict[str, Any]:
        return {
            "id": "100" + key[-1],
            "key": key,
            "fields": {
                "summary": "园区停电",
                "description": DESCRIPTION if key == "SQ-1" else None,
                "status": {"name": "处理中", "statusCategory": {"key": "indeterminate"}},
                "labels": ["紧急", "类型-投诉"],
                "created": "2026-03-01T08:00:00.000+0800",
                "updated": at,
                "duedate": "2026-03-08",
                "components": [{"name": "供电公司"}, {"name": "园区管委会"}],
                "customfield_10042": {"self": "…", "value": "高新区", "id": "10021"},
                "customfield_10043": None,
            },
            "changelog": {"startAt": 0, "maxResults": 2, "total": 2, "histories": HISTORIES},
        }


async def test_jira_is_pulled_twice():
    system = Jira()
    async with serving(system, ENTRY, TOKEN="made-up") as run:
        first = await run()
        system.updated["SQ-4"] = "2026-03-04T08:00:00.000+0800"
        second = await run()

    assert sorted(first.appeals) == ["SQ-1", "SQ-2", "SQ-3"]
    assert sorted(second.appeals) == ["SQ-3", "SQ-4"]


async def test_a_text_that_is_a_tree_is_read_however_deep_it_is():
    async with serving(Jira(), ENTRY, TOKEN="made-up") as run:
        appeals = (await run()).appeals

    assert appeals["SQ-1"].content == "园区停电两次：3月1日，3月3日。"
    assert appeals["SQ-2"].content is None


async def test_each_change_of_an_entry_of_the_history_keeps_its_time():
    async with serving(Jira(), ENTRY, TOKEN="made-up") as run:
        (event,) = (await run()).appeals["SQ-1"].events

    assert event.at is not None
    assert event.at.isoformat() == "2026-03-02T01:00:00+00:00"
    assert (event.by, event.status_text) == ("李敏", "处理中")


async def test_a_word_among_labels_tells_the_kind():
    async with serving(Jira(), ENTRY, TOKEN="made-up") as run:
        appeal = (await run()).appeals["SQ-1"]

    assert (appeal.kind, appeal.kind_text, appeal.lead_org) == ("COMPLAINT", "投诉", "供电公司")
    assert (appeal.co_orgs, appeal.attributes) == (["园区管委会"], {"园区": "高新区"})
