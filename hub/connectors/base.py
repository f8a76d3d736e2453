"""The face of a connector: one verb, `pull`, and the options that every connector shares."""

import ast
import inspect
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from itertools import pairwise
from pathlib import Path
from textwrap import dedent
from typing import Any, ClassVar, Protocol
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from hub.model import Cursor, Page
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
    cursor again is harmless. It raises SourceUnavailable or SourceRefused and nothing else, and never retries itself.
    Whoever asks for the page after one has committed that one, so that a file may be moved now, or a mail be flagged;
    unless `only_looking()`.
    """

    options_type: ClassVar[type[Options]]
    default_map: ClassVar[dict[str, Any]]
    """The mapping laid under a source's own, for protocols that know their field names."""

    def __init__(self, options: Any, place: Place) -> None: ...

    def pull(self, cursor: Cursor | None) -> AsyncGenerator[Page, None]: ...


_LOOKING = ContextVar("looking", default=False)


@contextmanager
def looking() -> Iterator[None]:
    """Within it pages are looked at and thrown away, as `hub try` does: connectors leave everything where it is."""
    token = _LOOKING.set(True)
    try:
        yield
    finally:
        _LOOKING.reset(token)


def only_looking() -> bool:
    """Tell whether what is pulled now is thrown away: then nothing may be moved, flagged or acknowledged."""
    return _LOOKING.get()
