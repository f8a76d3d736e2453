"""An old office for people: a form with a token, sessions that end, GBK, and calls around what is not quite JSON."""

from datetime import date, datetime, timedelta
from urllib.parse import parse_qsl

from aiohttp import web

TODAY = datetime.now().date()  # noqa: DTZ005  the office knows no zone
FORM = '<html><body><form><input name="lt" value="LT-{0}"><input type=password name=mm></form>'
ROW = (
    "{{gdbh:0{0}, 'bt':'第{0}号工单\n请办', zt:'{1}', djsj:'{2} 09:00:00', gxsj:'{2} 10:00:00',\n"
    'kz:"{{\\"满意度\\":\\"满意\\"}}", zdmc:\'楼栋,网格\', zdz:\'3栋,A12\', jd:{3}, wd:NaN,}}'
)


class Office:
    def __init__(self) -> None:
        self.logins = 0
        self.left = 0
        self.rows = [(100 + n, TODAY - timedelta(days=9 - n)) for n in range(10)]

    def application(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/login.jsp", self.form)
        app.router.add_post("/login.do", self.enter)
        app.router.add_get("/main.jsp", self.main)
        app.router.add_post("/gd/count.do", self.count)
        app.router.add_post("/gd/list.do", self.listed)
        return app

    async def form(self, _: web.Request) -> web.Response:
        return html(FORM.format(self.logins))

    async def main(self, _: web.Request) -> web.Response:
        return html("<html>欢迎")

    async def enter(self, request: web.Request) -> web.Response:
        fields = dict(parse_qsl((await request.read()).decode(), encoding="gbk"))
        if fields != {"yhm": "接口", "mm": "p4ssword", "lt": f"LT-{self.logins}"}:
            return await self.form(request)
        self.logins += 1
        self.left = 6
        response = web.HTTPFound("/main.jsp")
        response.set_cookie("JSESSIONID", f"session-number-{self.logins}")
        raise response

    async def inside(self, request: web.Request) -> list[tuple[int, date]] | None:
        if self.left <= 0 or request.cookies.get("JSESSIONID") != f"session-number-{self.logins}":
            return None
        self.left -= 1
        fields = dict(parse_qsl((await request.read()).decode(), encoding="gbk"))
        start, end = date.fromisoformat(fields["kssj"]), date.fromisoformat(fields["jssj"])
        assert fields["lb"] == "诉求"
        assert end <= TODAY, "结束日期不能大于今天"
        found = [row for row in self.rows if start <= row[1] <= end]
        page = int(fields.get("page", 0))
        return found[page * 2 - 2 : page * 2] if page else found

    async def count(self, request: web.Request) -> web.Response:
        found = await self.inside(request)
        return await self.form(request) if found is None else html(f"cb({{total:'{len(found)}',}});")

    async def listed(self, request: web.Request) -> web.Response:
        found = await self.inside(request)
        if found is None:
            return await self.form(request)
        rows = [
            ROW.format(number, "办结" if number % 2 else "办理中", day, "112.2" if number % 2 else "0")
            for number, day in found
        ]
        return html(f"cb({{code:0, rows:[{','.join(rows)},]}})")


def html(text: str) -> web.Response:
    return web.Response(body=text.encode("gbk"), headers={"Content-Type": "text/html; charset=gb2312"})
