"""The main job: a folder of pictures in, a tested model file out.

Legend: N pictures, D features, K classes.
"""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tellapart import files
from tellapart.audit.training import tell_findings, with_conflicts
from tellapart.backbones.backbone import Backbone
from tellapart.backbones.catalogue import find_base
from tellapart.backbones.pixels import small_pixels
from tellapart.bundle.bundle import pack_bundle
from tellapart.bundle.container import write_container
from tellapart.bundle.model_card import model_card
from tellapart.data.groups import declare_groups, group_numbers, label_numbers
from tellapart.data.ledger import check_skips, write_ledger
from tellapart.data.scan import scan
from tellapart.data.split import write_splits
from tellapart.errors import DataError, TellapartError, UsageError
from tellapart.extras import load_torch
from tellapart.features.embed import Embedded, reorder_rows, without_miniatures
from tellapart.features.look import look_at
from tellapart.heads.abstention import MAX_ERROR
from tellapart.judged import Judged, check_max_error, judge
from tellapart.progress import Progress, Silent
from tellapart.recipes.request import BUDGET, RECIPES, Dataset, Order, Outcome, check_recipe, clear_work
from tellapart.runs import folder as run_folder
from tellapart.runs.analysis import first_look, materials_of
from tellapart.runs.environment import environment, installed_version, peak_rss_mb
from tellapart.runs.leakage import (
    count_kinds,
    draw_together,
    look_for_duplicates,
    say_copies,
    say_leaks,
    score_without,
)
from tellapart.runs.page import write_page
from tellapart.runs.write import write_predictions
from tellapart.text import counted
from tellapart.types import SPLITS, Features, Index, LedgerEntry

if TYPE_CHECKING:
    import torch

METRICS_SCHEMA = 1


class Stopwatch:
    """Seconds of each named part of a job."""

    def __init__(self) -> None:
        """Start now."""
        self.started = time.perf_counter()
        self.parts: dict[str, float] = {}

    @contextlib.contextmanager
    def part(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            self.parts[name] = round(time.perf_counter() - started, 3)


def train(
    data: Path,
    *,
    out: Path | None = None,
    recipe: str = "features",
    backbone: str = "lite0",
    weights: Path | None = None,
    size: int | None = None,
    seed: int = 0,
    budget: float = BUDGET,
    module: torch.nn.Module | None = None,
    plan: object = None,
    max_error: float = MAX_ERROR,
    group_by: str | None = None,
    drop_leaks: bool = False,
    force: bool = False,
    command: str = "",
    progress: Progress | None = None,
) -> tuple[Path, dict[str, Any]]:
    """Train on labelled pictures and write a run folder; its path and the metrics document.

    Args:
        data: a folder of class folders, the same below train, valid and test, a manifest, or a folder of IDX files.
        out: the run folder; None for runs/<name of the data>.
        recipe: what is trained, by name: one of RECIPES.
        backbone: the base, by name: one that ships, or with the extra torch one of timm.
        weights: a file with the weights of a base of timm.
        size: the side in pixels of the square that the base, or the net that is trained, looks at; None for its own.
        seed: of everything random.
        budget: minutes that the recipe auto may take.
        module: a net of the user's own for the recipes scratch and scratch-augmented, see `net_from_module`.
        plan: another Plan than the recipe's own.
        max_error: the largest share of wrong answers among those that are not marked unsure.
        group_by: declares groups of pictures that are kept on one side of a split, see `declare_groups`.
        drop_leaks: leave test pictures out whose like the data has put into train or valid.
        force: replace a finished run, and go on in spite of unreadable pictures or conflicting labels.
        command: how this run was asked for.
        progress: told of every stage.

    Raises:
        UsageError, OutputError, DataError, MissingExtraError: as their messages say; see tellapart.errors.
    """
    check_recipe(recipe, plan=plan, budget=budget)
    check_max_error(max_error)
    RECIPES[recipe].check()
    watch, base = Stopwatch(), base_of(recipe, backbone, size=size, weights=weights, module=module)
    with watch.part("scan_s"):
        index = scan(data) if group_by is None else declare_groups(scan(data), group_by)
    folder = out or Path("runs") / index.name
    run_folder.check_outside(folder, data)
    run_folder.claim_run(folder, force=force)
    about = {"command": command, "seed": seed, "recipe": recipe, "max_error": max_error}
    about["data_path"] = str(data.resolve())
    log = run_folder.Logged(progress or Silent())
    order = Order(
        seed=seed,
        size=size,
        work=folder / run_folder.WORK,
        budget=budget,
        module=module,
        plan=plan,
        on_epoch=history_writer(folder),
        progress=log,
    )
    log.record(what_is_there(index, data))
    if budget != BUDGET and recipe != "auto":
        log.note(f"--budget is for the recipe auto; {recipe} takes the time it needs.")
    try:
        document = run_steps(
            index, base, folder, order=order, about=about, force=force, drop_leaks=drop_leaks, watch=watch
        )
        log.record(f"test accuracy {document['test']['accuracy']['value']:.4f}")
    except TellapartError as error:
        log.record(f"stopped: {error}")
        raise
    finally:
        files.write_text(folder / run_folder.LOG, log.text())
    files.write_json(folder / run_folder.METRICS, document)
    clear_work(order.work)
    return folder, document


def what_is_there(index: Index, data: Path) -> str:
    """The first line of the log."""
    pictures, classes = counted(len(index.pictures), "picture"), counted(len(index.classes), "class", "classes")
    return f"{pictures} of {classes} in {data} ({index.layout})"


def base_of(
    recipe: str, backbone: str, *, size: int | None, weights: Path | None, module: torch.nn.Module | None
) -> Backbone:
    """The base that first looks at the pictures.

    Raises:
        UsageError: the recipe has no use for what was given, or the base cannot be had.
        DataError, MissingExtraError: as find_base.
    """
    if RECIPES[recipe].has_base:
        if module is not None:
            raise UsageError("this recipe trains no net of your own", where=recipe, hint="Choose scratch for that.")
        return find_base(backbone, size=size, weights=weights)
    if weights is not None:
        raise UsageError("this recipe starts from nothing", where=recipe, hint="Leave --weights out.")
    if size is not None and type(size) is not int:
        raise UsageError("the size must be a whole number of pixels", where=f"{size!r}")
    if module is not None and not isinstance(module, load_torch().nn.Module):
        raise UsageError("this is no net of torch", where=type(module).__name__, hint="Give a torch.nn.Module.")
    return small_pixels()


def history_writer(folder: Path) -> Callable[[Sequence[Mapping[str, Any]]], None]:
    """Writes the history after every epoch: into the work folder while the files of a finished run are in place."""
    finished = (folder / run_folder.METRICS).exists()
    path = (folder / run_folder.WORK if finished else folder) / run_folder.HISTORY

    def write(history: Sequence[Mapping[str, Any]]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        files.write_text(path, "".join(map(files.to_json_line, history)))

    return write


def run_steps(
    index: Index,
    base: Backbone,
    folder: Path,
    *,
    order: Order,
    about: Mapping[str, Any],
    force: bool,
    drop_leaks: bool,
    watch: Stopwatch,
) -> dict[str, Any]:
    """From an index to every file of the run but metrics.json and run.log; the metrics document."""
    progress, recipe = order.progress, RECIPES[about["recipe"]]
    recipe.check_order(index, order)
    embedded = look_at(index, base, progress, keep=recipe.has_base)
    check_skips(index, embedded.ledger, force=force)
    check_labels(embedded, force=force, progress=progress)
    with watch.part("findings_s"):
        findings = tell_findings(embedded, seed=order.seed, progress=progress)
    with watch.part("duplicates_s"):
        known = look_for_duplicates(embedded, last=base.depths[-1], drop_leaks=drop_leaks, progress=progress)
    embedded = without_miniatures(known.embedded)  # not needed any more
    known = replace(known, embedded=embedded)
    drawn, groups = draw_together(known, seed=order.seed, progress=progress)
    leaks = say_leaks(known, drawn, progress=progress)
    say_copies(known, drawn, progress=progress)
    dataset = split_rows(embedded, drawn)
    with watch.part("head_s"):
        outcome = recipe.train(dataset, base, order)
    trained = outcome.trained
    with watch.part("evaluate_s"):
        judged = judge(outcome, dataset, base, order, max_error=about["max_error"])
    document: dict[str, Any] = {
        **opening(index, embedded, outcome.backbone, about=about),
        "counts": {name: rows.stop - rows.start for name, rows in dataset.rows.items()},
        "valid": judged.scores["valid"],
        "test": {**judged.scores["test"], **score_without(dataset, judged.answers["test"], leaks)},
        "leaks": leaks,
        "duplicates": count_kinds(known.groups),
        "together": groups,
        "thresholds": judged.doubt.to_json(),
        "temperature": trained.temperature,
        "selected": dict(trained.selected),
        "findings": with_conflicts(findings, known.groups, known.embedded.index.pictures),
    }
    with watch.part("write_s"):
        run_folder.open_run(folder)
        write_evidence(folder, dataset, judged, [*index.skipped, *embedded.ledger])
        files.write_text(folder / run_folder.HISTORY, "".join(map(files.to_json_line, trained.history)))
        write_model(folder / run_folder.MODEL, outcome, judged, document)
    with watch.part("analyse_s"):
        materials = materials_of(dataset, base=base, outcome=outcome, seed=order.seed)
        analysis = first_look(folder, document, materials=materials, index=dataset.index, progress=progress)
    document |= closing(embedded, watch)
    write_page(folder, document, index=dataset.index, analysis=analysis)
    return document


def check_labels(embedded: Embedded, *, force: bool, progress: Progress) -> None:
    """Stop where one and the same picture is labelled with two classes.

    Raises:
        DataError: it is, and force is not given.
    """
    first: dict[bytes, int] = {}
    pictures = embedded.index.pictures
    conflicts = [
        (pictures[earlier], picture)
        for row, (digest, picture) in enumerate(zip(embedded.digests, pictures, strict=True))
        if pictures[earlier := first.setdefault(digest, row)].label != picture.label
    ]
    if not conflicts:
        return
    left, right = conflicts[0]
    what = f"the same picture is labelled {left.label} and {right.label} ({counted(len(conflicts), 'such pair')})"
    where = f"{left.path} and {right.path}"
    if not force:
        raise DataError(
            what, where=where, hint="Keep the right one, or go on with --force; `tellapart audit DATA` lists them all."
        )
    progress.note(f"Going on although {what}: {where}")


def split_rows(embedded: Embedded, index: Index) -> Dataset:
    """Bring the rows of the matrix, in place, into the order train, valid, test of the index that has its splits."""
    given = {picture.split for picture in embedded.index.pictures}
    row_of = {picture.path: row for row, picture in enumerate(embedded.index.pictures)}
    reorder_rows(embedded.features, (row_of[picture.path] for picture in index.pictures))
    return dataset_of(index, embedded.features, valid_is_given="valid" in given)


def dataset_of(index: Index, features: Features, *, valid_is_given: bool) -> Dataset:
    """A dataset of pictures in the order train, valid, test, with what a base sees in them, float32 [N, D]."""
    sizes = Counter(picture.split for picture in index.pictures)
    stops = np.cumsum([sizes[name] for name in SPLITS]).tolist()
    rows = {name: slice(stop - sizes[name], stop) for name, stop in zip(SPLITS, stops, strict=True)}
    return Dataset(
        index=index,
        features=features,
        labels=label_numbers(index.pictures, index.classes),
        rows=rows,
        valid_is_given=valid_is_given,
        groups=group_numbers(index.pictures),
    )


def opening(index: Index, embedded: Embedded, base: Backbone, *, about: Mapping[str, Any]) -> dict[str, Any]:
    """What was trained on what, the head of metrics.json."""
    statuses = Counter(entry.status for entry in [*index.skipped, *embedded.ledger])
    return {
        "schema": METRICS_SCHEMA,
        "tellapart": installed_version("tellapart"),
        "data": {"name": index.name, "layout": index.layout},
        **about,
        "backbone": {
            "name": base.name,
            "digest": base.digest,
            "size": base.preprocess.size,
            "precision": embedded.precision,
        },
        "classes": list(index.classes),
        "ledger": {status: statuses[status] for status in ("used", "converted", "skipped")},
    }


def write_evidence(folder: Path, dataset: Dataset, judged: Judged, ledger: Sequence[LedgerEntry]) -> None:
    """The plain files beside the model: what became of every file, the splits, and every answer on test."""
    write_ledger(folder / run_folder.LEDGER, ledger)
    write_splits(folder / run_folder.SPLIT, dataset.index)
    tested = dataset.index.pictures[dataset.rows["test"]]
    write_predictions(
        folder / run_folder.PREDICTIONS,
        tested,
        judged.answers["test"],
        classes=dataset.index.classes,
        flags=judged.flags["test"],
    )


def write_model(path: Path, outcome: Outcome, judged: Judged, document: Mapping[str, Any]) -> None:
    keys = ("recipe", "seed", "data", "counts", "selected", "tellapart")
    manifest, members = pack_bundle(
        backbone=outcome.backbone,
        head=outcome.trained.head,
        temperature=outcome.trained.temperature,
        weights=outcome.weights,
        classes=document["classes"],
        manifest={key: document[key] for key in keys},
        card=model_card(document),
        doubt=judged.doubt,
    )
    write_container(path, manifest, members)


def closing(embedded: Embedded, watch: Stopwatch) -> dict[str, Any]:
    """Timing, environment and memory, the foot of metrics.json."""
    parts = {**watch.parts, "decode_s": round(embedded.decode_s, 3), "embed_s": round(embedded.embed_s, 3)}
    rate = round(embedded.fresh / embedded.embed_s, 1) if embedded.fresh else None
    total = round(time.perf_counter() - watch.started, 3)
    return {
        "timing": {**parts, "total_s": total, "images_per_s": rate, "fresh": embedded.fresh},
        "environment": environment(),
        "peak_rss_mb": peak_rss_mb(),
        "features_mb": round(embedded.features.nbytes / 1e6, 1),
    }
