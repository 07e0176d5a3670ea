"""The grid that shows what augmentation does to one picture."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from pictures import write_picture
from tellapart.commands.augment import GAP, augment_grid, own_caption, tile
from tellapart.data.augment import CHAPTER, Augmentation
from tellapart.data.preprocess import Preprocess
from tellapart.errors import PictureError, UsageError

pytest.importorskip("cv2", reason="needs the extra: pip install 'tellapart[torch]'")


@pytest.fixture
def picture(tmp_path):
    return write_picture(tmp_path / "a.png", width=60, height=40)


def test_augment_grid__the_original_stands_first_and_no_two_are_alike(picture, tmp_path):
    out = augment_grid(picture, tmp_path / "grid.png", count=5, size=24)
    step, drawn = 24 + GAP, np.asarray(Image.open(out))
    grid, caption = drawn[-2 * 24 - GAP :, : 3 * 24 + 2 * GAP], drawn[: -2 * 24 - GAP]
    assert caption.max() > 200  # its letters
    cells = [grid[row : row + 24, column : column + 24] for row in (0, step) for column in (0, step, 2 * step)]
    np.testing.assert_array_equal(cells[0], Preprocess(size=24).apply(picture.read_bytes()).pixels)
    assert len({cell.tobytes() for cell in cells}) == 6


def test_augment_grid__the_seed_decides(picture, tmp_path):
    files = [augment_grid(picture, tmp_path / f"{place}.png", seed=seed) for place, seed in enumerate((0, 0, 1))]
    first, again, other = (file.read_bytes() for file in files)
    assert first == again
    assert first != other


def test_augment_grid__nothing_asked_for_shows_the_same_picture(picture, tmp_path):
    out = augment_grid(picture, tmp_path / "grid.png", count=3, size=16, augmentation=Augmentation())
    grid = np.asarray(Image.open(out))[-2 * 16 - GAP :, : 2 * 16 + GAP]
    np.testing.assert_array_equal(grid[:16, :16], grid[-16:, -16:])


def test_own_caption__says_which_picture_is_what_and_what_makes_them():
    lines = own_caption("a.png", count=8, seed=3, augmentation=replace(CHAPTER, brightness=0.2, vertical_flip=True))
    assert lines == [
        "Top left: a.png as it is",
        "Then 8 augmented versions of it, seed 3",
        "Ranges: rotation=40, shift=0.2, shear=11.4592, zoom=0.2,",
        "brightness=0.2, flip, vertical_flip",
    ]
    assert own_caption("a.png", count=1, seed=0, augmentation=Augmentation())[1:] == [
        "Then 1 augmented version of it, seed 0",
        "Ranges: none",
    ]


def test_augment_grid__count_and_size_have_bounds(picture, tmp_path):
    for wrong in ({"count": 0}, {"size": 4}):
        with pytest.raises(UsageError):
            augment_grid(picture, tmp_path / "grid.png", augmentation=CHAPTER, **wrong)
    assert not (tmp_path / "grid.png").exists()


@pytest.mark.parametrize("content", [None, b"text"])
def test_augment_grid__a_picture_that_cannot_be_read_is_named(tmp_path, content):
    path = tmp_path / "broken.png"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(PictureError, match=r"broken\.png"):
        augment_grid(path, tmp_path / "grid.png")


def test_tile__fills_row_by_row_with_thin_gaps():
    grid = tile([np.full((4, 4, 3), level, np.uint8) for level in (10, 20, 30)])
    assert grid.shape == (8 + GAP, 8 + GAP, 3)
    assert [grid[place][0] for place in ((0, 0), (0, -1), (-1, 0), (-1, -1), (0, 4))] == [10, 20, 30, 255, 255]
