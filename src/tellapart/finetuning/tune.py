"""Fine-tuning: the head first, then the last stages with it, on what the frozen part of the base gave once.

The start is the head that the recipe `features` found on the frozen base; it answers exactly as that one does, and the
earlier depths stay joined to it, so that training can only be kept where it helps. Head and stages are trained at
different rates (Howard and Ruder 2018): the head is at its optimum already and only follows. What is kept lies on the
line from the start to what training came to, as far along it as valid says (WiSE-FT; Wortsman et al. 2022): a whole way
that is too far is not the same as no way at all.

Legend: N training pictures, M valid pictures, V views, P features of the frozen depths that are read, D features of
all that are read, K classes, C channels and h w sides of the map at the cut.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from tellapart.backbones.backbone import Backbone, join_bases
from tellapart.extras import load_torch
from tellapart.finetuning.frozen_part import Views
from tellapart.finetuning.onnx_in_torch import Stages, trainable_stages, with_weights
from tellapart.finetuning.split_point import Cut
from tellapart.heads.dual_space import Standard, column_standard
from tellapart.heads.linear import LinearHead, row_blocks
from tellapart.nets.device import Machine
from tellapart.nets.epoch import Batch
from tellapart.nets.fit import Fitted, OnEpoch, TrainingData, fit_net, validate
from tellapart.nets.images import clean_sample, steps_per_epoch
from tellapart.nets.schedule import Training, class_weights
from tellapart.progress import Progress
from tellapart.seeds import generator
from tellapart.types import Depth, Features, Labels

if TYPE_CHECKING:
    import torch

HEAD: Final = "head."
WAYS: Final = (0.0, 0.25, 0.5, 0.75, 1.0)  # how much of the way from the start may be kept
JUDGED_TOGETHER: Final = 64  # pictures


@dataclass(frozen=True, slots=True, kw_only=True)
class FrozenOutputs:
    """What the frozen part gave."""

    train: Views  # float16 [N, V, P + h * w * C]
    labels: Labels  # int64 [N]
    valid: NDArray[np.float16]  # float16 [M, P + h * w * C], of the pictures as they are
    valid_labels: Labels  # int64 [M]


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Where training starts."""

    backbone: Backbone  # the frozen base
    cut: Cut  # where it is cut, with those depths alone that are read
    head: LinearHead  # a head on the frozen base's features
    depths: tuple[Depth, ...]  # those that the head may read, side by side in a row of the base
    standard: Standard  # mean and inverse deviation [D] of their features over the training pictures
    dropout: float = 0.0  # the share of the features that is hidden from the head in each step of training

    @classmethod
    def of(cls, backbone: Backbone, cut: Cut, *, head: LinearHead, seen: Features, dropout: float = 0.0) -> Self:
        """From a head on what the base sees in the training pictures, float32 [N, width].

        Depths are read by their means, and by what else the head reads them by: maxima, or deviations.
        """
        first, last = min(head.start, backbone.means.start), max(head.stop, backbone.means.stop)
        depths = tuple(depth for depth in backbone.depths if first <= depth.start and depth.stop <= last)
        names = {depth.name for depth in depths}
        frozen, trained = (tuple(name for name in each if name in names) for each in (cut.frozen, cut.trained))
        return cls(
            backbone=backbone,
            cut=replace(cut, frozen=frozen, trained=trained),
            head=head,
            depths=depths,
            standard=column_standard(seen[:, first:last]),
            dropout=dropout,
        )

    @property
    def columns(self) -> slice:
        """The columns of a row of the base that are read."""
        return slice(self.depths[0].start, self.depths[-1].stop)

    def stages(self) -> Stages:
        """What is trained of the base, or of its last half.

        Raises:
            UsageError: it has an operator that cannot be trained.
        """
        single = self.backbone.singles[-1]
        own, outputs = self.backbone.own_depths(single), dict(zip(single.widths, single.outputs, strict=True))
        trained = [outputs[own[name]] for name in self.cut.trained]
        return trainable_stages(single.graph, entry=self.cut.tensor, outputs=trained)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuned:
    """What came of it."""

    backbone: Backbone  # the base with its last stages trained
    head: LinearHead  # on its features
    module: torch.nn.Module  # the trained part in torch
    weights: Mapping[str, NDArray[np.float32]]  # float32, what the trained stages hold now, by name
    fitted: Fitted  # how the training went
    way: float  # how much of the way from the start to the best epoch was kept, one of WAYS; 0 is the start itself
    score: float | None  # the log loss on valid there, calibrated; None where there is nothing to judge by
    start_score: float | None  # the log loss on valid before


def finetune(
    start: Start,
    seen: FrozenOutputs,
    *,
    training: Training,
    head_rate: float,
    machine: Machine,
    seed: int,
    checkpoint: Path,
    progress: Progress,
    on_start: Callable[[torch.nn.Module, TrainingData], None] | None = None,
    on_epoch: OnEpoch = lambda _history: None,
) -> Tuned:
    """Train the stages after the cut and the head together; keep the best epoch by valid, or part of the way to it.

    `head_rate` is a factor on the learning rate of the head, and `on_start` is called with what will be trained and the
    pictures, before they are; the other arguments are as for `fit_net`.

    Raises:
        UsageError: the base has an operator that cannot be trained.
        OutputError: the checkpoint cannot be written.
    """
    stages = start.stages()
    module = build_module(start, stages)
    pictures = _pictures(start, seen, training=training, seed=seed)
    begun = parameters_of(machine.place(module))
    if on_start is not None:
        on_start(module, pictures)
    _, start_score = validate(module, pictures.valid(), machine=machine)
    fitted = fit_net(
        module,
        pictures,
        training=training,
        machine=machine,
        seed=seed,
        checkpoint=checkpoint,
        scale=lambda name: head_rate if name.startswith(HEAD) else 1.0,
        start_score=start_score,
        progress=progress,
        on_epoch=on_epoch,
    )
    way, scores = keep_part_of_the_way(module, begun, pictures, start_score=start_score, machine=machine)
    weights = trained_weights(module, stages)
    return Tuned(
        backbone=tuned_base(start.backbone, weights),
        weights=weights,
        head=raw_head(module, start),
        module=module,
        fitted=fitted,
        way=way,
        score=scores.get(way),
        start_score=start_score,
    )


def tuned_base(base: Backbone, weights: Mapping[str, NDArray[np.float32]]) -> Backbone:
    """The base, or of a joined one the last half, with other weights, by name."""
    if base.halves:
        return join_bases([*base.halves[:-1], tuned_base(base.halves[-1], weights)])
    plain = None if base.plain is None else tuned_base(base.plain, weights)
    return replace(base, graph=with_weights(base.graph, weights), plain=plain)


def keep_part_of_the_way(
    module: torch.nn.Module,
    begun: Mapping[str, torch.Tensor],
    pictures: TrainingData,
    *,
    start_score: float | None,
    machine: Machine,
) -> tuple[float, dict[float, float]]:
    """Leave a module at the best of WAYS from where its parameters began to where they are, by valid.

    How much of the way was kept, and the log loss on valid at each of WAYS; the whole way, and none, without valid.
    `start_score` is the loss where the parameters began, None without valid.
    """
    ended = parameters_of(module)
    scores = {} if start_score is None else {WAYS[0]: start_score}
    for way in WAYS[1:]:
        _move(module, begun, ended, way=way)
        _, score = validate(module, pictures.valid(), machine=machine)
        if score is None:
            break
        scores[way] = score
    best = min(scores, key=lambda way: (scores[way], way)) if scores else 1.0
    _move(module, begun, ended, way=best)
    return best, scores


def parameters_of(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    """A copy of every parameter, by name."""
    return {name: value.detach().clone() for name, value in module.named_parameters()}


def _move(
    module: torch.nn.Module, begun: Mapping[str, torch.Tensor], ended: Mapping[str, torch.Tensor], *, way: float
) -> None:
    with load_torch().no_grad():
        for name, value in module.named_parameters():
            value.copy_(begun[name].lerp(ended[name], way) if way > 0 else begun[name])


def build_module(start: Start, stages: Stages) -> torch.nn.Module:
    """From rows [B, P + h * w * C] of the frozen part to logits [B, K]: the stages, the depths joined, and the head.

    What is trained is not a weight but how far it has moved, in units of the size of its channel: weight = start + size
    * move, with every move 0 at first. A learning rate is then a relative one (in lite0, with its normalisation folded
    in, the weights of one layer are 25 times those of the next), and weight decay pulls back to the pretrained weights
    instead of to nothing (L2-SP; Li, Grandvalet and Davoine 2018).
    """
    torch = load_torch()
    shape, names = start.cut.shape, [depth.name for depth in start.depths]
    widths = [start.backbone.widths[name] for name in start.cut.frozen]
    frozen = sum(widths)

    class Tail(torch.nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.head = standardised_head(start)
            self.moves = torch.nn.ParameterList(torch.zeros(value.shape) for value in stages.weights.values())
            for place, value in enumerate(stages.weights.values()):
                self.register_buffer(f"start{place}", torch.from_numpy(value), persistent=False)
                self.register_buffer(f"size{place}", torch.from_numpy(channel_sizes(value)), persistent=False)
            self.register_buffer("mean", torch.from_numpy(start.standard.mean).float())
            self.register_buffer("scale", torch.from_numpy(start.standard.inverse_deviation).float())
            for place, value in enumerate(stages.constants.values()):
                self.register_buffer(f"constant{place}", torch.from_numpy(value), persistent=False)

        def weights(self) -> list[Any]:
            sizes = (getattr(self, f"size{place}") for place in range(len(self.moves)))
            starts = (getattr(self, f"start{place}") for place in range(len(self.moves)))
            return [begin + size * move for begin, size, move in zip(starts, sizes, self.moves, strict=True)]

        def constants(self) -> Mapping[str, Any]:
            fixed = {name: getattr(self, f"constant{place}") for place, name in enumerate(stages.constants)}
            return fixed | dict(zip(stages.weights, self.weights(), strict=True))

        def forward(self, rows: Any) -> Any:  # noqa: ANN401 - tensors
            early = rows[:, :frozen].float().split(widths, dim=1)
            maps = rows[:, frozen:].float().reshape(-1, *shape[1:], shape[0])
            maps = maps.permute(0, 3, 1, 2) if len(shape) == 3 else maps.reshape(-1, *shape)
            late = [depth.float() for depth in stages.run(maps, self.constants())]
            known = dict(zip((*start.cut.frozen, *start.cut.trained), (*early, *late), strict=True))
            with torch.autocast(rows.device.type, enabled=False):
                features = (torch.cat([known[name] for name in names], dim=1) - self.mean) * self.scale
                return self.head(torch.nn.functional.dropout(features, start.dropout, self.training))

    return Tail()


def channel_sizes(weight: NDArray[np.float32]) -> NDArray[np.float32]:
    """The size of each channel of a weight, for broadcasting: the root mean square, of all of a vector together.

    A channel of nothing but zeros has size 0 and stays so: no picture ever woke it.
    """
    axes = tuple(range(1, weight.ndim)) if weight.ndim > 1 else (0,)
    sizes: NDArray[np.float32] = np.sqrt(np.mean(np.square(weight), axis=axes, keepdims=True))
    return sizes


def trained_weights(module: torch.nn.Module, stages: Stages) -> dict[str, NDArray[np.float32]]:
    """The weights of the stages as they stand in the module, by name."""
    tail: Any = module
    return {name: value.detach().cpu().numpy() for name, value in zip(stages.weights, tail.weights(), strict=True)}


def standardised_head(start: Start) -> Any:  # noqa: ANN401 - a torch.nn.Linear
    """The head for standardised features of the depths that are read: 0 for those that it did not read before."""
    torch, first = load_torch(), start.columns.start
    weight = np.zeros((start.columns.stop - first, start.head.bias.size))
    weight[start.head.start - first : start.head.stop - first] = start.head.weight
    deviation = 1 / np.where(start.standard.inverse_deviation > 0, start.standard.inverse_deviation, 1.0)
    layer = torch.nn.Linear(*weight.shape)
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy((weight * deviation[:, None]).T))
        layer.bias.copy_(torch.from_numpy(start.head.bias + start.standard.mean @ weight))
    return layer


def raw_head(module: torch.nn.Module, start: Start) -> LinearHead:
    """The module's head for features as they are."""
    head: Any = module.head
    weight = head.weight.detach().cpu().double().numpy().T * start.standard.inverse_deviation[:, None]
    bias = head.bias.detach().cpu().double().numpy() - start.standard.mean @ weight
    return LinearHead(
        weight=np.ascontiguousarray(weight, np.float32),
        bias=bias.astype(np.float32),
        start=start.columns.start,
        stop=start.columns.stop,
    )


def _pictures(start: Start, seen: FrozenOutputs, *, training: Training, seed: int) -> TrainingData:
    digest = hashlib.sha256(f"{start.backbone.digest} {start.cut} {seen.train.shape}".encode())
    for part in (seen.train[:, [0, -1], :1], seen.labels, seen.valid[:, :1], start.head.weight, start.head.bias):
        digest.update(part.tobytes())
    rows = clean_sample(len(seen.labels), seed=seed)
    return TrainingData(
        train=lambda epoch: view_batches(seen, batch=training.batch, seed=seed, epoch=epoch),
        steps=steps_per_epoch(len(seen.labels), batch=training.batch),
        weights=class_weights(seen.labels, classes=start.head.bias.size),
        valid=lambda: judging_batches(seen.valid, seen.valid_labels),
        clean=lambda: judging_batches(seen.train[rows, 0], seen.labels[rows]),
        fingerprint=digest.hexdigest(),
    )


def view_batches(seen: FrozenOutputs, *, batch: int, seed: int, epoch: int) -> Iterator[Batch]:
    """Every training picture once, in an order of (seed, epoch), each in the view whose turn it is."""
    views = seen.train.shape[1]
    order = generator(seed, "order", epoch).permutation(len(seen.labels))
    for rows in np.array_split(order, steps_per_epoch(len(order), batch=batch)):
        yield Batch(inputs=seen.train[rows, (rows + epoch) % views], labels=seen.labels[rows])


def judging_batches(rows: NDArray[np.float16], labels: Labels) -> Iterator[Batch]:
    """Rows float16 [M, P + h * w * C] of pictures as they are, in order, some at a time: for what judges."""
    for part in row_blocks(len(rows), size=JUDGED_TOGETHER):
        yield Batch(inputs=np.array(rows[part]), labels=labels[part])
