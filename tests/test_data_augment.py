"""Augmentation: what is drawn depends on seed, epoch and index alone, and what is done is what Keras does."""

import math
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from pictures import make_pixels
from tellapart.data.augment import CHAPTER, NOTHING, Augmentation, AugmentedView, MovedView, augment, compose, draw_warp
from tellapart.data.warp import IDENTITY, Warp, load_cv2, warp_pixels
from tellapart.errors import MissingExtraError

SIDE = 32
PIXELS = make_pixels(5, kind=1, width=SIDE, height=SIDE)


@pytest.fixture(autouse=True)
def needs_opencv(request):
    if "missing" not in request.node.name:
        pytest.importorskip("cv2", reason="needs the extra: pip install 'tellapart[torch]'")


def by_keras(pixels, *, rotation, shift, shear, zoom, flip, upside_down):
    """What Keras 3 computes, operation by operation, float [S, S, 3]."""
    theta, slant = np.deg2rad(rotation), np.deg2rad(shear)
    turn = np.array([[np.cos(theta), -np.sin(theta), 0], [np.sin(theta), np.cos(theta), 0], [0, 0, 1]])
    move = np.array([[1, 0, shift[0]], [0, 1, shift[1]], [0, 0, 1]])
    shears = np.array([[1, -np.sin(slant), 0], [0, np.cos(slant), 0], [0, 0, 1]])
    middle = len(pixels) / 2 - 0.5
    centre = np.array([[1, 0, middle], [0, 1, middle], [0, 0, 1]])
    matrix = centre @ turn @ move @ shears @ np.diag([*zoom, 1]) @ np.linalg.inv(centre)
    matrix = matrix[[1, 0, 2]][:, [1, 0, 2]]
    channels = [
        ndimage.affine_transform(channel, matrix[:2, :2], matrix[:2, 2], order=1, mode="nearest")
        for channel in np.moveaxis(pixels.astype(np.float64), 2, 0)
    ]
    changed = np.stack(channels, axis=2)
    changed = changed[:, ::-1] if flip else changed
    return changed[::-1] if upside_down else changed


@given(
    st.fixed_dictionaries(
        {
            "rotation": st.floats(-180, 180),
            "shift": st.tuples(st.floats(-20, 20), st.floats(-20, 20)),
            "shear": st.floats(-30, 30),
            "zoom": st.tuples(st.floats(0.3, 1.9), st.floats(0.3, 1.9)),
            "flip": st.booleans(),
            "upside_down": st.booleans(),
        }
    )
)
def test_compose__one_warp_is_what_keras_does_step_by_step(drawn):
    ours = warp_pixels(PIXELS, Warp(matrix=compose(**drawn, side=SIDE)))
    # OpenCV before 5 places samples to a 32nd of a pixel.
    assert np.abs(ours - by_keras(PIXELS, **drawn)).max() < 5


def test_compose__a_flip_alone_mirrors_to_the_pixel():
    matrix = compose(rotation=0, shift=(0, 0), shear=0, zoom=(1, 1), flip=True, side=SIDE)
    np.testing.assert_array_equal(warp_pixels(PIXELS, Warp(matrix=matrix)), PIXELS[:, ::-1])


def test_compose__a_shift_fills_from_the_nearest():
    matrix = compose(rotation=0, shift=(5, 0), shear=0, zoom=(1, 1), flip=False, side=SIDE)
    moved = warp_pixels(PIXELS, Warp(matrix=matrix))
    np.testing.assert_array_equal(moved[:, :-5], PIXELS[:, 5:])
    np.testing.assert_array_equal(moved[:, -5:], np.repeat(PIXELS[:, -1:], 5, axis=1))


def test_warp_pixels__gain_and_bias_stay_within_the_levels():
    bright = warp_pixels(PIXELS, Warp(gain=2.0, bias=-40.0))
    np.testing.assert_array_equal(bright, (PIXELS * 2.0 - 40).clip(0, 255).astype(np.uint8))


def test_augment__nothing_asked_for_gives_the_same_array():
    assert augment(PIXELS, augmentation=NOTHING, seed=0, epoch=0, index=0) is PIXELS
    assert warp_pixels(PIXELS, Warp()) is PIXELS
    assert compose(rotation=0, shift=(0, 0), shear=0, zoom=(1.0, 1.0), flip=False, side=9) == IDENTITY


def test_augment__order_and_workers_change_nothing():
    def one(place):
        return augment(PIXELS, augmentation=CHAPTER, seed=3, epoch=place // 10, index=place % 10).tobytes()

    forward = [one(place) for place in range(40)]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(one, range(40))) == forward
    assert [one(place) for place in reversed(range(40))] == forward[::-1]
    assert len(set(forward)) == 40


def test_augment__the_source_is_left_as_it_is():
    before = PIXELS.copy()
    changed = augment(PIXELS, augmentation=Augmentation(brightness=1, rotation=90), seed=0, epoch=0, index=1)
    assert changed.shape == PIXELS.shape
    assert changed.dtype == np.uint8
    assert changed.flags.c_contiguous
    np.testing.assert_array_equal(PIXELS, before)


@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("rotation", 40),
        ("width_shift", 0.2),
        ("height_shift", 0.3),
        ("zoom", 0.2),
        ("brightness", 0.5),
        ("contrast", 0.5),
    ],
)
def test_draw_warp__each_range_is_filled_and_never_left(name, most):
    warps = [draw_warp(Augmentation(**{name: most}), seed=0, epoch=0, index=index, side=101) for index in range(400)]
    drawn = np.array([measured(warp, name) for warp in warps])
    assert np.abs(drawn).max() <= most * (1 + 1e-9)
    assert drawn.max() > 0.97 * most
    assert drawn.min() < -0.97 * most
    assert abs(drawn.mean()) < 0.1 * most


def measured(warp, name):
    """How far a warp of one range went, on a square of 101 pixels."""
    (x_by_x, _, x_offset), (y_by_x, _, y_offset) = warp.matrix
    return {
        "rotation": np.rad2deg(np.arctan2(y_by_x, x_by_x)),
        "width_shift": x_offset / 101,
        "height_shift": y_offset / 101,
        "zoom": x_by_x - 1,
        "brightness": warp.gain - 1,
        "contrast": warp.gain - 1,
    }[name]


@pytest.mark.parametrize("flip", ["horizontal_flip", "vertical_flip"])
def test_draw_warp__every_other_picture_is_mirrored(flip):
    flips = [
        draw_warp(Augmentation(**{flip: True}), seed=0, epoch=0, index=index, side=SIDE).matrix != IDENTITY
        for index in range(1000)
    ]
    assert 440 < sum(flips) < 560


def test_draw_warp__the_two_mirrors_are_drawn_apart():
    both = Augmentation(horizontal_flip=True, vertical_flip=True)
    signs = [draw_warp(both, seed=0, epoch=0, index=index, side=SIDE).matrix for index in range(1000)]
    kinds = Counter((across[0] < 0, down[1] < 0) for across, down in signs)
    assert len(kinds) == 4
    assert min(kinds.values()) > 200


def test_draw_warp__leaving_one_range_out_does_not_change_the_others():
    whole = draw_warp(Augmentation(rotation=30, brightness=0.3), seed=1, epoch=2, index=3, side=SIDE)
    part = draw_warp(Augmentation(rotation=30), seed=1, epoch=2, index=3, side=SIDE)
    assert whole.matrix == part.matrix
    assert whole.gain != part.gain


def test_draw_warp__contrast_keeps_mid_grey():
    warp = draw_warp(Augmentation(contrast=0.8), seed=1, epoch=0, index=0, side=SIDE)
    assert warp.gain * 127.5 + warp.bias == pytest.approx(127.5)


@pytest.mark.parametrize(
    "wrong", [{"rotation": -1}, {"rotation": 181}, {"zoom": 1}, {"shear": float("nan")}, {"fill": "reflect"}]
)
def test_augmentation__refuses_what_cannot_be_meant(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Augmentation(**wrong)


def test_augment__refuses_what_is_no_square():
    with pytest.raises(ValueError, match="square"):
        augment(PIXELS[:-1], augmentation=CHAPTER, seed=0, epoch=0, index=0)


def test_view__depends_on_the_picture_and_not_on_its_place():
    view = AugmentedView(augmentation=CHAPTER, seed=0, number=1)
    first, second = (view.apply(PIXELS, bytes([number] * 32)) for number in (1, 2))
    np.testing.assert_array_equal(first, view.apply(PIXELS.copy(), bytes([1] * 32)))
    assert (first != second).any()


def test_view__whatever_changes_the_pixels_changes_the_key():
    views = [
        AugmentedView(augmentation=augmentation, seed=seed, number=number)
        for augmentation in (CHAPTER, Augmentation(rotation=40), Augmentation(shear=40))
        for seed in (0, 1)
        for number in (0, 1)
    ] + [MovedView(flip=True), MovedView(upside_down=True), MovedView(rotation=40), MovedView(rotation=-40)]
    assert len({view.key for view in views}) == len(views)


def test_moved_view__turns_and_mirrors_every_picture_alike():
    np.testing.assert_array_equal(MovedView(flip=True).apply(PIXELS, b""), PIXELS[:, ::-1])
    np.testing.assert_array_equal(MovedView(upside_down=True).apply(PIXELS, b""), PIXELS[::-1])
    turned = MovedView(rotation=180).apply(PIXELS, b"")
    assert np.abs(turned.astype(int) - PIXELS[::-1, ::-1]).max() <= 1


def test_load_cv2__missing_names_the_install_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'tellapart\[torch\]'"):
        load_cv2()


def test_chapter__its_shear_is_in_radians_as_its_keras_took_it():
    assert math.radians(CHAPTER.shear) == pytest.approx(0.2)


def test_views__say_what_is_shown():
    asked = "to see whether their class stays"
    assert MovedView(flip=True).shown == f"pictures mirrored, {asked}"
    assert MovedView(rotation=-10, upside_down=True).shown == f"pictures turned by -10 degrees and upside down, {asked}"
    assert AugmentedView(augmentation=CHAPTER, seed=0, number=1).shown == "augmented pictures, view 2 of each"
