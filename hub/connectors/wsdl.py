"""Read a kept WSDL with zeep, off the network, and find operations in it.

Whoever needs this module imports it when it is needed: zeep takes as long to import as the rest of the connectors.
"""

import warnings
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from zeep import Settings
from zeep.wsdl import Document, bindings

from hub.connectors.formats import xml_text
from hub.connectors.masking import excerpt
from hub.connectors.soap_operations import Operation, among, said_by, spoken_at
from hub.connectors.soap_schemas import well_known
from hub.errors import SourceError

_LARGEST = 16 * 1024**2
_MOST_DOCUMENTS = 1000


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
            raise Misnamed("wsdl", f"{documents.reading} cannot be read: {said_by(error)}") from None
        self._services = document.services
        if not any(service.ports for service in self._services.values()):
            raise Misnamed("wsdl", f"{path.name} describes no SOAP service; is it the WSDL of this system?")

    def operation(
        self, name: str, *, service: str | None, port: str | None, version: str | None, url: str | None
    ) -> Operation:
        """Find an operation at the first port that offers it. Raises Misnamed."""
        ports = self._ports(service, port, version)
        for found in ports:
            if name in found.binding.all() and found.binding.get(name).input is not None:
                address = url or ((found.binding_options or {}).get("address") or "").strip()
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
        fitting = [each for each in named if version in {None, spoken_at(each.binding)}]
        if not fitting:
            spoken = ", ".join(f"{each.name} {spoken_at(each.binding)}" for each in named)
            raise Misnamed("soap_version", f"{self._name} has no such port that speaks SOAP {version}, only {spoken}")
        return fitting


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


def _beside(path: Path) -> str:
    try:
        names = [each.name for each in path.parent.iterdir() if each.suffix.lower() in {".wsdl", ".xsd", ".xml"}]
    except OSError:
        return "; the path starts from the folder of this file"
    return among(path.name, names)
