"""A small model file to be exported, and ways to break what was exported of it."""

import json

import numpy as np
import onnx
from onnx import helper, numpy_helper

from tellapart.backbones.catalogue import load_backbone
from tellapart.bundle.bundle import pack_bundle
from tellapart.bundle.container import write_container
from tellapart.bundle.graph import HEAD_WEIGHT, RESIZED
from tellapart.classifier import Classifier
from tellapart.heads.abstention import Abstention, ClassPromise
from tellapart.heads.linear import LinearHead
from tellapart.heads.operating_point import OperatingPoint
from tellapart.heads.out_of_distribution import ClassLikeness, OutOfDistribution, directions
from tellapart.heads.relative_distance import RelativeDistance

NAMES = ("cat", "dog", "雪豹")
LEAST = (0.5, 0.6, 0.7)


def small_classifier(seed=0, *, size=64, marks=True, costs=None, unlike=0.3):
    """A head of random numbers on lite0, with marks that some pictures have and others do not."""
    base, random = load_backbone("lite0", size=size), np.random.default_rng(seed)
    last = base.last
    width = last.stop - last.start
    weight = random.normal(0, 0.05, (width, len(NAMES))).astype(np.float32)
    head = LinearHead(weight=weight, bias=np.zeros(len(NAMES), np.float32), start=last.start, stop=last.stop)
    relative = RelativeDistance(
        matrix=random.normal(0, 1, (width, 2)).astype(np.float32),
        middle=random.normal(0, 1, 2).astype(np.float32),
        means=random.normal(0, 1, (len(NAMES), 2)).astype(np.float32),
        within=np.array([0.5, 0.4], np.float32),
    )
    known = OutOfDistribution(
        types=directions(np.abs(random.normal(0, 1, (5, width))).astype(np.float32)).astype("<f2"),
        threshold=unlike,
        classes=ClassLikeness(relative=relative, shift=0.5, scale=0.05),
    )
    promises = tuple(
        ClassPromise(threshold=least, error=None, answered=9, missed=0.1, shown=9, learned=9) for least in LEAST
    )
    marked = Abstention(unsure=0.5, by_class=LEAST, promises=promises, out_of_distribution=known)
    abstention = marked if marks else Abstention()
    operating = None if costs is None else OperatingPoint(costs=np.array(costs, np.float64))
    return Classifier(classes=NAMES, base=base, head=head, temperature=1.5, operating=operating, abstention=abstention)


def write_model(path, classifier):
    write_container(path, *pack_bundle(classifier, manifest={"recipe": "features"}, card="# a card"))
    return path


def tensor_of(model, name):
    (tensor,) = (tensor for tensor in model.graph.initializer if tensor.name == name)
    return tensor


def change_tensor(model, name, change):
    tensor = tensor_of(model, name)
    tensor.CopyFrom(numpy_helper.from_array(np.asarray(change(numpy_helper.to_array(tensor))), name))


def between(model, name, kind, *inputs, **attributes):
    """Another operation between a tensor and all that read it."""
    for node in model.graph.node:
        node.input[:] = [f"{name}_changed" if each == name else each for each in node.input]
    place = next((at for at, node in enumerate(model.graph.node) if name in node.output), -1) + 1
    model.graph.node.insert(place, helper.make_node(kind, [name, *inputs], [f"{name}_changed"], **attributes))


def constant(model, name, values):
    model.graph.initializer.append(numpy_helper.from_array(np.asarray(values), name))
    return name


def swapped_channels(model):
    between(model, "images", "Gather", constant(model, "order", np.array([2, 1, 0])), axis=3)


def first_floats(model):
    """What the base makes of whole grey levels before it normalises them."""
    (node,) = (node for node in model.graph.node if RESIZED in node.input)
    assert node.op_type == "Cast"
    return node.output[0]


def doubled_normalisation(model):
    between(model, first_floats(model), "Mul", constant(model, "scale", np.float32(1 / 64)))


def missing_normalisation(model):
    between(model, first_floats(model), "Add", constant(model, "mean", np.float32(127)))


def another_resize(model):
    for node in model.graph.node:
        if node.name.endswith("_reach"):
            node.op_type = "Min"


def changed_weights(model):
    largest = max(model.graph.initializer, key=lambda tensor: len(tensor.raw_data))
    change_tensor(model, largest.name, lambda values: values[::-1].copy())


def head_of_another_run(model):
    change_tensor(model, HEAD_WEIGHT, lambda values: small_classifier(9).head.weight)


def edit_said(model, name, change):
    (entry,) = (each for each in model.metadata_props if each.key == name)
    entry.value = json.dumps(change(json.loads(entry.value)))


def classes_in_another_order(model):
    edit_said(model, "classes", lambda names: names[::-1])
    edit_said(model, "model.json", lambda document: document | {"classes": document["classes"][::-1]})


def other_names_for_readers(model):
    edit_said(model, "classes", lambda names: names[::-1])


def thresholds_of_another_file(model):
    def change(document):
        return document | {"thresholds": document["thresholds"] | {"unsure_by_class": [0.1, 0.1, 0.1]}}

    edit_said(model, "model.json", change)
    edit_said(model, "thresholds", lambda thresholds: thresholds | {"unsure_by_class": [0.1, 0.1, 0.1]})
    change_tensor(model, "marks_least", lambda _: np.full(3, 1e5, np.float32))


def other_thresholds_in_the_graph(model):
    change_tensor(model, "marks_least", lambda least: least * 0)


def other_directions(model):
    change_tensor(model, "marks_familiar", lambda values: values[:, ::-1].copy())


def inverted_mark(model):
    """Unlike where it should not be, and the other way round."""
    (node,) = (node for node in model.graph.node if "unlike" in node.output)
    node.op_type = "Greater"


def inverted_label(model):
    (node,) = (node for node in model.graph.node if "label" in node.output)
    node.op_type = "ArgMin"


BREAKS = (
    *(swapped_channels, doubled_normalisation, missing_normalisation, another_resize, changed_weights),
    *(head_of_another_run, classes_in_another_order, other_names_for_readers, thresholds_of_another_file),
    *(other_thresholds_in_the_graph, other_directions, inverted_mark, inverted_label),
)


def broken(content, change):
    model = onnx.load_from_string(content)
    change(model)
    return model.SerializeToString(deterministic=True)
