"""Grad-CAM on any stage of a model file: where in its maps a class's score would rise most.

Source: Selvaraju et al. (2017, arXiv:1610.02391). The file's graph is run by torch, operator by operator, so any
recipe's file will do. A stage is a tensor of the graph that holds maps, called after what makes it and how many of that
kind came before: conv1, relu1, maxpool1, conv2 …

Legend: S side of the square, C channels and h w places of a stage, D features, K classes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tellapart.backbones.backbone import Backbone, Squares
from tellapart.errors import UsageError
from tellapart.extras import load_torch
from tellapart.finetuning.onnx_in_torch import TorchNode, trainable_stages
from tellapart.heads.linear import LinearHead
from tellapart.types import DEVIATION

LAST: Final = "last"  # the stage nearest to the answer
NAMED: Final = 12  # stages named in an error


class GraphCam:
    """A model file's base and head, in torch, ready for Grad-CAM; a joined base is run half by half."""

    def __init__(self, backbone: Backbone, head: LinearHead) -> None:
        """Read the graph.

        Raises:
            MissingExtraError: torch is not installed.
            UsageError: the graph has an operator that torch is not told here how to run.
        """
        torch = load_torch()
        try:
            self._parts = [
                trainable_stages(single.graph, entry=single.entry, outputs=single.outputs)
                for single in backbone.singles
            ]
        except UsageError as error:
            raise UsageError("Grad-CAM cannot run this base", where=error.where) from error
        self._constants = [
            {name: torch.from_numpy(value) for name, value in {**part.constants, **part.weights}.items()}
            for part in self._parts
        ]
        self._head = head
        # where each column of a row is found when those of the parts stand one after another
        self._order = torch.from_numpy(np.argsort(np.concatenate(backbone.columns)))
        self._names: dict[str, tuple[int, str]] = {}  # the part and the tensor of each stage
        for place, (single, part) in enumerate(zip(backbone.singles, self._parts, strict=True)):
            before = f"{single.name}." if backbone.halves else ""
            named = stage_names(part.operations).items()
            self._names |= {f"{before}{name}": (place, tensor) for name, tensor in named}

    def heat(self, squares: Squares, *, stage: str, target: int) -> tuple[NDArray[np.float32], float]:
        """The signed Grad-CAM map float32 [h, w] of a stage, by name or "last", for a class, and its logit.

        The squares are those of a prepared picture, uint8 [S, S, 3], as `Backbone.squares` gives them.

        Raises:
            UsageError: there is no such stage, it gives no maps, or the class does not depend on it.
        """
        torch = load_torch()
        if stage == LAST:
            stage = self.stages(squares)[-1]
        if stage not in self._names:
            raise UsageError("the net has no such stage", where=stage, hint=self._choices(squares))
        place, tensor = self._names[stage]
        with torch.enable_grad():
            known = self._tensors(squares, cut=(place, tensor))
            maps = known[place][tensor]
            if maps.ndim != 4:
                raise UsageError("this stage gives no maps", where=stage, hint=self._choices(squares))
            parts = zip(known, self._parts, strict=True)
            features = torch.cat([found[name] for found, part in parts for name in part.outputs], dim=1)
            columns = features[:, self._order[self._head.start : self._head.stop]]
            weight = torch.from_numpy(np.ascontiguousarray(self._head.weight[:, target]))
            logit = (columns @ weight)[0] + float(self._head.bias[target])
            gradient = torch.autograd.grad(logit, maps, allow_unused=True)[0] if logit.requires_grad else None
        if gradient is None:
            raise UsageError("the answer does not depend on this stage", where=stage, hint=self._choices(squares))
        # Equation 2 of the paper without its cut at 0: what speaks against the class counts too.
        weights = gradient.mean(dim=(2, 3), keepdim=True)
        found: NDArray[np.float32] = (weights * maps.detach()).sum(dim=1).float()[0].numpy()
        return found, float(logit.detach())

    def stages(self, squares: Squares) -> tuple[str, ...]:
        """The names of the stages that hold maps of more than one place, in the order they are run."""
        with load_torch().no_grad():
            known = self._tensors(squares)
        found = {name: known[place][tensor] for name, (place, tensor) in self._names.items()}
        return tuple(name for name, maps in found.items() if maps.ndim == 4 and maps.shape[2] * maps.shape[3] > 1)

    def _tensors(self, squares: Squares, *, cut: tuple[int, str] = (-1, "")) -> list[dict[str, Any]]:
        """Every tensor of each part by name; the one at cut, of a part, is cut off and has a gradient."""
        torch, known = load_torch(), []
        for place, (part, constants, square) in enumerate(zip(self._parts, self._constants, squares, strict=True)):
            pixels = torch.from_numpy(square[np.newaxis].astype(np.float32))
            known.append(part.tensors(pixels, constants, cut=cut[1] if cut[0] == place else ""))
        return known

    def _choices(self, squares: Squares) -> str:
        names = self.stages(squares)
        return f"Stages with maps: {', '.join(names[-NAMED:])}."


def stage_names(operations: Sequence[TorchNode]) -> dict[str, str]:
    """The tensor of each stage by its name: the operator in small letters and its number."""
    counts: Counter[str] = Counter()
    names: dict[str, str] = {}
    for operation in operations:
        kind = operation.kind.lower()
        counts[kind] += 1
        if f"_{DEVIATION}_" not in operation.output:  # how maps are pooled is no stage
            names[f"{kind}{counts[kind]}"] = operation.output
    return names
