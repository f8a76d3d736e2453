"""Faults happen when they are asked for, and only then."""

import asyncio
import time
from datetime import timedelta
from xml.etree import ElementTree as ET

import aiohttp
import pytest

from tests.replica.test_web_systems import bearer, login

KEY = {"X-Api-Key": "demo-12315"}
COMPLAINTS = "/hotline-12315/complaints"


async def test_nothing_goes_wrong_unasked(ask):
    answers = [await ask(COMPLAINTS, headers=KEY) for _ in range(20)]

    assert {status for status, _, _ in answers} == {200}
    assert len({str(body) for _, _, body in answers}) == 1


async def test_too_many_requests_come_with_retry_after(replica, ask):
    replica.faults.too_many, replica.faults.retry_after = 1.0, 7

    status, headers, _ = await ask(COMPLAINTS, headers=KEY)

    assert (status, headers["Retry-After"]) == (429, "7")


async def test_a_broken_server_answers_500(replica, ask):
    replica.faults.broken = 1.0

    status, _, body = await ask(COMPLAINTS, headers=KEY)

    assert status == 500
    assert b"Exception" in body


async def test_a_share_of_requests_fails(replica, ask):
    replica.faults.broken = 0.5

    statuses = [(await ask(COMPLAINTS, headers=KEY))[0] for _ in range(60)]

    assert 10 < statuses.count(500) < 50


async def test_an_answer_is_cut_in_the_middle(replica, ask):
    replica.faults.cut = 1.0

    with pytest.raises(aiohttp.ClientPayloadError):
        await ask(COMPLAINTS, headers=KEY)


async def test_answers_come_late(replica, ask):
    replica.faults.latency = timedelta(milliseconds=150)
    began = time.monotonic()

    await asyncio.gather(*(ask(COMPLAINTS, headers=KEY) for _ in range(4)))

    assert 0.14 < time.monotonic() - began < 2


async def test_rows_and_keys_come_in_another_order_and_stay_the_same(replica, ask):
    _, _, plain = await ask(COMPLAINTS, headers=KEY, params={"limit": 100})
    replica.faults.reorder = True

    _, _, shuffled = await ask(COMPLAINTS, headers=KEY, params={"limit": 100})

    assert [row["TSBH"] for row in shuffled["rows"]] != [row["TSBH"] for row in plain["rows"]]
    assert list(shuffled["rows"][0]) != list(plain["rows"][0])
    assert sorted(shuffled["rows"], key=str_id) == sorted(plain["rows"], key=str_id)


async def test_xml_comes_in_another_order_too(replica, ask):
    _, _, plain = await ask("/hotline-12319/open311/v2/requests.xml")
    replica.faults.reorder = True

    _, _, shuffled = await ask("/hotline-12319/open311/v2/requests.xml")

    assert ids_of(shuffled) != ids_of(plain)
    assert sorted(ids_of(shuffled)) == sorted(ids_of(plain))


@pytest.mark.parametrize("ttl", [None, timedelta(seconds=10)])
async def test_a_token_expires_after_its_time(replica, ask, clock, ttl):
    replica.faults.token_ttl = ttl
    token = await bearer(ask)

    clock.forward(seconds=299 if ttl is None else 9)
    in_time, _, _ = await ask("/gaopinban/api/v2/reports", headers=token)
    clock.forward(seconds=2)
    too_late, _, _ = await ask("/gaopinban/api/v2/reports", headers=token)

    assert (in_time, too_late) == (200, 401)


async def test_a_login_token_expires_as_well(replica, ask, clock):
    token = await login(ask)

    replica.faults.token_ttl = timedelta(seconds=1)
    clock.forward(seconds=2)
    status, _, body = await ask("/hotline-12345/api/orders", headers=token)

    assert (status, body["code"]) == (401, 1002)


def str_id(row):
    return row["TSBH"]


def ids_of(body):
    return [row.findtext("service_request_id") or "" for row in ET.fromstring(body)]
