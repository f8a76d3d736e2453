"""Read listings of folders: the lines of FTP's LIST, the index pages of web servers, the XML of object stores. Pure."""

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import unquote_to_bytes, urljoin, urlsplit

from lxml import etree

from hub.connectors.folders.base import Kind
from hub.connectors.formats import NotReadable

_UNIX = re.compile(
    # The owner or the group may be left out, and the month be written in any language.
    rb"(?P<kind>[-dlbcps])[rwxsStTlL-]{9}[+@.]?\s+\d+\s+(?:\S+\s+){1,2}(?P<size>\d+)\s+"
    rb"(?P<when>\S+\s+\d{1,2}\S*\s+(?:\d{1,2}:\d\d|\d{4})|\d{4}-\d\d-\d\d\s+\d\d:\d\d)\s(?P<name>.+)"
)
_DOS = re.compile(
    rb"(?P<when>\d\d-\d\d-(?:\d{4}|\d\d)\s+\d\d:\d\d(?:[AP]M)?)\s+"
    rb"(?:(?P<folder><DIR>)|(?P<size>[\d,]+))\s+(?P<name>.+)"
)
_DATE = re.compile(r"(\d{4}-\d\d-\d\d|\d{1,2}-[A-Z][a-z]{2}-\d{4})\s+(\d\d:\d\d)")
_EXACT_SIZE = re.compile(r"(?<![\d.:/-])(\d{1,18})(?![\d.:/KMGkmg-])")
_IS_INDEX = re.compile(r"(?i)index of|directory listing|目录|文件列表")
_UNIX_KINDS: dict[bytes, Kind] = {b"-": "file", b"d": "folder"}
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


@dataclass(frozen=True, slots=True)
class Line:
    """One name of a listing; `changed` in nanoseconds since the epoch, 0 where the listing does not say it readably."""

    name: str
    kind: Kind
    size: int | None
    changed: int


def list_line(line: bytes) -> Line | None:
    """Read a line of LIST, as `ls -l` writes it, or DOS; None for its heading. Raises ValueError for what is neither.

    The name keeps its bytes: each that is not ASCII is a lone surrogate.
    """
    text = line.strip(b"\r\n")
    if text.startswith(b"total ") or not text:
        return None
    if found := _UNIX.fullmatch(text):
        kind = _UNIX_KINDS.get(found["kind"], "other")
    elif found := _DOS.fullmatch(text):
        kind = "folder" if found["folder"] else "file"
    else:
        raise ValueError("not a line of LIST")
    size = int(found["size"].replace(b",", b"")[:18]) if found["size"] else None
    name = found["name"].decode("ascii", "surrogateescape")
    return Line(name, kind, size, _changed(found["when"].decode("utf-8", "ignore"), datetime.now(UTC)))


def _changed(written: str, now: datetime) -> int:
    """Read the time of a line. It knows no zone, which does no harm: it is only compared with itself."""
    with suppress(ValueError, IndexError):
        return int(_moment(written.split(), now).replace(tzinfo=UTC).timestamp()) * 10**9
    return 0


def _moment(parts: list[str], now: datetime) -> datetime:
    if "-" in parts[0]:
        day, hour = parts
        date = "%Y-%m-%d" if day[4] == "-" else "%m-%d-%Y" if len(day) == 10 else "%m-%d-%y"
        return datetime.strptime(f"{day} {hour}", f"{date} {'%I:%M%p' if hour.endswith('M') else '%H:%M'}")  # noqa: DTZ007
    month = _MONTHS.index(parts[0][:3].lower()) + 1 if parts[0].isascii() and parts[0].isalpha() else _digits(parts[0])
    if ":" not in parts[2]:
        return datetime(int(parts[2]), month, _digits(parts[1]), tzinfo=UTC)
    hours, minutes = map(int, parts[2].split(":"))
    moment = datetime(now.year, month, _digits(parts[1]), hours, minutes, tzinfo=UTC)
    # Without a year it is of the last months; a clock ahead of ours may be a day into what is to come.
    return moment if moment <= now + timedelta(days=1) else moment.replace(year=now.year - 1)


def _digits(text: str) -> int:
    return int(re.sub(r"\D", "", text))


@dataclass(frozen=True, slots=True)
class Link:
    """A line of an index page, and the address that it leads to."""

    line: Line
    url: str


def index_links(page: etree._Element, url: str) -> list[Link]:
    """Read the index page of a folder at `url`, as nginx, Apache and their like make them.

    Whatever leads anywhere but to a file or folder in it is passed by, as pages have all kinds of links. Raises
    NotReadable for a page that is no index: read as an empty folder, a login page would hide that nothing comes.
    """
    links = list(_links(page, url))
    above = urljoin(url, "..")
    told = " ".join("".join(heading.itertext()) for heading in page.iter("title", "h1"))
    if not links and not _IS_INDEX.search(told) and above not in _targets(page, url):
        raise NotReadable("answered a page that is no index of files")
    return links


def _targets(page: etree._Element, url: str) -> set[str]:
    return {urljoin(url, href) for anchor in page.iter("a") if (href := anchor.get("href"))}


def _links(page: etree._Element, url: str) -> Iterator[Link]:
    for anchor in page.iter("a"):
        target = _joined(url, anchor.get("href") or "")
        escaped = target.removeprefix(url) if target.startswith(url) else ""
        name = unquote_to_bytes(escaped.rstrip("/")).decode("ascii", "surrogateescape")
        if name and "/" not in escaped.rstrip("/"):
            beside = _text_beside(anchor)
            size = _EXACT_SIZE.search(_DATE.sub(" ", beside))
            kind: Kind = "folder" if escaped.endswith("/") else "file"
            yield Link(Line(name, kind, int(size[1]) if size else None, _date_in(beside)), target)


def _joined(url: str, href: str) -> str:
    try:
        parts = urlsplit(urljoin(url, href))
    except ValueError:
        return ""
    return parts._replace(fragment="").geturl() if not parts.query else ""


def _text_beside(anchor: etree._Element) -> str:
    """Return what stands in the line of a link, where time and size are: the rest of the row, or of the text."""
    if (row := next(anchor.iterancestors("tr"), None)) is not None:
        cells = [cell for cell in row.iterchildren() if anchor not in cell.iter("a")]
        return " ".join(" ".join(map(str, cell.itertext())) for cell in cells)
    return (anchor.tail or "").partition("\n")[0]


def _date_in(text: str) -> int:
    with suppress(ValueError):
        if found := _DATE.search(text):
            pattern = "%Y-%m-%d %H:%M" if found[1][:4].isdigit() else "%d-%b-%Y %H:%M"
            moment = datetime.strptime(f"{found[1]} {found[2]}", pattern).replace(tzinfo=UTC)
            return int(moment.timestamp()) * 10**9
    return 0


@dataclass(frozen=True, slots=True)
class BucketPage:
    """A page of what an object store lists below a prefix; `following` is how to ask for the next."""

    lines: list[Line]
    following: str | None


def bucket_page(tree: etree._Element, prefix: str) -> BucketPage | None:
    """Read a ListBucketResult of S3, and of the many stores that speak like it; None for any other XML."""
    if etree.QName(tree).localname != "ListBucketResult":
        return None
    for element in tree.iter():
        element.tag = etree.QName(element).localname
    lines = [line for each in tree.iterchildren("Contents") if (line := _object(each, prefix))]
    for each in tree.iterchildren("CommonPrefixes"):
        name = (each.findtext("Prefix") or "").removeprefix(prefix).rstrip("/")
        lines.append(Line(name, "folder", None, 0))
    is_cut = (tree.findtext("IsTruncated") or "").strip().lower() == "true"
    return BucketPage(lines, (tree.findtext("NextContinuationToken") or None) if is_cut else None)


def _object(contents: etree._Element, prefix: str) -> Line | None:
    key, size = contents.findtext("Key") or "", contents.findtext("Size") or ""
    if key in {"", prefix} or key.endswith("/"):  # Consoles make empty objects to stand for folders.
        return None
    changed = 0
    with suppress(ValueError):
        changed = int(datetime.fromisoformat(contents.findtext("LastModified") or "").timestamp() * 1000) * 10**6
    return Line(key.removeprefix(prefix), "file", int(size[:18]) if size.isdigit() else None, changed)
