"""The exact heat map adds up to the logit, and lies where the evidence is."""

from pathlib import Path

import numpy as np
import onnx
import pytest

from pictures import make_pixels
from tellapart.backbones.catalogue import load_backbone
from tellapart.backbones.openvino_runtime import load_openvino
from tellapart.bundle.bundle import assemble, pack_bundle
from tellapart.classifier import Classifier
from tellapart.explain.exact import MapReader, exact_heat_map
from tellapart.explain.spread import spread_maps
from tellapart.heads.linear import LinearHead

SHARED = Path(__file__).parents[2] / "shared" / "data"
CLASSES = ("cat", "dog", "owl")


def small_classifier(*, depths="all", size=96, seed=5):
    """A classifier with a head of random weights, without a run."""
    backbone = load_backbone("lite0", size=size)
    chosen = (backbone.last,) if depths == "last" else backbone.depths
    start, stop = chosen[0].start, chosen[-1].stop
    random = np.random.default_rng(seed)
    weight = random.normal(0, 0.05, (stop - start, 3)).astype(np.float32)
    head = LinearHead(weight=weight, bias=random.normal(size=3).astype(np.float32), start=start, stop=stop)
    packed = pack_bundle(Classifier(classes=CLASSES, base=backbone, head=head, temperature=1.5), manifest={}, card="")
    return assemble(*packed, "model.tellapart").classifier


@pytest.fixture(scope="module")
def classifier():
    return small_classifier()


@pytest.mark.parametrize("depths", ["last", "all"])
@pytest.mark.parametrize("size", [96, 75])
def test_exact_heat_map__adds_up_to_the_logit_in_float32(depths, size):
    classifier = small_classifier(depths=depths, size=size)
    reader = MapReader(classifier.base, precision="f32")
    square = make_pixels(3, width=size, height=size)
    features, _ = reader.read((square,))
    logits = classifier.head.logits(features[None])[0]
    for target, name in enumerate(CLASSES):
        heat = exact_heat_map(
            *reader.read((square,)), side=len(square), head=classifier.head, target=target, class_name=name
        )
        assert heat.values.shape == (size, size)
        assert (heat.method, heat.target, heat.class_name) == ("exact", target, name)
        assert heat.logit == pytest.approx(logits[target], rel=1e-9)
        assert heat.values.sum(dtype=np.float64) + heat.bias == pytest.approx(heat.logit, rel=1e-3)
        assert heat.evidence.mean(dtype=np.float64) == pytest.approx(heat.logit, rel=1e-3)


def test_exact_heat_map__the_logit_is_that_of_the_graph_itself(classifier):
    square = make_pixels(8, width=96, height=96)
    core = load_openvino().Core()
    model = core.compile_model(core.read_model(classifier.base.graph), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    expected = model(square[None])["logits"][0]
    reader = MapReader(classifier.base, precision="f32")
    for target in range(3):
        heat = exact_heat_map(
            *reader.read((square,)), side=len(square), head=classifier.head, target=target, class_name=""
        )
        assert heat.values.sum(dtype=np.float64) + heat.bias == pytest.approx(expected[target], rel=1e-3)


def test_exact_heat_map__what_is_put_into_a_corner_shows_there(classifier):
    reader = MapReader(classifier.base, precision="f32")
    plain = np.full((96, 96, 3), 128, np.uint8)
    marked = plain.copy()
    marked[:24, 72:] = make_pixels(1, width=24, height=24)
    one, other = (
        exact_heat_map(*reader.read((square,)), side=96, head=classifier.head, target=0, class_name="").values
        for square in (plain, marked)
    )
    change = np.abs(other - one)
    assert change[:40, 56:].sum() > 3 * change[56:, :40].sum()


def changed(classifier, *, kind="GlobalAveragePool", maps="maps_"):
    """The base of a classifier with another pooling, or with its maps under another name."""
    graph = onnx.load_from_string(classifier.base.graph)
    for node in graph.graph.node:
        node.op_type = kind if node.op_type == "GlobalAveragePool" else node.op_type
        for names in (node.input, node.output):
            names[:] = [name.replace("maps_", maps) for name in names]
    return type(classifier.base)(
        name="lite0",
        graph=graph.SerializeToString(),
        preprocess=classifier.base.preprocess,
        widths=classifier.base.widths,
        outputs=classifier.base.outputs,
        entry=classifier.base.entry,
    )


def test_exact_heat_map__is_refused_where_the_features_are_not_the_means_of_the_maps(classifier):
    reader = MapReader(changed(classifier, kind="GlobalMaxPool"), precision="f32")
    square = make_pixels(3, width=96, height=96)
    assert (
        exact_heat_map(*reader.read((square,)), side=len(square), head=classifier.head, target=0, class_name="") is None
    )


def test_map_reader__maps_without_a_name_are_found_by_the_mean_that_is_taken_of_them(classifier):
    square = make_pixels(3, width=96, height=96)
    named, unnamed = (
        exact_heat_map(
            *MapReader(base, precision="f32").read((square,)),
            side=96,
            head=classifier.head,
            target=1,
            class_name="",
        )
        for base in (classifier.base, changed(classifier, maps="hidden_"))
    )
    np.testing.assert_allclose(unnamed.values, named.values, atol=1e-7)


def test_map_reader__a_base_without_maps_is_told(classifier):
    with pytest.raises(KeyError):
        MapReader(changed(classifier, kind="GlobalMaxPool", maps="hidden_"), precision="f32")


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared picture sets are not here")
def test_exact_heat_map__adds_up_on_photographs():
    classifier = small_classifier(size=224)
    reader = MapReader(classifier.base, precision="f32")
    for path in sorted((SHARED / "cats_vs_dogs_small" / "test" / "dogs").iterdir())[:3]:
        seen = reader.read(classifier.base.squares(path.read_bytes()))
        for target in range(3):
            heat = exact_heat_map(*seen, side=224, head=classifier.head, target=target, class_name="")
            assert heat.values.sum(dtype=np.float64) + heat.bias == pytest.approx(heat.logit, rel=1e-3)


def test_exact_heat_map__a_maximum_belongs_to_its_places_and_a_deviation_to_all_by_their_share():
    maps = {
        "a_maximum": np.array([[[1, 3], [3, 0]]], np.float32),
        "a": np.array([[[4, 0], [0, 0]]], np.float32),
        "a_deviation": np.array([[[0, 2], [2, 4]]], np.float32),
    }
    features = np.array([3, 1, np.sqrt(2)], np.float32)

    def evidence(weight):
        head = LinearHead(weight=np.array(weight, np.float32)[:, None], bias=np.zeros(1, np.float32), start=0, stop=3)
        found = exact_heat_map(features, maps, side=2, head=head, target=0, class_name="")
        assert found.values.sum() == pytest.approx(found.logit, rel=1e-6)
        return found.values

    def parts(of_sum):
        return spread_maps(np.array(of_sum), height=2, width=2)  # which smooths a little, and keeps the sum

    np.testing.assert_allclose(evidence([1, 0, 0]), parts([[0, 1.5], [1.5, 0]]), atol=1e-6)
    np.testing.assert_allclose(evidence([0, 1, 0]), parts([[1.0, 0], [0, 0]]), atol=1e-6)
    np.testing.assert_allclose(evidence([0, 0, 1]), parts([[1.0, 0], [0, 1.0]]) * np.sqrt(2) / 2, atol=1e-6)


def test_exact_heat_map__what_is_pooled_of_another_map_has_none():
    maps = {"a_maximum": np.array([[[1, 3], [3, 0]]], np.float32), "a": np.ones((1, 2, 2), np.float32)}
    head = LinearHead(weight=np.ones((2, 1), np.float32), bias=np.zeros(1, np.float32), start=0, stop=2)
    features = np.array([2, 1], np.float32)
    assert exact_heat_map(features, maps, side=2, head=head, target=0, class_name="") is None
