from contextlib import AsyncExitStack
from pathlib import Path

from pulling import QUICK, build
from soap_service import CASES, WSDLS, Asked, Fault, Service, escaped, fault
from upstream import serving

from worlds.base import CANARY, ROWS, World


def logged_in(asked: Asked) -> str:
    if asked["passWord"] != CANARY:
        raise Fault("Client", "用户名或密码错误")
    return f"<LoginResult>{CANARY}-token</LoginResult>"


def listed(asked: Asked) -> str:
    if asked["ticket"] != f"{CANARY}-token":
        raise Fault("Client", "未登录")
    start, size = (int(asked["pageIndex"]) - 1) * int(asked["pageSize"]), int(asked["pageSize"])
    cases = "".join(
        f"<Case>{''.join(f'<{key}>{value}</{key}>' for key, value in row.items())}</Case>"
        for row in ROWS[start : start + size]
    )
    document = f"<DataSet><Total>{len(ROWS)}</Total>{cases}</DataSet>"
    return f"<QueryCaseListResult>{escaped(document)}</QueryCaseListResult>"


async def soap_world(stack: AsyncExitStack, folder: Path) -> World:
    service = Service(CASES, {"Login": logged_in, "QueryCaseList": listed}, encoding="gbk", says="gb2312")
    upstream = await stack.enter_async_context(serving(service))
    login = {
        "operation": "Login",
        "send": {"userName": "hub", "passWord": CANARY},
        "token": "LoginResult",
        "as": {"argument": "ticket"},
    }
    options = {
        "wsdl": "wsdl/cases.wsdl",
        "url": f"{upstream.url}/{CANARY}",
        "operation": "QueryCaseList",
        "arguments": {"areaCode": "420800"},
        "inner_xml": "QueryCaseListResult",
        "records": "DataSet.Case",
        "page": {"by": "page", "send": "pageIndex", "size": {"send": "pageSize", "value": 4}, "total": "DataSet.Total"},
        "headers": {"X-Key": CANARY},
        "auth": {"login": login},
    }

    def answer_with(code: str) -> None:
        upstream.answer = lambda request: fault(code, f"{request.headers['X-Key']} is not welcome", detail=CANARY)

    connector = build("soap", {**QUICK, **options}, WSDLS)
    return World(connector, lambda: answer_with("Server"), lambda: answer_with("Client"))
