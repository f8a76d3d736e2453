"""A folder behind HTTP: an index page, or the list of an object store, and the files that it names."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import quote

from lxml import etree

from hub.connectors.auth import Auth, Basic, Request, credentials
from hub.connectors.folders.base import Listed, Names, joined
from hub.connectors.folders.listings import BucketPage, Line, bucket_page, index_links
from hub.connectors.folders.servers import Server
from hub.connectors.formats import NotReadable, looks_like_xml, xml_tree
from hub.connectors.http import Answer, NotThere, Session, Web
from hub.connectors.masking import excerpt
from hub.connectors.tables import page_tree
from hub.errors import SourceRefused

_MARKUP = (".html", ".htm", ".xls", ".xml")


@asynccontextmanager
async def opened(server: Server) -> AsyncIterator["HttpFolder"]:
    """Open connections for the run; the limits and the retries are those of every HTTP source."""
    web = Web(server.limits, server.retry, credentials(_auth(server)), trust=server.trust, secrets=server.auth.secrets)
    async with web.session() as session:
        yield HttpFolder(server, session)


def _auth(server: Server) -> Auth | None:
    if server.auth.token:
        return Auth(bearer=server.auth.token)
    if server.auth.password:
        return Auth(basic=Basic(username=server.where.user or "", password=server.auth.password))
    return None


class HttpFolder:
    """A folder behind HTTP: nothing can be moved there, and a clock is not ours."""

    keeps_time = False

    def __init__(self, server: Server, session: Session) -> None:
        self._server = server
        self._session = session
        self._names = Names(server.name_encoding)
        self._root = f"{server.where.server}{quote(server.where.path.rstrip('/'))}/"
        self._is_bucket = False

    async def entries(self, below: Listed | None) -> AsyncIterator[Listed]:
        if self._is_bucket:
            lister = self._objects(below)
        else:
            url = below.handle if below else self._root
            answer = await self._asked(Request("GET", url))
            lister = self._listed(answer, below, url)
        async for entry in lister:
            yield entry

    async def read(self, file: Listed, most: int) -> bytes | None:
        del most  # limits.max_body holds for every answer
        try:
            answer = await self._asked(Request("GET", file.handle))
        except NotThere:
            return None
        if "html" in answer.content_type and not file.path.lower().endswith(_MARKUP):
            raise SourceRefused(f"{file.path} came as a page: {excerpt(answer.text, self._server.auth.secrets)!r}")
        return answer.body

    async def move(self, file: Listed, into: str) -> None:
        raise SourceRefused(f"{file.path} cannot be moved to {into} by HTTP")

    async def remove(self, file: Listed) -> None:
        raise SourceRefused(f"{file.path} cannot be removed by HTTP")

    async def _asked(self, request: Request) -> Answer:
        return await self._session.fetch(request, lambda answer: answer)

    async def _listed(self, answer: Answer, below: Listed | None, url: str) -> AsyncIterator[Listed]:
        if not looks_like_xml(answer.body):
            raise SourceRefused(f"GET {url} answered no index of files: {excerpt(answer.text)!r}")
        if "html" not in answer.content_type and bucket_page(_xml(answer.body), "") is not None:
            self._is_bucket = True
            async for entry in self._objects(below):
                yield entry
            return
        try:
            links = index_links(page_tree(answer.body, answer.charset, None), url)
        except NotReadable as error:
            error.message = f"GET {url} {error.message}: {excerpt(answer.text)!r}"
            raise
        for link in links:
            yield self._entry(link.line, below, self._names.shown(link.line.name), link.url)

    async def _objects(self, below: Listed | None) -> AsyncIterator[Listed]:
        """List what lies directly below a prefix, page by page."""
        prefix = f"{below.path}/" if below else ""
        asked: set[str] = set()
        following: str | None = ""
        while following is not None:
            page = await self._session.fetch(self._question(prefix, following), lambda answer: _bucket(answer, prefix))
            for line in page.lines:
                yield self._entry(line, below, line.name, f"{self._root}{quote(prefix + line.name)}")
            asked.add(following)
            following = page.following
            if following in asked:
                raise SourceRefused(f"{self._root} leads to a page of its list that this run has already read")

    def _question(self, prefix: str, following: str) -> Request:
        query = {"list-type": "2", "delimiter": "/", "prefix": prefix}
        return Request("GET", self._root, query | ({"continuation-token": following} if following else {}))

    def _entry(self, line: Line, below: Listed | None, name: str, url: str) -> Listed:
        return Listed(joined(below, name), line.kind, line.size, line.changed, url)


def _xml(body: bytes) -> etree._Element:
    try:
        return xml_tree(body)
    except NotReadable:
        return etree.Element("other")  # It may still be HTML.


def _bucket(answer: Answer, prefix: str) -> BucketPage:
    page = bucket_page(xml_tree(answer.body, charset=answer.charset), prefix)
    if page is None:
        raise SourceRefused("answered another kind of XML than before")
    return page
