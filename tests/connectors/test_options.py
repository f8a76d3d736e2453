"""Every option of every connector can be looked up, and keeps its secrets."""

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from pulling import build

from hub.connectors import REGISTRY


def undescribed(schema: dict[str, Any]) -> Iterator[str]:
    for model in [schema, *schema.get("$defs", {}).values()]:
        for name, option in model.get("properties", {}).items():
            if "description" not in option and option.get("const") is None:
                yield f"{model.get('title')}.{name}"


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_every_option_has_a_description(name: str):
    assert list(undescribed(REGISTRY[name].options_type.model_json_schema())) == []


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_no_option_beside_its_own_is_taken(name: str):
    with pytest.raises(ValueError, match="Extra inputs"):
        build(name, {"url": "https://host.example", "at": ".", "pick": "*.csv", "unheard_of": 1})


def test_secrets_do_not_stand_in_the_options_as_text():
    secret = "c4n4ry"
    options = {
        "url": "https://host.example",
        "headers": {"X-Key": secret},
        "auth": {"login": {"url": "https://host.example", "send": {"password": secret}, "token": "t"}},
    }

    read = REGISTRY["rest"].options_type.model_validate(options)

    assert secret not in repr(read) + str(read) + read.model_dump_json()


def test_libraries_of_a_few_protocols_are_not_imported_with_the_configuration():
    heavy = ["sqlalchemy", "graphql"]
    asked = f"import sys, hub.config; print([name for name in {heavy} if name in sys.modules])"

    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
