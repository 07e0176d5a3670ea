"""Each plot as a file of its own."""

from __future__ import annotations

import math
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace
from types import SimpleNamespace

import pytest

from metrics_documents import metrics_document, run_metrics, write_figures
from tellapart.errors import MissingExtraError
from tellapart.progress import Silent
from tellapart.report import figures
from tellapart.report.evidence import Evidence
from tellapart.report.figures import column_name, smoothed
from tellapart.report.fonts import OWN, Fonts, font_for, fonts_for

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


def test_fonts_for__what_matplotlib_brings_is_enough_for_many_scripts():
    pytest.importorskip("matplotlib", reason="needs the extra: pip install 'tellapart[figures]'")
    assert fonts_for(["cat", "größe", "кошка", "قطة", "שלום"]) == Fonts(families=(OWN,), missing="")


def test_fonts_for__a_font_of_the_system_is_taken_for_the_letters_it_has(monkeypatch):
    pytest.importorskip("matplotlib", reason="needs the extra: pip install 'tellapart[figures]'")
    installed = {OWN: "cat", "Latin only": "cat", "Kana": "かcat", "Han": "翠"}
    monkeypatch.setattr("tellapart.report.fonts._known_fonts", lambda: [(name, name) for name in installed])
    monkeypatch.setattr("tellapart.report.fonts._add_new_fonts", lambda: False)
    monkeypatch.setattr("tellapart.report.fonts._letters_of", lambda path: set(installed[path]))
    found = fonts_for(["cat", "か 翠", "ก"])
    assert found == Fonts(families=(OWN, "Kana", "Han"), missing="ก")
    assert "1 letter that no installed font has (ก). Install Noto Sans Thai" in found.complaint()


def test_fonts_for__a_collection_installed_since_is_chosen_from_alike_at_every_call(monkeypatch):
    """Its faces are known to matplotlib from the first call on, which must not choose otherwise than the second."""
    font_manager = pytest.importorskip("matplotlib.font_manager", reason="needs the extra: tellapart[figures]")
    faces = {"own": [OWN], "latin": ["Latin"], "new.ttc": ["Kana", "Kana Mono"]}
    letters = {"own": "cat", "latin": "翠", "new.ttc": "か翠"}

    def entries(path):
        return [SimpleNamespace(name=name, fname=path, style="normal", weight=400) for name in faces[path]]

    manager = SimpleNamespace(ttflist=[*entries("own"), *entries("latin")])
    manager.addfont = lambda path: manager.ttflist.extend(entries(path))
    monkeypatch.setattr(font_manager, "fontManager", manager)
    monkeypatch.setattr(font_manager, "findSystemFonts", lambda: list(faces))
    monkeypatch.setattr("tellapart.report.fonts._letters_of", lambda path: set(letters[path]))
    expected = Fonts(families=(OWN, "Kana"), missing="")
    assert [fonts_for(["cat", "か 翠"]) for _ in range(2)] == [expected, expected]


def test_fonts_for__boxes_with_the_name_of_a_script_are_no_letters():
    pytest.importorskip("matplotlib", reason="needs the extra: pip install 'tellapart[figures]'")
    found = fonts_for(["\U0001e2c0"])  # Wancho, which the font of last resort has as such a box
    assert not [family for family in found.families if "last resort" in family.lower()]


@pytest.mark.parametrize(
    ("letter", "font"),
    [("翠", "CJK"), ("か", "CJK"), ("한", "CJK"), ("ก", "Noto Sans Thai"), ("अ", "Noto Sans Devanagari")],
)
def test_font_for__by_the_script(letter, font):
    assert font in font_for(letter)


def test_write_figures__says_which_letters_are_boxes(tmp_path, monkeypatch):
    pytest.importorskip("matplotlib", reason="needs the extra: pip install 'tellapart[figures]'")
    monkeypatch.setattr("tellapart.report.figures.fonts_for", lambda _names: Fonts(families=(OWN,), missing="翠"))
    monkeypatch.setattr("tellapart.report.figures.PLOTS", {"classes": figures.PLOTS["classes"]})
    told = Notes()
    metrics = run_metrics(metrics_document(("翠", "cat"), test=60))
    figures.write_figures(tmp_path, metrics, Evidence(), progress=told)
    assert told.notes == [Fonts(families=(OWN,), missing="翠").complaint()]


class Notes(Silent):
    """A listener that keeps notes."""

    def __init__(self):
        self.notes = []

    def note(self, text):
        self.notes.append(text)


def test_column_name__stands_as_its_script_does():
    assert (column_name("翠鸟"), column_name("cat")) == ("翠\n鸟", "cat")


def test_fonts_for__a_font_that_has_no_lighter_weight_than_medium(monkeypatch):
    font_manager = pytest.importorskip("matplotlib.font_manager")
    own = next(entry for entry in font_manager.fontManager.ttflist if entry.name == "DejaVu Sans")
    medium = replace(own, name="WenQuanYi Zen Hei", style="normal", weight=500)
    monkeypatch.setattr(font_manager.fontManager, "ttflist", [medium])
    assert fonts_for(["A"]).families == ("WenQuanYi Zen Hei",)
