"""The connectors, by the name that connectors.yaml calls them."""

from hub.connectors.registry import Registry

REGISTRY = Registry(
    broker="hub.connectors.broker:Broker",
    files="hub.connectors.files:Files",
    graphql="hub.connectors.graphql:GraphQL",
    inbound="hub.connectors.inbound:Inbound",
    mailbox="hub.connectors.mailbox:Mailbox",
    open311="hub.connectors.open311:Open311",
    rest="hub.connectors.rest:Rest",
    soap="hub.connectors.soap:Soap",
    sql="hub.connectors.sql:Sql",
)
