"""`hub init`: what a first entry guesses from a sample, what it leaves to a person, and that it then works."""

import re
from pathlib import Path, PurePath
from typing import Any

import orjson
import pytest
from openpyxl import Workbook

from hub.config import Config, load
from hub.errors import ConfigError, SourceRefused
from hub.normalize import normalize
from hub.sketch.entry import Origin, entry
from hub.sketch.samples import read_sample

DECIDED = {"title: TODO": "title: 样例", "crs: TODO": "crs: gcj02"}

CSV = """\
工单编号,标题,内容,状态,诉求类型,登记时间,更新时间,联系电话,经度,纬度,事发地址
GD1,路灯不亮,路灯坏了三天,办理中,投诉,2026-03-01 08:00:00,2026-03-02 08:00:00,13800000001,112.2,31.0,象山大道1号
GD2,井盖缺失,井盖不见了,已归档,投诉,2026-03-01 09:00:00,2026-03-03 08:00:00,13800000002,112.3,31.1,白云大道2号
GD3,噪音扰民,施工噪音,已办结,咨询,2026-03-02 09:00:00,2026-03-03 09:00:00,13800000003,112.1,31.2,长宁大道3号
"""
API = {
    "code": 0,
    "msg": "ok",
    "data": {
        "total": 240,
        "page": 1,
        "list": [
            {
                "orderId": "A1",
                "title": "停车难",
                "orderState": "办理中",
                "callTime": 1772323200000,
                "updateTime": 1772326800000,
            },
            {
                "orderId": "A2",
                "title": "漏水",
                "orderState": "作废件",
                "callTime": 1772323300000,
                "updateTime": 1772326900000,
            },
        ],
    },
}


def written(content: bytes | str, name: str, **origin: Any) -> str:
    raw = content.encode() if isinstance(content, str) else content
    where = Origin(**origin) if origin else Origin(path=PurePath(name))
    return entry("sample", "hotline", where, read_sample(raw, name))


def configured(text: str, folder: Path, **decided: str) -> Config:
    """The entry as a file, every TODO that stands for a value settled as a person would."""
    for todo, value in {**DECIDED, **decided}.items():
        text = text.replace(todo, value)
    path = folder / "connectors.yaml"
    path.write_text(f"version: 1\nsources:\n{text}")
    return load(path, {})


def test_a_table_with_chinese_headers_reads_once_title_and_datum_are_settled(tmp_path):
    config = configured(written(CSV, "gd_20260301.csv"), tmp_path)

    source = config.sources["sample"]
    appeals = [normalize(ticket, source.mapping) for ticket in read_sample(CSV.encode(), "x.csv").tickets]
    assert source.record.connector == "files"
    assert [(appeal.external_id, appeal.title, appeal.status, appeal.kind) for appeal in appeals] == [
        ("GD1", "路灯不亮", "IN_PROGRESS", "COMPLAINT"),
        ("GD2", "井盖缺失", "CLOSED", "COMPLAINT"),
        ("GD3", "噪音扰民", "RESOLVED", "CONSULT"),
    ]
    assert appeals[0].reporter_phone == "+8613800000001"
    assert appeals[0].location_point is not None
    assert appeals[0].updated_at > appeals[0].created_at


def test_the_days_in_a_file_name_become_a_pattern():
    assert 'pick: "gd_*.csv"' in written(CSV, "gd_20260301.csv")


def test_a_header_below_a_title_and_another_delimiter_are_noticed():
    text = written(
        "12345 导出;;;\n编号;标题;状态;登记时间\n1;甲;已办结;2026年3月1日\n2;乙;办理中;2026年3月2日\n", "a.csv"
    )

    assert 'csv: {delimiter: ";", header: 2}' in text
    assert 'created_at: {from: 登记时间, date: "chinese"}' in text


def test_a_workbook_is_read_like_a_table(tmp_path):
    book = Workbook()
    for row in [line.split(",") for line in CSV.splitlines()]:
        book.active.append(row)
    book.save(tmp_path / "gd.xlsx")

    text = written((tmp_path / "gd.xlsx").read_bytes(), "gd.xlsx")

    assert "external_id: 工单编号" in text
    assert configured(text, tmp_path).sources


def test_an_endpoint_gives_its_envelope_its_paging_and_times_in_milliseconds(tmp_path):
    text = written(
        orjson.dumps(API), "answer.json", url="https://12345.example.gov.cn/api/orders?page=1&size=50&area=420800"
    )

    assert 'url: "https://12345.example.gov.cn/api/orders"' in text
    assert "records: data.list" in text
    assert "error: {path: code, ok: [0], message: msg}" in text
    assert "page: {by: page, send: page, size: {send: size, value: 50}, total: data.total}" in text
    assert 'query: {area: "420800"}' in text
    assert 'created_at: {from: callTime, date: "epoch_ms"}' in text
    assert '"作废件": TODO' in text


def test_what_a_person_has_to_decide_is_a_mistake_that_check_names_with_its_line(tmp_path):
    text = written(orjson.dumps(API), "answer.json", url="https://12345.example.gov.cn/api/orders?page=1")

    with pytest.raises(ConfigError) as caught:
        configured(text, tmp_path)

    (mistake,) = caught.value.mistakes
    assert mistake.path == "sources.sample.map.status.map.作废件"
    assert "no status 'TODO'" in mistake.message


@pytest.mark.parametrize(
    ("around", "link", "page"),
    [
        ({"next": "/v1/tickets?after=9"}, None, "page: {by: next_url, next: next}"),
        ({"meta": {"next_cursor": "x9"}}, None, "page: {by: cursor, send: cursor, next: meta.next_cursor}"),
        ({"@odata.nextLink": "https://h/x"}, None, 'page: {by: next_url, next: "\\"@odata.nextLink\\""}'),
        ({}, "https://h/x?page=2", "page: {by: link}"),
        ({"totalPages": 9}, None, "page: {by: page, send: page, pages: totalPages}"),
        ({}, None, "page: {by: none}"),
    ],
)
def test_the_paging_is_guessed_from_what_stands_around_the_tickets(around, link, page, tmp_path):
    payload = {"rows": [{"id": 1, "title": "x", "status": "new", "created": "2026-03-01"}], **around}

    text = written(orjson.dumps(payload), "answer.json", url="https://h.example/v1/tickets", link=link)

    assert page in text
    assert configured(text, tmp_path).sources


def test_names_that_all_begin_alike_are_read_without_the_beginning():
    rows = [
        {
            "petitionNo": f"XF{n}",
            "petitionState": "办理中",
            "petitionDate": "2026-03-01",
            "petitionTitle": "x",
            "other": n,
        }
        for n in range(3)
    ]

    text = written(orjson.dumps({"result": rows}), "a.json")

    assert "external_id: petitionNo" in text
    assert "from: petitionState" in text
    assert "created_at: {from: petitionDate" in text


def test_a_column_that_is_no_id_or_time_by_its_values_is_not_read_as_one():
    text = written("id,title,status,created_at\n1,a,open,soon\n1,b,open,later\n", "a.csv")

    assert "external_id: TODO" in text
    assert "created_at: TODO" in text


def test_xml_is_read_below_its_root_and_one_ticket_alone_is_found():
    one = "<mailbox><letter><serial>7</serial><subject>x</subject><state>已回复</state></letter></mailbox>"

    assert "records: mailbox.letter" in written(one, "letters.xml")
    assert "records: box.letter" in written(f"<box>{one[9:-10]}{one[9:-10]}</box>".replace("7", "8", 1), "letters.xml")


def test_an_entry_holds_nothing_that_residents_said():
    text = written(CSV, "gd_20260301.csv")

    assert not re.search(r"1380000|路灯|象山大道", text)


@pytest.mark.parametrize("content", ["", "[]", "{}", "a,b\n", "<a/>", "[1, 2]"])
def test_a_sample_without_tickets_is_refused(content):
    with pytest.raises(SourceRefused):
        read_sample(content.encode(), "a.json" if content[:1] in "[{" else "a.csv")


@pytest.mark.parametrize("key", ["a b", "是否(是/否)", 'with "quotes"', "a.b", "true", "1", "a: b", "#x", "\\n"])
def test_any_key_is_written_so_that_it_reads_as_itself(key, tmp_path):
    rows = [{"id": n, "status": "new", "created": "2026-03-01", "title": "x", "reply": "y", key: "z"} for n in range(2)]
    text = written(orjson.dumps(rows), "a.json").replace("result: reply", "result: reply")

    assert configured(text, tmp_path).sources
