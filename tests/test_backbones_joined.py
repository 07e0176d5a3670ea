"""Bases side by side: by name, in the cache, in a model file, and in a heat map."""

import copy
import json
from dataclasses import replace

import numpy as np
import pytest

from pictures import make_pixels, write_classes, write_picture
from tellapart.backbones.backbone import join_bases
from tellapart.backbones.catalogue import find_base, load_backbone
from tellapart.backbones.engine import compiled
from tellapart.bundle.bundle import assemble, pack_bundle, read_bundle
from tellapart.bundle.container import write_container
from tellapart.bundle.graph import narrowed
from tellapart.bundle.known_base import on_known_base
from tellapart.bundle.parity import measure_parity
from tellapart.classifier import Classifier
from tellapart.data.scan import index_of_paths
from tellapart.errors import ModelFileError, UsageError
from tellapart.explain.explain import explain_pictures
from tellapart.features.cache import open_cache
from tellapart.features.embed import embed_pictures
from tellapart.features.look import look_at
from tellapart.heads.linear import LinearHead
from tellapart.progress import Silent

SIDES = (64, 72)


@pytest.fixture(scope="module")
def joined():
    return join_bases([load_backbone(name, size=side) for name, side in zip(("lite0", "lite2"), SIDES, strict=True)])


@pytest.fixture(scope="module")
def packed(joined):
    return pack_bundle(Classifier(classes=tuple("abc"), base=joined, head=head_of(joined)), manifest={}, card="card")


@pytest.fixture(scope="module")
def model(packed, tmp_path_factory):
    path = tmp_path_factory.mktemp("joined") / "model.tellapart"
    write_container(path, *packed)
    return read_bundle(path, precision="f32")


def head_of(base, *, start=0, stop=None):
    random, stop = np.random.default_rng(7), stop or base.width
    weight = random.normal(0, 0.05, (stop - start, 3)).astype(np.float32)
    return LinearHead(weight=weight, bias=np.arange(3, dtype=np.float32), start=start, stop=stop)


def some_pictures(folder, count=5):
    paths = [write_picture(folder / f"{seed}.png", seed=seed, width=150, height=120) for seed in range(count)]
    return index_of_paths(paths)


def test_load_backbone__two_names_are_one_base_of_both_in_their_order(joined):
    base = load_backbone("lite2+lite0")
    assert [half.name for half in base.singles] == ["lite2", "lite0"]
    assert [half.preprocess.size for half in base.singles] == [260, 224]
    assert (base.preprocess.size, base.last.name) == (260, "lite0.last")
    assert base.width == sum(half.width for half in base.halves) == base.depths[-1].stop
    assert sorted(np.concatenate(base.columns)) == list(range(base.width))
    assert {half.preprocess.size for half in load_backbone("lite0+lite2", size=96).halves} == {96}
    assert joined.digest != join_bases(joined.halves[::-1]).digest
    assert joined.digest != joined.with_white(1023).digest


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("lite0+lite0", "a base cannot be joined with itself: lite0.lite0"),
        ("lite0+", "a name is missing beside the plus sign"),
        ("+", "a name is missing beside the plus sign"),
        ("lite0+lite2+lite0+a+b", "joined with itself"),
        ("lite0+lite2+a+b+c", "more than 4 bases are joined"),
        ("lite0+vgg99", "no such base: vgg99"),
    ],
)
def test_load_backbone__names_that_cannot_be_joined(name, said):
    with pytest.raises(UsageError, match=said):
        load_backbone(name)


def test_find_base__weights_are_for_one_base_and_sizes_for_each(tmp_path):
    with pytest.raises(UsageError, match="weights is for one base"):
        find_base("lite0+lite2", weights=tmp_path / "weights.safetensors")
    with pytest.raises(
        UsageError, match=r"the base lite0 cannot take this size: 4 px. Give a whole number from 8 to 2048, .*own\.$"
    ):
        find_base("lite0+lite2", size=4)


def test_embed__each_half_keeps_what_it_sees_under_its_own_name(joined, tmp_path):
    index = some_pictures(tmp_path)
    with open_cache(tmp_path / "cache") as cache:
        alone = [embed_pictures(index, half, cache=cache) for half in joined.halves]
        both = embed_pictures(index, joined, cache=cache)
        assert (both.fresh, [one.fresh for one in alone]) == (0, [5, 5])
        for columns, one in zip(joined.columns, alone, strict=True):
            np.testing.assert_array_equal(both.features[:, columns], one.features)
        side_by_side = np.hstack([one.features[:, half.means] for one, half in zip(alone, joined.halves, strict=True)])
        np.testing.assert_array_equal(both.features[:, joined.means], side_by_side)
        assert both.digests == alone[0].digests
        other = join_bases([joined.halves[0], load_backbone("lite2", size=80)])
        assert embed_pictures(index, other, cache=cache).fresh == 5


def test_embed__a_picture_that_only_one_half_could_read_is_left_out(joined, tmp_path, monkeypatch):
    index = some_pictures(tmp_path)
    whole = embed_pictures(index, joined)

    class Late(Silent):
        """A listener that damages a file, and removes another one, between the looks."""

        looks = 0

        def start(self, what, *, total=None, unit=""):
            self.looks += 1
            if self.looks == 2:
                index.pictures[1].file.write_bytes(b"")
                index.pictures[3].file.unlink()

    found = embed_pictures(index, joined, progress=Late())
    assert [picture.path for picture in found.index.pictures] == [index.pictures[row].path for row in (0, 2, 4)]
    assert [entry.status for entry in found.ledger] == ["used", "skipped", "used", "skipped", "used"]
    np.testing.assert_array_equal(found.features, whole.features[[0, 2, 4]])


def test_model_file__both_halves_answer_behind_one_input(joined, model, packed, tmp_path):
    bundle, engine = model
    index = some_pictures(tmp_path)
    classifier = Classifier(classes=tuple("abc"), base=joined, head=head_of(joined))
    expected = embed_pictures(index, joined, engine=compiled(joined, precision="f32")).features
    np.testing.assert_allclose(
        embed_pictures(index, bundle.classifier.base, engine=engine).features, expected, atol=2e-3
    )
    probabilities = classifier.probabilities(expected)
    flags = classifier.flags(probabilities, expected)
    found = measure_parity(packed[1]["model.onnx"], classifier, index, probabilities, flags)
    # The graph resizes whole pictures by itself: a grey level here and there is another one.
    assert (found["pictures"], found["labels"]) == (5, 0)
    assert found["largest"] < 0.05
    assert bundle.classifier.base.halves[0].digest != bundle.classifier.base.halves[1].digest


def test_model_file__answers_by_way_of_the_bases_that_ship(model):
    bundle, engine = model
    known, other = on_known_base(bundle, engine)
    assert [half.digest for half in known.base.halves] == [load_backbone(name).digest for name in ("lite0", "lite2")]
    assert known.head.stop == known.base.width
    squares = [known.base.squares(make_pixels(1, width=90, height=70))]
    np.testing.assert_allclose(other.look(squares), engine.look(squares), atol=1e-3)


def test_narrowed__a_head_on_one_half_is_saved_with_that_half_alone(joined):
    last, own = joined.last, load_backbone("lite2").last
    on_last = head_of(joined, start=last.start, stop=last.stop)
    base, head = narrowed(joined, on_last)
    assert (base.name, head.start, head.stop) == ("lite2", own.start, own.stop)
    manifest, members = pack_bundle(Classifier(classes=tuple("abc"), base=joined, head=on_last), manifest={})
    assert (manifest["backbone"]["name"], manifest["backbone"]["depths"]) == ("lite2", {"last": 1280})
    assert manifest["preprocess"]["size"] == SIDES[1]
    assert assemble(manifest, members, "x").classifier.base.singles[0].preprocess.size == SIDES[1]


def test_explain__the_map_adds_up_over_both_halves(model, tmp_path):
    bundle, engine = model
    (found,) = explain_pictures(bundle.classifier, some_pictures(tmp_path, count=1), engine=engine)
    heat = found.heat
    assert (heat.method, heat.values.shape) == ("exact", (SIDES[1], SIDES[1]))
    assert heat.values.sum(dtype=np.float64) + heat.bias == pytest.approx(heat.logit, rel=1e-3)
    # Either half alone is not all of it.
    alone = copy.deepcopy(bundle.classifier.head)
    alone.weight[bundle.classifier.base.columns[0]] = 0
    (less,) = explain_pictures(replace(bundle.classifier, head=alone), some_pictures(tmp_path, count=1), engine=engine)
    assert not np.allclose(less.heat.values, heat.values, atol=1e-4)


def test_explain__by_stages_of_either_half(model, tmp_path):
    pytest.importorskip("torch", reason="needs the extra: pip install 'tellapart[torch]'")
    bundle, engine = model
    index = some_pictures(tmp_path, count=1)
    for stage in ("lite0.conv9", "lite2.conv9", "last"):
        (found,) = explain_pictures(bundle.classifier, index, engine=engine, stage=stage, targets=2)
        assert found.heat.method == "grad-cam"
        features = embed_pictures(index, bundle.classifier.base, engine=engine).features
        assert found.heat.logit == pytest.approx(bundle.classifier.head.logits(features)[0, 2], abs=0.02)
    with pytest.raises(UsageError, match="no such stage"):
        list(explain_pictures(bundle.classifier, index, engine=engine, stage="conv9"))


@pytest.mark.parametrize(
    "change",
    [
        lambda told: told["halves"].pop(),
        lambda told: told["halves"].extend(told["halves"] * 2),
        lambda told: told["halves"].reverse(),
        lambda told: told["halves"][1].update(name="lite0"),
        lambda told: told["halves"][1].update(depths=["lite2.last"]),
        lambda told: told["halves"][1]["preprocess"].update(size=80),
        lambda told: told["halves"][0].update(depths=3),
        lambda told: told.update(halves=7),
        lambda told: told.update(name="lite0"),
        lambda told: told.pop("halves"),
        lambda told: told["halves"][0]["preprocess"].update(size=2048),
    ],
)
def test_read_bundle__halves_that_are_not_those_of_the_file(packed, tmp_path, change):
    manifest, members = copy.deepcopy(packed)
    change(manifest["backbone"])
    path = tmp_path / "model.tellapart"
    write_container(path, manifest, members)
    with pytest.raises(ModelFileError):
        read_bundle(path)


def test_commands__train_predict_explain_evaluate_and_embed(tellapart, tmp_path, fresh_cache):
    """The whole way by the command line; what a half has seen once is not looked at again."""
    data = write_classes(tmp_path / "data", {"cat": 8, "dog": 8})
    named = ("--backbone", "lite0+lite2", "--size", 64)
    assert tellapart("embed", data, "-o", tmp_path / "seen.npz", "--backbone", "lite2", "--size", 64).code == 0
    outcome = tellapart("train", data, "-o", tmp_path / "run", *named, "--json")
    assert outcome.code == 0, outcome.err
    told = outcome.json["backbone"]
    assert (told["name"], told["size"], told["sizes"]) == ("lite0+lite2", 64, [64, 64])
    assert "64 \N{MULTIPLICATION SIGN} 64 + 64 \N{MULTIPLICATION SIGN} 64" in (
        tmp_path / "run" / "report.html"
    ).read_text(encoding="utf-8")
    model = tmp_path / "run" / "model.tellapart"
    answers = tellapart("predict", model, data, "--format", "jsonl").out.splitlines()
    assert len(answers) == 16
    assert tellapart("evaluate", model, data, "--json").json["n"] == 16
    explained = tellapart("explain", model, data / "cat", "--json", "-o", tmp_path / "maps").out
    assert {row["method"] for row in json.loads(explained)["pictures"]} == {"exact"}


def test_commands__fine_tuning_of_joined_bases(tellapart, tmp_path, fresh_cache):
    pytest.importorskip("torch", reason="needs the extra: pip install 'tellapart[torch]'")
    data = write_classes(tmp_path / "data", {"cat": 8, "dog": 8})
    named = ("--backbone", "lite0+lite2", "--size", 64, "--recipe", "finetune", "--epochs", 1)
    outcome = tellapart("train", data, "-o", tmp_path / "tuned", *named)
    assert outcome.code == 0, outcome.err
    assert "Looking at views of train with the frozen part (lite0)" in outcome.err
    assert outcome.err.count("Kept: ") + outcome.err.count("stay as they were") == 1
    selected = json.loads((tmp_path / "tuned" / "metrics.json").read_text(encoding="utf-8"))["selected"]
    assert selected["trained_from"].startswith("lite2.")
    answers = tellapart("predict", tmp_path / "tuned" / "model.tellapart", data, "--format", "jsonl").out.splitlines()
    assert len(answers) == 16


def test_look_at__is_told_of_each_half(joined, tmp_path, fresh_cache):
    assert look_at(some_pictures(tmp_path), joined, Silent()).features.shape == (5, joined.width)
