"""Five systems that nobody here has seen before, each pulled by its entry in connectors.yaml and nothing else."""

from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from aiohttp import web
from board import Board
from cases import SHOWN, Cases
from desk import Desk
from gateway import NOW, Gateway
from office import TODAY, Office

from hub.config import Source, load
from hub.errors import SourceRefused
from hub.lanes import LEASE
from hub.model import Appeal, Tally
from hub.store.lanes import source_lane
from hub.store.store import Store
from hub.sync import run

HERE = Path(__file__).parent
PLACES = ("BOARD", "OFFICE", "CASES", "GATEWAY", "DESK")
ENVIRON = {
    "OFFICE_PASSWORD": "p4ssword",
    "OFFICE_START": str(TODAY - timedelta(days=9)),
    "CASES_KEY": "none",
    "GATEWAY_TOKEN": "s3cret",
    "GATEWAY_START": (NOW - timedelta(days=4)).isoformat(),
    "DESK_PASSWORD": "p4ssword",
}

Run = Callable[[], Any]


@asynccontextmanager
async def pulled(store: Store, name: str, application: web.Application, **environ: str) -> AsyncIterator[Run]:
    """Serve a system, and give what runs its source once more."""
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    source = load(HERE / "connectors.yaml", ENVIRON | dict.fromkeys(PLACES, url) | environ).sources[name]
    try:
        yield lambda: once(store, source)
    finally:
        await runner.cleanup()


async def once(store: Store, source: Source) -> Tally:
    async with store._database.begin() as connection:
        await connection.execute(sa.text("update lane set due_at = '-infinity'"))
    await store.lanes.declare([source.record])
    lane = await store.lanes.claim_named(source_lane(source.name), "test", LEASE)
    return await run(source, store, lane)


async def appeal(store: Store, name: str, external_id: str) -> Appeal:
    stored = await store.reads.appeal_of(name, external_id)
    assert stored is not None
    return stored.appeal


async def test_a_message_board(store: Store):
    board = Board()
    async with pulled(store, "board", board.application()) as once_more:
        first = await once_more()
        second = await once_more()
        board.states[20] = "已办理"
        third = await once_more()

    assert first == Tally(landed=27, served=27)
    assert second.landed == 0
    assert (third.landed, third.served) == (1, 1)
    letter = await appeal(store, "board", "20")
    assert (letter.status, letter.kind, letter.lead_org) == ("RESOLVED", "HELP", "市城管局")
    assert (letter.content, letter.public_reply) == ("全文20", "已安排处理")
    assert (await appeal(store, "board", "22")).content is None


async def test_an_old_office(store: Store):
    office = Office()
    async with pulled(store, "office", office.application()) as once_more:
        first = await once_more()
        again = await once_more()
        office.rows.append((200, TODAY))
        later = await once_more()

    assert first == Tally(landed=10, served=10)
    assert again.landed == 0
    assert (later.landed, later.served) == (1, 1)
    order = await appeal(store, "office", "0101")
    assert (order.title, order.status, order.satisfaction) == ("第101号工单\n请办", "RESOLVED", "SATISFIED")
    assert order.attributes == {"楼栋": "3栋", "网格": "A12"}
    assert office.logins >= 2


async def test_a_case_management_of_the_cloud(store: Store):
    cases = Cases()
    async with pulled(
        store, "cases", cases.application(), CASES_KEY=cases.key.as_pem(private=True).decode()
    ) as once_more:
        first = await once_more()
        cases.questions.clear()
        cases.rows.append(cases.row(7, "2026-03-06T00:00:00Z"))
        second = await once_more()

    assert first == Tally(landed=5, served=5)
    assert second == Tally(landed=1, served=1, unchanged=1)
    assert "$filter=modifiedon+gt+2026-03-04T23:59:59Z" in cases.questions[0]
    case = await appeal(store, "cases", "case-1")
    assert (case.status, case.lead_org, case.reporter_phone) == ("RESOLVED", "城管局", "+8613800000000")
    assert (case.content, case.attributes["楼栋"]) == ("case-1 第1步；case-1 第2步", "1栋")
    assert (await appeal(store, "cases", "case-2")).lead_org is None
    assert cases.tokens == 1
    assert SHOWN in cases.rows[0]


async def test_a_provincial_exchange(store: Store):
    gateway = Gateway()
    async with pulled(store, "gateway", gateway.application()) as once_more:
        first = await once_more()
        assert Counter(gateway.paths)["/ebus/orgs"] == 1
        second = await once_more()

    assert (first.landed, first.served) == (28, 28)
    assert second.landed == 0
    event = await appeal(store, "gateway", "420804-4")
    assert (event.content, event.area, event.lead_org, event.grid) == (
        "420804-4的全部内容",
        "420804",
        "第1执法队",
        "W4",
    )
    assert (await appeal(store, "gateway", "420804-3")).content is None


async def test_a_help_desk(store: Store):
    desk = Desk()
    async with pulled(store, "desk", desk.application()) as once_more:
        first = await once_more()
        desk.changed["3"] = "2026-03-07 07:30:00"
        second = await once_more()

    assert first == Tally(landed=7, served=6, rejected=1)  # number 4 is gone meanwhile
    assert second == Tally(landed=1, served=1, unchanged=1)
    assert desk.searches[-1]["Filter"] == {"ChangedSince": "2026-03-07 07:00:00"}
    assert desk.fetched == [["1", "2", "3"], ["4", "5", "6"], ["7"], ["3", "7"]]
    ticket = await appeal(store, "desk", "3")
    assert (ticket.title, ticket.status, ticket.area) == ("咨询3", "IN_PROGRESS", "420802")
    assert ticket.reporter_phone == "+8613800000000"
    assert desk.sessions == 2


@pytest.mark.parametrize(
    ("name", "system", "environ", "said"),
    [
        ("office", Office, {"OFFICE_PASSWORD": "wr0ng-one"}, "login form again"),
        ("gateway", Gateway, {"GATEWAY_TOKEN": "wr0ng-one"}, "签名校验失败"),
        ("desk", Desk, {"DESK_PASSWORD": "wr0ng-one"}, "SessionCreate.AuthFail|holds no `SessionID`"),
    ],
)
async def test_a_wrong_secret_is_told_and_not_shown(
    store: Store, name: str, system: Any, environ: dict[str, str], said: str
):
    async with pulled(store, name, system().application(), **environ) as once_more:
        with pytest.raises(SourceRefused, match=said) as caught:
            await once_more()

    assert "wr0ng" not in str(caught.value)
