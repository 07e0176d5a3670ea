"""The longer look at a run: learning curve, suspects and heat maps, kept in RUN/analysis.json.

`train` takes it where it is cheap (see CHEAP), and `report` where it has not been taken yet. Nothing here is chosen by
it, and apart from the heat maps of its mistakes nothing of the test split is looked at.

Legend: N pictures, D features, K classes, h w of a heat map.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tellapart import seeds
from tellapart.backbones.backbone import Backbone
from tellapart.backbones.engine import AnyEngine
from tellapart.bundle.bundle import Bundle, read_bundle
from tellapart.bundle.known_base import on_known_base
from tellapart.classifier import Classifier
from tellapart.data.groups import group_numbers, label_numbers
from tellapart.errors import TellapartError
from tellapart.evaluation.advice import Suspicion
from tellapart.evaluation.learning_curve import Materials, learning_curve, nested_order
from tellapart.evaluation.run_metrics import RunMetrics
from tellapart.evaluation.suspects import LabelSuspect, find_suspects, out_of_fold_probabilities
from tellapart.explain.explain import explain_pictures
from tellapart.explain.heat_map import EXACT, HeatMap
from tellapart.explain.overlay import evidence_limit, strongest_evidence
from tellapart.features.look import look_at
from tellapart.heads.setting import RIDGE, chosen_setting
from tellapart.progress import Progress
from tellapart.recipes.prior import taken_out
from tellapart.recipes.request import Dataset, fold_numbers
from tellapart.report import choose
from tellapart.runs import folder as run_folder
from tellapart.runs.read import read_analysis, read_answers, read_splits
from tellapart.runs.write import write_analysis
from tellapart.text import counted
from tellapart.types import Index, Labels, SplitName

JUDGED: tuple[SplitName, ...] = ("train", "valid")
NO_HEAD = "the net itself was trained, and would have to be trained again for every point"
LEFT = "the features are with those who looked"
CLOSED_FORM = "the head was found in closed form, and the points would be those of logistic heads"
# How many views of each picture a recipe trained on; `views` is how fine-tuning, and runs made before, say it.
VIEWS = ("augmented_views", "views")
# Training pictures times classes up to which `train` takes the longer look by itself: what curve and suspects cost
# grows with it. The 2000 cats and dogs (4000) would take some four seconds more, beyond what `train` may cost.
CHEAP = 2_000
# Training pictures times classes whose labels are checked: on two cores some ten seconds at 3000 features. `audit` has
# no such bound. The learning curve has its own, see there.
MOST_CHECKED, FEWEST_CHECKED = 50_000, 2_000
HEAT_SIDE = 28  # squares of a heat map as the page carries it; the base itself sees 7 to 28
MOST_EXACT = 320  # heat maps; an exact one costs two looks
MOST_OCCLUDED = 12  # of 224 px; a map by occlusion costs more than eighty looks, so of smaller inputs there may be more
FIRST_LOOK = 48  # heat maps that `train` draws by itself


def is_cheap(metrics: RunMetrics) -> bool:
    """Whether `train` takes the longer look by itself."""
    return int(metrics.counts["train"]) * len(metrics.classes) <= CHEAP


def analyse(folder: Path, metrics: RunMetrics, *, index: Index, progress: Progress) -> dict[str, Any]:
    """Take the longer look at a run, or read it where it was taken already; the document of analysis.json.

    Args:
        folder: the run.
        metrics: its figures.
        index: its pictures, where they are now.
        progress: told of every stage.

    Raises:
        ModelFileError: the model file is damaged.
        DataError: a file of the run is not what a run writes.
    """
    known = read_analysis(folder)
    if known.get("learning_curve") and known.get("suspects") is not None and known.get("heat_maps_all"):
        return known
    bundle, engine = read_bundle(folder / run_folder.MODEL)
    classifier = bundle.classifier
    if not known.get("learning_curve") or known.get("suspects") is None:
        materials = gather_materials(folder, metrics, index=index, bundle=bundle, engine=engine, progress=progress)
        known |= (
            {"note": materials} if isinstance(materials, str) else {"note": None, **look_at_labels(materials, progress)}
        )
    heats = heat_maps(
        folder, metrics, index=index, classifier=classifier, engine=engine, most=MOST_EXACT, progress=progress
    )
    return write_analysis(folder, {**known, "heat_maps": heats, "heat_maps_all": True})


def first_look(
    folder: Path, metrics: RunMetrics, *, materials: Materials | str, index: Index, progress: Progress
) -> dict[str, Any]:
    """The longer look as `train` takes it: where it is cheap, from what is at hand; {} where it is not."""
    if not is_cheap(metrics) or isinstance(materials, str):
        return {}
    bundle, engine = read_bundle(folder / run_folder.MODEL)
    classifier = bundle.classifier
    heats = heat_maps(
        folder, metrics, index=index, classifier=classifier, engine=engine, most=FIRST_LOOK, progress=progress
    )
    found = {**look_at_labels(materials, progress), "heat_maps": heats, "heat_maps_all": len(heats) < FIRST_LOOK}
    return write_analysis(folder, found)


def materials_of(dataset: Dataset, classifier: Classifier, *, base: Backbone, seed: int) -> Materials | str:
    """What `train` has at hand; or why the longer look cannot be taken, as a clause."""
    head = classifier.head
    setting = chosen_setting(classifier.selected, slice(head.start, head.stop))
    if classifier.weights is not None or setting is None:
        return without_strength(classifier.selected)
    if dataset.left is not None:
        return LEFT
    features, labels, valid = dataset.features, dataset.labels, dataset.valid
    if dataset.leaked:  # what train has shown judges nothing
        kept = np.concatenate([np.arange(dataset.train.start, dataset.train.stop), dataset.clean_valid])
        features, labels, valid = features[kept], labels[kept], slice(dataset.train.stop, len(kept))
    return Materials(
        features=features,
        labels=labels,
        paths=[picture.path for picture in dataset.index.pictures[dataset.train]],
        groups=dataset.groups[dataset.train],
        judged_groups=dataset.groups[dataset.train if dataset.folds is not None else dataset.clean_valid],
        classes=dataset.classes,
        train=dataset.train,
        valid=valid if dataset.folds is None else dataset.train,
        folds=dataset.folds,
        depths=base.depths,
        head=None if trained_on_views(classifier.selected) else head,
        setting=setting,
        seed=seed,
        prior_taken_out=taken_out(classifier.selected),
    )


def trained_on_views(selected: Mapping[str, Any]) -> bool:
    """Whether the head was trained on more than the pictures as they are."""
    return any(selected.get(key) for key in VIEWS)


def without_strength(selected: Mapping[str, Any]) -> str:
    """Why there is none, as a clause."""
    return CLOSED_FORM if selected.get("head") == RIDGE else NO_HEAD


def look_at_labels(materials: Materials, progress: Progress) -> dict[str, Any]:
    """Suspects among the training pictures that are checked, and the learning curve with its advice; ready for JSON."""
    rows = materials.train
    checked = checked_rows(materials.labels[rows], class_count=len(materials.classes), seed=materials.seed)
    features, labels = materials.features[rows], materials.labels[rows]
    if len(checked) < len(labels):  # else no second copy
        features, labels = features[checked], labels[checked]
    shares = out_of_fold_probabilities(
        features,
        labels,
        class_count=len(materials.classes),
        depths=materials.depths,
        seed=materials.seed,
        groups=None if materials.groups is None else materials.groups[checked],
        progress=progress,
    )
    suspects = [replace(found, row=int(checked[found.row])) for found in find_suspects(shares, labels)]
    suspected = tuple((suspect.given, suspect.suggested) for suspect in suspects)
    curve = learning_curve(materials, suspicion=Suspicion(pairs=suspected, checked=len(checked)), progress=progress)
    return {
        "note": None,
        "learning_curve": curve,
        "suspects": [suspect_row(suspect, materials) for suspect in suspects],
        "checked": {"pictures": len(checked), "of": rows.stop - rows.start},
    }


def checked_rows(labels: Labels, *, class_count: int, seed: int) -> NDArray[np.int64]:
    """The training pictures whose labels are checked, in rising order: all, or of a large set some drawn by the seed.

    What it costs grows with pictures times classes, so their product is at most MOST_CHECKED, and every class keeps its
    share.
    """
    room = max(MOST_CHECKED // class_count, FEWEST_CHECKED)
    if len(labels) <= room:
        return np.arange(len(labels))
    return np.sort(nested_order(labels, seeds.generator(seed, "checked labels"))[:room])


def suspect_row(suspect: LabelSuspect, materials: Materials) -> dict[str, Any]:
    return {
        "path": materials.paths[suspect.row],
        "label": materials.classes[suspect.given],
        "suggested": materials.classes[suspect.suggested],
        "probability_label": round(suspect.probability_given, 6),
        "probability_suggested": round(suspect.probability_suggested, 6),
        "certainty": round(suspect.certainty, 6),
    }


def gather_materials(
    folder: Path, metrics: RunMetrics, *, index: Index, bundle: Bundle, engine: AnyEngine, progress: Progress
) -> Materials | str:
    """Train and valid as the head saw them, out of the cache where they are kept; or why not, as a clause."""
    classifier, setting = bundle.classifier, chosen_setting(metrics.selected)
    if classifier.weights is not None or setting is None:
        return without_strength(metrics.selected)
    wanted = split_index(folder, index, leaks=metrics.leaks)
    if isinstance(wanted, str):
        return wanted
    known, engine = on_known_base(bundle, engine)
    base, head = known.base, known.head
    embedded = look_at(wanted, base, progress, engine=engine, purpose="of train and valid, for the report")
    pictures = embedded.index.pictures
    if len(pictures) < len(wanted.pictures):
        return "some of its pictures can no longer be read"
    count = sum(picture.split == "train" for picture in pictures)
    folds, groups = fold_numbers(embedded.index), group_numbers(pictures)
    valid = slice(count, len(pictures)) if folds is None else slice(0, count)
    return Materials(
        features=embedded.features,
        labels=label_numbers(pictures, classifier.classes),
        paths=[picture.path for picture in pictures[:count]],
        groups=groups[:count],
        judged_groups=groups[valid],
        classes=classifier.classes,
        train=slice(0, count),
        valid=valid,
        folds=folds,
        depths=base.depths,
        head=None if trained_on_views(metrics.selected) else head,
        setting=replace(setting, columns=slice(head.start, head.stop)),
        seed=int(metrics.seed),
        prior_taken_out=taken_out(metrics.selected),
    )


def split_index(folder: Path, index: Index, *, leaks: Sequence[Mapping[str, Any]]) -> Index | str:
    """The pictures of train and valid in the order of split.csv, with split and group; or why not, as a clause.

    Those of valid that are among the leaks of metrics.json are left out: what train has shown judges nothing.
    """
    leaked = {leak.get("path") for leak in leaks if leak.get("split") == "valid"}
    places = {picture.path: picture for picture in index.pictures}
    rows = read_splits(folder)
    wanted = [(row, split) for split in JUDGED for row in rows if row.split == split and row.path not in leaked]
    missing = sum(row.path not in places for row, _ in wanted)
    if missing or not wanted:
        return f"{missing:,} of the {counted(len(wanted), 'picture')} of train and valid cannot be found any more"
    pictures = tuple(
        replace(
            places[row.path],
            label=row.label,
            split=split,
            group=row.group or None,
            fold=int(row.fold) if row.fold else None,
        )
        for row, split in wanted
    )
    return replace(index, pictures=pictures, skipped=())


def heat_maps(
    folder: Path,
    metrics: RunMetrics,
    *,
    index: Index,
    classifier: Classifier,
    engine: AnyEngine,
    most: int,
    progress: Progress,
) -> list[dict[str, Any]]:
    """What spoke for the answer in the mistakes and samples that the page shows; ready for JSON, at most `most`."""
    answers = read_answers(folder, metrics.classes)
    wrong, right = choose.shown_answers(answers, class_count=len(metrics.classes))
    shown = [*wrong, *right][:most]
    places = {picture.path: picture for picture in index.pictures}
    shown = [answer for answer in shown if answer.path in places]
    wanted = replace(index, pictures=tuple(places[answer.path] for answer in shown), skipped=())
    targets = [answer.predicted for answer in shown]
    explained = explain_pictures(
        classifier, wanted, engine=engine, targets=targets, longest=HEAT_SIDE, progress=progress
    )
    affordable = most_occluded(classifier.base.preprocess.size)
    found = ((each.picture.path, each.heat) for each in explained if each.heat)
    return list(_until_too_slow(found, most=affordable))


def most_occluded(size: int) -> int:
    """How many maps by occlusion a page has, for a net that sees squares of that side in pixels."""
    return round(MOST_OCCLUDED * (224 / size) ** 2)


def _until_too_slow(found: Iterator[tuple[str, HeatMap]], *, most: int) -> Iterator[dict[str, Any]]:
    """Rows for analysis.json; of maps by occlusion only the first `most`, because each takes long."""
    for count, (path, heat) in enumerate(found, start=1):
        yield {"path": path, "class": heat.class_name, "method": heat.method, **packed_heat(heat)}
        if heat.method != EXACT and count >= most:
            return


def packed_heat(heat: HeatMap) -> dict[str, Any]:
    """A heat map as the page carries it: int8 [h, w] in base 64, 127 being its strongest evidence for the class.

    How strong that is, of either sign, stands beside it, with the score of the class.
    """
    small = Image.fromarray(heat.evidence).resize((HEAT_SIDE, HEAT_SIDE), Image.Resampling.BOX)
    packed = np.rint((np.asarray(small) / evidence_limit(heat)).clip(-1, 1) * 127).astype(np.int8)
    values = base64.b64encode(packed.tobytes()).decode("ascii")
    return {"shape": list(packed.shape), "values": values, "strongest": strongest_evidence(heat), "score": heat.logit}


def try_to_analyse(folder: Path, metrics: RunMetrics, *, index: Index | str, progress: Progress) -> dict[str, Any]:
    """The longer look where it can be taken; what is known already, with a note, where it cannot."""
    if isinstance(index, str):
        return read_analysis(folder)
    try:
        return analyse(folder, metrics, index=index, progress=progress)
    except TellapartError as error:
        progress.note(f"No longer look at this run: {error}")
        return read_analysis(folder)
