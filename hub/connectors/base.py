"""The face of a connector: one verb, `pull`, the options that all share, and what those do that are pushed to."""

import ast
import inspect
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache, cached_property
from itertools import pairwise
from pathlib import Path
from textwrap import dedent
from typing import Any, ClassVar, Protocol, overload, runtime_checkable
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from hub.model import Cursor, Page, Ticket
from hub.units import Between, Duration, PerTime, Rate, Size, Waits


class Options(BaseModel):
    """A connector owns the shape, the defaults and the documentation of its own keys in connectors.yaml.

    The text below a field describes it. Unlike with pydantic's own `use_attribute_docstrings`, and like the validators,
    it is read when it is first needed: doing both at import took a tenth of the start of every command.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, defer_build=True)

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        schema = handler(core)
        properties = handler.resolve_ref_schema(schema).get("properties", {})
        for name, text in texts_below(cls).items():
            properties[cls.model_fields[name].alias or name].setdefault("description", text)
        return schema


@cache
def texts_below(model: type[BaseModel]) -> Mapping[str, str]:
    """The texts below the fields of a model and its bases, by the fields' names in Python."""
    texts: dict[str, str] = {}
    for written in (each for each in reversed(model.__mro__) if issubclass(each, Options)):
        with suppress(OSError):  # One that was put together at run time has no source.
            tree = ast.parse(dedent(inspect.getsource(written))).body[0]
            texts |= _below_fields(tree.body if isinstance(tree, ast.ClassDef) else [])
    return texts


def _below_fields(statements: Sequence[ast.stmt]) -> Iterator[tuple[str, str]]:
    for field, text in pairwise(statements):
        match field, text:
            case ast.AnnAssign(target=ast.Name(name)), ast.Expr(ast.Constant(str(written))):
                yield name, inspect.cleandoc(written)


class Limits(Options):
    """What the hub allows itself to take from one source."""

    rate: Rate = PerTime(5, timedelta(seconds=1))
    """Requests a second, minute or hour."""
    concurrency: int = Field(2, ge=1, le=64)
    """Requests under way at once."""
    timeout: Duration = timedelta(seconds=30)
    """How long one whole request may take, its body included."""
    max_body: Size = 64 * 1024**2
    """The largest answer or file, after decompression."""
    max_pages: int = Field(100_000, ge=1)
    """Pages in one run; one more means that the source goes round in circles."""


class Retry(Options):
    """How often, and how patiently, a request that failed for the moment is sent again."""

    attempts: int = Field(5, ge=1, le=20)
    """Tries in all, the first included."""
    wait: Waits = Between(timedelta(seconds=1), timedelta(seconds=60))
    """The shortest and longest wait between tries; each real wait is drawn by chance below a doubling bound."""
    retry_after_max: Duration = timedelta(minutes=15)
    """Retry-After is obeyed up to this long."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a connector stands: the source it serves, its zone, and the folder that relative paths start from."""

    source: str
    timezone: ZoneInfo
    folder: Path


class Connector(Protocol):
    """The code for a protocol, bound to one source's options.

    `pull` yields pages oldest first where the protocol can; each page's cursor resumes after it, and pulling the same
    cursor again is harmless. Who asks for the next page says that the one before it is kept; who closes the generator
    instead does not, and a queue gives that page again. It raises SourceUnavailable or SourceRefused and nothing else,
    and never retries itself.
    """

    options_type: ClassVar[type[Options]]
    default_map: ClassVar[dict[str, Any]]
    """The mapping laid under a source's own, for protocols that know their field names."""

    def __init__(self, options: Any, place: Place) -> None: ...

    def pull(self, cursor: Cursor | None) -> AsyncGenerator[Page, None]: ...


@runtime_checkable
class Backfills(Protocol):
    """A connector that can be asked for a stretch of the past."""

    def between(self, start: datetime, end: datetime) -> Cursor:
        """Return the cursor with which `pull` reads what moved in that stretch, and then ends.

        A source that cannot be told where to stop gives what came after it as well, which is harmless. Raises
        SourceRefused where this source cannot be asked by time.
        """


@dataclass(frozen=True, slots=True)
class Push:
    """One request in which a source brings tickets itself, as it came at a time: nothing in it is trusted.

    Names of headers are in small letters; of one that came twice the values are joined by `, `.
    """

    headers: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes
    at: datetime


@dataclass(frozen=True, slots=True)
class Pushed:
    """What a push holds. `versions` has one for each ticket; it is None where the options name none.

    `key` is the sender's own name of the push, where the options say that it has one.
    """

    tickets: Sequence[Ticket]
    versions: Sequence[Decimal | None] | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """What a sender is told when its push was taken; without a body, how many tickets were."""

    status: int = 202
    body: bytes | None = None
    content_type: str = "application/json"


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for the requests of one source.

    `signs_body`: the proof covers the body, which must be read before it is known whether to trust it. `challenge` goes
    into WWW-Authenticate. `echo` names the parameter that a GET wants back to see that the hub knows the secret. `keep`
    is for how long a push that comes again is known.
    """

    limits: Limits
    signs_body: bool
    challenge: str
    keep: timedelta
    reply: Reply = Reply()
    echo: str | None = None


@runtime_checkable
class Receiver(Protocol):
    """What a connector does beside `pull` whose source pushes. Both verbs are pure, and may run in any thread."""

    @property
    def terms(self) -> Terms: ...

    def verify(self, push: Push) -> str | None:
        """Return what tells a push from every other, if its proof does. Raises NotGenuine."""

    def read(self, push: Push) -> Pushed:
        """Return what a push holds. Raises SourceError, in words for its sender."""


class Unread(Sequence[Ticket]):
    """The tickets of a page that the connector gave before, by its bytes: read when somebody looks at them."""

    def __init__(self, count: int, digest: bytes, read: Callable[[], Sequence[Ticket]]) -> None:
        self._count = count
        self._digest = digest
        self._read = read

    @cached_property
    def _tickets(self) -> Sequence[Ticket]:
        return self._read()

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, place: int) -> Ticket: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Ticket]: ...
    def __getitem__(self, place: int | slice) -> Ticket | Sequence[Ticket]:
        return self._tickets[place]

    def __iter__(self) -> Iterator[Ticket]:
        return iter(self._tickets)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Unread) and other._digest == self._digest

    __hash__ = None  # type: ignore[assignment]  # a sequence, as unhashable as a list
