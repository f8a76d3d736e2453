"""The soap connector against a server that somebody else wrote (soapbar), which makes the WSDL and judges questions."""

import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from pulling import QUICK, build, ids, tickets
from soapbar import BindingStyle, SoapApplication, SoapService, SoapVersion, soap_operation
from soapbar.core.wssecurity import UsernameTokenValidator
from upstream import Upstream, serving

from hub.connectors.base import Connector
from hub.errors import SourceRefused


class Cases(SoapService):
    __service_name__ = "Cases"
    __tns__ = "http://cases.example/"

    @soap_operation()
    def QueryCases(self, pageIndex: int, pageSize: int, area: str) -> str:  # noqa: N802, N803  as WSDLs write names
        numbers = range((pageIndex - 1) * pageSize, min(pageIndex * pageSize, 5))
        cases = "".join(f"<Case><id>{number}</id><area>{area}</area></Case>" for number in numbers)
        return f"<DataSet>{cases}</DataSet>"


class Users(UsernameTokenValidator):
    """Knows one user, and refuses a nonce that it has seen."""

    def get_password(self, username: str) -> str | None:
        return "s3cr3t-word" if username == "hub" else None


@asynccontextmanager
async def peer(folder: Path, service: SoapService, **rules: Any) -> AsyncIterator[Upstream]:
    """Serve, and keep the WSDL in the folder."""
    with warnings.catch_warnings(action="ignore"):  # it would rather have https
        application = SoapApplication(service_url="http://127.0.0.1/", **rules)
    application.register(service)
    (folder / "cases.wsdl").write_bytes(application.get_wsdl())

    async def answer(request: web.Request) -> web.Response:
        action = request.headers.get("SOAPAction") or request.headers["Content-Type"].partition("action=")[2]
        status, kind, body = application.handle_request(
            await request.read(), soap_action=action.strip('"'), content_type=request.headers["Content-Type"]
        )
        return web.Response(status=status, body=body, headers={"Content-Type": kind})

    async with serving(answer) as upstream:
        yield upstream


def asking(upstream: Upstream, folder: Path, **options: Any) -> Connector:
    listing = {
        "wsdl": "cases.wsdl",
        "url": upstream.url,
        "operation": "QueryCases",
        "arguments": {"area": "东宝"},
        "inner_xml": "return",
        "records": "DataSet.Case",
        "page": {"by": "page", "send": "pageIndex", "size": {"send": "pageSize", "value": 2}},
    }
    return build("soap", {**QUICK, **listing, **options}, folder)


@pytest.mark.parametrize("style", BindingStyle)
@pytest.mark.parametrize("version", SoapVersion)
async def test_every_style_and_version_is_understood(style: BindingStyle, version: SoapVersion, tmp_path: Path):
    service = type("Styled", (Cases,), {"__binding_style__": style, "__soap_version__": version})()

    async with peer(tmp_path, service, validate_body_schema=style.is_wrapped) as upstream:
        found = await tickets(asking(upstream, tmp_path))

    assert ids(found) == ["0", "1", "2", "3", "4"]
    assert {each["area"] for each in found} == {"东宝"}


@pytest.mark.parametrize("send", ["text", "digest"])
async def test_a_username_token_is_taken_once_for_every_question(send: str, tmp_path: Path):
    wsse = {"username": "hub", "password": "s3cr3t-word", "send": send, "timestamp": True}

    async with peer(tmp_path, Cases(), security_validator=Users(), allow_plaintext_credentials=True) as upstream:
        found = await tickets(asking(upstream, tmp_path, auth={"wsse": wsse}))

    assert len(found) == 5
    assert len(upstream.asked) == 4


@pytest.mark.parametrize("auth", [None, {"wsse": {"username": "hub", "password": "wr0ng-word", "send": "digest"}}])
async def test_whoever_cannot_prove_himself_is_refused(auth: Any, tmp_path: Path):
    async with peer(tmp_path, Cases(), security_validator=Users()) as upstream:
        with pytest.raises(SourceRefused, match="answered the fault"):
            await tickets(asking(upstream, tmp_path, auth=auth))
