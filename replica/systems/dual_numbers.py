"""双号并行: the hotlines that kept their number and their system, a third of whose calls 12345 sees as well."""

from collections.abc import Mapping
from datetime import timedelta
from hashlib import sha256

from aiohttp import web

from replica.city import Remit
from replica.columns import (
    ADDRESS,
    AREA,
    AREA_NAME,
    COMMUNITY,
    CONTENT,
    OFFICE,
    PHONE,
    REPORTER,
    STREET,
    TITLE,
    TOPIC,
    TOPIC_CODE,
    WISH,
    choice,
    closed,
    created,
    due,
    grade,
    latitude,
    longitude,
    number,
    numbered,
    office_code,
    result,
    stage,
    text,
    updated,
    wish,
)
from replica.counters.answers import Refusal
from replica.counters.base import System
from replica.counters.databases import Database
from replica.counters.doors import Basic, Bearer, Key, Login, OAuth, Signed
from replica.counters.graphql import Graphql
from replica.counters.lists import Asked, Listing
from replica.counters.open311 import NOTES, Open311, known_by, rollup, token
from replica.counters.paging import Cursors, Numbered, Skipped
from replica.systems.schemas import HEALTH_SCHEMA
from replica.writing import CHINESE, COMPACT, LOCAL, OFFSET, SECONDS, ZULU

# Offset and limit, a key in a header, codes for everything, times without any separator.
HOTLINE_12315 = System(
    "hotline-12315",
    Remit(every=timedelta(hours=5), lines=("12315", "12331", "12358", "12365", "12330")),
    columns={
        "TSBH": number("12315-{}", nothing=""),
        "YWLX": wish("ZX QT TS JB QT QT"),
        "BT": TITLE,
        "NR": CONTENT,
        "SQLB": text("{0.scene.code}|{0.scene.topic}"),
        "ZTDM": stage("01 02 09 03 04 05 06 04 07", odd="88"),
        "DJSJ": created(COMPACT),
        "XGSJ": updated(COMPACT),
        "BJSJ": closed(COMPACT, nothing="0"),
        "TSR": REPORTER,
        "TSRDH": PHONE,
        "BTSDW": {"name": text("{1.estate}便民超市"), "uscc": "91420800MADEUP00XX"},
        "XZQH": text("{1.area}000000"),
        "DZ": ADDRESS,
        # No fix is written 0, 0.
        "JD": lambda seen: f"{seen.case.longitude:.6f}" if seen.case.number % 4 else "0",
        "WD": lambda seen: f"{seen.case.latitude:.6f}" if seen.case.number % 4 else "0",
        "CBDW": office_code,
        "JG": result(),
        "MYD": grade("0 0 0.6 0.7 1", nothing=None),
    },
    counter=Listing(
        path="/complaints",
        door=Key("demo-12315", header="X-Api-Key"),
        refused=Refusal(403, {"success": False, "msg": "密钥错误"}),
        # Whatever is asked for, no more than a hundred come at once.
        pages=Skipped("offset", "limit", most=100),
        asked=Asked(habit=COMPACT, since="modifiedSince"),
        wrong=Refusal(400, {"success": False, "msg": "$reason"}),
        envelope={"success": True, "start": "$start", "resultCount": "$count", "total": "$total", "rows": "$rows"},
    ),
    quoted=numbered("12315-{}"),
)

# GraphQL with connections as Relay has them, English names, times with an offset.
HOTLINE_12320 = System(
    "hotline-12320",
    Remit(every=timedelta(hours=7), lines=("12320",)),
    columns={
        "caseNumber": number("WJ{:09d}"),
        "kind": wish("ENQUIRY ASSISTANCE COMPLAINT ALLEGATION PROPOSAL PRAISE"),
        "subject": TITLE,
        "details": CONTENT,
        "topic": TOPIC,
        "state": stage("LOGGED TRIAGED REFUSED ROUTED INVESTIGATING BOUNCED ANSWERED REOPENED CLOSED", odd="ESCALATED"),
        "facility": {"name": text("{1.street}卫生院"), "level": choice("一级", "二级", "三级")},
        "caller": {"name": REPORTER, "phone": PHONE},
        "district": {"code": AREA, "name": AREA_NAME},
        "address": ADDRESS,
        "handler": {"code": office_code, "name": OFFICE},
        "anonymous": lambda seen: seen.case.secret,
        "answer": result(),
        "loggedAt": created(OFFSET),
        "changedAt": updated(OFFSET),
        "dueAt": due(OFFSET, days=10),
    },
    counter=Graphql(
        schema=HEALTH_SCHEMA,
        lists="cases",
        content={"totalCount": "$total", "edges": "$rows", "pageInfo": {"hasNextPage": "$more", "endCursor": "$end"}},
        pages=Cursors("after", "first", usual=20, most=100),
        asked=Asked(habit=OFFSET, since="changedSince"),
        door=Bearer("demo-12320"),
        relay=True,
    ),
    quoted=numbered("WJ{:09d}"),
)

# Open311 in JSON with the extensions that most servers have; what is not numbered yet has only a token.
HOTLINE_12328 = System(
    "hotline-12328",
    Remit(every=timedelta(hours=7), lines=("12328",)),
    columns={
        "service_request_id": known_by(number()),
        "token": token,
        "status": rollup,
        "status_notes": lambda seen: NOTES[seen.stage],
        "service_name": TOPIC,
        "service_code": TOPIC_CODE,
        "description": CONTENT,
        "agency_responsible": OFFICE,
        "service_notice": None,
        "requested_datetime": created(OFFSET),
        "updated_datetime": updated(OFFSET),
        "expected_datetime": due(OFFSET),
        "address": ADDRESS,
        "address_id": None,
        "zipcode": "448000",
        "lat": latitude(),
        "long": longitude(),
        "media_url": lambda seen: _photo(seen.case.number) if seen.case.number % 2 else None,
        "extended_attributes": {
            "status_code": stage(
                "submitted accepted not_city_matter assigned in_progress referred_back fixed reopened closed",
                odd="parked",
            ),
            "division": AREA,
            "plate": lambda seen: f"鄂H·T{seen.case.number % 10_000:04d}",
        },
    },
    counter=Open311(form="json", key="demo-12328"),
    quoted=numbered("{}"),
)


def _photo(case: int) -> str:
    return f"https://img.example.invalid/12328/{case}.jpg"


# A servlet of 2009: a form is posted, the session is a cookie, the last page is a short one, times count seconds.
HOTLINE_12329 = System(
    "hotline-12329",
    Remit(every=timedelta(hours=8), lines=("12329",)),
    columns={
        "slbh": number("GJJ{:08d}", nothing=""),
        "ywlb": wish("1 2 3 4 5 6"),
        "zy": TITLE,
        "xxnr": CONTENT,
        "blzt": stage("10 20 99 30 40 35 50 45 60", odd="77"),
        "ldrxm": REPORTER,
        "lxdh": PHONE,
        "dwmc": text("{1.estate}物业服务有限公司"),
        "ssxq": {"dm": AREA, "mc": AREA_NAME},
        "lxdz": ADDRESS,
        "cljg": result("无"),
        "myd": grade("1 2 3 4 5", nothing=0, read=int),
        "slsj": created(SECONDS),
        "gxsj": updated(SECONDS),
        "bjsj": closed(SECONDS, nothing=0),
    },
    counter=Listing(
        path="/gjj/tsjy/list.do",
        door=Login(
            path="/gjj/login.do",
            fields={"user": "hub", "pwd": "demo-12329"},
            welcome={"retCode": "0000", "retMsg": "成功"},
            failed=Refusal(200, {"retCode": "E001", "retMsg": "用户名或密码错误"}),
            cookie="JSESSIONID",
            ttl=timedelta(minutes=20),
        ),
        refused=Refusal(200, {"retCode": "E403", "retMsg": "会话超时，请重新登录"}),
        post="form",
        pages=Numbered("pageNo", "pageSize", usual=10, most=50),
        asked=Asked(habit=SECONDS, since="kssj"),
        wrong=Refusal(200, {"retCode": "E400", "retMsg": "$reason"}),
        envelope={"retCode": "0000", "retMsg": "", "data": {"rows": "$rows", "records": "$total"}},
    ),
    quoted=numbered("GJJ{:08d}"),
)


def _sign_of_12333(request: web.Request, asked: Mapping[str, str]) -> str:
    """Hash the sorted parameters between a time and a secret."""
    parameters = "&".join(f"{name}={value}" for name, value in sorted(asked.items()))
    signed = f"{request.headers.get('X-Timestamp')}{parameters}demo-12333"
    return sha256(signed.encode()).hexdigest()


# The ministry's element codes as names and values side by side; a ticket is a list of them.
HOTLINE_12333 = System(
    "hotline-12333",
    Remit(every=timedelta(hours=7), lines=("12333",)),
    columns={
        "fields": [
            {"k": "AAZ001", "v": number("LD{:09d}")},
            {"k": "AAE017", "v": wish("0 1 2 3 4 5")},
            {"k": "AAE019", "v": TITLE},
            {"k": "AAE013", "v": CONTENT},
            {"k": "AAC003", "v": REPORTER},
            {"k": "AAE005", "v": PHONE},
            {"k": "AAB301", "v": text("{1.area}000000")},
            {"k": "AAE006", "v": ADDRESS},
            {"k": "AAE011", "v": office_code},
            {"k": "AAE189", "v": result()},
        ],
        "state": stage("1 2 0 3 4 6 7 5 9", odd="X"),
        "registered": created(OFFSET),
        "modified": updated(OFFSET),
        "deadline": due(OFFSET),
    },
    counter=Listing(
        path="/rsapi/v3/appeals",
        door=Signed(lambda request, _: request.headers.get("X-Sign"), _sign_of_12333),
        refused=Refusal(401, {"head": {"rc": "-1", "msg": "签名校验失败"}, "body": None}),
        pages=Numbered("pageIndex", "pageSize", usual=20, most=100, first=0),
        asked=Asked(habit=OFFSET, since="modifiedFrom"),
        wrong=Refusal(200, {"head": {"rc": "-2", "msg": "$reason"}, "body": None}),
        envelope={"head": {"rc": "0", "msg": ""}, "body": {"items": "$rows", "totalCount": "$total"}},
    ),
    quoted=numbered("LD{:09d}"),
)

# A view in a database that its owner lets others read; dates are texts, codes are digits.
HOTLINE_12348 = System(
    "hotline-12348",
    Remit(every=timedelta(hours=8), lines=("12348",)),
    columns={
        "id": lambda seen: seen.case.number,
        "bh": number("FL{:09d}"),
        "lb": wish("1 2 3 4 5 6"),
        "bt": TITLE,
        "nr": lambda seen: f"<div>{seen.case.content}</div>",
        "zt": stage("1 2 8 3 4 5 6 7 9", odd="0"),
        "lxr": REPORTER,
        "dh": PHONE,
        "qhdm": AREA,
        "dz": ADDRESS,
        "jd": lambda seen: seen.case.longitude if seen.case.number % 5 else 0.0,
        "wd": lambda seen: seen.case.latitude if seen.case.number % 5 else 0.0,
        "cbdw": office_code,
        "cljg": result(),
        "myd": grade("1 2 3 4 5", nothing=0, read=int),
        "djsj": created(LOCAL),
        "xgsj": updated(LOCAL),
    },
    counter=Database(file="flfw.db", table="t_gd", key="id", view="v_hub_gd"),
    quoted=numbered("FL{:09d}"),
)

# Confidential: nobody's name, the end of a number, and shared only where the caller agreed.
HOTLINE_12356 = System(
    "hotline-12356",
    Remit(every=timedelta(hours=9), lines=("12356",)),
    columns={
        "sessionId": number("PSY-{:07d}"),
        "category": wish("inquiry crisis complaint report suggestion thanks"),
        "summary": TITLE,
        "notes": CONTENT,
        "state": stage(
            "WAITING ANSWERED NOT_SUITABLE REFERRED IN_COUNSELLING RETURNED DONE AGAIN ARCHIVED", odd="LOST"
        ),
        "risk": choice("LOW", "LOW", "MEDIUM", "HIGH"),
        "caller": {
            "alias": lambda seen: f"来电者{seen.case.number % 10_000:04d}",
            "phoneTail": lambda seen: seen.case.phone[-4:],
            "district": AREA,
        },
        "consent": {"share": lambda seen: "Y" if seen.case.number % 5 == 0 else "N"},
        "counsellor": {"team": OFFICE},
        "outcome": result(),
        "openedAt": created(ZULU),
        "changedAt": updated(ZULU),
    },
    counter=Listing(
        path="/counselling/sessions",
        door=OAuth(
            path="/oauth2/token",
            client="hub",
            secret="demo-12356",  # noqa: S106  # a made-up city's
            grant={"grant_type": "password", "username": "hub", "password": "demo-12356-user"},
        ),
        refused=Refusal(401, {"error": "invalid_token"}),
        pages=Cursors("after", "first", usual=20, most=100),
        asked=Asked(habit=ZULU, since="changedSince"),
        wrong=Refusal(400, {"error": "$reason"}),
        envelope={"sessions": "$rows", "endCursor": "$end", "hasMore": "$more"},
    ),
    quoted=numbered("PSY-{:07d}"),
)

# Chinese keys, dates as people write them, the newest first; nothing can be asked but the next page.
HOTLINE_12393 = System(
    "hotline-12393",
    Remit(every=timedelta(hours=7), lines=("12393",)),
    columns={
        "编号": number("YB{:08d}", nothing=""),
        "类型": WISH,
        "标题": TITLE,
        "诉求内容": CONTENT,
        "当前状态": stage("登记 受理 不予受理 转办 核查中 退回 答复 补充核查 办结", odd="协查"),
        "来电人": {"姓名": REPORTER, "电话": PHONE, "参保地": AREA_NAME},
        "参保地代码": AREA,
        "地址": ADDRESS,
        "街道社区": [STREET, COMMUNITY],
        "承办单位": OFFICE,
        "答复": result("无"),
        "评价": grade("非常不满意 不满意 一般 满意 非常满意", nothing="未评价"),
        "登记时间": created(CHINESE),
        "更新时间": updated(CHINESE),
        "办理期限": due(CHINESE, days=7),
    },
    counter=Listing(
        path="/ybrx/工单",
        door=Basic("hub", "demo-12393"),
        refused=Refusal(401, {"提示": "请登录"}),
        pages=Numbered("页码", "每页", usual=30, most=60, newest_first=True),
        wrong=Refusal(400, {"提示": "$reason"}),
        envelope={"工单": "$rows", "页码": "$page"},
    ),
    quoted=numbered("YB{:08d}"),
)

DUAL_NUMBERS = (
    HOTLINE_12315,
    HOTLINE_12320,
    HOTLINE_12328,
    HOTLINE_12329,
    HOTLINE_12333,
    HOTLINE_12348,
    HOTLINE_12356,
    HOTLINE_12393,
)
