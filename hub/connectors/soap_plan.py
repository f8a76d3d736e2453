"""Hold a SOAP source's options against its WSDL, so that `hub check` tells what does not fit; make its calls ready."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hub.connectors.arguments import Tree, laid, steps
from hub.connectors.base import Place
from hub.connectors.http import Answer
from hub.connectors.paging import ByCursor, whole_number
from hub.connectors.paths import reader
from hub.connectors.since import Since
from hub.connectors.soap_calls import Call
from hub.connectors.soap_credentials import SoapCredentials, with_document
from hub.connectors.soap_operations import KeyPath, Operation, Problem, among
from hub.connectors.soap_options import SoapCall, SoapDetail, SoapLogin, SoapOptions
from hub.connectors.wsdl import Misnamed, Wsdl
from hub.errors import OptionsError, SourceRefused

_SAMPLE = "0"
_LOGIN: KeyPath = ("auth", "login")


@dataclass(frozen=True, slots=True)
class Count:
    """The call that says how many tickets there are, and how it is asked only for what is new."""

    call: Call
    total: str
    since: Since | None

    def read(self, answer: Answer) -> int:
        return self.call.read(answer, self._number)

    def _number(self, content: Any) -> int:
        number = whole_number(reader(self.total)(content))
        if number is None:
            raise SourceRefused(f"holds no number at `count.total: {self.total}`")
        return number


@dataclass(frozen=True, slots=True)
class Plan:
    """The calls of one source, ready to be made."""

    listing: Call
    count: Count | None
    details: Sequence[tuple[SoapDetail, Call]]
    credentials: SoapCredentials


@dataclass(frozen=True, slots=True)
class _Given:
    """A value that something other than `arguments` puts at an argument's path; `key` is the option that says so.

    Where the option holds secrets by their paths, it is the option: a message about one of them would be masked.
    """

    path: str
    key: KeyPath
    always: bool = True


def planned(options: SoapOptions, place: Place) -> Plan:
    """Make the calls of a source ready. Raises OptionsError with everything that does not fit."""
    drafts = _Drafts(options, place)
    listing = drafts.call(options, (), [*_paged(options), *_timed(options.since, "since"), *_proven(options)])
    count = drafts.count()
    details = [
        (detail, drafts.call(detail, key, [*_sent(detail.send, key), *_proven(options)]))
        for detail, key in _detail_keys(options)
    ]
    login = drafts.login()
    if drafts.problems or listing is None:
        raise OptionsError(*drafts.problems)
    ready = [(detail, call) for detail, call in details if call is not None]
    return Plan(listing, count, ready, SoapCredentials(options, login))


class _Drafts:
    """The calls of one source while they are held against their WSDLs."""

    def __init__(self, options: SoapOptions, place: Place) -> None:
        self._options = options
        self._folder = place.folder
        self._wsdls: dict[str, Wsdl | None] = {}
        self.problems: list[Problem] = []

    def login(self) -> Call | None:
        login = self._options.auth.login if self._options.auth else None
        if login is None:
            return None
        return self.call(login, _LOGIN, [_Given(path, (*_LOGIN, "send")) for path in login.send])

    def count(self) -> Count | None:
        count, since = self._options.count, self._options.since
        if count is None:
            return None
        if since is not None and count.send is not None:
            since = since.model_copy(update={"send": count.send})
        timed = _timed(since, "since" if count.send is None else "count")
        call = self.call(count, ("count",), [*timed, *_proven(self._options)])
        return None if call is None else Count(call, count.total, since)

    def call(self, options: SoapCall, key: KeyPath, given: Sequence[_Given]) -> Call | None:
        operation = self._operation(options, key)
        if operation is None:
            return None
        call = Call(
            options, operation, self._options.encoding, self._options.fault, once=isinstance(options, SoapLogin)
        )
        problems = [*_misplaced(call, key, given), *_unknown_headers(operation, self._headers_of(call))]
        if not problems:
            problems += _misfits(call, key, given, self._options.soap_headers)
        self.problems += problems
        return call

    def _headers_of(self, call: Call) -> dict[str, KeyPath]:
        """Name the SOAP headers that the operation must take. The list takes all; others, those that they know."""
        login = self._options.auth.login if self._options.auth else None
        token = login.carry.soap_header if login and not call.once else None
        headers: dict[str, KeyPath] = {token: (*_LOGIN, "as", "soap_header")} if token else {}
        if call.options is self._options:
            headers |= dict.fromkeys(self._options.soap_headers, ("soap_headers",))
        return headers

    def _operation(self, options: SoapCall, key: KeyPath) -> Operation | None:
        """Find the operation; what a call does not say itself of where it is asked, the source says."""
        own = self._own_place(options)
        wsdl = self._wsdl(str(own["wsdl"]), key)
        if wsdl is None:
            return None
        try:
            return wsdl.operation(
                options.operation,
                service=own["service"],
                port=own["port"],
                version=self._options.soap_version if own["wsdl"] == self._options.wsdl else None,
                url=own["url"],
            )
        except Misnamed as error:
            here = error.key == "operation" or error.key in options.model_fields_set
            self.problems.append(((*(key if here else ()), error.key), str(error)))
            return None

    def _own_place(self, options: SoapCall) -> Mapping[str, str | None]:
        names = ("wsdl", "service", "port", "url")
        said = {name: getattr(options, name, None) for name in names}
        if any(said.values()):
            return {**said, "wsdl": said["wsdl"] or self._options.wsdl}
        return {name: getattr(self._options, name) for name in names}

    def _wsdl(self, file: str, key: KeyPath) -> Wsdl | None:
        if file not in self._wsdls:
            self._wsdls[file] = None
            try:
                self._wsdls[file] = Wsdl(self._folder / file.removeprefix("file:"), self._folder)
            except Misnamed as error:
                here = () if file == self._options.wsdl else key
                self.problems.append(((*here, "wsdl"), str(error)))
        return self._wsdls[file]


def _detail_keys(options: SoapOptions) -> Iterator[tuple[SoapDetail, KeyPath]]:
    if isinstance(options.detail, SoapDetail):
        yield options.detail, ("detail",)
        return
    for index, detail in enumerate(options.detail):
        yield detail, ("detail", index)


def _paged(options: SoapOptions) -> Iterator[_Given]:
    page = options.page
    if page.size is not None and page.size.send is not None:
        yield _Given(page.size.send, ("page", "size", "send"))
    if (send := getattr(page, "send", None)) is not None:
        yield _Given(send, ("page", "send"), always=not isinstance(page, ByCursor))


def _timed(since: Since | None, said_by: str) -> Iterator[_Given]:
    if since is None or since.send is None:
        return
    for send in (since.send,) if isinstance(since.send, str) else since.send:
        yield _Given(send, (said_by, "send"), always=since.start is not None)


def _proven(options: SoapOptions) -> Iterator[_Given]:
    auth = options.auth
    if auth is None:
        return
    yield from (_Given(path, ("auth", "arguments")) for path in auth.arguments)
    if auth.login is not None and auth.login.carry.argument is not None:
        yield _Given(auth.login.carry.argument, (*_LOGIN, "as", "argument"))


def _sent(send: Mapping[str, str], key: KeyPath) -> list[_Given]:
    return [_Given(path, (*key, "send", path)) for path in send]


def _misplaced(call: Call, key: KeyPath, given: Sequence[_Given]) -> Iterator[Problem]:
    """Say which values have no place among the arguments."""
    inner, operation = call.options.inner_request, call.operation
    if inner is not None:
        try:
            argument = operation.argument(inner.argument)
            if not argument.takes_text and not argument.takes_xml:
                yield (*key, "inner_request", "argument"), f"`{inner.argument}` takes keys, and no document"
        except ValueError as error:
            yield (*key, "inner_request", "argument"), str(error)
            return
    for value in given:
        if inner is not None and inner.holds(value.path):
            continue
        try:
            if not operation.argument(value.path).takes_text:
                yield value.key, f"`{value.path}` takes keys, and no value"
        except ValueError as error:
            yield value.key, str(error)


def _unknown_headers(operation: Operation, headers: Mapping[str, KeyPath]) -> Iterator[Problem]:
    for path, key in headers.items():
        name = steps(path)[0]
        if not operation.takes_header(name):
            hint = "one that the WSDL does not declare is written with its namespace: {http://…}Name"
            yield key, f"`{name}` is no SOAP header of {operation.name}{among(name, operation.headers)}; {hint}"


def _misfits(call: Call, key: KeyPath, given: Sequence[_Given], headers: Iterable[str]) -> Iterator[Problem]:
    """Say what is wrong with the arguments themselves, with everything that is always given laid among them."""
    asked_by, key = (*key, "send" if call.once else "arguments"), (*key, "arguments")
    always = {value.path: _SAMPLE for value in given if value.always}
    try:
        arguments: Tree = with_document(call, laid(call.options.arguments, always))
    except ValueError as error:
        yield key, str(error)
        return
    problems = list(call.operation.misfits(arguments))
    for path, message in problems:
        yield (*key, *path) if path else asked_by, message + _only_later(message, given)
    if not problems:
        yield from _unwritable(call.operation, key, arguments, headers)


def _unwritable(operation: Operation, key: KeyPath, arguments: Tree, headers: Iterable[str]) -> Iterator[Problem]:
    """Say what else keeps zeep from writing the message, by writing one."""
    try:
        envelope = operation.envelope(arguments)
    except ValueError as error:
        yield key, str(error)
        return
    try:
        taken = [path for path in headers if operation.takes_header(steps(path)[0])]
        operation.put_headers(envelope, laid({}, dict.fromkeys(taken, _SAMPLE)))
    except ValueError as error:
        yield ("soap_headers",), str(error)


def _only_later(missing: str, given: Sequence[_Given]) -> str:
    """Say why a value that is missing from the first question seems to be given."""
    for value in given:
        if not value.always and missing.startswith(f"`{steps(value.path)[-1]}` is missing"):
            return f"; `{'.'.join(map(str, value.key))}` gives it only once there was a first answer"
    return ""
