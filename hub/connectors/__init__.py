"""The connectors, by the name that connectors.yaml calls them."""

from hub.connectors.base import Connector
from hub.connectors.files import Files
from hub.connectors.mailbox import Mailbox
from hub.connectors.open311 import Open311
from hub.connectors.rest import Rest

REGISTRY: dict[str, type[Connector]] = {
    "files": Files,
    "mailbox": Mailbox,
    "open311": Open311,
    "rest": Rest,
}
