"""The estimator keeps scikit-learn's contract; its samples are paths."""

import copy
import re
import struct
import warnings

import numpy as np
import pytest
from sklearn.base import clone, is_classifier
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import cross_val_score

from pictures import encode, make_pixels, write_classes, write_picture, write_splits_and_classes
from tellapart import DataError, ImageClassifier, MissingExtraError, ModelFileError, UsageError, estimator, load
from tellapart.backbones.devices import chosen_devices
from tellapart.learn import learn

SIDE = 64
DEFAULTS = {
    "recipe": "features",
    "backbone": "lite0",
    "weights": None,
    "size": None,
    "module": None,
    "plan": None,
    "budget": 10.0,
    "folds": 0,
    "seed": 0,
    "max_error": 0.01,
    "costs": None,
    "min_recall": None,
    "device": None,
    "keep_sums": False,
    "verbose": False,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_classes(tmp_path_factory.mktemp("estimator") / "data", {"ape": 14, "bee": 14, "cow": 14})


@pytest.fixture(scope="module")
def samples(folder):
    """Paths and their labels, in no particular order."""
    paths = sorted(folder.rglob("*.png"), key=lambda path: (path.name, path.parent.name))
    return paths, [path.parent.name for path in paths]


@pytest.fixture(scope="module")
def fitted(samples):
    return ImageClassifier(size=SIDE).fit(*samples)


def test_init__only_stores_and_set_params_changes():
    classifier = ImageClassifier(backbone="no such base", size=-5, seed="odd")
    assert classifier.get_params() == {**DEFAULTS, "backbone": "no such base", "size": -5, "seed": "odd"}
    assert [name for name in vars(classifier) if name.endswith("_")] == []
    assert classifier.set_params(size=SIDE, seed=3) is classifier
    assert classifier.get_params() == {**DEFAULTS, "backbone": "no such base", "size": SIDE, "seed": 3}
    with pytest.raises(ValueError, match="nothing"):
        classifier.set_params(nothing=1)
    with pytest.raises(TypeError):
        ImageClassifier("lite0")


def test_init__every_parameter_is_described():
    described = ImageClassifier.__doc__.partition("Parameters:")[2].partition("Attributes:")[0]
    assert re.findall(r"^ {8}(\w+):", described, re.MULTILINE) == list(DEFAULTS)


def test_clone__copies_parameters_and_nothing_fitted(fitted):
    other = clone(fitted)
    assert other.get_params() == fitted.get_params()
    assert not hasattr(other, "classifier_")
    assert is_classifier(other)
    assert "size=64" in repr(other)


@pytest.mark.parametrize(
    "parameters",
    [
        *({"size": 3}, {"size": "big"}, {"max_error": 0}, {"max_error": "few"}, {"budget": -1}, {"budget": "much"}),
        *({"recipe": "magic"}, {"recipe": ["features"]}, {"recipe": None}, {"plan": object()}, {"module": object()}),
        {"weights": "weights.safetensors"},
    ],
)
def test_fit__checks_the_parameters(samples, parameters):
    with pytest.raises(UsageError):
        ImageClassifier(**parameters).fit(*samples)


def test_fit__a_base_that_does_not_exist(samples):
    with pytest.raises((UsageError, MissingExtraError)):  # without timm nobody can say what it has
        ImageClassifier(backbone="vgg99").fit(*samples)


def test_fit__returns_itself_and_sets_the_fitted_attributes(samples):
    classifier = ImageClassifier(size=SIDE)
    assert classifier.fit(*samples) is classifier
    assert list(classifier.classes_) == ["ape", "bee", "cow"]
    trained = classifier.classifier_
    assert trained.classes == ("ape", "bee", "cow")
    assert trained.temperature > 0
    assert trained.selected["chosen_by"].endswith("cross-validation")
    assert trained.history


def test_fit__one_picture_under_two_labels_is_told_by_their_names(samples):
    paths, labels = samples
    with pytest.raises(DataError, match="labelled ape and bee"):
        ImageClassifier(size=SIDE).fit([*paths, paths[0]], [*labels, "bee"])


def test_fit__a_picture_may_come_twice(samples):
    paths, labels = samples
    classifier = ImageClassifier(size=SIDE).fit([*paths, *paths[:9]], [*labels, *labels[:9]])
    assert classifier.score(paths, labels) > 0.8


def test_fit__says_how_far_it_is_only_where_asked(samples, capfd):
    ImageClassifier(size=SIDE).fit(*samples).predict(samples[0][:2])
    assert capfd.readouterr() == ("", "")
    ImageClassifier(size=SIDE, verbose=True).fit(*samples)
    out, err = capfd.readouterr()
    assert out == ""
    assert "42 pictures" in err


def test_predict__paths_texts_and_arrays_are_the_same(fitted, samples):
    paths, labels = samples
    given = fitted.predict(paths)
    assert given.shape == (42,)
    assert (given == labels).mean() > 0.8
    np.testing.assert_array_equal(fitted.predict([str(path) for path in paths]), given)
    np.testing.assert_array_equal(fitted.predict(np.array([str(path) for path in paths])), given)
    np.testing.assert_array_equal(fitted.predict(np.array(paths, object)), given)
    assert fitted.predict(str(paths[0])).shape == (1,)


def test_predict_proba__rows_sum_to_one_and_do_not_depend_on_the_others(fitted, samples):
    paths, _ = samples
    probabilities = fitted.predict_proba(paths[:7])
    assert probabilities.shape == (7, 3)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    np.testing.assert_allclose(fitted.predict_proba(paths[6:7])[0], probabilities[6], rtol=1e-4)  # float32
    np.testing.assert_array_equal(fitted.classes_[probabilities.argmax(axis=1)], fitted.predict(paths[:7]))


def test_predict_proba__a_folder_is_its_pictures_in_the_order_of_their_paths(fitted, folder):
    expected = fitted.predict_proba(sorted(folder.rglob("*.png")))
    np.testing.assert_array_equal(fitted.predict_proba(folder), expected)


def test_fit__the_order_of_the_samples_changes_little_and_the_seed_is_all_chance(samples, fitted):
    again = ImageClassifier(size=SIDE).fit(*samples)
    np.testing.assert_array_equal(again.predict_proba(samples[0]), fitted.predict_proba(samples[0]))


def test_fit__a_folder_without_labels(folder, fitted):
    classifier = ImageClassifier(size=SIDE).fit(folder)
    assert list(classifier.classes_) == ["ape", "bee", "cow"]
    assert classifier.score(folder) > 0.8
    assert ImageClassifier(size=SIDE).fit(str(folder)).score(str(folder)) == classifier.score(folder)


def test_score__with_labels_is_the_accuracy(fitted, samples):
    paths, labels = samples
    assert fitted.score(paths, labels) == pytest.approx((fitted.predict(paths) == labels).mean())
    assert fitted.score(paths, ["ape"] * 42) == pytest.approx((fitted.predict(paths) == "ape").mean())


def test_score__without_labels_takes_the_test_split_and_fit_leaves_it_alone(tmp_path):
    counts = {"train": {"a": 8, "b": 8}, "valid": {"a": 3, "b": 3}, "test": {"a": 4, "b": 4}}
    data = write_splits_and_classes(tmp_path / "data", counts)
    classifier = ImageClassifier(size=SIDE).fit(data)
    assert classifier.classifier_.selected["chosen_by"] == "valid"
    before = classifier.predict_proba(data)
    for path in (data / "test").rglob("*.png"):
        path.write_bytes(b"damaged")
    again = ImageClassifier(size=SIDE).fit(data)
    np.testing.assert_array_equal(again.predict_proba(data / "train"), before[8:24])
    with pytest.raises(DataError):
        again.score(data)


@pytest.mark.parametrize("dtype", [np.int8, bool])
def test_fit__labels_keep_their_type(samples, dtype):
    paths, labels = samples
    numbers = np.array([("ape", "bee", "cow").index(label) for label in labels])
    values = (numbers > 0) if dtype is bool else (numbers * 50).astype(dtype)
    classifier = ImageClassifier(size=SIDE).fit(paths, values)
    assert classifier.classes_.dtype == classifier.predict(paths).dtype == dtype
    assert list(classifier.classes_) == sorted(set(values.tolist()))
    assert classifier.score(paths, values) > 0.8


def test_fit__many_numbers_sort_as_numbers(tmp_path):
    paths, labels = [], []
    for kind, label in enumerate((2, 10, -1)):
        for number in range(5):
            paths.append(write_picture(tmp_path / f"{kind} {number}.png", seed=number, kind=kind))
            labels.append(label)
    classifier = ImageClassifier(size=SIDE).fit(paths, labels)
    assert list(classifier.classes_) == [-1, 2, 10]
    assert classifier.score(paths, labels) > 0.8


@pytest.mark.parametrize(
    ("kind", "values"),
    [("i", (2, 10, -1)), ("u", np.array([2, 10, 1], np.uint8)), ("f", (0.0, 2.0, -1.0)), ("U", ("2", "10", "-1"))],
)
def test_load__labels_come_back_as_what_they_were(kind, values, samples, tmp_path):
    paths, labels = samples
    given = [values[("ape", "bee", "cow").index(label)] for label in labels]
    fitted = ImageClassifier(size=SIDE).fit(paths, given)
    loaded = load(fitted.save(tmp_path / "model.tellapart"))
    assert loaded.classes_.dtype.kind == {"u": "i"}.get(kind, kind)
    assert list(loaded.classes_) == list(fitted.classes_)
    assert loaded.score(paths, given) == fitted.score(paths, given) > 0.8
    again = load(loaded.save(tmp_path / "again.tellapart"))
    np.testing.assert_array_equal(again.predict(paths), fitted.predict(paths))


def test_load__truth_values_come_back(samples, tmp_path):
    paths, labels = samples
    truths = [label == "ape" for label in labels]
    loaded = load(ImageClassifier(size=SIDE).fit(paths, truths).save(tmp_path / "model.tellapart"))
    assert loaded.classes_.dtype == bool
    assert loaded.score(paths, truths) > 0.8


def idx_bytes(values):
    header = struct.pack(f">HBB{values.ndim}I", 0, 8, values.ndim, *values.shape)
    return header + values.tobytes()


def test_score__a_folder_of_idx_files(tmp_path):
    rows = np.stack([make_pixels(seed, kind=seed % 2, width=28, height=28)[..., 0] for seed in range(40)])
    labels = np.arange(40, dtype=np.uint8) % 2
    for name, part in (("train", slice(0, 28)), ("t10k", slice(28, 40))):
        (tmp_path / f"{name}-images-idx3-ubyte").write_bytes(idx_bytes(rows[part]))
        (tmp_path / f"{name}-labels-idx1-ubyte").write_bytes(idx_bytes(labels[part]))
    classifier = ImageClassifier(size=SIDE).fit(tmp_path)
    assert list(classifier.classes_) == ["0", "1"]
    assert classifier.score(tmp_path) > 0.8


def test_fit__copies_lie_on_one_side(tmp_path):
    """Each picture comes as two files; `valid`, which chooses and calibrates, must not hold what train has shown."""
    paths, labels = [], []
    for seed in range(12):
        for kind, label in enumerate(("ape", "bee")):
            for copy_number in range(2):
                file = tmp_path / f"{label} {seed} {copy_number}.png"
                paths.append(write_picture(file, seed=seed, kind=kind))
                labels.append(label)
    learned = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(estimator, "learn", lambda *given: learned.append(learn(*given)) or learned[0])
        ImageClassifier(size=SIDE).fit(paths, labels)
    split_of = {picture.path: picture.split for picture in learned[0].dataset.index.pictures}
    assert set(split_of.values()) == {"train", "valid"}
    parted = [path for path in split_of if split_of[path] != split_of[path.replace(" 0.png", " 1.png")]]
    assert parted == []
    assert learned[0].about.duplicates["bytes"] >= 12


def test_save__load_gives_the_same_probabilities(fitted, samples, tmp_path):
    path = fitted.save(tmp_path / "deep" / "model.tellapart")
    loaded = load(path)
    paths, _ = samples
    np.testing.assert_allclose(loaded.predict_proba(paths), fitted.predict_proba(paths), atol=0.02)
    np.testing.assert_array_equal(loaded.predict(paths), fitted.predict(paths))
    assert loaded.get_params() == {**DEFAULTS, "size": SIDE}
    assert loaded.classifier_.selected == fitted.classifier_.selected
    assert loaded.classifier_.temperature == fitted.classifier_.temperature


def test_unsure__and_unlike_are_a_flag_a_picture_and_survive_the_file(fitted, samples, tmp_path):
    again = load(fitted.save(tmp_path / "model.tellapart"))
    paths = samples[0][:9]
    for name in ("unsure", "unlike"):
        flags = getattr(fitted, name)(paths)
        assert (flags.shape, flags.dtype) == ((9,), bool)
        assert (flags != getattr(again, name)(paths)).sum() <= 1  # a picture of valid sits on each threshold
    sure = fitted.predict_proba(paths).max(axis=1).round(6) >= fitted.classifier_.abstention.unsure
    np.testing.assert_array_equal(fitted.unsure(paths), ~sure)


def test_unlike__a_picture_of_something_else(fitted, tmp_path):
    (tmp_path / "flat.png").write_bytes(encode(np.full((64, 64, 3), 255, np.uint8), "PNG"))
    assert fitted.unlike(tmp_path / "flat.png").all()


def test_save__a_loaded_model_is_saved_as_it_is_and_the_command_line_reads_it(fitted, samples, tmp_path, tellapart):
    first = fitted.save(tmp_path / "first.tellapart")
    second = load(str(first)).save(str(tmp_path / "second.tellapart"))
    assert second.read_bytes() == first.read_bytes()
    outcome = tellapart("predict", second, samples[0][0])
    assert outcome.code == 0, outcome.err


def test_save__after_another_fit_of_a_loaded_model_it_is_the_new_one(fitted, samples, tmp_path):
    loaded = load(fitted.save(tmp_path / "first.tellapart"))
    loaded.fit(samples[0], ["x" if label == "ape" else "y" for label in samples[1]])
    assert list(load(loaded.save(tmp_path / "second.tellapart")).classes_) == ["x", "y"]


def test_load__what_is_no_model_file(tmp_path):
    with pytest.raises(ModelFileError, match="no such model file"):
        load(tmp_path / "none.tellapart")


def test_cross_val_score__works(samples):
    paths, labels = samples
    scores = cross_val_score(ImageClassifier(size=SIDE), np.array(paths, object), labels, cv=2)
    assert scores.shape == (2,)
    assert scores.mean() > 0.6


@pytest.mark.parametrize("method", ["predict", "predict_proba", "score", "save"])
def test_estimator__before_fit_everything_else_is_refused(samples, method, tmp_path):
    arguments = {"score": samples, "save": (tmp_path / "x",)}.get(method, samples[:1])
    with pytest.raises(NotFittedError):
        getattr(ImageClassifier(size=SIDE), method)(*arguments)


def test_predict__an_unreadable_picture_is_an_error_that_names_it(fitted, samples, tmp_path):
    (tmp_path / "bad.png").write_bytes(b"damaged")
    for bad in (tmp_path / "bad.png", tmp_path / "none.png"):
        with pytest.raises(DataError, match=bad.name):
            fitted.predict([samples[0][0], bad])


def test_fit__an_unreadable_picture_is_a_warning_and_left_out(samples, tmp_path):
    (tmp_path / "bad.png").write_bytes(b"damaged")
    paths, labels = samples
    with pytest.warns(UserWarning, match=r"1 picture.*bad\.png"):
        classifier = ImageClassifier(size=SIDE).fit([*paths, tmp_path / "bad.png"], [*labels, "ape"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        expected = ImageClassifier(size=SIDE).fit(paths, labels)
    np.testing.assert_array_equal(classifier.predict_proba(paths), expected.predict_proba(paths))


@pytest.mark.parametrize(
    ("count", "labels"), [(3, ["a", "b"]), (2, ["a", "a"]), (0, []), (2, [["a"], ["b"]]), (2, "ab"), (2, 5)]
)
def test_fit__samples_and_labels_that_do_not_fit(samples, count, labels):
    with pytest.raises((DataError, UsageError)):
        ImageClassifier(size=SIDE).fit(samples[0][:count], labels)


@pytest.mark.parametrize("splits", ["train,train,,valid,valid,", "valid,valid,valid,valid,test,test"])
def test_fit__splits_that_are_incomplete(tmp_path, splits):
    rows = ["path,label,split"]
    for number, split in enumerate(splits.split(",")):
        write_picture(tmp_path / f"{number}.png", seed=number, kind=number % 2)
        rows.append(f"{number}.png,{'ab'[number % 2]},{split}")
    (tmp_path / "list.csv").write_text("\n".join(rows))
    with pytest.raises(DataError, match=r"no split, the others have one|no train split"):
        ImageClassifier(size=SIDE).fit(tmp_path / "list.csv")


def test_fit__only_a_test_split(tmp_path):
    rows = ["path,label,split"]
    for number in range(4):
        write_picture(tmp_path / f"{number}.png", seed=number, kind=number % 2)
        rows.append(f"{number}.png,{'ab'[number % 2]},test")
    (tmp_path / "list.csv").write_text("\n".join(rows))
    with pytest.raises(DataError):
        ImageClassifier(size=SIDE).fit(tmp_path / "list.csv")


def test_getstate__leaves_the_engine_out_and_the_copy_answers_alike(fitted, samples):
    expected = fitted.predict_proba(samples[0][:3])
    again = copy.deepcopy(fitted)
    np.testing.assert_array_equal(again.predict_proba(samples[0][:3]), expected)


def test_device__is_where_it_computes_and_nobody_else_after(samples, fitted, tmp_path, monkeypatch):
    seen = []
    for name in ("learn", "answer", "read_bundle"):
        inner = getattr(estimator, name)
        monkeypatch.setattr(
            estimator,
            name,
            lambda *given, inner=inner, **more: (seen.append(chosen_devices().torch), inner(*given, **more))[1],
        )
    classifier = ImageClassifier(size=SIDE, device="CPU").fit(*samples)  # that of torch too
    classifier.predict(samples[0][:1])
    loaded = load(fitted.save(tmp_path / "model.tellapart"), device="cpu")
    assert seen == ["cpu", "cpu", "cpu"]
    assert chosen_devices().torch is None
    assert loaded.get_params()["device"] == "cpu"


@pytest.mark.parametrize("ask", [lambda model, paths, _: model.predict(paths), lambda model, *given: model.fit(*given)])
def test_device__that_is_not_here(fitted, samples, ask):
    other = copy.copy(fitted).set_params(device="tpu")
    with pytest.raises(UsageError, match="no such device here: tpu"):
        ask(other, *samples)
    assert chosen_devices().engine == "CPU"
