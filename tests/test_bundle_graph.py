"""The graph in a model file: its resize is Pillow's, and any ONNX runtime gets the answers that we give."""

import csv
from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pictures import make_pixels
from tellapart.backbones.catalogue import load_backbone
from tellapart.backbones.engine import native_precision
from tellapart.backbones.pixels import small_pixels
from tellapart.bundle.container import read_container
from tellapart.bundle.graph import RESIZED, model_graph, used_depths
from tellapart.data.resize import fast, squash
from tellapart.heads.linear import LinearHead

SIDE = 224
SIZES = [(1, 1), (28, 28), (500, 375), (2000, 20), (20, 2000), (224, 224), (223, 225), (448, 448), (7, 900), (1, 640)]
# predictions.csv comes from the engine in the CPU's own precision, model.onnx is run in float32. Measured in bf16 on
# two runs over synthetic pictures: 0.0032 and 0.0001 at most.
TOLERANCE = {"f32": 0.002, "f16": 0.005, "bf16": 0.02}


def session(graph):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 2, 3
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def random_head(backbone, *, depths, classes=3):
    chosen = (backbone.last,) if depths == "last" else backbone.depths
    start, stop = chosen[0].start, chosen[-1].stop
    random = np.random.default_rng(5)
    weight = random.normal(0, 0.05, (stop - start, classes)).astype(np.float32)
    return LinearHead(weight=weight, bias=random.normal(size=classes).astype(np.float32), start=start, stop=stop)


@pytest.fixture(scope="module")
def resize(trained):
    """The resize inside the trained model as a function from uint8 [H, W, 3] to float32 [S, S, 3]."""
    model = onnx.load_from_string(read_container(trained.model)[1]["model.onnx"])
    model.graph.output.append(onnx.helper.make_tensor_value_info(RESIZED, onnx.TensorProto.FLOAT, None))
    part = onnx.utils.Extractor(model).extract_model(["images"], [RESIZED])
    running = session(part.SerializeToString())
    return lambda pixels: running.run([RESIZED], {"images": pixels[None]})[0][0]


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_add_resize__is_pillows_bilinear_within_one_grey_level_and_what_training_used(resize, width, height):
    pixels = make_pixels(width + height, width=width, height=height)
    noise = np.random.default_rng(1).integers(0, 256, pixels.shape, np.uint8)
    for source in (pixels, noise):
        expected = np.asarray(Image.fromarray(source).resize((SIDE, SIDE), Image.Resampling.BILINEAR))
        given = resize(source)
        assert given.shape == (SIDE, SIDE, 3)
        np.testing.assert_array_equal(given, np.round(given))
        assert np.abs(given - expected).max() <= 1
        if fast is not None:
            assert (given == squash(source, size=SIDE)).mean() > 0.97


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 700), st.integers(1, 700), st.integers(0, 255))
def test_add_resize__a_flat_picture_stays_flat(resize, width, height, level):
    np.testing.assert_array_equal(resize(np.full((height, width, 3), level, np.uint8)), level)


def test_add_resize__the_right_size_passes_unchanged(resize):
    pixels = np.random.default_rng(2).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
    np.testing.assert_array_equal(resize(pixels), pixels)


def test_model_graph__onnxruntime_on_full_size_pixels_gives_predictions_csv(trained):
    running = session(read_container(trained.model)[1]["model.onnx"])
    rows = list(csv.DictReader((trained.run / "predictions.csv").read_text().splitlines()))
    assert len(rows) >= 6
    for row in rows:
        pixels = np.asarray(Image.open(trained.data / row["path"]).convert("RGB"))
        (given,) = running.run(["probabilities"], {"images": pixels[None]})
        expected = [float(row[f"p:{name}"]) for name in trained.metrics["classes"]]
        np.testing.assert_allclose(given[0], expected, rtol=0, atol=TOLERANCE[native_precision()])


@pytest.mark.parametrize("depths", ["last", "all"])
def test_model_graph__outputs_follow_from_each_other_for_any_batch(depths):
    backbone = load_backbone("lite0", size=64)
    head = random_head(backbone, depths=depths)
    running = session(model_graph(backbone, head, temperature=2.5))
    images = np.stack([make_pixels(seed, width=90, height=50) for seed in range(3)])
    found = dict(zip(("probabilities", "logits", "features"), running.run(None, {"images": images}), strict=True))
    assert [output.name for output in running.get_outputs()] == ["probabilities", "logits", "features"]
    assert found["features"].shape == (3, head.weight.shape[0])
    np.testing.assert_allclose(found["logits"], found["features"] @ head.weight + head.bias, atol=1e-4)
    cooled = np.exp(found["logits"] / 2.5)
    np.testing.assert_allclose(found["probabilities"], cooled / cooled.sum(axis=1, keepdims=True), atol=1e-5)
    alone = running.run(["logits"], {"images": images[1:2]})[0]
    np.testing.assert_allclose(alone[0], found["logits"][1], atol=1e-4)


def test_model_graph__is_the_same_bytes_each_time_and_carries_no_unused_weights():
    backbone = load_backbone("lite0", size=64)
    last, every = (random_head(backbone, depths=depths) for depths in ("last", "all"))
    graph = model_graph(backbone, last, temperature=1.0)
    assert graph == model_graph(backbone, last, temperature=1.0)
    model = onnx.load_from_string(graph)
    used = {name for node in model.graph.node for name in node.input}
    assert {tensor.name for tensor in model.graph.initializer} <= used
    assert (model.ir_version, [opset.version for opset in model.opset_import]) == (8, [17])
    assert len(model_graph(backbone, every, temperature=1.0)) > len(graph)


def test_model_graph__takes_the_outputs_that_the_base_names():
    pixels = small_pixels()
    graph = onnx.load_from_string(pixels.graph)
    graph.graph.node[-1].output[0] = graph.graph.output[0].name = "seen"
    renamed = replace(pixels, graph=graph.SerializeToString(), outputs=("seen",))
    head = LinearHead(
        weight=np.ones((pixels.width, 2), np.float32), bias=np.zeros(2, np.float32), start=0, stop=pixels.width
    )
    squares = np.full((1, 40, 30, 3), 255, np.uint8)
    answers = [
        session(model_graph(base, head, temperature=1.0)).run(["logits"], {"images": squares})[0]
        for base in (pixels, renamed)
    ]
    np.testing.assert_array_equal(*answers)


def test_used_depths__are_those_the_head_reads():
    backbone = load_backbone("lite0")
    assert [depth.name for depth in used_depths(backbone, random_head(backbone, depths="last"))] == ["last"]
    assert used_depths(backbone, random_head(backbone, depths="all")) == list(backbone.depths)
