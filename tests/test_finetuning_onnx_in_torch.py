"""The last stages of a base give in torch what the engine gives, and what is trained goes back into the graph."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

torch = pytest.importorskip("torch", reason="needs the extra: pip install 'tellapart[torch]'")

from tellapart.backbones.backbone import Backbone  # noqa: E402
from tellapart.backbones.catalogue import load_backbone  # noqa: E402
from tellapart.backbones.engine import Engine  # noqa: E402
from tellapart.backbones.export import export_graph  # noqa: E402
from tellapart.backbones.timm import build_trunk  # noqa: E402
from tellapart.data.preprocess import Preprocess  # noqa: E402
from tellapart.errors import UsageError  # noqa: E402
from tellapart.finetuning.frozen_part import frozen_bases  # noqa: E402
from tellapart.finetuning.onnx_in_torch import trainable_stages, with_weights  # noqa: E402
from tellapart.finetuning.split_point import cuts, find_cut  # noqa: E402

SIDE = 32


@pytest.fixture(scope="module")
def lite0():
    return load_backbone("lite0", size=SIDE).means_only


@pytest.fixture(scope="module")
def squares():
    return np.random.default_rng(0).integers(0, 256, (3, SIDE, SIDE, 3), np.uint8)


def tensors(values):
    return {name: torch.from_numpy(value) for name, value in values.items()}


def run(stages, maps):
    with torch.inference_mode():
        return [part.numpy() for part in stages.run(maps, tensors(stages.weights | stages.constants))]


def by_both(backbone, cut, squares):
    """The trained depths of squares by the engine, and by torch from what the frozen part gave."""
    (prefix,) = frozen_bases(backbone, cut)
    rows = Engine(prefix, precision="f32").run(squares)
    maps = torch.from_numpy(rows[:, -cut.values :])
    if len(cut.shape) == 3:
        maps = maps.reshape(-1, *cut.shape[1:], cut.shape[0]).permute(0, 3, 1, 2)
    maps = maps.reshape(-1, *cut.shape)
    outputs = [f"pooled_{depth}" for depth in cut.trained]
    by_torch = run(trainable_stages(backbone.graph, entry=cut.tensor, outputs=outputs), maps)
    by_engine = Engine(backbone, precision="f32").run(squares)
    columns = {depth.name: by_engine[:, depth.start : depth.stop] for depth in backbone.depths}
    return by_torch, [columns[depth] for depth in cut.trained]


@pytest.mark.parametrize("tensor", ["block4_add", "block10_add", "block11_project", "head"])
def test_trainable_stages__equal_the_shipped_base(lite0, squares, tensor):
    (cut,) = [cut for cut in cuts(lite0) if cut.tensor == tensor]
    for given, expected in zip(*by_both(lite0, cut, squares), strict=True):
        np.testing.assert_allclose(given, expected, rtol=1e-4, atol=1e-4)


@pytest.fixture(scope="module")
def vit():
    """A transformer of two blocks on four patches and a token for the class, as timm makes one."""
    timm = pytest.importorskip("timm", reason="needs the extra: pip install 'tellapart[torch]'")
    torch.manual_seed(0)
    net = timm.models.vision_transformer.VisionTransformer(
        img_size=SIDE, patch_size=16, embed_dim=16, depth=2, num_heads=2
    ).eval()
    trunk, widths, places = build_trunk(net, mean=(0.5,) * 3, deviation=(0.5,) * 3, size=SIDE)
    outputs = [*(f"pooled_{depth}" for depth in widths), *(f"maps_{depth}" for depth in places)]
    graph = export_graph(trunk, size=SIDE, outputs=tuple(outputs))
    pooled = tuple(outputs[: len(widths)])
    return Backbone(name="vit", graph=graph, preprocess=Preprocess(size=SIDE), widths=widths, outputs=pooled)


def test_trainable_stages__of_a_transformer_from_its_tokens_on(vit, squares):
    cut = find_cut(vit, share=0.6)
    assert cut.shape == (5, 16)
    for given, expected in zip(*by_both(vit, cut, squares), strict=True):
        np.testing.assert_allclose(given, expected, rtol=1e-3, atol=1e-3)


def test_trainable_stages__what_the_frozen_part_reads_too_is_not_trained(vit):
    """An exporter keeps equal constants once: here every bias of 0 and every scale of 1 of both blocks."""
    cut = find_cut(vit, share=0.6)
    stages = trainable_stages(vit.graph, entry=cut.tensor, outputs=["pooled_last"])
    changed = with_weights(vit.graph, {name: value + 1 for name, value in stages.weights.items()})
    images = torch.zeros((1, SIDE, SIDE, 3))
    before, after = (trainable_stages(graph, entry=vit.entry, outputs=[cut.tensor]) for graph in (vit.graph, changed))
    np.testing.assert_array_equal(run(before, images)[0], run(after, images)[0])
    assert stages.weights


def test_trainable_stages__train_everything_but_depthwise_kernels(lite0):
    stages = trainable_stages(lite0.graph, entry="block10_add", outputs=["pooled_last"])
    assert "block11_expand_weight" in stages.weights
    assert "head_bias" in stages.weights
    assert not any("depthwise" in name for name in stages.weights)
    assert all(values.dtype == np.float32 for values in stages.weights.values())


def test_trainable_stages__a_way_round_the_entry_is_refused(lite0):
    with pytest.raises(ValueError, match="is not all that pooled_last depend on"):
        trainable_stages(lite0.graph, entry="block10_depthwise_relu6", outputs=["pooled_last"])


def test_with_weights__unchanged_weights_give_the_same_graph(lite0):
    stages = trainable_stages(lite0.graph, entry="block10_add", outputs=["pooled_last"])
    assert with_weights(lite0.graph, stages.weights) == lite0.graph


def test_with_weights__the_engine_computes_with_the_new_ones(lite0, squares):
    stages = trainable_stages(lite0.graph, entry="block14_add", outputs=["pooled_last"])
    bias = stages.weights["head_bias"]
    changed = Backbone(
        name="changed",
        graph=with_weights(lite0.graph, {"head_bias": np.full_like(bias, 100.0)}),
        preprocess=lite0.preprocess,
        widths={"last": 1280},
        outputs=("pooled_last",),
    )
    assert len(changed.graph) == len(lite0.graph)
    assert (Engine(changed, precision="f32").run(squares) == 6).all()


def test_with_weights__an_unknown_name(lite0):
    with pytest.raises(KeyError):
        with_weights(lite0.graph, {"nothing": np.zeros(1, np.float32)})


def small_net(*nodes, weights):
    """A base of one depth: the nodes make `maps` of `planes` [N, 3, S, S]."""
    start = [
        helper.make_node("Cast", ["images"], ["levels"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["levels"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["planes", "first"], ["cut"]),
    ]
    end = [
        helper.make_node("GlobalAveragePool", ["maps"], ["pooled_planes"]),
        helper.make_node("Flatten", ["pooled_planes"], ["pooled_last"]),
    ]
    weights = {"first": np.full((4, 3, 1, 1), 0.01, np.float32), **weights}
    graph = helper.make_graph(
        [*start, *nodes, *end],
        "small",
        [helper.make_tensor_value_info("images", TensorProto.UINT8, ["N", "H", "W", 3])],
        [helper.make_tensor_value_info("pooled_last", TensorProto.FLOAT, ["N", 4])],
        [numpy_helper.from_array(values, name) for name, values in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    model.ir_version = 8
    onnx.checker.check_model(model, full_check=True)
    return Backbone(
        name="small",
        graph=model.SerializeToString(),
        preprocess=Preprocess(size=SIDE),
        widths={"last": 4},
        outputs=("pooled_last",),
    )


RANDOM = np.random.default_rng(1)
SQUARE = RANDOM.normal(size=(4, 4, 3, 3)).astype(np.float32)
FOUR = RANDOM.uniform(0.5, 1.5, 4).astype(np.float32)
NETS = {
    "padded": ([helper.make_node("Conv", ["cut", "w"], ["maps"], pads=[0, 1, 1, 0], strides=[2, 2])], {"w": SQUARE}),
    "lower": ([helper.make_node("Conv", ["cut", "w"], ["maps"], auto_pad="SAME_LOWER", strides=[2, 2])], {"w": SQUARE}),
    "depthwise": (
        [helper.make_node("Conv", ["cut", "w"], ["maps"], group=4, strides=[2, 2], pads=[1, 1, 1, 1])],
        {"w": SQUARE[:, :1]},
    ),
    "normalised": (
        [helper.make_node("BatchNormalization", ["cut", "s", "b", "m", "v"], ["maps"], epsilon=1e-3)],
        {"s": FOUR, "b": FOUR, "m": FOUR, "v": FOUR},
    ),
    "largest": ([helper.make_node("MaxPool", ["cut"], ["maps"], kernel_shape=[3, 3], strides=[2, 2])], {}),
    "average": (
        [helper.make_node("AveragePool", ["cut"], ["maps"], kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])],
        {},
    ),
    "squeezed": (
        [
            helper.make_node("ReduceMean", ["cut", "axes"], ["mean"], keepdims=1),
            helper.make_node("HardSigmoid", ["mean"], ["gate"], alpha=0.1, beta=0.4),
            helper.make_node("Mul", ["cut", "gate"], ["gated"]),
            helper.make_node("HardSwish", ["gated"], ["maps"]),
        ],
        {"axes": np.array([2, 3])},
    ),
    "product": (
        [
            helper.make_node("Reshape", ["cut", "flat"], ["rows"]),
            helper.make_node("Gemm", ["rows", "g", "s"], ["mixed"], alpha=0.5, beta=2.0, transB=1),
            helper.make_node("Reshape", ["mixed", "planes_again"], ["maps"]),
        ],
        {
            "flat": np.array([-1, 4]),
            "planes_again": np.array([-1, 4, SIDE, SIDE]),
            "g": SQUARE[:, :, 0, 0],
            "s": FOUR,
        },
    ),
}


@pytest.mark.parametrize("name", NETS)
def test_operators__equal_the_engine(name, squares):
    nodes, weights = NETS[name]
    backbone = small_net(*nodes, weights=weights)
    (cut,) = [cut for cut in cuts(backbone) if cut.tensor == "cut"]
    for given, expected in zip(*by_both(backbone, cut, squares), strict=True):
        np.testing.assert_allclose(given, expected, rtol=1e-4, atol=1e-4)


def test_trainable_stages__running_statistics_stay(squares):
    nodes, weights = NETS["normalised"]
    stages = trainable_stages(small_net(*nodes, weights=weights).graph, entry="cut", outputs=["pooled_last"])
    assert sorted(stages.weights) == ["b", "s"]
    assert sorted(stages.constants) == ["m", "v"]


def test_trainable_stages__an_unknown_operator_is_named(squares):
    backbone = small_net(helper.make_node("Elu", ["cut"], ["maps"]), weights={})
    with pytest.raises(UsageError, match="operator Elu"):
        trainable_stages(backbone.graph, entry="cut", outputs=["pooled_last"])


def test_find_cut__the_largest_part_within_the_share(lite0):
    cut = find_cut(lite0, share=0.37)
    assert cut.share <= 0.37
    assert cut.frozen == ("stage3", "stage4", "stage5")
    assert cut.trained == ("stage7", "last")
    assert find_cut(lite0, share=0.6).share > cut.share


def test_trainable_stages__maxima_and_deviations_of_trained_depths(squares):
    wide = load_backbone("lite0", size=SIDE)
    (cut,) = [cut for cut in cuts(wide) if cut.tensor == "block4_add"]
    assert cut.trained[:2] == ("stage4_maximum", "stage5_maximum")
    assert cut.trained[-2:] == ("stage4_deviation", "stage5_deviation")
    for given, expected in zip(*by_both(wide, cut, squares), strict=True):
        np.testing.assert_allclose(given, expected, rtol=1e-3, atol=2e-3)


def test_trainable_stages__a_map_of_one_place_has_a_slope_that_is_a_number(squares):
    wide = load_backbone("lite0", size=SIDE)
    stages = trainable_stages(wide.graph, entry="block4_add", outputs=["pooled_stage5_deviation"])
    weights = {name: torch.from_numpy(value).requires_grad_() for name, value in stages.weights.items()}
    (deviations,) = stages.run(torch.ones(1, 40, 2, 2), weights | tensors(stages.constants))
    deviations.sum().backward()
    assert all(weight.grad is None or weight.grad.isfinite().all() for weight in weights.values())


def test_find_cut__is_the_same_whatever_earlier_depths_are_pooled_by(lite0):
    cut, wide = find_cut(lite0, share=0.37), find_cut(load_backbone("lite0", size=SIDE), share=0.37)
    assert (wide.tensor, wide.share) == (cut.tensor, cut.share)


def test_find_cut__nothing_fits(lite0):
    with pytest.raises(UsageError, match="cannot be cut in two"):
        find_cut(lite0, share=0.0)


def test_cuts__every_one_splits_the_depths_and_none_lets_a_picture_past(lite0):
    found = cuts(lite0)
    assert len(found) > 20
    assert [cut.share for cut in found] == sorted((cut.share for cut in found), reverse=True)
    for cut in found:
        assert (*cut.frozen, *cut.trained) == tuple(lite0.widths)
        trainable_stages(lite0.graph, entry=cut.tensor, outputs=[f"pooled_{depth}" for depth in cut.trained])
