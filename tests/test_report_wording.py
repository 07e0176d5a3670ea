from __future__ import annotations

import pytest

from tellapart.report import wording


def test_span__short_or_nothing():
    assert wording.span({"value": 0.5, "low": 0.25, "high": 1}) == "25.0\N{EN DASH}100.0"
    assert wording.span({"value": None, "low": None, "high": None}) == ""


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
def test_value_text__reads_as_text(value, text):
    assert wording.value_text(value) == text


def test_breakable__a_name_is_broken_between_its_parts_and_stays_escaped():
    assert wording.breakable("a/<b>/c.png") == "a/<wbr>&lt;b&gt;/<wbr>c.png"
    assert wording.breakable("pitted_surface") == "pitted_<wbr>surface"
    assert wording.breakable("_a--b_") == "_<wbr>a--<wbr>b_"
