"""The sentence on what to do next: one case for each thing it can say."""

import pytest

from tellapart.evaluation.advice import Suspicion, advise

CLASSES = ("cat", "dog")


def law(gain, *, low, high, exponent_low):
    return {
        "exponent": {"value": 0.3, "low": exponent_low, "high": 1.0},
        "doubled": {"n": 200, "gain": {"value": gain, "low": low, "high": high}},
    }


def said(law, *, errors=(1, 5), train_counts=(50, 50), valid_counts=(), suspicion=None):
    counts = {"train_counts": train_counts, "valid_counts": valid_counts}
    return advise(law, classes=CLASSES, errors=errors, **counts, suspicion=suspicion)


FALLING = law(0.02, low=0.01, high=0.03, exponent_low=0.1)
FLAT = law(0.001, low=0.0, high=0.004, exponent_low=-0.2)
UNCLEAR = law(0.01, low=0.0, high=0.03, exponent_low=-0.1)


@pytest.mark.parametrize(
    ("law", "code"), [(FALLING, "more_pictures"), (FLAT, "enough"), (UNCLEAR, "cannot_tell"), (None, "too_few")]
)
def test_advise__without_suspects_the_curve_decides(law, code):
    found = said(law)
    assert found["code"] == code
    assert found["suspects"] is None
    assert set(found["sentence"]) == {"en", "zh"}
    assert found["sentence"]["en"].isascii()
    assert not found["sentence"]["zh"].isascii()


def test_advise__more_pictures_names_the_class_where_one_is_worth_most():
    found = said(FALLING, errors=(6, 5), train_counts=(500, 20))
    assert found["class"] == "dog"
    assert "2.0 points" in found["sentence"]["en"]
    assert "dog" in found["sentence"]["en"]
    assert said(FALLING, errors=(2, 1))["class"] is None


@pytest.mark.parametrize(
    ("count", "checked", "code"), [(5, 100, "better_labels"), (5, 1000, "more_pictures"), (2, 10, "more_pictures")]
)
def test_advise__labels_come_first_where_enough_of_them_look_wrong(count, checked, code):
    found = said(FALLING, suspicion=Suspicion(pairs=((0, 1),) * count, checked=checked))
    assert found["code"] == code
    assert found["suspects"] == count
    if code == "better_labels":
        assert found["pair"] == ["cat", "dog"]
        assert "dog filed as cat" in found["sentence"]["en"]


@pytest.mark.parametrize("law", [FALLING, FLAT, UNCLEAR, None])
def test_advise__names_a_rare_class_that_is_not_shown_to_be_found(law):
    found = said(law, errors=(3, 1), train_counts=(900, 9), valid_counts=(400, 4))
    assert found["rare"] == {"class": "dog", "pictures": 9, "largest": "cat", "largest_pictures": 900}
    assert "Pictures of dog come first: it has 9 pictures to learn from, cat 900." in found["sentence"]["en"]
    assert "“dog”" in found["sentence"]["zh"]


@pytest.mark.parametrize(
    ("train_counts", "valid_counts", "errors"), [((900, 300), (400, 4), (0, 1)), ((900, 9), (400, 400), (0, 2))]
)
def test_advise__a_class_that_is_not_rare_or_is_found_is_not_named(train_counts, valid_counts, errors):
    found = said(FLAT, errors=errors, train_counts=train_counts, valid_counts=valid_counts)
    assert found["rare"] is None
    assert "come first" not in found["sentence"]["en"]
