"""A base that learned nothing: the picture itself, 16 x 16. For recipes that bring no base of their own.

They need from a first look at the pictures what every recipe needs: which can be read, and which are the same. A pixel
of this base costs nothing next to decoding.
"""

from __future__ import annotations

from typing import Final

from tellapart.backbones.backbone import Backbone
from tellapart.backbones.onnx_writer import Writer
from tellapart.data.preprocess import Preprocess

SIDE: Final = 16  # px


def small_pixels() -> Backbone:
    """The grey or colour levels of a picture at 16 x 16, as shares of white: 768 features."""
    import numpy as np
    from onnx import TensorProto

    width, output = SIDE * SIDE * 3, "pooled_last"
    writer = Writer()
    writer.add("Cast", to=TensorProto.FLOAT)
    writer.add("Mul", np.array(1 / 255, np.float32))
    writer.add("Flatten", axis=1)
    graph = writer.graph(size=SIDE, width=width, output=output)
    preprocess = Preprocess(size=SIDE)
    return Backbone(name="pixels", graph=graph, preprocess=preprocess, widths={"last": width}, outputs=(output,))
