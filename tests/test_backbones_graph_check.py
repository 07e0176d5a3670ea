"""A graph from elsewhere is looked at before any engine is: what could keep it busy or fill the memory is refused."""

import time
import tracemalloc

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from hostile_graphs import HOSTILE, Maker, sound
from tellapart.backbones.catalogue import load_backbone
from tellapart.backbones.engine import Engine, pictures_per_request
from tellapart.backbones.graph_check import check_graph
from tellapart.backbones.graph_file import read_graph_file
from tellapart.backbones.graph_shapes import Operation, TensorInfo
from tellapart.backbones.graph_values import outcome
from tellapart.bundle.graph import OUTPUTS, RESIZED

# While every allocation is traced, which makes it four times as slow, on a machine that may be busy.
SECONDS, BYTES = 12.0, 200_000_000


def check(content, *, side=64):
    return check_graph(content, squares={RESIZED: side}, pictures=pictures_per_request(side), outputs=OUTPUTS)


def test_check_graph__a_sound_one_is_taken():
    graph = check(sound())
    assert set(graph.outputs) == set(OUTPUTS)
    assert [node.kind for node in graph.nodes] == ["Cast", "ReduceMean", "Gemm", "Softmax"]


@pytest.mark.parametrize("side", [64, 224, 2048])
@pytest.mark.parametrize("name", HOSTILE)
def test_check_graph__refuses(name, side):
    content = HOSTILE[name]()
    tracemalloc.start()
    started = time.process_time()
    with pytest.raises(ValueError, match=r"^[a-zA-Z]"):
        check(content, side=side)
    assert time.process_time() - started < SECONDS
    assert tracemalloc.get_traced_memory()[1] < BYTES
    tracemalloc.stop()


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_check_graph__any_flipped_bytes_are_refused_or_harmless(data):
    content = bytearray(sound())
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=4)):
        content[place] = data.draw(st.integers(0, 255))
    try:
        check(bytes(content))
    except ValueError as error:
        assert str(error)  # noqa: PT017  either outcome is right


def test_check_graph__counts_what_the_engine_would_be_fed():
    """The squares of the stated size, whatever the graph's own resize would have made."""
    maker = Maker()
    maker.then("Reshape", maker.whole(0, 64, 64, 3))
    content = maker.bytes()
    check(content, side=64)
    with pytest.raises(ValueError, match="do not fill"):
        check(content, side=65)


def as_one(graph):
    """The graph of a base as one message; the poolings stand behind that of the base that ships as a second."""
    return onnx.load_from_string(graph).SerializeToString()


@pytest.mark.parametrize("side", [8, 64, 224, 288, 512, 2048])
def test_check_graph__the_base_that_ships_is_taken_at_every_size(side):
    base = load_backbone("lite0", size=side)
    check_graph(
        as_one(base.graph), squares={base.entry: side}, pictures=pictures_per_request(side), outputs=base.outputs
    )


def test_check_graph__shapes_are_those_of_onnx():
    """Every tensor of the base that ships has the shape that onnx infers."""
    base = load_backbone("lite0")
    model = onnx.load_from_string(base.graph)
    for dimension, value in zip(model.graph.input[0].type.tensor_type.shape.dim, (4, 224, 224, 3), strict=True):
        dimension.dim_value = value
    inferred = onnx.shape_inference.infer_shapes(model).graph
    expected = {
        value.name: tuple(side.dim_value for side in value.type.tensor_type.shape.dim) for value in inferred.value_info
    }
    graph = read_graph_file(as_one(base.graph))
    known = {name: TensorInfo(tensor.values.shape, tensor.values) for name, tensor in graph.tensors.items()}
    known["images"] = TensorInfo((4, 224, 224, 3))
    for node in graph.nodes:
        found, _ = outcome(Operation(node=node, inputs=[known[name] for name in node.inputs], opset=graph.opset))
        known |= dict(zip(node.outputs, found, strict=True))
    assert len(expected) > 100
    assert {name: known[name].shape for name in expected} == expected


CASES = {
    "slice": ("Slice", [(4, 6, 5), [1, -1], [2**63 - 1, -(2**63)], [0, 1], [1, -1]], {}),
    "slice to the middle": ("Slice", [(4, 6, 5), [0], [-2], [2]], {}),
    "reshape": ("Reshape", [(4, 6, 5), [0, -1, 2, 5]], {}),
    "flatten": ("Flatten", [(4, 6, 5)], {"axis": 2}),
    "split": ("Split", [(4, 6, 5), [2, 4]], {"axis": 1}),
    "tile": ("Tile", [(4, 6), [2, 3]], {}),
    "expand": ("Expand", [(4, 1), [3, 1, 7]], {}),
    "pad": ("Pad", [(4, 6), [1, 0, 2, 3]], {}),
    "gather": ("Gather", [(4, 6, 5), [[0, 1], [2, 3]]], {"axis": 1}),
    "unsqueeze": ("Unsqueeze", [(4, 6), [0, -1]], {}),
    "squeeze": ("Squeeze", [(1, 6, 1), [0]], {}),
    "space": ("SpaceToDepth", [(1, 3, 4, 6)], {"blocksize": 2}),
    "depth": ("DepthToSpace", [(1, 8, 4, 6)], {"blocksize": 2}),
    "matmul": ("MatMul", [(7, 1, 4, 6), (3, 6, 2)], {}),
    "vector": ("MatMul", [(6,), (3, 6, 2)], {}),
    "einsum": ("Einsum", [(2, 3, 4), (2, 4, 5)], {"equation": "bij,bjk->bik"}),
    "convolution": (
        "Conv",
        [(2, 4, 9, 11), (6, 2, 3, 3)],
        {"group": 2, "strides": [2, 2], "pads": [1, 1, 1, 1], "dilations": [1, 2]},
    ),
    "same": ("Conv", [(2, 4, 9, 11), (6, 4, 3, 3)], {"auto_pad": "SAME_UPPER", "strides": [2, 2]}),
    "pool": ("MaxPool", [(2, 4, 9, 11)], {"kernel_shape": [2, 3], "strides": [2, 2], "ceil_mode": 1}),
    "mean": ("ReduceMean", [(2, 4, 9)], {"axes": [-1], "keepdims": 0}),
    "sum": ("ReduceSum", [(2, 4, 9), [1]], {"keepdims": 1}),
    "arg": ("ArgMax", [(2, 4, 9)], {"axis": -1, "keepdims": 0}),
    "stretched": ("Where", [(2, 1, 9), (4, 1), (1,)], {}),
    "transpose": ("Transpose", [(2, 4, 9)], {"perm": [2, 0, 1]}),
    "concat": ("Concat", [(2, 4), (2, 5)], {"axis": -1}),
}


@pytest.mark.parametrize("name", CASES)
def test_outcome__shapes_are_those_of_onnx(name):
    kind, inputs, attributes = CASES[name]
    outputs = ["o0", "o1"] if kind == "Split" else ["o0"]
    values, constants = [], []
    for place, given_ in enumerate(inputs):
        if isinstance(given_, tuple):
            element = TensorProto.BOOL if kind == "Where" and place == 0 else TensorProto.FLOAT
            values.append(helper.make_tensor_value_info(f"i{place}", element, given_))
        else:
            constants.append(numpy_helper.from_array(np.array(given_, np.int64), f"i{place}"))
    node = helper.make_node(kind, [f"i{place}" for place in range(len(inputs))], outputs, **attributes)
    made = TensorProto.INT64 if kind == "ArgMax" else TensorProto.FLOAT
    infos = [helper.make_tensor_value_info(output, made, None) for output in outputs]
    model = helper.make_model(
        helper.make_graph([node], "one", values, infos, constants), opset_imports=[helper.make_opsetid("", 17)]
    )
    inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True).graph.output
    expected = [tuple(side.dim_value for side in value.type.tensor_type.shape.dim) for value in inferred]
    graph = read_graph_file(model.SerializeToString())
    known = {
        value.name: TensorInfo(tuple(side.dim_value for side in value.type.tensor_type.shape.dim)) for value in values
    }
    known |= {each.name: TensorInfo(each.values.shape, each.values) for each in graph.tensors.values()}
    (parsed,) = graph.nodes
    found, _ = outcome(Operation(node=parsed, inputs=[known[each] for each in parsed.inputs], opset=17))
    assert [each.shape for each in found] == expected


def test_engine__large_squares_go_one_at_a_time():
    assert [pictures_per_request(side) for side in (64, 65, 288, 289, 2048)] == [64, 4, 4, 1, 1]
    assert [pictures_per_request(side, precision="f32") for side in (64, 65, 288, 289)] == [64, 1, 1, 1]
    assert Engine(load_backbone("lite0", size=320), precision="f32").pictures == 1
