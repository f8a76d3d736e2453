"""Write the pages of docs/reference from the code they describe: `python docs/generate.py [--check]`."""  # noqa: INP001  # a script, no package

import ast
import base64
import inspect
import json
import re
import sys
import textwrap
import types
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import date, datetime, timedelta
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import typer.main
from graphql import GraphQLEnumType, GraphQLObjectType
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from strawberry.utils.str_converters import to_camel_case
from typer.core import TyperGroup

import hub.cli.asked  # noqa: F401  # its error is one of the tree
from hub import errors
from hub.cli import app
from hub.config.models import FileKeys, SourceKeys
from hub.connectors import REGISTRY
from hub.connectors.base import Options, texts_below
from hub.endpoints.messages import signer
from hub.endpoints.options import EndpointKeys
from hub.mapping.rules import APPEAL, ATTRIBUTES, ENTRY, EVENT, Rule
from hub.schema.limits import Limits
from hub.schema.problems import CODES
from hub.schema.schema import core_schema, schema_sdl
from hub.units import Between, PerTime

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = ROOT / "docs" / "reference"
NOTE = "<!-- Written by docs/generate.py from the code: change it there, then run `make docs`. -->"

ENVIRONMENT = {
    "HUB_CONFIG": ("connectors.yaml", "The file that describes the sources; `--config` goes before it."),
    "HUB_DATA": (".hub", "The folder of the embedded PostgreSQL. Unused with `DATABASE_URL`."),
    "DATABASE_URL": (
        "",
        "A PostgreSQL of your own, 14 or newer: `postgresql://user:password@host/name`. Empty: the embedded one.",
    ),
    "HUB_HOST": ("127.0.0.1", "The address that `hub serve` listens on; `--host` goes before it."),
    "HUB_PORT": ("8000", "The port that `hub serve` listens on; `--port` goes before it."),
    "HUB_ENV": (
        "",
        (
            "`production`: a secret in clear in connectors.yaml is a mistake; the query page, GraphiQL, "
            "`/schema.graphql` and introspection are off."
        ),
    ),
    "HUB_SUBGRAPH": (
        "",
        "`1`: a gateway composes this hub, and may ask `_service { sdl }` in production as well.",
    ),
    "HUB_SECRET_KEY": (
        "",
        (
            "The key with which the hub keeps the secrets that it makes for endpoints: what `openssl rand -base64 32` "
            "prints, the same for every process."
        ),
    ),
    "HUB_LIMITS": (
        "",
        (
            "[Limits of the API](graphql.md#limits) that differ from their defaults: `depth=12,cost=8000,time=20`; "
            "times in seconds."
        ),
    ),
    "HUB_TRUSTED_DOCUMENTS": (
        "",
        "Manifests of [trusted documents](../how-to/trust-documents.md), or folders of them, with `:` between.",
    ),
    "HUB_ANONYMOUS": (
        "appeals:read",
        "What may be done without a [key](../how-to/give-keys-to-clients.md): `appeals:read`, or `none`.",
    ),
    "HUB_TRUSTED_ONLY": ("", "`1`: only documents of those manifests are answered."),
    "NO_COLOR": ("", "Anything: no colours and no progress bars, also on a terminal."),
    "REPLICA_PORT": (
        "8100",
        (
            "The port of the made-up city (`make demo`, `python -m replica`). Its servers for SFTP, FTP, IMAP, MQTT, "
            "NATS and Redis take the six after it, or any where one of those is taken."
        ),
    ),
    "REPLICA_FILES": (".replica", "The folder where the made-up city drops its files."),
    "HUB_TEST_DATABASE_URL": ("", "A PostgreSQL that the tests run on, beside the embedded one."),
}


def main() -> int:
    """Write the pages, or with --check say which are stale and return 1."""
    pages = {REFERENCE / name: write() for name, write in PAGES.items()}
    if "--check" not in sys.argv[1:]:
        for path, text in pages.items():
            path.write_text(text, encoding="utf-8")
        return 0
    stale = [path for path, text in pages.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    for path in stale:
        sys.stderr.write(f"{path.relative_to(ROOT)} is stale: run `make docs`\n")
    return 1 if stale else 0


# ── connectors.yaml ──────────────────────────────────────────────────────────────────────────────────────────────────


def connectors_page() -> str:
    shelf = _Shelf()
    parts = [
        (
            "Every key of the file, with its type and default. An unknown key, a key given twice and a value of the "
            "wrong type are mistakes, each told with its line. Texts stay as they are written: `0123`, `NO` are text."
        ),
        (
            "**Units.** A *duration* is `250ms`, `30s`, `5m`, `2h` or `1d`; a *size* `512KB` or `64MB`; a *rate* "
            "`5/s`, `100/m` or `1000/h`; *waits* are two durations, `1s..30s`. A *path* finds a value in an answer "
            "or a ticket: see [mapping](mapping.md)."
        ),
        (
            "**Borrowed texts.** `${NAME}` is an environment variable, `${NAME:-text}` falls back to a text, "
            "`${file:path}` is the content of a file beside connectors.yaml, `$${` a plain `${`."
        ),
        "## The file",
        shelf.table(FileKeys),
        "## Every source",
        shelf.table(SourceKeys),
        "## Every register",
        (
            "The same, less `class` and `integration`. Its map fills the "
            "[fields of an entry](appeal.md#entries-of-a-register)."
        ),
    ]
    parts += shelf.nested("###")
    for name, connector in REGISTRY.items():
        table = shelf.of(name).table(connector.options_type)
        parts += [f"## Connector `{name}`", _first_paragraph(connector), table]
        parts += shelf.nested("###", of=name)
    parts += ["## Every endpoint", _first_paragraph(EndpointKeys), shelf.of("endpoint").table(EndpointKeys)]
    parts += shelf.nested("###")
    return _page("Options of connectors.yaml", *parts)


class _Shelf:
    """Writes a table a model, and remembers which models they mention and are still to be written."""

    def __init__(self) -> None:
        self._waiting: list[tuple[str, type[BaseModel]]] = []
        self._headings: dict[type[BaseModel], str] = {}
        self._connector = ""

    def of(self, connector: str) -> "_Shelf":
        """Go on with the tables of a connector."""
        self._connector = connector
        return self

    def table(self, model: type[BaseModel], path: str = "") -> str:
        ordered = sorted(model.model_fields.items(), key=lambda named: named[0] != "by")
        texts = texts_below(model) if issubclass(model, Options) else {}
        rows = [self._row(name, field, texts.get(name, ""), path) for name, field in ordered]
        return _table(("key", "type", "default", "what it says"), rows)

    def nested(self, level: str, of: str = "") -> Iterator[str]:
        while self._waiting:
            path, model = self._waiting.pop(0)
            yield f"{level} {self._headings[model]}"
            if doc := _own_doc(model):
                yield doc
            if of and model in _shared_models():
                yield "The same for every connector that has it."
            yield self.table(model, path)

    def _row(self, name: str, field: FieldInfo, text: str, path: str) -> tuple[str, ...]:
        key = field.alias or name
        models = list(_models(field.annotation))
        kind = self._links(models, path, key) if models else _in_words(field)
        if models and (texts := [_type(one) for one in _leaves(field.annotation) if one in (str, SecretStr)]):
            kind = f"{texts[0]} or {kind}"
        return (f"`{key}`", kind, _default(field), text or field.description or ("This way." if key == "by" else ""))

    def _links(self, models: Sequence[type[BaseModel]], path: str, key: str) -> str:
        here = f"{path}.{key}" if path else key
        if models == [Rule]:
            return "[rules](mapping.md)"
        if models == [EndpointKeys]:
            return "[an endpoint](#every-endpoint)"
        for model in models:
            if model not in self._headings:
                self._headings[model] = self._heading(here, model)
                self._waiting.append((here, model))
        return " or ".join(f"[{self._headings[model]}](#{anchor(self._headings[model])})" for model in models)

    def _heading(self, path: str, model: type[BaseModel]) -> str:
        ways = get_args(by.annotation) if (by := model.model_fields.get("by")) else ()
        heading = f"`{path}` with `by: {ways[0]}`" if ways else f"`{path}`"
        if path in _ambiguous_keys() and model not in _shared_models():
            heading = f"{heading} of `{self._connector}`"
        return heading if heading not in self._headings.values() else f"{heading}, {_spoken(model.__name__)}"


def _shared_models() -> set[type[BaseModel]]:
    counted: dict[type[BaseModel], int] = {}
    for connector in REGISTRY.values():
        for field in connector.options_type.model_fields.values():
            for model in _models(field.annotation):
                counted[model] = counted.get(model, 0) + 1
    return {model for model, times in counted.items() if times > 1}


@cache
def _ambiguous_keys() -> set[str]:
    """The keys that several connectors have, each with a table of its own."""
    meant: dict[str, set[type[BaseModel]]] = {}
    for connector in REGISTRY.values():
        for name, field in connector.options_type.model_fields.items():
            told_apart = [model for model in _models(field.annotation) if "by" not in model.model_fields]
            meant.setdefault(field.alias or name, set()).update(told_apart)
    return {key for key, models in meant.items() if len(models) > 1}


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and not get_args(annotation) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models(inner)


def _leaves(annotation: Any) -> Iterator[Any]:
    """The types of the values, without what names them."""
    inner = get_args(annotation)
    if get_origin(annotation) is Annotated:
        inner = inner[:1]
    elif get_origin(annotation) in (dict, Mapping):
        inner = inner[1:]
    for one in inner:
        yield from _leaves(one)
    if not inner:
        yield annotation


_NAMES = {
    str: "text",
    int: "number",
    float: "number",
    bool: "boolean",
    timedelta: "duration",
    PerTime: "rate",
    Between: "waits",
    SecretStr: "secret text",
    datetime: "time",
    types.NoneType: "nothing",
}


def _in_words(field: FieldInfo) -> str:
    if field.annotation is int and any(type(one).__name__ == "BeforeValidator" for one in field.metadata):
        return "size"
    return _type(field.annotation)


def _type(annotation: Any) -> str:
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _type(inner[0])
    if origin is Literal:
        return " or ".join(f"`{one}`" for one in inner)
    if origin in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(_type(one) for one in inner if one is not types.NoneType))
    if origin is not None:
        return f"table of {_type(inner[1])}" if issubclass(origin, Mapping) else f"list of {_type(inner[0])}"
    if annotation is Any:
        return "anything"
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return " or ".join(f"`{one.value}`" for one in annotation)
    return _NAMES.get(annotation, "time zone" if annotation.__name__ == "ZoneInfo" else _spoken(annotation.__name__))


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "**required**"
    value = field.get_default(call_default_factory=True)
    if value is None or value is PydanticUndefined or isinstance(value, BaseModel) or value in ("", (), [], {}):
        return ""
    return f"`{_written(value, field)}`"


def _written(value: Any, field: FieldInfo) -> str:
    if isinstance(value, timedelta):
        return _span(value)
    if isinstance(value, PerTime):
        return f"{value.count}/{_span(value.per).lstrip('1')}"
    if isinstance(value, Between):
        return f"{_span(value.shortest)}..{_span(value.longest)}"
    if isinstance(value, date):
        return value.date().isoformat() if isinstance(value, datetime) else value.isoformat()
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int) and _in_words(field) == "size":
        return f"{value // 1024**2}MB"
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(repr, value))}]".replace("'", '"')
    return str(value.value if isinstance(value, Enum) else value)


def _span(length: timedelta) -> str:
    seconds = int(length.total_seconds())
    unit, size = next(
        (pair for pair in (("d", 86400), ("h", 3600), ("m", 60)) if seconds and seconds % pair[1] == 0), ("s", 1)
    )
    return f"{seconds // size}{unit}"


# ── The mapping and the appeal ───────────────────────────────────────────────────────────────────────────────────────


def mapping_page() -> str:
    steps = [
        (f"`{field.alias or name}`", _type(field.annotation), field.description or "")
        for name, field in Rule.model_fields.items()
    ]
    parts = [
        (
            "A source's `map` holds one rule a [field of the appeal](appeal.md); fields of your own go under "
            "`attributes.NAME`."
        ),
        inspect.cleandoc(Rule.__doc__ or ""),
        "## Steps",
        _table(("step", "type", "what it does"), steps),
        "## Functions that a path may call",
        (
            "Beside those of [JMESPath](https://jmespath.org/specification.html#built-in-functions), such as `join`, "
            "`sort_by` and `to_string`: what is no text, list or object reads as null."
        ),
        _table(("function", "what it gives"), _FUNCTIONS),
        "## What holds for every appeal",
        _list_in(inspect.getdoc(inspect.getmodule(_normalize())) or ""),
    ]
    for name, connector in REGISTRY.items():
        if connector.default_map:
            rows = [(f"`{to}`", f"`{_yaml(rule)}`") for to, rule in connector.default_map.items()]
            parts += [
                f"## The map that `{name}` brings",
                "It is laid beneath a source's own, which says only what differs.",
                _table(("field", "rule"), rows),
            ]
    return _page("Steps of a mapping", *parts)


_FUNCTIONS = (
    ("`split(text, ',')`", "The parts of a text, blanks trimmed, empty ones kept."),
    ("`replace(text, old, new)`", "The text with every `old` replaced."),
    (
        "`lower(text)`, `upper(text)`, `trim(text)`",
        "The text in small or capital letters, or without blanks around it.",
    ),
    ("`items(object)`", "An object as a list of [key, value]."),
    ("`from_items(list)`", "A list of [key, value] as an object: `from_items(questions[].[code, answer])`."),
    ("`zip(list, list, …)`", "Lists place by place: `from_items(zip(split(names, ','), split(values, ',')))`."),
    (
        "`group_by(list, &path)`",
        "Rows gathered under what the path finds in them: `values(group_by(log, &id))[*].{id: [0].id, steps: @}`.",
    ),
    (
        "`unwind(list, 'key')`",
        "Each row once for every element of the list that it holds at `key`: `unwind(departments, 'tickets')`.",
    ),
    (
        "`find_all(value, 'key')`",
        "What stands under a key at any depth, in order: the texts of a tree, `find_all(description, 'text')`.",
    ),
    ("`pad_left(text, 6, '0')`", "The text with zeros before it, where it is too short."),
    ("`parse_json(text)`", "What a text that is JSON holds: `parse_json(extend1).floor`."),
    ("`from_base64(text)`", "The text that is written in Base64: `parse_json(from_base64(payload)).rows`."),
)


def _normalize() -> Callable[..., Any]:
    from hub.normalize import normalize  # noqa: PLC0415  # only its module's text is wanted

    return normalize


def _list_in(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if line.startswith(("- ", "  ")))


def _yaml(rule: Any) -> str:
    if isinstance(rule, dict):
        return f"{{{', '.join(f'{key}: {_yaml(value)}' for key, value in rule.items())}}}"
    return f"[{', '.join(map(_yaml, rule))}]" if isinstance(rule, list) else str(rule)


def appeal_page() -> str:
    from hub.model import Appeal  # noqa: PLC0415  # not the schema's type of that name

    targets = {target.attribute: target for target in APPEAL.targets.values()}
    described = {name: field.description or "" for name, field in _object("Appeal").fields.items()}
    described |= {f"reporter.{name}": field.description or "" for name, field in _object("Reporter").fields.items()}
    described |= {f"location.{name}": field.description or "" for name, field in _object("Location").fields.items()}
    described |= _SHOWN_OTHERWISE
    rows = []
    for each in fields(Appeal):
        if (target := targets.get(each.name)) and target.name != ATTRIBUTES:
            shown = ".".join(to_camel_case(part) for part in target.name.split("."))
            need = _NEEDED.get(target.name, "")
            kind = "[events](#events)" if target.name == "events" else _appeal_type(target.type)
            rows.append((f"`{target.name}`", f"`{shown}`", kind, need, described[shown]))
    rows.append(("`attributes.NAME`", "`attributes`", "anything", "", described["attributes"]))
    rows.append(("`attributes`", "`attributes`", "object", "", "All values of an object at once, under their names."))
    parts = [
        (
            "The one record that every ticket becomes. A mapping fills fields by the names on the left; GraphQL "
            "answers them by the names beside. A ticket that comes again, by its source and `external_id`, "
            "changes its appeal."
        ),
        "## Fields",
        _table(("in connectors.yaml", "in GraphQL", "type", "", "what it is"), rows),
        (
            "The hub adds `id`, `version`, `firstServedAt`, `lastServedAt`, `source` and `changes`: see "
            "[schema.graphql](schema.graphql)."
        ),
        "## Events",
        "`events` takes `{from: PATH, each: RULES}`; these are the fields of each.",
        _table(("in connectors.yaml", "type", "what it is"), _event_rows()),
        "## Entries of a register",
        "What a map under `registers` fills. `hub entries REGISTER` lists them.",
        _table(("in connectors.yaml", "type", "", "what it is"), _entry_rows()),
    ]
    for heading, name in _ENUMS.items():
        words = core_schema().type_map[name]
        assert isinstance(words, GraphQLEnumType)  # noqa: S101  # the table above names enums only
        members = [(f"`{word}`", value.description or "") for word, value in words.values.items()]
        parts += [f"## {heading}", words.description or "", _table(("word", "meaning"), members)]
    return _page("Fields of an appeal", *parts)


def _event_rows() -> Iterator[tuple[str, ...]]:
    described = _object("Event").fields
    for target in EVENT.targets.values():
        yield (
            f"`{target.name}`",
            _appeal_type(target.type),
            described[to_camel_case(target.name)].description or "",
        )


def _entry_rows() -> Iterator[tuple[str, ...]]:
    for name, target in ENTRY.targets.items():
        if name != ATTRIBUTES:
            need = "required" if name in ENTRY.required else _NEEDED.get(name, "")
            yield (f"`{name}`", _appeal_type(target.type), need, _ENTRY_FIELDS[name])
    yield ("`attributes.NAME`", "anything", "", "Whatever else the map keeps.")


_ENTRY_FIELDS = {
    "external_id": "Its id in the register.",
    "name": "What people call it.",
    "kind": "What sort of entry it is, in the register's own word.",
    "parent": "The id of the entry above.",
    "area": "行政区划: the code of the administrative division.",
    "grid": "网格: the grid cell of the neighbourhood.",
    "location.address": "The address as the register writes it.",
    "location.point": "Where it is.",
    "contact": "Who answers for it.",
    "phone": "Its telephone number.",
    "active": "Whether it is still there; true where nothing is said.",
}
_SHOWN_OTHERWISE = {
    "location.point": "Where it is; answered as `location.longitude` and `location.latitude`, WGS-84.",
    "reporter.name": "Who made it; answered masked.",
    "reporter.phone": "The telephone number of who made it; answered masked.",
}
_NEEDED = {
    "external_id": "required",
    "status": "required",
    "created_at": "required",
    "title": "this or content",
    "location.point": "with `crs`",
}
_ENUMS = {
    "status": "AppealStatus",
    "kind": "AppealKind",
    "urgency": "AppealUrgency",
    "channel": "AppealChannel",
    "satisfaction": "Satisfaction",
}


def _object(name: str) -> GraphQLObjectType:
    found = core_schema().type_map[name]
    assert isinstance(found, GraphQLObjectType)  # noqa: S101  # only objects are asked for here
    return found


def _appeal_type(kind: Any) -> str:
    if isinstance(kind, type) and issubclass(kind, Enum):
        return f"[{kind.__name__.lower()}](#{kind.__name__.lower()})"
    return {list: "list of text", tuple: "point"}.get(kind) or _type(kind)


# ── Messages to endpoints ────────────────────────────────────────────────────────────────────────────────────────────


def vectors_json() -> str:
    """Messages, genuine and not, with what a receiver must say of each."""
    note = (
        "Written by docs/generate.py. `valid` is what a receiver must find at the time `now`, with 300 s of tolerance."
    )
    facts = {"note": note, "standard": "https://www.standardwebhooks.com, 1.0.0", "vectors": list(_vectors())}
    return json.dumps(facts, ensure_ascii=False, indent=2) + "\n"


def vectors_tsv() -> str:
    """The vectors that are signed by HMAC, one a line: valid, secret, id, timestamp, signature, now, body in Base64."""
    lines = []
    for one in _vectors():
        if one["algorithm"] == "v1":
            parts = [one["headers"].get(f"webhook-{part}", "") for part in ("id", "timestamp", "signature")]
            body = base64.b64encode(one["body"].encode()).decode()
            lines.append("\t".join([str(one["valid"]).lower(), one["secret"], *parts, str(one["now"]), body]))
    return "\n".join(lines) + "\n"


_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105  # the one that Standard Webhooks publishes
_OTHER = "whsec_b3RoZXItc2VjcmV0LW9mLTMyLWJ5dGVzLS0tLS0tLS0="
_KEY = "whsk_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
_PUBLIC = "whpk_A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg="
_AT = 1614265330


def _vectors() -> Iterator[dict[str, Any]]:
    plain, chinese = '{"test": 2432232314}', '{"type":"appeal.created","data":{"title":"电梯停运\\n3号楼"}}'
    yield _vector("the one that Standard Webhooks publishes", plain, key="msg_p5jXN8AQM9LWM0D4loKWxJek")
    yield _vector("Chinese, and a line break, in the body", chinese)
    yield _vector("an empty body", "")
    yield _vector("two signatures while keys are exchanged, ours the second", plain, secrets=(_OTHER, _SECRET))
    yield _vector("a signature of another version beside ours", plain, secrets=(_KEY, _SECRET))
    yield _vector("at the end of the tolerance", plain, now=_AT + 300)
    yield _vector("too old", plain, now=_AT + 301, valid=False)
    yield _vector("from the future", plain, now=_AT - 301, valid=False)
    yield _vector("signed by another secret", plain, secrets=(_OTHER,), valid=False)
    yield _vector("another body than was signed", plain, shown='{"test": 2432232315}', valid=False)
    yield _vector("another id than was signed", plain, changed={"webhook-id": "43"}, valid=False)
    yield _vector("another time than was signed", plain, changed={"webhook-timestamp": str(_AT + 1)}, valid=False)
    yield _vector("no signature", plain, changed={"webhook-signature": ""}, valid=False)
    yield _vector("a time that is none", plain, changed={"webhook-timestamp": "yesterday"}, valid=False)
    yield _vector("ed25519", plain, algorithm="v1a", secrets=(_KEY,))
    yield _vector(
        "ed25519, another body than was signed", plain, algorithm="v1a", secrets=(_KEY,), shown="{}", valid=False
    )


def _vector(  # what a vector may differ in
    name: str,
    body: str,
    *,
    key: str = "42",
    secrets: tuple[str, ...] = (_SECRET,),
    algorithm: str = "v1",
    now: int = _AT,
    shown: str | None = None,
    changed: Mapping[str, str] | None = None,
    valid: bool = True,
) -> dict[str, Any]:
    signed = f"{key}.{_AT}.{body}".encode()
    signature = " ".join(signer(secret)(signed) for secret in secrets)
    headers = {"webhook-id": key, "webhook-timestamp": str(_AT), "webhook-signature": signature, **(changed or {})}
    known = {"secret": _SECRET} if algorithm == "v1" else {"public_key": _PUBLIC}
    return {
        "name": name,
        "algorithm": algorithm,
        **known,
        "now": now,
        "headers": headers,
        "body": body if shown is None else shown,
        "valid": valid,
    }


# ── The command, the API, errors, the environment ────────────────────────────────────────────────────────────────────


def cli_page() -> str:
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)  # noqa: S101  # an app with several commands is a group
    parts = [
        "Results go to stdout, talk to stderr. Exit codes: 0 fine, 1 failed, 2 misused or misconfigured.",
        _help(group, "hub"),
    ]
    whole = group.make_context("hub", [], resilient_parsing=True)
    for name, command in group.commands.items():
        parts += [f"## hub {name}", _help(command, name, parent=whole)]
    return _page("The command hub", *parts)


def _help(command: Any, name: str, parent: Any = None) -> str:
    context = command.make_context(name, [], parent=parent, resilient_parsing=True, terminal_width=100)
    lines = (line.rstrip() for line in command.get_help(context).splitlines())
    return "```text\n" + "\n".join(lines).strip() + "\n```"


def graphql_page() -> str:
    told = _attribute_docs(Limits)
    limits = [
        (
            f"`{each.name}`",
            _limit(getattr(Limits(), each.name)),
            told.get(each.name, f"{each.name.replace('_', ' ').capitalize()} of an operation."),
        )
        for each in fields(Limits)
    ]
    return _page(
        "The GraphQL API",
        "The whole schema, with a description of every type and field, is in [schema.graphql](schema.graphql); "
        "`hub schema graphql` prints it.",
        "## Where it is served",
        _table(
            ("path", "what"),
            [
                ("`POST /graphql`", "One operation a request, as JSON: `query`, `variables`, `operationName`."),
                ("`GET /graphql`", "Queries only, in the query string. A browser gets a page to ask from."),
                ("`/graphql` as WebSocket", "`graphql-transport-ws`: queries and subscriptions."),
                ("`GET /graphiql`", "GraphiQL, once `make graphiql` or `make demo` has built it; not in production."),
                ("`GET /schema.graphql`", "The schema as text; not in production."),
                ("`POST /in/{source}`", "[What a system pushes](../how-to/let-a-system-push.md); no GraphQL."),
                ("`GET /healthz`", "200 while the process lives."),
                ("`GET /readyz`", "200 while the database answers, else 503."),
            ],
        ),
        "## Limits",
        "Checked before anything is executed.",
        _table(("limit", "value", "what it bounds"), limits),
        "## Pages",
        "Lists are Relay connections: `first` and `after`, or `last` and `before`. A cursor is good for the list, "
        "filter and order that gave it, and for no other. It marks a place by its values, never a number of "
        "rows to skip: what comes meanwhile neither repeats nor hides an appeal.",
        "## Errors",
        "Every error has a code in `extensions.code`: see [errors](errors.md#codes-of-the-api).",
    )


def _limit(value: Any) -> str:
    return _span(value) if isinstance(value, timedelta) else f"{value:,}"


def errors_page() -> str:
    tree = re.search(r"HubError\n.*?\n\n", inspect.getdoc(errors) or "", re.DOTALL)
    own = [(f"`{kind.code}`", f"`{kind.__name__}`", _first_paragraph(kind)) for kind in _coded(errors.HubError)]
    return _page(
        "Errors and their codes",
        "Every error of the hub says what is wrong and, where there is one, the cure. Its code is stable.",
        "## The tree",
        f"```text\n{tree[0].strip() if tree else ''}\n```",
        "## Codes of the hub",
        'On stderr with `--json`: `{"error": {"code": …, "message": …, "hint": …}}`.',
        _table(("code", "error", "what it means"), own),
        "## Codes of the API",
        "In `errors[].extensions.code`. Codes of a limit come with `limit` and `value`.",
        _table(("code", "what it means"), [(f"`{code}`", meaning) for code, meaning in CODES.items()]),
    )


def _coded(kind: type[errors.HubError]) -> Iterator[type[errors.HubError]]:
    """Yield the errors that have a code of their own; those of the command are known once it is imported."""
    if "code" in vars(kind):
        yield kind
    for below in kind.__subclasses__():
        yield from _coded(below)


def environment_page() -> str:
    rows = [(f"`{name}`", f"`{default}`" if default else "", what) for name, (default, what) in ENVIRONMENT.items()]
    return _page(
        "Environment variables",
        "Everything that the hub, the made-up city and the tests read from the environment. connectors.yaml may name "
        "more of its own, as `${NAME}`.",
        _table(("variable", "default", "what it says"), rows),
    )


# ── Markdown ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def anchor(heading: str) -> str:
    """The fragment by which GitHub links to a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def _page(title: str, *parts: str) -> str:
    return "\n\n".join([f"# {title}", NOTE, *(part for part in parts if part)]) + "\n"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(_cell(cell) for cell in line)} |" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", r"\|")


def _spoken(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()


def _first_paragraph(thing: Any) -> str:
    return " ".join((inspect.getdoc(thing) or "").split("\n\n")[0].split())


def _own_doc(model: type[BaseModel]) -> str:
    return _first_paragraph(model) if model.__doc__ and model.__doc__ != Options.__doc__ else ""


def _attribute_docs(kind: type) -> dict[str, str]:
    """The texts that stand below the attributes of a class."""
    body = ast.parse(textwrap.dedent(inspect.getsource(kind))).body[0]
    assert isinstance(body, ast.ClassDef)  # noqa: S101  # it is the source of a class
    found: dict[str, str] = {}
    for before, after in zip(body.body, body.body[1:], strict=False):
        if isinstance(before, ast.AnnAssign) and isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
            found[ast.unparse(before.target)] = str(after.value.value)
    return found


PAGES: dict[str, Callable[[], str]] = {
    "connectors.md": connectors_page,
    "mapping.md": mapping_page,
    "appeal.md": appeal_page,
    "cli.md": cli_page,
    "graphql.md": graphql_page,
    "schema.graphql": schema_sdl,
    "errors.md": errors_page,
    "environment.md": environment_page,
    "signature-vectors.json": vectors_json,
    "signature-vectors.tsv": vectors_tsv,
}

if __name__ == "__main__":
    sys.exit(main())
