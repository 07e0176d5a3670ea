"""The model card inside a model file: what it was made for, from what, how good it is, and how to use it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tellapart.errors import one_line
from tellapart.evaluation.metrics import is_worse, leading_figure
from tellapart.evaluation.run_metrics import RunMetrics
from tellapart.heads.class_promise import warnings
from tellapart.text import counted


def model_card(metrics: RunMetrics) -> str:
    """Markdown from the document that becomes metrics.json (Mitchell et al. 2019, arXiv:1810.03993, in short form)."""
    test = metrics.test
    sides = metrics.backbone.get("sizes", [metrics.backbone["size"]])
    squares = " and to ".join(f"{side} x {side}" for side in sides)
    lines = [
        f"# {escaped_line(metrics.data['name'])}: a picture classifier",
        "",
        f"By tellapart {metrics.tellapart}: recipe `{metrics.recipe}`, base `{metrics.backbone['name']}`.",
        "",
        "## Classes",
        "",
        *(f"- {escaped_line(name)}" for name in metrics.classes),
        "",
        "## How good it is",
        "",
        *tested_lines(metrics),
        f"Log loss {test['log_loss']:.4f}, expected calibration error {test['ece']:.4f}.",
        "",
        "These figures hold for pictures like those it was tested on. Other cameras, other light or other subjects are",
        "other pictures: test it on those first. It always names one of its classes, even for a picture of none; what",
        "it says beside the answer, unsure or unlike the training set, is meant for that.",
        *prior_lines(metrics.selected),
        *operating_lines(metrics),
        *guarantee_lines(metrics),
        "",
        *parity_lines(metrics),
        "## How to use it",
        "",
        "`tellapart predict MODEL PICTURE` does everything. From any other language, take `model.onnx`: its input",
        "`images` is uint8 RGB of shape [N, H, W, 3] with any H and W, upright; resizing and normalisation are inside.",
        f"Its outputs are `probabilities`, `logits` and `features`. The picture is squashed to {squares} pixels.",
        "",
    ]
    return "\n".join(lines)


def tested_lines(metrics: RunMetrics) -> list[str]:
    """From which pictures it learned, on which it was tested, and how many it told right."""
    counts = metrics.counts
    pictures = counted(counts["train"], "picture")
    if metrics.folds:
        return [
            f"Trained on {pictures}. Every picture was tested by a head that had not seen it: {metrics.folds['count']}",
            "folds, in each of which everything was chosen anew. The head in this file was trained on all of them.",
            *headline(metrics.test, of=""),
        ]
    return [
        f"Trained on {pictures}, calibrated on {counts['valid']}, tested once on {counts['test']}.",
        *headline(metrics.test, of="test"),
    ]


def headline(test: Mapping[str, Any], *, of: str) -> list[str]:
    """The accuracy and the balanced accuracy, the one that says more first, and what guessing scores."""
    baseline, accuracy = test["baseline"], test["accuracy"]
    balanced = test["intervals"]["balanced_accuracy"]
    interval = f"{accuracy['value']:.4f}, 95 % interval {accuracy['low']:.4f} to {accuracy['high']:.4f}."
    lines = [
        f"{f'{of} accuracy'.strip().capitalize()} {interval}",
        f"Balanced accuracy {test['balanced_accuracy']:.4f}, {balanced['low']:.4f} to {balanced['high']:.4f}.",
    ]
    guess = f"Always answering {escaped_line(baseline['class'])} scores {baseline['accuracy']['value']:.4f}"
    told = "is right less often than that." if is_worse(baseline) else "cannot be told from that."
    verdict = "." if baseline["beaten"] else f"; this result {told}"
    if leading_figure(test) == "accuracy":
        return [*lines, guess + verdict]
    return [*lines[::-1], f"{guess}, a balanced accuracy of {baseline['balanced_accuracy']:.4f}{verdict}"]


def prior_lines(selected: Mapping[str, Any]) -> list[str]:
    """What a probability means where the shares of unequal classes were taken out."""
    fraction = selected.get("prior_taken_out")
    if not fraction:
        return []
    return [
        "",
        f"Classes were unequal in training. Of the log of their shares, {fraction:g} was taken out of the logits, so a",
        "probability is that of a world in which classes are equally frequent (1) or nearer to it (0.5). Where one",
        "class is much rarer in use, an answer that names it is right less often than its probability says.",
    ]


def operating_lines(metrics: RunMetrics) -> list[str]:
    """By what it answers where that is not always the likeliest class, and what that costs and finds."""
    point, test = metrics.operating_point, metrics.test
    if not point:
        return []
    lines = [
        "",
        "It does not always answer the likeliest class but that of least expected cost. The output `label` of",
        "model.onnx is that answer, a position in `classes`: the smallest of `probabilities` times the matrix `costs`",
        "that stands under `operating_point` in model.json (rows: shown, columns: answered).",
    ]
    if "cost" in test:
        mean, likeliest = test["cost"]["mean"]["value"], test["cost"]["likeliest"]
        lines.append(f"In the test a picture cost {mean:.4g}; the likeliest class would have cost {likeliest:.4g}.")
    for promise, row in zip(point["recalls"], test.get("recalls", ()), strict=True):
        shown = f"shown on valid is {promise['shown']:.4f} or more with 95 % confidence"
        asked = f"of {escaped_line(row['class'])} {promise['asked']:.4f} was asked for, {shown}"
        lines.append(f"Recall {asked}; in the test it was {row['recall']['value'] or 0:.4f}.")
    return lines


def parity_lines(metrics: RunMetrics) -> list[str]:
    """What the file itself says of some pictures, if that was tried."""
    parity = metrics.parity
    if not parity or not parity["pictures"]:
        return []
    if metrics.folds:
        return [
            f"Asked about {counted(parity['pictures'], 'picture')} that it has learned, `model.onnx` in float32 gives",
            f"another label than the head in memory for {parity['labels']} and another mark for",
            f"{parity['unsure'] + parity['unlike']}; its probabilities differ by {parity['largest']:.4f} at most.",
            "",
        ]
    return [
        f"Asked about {counted(parity['pictures'], 'test picture')}, `model.onnx` in float32 gives another label for",
        f"{parity['labels']} and another mark for {parity['unsure'] + parity['unlike']}; its probabilities differ from",
        f"those that were tested by {parity['largest']:.4f} at most.",
        "",
    ]


def guarantee_lines(metrics: RunMetrics) -> list[str]:
    """What *unsure* and *unlike* are worth, if it has them."""
    promise, selective = metrics.thresholds["promise"], metrics.test["selective"]
    if promise is None or promise["error"] is None:
        return []
    share, unlike = promise["error"], selective["unlike"]["value"]
    of = "tests by folds" if metrics.folds else "test"
    return [
        "",
        f"An answer less sure than {metrics.thresholds['unsure']:.4f} is marked unsure; some classes have a stricter",
        "threshold (`unsure_by_class` in model.json, in the order of `classes`). Of the others at most",
        f"{share:.4f} are wrong, with 95 % confidence and for pictures like those it was tested on. In the {of}",
        f"{selective['answered']} of {metrics.test['n']} answers stood, {selective['wrong']} of them wrong.",
        f"It called {unlike:.4f} of the test pictures unlike the training set.",
        *unknown_lines(metrics.thresholds.get("unknown_kinds") or {}),
        *(
            f"Note: {sentence}."
            for sentence in warnings(metrics.thresholds, [escaped_line(name) for name in metrics.classes])
        ),
    ]


def unknown_lines(unknown: Mapping[str, Any]) -> list[str]:
    """How many pictures of a kind that it has never seen it marks."""
    if not unknown or unknown["marked"]["value"] is None:
        return []
    marked = unknown["marked"]
    return [
        f"Of a kind of picture that it has never seen {marked['value']:.4f} would be marked so: with each class left",
        f"out in turn {marked['low']:.4f} to {marked['high']:.4f}.",
    ]


def escaped_line(text: str) -> str:
    """Text on one line, with what Markdown, HTML or a terminal would act on taken out of action."""
    escaped = "".join(f"\\{character}" if character in r"\`*_{}[]<>()#+-.!|" else character for character in text)
    return one_line(" ".join(escaped.split()))
