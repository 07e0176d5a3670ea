"""What is done with one batch: learn from it, or judge it.

Legend: B pictures in a batch, K classes.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tellapart.extras import load_torch
from tellapart.nets.device import Machine
from tellapart.nets.epoch import Batch, Record, Step
from tellapart.nets.schedule import Training, average_decay, learning_rate, set_rate

if TYPE_CHECKING:
    import torch


@dataclass(slots=True, kw_only=True)
class Learner:
    """A net in training: everything that a step changes."""

    module: torch.nn.Module  # what is trained
    optimiser: torch.optim.Optimizer  # of its parameters
    average: torch.nn.Module | None = None  # a copy of module with the moving average of its weights; None without
    step: int = 0  # steps taken

    @property
    def judged(self) -> torch.nn.Module:
        """The module that is judged and kept."""
        return self.module if self.average is None else self.average


def copy_for_average(module: torch.nn.Module) -> torch.nn.Module:
    """A copy that holds the moving average of the weights: it is never trained itself."""
    return deepcopy(module).eval().requires_grad_(requires_grad=False)


def training_step(
    learner: Learner,
    *,
    training: Training,
    machine: Machine,
    steps_per_epoch: int,
    weights: NDArray[np.float32] | None = None,
) -> Step:
    """A step that changes the learner: forward, loss with the classes' weights, backward, clip, move, average."""
    torch = load_torch()
    set_training(learner.module)
    balance = None if weights is None else torch.from_numpy(weights).to(machine.device)
    parameters = [parameter for parameter in learner.module.parameters() if parameter.requires_grad]

    def step(batch: Batch) -> Record:
        set_rate(learner.optimiser, learning_rate(training, step=learner.step, steps_per_epoch=steps_per_epoch))
        mixing = draw_mixing(training.mix, len(batch.labels))
        logits, labels = _forward(learner.module, batch, machine, mixing=mixing)
        loss = torch.zeros((), device=logits.device)
        for share, targets in mixing.targets(labels):
            loss = loss + share * torch.nn.functional.cross_entropy(
                logits, targets, weight=balance, label_smoothing=training.label_smoothing
            )
        learner.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        if training.clip is not None:
            torch.nn.utils.clip_grad_norm_(parameters, training.clip)
        learner.optimiser.step()
        _follow(learner, training)
        learner.step += 1
        return _record(loss.detach() * len(labels), logits.detach(), labels)

    return step


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixing:
    """How the pictures of a batch are mixed: `share` of each, and the rest of the one in its place in `order`."""

    share: float = 1.0  # 0.5 to 1; 1 leaves the pictures as they are
    order: torch.Tensor | None = None  # int64 [B], a permutation

    def inputs(self, given: torch.Tensor) -> torch.Tensor:
        return given if self.order is None else given.float().lerp(given[self.order].float(), 1 - self.share)

    def targets(self, labels: torch.Tensor) -> list[tuple[float, torch.Tensor]]:
        """The labels that count, each set with its share."""
        return [(1.0, labels)] if self.order is None else [(self.share, labels), (1 - self.share, labels[self.order])]


UNMIXED = Mixing()


def draw_mixing(mix: float, count: int) -> Mixing:
    """A mixing of count pictures from torch's generator; none where mix is 0."""
    if mix == 0:
        return UNMIXED
    torch = load_torch()
    share = float(torch.distributions.Beta(mix, mix).sample())
    return Mixing(share=max(share, 1 - share), order=torch.randperm(count))


def judging_step(module: torch.nn.Module, *, machine: Machine, keep: list[NDArray[np.float64]] | None = None) -> Step:
    """A step that changes nothing: the plain log loss, with dropout off and batch normalisation fixed.

    `keep` takes the logits float64 [B, K] of each batch.
    """
    torch = load_torch()
    module.eval()

    def step(batch: Batch) -> Record:
        with torch.inference_mode():
            logits, labels = _forward(module, batch, machine)
            loss = torch.nn.functional.cross_entropy(logits, labels, reduction="sum")
        if keep is not None:
            keep.append(logits.cpu().double().numpy())  # in this order: Apple's devices have no float64
        return _record(loss, logits, labels)

    return step


def set_training(module: torch.nn.Module) -> None:
    """Training mode, except for batch normalisation whose weights are frozen: its statistics must not move either."""
    torch = load_torch()
    module.train()
    for layer in module.modules():
        if isinstance(layer, torch.nn.modules.batchnorm._BatchNorm):  # noqa: SLF001 - what its 1d, 2d and 3d share
            parameters = list(layer.parameters(recurse=False))
            if parameters and not any(parameter.requires_grad for parameter in parameters):
                layer.eval()


def two_columns(logits: torch.Tensor) -> torch.Tensor:
    """Logits [B, K] as they are; a single one [B, 1], for a sigmoid, as [B, 2], since softmax(0, z) is sigmoid(z)."""
    if logits.shape[1] != 1:
        return logits
    return load_torch().nn.functional.pad(logits, (1, 0))


def _forward(module: torch.nn.Module, batch: Batch, machine: Machine, *, mixing: Mixing = UNMIXED) -> Any:  # noqa: ANN401 - two tensors
    """Logits float32 [B, K] and labels [B] of a batch, on the machine's device."""
    torch = load_torch()
    inputs = torch.from_numpy(batch.inputs).to(machine.device)
    labels = torch.from_numpy(batch.labels).to(machine.device)
    with machine.autocast():
        logits = module(mixing.inputs(inputs))
    return two_columns(logits.float()), labels


def _follow(learner: Learner, training: Training) -> None:
    """Move the average a little towards the weights, and towards the statistics of batch normalisation alike."""
    if learner.average is None or training.average is None:
        return
    share = 1 - average_decay(training.average, step=learner.step)
    with load_torch().no_grad():
        current = learner.module.state_dict()
        for name, value in learner.average.state_dict().items():
            if value.is_floating_point():
                value.lerp_(current[name], share)
            else:
                value.copy_(current[name])


def _record(loss: torch.Tensor, logits: torch.Tensor, labels: torch.Tensor) -> Record:
    correct = (logits.argmax(dim=1) == labels).sum()
    return {"loss": float(loss), "correct": float(correct), "pictures": float(len(labels))}
