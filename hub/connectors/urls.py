"""Check, name and rewrite URLs so that a credential never goes where it should not."""

from typing import Annotated
from urllib.parse import SplitResult, parse_qsl, urlencode, urljoin, urlsplit, urlunsplit

from pydantic import AfterValidator, WithJsonSchema

from hub.errors import SourceRefused

_USUAL_PORTS = {"http": 80, "https": 443}


def _http_url(text: str) -> str:
    try:
        parts = urlsplit(text)
        usable = parts.scheme in _USUAL_PORTS and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if any(char.isspace() for char in text):
        raise ValueError("the URL holds a blank; write %20 if it belongs there")
    if not usable:
        raise ValueError("not a URL such as https://host/path")
    if parts.username is not None:
        raise ValueError("the URL holds a user name or password; write them under `auth`")
    return text


Url = Annotated[str, AfterValidator(_http_url), WithJsonSchema({"type": "string", "pattern": "^https?://"})]
"""An absolute http or https URL without credentials in it."""


def bare(url: str) -> str:
    """Name a URL without user, query and fragment, where secrets live."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def without(url: str, parameter: str | None) -> str:
    """Take one query parameter out of a URL."""
    parts = urlsplit(url)
    if parameter is None or parameter not in parts.query:
        return url
    kept = [(name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if name != parameter]
    return urlunsplit(parts._replace(query=urlencode(kept)))


def same_host(asked: str, given: str) -> str:
    """Resolve the URL that a source gave for its next page.

    Only path and query are taken over: behind a proxy, sources name themselves `http` where we reach them by `https`.
    Raises SourceRefused when it names another host, where our credentials must not go.
    """
    ours = urlsplit(asked)
    try:
        theirs = urlsplit(urljoin(asked, given))
        at_home = theirs.scheme in _USUAL_PORTS and theirs.hostname == ours.hostname and _fits(theirs, ours)
    except ValueError:
        raise SourceRefused("gives a next page that is not a URL") from None
    if not at_home:
        raise SourceRefused(f"gives a next page on another host: {theirs.netloc.rpartition('@')[2]}")
    return urlunsplit((ours.scheme, ours.netloc, theirs.path, theirs.query, ""))


def _fits(theirs: SplitResult, ours: SplitResult) -> bool:
    usual = theirs.port in {None, _USUAL_PORTS[theirs.scheme]} and ours.port in {None, _USUAL_PORTS[ours.scheme]}
    return usual or theirs.port == ours.port
