"""The eight platforms for residents and businesses (便民利企服务平台)."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import timedelta
from hashlib import sha256

from aiohttp import web

from replica.city import Remit, Snapshot, Stage
from replica.columns import (
    ADDRESS,
    AMAP,
    AREA,
    CONTENT,
    OFFICE,
    PHONE,
    REPORTER,
    TITLE,
    TOPIC,
    TOPIC_CODE,
    WISH,
    choice,
    created,
    due,
    grade,
    history,
    latitude,
    longitude,
    number,
    numbered,
    office_code,
    result,
    secret,
    stage,
    text,
    updated,
    urgent,
    wish,
)
from replica.counters.answers import Refusal
from replica.counters.base import System
from replica.counters.doors import Basic, Key, OAuth, Signed
from replica.counters.folders import Folder, excel, xml_document
from replica.counters.lists import Asked, Detail, Listing
from replica.counters.paging import Board, Cursors, Linked, Numbered
from replica.counters.soap import Soap, SoapDetail, UsernameToken
from replica.scenes import Wish
from replica.writing import CHINESE_DAY, EXCEL, LOCAL, MILLISECONDS, SECONDS, ZULU, local

_BUILDINGS = 170
_FULL = local("%Y-%m-%d %H:%M:%S.000")


def _is_ballot(seen: Snapshot) -> bool:
    return seen.case.scene.wish is Wish.SUGGEST


# 码上议: pages by Link header, a key in the query, epoch seconds, the QR code of a building instead of an address.
MASHANGYI = System(
    "mashangyi",
    Remit(
        every=timedelta(hours=7, minutes=30),
        within="京山市新市街道马家塝社区",
        codes=("01", "02", "03", "0401", "0501", "07", "10"),
    ),
    columns={
        "id": number(),
        "kind": lambda seen: "议题" if _is_ballot(seen) else WISH(seen),
        "text": lambda seen: f"{seen.case.title}。{seen.case.content}",
        "label": TOPIC,
        "building": lambda seen: f"MJT-{seen.case.number % _BUILDINGS + 1:03d}",
        "openid": lambda seen: sha256(f"{seen.case.reporter}{seen.case.number}".encode()).hexdigest()[:28],
        "nickname": REPORTER,
        "way": choice("扫码", "扫码", "红色信箱", "敲门行动"),
        "state": stage("0 10 90 20 30 25 40 35 50", odd="77", read=int),
        "votes": lambda seen: _votes(seen) if _is_ballot(seen) else None,
        "scanned_at": created(SECONDS),
        "changed_at": updated(SECONDS),
        "planned_for": due(SECONDS, days=3),
        "reply": result(),
        "stars": grade("1 2 3 4 5", nothing=0, read=int),
    },
    counter=Listing(
        path="/v1/topics",
        door=Key("demo-mashangyi", query="key"),
        refused=Refusal(401, {"error": "key"}),
        pages=Linked("per_page", usual=30, most=100, hidden="key"),
        asked=Asked(habit=SECONDS, since="since"),
    ),
)


def _votes(seen: Snapshot) -> dict[str, int]:
    return {"for": seen.case.number % 97, "against": seen.case.number % 7}


_GAOPINBAN_STAGE = stage("new confirmed refused assigned doing bounced done reopened closed", odd="archived_v1")
_GAOPINBAN_TYPES = {"0105": "parking", "0501": "hazard", "0103": "hazard"}


def _spaced(phone: str) -> str:
    return f"+86 {phone[:3]} {phone[3:7]} {phone[7:]}"


# 高频办·随手拍: short-lived OAuth 2 tokens, opaque cursors, epoch milliseconds, GCJ-02, details by a second call.
GAOPINBAN = System(
    "gaopinban",
    Remit(every=timedelta(hours=7), within="沙洋县滨江新区", codes=("01", "02", "03", "05")),
    columns={
        "id": number("GPB-{}"),
        "type": lambda seen: _GAOPINBAN_TYPES.get(seen.case.scene.code, "other"),
        "title": TITLE,
        "description": lambda seen: f"<p>{seen.case.content}</p>",
        "category": {"code": TOPIC_CODE, "name": TOPIC},
        "status": _GAOPINBAN_STAGE,
        "created_ms": created(MILLISECONDS),
        "updated_ms": updated(MILLISECONDS),
        "deadline_ms": due(MILLISECONDS, days=3),
        "reporter": {"nick": REPORTER, "mobile": lambda seen: _spaced(seen.case.phone)},
        "place": {"address": ADDRESS, "division": AREA, "lon": longitude(AMAP), "lat": latitude(AMAP)},
        "handling_unit": {"name": text("{1.community}居委会")},
        "co_units": [{"name": "物业服务企业"}, {"name": OFFICE}],
        "photos": [text(f"https://img.example.invalid/gpb/{{0.number}}/{shot}.jpg") for shot in (1, 2)],
        "has_result": lambda seen: seen.result is not None,
    },
    counter=Listing(
        path="/api/v2/reports",
        door=OAuth(path="/oauth/token", client="hub", secret="demo-gaopinban"),  # noqa: S106  # a made-up city's
        refused=Refusal(401, {"error": "invalid_token"}),
        pages=Cursors("cursor", "limit", usual=50, most=500),
        asked=Asked(habit=MILLISECONDS, since="updated_after"),
        wrong=Refusal(400, {"error": "bad_$reason"}),
        envelope={"data": {"items": "$rows", "next_cursor": "$next"}},
        detail=Detail(
            path="/api/v2/reports/{id}",
            number=numbered("GPB-{}"),
            columns={
                "id": number("GPB-{}"),
                "result": result(),
                "score": grade("1 2 3 4 5", nothing=None, read=int),
                "history": history({"status": _GAOPINBAN_STAGE, "at_ms": updated(MILLISECONDS)}),
            },
            envelope={"data": "$row"},
            missing=Refusal(404, {"error": "not_found"}),
        ),
    ),
)


# 鄂汇办: the provincial exchange. Every question is signed with a time and a nonce; grades come in five words.
def _sign_of_ehuiban(request: web.Request, asked: Mapping[str, str]) -> str:
    time, nonce = request.headers.get("x-tif-timestamp", ""), request.headers.get("x-tif-nonce", "")
    digest = hmac.new(b"demo-ehuiban", f"{time}{nonce}{request.rel_url.raw_query_string}".encode(), "sha256").digest()
    return base64.b64encode(digest).decode()


EHUIBAN = System(
    "ehuiban",
    Remit(every=timedelta(hours=7), codes=("12", "06", "03", "07")),
    columns={
        "provinceNo": number("EHB42{:012d}"),
        "itemCode": text("4208{0.scene.code}"),
        "itemName": TOPIC,
        "appealType": wish("01 02 03 04 05 06"),
        "appealTitle": TITLE,
        "appealContent": CONTENT,
        "applicantType": choice("1", "1", "2"),
        "applicantName": REPORTER,
        "applicantMobile": PHONE,
        "divisionCode": text("{1.area}000000"),
        "address": ADDRESS,
        "handleStatus": stage("10 20 21 30 40 31 50 51 60", odd="00"),
        "handleDeptCode": office_code,
        "replyContent": result(),
        "evaluateLevel": grade("非常不满意 不满意 基本满意 满意 非常满意", nothing=None),
        "submitTime": created(_FULL),
        "modifyTime": updated(_FULL),
        "promiseTime": due(_FULL, days=5),
    },
    counter=Listing(
        path="/exchange/appeal/page",
        door=Signed(lambda request, _: request.headers.get("x-tif-signature"), _sign_of_ehuiban),
        refused=Refusal(200, {"code": 40101, "msg": "签名验证失败", "data": None}),
        pages=Numbered("current", "size", usual=10, most=100),
        asked=Asked(habit=_FULL, since="modifyTimeStart"),
        wrong=Refusal(200, {"code": 40000, "msg": "$reason", "data": None}),
        envelope={
            "code": 0,
            "msg": "success",
            "data": {"records": "$rows", "current": "$page", "pages": "$pages", "total": "$total"},
        },
    ),
)


# 领导留言板: a parameter that is JSON in a text, a signature over it, ten a page, and one call more for each thread.
def _sign_of_the_board(request: web.Request, asked: Mapping[str, str]) -> str:
    half = hashlib.md5(b"demo-board", usedforsecurity=False).hexdigest()
    return hashlib.md5(f"{request.path}{asked.get('param', '')}{half}".encode(), usedforsecurity=False).hexdigest()


def _replies(seen: Snapshot) -> list[dict[str, object]]:
    if seen.result is None:
        return []
    said = {"organization": seen.case.scene.office, "content": seen.result}
    return [{**said, "dateline": SECONDS.write(seen.updated_at)}]


_BOARD_STATE = stage("待回复 待回复 不予受理 办理中 办理中 退回重办 已回复 追问办理 已办理", odd="审核中")

LINGDAO = System(
    "lingdao-liuyanban",
    Remit(every=timedelta(hours=8)),
    columns={
        "tid": number(nothing=None),
        "fid": 571,
        "forumName": "荆门市委书记",
        "nickName": REPORTER,
        "subject": TITLE,
        "typeName": wish("咨询 求助 投诉 投诉 建议 感谢"),
        "domainName": TOPIC,
        "areaCode": AREA,
        "stateInfo": _BOARD_STATE,
        "dateline": created(SECONDS),
        "lastUpdate": updated(SECONDS),
    },
    counter=Listing(
        path="/v1/threads/list",
        post="json",
        door=Signed(lambda _, asked: asked.get("signature"), _sign_of_the_board),
        refused=Refusal(200, {"result": "failure", "errCode": 1003, "message": "签名错误"}),
        pages=Board(rows=10),
        envelope={"result": "success", "errCode": 0, "resultData": "$rows"},
        detail=Detail(
            path="/v1/threads/content",
            asks="tid",
            number=numbered("{}"),
            columns={
                "content": CONTENT,
                "replies": _replies,
                "satisfaction": grade("1 2 3 4 5", nothing=0, read=int),
            },
            envelope={"result": "success", "errCode": 0, "resultData": "$row"},
            missing=Refusal(200, {"result": "failure", "errCode": 404, "message": "帖子不存在"}),
        ),
    ),
)

# 市长信箱: an XML export of a content management system that says GB2312 and splits every time in two.
_TIGHT_DAY, _TIGHT_CLOCK = local("%Y%m%d"), local("%H%M%S")
MAYOR_MAILBOX = System(
    "mayor-mailbox",
    Remit(every=timedelta(hours=6), history=timedelta(days=45)),
    columns={
        "@public": secret("0", "1"),
        "serial": number("SZXX-{}"),
        "subject": TITLE,
        "body": CONTENT,
        "class": WISH,
        "column": TOPIC,
        "state": stage("未读 已读 不予受理 已转办 办理中 退回 已回复 追问 已归档", odd="待审"),
        "rq": created(_TIGHT_DAY),
        "sj": lambda seen: _TIGHT_CLOCK.write(seen.case.created_at),
        "gxrq": updated(_TIGHT_DAY),
        "gxsj": updated(_TIGHT_CLOCK),
        "writer": REPORTER,
        "tel": PHONE,
        "unit": OFFICE,
        "area": text("{1.area_name}({1.area})"),
        "where": ADDRESS,
        "reply": result(),
    },
    counter=Folder(
        name="letters_{}.xml",
        # Declared GB2312, written as its superset: 塝 of 马家塝 is in no GB2312.
        write=xml_document(
            {"mailbox": {"@unit": "荆门市人民政府", "letter": "$rows"}}, claims="GB2312", encoding="gb18030"
        ),
        marked=True,
    ),
)

_YEAR = local("%Y")


def _petition_number(seen: Snapshot) -> str:
    year = _YEAR.write(seen.case.created_at)
    return str(number(f"XF{year}{{:08d}}", nothing="")(seen))


# 网上信访: a workbook a day with Chinese headers, days written in Chinese, and times as Excel counts them.
PETITION = System(
    "petition",
    Remit(every=timedelta(hours=6, minutes=24), history=timedelta(days=45)),
    columns={
        "信访件编号": _petition_number,
        "标题": TITLE,
        "内容": CONTENT,
        "信访目的": wish("意见建议 求决 申诉 揭发控告 意见建议 意见建议"),
        "信访形式": choice("来信", "来访", "网上", "来电"),
        "办理状态": stage("待受理 已受理 不予受理 已转送 办理中 已退回 已答复 复查 已办结", odd="待补正"),
        "登记日期": created(CHINESE_DAY),
        "更新时间": updated(EXCEL),
        "办理期限": due(CHINESE_DAY, days=60),
        "信访人": REPORTER,
        "联系电话": PHONE,
        "涉及人数": lambda seen: seen.case.number % 30 + 1,
        "是否重复": lambda seen: "是" if seen.case.number % 9 == 0 else "否",
        "问题属地": ADDRESS,
        "属地代码": lambda seen: int(seen.case.place.area),
        "去向机关": OFFICE,
        "答复意见": result("/"),
    },
    counter=Folder(name="信访件_{}.xlsx", write=excel()),
)

# 网格化综合治理平台: SOAP 1.2 behind WS-Security, JSON in a string, and the progress of each event by a second call.
_GRID_STATE = stage("上报 受理 不予立案 分派 处置 退回 办结 返工 归档", odd="越级上报")

ZONGZHI = System(
    "zongzhi",
    Remit(every=timedelta(hours=6), codes=("01", "03", "04", "05")),
    columns={
        "eventNo": number("SJ{:010d}"),
        "typeStr": TOPIC,
        "kind": wish("咨询 求助 纠纷 隐患 建议 表扬"),
        "title": TITLE,
        "describe": CONTENT,
        "status": _GRID_STATE,
        "gridName": text("{1.community}第一网格"),
        "dealGridName": text("{1.street}综治中心"),
        "reporter": REPORTER,
        "phone": PHONE,
        "divisionCode": AREA,
        "address": ADDRESS,
        # A number one time, a text the other.
        "lon": lambda seen: seen.case.longitude if seen.case.number % 2 else f"{seen.case.longitude:.6f}",
        "lat": lambda seen: seen.case.latitude if seen.case.number % 2 else f"{seen.case.latitude:.6f}",
        "overTimeStatus": choice(0, 0, 0, 1),
        "superviseFlag": urgent("1", "0"),
        "addTime": created(LOCAL),
        "updateTime": updated(LOCAL),
    },
    counter=Soap(
        wsdl="zongzhi.wsdl",
        version="1.2",
        path="/grid/EventService",
        namespace="urn:jingmen:grid:events",
        operation="listEvents",
        door=UsernameToken("hub", "demo-zongzhi"),
        pages=Numbered("pageNum", "pageSize", usual=20, most=100),
        asked=Asked(habit=LOCAL, since="updateTimeFrom"),
        content={"total": "$total", "rows": "$rows"},
        string="json",
        detail=SoapDetail(
            operation="getProgress",
            argument="eventNo",
            number=numbered("SJ{:010d}"),
            content={"step": history({"state": _GRID_STATE, "at": updated(LOCAL), "by": text("{1.street}综治中心")})},
        ),
    ),
)

# 惠企服务平台: a help desk shaped like the Zendesk incremental cursor export, behind Basic authentication.
_CREDIT_CODE, _PARK = 360001, 360002
_ZENDESK_TYPES = {Wish.ASK: "question", Wish.COMPLAIN: "problem", Wish.REPORT: "incident", Wish.SUGGEST: "task"}


def _rating(seen: Snapshot) -> dict[str, str] | None:
    if seen.stage is not Stage.CLOSED:
        return {"score": "unoffered"} if seen.stage is Stage.DONE else None
    return {"score": "good" if (seen.grade or 0) >= 4 else "bad"}


HUIQI = System(
    "huiqi",
    Remit(every=timedelta(hours=6), codes=("12", "04", "06", "09")),
    columns={
        "url": text("https://huiqi.example.invalid/api/v2/tickets/{0.number}.json"),
        "id": number(),
        "external_id": None,
        "via": {"channel": choice("api", "web", "web"), "source": {"from": {}, "to": {}, "rel": None}},
        "created_at": created(ZULU),
        "updated_at": updated(ZULU),
        "type": lambda seen: _ZENDESK_TYPES.get(seen.case.scene.wish),
        "subject": TITLE,
        "raw_subject": TITLE,
        "description": CONTENT,
        "priority": urgent("urgent", "normal"),
        "status": stage("new open deleted open open hold solved open closed", odd="pending_legal"),
        "recipient": None,
        "requester_id": lambda seen: 6_130_000_000_000 + seen.case.number % 10_000,
        "organization_id": None,
        "group_id": lambda seen: 360 + int(seen.case.scene.code[:2]),
        "is_public": secret(no=True, yes=False),
        "due_at": due(ZULU),
        "tags": [TOPIC, text("{1.area_name}")],
        "custom_fields": [
            {"id": _CREDIT_CODE, "value": lambda seen: f"91420800MADEUP{seen.case.number % 10_000:04d}"},
            {"id": _PARK, "value": text("{1.area_name}产业园")},
        ],
        "satisfaction_rating": _rating,
        "brand_id": 420800,
        "generated_timestamp": updated(SECONDS),
    },
    counter=Listing(
        path="/api/v2/incremental/tickets/cursor.json",
        door=Basic("hub@jingmen.example/token", "demo-huiqi"),
        refused=Refusal(401, {"error": "Couldn't authenticate you"}),
        pages=Cursors("cursor", "per_page", usual=1000, most=1000, export="start_time"),
        asked=Asked(habit=SECONDS, since="start_time"),
        envelope={
            "tickets": "$rows",
            "after_url": "$url",
            "before_url": None,
            "after_cursor": "$end",
            "before_cursor": None,
            "end_of_stream": "$last",
        },
    ),
)

PLATFORMS = (MASHANGYI, GAOPINBAN, EHUIBAN, LINGDAO, MAYOR_MAILBOX, PETITION, ZONGZHI, HUIQI)
