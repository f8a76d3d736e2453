"""One world a connector, by the connector's name: the contract suite runs over all of them."""

from worlds.broker import broker_world
from worlds.files import files_world
from worlds.open311 import open311_world
from worlds.rest import rest_world

WORLDS = {
    "broker": broker_world,
    "files": files_world,
    "open311": open311_world,
    "rest": rest_world,
}

QUEUES = frozenset({"broker"})
"""The connectors that take what they give: no cursor gives it again, so other promises hold in place of those of it."""
