"""The shape of connectors.yaml: what stands at its top, and what every source says whatever its connector."""

import re
from collections.abc import Mapping
from datetime import timedelta
from functools import cache
from typing import Annotated, Any, Literal, TypeAlias, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import ConfigDict, Field, PlainValidator, StrictBool, WithJsonSchema, create_model, model_validator

from hub.config.schedule import ScheduleKeys
from hub.config.shapes import keys_of
from hub.config.spelling import closest
from hub.connectors import REGISTRY
from hub.connectors.base import Options
from hub.connectors.paths import Path
from hub.endpoints.options import EndpointKeys
from hub.mapping.rules import APPEAL, ENTRY, Form, Rule
from hub.model import Integration, SourceClass

MAX_SOURCES = 1000
SOURCE_NAME = re.compile(r"[a-z][a-z0-9-]{0,62}")

OWN_KEYS = {
    *("title", "class", "integration", "alias_of", "department", "enabled", "connector"),
    *("only_if", "map", "outward", "push"),
}
"""What makes a source itself: nothing that defaults could say."""

_SHANGHAI = "Asia/Shanghai"
_NICKNAMES = dict.fromkeys(("+8", "+08:00", "utc+8", "utc+08:00", "gmt+8", "cst", "beijing", "asia/beijing"), _SHANGHAI)


def zone(name: Any) -> ZoneInfo:
    """The time zone of that name; raises ValueError with the name that was probably meant."""
    if isinstance(name, ZoneInfo):
        return name
    try:
        return ZoneInfo(str(name))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        meant = _NICKNAMES.get(str(name).casefold().replace(" ", "")) or closest(str(name), available_timezones())
        cure = f"did you mean '{meant}'?" if meant else "names read like Asia/Shanghai"
        raise ValueError(f"no time zone '{str(name)[:60]}'; {cure}") from None


Zone: TypeAlias = Annotated[
    ZoneInfo, PlainValidator(zone), WithJsonSchema({"type": "string", "examples": ["Asia/Shanghai", "UTC"]})
]
Sentinel: TypeAlias = Annotated[str, Field(coerce_numbers_to_str=True), WithJsonSchema({"type": ["string", "number"]})]
Scalar: TypeAlias = bool | int | float | str | None


class _Keys(Options):
    model_config = ConfigDict(populate_by_name=False)


class FileKeys(_Keys):
    """What stands at the top of the file."""

    version: Literal[1]
    """The version of this format: 1."""
    defaults: dict[str, Any] = Field(default_factory=dict)
    """Keys laid beneath every source, which says only what differs; each connector takes those that it knows."""
    maps: dict[str, dict[str, Scalar]] = Field(default_factory=dict)
    """Code tables that several sources share; a rule names one by `map: NAME`."""
    sources: dict[str, dict[str, Any]] = Field(min_length=1)
    """One entry a legacy system: a hotline or a platform. Its name is its key: small letters, digits and '-'."""
    registers: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """One entry a register, pulled like a source: what appeals refer to, such as organizations, areas or QR codes."""

    endpoints: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """One entry a system that is told what changes. Its name is its key, as with a source."""


class PulledKeys(_Keys):
    """What every source and every register says, whatever its connector."""

    title: str = Field(min_length=1, max_length=200)
    """What people call the system, such as 12345政务服务便民热线."""
    department: str | None = Field(None, min_length=1, max_length=200)
    """The department that answers for the system."""
    enabled: StrictBool = True
    """false keeps what it gave, and stops pulling it."""
    connector: str
    """The protocol that the system speaks."""
    timezone: Zone = ZoneInfo(_SHANGHAI)
    """The zone of the system's clock, put on times that carry none."""
    schedule: ScheduleKeys = ScheduleKeys(every=timedelta(minutes=5), jitter=timedelta(seconds=30))
    """When the source is pulled; a source's own schedule replaces the default one whole."""
    nulls: list[Sentinel] = Field(default_factory=lambda: [""])
    """Texts by which the system says that there is no value."""
    only_if: Path | None = None
    """Rows where this is missing, empty, false or 0 are no tickets, such as the total below a table: left unread."""
    map: dict[str, Rule] = Field(default_factory=dict)
    """How a ticket reads as an appeal or an entry: one rule a field; a bare path is short for {from: path}."""


class SourceKeys(PulledKeys):
    """What every source says beside that."""

    source_class: Literal["hotline", "platform"] = Field(alias="class")
    """A government hotline or a convenience platform."""
    integration: Integration | None = None
    """How a hotline joined 12345: integrator 归并主体, absorbed 整体并入, dual_number 双号并行, sub_centre 设分中心."""
    alias_of: str | None = Field(None, pattern=SOURCE_NAME.pattern)
    """Of a hotline whose number was given up: the source that answers its calls today, as 12315 those of 12331."""
    outward: dict[str, dict[str, Sentinel]] = Field(default_factory=dict)
    """How the hub's words are said to the source: a field, and for each of its values the source's word. Needed only
    where `map` reads several words as the same; where it reads one alone, that is the word."""

    push: EndpointKeys | None = None
    """How the system is told what others change: the keys of an endpoint, which is named like the source."""

    @model_validator(mode="after")
    def _only_hotlines_join(self) -> "SourceKeys":
        if self.source_class == SourceClass.HOTLINE.value:
            return self
        if self.integration:
            raise ValueError("integration says how a hotline joined 12345; a platform has none: remove it")
        if self.alias_of:
            raise ValueError("alias_of says which hotline answers for another; a platform has none: remove it")
        return self


class RegisterKeys(PulledKeys):
    """What every register says beside that: nothing."""


class DefaultKeys(_Keys):
    """What `defaults` may say for every connector; the rest are the connectors' own keys."""

    model_config = ConfigDict(extra="allow")

    timezone: Zone = ZoneInfo(_SHANGHAI)
    schedule: ScheduleKeys | None = None
    nulls: list[Sentinel] = Field(default_factory=list)


Section: TypeAlias = Literal["sources", "registers"]
"""Where in the file something that is pulled stands."""
SECTIONS: dict[Section, tuple[type[PulledKeys], Form]] = {
    "sources": (SourceKeys, APPEAL),
    "registers": (RegisterKeys, ENTRY),
}
"""What is said there besides the connector's keys, and what its map makes of a ticket."""


@cache
def pulled_model(section: Section, connector: str) -> type[PulledKeys]:
    """The keys of one source or register: those of all of them, and the connector's own."""
    bases: Any = (SECTIONS[section][0], REGISTRY[connector].options_type)
    built = create_model(f"{connector}_{section.removesuffix('s')}", __base__=bases, __doc__=bases[1].__doc__)
    return cast("type[PulledKeys]", built)


@cache
def shared_keys() -> frozenset[str]:
    """The keys that `defaults` may hold: those of any connector, but for what makes a source itself."""
    return frozenset().union(*(keys_of(pulled_model("sources", connector)) for connector in REGISTRY)) - OWN_KEYS


def laid_beneath(defaults: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Merge defaults beneath a source's own keys, key by key; a schedule is replaced whole."""
    merged = {**defaults, **own}
    for key, beneath in defaults.items():
        above = own.get(key)
        if key != "schedule" and isinstance(beneath, dict) and isinstance(above, dict):
            merged[key] = laid_beneath(beneath, above)
    return merged
