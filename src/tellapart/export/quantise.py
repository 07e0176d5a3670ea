"""The base of an exported model computed in int8, by post-training quantisation; resize, head and marks stay float32.

NNCF finds, from some training pictures, how far the values of each layer reach (Nagel et al., 2021,
arXiv:2106.08295, is an introduction). Weights have a scale a channel from the first attempt on.

Legend: H W sides.
"""

from __future__ import annotations

import contextlib
import io
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tellapart.backbones.backbone import Backbone
from tellapart.backbones.compiling import fold_constants
from tellapart.backbones.engine import named_tensors
from tellapart.backbones.openvino_runtime import load_nncf
from tellapart.types import Pixels

CONVOLUTIONS: Final = ("Convolution", "GroupConvolution")
Shown = Callable[[int], Pixels]  # from a row to its picture uint8 [H, W, 3]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One way to quantise a base.

    Attributes:
        words: what it does, as people read it.
        ends: whether the first and the last layer of each base stay in float32.
        bias: whether every bias is corrected by what the layers before it really give, which takes longer.
    """

    words: str
    ends: bool = False
    bias: bool = False


ATTEMPTS: Final = (  # from the fastest model to the most careful one
    Attempt(words="all layers"),
    Attempt(words="all but the first and last layers", ends=True),
    Attempt(words="all but the first and last layers, every bias corrected", ends=True, bias=True),
)


def quantised(model: Any, base: Backbone, shown: Shown, rows: Sequence[int], *, attempt: Attempt) -> Any:  # noqa: ANN401
    """A copy of a whole exported model of OpenVINO's whose base computes in int8.

    Args:
        model: `openvino_folder.float_model`; it is left as it is.
        base: the base in it, as the model file has it.
        shown: gives the picture of a row.
        rows: of the pictures to calibrate by, at least one.
        attempt: which way.

    Raises:
        MissingExtraError: NNCF is not installed.
    """
    nncf = load_nncf()
    nncf.set_log_level(logging.ERROR)
    model = with_constants_folded(model)

    def fed(row: int) -> NDArray[np.uint8]:
        return shown(row)[np.newaxis]

    ignored = nncf.IgnoredScope(names=kept_in_float(model, base, ends=attempt.ends), validate=False)
    with contextlib.redirect_stdout(io.StringIO()):  # it draws bars where our own answer is to stand
        return nncf.quantize(
            model,
            nncf.Dataset(list(rows), fed),
            preset=nncf.QuantizationPreset.MIXED,
            subset_size=len(rows),
            fast_bias_correction=not attempt.bias,
            ignored_scope=ignored,
        )


def with_constants_folded(model: Any) -> Any:  # noqa: ANN401 - OpenVINO's
    """A copy in which what depends on no input is worked out.

    As read from ONNX, the bias of a convolution is reshaped by the graph; NNCF would not know it for one, and would
    correct none of them.
    """
    return fold_constants(model.clone())


def kept_in_float(model: Any, base: Backbone, *, ends: bool) -> list[str]:  # noqa: ANN401
    """The names of the nodes that are not to be quantised: all outside of the base, and perhaps the ends of it."""
    nodes = [node for node in model.get_ordered_ops() if node.get_type_name() != "Result"]
    order = [node.get_friendly_name() for node in nodes]
    kinds = {node.get_friendly_name(): node.get_type_name() for node in nodes}
    place = {name: node.get_friendly_name() for node in nodes for output in node.outputs() for name in output.names}
    tensors, inside, outermost = named_tensors(model), set[str](), set[str]()
    for single in base.singles:
        last = {place[name] for name in single.outputs}
        own = nodes_between(tensors[single.entry], last)
        layers = [name for name in order if name in own and kinds[name] in CONVOLUTIONS]
        inside |= own
        outermost |= {*layers[:1], *layers[-1:]}
    return [name for name in order if name not in inside or (ends and name in outermost)]


def nodes_between(entry: Any, last: set[str]) -> set[str]:  # noqa: ANN401
    """The names of all nodes that a tensor reaches, those called as in `last` included and nothing behind them."""
    found, waiting = set[str](), [entry]
    while waiting:
        for consumer in waiting.pop().get_target_inputs():
            node = consumer.get_node()
            name = node.get_friendly_name()
            if name not in found:
                found.add(name)
                if name not in last:
                    waiting.extend(node.outputs())
    return found
