"""The map names every module there is, and none that there is not."""

import re
from pathlib import Path

from hub.store.tables import metadata
from tests.docs.pages import DOCS, ROOT

MAP = (DOCS / "explanation" / "architecture.md").read_text(encoding="utf-8")
NAMED = set(re.findall(r"`((?:hub|replica|bench)/[\w/]*(?:\.py)?)`", MAP))


def test_the_map_names_every_module() -> None:
    modules = {path.relative_to(ROOT) for path in ROOT.glob("hub/**/*.py") if path.read_text(encoding="utf-8")}

    missing = {str(module) for module in modules if not _is_named(module)}

    assert len(modules) > 50
    assert missing == {"hub/__init__.py", "hub/store/__init__.py"}


def _is_named(module: Path) -> bool:
    """A folder that is named stands for its own __init__, and the folder of migrations for all that it holds."""
    folder = f"{module.parent}/"
    return (
        str(module) in NAMED
        or (module.name == "__init__.py" and folder in NAMED)
        or folder.startswith("hub/store/migrations/")
    )


def test_the_map_names_no_module_that_there_is_not() -> None:
    dead = {name for name in NAMED if not (ROOT / name).exists()}

    assert dead == set()


def test_the_map_names_every_table() -> None:
    named = set(re.findall(r"^\| `(\w+)` \|", MAP, re.MULTILINE))

    assert named == set(metadata.tables)
