"""Tables in HTML pages, and workbooks that are none: what becomes of each row."""

from pathlib import Path
from typing import Any

import pytest
from pulling import build, tickets
from test_files import AT_ONCE, put, workbook

from hub.connectors.formats import NotReadable
from hub.connectors.tables import HtmlOptions, html_rows
from hub.errors import SourceRefused
from hub.model import Ticket

PAGE = """
<html><head><meta http-equiv="Content-Type" content="text/html; charset=gb2312"><title>工单</title></head><body>
<table><tr><td>首页</td><td>退出</td></tr></table>
<table id="list"><thead><tr><th>工单编号</th><th>诉求内容</th><th colspan="2">时间</th></tr></thead>
<tbody><tr><td><a href="detail.jsp?id=7">GD1</a></td><td>路灯<br>不亮&nbsp;&amp;
   很暗</td><td rowspan="2">2026-03-01</td><td>08:00</td></tr>
<tr><td>GD2</td><td><p>噪音</p><p>扰民</p></td><td>09:00</td></tr>
<tr><td></td><td> </td><td></td><td></td></tr>
<tr><td colspan="4">共2条 第1/1页</td></tr></tbody></table></body></html>
"""
READ = [
    {
        "工单编号": "GD1",
        "工单编号@href": "detail.jsp?id=7",
        "诉求内容": "路灯\n不亮 & 很暗",
        "时间": "2026-03-01",
        "时间_2": "08:00",
    },
    {"工单编号": "GD2", "诉求内容": "噪音\n扰民", "时间": "2026-03-01", "时间_2": "09:00"},
]


def rows(page: str, **options: Any) -> list[Ticket]:
    return list(html_rows(page.encode(), HtmlOptions(**options)))


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("gbk", {}),
        ("gb18030", {"charset": "gbk"}),
        ("utf-8-sig", {}),
        ("utf-8", {"encoding": "utf-8"}),
        ("utf-16", {}),
    ],
)
def test_the_table_with_the_most_rows_is_read_whatever_its_encoding(written: str, told: dict[str, str]):
    assert list(html_rows(PAGE.encode(written), HtmlOptions(), **told)) == READ


def test_a_page_without_a_word_on_its_encoding_is_utf8_or_gb18030():
    page = PAGE.replace("; charset=gb2312", "")

    assert [list(html_rows(page.encode(encoding), HtmlOptions())) for encoding in ("utf-8", "gbk")] == [READ, READ]


def test_another_table_and_a_lower_header_can_be_named():
    first, second = "<table><tr><td>a<tr><td>1<tr><td>2</table>", "<table><tr><td>某市<tr><td>b<tr><td>3</table>"

    assert rows(first + second, table=2, header=2) == [{"b": "3"}]


def test_rows_of_a_table_in_a_cell_are_the_cells_text_and_no_rows():
    page = "<table><tr><td>a<td>b<tr><td>1<td><table><tr><td>x<tr><td>y</table><tr><td>2<td>z</table>"

    assert rows(page) == [{"a": "1", "b": "x\ny"}, {"a": "2", "b": "z"}]


def test_scripts_and_comments_are_no_text():
    assert rows("<table><tr><td>a<tr><td><!-- x -->1<script>2</script><style>3</style></table>") == [{"a": "1"}]


def test_a_row_that_is_short_lacks_its_last_cells():
    assert rows("<table><tr><td>a<td>b<tr><td>1</table>") == [{"a": "1"}]


@pytest.mark.parametrize(
    ("page", "said"),
    [
        ("<html><body>请登录</body></html>", "holds no table"),
        ("", "not an HTML page|holds no table"),
        ("<table></table>", "holds no table"),
        ("<table><tr><td>a</table>", "fewer than 2 rows"),
        ("<table><tr><td>a<td colspan=100000>b<tr><td>1</table>", "more than 1000 columns"),
        ("<div>" * 100_000, "holds no table"),
    ],
)
def test_a_page_without_the_table_asked_for_is_refused(page: str, said: str):
    with pytest.raises(NotReadable, match=said):
        rows(page, header=2)


def test_a_table_that_there_is_not_is_refused():
    with pytest.raises(NotReadable, match="holds 1 tables, and not the 3th"):
        rows("<table><tr><td>a</table>", table=3)


def test_cells_that_span_a_table_made_to_burst_are_refused():
    with pytest.raises(NotReadable, match="span too much"):
        rows("<table>" + "<tr><td rowspan=65534 colspan=900>x" + "<tr><td>y" * 2000)


def test_tables_within_tables_within_tables_do_no_harm():
    assert len(rows("<table><tr><td>" * 10_000)) <= 1


# Workbooks that are none ─────────────────────────────────────────────────────────────────────────────────────────────

SPREADSHEET = """<?xml version="1.0"?><?mso-application progid="Excel.Sheet"?>
<Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet" xmlns:ss="urn:schemas-microsoft-com:office:spreadsheet">
<Worksheet ss:Name="说明"><Table><Row><Cell><Data ss:Type="String">x</Data></Cell></Row></Table></Worksheet>
<Worksheet ss:Name="工单"><Table>
<Row><Cell><Data ss:Type="String">编号</Data></Cell><Cell><Data ss:Type="String">人数</Data></Cell>
<Cell ss:Index="4"><Data ss:Type="String">日期</Data></Cell></Row>
<Row ss:Index="3"><Cell><Data ss:Type="String">GD1</Data></Cell><Cell><Data ss:Type="Number">3</Data></Cell>
<Cell ss:Index="4"><Data ss:Type="DateTime">2026-03-01T00:00:00.000</Data></Cell></Row>
<Row><Cell><Data ss:Type="String"></Data></Cell></Row>
</Table></Worksheet></Workbook>"""


async def read(folder: Path, **options: Any) -> list[Ticket]:
    return await tickets(build("files", {"at": str(folder), "pick": "*.xls", "ready": AT_ONCE, **options}))


async def test_an_html_table_called_a_workbook_is_read(tmp_path: Path):
    put(tmp_path, "a.xls", PAGE.encode("gbk"))

    assert await read(tmp_path) == READ


@pytest.mark.parametrize(
    ("content", "options"),
    [
        ("编号\t内容\n1\t路灯, 不亮\n".encode("gbk"), {}),
        ("编号\t内容\n1\t路灯, 不亮\n".encode("utf-16"), {}),
        ('编号,内容\n1,"路灯, 不亮"\n'.encode("utf-8-sig"), {}),
        ("工单\t表\n编号\t内容\n1\t路灯, 不亮\n".encode("gbk"), {"excel": {"header": 2}}),
    ],
)
async def test_text_called_a_workbook_is_read(tmp_path: Path, content: bytes, options: dict[str, Any]):
    put(tmp_path, "a.xls", content)

    assert await read(tmp_path, **options) == [{"编号": "1", "内容": "路灯, 不亮"}]


async def test_the_xml_of_excel_2003_is_read(tmp_path: Path):
    put(tmp_path, "a.xls", SPREADSHEET)

    found = await read(tmp_path, excel={"sheet": "工单"})

    assert found == [{"编号": "GD1", "人数": 3, "column_3": None, "日期": "2026-03-01T00:00:00.000"}]


async def test_a_sheet_that_the_xml_has_not_is_named(tmp_path: Path):
    put(tmp_path, "a.xls", SPREADSHEET)

    with pytest.raises(SourceRefused, match="has no sheet '信访'; it has 说明, 工单"):
        await read(tmp_path, excel={"sheet": "信访"})


async def test_xml_whose_cells_lie_far_out_is_refused(tmp_path: Path):
    put(tmp_path, "a.xls", SPREADSHEET.replace('ss:Index="4"', 'ss:Index="99999999"'))

    with pytest.raises(SourceRefused, match="more than 1000 columns"):
        await read(tmp_path, excel={"sheet": "工单"})


async def test_a_workbook_of_todays_form_under_the_old_name_is_read(tmp_path: Path):
    put(tmp_path, "a.xls", workbook())

    assert len(await read(tmp_path, excel={"header": 2})) == 2


@pytest.mark.parametrize("content", ["系统维护中".encode("gbk"), b"\x00\x01\x02", b""])
async def test_what_is_no_table_at_all_is_refused_rather_than_read_as_nothing(tmp_path: Path, content: bytes):
    put(tmp_path, "a.xls", content)

    with pytest.raises(SourceRefused, match="not a workbook"):
        await read(tmp_path)
