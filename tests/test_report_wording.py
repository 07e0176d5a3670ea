from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tellapart.report import wording


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.0, "0.0 %"),
        (0.00001, "0.1 %"),
        (0.5, "50.0 %"),
        (0.98249, "98.2 %"),
        (0.99999, "99.9 %"),
        (1.0, "100.0 %"),
        (None, "\N{EN DASH}"),
    ],
)
def test_percent__only_all_is_all_and_only_none_is_none(share, text):
    assert wording.percent(share) == text


@given(st.floats(0, 1), st.floats(0, 1))
def test_percent__keeps_the_order(first, second):
    low, high = sorted((first, second))
    assert float(wording.percent(low)[:-2]) <= float(wording.percent(high)[:-2])


def test_between__in_words():
    assert wording.between({"value": 0.99, "low": 0.9818, "high": 0.9945}) == "between 98.2 % and 99.5 %"


def test_span__short_or_nothing():
    assert wording.span({"value": 0.5, "low": 0.25, "high": 1}) == "25.0\N{EN DASH}100.0"
    assert wording.span({"value": None, "low": None, "high": None}) == ""


def test_counted__one_and_many():
    assert [wording.counted(count, "picture") for count in (0, 1, 12000)] == [
        "0 pictures",
        "1 picture",
        "12,000 pictures",
    ]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "\N{EN DASH}"),
        (True, "yes"),
        (False, "no"),
        (12345, "12,345"),
        (0.00123456, "0.001235"),
        ("a\nb", r"a\nb"),
        (["last", 0.5], "last, 0.5"),
        ({"numpy": "2.1", "openvino": "2025.3"}, "numpy 2.1, openvino 2025.3"),
    ],
)
def test_plain__reads_as_text(value, text):
    assert wording.plain(value) == text
