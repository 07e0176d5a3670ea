"""The engine for everything frozen: OpenVINO with asynchronous requests over all cores.

Legend: B pictures in one request, S side of the input, D features, n pictures.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from tellapart.backbones.backbone import Backbone, Squares
from tellapart.backbones.compiling import compile_net, read_net
from tellapart.backbones.devices import CPU, chosen_devices, precision_of, takes_precision
from tellapart.backbones.openvino_runtime import load_openvino
from tellapart.cores import thread_count
from tellapart.types import Features, Pixels

# Measured on 2 Zen 4 cores in bf16: 313, 377, 326, 306 and 265 pictures/s for requests of 1, 4, 8, 16 and 32.
PICTURES_PER_REQUEST = 4
SMALL_SIDE = 64  # px; up to it a request costs more than what is computed in it
SMALL_PICTURES_PER_REQUEST = 64
# Beyond these a request works on one picture, and then on all cores at once: what it needs at one time stays bounded,
# and the larger the picture the less there is to gain from several.
MIDDLE_SIDE, LARGE_SIDE = 288, 512  # px
FEW_AT_ONCE = 8  # pictures of a request where few are asked about at a time, and whoever asks waits for its padding
REQUESTS_PER_THREAD = 2  # one at work, one waiting, so that a core never waits for Python
PRECISIONS = ("bf16", "f16", "f32")
EXACT = "f32"
Deliver = Callable[[Features], None]


def pictures_per_request(side: int, *, precision: str = "bf16") -> int:
    """How many pictures go into one request, for squares of a side in pixels: the fewest that are as fast as any.

    In float32 one is, at 12.4 ms of processor time for lite0, where four take 13.2 each; and whoever has but one
    picture waits for no padding.
    """
    if side <= SMALL_SIDE:
        return SMALL_PICTURES_PER_REQUEST
    return PICTURES_PER_REQUEST if side <= MIDDLE_SIDE and precision != EXACT else 1


def native_precision() -> str:
    """What the device computes convolutions in natively: "bf16", "f16" or "f32", as OpenVINO itself would choose."""
    kind = precision_of(load_openvino().Core(), chosen_devices().engine)
    return kind if kind in PRECISIONS else "f32"


def settings_for(
    core: Any,  # noqa: ANN401 - OpenVINO's
    device: str,
    *,
    precision: str,
    streams: int,
    threads: int,
    hint: str = "THROUGHPUT",
) -> dict[str, str]:
    """What a device is told; streams and threads are the CPU's, others have their own."""
    if device == CPU:
        several = {"NUM_STREAMS": str(streams)} if hint == "THROUGHPUT" else {}
        own = {**several, "INFERENCE_NUM_THREADS": str(threads)}
        return {"INFERENCE_PRECISION_HINT": precision, "PERFORMANCE_HINT": hint, **own}
    told = {"INFERENCE_PRECISION_HINT": precision} if takes_precision(core, device) else {}
    return {**told, "PERFORMANCE_HINT": hint}


class Engine:
    """One compiled base. Pictures go in by `submit`, feature rows come back through a function, out of order."""

    def __init__(
        self, backbone: Backbone, *, pictures: int | None = None, most: int | None = None, precision: str
    ) -> None:
        """Compile the base in one of PRECISIONS, for requests of so many pictures: None for what suits, up to most."""
        openvino = load_openvino()
        core = openvino.Core()
        side = backbone.preprocess.size
        suited = pictures_per_request(side, precision=precision)
        pictures = pictures or min(suited, most or suited)
        threads, device = thread_count(), chosen_devices().engine
        streams = threads if side <= LARGE_SIDE else 1
        compiled_net = compile_net(
            core,
            (backbone.digest, backbone.entry, tuple(backbone.outputs), pictures, side),
            partial(_looking, backbone=backbone, pictures=pictures),
            device=device,
            settings=settings_for(core, device, precision=precision, streams=streams, threads=threads),
        )
        self._queue = openvino.AsyncInferQueue(compiled_net, REQUESTS_PER_THREAD * streams if device == CPU else 0)
        self._failures: list[BaseException] = []
        # Not a method: the queue is invisible to Python's garbage collector, and a way back from it to this engine
        # would keep both, and the compiled base, for ever.
        self._queue.set_callback(partial(_deliver, outputs=range(len(backbone.outputs)), failures=self._failures))
        self.engines = (self,)
        self.pictures = pictures
        self.width = backbone.width
        self.precision = precision
        self.threads = threads

    def submit(self, images: Pixels, deliver: Deliver) -> None:
        """Queue n pictures uint8 [n, S, S, 3], 1 <= n <= B; waits while every request is busy, so memory stays bounded.

        `deliver` is called once from another thread with float32 [n, D]. The rest of the request is padding.
        """
        self._raise_failure()
        count = len(images)
        if count < self.pictures:
            padding = np.zeros((self.pictures - count, *images.shape[1:]), np.uint8)
            images = np.concatenate([images, padding])
        # Shared, not copied: the job keeps the pictures alive until the request has been answered.
        images = np.ascontiguousarray(images)
        self._queue.start_async({0: images}, [(count, deliver, images)], share_inputs=True)

    def run(self, images: Pixels) -> Features:
        """Features float32 [n, D] of a few pictures uint8 [n, S, S, 3], in order, when they are all there."""
        rows = np.empty((len(images), self.width), np.float32)
        for first in range(0, len(images), self.pictures):
            part = slice(first, first + self.pictures)
            self.submit(images[part], lambda features, part=part: rows.__setitem__(part, features))  # type: ignore[misc]
        self.wait()
        return rows

    def look(self, squares: Sequence[Squares]) -> Features:
        """Features float32 [n, D] of what the base is shown of a few pictures, as `Backbone.squares` gives it."""
        return self.run(np.stack([square for (square,) in squares]))

    def wait(self) -> None:
        """Wait for everything submitted; an error of a deliver function is raised here or at the next `submit`."""
        self._queue.wait_all()
        self._raise_failure()

    def drain(self) -> None:
        """Wait for everything submitted and forget its errors: what was interrupted must not haunt the next user."""
        self._queue.wait_all()
        self._failures.clear()

    def _raise_failure(self) -> None:
        if self._failures:
            failure = self._failures[0]
            self._failures.clear()
            raise failure


class JoinedEngine:
    """The engines of a joined base, one for each half. Whatever looks at many pictures asks them one after another."""

    def __init__(self, backbone: Backbone, *, most: int | None = None, precision: str) -> None:
        """Compile each half."""
        self.engines = tuple(Engine(half, most=most, precision=precision) for half in backbone.halves)
        self.precision = precision
        self._backbone = backbone

    def look(self, squares: Sequence[Squares]) -> Features:
        """Features float32 [n, D] of what the halves are shown of a few pictures, as `Backbone.squares` gives it."""
        halves = zip(self.engines, zip(*squares, strict=True), strict=True)
        return self._backbone.in_row([engine.run(np.stack(shown)) for engine, shown in halves])


AnyEngine = Engine | JoinedEngine


def compiled(backbone: Backbone, *, most: int | None = None, precision: str) -> AnyEngine:
    """A base, joined or not, compiled in one of PRECISIONS, for requests of so many pictures or fewer."""
    return (JoinedEngine if backbone.halves else Engine)(backbone, most=most, precision=precision)


def _looking(core: Any, backbone: Backbone, *, pictures: int) -> Any:  # noqa: ANN401 - OpenVINO's
    """The model of a base for requests of so many pictures."""
    model = between(read_net(core, backbone.graph), entry=backbone.entry, outputs=backbone.outputs)
    side = backbone.preprocess.size
    model.reshape([pictures, side, side, 3])
    return model


def _deliver(
    request: Any,  # noqa: ANN401
    job: list[tuple[int, Deliver, Pixels]],
    *,
    outputs: Sequence[int],
    failures: list[BaseException],
) -> None:
    """Hand a request's rows over. The job is taken out of its list, since the queue keeps the list itself."""
    count, deliver, _images = job.pop()
    try:
        parts = [request.get_output_tensor(position).data[:count] for position in outputs]
        deliver(np.concatenate(parts, axis=1, dtype=np.float32))
    except BaseException as error:  # noqa: BLE001  it must cross from the engine's thread to ours
        failures.append(error)


def named_tensors(model: Any) -> dict[str, Any]:  # noqa: ANN401
    """Every tensor of a model by name."""
    return {name: output for node in model.get_ordered_ops() for output in node.outputs() for name in output.names}


def between(model: Any, *, entry: str, outputs: Sequence[str], tensors: Sequence[Any] = ()) -> Any:  # noqa: ANN401
    """The part of a model from one tensor, fed with uint8 [N, S, S, 3], to named tensors and then others.

    Raises:
        KeyError: the model has no such tensor.
    """
    openvino = load_openvino()
    results = {name: result for result in model.get_results() for name in result.input_value(0).names}
    named = named_tensors(model)
    squares = openvino.opset13.parameter([-1, -1, -1, 3], np.uint8, name="squares")
    asked = [
        next((results[name] for name in tensor.names if name in results), None) or openvino.opset13.result(tensor)
        for tensor in (*(named[name] for name in outputs), *tensors)
    ]
    for consumer in named[entry].get_target_inputs():
        consumer.replace_source_output(squares.output(0))
    return openvino.Model(asked, [squares], model.get_friendly_name())
