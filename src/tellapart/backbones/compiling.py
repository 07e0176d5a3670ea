"""Nets are compiled once in a process: the last few stay, for whoever asks for the same one again.

A training looks through a base, then checks the model file that it wrote through that very base, and a model that is
loaded twice, or reloaded by a server, is the same net. Compiling lite0 takes 0.3 to 0.5 s and 40 MB on an AVX2 core.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, Final

from tellapart.backbones.devices import CPU
from tellapart.backbones.openvino_runtime import load_passes
from tellapart.cores import core_count, thread_count

# OpenVINO binds its threads to the first cores there are. Where those are all, each has one; where they are fewer, so
# would each other process bind its own: two trainings of one thread each would share one core while the other is idle
# (`benchmarks/looking_beside.py`).
FREE: Final[Mapping[str, str]] = {"ENABLE_CPU_PINNING": "NO"}
KEPT: Final = 4  # nets: a base as it looks, as it is explained, and the graph of a model file, and one beside
_kept: OrderedDict[tuple[object, ...], Any] = OrderedDict()
_lock = threading.Lock()


def read_net(core: Any, graph: bytes) -> Any:  # noqa: ANN401 - OpenVINO's
    """The model of an ONNX graph, with what depends on no input worked out.

    As OpenVINO reads it, the bias of a convolution is brought into shape by some ten operators, two thirds of all that
    there are, and every step of compiling goes through them: a fifth of its time. The answers are the same to the
    digit.
    """
    return fold_constants(core.read_model(graph))


def fold_constants(model: Any) -> Any:  # noqa: ANN401 - OpenVINO's
    """The model itself, with what depends on no input worked out."""
    passes = load_passes()
    manager = passes.Manager()
    manager.register_pass(passes.ConstantFolding())
    manager.run_passes(model)
    return model


def compile_net(
    core: Any,  # noqa: ANN401 - OpenVINO's
    net: tuple[object, ...],
    build: Callable[[Any], Any],
    *,
    device: str,
    settings: Mapping[str, str],
) -> Any:  # noqa: ANN401
    """OpenVINO's compiled model of a net: made now, or the one that was made of the same net with the same settings.

    Whoever gets it makes requests of their own; a compiled model itself is not changed by being asked.

    Args:
        core: OpenVINO's.
        net: all that `build` depends on: digests of content, names, shapes.
        build: makes the model, given the core.
        device: of OpenVINO.
        settings: what the device is told, beside whether its threads may run on every core.

    Raises:
        RuntimeError: OpenVINO's, where the device or the model cannot be compiled for; and whatever `build` raises.
    """
    key = (type(core), device, *sorted(settings.items()), *net)
    with _lock:
        if key in _kept:
            _kept.move_to_end(key)
            return _kept[key]
    free = device == CPU and thread_count() < core_count()
    made = core.compile_model(build(core), device, {**settings, **(FREE if free else {})})
    with _lock:
        _kept[key] = made
        while len(_kept) > KEPT:
            _kept.popitem(last=False)
    return made
