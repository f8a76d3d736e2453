"""Execute queries as Strawberry does, but answer what can be compiled by one statement and one function.

A resolver returns a description of what is wanted. Where its selection can be compiled, the plan for this very
selection is taken, or made, and its answer goes out as JSON that nobody walks again. Everything else, and everything
when compiling is off, is resolved field by field over the same description.
"""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from graphql import FieldNode, FragmentDefinitionNode, GraphQLObjectType, GraphQLResolveInfo, get_named_type
from graphql.type import GraphQLOutputType
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from hub.schema.compiling import NotCompilable, Plan, Selections, appeal_plan, page_plan, shaped_page
from hub.schema.types import AppealConnection, AppealWanted
from hub.store.quick import Quick, can_page

_REMEMBERED = 1_000
_MOST_VARIANTS = 16


@dataclass
class Compiler:
    """The plans of one hub, by the selections that they are for. `quick` is None where compiling is off."""

    quick: Quick | None
    _plans: OrderedDict[Any, list[Plan]] = field(default_factory=OrderedDict)

    def answer(
        self, wanted: Any, kind: GraphQLObjectType, nodes: Sequence[FieldNode], info: GraphQLResolveInfo[Any]
    ) -> Awaitable[Any] | None:
        """Answer what is wanted, or return None where its selection needs resolvers."""
        if self.quick is None:
            return None
        try:
            if isinstance(wanted, AppealWanted):
                return self._one(self.quick, wanted, self._plan(("one",), nodes, info, self._appeal(kind)))
            query = wanted.fetch.query
            if not can_page(query):
                return None
            shape = ("page", query.order, query.backward)
            plan = self._plan(shape, nodes, info, lambda chosen, found: page_plan(chosen, kind, found, query))
            return self._page(self.quick, wanted, plan)
        except NotCompilable:
            return None

    @staticmethod
    def _appeal(kind: GraphQLObjectType) -> "Make":
        return lambda selections, nodes: appeal_plan(selections, kind, nodes)

    def _plan(
        self, shape: tuple[Any, ...], nodes: Sequence[FieldNode], info: GraphQLResolveInfo[Any], make: "Make"
    ) -> Plan:
        key = (shape, id(nodes[0]))
        known = self._plans.get(key, [])
        for plan in known:
            if plan.serves(nodes, _variables(info)):
                return plan
        plan = make(_selections(info), nodes)
        # The plan keeps its nodes alive, so that no other node can have their identity meanwhile.
        self._plans[key] = [plan, *known[: _MOST_VARIANTS - 1]]
        if len(self._plans) > _REMEMBERED:
            self._plans.popitem(last=False)
        return plan

    @staticmethod
    async def _one(quick: Quick, wanted: AppealWanted, plan: Plan) -> Any:
        row = await quick.one(wanted.key, plan.columns)
        return None if row is None else _written(plan.shape(row))

    @staticmethod
    async def _page(quick: Quick, wanted: AppealConnection, plan: Plan) -> Any:
        query = wanted.fetch.query
        return _written(shaped_page(plan, query, await quick.page(query, plan.columns)))


Make = Callable[[Selections, Sequence[FieldNode]], Plan]


def _written(answer: Any) -> orjson.Fragment:
    return orjson.Fragment(orjson.dumps(answer))


def _selections(info: GraphQLResolveInfo[Any]) -> Selections:
    types = info.schema.type_map
    fragments: Mapping[str, FragmentDefinitionNode] = info.fragments

    def is_sub_type(condition: str, name: str) -> bool:
        return bool(info.schema.is_sub_type(types[condition], types[name]))  # type: ignore[arg-type]  # both are composite

    return Selections(fragments, _variables(info), is_sub_type)


def _variables(info: GraphQLResolveInfo[Any]) -> Mapping[str, Any]:
    # Strawberry hands over the plain values, where graphql-core's own type says more.
    return info.variable_values  # type: ignore[return-value]  # see above


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
        if isinstance(result, AppealConnection | AppealWanted):
            nodes = [details.node for details in field_details_list]
            kind = get_named_type(return_type)
            answer = info.context.compiler.answer(result, kind, nodes, info)
            if answer is None and isinstance(result, AppealWanted):
                answer = result.resolved(info.context.reads)
            if answer is not None:
                return self.complete_awaitable_value(
                    return_type, field_details_list, info, path, answer, position_context
                )
        return super().complete_value(return_type, field_details_list, info, path, result, position_context)
