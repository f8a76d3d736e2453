"""Personal data as it is shown to those who may not see it whole."""

import re

_COMPOUND = ("欧阳", "上官", "司马", "诸葛", "东方", "皇甫", "尉迟", "公孙", "令狐", "慕容")

_MOBILE = re.compile(r"(?<!\d)(1[3-9]\d)\d{4}(\d{4})(?!\d)", re.ASCII)
_IDENTITY = re.compile(r"(?<!\d)(\d{4})\d{10}(\d{3}[\dXx])(?!\d)", re.ASCII)


def masked_name(name: str | None) -> str | None:
    """`张小明` → `张*`: the family name alone. In other scripts, the first letter."""
    if not name:
        return name
    return next((family for family in _COMPOUND if name.startswith(family)), name[:1]) + "*"


def masked_phone(phone: str | None) -> str | None:
    """`+8613812341234` → `138****1234`: the first three digits and the last four; of a short number nothing."""
    if not phone:
        return phone
    phone = phone.removeprefix("+86")
    return f"{phone[:3]}****{phone[-4:]}" if len(phone) >= 11 else "****"


def masked_numbers(text: str) -> str:
    """A text whose mobile and identity-card numbers (GB 11643) show their beginnings and ends only."""
    return _IDENTITY.sub(r"\1**********\2", _MOBILE.sub(r"\1****\2", text))
