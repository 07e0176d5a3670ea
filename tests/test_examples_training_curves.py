import re
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tellapart.errors import DataError, MissingExtraError, UsageError
from training_curves import draw_curves, smooth

HISTORY = [
    {
        "epoch": epoch,
        "train_loss": 1 / epoch,
        "train_accuracy": 1 - 0.5 / epoch,
        "valid_loss": loss,
        "valid_accuracy": 0.7,
    }
    for epoch, loss in enumerate((0.9, 0.5, 0.7, 0.6), 1)
]


@pytest.fixture
def matplotlib():
    return pytest.importorskip("matplotlib", reason="needs the extra: pip install 'tellapart[figures]'")


def test_smooth__the_chapter_s_moving_average():
    assert smooth([1.0, 0.0, 0.0, 1.0]) == pytest.approx([1.0, 0.8, 0.64, 0.712])


@given(st.lists(st.floats(-1e6, 1e6), max_size=20), st.floats(0, 0.99))
def test_smooth__stays_between_the_values_and_keeps_the_first(values, factor):
    smoothed = smooth(values, factor=factor)
    assert len(smoothed) == len(values)
    assert smoothed[:1] == values[:1]
    assert all(min(values) - 1e-6 <= value <= max(values) + 1e-6 for value in smoothed)


def test_smooth__factor_0_changes_nothing():
    assert smooth([3.0, 1.0, 2.0], factor=0) == [3.0, 1.0, 2.0]


@pytest.mark.parametrize("factor", [-0.1, 1.0, float("nan")])
def test_smooth__a_factor_out_of_range(factor):
    with pytest.raises(UsageError, match="from 0 to below 1"):
        smooth([1.0], factor=factor)


def test_draw_curves__a_picture_that_smoothing_changes(matplotlib, tmp_path):
    plain, smoothed = (
        np.asarray(Image.open(draw_curves(HISTORY, tmp_path / f"{factor}.png", smoothing=factor)).convert("RGB"))
        for factor in (0.0, 0.8)
    )
    assert plain.shape == smoothed.shape == (400, 1000, 3)
    assert (plain != smoothed).any()
    assert len(np.unique(plain.reshape(-1, 3), axis=0)) > 20  # dots and lines in colours, and no empty sheet


def test_draw_curves__without_valid_only_training_is_drawn(matplotlib, tmp_path):
    alone = [{**row, "valid_loss": None, "valid_accuracy": None} for row in HISTORY]
    content = draw_curves(alone, tmp_path / "curves.svg").read_text()
    assert "training" in content
    assert "validation" not in content
    assert "validation" in draw_curves(HISTORY, tmp_path / "both.svg").read_text()


def test_draw_curves__one_epoch_is_a_mark_for_each_split_above_a_whole_number(matplotlib, tmp_path):
    one, none = ([{**HISTORY[0], "valid_accuracy": value, "valid_loss": value}] for value in (0.9, None))
    drawn = draw_curves(one, tmp_path / "one.svg").read_text()
    without = draw_curves(none, tmp_path / "none.svg").read_text()
    assert drawn.count("<use ") >= without.count("<use ") + 4  # a mark, and one in the legend, in both panels
    (axis, *_) = re.findall(r'id="matplotlib.axis_1">(.*?)id="matplotlib.axis_2"', drawn, re.DOTALL)
    assert re.findall(r"<!-- (.+) -->", axis) == ["1", "epoch"]


def test_draw_curves__marks_the_least_loss_on_validation_and_the_epoch_that_was_kept(matplotlib, tmp_path):
    plain = draw_curves(HISTORY, tmp_path / "plain.svg").read_text()
    kept = draw_curves(HISTORY, tmp_path / "kept.svg", kept=3).read_text()
    smoothed = draw_curves(HISTORY, tmp_path / "smoothed.svg", smoothing=0.8).read_text()
    assert "<!-- least on validation: epoch 2 -->" in plain
    assert "<!-- least on validation: epoch 4 -->" in smoothed
    assert "kept" not in plain
    assert kept.count("<!-- kept: epoch 3 -->") == 2  # in both panels


def test_draw_curves__a_history_that_is_not_of_epochs(tmp_path):
    with pytest.raises(DataError, match="no history of epochs"):
        draw_curves([{"strength": 1.0}], tmp_path / "curves.png")
    assert not list(tmp_path.iterdir())


def test_draw_curves__an_unknown_suffix(matplotlib, tmp_path):
    with pytest.raises(UsageError, match=r"no picture of curves has this suffix: .*\.docx"):
        draw_curves(HISTORY, tmp_path / "curves.docx")
    assert not list(tmp_path.iterdir())


def test_draw_curves__without_matplotlib(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'tellapart\[figures\]'"):
        draw_curves(HISTORY, tmp_path / "curves.png")
