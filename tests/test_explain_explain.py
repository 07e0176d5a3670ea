"""Explaining the pictures of an index, from the model file alone."""

import numpy as np
import pytest

import tellapart.explain.explain as module
from tellapart.backbones.engine import native_precision
from tellapart.bundle.bundle import read_bundle
from tellapart.commands.predict import predict
from tellapart.data.scan import index_of_paths, scan
from tellapart.explain.explain import explain_pictures
from tellapart.explain.overlay import overlay

# The same picture alone and among others: bit for bit the same here, but no engine promises that.
TOLERANCE = {"f32": 0.001, "f16": 0.005, "bf16": 0.02}


@pytest.fixture(scope="module")
def model(trained):
    bundle, engine = read_bundle(trained.model)
    return bundle.classifier, engine


@pytest.fixture(scope="module")
def paths(trained):
    return [trained.data / name for name in ("owl/001.png", "dog/017.png", "cat/000.png")]


def test_explain_pictures__says_what_predict_says_and_why(trained, model, paths):
    classifier, engine = model
    found = list(explain_pictures(classifier, index_of_paths(paths), engine=engine))
    assert [one.failure for one in found] == ["", "truncated", ""]
    assert found[1].to_json(classifier.classes) == {"path": str(paths[1]), "error": "truncated"}
    answers = predict(trained.model, paths)
    for row, (one, expected) in enumerate(zip((found[0], found[2]), answers.probabilities, strict=True)):
        np.testing.assert_allclose(one.probabilities, expected, atol=TOLERANCE[native_precision()])
        heat = one.heat
        assert heat.method == "exact"
        assert heat.target == expected.argmax()
        assert heat.values.shape == (224, 224)
        assert heat.values.sum(dtype=np.float64) + heat.bias == pytest.approx(heat.logit, rel=1e-3, abs=1e-3)
        assert overlay(one.pixels, heat).shape == one.pixels.shape
        document = one.to_json(classifier.classes)
        assert document["predicted"] == document["class"] == classifier.classes[expected.argmax()]
        assert document["probability"] == max(document["probabilities"].values())
        assert (document["unsure"], document["unlike"]) == answers.flags.of(row)


def test_explain_pictures__one_class_for_all_or_one_for_each(model, paths):
    classifier, engine = model
    index = index_of_paths([paths[0], paths[2]])
    assert [one.heat.class_name for one in explain_pictures(classifier, index, engine=engine, targets=1)] == [
        "dog",
        "dog",
    ]
    mixed = list(explain_pictures(classifier, index, engine=engine, targets=[2, None]))
    assert mixed[0].heat.class_name == "owl"
    assert mixed[1].heat.target == mixed[1].probabilities.argmax()
    with pytest.raises(ValueError, match="shorter"):
        list(explain_pictures(classifier, index, engine=engine, targets=[2]))


def test_explain_pictures__by_occlusion_where_there_are_no_maps(model, paths, monkeypatch):
    def no_maps(*_arguments, **_options):
        raise KeyError("maps_last")

    monkeypatch.setattr(module, "MapReader", no_maps)
    classifier, engine = model
    (one,) = explain_pictures(classifier, index_of_paths([paths[0]]), engine=engine)
    assert one.heat.method == "occlusion"
    assert one.heat.bias is None
    logits = classifier.head.logits(engine.run(classifier.base.preprocess.apply(paths[0].read_bytes()).pixels[None]))
    assert one.heat.logit == pytest.approx(logits[0, one.heat.target], abs=1e-4)
    assert np.abs(one.heat.values).max() > 0


def test_explain_pictures__idx_rows_have_no_file_of_their_own(model, tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (2, 28, 28), np.uint8)
    (tmp_path / "train-images-idx3-ubyte").write_bytes(
        bytes([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 28, 0, 0, 0, 28]) + images.tobytes()
    )
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 2, 0, 1]))
    classifier, engine = model
    found = list(explain_pictures(classifier, scan(tmp_path), engine=engine))
    assert [one.pixels.shape for one in found] == [(28, 28, 3)] * 2
