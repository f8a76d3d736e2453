"""Personal data as it is shown to those who may not see it whole."""

_COMPOUND = ("欧阳", "上官", "司马", "诸葛", "东方", "皇甫", "尉迟", "公孙", "令狐", "慕容")


def masked_name(name: str | None) -> str | None:
    """`张小明` → `张*`: the family name alone. In other scripts, the first letter."""
    if not name:
        return name
    return next((family for family in _COMPOUND if name.startswith(family)), name[:1]) + "*"


def masked_phone(phone: str | None) -> str | None:
    """`13812341234` → `138****1234`: the first three digits and the last four; of a short number nothing."""
    if not phone:
        return phone
    return f"{phone[:3]}****{phone[-4:]}" if len(phone) >= 11 else "****"
