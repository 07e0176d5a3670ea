"""Fine-tuning starts as the head on the frozen base answers, trains what lies after the cut, and is served as ONNX."""

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra: pip install 'tellapart[torch]'")

from tellapart.backbones.catalogue import load_backbone  # noqa: E402
from tellapart.backbones.engine import Engine, compiled  # noqa: E402
from tellapart.finetuning.frozen_part import frozen_bases  # noqa: E402
from tellapart.finetuning.split_point import find_cut  # noqa: E402
from tellapart.finetuning.tune import (  # noqa: E402
    WAYS,
    FrozenOutputs,
    Start,
    build_module,
    finetune,
    keep_part_of_the_way,
    parameters_of,
    raw_head,
    view_batches,
)
from tellapart.heads.linear import LinearHead  # noqa: E402
from tellapart.nets.device import open_machine  # noqa: E402
from tellapart.nets.fit import TrainingData  # noqa: E402
from tellapart.nets.schedule import Training  # noqa: E402
from tellapart.progress import Silent  # noqa: E402

SIDE, PICTURES, VIEWS, CLASSES = 32, 24, 2, 3
TRAINING = Training(epochs=3, batch=8, learning_rate=1e-3, average=0.5, clip=1.0, label_smoothing=0.1)


@pytest.fixture(scope="module")
def machine():
    return open_machine(threads=1, precision="f32")


@pytest.fixture(scope="module")
def squares():
    """Noise of three brightnesses, a class each."""
    drawn = np.random.default_rng(0).integers(0, 90, (PICTURES, SIDE, SIDE, 3))
    return (drawn + 60 * (np.arange(PICTURES) % CLASSES)[:, None, None, None]).astype(np.uint8)


@pytest.fixture(scope="module")
def labels():
    return np.arange(PICTURES) % CLASSES


READ = {  # which base, and from which of its depths to which
    "all": ("lite0", "stage3", "last"),
    "last": ("lite0", "last", "last"),
    "maxima": ("lite0", "stage3_maximum", "last"),
    "deviations": ("lite0", "stage3", "stage5_deviation"),
    "joined": ("lite2+lite0", "lite2.stage3", "lite0.last"),
    "joined, with deviations": ("lite2+lite0", "lite2.stage3", "lite0.stage5_deviation"),
}


def answers_of(backbone, squares):
    """Features float32 [N, D] of a base, joined or not, in float32."""
    return compiled(backbone, precision="f32").look([(square,) * len(backbone.singles) for square in squares])


@pytest.fixture(scope="module", params=list(READ))
def start(request, squares):
    """A head that reads all depths, by one pooling or two, or only the last, with weights that mean nothing."""
    name, *read = READ[request.param]
    backbone = load_backbone(name, size=SIDE)
    features = answers_of(backbone, squares)
    places = {depth.name: depth for depth in backbone.depths}
    first, stop = places[read[0]].start, places[read[1]].stop
    weight = np.random.default_rng(1).normal(0, 0.02, (stop - first, CLASSES)).astype(np.float32)
    head = LinearHead(weight=weight, bias=np.arange(CLASSES, dtype=np.float32), start=first, stop=stop)
    return Start.of(backbone, find_cut(backbone, share=0.2), head=head, seen=features)


def rows_of(start, squares):
    """What the frozen part gives for squares, float16 [N, P + h * w * C]."""
    looking = frozen_bases(start.backbone, start.cut)
    return np.concatenate([Engine(base, precision="f32").run(squares) for base in looking], axis=1).astype(np.float16)


@pytest.fixture(scope="module")
def seen(start, squares, labels):
    rows = rows_of(start, squares)
    views = np.stack([rows, rows], axis=1)
    return FrozenOutputs(train=views, labels=labels, valid=rows[:9], valid_labels=labels[:9])


def tune(start, seen, machine, folder, **settings):
    return finetune(
        start,
        seen,
        training=replace(TRAINING, **settings),
        head_rate=0.1,
        machine=machine,
        seed=0,
        checkpoint=folder / "checkpoint.safetensors",
        progress=Silent(),
    )


def test_build_module__starts_with_the_answers_of_the_head(start, seen, squares):
    stages = start.stages()
    with torch.inference_mode():
        given = build_module(start, stages)(torch.from_numpy(seen.train[:, 0])).numpy()
    expected = start.head.logits(answers_of(start.backbone, squares))
    np.testing.assert_allclose(given, expected, atol=0.02 * np.abs(expected).max())


def test_raw_head__undoes_the_standardisation(start):
    stages = start.stages()
    head = raw_head(build_module(start, stages), start)
    features = np.random.default_rng(2).normal(size=(4, start.backbone.width)).astype(np.float32)
    dull = np.flatnonzero(start.standard.inverse_deviation == 0)
    features[:, start.columns.start + dull] = start.standard.mean[dull]
    np.testing.assert_allclose(head.logits(features), start.head.logits(features), rtol=1e-3, atol=1e-3)


def test_finetune__learns_and_is_served_as_onnx(start, seen, squares, machine, tmp_path):
    tuned = tune(start, seen, machine, tmp_path)
    assert tuned.score <= tuned.fitted.score
    assert tuned.score < tuned.start_score
    (*beside, trained), (*before, begun) = tuned.backbone.singles, start.backbone.singles
    assert beside == before
    assert trained.graph != begun.graph
    assert len(trained.plain.graph) == len(begun.plain.graph)
    assert tuned.backbone.plain.widths == start.backbone.plain.widths
    with torch.inference_mode():
        by_torch = tuned.module.eval()(torch.from_numpy(seen.train[:, 0])).numpy()
    by_engine = tuned.head.logits(answers_of(tuned.backbone, squares))
    np.testing.assert_allclose(by_engine, by_torch, atol=0.02 * np.abs(by_torch).max())


def test_finetune__the_frozen_part_does_not_move(start, seen, squares, machine, tmp_path):
    tuned = tune(start, seen, machine, tmp_path)
    before, after = (answers_of(base, squares) for base in (start.backbone, tuned.backbone))
    for depth in start.depths:
        same = np.array_equal(before[:, depth.start : depth.stop], after[:, depth.start : depth.stop])
        assert same == (depth.name in start.cut.frozen)


def test_finetune__the_same_seed_gives_the_same_bits(start, seen, machine, tmp_path):
    first, second = (tune(start, seen, machine, tmp_path / name) for name in ("first", "second"))
    assert first.backbone.digest == second.backbone.digest
    np.testing.assert_array_equal(first.head.weight, second.head.weight)


def test_finetune__goes_on_from_its_checkpoint(start, seen, machine, tmp_path):
    class Killed(Exception):  # noqa: N818
        pass

    def kill(history):
        if len(history) == 2:
            raise Killed

    whole = tune(start, seen, machine, tmp_path / "whole")
    settings = {"training": TRAINING, "head_rate": 0.1, "machine": machine, "seed": 0, "progress": Silent()}
    checkpoint = tmp_path / "killed.safetensors"
    with pytest.raises(Killed):
        finetune(start, seen, **settings, checkpoint=checkpoint, on_epoch=kill)
    resumed = finetune(start, seen, **settings, checkpoint=checkpoint)
    assert resumed.backbone.digest == whole.backbone.digest
    assert len(resumed.fitted.history) == TRAINING.epochs


def test_finetune__without_valid_there_is_no_score(start, seen, machine, tmp_path):
    nothing = replace(seen, valid=seen.valid[:0], valid_labels=seen.valid_labels[:0])
    tuned = tune(start, nothing, machine, tmp_path, epochs=1)
    assert tuned.start_score is None
    assert (tuned.fitted.score, tuned.score, tuned.way) == (None, None, 1.0)


def test_finetune__tells_of_every_epoch_that_the_start_is_better_where_it_is(
    start, seen, machine, tmp_path, monkeypatch
):
    class Notes(Silent):
        notes = ()

        def note(self, message):
            self.notes = (*self.notes, message)

    monkeypatch.setattr("tellapart.finetuning.tune.validate", lambda *_, **__: ({}, 0.0))
    progress = Notes()
    settings = {"training": TRAINING, "head_rate": 0.1, "machine": machine, "seed": 0, "progress": progress}
    tuned = finetune(start, seen, **settings, checkpoint=tmp_path / "checkpoint.safetensors")
    assert tuned.start_score == 0.0 < tuned.fitted.score
    told = [note for note in progress.notes if note.startswith("Epoch ")]
    assert len(told) == TRAINING.epochs
    assert all(note.endswith(": the start is still better, 0.000.") for note in told), told


LOSSES = {  # of how far the weights have moved
    "worse all the way": (lambda moved: moved, 0.0),
    "better all the way": (lambda moved: -moved, 1.0),
    "the same": (lambda _moved: 1.0, 0.0),
    "best between": (lambda moved: abs(moved - 0.7), 0.75),
}


@pytest.mark.parametrize("kind", LOSSES)
def test_keep_part_of_the_way__ends_where_valid_is_best(kind, machine, monkeypatch):
    loss, expected = LOSSES[kind]
    module = torch.nn.Linear(1, 2)
    begun = parameters_of(module)
    with torch.no_grad():
        module.weight.add_(1.0)

    def judged(module, _batches, *, machine):
        return {}, loss(float((module.weight - begun["weight"]).detach().mean()))

    monkeypatch.setattr("tellapart.finetuning.tune.validate", judged)
    pictures = TrainingData(train=lambda _epoch: [], steps=0, valid=list, fingerprint="")
    way, scores = keep_part_of_the_way(module, begun, pictures, start_score=loss(0.0), machine=machine)
    assert way == expected
    assert scores == pytest.approx({way: loss(way) for way in WAYS}, abs=1e-5)
    torch.testing.assert_close(module.weight - begun["weight"], torch.full((2, 1), expected))


def test_view_batches__each_picture_once_and_every_view_in_turn(seen):
    train = np.arange(PICTURES * VIEWS, dtype=np.float16).reshape(PICTURES, VIEWS, 1)
    numbered = replace(seen, train=train)
    shown = [
        np.concatenate([batch.inputs[:, 0] for batch in view_batches(numbered, batch=7, seed=0, epoch=epoch)])
        for epoch in range(VIEWS)
    ]
    for values in shown:
        assert sorted(values // VIEWS) == list(range(PICTURES))
    assert set(np.concatenate(shown)) == set(train.ravel())
    assert list(shown[0] // VIEWS) != list(shown[1] // VIEWS)
