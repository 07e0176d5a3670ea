import json
from dataclasses import replace

import numpy as np
import onnx
import pytest

from tellapart.backbones import export
from tellapart.backbones.engine import Engine
from tellapart.backbones.graph_check import check_graph
from tellapart.backbones.onnx_writer import can_write
from tellapart.bundle.bundle import pack_bundle, read_bundle
from tellapart.bundle.container import write_container
from tellapart.classifier import Classifier
from tellapart.errors import TellapartError
from tellapart.nets import export as nets_export
from tellapart.nets.architectures import NETS, build_net
from tellapart.nets.export import export_backbone, linear_head, module_weights, trunk_features
from tellapart.nets.own_module import net_from_module

torch = pytest.importorskip("torch", reason="needs the extra: pip install 'tellapart[torch]'")


@pytest.fixture(scope="module")
def net():
    """Batch normalisation, dropout, stride and average pooling: a net with every kind of layer there is."""
    return build_net("photo-convnet", size=32, classes=3, dropout=0.5, seed=0)


@pytest.fixture(scope="module")
def backbone(net):
    return export_backbone(net)


def images(count, size):
    return np.random.default_rng(1).integers(0, 256, (count, size, size, 3), np.uint8)


def test_export_backbone__gives_what_torch_gives_for_any_number_of_pictures(net, backbone):
    shown = images(7, 32)
    given = Engine(backbone, pictures=3, precision="f32").run(shown)
    assert np.abs(given - trunk_features(net, shown)).max() < 1e-4
    assert (backbone.width, backbone.depths[-1].name) == (net.head.in_features, "last")


def test_export_backbone__says_nothing_of_where_it_was_made(backbone):
    assert b"location" not in backbone.graph
    assert_bare(onnx.load_from_string(backbone.graph))


def assert_bare(model):
    assert not model.metadata_props
    assert not model.graph.value_info
    assert all(not node.doc_string and not node.metadata_props and not node.name for node in model.graph.node)
    (given,) = model.graph.input
    assert given.name == "images"
    assert [dimension.dim_param or dimension.dim_value for dimension in given.type.tensor_type.shape.dim] == [
        "N", 32, 32, 3
    ]  # fmt: skip
    assert (model.ir_version, model.opset_import[0].version) == (8, 18)


def test_export_backbone__is_the_same_bytes_again(net, backbone):
    assert export_backbone(net).graph == backbone.graph


def test_export_backbone__a_graph_that_answers_otherwise_is_refused(net, monkeypatch):
    other = build_net("photo-convnet", size=32, classes=3, seed=1)
    graph = export_backbone(other).graph
    monkeypatch.setattr(nets_export, "write_graph", lambda _trunk, **_options: graph)
    with pytest.raises(TellapartError, match="other features than torch"):
        export_backbone(net)


class Residual(torch.nn.Module):
    """What no sequence of layers can say."""

    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, planes):
        return planes + self.layer(planes).relu()


def test_export_backbone__a_user_s_own_module_through_torch_s_exporter():
    pytest.importorskip("onnxscript", reason="needs the extra: pip install 'tellapart[torch]'")
    body = torch.nn.Sequential(Residual(), torch.nn.Flatten(), torch.nn.Linear(768, 5))
    net = net_from_module(body, name="mine", size=16)
    assert not can_write(net.trunk)
    backbone = export_backbone(net)
    assert backbone.width == 768
    assert b"location" not in backbone.graph
    assert b"test_backbones_export" not in backbone.graph
    model = onnx.load_from_string(backbone.graph)
    assert {name for node in model.graph.node for name in node.output} >= {"pooled_last"}
    for dimension in model.graph.input[0].type.tensor_type.shape.dim[1:3]:
        dimension.dim_value = 32
    assert_bare(model)


def test_export_graph__the_places_of_a_gather_stand_in_it_as_they_are():
    """As attention biases are looked up; `graph_check` has to see that they are places of the tensor."""
    net = Biased()
    graph = onnx.load_from_string(export.export_graph(net, size=8))
    made = {name for node in graph.graph.node for name in node.output}
    gathers = [node for node in graph.graph.node if node.op_type.startswith("Gather")]
    assert gathers
    assert not made & {node.input[1] for node in gathers}
    check_graph(graph.SerializeToString(), squares={"images": 8}, pictures=1, outputs=["pooled_last"])


class Biased(torch.nn.Module):
    """Adds a bias for each of 120 x 120 pairs of places, of which there are four kinds."""

    def __init__(self):
        super().__init__()
        self.bias = torch.nn.Parameter(torch.arange(8.0).reshape(2, 4))
        self.register_buffer("places", torch.arange(120 * 120).reshape(120, 120) % 4)

    def forward(self, images):
        return images.float().mean((1, 2, 3))[:, None] + self.bias[:, self.places].sum((0, 1))[None]


def test_export_graph__the_writer_and_torch_s_exporter_say_the_same(net, backbone):
    pytest.importorskip("onnxscript", reason="needs the extra: pip install 'tellapart[torch]'")
    exported = replace(backbone, graph=export.export_graph(net.trunk, size=32))
    given, expected = (Engine(one, precision="f32").run(images(4, 32)) for one in (backbone, exported))
    assert np.abs(given - expected).max() < 1e-4


@pytest.mark.parametrize(
    "layer",
    [
        torch.nn.Conv2d(3, 6, (3, 5), stride=2, padding=(1, 2), groups=3, bias=False),
        torch.nn.Conv2d(3, 4, 3, padding="same", dilation=2),
        torch.nn.MaxPool2d(3, stride=2, padding=1),
        torch.nn.Sequential(torch.nn.Identity(), torch.nn.Sequential(torch.nn.BatchNorm2d(3), torch.nn.ReLU())),
    ],
)
def test_write_graph__layers_with_settings(layer):
    body = torch.nn.Sequential(layer, torch.nn.Flatten(), torch.nn.Linear(16, 7, bias=False), torch.nn.Linear(7, 2))
    body[2] = torch.nn.Linear(body[:2](torch.zeros(2, 3, 16, 16)).shape[1], 7, bias=False)
    net = net_from_module(body, name="mine", size=16)
    assert can_write(net.trunk)
    assert export_backbone(net).width == 7


@pytest.mark.parametrize(
    "layer",
    [
        torch.nn.MaxPool2d(2, ceil_mode=True),
        torch.nn.Conv2d(3, 3, 3, padding=1, padding_mode="reflect"),
        torch.nn.AdaptiveAvgPool2d(2),
        torch.nn.GELU(),
        Residual(),
        type("ReLU", (torch.nn.Module,), {})(),
    ],
)
def test_can_write__not_what_it_would_get_wrong(layer):
    assert not can_write(torch.nn.Sequential(layer))


@pytest.mark.parametrize("name", sorted(set(NETS) - {"photo-convnet"}))
def test_export_backbone__every_net(name):
    net = build_net(name, size=64, classes=2, seed=0)
    assert export_backbone(net).width == net.head.in_features


@pytest.mark.parametrize("classes", [1, 3])
def test_linear_head__gives_the_net_s_probabilities(classes):
    net = build_net("mnist-convnet", classes=classes, seed=0)
    shown = images(4, 28)
    with torch.inference_mode():
        logits = net.module().eval()(torch.from_numpy(shown))
        expected = logits.softmax(dim=1) if classes > 1 else torch.cat([1 - logits.sigmoid(), logits.sigmoid()], dim=1)
    given = linear_head(net.head).logits(trunk_features(net, shown))
    assert given.shape == expected.shape
    assert np.allclose(np.exp(given) / np.exp(given).sum(axis=1, keepdims=True), expected, atol=1e-5)


def test_module_weights__can_be_gone_on_from(net):
    from safetensors.torch import load

    other = build_net("photo-convnet", size=32, classes=3, dropout=0.5, seed=1).module()
    other.load_state_dict(load(module_weights(net.module())))
    assert torch.equal(other.get_submodule("head").weight, net.head.weight)


def test_export_backbone__is_served_from_a_model_file(net, backbone, tmp_path):
    head = linear_head(net.head)
    classifier = Classifier(classes=("a", "b", "c"), base=backbone, head=head)
    manifest, members = pack_bundle(classifier, manifest={}, card="card")
    weights = {"weights.safetensors": module_weights(net.module())}
    write_container(tmp_path / "model.tellapart", manifest, members | weights)
    bundle, engine = read_bundle(tmp_path / "model.tellapart")
    shown = images(3, 32)
    expected = head.logits(trunk_features(net, shown))
    assert np.abs(bundle.classifier.head.logits(engine.run(shown)) - expected).max() < 0.1
    assert json.loads((bundle.members["check.json"]).decode())["cards"]
