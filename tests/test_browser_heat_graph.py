"""The heat map that a graph computes is the one that `explain` computes, for every kind of base that has one."""

import numpy as np
import pytest

from exported import NAMES, small_classifier, write_model
from pictures import make_pixels
from tellapart.backbones.backbone import join_bases
from tellapart.backbones.catalogue import load_backbone
from tellapart.browser.heat_graph import ASKED, HEAT, THE_ANSWER, exact_places, maps_of
from tellapart.browser.page import page_graph
from tellapart.bundle.bundle import read_bundle
from tellapart.bundle.runtimes import onnxruntime_run
from tellapart.classifier import Classifier
from tellapart.explain.exact import MapReader, exact_heat_map
from tellapart.heads.linear import LinearHead

PICTURE = make_pixels(7, width=73, height=58)


def joined_classifier():
    """A head of random numbers on all depths of two bases, each with a square of its own."""
    base = join_bases([load_backbone("lite0", size=64), load_backbone("lite2", size=96)])
    random = np.random.default_rng(2)
    weight = random.normal(0, 0.05, (base.width, len(NAMES))).astype(np.float32)
    bias = random.normal(0, 1, len(NAMES)).astype(np.float32)
    head = LinearHead(weight=weight, bias=bias, start=0, stop=base.width)
    return Classifier(classes=NAMES, base=base, head=head, temperature=1.0)


@pytest.mark.parametrize("kind", ["last depth", "joined"])
def test_add_heat__is_what_explain_computes(tmp_path, kind):
    classifier = joined_classifier() if kind == "joined" else small_classifier(3)
    bundle, _ = read_bundle(write_model(tmp_path / "model.tellapart", classifier), precision="f32")
    graph, has_heat = page_graph(bundle)
    assert has_heat
    base, head = bundle.classifier.base, bundle.classifier.head
    squares = base.squares(PICTURE)
    features, maps = MapReader(base, precision="f32").read(squares)
    for asked in (THE_ANSWER, *range(len(NAMES))):
        found = onnxruntime_run(graph, beside={ASKED: np.array([asked], np.int64)})(PICTURE[np.newaxis])
        target = int(found["label"][0]) if asked == THE_ANSWER else asked
        side = max(map(len, squares))
        expected = exact_heat_map(features, maps, side=side, head=head, target=target, class_name="")
        assert found[HEAT].shape == (1, side, side)
        # Grey levels may be one off by the graph's own resize, and a maximum then be in another place.
        np.testing.assert_allclose(found[HEAT][0], expected.values, atol=0.08 * np.abs(expected.values).max())
        assert found[HEAT].sum() + head.bias[target] == pytest.approx(found["logits"][0, target], abs=1e-4)


def test_exact_places__a_base_without_maps_has_none(tmp_path, monkeypatch):
    def without(self, *_, **__):
        raise KeyError("maps")

    bundle, _ = read_bundle(write_model(tmp_path / "model.tellapart", small_classifier(3)), precision="f32")
    monkeypatch.setattr(MapReader, "__init__", without)
    assert exact_places(bundle, PICTURE) is None
    graph, has_heat = page_graph(bundle)
    assert not has_heat
    assert HEAT not in onnxruntime_run(graph)(PICTURE[np.newaxis])


def test_maps_of__looks_behind_a_mean_and_reshaping():
    from onnx import TensorProto, helper

    nodes = [
        helper.make_node("Relu", ["in"], ["seen"]),
        helper.make_node("GlobalAveragePool", ["seen"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["pooled_a"]),
        helper.make_node("Relu", ["pooled_a"], ["pooled_b"]),
    ]
    value = helper.make_tensor_value_info("in", TensorProto.FLOAT, [1, 2, 3, 3])
    model = helper.make_model(helper.make_graph(nodes, "g", [value], []))
    assert maps_of(model, "a") == "seen"
    with pytest.raises(KeyError, match="a mean"):
        maps_of(model, "b")
