"""How much of one picture another explains, and how much it changes, against plain ways to compute the same."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from tellapart.data.rgb import LUMA
from tellapart.duplicates.measure import BAND, measured
from tellapart.duplicates.overlay import laid_over
from tellapart.duplicates.placement import UPRIGHT
from test_duplicates_register import scene, small

AS_THEY_ARE = UPRIGHT[None].astype(np.float32)


def told(left, right):
    pictures = np.stack([left, right])
    pair = np.array([0]), np.array([1])
    content = np.ones(pictures.shape[:3], np.float32)
    return measured(pictures, content, pair, AS_THEY_ARE.copy(), worth=np.array([True]), least=np.zeros(1))


def with_squares(picture):
    """Red, green, blue and the squared luminance float64 [s, s, 4], all 0 to 255."""
    grey = picture @ LUMA.astype(np.float64)
    return np.concatenate([picture, (grey * grey / 255)[..., None]], axis=-1)


def detailed(picture, seen):
    """The band between two blurs of channels [s, s, C] where they are seen [s, s], less means of rows and columns."""

    def blurred(width):
        weights = gaussian_filter(seen.astype(float), width, mode="constant", truncate=8)
        inside = gaussian_filter(picture * seen[..., None], (width, width, 0), mode="constant", truncate=8)
        return inside / np.maximum(weights, 1e-3)[..., None]

    rows, columns = (slice(places.min(), places.max() + 1) for places in np.nonzero(seen))
    band = (blurred(BAND[0]) - blurred(BAND[1]))[rows, columns]  # what is seen is a rectangle
    return band - band.mean(axis=0) - band.mean(axis=1, keepdims=True) + band.mean(axis=(0, 1))


def explained(known, sought):
    """The share of the luminance of sought [..., 4] that a linear combination of the channels of known gives."""
    design = np.stack([*np.moveaxis(known, -1, 0).reshape(4, -1), np.ones(known[..., 0].size)], axis=1)
    target = (sought[..., :3] @ LUMA).ravel()
    left_over = target - design @ np.linalg.lstsq(design, target, rcond=None)[0]
    return 1 - left_over.var() / target.var()


@pytest.mark.parametrize("seed", [1, 5])
def test_measured__whole_and_detail_are_what_least_squares_explain(seed):
    left, right = small(scene(seed)), small(scene(seed + 1))
    right = (right * 0.3 + left[..., ::-1] * 0.5).astype(np.uint8)
    _, seen = laid_over(np.zeros((1, 1, *left.shape[:2]), np.float32), np.ones((1, *left.shape[:2])), AS_THEY_ARE)
    one, other = (with_squares(each.astype(np.float64)) for each in (left, right))
    shown, found = seen[0] > 0, told(left, right)
    whole = min(explained(one[shown], other[shown]), explained(other[shown], one[shown]))
    assert found.whole[0] == pytest.approx(whole, abs=2e-3)
    fine, finer = (detailed(each, shown) for each in (one, other))
    detail = min(explained(fine, finer), explained(finer, fine))
    assert found.detail[0] == pytest.approx(detail, abs=2e-3)
    variances = [(each[..., :3] @ LUMA).var() for each in (fine, finer)]
    assert found.energy[0] == pytest.approx(min(variances), rel=1e-3)
    assert abs(whole - detail) > 0.01  # else one might pass for the other


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
