"""How class names stand above the columns of a confusion matrix."""

import pytest

from tellapart.report.headings import letters, level_on, stands_upright


@pytest.mark.parametrize(
    ("name", "upright"), [("cat", False), ("普通翠鸟", True), ("かわせみ 2", True), ("물총새", True), ("طائر", False)]
)
def test_stands_upright__what_is_written_from_top_to_bottom(name, upright):
    assert stands_upright(name) is upright


def test_letters__an_ideograph_is_as_wide_as_two():
    assert (letters("cat"), letters("翠鸟"), letters("翠鸟a")) == (3, 4, 5)


@pytest.mark.parametrize(
    ("names", "where"),
    [
        (["cats", "dogs"], "phone"),
        (["cardboard", "glass", "metal", "paper", "plastic", "trash"], "page"),
        ([f"class number {n}" for n in range(30)], ""),
        ([f"第{n}种普通翠鸟的幼鸟" for n in range(12)], ""),
    ],
)
def test_level_on__where_all_names_have_room(names, where):
    assert level_on(names) == where
