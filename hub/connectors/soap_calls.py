"""Make one operation ready to be asked, and make sense of its answers."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from lxml import etree

from hub.connectors.arguments import Tree, found, laid
from hub.connectors.auth import Request
from hub.connectors.envelopes import FaultRules, body_of, content_in, fault_in, judge_fault, opened
from hub.connectors.http import Answer
from hub.connectors.payloads import judge
from hub.connectors.soap_options import SoapCall
from hub.errors import SourceError

if TYPE_CHECKING:  # it brings zeep, which is slow to import
    from hub.connectors.soap_operations import Operation

T = TypeVar("T")

# The statuses by which SOAP over HTTP says that the body holds a fault.
_WITH_A_FAULT = frozenset({400, 500})


@dataclass(frozen=True, slots=True)
class Question:
    """What one call is asked with. Who asks, and the envelope around it, come when the question is signed."""

    call: "Call"
    arguments: Tree


@dataclass(frozen=True, slots=True)
class Call:
    """One operation of one source; `once` where asking twice could do harm, as logging in does."""

    options: SoapCall
    operation: "Operation"
    encoding: str | None
    faults: FaultRules
    once: bool = False

    def question(self, values: Mapping[str, Any]) -> Request:
        """Ask with these values laid among the arguments of the configuration."""
        return Request("POST", self.operation.address, body=Question(self, laid(self.options.arguments, values)))

    def read(self, answer: Answer, make: Callable[[Any], T]) -> T:
        """Make something of what an answer holds, its strings opened.

        Raises what its fault, or its envelope of errors, says; whatever is raised names the operation.
        """
        with self._named():
            return make(self._content(answer))

    def came_empty(self, content: Any) -> bool:
        """Tell whether the string that holds the document was empty: nothing was found, and nothing is wrong."""
        path = self.options.inner_xml if self.options.inner_json is None else self.options.inner_json
        return path is not None and (found(content, path) if path else content) is None

    def explain(self, answer: Answer) -> None:
        """Raise the fault that an answer without success holds, if it holds one."""
        if answer.status not in _WITH_A_FAULT:
            return
        try:
            body = body_of(answer, self.encoding)
        except SourceError:
            return  # no SOAP: its status says enough
        with self._named():
            self._must_be_no_fault(body)

    def _content(self, answer: Answer) -> Any:
        options = self.options
        body = body_of(answer, self.encoding)
        self._must_be_no_fault(body)
        payload = content_in(body)
        if options.inner_xml is not None:
            payload = opened(payload, options.inner_xml, is_json=False)
        if options.inner_json is not None:
            payload = opened(payload, options.inner_json, is_json=True)
        if options.error is not None:
            judge(payload, options.error)
        return payload

    def _must_be_no_fault(self, body: etree._Element) -> None:
        if (fault := fault_in(body)) is not None:
            judge_fault(fault, self.faults, once=self.once)

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Name the operation in whatever is raised."""
        try:
            yield
        except SourceError as error:
            error.message = f"({self.operation.name}) {error.message}"
            raise


def explain(request: Request, answer: Answer) -> None:
    """Raise what an answer to any question of a SOAP source says, where it says more than its status."""
    if isinstance(request.body, Question):
        request.body.call.explain(answer)
