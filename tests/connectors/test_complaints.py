"""What databases complain of: which of it is worth another try, and how little of it is repeated."""

import ssl
from importlib.util import find_spec

import pytest
from sqlalchemy.exc import DBAPIError

from hub.connectors.databases.complaints import told
from hub.connectors.databases.dsn import address
from hub.errors import OptionsError, SourceRefused, SourceUnavailable


class DatabaseError(Exception):
    """What drivers that are not at hand here derive their complaints from."""


class OperationalError(DatabaseError):
    pass


class ProgrammingError(DatabaseError):
    pass


class DataError(DatabaseError):
    pass


def wrapped(said: Exception, *, is_gone: bool = False) -> DBAPIError:
    return DBAPIError("SELECT 张三", {"id": "13900000001"}, said, connection_invalidated=is_gone)


ORACLE_AWAY = ["ORA-12541: TNS:no listener", "ORA-03113: end-of-file on communication channel", "ORA-00060: deadlock"]
ORACLE_SAID = ['ORA-00942: table or view "FLFW"."V_GD" does not exist', 'ORA-00904: "XGJS": invalid identifier']


@pytest.mark.parametrize(
    ("dialect", "said", "kind", "words"),
    [
        *(("oracle", DatabaseError(text), SourceUnavailable, text[:9]) for text in ORACLE_AWAY),
        *(("oracle", DatabaseError(text), SourceRefused, text) for text in ORACLE_SAID),
        ("oracle", DatabaseError("ORA-01017: invalid username/password"), SourceRefused, "user and password"),
        ("oracle", DatabaseError("ORA-01013: user requested cancel"), SourceUnavailable, "no whole page within 30 s"),
        ("oracle", DatabaseError("ORA-01456: may not perform insert"), SourceRefused, "the hub only reads"),
        ("oracle", DatabaseError("ORA-01722: 张三 is no number"), SourceRefused, "fails with DatabaseError ORA-01722"),
        ("oracle", OperationalError("DPY-6005: cannot connect"), SourceUnavailable, "DPY-6005"),
        (
            "mssql",
            ProgrammingError((208, b"Invalid object name 'v_gd'.DB-Lib")),
            SourceRefused,
            "Invalid object name 'v_gd'",
        ),
        ("mssql", OperationalError((18456, b"Login failed for user 'hub'")), SourceRefused, "user and password"),
        ("mssql", OperationalError((1205, b"deadlocked")), SourceUnavailable, "1205"),
        ("mssql", OperationalError((20009, b"Unable to connect")), SourceUnavailable, "20009"),
        ("mssql", OperationalError((245, "Conversion failed for 张三".encode())), SourceRefused, "245"),
        ("mysql", OperationalError(1213, "Deadlock found"), SourceUnavailable, "1213"),
        ("mysql", OperationalError(1205, "Lock wait timeout exceeded"), SourceUnavailable, "1205"),
        ("mysql", OperationalError(1040, "Too many connections"), SourceUnavailable, "1040"),
        ("mysql", OperationalError(2013, "Lost connection"), SourceUnavailable, "2013"),
        ("mysql", OperationalError(2061, "something of the client"), SourceUnavailable, "2061"),
        ("mysql", OperationalError(1105, "XPATH error: 张三"), SourceRefused, "fails with OperationalError 1105"),
        ("firebird", OperationalError("张三"), SourceUnavailable, "fails with OperationalError"),
        ("firebird", DataError("张三"), SourceRefused, "fails with DataError"),
    ],
)
def test_a_complaint_comes_to_one_of_two_errors(dialect, said, kind, words):
    error = told(wrapped(said), dialect, 30)

    assert type(error) is kind
    assert words in str(error)
    assert "张三" not in str(error)
    assert "139" not in str(error)


def test_a_connection_that_is_gone_is_worth_another_try_whatever_is_said():
    assert isinstance(told(wrapped(DataError("x"), is_gone=True), "firebird", 30), SourceUnavailable)


@pytest.mark.parametrize(
    ("said", "kind", "words"),
    [
        (ConnectionRefusedError(111, "Connection refused"), SourceUnavailable, "no connection (Connection refused)"),
        (TimeoutError(), SourceUnavailable, "no whole page within 0.5 s"),
        (UnicodeDecodeError("gbk", "张三".encode(), 0, 1, "illegal"), SourceRefused, "set `encoding`"),
        (ssl.SSLCertVerificationError(1, "x"), SourceRefused, "certificate"),
        (EOFError("张三"), SourceRefused, "fails with EOFError"),
    ],
)
def test_what_is_no_complaint_of_a_database_is_told_too(said, kind, words):
    error = told(said, "postgresql", 0.5)

    assert type(error) is kind
    assert words in str(error)
    assert "张三" not in str(error)


def test_a_secret_is_hidden_in_what_is_quoted():
    said = ProgrammingError(1064, "You have an error near 's3cr3tw0rt'")

    assert "s3cr3t" not in str(told(wrapped(said), "mysql", 30, ["s3cr3tw0rt"]))


# ── where a database is ──


@pytest.mark.parametrize(
    ("dsn", "driver", "place"),
    [
        ("postgresql://hub:word@db/gd", "postgresql+asyncpg", "postgresql://db/gd"),
        ("postgres://db:5433/gd?ssl=require", "postgresql+asyncpg", "postgresql://db:5433/gd"),
        ("mysql://hub@[::1]/gd", "mysql+pymysql", "mysql://[::1]/gd"),
        ("mysql+pymysql://hub@db/gd?charset=gbk", "mysql+pymysql", "mysql://db/gd"),
        ("sqlite:////srv/旧.db", "sqlite+pysqlite", "sqlite:////srv/旧.db"),
        ("sqlite+aiosqlite:///old.db", "sqlite+pysqlite", "sqlite:///old.db"),
    ],
)
def test_a_dsn_needs_no_driver_and_is_named_without_its_user(dsn, driver, place):
    found = address(dsn, None)

    assert (found.url.drivername, found.place) == (driver, place)


def test_a_password_of_its_own_needs_no_escaping():
    found = address("mysql://hub@db/gd", "p@ss/wort:%")

    assert found.url.password == "p@ss/wort:%"
    assert "p@ss/wort:%" in found.hidden
    assert "wort" not in found.place


@pytest.mark.parametrize(
    "dsn", ["mysql://hub:s3cr3t@db:port/gd", "://s3cr3t", "s3cr3t", "nodb://hub:s3cr3t@db", "jdbc:s3cr3t"]
)
def test_a_dsn_that_does_not_read_is_refused_without_it(dsn):
    with pytest.raises(OptionsError) as caught:
        address(dsn, None)

    assert "s3cr3t" not in str(caught.value)


@pytest.mark.parametrize(("kind", "module"), [("oracle", "oracledb"), ("mssql", "pymssql")])
def test_a_driver_that_is_not_installed_is_named_with_its_extra(kind: str, module: str):
    if find_spec(module):
        pytest.skip(f"{module} is installed here")

    with pytest.raises(SourceRefused, match=rf"needs the library {module}; install it: pip install 'hub\[{kind}\]'"):
        address(f"{kind}://hub@db/gd", None)
