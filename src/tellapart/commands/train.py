"""The main job: a folder of pictures in, a tested model file out.

Legend: N pictures, D features, K classes.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Unpack

from tellapart import files
from tellapart.bundle.bundle import CARD, GRAPH, pack_bundle
from tellapart.bundle.container import write_container
from tellapart.bundle.model_card import model_card
from tellapart.bundle.parity import kept_parity, measure_parity
from tellapart.bundle.self_check import stated_digest
from tellapart.data.groups import declare_groups
from tellapart.data.ledger import write_ledger
from tellapart.data.names import is_utf8, written
from tellapart.data.reading import AS_IT_IS, Reading
from tellapart.data.scan import scan
from tellapart.data.split import write_splits
from tellapart.evaluation.metrics import leading_figure
from tellapart.evaluation.run_metrics import RunMetrics
from tellapart.evaluation.watch import Reference
from tellapart.learn import Learned, learn
from tellapart.progress import Progress, Silent, Stopwatch
from tellapart.recipes.catalogue import base_of, check_wanted
from tellapart.recipes.request import BUDGET, Options, Request
from tellapart.runs import folder as run_folder
from tellapart.runs.analysis import first_look, materials_of
from tellapart.runs.environment import environment, installed_version, peak_rss_mb
from tellapart.runs.lock import only_run
from tellapart.runs.page import write_page
from tellapart.runs.previous import hold_finished, keep_held
from tellapart.runs.test_uses import count_test_uses
from tellapart.runs.write import write_history, write_predictions
from tellapart.targets import check_folder_name
from tellapart.text import counted
from tellapart.types import Index


def train(
    data: Path,
    *,
    out: Path | None = None,
    backbone: str = "lite0",
    weights: Path | None = None,
    group_by: str | None = None,
    reading: Reading = AS_IT_IS,
    command: str = "",
    progress: Progress | None = None,
    **options: Unpack[Options],
) -> tuple[Path, dict[str, Any]]:
    """Train on labelled pictures and write a run folder; its path and the metrics document.

    Args:
        data: a folder of class folders, the same below train, valid and test, a manifest, or a folder of IDX files.
        out: the run folder; None for runs/<name of the data>.
        backbone: the base, by name: one that ships, with the extra torch one of timm, or several joined.
        weights: a file with the weights of a base of timm.
        group_by: declares groups of pictures that are kept on one side of a split, see `declare_groups`.
        reading: what is said of data that can be read in more than one way.
        command: how this run was asked for.
        progress: told of every stage.
        options: recipe, seed, size, budget, module, plan, changes, folds, max_error, costs, min_recall, drop_leaks,
            keep_sums, force and workers, as `Request` has them; with force a finished run is replaced and kept as
            RUN.previous.

    Raises:
        UsageError, OutputError, DataError, MissingExtraError: as their messages say; see tellapart.errors.
    """
    watch, log = Stopwatch(), run_folder.Logged(progress or Silent())
    request = Request(**options, progress=log)
    check_wanted(request, backbone, weights=weights)
    reading = replace(reading, grouped=group_by is not None)
    with watch.part("scan_s"):
        index = scan(data, reading=reading, progress=log)
        index = index if group_by is None else declare_groups(index, group_by, progress=log)
    folder = out or Path("runs") / index.name
    check_run_folder(folder, data, named=out is not None, force=request.force)
    base = base_of(request, backbone, weights=weights)
    request.workers.ready()
    log.record(what_is_there(index, data))
    if request.budget != BUDGET and request.recipe != "auto":
        log.note(f"--budget is for the recipe auto; {request.recipe} takes the time it needs.")
    about = {"command": command, "data_path": data_location(data), "reading": reading.to_json()}
    with only_run(folder, force=request.force):
        run_folder.claim_run(folder, force=request.force)
        writer = HistoryWriter(folder)
        request = replace(request, work=folder / run_folder.WORK, on_epoch=writer)
        with log.kept_in(folder / run_folder.LOG):
            learned = learn(index, base, request)
            metrics = metrics_of(index, learned, request, about=about)
            earlier_s = writer.earlier_s
            metrics = write_files(folder, learned, metrics, request=request, watch=watch, earlier_s=earlier_s)
            log.record(f"test accuracy {metrics.test['accuracy']['value']:.4f}")
        files.write_json(folder / run_folder.METRICS, metrics.to_json())
        keep_held(folder)
        run_folder.clear_work(request.work)
    return folder, metrics.to_json()


def check_run_folder(folder: Path, data: Path, *, named: bool, force: bool) -> None:
    """See that a run may be made there, before anything takes time.

    Raises:
        UsageError: the folder would be called like a file.
        OutputError: it is in the data, or taken.
    """
    if named:
        check_folder_name(folder)
    run_folder.check_outside(folder, data)
    run_folder.check_claim(folder, force=force)


def data_location(data: Path) -> str:
    """Where the data is, in UTF-8: as the links to it are called where what they lead to is called otherwise."""
    places = [str(files.real(data)), str(data.absolute())]
    return next((place for place in places if is_utf8(place)), written(places[0]))


def what_is_there(index: Index, data: Path) -> str:
    """The first line of the log."""
    pictures, classes = counted(len(index.pictures), "picture"), counted(len(index.classes), "class", "classes")
    return f"{pictures} of {classes} in {data} ({index.layout})"


class HistoryWriter:
    """Writes the history after every epoch, and counts the seconds of epochs that were trained before this run.

    While the files of a finished run are in place, the history goes into the work folder.
    """

    def __init__(self, folder: Path) -> None:
        finished = os.path.exists(folder / run_folder.METRICS)  # noqa: PTH110  pathlib's raises where a name is too long
        self._path = (folder / run_folder.WORK if finished else folder) / run_folder.HISTORY
        self._known = 0  # epochs of the training that is under way
        self.earlier_s = 0.0

    def __call__(self, history: Sequence[Mapping[str, Any]]) -> None:
        fresh = history[self._known :] if len(history) > self._known else history  # else another training began
        self.earlier_s += sum(row["seconds"] for row in fresh[:-1])  # all but the one that has just ended
        self._known = len(history)
        write_history(self._path, history)


def write_files(
    folder: Path,
    learned: Learned,
    metrics: RunMetrics,
    *,
    request: Request,
    watch: Stopwatch,
    earlier_s: float,
) -> RunMetrics:
    """Write every file of the run but metrics.json and run.log; the metrics with what it cost, see `with_costs`."""
    with watch.part("write_s"):
        hold_finished(folder)
        run_folder.open_run(folder)
        write_evidence(folder, learned)
        metrics = write_model(folder / run_folder.MODEL, learned, replace(metrics, test_uses=test_uses(learned)))
    with watch.part("analyse_s"):
        index = learned.dataset.index
        materials = materials_of(learned.dataset, learned.classifier, base=learned.base, seed=request.seed)
        analysis = first_look(folder, metrics, materials=materials, index=index, progress=request.progress)
    metrics = with_costs(metrics, learned, watch, earlier_s=earlier_s)
    write_page(folder, metrics, index=index, analysis=analysis)
    return metrics


def test_uses(learned: Learned) -> dict[str, Any]:
    """How many models have been scored on this test."""
    tested = learned.dataset.index.pictures[learned.dataset.tested]
    digests = [learned.about.digests[picture.path] for picture in tested]
    answered = learned.answered["test"]
    accuracy = answered.figures["accuracy"]["value"]
    return count_test_uses(digests, learned.classifier, accuracy, weight=answered.weight)


def metrics_of(index: Index, learned: Learned, request: Request, *, about: Mapping[str, Any]) -> RunMetrics:
    """What was trained on what, and what came of it; what it cost is not known yet."""
    classifier, statuses = learned.classifier, Counter(entry.status for entry in learned.about.ledger)
    base = classifier.base
    return RunMetrics(
        tellapart=installed_version("tellapart"),
        data={"name": index.name, "layout": index.layout, **({"reading": said} if (said := about["reading"]) else {})},
        command=about["command"],
        seed=request.seed,
        recipe=request.recipe,
        max_error=request.max_error,
        data_path=about["data_path"],
        backbone={
            "name": base.name,
            "digest": base.digest,
            "size": base.preprocess.size,
            **({"sizes": [half.preprocess.size for half in base.halves]} if base.halves else {}),
            "precision": learned.about.precision,
        },
        classes=index.classes,
        ledger={status: statuses[status] for status in ("used", "converted", "skipped")},
        counts={name: rows.stop - rows.start for name, rows in learned.dataset.rows.items()},
        valid=learned.answered["valid"].figures,
        test=learned.answered["test"].figures,
        folds=learned.folds,
        leads=leading_figure(learned.answered["test"].figures),
        leaks=tuple(learned.about.leaks),
        duplicates=learned.about.duplicates,
        together=learned.about.together,
        thresholds=classifier.abstention.to_json(),
        temperature=classifier.temperature,
        operating_point={} if classifier.operating is None else classifier.operating.to_json(),
        selected=dict(classifier.selected),
        findings=tuple(learned.about.findings),
    )


def with_costs(metrics: RunMetrics, learned: Learned, watch: Stopwatch, *, earlier_s: float) -> RunMetrics:
    """The same with timing, environment and memory; epochs that an earlier run of the command trained count too."""
    seconds, fresh = {**watch.parts, **learned.seconds}, learned.about.fresh
    rate = round(fresh / seconds["embed_s"], 1) if fresh else None
    if earlier_s:
        seconds["earlier_s"] = round(earlier_s, 3)
    total = round(watch.elapsed() + earlier_s, 3)
    return replace(
        metrics,
        timing={**seconds, "total_s": total, "images_per_s": rate, "fresh": fresh},
        environment=environment(),
        peak_rss_mb=peak_rss_mb(),
        features_mb=round(learned.dataset.features.nbytes / 1e6, 1),
    )


def write_evidence(folder: Path, learned: Learned) -> None:
    """The plain files beside the model: every file's fate, the splits, every answer on test, and the history."""
    index, tested = learned.dataset.index, learned.answered["test"]
    write_ledger(folder / run_folder.LEDGER, learned.about.ledger)
    write_splits(folder / run_folder.SPLIT, index, learned.about.digests)
    write_predictions(
        folder / run_folder.PREDICTIONS,
        index.pictures[learned.dataset.tested],
        tested.probabilities,
        classes=index.classes,
        flags=tested.flags,
        predicted=tested.predicted,
        columns=index.columns,
    )
    write_history(folder / run_folder.HISTORY, learned.classifier.history)


def write_model(path: Path, learned: Learned, metrics: RunMetrics) -> RunMetrics:
    """model.tellapart; and the metrics with what it says of some pictures."""
    keys = ("recipe", "seed", "data", "counts", "selected", "tellapart")
    said = learned.answered["test"]
    tested = Reference.of(said.predicted, said.flags, class_count=len(metrics.classes), weight=said.weight)
    about = {key: getattr(metrics, key) for key in keys} | {"tested": tested.to_json()}
    manifest, members = pack_bundle(learned.classifier, manifest=about)
    if (asked := learned.asked) is not None:
        pictures = learned.dataset.index.pictures
        index = replace(learned.dataset.index, pictures=tuple(pictures[row] for row in asked.rows))
        kept = kept_parity(
            members[GRAPH],
            stated=stated_digest(manifest, members),
            digests=[learned.about.digests[picture.path] for picture in index.pictures],
            probabilities=asked.probabilities,
            flags=asked.flags,
        )
        parity = kept.get() or kept.put(
            measure_parity(members[GRAPH], learned.classifier, index, asked.probabilities, asked.flags)
        )
        metrics = replace(metrics, parity=parity)
    write_container(path, manifest, {**members, CARD: model_card(metrics).encode()})
    return metrics
