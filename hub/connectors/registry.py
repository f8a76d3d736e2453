"""The list of all connectors, each loaded when it is first asked for: a start pays for those in use alone."""

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import cast

from hub.connectors.base import Connector


class Registry(Mapping[str, type[Connector]]):
    """Connectors by name. Each is given as `module:Class`."""

    def __init__(self, **places: str) -> None:
        self._places = places

    def __getitem__(self, name: str) -> type[Connector]:
        module, _, connector = self._places[name].partition(":")
        return cast("type[Connector]", getattr(import_module(module), connector))

    def __contains__(self, name: object) -> bool:
        return name in self._places

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)
