"""A whole graph in a runtime, in float32: from pixels of any size to everything that comes out of it.

Legend: N pictures, H W sides.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tellapart.backbones.compiling import compile_net, read_net
from tellapart.backbones.devices import CPU
from tellapart.backbones.engine import EXACT
from tellapart.backbones.openvino_runtime import load_openvino
from tellapart.cores import thread_count
from tellapart.errors import ModelFileError
from tellapart.extras import load_extra
from tellapart.types import Pixels

ONNXRUNTIME_HINT: Final = "Install it with: pip install 'tellapart[onnxruntime]'"
QUIET: Final = 3  # of onnxruntime's levels: errors only
# From uint8 [N, H, W, 3] to what comes out, by name.
Run = Callable[[Pixels], Mapping[str, NDArray[Any]]]


def openvino_run(graph: bytes) -> Run:
    """The ONNX file in OpenVINO."""
    core, net = load_openvino().Core(), (hashlib.sha256(graph).digest(),)
    return _run(compile_net(core, net, lambda core: read_net(core, graph), device=CPU, settings=_settings()))


def model_run(model: Any) -> Run:  # noqa: ANN401 - OpenVINO's
    """A model of OpenVINO's in it."""
    return _run(load_openvino().Core().compile_model(model, CPU, _settings()))


def _settings() -> dict[str, str]:
    return {"INFERENCE_PRECISION_HINT": EXACT, "INFERENCE_NUM_THREADS": str(thread_count())}


def _run(compiled: Any) -> Run:  # noqa: ANN401 - OpenVINO's
    # A request of its own: the one that a compiled model has itself is shared by all who call the model.
    request = compiled.create_infer_request()

    def run(images: Pixels) -> Mapping[str, NDArray[Any]]:
        found = request.infer([images])
        return {output.get_any_name(): np.array(found[output]) for output in compiled.outputs}

    return run


def onnxruntime_run(graph: bytes, *, beside: Mapping[str, NDArray[Any]] | None = None) -> Run:
    """The ONNX file in ONNX Runtime; `beside` is what its other inputs, if it has them, are fed with.

    Raises:
        MissingExtraError: onnxruntime is not installed.
    """
    onnxruntime = load_extra("onnxruntime", "ONNX Runtime", hint=ONNXRUNTIME_HINT)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = thread_count(), QUIET
    try:
        session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its own kinds of error derive from nothing more exact
        raise ModelFileError("ONNX Runtime cannot load the graph") from error
    names = [output.name for output in session.get_outputs()]
    taken = {put.name for put in session.get_inputs()}
    others = {name: values for name, values in (beside or {}).items() if name in taken}

    def run(images: Pixels) -> Mapping[str, NDArray[Any]]:
        return dict(zip(names, session.run(names, {"images": images, **others}), strict=True))

    return run


RUNTIMES: Final[Mapping[str, Callable[[bytes], Run]]] = {"openvino": openvino_run, "onnxruntime": onnxruntime_run}
