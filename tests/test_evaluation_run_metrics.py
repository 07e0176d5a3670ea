"""metrics.json as a value: what is read of it is checked, and a damaged one is named by the place."""

import contextlib
import copy
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metrics_documents import metrics_document, render, run_metrics
from tellapart.errors import DataError
from tellapart.evaluation.run_metrics import RunMetrics

DOCUMENT = metrics_document(("a", "b", "c"), test=30, valid=30)


def places(value, path=()):
    """The path of everything in a document."""
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in inner:
        yield from places(part, (*path, key))


PLACES = list(places(DOCUMENT))[1:]


def test_to_json__what_a_run_wrote_comes_back(trained):
    document = trained.metrics
    metrics = RunMetrics.from_json(document, where=Path("metrics.json"))
    assert metrics.to_json() == document
    assert list(metrics.to_json()) == list(document)
    assert metrics.classes == ("cat", "dog", "owl")


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(PLACES), st.sampled_from([None, True, -1, 2.5, "text", [], {}, [[]], "gone"]))
def test_from_json__any_damage_is_refused_or_can_be_shown(path, value):
    document = copy.deepcopy(DOCUMENT)
    inner = document
    for key in path[:-1]:
        inner = inner[key]
    if value == "gone":
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    with contextlib.suppress(DataError):
        run_metrics(document)
        assert "<html" in render(json.loads(json.dumps(document)))


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"classes": ["a"]}, "classes"),
        ({"classes": ["a", "b"]}, "valid.per_class"),
        ({"test": {**DOCUMENT["test"], "confusion": [[1, 2], [3, 4], [5, 6]]}}, "test.confusion"),
        ({"thresholds": {"unsure": 0.5, "unlike": None, "promise": {"asked": 1}}}, "thresholds.promise.error"),
    ],
)
def test_from_json__tables_that_do_not_fit_the_classes(change, place):
    with pytest.raises(DataError, match=f"damaged at {place}"):
        run_metrics(DOCUMENT | change)
