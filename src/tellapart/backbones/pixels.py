"""A base that learned nothing: the picture itself, 16 x 16. For recipes that bring no base of their own.

They need from a first look at the pictures what every recipe needs: which can be read, and which are the same. A pixel
of this base costs nothing next to decoding.
"""

from __future__ import annotations

from typing import Final

from tellapart.backbones.backbone import Backbone
from tellapart.data.preprocess import Preprocess

NAME: Final = "pixels"
SIDE: Final = 16  # px
OPSET: Final = 17
IR_VERSION: Final = 8


def small_pixels() -> Backbone:
    """The grey or colour levels of a picture at 16 x 16, as shares of white: 768 features."""
    width = SIDE * SIDE * 3
    return Backbone(
        name=NAME,
        graph=pixels_graph(width),
        preprocess=Preprocess(size=SIDE),
        widths={"last": width},
        outputs=("pooled_last",),
    )


def pixels_graph(width: int) -> bytes:
    """The ONNX graph from uint8 [N, S, S, 3] to float32 [N, width]: division by 255."""
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

    graph = helper.make_graph(
        [
            helper.make_node("Cast", ["images"], ["levels"], name="levels", to=TensorProto.FLOAT),
            helper.make_node("Mul", ["levels", "share"], ["shares"], name="shares"),
            helper.make_node("Reshape", ["shares", "row"], ["pooled_last"], name="pooled_last"),
        ],
        NAME,
        [helper.make_tensor_value_info("images", TensorProto.UINT8, ["N", "H", "W", 3])],
        [helper.make_tensor_value_info("pooled_last", TensorProto.FLOAT, ["N", width])],
        [
            numpy_helper.from_array(np.array(1 / 255, np.float32), "share"),
            numpy_helper.from_array(np.array([-1, width], np.int64), "row"),
        ],
    )
    model = helper.make_model(graph, producer_name="tellapart", opset_imports=[helper.make_opsetid("", OPSET)])
    model.ir_version = IR_VERSION
    return bytes(model.SerializeToString(deterministic=True))
