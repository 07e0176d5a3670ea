"""How counts and shares read."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tellapart import text as words


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.0, "0.0 %"),
        (0.0004, "< 0.1 %"),
        (0.0006, "0.1 %"),
        (0.5, "50.0 %"),
        (0.98249, "98.2 %"),
        (0.9994, "99.9 %"),
        (0.999977, "> 99.9 %"),
        (1.0, "100.0 %"),
        (None, "\N{EN DASH}"),
    ],
)
def test_percent__only_all_is_all_and_only_none_is_none(share, text):
    assert words.percent(share) == text


def test_wrapped__no_line_ends_between_a_number_and_its_unit():
    text = "accuracy 98.2 % of 12 pictures at 150 px in 3.5 s, 4 MB and 5 settings"
    for width in range(9, len(text) + 1):
        lines = words.wrapped(text, width)
        assert " ".join(lines) == text
        assert max(map(len, lines)) <= max(width, len("pictures"))
        assert not any(re.match(r"(%|px|s|MB)\b|%", line) for line in lines), (width, lines)
    assert words.unbroken("view 3 s.png, 12 school") == "view 3 s.png, 12 school"
    assert words.wrapped("a-name-that-is-longer and more", 10) == ["a-name-that-is-longer", "and more"]


@given(st.floats(0, 1), st.floats(0, 1))
def test_tenths__keeps_the_order(first, second):
    low, high = (float(words.tenths(share).strip("<> ")) for share in sorted((first, second)))
    assert low <= high


@given(st.floats(0, 1, exclude_min=True, exclude_max=True))
def test_tenths__what_lies_between_never_reads_as_none_or_all(share):
    assert words.tenths(share) not in {"0.0", "100.0"}


def test_counted__one_and_many():
    assert [words.counted(count, "picture") for count in (0, 1, 12000)] == [
        "0 pictures",
        "1 picture",
        "12,000 pictures",
    ]
    assert [words.counted(count, "class", "classes") for count in (1, 2)] == ["1 class", "2 classes"]
