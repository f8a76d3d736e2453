"""Say what went wrong in a line or two, and choose the exit code."""

import traceback
from pathlib import Path
from typing import Any

import orjson

from hub.cli.asked import Asked, Misused
from hub.cli.stopping import Stopped
from hub.cli.voice import counted, talk, visible
from hub.errors import ConfigError, HubError, MappingError

FAILED = 1
MISUSED = 2


def told(error: BaseException, asked: Asked | None) -> int:
    """Tell the error on stderr and return the exit code that it earns."""
    asked = asked or Asked()
    while isinstance(error, BaseExceptionGroup) and error.exceptions:
        error = error.exceptions[0]
    if asked.verbose and not isinstance(error, ConfigError | Stopped):
        talk.out("".join(traceback.format_exception(error)).rstrip())
    if asked.json:
        talk.out(orjson.dumps({"error": facts(error)}).decode())
    else:
        for line in _lines(error):
            talk.print(visible(line), soft_wrap=True)
    if isinstance(error, Stopped):
        return 128 + error.signal
    return MISUSED if isinstance(error, ConfigError | MappingError | Misused) else FAILED


def facts(error: BaseException) -> dict[str, Any]:
    """What a program may know of an error: a stable code, the message, the cure, the mistakes of a configuration."""
    if isinstance(error, ConfigError):
        return {"code": error.code, "message": "the configuration cannot be used", "mistakes": error.mistakes}
    if isinstance(error, HubError):
        return {"code": error.code, "message": error.message, "hint": error.hint}
    return {"code": HubError.code, "message": "; ".join(_lines(error))}


def internal(error: BaseException) -> str:
    """Name a mistake of the hub's own by its kind and place; its message might hold what nobody should read."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "/hub/" in frame.filename and "site-packages" not in frame.filename]
    place = f" at {_below_hub(own[-1].filename)}:{own[-1].lineno}" if own else ""
    return f"internal error: {type(error).__name__}{place}"


def _lines(error: BaseException) -> list[str]:
    if isinstance(error, Stopped):
        return [str(error)]
    if isinstance(error, ConfigError):
        return [*map(str, error.mistakes), f"{counted(len(error.mistakes), 'mistake')}; nothing was done"]
    if isinstance(error, HubError):
        return [f"Error: {error.message}", *([f"  {error.hint}"] if error.hint else [])]
    return [f"Error: {internal(error)}", "  this is a mistake of the hub's: run again with --verbose and report it"]


def _below_hub(filename: str) -> str:
    parts = Path(filename).parts
    return "/".join(parts[len(parts) - parts[::-1].index("hub") - 1 :])
