"""What mutations take: one input each, and how much of everything."""

from dataclasses import fields
from datetime import datetime
from typing import Any

import strawberry
from strawberry.utils.str_converters import to_camel_case

from hub.errors import ActionRefused
from hub.model import Channel, Kind, Satisfaction, Urgency
from hub.schema import words  # noqa: F401  # makes the domain's enums the schema's, before an input mentions one

LONGEST_LINE = 200
LONGEST_NOTE = 2_000
LONGEST_TEXT = 10_000
MOST_VALUES = 20
_LONG = {"note": LONGEST_NOTE, "result": LONGEST_TEXT, "public_reply": LONGEST_TEXT, "content": LONGEST_TEXT}
_REQUIRED = {"title", "note", "organization", "result"}
"""Texts that must not be blank where they are given."""


def _optional(description: str) -> Any:
    return strawberry.field(default=strawberry.UNSET, description=description)


@strawberry.input(description="An appeal, and what every action takes.")
class ActionInput:
    id: strawberry.ID = strawberry.field(description="The appeal's global id.")
    client_mutation_id: str = strawberry.field(
        description="A key of the client's own making, such as a UUID: whatever comes again with it within two days is "
        "done once, and answered alike."
    )
    expected_version: int | None = _optional(
        "Do it only while the appeal is of this version; else the answer is a VersionConflict."
    )
    note: str | None = _optional("What there is to say about it.")


@strawberry.input(description="受理.")
class AcceptAppealInput(ActionInput):
    pass


@strawberry.input(description="不予受理.")
class RejectAppealInput(ActionInput):
    note: str = strawberry.field(description="Why, and where the resident may go instead.")


@strawberry.input(description="派单.")
class DispatchAppealInput(ActionInput):
    organization: str = strawberry.field(description="主办单位: the name of the organization in charge.")
    co_organizations: list[str] | None = _optional("协办单位: who helps; as before when left out.")
    due_at: datetime | None = _optional("When it must be handled; as before when left out.")


@strawberry.input(description="签收.")
class StartAppealInput(ActionInput):
    pass


@strawberry.input(description="退单.")
class ReturnAppealInput(ActionInput):
    note: str = strawberry.field(description="Why.")
    organization: str | None = _optional("The name of the organization that should have it.")


@strawberry.input(description="改派.")
class TransferAppealInput(ActionInput):
    note: str = strawberry.field(description="Why.")
    organization: str = strawberry.field(description="主办单位: the name of the organization in charge from now on.")
    co_organizations: list[str] | None = _optional("协办单位: who helps; as before when left out.")
    due_at: datetime | None = _optional("When it must be handled; as before when left out.")


@strawberry.input(description="挂起.")
class SuspendAppealInput(ActionInput):
    note: str = strawberry.field(description="What is waited for.")


@strawberry.input(description="办结.")
class ResolveAppealInput(ActionInput):
    result: str = strawberry.field(description="办理情况: what was done.")
    public_reply: str | None = _optional("公开答复: what the resident is answered.")


@strawberry.input(description="归档.")
class CloseAppealInput(ActionInput):
    pass


@strawberry.input(description="重新办理.")
class ReopenAppealInput(ActionInput):
    note: str = strawberry.field(description="Why.")


@strawberry.input(description="撤诉.")
class WithdrawAppealInput(ActionInput):
    pass


@strawberry.input(description="并单.")
class MergeAppealInput(ActionInput):
    into: strawberry.ID = strawberry.field(description="The global id of the appeal that says the same, and goes on.")


@strawberry.input(description="拆单.")
class SplitAppealInput(ActionInput):
    pass


@strawberry.input(description="批注.")
class CommentOnAppealInput(ActionInput):
    note: str = strawberry.field(description="What there is to say.")


@strawberry.input(description="评价.")
class RateAppealInput(ActionInput):
    satisfaction: Satisfaction = strawberry.field(description="满意度: what the resident thinks of the result.")
    is_resolved: bool | None = _optional("Whether the resident says it is solved.")


@strawberry.input(description="延期.")
class ExtendAppealInput(ActionInput):
    note: str = strawberry.field(description="Why.")
    due_at: datetime = strawberry.field(description="The new deadline, after the present one.")


@strawberry.input(description="催办.")
class UrgeAppealInput(ActionInput):
    pass


@strawberry.input(description="督办.")
class SuperviseAppealInput(ActionInput):
    note: str = strawberry.field(description="What is asked for.")


@strawberry.input(description="提交: an appeal that comes to the hub itself.")
class SubmitAppealInput:
    client_mutation_id: str = strawberry.field(description="A key of the client's own making, such as a UUID.")
    title: str = strawberry.field(description="Its subject, in one line.")
    content: str | None = _optional("What the resident says.")
    kind: Kind = strawberry.field(default=Kind.OTHER, description="诉求类型: what the resident wants.")
    topic: str | None = _optional("问题分类: what it is about, as in `Appeal.topic`.")
    urgency: Urgency = strawberry.field(default=Urgency.NORMAL, description="紧急程度: how pressing it is.")
    channel: Channel = strawberry.field(default=Channel.WEB, description="受理渠道: how the resident reached us.")
    area: str | None = _optional("行政区划: the code of the administrative division.")
    grid: str | None = _optional("网格: the grid cell of the neighbourhood.")
    address: str | None = _optional("Where it is, in words.")
    longitude: float | None = _optional("Degrees east, WGS-84; together with `latitude`.")
    latitude: float | None = _optional("Degrees north, WGS-84.")
    respondent: str | None = _optional("被诉主体: whom or what it is about.")
    is_secret: bool = strawberry.field(default=False, description="是否保密: whether the resident asks for confidence.")
    reporter_name: str | None = _optional("The resident's name; kept, and masked in every answer.")
    reporter_phone: str | None = _optional("The resident's number; kept, and masked in every answer.")
    attachments: list[str] | None = _optional(f"Addresses of photos and files, {MOST_VALUES} at most.")

    def raw(self) -> dict[str, Any]:
        """What was sent, to be kept as it came."""
        said = {each.name: getattr(self, each.name) for each in fields(self)}
        return {name: value for name, value in said.items() if value is not strawberry.UNSET and value is not None}


@strawberry.input(description="A source or register.")
class SourceInput:
    source: str = strawberry.field(description="Its name, as in `Source.name`.")


@strawberry.input(description="Tickets of a source or register that are to be read again.")
class ReplayTicketsInput:
    source: str = strawberry.field(description="Its name, as in `Source.name`.")
    served: bool = strawberry.field(
        default=False,
        description="Served tickets as well, after the source's map was changed; else rejected ones only.",
    )
    dry_run: bool = strawberry.field(default=False, description="Only count them.")


def check_input(given: Any) -> None:
    """Hold an input to its bounds. Raises ActionRefused INVALID_INPUT, naming the field."""
    for each in fields(given):
        value = getattr(given, each.name)
        if isinstance(value, str):
            _check_text(each.name, value)
        elif isinstance(value, list):
            _check_list(each.name, value)
    longitude, latitude = getattr(given, "longitude", None), getattr(given, "latitude", None)
    _check_point(
        None if longitude is strawberry.UNSET else longitude, None if latitude is strawberry.UNSET else latitude
    )


def _check_text(name: str, text: str) -> None:
    longest = _LONG.get(name, LONGEST_LINE)
    if len(text) > longest:
        raise _wrong(name, f"holds {len(text)} characters; the limit is {longest}")
    if not text.strip() and (name in _REQUIRED or name == "client_mutation_id"):
        raise _wrong(name, "must not be blank")


def _check_list(name: str, values: list[str]) -> None:
    if len(values) > MOST_VALUES:
        raise _wrong(name, f"holds {len(values)} values; the limit is {MOST_VALUES}")
    for value in values:
        _check_text(name, value)


def _check_point(longitude: float | None, latitude: float | None) -> None:
    if (longitude is None) != (latitude is None):
        raise _wrong("longitude", "goes with latitude: give both or none")
    if longitude is not None and not -180 <= longitude <= 180:
        raise _wrong("longitude", "lies between -180 and 180")
    if latitude is not None and not -90 <= latitude <= 90:
        raise _wrong("latitude", "lies between -90 and 90")


def _wrong(name: str, problem: str) -> ActionRefused:
    name = to_camel_case(name)
    return ActionRefused("INVALID_INPUT", f"{name} {problem}", path=(name,))
