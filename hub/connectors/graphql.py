"""Pull tickets from a GraphQL service by the query that an administrator wrote for it."""

from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import datetime
from typing import Any, ClassVar, NoReturn

import orjson

from hub.connectors.auth import Request, credentials
from hub.connectors.base import Options, Place
from hub.connectors.details import DetailCalls
from hub.connectors.formats import NotReadable
from hub.connectors.graphql_options import GraphQLOptions
from hub.connectors.graphql_plan import PlannedDetail, Query, planned
from hub.connectors.http import Answer, LoginExpired, Session, SourceBusy, Web, parse, retry_after
from hub.connectors.masking import excerpt
from hub.connectors.paging import ByCursor, ByLast
from hub.connectors.paths import Reader, reader
from hub.connectors.payloads import Records, keys_of
from hub.connectors.since import Walk, window_parameters
from hub.connectors.walking import Part, Walker
from hub.errors import SourceError, SourceRefused
from hub.model import Cursor, Page, Ticket

_ACCEPT = "application/graphql-response+json, application/json;q=0.9"
_NOT_KNOWN = {"PERSISTED_QUERY_NOT_FOUND", "PERSISTEDQUERYNOTFOUND"}
_MOST_QUOTED = 3
_WORTH_THEIR_STATUS = {401, 408, 425, 429}


class GraphQL:
    """One list of tickets behind a GraphQL endpoint."""

    options_type: ClassVar[type[Options]] = GraphQLOptions
    default_map: ClassVar[dict[str, Any]] = {}

    def __init__(self, options: GraphQLOptions, place: Place) -> None:
        plan = planned(options, place)
        self._options = options
        self._query = plan.query
        self._page = plan.page
        self._zone = place.timezone
        self._signer = credentials(options.auth, place.timezone)
        self._headers = {name: value.get_secret_value() for name, value in options.headers.items()}
        self._hidden = [*self._headers.values(), *_texts(options.variables)]
        self._web = Web(
            options.limits,
            options.retry,
            self._signer,
            trust=options.tls.at(place.folder),
            secrets=self._hidden,
            explain=self._explain,
        )
        self._code = reader(options.errors.code)
        self._at_records = reader(plan.records)
        self._records = Records(plan.records)
        self._walker = Walker(plan.page, options.since, place.timezone, max_pages=options.limits.max_pages)
        self._details = [self._detail_calls(detail) for detail in plan.details]

    def between(self, start: datetime, end: datetime) -> Cursor:
        """Return the cursor of a walk over a stretch of the past. Raises SourceRefused."""
        return self._walker.between(start, end)

    async def pull(self, cursor: Cursor | None) -> AsyncGenerator[Page, None]:
        """Walk window by window, page by page; each page's cursor goes on after it, also in the middle of a run."""
        async with self._web.session() as session:

            async def ask(walk: Walk) -> Part:
                part = await self._fetch(session, self._variables(walk))
                whole = part.tickets
                for detail in self._details:
                    whole = await detail.join(session, whole)
                return replace(part, whole=whole)

            async with aclosing(self._walker.pages(cursor, ask)) as pages:
                async for page in pages:
                    yield page

    async def _fetch(self, session: Session, variables: Mapping[str, Any]) -> Part:
        query = self._query
        try:
            return await session.fetch(self._request(query, variables), self._read)
        except _UnknownDocument:
            if query.text is None or query.is_spelt_out:
                raise
            # Once it was sent together with its hash, the source knows the document.
            return await session.fetch(self._request(query.spelt_out(), variables), self._read)

    def _variables(self, walk: Walk) -> dict[str, Any]:
        options, page = self._options, self._page
        asked = page.parameters(walk.at)
        numbers = set(asked)
        if isinstance(page, ByCursor | ByLast) and isinstance(walk.at, str):
            numbers.discard(page.send)
        if page.sends_since(walk.at):
            times = window_parameters(options.since, walk.window, self._zone)
            numbers |= set(times) if options.since and options.since.format.startswith("epoch") else set()
            asked |= times
        variables = dict(options.variables)
        for name, text in asked.items():
            value = self._query.typed(name, text, is_number=name in numbers)
            variables = _placed(variables, name.split("."), value)
        return variables

    def _request(self, query: Query, variables: Mapping[str, Any]) -> Request:
        url, headers, body = self._options.url, {"Accept": _ACCEPT} | self._headers, query.body(variables)
        if self._options.method == "POST":
            return Request("POST", url, headers=headers, body=body)
        texts = {key: part if isinstance(part, str) else orjson.dumps(part).decode() for key, part in body.items()}
        return Request("GET", url, query=texts, headers=headers)

    def _detail_calls(self, planned: PlannedDetail) -> DetailCalls:
        options, query, found = planned.options, planned.query, reader(planned.records)
        paths = {name: reader(path) for name, path in options.variables.items()}

        def question(ticket: Ticket) -> Request | None:
            values = {name: value for name, path in paths.items() if (value := path(ticket)) not in (None, "")}
            if len(values) < len(paths):
                return None
            return self._request(
                query, {name: query.typed(name, value, is_number=False) for name, value in values.items()}
            )

        return DetailCalls(options.into, options.only_if, question, lambda answer: found(self._opened(answer)))

    def _read(self, answer: Answer) -> Part:
        payload = self._opened(answer)
        if payload.get("errors") and self._at_records(payload) is None:
            self._refuse(payload, answer)
        return Part(payload, self._records.of(payload, markup=False))

    def _opened(self, answer: Answer) -> dict[str, Any]:
        """Parse an answer, and look at its errors."""
        payload = parse(answer, answer_format="json")
        if not isinstance(payload, dict) or not payload.keys() & {"data", "errors"}:
            raise NotReadable(f"answered what is not GraphQL: it holds {keys_of(payload)}, and no `data`")
        if payload.get("errors"):
            self._judge(payload, answer)
            if self._options.errors.partial == "refuse" or payload.get("data") is None:
                self._refuse(payload, answer)
        return payload

    def _explain(self, request: Request, answer: Answer) -> None:
        """Raise what the errors of an answer say that is no success: many services give 400 with a code inside."""
        if request.url != self._options.url:
            return
        payload = _json_of(answer)
        if isinstance(payload, dict) and payload.get("errors"):
            self._judge(payload, answer)
            if answer.status < 500 and answer.status not in _WORTH_THEIR_STATUS:
                self._refuse(payload, answer)
        if answer.status in {404, 410}:
            # For other protocols this says that one ticket has no detail; here, that nothing is at the endpoint.
            raise SourceRefused(f"answered {answer.status} {answer.reason}", hint="check `url`")

    def _judge(self, payload: Mapping[str, Any], answer: Answer) -> None:
        """Raise what the codes of an answer's errors ask for: to wait, to log in again, or to send the document."""
        options, errors = self._options.errors, _errors_of(payload)
        codes = {_plain(_code(error, self._code)) for error in errors}
        if _NOT_KNOWN & {*codes, *(_plain(_message(error)) for error in errors)}:
            raise _UnknownDocument(self._said(errors, answer), hint="write the document under `query`")
        if codes & set(map(_plain, options.expired)):
            raise LoginExpired(self._said(errors, answer), hint="check `auth`")
        if codes & set(map(_plain, options.retry)):
            raise SourceBusy(self._said(errors, answer), retry_after(answer.retry_after))

    def _refuse(self, payload: Mapping[str, Any], answer: Answer) -> NoReturn:
        keep = "write errors.partial: keep to take the data that came beside them"
        has_data = bool(payload.get("data")) and self._options.errors.partial == "refuse"
        raise SourceRefused(self._said(_errors_of(payload), answer), hint=keep if has_data else "")

    def _said(self, errors: Sequence[Any], answer: Answer) -> str:
        hidden = [*self._hidden, *self._signer.secrets()]
        told = "; ".join(_told(error, self._code, hidden) for error in errors[:_MOST_QUOTED])
        more = f" and {len(errors) - _MOST_QUOTED} more" if len(errors) > _MOST_QUOTED else ""
        return f"answered {answer.status} with errors: {told}{more}"


class _UnknownDocument(SourceRefused):
    """The source does not know the document of that hash, at least not yet."""


def _placed(tree: Mapping[str, Any], keys: Sequence[str], value: Any) -> dict[str, Any]:
    """Give the tree with a value put where the keys lead, and all else left as it is."""
    head, *rest = keys
    below = tree.get(head)
    return {**tree, head: _placed(below if isinstance(below, dict) else {}, rest, value) if rest else value}


def _texts(value: Any) -> list[str]:
    """List every text that a value holds, however deep."""
    if isinstance(value, Mapping):
        return [text for each in value.values() for text in _texts(each)]
    if isinstance(value, list | tuple):
        return [text for each in value for text in _texts(each)]
    return [value] if isinstance(value, str) else []


def _json_of(answer: Answer) -> Any:
    """Parse the body of an answer that is no success; None where it is no JSON, as with a proxy's error page."""
    try:
        return parse(answer, answer_format="json")
    except SourceError:
        return None


def _errors_of(payload: Mapping[str, Any]) -> Sequence[Any]:
    errors = payload["errors"]
    return errors if isinstance(errors, list) else [errors]


def _message(error: Any) -> str:
    return str(error.get("message", "")) if isinstance(error, dict) else str(error)


def _code(error: Any, find: Reader) -> str:
    code = find(error) if isinstance(error, dict) else None
    return str(code) if isinstance(code, str | int) else ""


def _plain(code: str) -> str:
    return code.upper().replace("-", "_")


def _told(error: Any, find: Reader, hidden: Iterable[str]) -> str:
    """Quote one error: what it says, at which field, and its code."""
    said = repr(excerpt(_message(error), hidden))
    where = error.get("path") if isinstance(error, dict) else None
    if isinstance(where, list) and where:
        said += f" at {excerpt('.'.join(map(str, where)), hidden)}"
    code = excerpt(_code(error, find), hidden)
    return f"{said} ({code})" if code else said
