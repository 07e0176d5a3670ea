"""By what a model file proves itself: drawn pictures with the answers that it must give, and a digest of the rest.

Legend: N pictures, D features, K classes.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart.backbones.backbone import Squares
from tellapart.backbones.engine import EXACT, MIDDLE_SIDE, AnyEngine, compiled
from tellapart.bundle.container import CLASSES, FAMILIAR, RETRAIN, parse_member
from tellapart.bundle.drawn_cards import SIZES, draw_cards, to_png
from tellapart.classifier import Classifier
from tellapart.data.formats import PNG_START
from tellapart.errors import ModelFileError, PictureError
from tellapart.features.kept import Kept, installed, result_key
from tellapart.types import Features, Probabilities

# How far the last depth's features of the test cards may be from those written down, relative to their size. They are
# computed in float32, and the engine that loads the file may compute in bfloat16. Measured over sides from 64 to 320:
# 0.040 to 0.064 for bfloat16; at least 0.123 for pictures upside down, mirrored, or with red and blue exchanged.
TOLERANCE: Mapping[str, float] = {"f32": 0.005, "f16": 0.02, "bf16": 0.09}
HEAD_TOLERANCE = 1e-4  # of logits (relative to the largest) and probabilities from given features: only rounding
KEPT = np.dtype("<f2")  # how features stand in check.json
STATED = ("classes", "preprocess", "temperature", "thresholds", "familiar", "operating_point")  # of model.json
LARGEST_CARD = 1024  # pixels; the largest of ours has 450
MOST_CARDS = 4  # what a file from elsewhere may ask to be computed at once
# In float32 a card takes longest, and says most: rounding moves what is seen in it by less than a hundredth of what any
# mistake does. One lying and one standing; `verify` looks at all of them.
EXACT_CARDS = 2
CARDS_BY = ("bundle/self_check.py", "bundle/drawn_cards.py", "backbones/engine.py", "data")  # what makes them


def check_cards(classifier: Classifier) -> dict[str, Any]:
    """What becomes check.json: the test cards, and what this model makes of them, computed in float32.

    The features prove the way from bytes through the base, whatever the head; the logits and probabilities, which
    follow from the features as they stand here, prove the head and the temperature; the classes prove their order.
    """
    kept = kept_cards(classifier)
    seen = kept.get()
    if seen is None:
        cards = [to_png(card) for card in draw_cards()]
        features = compiled(classifier.base, precision=EXACT).look(prepare_cards(classifier, cards))
        seen = kept.put(seen_cards(cards, features.astype(KEPT)))
    logits, shares = answers_of(classifier, kept_features(seen))
    labels = classifier.predicted(shares)
    return {
        "classes": list(classifier.classes),
        "cards": [
            {
                **card,
                "logits": [round(float(value), 6) for value in logits[place]],
                "probabilities": [round(float(value), 6) for value in shares[place]],
                "label": int(labels[place]),
            }
            for place, card in enumerate(seen)
        ],
    }


def seen_cards(cards: Sequence[bytes], features: NDArray[np.float16]) -> list[dict[str, str]]:
    """Each test card as PNG, and what the base sees in it, float16 [N, D], as they stand in check.json."""
    return [
        {"png": base64.b64encode(card).decode(), "features": base64.b64encode(row.tobytes()).decode()}
        for card, row in zip(cards, features, strict=True)
    ]


def kept_cards(classifier: Classifier) -> Kept[list[dict[str, str]]]:
    """Where `seen_cards` of this very graph are kept."""
    base = classifier.base
    about = [*(single.preprocess.key for single in base.singles), *map(installed, ("openvino", "pillow"))]
    key = result_key("cards", [base.graph, json.dumps([about, base.width]).encode()], sources=CARDS_BY)

    def unpack(packed: bytes) -> list[dict[str, str]]:
        seen: list[dict[str, str]] = json.loads(packed)
        known = kept_features(seen)
        for card in seen:
            card_bytes(card["png"])
        if known.shape != (len(SIZES), base.width) or not np.isfinite(known).all():
            raise ValueError("features of other cards")
        return seen

    return Kept(key=key, pack=lambda seen: json.dumps(seen).encode(), unpack=unpack)


def stated_digest(manifest: Mapping[str, Any], members: Mapping[str, bytes]) -> str:
    """sha256 of what answers and marks depend on beside the graph, so that none of it can come from another file."""
    stated: dict[str, Any] = {name: manifest.get(name) for name in STATED}
    stated["members"] = {
        name: hashlib.sha256(members[name]).hexdigest() for name in (FAMILIAR, CLASSES) if name in members
    }
    return hashlib.sha256(json.dumps(stated, sort_keys=True).encode()).hexdigest()


def self_check(classifier: Classifier, engine: AnyEngine, *, check: bytes, stated: str, path: Path) -> float:
    """Let a classifier answer for its test cards, all the way from bytes; how far its features are off, relatively.

    Args:
        classifier: as it was read from the model file.
        engine: runs its base.
        check: check.json.
        stated: the digest of what else the file states.
        path: the model file.

    Raises:
        ModelFileError: check.json is malformed, or something is off by more than its tolerance.
    """
    known = parse_member(check, what="check.json", path=path)
    try:
        cards = shown_cards(classifier, known)
        looked = cards[:EXACT_CARDS] if engine.precision == EXACT else cards
        pictures, features = [card_bytes(card["png"]) for card in looked], kept_features(cards)
        apart = feature_distance(classifier, engine.look(prepare_cards(classifier, pictures)), features[: len(looked)])
        expected = [np.array([card[name] for card in cards], np.float64) for name in ("logits", "probabilities")]
        answers = answers_of(classifier, features)
        head = max(map(largest_difference, answers, expected))
        labels = [card.get("label") for card in cards]  # files of older versions have none
        if labels[0] is not None and labels != classifier.predicted(answers[1]).tolist():
            head = math.inf
    except (LookupError, TypeError, ValueError, ArithmeticError, PictureError, RuntimeError, MemoryError) as error:
        raise ModelFileError("the self-check in the model file cannot be run", where=path, hint=RETRAIN) from error
    if known.get("classes") != list(classifier.classes) or not head <= HEAD_TOLERANCE:
        raise ModelFileError("model.json or the head was changed after training", where=path, hint=RETRAIN)
    if not apart <= TOLERANCE[engine.precision]:
        what = f"the model file gives other answers here than where it was made (off by {apart:.3f})"
        raise ModelFileError(what, where=path, hint="Do not use it; train it again on this machine.")
    if known.get("stated", stated) != stated:  # not in older files
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

    Of a joined base it is that of the half which is further off. Where nothing but zeros is expected, as of lite2 at
    32 px, it is the distance itself.

    Raises:
        ValueError: they are of different shapes, or something is expected that is no number.
    """
    distances = []
    for last in classifier.base.last_depths:
        reference = expected[:, last].astype(np.float64)
        if given.shape != expected.shape or not np.isfinite(reference).all():
            raise ValueError(f"features of shape {expected.shape}, not {given.shape}, or not finite")
        distances.append(float(np.linalg.norm(given[:, last] - reference) / (np.linalg.norm(reference) or 1.0)))
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
