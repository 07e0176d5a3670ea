"""A fitted classifier as a notebook shows it."""

import html
import pickle
import re
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn import config_context
from sklearn.pipeline import make_pipeline

from pictures import make_pixels
from tellapart import ImageClassifier, load
from tellapart.card import FEW, LONGEST, SHOWN, chosen_rows, classifier_card, names_line

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
    assert len(card) < 50_000


def test_classifier_card__has_no_colour_but_grey_lines_and_loads_nothing(fitted):
    card = fitted._repr_html_()
    assert set(re.findall(r"(?<![-\w])color: ([^;\"]+)", card)) == {"inherit"}
    assert set(re.findall(r"background: ([^;\"]+)", card)) == {"none"}
    assert not re.search(
        r"https?:(?!//www\.w3\.org/2000/svg)|url\(|src=(?!\"data:image/webp;base64,)|<style|on\w+=", card
    )


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
    bare = classifier_card(fitted.classifier_, classes=[1, 2], recipe="features", judged=None)
    assert "2: 1, 2" in bare


def test_classifier_card__shows_pictures_that_were_judged_and_the_curves_of_the_search(fitted):
    card = fitted._repr_html_()
    assert card.count("<img") == len(fitted._judged.examples) > 0
    assert "right, the surest of each class" in card
    assert re.search(r'<figure title="X\[\d+\]"', card)
    assert ("settings that were tried" in card, "log loss" in card) == (True, True)
    left = pickle.loads(pickle.dumps(fitted))
    assert ("<img" in left._repr_html_(), "accuracy on valid" in left._repr_html_()) == (False, True)


def test_chosen_rows__the_costliest_mistakes_then_the_surest_of_each_class():
    shares = np.array([[0.9, 0.1], [0.6, 0.4], [0.8, 0.2], [0.3, 0.7], [0.05, 0.95], [0.99, 0.01]])
    answered = SimpleNamespace(probabilities=shares, predicted=shares.argmax(axis=1))
    assert chosen_rows(answered, np.array([0, 1, 1, 1, 1, 0])) == [2, 1, 5, 4]
    many = SimpleNamespace(probabilities=np.tile(shares[:1], (20, 1)), predicted=np.zeros(20, int))
    assert chosen_rows(many, np.ones(20, int)) == list(range(FEW))


def test_classifier_card__noise_stays_within_its_room():
    noise = np.random.default_rng(0).integers(0, 256, (40, 192, 192, 3), np.uint8)
    card = ImageClassifier(size=SIDE).fit(noise, np.arange(40) % 8)._repr_html_()
    assert card.count("<img") > 0
    assert len(card) < 300_000


def test_names_line__many_and_long_ones():
    assert names_line(range(SHOWN)) == ", ".join(map(str, range(SHOWN)))
    assert names_line(range(1200)).endswith("9 and 1,190 more")
    assert names_line(["x" * 500]) == "x" * LONGEST + "…"
