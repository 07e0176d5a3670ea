"""A model file proves itself on its test cards: what changes answers is found, rounding is not."""

import base64
import json
import math
import struct

import numpy as np
import pytest

from tellapart.backbones.catalogue import load_backbone
from tellapart.backbones.engine import Engine, compiled, native_precision
from tellapart.bundle import self_check as self_check_module
from tellapart.bundle.bundle import assemble, pack_bundle, read_bundle
from tellapart.bundle.container import write_container
from tellapart.bundle.drawn_cards import draw_cards, to_png
from tellapart.bundle.self_check import TOLERANCE
from tellapart.classifier import Classifier
from tellapart.data.preprocess import Prepared, Preprocess
from tellapart.heads.linear import LinearHead
from test_bundle_bundle import with_head


@pytest.mark.parametrize(
    "mistake",
    [
        lambda pixels: pixels[:, :, ::-1],
        lambda pixels: pixels[::-1],
        lambda pixels: pixels[:, ::-1],
        lambda pixels: pixels.transpose(1, 0, 2),
        lambda pixels: pixels // 2,
        lambda pixels: pixels[::4, ::4].repeat(4, axis=0).repeat(4, axis=1),
    ],
    ids=["red and blue exchanged", "upside down", "mirrored", "axes exchanged", "too dark", "coarse resize"],
)
def test_self_check__fires_when_pictures_are_prepared_in_another_way(parts, refused, monkeypatch, mistake):
    apply = Preprocess.apply

    def mistaken(self, content):
        return Prepared(pixels=np.ascontiguousarray(mistake(apply(self, content).pixels)))

    monkeypatch.setattr(Preprocess, "apply", mistaken)
    assert "gives other answers" in refused(*parts)


@pytest.mark.parametrize(("name", "size"), [("lite0", 64), ("lite0", 320), ("lite2", 260)])
def test_self_check__leaves_room_between_rounding_and_a_mistake(name, size):
    """The tolerance of bfloat16 must not take in what it is there to find."""
    backbone = load_backbone(name, size=size)
    start, stop = backbone.last.start, backbone.last.stop
    head = LinearHead(weight=np.zeros((1280, 2), np.float32), bias=np.zeros(2, np.float32), start=start, stop=stop)
    bundle = assemble(*pack_bundle(Classifier(classes=("a", "b"), base=backbone, head=head), manifest={}, card=""), "x")
    squares = self_check_module.prepare_cards(bundle.classifier, [to_png(pixels) for pixels in draw_cards()])
    exact = Engine(bundle.classifier.base, precision="f32")
    expected = exact.look(squares).astype(np.float16)

    def distance(engine, pictures):
        return self_check_module.feature_distance(bundle.classifier, engine.look(pictures), expected)

    mistakes = (lambda square: square[..., ::-1], lambda square: square[::-1], lambda square: square[:, ::-1])
    wrong = [distance(exact, [(mistake(square),) for (square,) in squares]) for mistake in mistakes]
    assert min(wrong) > 1.4 * max(TOLERANCE.values())
    assert distance(exact, squares) < TOLERANCE["f32"]
    assert (
        distance(Engine(bundle.classifier.base, precision=native_precision()), squares)
        < TOLERANCE[native_precision()] / 1.2
    )


def test_self_check__a_last_depth_that_sees_nothing_in_so_small_a_square_is_no_damage(tmp_path):
    backbone = load_backbone("lite2", size=32)
    weight, bias = np.ones((backbone.width, 2), np.float32), np.zeros(2, np.float32)
    head = LinearHead(weight=weight, bias=bias, start=0, stop=backbone.width)
    packed = pack_bundle(Classifier(classes=("a", "b"), base=backbone, head=head), manifest={}, card="")
    bundle = assemble(*packed, "x")
    last = bundle.classifier.base.last_depths[0]
    nothing = np.zeros((2, backbone.width), np.float16)
    seen = np.zeros((2, backbone.width), np.float32)
    assert self_check_module.feature_distance(bundle.classifier, seen, nothing) == 0
    seen[0, last.stop - 1] = 0.5
    assert self_check_module.feature_distance(bundle.classifier, seen, nothing) == 0.5
    write_container(tmp_path / "model.tellapart", *packed)
    assert read_bundle(tmp_path / "model.tellapart")[0].classifier.classes == ("a", "b")


@pytest.mark.parametrize(
    "change",
    [
        lambda weight: weight[:, [1, 2, 0]],
        lambda weight: weight[::-1],
        lambda weight: weight * 0,
        lambda weight: -weight,
        lambda weight: weight + np.random.default_rng(0).normal(0, 0.02, weight.shape).astype(np.float32),
    ],
    ids=["classes permuted", "features reversed", "zero", "negated", "noise"],
)
def test_self_check__fires_when_the_head_was_changed(parts, refused, change):
    manifest, members = parts
    members["model.onnx"] = with_head(members["model.onnx"], change)
    assert "the head was changed" in refused(manifest, members)


def test_self_check__fires_when_the_classes_change_places(parts, refused):
    manifest, members = parts
    assert "changed after training" in refused(manifest | {"classes": ["dog", "cat", "owl"]}, members)


def test_self_check__fires_when_the_temperature_was_changed(parts, refused):
    manifest, members = parts
    assert "changed after training" in refused(manifest | {"temperature": manifest["temperature"] * 50}, members)


@pytest.mark.parametrize("sides", [(2000, 2000), (60_000, 60_000), (2**31 - 1, 1)])
def test_self_check__a_card_that_is_no_small_picture(parts, refused, sides):
    manifest, members = parts
    check = json.loads(members["check.json"])
    content = bytearray(base64.b64decode(check["cards"][0]["png"]))
    content[16:24] = struct.pack(">2L", *sides)
    check["cards"][0]["png"] = base64.b64encode(content).decode()
    assert "self-check" in refused(manifest, members | {"check.json": json.dumps(check).encode()})


@pytest.mark.parametrize("content", [b"[" * 100_000, b'{"a":' * 100_000, b'{"cards": ' + b"9" * 10_000 + b"}"])
def test_self_check__json_that_is_too_deep_or_too_large(parts, refused, content):
    manifest, members = parts
    refused(manifest, members | {"check.json": content})


@pytest.mark.parametrize("name", ["cards", "classes"])
@pytest.mark.parametrize("value", [None, [], {}, [5], [{}], "text", 5])
def test_self_check__a_list_that_is_none(parts, refused, name, value):
    manifest, members = parts
    check = json.loads(members["check.json"]) | {name: value}
    refused(manifest, members | {"check.json": json.dumps(check).encode()})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("png", None),
        ("png", "?"),
        ("png", base64.b64encode(b"no picture").decode()),
        ("features", None),
        ("features", ""),
        ("features", "AAAA"),
        ("features", base64.b64encode(bytes(2 * 2992)).decode()),
        ("logits", None),
        ("logits", [0.5]),
        ("logits", [math.nan] * 3),
        ("logits", [10**400] * 3),
        ("logits", [1e400] * 3),
        ("probabilities", [10**400, 0, 0]),
        ("logits", ["a", "b", "c"]),
        ("probabilities", [0.2, 0.3, 0.5]),
        ("probabilities", []),
        ("probabilities", [math.inf] * 3),
    ],
)
def test_self_check__a_card_that_is_none(parts, refused, name, value):
    manifest, members = parts
    check = json.loads(members["check.json"])
    check["cards"][1][name] = value
    refused(manifest, members | {"check.json": json.dumps(check).encode()})


def test_self_check__computes_no_more_cards_than_the_most_whatever_a_file_holds(parts, rewritten, monkeypatch):
    manifest, members = parts
    check = json.loads(members["check.json"])
    check["cards"] = check["cards"] * 20
    computed = []
    prepare = self_check_module.prepare_cards
    monkeypatch.setattr(
        self_check_module, "prepare_cards", lambda bundle, cards: computed.append(len(cards)) or prepare(bundle, cards)
    )
    read_bundle(rewritten(manifest, members | {"check.json": json.dumps(check).encode()}))
    assert len(check["cards"]) > self_check_module.MOST_CARDS
    exact = native_precision() == "f32"
    assert computed == [self_check_module.EXACT_CARDS if exact else self_check_module.MOST_CARDS]


def test_draw_cards__are_unlike_their_mirror_images_and_exchanged_colours():
    for pixels in draw_cards():
        height, width, _ = pixels.shape
        assert height != width
        for other in (pixels[::-1], pixels[:, ::-1], pixels[:, :, ::-1]):
            assert np.abs(other.astype(int) - pixels).mean() > 10


def test_check_cards__are_drawn_and_never_pictures_of_the_user(trained, parts):
    cards = json.loads(parts[1]["check.json"])["cards"]
    drawn = [to_png(pixels) for pixels in draw_cards()]
    assert [base64.b64decode(each["png"]) for each in cards] == drawn


@pytest.mark.usefixtures("fresh_cache")
def test_check_cards__of_the_same_graph_are_looked_at_once(parts, monkeypatch):
    classifier = assemble(*parts, "x").classifier
    made = self_check_module.check_cards(classifier)
    looked = []

    def counted(base, *, precision):
        looked.append(base)
        return compiled(base, precision=precision)

    monkeypatch.setattr(self_check_module, "compiled", counted)
    assert self_check_module.check_cards(classifier) == made
    assert looked == []
    manifest, members = parts
    changed = {**members, "model.onnx": with_head(members["model.onnx"], lambda weight: weight * 2)}
    other = assemble(manifest, changed, "x").classifier
    assert self_check_module.check_cards(other)["cards"][0]["logits"] != made["cards"][0]["logits"]
    assert len(looked) == 1


@pytest.mark.parametrize("seen", [[], [{"png": ""}], [{"png": "", "features": ""}] * 4, 7, {"cards": []}])
def test_kept_cards__refuses_what_is_no_card(parts, seen):
    kept = self_check_module.kept_cards(assemble(*parts, "x").classifier)
    with pytest.raises((ValueError, KeyError, TypeError)):
        kept.unpack(json.dumps(seen).encode())


def test_self_check__looks_at_two_cards_in_float32_and_at_all_in_less(parts):
    class Counting:
        def __init__(self, engine, precision):
            self.engine, self.precision, self.shown = engine, precision, 0

        def look(self, squares):
            self.shown += len(squares)
            return self.engine.look(squares)

    classifier = assemble(*parts, "x").classifier
    for precision, cards in (("f32", 2), ("bf16", 4)):
        engine = Counting(Engine(classifier.base, precision="f32"), precision)
        stated = self_check_module.stated_digest(*parts)
        self_check_module.self_check(classifier, engine, check=parts[1]["check.json"], stated=stated, path="x")
        assert engine.shown == cards
