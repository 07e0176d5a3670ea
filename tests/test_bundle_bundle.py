"""A model file proves itself: a change in it that changes answers is refused, and so is what makes no sense."""

import base64
import json
import math

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import numpy_helper

from hostile_graphs import HOSTILE, Maker
from pictures import make_pixels
from tellapart import load
from tellapart.backbones.catalogue import load_backbone
from tellapart.backbones.engine import Engine
from tellapart.bundle import bundle as bundle_module
from tellapart.bundle.bundle import assemble, pack_bundle, read_bundle
from tellapart.bundle.container import write_container
from tellapart.bundle.graph import HEAD_WEIGHT
from tellapart.classifier import Classifier
from tellapart.errors import ModelFileError
from tellapart.heads.linear import LinearHead

PROMISE = {"asked": 0.01, "error": 0.02, "pictures": 300, "needed": 299}
# Nobody else may be harmed by these: the run's name, what was selected and the counts are told, not used.
TOLD = ("recipe", "seed", "data", "counts", "selected", "tellapart")


def from_before(members):
    """The members of a file made before check.json said what thresholds it was made with."""
    check = json.loads(members["check.json"])
    del check["stated"]
    return members | {"check.json": json.dumps(check).encode()}


def refuse(path):
    with pytest.raises(ModelFileError) as refused:
        read_bundle(path)
    line = str(refused.value)
    assert str(path) in line
    assert "\n" not in line
    return line


def with_head(graph, change):
    """The graph with a changed weight matrix of the head."""
    model = onnx.load_from_string(graph)
    (tensor,) = (tensor for tensor in model.graph.initializer if tensor.name == HEAD_WEIGHT)
    tensor.CopyFrom(numpy_helper.from_array(change(numpy_helper.to_array(tensor)), HEAD_WEIGHT))
    return model.SerializeToString(deterministic=True)


def test_read_bundle__holds_what_was_trained(trained):
    bundle, engine = read_bundle(trained.model)
    metrics = trained.metrics
    assert bundle.classifier.classes == tuple(metrics["classes"])
    assert bundle.classifier.temperature == metrics["temperature"]
    assert bundle.classifier.base.preprocess.size == metrics["backbone"]["size"]
    assert bundle.classifier.head.weight.shape == (bundle.classifier.base.width, 3)
    assert engine.width == bundle.classifier.base.width
    assert {"schema", "classes", "preprocess", "thresholds", "temperature", "recipe", "sha256"} <= set(bundle.manifest)


def test_read_bundle__as_it_was_written_it_can_be_written_again(trained, tmp_path, parts):
    write_container(tmp_path / "again.tellapart", *parts)
    assert (tmp_path / "again.tellapart").read_bytes() == trained.model.read_bytes()


def test_read_bundle__fires_when_the_size_was_changed(parts, rewritten):
    manifest, members = parts
    changed = manifest | {"preprocess": manifest["preprocess"] | {"size": 160}}
    assert "gives other answers" in refuse(rewritten(changed, members))


def test_read_bundle__unchanged_parts_are_read(parts, rewritten):
    """The control of the tests around it: what they write is refused for its change alone."""
    read_bundle(rewritten(*parts))


@pytest.mark.parametrize("columns", ["last", "means", "with maxima", "with deviations", "everything"])
def test_pack_bundle__any_head_comes_back_and_is_the_same_bytes_each_time(tmp_path, columns):
    backbone = load_backbone("lite0", size=64)
    means, last = backbone.means, backbone.last
    start, stop = {
        "last": (last.start, last.stop),
        "means": (means.start, means.stop),
        "with maxima": (0, means.stop),
        "with deviations": (means.start, backbone.width),
        "everything": (0, backbone.width),
    }[columns]
    weight = np.random.default_rng(1).normal(0, 0.02, (stop - start, 4)).astype(np.float32)
    head = LinearHead(weight=weight, bias=np.arange(4, dtype=np.float32), start=start, stop=stop)
    packed = [
        pack_bundle(
            Classifier(classes=tuple("abcd"), base=backbone, head=head, temperature=1.5), manifest={}, card="# card"
        )
        for _ in range(2)
    ]
    assert packed[0] == packed[1]
    write_container(tmp_path / "model.tellapart", *packed[0])
    bundle, engine = read_bundle(tmp_path / "model.tellapart", precision="f32")
    square = make_pixels(5, width=64, height=64)
    whole = Engine(backbone, precision="f32").run(square[np.newaxis])
    np.testing.assert_allclose(engine.look([(square,)]), whole[:, start:stop], atol=2e-3)
    assert bundle.classifier.base.last.stop - bundle.classifier.base.last.start == 1280
    np.testing.assert_array_equal(bundle.classifier.head.weight, weight)
    np.testing.assert_array_equal(bundle.classifier.head.bias, head.bias)
    assert (bundle.classifier.classes, bundle.classifier.temperature, bundle.classifier.head.start) == (
        ("a", "b", "c", "d"),
        1.5,
        0,
    )


@pytest.mark.parametrize("name", ["model.onnx", "check.json"])
def test_read_bundle__a_member_that_the_manifest_does_not_miss_either(parts, rewritten, name):
    manifest, members = parts
    del members[name]
    assert "missing" in refuse(rewritten(manifest, members))


@pytest.mark.parametrize(
    "temperature",
    [0, -1.0, 1e-9, 1e-300, 1e9, math.nan, math.inf, "1", True, None, [1.0], {}, 10**400],
    ids=lambda value: str(value)[:9],
)
def test_read_bundle__a_temperature_that_is_none(parts, refused, temperature):
    manifest, members = parts
    refused(manifest | {"temperature": temperature}, members)


@pytest.mark.parametrize(
    "classes", [None, [], ["cat"], ["cat", "dog"], ["cat", "cat", "dog"], ["cat", "dog", 3], "cdo", {"cat": 1}]
)
def test_read_bundle__classes_that_do_not_fit_the_head(parts, refused, classes):
    manifest, members = parts
    refused(manifest | {"classes": classes}, members)


@pytest.mark.parametrize(
    "depths",
    [None, [], {}, {"last": 1}, {"last": -5}, {"last": "1280"}, {"last": 1280.0}, {"last": 10**30}, {"a": True}],
)
def test_read_bundle__depths_that_do_not_fit_the_graph(parts, refused, depths):
    manifest, members = parts
    refused(manifest | {"backbone": manifest["backbone"] | {"depths": depths}}, members)


@pytest.mark.parametrize("preprocess", [None, [], {}, {"size": 224}, "RGB"])
def test_read_bundle__a_preprocess_that_is_none(parts, refused, preprocess):
    manifest, members = parts
    refused(manifest | {"preprocess": preprocess}, members)


@pytest.mark.parametrize(
    "changes",
    [{"size": "224"}, {"size": 10**9}, {"colour": "BGR"}, {"fit": "crop"}, {"resample": "nearest"}, {"mean": 0}],
    ids=str,
)
def test_read_bundle__a_preprocess_that_this_program_does_not_know(parts, refused, changes):
    manifest, members = parts
    refused(manifest | {"preprocess": manifest["preprocess"] | changes}, members)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_assemble__any_value_anywhere_in_the_manifest_is_refused_or_harmless(trained, parts, data):
    manifest, members = json.loads(json.dumps(parts[0])), parts[1]
    level = manifest
    name = data.draw(st.sampled_from(sorted(set(level) - {"sha256", "schema"})))
    while isinstance(level[name], dict) and level[name] and data.draw(st.booleans()):
        level = level[name]
        name = data.draw(st.sampled_from(sorted(level)))
    level[name] = data.draw(JSON)
    try:
        bundle = assemble(manifest, members, trained.model)
    except ModelFileError as error:
        assert str(trained.model) in str(error)  # noqa: PT017  either outcome is right
    else:
        assert len(bundle.classifier.classes) == 3
        assert all(isinstance(each, str) for each in bundle.classifier.classes)
        assert bundle.classifier.base.width == bundle.classifier.head.weight.shape[0]
        assert 0 < bundle.classifier.temperature < math.inf


def test_read_bundle__doubts_as_it_was_trained_to(trained, parts):
    bundle, _ = read_bundle(trained.model)
    assert bundle.classifier.abstention.unsure == trained.metrics["thresholds"]["unsure"]
    assert bundle.classifier.abstention.to_json() == trained.metrics["thresholds"]
    assert bundle.classifier.abstention.out_of_distribution.threshold == trained.metrics["thresholds"]["unlike"]
    assert parts[0]["thresholds"] == trained.metrics["thresholds"]
    assert bundle.classifier.abstention.out_of_distribution.types.shape[1] == 1280
    assert len(parts[1]["familiar.f16"]) == bundle.classifier.abstention.out_of_distribution.types.nbytes


def test_read_bundle__a_model_file_from_before_there_were_doubts(parts, rewritten):
    manifest, members = parts
    del manifest["familiar"], members["familiar.f16"]
    bundle, _ = read_bundle(rewritten(manifest | {"thresholds": {"unsure": None}}, from_before(members)))
    flags = bundle.classifier.flags(
        np.array([[0.4, 0.3, 0.3]]), np.zeros((1, bundle.classifier.base.width), np.float32)
    )
    assert flags.words(0) == ("", "")


@pytest.mark.parametrize(
    "thresholds",
    [
        *(5, None, [], {"unsure": "high"}, {"unsure": 2}, {"unsure": math.nan}, {"unlike": True}, {"unlike": {}}),
        *(
            {"promise": 5},
            {"promise": {}},
            {"promise": {**PROMISE, "asked": 7}},
            {"promise": {**PROMISE, "error": "1"}},
        ),
        {"unknown_kinds": {"marked": 5}},
        *({"promise": {**PROMISE, "pictures": 1.5}}, {"promise": {**PROMISE, "needed": -1}}),
    ],
)
def test_assemble__thresholds_that_are_none(parts, refused, thresholds):
    manifest, members = parts
    assert "thresholds" in refused(manifest | {"thresholds": thresholds}, members)


@pytest.mark.parametrize(
    ("stated", "content"),
    [
        (None, None),
        (None, b""),
        (None, b"\0" * 100),
        (None, np.full((12, 1280), np.nan, "<f2").tobytes()),
        ({"rows": 10**12, "width": 1280}, None),
        ({"rows": 2, "width": "1280"}, None),
        ([], None),
    ],
)
def test_assemble__directions_that_are_none(parts, refused, stated, content):
    manifest, members = parts
    if stated is not None:
        manifest["familiar"] = stated
    elif content is None:
        del members["familiar.f16"]
    if content is not None:
        members["familiar.f16"] = content
    assert "thresholds" in refused(manifest, members)


def test_read_bundle__a_model_file_from_before_classes_told_what_is_unlike(parts, rewritten):
    manifest, members = parts
    assert manifest["familiar"].pop("classes")["means"] == len(manifest["classes"])
    assert manifest["thresholds"].pop("unknown_kinds")["reason"] == ""
    del members["classes.f32"]
    abstention = read_bundle(rewritten(manifest, from_before(members)))[0].classifier.abstention
    assert abstention.out_of_distribution.classes is None
    assert abstention.to_json() == manifest["thresholds"]


@pytest.mark.parametrize(
    ("stated", "content"),
    [
        ({"directions": 10**12}, None),
        ({"means": -1}, None),
        ({"scale": 0}, None),
        ({"shift": math.nan}, None),
        ({}, b"\0" * 5),
        ({}, b"\0" * 400),
        (None, None),
    ],
)
def test_assemble__places_of_classes_that_are_none(parts, refused, stated, content):
    manifest, members = parts
    familiar = manifest["familiar"]
    familiar["classes"] = None if stated is None else {**familiar["classes"], **stated}
    members["classes.f32"] = members["classes.f32"] if content is None else content
    assert "thresholds" in refused(manifest, members)


def test_load__what_is_only_told_may_be_anything(parts, rewritten):
    manifest, members = parts
    load(rewritten(manifest | dict.fromkeys(TOLD, 5), members))


@pytest.mark.parametrize("content", [b"", b"graph", b"\x08\x08", b"\0" * 100])
def test_read_bundle__a_graph_that_is_none(parts, refused, content):
    manifest, members = parts
    refused(manifest, members | {"model.onnx": content})


def test_read_bundle__a_graph_with_another_head(parts, refused):
    manifest, members = parts
    members["model.onnx"] = with_head(members["model.onnx"], lambda weight: weight[:-1])
    assert "do not fit together" in refused(manifest, members)


def test_read_bundle__a_graph_without_our_tensors(parts, refused):
    manifest, members = parts
    members["model.onnx"] = load_backbone("lite0").graph
    assert "do not fit together" in refused(manifest, members)


def test_read_bundle__weights_outside_the_file(parts, refused, tmp_path):
    manifest, members = parts
    model = onnx.load_from_string(members["model.onnx"])
    (tensor,) = (tensor for tensor in model.graph.initializer if tensor.name == HEAD_WEIGHT)
    (tmp_path / "outside.bin").write_bytes(tensor.raw_data)
    onnx.external_data_helper.set_external_data(tensor, str(tmp_path / "outside.bin"))
    tensor.ClearField("raw_data")
    members["model.onnx"] = model.SerializeToString()
    assert "outside" in refused(manifest, members)


@pytest.mark.parametrize("name", HOSTILE)
def test_read_bundle__a_graph_that_no_engine_may_see(parts, rewritten, monkeypatch, name):
    manifest, members = parts
    monkeypatch.setattr(bundle_module, "compiled", None)
    refuse(rewritten(manifest, members | {"model.onnx": HOSTILE[name]()}))


def test_read_bundle__answers_that_are_no_numbers(parts, rewritten):
    """A graph of finite weights whose features are not, with a self-check that says so too."""
    manifest, members = parts
    maker = Maker()
    maker.then("Cast", to=onnx.TensorProto.FLOAT)
    maker.then("Mul", maker.constant(np.array(3e38, np.float32)))
    maker.then("Mul", maker.constant(np.array(3e38, np.float32)))
    members["model.onnx"] = maker.bytes(weight=np.ones((3, 3), np.float32))
    manifest["backbone"]["depths"] = {"last": 3}
    check = json.loads(members["check.json"])
    for card in check["cards"]:
        card["features"] = base64.b64encode(np.full(3, np.inf, "<f2").tobytes()).decode()
        card["logits"] = card["probabilities"] = [math.inf] * 3
    familiar = np.ones((1, 3), "<f2")
    manifest["familiar"] = {"rows": 1, "width": 3}
    members.pop("classes.f32", None)
    members |= {"check.json": json.dumps(check).encode(), "familiar.f16": familiar.tobytes()}
    assert "self-check" in refuse(rewritten(manifest, members))
