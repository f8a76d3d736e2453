"""Fill in what connectors.yaml borrows: `${NAME}`, `${NAME:-fallback}` and `${file:path}`.

It happens after parsing, text by text, so that no value can inject YAML. What came in this way is remembered by its
path, and is never repeated in a message.
"""

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr

from hub.config.document import Document, KeyPath, Problem
from hub.errors import HubError

MAX_FILE_BYTES = 64 * 1024

_HARMLESS_HEADERS = {"accept", "accept-language", "accept-encoding", "content-type", "user-agent", "referer", "origin"}
_PLACEHOLDER = re.compile(r"\$\$\{|\$\{(?P<inside>[^{}]*)\}|\$\{")
_NAME = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<fallback>.*))?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Borrowed:
    """Where a text of the file came from: the placeholders as written, and the value that must stay unseen.

    `clear` when what is in use stands in the file after all: a fallback.
    """

    written: str
    value: str
    clear: bool


def held_secrets(value: Any, path: KeyPath = ()) -> Iterator[tuple[KeyPath, str]]:
    """Yield each secret that a validated model holds, and where; headers that no one needs to hide are left out."""
    if isinstance(value, SecretStr):
        yield path, value.get_secret_value()
    for step, child in _children(value):
        if str(step).lower() not in _HARMLESS_HEADERS or path[-1:] != ("headers",):
            yield from held_secrets(child, (*path, step))


def _children(value: Any) -> Iterable[tuple[str | int, Any]]:
    if isinstance(value, BaseModel):
        fields = type(value).model_fields
        return [(fields[name].alias or name, getattr(value, name)) for name in fields]
    if isinstance(value, dict):
        return value.items()
    if isinstance(value, list | tuple):
        return list(enumerate(value))
    return ()


class _Missing(Exception):
    """A placeholder that cannot be filled, and why."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


def resolve(
    document: Document, environ: Mapping[str, str], folder: Path
) -> tuple[Document, Mapping[KeyPath, Borrowed]]:
    """Return the document with every placeholder filled in, and what was filled in where.

    A placeholder that cannot be filled is a problem of the document, and spoils its path.
    """
    filler = _Filler(environ, folder)
    value = filler.walk(document.value, ())
    filled = replace(
        document,
        value=value,
        problems=(*document.problems, *filler.problems),
        spoiled=document.spoiled | {problem.path for problem in filler.problems},
    )
    return filled, filler.borrowed


def resolve_text(text: str, environ: Mapping[str, str] = os.environ, folder: Path = Path()) -> str:
    """Fill in the placeholders of one text. Raises HubError where one cannot be filled."""
    filler = _Filler(environ, folder)
    value = str(filler.walk(text, ()))
    if filler.problems:
        raise HubError(filler.problems[0].message)
    return value


@dataclass(slots=True)
class _Filler:
    environ: Mapping[str, str]
    folder: Path
    borrowed: dict[KeyPath, Borrowed] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def walk(self, value: Any, path: KeyPath) -> Any:
        if isinstance(value, dict):
            return {key: self.walk(child, (*path, key)) for key, child in value.items()}
        if isinstance(value, list):
            return [self.walk(child, (*path, index)) for index, child in enumerate(value)]
        if isinstance(value, str) and "${" in value:
            return self._text(value, path)
        return value

    def _text(self, written: str, path: KeyPath) -> str:
        used: list[tuple[str, bool]] = []

        def stand_in(found: re.Match[str]) -> str:
            if found[0] == "$${":
                return "${"
            value, clear = self._value(found)
            used.append((found[0], clear))
            return value

        try:
            text = _PLACEHOLDER.sub(stand_in, written)
        except _Missing as missing:
            self.problems.append(Problem(path, missing.message))
            return ""
        if used:
            self.borrowed[path] = Borrowed("".join(name for name, _ in used), text, any(clear for _, clear in used))
        return text

    def _value(self, found: re.Match[str]) -> tuple[str, bool]:
        """What a placeholder stands for, and whether that is written in the file itself."""
        inside = found["inside"]
        if inside is None:
            raise _Missing("'${' is not closed by '}'; write $${ to keep it as text")
        if inside.startswith("file:"):
            return _file_text(self.folder / inside.removeprefix("file:"), inside), False
        if not (parts := _NAME.fullmatch(inside)):
            raise _Missing(
                f"'{found[0]}' is none of ${{NAME}}, ${{NAME:-fallback}} and ${{file:path}}; $${{ is a plain ${{"
            )
        if value := self.environ.get(parts["name"], ""):
            return value, False
        if parts["fallback"] is not None:
            return parts["fallback"], True
        raise _Missing(_unset(parts["name"], self.environ))


def _unset(name: str, environ: Mapping[str, str]) -> str:
    how = "is set but empty" if name in environ else "is not set"
    return f"the environment variable {name} {how}; set it before the hub starts, or write ${{{name}:-fallback}}"


def _file_text(path: Path, inside: str) -> str:
    try:
        if not path.is_file():
            raise _Missing(f"'${{{inside}}}': there is no such file; the path starts from the folder of this file")
        with path.open("rb") as opened:
            raw = opened.read(MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        raise _Missing(f"'${{{inside}}}': the file cannot be read ({type(error).__name__})") from error
    if len(raw) > MAX_FILE_BYTES:
        raise _Missing(f"'${{{inside}}}': the file is larger than 64 KB, too large for a secret")
    try:
        return raw.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise _Missing(f"'${{{inside}}}': the file is not UTF-8 text") from error
