"""One world a connector, by the connector's name: the contract suites run over all of them."""

from worlds.files import files_world
from worlds.inbound import inbound_world
from worlds.open311 import open311_world
from worlds.rest import rest_world
from worlds.soap import soap_world

WORLDS = {
    "files": files_world,
    "open311": open311_world,
    "rest": rest_world,
    "soap": soap_world,
}

PUSHED = {
    "inbound": inbound_world,
}
"""Of connectors whose sources push: nothing is pulled from these."""
