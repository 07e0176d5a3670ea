"""The colours of evidence are even, of equal weight on both sides, and told apart without seeing red and green."""

import numpy as np
import pytest

from tellapart.explain.colours import evidence_colours, grey_levels

# From linear sRGB to what is left of it without one kind of cone (Machado et al., 2009, severity 1).
BLINDNESS = {
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
}


def linear(colours):
    encoded = colours / 255
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)


def oklab(light):
    cones = light @ np.array([[0.4122, 0.5363, 0.0514], [0.2119, 0.6807, 0.1074], [0.0883, 0.2817, 0.6300]]).T
    return (
        np.cbrt(cones) @ np.array([[0.2105, 0.7936, -0.0041], [1.9780, -2.4286, 0.4506], [0.0259, 0.7828, -0.8087]]).T
    )


@pytest.mark.parametrize("grey", [0, 60, 128, 200, 255])
def test_evidence_colours__equal_steps_on_every_grey(grey):
    strength = np.linspace(0, 1, 9)
    for sign in (-1, 1):
        colours = oklab(linear(evidence_colours(sign * strength, grey=np.full(9, grey, np.uint8))))
        steps = np.linalg.norm(np.diff(colours, axis=0), axis=1)
        assert steps.max() < 1.35 * steps.min()


def test_evidence_colours__neither_side_looks_stronger():
    against, pale, favour = oklab(linear(evidence_colours(np.array([-1.0, 0.0, 1.0]), grey=np.full(3, 128, np.uint8))))
    assert against[0] == pytest.approx(favour[0], abs=0.02)
    assert np.linalg.norm(against[1:]) == pytest.approx(np.linalg.norm(favour[1:]), abs=0.02)
    assert np.linalg.norm(pale[1:]) < 0.01


@pytest.mark.parametrize("blindness", BLINDNESS)
def test_evidence_colours__are_told_apart_by_the_colour_blind(blindness):
    colours = linear(evidence_colours(np.array([-1.0, 0.0, 1.0]), grey=np.full(3, 128, np.uint8)))
    against, pale, favour = oklab((colours @ np.array(BLINDNESS[blindness]).T).clip(0, 1))
    assert np.linalg.norm(against - favour) > 0.2
    assert min(np.linalg.norm(against - pale), np.linalg.norm(favour - pale)) > 0.07


def test_evidence_colours__the_picture_shows_below():
    levels = np.arange(256, dtype=np.uint8)
    for strength in (-1.0, 0.0, 1.0):
        shown = grey_levels(evidence_colours(np.full(256, strength), grey=levels)).astype(int)
        assert shown[-1] - shown[0] > 15
        assert np.diff(shown).min() >= -1
