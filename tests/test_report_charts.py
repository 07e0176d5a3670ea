"""The numbers behind the charts: where the slider opens."""

from dataclasses import replace

import pytest

from metrics_documents import metrics_document, run_metrics
from tellapart.evaluation.intervals import wilson
from tellapart.report.charts import threshold_curve

CURVE = {
    "threshold": [0.99, 0.9, 0.8, 0.6],
    "answered": [10, 50, 80, 100],
    "wrong": [0, 0, 2, 9],
    "low": [0.0, 0.0, 0.0, 0.0],
    "high": [0.3, 0.1, 0.1, 0.2],
}


def metrics_of(*, unsure, answered=0, wrong=0):
    selective = {"answered": answered, "wrong": wrong, "error": wilson(wrong, answered).to_json()}
    test = {"n": 100, "risk_coverage": CURVE, "selective": selective}
    return replace(run_metrics(metrics_document()), test=test, thresholds={"unsure": unsure})


@pytest.mark.parametrize(
    ("unsure", "answered", "wrong", "places"),
    [(0.85, 60, 1, 5), (0.88, 50, 0, 4), (0.995, 0, 0, 5), (0.5, 100, 9, 4), (0.9, 50, 0, 4)],
)
def test_threshold_curve__opens_on_the_models_own_figures(unsure, answered, wrong, places):
    curve = threshold_curve(metrics_of(unsure=unsure, answered=answered, wrong=wrong))
    start = curve["start"]
    assert [curve[name][start] for name in ("threshold", "answered", "wrong")] == [unsure, answered, wrong]
    assert len(curve["answered"]) == places
    assert curve["answered"] == sorted(set(curve["answered"]))


def test_threshold_curve__opens_on_no_answer_where_no_class_can_promise_anything():
    curve = threshold_curve(metrics_of(unsure=0.6, answered=0))
    assert [curve[name][curve["start"]] for name in ("threshold", "answered", "wrong")] == [1.0, 0, 0]


def test_threshold_curve__without_a_threshold_the_loosest_that_is_good_enough():
    curve = threshold_curve(metrics_of(unsure=None))
    assert curve["answered"][curve["start"]] == 50


def test_threshold_curve__an_older_run_has_none():
    assert threshold_curve(replace(run_metrics(metrics_document()), test={"n": 3})) is None
