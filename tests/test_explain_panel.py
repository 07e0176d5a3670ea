"""The sheet for one picture."""

from dataclasses import replace

import numpy as np
import pytest

from pictures import make_pixels
from tellapart.explain.heat_map import Explanation, HeatMap
from tellapart.explain.panel import LEAST_WIDTH, MARGIN, MOST_CLASSES, SIDE, _ranked, caption, panel
from tellapart.heads.abstention import Flags
from tellapart.types import Picture


def explanation(*, width=60, height=40, classes=3, method="exact"):
    values = np.zeros((8, 8), np.float32)
    values[:, 4:] = 0.5
    probabilities = np.full(classes, 1 / classes)
    heat = HeatMap(values=values, method=method, target=0, class_name="cat", logit=1.5, bias=None)
    pixels = make_pixels(1, width=width, height=height)
    return Explanation(
        picture=Picture(path="a.png", file="a.png"), pixels=pixels, probabilities=probabilities, heat=heat
    )


@pytest.mark.parametrize(("width", "height"), [(60, 40), (40, 60), (900, 500), (1, 1), (2000, 3)])
@pytest.mark.parametrize("method", ["exact", "occlusion", "grad-cam"])
def test_panel__holds_picture_and_overlay_whatever_the_size(width, height, method):
    sheet = panel(explanation(width=width, height=height, method=method), classes=("cat", "dog", "owl"), title="a.png")
    assert sheet.shape[1] >= LEAST_WIDTH
    assert sheet.shape[0] < 2 * SIDE
    assert sheet.dtype == np.uint8
    assert (sheet[0] == 255).all()
    assert (sheet[:, :MARGIN] == 255).all()
    assert (sheet[:, -4:] == 255).all()


def test_panel__the_colour_bar_has_orange_above_and_blue_below():
    sheet = panel(explanation(width=40, height=40), classes=("cat", "dog", "owl"), title="").astype(int)
    column = 2 * MARGIN + 2 * SIDE + 12 + 5
    bar = sheet[:, column]
    assert (bar[:, 0] - bar[:, 2]).argmax() < (bar[:, 2] - bar[:, 0]).argmax()


@pytest.mark.parametrize(
    ("method", "called", "word"),
    [
        ("exact", "Heat map: exact,", "score"),
        ("occlusion", "Heat map: by occlusion,", "covered"),
        ("grad-cam", "Heat map: Grad-CAM,", "no unit"),
    ],
)
def test_caption__says_what_colours_and_numbers_mean_and_how_they_were_found(method, called, word):
    colours, how, numbers, strength, own = caption(explanation(method=method).heat)
    assert how.startswith(called)
    assert colours == "Orange parts speak for cat, blue parts against it, grey parts for neither."
    assert word in numbers
    assert "+1.5" in own
    assert strength.startswith("Parts have +0 to +0.5")
    assert (" points" in strength) == (method != "grad-cam")


def test_caption__of_an_exact_map_the_mean_of_its_parts_is_the_score():
    heat = replace(explanation().heat, values=np.full((8, 8), 0.5, np.float32), logit=32.25, bias=0.25)
    _, how, _, strength, own = caption(heat)
    assert how == "Heat map: exact, the mean of its parts is the score."
    assert strength.startswith("Parts have +32.2 to +32.2 points;")
    assert "+32.2" in own


def test_panel__says_what_speaks_against_the_answer():
    plain = panel(explanation(), classes=("cat", "dog", "owl"), title="")
    doubted = replace(explanation(), flags=Flags(unsure=np.array([True]), unlike=np.array([False])))
    assert (panel(doubted, classes=("cat", "dog", "owl"), title="") != plain).any()


def test_panel__names_may_be_anything():
    names = ("猫" * 300, "<script>", "a\nb\u202e")
    assert panel(explanation(), classes=names, title="\x00" * 400).shape[2] == 3


def test_panel__an_unreadable_picture_has_none():
    with pytest.raises(ValueError, match="cannot be read"):
        panel(Explanation(picture=Picture(path="a", file="a"), failure="truncated"), classes=("a", "b"), title="a")


def test_ranked__the_class_in_question_is_always_listed():
    probabilities = np.linspace(1, 0, 10)
    assert _ranked(probabilities, target=9) == [0, 1, 2, 3, 4, 9]
    assert _ranked(probabilities, target=2) == list(range(MOST_CLASSES))
