"""Pull tickets from a SOAP service, by a WSDL that is kept as a file."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import replace
from datetime import datetime
from typing import Any, ClassVar

from hub.connectors.auth import Request
from hub.connectors.base import Options, Place
from hub.connectors.clocks import EPOCHS
from hub.connectors.details import DetailCalls
from hub.connectors.extras import needs
from hub.connectors.http import Answer, Session, Web
from hub.connectors.paging import ByCursor
from hub.connectors.paths import reader
from hub.connectors.payloads import Records
from hub.connectors.since import Since, Walk, window_parameters
from hub.connectors.soap_calls import Call, explain
from hub.connectors.soap_options import SoapDetail, SoapOptions
from hub.connectors.walking import Part, Walker
from hub.connectors.windows import Window
from hub.model import Cursor, Page, Ticket

_COUNTED = "#count"  # no element can be called so


class Soap:
    """One operation that lists tickets, and those that it takes to read them whole."""

    options_type: ClassVar[type[Options]] = SoapOptions
    default_map: ClassVar[dict[str, Any]] = {}

    def __init__(self, options: SoapOptions, place: Place) -> None:
        needs("zeep", "soap")
        # zeep takes as long to import as everything else of a check, and few sources need it.
        from hub.connectors.soap_plan import planned  # noqa: PLC0415

        plan = planned(options, place)
        self._options = options
        self._zone = place.timezone
        self._plan = plan
        self._web = Web(
            options.limits,
            options.retry,
            plan.credentials,
            trust=options.tls.at(place.folder),
            explain=explain,
        )
        self._records = Records(options.records)
        self._page = options.page.model_copy(update={"total_path": _COUNTED}) if options.count else options.page
        self._walker = Walker(self._page, options.since, place.timezone, max_pages=options.limits.max_pages)
        self._details = [_detail_calls(detail, call) for detail, call in plan.details]

    def between(self, start: datetime, end: datetime) -> Cursor:
        """Return the cursor of a walk over a stretch of the past. Raises SourceRefused."""
        return self._walker.between(start, end)

    async def pull(self, cursor: Cursor | None) -> AsyncGenerator[Page, None]:
        """Walk window by window, page by page; each page's cursor goes on after it, also in the middle of a run."""
        async with self._web.session() as session:
            totals: dict[Window, int] = {}

            async def ask(walk: Walk) -> Part:
                if (count := self._plan.count) is not None and walk.window not in totals:
                    question = count.call.question(self._times(walk, count.since))
                    totals[walk.window] = await session.fetch(question, count.read)
                part = await self._list(session, walk, totals.get(walk.window))
                return replace(part, whole=await self._whole(session, [*part.tickets])) if self._details else part

            async with aclosing(self._walker.pages(cursor, ask)) as pages:
                async for page in pages:
                    yield page

    async def _list(self, session: Session, walk: Walk, total: int | None) -> Part:
        if total == 0:
            return Part({_COUNTED: 0}, [])
        part = await session.fetch(self._question(walk), self._read)
        if total is None:
            return part
        beside = part.payload if isinstance(part.payload, Mapping) else {}
        return replace(part, payload={**beside, _COUNTED: total})

    async def _whole(self, session: Session, tickets: list[Ticket]) -> list[Ticket]:
        for calls in self._details:
            tickets = await calls.join(session, tickets)
        return tickets

    def _question(self, walk: Walk) -> Request:
        page = self._page
        opaque = page.send if isinstance(page, ByCursor) else None
        asked = {name: text if name == opaque else _number(text) for name, text in page.parameters(walk.at).items()}
        times = self._times(walk, self._options.since) if page.sends_since(walk.at) else {}
        return self._plan.listing.question(asked | times)

    def _times(self, walk: Walk, since: Since | None) -> dict[str, Any]:
        sent = window_parameters(since, walk.window, self._zone)
        return {name: _number(text) for name, text in sent.items()} if _counts_seconds(since) else dict(sent)

    def _read(self, answer: Answer) -> Part:
        return self._plan.listing.read(answer, self._part)

    def _part(self, content: Any) -> Part:
        if self._plan.listing.came_empty(content):
            return Part(content, [])
        return Part(content, self._records.of(content, markup=self._options.inner_json is None))


def _detail_calls(options: SoapDetail, call: Call) -> DetailCalls:
    """Ask for each ticket with values of its own."""
    sent = {argument: reader(path) for argument, path in options.send.items()}

    def question(ticket: Ticket) -> Request | None:
        values = {argument: read(ticket) for argument, read in sent.items()}
        whole = all(isinstance(value, str | int) and str(value).strip() for value in values.values())
        return call.question(values) if whole else None

    def joined(content: Any) -> Any:
        found = reader(options.records)(content)
        if not options.many or isinstance(found, list):
            return found
        return [] if found is None else [found]

    return DetailCalls(options.into, options.only_if, question, lambda answer: call.read(answer, joined))


def _number(text: str) -> int | str:
    """Give digits as a number, for documents in JSON; in XML both are written alike."""
    return int(text) if text.isdecimal() else text


def _counts_seconds(since: Since | None) -> bool:
    return since is not None and since.format in EPOCHS
