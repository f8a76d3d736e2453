"""Telephone numbers as E.164."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.mapping.phones import e164


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("13812345678", "+8613812345678"),
        ("138 1234 5678", "+8613812345678"),
        ("138-1234-5678", "+8613812345678"),
        ("+86 138 1234 5678", "+8613812345678"),
        ("8613812345678", "+8613812345678"),
        ("１３８１２３４５６７８", "+8613812345678"),
        ("0724-2345678", "+867242345678"),
        ("（0724）2345678", "+867242345678"),
        ("0724-2345678转802", "+867242345678;ext=802"),
        ("0724-2345678 分机 802", "+867242345678;ext=802"),
        ("010-88886666-802", "+861088886666;ext=802"),
        ("07242345678x802", "+867242345678;ext=802"),
        ("４００－８００－１２３４", "+864008001234"),
        ("+1 416-392-2489", "+14163922489"),
    ],
)
def test_a_number_is_read_however_it_is_written(written, read):
    assert e164(written) == read


@pytest.mark.parametrize("text", ["12345", "110", "同上", "无", "13812345678/0724-2345678", "1381234567", "9" * 200])
def test_what_is_no_one_valid_number_stays_as_it_is(text):
    assert e164(text) == text


@given(st.text(max_size=80))
def test_any_text_comes_back_as_a_number_or_as_itself(text):
    found = e164(text)

    assert found == text or found.startswith("+")


def test_the_number_tables_are_not_loaded_for_a_mobile_number():
    script = (
        "import sys; from hub.mapping.phones import e164; e164('13812345678'); print('phonenumbers' in sys.modules)"
    )

    output = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout

    assert output.strip() == "False"
