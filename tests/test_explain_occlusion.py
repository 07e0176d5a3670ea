"""The occlusion map finds the part a score depends on, with a bounded number of looks."""

import numpy as np
import pytest

from tellapart.explain.occlusion import AT_ONCE, occlusion_heat_map, window_slices, without_detail


@pytest.mark.parametrize("side", [8, 33, 64])
def test_window_slices__cover_every_pixel_and_are_bounded(side):
    covered = np.zeros((side, side), int)
    windows = window_slices(side)
    for window in windows:
        covered[window] += 1
    assert covered.min() >= 1
    assert len(windows) <= 81


def test_without_detail__keeps_coarse_colours_only():
    square = np.zeros((32, 32, 3), np.uint8)
    square[:, 16:] = 200
    square[::2] += 20
    smooth = without_detail(square)
    assert smooth.shape == square.shape
    assert smooth[0, 0, 0] == pytest.approx(10, abs=1)
    assert smooth[0, -1, 0] == pytest.approx(210, abs=1)
    assert np.abs(np.diff(smooth[:, 0, 0].astype(int))).max() == 0


def test_occlusion_heat_map__is_hot_where_the_score_comes_from():
    square = np.full((64, 64, 3), 100, np.uint8)
    square[8:16:2, 40:48] = 255
    looks = []

    def score(squares):
        looks.append(len(squares))
        return squares[:, 8:16, 40:48].astype(float).std(axis=(1, 2, 3)) / 10

    heat = occlusion_heat_map(square, score=score, target=1, class_name="dog")
    assert (heat.method, heat.target, heat.class_name, heat.bias) == ("occlusion", 1, "dog", None)
    assert heat.logit == pytest.approx(score(square[None])[0])
    row, column = np.unravel_index(heat.values.argmax(), heat.values.shape)
    assert 4 <= row < 20
    assert 36 <= column < 52
    assert heat.values[40:, :24] == pytest.approx(0)
    assert heat.values.max() > 0
    assert max(looks) <= AT_ONCE
    assert sum(looks[:-1]) == 82
    np.testing.assert_array_equal(heat.evidence, heat.values)


def test_occlusion_heat_map__what_speaks_against_the_class_is_negative():
    square = np.full((32, 32, 3), 50, np.uint8)
    square[0:8:2, 0:8] = 250
    heat = occlusion_heat_map(
        square, score=lambda squares: -squares[:, :8, :8].astype(float).std(axis=(1, 2, 3)), target=0, class_name="a"
    )
    assert heat.values[:6, :6].max() < 0
