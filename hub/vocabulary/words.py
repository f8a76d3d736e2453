"""Read the files of words, and say a word in a language."""

import tomllib
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any


class Locale(StrEnum):
    """The languages that people are shown words in."""

    ZH = "ZH"
    EN = "EN"


@dataclass(frozen=True, slots=True)
class Label:
    """One word for people, in both languages."""

    zh: str
    en: str

    def said(self, locale: Locale | str = Locale.ZH) -> str:
        return self.en if locale == Locale.EN else self.zh


@cache
def labels() -> dict[str, dict[str, Label]]:
    """The labels of every enum's words, by the names that the enum and the word have in the API."""
    return {enum: {word: Label(*both) for word, both in words.items()} for enum, words in table("labels").items()}


def table(name: str) -> dict[str, Any]:
    """One file of words."""
    return tomllib.loads((files("hub.vocabulary") / f"{name}.toml").read_text(encoding="utf-8"))
