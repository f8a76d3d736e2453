"""A made-up hotline: 100,000 tickets of 26 fields, by cursor; each page is rendered before the first request."""

import argparse
import json
import random
import time

from aiohttp import web

SEED = 12345
PAGE = 500
STATUSES = ["待受理", "已受理", "转办中", "办理中", "已办结", "已退回", "重复件", "已评价"]
CHANNELS = ["12345热线", "微信小程序", "网站", "APP", "来信", "来访", "市长信箱"]
TOPICS = [
    ("城市管理", "停车难", "占道停车"),
    ("市政设施", "污水管网", "管网破损"),
    ("物业与住房", "物业矛盾", "电梯停运"),
    ("生态与资源", "气", "异味扰民"),
    ("社会保障", "社保", "待遇核定"),
]
AREAS = [("420802", "东宝区"), ("420804", "掇刀区"), ("420822", "沙洋县"), ("420881", "钟祥市"), ("420882", "京山市")]
STREETS = ["象山大道", "白云大道", "长宁大道", "月亮湖路", "虎牙关大道", "泉口路"]
DEPARTMENTS = [("D01", "市住房和城乡建设局"), ("D02", "市城市管理执法委"), ("D03", "市生态环境局"), ("D04", "市人社局")]
SENTENCES = [
    "市民反映该处路面长期破损，雨天积水严重，影响通行安全。",
    "来电人称夜间施工噪声扰民，已持续两周，多次反映未果。",
    "希望相关部门尽快核实并回复处理结果。",
    "该小区电梯故障停运三天，老人出行困难。",
    "商户占用消防通道堆放杂物，存在安全隐患。",
    "建议在路口增设信号灯和斑马线。",
    "来电人愿意提供现场照片。",
    "此前工单已办结，但问题没有解决，要求重新办理。",
]


def stamp(seconds: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(seconds))


def ticket(number: int, draw: random.Random) -> dict[str, object]:
    topic, area, department = draw.choice(TOPICS), draw.choice(AREAS), draw.choice(DEPARTMENTS)
    status, street = draw.choice(STATUSES), draw.choice(STREETS)
    updated = 1767225600 + number * 60
    accepted = updated - draw.randrange(3600, 30 * 86400)
    done = status in {"已办结", "已评价"}
    return {
        "order_no": f"GD{20260000000 + number}",
        "title": f"{topic[2]}问题反映：{street}{draw.randrange(1, 400)}号",
        "content": "".join(draw.sample(SENTENCES, 4)),
        "category1": topic[0],
        "category2": topic[1],
        "category3": topic[2],
        "channel": draw.choice(CHANNELS),
        "status": status,
        "urgency": draw.choice(["一般", "紧急", "特急"]),
        "caller_name": draw.choice("甲乙丙丁戊己庚辛") + "某某",
        "caller_phone": f"1{draw.randrange(3, 10)}{draw.randrange(10**8, 10**9)}",
        "caller_gender": draw.choice("男女"),
        "area_code": area[0],
        "area_name": area[1],
        "address": f"{area[1]}{street}{draw.randrange(1, 999)}号{draw.randrange(1, 30)}栋",
        "lng": round(112.1 + draw.random() / 5, 6),
        "lat": round(30.9 + draw.random() / 5, 6),
        "accept_time": stamp(accepted),
        "deadline": stamp(accepted + 5 * 86400),
        "finish_time": stamp(updated) if done else None,
        "update_time": stamp(updated),
        "handle_dept": department[1],
        "dept_code": department[0],
        "reply": f"经核实，{draw.choice(SENTENCES)}已责成{department[1]}限期整改。" if done else "",
        "satisfaction": draw.randrange(6),
        "is_secret": draw.randrange(2),
    }


def application(count: int) -> web.Application:
    draw = random.Random(SEED)
    rendered = [
        json.dumps(ticket(number, draw), ensure_ascii=False, separators=(",", ":")).encode() for number in range(count)
    ]
    pages = [b",".join(rendered[low : low + PAGE]) for low in range(0, count, PAGE)]
    del rendered

    async def cursor(request: web.Request) -> web.Response:
        page = int(request.query.get("cursor") or 0)
        following = f'"{page + 1}"'.encode() if page + 1 < len(pages) else b"null"
        body = b'{"items":[' + pages[page] + b'],"next_cursor":' + following + b"}"
        return web.Response(body=body, content_type="application/json")

    app = web.Application()
    app.add_routes([web.get("/cursor", cursor)])
    return app


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--tickets", type=int, default=100_000)
    given = parser.parse_args()
    web.run_app(
        application(given.tickets),
        host="127.0.0.1",
        port=given.port,
        access_log=None,
        print=lambda *_: print("ready", flush=True),
    )
