import json
import math
from dataclasses import replace

import numpy as np
import pytest

from tellapart.errors import UsageError
from tellapart.nets import fit as module
from tellapart.nets.architectures import build_net
from tellapart.nets.checkpoint import write_checkpoint
from tellapart.nets.device import Machine
from tellapart.nets.epoch import Batch
from tellapart.nets.fit import TrainingData, fit_net, validate
from tellapart.progress import Silent
from test_nets_steps import CPU, settings, tiny

torch = pytest.importorskip("torch", reason="needs the extra: pip install 'tellapart[torch]'")

from safetensors import safe_open  # noqa: E402
from safetensors.torch import load_file  # noqa: E402

SETTINGS = settings(epochs=4, average=0.5, warm_up=1, label_smoothing=0.1, clip=1.0)


def dropping():
    return torch.nn.Sequential(torch.nn.Dropout(0.5), *tiny())


def pictures(*, fingerprint="pictures", valid=24):
    random = np.random.default_rng(0)
    inputs, labels = random.normal(size=(40, 4)).astype(np.float32), np.arange(40) % 2
    inputs[:, 0] += 3 * labels

    def train(epoch):
        order = np.random.default_rng(epoch).permutation(40)
        return [Batch(inputs=inputs[rows], labels=labels[rows]) for rows in np.split(order, 5)]

    judge = [Batch(inputs=inputs[:valid], labels=labels[:valid])] if valid else []
    return TrainingData(train=train, steps=5, valid=lambda: judge, fingerprint=fingerprint)


def fit(path, *, training=SETTINGS, own=None, seed=0, on_epoch=lambda _: None, progress=None, **options):
    net = own or dropping()
    fitted = fit_net(
        net,
        pictures(**options),
        training=training,
        machine=CPU,
        seed=seed,
        checkpoint=path,
        on_epoch=on_epoch,
        progress=progress,
    )
    return net.state_dict(), fitted


class Notes(Silent):
    def __init__(self):
        self.notes = []

    def note(self, message):
        self.notes.append(message)

    def start(self, stage, *, total, unit):
        self.total = total


class KilledError(Exception):
    pass


def kill_after(epochs):
    def on_epoch(history):
        if len(history) == epochs:
            raise KilledError

    return on_epoch


def same(one, other):
    return all(torch.equal(value, other[name]) for name, value in one.items())


def test_fit_net__history_has_a_row_an_epoch(tmp_path):
    lengths = []
    _, fitted = fit(tmp_path / "c", on_epoch=lambda history: lengths.append(len(history)))
    assert lengths == [1, 2, 3, 4]
    assert list(fitted.history[0]) == [
        "epoch", "train_loss", "train_accuracy", "valid_loss", "valid_accuracy", "valid_calibrated_loss",
        "learning_rate", "seconds", "pictures_per_s",
    ]  # fmt: skip
    assert [row["epoch"] for row in fitted.history] == [1, 2, 3, 4]
    assert fitted.history[fitted.epoch - 1]["valid_calibrated_loss"] == fitted.score
    assert min(row["valid_calibrated_loss"] for row in fitted.history) == fitted.score
    json.dumps(fitted.history, allow_nan=False)


@pytest.mark.parametrize("epochs", [1, 3])
def test_fit_net__killed_and_gone_on_with_gives_the_same_bits(epochs, tmp_path):
    expected, straight = fit(tmp_path / "straight")
    with pytest.raises(KilledError):
        fit(tmp_path / "killed", on_epoch=kill_after(epochs))
    torch.manual_seed(123)  # what the process drew before must not matter
    counted = []
    found, resumed = fit(tmp_path / "killed", on_epoch=lambda history: counted.append(len(history)))
    assert counted[0] == epochs + 1
    assert same(found, expected)
    assert [{**row, "seconds": 0, "pictures_per_s": 0} for row in resumed.history] == [
        {**row, "seconds": 0, "pictures_per_s": 0} for row in straight.history
    ]
    assert (resumed.epoch, resumed.score) == (straight.epoch, straight.score)


def test_fit_net__finished_is_not_trained_again(tmp_path):
    expected, _ = fit(tmp_path / "c")
    found, _ = fit(tmp_path / "c", on_epoch=kill_after(1))
    assert same(found, expected)


@pytest.mark.parametrize("change", [{"fingerprint": "other"}, {"seed": 1}, {"training": replace(SETTINGS, clip=2.0)}])
def test_fit_net__another_training_begins_anew(change, tmp_path):
    with pytest.raises(KilledError):
        fit(tmp_path / "c", on_epoch=kill_after(2))
    lengths = []
    fit(tmp_path / "c", on_epoch=lambda history: lengths.append(len(history)), **change)
    assert lengths[0] == 1


def forge(path, change):
    """Change a checkpoint as whoever knows its fingerprint can: the digest fits again."""
    header = safe_open(path, framework="pt").metadata()["tellapart"]
    document, tensors = json.loads(header), load_file(path)
    change(document, tensors)
    write_checkpoint(
        path, tensors, {name: value for name, value in document.items() if name not in ("schema", "sha256")}
    )


def without(name):
    return lambda _, tensors: tensors.pop(next(key for key in tensors if key.startswith(name)))


FORGED = {
    "no tensors": lambda _, tensors: tensors.clear(),
    "none of the best": without("best."),
    "another shape": lambda _, tensors: tensors.update({next(iter(tensors)): torch.ones(7)}),
    "no number": lambda _, tensors: next(each for each in tensors.values() if each.is_floating_point()).fill_(math.nan),
    "a parameter too many": lambda _, tensors: tensors.update({"optimiser.99.exp_avg": torch.ones(1)}),
    "no such state": lambda _, tensors: tensors.update({"optimiser.0.__class__": torch.ones(1)}),
    "a state of another shape": lambda _, tensors: tensors.update({"optimiser.0.exp_avg": torch.ones(9, 9, 9)}),
    "a step from elsewhere": lambda document, _: document.update(step=10**14),
    "a score that is none": lambda document, _: document.update(scores=[None, 1]),
    "scores of other epochs": lambda document, _: document.update(scores=[0.1]),
    "a history of nothing": lambda document, _: document.update(history=[3, 4]),
    "no history": lambda document, _: document.pop("history"),
}


@pytest.mark.parametrize("name", FORGED)
def test_fit_net__a_forged_checkpoint_is_begun_anew(tmp_path, name):
    with pytest.raises(KilledError):
        fit(tmp_path / "c", on_epoch=kill_after(2))
    forge(tmp_path / "c", FORGED[name])
    lengths = []
    fit(tmp_path / "c", on_epoch=lambda history: lengths.append(len(history)))
    assert lengths[0] == 1


def test_fit_net__what_is_written_again_unchanged_is_gone_on_with(tmp_path):
    with pytest.raises(KilledError):
        fit(tmp_path / "c", on_epoch=kill_after(2))
    forge(tmp_path / "c", lambda *_: None)
    lengths = []
    fit(tmp_path / "c", on_epoch=lambda history: lengths.append(len(history)))
    assert lengths[0] == 3


def test_fit_net__seed_draws_the_dropout(tmp_path):
    one, again, other = (
        fit(tmp_path / name, own=net(), seed=seed)[0]
        for name, seed, net in (("a", 0, dropping), ("b", 0, dropping), ("c", 1, dropping))
    )
    assert same(one, again)
    assert not same(one, other)


def test_fit_net__keeps_the_best_epoch_and_stops_after_patience(tmp_path, monkeypatch):
    scores = iter([0.5, 0.3, 0.3, 0.4, 0.1])
    monkeypatch.setattr(module, "calibrated_losses", lambda _logits, _labels: np.array([next(scores)]))
    weights = []
    training = settings(epochs=5, patience=2, constant=True)
    net = dropping()
    found, fitted = fit(
        tmp_path / "c", own=net, training=training,
        on_epoch=lambda _: weights.append({name: value.clone() for name, value in net.state_dict().items()}),
    )  # fmt: skip
    assert (fitted.epoch, fitted.score, len(fitted.history)) == (2, 0.3, 4)
    assert same(found, weights[1])


def test_fit_net__nothing_to_judge_by_keeps_the_last_epoch(tmp_path):
    _, fitted = fit(tmp_path / "c", valid=0)
    assert (fitted.epoch, fitted.score) == (4, None)
    assert fitted.history[0]["valid_loss"] is None


def test_fit_net__a_training_that_diverges_at_once_is_an_error_with_its_rate(tmp_path):
    with pytest.raises(UsageError, match=r"diverged at the learning rate 1e\+30: epoch 1"):
        fit(tmp_path / "c", training=settings(learning_rate=1e30, optimiser="rmsprop", constant=True))


@pytest.mark.parametrize("precision", ["f32", "bf16"])
@pytest.mark.parametrize("blocked", [False, True])
def test_fit_net__weights_that_are_no_numbers_are_never_kept(tmp_path, blocked, precision):
    machine = Machine(device="cpu", precision=precision, threads=1)
    if blocked and not machine.blocks:
        pytest.skip("torch has no such blocked maps here")
    net = build_net("mnist-convnet-normalised", classes=2, seed=0)
    pictures = np.random.default_rng(0).integers(0, 256, (32, 28, 28, 3), np.uint8)
    batches = [Batch(inputs=some, labels=np.arange(16) % 2) for some in np.split(pictures, 2)]
    data = TrainingData(train=lambda _epoch: batches, steps=2, valid=lambda: batches[:1], fingerprint="made up")
    with pytest.raises(UsageError, match="diverged at the learning rate"):  # NaN lost on the way gives a loss of ln 2
        fit_net(
            net.training_module(blocks=machine.blocks if blocked else None),
            data,
            training=settings(learning_rate=1e25, optimiser="rmsprop", constant=True, average=None),
            machine=machine,
            seed=0,
            checkpoint=tmp_path / "c",
        )


def test_fit_net__one_that_diverges_later_keeps_what_it_had(tmp_path, monkeypatch):
    trained, real = [], module.run_epoch

    def run_epoch(step, batches, **options):
        record = real(step, batches, **options)
        trained.append("on_batch" in options)
        return {**record, "loss": math.nan} if sum(trained) == 3 and trained[-1] else record

    monkeypatch.setattr(module, "run_epoch", run_epoch)
    notes = Notes()
    _, fitted = fit(tmp_path / "c", progress=notes)
    assert len(fitted.history) == 2
    assert [line.split(":")[0] for line in notes.notes[:2]] == ["Epoch 1 of 4", "Epoch 2 of 4"]
    diverged = f"the training diverged at the learning rate {SETTINGS.learning_rate:g}"
    assert notes.notes[2:] == [f"In epoch 3 {diverged}: it ends here, and epoch {fitted.epoch} is kept."]


@pytest.mark.parametrize("change", ["weights", "width", "layers", "nothing"])
def test_fit_net__another_net_begins_anew_and_says_so(tmp_path, change):
    def net(width=8, seed=0, layer=torch.nn.ReLU):
        torch.manual_seed(seed)
        return torch.nn.Sequential(torch.nn.Linear(4, width), layer(), torch.nn.Linear(width, 2))

    with pytest.raises(KilledError):
        fit(tmp_path / "c", own=net(), on_epoch=kill_after(2))
    changes = {"weights": {"seed": 1}, "width": {"width": 9}, "layers": {"layer": torch.nn.Tanh}, "nothing": {}}
    notes = Notes()
    fit(tmp_path / "c", own=net(**changes[change]), progress=notes)
    anew = "What was trained here before had another net, data or settings: training begins anew."
    assert notes.notes[0] == ("Going on after epoch 2 of 4." if change == "nothing" else anew)
    assert notes.total == (10 if change == "nothing" else 20)  # steps that are left


def test_fit_net__a_line_an_epoch_has_what_it_came_to_and_the_best(tmp_path, monkeypatch):
    scores = iter((0.5, 0.3, 0.4, 0.35))
    monkeypatch.setattr(module, "calibrated_losses", lambda *_: np.array([next(scores)]))
    notes = Notes()
    _, fitted = fit(tmp_path / "c", progress=notes)
    row = fitted.history[2]
    assert notes.notes[2] == (
        f"Epoch 3 of 4: train loss {row['train_loss']:.3f}, accuracy {100 * row['train_accuracy']:.1f} %; "
        f"valid loss {row['valid_loss']:.3f}, accuracy {100 * row['valid_accuracy']:.1f} %, calibrated 0.400: "
        "best is epoch 2."
    )
    assert notes.notes[1].endswith("calibrated 0.300: the best so far.")
    fit(tmp_path / "d", progress=(unjudged := Notes()), valid=0)
    assert "valid" not in unjudged.notes[0]


def test_fit_net__says_while_no_epoch_is_better_than_what_it_starts_from(tmp_path, monkeypatch):
    scores = iter((0.5, 0.45, 0.3, 0.35))
    monkeypatch.setattr(module, "calibrated_losses", lambda *_: np.array([next(scores)]))
    notes = Notes()
    fit_net(
        dropping(), pictures(), training=SETTINGS, machine=CPU, seed=0, checkpoint=tmp_path / "c", start_score=0.4,
        progress=notes,
    )  # fmt: skip
    assert [note.partition(" calibrated ")[2] for note in notes.notes] == [
        "0.500: the start is still better, 0.400.",
        "0.450: the start is still better, 0.400.",
        "0.300: the best so far.",
        "0.350: best is epoch 3.",
    ]


def test_fit_net__clean_pictures_are_judged_as_valid_is(tmp_path):
    given = pictures()
    judged = replace(given, clean=given.valid)
    fitted = fit_net(dropping(), judged, training=SETTINGS, machine=CPU, seed=0, checkpoint=tmp_path / "c")
    rows = fitted.history
    assert [row["clean_train_loss"] for row in rows] == [row["valid_loss"] for row in rows]
    assert [row["clean_train_accuracy"] for row in rows] == [row["valid_accuracy"] for row in rows]
    again = fit_net(dropping(), judged, training=SETTINGS, machine=CPU, seed=0, checkpoint=tmp_path / "c")
    assert again.history == rows


def test_fit_net__what_ends_for_want_of_patience_says_so(tmp_path, monkeypatch):
    scores = iter((0.5, 0.3, 0.4, 0.35))
    monkeypatch.setattr(module, "calibrated_losses", lambda *_: np.array([next(scores)]))
    notes = Notes()
    _, fitted = fit(tmp_path / "c", training=replace(SETTINGS, epochs=9, patience=2), progress=notes)
    assert (len(fitted.history), fitted.epoch) == (4, 2)
    assert notes.notes[-1] == "Training ends after 4 of 9 epochs: none of the last 2 was better."


def test_validate__logits_without_end_have_no_loss_and_warn_of_nothing():
    net = torch.nn.Linear(2, 2)
    with torch.no_grad():
        net.weight.fill_(torch.inf)
    batch = Batch(inputs=np.ones((3, 2), np.float32), labels=np.array([0, 1, 0]))
    _, score = validate(net, [batch], machine=CPU)
    assert np.isnan(score)
