"""Pull tickets from a table, a view or a query of a legacy database, in the order of keys."""

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import datetime
from functools import partial
from typing import Any, ClassVar

from pydantic import SecretStr

from hub.connectors.base import Options, Place
from hub.connectors.databases.options import NATIVE, SinceColumn, SqlOptions
from hub.connectors.since import Since, Walk
from hub.connectors.walking import Part, Walker
from hub.model import Cursor, Page


class Sql:
    """One list of rows in a database."""

    options_type: ClassVar[type[Options]] = SqlOptions
    default_map: ClassVar[dict[str, Any]] = {}

    def __init__(self, options: SqlOptions, place: Place) -> None:
        # SQLAlchemy is imported for those who have such a source: every command would start later otherwise.
        from hub.connectors.databases.dsn import address  # noqa: PLC0415
        from hub.connectors.databases.opening import Database  # noqa: PLC0415
        from hub.connectors.databases.reading import Reader  # noqa: PLC0415

        dsn = options.dsn.get_secret_value() if isinstance(options.dsn, SecretStr) else options.dsn
        where = address(dsn, options.password.get_secret_value() if options.password else None)
        self._database = Database(where, options.limits, place.timezone, folder=place.folder, encoding=options.encoding)
        self._reader = Reader(options, where.dialect, place)
        self._walker = Walker(options.page, _walked(options.since), place.timezone, max_pages=options.limits.max_pages)

    def between(self, start: datetime, end: datetime) -> Cursor:
        """Return the cursor of a walk over what changed since then. Raises SourceRefused."""
        return self._walker.between(start, end)

    async def pull(self, cursor: Cursor | None) -> AsyncGenerator[Page, None]:
        """Read page after page; each page's cursor goes on after it, also in the middle of a run."""
        async with self._database.opened() as database:

            async def ask(walk: Walk) -> Part:
                found = await database.run(partial(self._reader.page, at=walk.at, start=walk.window.start))
                return Part(found, found.tickets)

            async with aclosing(self._walker.pages(cursor, ask)) as pages:
                async for page in pages:
                    yield page


def _walked(since: SinceColumn | None) -> Since | None:
    """Say the same as those say it who ask by parameters."""
    if since is None:
        return None
    return Since(
        field=json.dumps(since.field, ensure_ascii=False),
        send="since",
        format="iso" if since.format == NATIVE else since.format,
        overlap=since.overlap,
        start=since.start,
    )
