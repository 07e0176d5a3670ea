"""Pictures as a program has them become an index; what is no picture is one line with its place."""

import io
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from pictures import encode, every_format, make_pixels, write_picture
from tellapart.data.decode import decode, upright
from tellapart.data.pil import pixels_of
from tellapart.data.samples import index_of_samples, is_missing, one_column
from tellapart.errors import DataError, PictureError
from tellapart.features.content import content_digest, picture_content

RGB, GREY = make_pixels(1), make_pixels(2)[..., 0]
MODES = (
    "1",
    "L",
    "P",
    "RGB",
    "RGBA",
    "CMYK",
    "YCbCr",
    "LAB",
    "HSV",
    "I",
    "F",
    "LA",
    "PA",
    "RGBX",
    "RGBa",
    "La",
    "I;16",
)


def contents(index):
    return [picture_content(index, picture) for picture in index.pictures]


def test_index_of_samples__paths_arrays_and_pil_pictures_in_one_list(tmp_path):
    file = write_picture(tmp_path / "a.png", seed=5)
    image = Image.fromarray(RGB)
    index = index_of_samples([file, RGB, str(file), GREY, image, Image.fromarray(GREY)], labels=list("abcabc"))
    assert [picture.path for picture in index.pictures] == [str(file), "X[1]", str(file), "X[3]", "X[4]", "X[5]"]
    assert [picture.label for picture in index.pictures] == list("abcabc")
    assert index.classes == ("a", "b", "c")
    assert index.arrays.keys() == {index.pictures[place].file for place in (1, 3, 4, 5)}
    read = contents(index)
    assert read[0] == read[2] == file.read_bytes()
    for place, expected in ((1, RGB), (3, GREY), (4, RGB), (5, GREY)):
        np.testing.assert_array_equal(read[place], expected)
    assert content_digest(read[1]) == content_digest(read[4]) != content_digest(read[3])


@pytest.mark.parametrize("many", [np.stack([RGB, RGB + 1]), np.stack([GREY, GREY + 1])], ids=["colour", "grey"])
def test_index_of_samples__one_array_of_many_is_the_list_of_them(many):
    for given_as in (many, list(many), tuple(many), iter(many)):
        np.testing.assert_array_equal(contents(index_of_samples(given_as)), many)


@pytest.mark.parametrize("one", [RGB, GREY, Image.fromarray(RGB)], ids=["colour", "grey", "PIL"])
def test_index_of_samples__one_picture_is_one(one):
    (content,) = contents(index_of_samples(one))
    np.testing.assert_array_equal(content, np.asarray(one))


def test_index_of_samples__an_array_that_is_a_view_is_read_as_it_shows():
    flipped = RGB[::-1, ::-2]
    (content,) = contents(index_of_samples([flipped]))
    np.testing.assert_array_equal(content, flipped)
    assert content_digest(content) == content_digest(flipped.copy())


@given(
    st.lists(
        st.tuples(st.integers(1, 5), st.integers(1, 5), st.sampled_from([(), (3,)])).flatmap(
            lambda sides: arrays(np.uint8, (*sides[:2], *sides[2]))
        ),
        min_size=1,
        max_size=5,
    )
)
@settings(max_examples=60, deadline=None)
def test_index_of_samples__any_uint8_picture_comes_back(pictures):
    for expected, content in zip(pictures, contents(index_of_samples(pictures)), strict=True):
        np.testing.assert_array_equal(content, expected)


NO_PICTURES = [
    (np.zeros((4, 4), np.float32), "a float32 array [4, 4] is no picture: X[1]. Give uint8 from 0 to 255; of values"),
    (np.zeros((4, 4), np.int64), "an? int64 array [4, 4] is no picture: X[1]. Give uint8 from 0 to 255"),
    (
        np.zeros((4, 4), bool),
        'a bool array [4, 4] is no picture: X[1]. Give uint8 from 0 to 255: array.astype("uint8")',
    ),
    (np.zeros((4, 4, 4), np.uint8), "a uint8 array [4, 4, 4] is no picture: X[1]. Give paths, uint8 arrays [H, W]"),
    (np.zeros((3, 4, 5), np.uint8), "Put the channels last: array.transpose(1, 2, 0)."),
    (np.zeros((4, 5, 1), np.uint8), "array[..., 0]"),
    (np.zeros(5, np.uint8), "a uint8 array [5] is no picture: X[1]"),
    (np.zeros((0, 4), np.uint8), "an empty array [0, 4] is no picture: X[1]"),
    (np.zeros((4, 0, 3), np.uint8), "an empty array [4, 0, 3] is no picture: X[1]"),
    (None, "the value is missing (None): X[1]"),
    (float("nan"), "the value is missing (nan): X[1]"),
    (b"\x89PNG", "4 bytes are no path: X[1]. Open them with PIL"),
    (bytearray(3), "3 bytes are no path: X[1]. Open them with PIL"),
    ("https://example.org/cat.png", "a web address, not a file or folder: X[1]: https://example.org/cat.png"),
    ("data:image/png;base64,iVBOR", "is no path: X[1]"),
    ("x" * 300, "no such file or folder: X[1]: xxx"),
    ("y" * 100_000, "a text of 100,000 characters"),
    ("[[[228, 1], [2, 3]]]", "no file matches this pattern: X[1]"),
    ("nul\0byte", "no such file or folder: X[1]"),
    ("", "an empty text is no path: X[1]"),
    (7, "an int is no picture: X[1]"),
    ([[1, 2], [3, 4]], "a list is no picture: X[1]"),
    (RGB.tolist(), "a list is no picture: X[1]"),
    ({"path": "a.png"}, "a dict is no picture: X[1]"),
    (io.BytesIO(), "a BytesIO is no picture: X[1]"),
]


@pytest.mark.parametrize(("value", "message"), NO_PICTURES, ids=range(len(NO_PICTURES)))
def test_index_of_samples__what_is_no_picture_is_one_line_with_its_place(value, message):
    with pytest.raises(DataError) as caught:
        index_of_samples([RGB, value])
    assert message.replace("an? ", "a ") in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        ([], "no pictures were given: X"),
        (np.zeros((0, 4, 4), np.uint8), "no pictures were given: X"),
        (np.zeros((2, 4, 5), np.float64), "a float64 array [4, 5] is no picture: X[0]"),
        (np.zeros((2, 4, 5, 4), np.uint8), "a uint8 array [4, 5, 4] is no picture: X[0]"),
        (np.zeros((8, 9, 4), np.uint8), "a uint8 array [8, 9, 4] is no picture: X. "),
        (np.zeros(9, np.uint8), "a uint8 array [9] is no picture: X"),
        (np.zeros((2, 2), object), "an array [2, 2] of object is no picture: X"),
        (None, "the value is missing (None): X"),
        (3, "an int is no picture: X"),
        (b"abc", "3 bytes are no path: X"),
        ({"a.png"}, "a set has no order: X"),
        ({"a.png": 1}, "a dict has no order: X"),
    ],
    ids=range(12),
)
def test_index_of_samples__what_is_neither_one_nor_many(samples, message):
    with pytest.raises(DataError, match=r"^[^\n]*$") as caught:
        index_of_samples(samples)
    assert message in str(caught.value)


def test_index_of_samples__not_one_label_each():
    with pytest.raises(DataError, match=r"2 labels for 1 picture: X\. Give one label"):
        index_of_samples([RGB], labels=["a", "b"])
    with pytest.raises(DataError, match=r"An array \[40, 48\] is one picture; many are \[N, H, W\]"):
        index_of_samples(GREY, labels=["a", "b"])


def test_index_of_samples__arrays_of_texts_in_one_column(tmp_path):
    files = [write_picture(tmp_path / f"{number}.png", seed=number) for number in range(3)]
    for given_as in (np.array(files, object)[:, None], np.array([str(file) for file in files])):
        assert [picture.file for picture in index_of_samples(given_as).pictures] == files
    assert index_of_samples(np.array(str(files[0]))).pictures[0].file == files[0]


def test_index_of_samples__folders_stand_for_what_is_below(tmp_path):
    for number in range(3):
        write_picture(tmp_path / "in" / f"{number}.png", seed=number)
    assert len(index_of_samples([tmp_path / "in", RGB], labels=["a", "b"]).pictures) == 4
    (tmp_path / "none").mkdir()
    with pytest.raises(DataError, match=r"no picture in the folder: X\[1\]: "):
        index_of_samples([RGB, tmp_path / "none"])


def test_index_of_samples__archives_alone_are_told(tmp_path):
    (tmp_path / "a.zip").write_bytes(b"PK\x03\x04")
    with pytest.raises(DataError, match=r"an archive, not pictures: X\[0\]"):
        index_of_samples([tmp_path / "a.zip"])
    assert len(index_of_samples([tmp_path / "a.zip", RGB]).pictures) == 2


def test_index_of_samples__missing_ones_may_stand_for_unreadable_pictures(tmp_path):
    index = index_of_samples([None, RGB, tmp_path / "none.png", float("nan")], missing=True)
    for place in (0, 2, 3):
        with pytest.raises(PictureError, match="no such file"):
            picture_content(index, index.pictures[place])
    with pytest.raises(DataError, match="float64 array"):
        index_of_samples([np.zeros((4, 4))], missing=True)


@pytest.mark.parametrize("mode", MODES)
def test_pixels_of__any_mode(mode):
    expected = (7, 9) if mode == "L" else (7, 9, 3)
    pixels = pixels_of(Image.new(mode, (9, 7)), lock=threading.Lock())
    assert (pixels.shape, pixels.dtype) == (expected, np.uint8)


@pytest.mark.parametrize("name", every_format())
def test_pixels_of__a_picture_is_converted_as_its_file_is(name):
    content = every_format()[name]
    try:
        image = Image.open(io.BytesIO(content))
    except Image.UnidentifiedImageError:
        pytest.skip("Pillow alone does not open it")
    decoded = decode(content, at_least=2048)
    expected = upright(decoded.pixels, decoded.orientation).astype(int)
    pixels = pixels_of(image, lock=threading.Lock())
    grey = pixels[..., None] if pixels.ndim == 2 else pixels
    assert np.abs(grey - expected).max() <= 3  # two decoders of JPEG


def test_pixels_of__what_cannot_be_loaded(tmp_path):
    damaged = Image.open(io.BytesIO(encode(RGB, "PNG")[:900]))
    (tmp_path / "a.png").write_bytes(encode(RGB, "PNG"))
    closed = Image.open(tmp_path / "a.png")
    closed.close()
    for image in (damaged, closed, Image.new("RGB", (0, 4))):
        with pytest.raises(PictureError, match="PIL picture"):
            pixels_of(image, lock=threading.Lock())


def test_is_missing__what_stands_for_nothing():
    assert all(map(is_missing, (None, float("nan"), np.float32("nan"), np.datetime64("NaT"))))
    assert not any(map(is_missing, (0, 0.0, "", "nan", "None", RGB, np.datetime64("2020-01-01"))))


def test_one_column__pandas(tmp_path):
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    files = [str(write_picture(tmp_path / f"{number}.png", seed=number)) for number in range(3)]
    table = pandas.DataFrame({"path": files, "label": list("aba")}, index=[7, 7, 2])
    for column in (table["path"], table[["path"]], table["path"].astype("category"), table["path"].astype(object)):
        assert [picture.path for picture in index_of_samples(column).pictures] == files
    pictures = pandas.Series([RGB, GREY, Image.fromarray(RGB)], dtype=object)
    assert len(contents(index_of_samples(pictures))) == 3
    with pytest.raises(DataError, match=r"a table of 2 columns: X\. Give one of them, for example X\['path'\]"):
        one_column(table, "X")
    with pytest.raises(DataError, match=r"the value is missing \(nan\): X\[1\]"):
        index_of_samples(pandas.Series([files[0], None]))
    with pytest.raises(DataError, match=r"the value is missing \(<NA>\): X\[1\]"):
        index_of_samples(pandas.Series([files[0], None], dtype=object).fillna(pandas.NA))


def test_one_column__polars(tmp_path):
    polars = pytest.importorskip("polars", reason="polars is not installed")
    files = [str(write_picture(tmp_path / f"{number}.png", seed=number)) for number in range(3)]
    table = polars.DataFrame({"path": files, "label": list("aba")})
    for column in (table["path"], table.select("path")):
        assert [picture.path for picture in index_of_samples(column).pictures] == files
    pictures = polars.Series("picture", [RGB, Image.fromarray(RGB)], dtype=polars.Object)
    assert len(contents(index_of_samples(pictures))) == 2
    many = np.stack([GREY, GREY + 1])
    np.testing.assert_array_equal(contents(index_of_samples(polars.Series(many))), many)
    with pytest.raises(DataError, match=r"a table of 2 columns: X"):
        one_column(table, "X")
    with pytest.raises(DataError, match=r"the value is missing \(None\): X\[1\]"):
        index_of_samples(polars.Series([files[0], None]))
