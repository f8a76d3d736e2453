"""The schema as a promise: written down, described to the last word, and named in one manner."""

import re
from pathlib import Path

import pytest
from graphql import GraphQLEnumType, build_schema

from hub.model import Status
from hub.schema import problems
from hub.schema.directives import ListSize
from hub.schema.outcomes import UserErrorCode
from hub.schema.schema import core_schema, public_types, schema_sdl

WRITTEN = Path(__file__).parents[2] / "docs" / "reference" / "schema.graphql"
TYPES = public_types()


def test_the_written_schema_is_the_served_one():
    assert WRITTEN.read_text(encoding="utf-8") == schema_sdl(), (
        "run: hub schema graphql > docs/reference/schema.graphql"
    )


def test_the_sdl_can_be_read_back():
    assert set(build_schema(schema_sdl()).type_map) >= {kind.name for kind in TYPES}


@pytest.mark.parametrize("kind", TYPES, ids=str)
def test_everything_is_described(kind):
    things = [(kind.name, kind.description)]
    for name, field in getattr(kind, "fields", {}).items():
        things.append((f"{kind}.{name}", field.description))
        things += [
            (f"{kind}.{name}({one})", argument.description) for one, argument in getattr(field, "args", {}).items()
        ]
    if isinstance(kind, GraphQLEnumType):
        things += [(f"{kind}.{name}", value.description) for name, value in kind.values.items()]

    assert [name for name, description in things if not (description or "").strip().endswith((".", "`"))] == []


def test_every_word_of_the_domain_is_a_word_of_the_schema():
    assert set(core_schema().type_map["AppealStatus"].values) == set(Status.__members__)


def test_every_code_that_the_schema_raises_is_in_the_table():
    written = [file for file in Path(problems.__file__).parent.glob("*.py") if file.name != "problems.py"]
    raised = {code for file in written for code in re.findall(r'"([A-Z]+_[A-Z_]+)"', file.read_text(encoding="utf-8"))}

    assert len(raised) > 12
    # What mutations refuse as data has codes of its own.
    assert raised - set(UserErrorCode) <= set(problems.CODES)


def test_names_are_written_in_one_manner():
    for kind in TYPES:
        assert re.fullmatch(r"[A-Z][A-Za-z]*", kind.name)
        names = getattr(kind, "values", None) or getattr(kind, "fields", {})
        pattern = r"[A-Z]+(_[A-Z]+)*" if isinstance(kind, GraphQLEnumType) else r"[a-z][A-Za-z]*"
        assert all(re.fullmatch(pattern, name) for name in names)


def test_every_list_says_its_size():
    """A new list that says nothing would be counted as ten."""
    silent = [
        f"{kind}.{name}"
        for kind in TYPES
        for name, field in getattr(kind, "fields", {}).items()
        if "first" in getattr(field, "args", {}) or (kind.name == "Query" and str(field.type).startswith("["))
        if not any(isinstance(one, ListSize) for one in field.extensions["strawberry-definition"].directives)
    ]

    assert silent == []


DEPRECATION = re.compile(r"since \d{4}-\d{2}-\d{2}: use `[^`]+`.*; goes with \d+\.\d+\.\d+")


def badly_deprecated(kinds):
    """What is deprecated without saying since when, what to use instead, and when it goes."""
    parts = [
        (f"{kind}.{name}", part.deprecation_reason)
        for kind in kinds
        for name, part in {**getattr(kind, "fields", {}), **getattr(kind, "values", {})}.items()
    ]
    parts += [
        (f"{kind}.{name}({one})", argument.deprecation_reason)
        for kind in kinds
        for name, field in getattr(kind, "fields", {}).items()
        for one, argument in getattr(field, "args", {}).items()
    ]
    return [place for place, reason in parts if reason is not None and not DEPRECATION.fullmatch(reason)]


def test_whatever_is_deprecated_says_since_when_what_to_use_and_when_it_goes():
    assert badly_deprecated(TYPES) == []


def test_a_deprecation_that_says_less_is_found():
    schema = build_schema("""
      type Query {
        good: Int @deprecated(reason: "since 2026-11-25: use `better`; goes with 2.0.0")
        silent: Int @deprecated
        undated: Int @deprecated(reason: "use `better`")
        asked(old: Int @deprecated(reason: "soon")): Kind
      }
      enum Kind { GOOD @deprecated(reason: "since 2026-11-25: use `BETTER`, which says more; goes with 2.0.0")
        BETTER OLD @deprecated(reason: "old") }""")

    found = badly_deprecated([schema.type_map["Query"], schema.type_map["Kind"]])

    assert found == ["Query.silent", "Query.undated", "Kind.OLD", "Query.asked(old)"]
