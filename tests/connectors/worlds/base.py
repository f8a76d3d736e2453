"""What a world of the contract suite is: a source with fourteen tickets, and ways to break it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from upstream import Upstream, json

from hub.connectors.base import Connector, Push

CANARY = "c4n4ry/s3cr3t+value"
NOW = datetime.now(UTC)
ROWS = [
    {
        "service_request_id": str(number),
        "status": "open",
        "service_code": "014",
        "requested_datetime": (NOW - timedelta(days=150 - 10 * number)).isoformat(timespec="seconds"),
    }
    for number in range(14)
]


@dataclass
class World:
    """A source with fourteen tickets, and ways to break it."""

    connector: Connector
    go_away: Callable[[], None]
    say_no: Callable[[], None]


@dataclass
class Sender:
    """A source that pushes its fourteen tickets, and what it would not push."""

    connector: Any
    """A connector that is a receiver as well."""
    genuine: Push
    forged: Push
    unreadable: Push


def breakable(upstream: Upstream, connector: Connector) -> World:
    def answer_with(status: int) -> None:
        upstream.answer = lambda request: json({"echo": str(request.url), "key": request.headers.get("X-Key")}, status)

    return World(connector, lambda: answer_with(503), lambda: answer_with(403))
