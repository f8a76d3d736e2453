"""A list of tickets behind a URL: a door, a way of paging and an envelope, each set by data."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

import orjson
from aiohttp import web

from replica.city import Case, Snapshot
from replica.columns import Columns, write
from replica.counters.answers import Form, Json, Refusal, fill, json_answer
from replica.counters.base import House, Ledger
from replica.counters.doors import Anyone, Door, Guard
from replica.counters.paging import BEGINNING, Cut, Pages, Question, Whole, Wrong
from replica.writing import Habit

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """How a client asks for part of the list: by when tickets moved, or were filed. `until` is one past, or a day."""

    habit: Habit
    since: str
    until: str = ""
    by: Literal["moved", "filed"] = "moved"
    whole_days: bool = False

    def found(self, ledger: Ledger, question: Question) -> list[Snapshot]:
        since = self._moment(question, self.since)
        until = self._moment(question, self.until)
        if until is not None and self.whole_days:
            until += _DAY
        seen = ledger.desk.snapshots(since if self.by == "moved" else None)
        return [each for each in seen if self._is_within(each, since, until)]

    def _is_within(self, seen: Snapshot, since: Any, until: Any) -> bool:
        moment = seen.updated_at if self.by == "moved" else seen.case.created_at
        return (since or BEGINNING) <= moment and (until is None or moment < until)

    def _moment(self, question: Question, name: str) -> Any:
        if not name or not (text := question.asked.get(name)):
            return None
        try:
            return self.habit.read(text)
        except (ValueError, OverflowError) as error:
            raise Wrong(name) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Detail:
    """One more address, which tells of one ticket what the list leaves out.

    `{id}` in the path is its number; with `asks`, the parameter of that name is, of a question like that for the list.
    """

    path: str
    asks: str = ""
    number: Callable[[Case], str]
    columns: Columns
    envelope: Any
    missing: Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """A list over HTTP. In the envelope, `$rows` stands for the tickets and `$total` and so on for the page's facts."""

    path: str
    door: Door = Anyone()
    refused: Refusal = Refusal(401, {"error": "unauthorized"})
    pages: Pages = Whole()
    asked: Asked | None = None
    wrong: Refusal = Refusal(400, {"error": "$reason"})
    envelope: Any = "$rows"
    form: Form = Json()
    post: Literal["", "json", "form"] = ""
    detail: Detail | None = None

    def open(self, ledger: Ledger, house: House) -> None:
        served = _Served(self, ledger, self.door.guard(ledger.name, house))
        routes = [web.post(self.path, served.list) if self.post else web.get(self.path, served.list)]
        if self.detail:
            one = web.post if self.detail.asks else web.get
            routes.append(one(self.detail.path, served.one))
        house.mount(ledger.name, [*served.guard.routes(), *routes])


@dataclass(frozen=True, slots=True)
class _Served:
    """A listing that is open."""

    listing: Listing
    ledger: Ledger
    guard: Guard

    async def list(self, request: web.Request) -> web.StreamResponse:
        listing, asked = self.listing, await _asked(request, self.listing.post)
        if not self.guard.admits(request, asked):
            return listing.refused.answer()
        try:
            cut = self._cut(Question({**asked, **_inside(asked)}, request.url, self.ledger.desk.now()))
        except Wrong as wrong:
            return listing.wrong.answer(str(wrong))
        facts = {**cut.facts, "rows": [self.ledger.row(seen) for seen in cut.seen]}
        # Whoever may see a page is told the next one by its header too, where the way of paging has one.
        headers = {"Link": f'<{cut.link}>; rel="next"'} if cut.link else {}
        return listing.form.answer(fill(listing.envelope, facts), headers)

    def _cut(self, question: Question) -> Cut:
        asked = self.listing.asked
        found = asked.found(self.ledger, question) if asked else self.ledger.desk.snapshots()
        return self.listing.pages.cut(found, question)

    async def one(self, request: web.Request) -> web.StreamResponse:
        detail, asked = self.listing.detail, await _asked(request, self.listing.post)
        if detail is None or not self.guard.admits(request, asked):
            return self.listing.refused.answer()
        wanted = _inside(asked).get(detail.asks) if detail.asks else request.match_info["id"]
        for seen in self.ledger.desk.snapshots():
            if detail.number(seen.case) == wanted:
                return json_answer(fill(detail.envelope, {"row": write(detail.columns, seen)}))
        return detail.missing.answer()


def _inside(asked: Mapping[str, str]) -> Mapping[str, str]:
    """Read the parameters that stand in a parameter, as JSON in a text."""
    inside: dict[str, Any] = orjson.loads(asked.get("param", "{}"))
    return {name: str(value) for name, value in inside.items()}


async def _asked(request: web.Request, post: str) -> Mapping[str, str]:
    """Gather the parameters of a question, from wherever this system takes them."""
    if post == "json":
        sent = await request.json()
        return {**request.query, **{name: str(value) for name, value in sent.items()}}
    if post == "form":
        return {**request.query, **{name: str(value) for name, value in (await request.post()).items()}}
    return request.query
