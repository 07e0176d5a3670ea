"""Features that are left with whoever looked: what is learned is the same as with all of them in memory."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest

from pictures import write_classes
from tellapart.backbones.catalogue import find_base
from tellapart.data.scan import scan
from tellapart.errors import DataError
from tellapart.features import cache
from tellapart.features.cache import LIMIT_VARIABLE
from tellapart.features.left import LeftFeatures
from tellapart.heads import large
from tellapart.heads.rows import RowsLeft
from tellapart.learn import learn
from tellapart.progress import Silent
from tellapart.recipes import features, left, prior
from tellapart.recipes.left import leaves_features
from tellapart.recipes.request import Dataset, Request
from tellapart.workers.pool import HERE
from test_workers_pool import Elsewhere, Heard


@pytest.fixture(scope="module")
def base():
    """Three depths of five, for the time of a head in closed form is the cube of their width; and small squares."""
    whole = find_base("lite0", size=32).means_only
    widths = {name: whole.widths[name] for name in ("stage3", "stage4", "stage7")}
    return replace(whole, widths=widths, outputs=tuple(f"pooled_{name}" for name in widths))


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Three unequal classes, every ninth label wrong; a picture that cannot be read, and a copy."""
    folder = write_classes(tmp_path_factory.mktemp("data"), {"cat": 60, "dog": 40}, blotches=60)
    write_classes(folder, {"owl": 18}, blotches=60, first_seed=500)
    (folder / "cat/002.png").write_bytes(b"no picture")
    (folder / "cat/004.png").write_bytes((folder / "cat/003.png").read_bytes())
    index = scan(folder)
    labels = ("cat" if place % 9 == 8 else picture.label for place, picture in enumerate(index.pictures))
    told = zip(index.pictures, labels, strict=True)
    return replace(index, pictures=tuple(replace(picture, label=label) for picture, label in told))


@pytest.fixture(autouse=True)
def _few_are_many(monkeypatch, tmp_path):
    """Nothing is kept from one test to another, as heads are."""
    monkeypatch.setenv("TELLAPART_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(large, "SEARCHED_AT_MOST", 100)
    monkeypatch.setattr(large, "SAMPLED", 120)
    for module in (features, prior):
        monkeypatch.setattr(module, "CROSS_VALIDATED_AT_MOST", 0)


def learned(pictures, base, **options):
    return learn(pictures, base, Request(folds=0, keep_sums=True, **options))


def weighing(pictures):
    return replace(
        pictures, pictures=tuple(replace(each, weight=1.0 + (len(each.path) % 3)) for each in pictures.pictures)
    )


@pytest.mark.parametrize(
    ("workers", "refined"),
    [
        (HERE, False),
        (Elsewhere(7), False),
        (Elsewhere(16, machines=2), True),
        (Elsewhere(9, machines=3), False),
    ],
    ids=["here", "one", "two, refined", "three"],
)
def test_learn__is_the_same_where_features_are_left(pictures, base, workers, refined, monkeypatch):
    monkeypatch.setattr(large, "REFINED_AT_MOST", 10_000 if refined else 0)
    whole = learned(pictures, base)
    monkeypatch.setattr(left, "REFINED_AT_MOST", 0)
    found = learned(pictures, base, workers=workers)
    assert whole.dataset.left is None
    assert (found.dataset.features.shape, found.dataset.left is None) == ((117, 0), False)
    assert set(found.classifier.selected["out_of"]["head"]) == ({"ridge", "logistic"} if refined else {"ridge"})
    assert_same(found, whole)


def test_learn__is_the_same_where_pictures_weigh(pictures, base):
    weighed = weighing(pictures)
    assert_same(learned(weighed, base, workers=Elsewhere(9, machines=2)), learned(weighed, base))


def assert_same(found, whole):
    assert found.about == whole.about or replace(found.about, fresh=0) == replace(whole.about, fresh=0)
    assert found.dataset.index == whole.dataset.index
    for name in ("depths", "l2", "head", "chosen_by", "prior_taken_out"):
        assert found.classifier.selected.get(name) == whole.classifier.selected.get(name), name
    assert found.classifier.base is whole.classifier.base
    for one, other in ((found.classifier, whole.classifier),):
        assert (one.head.start, one.head.stop) == (other.head.start, other.head.stop)
        np.testing.assert_allclose(one.head.weight, other.head.weight, rtol=1e-4, atol=1e-7)
        assert one.temperature == pytest.approx(other.temperature, rel=1e-5)
        np.testing.assert_allclose(one.sums.sums.totals, other.sums.sums.totals, rtol=1e-12)
        np.testing.assert_allclose(np.tril(one.sums.sums.products), np.tril(other.sums.sums.products), rtol=1e-12)
    for name in ("valid", "test"):
        one, other = found.answered[name], whole.answered[name]
        np.testing.assert_allclose(one.probabilities, other.probabilities, atol=1e-6)
        np.testing.assert_array_equal(one.predicted, other.predicted)
        assert str(one.flags) == str(other.flags)
    np.testing.assert_allclose(found.asked.probabilities, whole.asked.probabilities, atol=1e-6)


def test_learn__brings_what_was_left_in_vain(pictures, base, monkeypatch):
    monkeypatch.setattr(left, "is_many", lambda values: True)
    monkeypatch.setattr(large, "SEARCHED_AT_MOST", 100_000)
    found, whole = learned(pictures, base, workers=Elsewhere(16)), learned(pictures, base)
    assert found.dataset.left is None
    np.testing.assert_array_equal(found.dataset.features, whole.dataset.features)


@pytest.mark.parametrize(
    ("changed", "folds", "refined", "leaves"),
    [
        ({"workers": Elsewhere(4)}, 0, 10_000, True),
        ({"workers": Elsewhere(4)}, 5, 10_000, False),
        ({"workers": Elsewhere(4), "recipe": "auto"}, 0, 10_000, False),
        ({}, 0, 10_000, False),
        ({}, 0, 0, True),
    ],
    ids=["elsewhere", "folds", "another recipe", "here, and refined", "here"],
)
def test_leaves_features__where_only_sums_are_needed(pictures, base, monkeypatch, changed, folds, refined, leaves):
    monkeypatch.setattr(left, "REFINED_AT_MOST", refined)
    assert leaves_features(pictures, base, Request(**changed), folds=folds) is leaves


def test_leaves_features__only_where_a_cache_holds_them(pictures, base, monkeypatch):
    monkeypatch.setattr(left, "REFINED_AT_MOST", 0)
    monkeypatch.setenv(LIMIT_VARIABLE, "1")
    heard, wide = Heard(), replace(base, widths={"last": 4000})  # 1.3 MB of its rows
    assert not leaves_features(pictures, wide, Request(progress=heard), folds=0)
    assert leaves_features(pictures, wide, Request(progress=heard, workers=Elsewhere(4)), folds=0)
    assert len(heard.notes) == 1
    assert "TELLAPART_CACHE_LIMIT_MB" in heard.notes[0]


@pytest.fixture
def _no_cache(monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("TELLAPART_CACHE", str(tmp_path / "file" / "cache"))


@pytest.mark.usefixtures("_no_cache")
def test_leaves_features__here_only_with_a_cache(pictures, base, monkeypatch):
    monkeypatch.setattr(left, "REFINED_AT_MOST", 0)
    assert not leaves_features(pictures, base, Request(), folds=0)
    assert leaves_features(pictures, base, Request(workers=Elsewhere(4)), folds=0)


def test_leaves_features__not_where_a_cache_can_be_read_alone(pictures, base, monkeypatch):
    monkeypatch.setattr(left, "REFINED_AT_MOST", 0)
    assert leaves_features(pictures, base, Request(), folds=0)
    connect = cache._connect

    def for_reading(path):
        connection = connect(path)
        connection.execute("pragma query_only = on")
        return connection

    monkeypatch.setattr(cache, "_connect", for_reading)
    assert not leaves_features(pictures, base, Request(), folds=0)


@pytest.mark.usefixtures("_no_cache")
def test_learn__says_once_of_all_passes_that_there_is_no_cache(pictures, base):
    heard = Heard()
    found = learned(pictures, base, workers=Elsewhere(9), progress=heard)
    assert found.dataset.left is not None
    assert sum("The feature cache cannot be used" in note for note in heard.notes) == 1


@pytest.fixture
def few_left(base, tmp_path):
    """Five pictures of two classes on two machines, looked at."""
    index = scan(write_classes(tmp_path / "data", {"cat": 3, "dog": 2}))
    digests = tuple(hashlib.sha256(picture.file.read_bytes()).digest() for picture in index.pictures)
    workers = Elsewhere(2, machines=2)
    return LeftFeatures(index=index, digests=digests, base=base, workers=workers, progress=Silent())


def take_few(few_left):
    return few_left.columns([4, 1, 0], slice(0, 9))


def add_few(few_left):
    labels = np.array([0, 0, 0, 1, 1])
    return RowsLeft(few_left).sums(slice(0, 5), labels, columns=slice(0, 9), weights=None, progress=Silent())


@pytest.mark.parametrize("ask", [take_few, add_few])
def test_left_features__a_picture_that_is_gone_stops_the_command(few_left, ask):
    ask(few_left)
    few_left.index.pictures[1].file.unlink()
    with pytest.raises(DataError, match="can no longer be read") as stopped:
        ask(few_left)
    assert stopped.value.where == "cat/001.png"


@pytest.mark.parametrize("ask", [take_few, add_few])
def test_left_features__a_picture_that_is_another_one_stops_the_command(few_left, ask):
    ask(few_left)
    few_left.index.pictures[1].file.write_bytes(few_left.index.pictures[3].file.read_bytes())
    with pytest.raises(DataError, match="is another one than when it was looked at first") as stopped:
        ask(few_left)
    assert stopped.value.where == "cat/001.png"


def test_learn__keeps_no_head_of_pictures_that_changed_meanwhile(base, tmp_path, monkeypatch):
    folder = write_classes(tmp_path / "data", {"cat": 60, "dog": 58}, blotches=60)
    files = sorted(folder.rglob("*.png"))
    contents = [file.read_bytes() for file in files]
    looked = Dataset.of

    def looked_and_changed(*given, **options):
        dataset = looked(*given, **options)
        for file, content in zip(files, reversed(contents), strict=True):
            file.write_bytes(content)
        return dataset

    with monkeypatch.context() as changing:
        changing.setattr(Dataset, "of", looked_and_changed)
        with pytest.raises(DataError, match="is another one than when it was looked at first"):
            learned(scan(folder), base, workers=Elsewhere(9, machines=2))
    for file, content in zip(files, contents, strict=True):
        file.write_bytes(content)
    found = learned(scan(folder), base, workers=Elsewhere(9, machines=2))
    assert found.dataset.left is not None
    assert_same(found, learned(scan(folder), base))
