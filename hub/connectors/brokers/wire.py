"""Reach a broker: never where clouds keep their credentials, never for longer than allowed, and say what went wrong."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias
from urllib.parse import unquote, urlsplit

from hub.connectors.brokers.options import SCHEMES, SECURE, BrokerOptions
from hub.connectors.tls import Tls
from hub.errors import SourceError, SourceRefused, SourceUnavailable

Explain: TypeAlias = Callable[[Exception], SourceError | None]
"""Say what an exception of a library means, or None where it says no more than its kind does."""

_PARTING = 2.0  # seconds that a broker may take to say goodbye


@dataclass(frozen=True, slots=True)
class Site:
    """Where a broker is, what it knows the hub by, and what is allowed of it.

    `place` names it in messages, `path` is its URL's, unquoted.
    """

    place: str
    known_as: str
    host: str
    port: int
    path: str
    timeout: float
    most: int
    tls: ssl.SSLContext | None = field(default=None, repr=False)


def site_of(options: BrokerOptions, source: str, folder: Path) -> Site:
    """Say where a source's broker is. Raises SourceRefused where a certificate cannot be read."""
    parts = urlsplit(options.url)
    return Site(
        place=f"{parts.scheme}://{parts.netloc}{parts.path}",
        known_as=options.known_as or f"hub-{source}",
        host=parts.hostname or "",
        port=parts.port or SCHEMES[parts.scheme][1],
        path=unquote(parts.path.removeprefix("/")),
        timeout=options.limits.timeout.total_seconds(),
        most=options.limits.max_body,
        tls=_trust(options.tls, folder) if parts.scheme in SECURE else None,
    )


def _trust(tls: Tls, folder: Path) -> ssl.SSLContext:
    context = tls.at(folder).context()
    return ssl.create_default_context() if context is True else context


@asynccontextmanager
async def asking(site: Site, explain: Explain, wait: float = 0.0) -> AsyncIterator[None]:
    """Bound one exchange with a broker, and turn whatever is raised in it into SourceUnavailable or SourceRefused."""
    try:
        async with asyncio.timeout(site.timeout + wait):
            yield
    except SourceError as error:
        raise _placed(site, error) from None
    # `from None`: what a library says may quote what was sent, and so a password.
    except Exception as error:  # noqa: BLE001  # a hostile broker can make a library stumble in any way
        raise _told(site, error, explain) from None


def _told(site: Site, error: Exception, explain: Explain) -> SourceError:
    told = explain(error)
    if told is None:
        causes = (error, error.__cause__, error.__context__)
        return connection_error(site, next((cause for cause in causes if isinstance(cause, OSError)), error))
    return _placed(site, told)


def _placed(site: Site, error: SourceError) -> SourceError:
    if not error.message.startswith(site.place):
        error.message = f"{site.place} {error.message}"
    return error


def connection_error(site: Site, error: BaseException) -> SourceError:
    """Say that a connection could not be made, or broke, and why as far as anybody knows."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return SourceRefused(
            f"{site.place}: the certificate of the broker is not to be trusted: {error.verify_message}",
            hint="if the broker has its own authority, name its certificate under tls.ca",
        )
    if isinstance(error, ssl.SSLError):
        return SourceUnavailable(f"{site.place}: no TLS connection ({error.reason or type(error).__name__})")
    if isinstance(error, TimeoutError) and not error.args:
        return SourceUnavailable(f"{site.place} gave no answer within {site.timeout:g} s")
    if isinstance(error, OSError):
        return SourceUnavailable(f"{site.place}: no connection ({error.strerror or type(error).__name__})")
    return SourceUnavailable(f"{site.place}: the connection failed ({type(error).__name__})")


async def part(goodbye: Awaitable[object]) -> None:
    """Say goodbye, which may fail and must not take long: everything that counts was said before."""
    with suppress(Exception):
        async with asyncio.timeout(_PARTING):
            await goodbye
