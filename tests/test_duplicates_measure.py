"""How much of one picture another explains, and how much it changes, against plain ways to compute the same."""

import numpy as np
import pytest

from tellapart.data.rgb import LUMA
from tellapart.duplicates.measure import measured
from tellapart.duplicates.overlay import laid_over
from tellapart.duplicates.placement import UPRIGHT
from test_duplicates_register import scene, small

AS_THEY_ARE = UPRIGHT[None].astype(np.float32)


def told(left, right):
    pictures = np.stack([left, right])
    pair = np.array([0]), np.array([1])
    content = np.ones(pictures.shape[:3], np.float32)
    return measured(pictures, content, pair, AS_THEY_ARE.copy(), worth=np.array([True]), least=np.zeros(1))


def explained(known, sought, seen):
    """The share of the luminance of sought [s, s, 3] that a combination of the channels of known gives."""
    grey = known @ LUMA
    columns = [known[..., 0], known[..., 1], known[..., 2], grey * grey / 255, np.ones_like(grey)]
    design = np.stack([each[seen] for each in columns], axis=1)
    target = (sought @ LUMA)[seen]
    left_over = target - design @ np.linalg.lstsq(design, target, rcond=None)[0]
    return 1 - left_over.var() / target.var()


@pytest.mark.parametrize("seed", [1, 5])
def test_measured__the_whole_is_what_least_squares_explain(seed):
    left, right = small(scene(seed)), small(scene(seed + 1))
    right = (right * 0.3 + left[..., ::-1] * 0.5).astype(np.uint8)
    _, seen = laid_over(np.zeros((1, 1, *left.shape[:2]), np.float32), np.ones((1, *left.shape[:2])), AS_THEY_ARE)
    shares = [explained(one.astype(np.float64), other, seen[0] > 0) for one, other in ((left, right), (right, left))]
    assert told(left, right).whole[0] == pytest.approx(min(shares), abs=2e-3)


def test_measured__what_is_not_worth_it_is_nothing():
    pictures = np.stack([small(scene(1))] * 2)
    pair = np.array([0, 0]), np.array([1, 1])
    place, content = np.repeat(AS_THEY_ARE, 2, axis=0), np.ones(pictures.shape[:3], np.float32)
    found = measured(pictures, content, pair, place, worth=np.array([False, True]), least=np.zeros(2))
    assert found.detail.round(3).tolist() == [0, 1]
    assert found.energy[0] == 0 < found.energy[1]


def test_laid_over__a_shift_by_a_pixel_moves_it_by_one():
    side = 24
    picture = np.random.default_rng(0).random((1, 2, side, side)).astype(np.float32)
    place = np.array([[[1, 0, 2 / side], [0, 1, 0]]], np.float32)
    moved, seen = laid_over(picture, np.ones((1, side, side), np.float32), place)
    assert np.allclose(moved[..., :-1], picture[..., 1:], atol=1e-5)
    assert not seen[0, :, -2:].any()
    assert seen[0, side // 2, side // 2] == 1


def test_laid_over__nothing_is_seen_of_what_is_a_filling():
    content = np.ones((2, 24, 24), np.float32)
    content[1, :, :8] = 0
    _, seen = laid_over(np.zeros((2, 1, 24, 24), np.float32), content, np.repeat(AS_THEY_ARE, 2, axis=0))
    assert seen[0, 12, 7] == 1
    assert not seen[1, :, :8].any()
    assert seen[1, 12, 12] == 1
