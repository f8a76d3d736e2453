"""connectors.yaml: what is read, what each mistake earns, what stays unseen, and when sources are due."""

import json
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.config import Config, Schedule, json_schema, load
from hub.config.document import BrokenFile, read
from hub.config.models import pulled_model, shared_keys
from hub.config.schedule import ScheduleKeys
from hub.config.shapes import keys_of
from hub.connectors import REGISTRY
from hub.errors import ConfigError, Mistake

CONFIGS = Path(__file__).parent / "configs"
BAD = sorted(CONFIGS.glob("*.bad.yaml"))
GOOD = sorted(CONFIGS.glob("*.good.yaml"))
ENVIRON = {
    "HOUSING_TOKEN": "canary-7f3e",
    "EMPTY": "",
    "PATIENCE": "canary-soon",
    "AMOUNT": "canary-many",
    "CANARY": "canary-x",
}
HOUSING = """\
version: 1
sources:
  housing:
    title: 住房公积金12329
    class: hotline
    connector: rest
    url: https://housing.example.gov.cn/api/tickets
    map: {external_id: id, title: title, status: {value: RECEIVED}, created_at: created_at}
"""
MORE = "    url: https://housing.example.gov.cn/api/tickets\n"


def all_but(connector: str, *shapes: str) -> set[str]:
    """The mistakes of one connector, but for those of shape."""
    names = {path.name.removesuffix(".bad.yaml") for path in BAD if path.name.startswith(f"{connector}-")}
    return names - {f"{connector}-{shape}" for shape in shapes}


# A schema sees shapes. It cannot follow names, patterns, clocks, secrets, or what a model checks across its keys.
SCHEMA_CANNOT_SEE = {
    "range-of-no-size",
    "date-of-java",
    "function-with-too-few",
    "paths-of-other-languages",
    "pipe-before-or",
    "since-of-java",
    "text-in-double-quotes-in-a-path",
    *("api-key-nowhere", "auth-none", "auth-two-ways", "date-on-a-text"),
    *("files-encoding-unknown", "files-marker-for-all", "files-of-unknown-form", "files-outside-the-folder"),
    *("files-auth-for-a-folder", "files-behind-no-known-door", "files-ftp-with-a-host-key"),
    *("files-host-key-of-another-kind", "files-key-is-no-key", "files-names-in-no-encoding"),
    *("files-moved-behind-http", "files-moved-to-where-they-are", "files-password-in-the-address"),
    *("files-sftp-without-auth", "files-sftp-without-host-key", "files-zip-in-zip", "files-zip-without-inside"),
    "mailbox-without-a-proof",
    *("broker-auth-two-ways", "broker-token-for-amqp", "broker-user-without-a-password"),
    *("broker-database-by-name", "broker-password-in-the-url", "broker-url-with-a-query"),
    *("broker-queue-over-mqtt", "broker-field-over-nats", "broker-key-without-a-certificate"),
    *("broker-without-a-queue", "broker-without-a-stream", "broker-without-topics"),
    *("broker-encoding-unknown", "broker-records-in-csv"),
    "open311-window-too-long",
    *("endpoint-answer-too-long", "endpoint-at-the-metadata", "endpoint-in-a-private-network"),
    *("endpoint-network-is-none", "endpoint-only-unknown-field", "endpoint-only-unknown-source", "endpoint-over-http"),
    *("endpoint-named-like-a-source", "endpoint-secret-in-clear", "endpoint-secret-of-no-form"),
    *("endpoint-short-secret", "push-encoding-unknown", "push-in-a-private-network", "push-login-by-cookies"),
    *("push-signs-a-message", "push-text-without-type", "push-value-unknown", "push-words-of-no-field"),
    *("alias-of-a-platform", "alias-of-an-alias", "alias-of-itself", "alias-of-nobody"),
    *("outward-reads-back-otherwise", "outward-without-a-map"),
    *("body-text-without-type", "text-names-no-value", "text-needs-since", "text-needs-start", "send-encoding-unknown"),
    *("page-in-text-needs-pages", "page-in-url-needs-first", "for-each-goes-nowhere", "for-each-of-its-own-name"),
    *(
        "sign-cipher-without-iv",
        "sign-goes-nowhere",
        "sign-names-no-value",
        "sign-rsa-without-key",
        "sign-takes-a-name",
    ),
    *("login-names-no-value", "login-pattern-runs-for-ever", "login-reads-two-ways", "login-without-token"),
    *("oauth2-client-unproven", "oauth2-password-missing", "tls-key-without-certificate"),
    *("since-cap-needs-two", "since-format-unknown", "since-seen-without-field"),
    *("two-joined-under-one-name", "detail-path-broken", "lookup-names-no-value", "lookup-nowhere"),
    *("inbound-short-secret", "inbound-empty-secret", "inbound-secret-no-base64", "inbound-secret-in-clear"),
    *("inbound-digest-without-secret", "inbound-time-not-signed", "inbound-nonce-not-signed", "inbound-shown-twice"),
    *("inbound-placeholder-unknown", "inbound-placeholder-without-place", "inbound-signed-path-broken"),
    *("inbound-time-of-unknown-form", "inbound-tolerance-too-long", "inbound-encoding-unknown"),
    *("inbound-version-date-alone", "inbound-version-date-unknown", "inbound-version-path-broken"),
    *("inbound-rows-with-records", "inbound-key-nowhere", "inbound-key-forgotten-too-soon"),
    # What stands in a WSDL.
    "soap-argument-is-keys",
    "soap-argument-missing",
    "soap-argument-unknown",
    "soap-auth-argument-unknown",
    "soap-auth-empty",
    "soap-auth-two-ways-of-http",
    "soap-count-without-pages",
    "soap-detail-argument-unknown",
    "soap-details-under-one-name",
    "soap-encoding-unknown",
    "soap-header-undeclared",
    "soap-inner-request-argument-unknown",
    "soap-inner-request-without-root",
    "soap-login-argument-missing",
    "soap-login-argument-unknown",
    "soap-login-operation-unknown",
    "soap-operation-unknown",
    "soap-page-argument-unknown",
    "soap-port-unknown",
    "soap-service-unknown",
    "soap-since-argument-unknown",
    "soap-since-only-later",
    "soap-since-without-send",
    "soap-token-header-undeclared",
    "soap-token-place-wrong",
    "soap-token-two-places",
    "soap-two-inner-documents",
    "soap-version-not-spoken",
    "soap-wsdl-broken",
    "soap-wsdl-imports-a-url",
    "soap-wsdl-is-a-url",
    "soap-wsdl-missing",
    *all_but("graphql", "errors-misspelt", "paging-of-urls"),
    *all_but("sql", "children-without-key", "no-keys", "no-page", "paging-by-number", "url-for-dsn"),
    *("cron-never", "cron-of-six-fields", "cron-out-of-range", "zero-interval", "endless-interval"),
    *("jitter-longer-than-interval", "retry-waits-backwards"),
    *("unknown-timezone", "misspelt-timezone", "default-timezone-wrong"),
    *("duplicate-key", "duplicate-map-name", "duplicate-source", "duplicate-word-in-a-map", "list-as-key", "merge-key"),
    *("no-such-shared-map", "shared-map-to-no-status", "path-broken", "pattern-broken", "pattern-runs-for-ever"),
    *("chinese-quotes", "full-width-colon-in-braces", "url-with-a-blank"),
    *("placeholder-malformed", "placeholder-not-closed", "variable-empty", "variable-not-set", "secret-file-missing"),
    *(
        "secret-as-a-shell-writes-it",
        "secret-does-not-fit",
        "secret-header-in-clear",
        "secret-in-clear",
        "secret-in-clear-by-default",
        "shared-secret-in-clear",
    ),
}


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "connectors.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def mistakes(path: Path, environ: dict[str, str]) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(path, environ)
    return [str(mistake).removeprefix(str(path)) for mistake in caught.value.mistakes]


def loaded(folder: Path, text: str, **environ: str) -> Config:
    return load(written(folder, text), environ)


def expected(path: Path) -> tuple[list[str], dict[str, str]]:
    """The messages and the environment that the first comments of a bad file name; {connectors} are all there are."""
    lines = path.read_bytes().splitlines()
    messages = [line[2:].decode() for line in lines if line.startswith(b"# :")]
    messages = [message.replace("{connectors}", ", ".join(sorted(REGISTRY))) for message in messages]
    said = [line.decode().removeprefix("# environ: ") for line in lines if line.startswith(b"# environ: ")]
    return messages, ENVIRON | dict(one.split("=", 1) for one in said)


# ── the corpus ──


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.name.removesuffix(".bad.yaml"))
def test_a_mistake_earns_its_message(path):
    messages, environ = expected(path)

    found = mistakes(path, environ)

    assert messages
    assert found == messages


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.name.removesuffix(".good.yaml"))
def test_a_good_file_becomes_sources(path):
    written_names = list(read(path.read_bytes()).value["sources"])

    config = load(path, ENVIRON)

    assert list(config.sources) == written_names
    assert config.path == path


def test_the_corpus_is_large():
    assert len(BAD) >= 100


def test_the_good_files_use_every_connector():
    used = {source.record.connector for path in GOOD for source in load(path, ENVIRON).sources.values()}

    assert used == set(REGISTRY)


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.name.removesuffix(".bad.yaml"))
def test_each_message_is_one_line_without_secrets(path):
    _, environ = expected(path)

    found = mistakes(path, environ)

    assert all("\n" not in message and "canary" not in message for message in found)


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_a_half_written_file_is_a_mistake_or_a_whole_one(data):
    whole = data.draw(st.sampled_from(GOOD)).read_bytes()
    part = whole[: data.draw(st.integers(0, len(whole)))]

    assert_judged(part)


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_no_byte_can_make_the_loader_fail_otherwise(data):
    text = bytearray(data.draw(st.sampled_from(GOOD)).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(text) - 1))
        text[place : place + data.draw(st.integers(0, 3))] = data.draw(
            st.sampled_from([b"[", b"{", b"\n", b": ", b"${", b"*a", b"&a ", b"!", b"0", b"null", b"\t", b"\xff", b"'"])
        )

    assert_judged(bytes(text))


def assert_judged(raw: bytes) -> None:
    """The file loads, or every mistake in it has a line of the file."""
    with tempfile.TemporaryDirectory() as folder:
        found = judged(written(Path(folder), raw))
    assert all(1 <= mistake.line <= raw.count(b"\n") + 2 for mistake in found)


def judged(path: Path, environ: Mapping[str, str] = ENVIRON) -> tuple[Mistake, ...]:
    try:
        load(path, environ)
    except ConfigError as error:
        return error.mistakes
    return ()


def leaves(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    if children is None:
        yield path
        return
    for key, child in children:
        yield from leaves(child, (*path, key))


def replaced(value: Any, path: tuple[str | int, ...], new: str) -> Any:
    if not path:
        return new
    copy = value.copy()
    copy[path[0]] = replaced(value[path[0]], path[1:], new)
    return copy


@pytest.mark.parametrize("secret", ["canary'q\"\\x", "[?canary"])
@pytest.mark.parametrize(
    "name", ["chinese-keys", "endpoints", "every-paging", "files", "graphql", "open311", "soap", "sql"]
)
def test_a_secret_is_never_shown_wherever_it_stands(name, secret, tmp_path):
    whole = read((CONFIGS / f"{name}.good.yaml").read_bytes()).value
    environ = ENVIRON | {"SECRET": secret}
    shutil.copytree(CONFIGS / "wsdl", tmp_path / "wsdl")

    for path in leaves(whole):
        found = judged(written(tmp_path, json.dumps(replaced(whole, path, "${SECRET}"), ensure_ascii=False)), environ)

        assert [mistake for mistake in found if "canary" in str(mistake)] == [], path


# ── what is read ──


def test_text_stays_text():
    config = read((CONFIGS / "text-stays-text.good.yaml").read_bytes()).value

    housing, codes = config["sources"]["housing"], config["maps"]["codes"]
    assert (housing["title"], housing["department"]) == ("NO", "0123")
    assert housing["nulls"] == ["0123", "NO", "是", 0, 0.0, "2026-01-01", "99999999999999999999999"]
    assert codes.pop("1") == 1
    assert codes.pop("true") is True
    assert codes == {key: key for key in codes} | {"on": "off"}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *(("true", True), ("false", False), ("null", None), ("~", None), ("", None)),
        *(("0", 0), ("-7", -7), ("1.5", 1.5), ("1e3", 1000.0), ("'1'", "1"), ('"true"', "true")),
        *((text, text) for text in ("True", "yes", "off", "0123", "0x1F", "0o7", "+5", "1_000", ".5", "12:30:00")),
        *((text, text) for text in ("1e999", ".inf", "2026-01-01", "是", "NULL", "12345678901234567890")),
    ],
)
def test_a_plain_scalar_reads_as(text, value):
    found = read(f"key: {text}".encode()).value["key"]

    assert (found, type(found)) == (value, type(value))


def test_every_path_knows_its_line():
    document = read(b"a:\n  b: [1,\n      {c: 2}]\nd: 3\n")

    assert [document.line(path) for path in (("a",), ("a", "b"), ("a", "b", 1, "c"), ("d",), ("a", "none"))] == [
        *(1, 2, 3, 4, 1),
    ]


def test_every_line_of_a_block_of_text_knows_its_place():
    document = read(b"a: |\n  one\n\n  three\nb:\n  - >\n    folded\n    text\n  - |-  # stripped\n    one\n    two\n")

    assert [document.line(("a", -n)) for n in (1, 2, 3)] == [2, 3, 4]
    assert [document.line(("b", 0, -n)) for n in (1, 2)] == [6, 6]
    assert [document.line(("b", 1, -n)) for n in (1, 2)] == [10, 11]


def test_an_alias_repeats_a_value_and_its_lines():
    document = read(b"a: &x\n  b: 1\nc: *x\n")

    assert document.value == {"a": {"b": 1}, "c": {"b": 1}}
    assert (document.line(("c",)), document.line(("c", "b"))) == (3, 2)


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? "])
def test_nesting_of_any_kind_is_bounded(opening):
    with pytest.raises(BrokenFile):
        read((opening * 100_000).encode())


def test_nesting_cannot_be_stacked_by_aliases():
    steps = [f"k{n}: &a{n} {'[' * 60}{f'*a{n - 1}' if n else 'x'}{']' * 60}" for n in range(15)]

    with pytest.raises(BrokenFile, match="nested more than 64 deep"):
        read("\n".join(steps).encode())


def test_a_file_beyond_a_mebibyte_is_not_read():
    with pytest.raises(BrokenFile, match="larger than 1 MiB"):
        read(b"#" * 1024**2 + b"\nversion: 1\n")


def test_defaults_lie_beneath_a_source_key_by_key_but_a_schedule_is_replaced_whole(tmp_path):
    text = HOUSING.replace(
        "sources:", "defaults: {limits: {rate: 9/m, concurrency: 7}, schedule: {every: 5m, jitter: 30s}}\nsources:"
    ).replace(MORE, MORE + "    limits: {concurrency: 1}\n    schedule: {cron: '0 6 * * *'}\n")

    schedule = loaded(tmp_path, text).sources["housing"].schedule

    assert (schedule.every, schedule.cron, schedule.offset) == (None, "0 6 * * *", timedelta())


def test_a_default_that_a_connector_does_not_know_is_skipped_for_it(tmp_path):
    foreign = next(key for key in sorted(shared_keys()) if key not in keys_of(pulled_model("sources", "rest")))
    text = HOUSING.replace("sources:", f"defaults: {{{foreign}: anything}}\nsources:")

    config = loaded(tmp_path, text)

    assert list(config.sources) == ["housing"]


def test_a_mistake_among_the_defaults_is_told_once_and_where_it_stands(tmp_path):
    two = HOUSING + HOUSING[HOUSING.index("  housing:") :].replace("housing:", "second:", 1)
    path = written(tmp_path, two.replace("sources:", "defaults:\n  limits:\n    concurrency: 99\nsources:"))

    assert mistakes(path, {}) == [":4: defaults.limits.concurrency: must be at most 64, not 99"]


def test_the_record_says_what_the_file_says(tmp_path):
    text = HOUSING.replace("class: hotline", "class: hotline\n    integration: dual_number\n    department: 公积金中心")

    record = loaded(tmp_path, text).sources["housing"].record

    assert (record.name, record.title, record.department) == ("housing", "住房公积金12329", "公积金中心")
    assert (record.source_class, record.integration, record.connector) == ("hotline", "dual_number", "rest")


def test_a_source_that_is_not_enabled_is_built_and_says_so(tmp_path):
    text = HOUSING.replace("class: hotline", "class: hotline\n    enabled: false")

    source = loaded(tmp_path, text).sources["housing"]

    assert (source.name, source.enabled) == ("housing", False)


def test_the_default_zone_is_that_of_the_file(tmp_path):
    assert loaded(tmp_path, HOUSING).timezone == ZoneInfo("Asia/Shanghai")
    text = HOUSING.replace("sources:", "defaults: {timezone: Asia/Urumqi}\nsources:")
    assert loaded(tmp_path, text).timezone == ZoneInfo("Asia/Urumqi")


# ── size and speed ──


def many(count: int) -> str:
    one = HOUSING[HOUSING.index("  housing:") :]
    return "version: 1\nsources:\n" + "".join(one.replace("housing:", f"s{number}:", 1) for number in range(count))


def test_forty_three_sources_load_in_well_under_a_second(tmp_path):
    path = written(tmp_path, many(43))
    load(path, {})
    began = time.process_time()

    config = load(path, {})

    assert len(config.sources) == 43
    assert time.process_time() - began < 0.5


def test_ten_thousand_sources_are_refused_at_once(tmp_path):
    text = "version: 1\nsources:\n" + "".join(f"  s{number}: {{connector: rest}}\n" for number in range(10_000))

    found = mistakes(written(tmp_path, text), {})

    assert found[0] == ":2: sources: holds 10000 sources; one file holds at most 1000"


# ── files that are not there ──


def test_a_missing_file_says_how_to_begin(tmp_path):
    found = mistakes(tmp_path / "none.yaml", {})

    assert found == [":1: there is no such file; begin with a copy of the connectors.yaml in the hub's repository"]


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(ConfigError, match="no such file"):
        load(tmp_path, {})


def test_loading_opens_no_socket_and_writes_nothing(tmp_path, monkeypatch):
    path = written(tmp_path, HOUSING)
    monkeypatch.setattr(socket, "socket", None)

    load(path, {})

    assert list(tmp_path.iterdir()) == [path]


# ── secrets ──


def title(folder: Path, text: str, **environ: str) -> str:
    written_title = json.dumps(text, ensure_ascii=False)
    return (
        loaded(folder, HOUSING.replace("title: 住", f"title: {written_title} # 住"), **environ)
        .sources["housing"]
        .record.title
    )


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${NAME}", "value"),
        ("a ${NAME} b ${NAME}", "a value b value"),
        ("${NONE:-fallback: x}", "fallback: x"),
        ("${NAME:-fallback}", "value"),
        ("$${NAME}", "${NAME}"),
        ("$NAME", "$NAME"),
        ("${file:secret.txt}", "from a file"),
    ],
)
def test_a_placeholder_stands_for(tmp_path, text, value):
    (tmp_path / "secret.txt").write_text("from a file\n")

    assert title(tmp_path, text, NAME="value") == value


def test_what_is_borrowed_cannot_inject_yaml_nor_borrow_more(tmp_path):
    hostile = "x\nenabled: false\n${OTHER} &a *a"

    assert title(tmp_path, "${NAME}", NAME=hostile, OTHER="other") == hostile


def test_a_secret_file_is_bounded_and_must_be_a_file(tmp_path):
    (tmp_path / "large").write_bytes(b"x" * 65_537)
    with pytest.raises(ConfigError, match="larger than 64 KB"):
        title(tmp_path, "${file:large}")
    with pytest.raises(ConfigError, match="no such file"):
        title(tmp_path, "${file:/dev/zero}")


def test_a_number_may_come_from_the_environment(tmp_path):
    text = HOUSING.replace(MORE, MORE + '    limits: {concurrency: "${N}", timeout: "${T}"}\n')

    assert loaded(tmp_path, text, N="3", T="20s").sources


def test_production_takes_secrets_that_are_borrowed(tmp_path):
    text = HOUSING.replace(MORE, MORE + '    auth: {bearer: "${TOKEN}"}\n')

    assert loaded(tmp_path, text, TOKEN="t", HUB_ENV="production").sources


def test_the_secrets_in_use_are_known_so_that_they_can_be_masked(tmp_path):
    text = HOUSING.replace(
        MORE, MORE + '    auth: {bearer: "${TOKEN}"}\n    headers: {Accept: text/plain, X-Key: k-9}\n'
    )

    config = loaded(tmp_path, text, TOKEN="canary-1")

    assert config.secrets == {"canary-1", "k-9"}
    assert "canary-1" not in repr(config)


# ── the schema for editors ──


@pytest.fixture(scope="module")
def validator():
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.name.removesuffix(".good.yaml"))
def test_the_schema_accepts_a_good_file(path, validator):
    assert [error.message for error in validator.iter_errors(read(path.read_bytes()).value)] == []


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.name.removesuffix(".bad.yaml"))
def test_the_schema_marks_a_mistake_of_shape(path, validator):
    try:
        value = read(path.read_bytes()).value
    except BrokenFile:
        return  # an editor says so without a schema

    assert validator.is_valid(value) == (path.name.removesuffix(".bad.yaml") in SCHEMA_CANNOT_SEE)


def test_every_key_of_a_connector_is_described():
    schema = json_schema()

    bare = [
        f"{connector}.{key}"
        for connector in REGISTRY
        for key, shape in schema["$defs"][f"{connector}_source"]["properties"].items()
        if key not in ("connector", "map") and not shape.get("description")
    ]

    assert bare == []


def test_the_file_of_the_repository_loads_and_its_schema_agrees(validator):
    path = CONFIGS.parent.parent / "connectors.yaml"

    config = load(path, os.environ)

    assert config.sources
    assert [error.message for error in validator.iter_errors(read(path.read_bytes()).value)] == []


def test_the_committed_schema_is_fresh():
    committed = (CONFIGS.parent.parent / "connectors.schema.json").read_text()

    assert json.loads(committed) == json_schema(), "run `hub schema connectors > connectors.schema.json`"


# ── when a source is due ──

WALL_CLOCK = (datetime(1980, 1, 1), datetime(2090, 1, 1))  # noqa: DTZ001  # hypothesis puts the zone on
NOON = datetime(2026, 3, 1, 4, 0, tzinfo=UTC)


def schedule_of(zone: str = "Asia/Shanghai", source: str = "housing", **keys: str) -> Schedule:
    return Schedule.of(ScheduleKeys.model_validate(keys), source=source, timezone=ZoneInfo(zone))


def test_an_interval_keeps_to_its_grid_however_late_it_is_asked():
    schedule = schedule_of(every="5m", jitter="30s")
    first = schedule.next_after(NOON)

    later = schedule.next_after(first + timedelta(minutes=7, seconds=13))

    assert (later - first) == timedelta(minutes=10)
    assert schedule.next_after(first) - first == timedelta(minutes=5)


def test_jitter_spreads_sources_and_is_the_same_in_every_process():
    places = {schedule_of(source=f"s{number}", every="5m", jitter="30s").offset for number in range(43)}

    assert len(places) == 43
    assert all(timedelta() <= place < timedelta(seconds=30) for place in places)
    assert schedule_of(every="5m", jitter="30s").offset == timedelta(seconds=24, microseconds=377673)


def test_cron_counts_in_the_zone_of_the_source():
    assert schedule_of(cron="30 6 * * *").next_after(NOON) == datetime(2026, 3, 1, 22, 30, tzinfo=UTC)
    assert schedule_of("UTC", cron="30 6 * * *").next_after(NOON) == datetime(2026, 3, 1, 6, 30, tzinfo=UTC)


@pytest.mark.parametrize("cron", ["30 2 * * *", "*/20 * * * *", "15 1-3 * * *", "0 */2 * * *"])
@pytest.mark.parametrize("day", [datetime(2026, 3, 28, 22, tzinfo=UTC), datetime(2026, 10, 24, 22, tzinfo=UTC)])
def test_cron_only_moves_forward_when_the_clocks_change(cron, day):
    schedule = schedule_of("Europe/Berlin", cron=cron)
    moments = [day]

    while moments[-1] < day + timedelta(days=2):
        moments.append(schedule.next_after(moments[-1]))

    gaps = [later - earlier for earlier, later in pairwise(moments)]
    assert min(gaps) > timedelta()
    assert max(gaps) <= timedelta(hours=26)


@given(st.datetimes(*WALL_CLOCK, timezones=st.just(UTC)), st.integers(1, 10**6))
@settings(max_examples=100, deadline=None)
def test_the_next_moment_is_later_and_at_most_one_interval_away(now, seconds):
    schedule = schedule_of(every=f"{seconds}s", jitter="1s")

    following = schedule.next_after(now)

    assert now < following <= now + timedelta(seconds=seconds)
