"""From a client's operation to its answer: limits, validation, execution, errors; the same over HTTP and sockets."""

import asyncio
from collections.abc import AsyncGenerator, Collection, Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from inspect import isawaitable
from typing import Any

from graphql import (
    DocumentNode,
    ExecutionResult,
    Executor,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLFormattedError,
    OperationDefinitionNode,
    OperationType,
    StringValueNode,
    Visitor,
    create_source_event_stream,
    execute,
    execute_subscription_event,
    parse,
    validate,
    visit,
)
from graphql.execution.values import get_variable_values

from hub.errors import HubError, QueryError
from hub.model import Scope
from hub.schema import problems
from hub.schema.context import Context
from hub.schema.cost import check_cost
from hub.schema.executor import Compiler, TracedExecutor
from hub.schema.federation import Subgraph
from hub.schema.limits import Limits, check_size
from hub.schema.live import Live
from hub.schema.schema import core_schema, schema
from hub.schema.shared import Shared, depends_on_variables
from hub.schema.shortcut import Shortcut
from hub.schema.tracing import Trace
from hub.schema.viewers import ANYBODY, Viewer, Viewers
from hub.store.reads import Reads
from hub.store.store import Store

WRONG_KIND = "WRONG_OPERATION_KIND"
_REMEMBERED = 128  # documents parsed and validated; the largest allowed take about a megabyte each


@dataclass(frozen=True, slots=True)
class Operation:
    """What a client asks."""

    query: str
    variables: Mapping[str, Any]
    name: str | None = None
    plan: bool = False
    """Whether to tell how each field was answered; never in production."""
    viewer: Viewer = ANYBODY
    """Who asks."""
    trace: bool = False
    """Whether to tell how long each field took; in production a gateway alone is told."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a client gets. A refused operation was never executed and has no data; `strict` is a refusal of our own."""

    errors: list[GraphQLFormattedError]
    data: Any = None
    refused: bool = False
    strict: bool = False
    plan: list[dict[str, Any]] | None = None
    trace: str | None = None

    @property
    def body(self) -> dict[str, Any]:
        """The answer as it is written in JSON."""
        body: dict[str, Any] = {} if self.refused else {"data": self.data}
        extensions = {"plan": self.plan, "ftv1": self.trace}
        if said := {name: value for name, value in extensions.items() if value is not None}:
            body["extensions"] = said
        return {"errors": self.errors, **body} if self.errors else body


class Refused(Exception):
    """The operation cannot be executed; `answer` says why."""

    def __init__(self, *errors: GraphQLFormattedError, strict: bool = False) -> None:
        super().__init__(errors)
        self.answer = Answer(list(errors), refused=True, strict=strict)


@dataclass(frozen=True, slots=True)
class Prepared:
    """An operation that may be executed: one of a valid document, with its variables and a context of its own."""

    document: DocumentNode
    definition: OperationDefinitionNode
    operation: Operation

    @property
    def kind(self) -> OperationType:
        return self.definition.operation


@dataclass(frozen=True, slots=True)
class _Document:
    """A document that could be read, and the faults that make it invalid."""

    node: DocumentNode
    faults: tuple[GraphQLFormattedError, ...]
    introspects: bool = False
    """Whether it asks for the schema itself."""

    @property
    def strict(self) -> bool:
        return any(fault["extensions"]["code"] != "INVALID_QUERY" for fault in self.faults)


class Execution:
    """Runs operations. Documents that could be read are remembered."""

    def __init__(
        self,
        reads: Reads,
        live: Live,
        limits: Limits,
        *,
        production: bool,
        subgraph: bool = False,
        compiler: Compiler | None = None,
        of: Subgraph | None = None,
        store: Store | None = None,
        anybody: Viewer = ANYBODY,
    ) -> None:
        """In production no schema is told, except to the gateway of a `subgraph`.

        `of` is another schema than the hub's own. Without a `store` nothing can be changed, and nobody is known.
        `anybody` is whoever brings no key.
        """
        self.limits = limits
        self.production = production
        self._subgraph = subgraph
        self._reads = reads
        self._live = live
        self._store = store
        self._viewers = Viewers(store.keys, anybody) if store else None
        self._compiler = compiler or Compiler(None)
        self._schema = core_schema(of or schema())
        self._executor = (of or schema()).execution_context_class
        self._shared = Shared[Answer]()
        self._documents = lru_cache(_REMEMBERED)(self._read)
        self._shortcuts = lru_cache(_REMEMBERED)(self._shortcut)

    async def recognize(self, authorization: str | None) -> Viewer:
        """Who sent this Authorization header. Raises QueryError UNAUTHENTICATED."""
        return await self._viewers.recognize(authorization) if self._viewers else ANYBODY

    async def again(self, viewer: Viewer) -> Viewer:
        """The same viewer as they are now. Raises QueryError UNAUTHENTICATED where their key does not hold any more."""
        return await self._viewers.again(viewer) if self._viewers else viewer

    async def take_shortcut(self, operation: Operation) -> Answer | None:
        """Answer a query at once where that is possible; None where it must be prepared and executed."""
        if Scope.APPEALS_READ not in operation.viewer.scopes:
            return None
        shortcut = self._shortcuts(operation.query, operation.name)
        if shortcut is None:
            return None
        try:
            variables = shortcut.variables(operation.variables)
            async with asyncio.timeout(self.limits.time.total_seconds()):
                return Answer([], await shortcut.answer(self._context(operation.viewer), variables))
        except TimeoutError:
            return self._late()
        except Exception:  # noqa: BLE001  # whatever it was, the ordinary execution meets it too, and tells of it
            return None

    def _shortcut(self, query: str, name: str | None) -> Shortcut | None:
        try:
            document = self._documents(query)
            if document.faults or self._compiler.quick is None:
                return None
            definition = _chosen(document.node, name, {OperationType.QUERY})
            return Shortcut(self._schema, self._compiler, document.node, definition, self.limits.cost)
        except Exception:  # noqa: BLE001  # as above: GivenUp, or a document that the ordinary way refuses
            return None

    def prepare(self, operation: Operation, kinds: Collection[OperationType]) -> Prepared:
        """Parse, measure, choose, validate. Raises Refused, also for an operation of another kind than `kinds`.

        Whatever is asked, the answer tells of appeals or of the hub: who may not read is answered nothing.
        """
        try:
            operation.viewer.require(Scope.APPEALS_READ)
            document = self._documents(operation.query)
            if document.introspects and self.production and Scope.SCHEMA_READ not in operation.viewer.scopes:
                raise _introspection_off()
            definition = _chosen(document.node, operation.name, kinds)
            if document.faults:
                raise Refused(*document.faults, strict=document.strict)
            self._check_variables(document.node, definition, operation)
        except QueryError as error:
            raise Refused(problems.refusal(error), strict=True) from None
        return Prepared(document.node, definition, operation)

    def _read(self, query: str) -> _Document:
        """Raises Refused or QueryError for what cannot even be read."""
        try:
            node = parse(query, max_tokens=self.limits.tokens, max_comments=self.limits.tokens)
        except GraphQLError as error:
            fault = problems.invalid(error)
            raise Refused(fault, strict=fault["extensions"]["code"] != "SYNTAX_ERROR") from None
        visit(node, _Texts())
        watching = _Introspection(subgraph=self._subgraph)
        visit(node, watching)
        check_size(node, self.limits)
        errors = validate(self._schema, node, max_errors=20, hide_suggestions=self.production)
        return _Document(node, tuple(map(problems.invalid, errors)), watching.seen)

    def _check_variables(
        self, document: DocumentNode, definition: OperationDefinitionNode, operation: Operation
    ) -> None:
        if _holds_nul(operation.variables):
            raise _nul()
        values = get_variable_values(
            self._schema,
            definition.variable_definitions or (),
            dict(operation.variables),
            max_errors=20,
            hide_suggestions=self.production,
        )
        if isinstance(values, list):
            raise Refused(*map(problems.bad_variable, values))
        fragments = {node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)}
        check_cost(self._schema, definition, fragments, values.coerced, self.limits.cost)

    async def execute(self, prepared: Prepared) -> Answer:
        """Answer a query; within the time that the limits leave it."""
        try:
            async with asyncio.timeout(self.limits.time.total_seconds()):
                arguments = self._arguments(prepared)
                result = execute(self._schema, prepared.document, **arguments)
                answer = _answer(await result if isawaitable(result) else result)
                context: Context = arguments["context_value"]
                trace = context.trace.encoded(answer.errors) if context.trace else None
                return replace(answer, plan=context.plans, trace=trace)
        except TimeoutError:
            return self._late()

    def _late(self) -> Answer:
        seconds = self.limits.time.total_seconds()
        late = QueryError("TIMEOUT", f"the query took longer than {seconds:g} s", limit=seconds)
        return Answer([problems.refusal(late)], refused=True, strict=True)

    async def follow(self, prepared: Prepared) -> AsyncGenerator[Answer, None]:
        """Answer a subscription, once for every event. The last answer is refused when it ended in an error."""
        arguments = self._arguments(prepared)
        executor = arguments.pop("executor_class").build(
            self._schema, prepared.document, raw_variable_values=arguments.pop("variable_values"), **arguments
        )
        if isinstance(executor, list):
            yield _unanswered(executor)
            return
        source = create_source_event_stream(executor)
        events = await source if isawaitable(source) else source
        if isinstance(events, ExecutionResult):
            yield _unanswered(events.errors or ())
            return
        operation = prepared.operation
        alone = depends_on_variables(prepared.document, prepared.definition)
        try:
            async with aclosing(events):  # type: ignore[type-var]  # a generator, of which graphql-core says less
                async for event in events:
                    viewer = await self.again(operation.viewer)
                    make = partial(self._answer_event, executor, event, viewer)
                    # Whatever an answer may depend on stands here: nobody is answered as somebody else.
                    same = (operation.query, operation.name, viewer.key and viewer.key.id, viewer.scopes, event.number)
                    yield await (make() if alone else self._shared.get(same, make))
        except HubError as error:
            yield _unanswered([GraphQLError(str(error), original_error=error)])

    async def _answer_event(self, executor: Executor[Any], event: Any, viewer: Viewer) -> Answer:
        """Answer one event with a context of its own: a subscription outlives what was loaded for the last one."""
        own = executor.build_per_event_executor(event)
        own.context_value = self._context(viewer)
        result = execute_subscription_event(own)
        return _answer(await result if isawaitable(result) else result)

    def _context(self, viewer: Viewer) -> Context:
        return Context(self._reads, self._live, self._compiler, viewer=viewer, store=self._store)

    def _arguments(self, prepared: Prepared) -> dict[str, Any]:
        context = self._context(prepared.operation.viewer)
        if prepared.operation.plan and not self.production:
            context.plans = []
        if prepared.operation.trace and (self._subgraph or not self.production):
            context.trace = Trace()
        return {
            "context_value": context,
            "variable_values": dict(prepared.operation.variables),
            "operation_name": prepared.operation.name,
            "executor_class": TracedExecutor if context.trace else self._executor,
            "hide_suggestions": self.production,
            "operation_extensions": None,  # what Strawberry's executor asks for, and nobody sends
        }


def _nul() -> QueryError:
    return QueryError("BAD_INPUT", "text must not hold the character U+0000")


class _Texts(Visitor):
    """PostgreSQL's text cannot hold NUL; GraphQL's can."""

    def enter_string_value(self, node: StringValueNode, *_: Any) -> None:
        if "\0" in node.value:
            raise _nul()


class _Introspection(Visitor):
    def __init__(self, *, subgraph: bool) -> None:
        super().__init__()
        self.seen = False
        self._of_the_schema = {"__schema", "__type", *(() if subgraph else ("_service",))}

    def enter_field(self, node: Any, *_: Any) -> None:
        self.seen = self.seen or node.name.value in self._of_the_schema


def _introspection_off() -> QueryError:
    hint = "ask for the SDL, or with a key that has the scope schema:read"
    return QueryError("INTROSPECTION_OFF", "introspection is off in production", hint=hint)


def _chosen(document: DocumentNode, name: str | None, kinds: Collection[OperationType]) -> OperationDefinitionNode:
    """The operation to execute, as the specification chooses it. Raises QueryError."""
    operations = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    if name is not None:
        operations = [node for node in operations if node.name and node.name.value == name]
    if not operations:
        raise QueryError("BAD_INPUT", "the document has no operation" + ("" if name is None else f" {name!r}"))
    if len(operations) > 1:
        raise QueryError("BAD_INPUT", "the document has several operations", hint="say which in operationName")
    if (kind := operations[0].operation) not in kinds:
        raise QueryError(
            WRONG_KIND,
            f"a {kind.value} cannot be asked this way",
            hint="mutations go over POST, subscriptions over a WebSocket or to whoever accepts text/event-stream",
        )
    return operations[0]


def _holds_nul(variables: Mapping[str, Any]) -> bool:
    waiting: list[Any] = [variables]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str) and "\0" in value:
            return True
        if isinstance(value, Mapping):
            waiting.extend((*value.keys(), *value.values()))
        elif isinstance(value, list):
            waiting.extend(value)
    return False


def _unanswered(errors: Iterable[GraphQLError]) -> Answer:
    return Answer([problems.failure(error) for error in errors], refused=True)


def _answer(result: ExecutionResult) -> Answer:
    return Answer([problems.failure(error) for error in result.errors or ()], result.data)
