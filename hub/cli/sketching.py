"""Answer `hub init`: write the first entry of a source from a sample payload, or from what an endpoint answers."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath

from hub.cli.asked import Asked, Misused
from hub.cli.stopping import until_stopped
from hub.cli.voice import answer, talk
from hub.config.models import SOURCE_NAME
from hub.config.secrets import resolve_text
from hub.connectors.auth import Request, credentials
from hub.connectors.base import Limits, Retry
from hub.connectors.http import Answer, Web
from hub.connectors.paging import next_link
from hub.sketch.entry import Origin, entry
from hub.sketch.samples import MOST_BYTES, Sample, read_sample


def init(asked: Asked, name: str, sample: str, source_class: str, headers: Sequence[str]) -> int:
    """Print an entry for connectors.yaml, or write a whole file where there is none yet."""
    if not SOURCE_NAME.fullmatch(name):
        raise Misused(
            f"'{name}' cannot be a source's name", hint="small letters, digits and '-', beginning with a letter"
        )
    origin, read = _from_url(sample, headers) if re.match("https?://", sample) else _from_file(asked, Path(sample))
    text = entry(name, source_class, origin, read)
    todo = text.count("TODO")
    if asked.config.exists():
        where = f"put it under `sources:` in {asked.config}"
        answer(asked, {"source": name, "entry": text, "todo": todo}, text.rstrip("\n"))
    else:
        asked.config.write_text(f"version: 1\nsources:\n{text}", encoding="utf-8")
        where = f"it is in {asked.config}"
        answer(asked, {"source": name, "entry": text, "todo": todo, "written": str(asked.config)}, text.rstrip("\n"))
    talk.print(f"guessed from {len(read.tickets)} tickets; {where}, settle the {todo} TODOs, then `hub check`")
    return 0


def _from_file(asked: Asked, path: Path) -> tuple[Origin, Sample]:
    try:
        with path.open("rb") as opened:
            content = opened.read(MOST_BYTES + 1)
    except OSError as error:
        raise Misused(f"the sample {path} cannot be read: {error.strerror}") from error
    if len(content) > MOST_BYTES:
        raise Misused(f"the sample {path} is larger than 64 MB", hint="give its beginning")
    folder = asked.config.resolve().parent
    there = path.resolve()
    shown = there.relative_to(folder) if there.is_relative_to(folder) else there
    return Origin(path=PurePath(shown)), read_sample(content, path.name)


def _from_url(url: str, headers: Sequence[str]) -> tuple[Origin, Sample]:
    written = _headers(headers)
    sent = {name: resolve_text(text) for name, text in written.items()}
    answered = until_stopped(_asked(url, sent))
    sample = read_sample(answered.body, "answer.json", answered.charset)
    return Origin(url=url, headers=written, link=next_link(answered.links)), sample


def _headers(headers: Sequence[str]) -> Mapping[str, str]:
    """Read `NAME: TEXT`; texts may borrow, as they do in the file."""
    read: dict[str, str] = {}
    for header in headers:
        name, colon, text = header.partition(":")
        if not (name and colon):
            hint = "such as --header 'X-Api-Key: ${HOUSING_KEY}'"
            raise Misused(f"--header {header!r} is not NAME: TEXT", hint=hint)
        read[name.strip()] = text.strip()
    return read


async def _asked(url: str, headers: Mapping[str, str]) -> Answer:
    web = Web(Limits(), Retry(attempts=1), credentials(None), secrets=headers.values())
    async with web.session() as session:
        return await session.fetch(Request("GET", url, headers=headers), lambda found: found)
