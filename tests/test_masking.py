"""Personal data is shown as a family name and the ends of a number."""

import pytest

from hub.masking import masked_name, masked_numbers, masked_phone


@pytest.mark.parametrize(
    ("name", "shown"),
    [("张小明", "张*"), ("欧阳锋", "欧阳*"), ("王", "王*"), ("Smith", "S*"), ("张*", "张*"), ("", ""), (None, None)],
)
def test_a_name_is_shown_by_its_family_name(name, shown):
    assert masked_name(name) == shown


@pytest.mark.parametrize(
    ("phone", "shown"),
    [
        ("13812341234", "138****1234"),
        ("+8613812341234", "138****1234"),
        ("0724-2345678", "072****5678"),
        ("2345678", "****"),
        ("1", "****"),
        ("", ""),
        (None, None),
    ],
)
def test_a_number_is_shown_by_its_ends(phone, shown):
    assert masked_phone(phone) == shown


def test_numbers_of_people_inside_a_text_are_shown_by_their_ends():
    raw = '{"tel":"13812341234","id":"42080019000101000X","no":"GD202600001381234"}'

    assert masked_numbers(raw) == '{"tel":"138****1234","id":"4208**********000X","no":"GD202600001381234"}'
