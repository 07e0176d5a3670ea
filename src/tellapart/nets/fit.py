"""From a fresh net to a trained one: epochs, judged on valid after each, with a checkpoint after each.

Legend: N pictures, K classes.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tellapart.errors import UsageError
from tellapart.files import to_json
from tellapart.heads.calibration import calibrated_losses
from tellapart.nets.checkpoint import (
    BEST,
    continues,
    fill_module,
    learner_tensors,
    read_checkpoint,
    restore_learner,
    write_checkpoint,
)
from tellapart.nets.device import Machine, seeded
from tellapart.nets.epoch import Batch, Step, run_epoch
from tellapart.nets.memory import kept_memory
from tellapart.nets.schedule import Training, build_optimiser, learning_rate, out_of_patience
from tellapart.nets.steps import Learner, copy_for_average, judging_step, training_step
from tellapart.nets.threads import fitting_threads
from tellapart.progress import Progress, Silent, in_stage
from tellapart.text import percent
from tellapart.types import Labels

if TYPE_CHECKING:
    import torch

HistoryRow = Mapping[str, Any]
ROOM = 64_000_000  # bytes of a checkpoint beside its tensors
OnEpoch = Callable[[Sequence[HistoryRow]], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingData:
    """What a net learns from and is judged by."""

    train: Callable[[int], Iterable[Batch]]  # the batches of an epoch, by its number; each picture once
    steps: int  # how many batches those are
    weights: NDArray[np.float32] | None = None  # float32 [K] of the classes in the loss; None for all alike
    valid: Callable[[], Iterable[Batch]]  # to judge by, always in the same order; none where there is nothing
    # some of train as they are, always the same: what the net has learned of them without all that makes it harder
    clean: Callable[[], Iterable[Batch]] = tuple
    fingerprint: str  # of the pictures and of what is done to them: another one makes a checkpoint void


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """How a training went; the best weights are in the module."""

    epoch: int  # the epoch whose weights were kept, counted from 1
    score: float | None  # its log loss on valid after calibration; None where there was nothing to judge by
    # a row an epoch: epoch, train_loss, train_accuracy, with clean pictures clean_train_loss and clean_train_accuracy,
    # valid_loss, valid_accuracy, valid_calibrated_loss, learning_rate, seconds, pictures_per_s; JSON-ready
    history: tuple[HistoryRow, ...]


@kept_memory()
def fit_net(
    module: torch.nn.Module,
    pictures: TrainingData,
    *,
    training: Training,
    machine: Machine,
    seed: int,
    checkpoint: Path,
    scale: Callable[[str], float] = lambda _name: 1.0,
    start_score: float | None = None,
    progress: Progress | None = None,
    on_epoch: OnEpoch = lambda _history: None,
) -> Fitted:
    """Train a module in place, and leave in it the weights of the epoch that did best on valid.

    A checkpoint of the same training is gone on with; one is written after every epoch. The best epoch is that of the
    least log loss after calibration: a net that is right but too sure of it is mended by its temperature later, so it
    is not held against it here.

    Args:
        module: from the inputs of a batch to logits [B, K]; placed on the machine.
        pictures: what it learns from and is judged by.
        training: the settings.
        machine: where to compute.
        seed: of dropout, in each epoch anew.
        checkpoint: the file.
        scale: factor on the learning rate of a parameter, by its name.
        start_score: the log loss on valid of what training starts from, where that is good for something: it is said
            of every epoch whether the start is still better.
        progress: told of every step, and of every epoch in a line.
        on_epoch: called after every epoch with all rows so far, also those from a checkpoint.

    Raises:
        OutputError: the checkpoint cannot be written.
        UsageError: the loss or a weight is no number in the first epoch; later on training ends there, with a note.
    """
    progress = progress or Silent()
    fingerprint = _fingerprint(module, pictures, training, machine, seed=seed)
    learner = _learner(module, training, machine, scale=scale)
    course = _resume(learner, checkpoint, fingerprint=fingerprint, steps=pictures.steps)
    _say_resumed(course, training, checkpoint, progress)
    # Only what is left is counted, so that the time left is that of the steps this run takes.
    left = training.epochs * pictures.steps - learner.step
    with in_stage(progress, "Training", total=left, unit="steps"), fitting_threads(machine) as timed:
        while len(course.history) < training.epochs and not out_of_patience(course.scores, training.patience):
            with seeded(seed, "epoch", len(course.history)):
                row, score = _epoch(learner, pictures, training, machine, len(course.history), progress, timed=timed)
            if not (_is_finite(row, score) and _holds_numbers(learner)):
                _say_diverged(course, training, progress)
                break
            course = course.after(row, score, learner)
            _keep(course, learner, checkpoint, fingerprint=fingerprint)
            progress.note(_line(course, training, start_score=start_score))
            on_epoch(course.history)
    _say_stopped(course, training, progress)
    fill_module(module, course.best, prefix=BEST)
    best = course.best_epoch
    return Fitted(epoch=best + 1, score=course.scores[best] if course.scores else None, history=course.history)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Course:
    """How far a training has come: a row an epoch, a score an epoch (none without valid), and the best weights."""

    history: tuple[HistoryRow, ...] = ()
    scores: tuple[float, ...] = ()
    best: Mapping[str, Any]

    @property
    def best_epoch(self) -> int:
        """Counted from 0; the last one where nothing was judged."""
        return int(np.argmin(self.scores)) if self.scores else len(self.history) - 1

    def after(self, row: HistoryRow, score: float | None, learner: Learner) -> _Course:
        better = score is None or not self.scores or score < min(self.scores)
        return _Course(
            history=(*self.history, row),
            scores=self.scores if score is None else (*self.scores, score),
            best=_copied(learner.judged) if better else self.best,
        )


def _learner(
    module: torch.nn.Module, training: Training, machine: Machine, *, scale: Callable[[str], float]
) -> Learner:
    machine.place(module)
    average = None if training.average is None else copy_for_average(module)
    return Learner(module=module, optimiser=build_optimiser(module, training, scale=scale), average=average)


def _fingerprint(
    module: torch.nn.Module, pictures: TrainingData, training: Training, machine: Machine, *, seed: int
) -> str:
    """sha256 of everything that a checkpoint of this training depends on, a module with its first weights too."""
    start = hashlib.sha256(str(module).encode())
    for name, value in module.state_dict().items():
        start.update(f"{name} {value.dtype} {list(value.shape)}".encode())
        start.update(value.detach().cpu().contiguous().numpy().tobytes())
    described = {"pictures": pictures.fingerprint, "training": asdict(training), "seed": seed}
    described["start"] = start.hexdigest()
    place = {"device": machine.device, "precision": machine.precision}
    return hashlib.sha256(to_json({**described, **place}).encode()).hexdigest()


def _resume(learner: Learner, path: Path, *, fingerprint: str, steps: int) -> _Course:
    """How far a checkpoint has come, with the learner brought there; nothing yet where it is not of this training."""
    # The net, its average, its best epoch and two moments of the optimiser for each parameter; and the history.
    largest = 6 * sum(value.nbytes for value in learner.module.state_dict().values()) + ROOM
    kept = read_checkpoint(path, fingerprint=fingerprint, largest=largest)
    if kept is None or not continues(learner, *kept) or kept[1]["step"] != len(kept[1]["history"]) * steps:
        return _Course(best=_copied(learner.judged))
    tensors, document = kept
    restore_learner(learner, tensors, step=document["step"])
    best = {name: value for name, value in tensors.items() if name.startswith(BEST)}
    return _Course(history=tuple(document["history"]), scores=tuple(document["scores"]), best=best)


def _say_resumed(course: _Course, training: Training, checkpoint: Path, progress: Progress) -> None:
    """Note that training goes on, or that what was there is of another one."""
    if course.history:
        progress.note(f"Going on after epoch {len(course.history)} of {training.epochs}.")
    elif checkpoint.exists():
        progress.note("What was trained here before had another net, data or settings: training begins anew.")


def _keep(course: _Course, learner: Learner, path: Path, *, fingerprint: str) -> None:
    """Write how far a training has come."""
    document = {"fingerprint": fingerprint, "step": learner.step, "history": course.history, "scores": course.scores}
    write_checkpoint(path, {**learner_tensors(learner), **course.best}, document)


def _epoch(
    learner: Learner,
    pictures: TrainingData,
    training: Training,
    machine: Machine,
    epoch: int,
    progress: Progress,
    *,
    timed: Callable[[Step], Step],
) -> tuple[HistoryRow, float | None]:
    """Train for an epoch and judge: its row of the history, and its score."""
    rate = learning_rate(training, step=learner.step, steps_per_epoch=pictures.steps)
    step = training_step(
        learner, training=training, machine=machine, steps_per_epoch=pictures.steps, weights=pictures.weights
    )
    trained = run_epoch(timed(step), pictures.train(epoch), on_batch=progress.advance)
    batches = pictures.valid() if np.isfinite(trained["loss"]) else ()
    judged, score = validate(learner.judged, batches, machine=machine)
    clean = run_epoch(judging_step(learner.judged, machine=machine), pictures.clean())
    known = {"clean_train_loss": clean["loss"], "clean_train_accuracy": clean["accuracy"]} if clean["pictures"] else {}
    row = {
        "epoch": epoch + 1,
        "train_loss": trained["loss"],
        "train_accuracy": trained["accuracy"],
        **known,
        "valid_loss": None if score is None else judged["loss"],
        "valid_accuracy": None if score is None else judged["accuracy"],
        "valid_calibrated_loss": score,
        "learning_rate": rate,
        "seconds": round(trained["seconds"] + judged["seconds"] + clean["seconds"], 3),
        "pictures_per_s": round(trained["pictures_per_s"], 1),
    }
    return row, score


def _line(course: _Course, training: Training, *, start_score: float | None) -> str:
    """The last epoch as a student reads it, and which one is best so far, or that what it started from still is."""
    row = course.history[-1]
    said = f"Epoch {row['epoch']} of {training.epochs}: {_result('train', row)}"
    if not course.scores:
        return f"{said}."
    best = f"best is epoch {course.best_epoch + 1}" if course.best_epoch + 1 < row["epoch"] else "the best so far"
    if start_score is not None and start_score <= min(course.scores):
        best = f"the start is still better, {start_score:.3f}"
    return f"{said}; {_result('valid', row)}, calibrated {course.scores[-1]:.3f}: {best}."


def _result(part: str, row: HistoryRow) -> str:
    return f"{part} loss {row[f'{part}_loss']:.3f}, accuracy {percent(row[f'{part}_accuracy'])}"


def _is_finite(row: HistoryRow, score: float | None) -> bool:
    """Whether an epoch ended in numbers."""
    losses = (row["train_loss"], row["valid_loss"], score)
    return all(value is None or bool(np.isfinite(value)) for value in losses)


def _holds_numbers(learner: Learner) -> bool:
    """Whether every weight is one; what a layer makes of weights that are none may be a number all the same."""
    values = (value for module in (learner.module, learner.judged) for value in module.state_dict().values())
    return all(bool(value.isfinite().all()) for value in values)


def _say_diverged(course: _Course, training: Training, progress: Progress) -> None:
    """Note that training ends before an epoch without numbers; before the first one, that is an error.

    Raises:
        UsageError: nothing was trained before.
    """
    what = f"the training diverged at the learning rate {training.learning_rate:g}"
    epoch = len(course.history) + 1
    if not course.history:
        raise UsageError(what, where=f"epoch {epoch}", hint="Give a lower learning rate.")
    progress.note(f"In epoch {epoch} {what}: it ends here, and epoch {course.best_epoch + 1} is kept.")


def _say_stopped(course: _Course, training: Training, progress: Progress) -> None:
    """Note that training ends for want of patience, where it does."""
    if out_of_patience(course.scores, training.patience) and len(course.history) < training.epochs:
        epochs = f"{len(course.history)} of {training.epochs} epochs"
        progress.note(f"Training ends after {epochs}: none of the last {training.patience} was better.")


def validate(
    module: torch.nn.Module, batches: Iterable[Batch], *, machine: Machine
) -> tuple[dict[str, float], float | None]:
    """The record of an epoch that only judges, and the log loss after calibration; None without a batch."""
    logits: list[NDArray[np.float64]] = []
    labels: list[Labels] = []
    record = run_epoch(judging_step(module, machine=machine, keep=logits), _noted(batches, labels))
    if not labels:
        return record, None
    together = np.concatenate(logits)
    if not np.isfinite(together).all():
        return record, math.nan
    return record, float(calibrated_losses(together, np.concatenate(labels)).mean())


def _noted(batches: Iterable[Batch], labels: list[Labels]) -> Iterable[Batch]:
    for batch in batches:
        labels.append(batch.labels)
        yield batch


def _copied(module: torch.nn.Module) -> dict[str, Any]:
    return {f"{BEST}{name}": value.detach().clone() for name, value in module.state_dict().items()}
