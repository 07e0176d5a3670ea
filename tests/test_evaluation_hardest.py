"""What a model finds hardest."""

import json

import numpy as np
import pytest

from tellapart.evaluation.hardest import hardest, top_losses

CLASSES = ("cat", "dog", "owl")
PROBABILITIES = np.array(
    [
        [0.9, 0.1, 0.0],
        [0.2, 0.7, 0.1],  # a cat taken for a dog
        [0.1, 0.9, 0.0],  # another
        [0.0, 1.0, 0.0],
        [0.4, 0.3, 0.3],  # a dog taken for a cat
        [0.0, 0.0, 1.0],
    ]
)
LABELS = np.array([0, 0, 0, 1, 1, 2])


def test_hardest__classes_and_pairs_with_most_errors_first():
    found = hardest(PROBABILITIES, LABELS, classes=CLASSES)
    json.dumps(found, allow_nan=False)
    assert [(row["class"], row["errors"], row["n"], row["taken_for"]) for row in found["classes"]] == [
        ("cat", 2, 3, "dog"),
        ("dog", 1, 2, "cat"),
    ]
    assert found["classes"][0]["recall"]["value"] == pytest.approx(1 / 3)
    assert [(row["true"], row["predicted"], row["errors"]) for row in found["pairs"]] == [
        ("cat", "dog", 2),
        ("dog", "cat", 1),
    ]
    assert found["pairs"][0]["share"]["value"] == pytest.approx(2 / 3)


def test_hardest__nothing_wrong_leaves_the_lists_empty():
    found = hardest(np.eye(3), np.arange(3), classes=CLASSES)
    assert found["classes"] == found["pairs"] == []
    assert len(found["top_losses"]) == 3


def test_top_losses__the_least_likely_label_first():
    rows = top_losses(PROBABILITIES, LABELS, classes=CLASSES, most=3)
    assert [row["row"] for row in rows] == [2, 1, 4]
    assert rows[0] == {
        "row": 2,
        "label": "cat",
        "predicted": "dog",
        "probability_label": pytest.approx(0.1),
        "probability_predicted": pytest.approx(0.9),
        "loss": pytest.approx(-np.log(0.1)),
    }


def test_top_losses__no_probability_at_all_stays_finite():
    (row,) = top_losses(np.array([[0.0, 1.0, 0.0]]), np.array([0]), classes=CLASSES)
    assert row["loss"] == pytest.approx(34.54, abs=0.01)
