"""Import what only one protocol needs, when it is needed, or say which extra to install."""

from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

from hub.errors import SourceRefused


def extra(module: str, name: str) -> ModuleType:
    """Import a library that the extra `name` brings. Raises SourceRefused where it is not installed.

    A connector calls this while it is built, so that `hub check` tells; big libraries are imported by `needs` only.
    """
    needs(module, name)
    return import_module(module)


def needs(module: str, name: str) -> None:
    """Raise SourceRefused, with the command that helps, where a library is not installed; imports nothing."""
    if find_spec(module.partition(".")[0]) is None:
        raise SourceRefused(f"needs the library {module}", hint=f"install it: pip install 'hub[{name}]'")
