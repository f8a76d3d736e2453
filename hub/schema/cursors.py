"""Cursors of connections: plain text, opaque to clients, bound to the order and the filter that made them."""

import hashlib
import re
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from hub.errors import QueryError
from hub.store.reads import Position
from hub.wanted import AppealFilter, AppealOrder

_APPEAL = re.compile(r"([A-Z_]{1,32})~([0-9a-f]{12})~(-|-?[0-9]{1,18})~([0-9]{1,19})", re.ASCII)
_ROW = re.compile(r"([0-9]{1,19})", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LARGEST = 2**63 - 1


def write_cursor(position: Position, order: AppealOrder, wanted: AppealFilter) -> str:
    """Write the place of an appeal, such as `CREATED_DESC~5b9a1c4e7d20~1769817600000000~42`."""
    at = "-" if position.at is None else str((position.at - _EPOCH) // timedelta(microseconds=1))
    return f"{order.value}~{fingerprint(wanted)}~{at}~{position.id}"


def read_cursor(cursor: str, order: AppealOrder, wanted: AppealFilter) -> Position:
    """Read a cursor. Raises QueryError BAD_CURSOR unless it was made by this order and this filter."""
    if (parts := _APPEAL.fullmatch(cursor)) is None:
        raise _forged()
    if parts[1] != order.value:
        raise QueryError("BAD_CURSOR", f"the cursor belongs to another order than {order.value}", hint=_START_AGAIN)
    if parts[2] != fingerprint(wanted):
        raise QueryError("BAD_CURSOR", "the cursor belongs to another filter", hint=_START_AGAIN)
    return Position(_time(parts[3], order), _number(parts[4]))


def read_number_cursor(cursor: str) -> int:
    """Read a cursor that is a row's number. Raises QueryError BAD_CURSOR."""
    if (parts := _ROW.fullmatch(cursor)) is None:
        raise _forged()
    return _number(parts[1])


@lru_cache
def fingerprint(wanted: AppealFilter) -> str:
    """What tells one filter from another; the order of its values and of its parts does not matter."""
    # Two hubs of one city must agree on it, so not Python's own hash, which differs from process to process.
    return hashlib.blake2b(_said(wanted).encode(errors="replace"), digest_size=6).hexdigest()


def _said(value: Any) -> str:
    """Write a filter, or a value of one, in one manner: only what is asked, and what can stand in any order sorted."""
    if isinstance(value, AppealFilter):
        given = ((one.name, getattr(value, one.name)) for one in fields(AppealFilter))
        return f"({','.join(f'{name}={_said(of)}' for name, of in given if of != getattr(_NO_FILTER, name))})"
    if isinstance(value, tuple):
        return f"[{','.join(sorted(map(_said, value)))}]"
    return repr(value)


_NO_FILTER = AppealFilter()


def _time(text: str, order: AppealOrder) -> datetime | None:
    if text == "-":
        if order is not AppealOrder.DUE_ASC:
            raise _forged()
        return None
    try:
        return _EPOCH + timedelta(microseconds=int(text))
    except OverflowError:
        raise _forged() from None


def _number(text: str) -> int:
    if (number := int(text)) > _LARGEST:
        raise _forged()
    return number


_START_AGAIN = "start again without a cursor"


def _forged() -> QueryError:
    return QueryError("BAD_CURSOR", "this is no cursor of this list", hint=_START_AGAIN)
