"""Hold the options of a GraphQL source against its documents, before anything is asked. Pure, but for their files."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

from hub.connectors.base import Place
from hub.connectors.graphql_options import PERSISTED, ByRelay, Document, GraphQLDetail, GraphQLOptions
from hub.connectors.paging import At, ByCursor, ByLast, ByOffset, ByPage, OnePage, PageSize, Turn, is_yes
from hub.connectors.paths import reader
from hub.connectors.written import Key, Written, written
from hub.errors import OptionsError, SourceRefused

if TYPE_CHECKING:  # graphql-core is imported when a document is read: most sources have none.
    from hub.connectors.documents import Operation

Problem: TypeAlias = tuple[Key, str]
Pages: TypeAlias = ByCursor | ByPage | ByOffset | ByLast | OnePage

_TEXTS = {"String", "ID"}
_NUMBERS = {"Int", "Float"}


@dataclass(frozen=True, slots=True)
class Query:
    """One question, but for the values of its variables. `text` is None where only its hash is known."""

    text: str | None
    operation: str | None
    extensions: Mapping[str, Any]
    types: Mapping[str, str]
    is_spelt_out: bool

    def spelt_out(self) -> "Query":
        """The same, with the document sent along."""
        return replace(self, is_spelt_out=True)

    def body(self, variables: Mapping[str, Any]) -> dict[str, Any]:
        body: dict[str, Any] = {"query": self.text} if self.is_spelt_out else {}
        body |= {"operationName": self.operation} if self.operation else {}
        body |= {"extensions": self.extensions} if self.extensions else {}
        return {**body, "variables": variables}

    def typed(self, name: str, value: Any, *, is_number: bool) -> Any:
        """Write a value as its variable is declared; `is_number` says what it is where that leaves it open."""
        declared = self.types.get(name)
        if declared in _TEXTS:
            return str(value) if isinstance(value, int) else value
        is_digits = isinstance(value, str) and value.removeprefix("-").isdecimal()
        return int(value) if is_digits and (is_number or declared in _NUMBERS) else value


@dataclass(frozen=True, slots=True)
class Plan:
    """What was made of the options: the question, how the list is walked, and where the answers hold what is wanted."""

    query: Query
    page: Pages
    records: str
    details: "tuple[PlannedDetail, ...]"


@dataclass(frozen=True, slots=True)
class PlannedDetail:
    """What is asked about each ticket."""

    options: GraphQLDetail
    query: Query
    records: str


class RelayPages(ByCursor):
    """The pages of a connection: it says whether there is more, and must then say where."""

    def after(self, turn: Turn) -> At | None:
        if self.following(turn) is None and is_yes(reader(self.more or "")(turn.payload)):
            raise SourceRefused("says that there is a next page, and gives no endCursor to ask for it by")
        return super().after(turn)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A document as it was read; without an operation where there is none, or none that can be used."""

    options: Document
    text: Written | None = None
    operation: "Operation | None" = None

    @property
    def query(self) -> Query:
        operation = self.operation
        return Query(
            self.text.text if self.text else None,
            operation.name if operation else self.options.operation,
            self.options.extensions,
            {name: each.type for name, each in operation.variables.items()} if operation else {},
            PERSISTED not in self.options.extensions,
        )


def planned(options: GraphQLOptions, place: Place) -> Plan:
    """Read the documents and plan the walk. Raises OptionsError with all that does not fit together."""
    main, problems = _asked(options, ("query",), place)
    if not problems:
        problems = [*_of_walk(options, main.operation), *_of_list(options, main)]
    details = []
    for number, detail in enumerate(options.details):
        key: Key = ("detail", number) if isinstance(options.detail, list) else ("detail",)
        asked, flaws = _asked(detail, (*key, "query"), place)
        problems += flaws or _of_detail(detail, asked, key)
        details.append(PlannedDetail(detail, asked.query, _detail_records(detail, asked.operation)))
    if problems:
        raise OptionsError(*problems)
    return Plan(main.query, _pages(options, main.operation), _records(options, main.operation), tuple(details))


def _asked(options: Document, key: Key, place: Place) -> tuple[_Asked, list[Problem]]:
    """Read one document, or say what is wrong with it."""
    from hub.connectors import documents  # noqa: PLC0415  # see above

    if options.query is None:
        known = PERSISTED in options.extensions
        return _Asked(options), [] if known else [(key, "is missing: the GraphQL document to ask, or file:NAME")]
    try:
        text = written(options.query, key, place.folder)
        return _Asked(options, text, documents.operation(text.text, options.operation)), []
    except OptionsError as error:
        return _Asked(options), list(error.problems)
    except documents.UnknownOperation as error:
        return _Asked(options), [((*key[:-1], "operation"), str(error))]
    except documents.Flawed as error:
        return _Asked(options), [text.problem(flaw.message, flaw.line) for flaw in error.flaws]


def _pages(options: GraphQLOptions, operation: "Operation | None") -> Pages:
    page = options.page or OnePage()
    if not isinstance(page, ByRelay):
        return page
    connection = _connection(page, operation)
    return RelayPages(
        by="cursor",
        send=page.send,
        next=f"{connection}.pageInfo.endCursor",
        more=f"{connection}.pageInfo.hasNextPage",
        size=PageSize(send=page.size.send, value=page.size.value) if page.size else None,
        keep=page.keep,
    )


def _connection(page: ByRelay, operation: "Operation | None") -> str | None:
    """Say where the answer holds what is walked; None where that is not certain."""
    found = operation.connections() if operation else []
    return page.connection or (found[0] if len(found) == 1 else None)


def _records(options: GraphQLOptions, operation: "Operation | None") -> str:
    if options.records is not None or not isinstance(options.page, ByRelay):
        return options.records or ""
    connection = _connection(options.page, operation) or ""
    is_plain = operation is not None and "nodes" in operation.at(connection)
    return f"{connection}.nodes" if is_plain else f"{connection}.edges[].node"


def _detail_records(options: GraphQLDetail, operation: "Operation | None") -> str:
    if options.records is not None:
        return options.records
    fields = list(operation.selection) if operation else []
    return f"data.{fields[0]}" if len(fields) == 1 else "data"


def _of_walk(options: GraphQLOptions, operation: "Operation | None") -> Iterator[Problem]:
    """Name what keeps the list from being walked to its end."""
    page, found = options.page, operation.connections() if operation else []
    if page is None and found:
        yield ("page",), "the query asks for pageInfo: write page: {by: relay}, or {by: none} where one page is all"
    elif options.records is None and (not isinstance(page, ByRelay) or operation is None):
        yield ("records",), "is missing: where the answer holds the tickets, such as data.tickets"
    if isinstance(page, ByRelay) and _connection(page, operation) is None:
        yield ("page",), _no_connection(found, operation)
    if options.since and options.since.send is None and getattr(page, "until", "") != "seen":
        yield ("since",), "`since` without `send` needs `page.until: seen`, or it would change nothing"


def _no_connection(found: Collection[str], operation: "Operation | None") -> str:
    if found:
        return f"the query holds several connections; choose one by `connection`: {', '.join(found)}"
    if operation is not None:
        return "by: relay needs pageInfo { hasNextPage endCursor } beside nodes or edges in the query"
    return "needs `connection`, such as data.tickets: there is no query here to read it from"


def _of_list(options: GraphQLOptions, asked: _Asked) -> Iterator[Problem]:
    """Name what the options say of the query, and the query does not know."""
    if asked.operation is None or asked.text is None:
        return
    sent = dict(_sent(options))
    static: dict[Key, str] = {("variables", name): name for name in options.variables}
    yield from _undeclared(static | sent, asked.operation)
    at_once = {name for key, name in sent.items() if _is_sent_at_once(key, options)}
    yield from _unfilled(asked.operation, asked.text, {*options.variables, *at_once}, sent)
    yield from _unselected({("records",): options.records, **_page_paths(options, asked.operation)}, asked.operation)


def _sent(options: GraphQLOptions) -> Iterator[tuple[Key, str]]:
    """Yield where an option names a variable, and the variable: what comes before the first dot."""
    page, since = options.page, options.since
    if page is not None and not isinstance(page, OnePage):
        yield ("page", "send"), page.send.split(".")[0]
    if page is not None and page.size is not None and page.size.send is not None:
        yield ("page", "size", "send"), page.size.send.split(".")[0]
    if since is not None and isinstance(since.send, str):
        yield ("since", "send"), since.send.split(".")[0]
    elif since is not None:
        yield from ((("since", "send", place), name.split(".")[0]) for place, name in enumerate(since.send or ()))


def _is_sent_at_once(key: Key, options: GraphQLOptions) -> bool:
    """Whether the first question of the first run carries it."""
    if key == ("page", "send"):
        return isinstance(options.page, ByPage | ByOffset | ByLast) and options.page.first() is not None
    return key[0] != "since" or (options.since is not None and options.since.start is not None)


def _page_paths(options: GraphQLOptions, operation: "Operation") -> dict[Key, str | None]:
    page = options.page
    if isinstance(page, ByRelay):
        connection = _connection(page, operation)
        wanted = ("hasNextPage", "endCursor") if connection else ()
        return {("page", "connection", name): f"{connection}.pageInfo.{name}" for name in wanted}
    named = {"next": "next", "more": "more", "end": "end", "pages": "pages", "total": "total_path"}
    return {("page", key): getattr(page, name, None) for key, name in named.items()}


def _undeclared(named: Mapping[Key, str], operation: "Operation") -> Iterator[Problem]:
    from hub.connectors.documents import meant  # noqa: PLC0415  # see above

    known = list(operation.variables)
    for key, name in named.items():
        if name not in known:
            yield key, f"the query declares no variable ${name}{meant(name, known)}"


def _unfilled(
    operation: "Operation", text: Written, filled: Collection[str], sent: Mapping[Key, str]
) -> Iterator[Problem]:
    """Name the variables without which the source would not even look at the first question."""
    for name, variable in operation.variables.items():
        if not variable.is_required or name in filled:
            continue
        cure = "write it under variables"
        if sent.get(("page", "send")) == name:
            cure = f"the first page has no cursor: declare it {variable.declared.rstrip('!')}"
        elif name in sent.values():
            cure = "the first run has no time to start from: write since.start"
        yield text.problem(f"${name}: {variable.declared} gets no value; {cure}", variable.line)


def _unselected(paths: Mapping[Key, str | None], operation: "Operation") -> Iterator[Problem]:
    from hub.connectors.documents import meant  # noqa: PLC0415  # see above

    for key, path in paths.items():
        if path is not None and (wrong := operation.unselected(path)) is not None:
            yield key, f"{path}: the query asks for no `{wrong[0]}` there{meant(*wrong)}"


def _of_detail(options: GraphQLDetail, asked: _Asked, key: Key) -> Iterator[Problem]:
    if asked.operation is None or asked.text is None:
        return
    named: dict[Key, str] = {(*key, "variables", name): name for name in options.variables}
    yield from _undeclared(named, asked.operation)
    yield from _unfilled(asked.operation, asked.text, options.variables.keys(), {})
    yield from _unselected({(*key, "records"): options.records}, asked.operation)
