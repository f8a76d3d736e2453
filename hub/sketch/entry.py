"""Write an entry of connectors.yaml from what was guessed, with a TODO where a person has to decide. Pure."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from hub.sketch.guesses import Guess, guess
from hub.sketch.samples import Sample, path_key

_PLAIN = re.compile(r"[^\W\d_][\w.\-]*|[^\W\d_]\w*", re.UNICODE)
_SPECIAL = {"true", "false", "null", "yes", "no", "on", "off", "~"}
_ORDER = (
    "external_id", "appeal_no", "title", "content", "kind", "topic", "status", "channel", "is_secret", "reporter.name",
    "reporter.phone", "respondent", "area", "location.address", "lead_org", "created_at", "updated_at", "due_at",
    "closed_at", "result", "satisfaction",
)  # fmt: skip
_TOTAL = re.compile(r"(?i)total|total_?count|count|allcount|records?_?total|总数")
_PAGES = re.compile(r"(?i)pages|total_?pages?|page_?count")
_NUMBER = re.compile(r"(?i)page|page_?no|page_?num(ber)?|page_?index|current(_?page)?|pn")
_SIZE = re.compile(r"(?i)size|page_?size|per_?page|limit|rows|ps")
_NEXT = re.compile(r"(?i)next_?(cursor|token|page_?token)|after_?cursor|cursor|end_?cursor|continuation_?token")
_NEXT_URL = re.compile(r"(?i)next(_?page)?(_?url)?|@odata\.nextLink")
_CODE = re.compile(r"(?i)code|errcode|error_?code|ret|retcode|success|status")
_MESSAGE = re.compile(r"(?i)msg|message|errmsg|info")


_Around: TypeAlias = Sequence[tuple[str, str, Any]]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a sample came from: a file, or a URL with the headers it was asked with, as they go into the file."""

    url: str = ""
    headers: Mapping[str, str] | None = None
    path: PurePath | None = None
    link: str | None = None
    """The target of its Link header, where it had one."""


def entry(name: str, source_class: str, origin: Origin, sample: Sample) -> str:
    """Write the entry, indented as it stands below `sources:`."""
    found = guess(sample.tickets)
    lines = [
        f"{name}:",
        "  title: TODO                        # what people call it, such as 12345政务服务便民热线",
        f"  class: {source_class}",
        *(f"  {line}" for line in (_rest(origin, sample, found) if origin.url else _files(origin, sample))),
        "  map:",
        *(f"    {line}" for line in _map(found)),
        *(f"    # not read: {_listed(found.unread)}" for _ in found.unread[:1]),
    ]
    return "".join(f"  {line}\n" for line in lines)


def _files(origin: Origin, sample: Sample) -> Iterator[str]:
    path = origin.path or PurePath("sample")
    yield "connector: files"
    yield f"at: {_scalar(str(path.parent))}"
    yield f"pick: {_quoted(re.sub(r'[0-9]{4,}', '*', path.name))}"
    yield 'ready: {unchanged_for: 10s}        # TODO better a marker, if the system writes one: {marker: "{name}.ok"}'
    if sample.records:
        yield f"records: {_scalar(sample.records)}"
    if sample.format == "csv" and (sample.delimiter != "," or sample.header != 1):
        yield f"csv: {{{_options(sample, delimiter=True)}}}"
    if sample.format == "excel" and sample.header != 1:
        yield f"excel: {{{_options(sample, delimiter=False)}}}"


def _options(sample: Sample, *, delimiter: bool) -> str:
    written = {"\t": "tab"}.get(sample.delimiter, sample.delimiter)
    said = [f"delimiter: {_quoted(written)}"] if delimiter and sample.delimiter != "," else []
    return ", ".join([*said, *([f"header: {sample.header}"] if sample.header != 1 else [])])


def _rest(origin: Origin, sample: Sample, found: Guess) -> Iterator[str]:
    parts = urlsplit(origin.url)
    asked = dict(parse_qsl(parts.query))
    yield "connector: rest"
    yield f"url: {_scalar(urlunsplit(parts._replace(query='', fragment='')))}"
    if origin.headers:
        yield f"headers: {{{', '.join(f'{_scalar(name)}: {_quoted(text)}' for name, text in origin.headers.items())}}}"
    else:
        yield '# TODO auth: {api_key: {header: X-Api-Key, value: "${NAME}"}}, or basic, bearer, oauth2, login'
    if sample.records:
        yield f"records: {_scalar(sample.records)}"
    yield from _envelope(sample.around or {})
    page, used = _page(origin, sample, asked)
    yield page
    if kept := {name: text for name, text in asked.items() if name not in used}:
        yield f"query: {{{', '.join(f'{_scalar(name)}: {_quoted(text)}' for name, text in kept.items())}}}"
    if (updated := found.fields.get("updated_at")) is not None:
        form = found.formats["updated_at"]
        yield "# TODO what to send to be told only what changed, if the system can:"
        yield f"# since: {{field: {_scalar(updated)}, send: updated_after, format: {_quoted(form)}, overlap: 5m}}"


def _envelope(around: Mapping[str, Any]) -> Iterator[str]:
    """The code that says that all is well, where the answer has one beside its tickets."""
    code = next((key for key, value in around.items() if _CODE.fullmatch(key) and _is_code(value)), None)
    if code is None:
        return
    ok = around[code]
    written = "true" if ok is True else _quoted(ok) if isinstance(ok, str) else ok
    message = next((key for key in around if _MESSAGE.fullmatch(key)), None)
    tail = f", message: {_scalar(path_key(message))}" if message else ""
    yield f"error: {{path: {_scalar(path_key(code))}, ok: [{written}]{tail}}}"


def _is_code(value: Any) -> bool:
    return value is True or (
        not isinstance(value, bool) and str(value) in {"0", "200", "1", "00", "0000", "success", "ok"}
    )


def _page(origin: Origin, sample: Sample, asked: Mapping[str, str]) -> tuple[str, set[str]]:
    """Guess the paging from what stands around the tickets, and from what was asked."""
    around = list(_scalars(sample.around or {}))
    size = next((name for name in asked if _SIZE.fullmatch(name)), None)
    used = {size} if size else set()
    sized = f", size: {{send: {size}, value: {_count(asked[size])}}}" if size else ""
    if origin.link:
        return f"page: {{by: link{sized}}}", used
    if url := _first(around, _NEXT_URL, lambda value: str(value).startswith(("http", "/"))):
        return f"page: {{by: next_url, next: {_scalar(url)}{sized}}}", used
    if following := _first(around, _NEXT, lambda value: value is not None):
        send = next((name for name in asked if _NEXT.fullmatch(name)), "cursor")
        return f"page: {{by: cursor, send: {send}, next: {_scalar(following)}{sized}}}    # TODO is it {send}?", {
            *used,
            send,
        }
    total, pages = _first(around, _TOTAL, _is_count), _first(around, _PAGES, _is_count)
    number = next((name for name in asked if _NUMBER.fullmatch(name)), None)
    echoed = _first(around, _NUMBER, _is_count)
    if number or echoed or total or pages:
        send = number or (echoed or "page").rpartition(".")[2]
        tail = "".join(f", {key}: {_scalar(path)}" for key, path in (("total", total), ("pages", pages)) if path)
        sure = "" if number else f"    # TODO is it {send}, and from 1 on?"
        return f"page: {{by: page, send: {_scalar(send)}{sized}{tail}}}{sure}", {*used, *([number] if number else [])}
    return "page: {by: none}                     # TODO does the list come in pages?", set()


def _scalars(value: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, str, Any]]:
    """Yield the path, the key and the value of each single value that stands around the tickets."""
    for key, child in value.items():
        here = f"{path}.{path_key(key)}" if path else path_key(key)
        if isinstance(child, dict):
            yield from _scalars(child, here)
        elif not isinstance(child, list):
            yield here, key, child


def _first(around: _Around, name: re.Pattern[str], fits: Callable[[Any], bool]) -> str | None:
    return next((path for path, key, value in around if name.fullmatch(key) and fits(value)), None)


def _is_count(value: Any) -> bool:
    return str(value).isdecimal() and not isinstance(value, bool)


def _count(text: str) -> int:
    return min(max(int(text), 1), 100_000) if text.isdecimal() else 100


def _map(found: Guess) -> Iterator[str]:
    for name in _ORDER:
        path = found.fields.get(name)
        if path is not None:
            yield from _rule(name, path, found)
        elif name in ("external_id", "title", "status", "created_at"):
            yield f"{name}: TODO                    # no field looks like one"
        if name == "location.address" and found.point:
            east, north = map(_scalar, found.point)
            yield f"location.point: {{from: [{east}, {north}], crs: TODO}}    # wgs84, gcj02 (Amap) or bd09 (Baidu)?"


def _rule(name: str, path: str, found: Guess) -> Iterator[str]:
    if name in found.formats:
        yield f"{name}: {{from: {_scalar(path)}, date: {_quoted(found.formats[name])}}}"
    elif name in found.words:
        yield from _words(name, path, found.words[name])
    elif name == "reporter.phone":
        yield f"{name}: {{from: {_scalar(path)}, as: phone}}"
    elif name == "is_secret":
        yield f"{name}: {{from: {_scalar(path)}, as: bool}}"
    elif name in ("channel", "satisfaction"):
        yield f"{name}: {{from: {_scalar(path)}, map: {{}}, else: keep}}    # TODO what its words mean"
    elif name == "area":
        yield f"{name}: {{from: {_scalar(path)}, match: '^(\\d{{6}})'}}"
    else:
        yield f"{name}: {_scalar(path)}"


def _words(name: str, path: str, words: Mapping[str, str | None]) -> Iterator[str]:
    otherwise = "reject" if name == "status" else "OTHER"
    yield f"{name}:"
    yield f"  from: {_scalar(path)}"
    yield "  map:"
    for word, meant in words.items():
        yield f"    {_quoted(word)}: {meant or 'TODO'}"
    yield f"  else: {otherwise}"


def _listed(paths: Sequence[str]) -> str:
    few = ", ".join(paths[:20])
    return f"{few}, … ({len(paths)} in all)" if len(paths) > 20 else few


def _scalar(text: str) -> str:
    """Write a text plainly where YAML reads it as the same text, else in quotes."""
    return text if _PLAIN.fullmatch(text) and text.casefold() not in _SPECIAL else _quoted(text)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
