"""What the commands print: figures and answers as text.

Legend: K classes.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tellapart import files
from tellapart.cli.output import complain, line, print_for_programs
from tellapart.errors import one_line
from tellapart.runs import folder as run_folder
from tellapart.runs.previous import finished, previous_of
from tellapart.text import counted, percent, tenths

if TYPE_CHECKING:
    from tellapart.answers import Answers
    from tellapart.features.cache import CacheStatus
    from tellapart.nets.summary import Layer
    from tellapart.types import SplitName

MOST_CLASSES = 30  # in a table on the screen; metrics.json and report.html have them all
MOST_MISSING = 10  # classes that are named
MOST_EXAMPLES = 2  # of each finding; the page and the JSON file have more


def print_run(metrics: Mapping[str, Any], folder: Path) -> None:
    """The result of a training run."""
    ledger, timing, folds = metrics["ledger"], metrics["timing"], metrics["folds"]
    line()
    line(f"{metrics['data']['name']}: {counted(len(metrics['classes']), 'class', 'classes')}; {how_tested(metrics)}")
    if ledger["skipped"] or ledger["converted"]:
        fates = ", ".join(f"{ledger[status]} {status}" for status in ("used", "converted", "skipped"))
        line(f"pictures: {fates}; ledger.csv says why")
    print_figures(metrics["test"], title="every picture tested" if folds else "test")
    print_unlearned(metrics["selected"], metrics["test"])
    print_whole_groups(metrics["together"])
    print_abstention(metrics["test"]["selective"], metrics["thresholds"], classes=metrics["classes"])
    print_leaks(metrics["test"])
    print_tried(metrics["selected"].get("tried", ()))
    if (runs := metrics["test_uses"]["runs"]) and runs > 1:
        better = "the best of them looks better than it is" if folds else "choose by valid, not by this figure"
        line(f"these {'' if folds else 'test '}pictures have scored {runs} different models here: {better}")
    line()
    rate = f"{timing['images_per_s']:,.0f} pictures/s" if timing["images_per_s"] else "all of them kept from before"
    line(f"{timing['total_s']:.1f} s in all, {timing['embed_s']:.1f} s of it looking at pictures ({rate})")
    line(f"model   {folder / run_folder.MODEL}")
    line(f"report  {folder / run_folder.REPORT}")
    if finished(before := previous_of(folder)):
        line(f"`tellapart compare {quoted(before)} {quoted(folder)}` tells whether it is better")


def print_unlearned(selected: Mapping[str, Any], figures: Mapping[str, Any]) -> None:
    """What would help a net from nothing that shows no sign of having learned; nothing of any other."""
    from tellapart.nets.outcome import shows_nothing_learned

    if selected.get("diverged"):
        line(f"the training diverged at the learning rate {selected['training']['learning_rate']:g}: give a lower one")
    elif shows_nothing_learned(selected, figures):
        line("nothing shows that this net has learned anything: more pictures or epochs may help, or --recipe features")


def print_tried(rows: Sequence[Mapping[str, Any]]) -> None:
    """What `auto` tried: log loss on valid, gain over the best before it, and seconds."""
    if len(rows) < 2:
        return
    line("what was tried, by the log loss on valid:")
    shown = [
        [
            str(row["recipe"]),
            f"{row['log_loss']:.4f}",
            "" if row["gain"] is None else f"{row['gain']:+.4f}",
            "" if row["seconds"] is None else f"{row['seconds']:,.0f} s",
            "taken" if row["taken"] else "",
        ]
        for row in rows
    ]
    print_table(["", "log loss", "gain", "took", ""], shown)


def how_tested(metrics: Mapping[str, Any]) -> str:
    """How many pictures there were to learn from, and to test on."""
    counts, folds = metrics["counts"], metrics["folds"]
    if folds:
        pictures = counted(counts["train"], "picture")
        return f"trained on {pictures}, each tested once by a head that had not seen it ({folds['count']} folds)"
    pictures = counted(counts["train"], "picture")
    return f"trained on {pictures}, checked on {counts['valid']}, tested once on {counts['test']}"


def quoted(path: Path) -> str:
    """A path as it is typed."""
    return shlex.quote(str(path))


def print_leaks(test: Mapping[str, Any]) -> None:
    """The accuracy without the test pictures whose like was seen in training, where there are any."""
    if "without_leaks" not in test:
        return
    clean = test["without_leaks"]
    if clean is None:
        line("every test picture has a near-duplicate in train or valid: this accuracy says little")
        return
    line(
        f"without the {counted(test['n'] - clean['n'], 'picture')} with a near-duplicate in train or valid: "
        f"accuracy {share(clean['accuracy'])} on {counted(clean['n'], 'picture')}"
    )


def print_figures(figures: Mapping[str, Any], *, title: str) -> None:
    """Accuracy with its interval, then the classes."""
    from tellapart.evaluation.metrics import leading_figure

    accuracy = f"accuracy {share(figures['accuracy'])}"
    interval = figures["intervals"]["balanced_accuracy"]
    balanced = f"balanced accuracy {share({'value': figures['balanced_accuracy'], **interval})}"
    equal = leading_figure(figures) == "accuracy"
    first, second = (accuracy, balanced) if equal else (balanced, accuracy)
    line(f"{title}: {first} on {counted(figures['n'], 'picture')}; {second}")
    if missing := [one_line(row["class"]) for row in figures["per_class"] if not row["n"]]:
        named = ", ".join(missing[:MOST_MISSING]) + (", …" if len(missing) > MOST_MISSING else "")
        many = counted(len(missing), "class", "classes")
        line(f"the balanced accuracy is without {many} that no picture here shows: {named}")
    baseline = figures["baseline"]
    guess = f"always answering {baseline['class']} would be right for {percent(baseline['accuracy']['value'])}"
    line(guess if equal else f"{guess}, a balanced accuracy of {percent(baseline['balanced_accuracy'])}")
    if not baseline["beaten"]:
        line(f"this result cannot be told from always answering {baseline['class']} (p = {baseline['p_value']:.2f})")
    print_operating(figures)
    rows = [
        [row["class"], str(row["n"]), share(row["recall"]), share(row["precision"])]
        for row in figures["per_class"][:MOST_CLASSES]
    ]
    print_table(["class", "pictures", "found (recall)", "right when named (precision)"], rows)
    if len(figures["per_class"]) > MOST_CLASSES:
        line(f"… and {counted(len(figures['per_class']) - MOST_CLASSES, 'more class', 'more classes')}")


def print_together(together: Mapping[str, Any]) -> None:
    """What pictures of groups count as; nothing where every picture is alone."""
    if together["groups"]:
        groups = counted(together["groups"], "group")
        line(f"{groups} of pictures that belong together: each picture counts {together['weight']:.2f} in intervals")


def print_whole_groups(together: Mapping[str, Any]) -> None:
    """How many groups a training kept on one side; nothing where there are none, or not all were."""
    if together.get("groups") and not together["parted"]:
        groups = counted(together["groups"], "group")
        line(f"{groups} of pictures that belong together: none was on both sides, and intervals count how they err")


def print_operating(figures: Mapping[str, Any]) -> None:
    """What the answers cost, and the recalls that were asked for; nothing for a model that answers the likeliest."""
    if "cost" in figures:
        cost = figures["cost"]
        mean, handed = cost["mean"], cost["handed"]
        interval = "" if mean["low"] is None else f" ({mean['low']:.4g} to {mean['high']:.4g})"
        person = "" if handed is None else f", {counted(handed, 'picture')} handed to a person"
        line(
            f"cost of a picture: {mean['value']:.4g}{interval}{person}; of the likeliest class: {cost['likeliest']:.4g}"
        )
    for row in figures.get("recalls", ()):
        line(f"recall of {row['class']}: {share(row['recall'])}, right when named {share(row['precision'])}")


def print_abstention(selective: Mapping[str, Any], thresholds: Mapping[str, Any], *, classes: Sequence[str]) -> None:
    """How many answers one can rely on, and what is promised of them; nothing for a model that never marks."""
    from tellapart.heads.abstention import is_weak
    from tellapart.heads.class_promise import warnings

    promise, told = thresholds["promise"], warnings(thresholds, [one_line(name) for name in classes])
    if thresholds["unsure"] is not None and not selective["answered"]:
        line("sure enough to rely on: none of the answers; the model is unsure of every picture, and promises nothing")
        promise, told = None, []
    elif thresholds["unsure"] is not None:
        line(
            f"{'not marked unsure' if is_weak(promise) else 'sure enough to rely on'}: "
            f"{share(selective['coverage'])} of the answers; "
            f"{selective['wrong']} of those {selective['answered']} wrong: {share(selective['error'])}"
        )
    if promise is not None:
        line(promise["sentence"])
    for sentence in told:
        line(sentence)
    if thresholds["unlike"] is not None:
        line(f"unlike the training set: {share(selective['unlike'])} of the pictures")
        unknown = thresholds.get("unknown_kinds") or {"marked": {"value": None}, "reason": ""}
        if unknown["marked"]["value"] is not None:
            line(
                f"of a kind of picture it has never seen {percent(unknown['marked']['value'])} would be marked so "
                f"(classes left out in turn: {tenths(unknown['marked']['low'])} to {tenths(unknown['marked']['high'])})"
            )
        elif unknown["reason"]:
            line(f"how many pictures of an unknown kind it would mark cannot be measured: {unknown['reason']}")


def print_comparison(found: Mapping[str, Any]) -> None:
    """Two runs on the same test pictures."""
    rows = [[f"{name.upper()}: {found[name]['run']}", share(found[name]["accuracy"])] for name in ("a", "b")]
    print_table(["run", f"accuracy on the same {counted(found['n'], 'test picture')}"], rows)
    if any(found["left_out"].values()):
        apart = found["left_out"]
        line(f"left out, tested in only one of the runs: {apart['a']} of A, {apart['b']} of B")
    line(f"only A is right on {found['only_a']}, only B on {counted(found['only_b'], 'picture')}")
    if found["groups"]:
        line(f"{counted(found['groups'], 'group')} of pictures that belong together: the test counts each as one")
    difference = found["difference"]
    low, high = difference["low"], difference["high"]
    value = f"{100 * difference['value']:+.2f} points ({100 * low:+.2f} to {100 * high:+.2f})"
    line(f"B less A: {value}; exact McNemar p = {found['p_value']:.3g} (mid-p {found['mid_p_value']:.3g})")
    line(found["sentence"])
    if found["not_worse"] is not None:
        line(found["not_worse"]["sentence"])


def print_audit(document: Mapping[str, Any], folder: Path) -> None:
    """What was found, with examples; what passed and what could not be looked for in a line each."""
    from tellapart.commands.audit import FINDINGS, PAGE

    pictures = document["pictures"]
    fates = ", ".join(f"{pictures[status]:,} {status}" for status in ("used", "converted", "skipped"))
    line(f"{document['data']['name']}: {counted(len(document['classes']), 'class', 'classes')}; pictures: {fates}")
    for finding in document["findings"]:
        if finding["outcome"] == "found":
            line()
            line(f"{finding['severity']:<8} {finding['title']} [{finding['code']}]")
            line(f"         {finding['message']}")
            for item in finding["items"][:MOST_EXAMPLES]:
                line(f"           {'; '.join(filter(None, (item['text'], ' = '.join(item['paths']))))}")
            line(f"         {finding['advice']}")
    for outcome, heading in (("passed", "looked for and not there"), ("not applicable", "could not be looked for")):
        codes = [finding["code"] for finding in document["findings"] if finding["outcome"] == outcome]
        if codes:
            line()
            line(f"{heading}: {', '.join(codes)}")
    line()
    line(f"page  {folder / PAGE}")
    line(f"all   {folder / FINDINGS}")


def share(interval: Mapping[str, float | None]) -> str:
    """A proportion in percent with its 95 % interval."""
    if interval["value"] is None or interval["low"] is None or interval["high"] is None:
        return "-"
    return f"{percent(interval['value'])} ({tenths(interval['low'])} to {tenths(interval['high'])})"


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Columns as wide as they need to be, numbers to the right."""
    from rich.cells import cell_len

    clean = [[one_line(cell) for cell in row] for row in [header, *rows]]
    widths = [max(cell_len(row[column]) for row in clean) for column in range(len(header))]
    for row in clean:
        padding = [" " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=True)]
        first = row[0] + padding[0]
        line("  ".join([f"  {first}", *(space + cell for space, cell in zip(padding[1:], row[1:], strict=True))]))


def path_width(paths: Iterable[str]) -> int:
    """How many columns of a terminal the widest path takes."""
    from rich.cells import cell_len

    return max((cell_len(one_line(path)) for path in paths), default=0)


def table_text(answers: Answers, *, width: int) -> str:
    """Path, class and probability, in columns, of which the first is so wide."""
    from rich.cells import cell_len

    paths = [one_line(picture.path) for picture in answers.pictures]
    names = [one_line(name) for name in answers.classes]
    wide = max(map(cell_len, names))
    lines = []
    best = answers.predicted
    for number, (path, row) in enumerate(zip(paths, answers.probabilities, strict=True)):
        name, marks = names[best[number]], mark_words(answers, number)
        answer = f"{name}{' ' * (wide - cell_len(name))}  {percent(row[best[number]]):>8}"
        lines.append(f"{path}{' ' * (width - cell_len(path))}  {answer}{marks}\n")
    return "".join(lines)


def mark_words(answers: Answers, row: int) -> str:
    """What stands behind an answer in the table: nothing where it stands."""
    empty = answers.empty is not None and answers.empty[row]
    said = ", ".join(filter(None, (answers.flags.said(row), "empty" if empty else "")))
    return f"  {said}" if said else ""


def print_split(counts: Mapping[str, Mapping[SplitName, int]], out: Path) -> None:
    header = ["class", *next(iter(counts.values()))]
    print_table(header, [[name, *map(str, row.values())] for name, row in counts.items()])
    line(f"written to {out}")


def print_sorted(counts: Mapping[str, int], folder: Path) -> None:
    """How many pictures are in which folder."""
    print_table(["folder", "pictures"], [[name, f"{count:,}"] for name, count in counts.items()])
    line(f"written to {folder}")


def print_explanations(found: Mapping[str, Any]) -> None:
    """The sheet, class and probability of each picture; unreadable ones go to standard error."""
    from tellapart.heads.abstention import said_marks

    written = [row for row in found["pictures"] if row["file"] is not None]
    rows = [
        [row["file"], row["predicted"], percent(row["probability"]), said_marks(row["unsure"], row["unlike"])]
        for row in written
    ]
    columns = 4 if any(row[3] for row in rows) else 3
    print_table(["sheet", "predicted", "probability", "but"][:columns], [row[:columns] for row in rows])
    line(f"written to {found['folder']}")
    for row in found["pictures"]:
        if row["file"] is None:
            complain(f"cannot be read: {row['path']} ({row['error']})")


def print_agreement(rows: Sequence[Mapping[str, Any]]) -> None:
    """How each door answered beside what is expected of it."""
    header = ["door", "asked about", "outcome", "pictures", "labels", "unsure", "unlike", "probability off by"]
    table = []
    for row in rows:
        counts = [f"{row[name]:,}" for name in ("pictures", "labels", "unsure", "unlike")]
        off = "-" if row["largest"] is None else f"{row['largest']:.6f}"
        table.append([row["door"], row["on"], row["outcome"], *counts, off])
    print_table(header, table)
    for row in rows:
        if row["reason"]:
            line(f"{row['door']}: {row['reason']}")


def print_int8(figures: Mapping[str, Any]) -> None:
    """What int8 gained and lost beside float32 on the valid pictures, in pairs."""
    rows = [
        ["accuracy", *map(percent, figures["accuracy"])],
        ["log loss", *(f"{loss:.4f}" for loss in figures["log_loss"])],
        ["sure", *map(percent, figures["sure"])],
        ["wrong where sure", *map(percent, figures["wrong_of_sure"])],
        ["unlike", *map(percent, figures["unlike"])],
        ["ms a picture", *(f"{each:.1f}" for each in figures["milliseconds"])],
    ]
    print_table([f"on {figures['pictures']:,} valid pictures", "float32", "int8"], rows)
    before, after = figures["milliseconds"]
    changed = counted(figures["labels_changed"], "label")
    line(f"int8: {figures['quantised']}; {changed} changed; {before / after:.2f} times as fast, one picture at a time")


def print_layers(net: str, layers: Sequence[Layer]) -> None:
    rows = [
        [
            layer.name,
            " x ".join(map(str, layer.shape)),
            f"{layer.parameters:,}" if layer.parameters else "",
            layer.kind if layer.activation is None else f"{layer.kind}, {layer.activation}",
        ]
        for layer in layers
    ]
    print_table(["layer", "output", "parameters", "what it is"], rows)
    trainable = sum(layer.trainable for layer in layers)
    trains = "weight tensor trains" if trainable == 1 else "weight tensors train"
    fate = f"{trainable} {trains}" if trainable else "all of them frozen"
    line(f"{net}: {sum(layer.parameters for layer in layers):,} parameters, {fate}")


def print_cache(status: CacheStatus) -> None:
    line(f"folder   {status.folder}")
    if status.entries is None:
        line(
            "pictures unknown: the store is damaged; the next run begins a new one, `tellapart cache clear` removes it"
        )
    else:
        line(
            f"looks    {status.entries:,} (what a base saw in a picture, or what was worked out of it, each kept once)"
        )
    line(f"size     {status.size / 1e6:,.1f} MB of at most {status.limit / 1e6:,.0f} MB")


def print_version(document: Mapping[str, Any]) -> None:
    from tellapart.files import cache_folder

    for name, version in document["versions"].items():
        line(f"{name:<16}{version}")
    line(f"{'python':<16}{document['python']} on {document['platform']}")
    flags = ", ".join(document["cpu_features"]) or "nothing notable"
    line(f"{'cpu':<16}{document['cpu']}, {counted(document['threads'], 'thread')}, {flags}")
    line(f"{'engine':<16}OpenVINO, computing in {document['precision']}")
    line(f"{'cache':<16}{cache_folder()}")


def print_json(document: object) -> None:
    """One JSON document and nothing else."""
    print_for_programs(files.to_json(document) + "\n")
