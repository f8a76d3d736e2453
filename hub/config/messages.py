"""Say what pydantic found wrong in one plain sentence, with what was probably meant."""

import enum
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from hub.config.document import KeyPath, Problem
from hub.config.secrets import Borrowed
from hub.config.shapes import branches, field_at, keys_of, models_at
from hub.config.spelling import closest, did_you_mean
from hub.mapping.rules import APPEAL, Rule

_EXPECTED = {
    "string": "text",
    "bool": "true or false",
    "int": "a whole number such as 5",
    "float": "a number such as 0.5",
    "decimal": "a number such as 0.5",
    "list": "a list such as [a, b]",
    "tuple": "a list such as [a, b]",
    "set": "a list such as [a, b]",
    "dict": "keys beneath it",
    "model": "keys beneath it",
    "mapping": "keys beneath it",
    "date": "a date such as 2024-01-31",
    "datetime": "a time such as 2024-01-31T08:00:00+08:00",
    "timezone": "a time with its zone, such as 2024-01-31T08:00:00+08:00",
    "url": "an address such as https://311.example.gov.cn/api",
    "time": "a duration such as 30s, 5m, 2h or 1d",
}
"""By the first word of pydantic's error type: what should have been there."""

_RULES: Mapping[type, str] = {
    bool: ", such as {value: true}",
    int: ", such as {value: 1}",
    list: ", such as {from: [a, b]}",
}
"""By what stands in the place of a rule: what was probably meant."""

_DOTTED = frozenset(name for name in APPEAL.targets if "." in name)
"""The appeal's fields that have a part for a name."""
_MOST_KEYS = 8

_BOUNDS = {
    "greater_than_equal": ("ge", "at least {}"),
    "greater_than": ("gt", "more than {}"),
    "less_than_equal": ("le", "at most {}"),
    "less_than": ("lt", "less than {}"),
}


def validated(model: type[BaseModel], raw: Any, borrowed: Mapping[KeyPath, Borrowed]) -> tuple[Any, list[Problem]]:
    """Return the model that `raw` reads as, or None and what is wrong with it."""
    try:
        return model.model_validate(raw, by_alias=True, by_name=False), []
    except ValidationError as error:
        return None, list(explain(error.errors(include_url=False), raw, model, borrowed))


def explain(
    errors: Sequence[ErrorDetails], raw: Any, model: type[BaseModel], borrowed: Mapping[KeyPath, Borrowed]
) -> Iterator[Problem]:
    """Say each error once, at the place in `raw` where it stands; values that were borrowed are never shown."""
    placed: dict[KeyPath, list[ErrorDetails]] = {}
    for error in errors:
        placed.setdefault(_place(error, raw), []).append(error)
    misspelt = {(*path[:-1], _meant(path, raw, model)) for path, here in placed.items() if _is_unknown_key(here)}
    for path, here in placed.items():
        if path in misspelt:
            continue  # missing, but only because it is misspelt: that is told already
        # A union reports every branch: where one branch says what is wrong inside, "not the other branch" is noise.
        inside = any(other[: len(path)] == path and len(other) > len(path) for other in placed)
        telling = [error for error in here if not (inside and _is_wrong_type(error))]
        if telling:
            yield Problem(path, _sentence(telling, raw, path, model, borrowed))


def shown(value: Any) -> str:
    """A value as it stands in the file, cut short."""
    if isinstance(value, dict):
        return "keys"
    if isinstance(value, list):
        return "a list"
    text = f"'{value}'" if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    text = " ".join(text.split())
    return text if len(text) <= 80 else text[:76] + "…'"


def masked(message: str, path: KeyPath, borrowed: Mapping[KeyPath, Borrowed]) -> str:
    """The message, or a blunter one if it might repeat what was borrowed at the path, above it or beneath it."""
    for length in range(1, len(path) + 1):
        if one := borrowed.get(path[:length]):
            return f"what {one.written} holds does not fit here"
    beneath = (one for where, one in borrowed.items() if where[: len(path)] == path)
    for one in beneath:
        if one.value in message or repr(one.value)[1:-1] in message:
            return f"what {one.written} holds does not fit here"
    return message


def _place(error: ErrorDetails, raw: Any) -> KeyPath:
    """Where in `raw` an error stands: pydantic's location without the names of union branches and validators."""
    path: list[str | int] = []
    here = raw
    for step in error["loc"]:
        if isinstance(here, dict) and step in here:
            here = here[str(step)]
        elif isinstance(here, list) and isinstance(step, int) and step < len(here):
            here = here[step]
        else:
            continue
        path.append(step)
    if error["type"] == "missing":
        path.append(error["loc"][-1])
    if error["type"] == "union_tag_invalid":
        path.append(_discriminator(error))
    return tuple(path)


def _discriminator(error: ErrorDetails) -> str:
    return str(error["ctx"]["discriminator"]).strip("'")


def _is_unknown_key(errors: Sequence[ErrorDetails]) -> bool:
    return any(error["type"] == "extra_forbidden" for error in errors)


def _meant(path: KeyPath, raw: Any, model: type[BaseModel]) -> str:
    return closest(str(path[-1]), _known_beside(path, raw, model)) or ""


def _known_beside(path: KeyPath, raw: Any, model: type[BaseModel]) -> set[str]:
    return {key for found in models_at(model, raw, path[:-1]) for key in keys_of(found)}


def _is_wrong_type(error: ErrorDetails) -> bool:
    return error["type"].endswith(("_type", "_parsing", "_error", "is_instance_of")) and error["type"] != "value_error"


def _sentence(
    errors: Sequence[ErrorDetails],
    raw: Any,
    path: KeyPath,
    model: type[BaseModel],
    borrowed: Mapping[KeyPath, Borrowed],
) -> str:
    error = next((one for one in errors if not _is_wrong_type(one)), errors[0])
    kind = error["type"]
    given = error["ctx"]["tag"] if kind == "union_tag_invalid" else error["input"]
    value = borrowed[path].written if path in borrowed else shown(given)
    if kind == "missing":
        return f"is missing{_choice(model, raw, path)}"
    if kind == "extra_forbidden":
        if (whole := ".".join(map(str, path[-2:]))) in _DOTTED:
            return f"no such key; did you mean '{whole}', in place of '{path[-2]}'?"
        return f"no such key{did_you_mean(str(path[-1]), _known_beside(path, raw, model))}"
    if kind in _BOUNDS:
        name, words = _BOUNDS[kind]
        return f"must be {words.format(error['ctx'][name])}, not {value}"
    if special := _SPECIAL.get(kind):
        return special(error, value)
    if _is_wrong_type(error):
        return _wrong_type(errors, value, sorted(_known_at(path, raw, model)))
    return masked(_without_prefix(error["msg"]), path, borrowed)


def _choice(model: type[BaseModel], raw: Any, path: KeyPath) -> str:
    """What a missing key may be, where its type is a short list."""
    for parent in models_at(model, raw, path[:-1]):
        for branch in branches(field.annotation if (field := field_at(parent, path[-1])) else None):
            known = list(branch) if isinstance(branch, enum.EnumMeta) else get_args(branch)
            if known and all(isinstance(one, str | int) for one in known):
                return f"; it is {' or '.join(str(one) for one in known)}"
    return ""


def _known_at(path: KeyPath, raw: Any, model: type[BaseModel]) -> set[str]:
    """The keys that may stand beneath a path, judged by the type alone: what the file says there does not fit."""
    return {key for found in models_at(model, raw, path) if found is not Rule for key in keys_of(found)}


def _wrong_type(errors: Sequence[ErrorDetails], value: str, beneath: Sequence[str]) -> str:
    given = errors[0]["input"]
    wanted = list(dict.fromkeys(_wanted(error, beneath) for error in errors))
    expected = "expected one text or number" if len(wanted) > 2 else f"expected {' or '.join(wanted)}"
    if given is None:
        return f"is empty; {expected}"
    if wanted[0] == "text" and isinstance(given, bool | int | float):
        return f"expected text, not {value}; put it in quotes: '{value}'"
    return f"{expected}, not {value}"


def _wanted(error: ErrorDetails, beneath: Sequence[str]) -> str:
    if error.get("ctx", {}).get("class_name") == Rule.__name__:
        return f"a path or the keys of a rule{_RULES.get(type(error['input']), '')}"
    if error["type"] == "is_instance_of" and error["ctx"]["class"] == "Sequence":
        return _EXPECTED["list"]
    if error["type"] == "model_type" and 0 < len(beneath) <= _MOST_KEYS:
        return f"keys beneath it ({', '.join(beneath)})"
    return _EXPECTED.get(error["type"].split("_")[0], "another kind of value")


def _one_of(error: ErrorDetails, value: str) -> str:
    listed = error["ctx"].get("expected") or error["ctx"].get("expected_tags") or ""
    given = error["ctx"].get("tag", error["input"])
    known = _alternatives(str(listed))
    if len(known) == 1:
        return f"must be {known[0]}, not {value}"
    near = closest(given, known) if value == shown(given) and isinstance(given, str) else None
    meant = f"; did you mean '{near}'?" if near else ""
    return f"{value} is not one of {', '.join(known)}{meant}"


def _alternatives(listed: str) -> list[str]:
    return [word.strip().strip("'") for word in listed.replace(" or ", ", ").split(",") if word.strip()]


def _without_prefix(message: str) -> str:
    plain = " ".join(message.removeprefix("Value error, ").removeprefix("Assertion failed, ").split())
    return plain[:1].lower() + plain[1:] if plain.startswith(("Input", "String", "List", "Dictionary")) else plain


_SPECIAL: Mapping[str, Callable[[ErrorDetails, str], str]] = {
    "literal_error": _one_of,
    "enum": _one_of,
    "union_tag_invalid": _one_of,
    "union_tag_not_found": lambda error, _: f"needs the key '{_discriminator(error)}'",
    "string_too_short": lambda *_: "is empty",
    "too_short": lambda error, _: "is empty" if error["ctx"]["min_length"] == 1 else "holds too few",
    "string_too_long": lambda error, _: f"is longer than {error['ctx']['max_length']} characters",
    "too_long": lambda error, _: f"holds more than {error['ctx']['max_length']}",
    "string_pattern_mismatch": lambda error, value: f"{value} does not read as {error['ctx']['pattern']}",
}
