"""The connectors, by the name that connectors.yaml calls them."""

from hub.connectors.base import Connector
from hub.connectors.files import Files
from hub.connectors.graphql import GraphQL
from hub.connectors.open311 import Open311
from hub.connectors.rest import Rest
from hub.connectors.sql import Sql

REGISTRY: dict[str, type[Connector]] = {
    "files": Files,
    "graphql": GraphQL,
    "open311": Open311,
    "rest": Rest,
    "sql": Sql,
}
