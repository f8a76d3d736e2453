"""The worlds that the contract suite runs over, one a connector or more: `NAME`, or `NAME-WAY` for a way of it."""

from worlds.files import files_world
from worlds.mailbox import mailbox_world
from worlds.open311 import open311_world
from worlds.remote_files import ftp_world, http_world, sftp_world
from worlds.rest import rest_world

WORLDS = {
    "files": files_world,
    "files-ftp": ftp_world,
    "files-http": http_world,
    "files-sftp": sftp_world,
    "mailbox": mailbox_world,
    "open311": open311_world,
    "rest": rest_world,
}
