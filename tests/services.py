"""Find the services that some tests talk to: a test that finds none says so loudly, or fails where one is required."""

import os
import socket

import pytest

PORTS = {"postgresql": 5432, "mariadb": 3306, "redis": 6379, "rabbitmq": 5672, "mqtt": 1883, "nats": 4222}
"""Where each listens on 127.0.0.1, unless HUB_TEST_<NAME>_PORT says otherwise."""


def port_of(service: str) -> int:
    """The port of a service on 127.0.0.1. Skips the test where nothing listens there, and says so.

    With HUB_REQUIRE_SERVICES=1, as in CI, it fails instead: a test that never runs proves nothing.
    """
    port = int(os.environ.get(f"HUB_TEST_{service.upper()}_PORT", PORTS[service]))
    try:
        socket.create_connection(("127.0.0.1", port), 2).close()
    except OSError:
        missing = f"NO {service.upper()} ON 127.0.0.1:{port}: what this test shows is not shown"
        if os.environ.get("HUB_REQUIRE_SERVICES") == "1":
            pytest.fail(missing)
        pytest.skip(missing)
    return port
