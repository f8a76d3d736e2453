"""Say what connectors.yaml may hold about a database."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal, TypeAlias
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, SecretStr, WithJsonSchema, field_validator, model_validator

from hub.connectors.base import Limits, Options
from hub.connectors.formats import known_encoding
from hub.connectors.paging import At, Turn
from hub.connectors.since import Moment
from hub.units import Duration

NATIVE = "native"
"""The format of a column that is a date or a timestamp to its database."""

SIZE, AFTER, SINCE, IDS = "size", "after", "since", "ids"
"""What a query may name that does its own paging, or picks its rows by their parents."""

Scalar: TypeAlias = str | int | float | bool | None
Columns: TypeAlias = Sequence[str]


def _secret_if_it_holds_one(dsn: Any) -> Any:
    if not isinstance(dsn, str):
        return dsn
    try:
        parts = urlsplit(dsn)
        holds = parts.password is not None or "pass" in parts.query.lower() or "pwd" in parts.query.lower()
    except ValueError:
        holds = True
    return SecretStr(dsn) if holds else dsn


Dsn: TypeAlias = Annotated[
    SecretStr | str,
    BeforeValidator(_secret_if_it_holds_one),
    WithJsonSchema({"type": "string", "examples": ["mysql://hub_ro:${DB_PASSWORD}@10.2.3.4/flfw?charset=gbk"]}),
]


class Rows(Options):
    """What is read: a table or view, or a query."""

    table: str | None = Field(None, min_length=1)
    """The table or view, with its schema where it needs one: `flfw.v_ticket`."""
    columns: Columns = ()
    """Its columns; left out, all of them."""
    where: str | None = None
    """A condition in SQL, such as `lx <> '9'`."""
    query: str | None = None
    """A SELECT in the place of `table`, or `file:NAME`, a file beside connectors.yaml that holds it."""

    @model_validator(mode="after")
    def _one_of_both(self) -> "Rows":
        if (self.table is None) == (self.query is None):
            raise ValueError("write either `table`, the table or view to read, or `query`, a SELECT")
        if self.query is not None and (self.columns or self.where is not None):
            raise ValueError("`columns` and `where` go with `table`; a query says both itself")
        return self


class Children(Rows):
    """Rows that belong to tickets: read once a page, and joined to each under a name."""

    parent: str
    """The column of the ticket that says which rows are its own."""
    key: str
    """The column of these rows that holds the same."""
    order: Columns = ()
    """The columns that put them in order, where they come from a table."""
    one: bool = False
    """There is at most one for each ticket, as with the name of a code: it is joined itself, not a list."""


class ByKeyset(Options):
    """Pages begin after the keys of the row before."""

    by: Literal["keyset"] = "keyset"
    keys: Columns = Field(min_length=1, max_length=8)
    """The columns that put the rows in order, such as `[xgsj, id]`; the last is unique and never empty."""
    size: int = Field(1000, ge=1, le=50_000)
    """How many rows make a page; one that would be larger than `limits.max_body` ends earlier."""
    start: Sequence[str | int | float] | None = None
    """Where the first run starts: after a row of these values, one a key; left out, at the first row."""
    keep: bool = False
    """Rows are only added, never changed: the next run goes on after the last one."""
    overlap: int = Field(1000, ge=0)
    """With `keep`, and whole numbers for the last key: read so many of them again, for rows committed late."""

    @model_validator(mode="after")
    def _one_value_a_key(self) -> "ByKeyset":
        if len(set(self.keys)) < len(self.keys):
            raise ValueError("a column stands twice in `keys`")
        if self.start is not None and len(self.start) != len(self.keys):
            raise ValueError(f"`start` needs one value for each of the {len(self.keys)} keys")
        return self

    def first(self) -> At | None:
        return None

    def after(self, turn: Turn) -> At | None:
        following: At | None = turn.payload.following
        return following

    def kept(self, turn: Turn) -> At | None:
        return (turn.payload.kept or turn.at) if self.keep else None

    def total(self, payload: Any, headers: Mapping[str, str] | None = None) -> int | None:
        """Say nothing: to count may take longer than to read."""
        del payload, headers
        return None


class SinceColumn(Options):
    """How to read only what is new."""

    field: str
    """The column that holds the time of a row's last change."""
    format: str = NATIVE
    """How it holds it: `native` for a date or timestamp; else `iso`, `epoch_s`, `epoch_ms` or a strftime pattern."""
    overlap: Duration = timedelta(minutes=5)
    """Read again this much before the newest row: for what was committed late, and for clocks that differ."""
    start: Moment | None = None
    """Where the first run starts; left out, it reads everything."""

    @field_validator("format")
    @classmethod
    def _sorts_by_time(cls, written: str) -> str:
        if written in {NATIVE, "iso", "epoch_s", "epoch_ms"}:
            return written
        if "%" not in written:
            raise ValueError(f"{written!r} is not native, iso, epoch_s, epoch_ms or a pattern such as %Y%m%d%H%M%S")
        texts = [moment.strftime(written) for moment in _MOMENTS]
        if sorted(texts) != texts:
            raise ValueError(f"{written!r} does not sort as time does; put it into a query that makes a date of it")
        return written


_MOMENTS = [
    datetime.fromisoformat(day) for day in ("1999-12-31", "2009-10-11", "2010-02-03", "2010-11-02", "2010-11-12")
]


class SqlOptions(Rows):
    dsn: Dsn
    """Where the database is, as SQLAlchemy writes it: `mysql://hub_ro@10.2.3.4/flfw`, `sqlite:///drop/old.db`."""
    password: SecretStr | None = None
    """The password, where it is not in `dsn`; no character of it needs to be escaped here."""
    encoding: str | None = None
    """The encoding of bytes, and of text that stands under a wrong name (latin1, or in SQLite); gbk is gb18030."""
    json_columns: Columns = Field((), alias="json")
    """Columns of text that hold JSON: they are read as what they hold."""
    parameters: Mapping[str, Scalar] = {}
    """What the parameters of `query` and `where` stand for, such as `:area`; never quoted in an error."""
    page: ByKeyset
    """How the rows are paged."""
    since: SinceColumn | None = None
    """How to read only what is new; left out, every run reads everything."""
    children: Mapping[str, Children] = {}
    """More rows for the tickets of a page, by the name under which they are joined."""
    limits: Limits = Limits()
    """`rate` counts pages, `timeout` bounds each, `max_body` a page and each value in it; there is one connection."""

    @field_validator("encoding")
    @classmethod
    def _known(cls, encoding: str | None) -> str | None:
        return known_encoding(encoding) if encoding else None

    @model_validator(mode="after")
    def _consistent(self) -> "SqlOptions":
        if self.since is not None and self.page.keep:
            raise ValueError("`page.keep` goes on after the last key, and `since` would change nothing: remove one")
        if self.since is not None and self.page.start is not None and self.page.keys[0] == self.since.field:
            raise ValueError("`since.start` says where the first run starts; remove `page.start`")
        return self
