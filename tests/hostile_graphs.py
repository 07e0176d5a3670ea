"""Small ONNX files that no model file may hold: each would keep an engine busy, fill the memory, or lead elsewhere."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tellapart.bundle.graph import HEAD_BIAS, HEAD_WEIGHT, OUTPUTS, RESIZED


class Maker:
    """A graph being put together: pictures in, the mean of each colour, a head for two classes."""

    def __init__(self):
        self.nodes, self.constants, self.domains, self.functions = [], [], {"": 17}, []
        self.node("Cast", ["images"], [RESIZED], to=TensorProto.FLOAT)
        self.last = RESIZED

    def node(self, kind, inputs, outputs, **attributes):
        self.nodes.append(helper.make_node(kind, inputs, outputs, **attributes))
        self.last = outputs[0]

    def then(self, kind, *more, **attributes):
        """One more operation on what came last."""
        self.node(kind, [self.last, *more], [f"t{len(self.nodes)}"], **attributes)

    def constant(self, values, name=None):
        name = name or f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(values), name))
        return name

    def whole(self, *values):
        return self.constant(np.array(values, np.int64))

    def model(self, *, weight=None):
        self.then("ReduceMean", axes=[1, 2], keepdims=0)
        self.nodes[-1].output[0] = "features"
        weight = np.ones((3, 2), np.float32) if weight is None else weight
        head = [self.constant(weight, HEAD_WEIGHT), self.constant(np.zeros(weight.shape[1], np.float32), HEAD_BIAS)]
        self.node("Gemm", ["features", *head], ["logits"])
        self.node("Softmax", ["logits"], ["probabilities"], axis=1)
        graph = helper.make_graph(
            self.nodes,
            "net",
            [helper.make_tensor_value_info("images", TensorProto.UINT8, ["N", "H", "W", 3])],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in OUTPUTS],
            self.constants,
        )
        opsets = [helper.make_opsetid(domain, version) for domain, version in self.domains.items()]
        return helper.make_model(graph, opset_imports=opsets, functions=self.functions, ir_version=8)

    def bytes(self, **settings):
        return self.model(**settings).SerializeToString()


def sound():
    """The control: nothing is wrong with it."""
    return Maker().bytes()


def _subgraph(maker, kind):
    """A body that counts for ever, or one way of two."""
    values = [helper.make_tensor_value_info(name, TensorProto.BOOL, []) for name in ("i", "more", "go")]
    inner = helper.make_graph([helper.make_node("Identity", ["more"], ["go"])], "inner", values[:2], values[2:])
    flag, count = maker.constant(np.array(True)), maker.constant(np.array(2**62))
    if kind == "If":
        way = helper.make_graph([helper.make_node("Identity", [RESIZED], ["out"])], "way", [], values[2:])
        maker.node("If", [flag], ["t"], then_branch=way, else_branch=way)
    elif kind == "Loop":
        maker.node("Loop", [count, flag], ["t"], body=inner)
    else:
        maker.node("Scan", [RESIZED], ["t"], body=inner, num_scan_inputs=1)


def _function(maker):
    maker.functions.append(
        helper.make_function(
            "own", "Twice", ["x"], ["y"], [helper.make_node("Add", ["x", "x"], ["y"])], [helper.make_opsetid("", 17)]
        )
    )
    maker.domains["own"] = 1
    maker.then("Twice", domain="own")


def _external(maker):
    tensor = onnx.TensorProto(name="far", data_type=TensorProto.FLOAT, dims=[3], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="../../etc/passwd")
    maker.constants.append(tensor)
    maker.then("Add", "far")


def _external_in_an_attribute(maker):
    tensor = onnx.TensorProto(name="far", data_type=TensorProto.FLOAT, dims=[3], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="/dev/zero")
    maker.node("Constant", [], ["far"], value=tensor)
    maker.node("Add", [RESIZED, "far"], ["t"])


def _grown(maker, times):
    """Each of so many additions of a tensor to its own transposed makes it a matrix of its square."""
    maker.then("Reshape", maker.whole(-1, 1))
    row = maker.last
    maker.then("Transpose", perm=[1, 0])
    for _ in range(times):
        maker.node("Add", [maker.last, row], [f"wide{len(maker.nodes)}"])
        row = maker.last
        maker.then("Reshape", maker.whole(-1, 1))


def _chain(maker, count, kind, *inputs, **attributes):
    for _ in range(count):
        maker.then(kind, *inputs, **attributes)


def _convolved(maker, *, channels, kernel=1, count=1, **attributes):
    maker.then("Transpose", perm=[0, 3, 1, 2])
    before = 3
    for _ in range(count):
        zeros = helper.make_tensor(f"z{len(maker.nodes)}", TensorProto.FLOAT, [1], [0.5])
        shape = maker.whole(channels, before, kernel, kernel)
        maker.node("ConstantOfShape", [shape], [f"w{len(maker.nodes)}"], value=zeros)
        weight = maker.last
        source = maker.nodes[-2].output[0]
        maker.node("Conv", [source, weight], [f"v{len(maker.nodes)}"], **attributes)
        before = channels


def _doubled(maker, times):
    for _ in range(times):
        maker.then("Concat", maker.last, axis=0)


def _fixed(maker, *sides):
    """A constant made by the graph itself, which an engine would work out before anything else."""
    maker.node("ConstantOfShape", [maker.whole(*sides)], ["huge"])
    maker.node("ReduceMean", ["huge"], ["small"], keepdims=0)
    maker.node("Add", [RESIZED, "small"], ["t"])


def _many_fixed(maker, count, side):
    for number in range(count):
        maker.node("ConstantOfShape", [maker.whole(side, side)], [f"huge{number}"])
        maker.node("ReduceMean", [f"huge{number}"], [f"small{number}"], keepdims=0)
        maker.node("Add", [RESIZED if number == 0 else f"t{number - 1}", f"small{number}"], [f"t{number}"])


def _resized(maker, *sizes):
    maker.node("Resize", [RESIZED, "", "", maker.whole(*sizes)], ["t"], mode="nearest")


def _scaled(maker, factor):
    maker.node("Resize", [RESIZED, "", maker.constant(np.array([1, factor, factor, 1], np.float32))], ["t"])


def _ranged(maker, stop, step):
    ends = [maker.constant(np.array(value, np.float32)) for value in (0, stop, step)]
    maker.node("Range", ends, ["r"])
    maker.node("ReduceMean", ["r"], ["small"], keepdims=0)
    maker.node("Add", [RESIZED, "small"], ["t"])


def _shape_of_pictures(maker):
    """A shape that what the picture shows decides."""
    maker.then("ReduceMax", keepdims=0)
    maker.then("Cast", to=TensorProto.INT64)
    maker.then("Unsqueeze", maker.whole(0))
    maker.node("Expand", [RESIZED, maker.last], ["t"])


def _cycle(maker):
    maker.node("Add", [RESIZED, "later"], ["t"])
    maker.node("Relu", ["t"], ["later"])


def _pooled(maker, side):
    maker.then("Transpose", perm=[0, 3, 1, 2])
    maker.then("MaxPool", kernel_shape=[side, side], pads=[side // 2] * 4)


def _gathered(maker, kind, places, **attributes):
    """Values from beside a tensor, or from where the picture says."""
    maker.then("Cast", to=TensorProto.FLOAT)
    source = maker.last
    if places is None:
        maker.then("Cast", to=TensorProto.INT64)
        places = maker.last
    else:
        places = maker.constant(np.full(*places, np.int64))
    maker.node(kind, [source, places], ["t"], **attributes)


def _divided(maker, kind, value, by, **attributes):
    values = [maker.constant(np.array([each], np.int64)) for each in (value, by)]
    maker.node(kind, values, ["d"], **attributes)
    maker.node("Cast", ["d"], ["e"], to=TensorProto.FLOAT)
    maker.node("Add", [RESIZED, "e"], ["t"])


def _divided_unseen(maker):
    """By a whole number that is made in a way that is not followed."""
    maker.node("ReduceSum", [maker.constant(np.array([-0.5, -0.5], np.float32))], ["f"], keepdims=1)
    maker.node("Cast", ["f"], ["by"], to=TensorProto.INT64)
    maker.node("Div", [maker.constant(np.array([-(2**63)], np.int64)), "by"], ["d"])
    maker.node("Cast", ["d"], ["e"], to=TensorProto.FLOAT)
    maker.node("Add", [RESIZED, "e"], ["t"])


def _edit(change):
    """A change of the finished model."""

    def build():
        model = Maker().model()
        change(model)
        return model.SerializeToString()

    return build


def _made(change):
    def build():
        maker = Maker()
        change(maker)
        return maker.bytes()

    return build


def _with_weight(value):
    weight = np.ones((3, 2), np.float32)
    weight[1, 1] = value
    return lambda: Maker().bytes(weight=weight)


def _half_nan(maker):
    maker.node("Cast", [maker.constant(np.array([1, np.nan, 2], np.float16))], ["wide"], to=TensorProto.FLOAT)
    maker.node("Add", [RESIZED, "wide"], ["t"])


def _typed_nan(maker):
    maker.constants.append(helper.make_tensor("typed", TensorProto.FLOAT, [3], [1.0, float("nan"), 1.0]))
    maker.node("Add", [RESIZED, "typed"], ["t"])


def _two_graphs(model):
    model.graph.MergeFrom(model.graph)


HOSTILE = {
    "if": _made(lambda maker: _subgraph(maker, "If")),
    "loop": _made(lambda maker: _subgraph(maker, "Loop")),
    "scan": _made(lambda maker: _subgraph(maker, "Scan")),
    "function": _made(_function),
    "another maker's operator": _made(lambda maker: maker.then("FusedConv", domain="com.microsoft")),
    "another maker's operators declared": _edit(lambda model: model.opset_import.add(domain="evil", version=1)),
    "no operators declared": _edit(lambda model: model.ClearField("opset_import")),
    "operators of the future": _edit(lambda model: setattr(model.opset_import[0], "version", 10**6)),
    "operator that nobody has": _made(lambda maker: maker.then("Explode")),
    "random numbers": _made(lambda maker: maker.then("RandomNormalLike")),
    "training": _edit(lambda model: model.training_info.add()),
    "weights elsewhere": _made(_external),
    "weights elsewhere, in an attribute": _made(_external_in_an_attribute),
    "sparse weights": _edit(lambda model: model.graph.sparse_initializer.add()),
    "quantisation notes": _edit(lambda model: model.graph.quantization_annotation.add()),
    "two graphs": lambda: Maker().bytes() + Maker().bytes(),
    "the same twice": _edit(_two_graphs),
    "a tensor before it is made": _made(_cycle),
    "a tensor made twice": _made(lambda maker: maker.node("Relu", [RESIZED], [RESIZED])),
    "an input that is none": _made(lambda maker: maker.node("Relu", ["nothing"], ["t"])),
    "two inputs": _edit(
        lambda model: model.graph.input.add().CopyFrom(helper.make_tensor_value_info("more", TensorProto.UINT8, [1]))
    ),
    "an input of fractions": _edit(
        lambda model: setattr(model.graph.input[0].type.tensor_type, "elem_type", TensorProto.FLOAT)
    ),
    "an output that nothing makes": _edit(lambda model: model.graph.node.pop()),
    "expand to a terabyte": _made(lambda maker: maker.then("Expand", maker.whole(10**6, 1, 8, 8, 3))),
    "expand to the edge": _made(lambda maker: maker.then("Expand", maker.whole(2**62, 1, 8, 8, 3))),
    "tile": _made(lambda maker: maker.then("Tile", maker.whole(10**5, 10, 10, 10))),
    "pad": _made(lambda maker: maker.then("Pad", maker.whole(0, 0, 0, 0, 0, 10**6, 10**6, 0))),
    "resize to": _made(lambda maker: _resized(maker, 1, 10**6, 10**6, 3)),
    "resize by": _made(lambda maker: _scaled(maker, 5000)),
    "resize by what is no number": _made(lambda maker: _scaled(maker, np.nan)),
    "resize by much, often": _made(lambda maker: [_scaled(maker, 60), maker.then("Resize", "", maker.last)]),
    "constant of a terabyte": _made(lambda maker: _fixed(maker, 10**6, 10**6)),
    "constant of four gigabytes": _made(lambda maker: _fixed(maker, 2**15, 2**15)),
    "a thousand constants of 64 MB": _made(lambda maker: _many_fixed(maker, 1000, 4000)),
    "range": _made(lambda maker: _ranged(maker, 1e11, 1)),
    "range without end": _made(lambda maker: _ranged(maker, 1, 0)),
    "range in tiny steps": _made(lambda maker: _ranged(maker, 1, 1e-30)),
    "one-hot": _made(lambda maker: maker.node("OneHot", [RESIZED, maker.whole(10**10), RESIZED], ["t"])),
    "growing by its own transposed": _made(lambda maker: _grown(maker, 4)),
    "doubling": _made(lambda maker: _doubled(maker, 40)),
    "a shape that the picture decides": _made(_shape_of_pictures),
    "convolution of a million channels": _made(lambda maker: _convolved(maker, channels=10**6)),
    "convolutions for hours": _made(lambda maker: _convolved(maker, channels=4000, kernel=1, count=50)),
    "convolution of a huge kernel": _made(lambda maker: _convolved(maker, channels=64, kernel=501, pads=[250] * 4)),
    "convolutions of weights that the file does not hold": _made(
        lambda maker: _convolved(maker, channels=1000, count=2)
    ),
    "rows from beside a tensor": _made(lambda maker: _gathered(maker, "GatherND", ((2, 4), 10**6))),
    "rows from before a tensor": _made(lambda maker: _gathered(maker, "GatherND", ((2, 4), -(10**6)))),
    "rows that the picture decides": _made(lambda maker: _gathered(maker, "GatherND", None)),
    "values from beside a tensor": _made(
        lambda maker: _gathered(maker, "GatherElements", ((1, 8, 8, 3), 10**6), axis=1)
    ),
    "values that the picture decides": _made(lambda maker: _gathered(maker, "GatherElements", None, axis=1)),
    "a padding that cuts all": _made(lambda maker: maker.then("Pad", maker.whole(0, -3000, 0, 0, 0, 5000, 0, 0))),
    "the least number by -1": _made(lambda maker: _divided(maker, "Div", -(2**63), -1)),
    "the rest of a division by 0": _made(lambda maker: _divided(maker, "Mod", 7, 0, fmod=1)),
    "a division by a number that is not followed": _made(_divided_unseen),
    "a sum along an axis that is none": _made(lambda maker: maker.then("CumSum", maker.whole(77))),
    "a thousand doublings": _made(lambda maker: [maker.then("Add", maker.last) for _ in range(1000)]),
    "softmax again and again": _made(lambda maker: _chain(maker, 900, "Softmax", axis=3)),
    "convolution with a huge padding": _made(lambda maker: _convolved(maker, channels=1, pads=[10**6] * 4)),
    "pool of a huge window": _made(lambda maker: _pooled(maker, 3001)),
    "pool of a window beyond reach": _made(lambda maker: _pooled(maker, 2**40)),
    "twenty thousand nodes": _made(lambda maker: _chain(maker, 20_000, "Relu")),
    "a million attributes": _made(lambda maker: maker.then("Transpose", perm=[0, 1, 2, 3] * 250_000)),
    "nan in the head": _with_weight(np.nan),
    "infinity in the head": _with_weight(np.inf),
    "nan in a half": _made(_half_nan),
    "nan in a list of numbers": _made(_typed_nan),
    "no head": _edit(lambda model: [model.graph.initializer.pop() for _ in range(2)]),
    "head with other values than it says": _edit(
        lambda model: setattr(model.graph.initializer[-1], "raw_data", b"\0" * 400)
    ),
    "a constant of a size that overflows": _edit(lambda model: model.graph.initializer[-1].dims.extend([2**33, 2**33])),
    "a constant of less than nothing": _edit(lambda model: model.graph.initializer[-1].dims.__setitem__(0, -2)),
    "a name of a megabyte": _made(lambda maker: maker.node("Relu", [RESIZED], ["n" * 10**6])),
    "deep groups": lambda: b"\x0b" * 100_000,
    "empty": lambda: b"",
    "cut short": lambda: Maker().bytes()[:-7],
}
