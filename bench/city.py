"""Fill a database with a city's appeals, in the hub's own schema, by SQL: a million in about two minutes."""

import hashlib
import itertools
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import asyncpg

from hub.store import search
from hub.store.store import Store

SOURCES = 43
DAYS = 1_095
START = datetime(2023, 1, 1, tzinfo=UTC)
END = START + timedelta(days=DAYS)
STREETS = (
    "象山大道", "长宁大道", "白云大道", "金虾路", "海慧路", "中天街", "月亮湖路", "天山路", "关公大道", "虎牙关大道",
    "泉口路", "工业二路", "深圳大道", "漳河大道", "龙山大道", "双喜大道", "杨柳路", "培公大道", "浏河路", "塔影路",
    "向阳路", "民主街", "解放路", "北门路", "南台路", "果园路", "三干渠路", "荆襄大道", "石化大道", "安栈口路",
)  # fmt: skip
TOPICS = {
    "城市管理/路灯": "路灯不亮", "城市管理/占道经营": "商铺占道经营", "城市管理/垃圾": "垃圾清运不及时",
    "物业与住房/电梯": "电梯停运", "物业与住房/物业": "物业收费不合理", "交通/公交": "公交站台损坏",
    "交通/停车": "停车难", "交通/道路": "路面破损", "环保/噪音": "夜间施工噪音扰民",
    "环保/油烟": "餐饮油烟扰民", "供水/水质": "自来水浑浊",
    "供水/停水": "停水未通知", "供电/停电": "频繁停电", "燃气/管道": "燃气管道老化", "教育/入学": "入学政策咨询",
    "医疗/收费": "医院收费疑问", "社保/养老": "养老金未到账", "劳动/欠薪": "拖欠农民工工资", "市场/食品": "食品过期",
    "市场/退款": "商家拒绝退款", "消防/通道": "消防通道堵塞", "绿化/树木": "树木遮挡光线", "排水/积水": "雨天积水严重",
    "建设/违建": "楼顶违章搭建",
}  # fmt: skip
CONTENTS = (
    "市民来电反映，该处情况自去年冬季以来多次出现，老人儿童经过时容易发生危险，希望有关部门尽快安排人员到现场核实，并给出整改时间，谢谢",
    "市民通过热线反映，该问题严重影响周边居民的正常生活，此前曾向社区反映，工作人员答复会尽快处理，但至今没有结果，市民表示需要回访",
    "请相关单位核查后予以答复，同时建议加强日常巡查，避免类似问题反复发生，如不属于本单位职责范围，请及时转办并告知办理进度",
)
AREAS = ("420802", "420804", "420881", "420882", "420822", "420803", "420805", "420806", "420807", "420808")

_INDEXES = """
select indexdef from pg_indexes
where tablename = 'appeal' and indexname not in (select conname from pg_constraint)
"""
_ISO = 'YYYY-MM-DD"T"HH24:MI:SS"+00:00"'
_APPEALS = """
insert into appeal (source, external_id, title, status, created_at, updated_at, appeal_no, kind, kind_text, topic,
  content, status_text, urgency, channel, is_secret, reporter_name, reporter_phone, area, grid, location_address,
  location_longitude, location_latitude, lead_org, co_orgs, dispatched_at, due_at, closed_at, result, is_resolved,
  satisfaction, support_count, attachments, events, attributes, search)
select 's' || lpad((1 + floor(43 * r1 * r1))::text, 2, '0'), 'X' || i, t.text, state.word, at,
  at + r10 * interval '5 days', no,
  (array['COMPLAINT','COMPLAINT','COMPLAINT','SUGGEST','CONSULT','REPORT','HELP','PRAISE'])[1 + floor(r6 * 8)],
  '投诉举报', t.topic, c.text || '（工单' || no || '）', '处理中',
  (array['NORMAL','NORMAL','NORMAL','NORMAL','URGENT','CRITICAL'])[1 + floor(r7 * 6)],
  (array['PHONE','APP','WEB','WECHAT_MINI','PHONE'])[1 + floor(r12 * 5)], r5 < 0.04,
  (array['张小明','李华','王芳','欧阳锋','赵敏'])[1 + floor(r3 * 5)], '138' || lpad(i::text, 8, '0'),
  ($2::text[])[1 + floor(array_length($2::text[], 1) * r9 * r9)], '网格' || floor(r8 * 400),
  t.street || house || '号', 112.1 + r11 / 5, 31 + r12 / 9,
  (array['住建局','城管局','交通局','生态环境局','市场监管局','公安局','民政局','教育局'])[1 + floor(r4 * 8)],
  case when r4 < 0.2 then '["社区居委会"]'::jsonb else '[]' end, at + r2 * interval '6 hours',
  case when r11 < 0.9 then at + (3 + floor(r11 * 12)) * interval '1 day' end,
  case when state.word in ('RESOLVED', 'CLOSED') then at + r10 * interval '5 days' end,
  case when state.word in ('RESOLVED', 'CLOSED') then '经现场核实，已安排专人处理完毕，诉求人表示认可。' end,
  case when state.word in ('RESOLVED', 'CLOSED') then r10 < 0.8 end,
  (array['NONE','SATISFIED','BASIC','DISSATISFIED'])[1 + floor(r2 * 4)], floor(r6 ^ 8 * 200), '[]',
  case when r3 < 0.3 then jsonb_build_array(
    jsonb_build_object('at', to_char(at, $5), 'text', '受理', 'by', '坐席' || i % 500,
      'status', 'ACCEPTED', 'status_text', '已受理'),
    jsonb_build_object('at', to_char(at + interval '5 hours', $5), 'text', '转派至责任单位', 'by', '调度中心',
      'status', 'DISPATCHED', 'status_text', '已派单'),
    jsonb_build_object('at', null, 'text', '工单备注' || i, 'by', null, 'status', null, 'status_text', null))
    else '[]' end,
  jsonb_build_object('floor', i % 33),
  array_to_tsvector(t.lexemes || c.lexemes || array[to_char(at, 'YYYYMMDD'), lpad(i::text, 8, '0'), house::text, '号'])
from (select *, to_char(at, 'YYYYMMDD') || '-' || lpad(i::text, 8, '0') as no from (select i,
        $3::timestamptz + (i::float8 / $1) * ($4::int * interval '1 day') - random() * interval '6 hours' as at,
        1 + floor(random() * 900)::int as house, random() r1, random() r2, random() r3, random() r4, random() r5,
        random() r6, random() r7, random() r8, random() r9, random() r10, random() r11, random() r12
      from generate_series(1, $1::int) i) drawn) given
  cross join lateral (select (case when i > 0.9 * $1
    then array['RECEIVED','RECEIVED','ACCEPTED','DISPATCHED','IN_PROGRESS','RESOLVED']
    else array['RESOLVED','RESOLVED','RESOLVED','CLOSED','CLOSED','CLOSED','CLOSED','CLOSED','RETURNED','IN_PROGRESS']
    end)[1 + floor(r5 * case when i > 0.9 * $1 then 6 else 10 end)] as word) state
  join content c on c.place = (1 + floor(r3 * 3))::int
  join title t on t.place = (1 + floor(r8 * r8 * 720))::int
order by i
"""


def fingerprint() -> str:
    """What tells this filling from those of other versions of the hub."""
    said = repr((_APPEALS, STREETS, TOPICS, CONTENTS, AREAS))
    return hashlib.blake2b(said.encode(), digest_size=4).hexdigest()


async def fill(url: str, appeals: int) -> None:
    """Make the schema and its appeals, the same ones each time."""
    store = await Store.open(url)
    await store.close()
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    try:
        await _fill(connection, appeals)
    finally:
        await connection.close()


async def _fill(connection: asyncpg.Connection, appeals: int) -> None:
    await connection.execute("set maintenance_work_mem = '512MB'; set timezone = 'UTC'; set jit = off")
    await connection.execute("set synchronous_commit = off; select setseed(0.42)")
    await connection.executemany(
        "insert into source (name, title, source_class, integration, connector) values ($1, $2, $3, $4, 'rest')",
        [
            (f"s{n:02}", f"第{n}号诉求来源", *(("hotline", "dual_number") if n <= 35 else ("platform", None)))
            for n in range(1, SOURCES + 1)
        ],
    )
    await _phrases(connection)
    indexes = [row["indexdef"] for row in await connection.fetch(_INDEXES)]
    for index in indexes:
        await connection.execute(f"drop index {index.split()[2]}")
    await connection.execute(_APPEALS, appeals, list(AREAS), START, DAYS, _ISO, timeout=1_800)
    for index in indexes:
        await connection.execute(index, timeout=1_800)
    await connection.execute("vacuum (analyze, freeze) appeal", timeout=1_800)
    await connection.execute("analyze source")


async def _phrases(connection: asyncpg.Connection) -> None:
    """Texts with what they are found by, as the hub itself would index them."""
    titles = [
        (street, topic, f"{street}{words}") for (topic, words), street in itertools.product(TOPICS.items(), STREETS)
    ]
    await connection.execute(
        "create temp table title (place int primary key, street text, topic text, text text, lexemes text[]);"
        "create temp table content (place int primary key, text text, lexemes text[])"
    )
    await connection.executemany(
        "insert into title values ($1, $2, $3, $4, $5)",
        [(n, *row, _lexemes([row[2], row[0]])) for n, row in enumerate(titles, 1)],
    )
    await connection.executemany(
        "insert into content values ($1, $2, $3)",
        [(n, text, _lexemes(["号", f"{text}（工单"])) for n, text in enumerate(CONTENTS, 1)],
    )
    await connection.execute("analyze title; analyze content")


def _lexemes(texts: Sequence[str]) -> list[str]:
    return sorted(set(search.lexemes([texts])[0].split()))


async def check(connection: asyncpg.Connection) -> None:
    """The index that was written here in SQL is the one that the hub would have written."""
    rows = await connection.fetch(
        "select title, content, appeal_no, location_address, tsvector_to_array(search) as found from appeal limit 200"
    )
    for row in rows:
        *texts, found = row
        assert sorted(found) == sorted(set(search.lexemes([texts])[0].split())), texts
