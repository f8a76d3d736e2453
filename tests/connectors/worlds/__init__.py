"""The worlds that the contract suites run over, one a connector or more: `NAME`, or `NAME-WAY` for a way of it."""

from worlds.broker import broker_world
from worlds.files import files_world
from worlds.graphql import graphql_world
from worlds.inbound import inbound_world
from worlds.mailbox import mailbox_world
from worlds.open311 import open311_world
from worlds.remote_files import ftp_world, http_world, sftp_world
from worlds.rest import rest_world
from worlds.soap import soap_world
from worlds.sql import sql_world

WORLDS = {
    "broker": broker_world,
    "files": files_world,
    "files-ftp": ftp_world,
    "files-http": http_world,
    "files-sftp": sftp_world,
    "mailbox": mailbox_world,
    "graphql": graphql_world,
    "open311": open311_world,
    "rest": rest_world,
    "soap": soap_world,
    "sql": sql_world,
}

PUSHED = {
    "inbound": inbound_world,
}
"""Of connectors whose sources push: nothing is pulled from these."""
QUEUES = frozenset({"broker"})
"""The connectors that take what they give: no cursor gives it again, so other promises hold in place of those of it."""
