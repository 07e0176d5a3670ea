from __future__ import annotations

import numpy as np

from audit_pictures import picture
from tellapart.audit.labels import find_mislabelled

CLASSES = ("cat", "dog")
PICTURES = [picture(f"{row}.jpg", CLASSES[row % 2]) for row in range(100)]
LABELS = np.arange(100) % 2
SURE = np.where(np.arange(2) == LABELS[:, None], 0.999, 0.001)


def test_find_mislabelled__names_given_and_suggested():
    probabilities = SURE.copy()
    probabilities[6] = [0.0002, 0.9998]
    finding = find_mislabelled(probabilities, LABELS, pictures=PICTURES, classes=CLASSES)
    assert (finding.outcome, finding.severity, finding.count) == ("found", "note", 1)
    (item,) = finding.items
    assert item.paths == ("6.jpg",)
    assert (item.details["given"], item.details["suggested"]) == ("cat", "dog")
    assert item.details["certainty"] > 0.8


def test_find_mislabelled__many_are_a_warning():
    probabilities = SURE.copy()
    probabilities[:10] = probabilities[:10, ::-1]
    assert find_mislabelled(probabilities, LABELS, pictures=PICTURES, classes=CLASSES).severity == "warning"


def test_find_mislabelled__passes_where_heads_agree_with_the_labels():
    assert find_mislabelled(SURE, LABELS, pictures=PICTURES, classes=CLASSES).outcome == "passed"


def test_find_mislabelled__is_not_applicable_where_nothing_was_held_out():
    unknown = np.full((100, 2), np.nan)
    assert find_mislabelled(unknown, LABELS, pictures=PICTURES, classes=CLASSES).outcome == "not applicable"
