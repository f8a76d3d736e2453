"""Write telephone numbers as E.164, reading bare numbers as Chinese ones."""

import re
import unicodedata

_MOBILE = re.compile(r"1[3-9]\d{9}", re.ASCII)
_EXTENSION = re.compile(r"(.{5,40}?)\s*(?:转分机|转|分机|ext\.?|x|#)\s*(\d{1,7})", re.IGNORECASE | re.ASCII)
_LANDLINE_WITH_EXTENSION = re.compile(r"(0\d{2,3}-?\d{7,8})-(\d{1,6})", re.ASCII)
_LONGEST = 64


def e164(text: str) -> str:
    """Return `+8613812345678`, or `+867242345678;ext=802` (RFC 3966) where an extension is named.

    Full-width digits are read. What is no valid number comes back as it was: a short number, two numbers in one field
    and a remark such as 同上 are still worth showing.
    """
    if _MOBILE.fullmatch(text):
        return "+86" + text
    plain = unicodedata.normalize("NFKC", text).strip()
    if len(plain) > _LONGEST:
        return text
    if found := _EXTENSION.fullmatch(plain) or _LANDLINE_WITH_EXTENSION.fullmatch(plain):
        number = _number(found[1])
        return f"{number};ext={found[2]}" if number else text
    return _number(plain) or text


def _number(text: str) -> str | None:
    if _MOBILE.fullmatch(text):
        return "+86" + text
    # Its tables take a tenth of a second and some megabytes: only those who meet an odd number pay.
    import phonenumbers  # noqa: PLC0415  # lazy on purpose, see above

    try:
        number = phonenumbers.parse(text, "CN")
    except phonenumbers.NumberParseException:
        return None
    if number.extension or not phonenumbers.is_valid_number(number):
        return None
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))
