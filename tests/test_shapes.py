"""Lists of tickets in the shapes that real systems send, from a plain static file server, through YAML alone."""

from pathlib import Path

import pytest
from aiohttp import web

from hub.config import load
from hub.lanes import LEASE
from hub.model import Tally
from hub.store.lanes import source_lane
from hub.store.store import Store
from hub.sync import run

SHAPES = Path(__file__).parent / "shapes"

EXPECTED = {
    "toronto": Tally(landed=2, served=1, rejected=1),
    "spec-xml": Tally(landed=1, served=1),
    "zendesk-export": Tally(landed=1, served=1),
    "zendesk-list": Tally(landed=3, served=2, rejected=1),
    "nyc311": Tally(landed=1, served=1),
    "servicenow": Tally(landed=1, served=1),
    "petition-letter": Tally(landed=2, served=2, repeated=1),
    "workorders": Tally(landed=3, served=2, rejected=1),
}
REASONS = {
    "toronto": ("external_id", "the ticket has no external_id"),
    "zendesk-list": ("status", "status 'escalated' is unknown; add it under maps.zendesk_status"),
    "workorders": ("created_at", "'2026-02-30'"),
}


@pytest.fixture
async def shapes():
    app = web.Application()
    app.router.add_static("/", SHAPES / "www")
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def test_every_shape_is_pulled_by_configuration_alone(store: Store, shapes: str):
    sources = load(SHAPES / "connectors.yaml", {"SHAPES": shapes}).sources

    tallies = {}
    for name, source in sources.items():
        await store.lanes.declare([each.record for each in sources.values()])
        lane = await store.lanes.claim_named(source_lane(name), "test", LEASE)
        tallies[name] = await run(source, store, lane)

    assert {name: Tally(t.landed, t.served, 0, t.rejected, t.repeated) for name, t in tallies.items()} == EXPECTED
    for name, (field, reason) in REASONS.items():
        (rejected,) = (await store.reads.rejected_tickets(name)).tickets
        assert rejected.field == field
        assert reason in rejected.reason
