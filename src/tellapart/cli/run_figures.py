"""What the commands print of a run: its figures, what it promises, what it was compared with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tellapart.cli.output import line
from tellapart.cli.tables import print_table, quoted, share
from tellapart.errors import one_line
from tellapart.runs import folder as run_folder
from tellapart.runs.previous import finished, previous_of
from tellapart.text import counted, percent, tenths

MOST_CLASSES = 30  # in a table on the screen; metrics.json and report.html have them all
MOST_MISSING = 10  # classes that are named


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
    from tellapart.evaluation.metrics import is_worse, leading_figure

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
        verdict = "is right less often than" if is_worse(baseline) else "cannot be told from"
        line(f"this result {verdict} always answering {baseline['class']} (p = {baseline['p_value']:.2g})")
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
