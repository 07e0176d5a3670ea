import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from datasets import with_features
from pictures import write_splits_and_classes
from tellapart.backbones.engine import Engine
from tellapart.backbones.pixels import small_pixels
from tellapart.data import augment as augmentation_module
from tellapart.data.augment import Augmentation
from tellapart.data.scan import scan
from tellapart.errors import DataError, TellapartError, UsageError
from tellapart.heads.calibration import probabilities
from tellapart.nets import export
from tellapart.nets.device import Machine
from tellapart.nets.schedule import Training
from tellapart.progress import Silent
from tellapart.recipes import scratch
from tellapart.recipes.request import Request
from tellapart.recipes.scratch import PLANS, ScratchPlan, planned_epochs, small_and_grey, train_scratch
from tellapart.types import Index, Picture

torch = pytest.importorskip("torch", reason="needs the extra: pip install 'tellapart[torch]'")
pytest.importorskip("cv2", reason="needs the extra: pip install 'tellapart[torch]'")

BASE = small_pixels()
CPU = Machine(device="cpu", precision="f32", threads=1)
SHORT = Training(epochs=6, batch=8, learning_rate=3e-3, average=0.5)
PLAN = ScratchPlan(net="mnist-convnet", dropout=0.2, training=SHORT, pictures=10_000)
COUNTS = {"train": {"a": 12, "b": 12}, "valid": {"a": 6, "b": 6}, "test": {"a": 6, "b": 6}}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return scan(write_splits_and_classes(tmp_path_factory.mktemp("data"), COUNTS))


def labels_of(index):
    return np.array([index.classes.index(picture.label) for picture in index.pictures])


def run(index, work, *, augmented=False, **options):
    dataset = with_features(index, np.zeros((len(index.pictures), BASE.width), np.float32))
    request = Request(**{"recipe": "scratch", "size": 24, "plan": PLAN, "machine": CPU, "work": work} | options)
    return train_scratch(dataset, BASE, request, augmented=augmented)


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory):
    return run(data, tmp_path_factory.mktemp("work"))


def test_train_scratch__learns(data, trained):
    rows = [row for row, picture in enumerate(data.pictures) if picture.split == "valid"]
    contents = [data.pictures[row].file.read_bytes() for row in rows]
    squares = np.stack([trained.base.preprocess.apply(content).pixels for content in contents])
    logits = trained.head.logits(Engine(trained.base, precision="f32").run(squares))
    right = probabilities(logits, temperature=1.0).argmax(axis=1) == labels_of(data)[rows]
    assert right.mean() == 1
    assert trained.history[trained.selected["epoch"] - 1]["valid_accuracy"] == 1
    assert len(trained.history) == 6


def test_train_scratch__says_what_was_chosen(trained):
    assert (trained.selected["net"], trained.selected["size"]) == ("mnist-convnet", 24)
    assert trained.selected["chosen_by"] == "valid"
    json.dumps({**trained.selected, "history": trained.history}, allow_nan=False)


def test_train_scratch__the_same_again(data, trained, tmp_path):
    again = run(data, tmp_path)
    assert again.weights == trained.weights
    assert again.base.graph == trained.base.graph
    assert run(data, tmp_path, seed=1).weights != trained.weights


def test_train_scratch__never_opens_test_pictures(data, trained, tmp_path):
    gone = tuple(
        replace(picture, file=Path("nowhere")) if picture.split == "test" else picture for picture in data.pictures
    )
    noted = []
    found = run(replace(data, pictures=gone), tmp_path, progress=Notes(noted))
    assert found.weights == trained.weights
    assert [note for note in noted if not note.startswith("Epoch ")] == []


def test_train_scratch__only_train_is_augmented(data, tmp_path, monkeypatch):
    seen = []
    real = augmentation_module.augment
    monkeypatch.setattr(
        "tellapart.nets.images.augment",
        lambda pixels, **options: seen.append((options["epoch"], options["index"])) or real(pixels, **options),
    )
    plan = replace(PLAN, augmentation=Augmentation(horizontal_flip=True), training=replace(SHORT, epochs=2))
    run(data, tmp_path, plan=plan)
    assert sorted(seen) == [(epoch, index) for epoch in range(2) for index in range(24)]


KILLED = """
import os, signal, sys
from pathlib import Path
from tellapart.data.scan import scan
from test_recipes_scratch import run

def kill(history):
    if len(history) == 2:
        os.kill(os.getpid(), signal.SIGKILL)

run(scan(Path(sys.argv[1])), Path(sys.argv[2]), on_epoch=kill)
"""


def test_train_scratch__killed_and_started_again_ends_at_the_same_bits(data, trained, tmp_path):
    command = [sys.executable, "-c", KILLED, str(data.root), str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    lengths = []
    found = run(data, tmp_path, on_epoch=lambda history: lengths.append(len(history)))
    assert lengths == [3, 4, 5, 6]
    assert found.weights == trained.weights
    assert found.base.graph == trained.base.graph


class Notes:
    def __init__(self, notes):
        self.note = notes.append

    def start(self, stage, *, total, unit): ...

    def advance(self, steps=1): ...

    def finish(self): ...


def test_train_scratch__an_unreadable_picture_is_left_out_with_a_note(data, tmp_path):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    pictures = (replace(data.pictures[0], file=broken), *data.pictures[1:])
    noted = []
    plan = replace(PLAN, training=replace(SHORT, epochs=1))
    run(replace(data, pictures=pictures), tmp_path / "work", plan=plan, progress=Notes(noted))
    left_out, *epochs = noted
    assert left_out == "Left out of train: train/a/000.png (not a picture in any format known here)"
    assert all(note.startswith("Epoch ") for note in epochs)


class Told(Silent):
    def __init__(self):
        self.notes = []

    def note(self, message):
        self.notes.append(message)


@pytest.mark.parametrize(("loss", "score", "diverged"), [(1e9, 17.3, True), (1e9, 0.4, False), (0.7, 0.7, False)])
def test_train_scratch__one_that_diverged_in_numbers_names_its_rate(data, tmp_path, monkeypatch, loss, score, diverged):
    def fit_net(*some, **options):
        fitted = real(*some, **options)
        return replace(fitted, score=score, history=[{**row, "train_loss": loss} for row in fitted.history])

    real, told = scratch.fit_net, Told()
    monkeypatch.setattr(scratch, "fit_net", fit_net)
    plan = replace(PLAN, training=replace(SHORT, epochs=1))
    made = run(data, tmp_path, plan=plan, progress=told)
    assert made.selected.get("diverged", False) is diverged
    said = [line for line in told.notes if line.startswith("The training diverged at the learning rate 0.003: ")]
    assert len(said) == diverged


def test_train_scratch__nothing_to_learn_from(data, tmp_path):
    pictures = tuple(picture for picture in data.pictures if picture.split != "train")
    with pytest.raises(DataError, match="no training picture"):
        run(replace(data, pictures=pictures), tmp_path)


def test_train_scratch__a_module_of_the_user_s_own(data, tmp_path):
    body = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 16 * 16, 4), torch.nn.Linear(4, 2))
    plan = replace(PLAN, training=replace(SHORT, epochs=1))
    trained = run(data, tmp_path, module=body, size=16, plan=plan)
    assert (trained.selected["net"], trained.base.width) == ("Sequential", 4)


def test_train_scratch__a_module_with_other_classes(data, tmp_path):
    body = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 16 * 16, 4))
    with pytest.raises(UsageError, match="4 outputs"):
        run(data, tmp_path, module=body, size=16)


def idx(shape):
    file = Path("digits")
    pictures = tuple(Picture(path=f"digits#{row}", file=file, row=row, label="0") for row in range(2))
    return Index(
        name="d", root=Path(), layout="idx", classes=("0",), pictures=pictures, arrays={file: np.zeros(shape, np.uint8)}
    )


def test_small_and_grey__digits_only(data):
    assert small_and_grey(idx((2, 28, 28)))
    assert not small_and_grey(idx((2, 28, 28, 3)))
    assert not small_and_grey(idx((2, 64, 28)))
    assert not small_and_grey(data)


def test_planned_epochs__a_small_set_is_gone_through_more_often():
    plan = replace(PLAN, training=replace(SHORT, epochs=50), pictures=1000)
    assert [planned_epochs(plan, count) for count in (10, 100, 10_000)] == [50, 10, scratch.FEWEST_EPOCHS]


def test_plans__digits_are_never_mirrored_and_scratch_is_never_augmented():
    assert not PLANS[True, True].augmentation.horizontal_flip
    assert PLANS[True, False].augmentation is PLANS[False, False].augmentation is None
    assert PLANS[False, True].dropout == 0.5


class OfOnesOwn(torch.nn.Module):
    """A small net, and what is done with its features."""

    def __init__(self, change):
        super().__init__()
        self.body = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3, stride=4), torch.nn.Flatten())
        self.change = change
        self.last = torch.nn.Linear(4 * 36, 2)

    def forward(self, pixels):
        return self.last(self.change(self.body(pixels)))


def test_train_scratch__a_net_that_cannot_be_saved_stops_before_the_first_epoch(data, tmp_path, monkeypatch):
    def refuse(*_, **__):  # as torch does with this net, after seconds
        raise RuntimeError("Could not guard on data-dependent expression")

    monkeypatch.setattr(export, "export_graph", refuse)
    monkeypatch.setattr(scratch, "fit_net", lambda *_, **__: pytest.fail("it was trained"))
    net = OfOnesOwn(lambda features: features if features.sum() > 0 else 2 * features)
    with pytest.raises(UsageError, match=r"cannot be saved as ONNX.*: OfOnesOwn\. Its forward must do the same"):
        run(data, tmp_path, module=net)


def test_train_scratch__features_beyond_float16_are_scaled_and_answer_the_same(data, tmp_path):
    torch.manual_seed(0)
    layers = torch.nn.Conv2d(3, 4, 3, stride=4), torch.nn.Flatten(), torch.nn.Linear(4 * 36, 8), torch.nn.Linear(8, 2)
    with torch.no_grad():
        layers[2].weight.mul_(1e6)
        layers[3].weight.mul_(1e-6)
    plan = replace(PLAN, training=replace(SHORT, epochs=1, learning_rate=1e-12))
    classifier = run(data, tmp_path, plan=plan, module=torch.nn.Sequential(*layers))
    squares = np.random.default_rng(0).integers(0, 256, (8, 24, 24, 3), np.uint8)
    features = Engine(classifier.base, precision="f32").run(squares)
    assert 100 < np.abs(features).max() < 65504
    logits = torch.nn.Sequential(*layers)(torch.from_numpy(squares).permute(0, 3, 1, 2) / 255)
    np.testing.assert_allclose(classifier.head.logits(features), logits.detach().numpy(), atol=0.05)
    assert classifier.selected["dropout"] is None


def test_train_scratch__what_fails_after_training_says_how_to_go_on(data, tmp_path, monkeypatch):
    def fail(_net, **_):
        raise RuntimeError("no\nroom")

    monkeypatch.setattr(scratch, "export_backbone", fail)
    with pytest.raises(TellapartError, match=r"trained, but cannot be saved \(no room\): .*goes on from it"):
        run(data, tmp_path, plan=replace(PLAN, training=replace(SHORT, epochs=1)))
    assert (tmp_path / "checkpoint.safetensors").exists()


@pytest.mark.parametrize(
    "change", [{"dropout": 1.5}, {"pictures": 0}, {"training": {"epochs": 3}}, {"augmentation": "some"}]
)
def test_scratch_plan__settings_that_cannot_be_meant(change):
    with pytest.raises(UsageError, match=f"{next(iter(change))} cannot be"):
        replace(PLAN, **change)
