"""From a net in torch to what is served without it: an ONNX graph for the trunk and a linear head.

Legend: N pictures, S side of the input, D features, K classes.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from tellapart.backbones.backbone import Backbone
from tellapart.backbones.export import DEPTH, OUTPUT, check_against_torch, export_graph, scaled_output
from tellapart.backbones.onnx_writer import can_write, write_graph
from tellapart.data.preprocess import Preprocess
from tellapart.errors import MissingExtraError, UsageError
from tellapart.extras import load_safetensors, load_torch
from tellapart.heads.linear import LinearHead
from tellapart.nets.architectures import Net
from tellapart.types import Features

if TYPE_CHECKING:
    import torch

ROOM: Final = 8192.0  # features up to here are kept as they are: float16 ends at 65504
WELL_WITHIN: Final = 1024.0  # what the largest of others is brought to, or to half of it
SAID: Final = 200  # characters of an exporter's own words


def export_backbone(net: Net, *, factor: float = 1.0) -> Backbone:
    """The trunk of a net as a base: uint8 RGB [N, S, S, 3] in, features float32 [N, D] out, normalisation inside.

    The features are those of the trunk times a factor.

    Raises:
        MissingExtraError: the net is no plain sequence of layers, and onnxscript is not installed.
        TellapartError: the graph does not give what torch gives.
    """
    width = net.head.in_features
    if can_write(net.trunk):
        graph = write_graph(net.trunk, size=net.size, width=width, output=OUTPUT)
    else:
        graph = export_graph(net.trunk, size=net.size)
    if factor != 1:
        graph = scaled_output(graph, output=OUTPUT, factor=factor)
    preprocess = Preprocess(size=net.size)
    backbone = Backbone(name=net.name, graph=graph, preprocess=preprocess, widths={DEPTH: width}, outputs=(OUTPUT,))
    check_against_torch(backbone, lambda images: [factor * trunk_features(net, images)])
    return backbone


def try_export(net: Net) -> None:
    """Stop where a net cannot be saved, before it is trained: an error after the last epoch would lose them all.

    Raises:
        MissingExtraError: as export_backbone.
        UsageError: it cannot be turned into ONNX, or gives something else there.
    """
    try:
        export_backbone(net)
    except MissingExtraError:
        raise
    except Exception as error:
        what = f"the net cannot be saved as ONNX ({_reason(error)})"
        hint = "Its forward must do the same for every picture: no if or loop over values of tensors."
        raise UsageError(what, where=net.name, hint=hint) from error


def _reason(error: BaseException) -> str:
    """The first line of what an exporter tripped over in the end; around it, it tells of its own steps."""
    while error.__cause__ is not None:
        error = error.__cause__
    return next(iter(str(error).splitlines()), type(error).__name__)[:SAID]


def scale_for(largest: float) -> float:
    """The factor, a power of two, on features of that largest size, so that float16 has room for all others too."""
    return 1.0 if largest <= ROOM else 2.0 ** -math.ceil(math.log2(largest / WELL_WITHIN))


def trunk_features(net: Net, images: np.ndarray) -> Features:
    """Features float32 [N, D] of uint8 [N, S, S, 3] from torch itself, computed in float32 on the CPU."""
    torch = load_torch()
    with torch.inference_mode():
        features: Features = net.trunk.cpu().eval()(torch.from_numpy(images)).float().numpy()
    return features


def linear_head(head: torch.nn.Linear, *, factor: float = 1.0) -> LinearHead:
    """A last layer as a head of ours, for features times a factor; one for a sigmoid becomes 0 and its logit."""
    weight = (head.weight / factor).detach().float().cpu().numpy().T
    bias = np.zeros(weight.shape[1], np.float32) if head.bias is None else head.bias.detach().float().cpu().numpy()
    if weight.shape[1] == 1:
        weight, bias = np.pad(weight, ((0, 0), (1, 0))), np.pad(bias, (1, 0))
    return LinearHead(weight=np.ascontiguousarray(weight), bias=bias.copy(), start=0, stop=len(weight))


def module_weights(module: torch.nn.Module) -> bytes:
    """The weights and statistics of a module as the bytes of a safetensors file."""
    tensors = {name: value.detach().cpu().contiguous() for name, value in module.state_dict().items()}
    content: bytes = load_safetensors().save(tensors)
    return content
