"""Where a picture could lie over another: turned about the middle, or a part of it."""

import numpy as np
import pytest
from PIL import Image

from tellapart.duplicates.neighbours import near_rows
from tellapart.duplicates.placement import turn_and_strain
from tellapart.duplicates.shown import PairsShown
from tellapart.duplicates.turned import NOT_ZOOMED, ZOOMED, spectrum, turned
from tellapart.duplicates.windows import shifted
from test_duplicates_register import scene, small


def shown(left, right):
    return PairsShown.of(np.stack([left, right]), np.array([[0, 1]]))


def rotated(pixels, degrees, *, mirrored=False):
    """Turned with black corners, as exporters do it."""
    picture = Image.fromarray(np.ascontiguousarray(pixels[:, ::-1] if mirrored else pixels))
    return np.asarray(picture.rotate(degrees, Image.Resampling.BILINEAR))


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("degrees", [7, 52, 180, 251])
def test_turned__finds_the_turn(degrees, mirrored):
    left = small(rotated(scene(4), degrees, mirrored=mirrored))
    alike, place = turned(shown(left, small(scene(4))), shape=1.0, zooms=NOT_ZOOMED)[mirrored]
    assert alike[0] > 0.9
    angle, strain = turn_and_strain(place)
    off = [abs((angle[0] - sign * degrees + 180) % 360 - 180) for sign in (-1, 1)]
    assert min(*off, *(abs(each - 180) for each in off)) < 4
    assert strain[0] < 1e-3
    other, _ = turned(shown(left, small(scene(9))), shape=1.0, zooms=NOT_ZOOMED)[mirrored]
    assert other[0] < 0.8


def test_turned__finds_the_zoom():
    pair = shown(small(rotated(scene(4), 20)[20:-20, 20:-20]), small(scene(4)))
    (alike, place), _ = turned(pair, shape=1.0, zooms=ZOOMED)
    assert alike[0] > 0.85
    assert abs(np.linalg.det(place[0, :, :2])) ** 0.5 == pytest.approx(1.2, abs=0.05)


def test_spectrum__no_turn_changes_it():
    pictures = [scene(seed) for seed in range(12)] + [rotated(scene(seed), 30 * seed + 10) for seed in range(12)]
    points = spectrum(np.stack([small(each) for each in pictures]), np.arange(24), shape=1.0)
    pairs, _ = near_rows(points, most=1, least=0.6)
    assert {(row, row + 12) for row in range(12)} <= {tuple(pair) for pair in pairs.tolist()}
    assert spectrum(np.empty((0, 24, 24, 3), np.uint8), np.arange(0), shape=1.0).shape[0] == 0


@pytest.mark.parametrize("mirrored", [False, True])
def test_shifted__a_part_of_the_other(mirrored):
    whole, part = scene(4), scene(4)[:170, 70:]
    left, right = small(part[:, ::-1] if mirrored else part), small(whole)
    alike, place = shifted(shown(left, right))[mirrored]
    assert alike[0] > 0.9
    expected = np.array([[240 / 170, 0, -70 / 170], [0, 240 / 170, 70 / 170]])
    expected[0] *= -1 if mirrored else 1
    np.testing.assert_allclose(place[0], expected, atol=0.12)
    assert shifted(shown(left, small(scene(9))))[mirrored][0][0] < 0.8
