"""Each plot as a file of its own."""

from __future__ import annotations

import math
import sys
import xml.etree.ElementTree as ET

import pytest

from metrics_documents import metrics_document, write_figures
from tellapart.errors import MissingExtraError
from tellapart.report.evidence import Evidence
from tellapart.report.figures import smoothed

HISTORY = tuple({"epoch": n, "loss": 1 / n, "accuracy": None if n == 2 else n / 5} for n in range(1, 5))
BAND = {"value": 0.8, "low": 0.7, "high": 0.9}
POINTS = [{"n": n, "accuracy": BAND, "per_class": [{"class": "a", "n": 2, "recall": BAND}]} for n in (10, 20)]


def test_write_figures__every_plot_as_png_and_svg_and_twice_the_same(tmp_path):
    pytest.importorskip("matplotlib", reason="needs the extra: pip install 'tellapart[figures]'")
    document = metrics_document(("$a$ & <b>", "b", "日本"), test=60)
    evidence = Evidence(history=HISTORY, analysis={"learning_curve": {"points": POINTS}})
    written = write_figures(tmp_path / "one", document, evidence)
    names = ("confusion", "classes", "reliability", "thresholds", "history", "learning-curve")
    assert [path.name for path in written] == [f"{name}.{kind}" for name in names for kind in ("png", "svg")]
    again = write_figures(tmp_path / "two", document, evidence)
    for first, second in zip(written, again, strict=True):
        assert first.read_bytes() == second.read_bytes()
    drawing = ET.parse(tmp_path / "one" / "classes.svg").getroot()
    assert "$a$ & <b>" in ["".join(element.itertext()) for element in drawing.iter() if element.tag.endswith("text")]


def test_write_figures__only_what_there_are_numbers_for(tmp_path):
    pytest.importorskip("matplotlib", reason="needs the extra: pip install 'tellapart[figures]'")
    document = metrics_document(test=60)
    del document["test"]["reliability"]
    names = {path.stem for path in write_figures(tmp_path, document, Evidence())}
    assert names == {"confusion", "classes", "thresholds"}


def test_report__figures_without_matplotlib(trained, tellapart, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    outcome = tellapart("report", trained.run, "--figures", tmp_path / "plots")
    assert outcome.code == MissingExtraError.exit_code
    assert "pip install 'tellapart[figures]'" in outcome.complaint
    assert not (tmp_path / "plots").exists()


def test_smoothed__keeps_a_factor_of_the_past_and_passes_gaps_over():
    assert smoothed([1.0, 2.0, 3.0]) == pytest.approx([1.0, 1.2, 1.56])
    first, gap, last = smoothed([1.0, math.nan, 2.0])
    assert (first, last) == (1.0, pytest.approx(1.2))
    assert math.isnan(gap)
