"""Compile the changes that are selected of an appeal: they come with it, as one column of JSON."""

import orjson
from graphql import FieldNode, GraphQLObjectType

from hub.model import Action, ChangeType
from hub.schema.selections import NotCompilable, Writer, source_of, type_below
from hub.schema.types import MOST_CHANGES, SOME_CHANGES, field_name
from hub.store.pages import CHANGE, changes_column


def changes(writer: Writer, kind: GraphQLObjectType, nodes: list[FieldNode]) -> str:
    """Write the first page of the changes of an appeal. Raises NotCompilable for the pages behind it."""
    size = writer.selections.argument(nodes[0], "first", SOME_CHANGES)
    if not 0 <= size <= MOST_CHANGES or not writer.selections.lacks(nodes[0], "after"):
        raise NotCompilable("changes")

    def part(name: str, found: list[FieldNode]) -> str:
        below = type_below(kind, name)
        if below is None:
            raise NotCompilable(f"changes.{name}")
        match name:
            case "nodes":
                return f"[{_change(writer, below, found)} for c in h[:{size}]]"
            case "edges":
                return f"[{_edge(writer, below, found)} for c in h[:{size}]]"
        said = {
            "hasNextPage": f"len(h) > {size}",
            "hasPreviousPage": "False",
            "startCursor": f"(str(h[0][0]) if h[:{size}] else None)",
            "endCursor": f"(str(h[:{size}][-1][0]) if h[:{size}] else None)",
        }
        return writer.object(below, found, lambda inner, _: said[inner])

    page = writer.object(kind, nodes, part)
    return f"(lambda h: {page})({writer.bind(orjson.loads)}({writer.column(changes_column(size + 1))}))"


def _edge(writer: Writer, kind: GraphQLObjectType, nodes: list[FieldNode]) -> str:
    def part(name: str, found: list[FieldNode]) -> str:
        below = type_below(kind, name)
        return "str(c[0])" if below is None else _change(writer, below, found)

    return writer.object(kind, nodes, part)


def _change(writer: Writer, kind: GraphQLObjectType, nodes: list[FieldNode]) -> str:
    said = {
        "id": "f'Change:{c[0]}'",
        "number": "c[0]",
        "version": _told("version"),
        "type": f"{writer.bind({one.value: one.name for one in ChangeType}.get)}({_told('type')}, 'UPDATED')",
        "at": f"{_told('at')}.replace(' ', 'T') + 'Z'",
        # A word that a newer hub wrote says nothing here.
        "action": f"{writer.bind({one.value: one.name for one in Action}.get)}({_told('action')})",
        **{name: _told(name) for name in ("actor", "note", "organization")},
    }

    def part(name: str, found: list[FieldNode]) -> str:
        below = type_below(kind, name)
        if below is None:
            if name in said:
                return said[name]
            raise NotCompilable(f"change.{name}")
        match name:
            case "fields":
                return f"[{_field(writer, below, found)} for n, v in {_told('fields')}.items()]"
            case "source":
                return source_of(writer, below, found, lambda column: _told(f"source.{column}"))
        raise NotCompilable(f"change.{name}")

    return writer.object(kind, nodes, part)


def _field(writer: Writer, kind: GraphQLObjectType, nodes: list[FieldNode]) -> str:
    said = {"field": f"{writer.bind(field_name)}(n)", "before": "v[0]", "after": "v[1]"}
    return writer.object(kind, nodes, lambda name, _: said[name])


def _told(column: str) -> str:
    return f"c[{list(CHANGE).index(column)}]"
