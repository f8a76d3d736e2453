"""What mutations answer: what was done, or why it was not. A refusal is data: it has a type, a code and a path."""

from enum import StrEnum
from typing import Annotated, Any, TypeAlias

import strawberry

from hub.errors import ActionRefused
from hub.model import Action, Status
from hub.schema import words
from hub.schema.types import Appeal, Change, Source


class UserErrorCode(StrEnum):
    """Why something was not done."""

    NOT_FOUND = "NOT_FOUND"
    INVALID_INPUT = "INVALID_INPUT"
    INVALID_TRANSITION = "INVALID_TRANSITION"
    VERSION_CONFLICT = "VERSION_CONFLICT"
    KEY_REUSED = "KEY_REUSED"


words.describe(
    UserErrorCode,
    "UserErrorCode",
    "Why something was not done.",
    {
        UserErrorCode.NOT_FOUND: "There is no such thing.",
        UserErrorCode.INVALID_INPUT: "A field of the input is not as it must be; `path` names it.",
        UserErrorCode.INVALID_TRANSITION: "The appeal does not allow this now.",
        UserErrorCode.VERSION_CONFLICT: "Somebody else changed the appeal meanwhile.",
        UserErrorCode.KEY_REUSED: "The `clientMutationId` came before, with another input.",
    },
)


@strawberry.interface(description="Why something was not done: expected, and to be shown to the person who asked.")
class UserError:
    message: str = strawberry.field(description="What is wrong, in a sentence.")
    path: list[str] = strawberry.field(description="The field of the input that it is about.")
    code: UserErrorCode = strawberry.field(description="The same for programs.")


@strawberry.type(description="There is no such thing.")
class NotFound(UserError):
    pass


@strawberry.type(description="A field of the input is not as it must be.")
class InvalidInput(UserError):
    pass


@strawberry.type(description="The appeal does not allow this now.")
class InvalidTransition(UserError):
    status: Status = strawberry.field(description="Where the appeal stands.")
    allowed: list[Action] = strawberry.field(description="What it allows instead.")


@strawberry.type(description="Somebody else changed the appeal meanwhile: look at it, and ask again with its version.")
class VersionConflict(UserError):
    appeal: Appeal = strawberry.field(description="The appeal as it is now.")


@strawberry.type(description="The `clientMutationId` came before, with another input: each mutation needs its own.")
class KeyReused(UserError):
    pass


@strawberry.type(description="It was done to the appeal.")
class AppealActed:
    appeal: Appeal = strawberry.field(description="The appeal as it is now.")
    change: Change = strawberry.field(description="What was logged.")
    client_mutation_id: str = strawberry.field(description="The one of the input.")
    repeated: bool = strawberry.field(description="Whether it was done when it was first asked for, and not again.")


@strawberry.type(description="It was done to the source.")
class SourceActed:
    source: Source = strawberry.field(description="The source as it is now.")
    tickets: int | None = strawberry.field(description="How many tickets it concerned; null where it concerns none.")


AppealPayload: TypeAlias = Annotated[
    AppealActed | NotFound | InvalidInput | InvalidTransition | VersionConflict | KeyReused,
    strawberry.union("AppealPayload", description="What became of a mutation of an appeal."),
]
SourcePayload: TypeAlias = Annotated[
    SourceActed | NotFound | InvalidInput,
    strawberry.union("SourcePayload", description="What became of a mutation of a source."),
]

Refusal: TypeAlias = NotFound | InvalidInput | InvalidTransition | VersionConflict | KeyReused
_PLAIN: dict[str, type[NotFound | InvalidInput | KeyReused]] = {
    "NOT_FOUND": NotFound,
    "INVALID_INPUT": InvalidInput,
    "KEY_REUSED": KeyReused,
}


def refusal(refused: ActionRefused, appeal: Appeal | None) -> Refusal:
    """The answer that says why; `appeal` is the one that was to be changed, where there is one."""
    said: dict[str, Any] = {
        "message": refused.message,
        "path": ["input", *refused.path],
        "code": UserErrorCode(refused.code),
    }
    if refused.code == UserErrorCode.INVALID_TRANSITION:
        return InvalidTransition(**said, **refused.details)
    if refused.code == UserErrorCode.VERSION_CONFLICT and appeal is not None:
        return VersionConflict(**said, appeal=appeal)
    return _PLAIN[refused.code](**said)
