"""Connect to where an endpoint may be: to no private network unless it is named, and never to the hub itself."""

import ipaddress
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Annotated, Any, TypeAlias
from urllib.parse import urlsplit

import psutil
from pydantic import AfterValidator, Field, WithJsonSchema

from hub.connectors.guard import Forbidden

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
IpNetwork: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

_NEVER = tuple(
    ipaddress.ip_network(network)
    for network in (
        *("0.0.0.0/8", "169.254.0.0/16", "100.100.100.200/32", "224.0.0.0/4", "240.0.0.0/4"),
        *("::/128", "fe80::/10", "ff00::/8", "fd00:ec2::254/128"),
    )
)
"""Where nobody's system is: this host, link-local, where clouds keep their credentials, multicast, reserved."""
_EMBEDDING = tuple(ipaddress.ip_network(network) for network in ("64:ff9b::/96", "::/96"))
"""IPv6 addresses whose last four bytes are an IPv4 address: NAT64, and the old compatible form."""


def _network(text: str) -> str:
    try:
        ipaddress.ip_network(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is no network such as 10.8.0.0/16: {error}") from None
    return text


Networks = Annotated[
    tuple[
        Annotated[str, AfterValidator(_network), WithJsonSchema({"type": "string", "examples": ["10.8.0.0/16"]})], ...
    ],
    Field(max_length=32),
]


@dataclass(frozen=True)
class Guard:
    """Says whether an address may be connected to. `networks` are allowed beside public ones; `own` are our ports."""

    networks: tuple[IpNetwork, ...] = ()
    own: frozenset[int] = frozenset()

    @classmethod
    def of(cls, networks: Iterable[str], own: Iterable[int] = ()) -> "Guard":
        return cls(tuple(map(ipaddress.ip_network, networks)), frozenset(own))

    def refuses(self, host: str, port: int) -> str | None:
        """Say why an address is not connected to; None where it is."""
        address = plain(host)
        if any(address in network for network in _NEVER if network.version == address.version):
            return f"{host} is never connected to"
        if port in self.own and (address.is_loopback or str(address) in _of_this_machine()):
            return f"{host}:{port} is the hub itself"
        if any(address in network for network in self.networks if network.version == address.version):
            return None
        if address.is_global and not address.is_reserved and not address.is_multicast:
            return None
        return f"{host} is no public address; name its network under `networks` if that is meant"

    def socket(self, seen: Callable[[str], None]) -> Callable[[Any], socket.socket]:
        """Open sockets for aiohttp: it asks after resolution, for every connection, so that no name leads elsewhere."""

        def opened(info: Any) -> socket.socket:
            family, kind, protocol, _, where = info
            if reason := self.refuses(str(where[0]), int(where[1])):
                raise Forbidden(reason)
            seen(str(where[0]))
            return socket.socket(family=family, type=kind, proto=protocol)

        return opened


def refused(url: str, networks: Iterable[str]) -> str | None:
    """Say why a URL is refused whose host is an address, however written; names are judged at the socket."""
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".")
    literal = "127.0.0.1" if host == "localhost" or host.endswith(".localhost") else _literal(host)
    reason = Guard.of(networks).refuses(literal, parts.port or 443) if literal else None
    return reason if reason is None or literal == host else f"{host} is {reason}"


def plain(host: str) -> Address:
    """Read an address; one of IPv6 that stands for one of IPv4 is that one."""
    address = ipaddress.ip_address(host.partition("%")[0])
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if inner := address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None):
        return inner
    if any(address in network for network in _EMBEDDING) and address.packed[12:14] != b"\0\0":
        return ipaddress.IPv4Address(address.packed[12:])
    return address


def _literal(host: str) -> str | None:
    """An address as the resolver would read it, `0x7f.1` and `2130706433` too; None for a name."""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        pass
    if not host or not all(part and part[0].isdigit() for part in host.split(".")):
        return None
    try:
        return socket.inet_ntoa(socket.inet_aton(host))
    except OSError:
        return None


def _of_this_machine() -> set[str]:
    return {entry.address.partition("%")[0] for entries in psutil.net_if_addrs().values() for entry in entries}
