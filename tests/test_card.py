"""A fitted classifier as a notebook shows it."""

import html
import re

import numpy as np
import pytest
from sklearn import config_context
from sklearn.pipeline import make_pipeline

from pictures import make_pixels
from tellapart import ImageClassifier, load
from tellapart.card import LONGEST, SHOWN, classifier_card, names_line

SIDE = 64
HOSTILE = '<script>alert("x")</script>'


@pytest.fixture(scope="module")
def fitted():
    pixels = np.stack([make_pixels(number, kind=number % 2) for number in range(28)])
    return ImageClassifier(size=SIDE).fit(pixels, [("ape", HOSTILE)[number % 2] for number in range(28)])


def test_classifier_card__says_the_main_things_and_escapes_them(fitted):
    card = fitted._repr_html_()
    assert re.search(r"accuracy on valid.*% \(95 % interval .* to .*\), \d+ pictures", card)
    for said in ("features", "lite0, 64 x 64 pixels", "too few to promise anything", "unsure", "2: "):
        assert said in card
    assert html.escape(HOSTILE) in card
    assert "<script" not in card
    assert fitted._repr_mimebundle_()["text/html"] == card
    assert len(card) < 4000


def test_classifier_card__has_no_colour_but_grey_lines_and_loads_nothing(fitted):
    card = fitted._repr_html_()
    assert set(re.findall(r"(?<![-\w])color: ([^;\"]+)", card)) == {"inherit"}
    assert set(re.findall(r"background: ([^;\"]+)", card)) == {"none"}
    assert not re.search(r"https?:|url\(|src=|<style|on\w+=", card)


def test_classifier_card__unfitted_or_without_diagrams_it_is_scikit_learns(fitted):
    assert "sk-container" in ImageClassifier()._repr_html_()
    assert "sk-container" in ImageClassifier()._repr_mimebundle_()["text/html"]
    assert "sk-container" in make_pipeline(fitted)._repr_html_()
    with config_context(display="text"):
        assert not hasattr(fitted, "_repr_html_")
        assert list(fitted._repr_mimebundle_()) == ["text/plain"]


def test_classifier_card__a_loaded_one_knows_no_accuracy(fitted, tmp_path):
    loaded = load(fitted.save(tmp_path / "model.tellapart"))
    card = loaded._repr_html_()
    assert "accuracy" not in card
    assert "lite0, 64 x 64 pixels" in card
    bare = classifier_card(fitted.classifier_, classes=[1, 2], recipe="features", valid=None)
    assert "2: 1, 2" in bare


def test_names_line__many_and_long_ones():
    assert names_line(range(SHOWN)) == ", ".join(map(str, range(SHOWN)))
    assert names_line(range(1200)).endswith("9 and 1,190 more")
    assert names_line(["x" * 500]) == "x" * LONGEST + "…"
