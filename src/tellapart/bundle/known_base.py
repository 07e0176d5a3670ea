"""A model file whose base ships with this package answers by way of that base, whose features may be kept already."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tellapart.backbones.backbone import JOINT, join_bases
from tellapart.backbones.catalogue import BACKBONES, load_backbone
from tellapart.backbones.engine import AnyEngine, compiled
from tellapart.bundle.bundle import Bundle
from tellapart.bundle.drawn_cards import draw_cards, to_png
from tellapart.bundle.self_check import TOLERANCE, prepare_cards
from tellapart.classifier import Classifier


def on_known_base(bundle: Bundle, engine: AnyEngine) -> tuple[Classifier, AnyEngine]:
    """The classifier of a model file on the very base it was trained on, where that ships; else as the file has it.

    The file's own graph holds only the depths that its head reads, and goes by another digest, so that nothing that
    `train` has kept of a picture would be found for it. The digest in model.json says which base it came from; that it
    sees the same in the test cards is tried.

    Args:
        bundle: a model file that has proved itself.
        engine: that which it was proved with.
    """
    classifier, stated = bundle.classifier, bundle.manifest["backbone"]
    own, names = [single.preprocess for single in classifier.base.singles], stated["name"].split(JOINT)
    if not set(names) <= set(BACKBONES) or len(names) != len(own) or classifier.weights is not None:
        return classifier, engine
    bases = [load_backbone(name, size=preprocess.size) for name, preprocess in zip(names, own, strict=True)]
    whole = (bases[0] if len(bases) == 1 else join_bases(bases)).with_white(classifier.base.preprocess.white)
    # Files of earlier versions are of the base without other poolings than the mean.
    base = whole if whole.digest == stated.get("digest") else whole.means_only
    widths = classifier.base.widths
    alike = base.digest == stated.get("digest") and [single.preprocess for single in base.singles] == own
    if not alike or {name: base.widths.get(name) for name in widths} != widths:
        return classifier, engine
    start = next(depth.start for depth in base.depths if depth.name == next(iter(widths)))
    columns = slice(start, start + classifier.base.width)
    known = compiled(base, precision=engine.precision)
    squares = prepare_cards(classifier, [to_png(card) for card in draw_cards()])
    expected, given = engine.look(squares), known.look(squares)[:, columns]
    if not np.linalg.norm(given - expected) <= TOLERANCE[engine.precision] * np.linalg.norm(expected):
        return classifier, engine
    head = replace(classifier.head, start=columns.start, stop=columns.stop)
    return replace(classifier, base=base, head=head), known
