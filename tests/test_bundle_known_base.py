"""A model file answers by way of the base it came from, where that ships and gives the same."""

from dataclasses import replace

import numpy as np
import pytest

from pictures import write_classes
from tellapart.backbones.catalogue import load_backbone
from tellapart.bundle.bundle import read_bundle
from tellapart.bundle.known_base import on_known_base
from tellapart.commands import evaluate
from tellapart.commands.train import train
from tellapart.features.look import look_at
from tellapart.progress import Silent


@pytest.fixture(scope="module")
def model(trained):
    return read_bundle(trained.model)


def test_on_known_base__it_is_the_base_and_answers_alike(model):
    bundle, engine = model
    known, other = on_known_base(bundle, engine)
    assert known.base.digest == load_backbone("lite0").digest == bundle.manifest["backbone"]["digest"]
    assert known.base.digest != bundle.classifier.base.digest
    squares = np.random.default_rng(0).integers(0, 256, (3, 224, 224, 3), np.uint8)
    given = known.probabilities(other.run(squares))
    np.testing.assert_allclose(given, bundle.classifier.probabilities(engine.run(squares)), atol=0.02)


@pytest.mark.parametrize(
    "stated", [{"name": "another"}, {"digest": "0" * 64}, {"digest": None}], ids=["name", "digest", "no digest"]
)
def test_on_known_base__another_base_stays_in_the_file(model, stated):
    bundle, engine = model
    backbone = bundle.manifest["backbone"] | stated
    changed = replace(bundle, manifest={**bundle.manifest, "backbone": backbone})
    assert on_known_base(changed, engine) == (bundle.classifier, engine)


def test_on_known_base__a_file_that_sees_something_else_is_taken_at_its_graph(model):
    bundle, engine = model

    class Other:
        precision = engine.precision

        def look(self, squares):
            return engine.look([tuple(square[::-1] for square in picture) for picture in squares])

    assert on_known_base(bundle, Other())[0] is bundle.classifier


def test_on_known_base__a_net_that_was_trained_is_its_own(model):
    bundle, engine = model
    tuned = replace(bundle, classifier=replace(bundle.classifier, weights=b"weights"))
    assert on_known_base(tuned, engine)[0] is tuned.classifier


@pytest.mark.parametrize("size", [64, None])
def test_evaluate_model__what_train_has_kept_is_not_looked_at_again(size, tmp_path, fresh_cache, monkeypatch):
    data = write_classes(tmp_path / "data", {"cat": 8, "dog": 8})
    folder, _ = train(data, out=tmp_path / "run", size=size)
    seen = []
    monkeypatch.setattr(evaluate, "look_at", lambda *given, **more: seen.append(look_at(*given, **more)) or seen[0])
    assert evaluate.evaluate_model(folder / "model.tellapart", data, progress=Silent())["n"] == 16
    assert seen[0].fresh == 0
