"""What was asked of the command besides its own arguments, and the sources it is asked about."""

import difflib
import os
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING

from hub.errors import HubError, StoreUnavailable

if TYPE_CHECKING:  # Loading these takes longer than `hub --help` may.
    from hub.config import Config, Source
    from hub.store.store import Store


class Misused(HubError):
    """What was asked cannot be done: ask otherwise, or mend the environment."""

    code = "MISUSED"


@dataclass(frozen=True, slots=True)
class Asked:
    """The global options: where the configuration is, and how to answer."""

    config: Path = Path("connectors.yaml")
    json: bool = False
    verbose: bool = False

    def configuration(self) -> "Config":
        """Raises ConfigError."""
        from hub.config import load

        return load(self.config, os.environ)


def choose(config: "Config", name: str) -> "Source":
    """The source of that name; a name that is not in the file is a misuse that says what was probably meant."""
    if source := config.pulled.get(name):
        return source
    raise unknown(name, config.path, config.pulled)


def unknown(name: str, path: Path, known: Iterable[str]) -> Misused:
    """Say that there is no source of that name, and which was probably meant."""
    return Misused(f"there is no source '{name}' in {path}", hint=meant(name, known))


def choose_enabled(config: "Config", names: Iterable[str]) -> list["Source"]:
    """Those of the sources that may be pulled; all of them where none is named."""
    named = [choose(config, name) for name in dict.fromkeys(names)]
    for source in named:
        if not source.enabled:
            raise Misused(f"'{source.name}' is disabled in {config.path}", hint="remove `enabled: false` there")
    return named or [source for source in config.pulled.values() if source.enabled]


def moment(text: str, zone: tzinfo, option: str) -> datetime:
    """Read a day or a time; one without an offset is in the zone."""
    try:
        found = datetime.fromisoformat(text) if len(text) > 10 else datetime.combine(date.fromisoformat(text), time())
    except ValueError:
        raise Misused(f"{option} {text!r} is no day such as 2024-01-31 and no time such as 2024-01-31T08:00") from None
    return (found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(UTC)


@asynccontextmanager
async def opened(config: "Config", environ: Mapping[str, str] = os.environ) -> AsyncIterator["Store"]:
    """The store, which knows the configured sources. An environment that names no usable database is a misuse."""
    from sqlalchemy.exc import DBAPIError

    from hub.store.opening import opened as opened_store

    _require_postgresql(environ.get("DATABASE_URL"))
    async with AsyncExitStack() as stack:
        try:
            store = await stack.enter_async_context(opened_store(environ))
        except DBAPIError as error:
            reason = str(error.orig).rpartition(">: ")[2].splitlines()[0]
            raise Misused(f"the database refuses: {reason}", hint="look at DATABASE_URL") from error
        except StoreUnavailable as error:
            error.hint = error.hint or ("look at DATABASE_URL" if environ.get("DATABASE_URL") else "")
            raise
        except OSError as error:
            raise Misused(
                f"cannot keep data in {error.filename}: {error.strerror}", hint="set HUB_DATA to a folder"
            ) from error
        await store.lanes.declare([source.record for source in config.pulled.values()])
        await store.deliveries.declare([endpoint.record for endpoint in config.endpoints.values()])
        yield store


def _require_postgresql(url: str | None) -> None:
    import sqlalchemy as sa

    try:
        known = not url or sa.make_url(url).get_backend_name() == "postgresql"
    except (sa.exc.ArgumentError, ValueError):
        known = False
    if not known:  # The address itself is not repeated: it may hold a password.
        raise Misused("DATABASE_URL cannot be read", hint="it is written postgresql://user:password@host/name")


def meant(name: str, known: Iterable[str]) -> str:
    """Say which of the known names was probably meant, or which there are."""
    names = list(known)
    if close := difflib.get_close_matches(name.lower(), names, n=1):
        return f"did you mean '{close[0]}'?"
    few = ", ".join(names[:10])
    return f"known: {few}{', …' if len(names) > 10 else ''}; `hub check` lists all"
