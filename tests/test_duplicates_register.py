"""One miniature laid over another: edits lie, other pictures and lone stripes do not."""

import numpy as np
import pytest
from PIL import Image

from tellapart.data.thumbnail import SIDE
from tellapart.duplicates.placement import inverse, offset, outside, slant, turn_and_strain
from tellapart.duplicates.register import likeness
from tellapart.duplicates.shown import PairsShown


def scene(seed, side=240):
    """Detail at several scales, with less of it in colour, uint8 [side, side, 3], as a photograph has it."""
    random = np.random.default_rng(seed)
    total = np.zeros((side, side, 3))
    for cells, weight in ((4, 40), (9, 30), (20, 20), (45, 10)):
        noise = random.normal(128, 55, (cells, cells, 1)) + random.normal(0, 15, (cells, cells, 3))
        layer = Image.fromarray(noise.clip(0, 255).astype(np.uint8)).resize((side, side), Image.Resampling.BICUBIC)
        total += weight * (np.asarray(layer) / 255.0)
    return (total * 2).clip(0, 255).astype(np.uint8)


AS_IT_IS = np.array([[[1, 0, 0], [0, 1, 0]]], np.float32)


def laid(left, right, *, start=AS_IT_IS, coarse=True, least=0.0):
    pairs = np.arange(2 * len(left)).reshape(2, -1).T
    starts, least = np.repeat(start, len(left), axis=0), np.full(len(left), least)
    return likeness(PairsShown.of(np.concatenate([left, right]), pairs), starts, coarse=coarse, least=least)


def small(pixels):
    return np.asarray(Image.fromarray(pixels).resize((SIDE, SIDE), Image.Resampling.BILINEAR))


def hue(pixels):
    turned = np.asarray(Image.fromarray(pixels).convert("HSV")).copy()
    turned[..., 0] += 20
    return np.asarray(Image.fromarray(turned, "HSV").convert("RGB"))


EDITS = {
    "resized": lambda pixels: np.asarray(Image.fromarray(pixels).resize((90, 130))),
    "cropped": lambda pixels: pixels[14:-8, 6:-20],
    "brightened": lambda pixels: (pixels * 1.4).clip(0, 255).astype(np.uint8),
    "darkened": lambda pixels: (pixels * 0.5 + 20).astype(np.uint8),
    "grey": lambda pixels: np.asarray(Image.fromarray(pixels).convert("L").convert("RGB")),
    "sepia": lambda pixels: (pixels.mean(axis=2, keepdims=True) * [1.0, 0.86, 0.66]).astype(np.uint8),
    "hue": hue,
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_likeness__an_edit_is_explained_and_lies_inside(edit):
    left = np.stack([small(scene(seed)) for seed in range(6)])
    right = np.stack([small(edit(scene(seed))) for seed in range(6)])
    for found in (laid(left, right), laid(right, left)):
        assert found.detail.min() > 0.85
        assert found.whole.min() > 0.8
        assert outside(found.place).max() <= 0.07
        assert slant(found.place).max() <= 0.05


def test_likeness__other_pictures_are_not_explained():
    left, right = (np.stack([small(scene(seed)) for seed in range(start, start + 20)]) for start in (0, 100))
    assert laid(left, right).detail.max() < 0.7


def test_likeness__one_stripe_in_common_is_no_detail():
    def striped(seed):
        pixels = np.random.default_rng(seed).normal(60, 3, (240, 240, 3))
        pixels[:, 100:120] += 150
        return small(pixels.clip(0, 255).astype(np.uint8))

    found = laid(*(np.stack([striped(seed)]) for seed in (1, 2)))
    assert found.whole[0] > 0.95
    assert found.detail[0] < 0.5


def test_likeness__another_part_of_the_scene_sticks_out():
    whole = scene(3, side=300)
    found = laid(small(whole[:240, :240])[None], small(whole[24:264, :240])[None])
    assert found.detail[0] > 0.9
    assert outside(found.place)[0] == pytest.approx(0.2, abs=0.04)
    assert not found.filled[0]


@pytest.mark.parametrize("filling", ["edge", "constant"])
def test_likeness__what_was_filled_in_is_told_from_another_part_of_the_scene(filling):
    pixels = scene(3)
    moved = np.pad(pixels[24:], ((0, 24), (0, 0), (0, 0)), mode=filling)
    found = laid(small(pixels)[None], small(moved)[None])
    assert found.detail[0] > 0.85
    assert outside(found.place)[0] == pytest.approx(0.2, abs=0.04)
    assert found.filled[0]


def test_likeness__before_a_plain_background_a_shift_is_no_slope():
    """One small thing tells little of a turn; what a copy's place is like tells the rest."""
    y, x = np.mgrid[-1:1:240j, -1:1:240j]
    plain = np.repeat((200 - 20 * x + 10 * y)[..., None], 3, axis=2)
    things = np.stack([plain + np.random.default_rng(seed).normal(0, 6, plain.shape) for seed in range(6)])
    for seed, each in enumerate(things):
        across, down = 60 + 5 * seed, 50 + 8 * seed
        each[down : down + 50, across : across + 46] = 60
        each[down + 12 : down + 25, across + 9 : across + 34] = 140
    things = things.clip(0, 255).astype(np.uint8)
    moved = np.pad(things[:, :-20, 24:], ((0, 0), (20, 0), (0, 24), (0, 0)))
    found = laid(np.stack([small(each) for each in things]), np.stack([small(each) for each in moved]))
    assert found.filled.all()
    assert slant(found.place).max() <= 0.045
    np.testing.assert_allclose(found.place[:, :, 2], [[0.2, -1 / 6]] * 6, atol=0.03)


def test_turn_and_strain__are_those_of_a_picture_that_was_squashed_after_its_turn():
    turn, shape = np.radians(30), 4 / 3
    cosine, sine = 0.8 * np.cos(turn), 0.8 * np.sin(turn)
    place = np.array([[[cosine, -sine / shape, 0.1], [sine * shape, cosine, 0]]], np.float32)
    mirrored = place * np.array([[[-1], [1]]], np.float32)
    for each in (place, mirrored):
        degrees, strain = turn_and_strain(each)
        assert abs(degrees[0]) == pytest.approx(30, abs=0.1)
        assert strain[0] == pytest.approx(0, abs=1e-3)
    assert turn_and_strain(place * np.array([[[1.3], [1]]], np.float32))[1][0] > 0.1
    assert offset(place)[0] == pytest.approx(0.1)
    corners = np.array([[0.5], [0.2], [1]], np.float32)
    there = np.concatenate([place[0] @ corners, [[1]]])
    np.testing.assert_allclose(inverse(place)[0] @ there, corners[:2], atol=1e-5)


def test_likeness__flat_pictures_and_none_at_all():
    flat = np.full((2, SIDE, SIDE, 3), 7, np.uint8)
    found = laid(flat, flat)
    assert np.isfinite([found.detail, found.whole, outside(found.place)]).all()
    assert found.energy.max() < 1e-6
    assert len(laid(flat[:0], flat[:0]).detail) == 0


@pytest.mark.parametrize("degrees", [8, 12])
def test_likeness__slivers_of_black_along_the_frame_are_not_compared(degrees):
    bright = [(scene(seed) * 0.25 + 180).astype(np.uint8) for seed in range(4)]
    turned = [np.asarray(Image.fromarray(each).rotate(degrees, Image.Resampling.BILINEAR)) for each in bright]
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    start = np.array([[[cosine, sine, 0], [-sine, cosine, 0]]], np.float32)
    copies, originals = (np.stack([small(each) for each in some]) for some in (turned, bright))
    assert laid(copies, originals, start=start, coarse=False).detail.min() > 0.9
    assert laid(originals, copies, start=inverse(start), coarse=False).detail.min() > 0.9


def test_likeness__the_picture_with_more_detail_is_laid_over_the_other():
    whole = np.stack([small(scene(seed)) for seed in range(6)])
    part = np.stack([small(scene(seed)[24:-24, 24:-24]) for seed in range(6)])
    start = np.array([[[1.25, 0, 0], [0, 1.25, 0]]], np.float32)
    assert laid(part, whole, start=start).detail.min() > 0.985
    assert laid(whole, part, start=inverse(start)).detail.min() > 0.985


def test_likeness__of_what_explains_too_little_no_more_is_told():
    pictures = np.stack([small(scene(1)), small(scene(2))])
    all_told, told = (laid(pictures[:1], pictures[:1], least=least) for least in (0.0, 0.9))
    assert told.detail == all_told.detail > 0.99
    assert told.whole == all_told.whole > 0.99
    less = laid(pictures[:1], pictures[:1], least=1.1)
    assert less.detail == all_told.detail
    assert (less.whole, less.cover, less.across) == (0, 0, 0)
