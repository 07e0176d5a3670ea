"""An exported ONNX file answers as the model file does in another runtime, and a change in it is found."""

import json

import numpy as np
import onnx
import pytest

from exported import BREAKS, NAMES, broken, small_classifier, write_model
from hostile_graphs import sound
from pictures import make_pixels
from tellapart.backbones.engine import Engine
from tellapart.bundle.bundle import read_bundle
from tellapart.bundle.runtimes import RUNTIMES
from tellapart.errors import ModelFileError
from tellapart.export.agreement import said_by_graph
from tellapart.export.onnx_file import onnx_export, read_onnx_export
from tellapart.export.verify import expected_of, row_on_cards

COSTS = [[0, 1, 1], [50, 0, 1], [1, 1, 0]]


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A model file and what is exported of it."""
    model = write_model(tmp_path_factory.mktemp("model") / "model.tellapart", small_classifier())
    bundle, _ = read_bundle(model, precision="f32")
    return model, bundle, onnx_export(bundle)


@pytest.mark.parametrize("runtime", sorted(RUNTIMES))
@pytest.mark.parametrize("costs", [None, COSTS])
def test_onnx_export__labels_and_marks_are_those_of_the_classifier(tmp_path, runtime, costs):
    model = write_model(tmp_path / "model.tellapart", small_classifier(3, costs=costs))
    bundle, _ = read_bundle(model, precision="f32")
    run = RUNTIMES[runtime](onnx_export(bundle))
    pictures = [make_pixels(seed, width=64, height=64) // (1 + seed % 7) for seed in range(40)]
    said = said_by_graph(run, pictures, bundle.classifier)
    given = expected_of(bundle.classifier, said.features)
    np.testing.assert_array_equal(said.labels, given.labels)
    np.testing.assert_array_equal(said.flags.unsure, given.flags.unsure)
    np.testing.assert_array_equal(said.flags.unlike, given.flags.unlike)
    assert 0 < said.flags.unsure.sum() < 40
    engine = Engine(bundle.classifier.base, precision="f32")
    expected = expected_of(bundle.classifier, engine.run(np.stack(pictures)))
    np.testing.assert_allclose(said.probabilities, expected.probabilities, atol=0.001)


@pytest.mark.parametrize("unlike", [0.999, -0.999])
def test_onnx_export__unlike_follows_its_threshold(tmp_path, unlike):
    classifier = small_classifier(unlike=unlike)
    bundle, _ = read_bundle(write_model(tmp_path / "model.tellapart", classifier), precision="f32")
    found = RUNTIMES["openvino"](onnx_export(bundle))(make_pixels(1)[np.newaxis])
    assert found["unlike"].tolist() == [unlike > 0]


def test_onnx_export__a_model_without_thresholds_has_no_marks(tmp_path):
    bundle, _ = read_bundle(write_model(tmp_path / "model.tellapart", small_classifier(marks=False)), precision="f32")
    model = onnx.load_from_string(onnx_export(bundle))
    assert [output.name for output in model.graph.output] == ["probabilities", "logits", "features", "label"]
    read = {name for node in model.graph.node for name in node.input}
    assert {tensor.name for tensor in model.graph.initializer} <= read  # else a runtime warns of what is not


def test_onnx_export__says_what_a_reader_needs_and_is_the_same_bytes_each_time(exported):
    _, bundle, content = exported
    assert onnx_export(bundle) == content
    said = {entry.key: entry.value for entry in onnx.load_from_string(content).metadata_props}
    assert tuple(json.loads(said["classes"])) == NAMES
    assert json.loads(said["thresholds"]) == {"unsure": 0.5, "unsure_by_class": [0.5, 0.6, 0.7], "unlike": 0.3}
    assert set(json.loads(said["units"])) == {
        *("images", "probabilities", "logits", "features", "label", "unsure", "unlike")
    }
    assert "upright" in said["usage"]


def test_verify__an_export_proves_itself(tellapart, exported, tmp_path):
    (tmp_path / "model.onnx").write_bytes(exported[2])
    outcome = tellapart("verify", tmp_path / "model.onnx", "--json")
    assert (outcome.code, outcome.json["outcome"], outcome.json["kind"]) == (0, "same", "onnx")
    assert {row["door"]: row["outcome"] for row in outcome.json["rows"]} == {"openvino": "same", "onnxruntime": "same"}


@pytest.mark.parametrize("change", BREAKS, ids=lambda change: change.__name__)
def test_verify__what_was_broken_is_found(tellapart, exported, tmp_path, change):
    path = tmp_path / "broken.onnx"
    path.write_bytes(broken(exported[2], change))
    outcome = tellapart("verify", path, "--runtime", "onnxruntime")
    assert outcome.code == 4, outcome
    assert str(path) in outcome.complaint
    assert outcome.err.count("\n") == 1


def test_verify__an_export_of_another_run_is_told_from_the_model(tellapart, exported, tmp_path):
    model = exported[0]
    other = write_model(tmp_path / "other.tellapart", small_classifier(7))
    (tmp_path / "other.onnx").write_bytes(onnx_export(read_bundle(other, precision="f32")[0]))
    outcome = tellapart("verify", tmp_path / "other.onnx", "--against", model, "--json", "--runtime", "openvino")
    assert (outcome.code, outcome.json["outcome"]) == (4, "differs")
    assert "the weights of the head" in outcome.json["statements"]
    assert "the weights of the head" in outcome.complaint


@pytest.mark.parametrize(
    "content", [b"", b"no graph", b"\x08\x08", sound()], ids=["empty", "text", "cut short", "not exported by us"]
)
def test_read_onnx_export__what_is_none_is_refused(tmp_path, content):
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match="ONNX file"):
        read_onnx_export(path)


def test_read_onnx_export__too_many_or_doubled_texts_are_refused(exported, tmp_path):
    path = tmp_path / "model.onnx"
    for number, key in ((2, "usage"), (40, "text")):
        model = onnx.load_from_string(exported[2])
        for place in range(number):
            entry = model.metadata_props.add()
            entry.key, entry.value = key if number == 2 else f"{key}{place}", "x"
        path.write_bytes(model.SerializeToString())
        with pytest.raises(ModelFileError, match="stands in it twice"):
            read_onnx_export(path)


def test_export__writes_one_file_that_was_checked(tellapart, exported, tmp_path):
    outcome = tellapart("export", exported[0], "-o", tmp_path / "out.onnx", "--json")
    assert outcome.code == 0, outcome.err
    assert outcome.json["check"]["outcome"] == "same"
    assert (tmp_path / "out.onnx").read_bytes() == exported[2]


def test_export__leaves_nothing_behind_where_the_runtime_disagrees(tellapart, exported, tmp_path, monkeypatch):
    from tellapart.commands import export

    monkeypatch.setattr(export, "onnx_export", lambda bundle: broken(onnx_export(bundle), BREAKS[0]))
    outcome = tellapart("export", exported[0], "-o", tmp_path / "out.onnx")
    assert outcome.code == 4
    assert "was not kept" in outcome.complaint
    assert list(tmp_path.iterdir()) == []


def test_export__without_onnxruntime_says_how_to_install_it(tellapart, exported, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    outcome = tellapart("export", exported[0], "-o", tmp_path / "out.onnx")
    assert outcome.code == 5
    assert "pip install" in outcome.complaint
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "model.onnx").write_bytes(exported[2])
    rows = {row["door"]: row["outcome"] for row in tellapart("verify", tmp_path / "model.onnx", "--json").json["rows"]}
    assert rows == {"openvino": "same", "onnxruntime": "not applicable"}
    assert tellapart("verify", tmp_path / "model.onnx", "--runtime", "onnxruntime").code == 5


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["-o", "out.onnx", "--to", "tflite"], "Choose one of: onnx, openvino, html."),
        (["-o", "out"], "--to onnx, openvino, html"),
        (["-o", "out.onnx", "--int8"], "It is for --to openvino."),
    ],
)
def test_export__what_is_not_offered_is_said(tellapart, exported, tmp_path, monkeypatch, arguments, hint):
    monkeypatch.chdir(tmp_path)
    outcome = tellapart("export", exported[0], *arguments)
    assert outcome.code == 2
    assert hint in outcome.complaint
    assert list(tmp_path.iterdir()) == []


def test_export__may_not_write_over_its_model(tellapart, exported):
    before = exported[0].read_bytes()
    assert tellapart("export", exported[0], "-o", exported[0], "--to", "onnx").code == 2
    assert exported[0].read_bytes() == before


def test_row_on_cards__a_graph_that_cannot_answer_differs(exported):
    row = row_on_cards(exported[1], lambda images: {"probabilities": np.zeros((1, 2))}, door="a runtime")
    assert "it cannot answer" in row.reason
