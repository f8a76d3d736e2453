"""Open no connection to where clouds keep their credentials."""

import asyncio
import ipaddress
import socket
from typing import Any

from hub.errors import SourceRefused, SourceUnavailable

# Private ranges stay open: that is where legacy systems live.
_FORBIDDEN = tuple(
    ipaddress.ip_network(network)
    for network in ("169.254.0.0/16", "100.100.100.200/32", "0.0.0.0/32", "::/128", "fe80::/10", "fd00:ec2::254/128")
)


class Forbidden(OSError):
    """A name resolved to an address that is never asked."""


def guarded_socket(address: Any) -> socket.socket:
    """Open a socket, after resolution, so that no name can lead to where clouds keep their credentials."""
    family, kind, protocol, _, where = address
    if is_forbidden(host := str(where[0])):
        raise Forbidden(f"{host} is never asked: cloud metadata lives there")
    return socket.socket(family=family, type=kind, proto=protocol)


async def refuse_forbidden(host: str) -> None:
    """See that a name leads nowhere that is never asked, for what opens its sockets itself. Raises SourceError."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise SourceUnavailable(f"no address is known of {host}") from None
    for *_, where in found:
        if is_forbidden(str(where[0])):
            raise SourceRefused(f"{where[0]} is never asked: cloud metadata lives there")


def is_forbidden(address: str) -> bool:
    """Tell whether clouds keep their credentials at an address, however it is written."""
    host = ipaddress.ip_address(address.partition("%")[0])
    plain = getattr(host, "ipv4_mapped", None) or host
    return any(plain in network for network in _FORBIDDEN if network.version == plain.version)
