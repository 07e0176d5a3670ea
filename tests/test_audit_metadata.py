from __future__ import annotations

import numpy as np
import pytest

from tellapart.audit.look import Properties
from tellapart.audit.metadata import find_metadata


def properties(count=200, *, seed=0, **columns):
    """Files of random sizes; columns replace what is random, one value a file."""
    random = np.random.default_rng(seed)
    rows = {
        "width": random.integers(300, 500, count),
        "height": random.integers(300, 500, count),
        "size": random.integers(10_000, 40_000, count),
        "form": ["JPEG"] * count,
        "exif": random.random(count) < 0.5,
        **columns,
    }
    return [Properties(**{name: values[row] for name, values in rows.items()}) for row in range(count)]


def finding_of(files, labels):
    return find_metadata(files, labels, classes=("cat", "dog", "owl"), seed=0)


LABELS = np.arange(200) % 2


@pytest.mark.parametrize(
    ("columns", "culprit"),
    [
        ({"width": 300 + 90 * LABELS + np.arange(200) % 80}, "width"),
        ({"height": 300 + 90 * LABELS + np.arange(200) % 80}, "height"),
        ({"form": np.where(LABELS, "PNG", "JPEG").tolist()}, "format"),
        ({"exif": LABELS.astype(bool)}, "EXIF"),
        ({"grey": LABELS.astype(bool)}, "greyscale"),
    ],
)
def test_find_metadata__names_the_culprit(columns, culprit):
    finding = finding_of(properties(**columns), LABELS)
    assert (finding.outcome, finding.severity) == ("found", "error")
    assert finding.items[0].details["property"] == culprit
    assert finding.items[0].details["balanced_accuracy"] > 0.9
    assert culprit in finding.message


def test_find_metadata__compressed_size_alone_is_a_note():
    finding = finding_of(properties(size=20_000 + 5000 * LABELS + np.arange(200) * 20), LABELS)
    assert (finding.outcome, finding.severity) == ("found", "note")
    assert "may be harmless" in finding.message


@pytest.mark.parametrize("seed", range(8))
def test_find_metadata__passes_where_files_say_nothing(seed):
    assert finding_of(properties(seed=seed), LABELS).outcome == "passed"


def test_find_metadata__counts_classes_alike():
    """Nine tenths are of one class: to say so always is no merit."""
    assert finding_of(properties(), (np.arange(200) % 10 == 0).astype(int)).outcome == "passed"


def test_find_metadata__passes_where_all_files_are_alike():
    same = properties(width=[9] * 200, height=[9] * 200, size=[99] * 200, exif=[False] * 200)
    assert finding_of(same, LABELS).outcome == "passed"


def test_find_metadata__is_not_applicable_without_files_or_classes():
    assert finding_of([None] * 200, LABELS).outcome == "not applicable"
    assert finding_of(properties(), np.zeros(200, int)).outcome == "not applicable"
    assert finding_of(properties(10), LABELS[:10]).outcome == "not applicable"


def test_find_metadata__passes_over_files_without_properties():
    files = properties(width=300 + 90 * LABELS + np.arange(200) % 80)
    files[3] = None
    assert finding_of(files, LABELS).outcome == "found"
