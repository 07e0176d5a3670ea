import numpy as np

from mosaic import AROUND, GAP, caption_language, kernel_mosaic, map_mosaic, mosaic
from tellapart.explain import lettering


def test_mosaic__pictures_stand_row_by_row_with_gaps():
    pictures = np.stack([np.full((2, 3, 3), level, np.uint8) for level in (10, 20, 30)])
    canvas = mosaic(pictures, columns=2)
    assert canvas.shape == (2 * 2 + GAP, 2 * 3 + GAP, 3)
    assert (canvas[:2, :3] == 10).all()
    assert (canvas[:2, 3 + GAP :] == 20).all()
    assert (canvas[2 + GAP :, :3] == 30).all()
    assert (canvas[2] == AROUND).all()
    assert (canvas[2 + GAP :, 3:] == AROUND).all()


def test_mosaic__enlarged_pixels_are_squares():
    canvas = mosaic(np.array([[[[1, 2, 3], [4, 5, 6]]]], np.uint8), columns=8, enlarge=3)
    assert canvas.shape == (3, 6, 3)
    assert (canvas[:, :3] == [1, 2, 3]).all()
    assert (canvas[:, 3:] == [4, 5, 6]).all()


def test_map_mosaic__each_map_has_its_own_range_and_what_is_silent_is_dark():
    ramp = np.arange(4, dtype=np.float32).reshape(2, 2)
    canvas = map_mosaic(np.stack([ramp, 1000 * ramp, np.zeros((2, 2), np.float32)]), columns=3)
    first, second, empty = (canvas[:, start : start + 2, 0] for start in (0, 2 + GAP, 2 * (2 + GAP)))
    assert (first == second).all()
    assert first.tolist() == [[0, 85], [170, 255]]
    assert (empty == 0).all()


def test_kernel_mosaic__zero_is_grey_and_each_has_its_own_range():
    kernels = np.zeros((2, 3, 1, 1), np.float32)
    kernels[0, :, 0, 0] = [1.0, 0.0, -1.0]
    kernels[1, :, 0, 0] = [0.02, 0.01, 0.0]
    canvas = kernel_mosaic(kernels, columns=2, side=1)
    assert canvas[0, 0].tolist() == [255, 128, 0]
    assert canvas[0, 1 + GAP].tolist() == [255, 191, 128]


def test_kernel_mosaic__small_kernels_are_drawn_as_large_as_larger_ones():
    assert kernel_mosaic(np.ones((1, 3, 3, 3)), side=90).shape == (90, 90, 3)
    assert kernel_mosaic(np.ones((1, 3, 7, 7)), side=90).shape == (84, 84, 3)
    assert kernel_mosaic(np.ones((1, 3, 16, 11)), side=10).shape == (16, 11, 3)


def test_caption_language__english_with_one_note_where_no_font_has_the_letters(monkeypatch, capsys):
    monkeypatch.setattr(lettering, "FONTS", ())
    caption_language.cache_clear()
    assert [caption_language("zh", "左上：原图") for _ in range(2)] == ["en", "en"]
    assert capsys.readouterr().out.count("fonts-noto-cjk") == 1
    assert caption_language("en", "Top left") == "en"
    caption_language.cache_clear()
