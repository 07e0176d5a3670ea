"""The engine gives every picture its own row, whatever else is in the request, and loses no error."""

import gc
import os
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from pictures import make_pixels
from tellapart.backbones import compiling
from tellapart.backbones.catalogue import load_backbone
from tellapart.backbones.engine import Engine, between, native_precision
from tellapart.backbones.openvino_runtime import load_openvino
from tellapart.bundle.bundle import read_bundle
from tellapart.cores import VARIABLE

SIDE = 64


@pytest.fixture(scope="module")
def backbone():
    return load_backbone("lite0", size=SIDE)


@pytest.fixture(scope="module", params=["f32", "native"])
def engine(backbone, request):
    precision = native_precision() if request.param == "native" else request.param
    return Engine(backbone, pictures=4, precision=precision)


@pytest.fixture(scope="module")
def squares():
    return np.stack([make_pixels(seed, kind=seed % 3, width=SIDE, height=SIDE) for seed in range(8)])


def look(engine, squares, *, parts):
    """Rows of squares, handed over in requests of the given sizes."""
    rows, start = {}, 0
    for size in parts:
        engine.submit(squares[start : start + size], lambda given, start=start: rows.update({start: given}))
        start += size
    engine.wait()
    return np.concatenate([rows[key] for key in sorted(rows)])


def test_engine__a_row_depends_neither_on_its_place_nor_on_its_neighbours(engine, squares, backbone):
    together = look(engine, squares, parts=(4, 4))
    assert together.shape == (8, backbone.width)
    assert together.dtype == np.float32
    assert len(np.unique(together, axis=0)) == 8
    for parts in [(1,) * 8, (3, 1, 2, 2), (2, 4, 2)]:
        np.testing.assert_array_equal(look(engine, squares, parts=parts), together)
    np.testing.assert_array_equal(look(engine, squares[::-1], parts=(4, 4))[::-1], together)


def test_engine__padding_is_dropped(engine, squares):
    assert [len(look(engine, squares[:count], parts=(count,))) for count in (1, 2, 3, 4)] == [1, 2, 3, 4]


def test_engine__the_precision_asked_for_is_computed_in(backbone, squares):
    exact = look(Engine(backbone, precision="f32"), squares[:4], parts=(4,))
    native = look(Engine(backbone, precision=native_precision()), squares[:4], parts=(4,))
    scale = np.abs(exact).max()
    assert np.abs(exact - native).max() <= (0 if native_precision() == "f32" else 0.05 * scale)


def test_run__rows_are_in_the_order_of_the_pictures(engine, squares):
    np.testing.assert_array_equal(engine.run(squares[:7]), look(engine, squares, parts=(4, 4))[:7])
    assert engine.run(squares[:0]).shape == (0, engine.width)


def test_submit__an_error_of_the_receiver_surfaces_once_and_the_engine_goes_on(engine, squares):
    def fail(rows):
        raise RuntimeError("the receiver failed")

    engine.submit(squares[:2], fail)
    with pytest.raises(RuntimeError, match="the receiver failed"):
        engine.wait()
    assert len(look(engine, squares, parts=(4, 4))) == 8


def test_submit__an_interrupt_in_the_receiver_surfaces_in_the_caller(engine, squares):
    def stop(rows):
        raise KeyboardInterrupt

    engine.submit(squares[:1], stop)
    with pytest.raises(KeyboardInterrupt):
        engine.wait()
    engine.wait()


def test_engine__another_of_the_same_net_loses_no_row_and_knows_nothing_of_its_errors(engine, squares, backbone):
    def fail(rows):
        raise RuntimeError("mine")

    other, together = Engine(backbone, pictures=4, precision=engine.precision), engine.run(squares)
    engine.submit(squares[:1], fail)
    with ThreadPoolExecutor(1) as pool:
        np.testing.assert_array_equal(pool.submit(other.run, squares).result(), together)
    with pytest.raises(RuntimeError, match="mine"):
        engine.wait()


def test_drain__forgets_the_errors_of_what_was_interrupted(engine, squares):
    done = threading.Event()

    def fail(rows):
        done.set()
        raise RuntimeError("late")

    engine.submit(squares[:1], fail)
    engine.drain()
    assert done.is_set()
    assert len(engine.run(squares)) == 8


def test_engine__is_freed_with_what_it_was_given(backbone, squares):
    class Receiver:
        rows = ()

        def take(self, rows):
            self.rows = rows

    engine, receiver = Engine(backbone, precision="f32"), Receiver()
    engine.submit(squares[:3], receiver.take)
    engine.wait()
    assert len(receiver.rows) == 3
    watched = [weakref.ref(engine), weakref.ref(receiver)]
    del receiver
    assert watched[1]() is None  # though the engine lives on
    del engine
    gc.collect()
    assert watched[0]() is None


def test_between__takes_the_graph_up_behind_a_resize_of_its_own(trained):
    bundle, _ = read_bundle(trained.model)
    model = load_openvino().Core().read_model(bundle.classifier.base.graph)
    part = between(model, entry=bundle.classifier.base.entry, outputs=bundle.classifier.base.outputs)
    assert [name for port in part.inputs for name in port.names] == ["squares"]
    assert len(part.outputs) == 1
    assert part.output(0).partial_shape[1].get_length() == bundle.classifier.base.width


def test_between__an_unknown_tensor(backbone):
    model = load_openvino().Core().read_model(backbone.graph)
    with pytest.raises(KeyError):
        between(model, entry="nothing", outputs=backbone.outputs)


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="only Linux tells which cores a thread may run on")
def test_engine__one_thread_of_many_cores_is_not_bound_to_the_core_of_every_other_process(
    backbone, squares, monkeypatch
):
    monkeypatch.setenv(VARIABLE, "1")
    monkeypatch.setattr(compiling, "_kept", type(compiling._kept)())
    engine = Engine(backbone, pictures=4, precision="f32")
    for _ in range(3):  # OpenVINO binds a thread when it computes
        engine.run(squares)
    threads = [int(task.name) for task in Path("/proc/self/task").iterdir()]
    assert {frozenset(os.sched_getaffinity(thread)) for thread in threads} == {frozenset(os.sched_getaffinity(0))}
