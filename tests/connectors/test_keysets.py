"""The SELECT of a page as each database wants it written, those included that are not at hand here."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy.dialects import mssql, mysql, oracle, postgresql, sqlite

from hub.connectors.databases.keysets import Belongings, Listing, Origin, Position, Times
from hub.connectors.databases.options import ByKeyset, Children, Rows, SinceColumn
from hub.connectors.databases.selects import sql
from hub.errors import SourceRefused

NOON = datetime(2026, 3, 1, 4, tzinfo=UTC)
SHANGHAI = ZoneInfo("Asia/Shanghai")


def oracle_11() -> Any:
    """A dialect as it is after it has met an Oracle that knows no FETCH FIRST."""
    old = oracle.dialect()
    old.server_version_info = (11, 2)
    old._supports_offset_fetch = False
    return old


DIALECTS = {
    "oracle": oracle.dialect(),
    "oracle 11": oracle_11(),
    "mssql": mssql.dialect(),
    "mysql": mysql.dialect(),
    "postgresql": postgresql.asyncpg.dialect(),
    "sqlite": sqlite.dialect(),
}


def listing(kind: str, **rows: Any) -> Listing:
    given = Rows(**(rows or {"table": "flfw.v_ticket", "columns": ["标题"]}))
    name = kind.split(maxsplit=1)[0]
    origin = Origin(given, sql(given.query, name) if given.query else None)
    page, since = ByKeyset(keys=["xgsj", "id"], size=100), SinceColumn(field="xgsj")
    return Listing(origin, page, since, Times("native", SHANGHAI, name), ["xgsj", "id"])


def written(kind: str, position: Position, **rows: Any) -> tuple[str, list[Any]]:
    compiled = (
        listing(kind, **rows)
        .statement(position, NOON)
        .compile(dialect=DIALECTS[kind], compile_kwargs={"render_postcompile": True})
    )
    return " ".join(str(compiled).split()), list(compiled.params.values())


PAGES = {
    "mssql": """
        SELECT TOP 101 [标题], xgsj, id FROM flfw.v_ticket
        WHERE xgsj >= :param_2 AND (xgsj > :param_3 OR xgsj = :param_4 AND id > :param_5) ORDER BY xgsj, id""",
    "oracle": """
        SELECT "标题", xgsj, id FROM flfw.v_ticket
        WHERE xgsj >= :param_1 AND (xgsj > :param_2 OR xgsj = :param_3 AND id > :param_4) ORDER BY xgsj, id
        FETCH FIRST 101 ROWS ONLY""",
    "oracle 11": """
        SELECT anon_1."标题", anon_1.xgsj, anon_1.id FROM (SELECT "标题", xgsj, id FROM flfw.v_ticket
        WHERE xgsj >= :param_1 AND (xgsj > :param_2 OR xgsj = :param_3 AND id > :param_4) ORDER BY xgsj, id) anon_1
        WHERE ROWNUM <= 101""",
    "mysql": """
        SELECT `标题`, xgsj, id FROM flfw.v_ticket
        WHERE xgsj >= %s AND (xgsj > %s OR xgsj = %s AND id > %s) ORDER BY xgsj, id LIMIT %s""",
    "postgresql": """
        SELECT "标题", xgsj, id FROM flfw.v_ticket
        WHERE xgsj >= $1 AND (xgsj > $2 OR xgsj = $3 AND id > $4) ORDER BY xgsj, id LIMIT $5::INTEGER""",
}


@pytest.mark.parametrize("kind", PAGES)
def test_a_page_is_written_for_each_database(kind):
    after = Position({"xgsj": datetime(2026, 3, 1, 8), "id": 7})  # noqa: DTZ001  # as drivers give it

    assert written(kind, after)[0] == " ".join(PAGES[kind].split())


@pytest.mark.parametrize("kind", DIALECTS)
def test_a_query_is_wrapped_for_each_database(kind):
    text, _ = written(kind, Position(), query="SELECT a.*, b.xgsj FROM a JOIN b ON a.id = b.id -- 联表")

    alias = "hub" if kind.startswith("oracle") else "AS hub"
    assert f"FROM (SELECT a.*, b.xgsj FROM a JOIN b ON a.id = b.id ) {alias} WHERE xgsj >= " in text


@pytest.mark.parametrize(
    ("kind", "bound"),
    [
        ("oracle", datetime(2026, 3, 1, 12)),  # noqa: DTZ001  # its DATE has no zone
        ("mssql", datetime(2026, 3, 1, 12)),  # noqa: DTZ001  # as above
        ("mysql", datetime(2026, 3, 1, 12)),  # noqa: DTZ001  # as above
        ("postgresql", NOON),
        ("sqlite", "2026-03-01 12:00:00"),
    ],
)
def test_a_run_starts_at_a_time_as_the_database_keeps_it(kind, bound):
    assert bound in written(kind, Position())[1]


def test_rows_without_a_time_are_asked_for_apart():
    text, _ = written("sqlite", listing("sqlite").position(None))

    assert text.startswith('SELECT "标题", xgsj, id FROM flfw.v_ticket WHERE xgsj IS NULL ORDER BY id LIMIT')


def test_a_position_comes_back_as_it_was():
    position = Position({"xgsj": datetime(2026, 3, 1, 8), "id": Decimal(12345678901234567890)})  # noqa: DTZ001

    assert listing("oracle").position(position.at()) == position
    assert listing("oracle").position(Position({"id": 7}, undated=True).at()) == Position({"id": 7}, undated=True)


@pytest.mark.parametrize(
    "at", ["", "{", "7", '{"keys": 7, "undated": false}', '{"keys": {"id": {"day": "x"}}, "undated": false}', 7]
)
def test_a_position_that_does_not_read_is_refused(at):
    with pytest.raises(SourceRefused, match="cursor"):
        listing("sqlite").position(at)


def test_what_belongs_to_rows_is_picked_by_its_key():
    options = Children(table="log", columns=["note"], parent="id", key="gd_id", order=["时间"])

    statement = Belongings(Origin(options), options).statement([1, 2])
    text = str(statement.compile(dialect=DIALECTS["mssql"], compile_kwargs={"render_postcompile": True}))

    assert " ".join(text.split()) == (
        "SELECT note, gd_id FROM log WHERE gd_id IN (:param_1_1, :param_1_2) ORDER BY [时间]"
    )
