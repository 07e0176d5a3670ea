"""model.tellapart: everything that an answer depends on, in one file that checks itself.

Legend: N pictures, H W sides, D features, K classes.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart.backbones.backbone import MOST_HALVES, RESIZED, Backbone, Squares, join, joined_name
from tellapart.backbones.engine import MIDDLE_SIDE, AnyEngine, compiled, native_precision, pictures_per_request
from tellapart.backbones.graph_check import check_graph
from tellapart.bundle.abstention import pack_abstention, read_abstention
from tellapart.bundle.container import CLASSES, FAMILIAR, RETRAIN, parse_json, read_container
from tellapart.bundle.graph import (
    FEATURES,
    HEAD_BIAS,
    HEAD_WEIGHT,
    OUTPUTS,
    half_names,
    model_graph,
    narrowed,
    used_depths,
)
from tellapart.bundle.operating_point import read_operating_point
from tellapart.bundle.self_test import draw_cards, to_png
from tellapart.classifier import Classifier
from tellapart.data.formats import PNG_START
from tellapart.data.preprocess import Preprocess
from tellapart.errors import ModelFileError, PictureError
from tellapart.files import to_json
from tellapart.heads.linear import LinearHead
from tellapart.types import Features, Probabilities

# How far the last depth's features of the test cards may be from those written down, relative to their size. They are
# computed in float32, and the engine that loads the file may compute in bfloat16. Measured over sides from 64 to 320:
# 0.040 to 0.064 for bfloat16; at least 0.123 for pictures upside down, mirrored, or with red and blue exchanged.
TOLERANCE: Mapping[str, float] = {"f32": 0.005, "f16": 0.02, "bf16": 0.09}
HEAD_TOLERANCE = 1e-4  # of logits (relative to the largest) and probabilities from given features: only rounding
KEPT = np.dtype("<f2")  # how features stand in check.json
GRAPH, CARD, WEIGHTS = "model.onnx", "README.md", "weights.safetensors"
STATED = ("classes", "preprocess", "temperature", "thresholds", "familiar", "operating_point")  # of model.json
LARGEST_CARD = 1024  # pixels; the largest of ours has 450
TEMPERATURES = (1e-3, 1e3)  # calibration stays within 1/20 and 20
MOST_CARDS = 4  # what a file from elsewhere may ask to be computed at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """A model file, read and checked.

    Attributes:
        classifier: what answers.
        manifest: model.json as it stands.
        members: the other members of the file, by name.
    """

    classifier: Classifier
    manifest: Mapping[str, Any]
    members: Mapping[str, bytes]


def pack_bundle(
    classifier: Classifier, *, manifest: Mapping[str, Any], card: str = ""
) -> tuple[dict[str, Any], dict[str, bytes]]:
    """The manifest and members of a model file, for `write_container`.

    Args:
        classifier: what answers.
        manifest: what else model.json says (recipe, versions, what was selected).
        card: the model card, Markdown.
    """
    base, head = narrowed(classifier.base, classifier.head)
    depths = {depth.name: depth.stop - depth.start for depth in used_depths(base, head)}
    thresholds, directions = pack_abstention(classifier.abstention)
    document = {
        **manifest,
        "classes": list(classifier.classes),
        "preprocess": base.preprocess.to_json(),
        "backbone": {"name": base.name, "digest": base.digest, "depths": depths, **pack_halves(base, depths)},
        "temperature": classifier.temperature,
        "operating_point": None if classifier.operating is None else classifier.operating.to_json(),
        **thresholds,
    }
    graph = model_graph(base, head, temperature=classifier.temperature, costs=classifier.costs)
    members = {GRAPH: graph, CARD: card.encode(), **directions}
    if classifier.weights is not None:
        members[WEIGHTS] = classifier.weights
    check = check_cards(assemble(document, members, Path("model.tellapart")).classifier)
    check["stated"] = stated_digest(document, members)
    return document, {**members, "check.json": (to_json(check) + "\n").encode()}


def pack_halves(base: Backbone, depths: Mapping[str, int]) -> dict[str, Any]:
    """What model.json says of the halves of a joined base: name, preprocess, and which depths are whose."""
    if not base.halves:
        return {}
    halves = []
    for half in base.halves:
        named = [joined_name(half, depth) for depth in half.widths if joined_name(half, depth) in depths]
        halves.append({"name": half.name, "preprocess": half.preprocess.to_json(), "depths": named})
    return {"halves": halves}


def read_bundle(path: Path, *, precision: str | None = None) -> tuple[Bundle, AnyEngine]:
    """Read a model file and let it prove itself on its test cards; the bundle and the engine it was proved with.

    Args:
        path: the model file.
        precision: what the engine computes in; None for what the processor does natively.

    Raises:
        ModelFileError: the file is damaged, of a newer schema, changed, or gives other answers than it must.
    """
    return prove_bundle(*read_container(path), path, precision=precision)


def prove_bundle(
    manifest: Mapping[str, Any], members: Mapping[str, bytes], path: Path, *, precision: str | None = None
) -> tuple[Bundle, AnyEngine]:
    """The same of a manifest and members that were read already, out of whatever kind of file."""
    if not {"model.onnx", "check.json"} <= set(members):
        raise ModelFileError("members are missing from the model file", where=path, hint=RETRAIN)
    bundle = assemble(manifest, members, path)
    try:
        engine = compiled(bundle.classifier.base, precision=precision or native_precision())
    except (RuntimeError, KeyError, ValueError, TypeError, MemoryError) as error:
        raise ModelFileError("model.onnx cannot be run", where=path, hint=RETRAIN) from error
    self_check(bundle, engine, path=path)
    return bundle, engine


def assemble(manifest: Mapping[str, Any], members: Mapping[str, bytes], path: Path) -> Bundle:
    """The values of a model file from its manifest and members, each of them checked for type and size."""
    graph = members["model.onnx"]
    try:
        classes = _class_names(manifest["classes"])
        base = read_base(manifest, graph)
        temperature = _number(manifest["temperature"])
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ModelFileError(
            "something in model.json is missing or makes no sense", where=path, hint=RETRAIN
        ) from error
    low, high = TEMPERATURES
    if not low <= temperature <= high:  # nor where it is no number
        what = f"the temperature in model.json is none from {low:g} to {high:g}"
        raise ModelFileError(what, where=path, hint=RETRAIN)
    head = read_head(base, class_count=len(classes), path=path)
    last, selected = base.last, manifest.get("selected")
    classifier = Classifier(
        classes=classes,
        base=base,
        head=head,
        temperature=temperature,
        operating=read_operating_point(manifest.get("operating_point"), class_count=len(classes), path=path),
        abstention=read_abstention(manifest, members, width=last.stop - last.start, path=path),
        selected=selected if isinstance(selected, dict) else {},
        weights=members.get(WEIGHTS),
    )
    return Bundle(classifier=classifier, manifest=manifest, members=members)


def read_base(manifest: Mapping[str, Any], graph: bytes) -> Backbone:
    """The base that a manifest tells of, in the graph of its file, joined where it has halves.

    Raises:
        KeyError, TypeError, ValueError, AttributeError: something in it is missing, or makes no sense.
    """
    told = manifest["backbone"]
    widths = {name: _width(width) for name, width in told["depths"].items()}
    base = Backbone(
        name=_text(told["name"]),
        graph=graph,
        preprocess=Preprocess.from_json(manifest["preprocess"]),
        widths=widths,
        outputs=(FEATURES,),
        entry=RESIZED,
    )
    if "halves" not in told:
        return _with_last(base)
    if not 2 <= len(told["halves"]) <= MOST_HALVES:
        raise ValueError("it has no number of halves that is known")
    read = []
    for half in told["halves"]:
        single = replace(base, name=_text(half["name"]), preprocess=Preprocess.from_json(half["preprocess"]))
        called = half_names(single)
        own = {name: widths[name] for name in half["depths"]}
        single = replace(single, widths=own, outputs=(called(FEATURES),), entry=called(RESIZED))
        read.append(_with_last(single))
    joined, named = replace(join(read), graph=graph, outputs=base.outputs), [half.name for half in read]
    if len(set(named)) < len(named) or joined.name != base.name or list(joined.widths.items()) != list(widths.items()):
        raise ValueError("the halves are not those of the base")
    if joined.preprocess != base.preprocess:
        raise ValueError("the larger square is another one")
    return joined


def _with_last(base: Backbone) -> Backbone:
    """The base itself; a ValueError if it has no depth that is pooled by its mean."""
    if base.means == slice(0, 0):
        raise ValueError("no depth is pooled by its mean")
    return base


def read_head(base: Backbone, *, class_count: int, path: Path) -> LinearHead:
    """The linear head inside the graph of a model file, which is looked at here before any engine does.

    Raises:
        ModelFileError: the graph is damaged, holds what no net of ours does, would take too much time or memory, or has
            a head of another shape than the manifest says.
    """
    squares = {single.entry: single.preprocess.size for single in base.singles}
    pictures = max(map(pictures_per_request, squares.values()))
    try:
        graph = check_graph(base.graph, squares=squares, pictures=pictures, outputs=OUTPUTS)
        weight, bias = (np.array(graph.tensors[name].values, np.float32) for name in (HEAD_WEIGHT, HEAD_BIAS))
        if weight.shape != (base.width, class_count) or bias.shape != (class_count,):
            raise ValueError(f"the head is {weight.shape}, not {(base.width, class_count)}")  # noqa: TRY301
    except KeyError as error:
        raise ModelFileError("model.onnx has no head", where=path, hint=RETRAIN) from error
    except ValueError as error:
        what = f"model.json and model.onnx do not fit together ({error})"
        raise ModelFileError(what, where=path, hint=RETRAIN) from error
    return LinearHead(weight=weight, bias=bias, start=0, stop=base.width)


def stated_digest(manifest: Mapping[str, Any], members: Mapping[str, bytes]) -> str:
    """sha256 of what answers and marks depend on beside the graph, so that none of it can come from another file."""
    stated: dict[str, Any] = {name: manifest.get(name) for name in STATED}
    stated["members"] = {
        name: hashlib.sha256(members[name]).hexdigest() for name in (FAMILIAR, CLASSES) if name in members
    }
    return hashlib.sha256(json.dumps(stated, sort_keys=True).encode()).hexdigest()


def check_cards(classifier: Classifier) -> dict[str, Any]:
    """What becomes check.json: the test cards, and what this model makes of them, computed in float32.

    The features prove the way from bytes through the base, whatever the head; the logits and probabilities, which
    follow from the features as they stand here, prove the head and the temperature; the classes prove their order.
    """
    cards = [to_png(card) for card in draw_cards()]
    features = compiled(classifier.base, precision="f32").look(prepare_cards(classifier, cards)).astype(KEPT)
    logits, shares = answers_of(classifier, features)
    labels = classifier.predicted(shares)
    return {
        "classes": list(classifier.classes),
        "cards": [
            {
                "png": base64.b64encode(card).decode(),
                "features": base64.b64encode(row.tobytes()).decode(),
                "logits": [round(float(value), 6) for value in logits[place]],
                "probabilities": [round(float(value), 6) for value in shares[place]],
                "label": int(labels[place]),
            }
            for place, (card, row) in enumerate(zip(cards, features, strict=True))
        ],
    }


def self_check(bundle: Bundle, engine: AnyEngine, *, path: Path) -> float:
    """Let a bundle answer for its test cards, all the way from bytes; how far its features are off, relatively.

    Raises:
        ModelFileError: check.json is malformed, or something is off by more than its tolerance.
    """
    classifier = bundle.classifier
    check = parse_json(bundle.members["check.json"], what="check.json", path=path)
    try:
        cards = shown_cards(classifier, check)
        pictures, features = [card_bytes(card["png"]) for card in cards], kept_features(cards)
        apart = feature_distance(classifier, engine.look(prepare_cards(classifier, pictures)), features)
        stated = [np.array([card[name] for card in cards], np.float64) for name in ("logits", "probabilities")]
        answers = answers_of(classifier, features)
        head = max(map(largest_difference, answers, stated))
        labels = [card.get("label") for card in cards]  # files of older versions have none
        if labels[0] is not None and labels != classifier.predicted(answers[1]).tolist():
            head = math.inf
    except (LookupError, TypeError, ValueError, ArithmeticError, PictureError, RuntimeError, MemoryError) as error:
        raise ModelFileError("the self-check in the model file cannot be run", where=path, hint=RETRAIN) from error
    if check.get("classes") != list(classifier.classes) or not head <= HEAD_TOLERANCE:
        raise ModelFileError("model.json or the head was changed after training", where=path, hint=RETRAIN)
    if not apart <= TOLERANCE[engine.precision]:
        what = f"the model file gives other answers here than where it was made (off by {apart:.3f})"
        raise ModelFileError(what, where=path, hint="Do not use it; train it again on this machine.")
    if check.get("stated", given := stated_digest(bundle.manifest, bundle.members)) != given:  # not in older files
        what = "the thresholds or costs in model.json are not those that the model file was made with"
        raise ModelFileError(what, where=path, hint=RETRAIN)
    return apart


def shown_cards(classifier: Classifier, check: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The cards in check.json that are looked at: of large squares one, since each takes as long as four usual ones."""
    cards: list[Mapping[str, Any]] = check["cards"][
        : MOST_CARDS if classifier.base.preprocess.size <= MIDDLE_SIDE else 1
    ]
    return cards


def kept_features(cards: Sequence[Mapping[str, Any]]) -> NDArray[np.float16]:
    """What the base saw in test cards where the file was made, float16 [N, D]."""
    kept = [base64.b64decode(card["features"], validate=True) for card in cards]
    return np.stack([np.frombuffer(row, KEPT) for row in kept])


def card_bytes(encoded: str) -> bytes:
    """The bytes of a test card, a small PNG, from how it stands in check.json.

    Raises:
        ValueError: it is no PNG, or not small.
    """
    content = base64.b64decode(encoded, validate=True)
    if (
        content[:8] != PNG_START
        or content[12:16] != b"IHDR"
        or max(struct.unpack(">2L", content[16:24])) > LARGEST_CARD
    ):
        raise ValueError("a test card that is no small PNG")
    return content


def answers_of(classifier: Classifier, features: NDArray[np.float16]) -> tuple[NDArray[np.float64], Probabilities]:
    """Logits and probabilities, float64 [N, K] each, of kept features float16 [N, D]."""
    rows = features.astype(np.float32)
    return classifier.head.logits(rows), classifier.probabilities(rows)


def feature_distance(classifier: Classifier, given: Features, expected: NDArray[np.float16]) -> float:
    """The distance between features [N, D] in the last depth, relative to the size of the expected ones.

    Of a joined base it is that of the half which is further off.

    Raises:
        ValueError: they are of different shapes, or nothing finite is expected.
    """
    distances = []
    for last in classifier.base.last_depths:
        reference = expected[:, last].astype(np.float64)
        if given.shape != expected.shape or not reference.any() or not np.isfinite(reference).all():
            raise ValueError(f"features of shape {expected.shape}, not {given.shape}, or not finite")
        distances.append(float(np.linalg.norm(given[:, last] - reference) / np.linalg.norm(reference)))
    return max(distances)


def prepare_cards(classifier: Classifier, cards: Sequence[bytes]) -> list[Squares]:
    """What the base is shown of pictures given as the bytes of their files."""
    return list(map(classifier.base.squares, cards))


def largest_difference(given: NDArray[np.float64], expected: NDArray[np.float64]) -> float:
    """The largest difference between arrays [N, K], relative to what is expected where that is above 1.

    Raises:
        ValueError: they are of different shapes, or something is given or expected that is no number.
    """
    if expected.shape != given.shape or not np.isfinite(expected).all() or not np.isfinite(given).all():
        raise ValueError(f"values of shape {expected.shape}, not {given.shape}, or not finite")
    return float(np.abs(given - expected).max() / max(1.0, np.abs(expected).max()))


def _class_names(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or len(value) < 2:
        raise ValueError("classes are not a list of names")
    names = tuple(_text(name) for name in value)
    if len(set(names)) < len(names):
        raise ValueError("two classes of one name")
    return names


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not a text")  # noqa: TRY004  one kind of error for a document that is wrong
    value.encode()  # a lone surrogate, which no file can hold, is a ValueError too
    return value


def _width(value: object) -> int:
    if type(value) is not int or value < 1:
        raise ValueError(f"{value!r} is not a number of features")
    return value


def _number(value: object) -> float:
    if type(value) not in (int, float):
        raise ValueError(f"{value!r} is not a number")
    return float(value)  # type: ignore[arg-type]
