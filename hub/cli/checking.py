"""Answer `hub check` and `hub schema`: what stands in the configuration, and what may stand there."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict

import orjson
from rich.table import Table

from hub.cli.asked import Asked, unknown
from hub.cli.failures import MISUSED
from hub.cli.voice import answer, columns, counted, span, visible
from hub.config import Config, Schedule, Source, drafted, json_schema, leaves_of, load
from hub.errors import ConfigError, Mistake


def check(asked: Asked) -> int:
    """Print one line a mistake, or the sources. Opens no socket."""
    try:
        config = load(asked.config, os.environ)
    except ConfigError as error:
        answer(asked, {"mistakes": error.mistakes}, *map(_line, error.mistakes))
        return MISUSED
    sources = list(config.pulled.values())
    told = [
        {"endpoint": endpoint.name, "title": endpoint.record.title, "source": endpoint.record.source}
        for endpoint in config.endpoints.values()
    ]
    facts = {"sources": [_facts(source) for source in sources], "endpoints": told}
    answer(asked, facts, _table(sources), *_unsaid(sources), _verdict(config))
    return 0


def explain(asked: Asked, name: str) -> int:
    """Show every value of a source's configuration with the line it came from. Opens no socket."""
    from hub.config.explaining import explain as explained

    draft = drafted(asked.config, os.environ)
    try:
        said = explained(draft, leaves_of(asked.config), name)
    except KeyError:
        raise unknown(name, asked.config, draft.names) from None
    facts = [asdict(one) for one in said]
    rows = [(one.line or "", one.where, one.path, one.value) for one in said]
    answer(asked, {"source": name, "values": facts}, columns(("line", "where", "key", "value"), rows))
    return 0


def connectors_schema() -> str:
    """The JSON Schema of connectors.yaml, which gives an editor completion and checks."""
    return orjson.dumps(json_schema(), option=orjson.OPT_INDENT_2).decode()


def graphql_schema() -> str:
    """The GraphQL schema, in its own language."""
    from hub.schema.schema import schema_sdl

    return schema_sdl()


def subgraph_schema() -> str:
    """The GraphQL schema as a gateway of Apollo Federation composes it."""
    from hub.schema.schema import schema

    return schema().subgraph_sdl


def _line(mistake: Mistake) -> str:
    return str(visible(mistake))


def _table(sources: list[Source]) -> Table:
    heads = ("source", "class", "connector", "schedule", "title")
    return columns(heads, ([*_facts(source).values()][:5] for source in sources))


def _facts(source: Source) -> dict[str, object]:
    record = source.record
    return {
        "source": source.name,
        "class": record.source_class,
        "connector": record.connector,
        "schedule": _schedule(source.schedule) if source.enabled else "disabled",
        "title": record.title,
        "department": record.department,
        "integration": record.integration,
        "alias_of": record.alias_of,
        "enabled": source.enabled,
        "outward": source.outward.words,
        "unsaid": source.outward.unsaid(),
    }


def _unsaid(sources: Iterable[Source]) -> Iterator[str]:
    """Name the statuses without a word in those sources whose administrator thought of telling them anything."""
    for source in sources:
        if source.outward.chosen and (unsaid := source.outward.unsaid()):
            yield f"{source.name}: cannot be told {', '.join(unsaid)}; no word, or several, read as these"


def _schedule(schedule: Schedule) -> str:
    return f"every {span(schedule.every)}" if schedule.every else f"cron {schedule.cron}"


def _verdict(config: Config) -> str:
    """Say that all is well, and what to run next."""
    first = next(iter(config.sources), "SOURCE")
    held = counted(len(config.sources), "source")
    held += f", {counted(len(config.registers), 'register')}" if config.registers else ""
    held += f", {counted(len(config.endpoints), 'endpoint')}" if config.endpoints else ""
    return f"{config.path} is in order: {held}; run `hub try {first}` or `hub sync`"
