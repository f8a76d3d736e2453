"""Lay what a call is asked with into one tree of arguments, and write the part that travels as a document. Pure."""

import re
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import orjson
from lxml import etree
from pydantic import Field, field_validator, model_validator

from hub.connectors.base import Options

Tree: TypeAlias = Mapping[str, Any]
"""Arguments by their names; a nested one holds a tree of its own, or a list of them."""

_STEPS = re.compile(r"(\{[^{}]*\}[^.{}]+|[^.{}]+)(?:\.|$)")
_XML_NAME = re.compile(r"[^\W\d][\w.-]*")


class InnerRequest(Options):
    argument: str
    """The argument that holds the document. What stands below its name in `arguments` is written into it."""
    written_as: Literal["xml", "json"] = Field(alias="as")
    """What the document is."""
    root: str | None = None
    """The root element of the XML; in JSON, the one key around everything, where there is one."""
    declaration: str | None = None
    """The encoding that the document's `<?xml …?>` names, for systems that want one there."""

    @field_validator("root")
    @classmethod
    def _is_a_name(cls, root: str | None) -> str | None:
        if root is not None and not _XML_NAME.fullmatch(root):
            raise ValueError(f"{root!r} is not the name of an element")
        return root

    @model_validator(mode="after")
    def _xml_has_a_root(self) -> "InnerRequest":
        if self.written_as == "xml" and self.root is None:
            raise ValueError("an XML document needs `root`, the name of its outermost element")
        if self.written_as == "json" and self.declaration is not None:
            raise ValueError("only XML has a `declaration`")
        return self

    def holds(self, path: str) -> bool:
        """Tell whether an argument's path leads into the document."""
        return path.startswith(f"{self.argument}.")

    def written(self, content: Any) -> str:
        """Write the document. Raises ValueError for what cannot stand in it."""
        if self.written_as == "json":
            return _json(content if self.root is None else {self.root: content})
        head = f'<?xml version="1.0" encoding="{self.declaration}"?>' if self.declaration else ""
        return head + etree.tostring(element(self.root or "", content), encoding="unicode")


def steps(path: str) -> list[str]:
    """Split a path at its dots; a name in a namespace, `{http://…}Name`, is one step. Raises ValueError."""
    found = _STEPS.findall(path)
    if path != ".".join(found):
        raise ValueError(f"{path!r} is not a path such as request.pageIndex")
    return found


def laid(tree: Tree, values: Mapping[str, Any]) -> dict[str, Any]:
    """Give the tree with each value at its path. Raises ValueError where a path goes through something else."""
    for path, value in values.items():
        tree = _with(tree, steps(path), value, path)
    return dict(tree)


def found(tree: Any, path: str) -> Any:
    """Read what stands at a path, or None."""
    for step in steps(path):
        tree = tree.get(step) if isinstance(tree, Mapping) else None
    return tree


def _json(content: Any) -> str:
    try:
        return orjson.dumps(content).decode()
    except TypeError as error:
        raise ValueError(f"cannot be written as JSON: {error}") from None


def _with(tree: Tree, way: list[str], value: Any, path: str) -> dict[str, Any]:
    name, *rest = way
    if not rest:
        return {**tree, name: value}
    beneath = tree.get(name) or {}
    if not isinstance(beneath, Mapping):
        raise ValueError(f"`{path}` goes through `{name}`, which holds a value already")  # noqa: TRY004  a wrong option
    return {**tree, name: _with(beneath, rest, value, path)}


def element(name: str, content: Any) -> etree._Element:
    """Write XML by the rules it is read by: `@name` is an attribute, `#text` the text, a list repeats the element."""
    made = etree.Element(name)
    if not isinstance(content, Mapping):
        made.text = None if content is None else text_of(content)
        return made
    for key, value in content.items():
        if key == "#text":
            made.text = text_of(value)
        elif key.startswith("@"):
            made.set(key[1:], text_of(value))
        else:
            made.extend(element(key, each) for each in (value if isinstance(value, list) else [value]))
    return made


def text_of(value: Any) -> str:
    """Write a value of the configuration as XML Schema does."""
    if isinstance(value, list | Mapping):
        raise ValueError("a text cannot hold a list or keys")  # noqa: TRY004  a wrong option
    return str(value).lower() if isinstance(value, bool) else str(value)
