"""The finding about file properties that give the class away: a classifier that sees no picture at all.

Where cats come from one camera and dogs from another, a head may learn the camera. So each property of the files alone
(width, height, proportions, bytes, bytes a pixel, format, EXIF or none, grey or colour) predicts the class of held-out
pictures: its values are cut into bins of equal count, and a bin stands for the class that is over-represented most in
it. All properties together vote with their log likelihood ratios (naive Bayes). The score is the balanced accuracy,
chance is 1 / K, and the test is a permutation of the labels against the predictions, Bonferroni-corrected for the
number of properties.

Legend: N pictures, K classes, B bins.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tellapart.audit.finding import Finding, Item, Severity, found, not_applicable, passed
from tellapart.audit.look import Properties
from tellapart.heads.folds import stratified_folds
from tellapart.seeds import generator
from tellapart.text import percent
from tellapart.types import Labels

BINS = 12
PERMUTATIONS = 1000
LEVEL = 0.01  # of a false alarm, over all properties together
LEAST_SKILL = 0.1  # of the way from chance to perfect; less, however certain, gives no class away
GREAT_SKILL = 0.5
SHOWN = 4  # classes whose medians are told
FEWEST = 20  # pictures; of fewer nothing can be told

TOGETHER = "everything together"
# What a codec makes of the pixels, not what a collector did: a rough texture takes more bytes than a smooth one.
FOLLOWS_CONTENT: Final = frozenset({"bytes", "bytes a pixel", TOGETHER})
PROPERTIES: Final[Mapping[str, Callable[[Properties], float | str]]] = {
    "width": lambda one: one.width,
    "height": lambda one: one.height,
    "proportions": lambda one: one.width / max(one.height, 1),
    "bytes": lambda one: one.size,
    "bytes a pixel": lambda one: one.size / max(one.width * one.height, 1),
    "format": lambda one: one.form,
    "EXIF": lambda one: float(one.exif),
    "greyscale": lambda one: float(one.grey),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Probe:
    """What a property predicts: balanced accuracy, its part of the way from chance to perfect, and the p value."""

    name: str
    accuracy: float
    skill: float
    chance: float
    p_value: float


def find_metadata(
    properties: Sequence[Properties | None], labels: Labels, *, classes: Sequence[str], seed: int
) -> Finding:
    """Whether properties of N files predict their labels int64 [N] better than chance.

    They are None for a picture that is no file of its own, or cannot be read.
    """
    kept = [row for row, one in enumerate(properties) if one is not None]
    present, known, sizes = np.unique(labels[kept], return_inverse=True, return_counts=True)
    told = int((sizes > 1).sum())  # classes that folds can judge: those of one picture are in none
    if not kept:
        return not_applicable("metadata", "warning", "The pictures are no files of their own.")
    if told < 2 or len(kept) < FEWEST:
        count = told if len(present) > 1 else len(present)
        reason = f"It takes two classes and {FEWEST} pictures to tell; there are {count} and {len(kept)}."
        facts = {"fewest": FEWEST, "classes": count, "pictures": len(kept)}
        return not_applicable("metadata", "warning", reason, facts=facts)
    table = {name: _codes([take(one) for one in properties if one is not None]) for name, take in PROPERTIES.items()}
    varying = {name: codes for name, codes in table.items() if len(np.unique(codes)) > 1}
    if not varying:
        return passed("metadata", "warning", "All files have the same size, proportions and format.")
    probes = _probes(varying, known, seed=seed)
    return _judged(probes, examples=_examples(properties, labels, classes))


def _judged(probes: Sequence[_Probe], *, examples: str) -> Finding:
    """The finding; probes hold that of all properties together first."""
    telling = [probe for probe in probes if probe.p_value * len(probes) <= LEVEL and probe.skill >= LEAST_SKILL]
    chance = probes[0].chance
    if not telling:
        best = max(probes, key=lambda probe: probe.accuracy)
        figures = f"the best, {best.name}, tells {percent(best.accuracy)} right (chance is {percent(chance)})"
        message = f"File properties do not give the class away: {figures}."
        return passed("metadata", "warning", message, facts=_facts(best))
    culprits = sorted(telling, key=lambda probe: (probe.name in FOLLOWS_CONTENT, -probe.skill))
    first = culprits[0]
    at_most = "at most " if first.p_value <= 1 / PERMUTATIONS else ""
    harmless = " Compressed sizes follow what pictures show, so this may be harmless."
    return found(
        "metadata",
        _severity(culprits),
        f"Without seeing a picture, {first.name} tells the class of {percent(first.accuracy)} right (each class "
        f"counting alike; chance is {percent(chance)}, p {at_most}{first.p_value:.4f}). {examples}"
        + harmless
        * (first.name in FOLLOWS_CONTENT),
        facts={**_facts(first), "medians": examples, "follows_content": first.name in FOLLOWS_CONTENT},
        advice="A classifier may learn this instead of what the pictures show. Collect each class in the same way, or "
        "save all pictures in one size and format, and in grey where some are.",
        items=[_item(probe) for probe in culprits],
    )


def _facts(probe: _Probe) -> dict[str, object]:
    return {"property": probe.name, "accuracy": probe.accuracy, "chance": probe.chance, "p_value": probe.p_value}


def _severity(culprits: Sequence[_Probe]) -> Severity:
    recorded = [probe.skill for probe in culprits if probe.name not in FOLLOWS_CONTENT]
    if not recorded:
        return "note"
    return "error" if max(recorded) >= GREAT_SKILL else "warning"


def _item(probe: _Probe) -> Item:
    details = {
        "property": probe.name,
        "balanced_accuracy": round(probe.accuracy, 4),
        "skill": round(probe.skill, 4),
        "p_value": round(probe.p_value, 5),
    }
    return Item(text=f"{probe.name}: {percent(probe.accuracy)} of pictures told without seeing them", details=details)


def _examples(properties: Sequence[Properties | None], labels: Labels, classes: Sequence[str]) -> str:
    """Medians of the first classes, so that a reader sees what differs."""
    parts = []
    for label in np.unique(labels)[:SHOWN]:
        own = [one for one, place in zip(properties, labels, strict=True) if one is not None and place == label]
        if own:
            width, height, size = np.median([(one.width, one.height, one.size) for one in own], axis=0)
            parts.append(f"{classes[label]} {width:.0f} x {height:.0f} px, {size / 1000:,.1f} kB")
    return f"Medians: {'; '.join(parts)}."


def _probes(table: Mapping[str, NDArray[np.int64]], labels: Labels, *, seed: int) -> list[_Probe]:
    """One probe of all properties together, and one of each."""
    fold = stratified_folds(labels, seed=seed).fold
    evidence = {name: _held_out_evidence(codes, labels, fold=fold) for name, codes in table.items()}
    together = np.sum(list(evidence.values()), axis=0)
    names = [TOGETHER, *evidence]
    judged = fold >= 0
    predicted = np.stack([scores[judged].argmax(axis=1) for scores in (together, *evidence.values())])
    _, known, sizes = np.unique(labels[judged], return_inverse=True, return_counts=True)
    chance = 1.0 / len(sizes)
    right = _balanced_accuracies(predicted, labels[judged], weights=(chance / sizes)[known])
    shuffles = generator(seed, "metadata")
    as_good = np.zeros(len(names))
    for _ in range(PERMUTATIONS):
        order = shuffles.permutation(len(known))
        by_chance = _balanced_accuracies(predicted, labels[judged][order], weights=(chance / sizes)[known[order]])
        as_good += by_chance >= right - 1e-12
    return [
        _Probe(
            name=name,
            accuracy=float(accuracy),
            skill=float((accuracy - chance) / (1 - chance)),
            chance=chance,
            p_value=float((count + 1) / (PERMUTATIONS + 1)),
        )
        for name, accuracy, count in zip(names, right, as_good, strict=True)
    ]


def _balanced_accuracies(
    predicted: NDArray[np.int64], labels: Labels, *, weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The balanced accuracy of each row of predictions [P, N]; weights [N] make every class count alike."""
    accuracies: NDArray[np.float64] = (predicted == labels) @ weights
    return accuracies


def _codes(values: Sequence[float | str]) -> NDArray[np.int64]:
    """The bin of each value, int64 [N]: every value its own where there are few, else bins of equal count."""
    distinct, codes = np.unique(np.array(values), return_inverse=True)
    if len(distinct) <= BINS:
        return codes.astype(np.int64)
    edges = np.unique(np.quantile(codes, np.arange(1, BINS) / BINS))
    return np.searchsorted(edges, codes, side="right").astype(np.int64)


def _held_out_evidence(codes: NDArray[np.int64], labels: Labels, *, fold: NDArray[np.int64]) -> NDArray[np.float64]:
    """Evidence log P(bin | class) float64 [N, K] by the pictures of the other folds, each bin with one more."""
    bins, classes = int(codes.max()) + 1, int(labels.max()) + 1
    result = np.zeros((len(codes), classes))
    for number in range(int(fold.max()) + 1):
        counts = np.ones((bins, classes))
        others = fold != number
        np.add.at(counts, (codes[others], labels[others]), 1.0)
        held = fold == number
        result[held] = np.log(counts / counts.sum(axis=0))[codes[held]]
    return result
