"""Know one operation of a WSDL: what it takes, what does not fit it, and the message that asks it.

Like `wsdl.py` this brings zeep, and is imported when it is needed.
"""

import difflib
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

from lxml import etree
from zeep import xsd
from zeep.wsa import WSA
from zeep.wsdl import bindings
from zeep.wsdl.utils import get_or_create_header
from zeep.xsd.elements.indicators import Indicator

from hub.connectors.arguments import Tree, element, steps, text_of

KeyPath: TypeAlias = tuple[str | int, ...]
Problem: TypeAlias = tuple[KeyPath, str]

_MOST_NAMED = 20


@dataclass(frozen=True)
class Field:
    """One argument of an operation, or of an argument; `kind` is its type in zeep's eyes."""

    name: str
    kind: Any
    required: bool = False
    many: bool = False
    nillable: bool = False

    @cached_property
    def fields(self) -> "tuple[Field, ...]":
        """What it holds, attributes as `@name`."""
        return _fields(self.kind)

    @property
    def takes_text(self) -> bool:
        return not isinstance(self.kind, xsd.ComplexType) or any(
            name == "_value_1" and isinstance(each, xsd.Element) for name, each in self.kind.elements
        )

    @property
    def takes_list(self) -> bool:
        return self.many or isinstance(self.kind, xsd.ListType) or getattr(self.kind, "_array_type", None) is not None

    @property
    def takes_xml(self) -> bool:
        """Whether any XML may stand in it, as .NET writes the type of an XmlNode."""
        members = self.kind.elements if isinstance(self.kind, xsd.ComplexType) else []
        return any(isinstance(each, xsd.Any) for _, each in members)


@dataclass(frozen=True)
class Operation:
    """One operation of a service, at one address."""

    address: str
    _zeep: Any

    @property
    def name(self) -> str:
        return str(self._zeep.name)

    @property
    def action(self) -> str:
        return self._zeep.soapaction or ""

    @property
    def addressing_action(self) -> str | None:
        """The action of WS-Addressing, where the WSDL names one."""
        return self._zeep.abstract.wsa_action or None

    @property
    def is_soap_12(self) -> bool:
        return spoken_at(self._zeep.binding) == "1.2"

    @cached_property
    def fields(self) -> tuple[Field, ...]:
        """What the operation takes."""
        body = self._zeep.input.body
        if body is None:
            return ()
        return _fields(body.type) if isinstance(body.type, xsd.ComplexType) else (Field("value", body.type),)

    @cached_property
    def headers(self) -> dict[str, Any]:
        """The SOAP headers that the WSDL declares for it."""
        return {declared.name: declared for _, declared in self._zeep.input.header.type.elements}

    def argument(self, path: str) -> Field:
        """Find the argument at a path. Raises ValueError with those that there are."""
        fields, place, argument = self.fields, self.name, None
        for step in steps(path):
            argument = next((each for each in fields if each.name == step), None)
            if argument is None:
                raise ValueError(f"`{step}` is no argument of {place}{among(step, [each.name for each in fields])}")
            fields, place = argument.fields, step
        if argument is None:
            raise ValueError("the path is empty")
        return argument

    def misfits(self, tree: Tree) -> Iterator[Problem]:
        """Say which arguments there are not, and which are missing, by their places in the tree."""
        return _misfits(self.name, self.fields, tree, ())

    def envelope(self, tree: Tree) -> etree._Element:
        """Build the message. Raises ValueError for what the operation does not take."""
        try:
            envelope: etree._Element = self._zeep.create(**_zeep_arguments(self.fields, tree)).content
        except Exception as error:  # noqa: BLE001  zeep's types raise whatever their values raise
            raise ValueError(f"does not fit {self.name}: {said_by(error)}") from None
        return envelope

    def put_headers(self, envelope: etree._Element, headers: Tree) -> None:
        """Put SOAP headers into a message. Raises ValueError for what a declared one does not take."""
        for name, content in headers.items():
            head: etree._Element = get_or_create_header(envelope)  # type: ignore[no-untyped-call]  # zeep's
            if name in self.headers:
                _write_declared(head, self.headers[name], content)
            else:
                head.append(_undeclared(name, content))

    def takes_header(self, name: str) -> bool:
        """Tell whether a SOAP header can be written: one that is declared, or that names its namespace."""
        return name in self.headers or name.startswith("{")

    def put_addressing(self, envelope: etree._Element) -> None:
        """Add the headers of WS-Addressing 1.0."""
        head: etree._Element = get_or_create_header(envelope)  # type: ignore[no-untyped-call]  # zeep's
        action = self.addressing_action or self.action
        head.extend([WSA.Action(action), WSA.MessageID(f"urn:uuid:{uuid.uuid4()}"), WSA.To(self.address)])


def among(word: str, known: Iterable[str]) -> str:
    """Say which known word was probably meant, and which there are."""
    names = sorted(known)
    by_plain = {name.casefold(): name for name in names}
    near = difflib.get_close_matches(word.casefold(), by_plain, n=1)
    meant = f"; did you mean '{by_plain[near[0]]}'?" if near else ""
    listed = ", ".join(names[:_MOST_NAMED]) + (" …" if len(names) > _MOST_NAMED else "")
    return f"{meant} (known: {listed or 'none'})"


def spoken_at(binding: Any) -> str:
    return "1.2" if isinstance(binding, bindings.Soap12Binding) else "1.1"


def said_by(error: Exception) -> str:
    """Say what zeep says, on one line."""
    return " ".join(str(getattr(error, "message", None) or error).split())[:300] or type(error).__name__


def _fields(kind: Any) -> tuple[Field, ...]:
    """List what a type holds, attributes as `@name`."""
    if not isinstance(kind, xsd.ComplexType):
        return ()
    optional = _optional(kind)
    found = [
        Field(
            name,
            each.type,
            required=each.min_occurs > 0 and not each.default and name not in optional,
            many=each.accepts_multiple,
            nillable=each.nillable,
        )
        for name, each in kind.elements
        if isinstance(each, xsd.Element) and name != "_value_1"
    ]
    attributes = [
        Field(f"@{name}", each.type, required=each.required and not each.default)
        for name, each in kind.attributes
        if isinstance(each, xsd.Attribute)
    ]
    return tuple(found + attributes)


def _optional(kind: Any) -> set[str]:
    """Name what need not be there because a choice, or a group that may be left out, is around it."""
    return {name for _, each in kind.elements_nested if isinstance(each, Indicator) for name in _left_out(each)}


def _left_out(group: Any) -> Iterator[str]:
    if isinstance(group, xsd.Choice) or group.is_optional:
        yield from (name for name, _ in group.elements)
        return
    for _, each in getattr(group, "child", group).elements_nested:
        if isinstance(each, Indicator):
            yield from _left_out(each)


def _misfits(place: str, fields: tuple[Field, ...], tree: Tree, path: KeyPath) -> Iterator[Problem]:
    by_name = {each.name: each for each in fields}
    for name in tree:
        if name not in by_name and name != "#text":
            yield (*path, name), f"no argument of {place}{among(name, by_name)}"
    for name, argument in by_name.items():
        if name in tree:
            yield from _misfit(argument, tree[name], (*path, name))
        elif argument.required and not argument.nillable:
            yield path, f"`{name}` is missing, which {place} requires (known: {', '.join(by_name)})"


def _misfit(argument: Field, value: Any, path: KeyPath) -> Iterator[Problem]:
    if isinstance(value, list):
        if not argument.takes_list:
            yield path, f"`{argument.name}` takes one value, not a list"
        for index, each in enumerate(value):
            yield from _misfit(argument, each, (*path, index))
    elif isinstance(value, Mapping):
        if not argument.fields:
            yield path, f"`{argument.name}` takes a text, not keys; `inner_request` writes a document into it"
        elif not argument.takes_xml:
            yield from _misfits(argument.name, argument.fields, value, path)
    elif value is not None and not argument.takes_text and not etree.iselement(value):
        yield path, f"`{argument.name}` takes keys: {', '.join(each.name for each in argument.fields)}"


def _zeep_arguments(fields: Iterable[Field], tree: Tree) -> dict[str, Any]:
    by_name = {each.name: each for each in fields}
    return {_zeep_name(name): _zeep_value(by_name.get(name), value) for name, value in tree.items()}


def _zeep_name(name: str) -> str:
    return "_value_1" if name == "#text" else name.removeprefix("@")


def _zeep_value(argument: Field | None, value: Any) -> Any:
    """Give a value as zeep takes it: as text, so that what the configuration says is what is sent."""
    if value is None:
        return xsd.Nil if argument and argument.nillable else None
    if isinstance(value, list):
        return [_zeep_value(argument, each) for each in value]
    if isinstance(value, Mapping):
        return _zeep_arguments(argument.fields if argument else (), value)
    if etree.iselement(value):
        return {"_value_1": value}
    return text_of(value)


def _write_declared(head: etree._Element, declared: Any, content: Any) -> None:
    try:
        is_tree = isinstance(content, Mapping)
        declared.render(head, declared(**_zeep_arguments(_fields(declared.type), content)) if is_tree else content)
    except Exception as error:  # noqa: BLE001  zeep's types raise whatever their values raise
        raise ValueError(f"does not fit the SOAP header {declared.name}: {said_by(error)}") from None


def _undeclared(name: str, content: Any) -> etree._Element:
    """Write a header that the WSDL does not know; all that is in it stands in its namespace."""
    header = element(name, content)
    namespace = etree.QName(header).namespace
    for each in header.iterdescendants():
        if not etree.QName(each).namespace:
            each.tag = etree.QName(namespace, etree.QName(each).localname).text
    return header
