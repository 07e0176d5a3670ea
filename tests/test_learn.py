"""One way to learn: what valid may judge, and which pictures count as one."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tellapart.backbones.catalogue import load_backbone
from tellapart.data.cost_table import CostTable
from tellapart.data.scan import scan
from tellapart.learn import learn, one_of_each_group
from tellapart.progress import Silent
from tellapart.recipes.request import Request
from tellapart.runs.analysis import materials_of


class Listening(Silent):
    def __init__(self):
        self.notes = []

    def note(self, message):
        self.notes.append(message)


def learned(data, **options):
    progress = Listening()
    base = load_backbone("lite0", size=64)
    return learn(scan(data), base, Request(work=Path("unused"), progress=progress, **options)), progress.notes, base


def distinct(seed, *, bright):
    """A patchwork that is like no other one, bright or dark."""
    random = np.random.default_rng(seed)
    patches = random.integers(90, 250, (9, 9, 3)) if bright else random.integers(5, 165, (9, 9, 3))
    return Image.fromarray(patches.astype(np.uint8)).resize((72, 72), Image.Resampling.NEAREST)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root, seed = tmp_path_factory.mktemp("learn") / "data", 0
    for split, count in {"train": 12, "valid": 8, "test": 4}.items():
        for label in "ab":
            (root / split / label).mkdir(parents=True)
            for number in range(count):
                seed += 1
                distinct(seed, bright=label == "a").save(root / split / label / f"{number:03d}.png")
    return root


@pytest.fixture(scope="module")
def leaking(data, tmp_path_factory):
    """The same with a copy of a train picture in place of every picture of valid but two."""
    folder = tmp_path_factory.mktemp("leaking") / "data"
    shutil.copytree(data, folder)
    for name in ("a", "b"):
        for number in range(7):
            file = Path(name) / f"{number:03d}.png"
            shutil.copyfile(folder / "train" / file, folder / "valid" / file)
    return folder


def test_learn__valid_that_train_has_shown_promises_nothing(data, leaking):
    clean, _, _ = learned(data)
    found, notes, base = learned(leaking)
    assert clean.classifier.abstention.guarantee.pictures == 16
    assert found.classifier.abstention.guarantee.pictures == 2
    assert found.classifier.abstention.unsure is None
    assert any(
        "14 pictures of valid have a near-duplicate, or one of the same group, in train, and are left out" in n
        for n in notes
    )
    materials = materials_of(found.dataset, found.classifier, base=base, seed=0)
    assert (materials.valid.stop - materials.valid.start, len(materials.labels)) == (2, 26)
    head = found.classifier.head
    assert materials.setting.scale == found.classifier.selected["scale"]
    assert materials.setting.columns == slice(head.start, head.stop)
    assert found.answered["valid"].figures["n"] == 16


def test_one_of_each_group__each_once_drawn_by_the_seed():
    groups = np.array([0, 0, 0, 1, 2, 2, 3])
    rows = np.arange(1, 7)
    drawn = {seed: one_of_each_group(rows, groups, seed=seed).tolist() for seed in range(20)}
    assert all(sorted(groups[list(chosen)]) == [0, 1, 2, 3] for chosen in drawn.values())
    assert all(chosen == sorted(chosen) for chosen in drawn.values())
    assert len(set(map(tuple, drawn.values()))) == 4
    np.testing.assert_array_equal(one_of_each_group(np.array([3, 4, 6]), groups, seed=0), [3, 4, 6])


def test_learn__a_group_counts_as_one_picture_of_a_promise(data, tmp_path):
    rows = ["path,label,split,group"]
    for path in sorted(data.rglob("*.png")):
        split, label, name = path.relative_to(data).parts
        rows.append(f"{path},{label},{split},{split}-{label}-{int(name[:3]) // 4}")
    (tmp_path / "list.csv").write_text("\n".join(rows))
    found, _, _ = learned(tmp_path / "list.csv")
    assert found.classifier.abstention.guarantee.pictures == 4
    assert found.answered["valid"].figures["n"] == 16


def test_learn__what_is_set_aside_beside_train_is_the_test_whatever_it_is_called(data, tmp_path):
    shutil.copytree(data / "train", tmp_path / "data" / "train")
    shutil.copytree(data / "valid", tmp_path / "data" / "val")
    found, notes, _ = learned(tmp_path / "data")
    sizes = {name: rows.stop - rows.start for name, rows in found.dataset.rows.items()}
    assert sizes == {"train": 20, "valid": 4, "test": 16}
    assert all(picture.path.startswith("val/") for picture in found.dataset.index.pictures[24:])
    assert not found.dataset.valid_is_given
    assert "cross-validation" in found.classifier.selected["chosen_by"]
    assert any("The 16 pictures set aside beside train are the test" in note for note in notes)


@pytest.fixture(scope="module")
def unequal(data, tmp_path_factory):
    """The same with a quarter of the training pictures of one class."""
    folder = tmp_path_factory.mktemp("unequal") / "data"
    shutil.copytree(data, folder)
    for number in range(3, 12):
        (folder / "train" / "b" / f"{number:03d}.png").unlink()
    return folder


def test_learn__shares_of_unequal_classes_are_taken_out_of_the_bias_and_said(data, unequal):
    plain, _, _ = learned(data)
    found, notes, _ = learned(unequal)
    assert "prior_taken_out" not in plain.classifier.selected
    selected = found.classifier.selected
    assert selected["out_of"]["prior_taken_out"] == [0.0, 0.5, 1.0]
    fraction = selected["prior_taken_out"]
    assert selected["prior_scores"][f"{fraction:g}"] == min(selected["prior_scores"].values())
    assert any("train has 12 pictures of a and 3 of b" in note for note in notes)
    costs = CostTable(where="costs", rows={"a": {"a": 0, "b": 1}, "b": {"a": 1, "b": 0}})
    costly, _, _ = learned(unequal, costs=costs)
    assert "prior_taken_out" not in costly.classifier.selected
    moved = found.classifier.head.bias - costly.classifier.head.bias
    np.testing.assert_allclose(moved, [0, fraction * np.log(4)], atol=1e-5)
