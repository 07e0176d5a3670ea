"""What the stages of a base see: the maps they give for a picture, and the picture that each filter answers to most.

Both work on the graph of a base, run by torch, so they are the same for a net trained from nothing, for a base of timm
and for the base that ships. A stage is called after its operator and its number: conv1, relu1, maxpool1, conv2 …

Legend: N pictures, S side of a square, C channels and h w places of a stage, F filters asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from tellapart.backbones.backbone import Backbone
from tellapart.errors import UsageError
from tellapart.explain.graph_cam import stage_names
from tellapart.extras import load_torch
from tellapart.finetuning.onnx_in_torch import Stages, trainable_stages
from tellapart.progress import Progress, Silent
from tellapart.seeds import generator
from tellapart.types import Pixels

if TYPE_CHECKING:
    from torch import Tensor

MAPPED: Final = ("Conv", "Relu", "Clip", "MaxPool")  # operators whose outputs are stages to look at
MIDDLE: Final = 127.5  # grey level
NOISE: Final = 10.0  # grey levels to either side of the middle, where the ascent starts
STEP: Final = 2.0  # grey levels that the ascent moves a pixel by, as a root mean square
CONTRAST: Final = 40.0  # grey levels, the deviation that a found picture is drawn with


class StageReader:
    """A base whose stages can be looked at one by one."""

    def __init__(self, backbone: Backbone) -> None:
        """Read the graph and number its stages.

        Raises:
            MissingExtraError: PyTorch is not installed.
            UsageError: the base has an operator that torch is not told here how to run.
        """
        load_torch()
        self._graph = backbone.graph
        self._side = backbone.preprocess.size
        self._entry = backbone.entry  # fed with float32, which its Cast lets pass
        self._tensors = map_stages(backbone)

    @property
    def names(self) -> tuple[str, ...]:
        """The stages that give maps, in the order they are run."""
        return tuple(self._tensors)

    def maps(self, square: Pixels, *, stages: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """The maps float32 [C, h, w] of some stages for one prepared square uint8 [S, S, 3].

        Raises:
            UsageError: there is no such stage.
        """
        return {name: maps[0] for name, maps in self.maps_of(square[np.newaxis], stages=stages).items()}

    def maps_as_read(self, square: Pixels, *, stages: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """As `maps`, without the last rows and columns that the pooling behind a stage leaves out.

        Two by two, 7 x 7 places are pooled to 3 x 3 from 6 x 6. No answer depends on the others, so that a net may have
        learned to put anything there.

        Raises:
            UsageError: there is no such stage.
        """
        poolings = {
            node.inputs[0]: node.attributes for node in self._part(self.names).operations if node.kind == "MaxPool"
        }
        found = self.maps(square, stages=stages)
        return {name: _as_read(maps, poolings.get(self._tensors[name])) for name, maps in found.items()}

    def maps_of(self, squares: Pixels, *, stages: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """The maps float32 [N, C, h, w] of some stages for prepared squares uint8 [N, S, S, 3].

        Raises:
            UsageError: there is no such stage.
        """
        torch = load_torch()
        part = self._part(stages)
        with torch.no_grad():
            found = part.run(torch.from_numpy(squares.astype(np.float32)), _as_tensors(part))
        return {name: maps.numpy() for name, maps in zip(stages, found, strict=True)}

    def kernels(self, stage: str) -> NDArray[np.float32]:
        """The weights float32 [C, c, kh, kw] of a convolution, over the c channels it reads.

        Raises:
            UsageError: there is no such stage, or it is no convolution.
        """
        part = self._part([stage])
        operation = part.operations[-1]
        if operation.kind != "Conv":
            raise UsageError("only convolutions have kernels", where=stage)
        constants: Mapping[str, NDArray[np.float32]] = {**part.constants, **part.weights}
        return constants[operation.inputs[1]]

    def filter_pictures(
        self,
        stage: str,
        *,
        filters: Sequence[int],
        size: int | None = None,
        steps: int = 40,
        seed: int = 0,
        progress: Progress | None = None,
    ) -> Pixels:
        """For each filter a picture it answers to as strongly as gradient ascent finds, uint8 [F, S, S, 3].

        Starting from grey with a little noise, every step moves the pixels along the gradient of the mean of the
        filter's map, which is scaled to one root mean square for all (Erhan et al. 2009; Simonyan, Vedaldi and
        Zisserman 2014). What is returned has one brightness and contrast for all filters.

        Args:
            stage: its name.
            filters: channels of the stage, F of them.
            size: S in pixels; None for the base's own.
            steps: of the ascent.
            seed: of the noise.
            progress: told of every step.

        Raises:
            UsageError: there is no such stage, or it has fewer channels.
        """
        torch = load_torch()
        progress = progress or Silent()
        part, side = self._part([stage]), size or self._side
        constants = _as_tensors(part)
        noise = generator(seed, "filter pictures").uniform(-NOISE, NOISE, (len(filters), side, side, 3))
        pixels = torch.from_numpy((MIDDLE + noise).astype(np.float32)).requires_grad_()
        progress.start(f"Climbing to what {stage} answers to", total=steps, unit="steps")
        for _ in range(steps):
            (maps,) = part.run(pixels, constants)
            (gradient,) = torch.autograd.grad(_answers(maps, filters, stage=stage).sum(), pixels)
            size_of = gradient.square().mean(dim=(1, 2, 3), keepdim=True).sqrt()
            with torch.no_grad():
                pixels += STEP * gradient / size_of.clamp_min(1e-12)
            progress.advance()
        progress.finish()
        return evened(pixels.detach().numpy())

    def _part(self, stages: Sequence[str]) -> Stages:
        for name in stages:
            if name not in self._tensors:
                raise UsageError("the base has no such stage", where=name, hint=f"It has {', '.join(self.names)}.")
        return trainable_stages(self._graph, entry=self._entry, outputs=[self._tensors[name] for name in stages])


def map_stages(backbone: Backbone) -> dict[str, str]:
    """The tensor of each stage that gives maps, by its name, in the order they are run; a dense layer gives none."""
    torch = load_torch()
    stages = trainable_stages(backbone.graph, entry=backbone.entry, outputs=backbone.outputs)
    side = backbone.preprocess.size
    with torch.no_grad():
        known = stages.tensors(torch.zeros((1, side, side, 3)), _as_tensors(stages))
    mapped = {operation.output for operation in stages.operations if operation.kind in MAPPED}
    return {
        name: tensor
        for name, tensor in stage_names(stages.operations).items()
        if tensor in mapped and known[tensor].ndim == 4
    }


def _as_read(maps: NDArray[np.float32], pooling: Mapping[str, Any] | None) -> NDArray[np.float32]:
    """The places of maps [C, h, w] that a pooling of those attributes reads; all of them where there is none."""
    if pooling is None or any(pooling.get("pads", ())) or pooling.get("ceil_mode"):
        return maps
    windows = pooling["kernel_shape"]
    sides = zip(maps.shape[1:], windows, pooling.get("strides", [1] * len(windows)), strict=True)
    high, wide = ((side - window) // stride * stride + window for side, window, stride in sides)
    return maps[:, :high, :wide]


def evened(pictures: NDArray[np.floating[Any]]) -> Pixels:
    """Pictures [F, S, S, 3] of any range as uint8, each of mean MIDDLE and deviation CONTRAST; flat ones stay flat."""
    axes = (1, 2, 3)
    centred = pictures - pictures.mean(axis=axes, keepdims=True)
    deviation = np.maximum(centred.std(axis=axes, keepdims=True), 1e-6)
    shown: Pixels = np.rint(MIDDLE + CONTRAST * centred / deviation).clip(0, 255).astype(np.uint8)
    return shown


def _answers(maps: Tensor, filters: Sequence[int], *, stage: str) -> Tensor:
    """The mean of map filters[n] for picture n, [F]."""
    channels = maps.shape[1]
    if not filters or not all(0 <= number < channels for number in filters):
        raise UsageError(f"the stage {stage} has the filters 0 to {channels - 1}", where=str(list(filters)))
    return maps.mean(dim=(2, 3))[load_torch().arange(len(filters)), list(filters)]


def _as_tensors(part: Stages) -> Mapping[str, Tensor]:
    torch = load_torch()
    return {name: torch.from_numpy(value) for name, value in {**part.constants, **part.weights}.items()}
