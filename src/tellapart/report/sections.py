"""What the templates lay out: the run's figures and evidence as rows, cells and cards."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from tellapart import files
from tellapart import text as words
from tellapart.errors import one_line
from tellapart.evaluation.metrics import leading_figure
from tellapart.evaluation.run_metrics import RunMetrics
from tellapart.heads.abstention import is_weak
from tellapart.heads.class_promise import NAMED, promise_rows
from tellapart.nets.outcome import shows_nothing_learned
from tellapart.report import choose, finding_words, headings, labels, reason_words, wording
from tellapart.report.attempts import attempts_table
from tellapart.report.charts import history_curves, learning_points
from tellapart.report.course import training_course
from tellapart.report.evidence import Answer, Evidence, Shot, SuspectCard
from tellapart.report.inlined import data_address
from tellapart.report.labels import Label
from tellapart.report.language import both, either

# 150 x 150 cells are 0.3 MB of page; beyond that nobody reads a matrix, and the list of mistakes says more.
LARGEST_MATRIX = 150
PAIRS_SHOWN = 10
MISTAKES_IN_SIGHT = 18  # cards below the matrix; the others are behind its cells
TOP_CLASSES = 3
MATTERS = ("error", "warning")
UNREADABLE, SKIPPED = "unreadable", "skipped"  # codes of findings; the second is of this page alone
LEDGER_ROWS = 25
SUSPECTS_LISTED = 60
SCALES = (0.9, 0.8, 0.6, 0.4, 0.2)  # where the scale of an accuracy may start: a quarter of it is a round number
SCALE_MARGIN = 0.03
CERTAIN = 0.9995  # a confidence above it reads as 100.0 %


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A picture with what was said of it; names and paths are ready to be shown."""

    path: str
    given: str
    called: str
    right: bool
    likeliest: Sequence[tuple[str, float]]
    shot: Shot | None
    cell: str = ""
    unsure: bool = False
    unlike: bool = False
    strength: tuple[str, str] | None = None  # the strongest evidence of its heat map, and the score


def page_sections(metrics: RunMetrics, evidence: Evidence) -> dict[str, Any]:
    """What the templates show beside the document itself, worked out so that they only have to lay it out."""
    test, environment = metrics.test, dict(metrics.environment)
    names = [one_line(name) for name in metrics.classes]
    wrong = test["n"] - sum(row[position] for position, row in enumerate(test["confusion"]))
    missed, right = choose.shown_answers(evidence.answers, class_count=len(names))
    mistakes = [answer_card(answer, names, evidence) for answer in missed]
    samples = [answer_card(answer, names, evidence) for answer in right]
    return {
        "names": names,
        "wrong": wrong,
        "lead": (lead := opening_figure(test)),
        "scale": interval_scale(lead),
        "measures": measures(test, metrics.valid),
        "faces": faces(right, evidence),
        "weakest": weakest_class(test, names),
        "level": headings.level_on(names),
        "matrix": matrix(test["confusion"]) if len(names) <= LARGEST_MATRIX else None,
        "pairs_wrong": with_shots(confused_pairs(test["confusion"], names)[:PAIRS_SHOWN], mistakes),
        "mistakes": mistakes[:MISTAKES_IN_SIGHT],
        "behind": [*mistakes[MISTAKES_IN_SIGHT:], *samples],
        "has_heat": bool(heated := [card.path for card in (*mistakes, *samples) if card.shot and card.shot.heat]),
        "heat_method": heat_method(evidence, heated),
        "mistakes_left_out": wrong - len(mistakes) if evidence.answers else 0,
        "evidence": evidence,
        "suspects": cards_of_suspects(evidence, names),
        "suspects_csv": suspects_csv(evidence.suspects or (), metrics.classes),
        "findings": findings(metrics),
        "promise": promise(metrics.thresholds.get("promise")),
        "weak": is_weak(metrics.thresholds.get("promise")),
        "promises": class_promises(metrics.thresholds, names),
        "prior": prior_note(metrics.selected),
        "recalls": recall_rows(metrics, names),
        "note": evidence.analysis.get("note"),
        "advice": curve_advice(evidence.analysis.get("learning_curve")),
        "learning": learning_points(evidence.analysis.get("learning_curve")),
        "tried": history_curves(evidence.history, selected=metrics.selected),
        "course": training_course(evidence.history, metrics.selected),
        "certain": all_certain(test.get("reliability")),
        "unlearned": shows_nothing_learned(metrics.selected, test),
        "ledger_rows": [
            (status, reason and reason_words.reason(reason), count)
            for status, reason, count in evidence.ledger[:LEDGER_ROWS]
        ],
        "attempts": attempts_table(metrics.selected),
        "choices": labels.rows(chosen_settings(metrics.selected), labels.CHOICES),
        "times": times(metrics.timing, metrics.peak_rss_mb),
        "surroundings": labels.rows(
            {key: value for key, value in environment.items() if key != "versions"}, labels.SURROUNDINGS
        ),
        "versions": labels.rows({"tellapart": metrics.tellapart} | environment["versions"], {}),
    }


def heat_method(evidence: Evidence, paths: Sequence[str]) -> str:
    """How the heat maps of these pictures were found: exact, occlusion or both; "" where nothing says so."""
    shown = set(paths)
    found = {row["method"] for row in evidence.analysis.get("heat_maps", ()) if one_line(row["path"]) in shown}
    known = sorted(found & {"exact", "occlusion"})
    return "both" if len(known) > 1 else "".join(known)


def answer_card(answer: Answer, names: Sequence[str], evidence: Evidence) -> Card:
    shot, strength = evidence.shots.get(answer.path), evidence.strengths.get(answer.path)
    return Card(
        path=one_line(answer.path),
        given=names[answer.label],
        called=names[answer.predicted],
        right=answer.right,
        likeliest=[(names[place], share) for place, share in answer.likeliest(TOP_CLASSES)],
        shot=shot,
        cell=f"{answer.label}-{answer.predicted}",
        unsure=bool(answer.unsure),
        unlike=bool(answer.unlike),
        strength=(f"{strength[0]:+.3g}", f"{strength[1]:+.3g}") if strength and shot and shot.heat else None,
    )


def cards_of_suspects(evidence: Evidence, names: Sequence[str]) -> list[Card]:
    return [
        Card(
            path=one_line(suspect.path),
            given=names[suspect.given],
            called=names[suspect.suggested],
            right=False,
            likeliest=[
                (names[suspect.suggested], suspect.suggested_share),
                (names[suspect.given], suspect.given_share),
            ],
            shot=evidence.shots.get(suspect.path),
        )
        for suspect in (evidence.suspects or ())[:SUSPECTS_LISTED]
    ]


def suspects_csv(suspects: Iterable[SuspectCard], classes: Sequence[str]) -> str:
    """Every suspect as a CSV file to take away, as the address of a link."""
    header = ["path", "label", "suggested", "probability_label", "probability_suggested"]
    rows = [
        [one.path, classes[one.given], classes[one.suggested], f"{one.given_share:.6f}", f"{one.suggested_share:.6f}"]
        for one in suspects
    ]
    content = files.csv_text(header, rows).encode("utf-8", errors="surrogateescape")
    return data_address(content, "text/csv;charset=utf-8")


def findings(metrics: RunMetrics) -> list[dict[str, Any]]:
    """What matters about the data: findings that are errors or warnings, the errors first."""
    found = metrics.findings
    told = [one for one in found if one["outcome"] == "found" and one["severity"] in MATTERS]
    if not any(one["code"] == UNREADABLE for one in found):  # a run of an older version
        told += skipped_files(metrics.ledger["skipped"])
    return [
        {
            "severity": one["severity"],
            "title": finding_words.title(one),
            "message": finding_words.message(one),
        }
        for one in sorted(told, key=lambda one: MATTERS.index(one["severity"]))
    ]


def skipped_files(count: int) -> list[dict[str, Any]]:
    """What a ledger alone can say of files that were not used; nothing where there are none."""
    english = f"{words.counted(count, 'file was', 'files were')} skipped; ledger.csv says why."
    entry = {"severity": "warning", "title": "Skipped files", "code": SKIPPED, "outcome": "found", "message": english}
    return [{**entry, "facts": {"skipped": count}}] if count else []


def promise(made: Mapping[str, Any] | None) -> Markup | None:
    """What is promised of the answers that are given; None where the model has no threshold."""
    if not made:
        return None
    if made["error"] is None and made.get("by_costs"):
        return both(labels.PROMISES["costless"])
    if made["error"] is None:
        return both(labels.PROMISES["none"], pictures=made["pictures"])
    if made.get("by_costs"):
        return both(labels.PROMISES["costs"], error=f"{100 * made['error']:.3g} %")
    short_of = "few" if made["pictures"] < made["needed"] else "mistakes"
    code = "kept" if made["kept"] else short_of
    shares = {key: f"{100 * made[key]:.3g} %" for key in ("error", "asked")}
    said = both(labels.PROMISES[code], **shares, pictures=made["pictures"], needed=made["needed"])
    return Markup("{} {}").format(said, both(labels.PROMISES["weak"])) if is_weak(made) else said


def opening_figure(test: Mapping[str, Any]) -> dict[str, Any]:
    """The figure that the page opens with: {value, low, high, balanced}, the last whether classes count alike in it."""
    interval = test.get("intervals", {}).get("balanced_accuracy")
    if interval is None or None in (interval["low"], interval["high"]) or leading_figure(test) == "accuracy":
        return {**test["accuracy"], "balanced": False}
    return {"value": test["balanced_accuracy"], "low": interval["low"], "high": interval["high"], "balanced": True}


def class_promises(thresholds: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any] | None:
    """The `rows` of `promise_rows`; `lost`, the first of those that are; `more`, how many others. None without rows."""
    rows = promise_rows(thresholds, names)
    lost = [row for row in rows if row["lost"]]
    return {"rows": rows, "lost": lost[:NAMED], "more": max(len(lost) - NAMED, 0)} if rows else None


def all_certain(bins: Sequence[Mapping[str, Any]] | None) -> bool:
    """Whether every answer was as confident as an answer can be, by the bins of a calibration chart."""
    return bool(bins) and all(entry["confidence"] > CERTAIN for entry in bins or () if entry["n"])


def recall_rows(metrics: RunMetrics, names: Sequence[str]) -> list[dict[str, Any]]:
    """What was asked for of the recall of classes, what valid shows of it, and what came of it on test."""
    asked, found = metrics.operating_point.get("recalls", ()), metrics.test.get("recalls", ())
    return [
        {
            **promise,
            "name": names[promise["place"]],
            "recall": row["recall"]["value"],
            "precision": row["precision"]["value"],
        }
        for promise, row in zip(asked, found, strict=False)
        if promise["place"] < len(names)
    ]


def prior_note(selected: Mapping[str, Any]) -> Markup | None:
    """What a probability means where the shares of unequal classes were taken out of it; else None."""
    fraction = selected.get("prior_taken_out")
    return both(labels.PRIORS[fraction]) if fraction in labels.PRIORS else None


def curve_advice(curve: Mapping[str, Any] | None) -> Markup | None:
    """What would help most, in both languages; None where no curve was drawn."""
    if not curve:
        return None
    sentence = curve["advice"]["sentence"]
    return either(sentence["en"], sentence["zh"])


def interval_scale(share: Mapping[str, float]) -> dict[str, Any]:
    """Where value, low and high lie on a scale from one of SCALES below them to 1, each from 0 to 1; and its ticks."""
    start = max((start for start in SCALES if start <= share["low"] - SCALE_MARGIN), default=0.0)
    places = {key: (share[key] - start) / (1 - start) for key in ("value", "low", "high")}
    ticks = [start + (1 - start) * number / 4 for number in range(5)]
    return {**places, "ticks": [wording.short_percent(tick) for tick in ticks]}


def faces(right: Sequence[Answer], evidence: Evidence) -> dict[int, Shot]:
    """For each class the picture that was told right most surely, where there is one."""
    found: dict[int, Shot] = {}
    for answer in right:
        if answer.path in evidence.shots:
            found.setdefault(answer.label, evidence.shots[answer.path])
    return found


def weakest_class(test: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any] | None:
    """The class that is surely found least often, and what its pictures were called most; None where all were found.

    By the upper end of the interval of its recall: one of two pictures missed says little of a class.
    """
    recalls = [row["recall"] for row in test["per_class"]]
    known = [place for place, recall in enumerate(recalls) if None not in (recall["value"], recall["high"])]
    if not known:
        return None
    place = min(known, key=lambda place: recalls[place]["high"])
    row = test["per_class"][place]
    if row["recall"]["value"] == 1:
        return None
    others = [(count, called) for called, count in enumerate(test["confusion"][place]) if called != place]
    missed, called = sum(count for count, _ in others), max(others)
    return {
        "name": names[place],
        "place": place,
        "recall": row["recall"],
        "n": row["n"],
        "others": missed,
        "alike": called[0] == missed,
        "mostly": names[called[1]],
    }


def measures(*splits: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """A row a measure: its name, what it says, and its figure and interval in each split."""
    return [
        (name, meaning, *(show_figure(scores, key, show) for scores in splits))
        for name, meaning, key, show in labels.MEASURES
    ]


def show_figure(scores: Mapping[str, Any], key: str, show: Callable[[float], str]) -> tuple[str, str]:
    """A figure that may stand alone or with its interval, and both ends of that, "" where none was measured."""
    figure = scores[key]
    if not isinstance(figure, Mapping):
        figure = {"value": figure, **scores.get("intervals", {}).get(key, {})}
    low, high = figure.get("low"), figure.get("high")
    ends = "" if low is None or high is None else f"{show(low)} {words.DASH} {show(high)}"
    return show(figure["value"]), ends


def chosen_settings(selected: Mapping[str, Any]) -> dict[str, Any]:
    """What was chosen, with the alternatives of each choice beside it."""
    apart = {"out_of", *(("auto", "tried") if selected.get("tried") else ())}  # the latter are a table
    choices = {key: value for key, value in selected.items() if key not in apart and value is not None}
    if isinstance(choices.get("accuracy"), float):
        choices["accuracy"] = words.percent(choices["accuracy"])
    for key, alternatives in selected["out_of"].items():
        if key in choices:
            choices[key] = labels.out_of(choices[key], alternatives)
    return choices


def times(timing: Mapping[str, Any], peak: float | None) -> list[tuple[Label, Label]]:
    """Each stage in seconds in the order of the work, then what else was measured; peak is in megabytes or unknown."""
    seconds = [
        (label, f"{timing[key]:.2f} s")
        for key, label in labels.TIMES.items()
        if key not in labels.OPTIONAL or key in timing
    ]
    others = {key: value for key, value in timing.items() if key not in labels.TIMES}
    memory = wording.value_text(None) if peak is None else f"{peak:,.0f} MB"
    return [*seconds, *labels.rows(others, labels.SPEED), (labels.MEMORY, memory)]


def matrix(confusion: Sequence[Sequence[int]]) -> list[list[tuple[int, int]]]:
    """Each cell as (count, tint): the tint 0..100 follows the root of its share of the row, so that few show too."""
    return [[(count, round(100 * (count / max(sum(row), 1)) ** 0.5)) for count in row] for row in confusion]


def confused_pairs(confusion: Sequence[Sequence[int]], names: Sequence[str]) -> list[dict[str, Any]]:
    """Every pair that was taken one for the other, the most frequent first, ties in the order of the classes."""
    pairs = [
        {
            "true": names[true],
            "predicted": names[predicted],
            "count": count,
            "of": sum(row),
            "cell": f"{true}-{predicted}",
        }
        for true, row in enumerate(confusion)
        for predicted, count in enumerate(row)
        if true != predicted and count
    ]
    return sorted(pairs, key=lambda pair: -pair["count"])


def with_shots(pairs: Sequence[Mapping[str, Any]], mistakes: Iterable[Card]) -> list[dict[str, Any]]:
    """The pairs, each with the picture of its costliest mistake where there is one."""
    shots: dict[str, Shot] = {}
    for card in mistakes:
        if card.shot:
            shots.setdefault(card.cell, card.shot)
    return [{**pair, "shot": shots.get(pair["cell"])} for pair in pairs]


def ledger_summary(entries: Iterable[tuple[str, str]]) -> tuple[tuple[str, str, int], ...]:
    """(status, reason, how many) of every kind of ledger entry, skipped before converted before used, many first."""
    order = {"skipped": 0, "converted": 1, "used": 2}
    counts = Counter(entries)
    ranked = sorted(counts.items(), key=lambda item: (order.get(item[0][0], 3), -item[1], item[0][1]))
    return tuple((status, one_line(reason), count) for (status, reason), count in ranked)
