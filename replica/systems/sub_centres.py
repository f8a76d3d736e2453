"""设分中心: the hotlines of departments under vertical management, with systems and numbers of their own."""

from datetime import timedelta

from replica.city import Remit
from replica.columns import (
    ADDRESS,
    AREA,
    AREA_NAME,
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
    number,
    office_code,
    result,
    secret,
    stage,
    text,
    updated,
    wish,
)
from replica.counters.base import System
from replica.counters.brokers import MqttBroker, NatsServer, RedisServer, Topic
from replica.counters.lists import Asked
from replica.counters.paging import Numbered
from replica.counters.pushes import Push, StandardWebhooks, TimedHmac
from replica.counters.soap import Soap, SoapLogin
from replica.writing import COMPACT, LOCAL, MILLISECONDS, OFFSET, SECONDS, ZULU

# Each case has a topic of its own, whose last message stays: whoever subscribes is told how all of them stand.
HOTLINE_12305 = System(
    "hotline-12305",
    Remit(every=timedelta(hours=8), lines=("12305",)),
    columns={
        "appealNo": number("YZ{:010d}"),
        "mailNo": text("JM{0.number:011d}CN"),
        "company": choice("甲快递", "乙快递", "丙速运", "邮政"),
        "reason": choice("丢失短少", "投递服务", "延误", "损毁"),
        "type": wish("CONSULT HELP APPEAL REPORT SUGGEST PRAISE"),
        "subject": TITLE,
        "detail": CONTENT,
        "progress": stage("0 1 9 2 3 4 5 6 7", odd="99", read=int),
        "appellant": {"name": REPORTER, "phone": PHONE, "addr": ADDRESS, "adcode": AREA},
        "compensation": lambda seen: seen.case.number % 500 if seen.result else None,
        "reply": result(),
        "createTime": created(MILLISECONDS),
        "updateTime": updated(MILLISECONDS),
        "limitTime": due(MILLISECONDS, days=20),
    },
    counter=Topic(broker=MqttBroker, name="post/420800/12305"),
)

# The fields of a stream's entry are flat texts, pinyin words for names, bare digits for times.
HOTLINE_12313 = System(
    "hotline-12313",
    Remit(every=timedelta(hours=7), lines=("12313",)),
    columns={
        "jubao_bianhao": number("YC{:08d}"),
        "leixing": wish("zixun qiuzhu tousu jubao jianyi biaoyang"),
        "biaoti": TITLE,
        "neirong": CONTENT,
        "zhuangtai": stage("S0 S1 SX S2 S3 SR S4 S5 S9", odd="SZ"),
        "jubaoren": REPORTER,
        "dianhua": PHONE,
        "quhua": text("{1.area}"),
        "dizhi": ADDRESS,
        "shangpin": choice("卷烟", "雪茄烟", "电子烟"),
        "shuliang_tiao": lambda seen: str(seen.case.number % 40),
        "nimin": secret("1", "0"),
        "jieguo": result(),
        "lurushijian": created(COMPACT),
        "gengxinshijian": updated(COMPACT),
    },
    counter=Topic(broker=RedisServer, name="ycgd:12313"),
)

# CloudEvents on a stream: the ticket is the event's data.
HOTLINE_12360 = System(
    "hotline-12360",
    Remit(every=timedelta(hours=8), lines=("12360",)),
    columns={
        "caseNo": number("HG4208{:09d}"),
        "category": wish("CONSULTATION HELP COMPLAINT TIP_OFF PROPOSAL COMMENDATION"),
        "headline": TITLE,
        "narrative": CONTENT,
        "stage": stage(
            "FILED ADMITTED DECLINED ASSIGNED UNDER_REVIEW SENT_BACK ANSWERED REOPENED ARCHIVED", odd="HELD"
        ),
        "caller": {"salutation": REPORTER, "tel": lambda seen: f"+86-{seen.case.phone}"},
        "port": {"name": "荆门海关", "code": "4712"},
        "division": {"code": AREA, "name": AREA_NAME},
        "premises": ADDRESS,
        "confidential": secret(yes=True, no=False),
        "answer": result(),
        "filedAt": created(ZULU),
        "modifiedAt": updated(ZULU),
        "closedAt": closed(ZULU),
    },
    counter=Topic(
        broker=NatsServer,
        name="CUSTOMS",
        envelope={
            "specversion": "1.0",
            "type": "cn.customs.appeal.changed",
            "source": "/customs/4712/12360",
            "id": "$key-$time",
            "time": "$time",
            "datacontenttype": "application/json",
            "data": "$row",
        },
    ),
)

# Pushes, some at a time, sealed by a secret over time and body.
HOTLINE_12363 = System(
    "hotline-12363",
    Remit(every=timedelta(hours=8), lines=("12363",)),
    columns={
        "complaint_id": number("FIN-{:08d}"),
        "complaint_type": wish("10 20 30 40 50 60"),
        "title": TITLE,
        "description": CONTENT,
        "institution": {"name": text("{1.street}某银行支行"), "kind": choice("bank", "insurer", "payment")},
        "state": stage(
            "registered accepted refused transferred handling returned replied reopened finished", odd="frozen"
        ),
        "consumer": {"name": REPORTER, "mobile": PHONE},
        "region": AREA,
        "address": ADDRESS,
        "authority": office_code,
        "resolution": result(),
        "rating": grade("1 2 3 4 5", nothing=None, read=int),
        "registered_at": created(SECONDS),
        "updated_at": updated(SECONDS),
        "seq": updated(MILLISECONDS),
    },
    counter=Push(seal=TimedHmac("demo-12363-secret", "X-Fin-Time", "X-Fin-Sign"), envelope={"complaints": "$rows"}),
)

# SOAP 1.1: log in for a ticket, get a document in a string, all of it in GBK that calls itself gb2312.
HOTLINE_12366 = System(
    "hotline-12366",
    Remit(every=timedelta(hours=6), lines=("12366",)),
    columns={
        "GDBH": number("SW4208{:08d}"),
        "YWLX": wish("咨询 求助 投诉 举报 建议 表扬"),
        "BT": TITLE,
        "NR": CONTENT,
        "ZT": stage("00 01 09 02 03 04 05 06 07", odd="44"),
        "NSRMC": text("{1.estate}个体工商户"),
        "NSRSBH": lambda seen: f"92420800MADEUP{seen.case.number % 10_000:04d}",
        "LXR": REPORTER,
        "LXDH": PHONE,
        "QHDM": text("{1.area}000000"),
        "DZ": ADDRESS,
        "CBBM": OFFICE,
        "HFNR": result("无"),
        "DJRQ": created(COMPACT),
        "GXRQ": updated(COMPACT),
    },
    counter=Soap(
        wsdl="hotline-12366.wsdl",
        path="/services/TaxHotline",
        namespace="http://service.tax12366.example/",
        operation="queryOrders",
        door=SoapLogin(operation="login", fields={"user": "hub", "password": "demo-12366"}, argument="sessionId"),
        pages=Numbered("pageIndex", "pageSize", usual=20, most=100),
        asked=Asked(habit=LOCAL, since="beginTime", until="endTime"),
        content={"DATASET": {"TOTAL": "$total", "ROW": "$rows"}},
        string="xml",
        claims="gb2312",
        encoding="gb18030",
    ),
)

# Pushes as Standard Webhooks says.
HOTLINE_12367 = System(
    "hotline-12367",
    Remit(every=timedelta(hours=9), lines=("12367",)),
    columns={
        "ticketNumber": number("NIA-{:07d}"),
        "service": TOPIC,
        "kind": wish("inquiry assistance complaint report suggestion compliment"),
        "subject": TITLE,
        "body": CONTENT,
        "phase": stage("NEW OPEN DENIED ROUTED ACTIVE BOUNCED SOLVED REOPENED DONE", odd="STUCK"),
        "language": choice("zh", "zh", "zh", "en"),
        "applicant": {"alias": REPORTER, "phone": PHONE},
        "district": AREA,
        "unit": OFFICE,
        "answer": result(),
        "timeline": {"opened": created(OFFSET), "touched": updated(OFFSET), "due": due(OFFSET, days=7)},
    },
    counter=Push(
        seal=StandardWebhooks("whsec_ZGVtby0xMjM2Ny1tYWRlLXVwLXNlY3JldA=="),
        envelope={"type": "ticket.changed", "data": "$rows"},
    ),
)

SUB_CENTRES = (HOTLINE_12305, HOTLINE_12313, HOTLINE_12360, HOTLINE_12363, HOTLINE_12366, HOTLINE_12367)
