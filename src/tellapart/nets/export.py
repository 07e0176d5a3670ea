"""From a net in torch to what is served without it: an ONNX graph for the trunk and a linear head.

Legend: N pictures, S side of the input, D features, K classes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tellapart.backbones.backbone import Backbone
from tellapart.backbones.export import DEPTH, OUTPUT, check_against_torch, export_graph
from tellapart.backbones.onnx_writer import can_write, write_graph
from tellapart.data.preprocess import Preprocess
from tellapart.extras import load_safetensors, load_torch
from tellapart.heads.linear import LinearHead
from tellapart.nets.architectures import Net
from tellapart.types import Features

if TYPE_CHECKING:
    import torch


def export_backbone(net: Net) -> Backbone:
    """The trunk of a net as a base: uint8 RGB [N, S, S, 3] in, features float32 [N, D] out, normalisation inside.

    Raises:
        MissingExtraError: the net is no plain sequence of layers, and onnxscript is not installed.
        TellapartError: the graph does not give what torch gives.
    """
    width = net.head.in_features
    if can_write(net.trunk):
        graph = write_graph(net.trunk, size=net.size, width=width, output=OUTPUT)
    else:
        graph = export_graph(net.trunk, size=net.size)
    preprocess = Preprocess(size=net.size)
    backbone = Backbone(name=net.name, graph=graph, preprocess=preprocess, widths={DEPTH: width}, outputs=(OUTPUT,))
    check_against_torch(backbone, lambda images: [trunk_features(net, images)])
    return backbone


def trunk_features(net: Net, images: np.ndarray) -> Features:
    """Features float32 [N, D] of uint8 [N, S, S, 3] from torch itself, computed in float32 on the CPU."""
    torch = load_torch()
    with torch.inference_mode():
        features: Features = net.trunk.cpu().eval()(torch.from_numpy(images)).float().numpy()
    return features


def linear_head(head: torch.nn.Linear) -> LinearHead:
    """A last layer as a head of ours; one made for a sigmoid becomes two columns, 0 and its logit."""
    weight = head.weight.detach().float().cpu().numpy().T
    bias = np.zeros(weight.shape[1], np.float32) if head.bias is None else head.bias.detach().float().cpu().numpy()
    if weight.shape[1] == 1:
        weight, bias = np.pad(weight, ((0, 0), (1, 0))), np.pad(bias, (1, 0))
    return LinearHead(weight=np.ascontiguousarray(weight), bias=bias.copy(), start=0, stop=len(weight))


def module_weights(module: torch.nn.Module) -> bytes:
    """The weights and statistics of a module as the bytes of a safetensors file."""
    tensors = {name: value.detach().cpu().contiguous() for name, value in module.state_dict().items()}
    content: bytes = load_safetensors().save(tensors)
    return content
