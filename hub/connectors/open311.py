"""Pull service requests from an Open311 GeoReport v2 server (https://wiki.open311.org/GeoReport_v2)."""

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator

from hub.connectors.auth import Auth, credentials
from hub.connectors.base import Limits, Options, Place, Retry
from hub.connectors.clocks import read_time, write_time
from hub.connectors.exchange import Answer, Request, parse
from hub.connectors.formats import NotReadable
from hub.connectors.http import NotThere, Session, Web
from hub.connectors.masking import excerpt
from hub.connectors.paging import PageSize, parameters_of, size_parameters
from hub.connectors.since import Moment
from hub.connectors.tls import Tls
from hub.connectors.urls import Url
from hub.connectors.windows import Grid, Window
from hub.errors import SourceRefused
from hub.model import Cursor, Page, Ticket
from hub.units import Duration

_LONGEST_WINDOW = timedelta(days=90)
_SECOND = timedelta(seconds=1)


class NumberedPages(Options):
    """The paging that many servers add to the standard."""

    send: str = "page"
    """The parameter that carries the page number, counted from 1."""
    size: PageSize | None = None
    """The page size to ask for, and the parameter that carries it."""


class Open311Options(Options):
    url: Url
    """The endpoint, up to and without `/requests.xml`."""
    jurisdiction: str | None = None
    """The `jurisdiction_id`, where one server serves several."""
    format: Literal["json", "xml"] = "json"
    """What to ask for; a server that has no sound JSON is asked for XML, which the standard requires."""
    query: Mapping[str, str | int | float | bool] = {}
    """More parameters that every question carries, such as `status` or `extensions`."""
    page: NumberedPages | None = None
    """How a list is paged, where the server can; left out, a window that comes back full is asked for in halves."""
    start: Moment = datetime(2020, 1, 1, tzinfo=UTC)
    """Where the first run starts."""
    window: Duration = _LONGEST_WINDOW
    """How much time one question asks for; the standard allows 90 days at most."""
    rescan: Duration = _LONGEST_WINDOW
    """How far back every run reads again: a request that changes keeps its old requested_datetime."""
    row_limit: int = Field(1000, ge=1)
    """How many requests an answer holds at most; the standard says 1000, and servers cut without a word."""
    updated_after: str | None = None
    """The parameter that asks for what changed since, where there is one; then only the first run walks windows."""
    overlap: Duration = timedelta(minutes=5)
    """With `updated_after`: ask again for this much before the last run."""
    auth: Auth | None = None
    """How the hub proves who it is; most servers need nothing to read."""
    tls: Tls = Tls()
    """Whose certificates to trust."""
    limits: Limits = Limits()
    """What the hub allows itself to take."""
    retry: Retry = Retry()
    """How often a question is asked again."""

    @field_validator("window")
    @classmethod
    def _within_the_standard(cls, window: timedelta) -> timedelta:
        if not timedelta() < window <= _LONGEST_WINDOW:
            raise ValueError("the standard allows windows of 1s to 90d")
        return window


@dataclass(frozen=True, slots=True)
class _Step:
    """The question to ask next, in the run that began at `started`.

    `changed` says that the window asks for what changed in it, not for what was requested in it.
    """

    started: datetime
    window: Window
    number: int = 1
    changed: bool = False


class Open311:
    """One Open311 server."""

    options_type: ClassVar[type[Options]] = Open311Options
    default_map: ClassVar[dict[str, Any]] = {
        "external_id": "service_request_id",
        "appeal_no": "service_request_id",
        "title": "service_name || description || service_code",
        "content": "description",
        "topic": "service_name || service_code",
        "status": {"from": "status", "map": {"open": "ACCEPTED", "closed": "CLOSED"}, "else": "keep"},
        "status_note": "status_notes",
        "created_at": {"from": "requested_datetime", "date": "iso"},
        "updated_at": {"from": "updated_datetime || requested_datetime", "date": "iso"},
        "due_at": {"from": "expected_datetime", "date": "iso"},
        "location.address": "address",
        "location.point": {"from": ["long", "lat"], "crs": "wgs84"},
        "lead_org": "agency_responsible",
        "attachments": "media_url",
        "attributes.service_code": "service_code",
        "attributes.service_notice": "service_notice",
        "attributes.address_id": "address_id",
        "attributes.zipcode": "zipcode",
    }

    def __init__(self, options: Open311Options, place: Place) -> None:
        self._options = options
        self._start = options.start if options.start.tzinfo else options.start.replace(tzinfo=place.timezone)
        self._zone = place.timezone
        self._grid = Grid(_SECOND, place.timezone)
        self._speaks = options.format
        self._web = Web(
            options.limits,
            options.retry,
            credentials(options.auth, place.timezone),
            trust=options.tls.at(place.folder),
        )

    def between(self, start: datetime, end: datetime) -> Cursor:
        """Return the cursor of a walk over what was requested in a stretch of the past."""
        return _write_cursor(None, _Step(end, self._grid.window(start, self._options.window, end)))

    async def pull(self, cursor: Cursor | None) -> AsyncGenerator[Page, None]:
        """Walk windows of requested_datetime from where the last run ended, less `rescan`, to now.

        The last page of a run carries where it ended; any other, the question to go on with.
        """
        since, step = _read_cursor(cursor)
        step = step or self._first_step(since, datetime.now(UTC))
        before: list[Ticket] = []
        async with self._web.session() as session:
            for _ in range(self._options.limits.max_pages):
                tickets = await self._ask(session, step)
                if self._is_cut(tickets, step) and (half := self._grid.first_half(step.window)):
                    step = replace(step, window=half)
                    continue
                following = self._after(step, tickets, before)
                yield Page(_oldest_first(tickets), _write_cursor(since if following else step.started, following))
                if following is None:
                    return
                step, before = following, tickets
        raise SourceRefused("gives more pages than limits.max_pages", hint="it goes round in circles, or raise it")

    def _first_step(self, since: datetime | None, now: datetime) -> _Step:
        if since is not None and self._options.updated_after is not None:
            return _Step(now, Window(since - self._options.overlap, now), changed=True)
        start = min(self._start if since is None else max(self._start, min(since, now) - self._options.rescan), now)
        return _Step(now, self._grid.window(start, self._options.window, now))

    def _is_cut(self, tickets: list[Ticket], step: _Step) -> bool:
        """Tell whether the server may have left out the rest of a window."""
        if self._options.page is not None or step.changed or len(tickets) < self._options.row_limit:
            return False
        if _ignores(step.window, tickets, self._zone):
            raise SourceRefused(
                f"gives {len(tickets)} requests, some from outside the dates asked for",
                hint="it seems to ignore start_date and end_date, and to cut its list: set `page` or `updated_after`",
            )
        return True

    def _after(self, step: _Step, tickets: list[Ticket], before: list[Ticket]) -> _Step | None:
        """Give the next question; a page that repeats the one before it ends its window."""
        if self._options.page is not None and tickets and (step.number == 1 or tickets != before):
            return replace(step, number=step.number + 1)
        if step.changed or step.window.end >= step.started:
            return None
        # A window that had to be halved is a hint at how busy the next one is.
        length = min(self._options.window, 2 * step.window.length)
        return _Step(step.started, self._grid.window(step.window.end, length, step.started))

    async def _ask(self, session: Session, step: _Step) -> list[Ticket]:
        if self._speaks == "xml":
            return await session.fetch(self._question(step, "xml"), _read)
        try:
            return await session.fetch(self._question(step, "json"), _read)
        except (NotReadable, NotThere):
            tickets = await session.fetch(self._question(step, "xml"), _read)
            self._speaks = "xml"
            return tickets

    def _question(self, step: _Step, form: str) -> Request:
        options = self._options
        query = parameters_of(options.query)
        if options.jurisdiction:
            query["jurisdiction_id"] = options.jurisdiction
        if options.page:
            query |= {options.page.send: str(step.number)} | size_parameters(options.page.size)
        return Request("GET", f"{options.url.rstrip('/')}/requests.{form}", query | self._period(step))

    def _period(self, step: _Step) -> dict[str, str]:
        start = write_time(step.window.start or self._start, "iso", self._zone)
        if step.changed and self._options.updated_after:
            return {self._options.updated_after: start}
        return {"start_date": start, "end_date": write_time(step.window.end, "iso", self._zone)}


def _read(answer: Answer) -> list[Ticket]:
    """Find the requests in an answer of either format; rows with a token only are kept, as everything is."""
    payload = parse(answer)
    if isinstance(payload, dict) and len(payload) == 1:
        ((root, payload),) = payload.items()
        if root == "errors":
            raise SourceRefused(f"answered 200 with an error: {excerpt(str(payload))!r}")
        if isinstance(payload, dict):
            payload = payload.get("request", payload.get("service_requests"))
    rows = payload if isinstance(payload, list) else [payload]
    if any(row is not None and not isinstance(row, dict) for row in rows):
        raise NotReadable(f"is not a list of service requests: {excerpt(str(payload))!r}")
    found = [row for row in rows if row]
    if found and all(row.keys() <= {"code", "description"} for row in found):
        raise SourceRefused(f"answered 200 with an error: {excerpt(str(found))!r}")
    return found


def _ignores(window: Window, tickets: list[Ticket], zone: ZoneInfo) -> bool:
    """Tell whether a request lies far outside the window; a day either way is a matter of zones."""
    times = [read_time(ticket.get("requested_datetime"), "iso", zone) for ticket in tickets]
    earliest = (window.start or window.end) - timedelta(days=1)
    return any(time and not earliest <= time <= window.end + timedelta(days=1) for time in times)


def _oldest_first(tickets: list[Ticket]) -> list[Ticket]:
    return sorted(tickets, key=lambda ticket: str(ticket.get("requested_datetime") or ""))


def _write_cursor(since: datetime | None, step: _Step | None) -> Cursor:
    cursor: Cursor = {"since": since.isoformat() if since else None}
    if step is not None and step.window.start is not None:
        window = [step.window.start.isoformat(), step.window.end.isoformat()]
        cursor["step"] = {"started": step.started.isoformat(), "window": window}
        cursor["step"] |= {"number": step.number, "changed": step.changed}
    return cursor


def _read_cursor(cursor: Cursor | None) -> tuple[datetime | None, _Step | None]:
    try:
        since = datetime.fromisoformat(cursor["since"]) if cursor and cursor["since"] else None
        if not cursor or "step" not in cursor:
            return since, None
        stored = cursor["step"]
        window = Window(*(datetime.fromisoformat(time) for time in stored["window"]))
        return since, _Step(datetime.fromisoformat(stored["started"]), window, stored["number"], stored["changed"])
    except (KeyError, TypeError, ValueError):
        raise SourceRefused("the stored cursor is not one of this connector", hint="pull from the start") from None
