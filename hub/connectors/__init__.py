"""The connectors, by the name that connectors.yaml calls them."""

from hub.connectors.base import Connector
from hub.connectors.broker import Broker
from hub.connectors.files import Files
from hub.connectors.open311 import Open311
from hub.connectors.rest import Rest

REGISTRY: dict[str, type[Connector]] = {
    "broker": Broker,
    "files": Files,
    "open311": Open311,
    "rest": Rest,
}
