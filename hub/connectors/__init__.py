"""The connectors, by the name that connectors.yaml calls them."""

from hub.connectors.registry import Registry

REGISTRY = Registry(
    files="hub.connectors.files:Files",
    inbound="hub.connectors.inbound:Inbound",
    open311="hub.connectors.open311:Open311",
    rest="hub.connectors.rest:Rest",
    soap="hub.connectors.soap:Soap",
)
