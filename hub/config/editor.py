"""Describe connectors.yaml to an editor: the JSON Schema that completes keys and marks mistakes while one types."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue, models_json_schema
from pydantic_core import core_schema

from hub.config.models import MAX_SOURCES, SECTIONS, SOURCE_NAME, FileKeys, Section, pulled_model, shared_keys
from hub.config.outward import sayable
from hub.connectors import REGISTRY
from hub.connectors.base import texts_below
from hub.endpoints.options import EndpointKeys
from hub.mapping.rules import APPEAL, ATTRIBUTE, EVENT, Form, Rule, Target

Schema: TypeAlias = dict[str, Any]

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_JSON_TYPES = {bool: "boolean", int: "integer", str: "string"}
_PLACEHOLDER = {"type": "string", "pattern": r"\$\{", "description": "${NAME}, ${NAME:-fallback} or ${file:path}"}


def json_schema() -> Schema:
    """Return the JSON Schema (draft 2020-12) of connectors.yaml.

    It says less than `load` does: a schema cannot follow defaults, shared maps, paths and patterns.
    """
    defs = _definitions()
    for section, (_, form) in SECTIONS.items():
        for connector in REGISTRY:
            _complete(defs[_named(section, connector)], connector, form)
        defs[f"map_of_{form.noun}"] = _map_schema(form)
        defs[section.removesuffix("s")] = _pulled_schema(section)
    defs[f"map_of_{EVENT.noun}"] = _map_schema(EVENT)
    defs["defaults"] = _defaults_schema(defs)
    texts = texts_below(FileKeys)
    return {
        "$schema": _DIALECT,
        "title": "connectors.yaml",
        "description": "The legacy systems that the hub pulls, and how their tickets read as appeals.",
        "type": "object",
        "required": ["version", "sources"],
        "additionalProperties": False,
        "properties": {
            "version": {"const": 1, "description": texts["version"]},
            "defaults": {"$ref": "#/$defs/defaults", "description": texts["defaults"]},
            "maps": _maps_schema(texts["maps"]),
            "sources": {**_section_schema("sources", texts["sources"]), "minProperties": 1},
            "registers": _section_schema("registers", texts["registers"]),
            "endpoints": _section_schema("endpoints", texts["endpoints"]),
        },
        "$defs": {name: defs[name] for name in sorted(defs)},
    }


def _named(section: Section, connector: str) -> str:
    return f"{connector}_{section.removesuffix('s')}"


def _section_schema(section: str, description: str) -> Schema:
    return {
        "type": "object",
        "description": description,
        "maxProperties": MAX_SOURCES,
        "propertyNames": {"pattern": f"^{SOURCE_NAME.pattern}$"},
        "additionalProperties": {"$ref": f"#/$defs/{section.removesuffix('s')}"},
    }


def _complete(source: Schema, connector: str, form: Form) -> None:
    """Say what pydantic does not know: which connector this is, and what its map must hold."""
    source["properties"]["connector"] = {"const": connector}
    source["properties"]["map"] = {"$ref": f"#/$defs/map_of_{form.noun}"}
    if form is APPEAL:
        source["properties"]["outward"] |= {"additionalProperties": False, "properties": _OUTWARD}
    if form is not APPEAL or not REGISTRY[connector].default_map:
        source["properties"]["map"]["required"] = list(form.required)
        source["required"] = [*source["required"], "map"]


class _Plain(GenerateJsonSchema):
    """Pydantic's schema without the titles that repeat a key, and with only those defaults that read as YAML."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002  # pydantic's signature
        return False

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        inner = self.generate_inner(schema["schema"])
        default = schema.get("default")
        if default != "" and type(default) in _JSON_TYPES and _JSON_TYPES[type(default)] == inner.get("type"):
            return {**inner, "default": default}
        return inner


def _definitions() -> Schema:
    pulled = (pulled_model(section, each) for section in SECTIONS for each in REGISTRY)
    models: Iterable[Any] = [*pulled, Rule, EndpointKeys]
    _, listed = models_json_schema([(model, "validation") for model in models], schema_generator=_Plain)
    defs = {name: _with_placeholders(schema) for name, schema in listed["$defs"].items()}
    return {**defs, "endpoint": defs.pop("EndpointKeys")}


def _with_placeholders(schema: Any) -> Any:
    """Allow `${NAME}` wherever a number, a switch or a text of fixed form is wanted."""
    if isinstance(schema, list):
        return [_with_placeholders(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("type") in ("integer", "number", "boolean") or (
        schema.get("type") == "string" and "pattern" in schema
    ):
        described = {key: schema[key] for key in ("description", "default") if key in schema}
        bare = {key: value for key, value in schema.items() if key not in described}
        return {**described, "anyOf": [bare, _PLACEHOLDER]}
    told_by = {"required": [schema["discriminator"]["propertyName"]]} if "discriminator" in schema else {}
    return {key: _with_placeholders(value) for key, value in schema.items()} | told_by


def _pulled_schema(section: Section) -> Schema:
    chosen = {
        "type": "object",
        "required": ["connector"],
        "properties": {"connector": {"enum": sorted(REGISTRY), "description": "The protocol that the system speaks."}},
        "allOf": [
            {
                "if": {"properties": {"connector": {"const": connector}}, "required": ["connector"]},
                "then": {"$ref": f"#/$defs/{_named(section, connector)}"},
            }
            for connector in REGISTRY
        ],
    }
    if section == "registers":
        return chosen
    is_platform = {"properties": {"class": {"const": "platform"}}, "required": ["class"]}
    return {**chosen, "if": is_platform, "then": {"properties": {"integration": False, "alias_of": False}}}


def _defaults_schema(defs: Schema) -> Schema:
    """Every key that sources share; a key whose shape asks for more than a default may give is only named."""
    properties: Schema = {}
    for key in sorted(shared_keys()):
        shapes = [shape for connector in REGISTRY if (shape := defs[f"{connector}_source"]["properties"].get(key))]
        distinct = [shape for index, shape in enumerate(shapes) if shape not in shapes[:index]]
        if any(_asks(shape, defs) for shape in distinct):
            properties[key] = {"description": distinct[0].get("description", "")}
        else:
            properties[key] = distinct[0] if len(distinct) == 1 else {"anyOf": distinct}
    return {"type": "object", "additionalProperties": False, "properties": properties}


def _asks(shape: Any, defs: Mapping[str, Any]) -> bool:
    """Whether a shape has keys that must be given."""
    if isinstance(shape, list):
        return any(_asks(part, defs) for part in shape)
    if not isinstance(shape, dict):
        return False
    if "required" in shape and "properties" in shape:
        return True
    if reference := shape.get("$ref"):
        return _asks(defs[reference.removeprefix("#/$defs/")], defs)
    return any(_asks(part, defs) for part in shape.values())


def _maps_schema(description: str | None) -> Schema:
    scalar = {"type": ["string", "number", "boolean", "null"]}
    table = {"type": "object", "additionalProperties": scalar}
    return {"type": "object", "description": description, "additionalProperties": table}


def _map_schema(form: Form) -> Schema:
    """One rule a field of the record; the words of an enum field are known."""
    return {
        "type": "object",
        "description": f"How a ticket reads as an {form.noun}: one rule a field; a bare path is short for from: path.",
        "additionalProperties": False,
        "properties": {name: _field_rule(target) for name, target in form.targets.items()},
        **({"patternProperties": {f"^{re.escape(ATTRIBUTE)}.": _RULE}} if form.has_attributes else {}),
    }


_RULE: Schema = {
    "allOf": [{"$ref": "#/$defs/Rule"}],
    "dependentRequired": {"map": ["else"], "else": ["map"]},
    "not": {"required": ["from", "value"], "type": "object"},
}


_OUTWARD: Schema = {
    name: {
        "type": "object",
        "additionalProperties": {"type": ["string", "number"]},
        **({"propertyNames": {"enum": members}} if (members := sayable(target)) else {}),
    }
    for name, target in APPEAL.targets.items()
}
"""The fields that the hub has words for, and the words themselves where they are known."""


def _field_rule(target: Target) -> Schema:
    if target.is_enum:
        return {**_RULE, "properties": _enum_steps(target)}
    if target.type is tuple:
        return {**_RULE, "type": "object", "required": ["crs"]}
    if target.name == "events":
        each = {"$ref": f"#/$defs/map_of_{EVENT.noun}"}
        return {**_RULE, "type": "object", "required": ["each"], "properties": {"each": each}}
    return _RULE


def _enum_steps(target: Target) -> Schema:
    members = [spelt for member in target.type for spelt in (member.value, member.value.lower())]
    known = {"anyOf": [{"enum": members}, _PLACEHOLDER]}
    words = {"type": "object", "additionalProperties": known}
    return {
        "value": known,
        "default": known,
        "else": {"anyOf": [{"enum": ["reject", "keep", *members]}, _PLACEHOLDER]},
        "map": {"anyOf": [{"type": "string"}, words]},
    }
