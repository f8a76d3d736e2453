"""The connectors, by the name that connectors.yaml calls them."""

from hub.connectors.base import Connector
from hub.connectors.rest import Rest

REGISTRY: dict[str, type[Connector]] = {
    "rest": Rest,
}
