"""The demo: the whole job on digits that come with scikit-learn, here on a few of them."""

import numpy as np
import pytest
import sklearn.datasets
from PIL import Image
from sklearn.utils import Bunch

from tellapart.commands.demo import write_digits


@pytest.fixture
def few_digits(monkeypatch):
    """Eight pictures of each digit."""
    digits = sklearn.datasets.load_digits()
    chosen = np.concatenate([np.flatnonzero(digits.target == digit)[:8] for digit in range(10)])
    few = Bunch(images=digits.images[chosen], target=digits.target[chosen])
    monkeypatch.setattr(sklearn.datasets, "load_digits", lambda: few)
    return few


def test_write_digits__are_the_digits_and_a_second_time_changes_nothing(few_digits, tmp_path):
    write_digits(tmp_path)
    files = sorted(tmp_path.glob("*/*.png"))
    assert len(files) == 80
    assert [len(list((tmp_path / str(digit)).iterdir())) for digit in range(10)] == [8] * 10
    pixels = np.asarray(Image.open(tmp_path / "3" / "0025.png"))
    np.testing.assert_allclose(pixels / 255 * 16, few_digits.images[25], atol=0.04)
    times = [file.stat().st_mtime_ns for file in files]
    write_digits(tmp_path)
    assert [file.stat().st_mtime_ns for file in files] == times


def test_run_demo__does_the_whole_job(few_digits, tmp_path, tellapart):
    outcome = tellapart("demo", "-o", tmp_path / "demo")
    assert outcome.code == 0, outcome.err
    assert "10 classes" in outcome.out
    assert (tmp_path / "demo" / "report.html").exists()
    assert tellapart("demo", "-o", tmp_path / "demo").code == 2
