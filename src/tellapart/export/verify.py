"""Asking every door about the test cards of a model file, or about real pictures.

Legend: N pictures, D features, K classes.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tellapart.bundle.bundle import Bundle
from tellapart.bundle.container import parse_member
from tellapart.bundle.parity import whole_picture
from tellapart.bundle.runtimes import Run
from tellapart.bundle.self_check import card_bytes, kept_features, shown_cards
from tellapart.classifier import Classifier
from tellapart.data.decode import decode
from tellapart.errors import DataError, MissingExtraError, ModelFileError
from tellapart.export.agreement import Agreement, Said, agreement_of, said_by_graph
from tellapart.export.doors import DOORS
from tellapart.features.embed import Embedded
from tellapart.heads.abstention import Flags
from tellapart.progress import Progress, in_stage
from tellapart.types import Features, Pixels

CARDS, PICTURES = "test cards", "pictures"
LARGEST_CARD: Final = 1 << 15  # px; none is decoded smaller than it is
READABLE: Final = "docs/formats.md lists what can be read."
CANNOT: Final = (KeyError, ValueError, TypeError, RuntimeError)  # what runtimes raise of a graph that does not fit


def expected_of(classifier: Classifier, features: Features) -> Said:
    """What a classifier says by features float32 [N, D]."""
    probabilities = classifier.probabilities(features)
    return Said(
        probabilities=probabilities,
        labels=classifier.predicted(probabilities),
        flags=classifier.flags(probabilities, features),
        features=features,
    )


def cards_of(bundle: Bundle, *, most: int | None = None) -> tuple[list[bytes], Said]:
    """Test cards of a bundle that has proved itself, as PNG files, and what must be said of them; None for all."""
    check = parse_member(bundle.members["check.json"], what="check.json", path=Path("model.tellapart"))
    cards = shown_cards(bundle.classifier, check)[:most]
    features = kept_features(cards).astype(np.float32)
    return [card_bytes(card["png"]) for card in cards], expected_of(bundle.classifier, features)


def row_on_cards(bundle: Bundle, run: Run, *, door: str, own: Said | None = None, most: int | None = None) -> Agreement:
    """How a whole graph answers about the test cards of the bundle that it must agree with, or the first of them.

    A graph that cannot answer at all differs. `own` is what it must say where that is not what the bundle says.
    """
    pictures, expected = shown_and_expected(bundle, most=most)
    try:
        said = said_by_graph(run, pictures, bundle.classifier)
    except CANNOT as error:
        return Agreement(door=door, on=CARDS, pictures=len(pictures), reason=f"it cannot answer ({error})")
    return agreement_of(door, CARDS, bundle.classifier, said, own or expected)


def shown_and_expected(bundle: Bundle, *, most: int | None = None) -> tuple[list[Pixels], Said]:
    """Test cards as pixels uint8 [H, W, 3] each, and what must be said of them; None for all."""
    cards, expected = cards_of(bundle, most=most)
    return [np.ascontiguousarray(decode(card, at_least=LARGEST_CARD).pixels) for card in cards], expected


def rows_by_doors(bundle: Bundle, model: Path) -> Iterator[Agreement]:
    """How each way into the program answers about the test cards of a model file."""
    cards, expected = cards_of(bundle)
    with tempfile.TemporaryDirectory(prefix="tellapart-verify-") as folder:
        paths = [Path(folder) / f"card-{number}.png" for number in range(1, len(cards) + 1)]
        for path, card in zip(paths, cards, strict=True):
            path.write_bytes(card)
        for door, ask in DOORS.items():
            try:
                said = ask(model, paths, bundle.classifier.classes)
            except MissingExtraError as error:
                yield Agreement(door=door, on=CARDS, skipped=str(error))
            except (ModelFileError, KeyError, ValueError) as error:
                yield Agreement(door=door, on=CARDS, pictures=len(paths), reason=f"it cannot answer ({error})")
            else:
                yield agreement_of(door, CARDS, bundle.classifier, said, expected)


def rows_on_pictures(
    classifier: Classifier, embedded: Embedded, runs: dict[str, Run], *, progress: Progress
) -> Iterator[Agreement]:
    """How whole graphs answer about pictures, beside the engine that looked at them in float32.

    Raises:
        DataError: not one of the pictures can be read.
    """
    expected, readable = expected_of(classifier, embedded.features), embedded.index
    if not readable.pictures:
        entry = embedded.ledger[0]
        raise DataError(f"none of the pictures can be read ({entry.reason})", where=entry.path, hint=READABLE)
    white = classifier.base.preprocess.white
    for door, run in runs.items():
        parts, kept = list[Said](), list[int]()
        try:
            with in_stage(progress, f"Asking {door}", total=len(readable.pictures), unit="pictures"):
                for row in range(len(readable.pictures)):
                    pixels = whole_picture(readable, row, white=white)
                    if pixels is not None:
                        parts.append(said_by_graph(run, [pixels], classifier))
                        kept.append(row)
                    progress.advance()
        except CANNOT as error:
            yield Agreement(door=door, on=PICTURES, pictures=len(kept), reason=f"it cannot answer ({error})")
        else:
            yield agreement_of(door, PICTURES, classifier, concatenated(parts), at(expected, np.array(kept, np.int64)))


def concatenated(parts: Sequence[Said]) -> Said:
    """What was said of one picture after another."""

    def together(rows: Sequence[NDArray[Any] | None]) -> NDArray[Any] | None:
        there = [row for row in rows if row is not None]
        return np.concatenate(there) if len(there) == len(rows) else None

    return Said(
        probabilities=np.concatenate([part.probabilities for part in parts]),
        labels=np.concatenate([part.labels for part in parts]),
        flags=Flags(
            unsure=together([part.flags.unsure for part in parts]),
            unlike=together([part.flags.unlike for part in parts]),
        ),
        features=together([part.features for part in parts]),
    )


def at(said: Said, rows: NDArray[np.int64]) -> Said:
    """What is said of some of the pictures."""
    return Said(
        probabilities=said.probabilities[rows],
        labels=said.labels[rows],
        flags=said.flags.at(rows),
        features=None if said.features is None else said.features[rows],
    )
