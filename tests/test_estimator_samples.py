"""The estimator takes pictures in every form a program has them in, and tells what is none."""

import io
import warnings

import numpy as np
import pytest
from PIL import Image
from sklearn.model_selection import GridSearchCV, cross_val_score

from pictures import encode, make_pixels, write_picture
from tellapart import DataError, ImageClassifier, UsageError, load
from tellapart.nets.schedule import Training
from tellapart.recipes.scratch import ScratchPlan

SIDE = 64
LABELS = [("ape", "bee")[number % 2] for number in range(28)]


@pytest.fixture(scope="module")
def pixels():
    return np.stack([make_pixels(number, kind=number % 2) for number in range(28)])


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    folder = tmp_path_factory.mktemp("samples")
    return [write_picture(folder / f"{number}.png", seed=number, kind=number % 2) for number in range(28)]


@pytest.fixture(scope="module")
def fitted(pixels):
    return ImageClassifier(size=SIDE).fit(pixels, LABELS)


def forms(pixels, paths):
    """The same pictures in every form, by name."""
    images = [Image.fromarray(each) for each in pixels]
    return {
        "paths": paths,
        "array": pixels,
        "arrays": list(pixels),
        "objects": as_objects(images),
        "PIL": images,
        "files opened by PIL": [Image.open(path) for path in paths],
        "mixed": mixed(pixels, paths),
    }


def mixed(pixels, paths):
    turns = (paths, pixels, [Image.fromarray(each) for each in pixels], [str(path) for path in paths])
    return [turns[number % 4][number] for number in range(len(paths))]


def as_objects(values):
    array = np.empty(len(values), object)
    array[:] = values
    return array


def test_predict_proba__every_form_of_the_same_pictures_is_answered_alike(fitted, pixels, paths):
    expected = fitted.predict_proba(paths)
    for name, samples in forms(pixels, paths).items():
        np.testing.assert_allclose(fitted.predict_proba(samples), expected, atol=1e-6, err_msg=name)
    samples = mixed(pixels, paths)
    assert (fitted.predict(samples) == LABELS).mean() == fitted.score(samples, LABELS) > 0.9
    assert fitted.unsure(samples).shape == fitted.unlike(samples).shape == (28,)


def test_fit__every_form_trains(pixels, paths):
    for name, samples in forms(pixels, paths).items():
        classifier = ImageClassifier(size=SIDE).fit(samples, LABELS)
        assert classifier.score(pixels, LABELS) > 0.9, name


def test_fit__grey_arrays_and_grey_pil_pictures(pixels):
    grey = pixels[..., 0].copy()
    classifier = ImageClassifier(size=SIDE).fit(grey, LABELS)
    images = [Image.fromarray(each) for each in grey]
    np.testing.assert_allclose(classifier.predict_proba(images), classifier.predict_proba(grey), atol=1e-6)
    coloured = np.repeat(grey[..., None], 3, axis=3)
    np.testing.assert_allclose(classifier.predict_proba(coloured), classifier.predict_proba(grey), atol=1e-6)


def test_fit__data_frames(paths):
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    table = pandas.DataFrame({"path": [str(path) for path in paths], "label": LABELS}).sample(frac=1, random_state=0)
    classifier = ImageClassifier(size=SIDE).fit(table["path"], table["label"].astype("category"))
    assert classifier.score(table["path"], table["label"]) > 0.9
    assert cross_val_score(ImageClassifier(size=SIDE), table["path"], table["label"], cv=2).mean() > 0.8
    polars = pytest.importorskip("polars", reason="polars is not installed")
    columns = polars.DataFrame({"path": [str(path) for path in paths], "label": LABELS})
    again = ImageClassifier(size=SIDE).fit(columns["path"], columns["label"])
    assert again.score(columns["path"], columns["label"]) > 0.9


def test_cross_validation_and_search__of_arrays_and_of_pil_pictures(pixels):
    assert cross_val_score(ImageClassifier(size=SIDE), pixels, LABELS, cv=2).mean() > 0.8
    images = [Image.fromarray(each) for each in pixels]
    search = GridSearchCV(ImageClassifier(size=SIDE), {"max_error": [0.05, 0.2]}, cv=2).fit(images, LABELS)
    assert search.best_score_ > 0.8


def test_fit__copies_in_memory_lie_on_one_side_and_conflicts_are_told_by_their_places(pixels):
    with pytest.raises(DataError, match=r"the same picture is labelled ape and bee .*: X\[0\] and X\[28\]"):
        ImageClassifier(size=SIDE).fit([*pixels, pixels[0]], [*LABELS, "bee"])
    twice = np.concatenate([pixels, pixels])
    assert ImageClassifier(size=SIDE).fit(twice, LABELS * 2).score(twice, LABELS * 2) > 0.9


def test_fit__a_pil_picture_that_cannot_be_loaded_is_a_warning_with_its_place(pixels):
    damaged = Image.open(io.BytesIO(encode(pixels[0], "PNG")[:900]))
    with pytest.warns(UserWarning, match=r"1 picture.* X\[28\]"):
        ImageClassifier(size=SIDE).fit([*pixels, damaged], [*LABELS, "ape"])


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([None, *LABELS[1:]], r"a label is missing \(None\): y\[0\]"),
        ([float("nan"), *LABELS[1:]], r"a label is missing \(nan\): y\[0\]"),
        ([1, *LABELS[1:]], r"labels of mixed types: 1 is a number, 'bee' is a text: y\[1\]"),
        (["owl", *LABELS[1:]], r"the class 'owl' has one picture: y"),
        ([7, *[3, 5] * 13, 3], r"the class 7 has one picture: y"),
        (["ape"] * 28, "only one class, 'ape'"),
        (LABELS[:-1], "27 labels for 28 pictures"),
    ],
)
def test_fit__labels_that_cannot_be(pixels, labels, message):
    with pytest.raises(DataError, match=message) as caught:
        ImageClassifier(size=SIDE).fit(pixels, labels)
    assert len(str(caught.value).splitlines()) == 1


def test_fit__pictures_without_labels(pixels):
    with pytest.raises(DataError, match="pictures without labels: X"):
        ImageClassifier(size=SIDE).fit(pixels)


@pytest.mark.parametrize("method", ["predict", "predict_proba", "unsure", "unlike"])
def test_predict__what_is_no_picture_is_told_by_its_place(fitted, pixels, method):
    for bad in (pixels[1] / 255, None, b"abc", "https://example.org/a.jpg", "x" * 300):
        with pytest.raises(DataError, match=r"X\[1\]"):
            getattr(fitted, method)([pixels[0], bad])


def test_score__labels_that_cannot_be(fitted, pixels):
    with pytest.raises(DataError, match=r"a label is missing \(None\): y\[2\]"):
        fitted.score(pixels[:3], ["ape", "bee", None])
    with pytest.raises(DataError, match="2 labels for 3 pictures"):
        fitted.score(pixels[:3], ["ape", "bee"])
    with pytest.raises(DataError, match=r"the label 1 is of another type than the classes, as 'ape'"):
        fitted.score(pixels[:2], [1, 0])
    assert fitted.score(pixels[:2], ["ape", "ape"], sample_weight=[3, 1]) == 0.75


def test_score__of_labels_it_was_not_fitted_with_warns_and_counts_them_as_wrong(fitted, pixels, tmp_path):
    with pytest.warns(UserWarning, match=r"^1 label of 2 it was not fitted with, counted as wrong: 'zebra'$") as told:
        assert fitted.score(pixels[:2], ["zebra", "bee"]) == 0.5
    assert [warning.filename for warning in told] == [__file__]
    for name, picture in zip(("ape", "gnu"), pixels[:2], strict=True):
        (tmp_path / name).mkdir()
        Image.fromarray(picture).save(tmp_path / name / "a.png")
    with pytest.warns(UserWarning, match="counted as wrong: 'gnu'"):
        assert fitted.score(tmp_path) == 0.5


def bad_ones(pixels, tmp_path):
    (tmp_path / "bad.png").write_bytes(b"damaged")
    return [pixels[0], tmp_path / "bad.png", None, pixels[1], tmp_path / "none.png", float("nan")]


def test_predict_proba__skip_leaves_rows_of_nan(fitted, pixels, tmp_path):
    samples = bad_ones(pixels, tmp_path)
    rows = fitted.predict_proba(samples, errors="skip")
    assert (rows.shape, rows.dtype) == ((6, 2), np.float64)
    assert np.isnan(rows).all(axis=1).tolist() == [False, True, True, False, True, True]
    np.testing.assert_allclose(rows[[0, 3]], fitted.predict_proba(pixels[:2]), atol=1e-6)
    assert np.isnan(fitted.predict_proba([tmp_path / "bad.png"], errors="skip")).tolist() == [[True, True]]


def test_predict__skip_leaves_none(fitted, pixels, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        labels = fitted.predict(bad_ones(pixels, tmp_path), errors="skip")
    assert labels.tolist() == ["ape", None, None, "bee", None, None]
    assert labels.dtype == fitted.predict(pixels[:2], errors="skip").dtype == object
    with pytest.raises(DataError, match=r"bad\.png"):
        fitted.predict([pixels[0], tmp_path / "bad.png"])
    with pytest.raises(DataError, match=r"a float64 array .*X\[1\]"):
        fitted.predict([pixels[0], pixels[1] / 255], errors="skip")


def test_predict__numbers_with_skip(pixels, tmp_path):
    classifier = ImageClassifier(size=SIDE).fit(pixels, [3 + 4 * (label == "bee") for label in LABELS])
    assert classifier.predict([pixels[0], tmp_path / "none.png", pixels[1]], errors="skip").tolist() == [3, None, 7]


def test_predict__no_such_way_with_errors(fitted, pixels):
    with pytest.raises(UsageError, match=r"no such way with errors: 'ignore'\. Choose one of: raise, skip"):
        fitted.predict(pixels, errors="ignore")


def test_load__what_was_fitted_in_memory_answers_about_files(fitted, pixels, paths, tmp_path):
    loaded = load(fitted.save(tmp_path / "model.tellapart"))
    np.testing.assert_array_equal(loaded.predict(paths), fitted.predict(pixels))


@pytest.mark.parametrize("kind", ["grey", "colour", "PIL"])
def test_fit__a_net_from_nothing_learns_from_pictures_in_memory(kind, pixels):
    for name in ("torch", "timm", "cv2", "safetensors"):
        pytest.importorskip(name, reason="needs the extra: pip install 'tellapart[torch]'")
    training = Training(epochs=2, batch=8, learning_rate=3e-3, average=0.5)
    plan = ScratchPlan(net="photo-convnet", training=training, pictures=1000)
    samples = {
        "grey": pixels[:, :28, :28, 0],
        "colour": pixels[:, :32, :32],
        "PIL": [Image.fromarray(each) for each in pixels],
    }[kind]
    classifier = ImageClassifier(recipe="scratch", size=32, plan=plan).fit(samples, LABELS)
    assert classifier.predict(samples[:3]).shape == (3,)
