"""The commands for endpoints, run as people run them, beside a receiver that refuses."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import standardwebhooks

from tests.endpoints.receiver import SECRET
from tests.test_cli import CONFIG, City, city, database_url

__all__ = ["city", "database_url"]  # the fixtures of the command

KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
ENDPOINT = """\
endpoints:
  office:
    title: 督查室
    url: http://127.0.0.1:{port}/hook
    insecure: true
    networks: [127.0.0.0/8]
    begin: start
    retry: {{refused: 1}}
"""


@dataclass
class Office:
    """Answers with a status, and remembers the ids that came."""

    status: int = 400
    ids: list[str] = field(default_factory=list)


@pytest.fixture
def office() -> Iterator[tuple[Office, int]]:
    office = Office()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # the name that http.server wants
            self.rfile.read(int(self.headers["Content-Length"]))
            office.ids.append(self.headers["webhook-id"])
            self.send_response(office.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield office, server.server_port
    server.shutdown()
    server.server_close()


def wait_until(condition: Callable[[], Any]) -> None:
    while not condition():
        time.sleep(0.1)


def test_a_secret_is_made_a_refused_change_is_seen_and_sent_again(city: City, office: tuple[Office, int]) -> None:
    """The story of an administrator whose receiver refused what it should have taken."""
    receiver, port = office
    city.configure(CONFIG + ENDPOINT.format(port=port))
    made = city.hub("endpoints", "office", "--rotate", HUB_SECRET_KEY=KEY)
    city.hub("sync")
    with city.running("worker", HUB_SECRET_KEY=KEY):
        wait_until(lambda: len(receiver.ids) == 2)
        wait_until(lambda: json.loads(city.hub("--json", "endpoints").stdout)["endpoints"][0]["dead_letters"] == 2)
    receiver.status = 200

    shown = city.hub("deliveries", "office")
    counted = city.hub("replay-deliveries", "office", "--number", "1", "--dry-run")
    replayed = city.hub("replay-deliveries", "office", "--number", "1")
    with city.running("worker", HUB_SECRET_KEY=KEY):
        wait_until(lambda: len(receiver.ids) == 3)
        wait_until(lambda: json.loads(city.hub("--json", "endpoints").stdout)["endpoints"][0]["dead_letters"] == 1)

    assert made.stdout.startswith("whsec_")
    assert "answered 400" in shown.stdout
    assert "2 dead letters: run `hub replay-deliveries office`" in shown.stdout
    assert counted.stdout == "1 delivery would be sent again; nothing was changed\n"
    assert replayed.stdout == "1 delivery will be sent again\n"
    assert receiver.ids[2] == "1"


def test_a_test_message_shows_what_the_endpoint_answers(city: City, office: tuple[Office, int]) -> None:
    receiver, port = office
    city.configure(CONFIG + ENDPOINT.format(port=port) + f"    secrets: [{SECRET}]\n")

    refused = city.hub("endpoints", "office", "--test")
    receiver.status = 200
    taken = city.hub("endpoints", "office", "--test")

    assert (refused.returncode, refused.stdout) == (1, "refused (400): answered 400\n")
    assert (taken.returncode, taken.stdout) == (0, "delivered (200)\n")
    assert all(one.startswith("test_") for one in receiver.ids)


def test_an_endpoint_is_paused_and_resumed(city: City) -> None:
    city.configure(CONFIG + ENDPOINT.format(port=9))

    paused = city.hub("endpoints", "office", "--pause")
    shown = json.loads(city.hub("--json", "endpoints").stdout)
    city.hub("endpoints", "office", "--resume")
    resumed = json.loads(city.hub("--json", "endpoints").stdout)

    assert paused.stdout == "office is sent nothing until `hub endpoints office --resume`\n"
    assert [each["endpoints"][0]["state"] for each in (shown, resumed)] == ["paused", "well"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("deliveries", "ofice"), "there is no endpoint 'ofice' in connectors.yaml did you mean 'office'?"),
        (("endpoints", "office"), "give the name of an endpoint and one of --pause, --resume, --rotate and --test"),
        (("endpoints", "--pause"), "give the name of an endpoint and one of --pause, --resume, --rotate and --test"),
        (("endpoints", "office", "--rotate"), "the hub has no HUB_SECRET_KEY to keep secrets with"),
        (("replay-deliveries", "office", "--delivered"), "--delivered sends everything once more"),
        (("replay-deliveries", "office", "--since", "gestern"), "--since 'gestern' is no day"),
        (("replay-deliveries", "office", "--number", "1", "--to", "2"), "--number is one change"),
    ],
)
def test_what_cannot_be_meant_is_told(city: City, arguments: tuple[str, ...], said: str) -> None:
    city.configure(CONFIG + ENDPOINT.format(port=9))

    done = city.hub(*arguments)

    assert done.returncode != 0
    assert said in " ".join(done.stderr.replace("│", " ").split())


def test_what_an_endpoint_would_be_sent_is_printed_and_not_sent(city: City, office: tuple[Office, int]) -> None:
    receiver, port = office
    city.configure(CONFIG + ENDPOINT.format(port=port) + f"    secrets: [{SECRET}]\n")
    city.hub("sync")

    shown = city.hub("listen", "office", "--after", "0", "--count", "2")

    requests = [block.split("\n\n") for block in shown.stdout.strip().split("\n\nPOST ")]
    heads, body = requests[0][0].splitlines(), requests[0][1]
    headers = dict(line.split(": ", 1) for line in heads[1:])
    assert heads[0] == f"POST http://127.0.0.1:{port}/hook"
    assert standardwebhooks.Webhook(SECRET).verify(body, headers)["type"] == "appeal.created"
    assert len(requests) == 2
    assert receiver.ids == []
