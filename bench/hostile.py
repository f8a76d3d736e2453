"""Measure what refusing a hostile query costs: milliseconds of CPU until it is refused, or found to be small.

    python -m bench.hostile

Each line `RATIO what value target ok|short` is a promise. Nothing is executed, and no database is needed.
"""

import sys
import time
from contextlib import suppress
from types import SimpleNamespace
from typing import Any, cast

from graphql import OperationType

from bench.costs import ratio
from hub.schema.execution import Execution, Operation, Refused
from hub.schema.limits import Limits

MOST = 50
ROUNDS = 5


def _spreads(count: int, of: str) -> str:
    """Fragments that each spread the next one twice."""
    fragments = (f" fragment F{n} on Appeal {{ {of} ...F{n + 1} ...F{n + 1} }}" for n in range(count))
    return "{ appeals { nodes { ...F0 } } }" + "".join(fragments) + f" fragment F{count} on Appeal {{ id }}"


def _side_by_side(count: int) -> str:
    names = " ".join(f"...F{n}" for n in range(count))
    return f"{{ appeals {{ nodes {{ {names} }} }} }}" + "".join(
        f" fragment F{n} on Appeal {{ id source {{ name }} }}" for n in range(count)
    )


HOSTILE = {
    "doubling-20-times": _spreads(20, "title"),
    "doubling-60-times": _spreads(60, "title"),
    "aliases-by-doubling": _spreads(20, "a: title"),
    "braces-20000": "{" * 20_000,
    "lists-5000": "{a(b:" + "[" * 5_000 + "]" * 5_000 + ")}",
    "one-field-10000-times": "{ " + "__typename " * 9_000 + "}",
    "one-field-980-times": "{ appeals { nodes { " + "id " * 980 + "} } }",
    "one-object-240-times": "{ appeals { nodes { " + "source { name } " * 240 + "} } }",
    "unknown-fields-980": "{ appeals { nodes { " + "xyzzy " * 980 + "} } }",
    "fragments-side-by-side": _side_by_side(50),
    "circular-introspection": "{ __schema { types { " + "fields { type { " * 40 + "name" + " } }" * 40 + " } } }",
}


def main() -> None:
    nothing = cast("Any", SimpleNamespace())
    execution = Execution(nothing, nothing, Limits(), production=False)
    _took(execution, "{ __typename }")  # the schema is made by the first
    # A list: each figure is printed, whichever came out short.
    fine = [ratio(f"refuse-{name}-ms", _took(execution, query), MOST) for name, query in HOSTILE.items()]
    sys.exit(not all(fine))


def _took(execution: Execution, query: str) -> float:
    """The least of a few rounds: nothing that was asked before is remembered, for a blank more is another document."""
    took = []
    for number in range(ROUNDS):
        began = time.process_time()
        with suppress(Refused):
            execution.prepare(Operation(query + " " * number, {}), frozenset(OperationType))
        took.append((time.process_time() - began) * 1_000)
    return min(took)


if __name__ == "__main__":
    main()
