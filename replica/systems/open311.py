"""What the Open311 GeoReport v2 cities have in common: two statuses, service codes, and the words for them."""

from datetime import datetime

from aiohttp import web

from replica.city import CHINA, Snapshot, Stage
from replica.scenes import SCENES

NOTES = {
    Stage.RECEIVED: "Initiated - The request has been received.",
    Stage.ACCEPTED: "In progress - The request has been reviewed.",
    Stage.DECLINED: "Cancelled - The request is not a city matter.",
    Stage.DISPATCHED: "In progress - The request has been scheduled.",
    Stage.WORKING: "In progress - A crew is on site.",
    Stage.RETURNED: "Unassigned - The request was returned.",
    Stage.DONE: "Completed - The request has been completed.",
    Stage.AGAIN: "In progress - The request was opened again.",
    Stage.CLOSED: "Closed - The request has been closed.",
}
"""Free text in which the first words hold the true state, as Toronto writes it."""


def status(seen: Snapshot) -> str:
    """Say what the standard can say: open or closed."""
    return "closed" if seen.stage in (Stage.DECLINED, Stage.DONE, Stage.CLOSED) else "open"


def services(prefix: str) -> list[dict[str, str]]:
    """List what can be asked for, as /services does."""
    return [
        {"service_code": f"{prefix}{scene.code}", "service_name": scene.topic, "group": scene.office}
        for scene in SCENES
    ]


def iso(moment: datetime) -> str:
    return moment.astimezone(CHINA).isoformat(timespec="seconds")


def asked_time(request: web.Request, name: str, default: datetime) -> datetime:
    """Read a time from the query; raises ValueError when it is none, or has no offset."""
    moment = datetime.fromisoformat(request.query[name]) if name in request.query else default
    if moment.tzinfo is None:
        raise ValueError(f"{name} has no offset")
    return moment
