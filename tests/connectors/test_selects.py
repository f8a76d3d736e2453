"""SQL before it is sent: what is one SELECT, what a condition, and which parameters are named."""

import pytest

from hub.connectors.databases.selects import flaws_of_condition, flaws_of_query, sql, undeclared


def wrong(text: str, dialect: str = "postgresql") -> list[tuple[int, str]]:
    return [(flaw.line, flaw.message) for flaw in flaws_of_query(sql(text, dialect))]


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 1",
        "select a, b from t where c = 'x; delete from t' -- ; drop table t\n",
        "(SELECT 1) UNION ALL (SELECT 2);",
        "-- 工单\nWITH a AS (SELECT 1) SELECT * FROM a ; -- done",
        "/* update */ SELECT `update`, \"delete\", 'into' FROM t",
        "SELECT replace(bt, 'a', 'b'), deleted, updated_at FROM t",
        "SELECT $$ ; delete $$, $x$ ' $x$",
        "SELECT 'it''s; fine'",
    ],
)
def test_one_select_is_asked(text):
    assert wrong(text) == []


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("", 1, "only one SELECT is asked, and this holds none"),
        ("-- nothing\n", 1, "only one SELECT is asked, and this holds none"),
        ("\nUPDATE t SET a = 1", 2, "only one SELECT is asked, not UPDATE"),
        ("CALL p()", 1, "only one SELECT is asked, not CALL"),
        ("EXPLAIN SELECT 1", 1, "only one SELECT is asked, not EXPLAIN"),
        ("1 SELECT", 1, "only one SELECT is asked, not SELECT"),
        ("SELECT 1;\nSELECT 2", 1, "a second statement follows the ';'; only one SELECT is asked"),
        ("SELECT 1; ; ", 1, "a second statement follows the ';'; only one SELECT is asked"),
        ("WITH a AS (\n DELETE FROM t RETURNING *) SELECT * FROM a", 2, "DELETE changes rows, or locks them"),
        ("SELECT * FROM t\nFOR UPDATE", 2, "UPDATE changes rows, or locks them"),
        ("SELECT * FROM t LOCK IN SHARE MODE", 1, "LOCK locks rows"),
        ("SELECT * INTO copy FROM t", 1, "INTO writes what it reads"),
        ("SELECT 1 INTO OUTFILE '/tmp/x'", 1, "INTO writes what it reads"),
        ("SELECT 1 /*!50000 INTO OUTFILE '/tmp/x' */", 1, "a comment that MySQL executes is not asked"),
        ("SELECT 1 /*M! , 2 */", 1, "a comment that MySQL executes is not asked"),
        ("SELECT 'a\nFROM t", 1, "the quote that opens here is not closed"),
        ("SELECT `a FROM t", 1, "the quote that opens here is not closed"),
        ("SELECT 1, '", 1, "the quote that opens here is not closed"),
    ],
)
def test_anything_else_is_refused_and_told_on_its_line(text, line, message):
    found = wrong(text)[0]

    assert found[0] == line
    assert found[1].startswith(message)


def test_a_backslash_hides_a_quote_in_mysql_only():
    hidden = r"SELECT '\'; DELETE FROM t; --'"

    assert wrong(hidden, "mysql") == []
    assert wrong(hidden, "postgresql")[0][1].startswith("a second statement")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a = 1", None),
        ("a = 1 -- or not", None),
        ("(a = ')' OR b = 2)", None),
        ("", "is empty"),
        ("-- a = 1", "is empty"),
        ("a = 1) OR (1 = 1", "a ')' closes nothing"),
        ("(a = 1", "a '(' is not closed"),
        ("a = 1; DROP TABLE t", "a second statement follows"),
        ("a IN (SELECT b FROM c FOR UPDATE)", "UPDATE changes rows"),
    ],
)
def test_a_condition_stays_within_its_brackets(text, message):
    found = flaws_of_condition(sql(text, "sqlite"))

    assert (found == []) if message is None else found[0].message.startswith(message)


def test_parameters_are_found_where_sqlalchemy_finds_them():
    piece = sql("SELECT :a, '08:00', ':b', x::date, a[1:2] -- :c\n, \\:d FROM t WHERE e = :编号", "postgresql")

    assert list(piece.parameters()) == [("a", 1), ("编号", 2)]
    assert r"'\:b'" in piece.text
    assert [flaw.line for flaw in undeclared(piece, ["a", "b"])] == [2]


def test_a_parameter_that_nothing_fills_is_guessed():
    (flaw,) = undeclared(sql("SELECT 1 WHERE a > :aftr", "sqlite"), ["after", "size"])

    assert flaw.message == "nothing fills :aftr; did you mean 'after'?; a colon is written \\:"


def test_what_follows_the_semicolon_is_cut_off():
    assert sql("SELECT 'a;' ; -- that was it\n", "sqlite").text == "SELECT 'a;' "
