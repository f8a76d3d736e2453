"""Every error of the hub, sorted by what the caller does about it.

HubError
├── ConfigError         mend connectors.yaml (or the environment) and start again
├── MappingError        the same, for one source's map: configuration gives each problem its line
├── OptionsError        the same, for what one source's options name, such as an operation of a WSDL
├── SourceError
│   ├── SourceUnavailable   try again later: the source is away, slow or busy
│   ├── SourceRefused       stop until a person acts: the source said no, or speaks nonsense
│   └── NotGenuine          turn this request away: it does not prove that it comes from the source
├── TicketRejected      set this one ticket aside, go on with the next
├── KeyReused           tell the sender: its key came before with another body
├── LaneLost            stop at once: another process owns the lane now
├── StoreError
│   ├── StoreUnavailable    try again later: the database is away
│   ├── SchemaTooNew        upgrade the hub: the database was written by a newer one
│   └── Unstorable          set aside the one ticket that PostgreSQL cannot hold
├── ActionRefused       tell the caller: what was asked cannot be done to this appeal now
└── QueryError          mend the query: the client asked for something that cannot be

Unreadable stands apart: the steps of a mapping raise it, and it never leaves `normalize`.
"""

from dataclasses import dataclass
from typing import Any, ClassVar


class HubError(Exception):
    """Anything the hub says no to. `hint` is the cure, `code` is stable and machine-readable."""

    code: ClassVar[str] = "INTERNAL"

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}; {self.hint}" if self.hint else self.message


@dataclass(frozen=True, slots=True, order=True)
class Mistake:
    """One thing wrong with a configuration file; `line` counts from 1, `path` is dotted."""

    file: str
    line: int
    path: str
    message: str

    def __str__(self) -> str:
        where = f"{self.path}: " if self.path else ""
        return f"{self.file}:{self.line}: {where}{self.message}"


class ConfigError(HubError):
    """The configuration cannot be used; `mistakes` holds one entry a mistake, in file order."""

    code = "CONFIG"

    def __init__(self, *mistakes: Mistake) -> None:
        self.mistakes = tuple(sorted(set(mistakes)))
        super().__init__("\n".join(str(mistake) for mistake in self.mistakes))


class MappingError(HubError):
    """A source's map cannot be used; `problems` pairs a path below `map` with what is wrong there."""

    code = "CONFIG"

    def __init__(self, *problems: tuple[tuple[str | int, ...], str]) -> None:
        self.problems = problems
        super().__init__("\n".join(f"{'.'.join(map(str, path)) or 'map'}: {problem}" for path, problem in problems))


class OptionsError(HubError):
    """A source's options name what there is not; `problems` pairs a path below the source with what is wrong there."""

    code = "CONFIG"

    def __init__(self, *problems: tuple[tuple[str | int, ...], str]) -> None:
        self.problems = problems
        super().__init__("\n".join(f"{'.'.join(map(str, path))}: {problem}" for path, problem in problems))


class SourceError(HubError):
    """A source did not give its tickets. The message never holds a secret."""


class SourceUnavailable(SourceError):
    """The source is away, slow or busy: worth trying again."""

    code = "SOURCE_UNAVAILABLE"


class SourceRefused(SourceError):
    """The source said no, or answered nonsense: trying again changes nothing until a person acts."""

    code = "SOURCE_REFUSED"


class NotGenuine(SourceError):
    """A push does not prove that it comes from its source. The message is for the hub's own people, not for senders."""

    code = "NOT_GENUINE"


class TicketRejected(HubError):
    """One ticket does not read as an appeal; `field` is the appeal's field that failed."""

    code = "TICKET_REJECTED"

    def __init__(self, message: str, *, field: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.field = field


class Unreadable(ValueError):
    """One value is not what its step reads: `problem` ends the sentence that the value begins.

    Only the steps of a mapping raise it; `normalize` turns it into TicketRejected, which knows the field.
    """

    def __init__(self, value: object, problem: str, *, hint: str = "") -> None:
        super().__init__(problem)
        self.value = value
        self.problem = problem
        self.hint = hint


class KeyReused(HubError):
    """A push carries the key of an earlier one and another body: to take it would be as wrong as to pass it over."""

    code = "KEY_REUSED"


class LaneLost(HubError):
    """The lane's fence has been raised by another claim: nothing may be written for it any more."""

    code = "LANE_LOST"


class StoreError(HubError):
    """The database cannot be used."""


class StoreUnavailable(StoreError):
    """The database does not answer: worth trying again."""

    code = "STORE_UNAVAILABLE"


class SchemaTooNew(StoreError):
    """The database was written by a newer hub."""

    code = "SCHEMA_TOO_NEW"


class Unstorable(StoreError):
    """PostgreSQL cannot hold a value, such as a number too large for its column; nothing of the batch was written."""

    code = "UNSTORABLE"


class QueryError(HubError):
    """The client asked for something that cannot be answered; `code` names which, `details` are facts for programs."""

    def __init__(self, code: str, message: str, *, hint: str = "", **details: object) -> None:
        super().__init__(message, hint=hint)
        self.code = code  # type: ignore[misc]  # one class, many client mistakes: the instance names its own
        self.details = details


class ActionRefused(HubError):
    """An action that an appeal does not allow now; `code` names why, `path` the input's field, `details` are facts.

    It is expected: clients read it as part of the answer, not as an error of theirs or of the hub's.
    """

    def __init__(self, code: str, message: str, *, path: tuple[str, ...] = (), **details: Any) -> None:
        super().__init__(message)
        self.code = code  # type: ignore[misc]  # one class, many reasons: the instance names its own
        self.path = path
        self.details = details
