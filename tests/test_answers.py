"""Close calls are looked at again in float32, others stand; the model file says the same as the run."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from PIL import Image

from tellapart import answers as module
from tellapart.answers import COSINE_APART, SURE, answer, close_calls, with_exact_rows
from tellapart.backbones.backbone import Backbone
from tellapart.backbones.engine import EXACT, Engine
from tellapart.bundle.bundle import read_bundle
from tellapart.bundle.parity import kept_parity, measure_parity, read_parity
from tellapart.classifier import Classifier
from tellapart.commands.predict import predict
from tellapart.data.preprocess import Preprocess
from tellapart.data.scan import scan
from tellapart.features.embed import embed_pictures
from tellapart.heads.abstention import Abstention, Flags
from tellapart.heads.linear import LinearHead
from tellapart.heads.out_of_distribution import OutOfDistribution
from tellapart.progress import Silent

BASE = Backbone(name="plain", graph=b"", preprocess=Preprocess(size=32), widths={"last": 2}, outputs=("features",))
HEAD = LinearHead(weight=np.eye(2, dtype=np.float32), bias=np.zeros(2, np.float32), start=0, stop=2)
KIND = Classifier(classes=("a", "b"), base=BASE, head=HEAD)


def rows(*margins):
    """Features whose logits differ by these margins."""
    return np.array([[margin, 0.0] for margin in margins], np.float32)


def test_close_calls__unsure_answers_are():
    edge = np.log(SURE / (1 - SURE))
    given = close_calls(KIND, rows(0.0, 1.0, edge - 0.01, edge + 0.01, 9.0, -9.0))
    np.testing.assert_array_equal(given, [True, True, True, False, False, False])


def test_close_calls__answers_near_the_threshold_of_unsure_are():
    strict = replace(KIND, abstention=Abstention(unsure=1 / (1 + np.exp(-7.0))))
    np.testing.assert_array_equal(close_calls(strict, rows(5.9, 6.1, 7.0, 7.9, 8.1)), [False, True, True, True, False])


def test_close_calls__pictures_near_the_threshold_of_unlike_are():
    known = OutOfDistribution(types=np.array([[1.0, 0.0]], np.float16), threshold=0.5)
    angles = np.arccos([0.5 - 2 * COSINE_APART, 0.5 - COSINE_APART / 2, 0.5 + COSINE_APART / 2, 0.5 + 2 * COSINE_APART])
    features = (50 * np.stack([np.cos(angles), -np.sin(angles)], axis=1)).astype(np.float32)
    wary = replace(KIND, abstention=Abstention(out_of_distribution=known))
    np.testing.assert_array_equal(close_calls(KIND, features), [False] * 4)
    np.testing.assert_array_equal(close_calls(wary, features), [False, True, True, False])


@pytest.fixture(scope="module")
def model(trained):
    return read_bundle(trained.model)[0].classifier


def test_with_exact_rows__only_close_calls_are_looked_at_and_nothing_is_changed_in_place(model, trained, monkeypatch):
    index = scan(trained.data)
    seen = embed_pictures(index, model.base)
    before = seen.features.copy()
    wanted = np.zeros(len(before), np.bool_)
    wanted[[3, 17]] = True
    monkeypatch.setattr(module, "close_calls", lambda *_: wanted)
    given = with_exact_rows(model, seen.index, seen.features, keep=False, progress=Silent())
    exact = embed_pictures(seen.index, model.base, engine=Engine(model.base, precision=EXACT)).features
    np.testing.assert_array_equal(seen.features, before)
    np.testing.assert_array_equal(given[wanted], exact[wanted])
    np.testing.assert_array_equal(given[~wanted], before[~wanted])


def test_with_exact_rows__a_picture_given_twice_is_exact_both_times(model, trained, monkeypatch):
    index = scan(trained.data)
    readable = embed_pictures(index, model.base).index.pictures
    seen = embed_pictures(replace(index, pictures=(readable[3], readable[5], readable[3])), model.base)
    coarse = seen.features + np.float32(1)
    monkeypatch.setattr(module, "close_calls", lambda *_: np.array([True, False, True]))
    given = with_exact_rows(model, seen.index, coarse, keep=False, progress=Silent())
    np.testing.assert_array_equal(given[0], given[2])
    assert (given[0] != coarse[0]).any()
    np.testing.assert_array_equal(given[1], coarse[1])


def test_with_exact_rows__nothing_is_compiled_where_all_of_them_are_kept(model, trained, monkeypatch, tmp_path):
    monkeypatch.setenv("TELLAPART_CACHE", str(tmp_path))
    seen = embed_pictures(scan(trained.data), model.base)
    coarse = seen.features + np.float32(1)
    monkeypatch.setattr(module, "close_calls", lambda *_: np.arange(len(coarse)) % 5 == 0)
    first = with_exact_rows(model, seen.index, coarse, keep=True, progress=Silent())
    monkeypatch.setattr(Engine, "__init__", lambda *_, **__: pytest.fail("compiled again"))
    again = with_exact_rows(model, seen.index, coarse, keep=True, progress=Silent())
    np.testing.assert_array_equal(again, first)
    assert (again[::5] != coarse[::5]).any()


def test_answer__what_is_exact_already_is_not_looked_at_again(model, trained, monkeypatch):
    embedded = embed_pictures(scan(trained.data), model.base, engine=Engine(model.base, precision=EXACT))
    monkeypatch.setattr(module, "look_at", lambda *_, **__: pytest.fail("looked again"))
    answers = answer(model, embedded, keep=False)
    np.testing.assert_array_equal(answers.probabilities, model.probabilities(embedded.features))


def opaque(path):
    with Image.open(path) as image:
        return image.mode == "RGB"


def test_predict__is_what_plain_onnx_runtime_says_of_pixels_from_pillow(trained):
    bundle, _ = read_bundle(trained.model)
    ordinary = [path for path in sorted(trained.data.rglob("*.png")) if path.name != "017.png" and opaque(path)]
    given = predict(trained.model, ordinary)
    session = onnxruntime.InferenceSession(bundle.members["model.onnx"])
    images = [np.asarray(Image.open(picture.file).convert("RGB"))[None] for picture in given.pictures]
    expected = np.array([session.run(["probabilities"], {"images": image})[0][0] for image in images])
    np.testing.assert_array_equal(given.probabilities.argmax(axis=1), expected.argmax(axis=1))
    np.testing.assert_allclose(given.probabilities, expected, atol=0.02)


def test_measure_parity__is_in_the_metrics_and_finds_a_graph_of_another_head(trained):
    parity = trained.metrics["parity"]
    assert parity["pictures"] == min(trained.metrics["counts"]["test"], 16)
    assert (parity["labels"], parity["unlike"]) == (0, 0)
    assert parity["unsure"] <= 1  # the threshold of so few pictures is the confidence of one of them, all but 1
    assert 0 <= parity["mean"] <= parity["largest"] <= 0.02
    bundle, _ = read_bundle(trained.model)
    given = predict(trained.model, [trained.data])
    other = given.probabilities[:, ::-1]
    index = scan(trained.data)
    index = replace(index, pictures=given.pictures)
    found = measure_parity(bundle.members["model.onnx"], bundle.classifier, index, other, given.flags)
    assert found["labels"] > 5
    assert found["largest"] > 0.5


def test_measure_parity__pictures_that_are_gone_are_not_compared(trained):
    bundle, _ = read_bundle(trained.model)
    given = predict(trained.model, [trained.data])
    gone = tuple(replace(picture, file=Path("nowhere")) for picture in given.pictures)
    index = replace(scan(trained.data), pictures=gone)
    found = measure_parity(bundle.members["model.onnx"], bundle.classifier, index, given.probabilities, given.flags)
    assert found == {"pictures": 0, "labels": None, "unsure": None, "unlike": None, "largest": None, "mean": None}


@pytest.mark.usefixtures("fresh_cache")
def test_kept_parity__is_found_again_for_the_very_same_and_where_all_could_be_read():
    flags, shares = Flags(unsure=np.array([True, False])), np.array([[0.5, 0.5], [1, 0]])
    same = {"stated": "x", "digests": [b"a", b"b"], "probabilities": shares, "flags": flags}
    found = {"pictures": 2, "labels": 0, "unsure": 1, "unlike": 0, "largest": 0.01, "mean": 0.005}
    kept_parity(b"graph", **same).put({**found, "pictures": 1})
    assert kept_parity(b"graph", **same).get() is None
    kept_parity(b"graph", **same).put(found)
    assert kept_parity(b"graph", **same).get() == found
    others = [
        {"stated": "y"},
        {"digests": [b"b", b"a"]},
        {"probabilities": shares[::-1]},
        {"flags": Flags(unsure=np.array([True, True]))},
    ]
    assert all(kept_parity(b"graph", **{**same, **other}).get() is None for other in others)
    assert kept_parity(b"another", **same).get() is None


@pytest.mark.parametrize("found", [7, [], {}, {"pictures": 2}])
def test_read_parity__refuses_what_is_none(found):
    with pytest.raises(ValueError, match="parity"):
        read_parity(json.dumps(found).encode())
