"""Where an endpoint may be: refused in the file and at the socket, however an address is written."""

import socket
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver

from hub.endpoints.guard import Guard, refused
from hub.errors import ConfigError
from hub.store import tables
from tests.connectors.upstream import serving
from tests.endpoints.receiver import changes, endpoint, told
from tests.test_webhooks import rows

PRIVATE = (
    *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1", "198.18.0.1", "192.0.2.1"),
    *("::1", "fc00::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "::7f00:1"),
)
NEVER = (
    *("0.0.0.0", "169.254.169.254", "100.100.100.200", "224.0.0.1", "255.255.255.255", "fe80::1", "ff02::1"),
    *("::", "fd00:ec2::254", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe"),
)
WRITTEN = (
    *(
        "127.0.0.1",
        "localhost",
        "LOCALHOST",
        "api.localhost",
        "localhost.",
        "0x7f.1",
        "127.1",
        "2130706433",
        "0177.0.0.1",
    ),
    *("[::1]", "[::ffff:7f00:1]", "[::ffff:127.0.0.1]", "169.254.169.254", "10.0.0.1", "0"),
)


@pytest.mark.parametrize("address", PRIVATE)
def test_a_private_address_is_refused_unless_its_network_is_named(address):
    assert Guard().refuses(address, 443)
    assert Guard.of(["0.0.0.0/0", "::/0"]).refuses(address, 443) is None


@pytest.mark.parametrize("address", NEVER)
def test_some_addresses_are_refused_whatever_is_named(address):
    assert Guard.of(["0.0.0.0/0", "::/0"]).refuses(address, 443)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_a_public_address_is_connected_to(address):
    assert Guard().refuses(address, 443) is None


@pytest.mark.parametrize("host", WRITTEN)
def test_an_address_in_a_url_is_refused_however_it_is_written(host):
    assert refused(f"https://{host}/hook", ())


@pytest.mark.parametrize("host", ["office.example.gov.cn", "8.8.8.8", "1.example", "0x.example"])
def test_a_name_is_judged_when_it_is_connected_to(host):
    assert refused(f"https://{host}/hook", ()) is None


def test_the_hub_itself_is_never_an_endpoint():
    guard = Guard.of(["127.0.0.0/8", "::1/128"], own=[8000])

    assert guard.refuses("127.0.0.1", 8000) == "127.0.0.1:8000 is the hub itself"
    assert guard.refuses("::1", 8000)
    assert guard.refuses("127.0.0.1", 8001) is None


def test_a_private_address_in_the_file_is_a_mistake(tmp_path):
    with pytest.raises(ConfigError, match="is no public address; name its network under `networks`"):
        endpoint(tmp_path, "http://127.0.0.1:1", networks=[])


class Rebinding(AbstractResolver):
    """Answers with a public address first, and with a private one when it is asked again."""

    def __init__(self, port: int) -> None:
        self._addresses = ["127.0.0.1"]
        self._port = port

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET) -> list[Any]:
        address = self._addresses.pop() if self._addresses else "10.0.0.1"
        return [{"hostname": host, "host": address, "port": self._port, "family": family, "proto": 0, "flags": 0}]

    async def close(self) -> None:
        pass


async def test_a_name_is_judged_for_every_connection_by_where_it_leads_then():
    async with serving(lambda _request: web.Response(headers={"Connection": "close"})) as upstream:
        port = int(upstream.url.rpartition(":")[2])
        seen: list[str] = []
        connector = aiohttp.TCPConnector(
            socket_factory=Guard.of(["127.0.0.0/8"]).socket(seen.append),
            resolver=Rebinding(port),
            use_dns_cache=False,
            force_close=True,
        )
        async with aiohttp.ClientSession(connector=connector) as http:
            await http.post("http://office.example.gov.cn/hook")

            with pytest.raises(aiohttp.ClientConnectorError) as refused:
                await http.post("http://office.example.gov.cn/hook")

    assert "10.0.0.1 is no public address" in str(refused.value.os_error)
    assert seen == ["127.0.0.1"]


async def test_an_address_that_is_refused_at_the_socket_is_told_as_the_reason(store, tmp_path):
    await changes(store, 1)
    wanted = endpoint(tmp_path, "http://127.0.0.1:8123", retry={"attempts": 1}, environ={"HUB_PORT": "8123"})

    await told(store, wanted)

    (parked,) = await rows(store, tables.parked)
    assert (parked.dead, parked.reason) == (True, "127.0.0.1:8123 is the hub itself")
