"""How long, how fast and how carefully a net is trained: settings, and the small pure functions they feed.

Legend: N pictures, K classes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from tellapart.errors import UsageError
from tellapart.extras import load_torch
from tellapart.types import Labels

if TYPE_CHECKING:
    import torch

FUSED: Final = {"cpu", "cuda"}  # devices on which torch has the whole of AdamW as one operation
IMBALANCED: Final = 3.0  # largest class over smallest, from which on classes are weighted


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """The settings of one training."""

    epochs: int  # passes over the training pictures
    batch: int  # pictures in a step
    learning_rate: float  # its peak
    optimiser: str = "adamw"  # one of OPTIMISERS
    weight_decay: float = 0.0  # decoupled (AdamW) or as a penalty (RMSprop); never on biases and normalisation
    warm_up: float = 0.0  # epochs in which the rate rises from 0 to its peak; may be a fraction
    constant: bool = False  # keep the peak instead of falling to 0 along a half cosine
    label_smoothing: float = 0.0  # share of the target that is spread over all classes (Szegedy et al. 2016)
    # each picture of a batch is mixed with another, and the loss with its label, by a share drawn from Beta(mix, mix)
    # (Zhang et al. 2018; of activations, Verma et al. 2019); 0 leaves them as they are
    mix: float = 0.0
    clip: float | None = None  # largest norm of all gradients together; None does not clip
    average: float | None = None  # decay a step of the average of the weights that is judged and kept; None: no average
    patience: int | None = None  # epochs without a better valid score after which training stops; None: never

    def __post_init__(self) -> None:
        """Refuse settings that no training can have.

        Raises:
            UsageError: one is out of its range, or there is no such optimiser.
        """
        check_range("epochs", self.epochs, least=1, whole=True)
        check_range("batch", self.batch, least=1, whole=True)
        check_range("learning_rate", self.learning_rate, above=0)
        check_range("weight_decay", self.weight_decay, least=0)
        check_range("warm_up", self.warm_up, least=0)
        check_range("label_smoothing", self.label_smoothing, least=0, below=1)
        check_range("mix", self.mix, least=0)
        check_range("clip", self.clip, above=0, optional=True)
        check_range("average", self.average, least=0, below=1, optional=True)
        check_range("patience", self.patience, least=1, whole=True, optional=True)
        if self.optimiser not in tuple(OPTIMISERS):
            hint = f"Choose one of: {', '.join(OPTIMISERS)}."
            raise UsageError("no such optimiser", where=f"{self.optimiser}", hint=hint)


def check_range(
    name: str,
    value: object,
    *,
    least: float = -math.inf,
    above: float = -math.inf,
    below: float = math.inf,
    whole: bool = False,
    optional: bool = False,
    where: str | None = None,
) -> None:
    """Stop at a setting that is no number, or none from least, above one bound and below another.

    `where` is the option that says it, where that is called otherwise.

    Raises:
        UsageError: it is so; the hint says what is expected.
    """
    if value is None and optional:
        return
    number = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    fits = number and math.isfinite(value) and least <= value and above < value < below  # type: ignore[operator,arg-type]
    if fits and (not whole or isinstance(value, int | np.integer)):
        return
    bounds = [f"at least {least:g}"] if least > -math.inf else []
    bounds += [f"above {above:g}"] if above > -math.inf else []
    bounds += [f"below {below:g}"] if below < math.inf else []
    kind = "a whole number" if whole else "a number"
    raise UsageError(f"{name} cannot be {value!r}", where=where, hint=f"It must be {kind} {' and '.join(bounds)}.")


def check_kind(name: str, value: object, kind: type) -> None:
    """Stop at a setting of another kind than it must be.

    Raises:
        UsageError: it is so.
    """
    if not isinstance(value, kind):
        raise UsageError(
            f"{name} cannot be a {type(value).__name__}", hint=f"Give a {kind.__module__}.{kind.__name__}."
        )


def learning_rate(training: Training, *, step: int, steps_per_epoch: int) -> float:
    """The rate of a step, from 0 on: a line up from 0, then half a cosine down to 0 (Loshchilov and Hutter 2017)."""
    rising = training.warm_up * steps_per_epoch
    if step < rising:
        return training.learning_rate * (step + 1) / rising if rising >= 1 else training.learning_rate
    if training.constant:
        return training.learning_rate
    falling = max(1.0, training.epochs * steps_per_epoch - rising)
    share = min(1.0, (step - rising + 0.5) / falling)
    return training.learning_rate * 0.5 * (1 + math.cos(math.pi * share))


def average_decay(decay: float, *, step: int) -> float:
    """The decay of the moving average at a step: small at first, so that the initial weights are soon forgotten."""
    return min(decay, (1 + step) / (10 + step))


def class_weights(labels: Labels, *, classes: int) -> NDArray[np.float32] | None:
    """Weights float32 [K] of the classes in the loss on labels int64 [N], or None where the classes are alike.

    Where the largest class has at least IMBALANCED times the pictures of the smallest (those without any left aside), a
    class of n pictures weighs 1 / sqrt(n), scaled to a mean of 1 over the pictures. The square root is half way between
    the classes as they come and all classes alike: rare ones are heard, and the probabilities stay near the truth.
    """
    counts = np.bincount(labels, minlength=classes).astype(np.float64)
    present = counts > 0
    if not present.any() or counts.max() < IMBALANCED * counts[present].min():
        return None
    weights = np.where(present, 1 / np.sqrt(np.maximum(counts, 1)), 0.0)
    scaled: NDArray[np.float32] = (weights * counts.sum() / (weights * counts).sum()).astype(np.float32)
    return scaled


def build_optimiser(
    module: torch.nn.Module, training: Training, *, scale: Callable[[str], float] = lambda _name: 1.0
) -> torch.optim.Optimizer:
    """The optimiser of the parameters of a module that require a gradient.

    `scale` is a factor on the learning rate of a parameter, by its name, for discriminative rates.
    """
    groups: dict[tuple[float, float], list[Any]] = {}
    for name, parameter in module.named_parameters():
        if parameter.requires_grad:
            decay = training.weight_decay if parameter.ndim > 1 else 0.0
            groups.setdefault((decay, scale(name)), []).append(parameter)
    described = [
        {"params": parameters, "weight_decay": decay, "scale": factor} for (decay, factor), parameters in groups.items()
    ]
    return OPTIMISERS[training.optimiser](described, training.learning_rate)


def set_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    """Give every group of parameters its share of a learning rate."""
    for group in optimiser.param_groups:
        group["lr"] = rate * group["scale"]


def adamw(groups: Iterable[Mapping[str, Any]], rate: float) -> torch.optim.Optimizer:
    """AdamW (Loshchilov and Hutter 2019) with its usual moments, all in one pass over the weights where it can be."""
    described = [dict(group) for group in groups]
    devices = {parameter.device.type for group in described for parameter in group["params"]}
    fused = devices <= FUSED
    return load_torch().optim.AdamW(described, lr=rate, betas=(0.9, 0.999), eps=1e-8, fused=fused)


def rmsprop(groups: Iterable[Mapping[str, Any]], rate: float) -> torch.optim.Optimizer:
    """RMSprop as Keras has it: decay 0.9, epsilon 1e-7."""
    return load_torch().optim.RMSprop(list(groups), lr=rate, alpha=0.9, eps=1e-7)


OPTIMISERS: Final[Mapping[str, Callable[..., Any]]] = {"adamw": adamw, "rmsprop": rmsprop}


def out_of_patience(scores: Sequence[float], patience: int | None) -> bool:
    """Whether the best of the scores so far, one an epoch and lower is better, is `patience` epochs old."""
    if patience is None or not scores:
        return False
    return len(scores) - 1 - int(np.argmin(scores)) >= patience
