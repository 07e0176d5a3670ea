"""Sums in a model file: what they are of, that they add up, and that those which are none are refused."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest

from pictures import make_pixels
from tellapart import ImageClassifier, load
from tellapart.backbones.catalogue import find_base
from tellapart.bundle.bundle import pack_bundle
from tellapart.bundle.container import SUMS, read_container, write_container
from tellapart.bundle.sums import add_files, read_sums
from tellapart.classifier import Classifier
from tellapart.data.scan import scan
from tellapart.errors import ModelFileError, UsageError
from tellapart.features.look import look_at
from tellapart.heads.linear import LinearHead
from tellapart.heads.ridge import moments_of, ridge_head
from tellapart.heads.sums import KeptSums, sums_of
from tellapart.progress import Silent
from tellapart.recipes.catalogue import check_keep_sums
from tellapart.recipes.request import Request


@pytest.fixture(scope="module")
def kept(photos, trained, tellapart, tmp_path_factory):
    """The run folder of the same training, with sums."""
    run = tmp_path_factory.mktemp("sums") / "run"
    outcome = tellapart("train", photos, "-o", run, "--folds", 0, "--keep-sums")
    assert outcome.code == 0, outcome.err
    return run


def test_train__keeps_the_sums_of_its_training_pictures(kept, photos):
    found, base = read_sums(kept / "model.tellapart"), find_base("lite0")
    with (kept / "split.csv").open(encoding="utf-8", newline="") as file:
        label_of = {row["path"]: row["label"] for row in csv.DictReader(file) if row["split"] == "train"}
    index = scan(photos)
    index = replace(index, pictures=tuple(each for each in index.pictures if each.path in label_of))
    features = look_at(index, base, Silent()).features
    depths = [depth for depth in base.depths if depth.name in found.base["backbone"]["depths"]]
    labels = np.array([found.classes.index(label_of[each.path]) for each in index.pictures])
    own = sums_of(features[:, depths[0].start : depths[-1].stop], labels, class_count=3)
    assert found.sums.rows == len(labels) == found.sums.counts.sum()
    np.testing.assert_array_equal(found.sums.counts, own.counts)
    np.testing.assert_allclose(found.sums.totals, own.totals, rtol=1e-12)
    np.testing.assert_allclose(np.tril(found.sums.products), np.tril(own.products), rtol=1e-12)


def test_train__sums_are_all_that_is_more_in_the_file(kept, trained):
    (manifest, members), (before, others) = map(read_container, (kept / "model.tellapart", trained.model))
    said = manifest.pop("sums")
    assert {"classes": 3, "of": "train", "weighted": False}.items() <= said.items()
    del members[SUMS], manifest["sha256"][SUMS]
    assert (manifest, members) == (before, others)


def made_up(path, names, *, size=64, seed=0):
    """A model file with sums of made-up rows, and these rows with the names of their classes."""
    base, random = find_base("lite0", size=size), np.random.default_rng(seed)
    last = base.last
    width = last.stop - last.start
    labels = random.integers(0, len(names), 40)
    rows = random.normal(0, 1, (40, width)).astype(np.float16).astype(np.float32)
    weight = np.zeros((width, len(names)), np.float32)
    head = LinearHead(weight=weight, bias=np.zeros(len(names), np.float32), start=last.start, stop=last.stop)
    sums = sums_of(rows, labels, class_count=len(names))
    kept = KeptSums(sums=sums, precision="f32", weighted=False)
    write_container(path, *pack_bundle(Classifier(classes=names, base=base, head=head, sums=kept), manifest={}))
    return rows, np.array(names)[labels]


def test_add_files__gives_the_head_of_all_pictures(tmp_path):
    one, other = tmp_path / "one.tellapart", tmp_path / "other.tellapart"
    told = [made_up(one, ("crow", "owl")), made_up(other, ("bat", "owl", "wren"), seed=1)]
    found = add_files([one, other])
    assert found.classes == ("bat", "crow", "owl", "wren")
    rows, names = (np.concatenate(each) for each in zip(*told, strict=True))
    whole = sums_of(rows, np.searchsorted(found.classes, names), class_count=4)
    np.testing.assert_array_equal(found.sums.counts, whole.counts)
    head, direct = (ridge_head(moments_of(sums), l2=1.0) for sums in (found.sums, whole))
    np.testing.assert_allclose(head.logits(rows), direct.logits(rows), atol=1e-5)


def test_add_files__files_that_do_not_belong_together(tmp_path, trained):
    one, other = tmp_path / "one.tellapart", tmp_path / "other.tellapart"
    made_up(one, ("crow", "owl"))
    made_up(other, ("crow", "owl"), size=96)
    with pytest.raises(UsageError, match="other features"):
        add_files([one, other])
    with pytest.raises(UsageError, match="no sums were kept"):
        add_files([one, trained.model])
    with pytest.raises(UsageError, match="no model files"):
        add_files([])


@pytest.mark.parametrize(
    ("said", "content"),
    [
        ({"features": 5}, None),
        ({"classes": 2}, None),
        ({"rows": 0}, None),
        ({"rows": "35"}, None),
        ([], None),
        (None, None),
        ({}, lambda numbers: numbers[:-1]),
        ({}, lambda numbers: np.append(numbers, 0.0)),
        ({}, lambda numbers: np.where(np.arange(len(numbers)) == 9, np.nan, numbers)),
        ({}, lambda numbers: np.where(np.arange(len(numbers)) == 0, -1.0, numbers)),
        ({}, lambda numbers: numbers[:0]),
    ],
)
def test_read_sums__what_is_none_is_refused(kept, rewritten, said, content):
    manifest, members = read_container(kept / "model.tellapart")
    manifest["sums"] = manifest["sums"] | said if isinstance(said, dict) else said
    if content is not None:
        members[SUMS] = content(np.frombuffer(members[SUMS], "<f8")).tobytes()
    with pytest.raises(ModelFileError) as refused:
        read_sums(rewritten(manifest, members))
    assert "changed.tellapart" in str(refused.value)


def test_read_sums__told_of_and_not_there(kept, rewritten):
    manifest, members = read_container(kept / "model.tellapart")
    del members[SUMS]
    with pytest.raises(ModelFileError, match="do not fit"):
        read_sums(rewritten(json.loads(json.dumps(manifest)), members))


def test_check_keep_sums__recipes_that_train_the_base_keep_no_sums():
    with pytest.raises(UsageError, match="frozen base"):
        check_keep_sums(Request(recipe="scratch", keep_sums=True))
    check_keep_sums(Request(recipe="auto", keep_sums=True))


def test_save__sums_go_with_the_model_and_stay(tmp_path):
    pictures = [make_pixels(number, kind=number % 2) for number in range(24)]
    labels = [["a", "b"][number % 2] for number in range(24)]
    fitted = ImageClassifier(size=64, keep_sums=True).fit(pictures, labels)
    first = read_sums(fitted.save(tmp_path / "first.tellapart"))
    again = load(tmp_path / "first.tellapart").save(tmp_path / "again.tellapart")
    assert first.sums.rows == first.sums.counts.sum() > 12
    np.testing.assert_array_equal(read_sums(again).sums.products, first.sums.products)
