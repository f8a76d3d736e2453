"""整体并入: the hotlines that were merged into 12345, each with the archive or the old system that it left behind."""

from replica.city import archive
from replica.columns import (
    ADDRESS,
    AREA,
    AREA_NAME,
    BAIDU,
    COMMUNITY,
    CONTENT,
    ESTATE,
    OFFICE,
    PHONE,
    REPORTER,
    STREET,
    TITLE,
    TOPIC,
    WISH,
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
    secret,
    stage,
    text,
    updated,
    urgent,
    wish,
)
from replica.counters.answers import Csv, JsonLines, Refusal, Xml
from replica.counters.base import System
from replica.counters.databases import Database, Steps
from replica.counters.doors import Basic, Bearer, Key
from replica.counters.fileservers import FtpServer, SftpServer
from replica.counters.folders import Folder, csv, excel, json_document, json_lines, zipped
from replica.counters.graphql import Graphql
from replica.counters.lists import Asked, Listing
from replica.counters.mailboxes import Mailing
from replica.counters.open311 import NOTES, Open311, rollup, updated_once_closed
from replica.counters.paging import Linked, Numbered, Skipped
from replica.counters.soap import HeaderUser, Soap
from replica.systems.schemas import YOUTH_SCHEMA
from replica.writing import (
    CHINESE_DAY,
    COMPACT,
    DAY,
    EXCEL,
    LOCAL,
    MILLISECONDS,
    OFFSET,
    SECONDS,
    ZULU,
    Habit,
    full_width,
    local,
)

_UTC = Habit(lambda moment: ZULU.write(moment)[:-1].replace("T", " "), ZULU.read)
"""UTC, without saying so."""
_SLASHES = local("%Y/%m/%d %H:%M")
_NAIVE = local("%Y-%m-%dT%H:%M:%S")
_MINUTE = local("%Y-%m-%d %H:%M")
_CLOCK = local("%H:%M:%S")
_ZEROS = "0000-00-00 00:00:00"

# Spreadsheets of the former tourism bureau, saved as CSV with a mark at the beginning; slashes in the dates.
HOTLINE_12301 = System(
    "hotline-12301",
    archive("12301"),
    columns={
        "投诉编号": number("LY{:08d}", nothing=""),
        "事项": WISH,
        "标题": TITLE,
        "投诉内容": CONTENT,
        "被投诉单位": text("{1.area_name}某旅行社"),
        "处理状态": stage("未处理 已接收 不予受理 已分派 调查中 退回 已处理 复核 已结案", odd="移交省厅"),
        "投诉人": REPORTER,
        "手机": PHONE,
        "行政区划": AREA,
        "发生地点": ADDRESS,
        "承办科室": OFFICE,
        "处理结果": result("/"),
        "投诉时间": created(_SLASHES),
        "最后更新": updated(_SLASHES),
    },
    counter=Folder(name="旅游投诉_{}.csv", write=csv(encoding="utf-8-sig"), each="month", marked=True),
)

# A workbook a month, with a title above the column names, and days counted as Excel does.
HOTLINE_12312 = System(
    "hotline-12312",
    archive("12312"),
    columns={
        "序号": number("SW-{}", nothing=""),
        "举报类别": wish("咨询 求助 投诉 举报 建议 表扬"),
        "举报事项": TITLE,
        "详细情况": CONTENT,
        "状态代码": stage("0 1 8 2 3 4 5 6 7", odd="9", read=int),
        "举报人": REPORTER,
        "联系方式": PHONE,
        "属地": text("{1.area_name}（{1.area}）"),
        "地址": ADDRESS,
        "办理单位": office_code,
        "办理结果": result("无"),
        "登记": created(EXCEL),
        "更新": updated(EXCEL),
    },
    counter=Folder(name="商务举报_{}.xlsx", write=excel(above=("荆门市12312商务举报投诉台账", "")), each="month"),
)

# County stations mail a workbook a month; the subject and the words of the mail are in GBK.
HOTLINE_12316 = System(
    "hotline-12316",
    archive("12316"),
    columns={
        "工单号": number("SN-{:07d}", nothing=""),
        "来电类别": wish("咨询 求助 投诉 举报 建议 表扬"),
        "摘要": TITLE,
        "内容": CONTENT,
        "作物": choice("水稻", "油菜", "柑橘", "小麦"),
        "进度": stage("登记 已受理 不受理 已派专家 处理中 退回站点 已答复 再次处理 归档", odd="待核"),
        "农户": REPORTER,
        "电话": PHONE,
        "村组": ADDRESS,
        "区划": AREA,
        "经办": OFFICE,
        "答复": result("无"),
        "来电日期": created(DAY),
        "来电时间": lambda seen: _CLOCK.write(seen.case.created_at),
        "更新": updated(LOCAL),
    },
    counter=Mailing(subject="12316三农服务台账（{month}）", attachment="sannong_{}.xlsx", write=excel()),
)

# A CSV a day in the code page of an old Windows, with pinyin initials for column names.
HOTLINE_12317 = System(
    "hotline-12317",
    archive("12317"),
    columns={
        "gdbh": number("FP{:010d}", nothing=""),
        "hfhm": "12317",
        "sqlx_dm": wish("01 02 03 04 05 06"),
        "sqrxm": REPORTER,
        "sqrhm": lambda seen: full_width(seen.case.phone) if seen.case.number % 3 == 0 else seen.case.phone,
        "sqbt": TITLE,
        "sqnr": lambda seen: f"{seen.case.content}补助标准€{seen.case.number % 90 + 10}。",
        "sqrdz": lambda seen: f"{seen.case.place.estate}{seen.case.number % 12 + 1}户",
        "sqsjfsdz": ADDRESS,
        "jd_mc": STREET,
        "sq_mc": COMMUNITY,
        "qh_dm": AREA,
        "zt_dm": stage("A0 A1 X1 B1 B2 B9 C1 B2 C9", odd="Z9"),
        "djsj": created(LOCAL),
        "gxsj": updated(LOCAL),
        "bmbz": secret("是", "否"),
        "cbdw": OFFICE,
        "blqk": result("无"),
        "jgmyd": grade("0 0 0.6 0.7 1"),
        "zfmyd": grade("0 0 0.6 0.7 1"),
    },
    counter=Folder(name="gd_{}.csv", write=csv(encoding="cp936"), marked=True),
)

# On an FTP server: tabs between the cells, no line of names, latin abbreviations for states.
HOTLINE_12318 = System(
    "hotline-12318",
    archive("12318"),
    columns={
        "id": number("WH{:08d}", nothing=""),
        "kind": wish("zx qz ts jb jy by"),
        "title": TITLE,
        "content": CONTENT,
        "state": stage("new acc rej asg inv ret fin re cls", odd="???"),
        "who": REPORTER,
        "phone": PHONE,
        "area": AREA,
        "where": ADDRESS,
        "office": OFFICE,
        "result": result("-"),
        "filed": created(LOCAL),
        "changed": updated(LOCAL),
    },
    counter=Folder(
        name="wh_{}.txt",
        write=csv(encoding="cp936", delimiter="\t", header=False),
        each="month",
        marked=True,
        server=FtpServer,
    ),
)

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


# On an SFTP server: a line of JSON a record, milliseconds for times.
HOTLINE_12325 = System(
    "hotline-12325",
    archive("12325"),
    columns={
        "grainNo": number("LS{:08d}"),
        "reportType": wish("CONSULT HELP COMPLAINT REPORT SUGGEST PRAISE"),
        "title": TITLE,
        "desc": CONTENT,
        "variety": choice("稻谷", "小麦", "玉米", "油菜籽"),
        "status": stage("1 2 9 3 4 5 6 7 8", odd="-1", read=int),
        "reporter": {"name": REPORTER, "contact": PHONE},
        "depot": text("{1.street}粮站"),
        "adcode": AREA,
        "site": ADDRESS,
        "dept": office_code,
        "conclusion": result(),
        "createdAt": created(MILLISECONDS),
        "updatedAt": updated(MILLISECONDS),
    },
    counter=Folder(name="grain_{}.jsonl", write=json_lines(), each="month", marked=True, server=SftpServer),
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

# On an SFTP server, because it is confidential: CSV in UTF-16, as some spreadsheets save it, from two fields a time.
HOTLINE_12338 = System(
    "hotline-12338",
    archive("12338"),
    columns={
        "编号": number("FN{:07d}", nothing=""),
        "类别": wish("咨询 求助 投诉 举报 建议 表扬"),
        "标题": TITLE,
        "诉求": CONTENT,
        "状态": stage("未接待 已接待 不予受理 已转介 跟进中 退回 已结案 再次求助 归档", odd="移送"),
        "化名": lambda seen: f"{seen.case.reporter[0]}女士",
        "联系方式": PHONE,
        "区划": AREA,
        "可否公开": lambda seen: "可" if seen.case.number % 6 == 0 else "否",
        "承办": OFFICE,
        "处理": result(""),
        "日期": created(DAY),
        "时间": lambda seen: _CLOCK.write(seen.case.created_at),
        "更新日期": updated(DAY),
        "更新时间": updated(_CLOCK),
    },
    counter=Folder(name="weiquan_{}.csv", write=csv(encoding="utf-16"), each="month", marked=True, server=SftpServer),
)

# A table in a database, and another with the steps of each case.
HOTLINE_12349 = System(
    "hotline-12349",
    archive("12349"),
    columns={
        "ID": lambda seen: seen.case.number,
        "工单编号": number("MZ{:08d}"),
        "类别": wish("咨询 求助 投诉 举报 建议 表扬"),
        "标题": TITLE,
        "内容": CONTENT,
        "状态": stage("10 11 19 12 13 14 15 16 17", odd="98", read=int),
        "老人姓名": REPORTER,
        "电话": PHONE,
        "区划代码": AREA,
        "住址": ADDRESS,
        "服务机构": text("{1.community}居家养老服务中心"),
        "办理结果": result(),
        "登记时间": created(SECONDS),
        "修改时间": updated(SECONDS),
    },
    counter=Database(
        file="minzheng.db",
        table="服务工单",
        key="ID",
        steps=Steps(
            table="办理过程",
            parent="工单ID",
            columns={
                "环节": stage("登记 受理 不受理 派单 服务中 退回 完成 重做 归档", odd="其他"),
                "时间": updated(SECONDS),
            },
        ),
    ),
)

# On an FTP server: archives that hold a CSV each; everything is urgent here.
HOTLINE_12350 = System(
    "hotline-12350",
    archive("12350"),
    columns={
        "举报编号": number("AQ{:09d}", nothing=""),
        "举报类型": wish("咨询 求助 投诉 举报 建议 表扬"),
        "隐患标题": TITLE,
        "隐患描述": CONTENT,
        "行业": choice("烟花爆竹", "建筑施工", "危险化学品", "工贸"),
        "等级": choice("重大", "较大", "一般"),
        "核查状态": stage("待核 受理 不属实 交办 核查 退回 属实已改 复核 销号", odd="挂牌督办"),
        "举报人": REPORTER,
        "手机号": PHONE,
        "是否保密": secret("是", "否"),
        "区划": AREA,
        "地点": ADDRESS,
        "核查单位": OFFICE,
        "核查结果": result("无"),
        "举报时间": created(LOCAL),
        "更新时间": updated(LOCAL),
    },
    counter=Folder(
        name="anquan_{}.zip", write=zipped("安全生产举报.csv", csv()), each="month", marked=True, server=FtpServer
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

# One JSON document a month, two levels deep, with the day in Chinese and the hour beside it.
HOTLINE_12391 = System(
    "hotline-12391",
    archive("12391"),
    columns={
        "件号": number("JY-{}", nothing=None),
        "来件": {
            "类别": wish("咨询 求助 投诉 举报 建议 表扬"),
            "标题": TITLE,
            "正文": CONTENT,
            "学校": text("{1.street}中学"),
        },
        "来件人": {"称呼": REPORTER, "电话": PHONE, "身份": choice("家长", "学生", "教师")},
        "地点": {"区划": AREA, "名称": AREA_NAME, "详址": ADDRESS, "小区": ESTATE},
        "办理": {
            "状态": stage("收件 登记 不受理 转办 核查 退件 答复 再核查 结案", odd="封存"),
            "部门": office_code,
            "结果": result(),
        },
        "日期": created(CHINESE_DAY),
        "时刻": lambda seen: _CLOCK.write(seen.case.created_at),
        "变动": updated(OFFSET),
    },
    counter=Folder(
        name="教育举报_{}.json",
        write=json_document({"导出单位": "荆门市教育局", "数量": "$count", "数据": {"件": "$rows"}}),
        each="month",
        marked=True,
    ),
)

ABSORBED = (
    HOTLINE_12301,
    HOTLINE_12312,
    HOTLINE_12316,
    HOTLINE_12317,
    HOTLINE_12318,
    HOTLINE_12319,
    HOTLINE_12325,
    HOTLINE_12330,
    HOTLINE_12331,
    HOTLINE_12336,
    HOTLINE_12338,
    HOTLINE_12349,
    HOTLINE_12350,
    HOTLINE_12351,
    HOTLINE_12355,
    HOTLINE_12358,
    HOTLINE_12365,
    HOTLINE_12369,
    HOTLINE_12385,
    HOTLINE_12391,
)
