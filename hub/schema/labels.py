"""What people are shown for the words of enums, in the language that they read."""

from collections.abc import Sequence
from typing import Annotated

import strawberry

from hub.errors import QueryError
from hub.schema import words  # noqa: F401  # makes Locale one of the schema's enums, before a type mentions it
from hub.vocabulary.words import Label, Locale, labels

In = Annotated[Locale, strawberry.argument(description="In which language.")]


def said(enum: str, word: str, locale: Locale) -> str:
    """The label of a word, by the names that the enum and the word have in the API."""
    return labels()[enum][word].said(locale)


@strawberry.type(description="What people are shown for one word of an enum.")
class WordLabel:
    value: str = strawberry.field(description="The word, as the enum has it.")
    both: strawberry.Private[Label]

    def _label(self, locale: In = Locale.ZH) -> str:
        return self.both.said(locale)

    label: str = strawberry.field(resolver=_label, description="The label.")


@strawberry.type(description="What people are shown for the words of one enum.")
class EnumLabels:
    enum: str = strawberry.field(description="The enum's name in this schema, such as `AppealStatus`.")
    words: list[WordLabel] = strawberry.field(description="Its words, in the order in which menus show them.")

    @classmethod
    def of(cls, enum: str) -> "EnumLabels":
        return cls(enum=enum, words=[WordLabel(value=word, both=label) for word, label in labels()[enum].items()])


def enum_labels(
    enums: Annotated[
        list[str] | None, strawberry.argument(description="Names of enums, such as `AppealStatus`; all when left out.")
    ] = strawberry.UNSET,
) -> list[EnumLabels]:
    return [EnumLabels.of(enum) for enum in _named(enums or list(labels()))]


def _named(enums: Sequence[str]) -> Sequence[str]:
    if unknown := [enum for enum in enums if enum not in labels()]:
        raise QueryError(
            "BAD_INPUT", f"enums: no enum {unknown[0][:50]!r} has labels", hint=f"there are {', '.join(labels())}"
        )
    return list(dict.fromkeys(enums))
