"""The recipe `finetune`: never worse than where it starts by what it chooses by, and test pictures stay unopened."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from datasets import with_features
from pictures import write_splits_and_classes

torch = pytest.importorskip("torch", reason="needs the extra: pip install 'tellapart[torch]'")

from tellapart.backbones.catalogue import load_backbone  # noqa: E402
from tellapart.backbones.engine import Engine, compiled  # noqa: E402
from tellapart.bundle.bundle import pack_bundle, read_bundle  # noqa: E402
from tellapart.bundle.container import write_container  # noqa: E402
from tellapart.data.augment import MovedView  # noqa: E402
from tellapart.data.scan import scan  # noqa: E402
from tellapart.features.embed import embed_pictures  # noqa: E402
from tellapart.heads.linear import LinearHead  # noqa: E402
from tellapart.nets.device import open_machine  # noqa: E402
from tellapart.nets.schedule import Training  # noqa: E402
from tellapart.progress import Silent  # noqa: E402
from tellapart.recipes import finetune as finetune_recipe  # noqa: E402
from tellapart.recipes.finetune import FineTuningPlan, run_frozen_part, starting_point, train_finetune  # noqa: E402
from tellapart.recipes.label_safety import ChangedLabel  # noqa: E402
from tellapart.recipes.request import Request  # noqa: E402

SIDE = 32
COUNTS = {"train": {"a": 8, "b": 6, "c": 7}, "valid": {"a": 3, "b": 3, "c": 3}, "test": {"a": 2, "b": 2, "c": 2}}
PLAN = FineTuningPlan(
    share=0.2, views=2, training=Training(epochs=2, batch=8, learning_rate=3e-4, clip=1.0), head_rate=0.1
)


class Listening(Silent):
    def __init__(self):
        self.notes = []

    def note(self, message):
        self.notes.append(message)


class Case:
    """A small data set with the features of a base, rows in the order train, valid, test."""

    def __init__(self, folder, base="lite0", side=SIDE):
        root = write_splits_and_classes(folder / "data", COUNTS, width=SIDE, height=SIDE)
        self.backbone = load_backbone(base, size=side)
        embedded = embed_pictures(scan(root), self.backbone)
        self.dataset = with_features(embedded.index, embedded.features)
        self.index, self.test = self.dataset.index, self.dataset.rows["test"]

    def fit(self, work, *, plan=PLAN, progress=None, on_epoch=lambda _history: None):
        request = Request(
            recipe="finetune",
            work=work,
            plan=plan,
            machine=open_machine(threads=1, precision="f32"),
            progress=progress or Silent(),
            on_epoch=on_epoch,
        )
        return train_finetune(self.dataset, self.backbone, request)


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    return Case(tmp_path_factory.mktemp("finetune"))


@pytest.fixture(scope="module")
def trained(case, tmp_path_factory):
    rows = []
    net = case.fit(tmp_path_factory.mktemp("work"), on_epoch=lambda history: rows.append(history[-1]))
    assert [row["epoch"] for row in rows] == [1, 2]
    return net


def test_train_finetune__what_it_selected(trained, case):
    selected = trained.selected
    assert selected["frozen_depths"] == ["stage3", "stage4", "stage5"]
    assert 0 < selected["trained_share"] <= PLAN.share
    assert selected["epoch"] in selected["out_of"]["epoch"]
    assert selected["score"] <= selected["start_score"]
    assert trained.base.widths == case.backbone.widths
    assert (trained.head.start, trained.head.stop) == (case.backbone.means.start, case.backbone.means.stop)
    assert len(trained.weights) > 1000


def test_train_finetune__test_pictures_are_never_opened(case, tmp_path):
    hidden = [picture.file for picture in case.index.pictures[case.test]]
    for file in hidden:
        file.rename(file.with_suffix(".hidden"))
    try:
        case.fit(tmp_path)
    finally:
        for file in hidden:
            file.with_suffix(".hidden").rename(file)


def test_train_finetune__what_does_not_help_is_not_kept(case, tmp_path):
    listener = Listening()
    harmful = replace(PLAN, training=replace(PLAN.training, learning_rate=10.0, clip=None))
    net = case.fit(tmp_path, plan=harmful, progress=listener)
    assert net.base.graph == case.backbone.graph
    assert net.weights is None  # the base has learned from no picture
    assert net.selected["epoch"] == 0
    assert net.selected["score"] == net.selected["start_score"]
    assert any("did not lower the log loss" in note for note in listener.notes)
    assert net.selected["diverged"]
    assert any(note.startswith("The training diverged at the learning rate 10: ") for note in listener.notes)


def test_train_finetune__the_model_file_works_without_torch(trained, case, tmp_path):
    manifest, members = pack_bundle(trained, manifest={"recipe": "finetune"}, card="")
    write_container(tmp_path / "model.tellapart", manifest, members)
    bundle, engine = read_bundle(tmp_path / "model.tellapart")
    assert engine.width == bundle.classifier.head.stop
    squares = np.random.default_rng(0).integers(0, 256, (3, SIDE, SIDE, 3), np.uint8)
    given = bundle.classifier.head.logits(Engine(bundle.classifier.base, precision="f32").run(squares))
    expected = trained.head.logits(Engine(trained.base, precision="f32").run(squares))
    np.testing.assert_allclose(given, expected, rtol=1e-3, atol=1e-2)


def test_train_finetune__of_joined_bases_the_last_is_trained_and_one_file_holds_both(tmp_path, monkeypatch):
    case, losses = Case(tmp_path, base="lite2+lite0", side=64), iter(np.linspace(1, 0, 5))  # the farther the better
    monkeypatch.setattr("tellapart.finetuning.tune.validate", lambda *_, **__: ({}, float(next(losses))))
    monkeypatch.setattr("tellapart.recipes.cost.FEW_LOOKS", 0)  # what it will take is measured
    net = case.fit(tmp_path / "work", plan=replace(PLAN, training=replace(PLAN.training, epochs=1)))
    assert (net.selected["way"], net.selected["views"]) == (1.0, 1)
    beside, trained = net.base.halves
    assert beside.graph == case.backbone.halves[0].graph
    assert trained.graph != case.backbone.halves[1].graph
    assert {depth.split(".")[0] for depth in net.selected["frozen_depths"]} == {"lite0", "lite2"}
    write_container(tmp_path / "model.tellapart", *pack_bundle(net, manifest={"recipe": "finetune"}, card=""))
    bundle, engine = read_bundle(tmp_path / "model.tellapart", precision="f32")
    squares = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), np.uint8)
    shown = [(square, square) for square in squares]
    given = bundle.classifier.head.logits(engine.look(shown))
    expected = net.head.logits(compiled(net.base, precision="f32").look(shown))
    np.testing.assert_allclose(given, expected, rtol=1e-3, atol=1e-2)


def test_train_finetune__views_are_kept_for_the_same_call(case, tmp_path, monkeypatch):
    case.fit(tmp_path)

    def refuse(*_):
        raise AssertionError

    monkeypatch.setattr(finetune_recipe, "prepare_square", refuse)
    case.fit(tmp_path)
    with pytest.raises(AssertionError):
        case.fit(tmp_path, plan=replace(PLAN, views=1))


def test_run_frozen_part__views_are_kept_for_the_depths_that_the_head_reads(case, tmp_path):
    base, dataset = case.backbone, case.dataset
    request = Request(recipe="finetune", work=tmp_path, plan=PLAN, progress=Silent())
    seen, frozen = dataset.features[dataset.train], []
    for columns in (slice(0, base.means.stop), slice(base.means.start, base.width)):  # maxima or deviations, as wide
        weight = np.zeros((columns.stop - columns.start, 3), np.float32)
        head = LinearHead(weight=weight, bias=np.zeros(3, np.float32), start=columns.start, stop=columns.stop)
        start = starting_point(base, PLAN, head=head, seen=seen)
        rows = run_frozen_part(dataset, start, PLAN, request).train[:, 0]
        names = [depth for depth in start.depths if depth.name in start.cut.frozen]
        expected = np.concatenate([seen[:, depth.start : depth.stop] for depth in names], axis=1)
        np.testing.assert_allclose(rows[:, : expected.shape[1]], expected, rtol=0.05, atol=0.05)
        frozen.append(start.cut.frozen)
    assert frozen[0] != frozen[1]


def test_train_finetune__an_augmentation_that_undoes_a_label_is_left_out(case, tmp_path, monkeypatch):
    finding = ChangedLabel(
        augmentation="horizontal_flip", view=MovedView(flip=True), label=0, other=1, pictures=9, before=0, after=8
    )
    monkeypatch.setattr("tellapart.recipes.label_safety.changed_labels", lambda *_, **__: [finding])
    listener = Listening()
    net = case.fit(tmp_path, progress=listener)
    assert net.selected["augmentation"]["horizontal_flip"] is False
    assert net.selected["left_out"] == [note for note in listener.notes if note.startswith("Mirroring turns a into b")]


def test_train_finetune__goes_on_where_it_was_killed(case, trained, tmp_path):
    class Killed(Exception):  # noqa: N818
        pass

    def kill(_history):
        raise Killed

    with pytest.raises(Killed):
        case.fit(tmp_path, on_epoch=kill)
    resumed = case.fit(tmp_path)
    assert resumed.base.graph == trained.base.graph
    np.testing.assert_array_equal(resumed.head.weight, trained.head.weight)


def test_safe_tensors__weights_that_lie_channels_last():
    weight = np.moveaxis(np.arange(24, dtype=np.float32).reshape(2, 3, 4), 2, 1)
    assert not weight.flags["C_CONTIGUOUS"]
    head = SimpleNamespace(weight=np.ones((2, 2), np.float32), bias=np.zeros(2, np.float32))
    content = finetune_recipe.safe_tensors(SimpleNamespace(weights={"layer": weight}, head=head))
    from safetensors.numpy import load

    np.testing.assert_array_equal(load(content)["layer"], weight)
