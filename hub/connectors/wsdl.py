"""Read a kept WSDL with zeep, off the network, and build the messages that its operations ask for.

Whoever needs this module imports it when it is needed: zeep takes as long to import as the rest of the connectors.
"""

import difflib
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from lxml import etree
from zeep import Settings, xsd
from zeep.wsa import WsAddressingPlugin
from zeep.wsdl import Document, bindings
from zeep.wsdl.utils import get_or_create_header
from zeep.xsd.elements.indicators import Indicator

from hub.connectors.arguments import Tree, element, steps, text_of
from hub.connectors.formats import xml_text
from hub.connectors.masking import excerpt
from hub.connectors.soap_schemas import well_known
from hub.errors import SourceError

_LARGEST = 16 * 1024**2
_MOST_DOCUMENTS = 1000
_MOST_NAMED = 20


class Misnamed(ValueError):
    """What an option names does not stand in the WSDL; `key` is the option at fault."""

    def __init__(self, key: str, message: str) -> None:
        super().__init__(message)
        self.key = key


class Wsdl:
    """What a service says of itself."""

    def __init__(self, path: Path, folder: Path) -> None:
        """Read a WSDL, and what it imports from below `folder`, or from beside it. Raises Misnamed."""
        self._name = path.name
        documents = _Documents(path, folder)
        try:
            # zeep warns of messages that it cannot use; an operation that misses them is told of below.
            with warnings.catch_warnings(action="ignore"):
                document: Any = Document(str(path), documents, settings=Settings(forbid_dtd=True))  # type: ignore[arg-type]  # all that zeep asks of it
        except Misnamed:
            raise
        except Exception as error:  # noqa: BLE001  zeep answers a broken file with whatever breaks first
            raise Misnamed("wsdl", f"{documents.reading} cannot be read: {_words(error)}") from None
        self._services = document.services
        if not any(service.ports for service in self._services.values()):
            raise Misnamed("wsdl", f"{path.name} describes no SOAP service; is it the WSDL of this system?")

    def operation(
        self, name: str, *, service: str | None, port: str | None, version: str | None, url: str | None
    ) -> "Operation":
        """Find an operation at the first port that offers it. Raises Misnamed."""
        ports = self._ports(service, port, version)
        for found in ports:
            if name in found.binding.all():
                address = url or (found.binding_options or {}).get("address") or ""
                if urlsplit(address).scheme not in {"http", "https"}:
                    raise Misnamed("wsdl", f"{self._name} names no http address for the port {found.name}; write `url`")
                return Operation(address, found.binding.get(name))
        known = {each for found in ports for each in found.binding.all()}
        raise Misnamed("operation", f"{self._name} has no operation '{name}'{among(name, known)}")

    def _ports(self, service: str | None, port: str | None, version: str | None) -> list[Any]:
        services = self._services
        if service is not None and service not in services:
            raise Misnamed("service", f"{self._name} has no service '{service}'{among(service, services)}")
        ports = [each for name in services if service in {None, name} for each in services[name].ports.values()]
        if port is not None and port not in (known := [each.name for each in ports]):
            raise Misnamed("port", f"{self._name} has no SOAP port '{port}'{among(port, known)}")
        named = [each for each in ports if port in {None, each.name}]
        fitting = [each for each in named if version in {None, _spoken(each.binding)}]
        if not fitting:
            spoken = ", ".join(f"{each.name} {_spoken(each.binding)}" for each in named)
            raise Misnamed("soap_version", f"{self._name} has no such port that speaks SOAP {version}, only {spoken}")
        return fitting


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
        return _spoken(self._zeep.binding) == "1.2"

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

    def misfits(self, tree: Tree) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """Say which arguments there are not, and which are missing, by their places in the tree."""
        return _misfits(self.name, self.fields, tree, ())

    def envelope(self, tree: Tree) -> etree._Element:
        """Build the message. Raises ValueError for what the operation does not take."""
        try:
            envelope: etree._Element = self._zeep.create(**_zeep_arguments(self.fields, tree)).content
        except Exception as error:  # noqa: BLE001  zeep's types raise whatever their values raise
            raise ValueError(f"does not fit {self.name}: {_words(error)}") from None
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

    def addressed(self, envelope: etree._Element) -> etree._Element:
        """Add the headers of WS-Addressing 1.0."""
        plugin = WsAddressingPlugin(self.address)
        written: etree._Element = plugin.egress(envelope, {}, self._zeep, {})[0]  # type: ignore[no-untyped-call]  # zeep's
        return written


class _Documents:
    """What zeep calls its transport: it reads files below one folder. zeep's own is never made."""

    binding_classes = (bindings.Soap11Binding, bindings.Soap12Binding)

    def __init__(self, path: Path, folder: Path) -> None:
        self._first = path.resolve()
        inside = self._first.is_relative_to(folder.resolve())
        self._root = folder.resolve() if inside else self._first.parent
        self._left = _MOST_DOCUMENTS
        self.reading = path.name

    def load(self, location: str) -> bytes:
        """Give the text of a document, in UTF-8. Raises Misnamed."""
        if (schema := well_known(location)) is not None:
            return schema
        path = self._local(location)
        self.reading = path.name
        self._left -= 1
        if self._left < 0:
            raise Misnamed("wsdl", f"{self._first.name} imports more than {_MOST_DOCUMENTS} documents")
        try:
            return xml_text(self._content(path)).encode()
        except SourceError as error:
            raise Misnamed("wsdl", f"{path.name} cannot be read: {error.message}") from None

    def _local(self, location: str) -> Path:
        parts = urlsplit(location)
        if parts.scheme in {"http", "https"}:
            raise Misnamed(
                "wsdl",
                f"{self.reading} imports {excerpt(location)}, which is never fetched; "
                "keep that document beside it, and write its file name in place of the address",
            )
        path = Path(unquote(parts.path) if parts.scheme == "file" else location).resolve()
        if not path.is_relative_to(self._root):
            raise Misnamed("wsdl", f"{self.reading} imports a file from outside of the folder {self._root.name}")
        return path

    def _content(self, path: Path) -> bytes:
        try:
            with path.open("rb") as opened:
                content = opened.read(_LARGEST + 1)
        except FileNotFoundError:
            imported = "" if path == self._first else f"{self._first.name} imports {path.name}: "
            raise Misnamed("wsdl", f"{imported}there is no such file{_beside(path)}") from None
        except OSError as error:
            raise Misnamed("wsdl", f"{path.name} cannot be read: {error.strerror}") from None
        if len(content) > _LARGEST:
            raise Misnamed("wsdl", f"{path.name} is larger than {_LARGEST // 1024**2} MB")
        return content


def among(word: str, known: Iterable[str]) -> str:
    """Say which known word was probably meant, and which there are."""
    names = sorted(known)
    by_plain = {name.casefold(): name for name in names}
    near = difflib.get_close_matches(word.casefold(), by_plain, n=1)
    meant = f"; did you mean '{by_plain[near[0]]}'?" if near else ""
    listed = ", ".join(names[:_MOST_NAMED]) + (" …" if len(names) > _MOST_NAMED else "")
    return f"{meant} (known: {listed or 'none'})"


def _beside(path: Path) -> str:
    try:
        names = [each.name for each in path.parent.iterdir() if each.suffix.lower() in {".wsdl", ".xsd", ".xml"}]
    except OSError:
        return "; the path starts from the folder of this file"
    return among(path.name, names)


def _spoken(binding: Any) -> str:
    return "1.2" if isinstance(binding, bindings.Soap12Binding) else "1.1"


def _words(error: Exception) -> str:
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


def _misfits(
    place: str, fields: tuple[Field, ...], tree: Tree, path: tuple[str | int, ...]
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    by_name = {each.name: each for each in fields}
    for name in tree:
        if name not in by_name and name != "#text":
            yield (*path, name), f"no argument of {place}{among(name, by_name)}"
    for name, argument in by_name.items():
        if name in tree:
            yield from _misfit(argument, tree[name], (*path, name))
        elif argument.required and not argument.nillable:
            yield path, f"`{name}` is missing, which {place} requires (known: {', '.join(by_name)})"


def _misfit(argument: Field, value: Any, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], str]]:
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
        raise ValueError(f"does not fit the SOAP header {declared.name}: {_words(error)}") from None


def _undeclared(name: str, content: Any) -> etree._Element:
    """Write a header that the WSDL does not know; all that is in it stands in its namespace."""
    header = element(name, content)
    namespace = etree.QName(header).namespace
    for each in header.iterdescendants():
        if not etree.QName(each).namespace:
            each.tag = etree.QName(namespace, etree.QName(each).localname).text
    return header
