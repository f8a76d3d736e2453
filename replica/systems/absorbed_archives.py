"""整体并入: of the hotlines that were merged into 12345, those that left files, mails or a database behind."""

from replica.city import archive
from replica.columns import (
    ADDRESS,
    AREA,
    AREA_NAME,
    COMMUNITY,
    CONTENT,
    ESTATE,
    OFFICE,
    PHONE,
    REPORTER,
    STREET,
    TITLE,
    WISH,
    choice,
    created,
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
from replica.counters.databases import Database, Steps
from replica.counters.fileservers import FtpServer, SftpServer
from replica.counters.folders import Folder, csv, excel, json_document, json_lines, zipped
from replica.counters.mailboxes import Mailing
from replica.writing import (
    CHINESE_DAY,
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

ARCHIVES = (
    HOTLINE_12301,
    HOTLINE_12312,
    HOTLINE_12316,
    HOTLINE_12317,
    HOTLINE_12318,
    HOTLINE_12325,
    HOTLINE_12338,
    HOTLINE_12349,
    HOTLINE_12350,
    HOTLINE_12391,
)
