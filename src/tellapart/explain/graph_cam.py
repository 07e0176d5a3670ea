"""Grad-CAM on any stage of a model file: where in its maps a class's score would rise most.

Source: Selvaraju et al. (2017, arXiv:1610.02391). The file's graph is run by torch, operator by operator, so any
recipe's file will do. A stage is a tensor of the graph that holds maps, called after what makes it and how many of that
kind came before: conv1, relu1, maxpool1, conv2 …

Legend: S side of the square, C channels and h w places of a stage, D features, K classes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tellapart.backbones.backbone import Backbone
from tellapart.errors import UsageError
from tellapart.extras import load_torch
from tellapart.finetuning.onnx_in_torch import Operation, trainable_stages
from tellapart.heads.linear import LinearHead
from tellapart.types import Pixels

LAST: Final = "last"  # the stage nearest to the answer
NAMED: Final = 12  # stages named in an error


class GraphCam:
    """A model file's base and head, in torch, ready for Grad-CAM."""

    def __init__(self, backbone: Backbone, head: LinearHead) -> None:
        """Read the graph.

        Raises:
            MissingExtraError: torch is not installed.
            UsageError: the graph has an operator that torch is not told here how to run.
        """
        torch = load_torch()
        try:
            self._stages = trainable_stages(backbone.graph, entry=backbone.entry, outputs=backbone.outputs)
        except UsageError as error:
            raise UsageError("Grad-CAM cannot run this base", where=error.where) from error
        constants = {**self._stages.constants, **self._stages.weights}
        self._constants = {name: torch.from_numpy(value) for name, value in constants.items()}
        self._head = head
        self._names = stage_names(self._stages.operations)

    def heat(self, square: Pixels, *, stage: str, target: int) -> tuple[NDArray[np.float32], float]:
        """The signed Grad-CAM map float32 [h, w] of a stage, by name or "last", for a class, and its logit.

        The square is prepared, uint8 [S, S, 3].

        Raises:
            UsageError: there is no such stage, it gives no maps, or the class does not depend on it.
        """
        torch = load_torch()
        pixels = torch.from_numpy(square[np.newaxis].astype(np.float32))
        if stage == LAST:
            stage = self.stages(square)[-1]
        if stage not in self._names:
            raise UsageError("the net has no such stage", where=stage, hint=self._choices(square))
        with torch.enable_grad():
            known = self._stages.tensors(pixels, self._constants, cut=self._names[stage])
            maps = known[self._names[stage]]
            if maps.ndim != 4:
                raise UsageError("this stage gives no maps", where=stage, hint=self._choices(square))
            features = torch.cat([known[name] for name in self._stages.outputs], dim=1)
            columns = features[:, self._head.start : self._head.stop]
            weight = torch.from_numpy(np.ascontiguousarray(self._head.weight[:, target]))
            logit = (columns @ weight)[0] + float(self._head.bias[target])
            gradient = torch.autograd.grad(logit, maps, allow_unused=True)[0] if logit.requires_grad else None
        if gradient is None:
            raise UsageError("the answer does not depend on this stage", where=stage, hint=self._choices(square))
        # Equation 2 of the paper without its cut at 0: what speaks against the class counts too.
        weights = gradient.mean(dim=(2, 3), keepdim=True)
        found: NDArray[np.float32] = (weights * maps.detach()).sum(dim=1).float()[0].numpy()
        return found, float(logit.detach())

    def stages(self, square: Pixels) -> tuple[str, ...]:
        """The names of the stages that hold maps of more than one place, in the order they are run."""
        torch = load_torch()
        with torch.no_grad():
            known = self._stages.tensors(torch.from_numpy(square[np.newaxis].astype(np.float32)), self._constants)
        return tuple(
            name
            for name, tensor in self._names.items()
            if known[tensor].ndim == 4 and known[tensor].shape[2] * known[tensor].shape[3] > 1
        )

    def _choices(self, square: Pixels) -> str:
        names = self.stages(square)
        return f"Stages with maps: {', '.join(names[-NAMED:])}."


def stage_names(operations: Sequence[Operation]) -> dict[str, str]:
    """The tensor of each stage by its name: the operator in small letters and its number."""
    counts: Counter[str] = Counter()
    names: dict[str, str] = {}
    for operation in operations:
        kind = operation.kind.lower()
        counts[kind] += 1
        names[f"{kind}{counts[kind]}"] = operation.output
    return names
