"""Mend JSON as old systems write it by hand: comments, bare names, single quotes, leading zeros, a comma too many."""

import json
import re

# Every way of going wrong is taken in at once (a text that never closes runs to the end), so the time stays linear.
_TOKEN = re.compile(
    r"""
    (?P<text>"(?:[^"\\]++|\\.)*+(?:"|\\?\Z))
  | (?P<single>'(?:[^'\\]++|\\.)*+(?:'|\\?\Z))
  | (?P<comment>/\*.*?(?:\*/|\Z)|//[^\n]*+)
  | (?P<comma>,(?=\s*+[\]}]))
  | (?P<zeros>(?<![\w.+-])-?0\d[\d.]*+(?!\w))
  | (?P<nothing>(?<![\w$.])-?(?:NaN|Infinity|undefined)\b)
  | (?P<name>(?<![\w$.-])[^\W\d][\w$-]*+(?=\s*+:))
    """,
    re.VERBOSE | re.DOTALL,
)
_CONTROL = re.compile(r"[\x00-\x1f]")
_ESCAPE = re.compile(r'\\(?:(["\\/bfnrt]|u[0-9A-Fa-f]{4})|(.))', re.DOTALL)
_QUOTE = re.compile(r'(\\.)|"', re.DOTALL)


def mended(text: str) -> str:
    """Return the text with the usual faults mended, and everything else as it is.

    A number with leading zeros becomes a text, because it is a code; NaN and its like become null; line breaks and
    other control characters inside a text are kept, escaped.
    """
    return _TOKEN.sub(_token, text)


def _token(found: re.Match[str]) -> str:
    match found.lastgroup:
        case "text":
            return _inside(found[0])
        case "single":
            return f'"{_QUOTE.sub(lambda quote: quote[1] or chr(92) + quote[0], _inside(found[0][1:-1]))}"'
        case "comment" | "comma":
            return ""
        case "zeros" | "name":
            return json.dumps(found[0], ensure_ascii=False)
        case _:
            return "null"


def _inside(text: str) -> str:
    text = _ESCAPE.sub(lambda escape: escape[0] if escape[1] else escape[2], text)
    return _CONTROL.sub(lambda control: f"\\u{ord(control[0]):04x}", text)
