"""Confirm: operations inside one envelope of XML, a log of statuses instead of tickets, the ticket by a second call."""

import re
from typing import Any

from aiohttp import web
from catalogue import Asked, serving

ENTRY = """
version: 1
sources:
  confirm:
    title: 市政养护平台
    class: platform
    connector: rest
    url: ${AT}/confirm/connector
    method: POST
    body_type: xml
    body: |
      <ConfirmRequest><Operation><Authenticate><user>hub</user><password>${PASSWORD}</password></Authenticate>
      <GetEnquiryStatusChanges><LoggedTimeFrom>{since}</LoggedTimeFrom><LoggedTimeTo>{until}</LoggedTimeTo>
      </GetEnquiryStatusChanges></Operation></ConfirmRequest>
    records: >-
      unwind(ConfirmResponse.OperationResponse.GetEnquiryStatusChangesResponse.UpdatedEnquiry || `[]`,
      'EnquiryStatusLog')
    since:
      field: EnquiryStatusLog.LoggedTime
      format: "%Y-%m-%dT%H:%M:%S"
      window: 1000d
      start: 2026-02-01
    error: {path: ConfirmResponse.Fault.Reason, ok: [null], message: ConfirmResponse.Fault.Reason}
    detail:
      - into: whole
        url: ""                         # the same URL
        method: POST
        body_type: xml
        body: |
          <ConfirmRequest><Operation><Authenticate><user>hub</user><password>${PASSWORD}</password></Authenticate>
          <GetEnquiry><EnquiryNumber>{EnquiryNumber}</EnquiryNumber></GetEnquiry></Operation></ConfirmRequest>
        records: ConfirmResponse.OperationResponse.GetEnquiryResponse.Enquiry
    map:
      external_id: EnquiryNumber
      title: whole.ServiceName
      content: whole.EnquiryDescription
      status:
        from: whole.EnquiryStatusLog[-1].EnquiryStatusCode
        map: {"0100": RECEIVED, "0200": DISPATCHED, "0900": CLOSED}
        else: reject
      created_at: whole.EnquiryLogTime
      updated_at: whole.EnquiryStatusLog[-1].LoggedTime
      location.point: {from: [whole.EnquiryX, whole.EnquiryY], nulls: ["0"], crs: "epsg:27700"}
      attributes.面积: "whole.EnquiryAttribute[?EnqAttribTypeCode=='AREA'].EnqAttribStringValue | [0]"
      events:
        from: whole.EnquiryStatusLog
        each:
          at: LoggedTime
          text: StatusLogNotes
          status: {from: EnquiryStatusCode, map: {"0100": RECEIVED, "0200": DISPATCHED, "0900": CLOSED}, else: reject}
"""


class Confirm:
    def __init__(self) -> None:
        self.logs = {
            "1001": [("0100", "2026-03-01T08:00:00"), ("0200", "2026-03-01T09:00:00")],
            "1002": [("0100", "2026-03-02T08:00:00")],
        }

    def __call__(self, asked: Asked) -> Any:
        text = asked.body.decode()
        if "<password>made-up</password>" not in text:
            return answered("<Fault><Reason>Login failed</Reason></Fault>")
        if number := re.search("<EnquiryNumber>(.+)</EnquiryNumber>", text):
            return operation("GetEnquiry", self.enquiry(number[1]))
        found = re.search("<LoggedTimeFrom>(.+)</LoggedTimeFrom><LoggedTimeTo>(.+)</LoggedTimeTo>", text)
        assert found
        return operation("GetEnquiryStatusChanges", "".join(self.updated(*found.groups())))

    def updated(self, start: str, end: str) -> list[str]:
        logs = {n: [log for log in logs if start <= log[1] < end] for n, logs in self.logs.items()}
        return [
            f"<UpdatedEnquiry><EnquiryNumber>{n}</EnquiryNumber>{status_logs(some)}</UpdatedEnquiry>"
            for n, some in logs.items()
            if some
        ]

    def enquiry(self, number: str) -> str:
        attribute = "<EnqAttribTypeCode>AREA</EnqAttribTypeCode><EnqAttribStringValue>2㎡</EnqAttribStringValue>"
        return (
            f"<Enquiry><EnquiryNumber>{number}</EnquiryNumber><ServiceName>道路坑洼</ServiceName>"
            "<EnquiryDescription>路面塌陷 &lt;危险&gt;</EnquiryDescription><EnquiryX>0</EnquiryX><EnquiryY>0</EnquiryY>"
            f"<EnquiryLogTime>2026-03-01T08:00:00</EnquiryLogTime><EnquiryAttribute>{attribute}</EnquiryAttribute>"
            f"{status_logs(self.logs[number])}</Enquiry>"
        )


def status_logs(logs: list[tuple[str, str]]) -> str:
    return "".join(
        f"<EnquiryStatusLog><EnquiryStatusCode>{code}</EnquiryStatusCode><LoggedTime>{at}</LoggedTime>"
        "<StatusLogNotes/></EnquiryStatusLog>"
        for code, at in logs
    )


def operation(name: str, inner: str) -> web.Response:
    return answered(f"<OperationResponse><{name}Response>{inner}</{name}Response></OperationResponse>")


def answered(inner: str) -> web.Response:
    return web.Response(text=f"<ConfirmResponse>{inner}</ConfirmResponse>", content_type="text/xml")


async def test_confirm_is_pulled_twice():
    system = Confirm()
    async with serving(system, ENTRY, PASSWORD="made-up") as run:
        first = await run()
        system.logs["1001"].append(("0900", "2026-03-03T08:00:00"))
        second = await run()

    assert {id_: appeal.status for id_, appeal in first.appeals.items()} == {"1001": "DISPATCHED", "1002": "RECEIVED"}
    assert second.appeals["1001"].status == "CLOSED"


async def test_a_ticket_is_asked_for_once_however_often_the_log_names_it():
    async with serving(Confirm(), ENTRY, PASSWORD="made-up") as run:
        first = await run()

        assert len(first.tickets) == 3
        assert sum(b"<GetEnquiry>" in asked.body for asked in run.asked) == 2


async def test_one_element_reads_like_several():
    async with serving(Confirm(), ENTRY, PASSWORD="made-up") as run:
        appeals = (await run()).appeals

    assert [event.status for event in appeals["1002"].events] == ["RECEIVED"]
    assert appeals["1002"].attributes == {"面积": "2㎡"}
    assert (appeals["1002"].content, appeals["1002"].location_point) == ("路面塌陷 <危险>", None)
