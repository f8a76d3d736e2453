"""Find a query: in connectors.yaml itself, or in a file beside it."""

from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from hub.errors import OptionsError

Key: TypeAlias = tuple[str | int, ...]
"""Where an option stands, from its source on."""

FILE = "file:"
_LONGEST = 2**20


@dataclass(frozen=True, slots=True)
class Written:
    """A query as somebody wrote it, under a key of its source or in the file that is named there."""

    text: str
    key: Key
    file: str | None = None

    def problem(self, message: str, line: int = 1) -> tuple[Key, str]:
        """Put a mistake where it stands: in the file, or on its line of the text below the key."""
        # What breaks off is found out behind its last line.
        line = min(line, max(1, len(self.text.rstrip().splitlines())))
        if self.file is not None:
            return self.key, f"{self.file}:{line}: {message}"
        return (*self.key, -line), message


def written(value: str, key: Key, folder: Path) -> Written:
    """Take the text as it stands, or read the file that it names. Raises OptionsError."""
    if not value.startswith(FILE):
        return Written(value, key)
    name = value.removeprefix(FILE).strip()
    try:
        with (folder / name).open("rb") as opened:
            content = opened.read(_LONGEST + 1)
        text = content.decode("utf-8-sig")
    except OSError as error:
        raise OptionsError((key, f"the file {name} cannot be read: {error.strerror}")) from None
    except ValueError:
        raise OptionsError((key, f"the file {name} is not text in UTF-8")) from None
    if len(content) > _LONGEST:
        raise OptionsError((key, f"the file {name} is larger than 1 MiB, too large for a query"))
    return Written(text, key, name)
