"""Hold the options of a database source against their SQL, before anything is asked. Pure, but for their files."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from hub.connectors.databases.keysets import Origin
from hub.connectors.databases.options import AFTER, IDS, SINCE, SIZE, Rows, SqlOptions
from hub.connectors.databases.selects import Sql, flaws_of_condition, flaws_of_query, sql, undeclared
from hub.connectors.written import Key, written
from hub.errors import OptionsError

Problem: TypeAlias = tuple[Key, str]


@dataclass(frozen=True, slots=True)
class _Surroundings:
    """What is the same for all SQL of one source."""

    parameters: Mapping[str, Any]
    dialect: str
    folder: Path


def origins(options: SqlOptions, dialect: str, folder: Path) -> tuple[Origin, dict[str, Origin]]:
    """Read the SQL of the tickets and of what belongs to them. Raises OptionsError with all that is wrong with it."""
    around = _Surroundings(options.parameters, dialect, folder)
    main, problems = _origin(options, (), (SIZE, AFTER, SINCE, *options.page.keys), around)
    children = {}
    for name, child in options.children.items():
        children[name], more = _origin(child, ("children", name), (IDS,), around)
        problems += more
    problems += [*_of_parameters(options, [main, *children.values()]), *_of_own_paging(options, main)]
    if problems:
        raise OptionsError(*problems)
    return main, children


def _origin(rows: Rows, key: Key, own: Sequence[str], around: _Surroundings) -> tuple[Origin, list[Problem]]:
    """Read one piece; `own` is what the hub fills in itself."""
    query, problems = _query(rows.query, (*key, "query"), [*around.parameters, *own], around)
    where = sql(rows.where, around.dialect) if rows.where is not None else None
    if where is not None:
        flaws = [*flaws_of_condition(where), *undeclared(where, list(around.parameters))]
        problems += [((*key, "where"), flaw.message) for flaw in flaws]
    return Origin(rows, query, where, around.parameters), problems


def _query(text: str | None, key: Key, known: Sequence[str], around: _Surroundings) -> tuple[Sql | None, list[Problem]]:
    if text is None:
        return None, []
    try:
        found = written(text, key, around.folder)
    except OptionsError as error:
        return None, list(error.problems)
    piece = sql(found.text, around.dialect)
    flaws = [*flaws_of_query(piece), *undeclared(piece, known)]
    return piece, [found.problem(flaw.message, flaw.line) for flaw in flaws]


def _of_parameters(options: SqlOptions, all_origins: Sequence[Origin]) -> Iterator[Problem]:
    pieces = [piece for origin in all_origins for piece in (origin.query, origin.where) if piece is not None]
    named = {name for piece in pieces for name, _ in piece.parameters()}
    for name in options.parameters:
        if name in {SIZE, AFTER, SINCE, IDS, *options.page.keys}:
            yield ("parameters", name), f"the hub itself fills in :{name}; choose another name"
        elif name not in named:
            yield ("parameters", name), f"nothing names :{name}"


def _of_own_paging(options: SqlOptions, main: Origin) -> Iterator[Problem]:
    """Name what a query lacks that does its own paging."""
    keys, since, key = options.page.keys, options.since, ("query",)
    if not main.names_any(SIZE, AFTER, SINCE, *keys):
        return
    instead = "or leave out all that the hub fills in, and it does the paging"
    if not main.names_any(SIZE):
        yield key, f"pages its rows, but has no limit of :{SIZE}; write one, {instead}"
    if not main.names_any(AFTER, keys[-1]):
        yield key, f"pages its rows, but does not pick those beyond :{AFTER}; write that, {instead}"
    begins = options.page.start is not None or (since is not None and since.start is not None)
    if main.names_any(SINCE) and not begins:
        yield ("since",), f"the query names :{SINCE}, so the first run needs `since.start`"
    elif (since is None or keys[0] != since.field) and options.page.start is None:
        yield ("page", "start"), f"the query names :{AFTER}, so the first run needs one value a key, such as [0]"
