"""What a miniature shows, and in how many directions."""

import numpy as np

from tellapart.data.thumbnail import SIDE
from tellapart.duplicates.miniature import blurred, content_of, eigenvalue_ratio


def test_content_of__a_filling_reaches_from_the_frame_and_is_not_most_of_it():
    pictures = np.full((4, SIDE, SIDE, 3), 120, np.uint8)
    pictures[0, :, :6] = 0
    pictures[1, 8:12, 8:12] = 0
    pictures[2, :, :16] = 255
    content = content_of(pictures)
    assert content[0, :, :7].max() == 0
    assert content[0, :, 7:].min() == 1
    assert content[1:].min() == 1


def test_eigenvalue_ratio__is_small_for_stripes_and_large_for_what_changes_every_way():
    stripes = np.tile(np.sin(np.arange(SIDE) / 3) * 100, (SIDE, 1))
    noise = np.random.default_rng(1).uniform(0, 255, (SIDE, SIDE))
    along, everywhere = eigenvalue_ratio(np.stack([stripes, noise]).astype(np.float32))
    assert along < 0.01
    assert everywhere > 0.5


def test_blurred__spreads_a_point_and_leaves_no_subnormal_numbers():
    point = np.zeros((1, 64, 64), np.float32)
    point[0, 32, 32] = 1
    for width in (0.6, 0.7, 1.0, 3.0):
        found = blurred(point, width)
        assert abs(found.sum() - 1) < 1e-5
        assert found[found > 0].min() > 1e-30
