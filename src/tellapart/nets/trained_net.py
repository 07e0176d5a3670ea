"""What a training with torch hands back: everything that serving needs, none of it torch's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tellapart.backbones.backbone import Backbone
from tellapart.heads.linear import LinearHead


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedNet:
    """A net cut into a base, which any engine runs, and a linear head.

    Attributes:
        backbone: the trunk as ONNX, with its preprocessing.
        head: the last layer, on the features of the trunk.
        weights: the whole net as safetensors, to go on from.
        selected: what was chosen, and out of what; JSON-ready.
        history: a row an epoch; JSON-ready.
    """

    backbone: Backbone
    head: LinearHead
    weights: bytes
    selected: Mapping[str, Any]
    history: tuple[Mapping[str, Any], ...]
