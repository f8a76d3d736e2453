"""Salesforce: a password for a token, SOQL with the time in it, a relative link to the next page, lists in lists."""

import re
from typing import Any

from aiohttp import web
from catalogue import Asked, serving

ENTRY = """
version: 1
sources:
  salesforce:
    title: 营商环境诉求平台
    class: platform
    connector: rest
    url: ${AT}/services/data/v59.0/query
    query:
      q: >-
        SELECT Id, CaseNumber, Subject, Status, (SELECT CommentBody, CreatedDate FROM CaseComments
        WHERE IsPublished = true) FROM Case WHERE SystemModstamp >= {since} ORDER BY SystemModstamp
    auth:
      oauth2:
        grant: password
        token_url: ${AT}/services/oauth2/token
        client_id: hub-app
        client_secret: ${SECRET}
        style: body
        username: hub@example.gov.cn
        password: ${PASSWORD}
    records: records
    page: {by: next_url, next: nextRecordsUrl, end: done}
    since: {field: SystemModstamp, start: 2024-01-01}
    map:
      external_id: Id
      appeal_no: CaseNumber
      title: Subject
      content: Description
      status: {from: Status, map: {New: RECEIVED, Working: IN_PROGRESS, Closed: CLOSED}, else: reject}
      kind: {from: Type, map: {Complaint: COMPLAINT, Question: CONSULT}, else: OTHER}
      created_at: CreatedDate
      updated_at: SystemModstamp
      reporter.name: Contact.Name
      reporter.phone: {from: Contact.Phone || SuppliedPhone, as: phone}
      respondent: Account.Name
      location.point: {from: [Place__c.longitude, Place__c.latitude], crs: wgs84}
      events: {from: CaseComments.records, each: {at: CreatedDate, text: CommentBody}}
"""


class Salesforce:
    def __init__(self) -> None:
        self.token = 0
        self.stamps = {n: (f"2026-03-0{n}T00:00:00.000+0000", "New") for n in (1, 2, 3)}

    def __call__(self, asked: Asked) -> Any:
        if asked.path == "/services/oauth2/token":
            if b"password=made-up" not in asked.body:
                return web.json_response({"error": "invalid_grant"}, status=400)
            self.token += 1
            return {"access_token": f"00D!{self.token}", "instance_url": "https://city.my.salesforce.com"}
        if asked.headers["Authorization"] != f"Bearer 00D!{self.token}":
            return web.json_response([{"errorCode": "INVALID_SESSION_ID", "message": "Session expired"}], status=401)
        if asked.path.startswith("/services/data/v59.0/query/"):
            return {"totalSize": 3, "done": True, "records": [self.case(3)]}
        found = re.search(r"SystemModstamp >= (\S+) ORDER", asked.query["q"])
        assert found
        rows = [self.case(n) for n, (at, _) in sorted(self.stamps.items()) if at[:19] >= found[1][:19]]
        if len(rows) < 3:
            return {"totalSize": len(rows), "done": True, "records": rows}
        more = "/services/data/v59.0/query/01gRO0000016PIAYA2-2000"
        return {"totalSize": 3, "done": False, "nextRecordsUrl": more, "records": rows[:2]}

    def case(self, number: int) -> dict[str, Any]:
        at, status = self.stamps[number]
        comments = [{"CommentBody": "已转市场监管局", "CreatedDate": "2026-03-02T00:00:00.000+0000"}]
        return {
            "attributes": {"type": "Case", "url": f"/services/data/v59.0/sobjects/Case/5003{number}"},
            "Id": f"5003{number}",
            "CaseNumber": f"0000{number}",
            "Subject": "开办企业材料反复补正",
            "Description": None,
            "Status": status,
            "Type": "Complaint",
            "CreatedDate": "2026-03-01T00:00:00.000+0000",
            "SystemModstamp": at,
            "Contact": {"Name": "陈晨", "Phone": None},
            "SuppliedPhone": "0724-2330000",
            "Account": None,
            "Place__c": {"latitude": 31.035, "longitude": 112.2},
            "CaseComments": {"totalSize": 1, "done": True, "records": comments} if number == 1 else None,
        }


SECRETS = {"SECRET": "made-up-too", "PASSWORD": "made-up"}


async def test_salesforce_is_pulled_twice():
    system = Salesforce()
    async with serving(system, ENTRY, **SECRETS) as run:
        first = await run()
        system.stamps[1] = ("2026-03-08T00:00:00.000+0000", "Closed")
        second = await run()

    assert sorted(first.appeals) == ["50031", "50032", "50033"]
    assert {id_: appeal.status for id_, appeal in second.appeals.items()} == {"50031": "CLOSED", "50033": "RECEIVED"}
    assert system.token == 1


async def test_a_session_that_has_expired_is_opened_again():
    system = Salesforce()
    async with serving(system, ENTRY, **SECRETS) as run:
        await run()
        system.token += 1
        again = await run()

    assert again.appeals
    assert system.token == 3


async def test_a_list_in_a_record_becomes_events_and_a_missing_one_none():
    async with serving(Salesforce(), ENTRY, **SECRETS) as run:
        appeals = (await run()).appeals

    assert [event.text for event in appeals["50031"].events] == ["已转市场监管局"]
    assert appeals["50032"].events == []


async def test_the_second_of_two_telephone_numbers_is_taken_where_the_first_is_missing():
    async with serving(Salesforce(), ENTRY, **SECRETS) as run:
        appeal = (await run()).appeals["50031"]

    assert (appeal.reporter_phone, appeal.respondent) == ("+867242330000", None)
    assert appeal.location_point == (112.2, 31.035)
