"""GraphiQL in the browser: pages built beforehand, under a policy that lets them load nothing from elsewhere."""

from pathlib import Path

from starlette.responses import PlainTextResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

BUILT = Path(__file__).parent / "graphiql"

_POLICY = (
    "default-src 'none'; script-src 'self'; worker-src 'self'; connect-src 'self'; "
    # The editor sets styles as it draws; its fonts and icons come inside its style sheet.
    "style-src 'self' 'unsafe-inline'; font-src 'self' data:; img-src 'self' data:; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
_MISSING = """\
GraphiQL is not built here, or not yet: `make demo` builds it beside the city, within a minute.
Run `make graphiql` and load this page again. It needs npm's registry, and Node from this machine or from a wheel.
The page at /graphql needs nothing.

此处尚未构建 GraphiQL。make demo 会在后台构建，约一分钟；也可运行 make graphiql，然后刷新本页。
构建需要 npm 软件源；Node 取自本机或 Python 轮子。/graphql 页面无需构建即可使用。
"""


class Ide(StaticFiles):
    """An ASGI application for the pages below one path; says how to build them where they are missing."""

    def __init__(self, folder: Path = BUILT) -> None:
        super().__init__(directory=folder, html=True, check_dir=False)
        self.config_checked = True  # It may be built while the hub runs.
        self._folder = folder

    async def get_response(self, path: str, scope: Scope) -> Response:
        if not (self._folder / "index.html").is_file():
            return PlainTextResponse(_MISSING, 404, {"cache-control": "no-store"})
        response = await super().get_response(path, scope)
        # The names of assets change with what they hold; the page's own does not.
        lasting = path.startswith("assets") and response.status_code == 200
        response.headers["cache-control"] = "public, max-age=31536000, immutable" if lasting else "no-cache"
        response.headers["content-security-policy"] = _POLICY
        response.headers["x-content-type-options"] = "nosniff"
        response.headers["referrer-policy"] = "no-referrer"
        return response
