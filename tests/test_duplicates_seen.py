"""What a base saw in few coordinates: of rows in memory, and of rows left where they were seen."""

from pathlib import Path

import numpy as np
import pytest

from pictures import write_classes
from tellapart.backbones.catalogue import find_base
from tellapart.data.scan import scan
from tellapart.duplicates.find import find_duplicates
from tellapart.duplicates.neighbours import unit
from tellapart.duplicates.seen import Axes, SeenHere, points_of
from tellapart.features.left import LeftFeatures
from tellapart.features.look import look_at
from tellapart.features.take import NOTHING
from tellapart.progress import Silent
from tellapart.types import Index
from test_workers_pool import Elsewhere


def points(features, rows, *, width, last):
    index = Index(name="made-up", root=Path(), layout="paths", classes=(), pictures=())
    return points_of(SeenHere(features=features, index=index), rows, last=last, width=width)


def test_points_of__keeps_the_angles_of_what_varies():
    random = np.random.default_rng(0)
    wide = (random.normal(size=(400, 5)) @ random.normal(size=(5, 60)) + 7).astype(np.float32)
    chosen = np.arange(0, 400, 2)
    expected = unit(wide[chosen] - wide[chosen].mean(axis=0))
    beside = np.concatenate([random.normal(size=(400, 3)).astype(np.float32), wide], axis=1)
    short = points(beside, chosen, width=8, last=slice(3, 63))
    assert short.shape == (200, 8)
    np.testing.assert_allclose(short @ short.T, expected @ expected.T, atol=1e-3)


def test_points_of__rows_that_do_not_differ():
    assert np.isfinite(points(np.ones((5, 3), np.float32), np.arange(5), width=2, last=slice(0, 3))).all()


@pytest.mark.parametrize("size", [1, 3, 7, 64, 600])
def test_axes__a_picture_lies_where_it_lies_whatever_else_is_in_its_part(size):
    random = np.random.default_rng(size)
    features = np.maximum(random.normal(size=(600, 1300)), 0).astype(np.float16).astype(np.float32)
    basis = np.linalg.qr(random.normal(size=(1280, 96)))[0].astype(np.float32)
    axes = Axes(start=20, stop=1300, basis=basis, middle=features[:, 20:].mean(axis=0) @ basis)
    index = Index(name="made-up", root=Path(), layout="paths", classes=(), pictures=())
    along = (features[:, 20:].astype(float) @ basis - axes.middle).astype(np.float32)
    whole, parts = axes(features, index), [axes(part, index) for part in np.split(features, range(size, 600, size))]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    np.testing.assert_allclose(whole, along / np.linalg.norm(along, axis=1, keepdims=True), atol=1e-6)


@pytest.mark.parametrize("size", [1, 5, 100])
def test_find_duplicates__is_the_same_of_features_that_were_left(tmp_path, monkeypatch, size):
    monkeypatch.setenv("TELLAPART_CACHE", str(tmp_path / "cache"))
    folder = write_classes(tmp_path / "data", {"cat": 9, "dog": 9}, blotches=60, width=80, height=80)
    write_classes(folder, {"owl": 4}, blotches=60, width=120, height=120)
    (folder / "cat/002.png").write_bytes(b"no picture")
    (folder / "cat/004.png").write_bytes((folder / "cat/003.png").read_bytes())
    base, index, workers = find_base("lite0", size=64).means_only, scan(folder), Elsewhere(size, machines=2)
    whole = look_at(index, base, Silent())
    seen = look_at(index, base, Silent(), take=NOTHING, workers=workers)
    assert seen.features.shape == (21, 0)
    left = LeftFeatures.of(seen, base, workers, Silent())
    last = slice(base.last.start, base.last.stop)
    rows = np.arange(1, 21)
    here = points_of(SeenHere(features=whole.features, index=whole.index), rows, last=last)
    np.testing.assert_array_equal(points_of(left, rows, last=last), here)
    groups = find_duplicates(whole, last=base.last)
    assert len(groups) > 0
    assert find_duplicates(seen, last=base.last, left=left, workers=workers) == groups
