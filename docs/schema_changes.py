"""Hold the schema against the last released one: `python docs/schema_changes.py [--release]`.

What breaks clients fails, unless the version says that it may (Semantic Versioning 2.0.0, clauses 4 and 8). With
`--release`, the schema as it is becomes the released one.
"""  # noqa: INP001  # a script, no package

import argparse
import re
import sys
from collections.abc import Iterable
from pathlib import Path

from graphql import GraphQLSchema, build_schema
from graphql.utilities import DangerousChangeType, find_breaking_changes, find_dangerous_changes

from hub import __version__

REFERENCE = Path(__file__).resolve().parent / "reference"


def main(arguments: list[str] | None = None) -> int:
    asked = _parser().parse_args(arguments)
    text = asked.schema.read_text(encoding="utf-8")
    if asked.release:
        asked.released.write_text(f"# As released with hub {asked.version}.\n{text}", encoding="utf-8")
        return 0
    released = asked.released.read_text(encoding="utf-8")
    return _judge(build_schema(released), build_schema(text), since=_version(released), now=asked.version)


def _judge(before: GraphQLSchema, after: GraphQLSchema, *, since: str, now: str) -> int:
    breaking = [change.description for change in find_breaking_changes(before, after)]
    dangerous = [change.description for change in find_dangerous_changes(before, after) if change.type not in _HARMLESS]
    _say(f"dangerous since {since}", dangerous)
    if _may_break(since, now):
        _say(f"breaking since {since}, as {now} may", breaking)
        return 0
    _say(f"breaking since {since}", breaking)
    if breaking:
        sys.stderr.write(_CURE.format(since=since, next=_next_series(now)))
    return 1 if breaking else 0


# Of an argument or a field that may be left out, a client that does not know it notices nothing.
_HARMLESS = {DangerousChangeType.OPTIONAL_ARG_ADDED, DangerousChangeType.OPTIONAL_INPUT_FIELD_ADDED}
_CURE = """\
The schema breaks what clients were promised with {since}.
Keep what was there beside the new, with a deprecation_reason; or, where the break is meant, go to version {next}
in pyproject.toml and hub/__init__.py, and say under "Changed" in CHANGELOG.md what clients must do.
"""


def _say(what: str, changes: Iterable[str]) -> None:
    for change in sorted(changes):
        sys.stderr.write(f"{what}: {change}\n")


def _version(released: str) -> str:
    found = re.match(r"# As released with hub (\d+\.\d+\.\d+)\.\n", released)
    if found is None:
        raise SystemExit("the released schema does not begin with `# As released with hub X.Y.Z.`")
    return found[1]


def _series(version: str) -> tuple[int, ...]:
    """The versions that must go on understanding each other: `1.x.x`, but `0.1.x`."""
    major, minor, _ = map(int, version.split("."))
    return (major,) if major else (major, minor)


def _may_break(since: str, now: str) -> bool:
    return _series(now) > _series(since)


def _next_series(now: str) -> str:
    major, minor, _ = map(int, now.split("."))
    return f"{major + 1}.0.0" if major else f"0.{minor + 1}.0"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--schema", type=Path, default=REFERENCE / "schema.graphql")
    parser.add_argument("--released", type=Path, default=REFERENCE / "schema.released.graphql")
    parser.add_argument("--version", default=__version__)
    parser.add_argument("--release", action="store_true", help="make the schema the released one")
    return parser


if __name__ == "__main__":
    sys.exit(main())
