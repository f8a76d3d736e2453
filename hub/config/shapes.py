"""Find the models, and their keys, that may stand at a path of the file."""

import types
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from hub.config.document import KeyPath


def keys_of(model: type[BaseModel]) -> set[str]:
    """The keys of a model as they are written in YAML."""
    return {field.alias or name for name, field in model.model_fields.items()}


def models_at(annotation: Any, raw: Any, path: KeyPath) -> Iterator[type[BaseModel]]:
    """Yield the models that may stand at a path, judged by the type and by what the file says there."""
    for branch in branches(annotation):
        if isinstance(branch, type) and issubclass(branch, BaseModel):
            if not _fits(branch, raw):
                continue
            if not path:
                yield branch
            elif field := field_at(branch, path[0]):
                yield from models_at(field.annotation, _child(raw, path[0]), path[1:])
        elif path and (arguments := get_args(branch)):
            yield from models_at(arguments[-1], _child(raw, path[0]), path[1:])


def branches(annotation: Any) -> Iterator[Any]:
    """Yield the alternatives of a type: the members of a union, without their annotations."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from branches(get_args(annotation)[0])
    elif origin in (Union, types.UnionType):
        for member in get_args(annotation):
            yield from branches(member)
    else:
        yield annotation


def field_at(model: type[BaseModel], key: str | int) -> Any:
    return next((field for name, field in model.model_fields.items() if key in (field.alias or name, name)), None)


def _fits(model: type[BaseModel], raw: Any) -> bool:
    """Whether the constants of a model (such as `by: cursor`) are those that the file gives."""
    for name, field in model.model_fields.items():
        given = _child(raw, field.alias or name)
        constant = get_args(field.annotation) if get_origin(field.annotation) is Literal else ()
        if len(constant) == 1 and isinstance(given, str) and given != str(constant[0]):
            return False
    return True


def _child(raw: Any, key: str | int) -> Any:
    if isinstance(raw, dict):
        return raw.get(str(key))
    if isinstance(raw, list) and isinstance(key, int) and key < len(raw):
        return raw[key]
    return None
