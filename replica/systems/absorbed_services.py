"""整体并入: of the hotlines that were merged into 12345, those whose old systems still answer."""

from replica.city import archive
from replica.columns import (
    ADDRESS,
    AREA,
    BAIDU,
    CONTENT,
    OFFICE,
    PHONE,
    REPORTER,
    TITLE,
    TOPIC,
    choice,
    closed,
    created,
    due,
    grade,
    grid,
    latitude,
    longitude,
    number,
    office_code,
    point,
    result,
    stage,
    text,
    updated,
    urgent,
    wish,
)
from replica.counters.answers import Csv, JsonLines, Refusal, Xml
from replica.counters.base import System
from replica.counters.doors import Basic, Bearer, Key
from replica.counters.graphql import Graphql
from replica.counters.lists import Asked, Listing
from replica.counters.open311 import NOTES, Open311, rollup, updated_once_closed
from replica.counters.paging import Linked, Numbered, Skipped
from replica.counters.soap import HeaderUser, Soap
from replica.systems.schemas import YOUTH_SCHEMA
from replica.writing import (
    COMPACT,
    DAY,
    LOCAL,
    MILLISECONDS,
    OFFSET,
    ZULU,
    Habit,
    local,
)

_UTC = Habit(lambda moment: ZULU.write(moment)[:-1].replace("T", " "), ZULU.read)
"""UTC, without saying so."""
_SLASHES = local("%Y/%m/%d %H:%M")
_NAIVE = local("%Y-%m-%dT%H:%M:%S")
_MINUTE = local("%Y-%m-%d %H:%M")
_CLOCK = local("%H:%M:%S")
_ZEROS = "0000-00-00 00:00:00"

# Open311 as Toronto speaks it: XML only, no paging, 90 days an answer, the state in free text.
HOTLINE_12319 = System(
    "hotline-12319",
    archive("12319"),
    columns={
        "service_request_id": number("1010{:08d}", nothing=""),
        "status": rollup,
        "status_notes": stage(NOTES, odd="Voided - Entered in error."),
        "service_name": TOPIC,
        "service_code": text("CG{0.scene.code}"),
        "description": lambda seen: seen.case.content if seen.case.number % 3 else "",
        "agency_responsible": "荆门市城市管理执法委员会",
        "service_notice": "",
        "requested_datetime": created(OFFSET),
        "updated_datetime": updated_once_closed,
        "expected_datetime": due(OFFSET),
        "address": ADDRESS,
        "address_id": lambda seen: str(13_450_000 + seen.case.number % 10_000),
        "zipcode": "",
        "long": longitude(),
        "lat": latitude(),
        "media_url": "",
    },
    counter=Open311(form="xml", prefix="CG", jurisdiction="cg.jingmen.example"),
)

# An XML answer page by page, everything in attributes, from a server that says GB2312 and means GBK.
HOTLINE_12330 = System(
    "hotline-12330",
    archive("12330"),
    columns={
        "@BH": number("ZSCQ{:07d}", nothing=""),
        "@LX": wish("3 4 2 1 5 6"),
        "@ZT": stage("待办 已收 不受理 已分办 在办 退办 办结 复办 归档", odd="冻结"),
        "@SJ": created(COMPACT),
        "@GX": updated(COMPACT),
        "BT": TITLE,
        "NR": CONTENT,
        "QLR": {"@XM": REPORTER, "@DH": PHONE, "@QH": AREA},
        "DZ": ADDRESS,
        "CBDW": office_code,
        "JG": result(),
    },
    counter=Listing(
        path="/ipr/query.aspx",
        door=Key("demo-12330", query="sn"),
        refused=Refusal(403, {"error": "sn"}),
        pages=Numbered("p", "n", usual=20, most=50),
        envelope={"DATA": {"@COUNT": "$total", "ROW": "$rows"}},
        form=Xml(claims="GB2312", encoding="gb18030"),
    ),
)

# An ASP.NET service: user and password in a SOAP header of its own, one ticket or many, everything at once.
HOTLINE_12331 = System(
    "hotline-12331",
    archive("12331"),
    columns={
        "ComplaintNo": number("SY{:09d}"),
        "ComplaintType": wish("咨询 求助 投诉 举报 建议 表扬"),
        "Subject": TITLE,
        "Body": CONTENT,
        "Product": choice("餐饮", "保健食品", "药品", "化妆品"),
        "Enterprise": text("{1.estate}便民餐馆"),
        "Status": stage(
            "Registered Accepted Declined Assigned Processing SentBack Resolved Redo Closed", odd="Suspicious"
        ),
        "Reporter": REPORTER,
        "Phone": PHONE,
        "RegionCode": AREA,
        "Address": ADDRESS,
        "Handler": OFFICE,
        "Result": result(),
        "RegisterTime": created(_NAIVE),
        "ModifyTime": updated(_NAIVE),
        "CloseTime": closed(_NAIVE, nothing="0001-01-01T00:00:00"),
    },
    counter=Soap(
        wsdl="hotline-12331.wsdl",
        path="/FoodDrug/ComplaintService.asmx",
        namespace="http://tempuri.org/",
        operation="GetComplaints",
        door=HeaderUser({"UserName": "hub", "Password": "demo-12331"}),
        pages=Numbered("pageNo", "pageSize", usual=50, most=100),
        content={"Complaint": "$rows", "RecordCount": "$total"},
    ),
)

# A map server's query: features with attributes and a point on the national grid (CGCS2000, 3-degree zone 38).
HOTLINE_12336 = System(
    "hotline-12336",
    archive("12336"),
    columns={
        "attributes": {
            "OBJECTID": lambda seen: seen.case.number,
            "XSBH": number("ZR{:09d}"),
            "XSLX": TOPIC,
            "XSMC": TITLE,
            "XSMS": CONTENT,
            "HCZT": stage("100 110 190 120 130 125 140 135 150", odd="999", read=int),
            "XZQDM": AREA,
            "TBWZ": ADDRESS,
            "JBR": REPORTER,
            "LXDH": PHONE,
            "HCDW": OFFICE,
            "HCJG": result(),
            "JBSJ": created(MILLISECONDS),
            "GXSJ": updated(MILLISECONDS),
        },
        "geometry": {"x": grid(0), "y": grid(1)},
    },
    counter=Listing(
        path="/arcgis/rest/services/zf/wfxs/MapServer/0/query",
        door=Key("demo-12336", query="token"),
        refused=Refusal(200, {"error": {"code": 498, "message": "Invalid token.", "details": []}}),
        pages=Skipped("resultOffset", "resultRecordCount", usual=1000, most=100),
        envelope={
            "objectIdFieldName": "OBJECTID",
            "spatialReference": {"wkid": 4547},
            "exceededTransferLimit": "$more",
            "features": "$rows",
        },
    ),
)

# PHP over MySQL: every value a text, no time a row of zeros, the next page as a URL.
HOTLINE_12351 = System(
    "hotline-12351",
    archive("12351"),
    columns={
        "id": lambda seen: str(seen.case.number),
        "sn": number("GH{:08d}", nothing=""),
        "cat_id": wish("1 2 3 4 5 6"),
        "subject": TITLE,
        "message": lambda seen: f"<p>{seen.case.content}</p>\r\n",
        "status": stage("0 1 9 2 3 4 5 6 7", odd="127"),
        "member": {"realname": REPORTER, "mobile": PHONE, "union": text("{1.street}总工会")},
        "region": AREA,
        "address": ADDRESS,
        "dept": OFFICE,
        "reply": result(""),
        "rate": grade("1 2 3 4 5", nothing="0"),
        "add_time": created(LOCAL),
        "update_time": updated(LOCAL),
        "finish_time": closed(LOCAL, nothing=_ZEROS),
        "is_delete": "0",
    },
    counter=Listing(
        path="/api/index.php",
        door=Bearer("demo-12351"),
        refused=Refusal(401, {"errno": "401", "errmsg": "token error", "data": []}),
        pages=Linked("limit", usual=20, most=100),
        envelope={"errno": "0", "errmsg": "ok", "data": "$rows", "next": "$next", "count": "$total"},
    ),
)

# GraphQL by offset. Minors: nicknames only, and nothing that may be shown without consent.
HOTLINE_12355 = System(
    "hotline-12355",
    archive("12355"),
    columns={
        "serial": number("QSN{:07d}"),
        "category": wish("咨询 求助 投诉 举报 建议 表扬"),
        "title": TITLE,
        "story": CONTENT,
        "progress": stage("0 5 99 10 20 15 80 60 100", odd="-1", read=int),
        "minor": {
            "nickname": lambda seen: f"小{seen.case.reporter[0]}",
            "age": lambda seen: 8 + seen.case.number % 10,
            "school": text("{1.street}学校"),
        },
        "areaCode": AREA,
        "publicConsent": lambda seen: seen.case.number % 7 == 0,
        "unit": OFFICE,
        "outcome": result(),
        "createdOn": created(DAY),
        "createdClock": lambda seen: _CLOCK.write(seen.case.created_at),
        "updatedMs": updated(MILLISECONDS),
    },
    counter=Graphql(
        schema=YOUTH_SCHEMA,
        lists="records",
        content={"total": "$total", "items": "$rows"},
        pages=Skipped("offset", "limit", usual=20, most=50),
        asked=Asked(habit=MILLISECONDS, since="since"),
        door=Key("demo-12355", header="X-Token"),
    ),
)

# An export as CSV, asked for from one day to another; nothing but days.
HOTLINE_12358 = System(
    "hotline-12358",
    archive("12358"),
    columns={
        "JBBH": number("JG{:09d}", nothing=""),
        "JBLB": wish("01 02 03 04 05 06"),
        "JBBT": TITLE,
        "JBNR": CONTENT,
        "BJDW": text("{1.estate}停车场"),
        "CLZT": stage("DSL YSL BYSL YFB DCZ YTH YBJ CXB YGD", odd="YZC"),
        "JBR": REPORTER,
        "DH": PHONE,
        "QHDM": AREA,
        "DZ": ADDRESS,
        "CLJG": result(""),
        "JBSJ": created(_MINUTE),
        "XGSJ": updated(_MINUTE),
    },
    counter=Listing(
        path="/export.csv",
        door=Key("demo-12358", query="key"),
        refused=Refusal(403, {"error": "key"}),
        asked=Asked(habit=DAY, since="from", until="to", by="filed", whole_days=True),
        form=Csv("cp936", delimiter=";"),
    ),
)

# One line of JSON a record, all of them at once: what was left when the database was given up.
HOTLINE_12365 = System(
    "hotline-12365",
    archive("12365"),
    columns={
        "_id": {"$oid": number("{:024x}")},
        "type": wish("consult help complaint report advice praise"),
        "product": choice("电动车", "热水器", "充电器", "儿童玩具"),
        "title": TITLE,
        "text": CONTENT,
        "state": stage("NEW OPEN VOID SENT WORK BACK DONE REDO SHUT", odd="LOCK"),
        "person": {"name": REPORTER, "tel": PHONE},
        "place": {"code": AREA, "text": ADDRESS},
        "office": OFFICE,
        "outcome": result(),
        "created": {"$date": created(ZULU)},
        "updated": {"$date": updated(ZULU)},
    },
    counter=Listing(path="/dump/complaints.ndjson", door=Basic("hub", "demo-12365"), form=JsonLines()),
)

# Asked for day by day, by the day on which a report was filed: no time, no page.
HOTLINE_12369 = System(
    "hotline-12369",
    archive("12369"),
    columns={
        "jbbh": number("HB{:09d}"),
        "wrlx": TOPIC,
        "jblx": wish("咨询 求助 投诉 举报 建议 表扬"),
        "bt": TITLE,
        "nr": CONTENT,
        "blzt": stage("待受理 已受理 不受理 已交办 调查中 退回重办 已处理 重新调查 已办结", odd="挂账"),
        "jjcd": urgent("紧急", "一般"),
        "jbr": REPORTER,
        "lxfs": PHONE,
        "xzqh": AREA,
        "wrdz": ADDRESS,
        # Baidu's datum, latitude first.
        "zb": point("{1:.6f},{0:.6f}", BAIDU),
        "cbdw": OFFICE,
        "cljg": result(),
        "jbrq": created(local("%Y%m%d")),
        "jbsj": lambda seen: _CLOCK.write(seen.case.created_at),
        "gxsj": updated(LOCAL),
    },
    counter=Listing(
        path="/hbjb/list",
        door=Key("demo-12369", header="appKey"),
        refused=Refusal(200, {"success": "false", "errorMsg": "appKey无效", "result": None}),
        asked=Asked(habit=local("%Y%m%d"), since="ksrq", until="jsrq", by="filed", whole_days=True),
        wrong=Refusal(200, {"success": "false", "errorMsg": "$reason", "result": None}),
        envelope={"success": "true", "errorMsg": "", "result": {"zs": "$total", "mx": "$rows"}},
    ),
)

# The table API of a ServiceNow: every value a text, references as objects, times in UTC without saying so.
HOTLINE_12385 = System(
    "hotline-12385",
    archive("12385"),
    columns={
        "sys_id": number("{:032x}", nothing=""),
        "number": text("CL{0.number:07d}"),
        "short_description": TITLE,
        "description": CONTENT,
        "state": stage("1 2 8 3 4 5 6 10 7", odd="-5"),
        "category": wish("inquiry request complaint report idea praise"),
        "urgency": urgent("1", "3"),
        "contact_type": choice("phone", "phone", "walk-in", "self-service"),
        "u_caller": {"display_value": REPORTER, "link": text("https://example.invalid/u/{0.number}")},
        "u_phone": PHONE,
        "u_area": AREA,
        "location": {"display_value": ADDRESS, "link": text("https://example.invalid/l/{0.number}")},
        "assignment_group": {"display_value": OFFICE, "link": "https://example.invalid/g/1"},
        "close_notes": result(""),
        "active": lambda seen: "false" if seen.closed_at else "true",
        "opened_at": created(_UTC),
        "sys_updated_on": updated(_UTC),
        "closed_at": closed(_UTC, nothing=""),
    },
    counter=Listing(
        path="/api/now/table/u_appeal",
        door=Basic("hub", "demo-12385"),
        refused=Refusal(401, {"error": {"message": "User Not Authenticated", "detail": ""}, "status": "failure"}),
        pages=Skipped("sysparm_offset", "sysparm_limit", usual=20, most=100),
        envelope={"result": "$rows"},
    ),
)

SERVICES = (
    HOTLINE_12319,
    HOTLINE_12330,
    HOTLINE_12331,
    HOTLINE_12336,
    HOTLINE_12351,
    HOTLINE_12355,
    HOTLINE_12358,
    HOTLINE_12365,
    HOTLINE_12369,
    HOTLINE_12385,
)
