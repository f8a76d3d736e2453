"""Execute queries as Strawberry does, but answer what can be compiled by one statement and one function.

A resolver returns a description of what is wanted. Where its selection can be compiled, the plan for this very
selection is taken, or made, and its answer goes out as JSON that nobody walks again. Everything else, and everything
when compiling is off, is resolved field by field over the same description.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypeAlias, cast

import orjson
from graphql import FieldNode, GraphQLObjectType, GraphQLResolveInfo, get_named_type
from graphql.type import GraphQLOutputType
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from hub.schema.compiling import (
    DEGRADED,
    RECORDS,
    ROWS,
    TOTAL,
    appeal_plan,
    page_plan,
    shaped_page,
    statistics_plan,
)
from hub.schema.context import Context
from hub.schema.counts import StatisticsWanted
from hub.schema.ids import numbers
from hub.schema.selections import NotCompilable, Plan, Scope, Selections
from hub.schema.things import ThingsWanted
from hub.schema.tracing import Timed, Trace
from hub.schema.types import AppealConnection, AppealWanted
from hub.store.counted import Counted
from hub.store.quick import Quick, asked
from hub.wanted import AppealFilter, Measure, StatisticsQuery

_REMEMBERED = 1_000
_ROWS_ALONE = frozenset({ROWS})
_MOST_VARIANTS = 16

WANTED = (AppealConnection, AppealWanted, ThingsWanted, StatisticsWanted)
Wanted: TypeAlias = AppealConnection | AppealWanted | ThingsWanted | StatisticsWanted
"""The descriptions of what is wanted."""
Start: TypeAlias = Callable[[], Awaitable[Any]]
"""Begins to answer. Nothing was asked of the database before."""
Make: TypeAlias = Callable[..., Plan]
"""Makes a plan, of the selections and their nodes."""


@dataclass
class Compiler:
    """The plans of one hub, by the selections that they are for. `quick` is None where compiling is off."""

    quick: Quick | None
    counted: Counted | None = None
    _plans: OrderedDict[Any, list[Plan]] = field(default_factory=OrderedDict)

    def start(
        self, wanted: Wanted, kind: Any, nodes: Sequence[FieldNode], scope: Scope, context: Context
    ) -> Start | None:
        """Make ready to answer what is wanted, or return None where its selection needs resolvers."""
        quick, counted = self.quick, self.counted
        if quick is None or counted is None:
            return None
        try:
            match wanted:
                case AppealWanted():
                    return partial(self._one, quick, wanted, self._appeal(nodes, scope, context))
                case ThingsWanted(ids):
                    keys = numbers(ids, "Appeal")
                    if len(keys) < sum(one is not None for one in ids):
                        return None
                    return partial(self._things, quick, wanted, keys, self._appeal(nodes, scope, context))
                case StatisticsWanted():
                    plan = self._plan(("counts",), nodes, scope, context, partial(statistics_plan, kind=kind))
                    return partial(self._counts, counted, wanted, plan, context)
            query = wanted.fetch.query
            shape = ("page", query.order, query.backward)
            plan = self._plan(shape, nodes, scope, context, partial(page_plan, kind=kind, query=query))
            return partial(self._page, quick, wanted, plan, context)
        except NotCompilable:
            return None

    def _appeal(self, nodes: Sequence[FieldNode], scope: Scope, context: Context) -> Plan:
        # Of an interface, the nodes may be asked for other types as well.
        kind = cast("GraphQLObjectType", scope.schema.type_map["Appeal"])
        return self._plan(("one",), nodes, scope, context, partial(appeal_plan, kind=kind))

    def _plan(
        self, shape: tuple[Any, ...], nodes: Sequence[FieldNode], scope: Scope, context: Context, make: Make
    ) -> Plan:
        # What a viewer may see can decide what is written: a plan is for those who may do the same.
        key = (shape, context.viewer.scopes, id(nodes[0]))
        known = self._plans.get(key, [])
        for plan in known:
            if plan.serves(nodes, scope.variables):
                return plan
        plan = make(Selections(scope), nodes=nodes)
        # The plan keeps its nodes alive, so that no other node can have their identity meanwhile.
        self._plans[key] = [plan, *known[: _MOST_VARIANTS - 1]]
        if len(self._plans) > _REMEMBERED:
            self._plans.popitem(last=False)
        return plan

    @staticmethod
    async def _one(quick: Quick, wanted: AppealWanted, plan: Plan) -> Any:
        row = await quick.one(wanted.key, plan.columns)
        return None if row is None else plan.shape(row)

    @staticmethod
    async def _things(quick: Quick, wanted: ThingsWanted, keys: Sequence[int], plan: Plan) -> Any:
        rows = await quick.several(keys, plan.columns) if keys else {}
        found = [plan.shape(rows[one.key]) if one and one.key in rows else None for one in wanted.ids]
        return found[0] if wanted.alone else found

    async def _page(self, quick: Quick, wanted: AppealConnection, plan: Plan, context: Context) -> Any:
        query = wanted.fetch.query
        if plan.besides == _ROWS_ALONE:
            return shaped_page(plan, query, await quick.page(query, plan.columns), {})
        found = await self._besides(plan, context, query.filter, lambda: quick.page(query, plan.columns))
        return shaped_page(plan, query, found.get(ROWS, ()), found)

    async def _counts(self, counted: Counted, wanted: StatisticsWanted, plan: Plan, context: Context) -> Any:
        last = await context.last_change(counted.last_change)
        measures = frozenset(map(Measure, plan.columns))
        counts = await counted.statistics(replace(wanted.query, measures=measures), last)
        return plan.shape(counts, await self._besides(plan, context, wanted.query.filter))

    async def _besides(
        self, plan: Plan, context: Context, wanted: AppealFilter, rows: Start | None = None
    ) -> dict[str, Any]:
        """What a plan needs, asked side by side; nothing else."""
        asking: dict[str, Start] = {
            TOTAL: lambda: self._total(context, wanted),
            DEGRADED: lambda: context.reads.degraded_sources(wanted.source),
            RECORDS: context.reads.source_records,
        }
        if rows is not None:
            asking[ROWS] = rows
        found = await asyncio.gather(*(asking[what]() for what in plan.besides))
        return dict(zip(plan.besides, found, strict=True))

    async def _total(self, context: Context, wanted: AppealFilter) -> int:
        if self.counted is None:
            return await context.reads.count(wanted)
        last = await context.last_change(self.counted.last_change)
        return (await self.counted.statistics(StatisticsQuery(wanted), last)).count


def _noted(context: Context, path: Any, *, compiled: bool) -> list[str] | None:
    """Note, for whoever wants to know, how a field is answered; gives where its statements are to be noted."""
    if context.plans is None:
        return None
    place, statements = path.as_list(), list[str]()
    # A field that may not be null is completed twice, the second time as one that may.
    if all(plan["path"] != place for plan in context.plans):
        context.plans.append({"path": place, "compiled": compiled, "statements": statements})
    return statements


async def _written(start: Start, statements: list[str] | None) -> orjson.Fragment | None:
    token = asked.set(statements)
    try:
        answer = await start()
    finally:
        asked.reset(token)
    return None if answer is None else orjson.Fragment(orjson.dumps(answer))


class Executor(StrawberryGraphQLCoreExecutionContext):
    """Strawberry's executor, which asks the compiler of the context first."""

    def complete_value(  # noqa: PLR0917  # graphql-core's signature
        self,
        return_type: GraphQLOutputType,
        field_details_list: Any,
        info: GraphQLResolveInfo[Any],
        path: Any,
        result: Any,
        position_context: Any,
    ) -> Any:
        if type(result) is orjson.Fragment:
            return result
        if isinstance(result, WANTED):
            nodes = [details.node for details in field_details_list]
            answer = self._answer(result, get_named_type(return_type), nodes, info, path)
            if answer is not None:
                return self.complete_awaitable_value(
                    return_type, field_details_list, info, path, answer, position_context
                )
        return super().complete_value(return_type, field_details_list, info, path, result, position_context)

    @staticmethod
    def _answer(result: Any, kind: Any, nodes: Sequence[FieldNode], info: GraphQLResolveInfo[Any], path: Any) -> Any:
        """The answer to a description; None for the one whose own fields resolve it."""
        # Strawberry hands over the plain values of variables, where graphql-core's own type says more.
        scope = Scope(info.schema, info.fragments, info.variable_values)  # type: ignore[arg-type]  # see above
        start = info.context.compiler.start(result, kind, nodes, scope, info.context)
        statements = _noted(info.context, path, compiled=start is not None)
        if start is not None:
            return _written(start, statements)
        return None if isinstance(result, AppealConnection) else result.resolved(info.context.reads)


class TracedExecutor(Executor):
    """The executor that times what it resolves, into the trace of its context."""

    def execute_field(
        self, parent_type: GraphQLObjectType, source: Any, field_details_list: Any, path: Any, position_context: Any
    ) -> Any:
        trace: Trace = self.context_value.trace
        node = trace.begin(path.as_list(), parent_type, field_details_list[0].node.name.value)
        result = super().execute_field(parent_type, source, field_details_list, path, position_context)
        if self.is_awaitable(result):
            return _until(result, trace, node)
        trace.end(node)
        return result


async def _until(result: Awaitable[Any], trace: Trace, node: Timed | None) -> Any:
    try:
        return await result
    finally:
        trace.end(node)
