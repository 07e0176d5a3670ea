"""An export in int8 is taken where it answers as well as float32, refused with the figures where not."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from types import SimpleNamespace

import numpy as np
import pytest

from conftest import invoke
from exported import small_classifier, write_model
from pictures import write_splits_and_classes
from tellapart.backbones.openvino_runtime import load_openvino
from tellapart.bundle.bundle import read_bundle
from tellapart.bundle.runtimes import model_run
from tellapart.commands import choose_int8
from tellapart.errors import ModelFileError
from tellapart.export.agreement import Said
from tellapart.export.int8 import Answered, paired_figures, rise, told, told_answers
from tellapart.export.openvino_folder import float_model
from tellapart.export.quantise import CONVOLUTIONS, kept_in_float, with_constants_folded
from tellapart.heads.abstention import Flags

REAL = pytest.mark.skipif(find_spec("nncf") is None, reason="nncf is not installed")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run on the splits of its data, small."""
    root = tmp_path_factory.mktemp("int8")
    counts = {"cat": 12, "dog": 12}
    write_splits_and_classes(root / "data", dict.fromkeys(("train", "valid", "test"), counts))
    outcome = invoke("train", root / "data", "-o", root / "run", "--recipe", "features", "--size", 64)
    assert outcome.code == 0, outcome.err
    return root / "run"


@pytest.fixture
def few(monkeypatch):
    """So few pictures are enough."""
    monkeypatch.setattr(choose_int8, "FEWEST", 10)


class StandIn:
    """What stands in for NNCF: it turns the weights of the head or leaves the model as it is, and counts."""

    def __init__(self, *, harm):
        self.harm, self.asked = harm, []
        self.QuantizationPreset = SimpleNamespace(MIXED="mixed")

    def set_log_level(self, level):
        pass

    def IgnoredScope(self, names, validate):  # noqa: N802  NNCF's
        return names

    def Dataset(self, rows, transform):  # noqa: N802  NNCF's
        return [transform(row) for row in rows]

    def quantize(self, model, dataset, **options):
        self.asked.append((dataset, options))
        if len(self.asked) <= self.harm:
            turn(model)
        return model


def turn(model):
    """Let a model answer the other way round."""
    openvino = load_openvino()
    nodes = [node for node in model.get_ordered_ops() if node.get_type_name() != "Result"]
    (logits,) = (output for node in nodes for output in node.outputs() if "logits" in output.get_names())
    consumers = [each for each in logits.get_target_inputs() if each.get_node().get_type_name() != "Result"]
    negative = openvino.opset13.multiply(logits, openvino.opset13.constant(np.float32(-1)))
    for consumer in consumers:
        consumer.replace_source_output(negative.output(0))


def stand_in(monkeypatch, *, harm=0):
    made = StandIn(harm=harm)
    monkeypatch.setitem(sys.modules, "nncf", made)
    return made


def export(run, out, *more):
    return invoke("export", run / "model.tellapart", "-o", out, "--to", "openvino", "--int8", *more)


def test_export__int8_that_answers_as_well_is_written_with_its_figures(run, few, tmp_path, monkeypatch):
    asked = stand_in(monkeypatch).asked
    outcome = export(run, tmp_path / "fast", "--json")
    assert outcome.code == 0, outcome.err
    figures = outcome.json["int8"]
    assert (len(asked), figures["kept"], figures["pictures"], figures["labels_changed"]) == (1, True, 24, 0)
    assert figures["calibrated_by"] == len(asked[0][0]) == 24
    assert asked[0][0][0].shape == (1, 40, 48, 3)
    assert len(figures["milliseconds"]) == 2
    assert figures["log_loss"][0] == pytest.approx(figures["log_loss"][1])
    text = (tmp_path / "fast" / "1" / "model.xml").read_text(encoding="utf-8")
    assert "labels_changed" in text
    verified = invoke("verify", tmp_path / "fast", "--against", run / "model.tellapart", "--json")
    assert (verified.code, verified.json["outcome"]) == (0, "same")
    with_pictures = invoke("verify", tmp_path / "fast", run.parent / "data", "--against", run / "model.tellapart")
    assert (with_pictures.code, "int8" in with_pictures.complaint) == (2, True)


def test_export__int8_tries_more_careful_ways_before_it_gives_up(run, few, tmp_path, monkeypatch):
    asked = stand_in(monkeypatch, harm=2).asked
    outcome = export(run, tmp_path / "fast")
    assert outcome.code == 0, outcome.err
    assert [options["fast_bias_correction"] for _, options in asked] == [True, True, False]
    kept = [len(options["ignored_scope"]) for _, options in asked]
    assert kept[1] == kept[2] == kept[0] + 2
    assert "Not kept (labels, log loss" in outcome.err
    assert "every bias corrected" in outcome.out
    assert "times as fast" in outcome.out


def test_export__int8_that_answers_worse_is_refused_with_the_figures(run, few, tmp_path, monkeypatch):
    stand_in(monkeypatch, harm=9)
    outcome = export(run, tmp_path / "models" / "fast")
    assert outcome.code == 4
    assert "worse than float32 (labels, log loss" in outcome.complaint
    assert "accuracy 100.00 to 0.00 %" in outcome.complaint
    assert outcome.complaint.count("\n") == 0
    assert list((tmp_path / "models").iterdir()) == []


def test_export__int8_without_nncf_says_how_to_install_it(run, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "nncf", None)
    outcome = export(run, tmp_path / "fast")
    assert outcome.code == 5
    assert "pip install 'tellapart[int8]'" in outcome.complaint


def test_export__int8_without_its_pictures_is_refused(run, few, tmp_path, monkeypatch):
    stand_in(monkeypatch)
    model = write_model(tmp_path / "alone.tellapart", small_classifier())
    outcome = invoke("export", model, "-o", tmp_path / "fast", "--to", "openvino", "--int8")
    assert (outcome.code, "no split.csv" in outcome.complaint) == (3, True)
    assert export(run, tmp_path / "fast", "--data", tmp_path / "nowhere").code == 3
    assert not (tmp_path / "fast").exists()


def test_export__int8_by_too_few_pictures_is_refused(run, tmp_path, monkeypatch):
    stand_in(monkeypatch)
    outcome = export(run, tmp_path / "fast")
    assert outcome.code == 3
    assert "100 pictures of valid or more, and 24" in outcome.complaint


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("-o", "a.onnx", "--int8"), "--int8 does not go with onnx"),
        (("-o", "a", "--to", "openvino", "--data", "x"), "for --int8 only"),
    ],
)
def test_export__int8_is_for_openvino(run, more, said):
    outcome = invoke("export", run / "model.tellapart", *more)
    assert outcome.code == 2
    assert said in outcome.complaint


def test_told_answers__are_those_that_were_told_or_make_no_sense(run):
    bundle, _ = read_bundle(run / "model.tellapart", precision="f32")
    text, said = told(bundle, model_run(float_model(bundle)), {})
    found = told_answers(text, bundle, where="here")
    np.testing.assert_array_equal(found.labels, said.labels)
    np.testing.assert_allclose(found.features, said.features, rtol=1e-4)
    for name, value in (("probabilities", []), ("labels", ["a"]), ("features", [[1], [1, 2]])):
        document = json.loads(text)
        document["cards"][name] = value
        with pytest.raises(ModelFileError, match="makes no sense"):
            told_answers(json.dumps(document), bundle, where="here")


def answered(right, *, sure=0.9, unsure=None, count=400):
    """Two classes, the truth is 0; `right` of them answered so."""
    labels = np.where(np.arange(count) < right, 0, 1).astype(np.int64)
    probabilities = np.where(labels[:, None] == np.arange(2), sure, 1 - sure)
    flags = Flags(unsure=np.zeros(count, bool) if unsure is None else unsure)
    return Answered(said=Said(probabilities=probabilities, labels=labels, flags=flags), milliseconds=9.0)


@pytest.mark.parametrize(
    ("before", "after", "promised", "faults"),
    [
        (answered(390), answered(390), 0.05, []),
        (answered(390), answered(388, sure=0.91), 0.05, []),
        (answered(390), answered(387, sure=0.91), 0.05, ["labels"]),
        (answered(390), answered(390, sure=0.8), 0.05, ["log loss"]),
        (answered(390), answered(390), 0.02, ["promise"]),
        (answered(390), answered(390), None, []),
    ],
)
def test_paired_figures__hold_or_not(before, after, promised, faults):
    truth, groups = np.zeros(400, np.int64), np.arange(400)
    figures = paired_figures(before, after, truth=truth, groups=groups, promised=promised)
    assert (figures["faults"], figures["kept"]) == (faults, not faults)


def test_rise__pictures_of_one_group_tell_as_much_as_one():
    values = np.random.default_rng(0).normal(0.1, 1, 50)
    alone = rise(values, np.arange(50))
    together = rise(np.repeat(values, 4), np.repeat(np.arange(50), 4))
    assert together == pytest.approx(alone)
    assert alone["high"] - alone["low"] == pytest.approx(2 * 1.96 * values.std() / np.sqrt(50))


def test_kept_in_float__is_all_but_the_base(run):
    bundle, _ = read_bundle(run / "model.tellapart", precision="f32")
    model, base = float_model(bundle), bundle.classifier.base
    kept, ends = (kept_in_float(model, base, ends=ends) for ends in (False, True))
    kinds = {node.get_friendly_name(): node.get_type_name() for node in model.get_ordered_ops()}
    convolutions = {name for name, kind in kinds.items() if kind in ("Convolution", "GroupConvolution")}
    assert not convolutions & set(kept)
    assert len(convolutions & set(ends)) == 2
    assert {name for name, kind in kinds.items() if kind == "MatMul"} <= set(kept)


PROBE = """
import socket, sys
opened = []
class Watched(socket.socket):
    def __init__(self, *given, **more):
        opened.append(given)
        super().__init__(*given, **more)
socket.socket = Watched
from tellapart.cli.main import main
sys.argv = ["tellapart", *sys.argv[1:]]
try:
    main()
finally:
    from tellapart.commands import choose_int8
    print(len(opened), "openvino_telemetry" in sys.modules, "nncf" in sys.modules, file=sys.stderr)
"""


@REAL
def test_export__int8_by_nncf_itself_opens_no_socket_and_writes_nothing_at_home(run, tmp_path):
    """Whether it is taken or refused: so few pictures may lose one."""
    program = tmp_path / "probe.py"
    program.write_text(PROBE.replace("from tellapart.cli", few_enough() + "from tellapart.cli"), encoding="utf-8")
    home = tmp_path / "home"
    home.mkdir()
    words = ("export", run / "model.tellapart", "-o", tmp_path / "fast", "--to", "openvino", "--int8")
    done = subprocess.run(
        [sys.executable, program, *map(str, words)],
        env={**os.environ, "HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 4), done.stderr
    assert "0 False True" in done.stderr, done.stderr
    assert not [path for path in home.rglob("*") if "telemetry" in path.name or "intel" in path.parts]
    if done.returncode == 0:
        verified = invoke("verify", tmp_path / "fast", "--against", run / "model.tellapart")
        assert verified.code == 0, verified.err
    else:
        assert "worse than float32" in done.stderr


def few_enough():
    return "from tellapart.commands import choose_int8\nchoose_int8.FEWEST = 10\n"


def biases(model):
    """What kind of node gives the bias of each convolution."""
    layers = [node for node in model.get_ordered_ops() if node.get_type_name() in CONVOLUTIONS]
    behind = [target.get_node() for node in layers for target in node.output(0).get_target_inputs()]
    return {node.input_value(1).get_node().get_type_name() for node in behind if node.get_type_name() == "Add"}


def test_with_constants_folded__every_bias_is_a_constant_and_the_answers_stay(tmp_path):
    bundle, _ = read_bundle(write_model(tmp_path / "model.tellapart", small_classifier(size=64)))
    model, random = float_model(bundle), np.random.default_rng(0)
    whole, images = with_constants_folded(model), random.integers(0, 256, (1, 80, 70, 3), np.uint8)
    assert (biases(model), biases(whole)) == ({"Reshape"}, {"Constant"})
    assert kept_in_float(whole, bundle.classifier.base, ends=True)
    before, after = model_run(model)(images), model_run(whole)(images)
    for name in before:
        np.testing.assert_allclose(after[name], before[name], atol=1e-4)
