"""One world a connector, by the connector's name: the contract suite runs over all of them."""

from worlds.files import files_world
from worlds.graphql import graphql_world
from worlds.open311 import open311_world
from worlds.rest import rest_world
from worlds.sql import sql_world

WORLDS = {
    "files": files_world,
    "graphql": graphql_world,
    "open311": open311_world,
    "rest": rest_world,
    "sql": sql_world,
}
