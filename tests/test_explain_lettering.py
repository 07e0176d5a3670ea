"""Text that is drawn: any letters, never wider than its place."""

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

import tellapart.explain.lettering as module
from tellapart.explain.lettering import DARK, NARROWEST, drawable, fitted_text, lettering, titled


def test_titled__the_picture_stays_as_it_is_below_its_title():
    picture = np.full((30, 40, 3), 90, np.uint8)
    drawn = titled(picture, "relu1: 32 maps", "row by row")
    assert drawn.shape[1] == NARROWEST
    assert (drawn[-30:, :40] == picture).all()
    assert (drawn[-30:, 40:] == DARK).all()
    assert drawn[:-30].max() > 200  # the letters
    wide = titled(np.zeros((5, NARROWEST + 9, 3), np.uint8), "a title that is longer than the picture " * 9)
    assert wide.shape[1] == NARROWEST + 9


def test_lettering__plain_text_is_left_as_it_is():
    text, font = lettering("cat.1664.jpg", size=16, width=400)
    assert text == "cat.1664.jpg"
    assert font.getlength(text) <= 400


def test_lettering__what_no_font_can_draw_is_written_as_its_code(monkeypatch):
    monkeypatch.setattr(module, "FONTS", ())
    assert lettering("a猫b", size=16, width=400)[0] == "a\\u732bb"
    assert not drawable("a猫b")
    assert drawable("a cat")


def test_lettering__other_letters_are_drawn_where_the_system_has_them():
    text, font = lettering("жук", size=16, width=400)
    if text == "жук":  # a font that has them was found, so each of them is drawn as something of its own
        assert len({bytes(font.getmask(letter)) for letter in "жук\uffff"}) == 4
    else:
        assert text == "\\u0436\\u0443\\u043a"


def test_lettering__control_characters_break_no_line():
    assert lettering("a\nb\u202ec", size=16, width=400)[0] == "a\\nb\\u202ec"


@pytest.mark.parametrize("width", [1, 20, 60, 200])
def test_fitted_text__fits_and_keeps_both_ends(width):
    font = ImageFont.load_default(size=16)
    text = "a-very-long-name-of-a-picture-that-goes-on-and-on-0001.jpg"
    cut = fitted_text(text, font=font, width=width)
    assert cut == "..." or font.getlength(cut) <= width
    if width == 200:
        assert cut.startswith("a-very")
        assert cut.endswith("1.jpg")


def test_lettering__endless_names_are_cut_at_once():
    text, font = lettering("x" * 5000, size=16, width=300)
    ImageDraw.Draw(Image.new("RGB", (300, 20))).text((0, 0), text, font=font)
    assert font.getlength(text) <= 300
