"""What people do to appeals at the hub: each action one transaction, done once however often it is asked for."""

import hashlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

import asyncpg
import orjson

from hub.errors import ActionRefused
from hub.model import HASH_SIZE, ONE_STOP, Action, Appeal, ChangeType, SourceClass
from hub.store.acted import appeal_of, done, fields_of
from hub.store.database import Database
from hub.store.tickets import APPEAL_FIELDS, AS_JSON, difference, lock_log, write_appeals

Decide: TypeAlias = Callable[[Appeal, Appeal | None], Appeal]
"""What an action makes of an appeal, beside the other that it names, if any. Raises ActionRefused."""

_FORGOTTEN_AT_ONCE = 100
_KEPT = "48 hours"
_TYPES = {
    Action.COMMENT: ChangeType.COMMENTED,
    Action.RATE: ChangeType.RATED,
    Action.EXTEND: ChangeType.EXTENDED,
    Action.URGE: ChangeType.URGED,
    Action.SUPERVISE: ChangeType.SUPERVISED,
}
_CLOCK = ZoneInfo("Asia/Shanghai")


@dataclass(frozen=True, slots=True)
class Request:
    """Who asks for what: `key` tells this request from every other of this caller, `digest` what was asked by it."""

    caller: str
    key: str
    digest: bytes
    action: Action
    note: str | None = None
    organization: str | None = None


class Done(NamedTuple):
    """The appeal, and the change that was made; `repeated` if that was done when it was first asked for."""

    appeal_id: int
    number: int
    repeated: bool = False


class Actions:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def act(
        self, request: Request, appeal_id: int, decide: Decide, *, version: int | None = None, other: int | None = None
    ) -> Done:
        """Do it to an appeal, if it is still of this `version` (None: whatever it is of).

        Raises ActionRefused, with nothing done: KEY_REUSED, NOT_FOUND, VERSION_CONFLICT, and whatever `decide` raises.
        """
        async with self._database.begin_lean() as connection:
            if known := await _known(connection, request):
                return known
            found = await _locked(connection, {appeal_id, other} - {None})
            before = _checked(found.get(appeal_id), version)
            after = decide(before.appeal, found[other].appeal if other in found else None)
            number = await _write(connection, request, before, after)
            return await _remember(connection, request, Done(appeal_id, number))

    async def submit(self, request: Request, raw: Mapping[str, Any], appeal: Appeal) -> Done:
        """Make an appeal of the hub's own, numbered here; what was sent is kept raw. Raises ActionRefused."""
        async with self._database.begin_lean() as connection:
            if known := await _known(connection, request):
                return known
            number = await connection.fetchval("select nextval('submitted')")
            appeal.external_id = appeal.appeal_no = f"{datetime.now(_CLOCK):%Y%m%d}{number:06}"
            text = orjson.dumps(raw)
            digest = hashlib.blake2b(text, digest_size=HASH_SIZE).digest()
            await connection.execute(_KEEP, ONE_STOP, appeal.external_id, text, digest)
            (appeal_id,) = (await write_appeals(connection, ONE_STOP, [appeal]))["created"]
            change = await _log(connection, request, _Made(appeal_id, 1, ChangeType.CREATED, {}))
            return await _remember(connection, request, Done(appeal_id, change))


class _Before(NamedTuple):
    """An appeal as it is stored, and what is known of what was done to it before."""

    id: int
    version: int
    appeal: Appeal
    fields: Mapping[str, Any]
    acted: Mapping[str, Any] | None


class _Made(NamedTuple):
    """A change that is to be logged."""

    appeal_id: int
    version: int
    type: ChangeType
    fields: Mapping[str, Any]


async def _known(connection: asyncpg.Connection, request: Request) -> Done | None:
    """What came of the same request before; else it is noted. One that is under way elsewhere is waited for."""
    await connection.execute(_FORGET, _FORGOTTEN_AT_ONCE)
    await connection.execute(_BE_A_SOURCE, ONE_STOP, "一站式诉求平台", SourceClass.HUB.value)
    if await connection.fetchval(_NOTE, request.caller, request.key, request.digest):
        return None
    row = await connection.fetchrow(
        "select digest, appeal_id, number from request where caller = $1 and key = $2", request.caller, request.key
    )
    if row["digest"] != request.digest:
        raise ActionRefused(
            "KEY_REUSED",
            "this clientMutationId came before, with another input: give each mutation one of its own",
            path=("clientMutationId",),
        )
    return Done(row["appeal_id"], row["number"], repeated=True)


async def _remember(connection: asyncpg.Connection, request: Request, made: Done) -> Done:
    await connection.execute(
        "update request set appeal_id = $3, number = $4 where caller = $1 and key = $2",
        request.caller,
        request.key,
        made.appeal_id,
        made.number,
    )
    return made


async def _locked(connection: asyncpg.Connection, ids: Collection[int | None]) -> dict[int, _Before]:
    """The appeals, kept to the end of the transaction; in one order, so that two of us never wait in a ring."""
    rows = await connection.fetch(_LOCK, sorted(filter(None, ids)))
    found = {}
    for row in rows:
        fields = orjson.loads(row["fields"])
        acted = fields.pop("acted")
        found[row["id"]] = _Before(row["id"], row["version"], appeal_of(fields), fields, acted)
    return found


def _checked(before: _Before | None, version: int | None) -> _Before:
    if before is None:
        raise ActionRefused("NOT_FOUND", "there is no such appeal", path=("id",))
    if version not in {None, before.version}:
        raise ActionRefused(
            "VERSION_CONFLICT",
            f"the appeal is of version {before.version} by now, not {version}: look at it again",
            path=("expectedVersion",),
            version=before.version,
        )
    return before


async def _write(connection: asyncpg.Connection, request: Request, before: _Before, after: Appeal) -> int:
    fields = difference(before.fields, after)
    (version,) = (await write_appeals(connection, after.source, [after]))["versions"]
    now = {name: value for name, value in fields_of(after).items() if name in APPEAL_FIELDS}
    acted = done(before.fields, now, before.acted, datetime.now(UTC)).written()
    await connection.execute(
        "update appeal set acted = $2::text::jsonb where id = $1", before.id, orjson.dumps(acted).decode()
    )
    moved = ChangeType.STATUS_CHANGED if "status" in fields else ChangeType.UPDATED
    kind = _TYPES.get(request.action, moved)
    return await _log(connection, request, _Made(before.id, version, kind, fields))


async def _log(connection: asyncpg.Connection, request: Request, made: _Made) -> int:
    await lock_log(connection)
    what = (made.appeal_id, made.version, made.type.value, ONE_STOP, orjson.dumps(made.fields).decode())
    who = (request.action.value, request.caller, request.note, request.organization)
    number: int = await connection.fetchval(_LOG, *what, *who)
    return number


_BE_A_SOURCE = """
insert into source (name, title, source_class, connector, active) values ($1, $2, $3, '', false) on conflict do nothing
"""
_FORGET = f"""
delete from request where (caller, key) in (
  select caller, key from request where at < now() - interval '{_KEPT}' limit $1 for update skip locked
)
"""
_NOTE = "insert into request (caller, key, digest) values ($1, $2, $3) on conflict do nothing returning true"
_LOCK = f"select id, version, {AS_JSON} from appeal where id = any($1) order by id for no key update"
_KEEP = """
insert into ticket (source, external_id, raw, hash, state, settled_at) values ($1, $2, $3, $4, 'served', now())
"""
_LOG = """
insert into change (appeal_id, version, type, origin, fields, action, actor, note, organization)
values ($1, $2, $3, $4, $5::text::jsonb, $6, $7, $8, $9) returning number
"""
