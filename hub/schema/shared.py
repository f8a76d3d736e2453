"""One answer for all who follow the same: three hundred dashboards with one document cost one execution a change."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    OperationDefinitionNode,
    Visitor,
    visit,
)

T = TypeVar("T")
_REMEMBERED = 256
_FRESH = 1.0  # seconds: a subscriber that is later than that sees each appeal as it is then


class Shared(Generic[T]):
    """Answers under way, or of this very second, by what they depend on."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._answers: OrderedDict[Hashable, tuple[float, asyncio.Task[T]]] = OrderedDict()

    async def get(self, key: Hashable, make: Callable[[], Awaitable[T]]) -> T:
        """The answer for a key: made once for all that ask for it at the same time."""
        known = self._answers.get(key)
        if known is None or self._clock() - known[0] > _FRESH:
            known = self._clock(), asyncio.ensure_future(_made(make))
            self._answers[key] = known
            self._answers.move_to_end(key)
            if len(self._answers) > _REMEMBERED:
                self._answers.popitem(last=False)
        # Whoever goes takes the answer from nobody else.
        return await asyncio.shield(known[1])


async def _made(make: Callable[[], Awaitable[T]]) -> T:
    return await make()


def depends_on_variables(document: DocumentNode, operation: OperationDefinitionNode) -> bool:
    """Whether the answer to an event may differ by variables: they stand elsewhere than in a root field's arguments."""
    watching = _Watching()
    for node in document.definitions:
        if isinstance(node, FragmentDefinitionNode):
            visit(node, watching)
    for root in operation.selection_set.selections:
        if not isinstance(root, FieldNode) or root.directives:
            return True
        if root.selection_set:
            visit(root.selection_set, watching)
    return watching.seen


class _Watching(Visitor):
    seen = False

    def enter_variable(self, *_: object) -> None:
        self.seen = True
