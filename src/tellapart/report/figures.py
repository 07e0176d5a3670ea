"""Each plot of the page as a file of its own, for papers: the same numbers, drawn by matplotlib (the extra `figures`).

Legend: K classes.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tellapart import files
from tellapart.errors import one_line
from tellapart.evaluation.run_metrics import RunMetrics
from tellapart.extras import load_extra
from tellapart.progress import Progress
from tellapart.report.charts import FEW, SMOOTHING, chart_data
from tellapart.report.evidence import Evidence
from tellapart.report.fonts import fonts_for
from tellapart.report.headings import letters, stands_upright
from tellapart.targets import SOFTWARE, WRITER, check_file, check_folder_name

FORMATS = ("png", "svg")
DPI = 200
# Okabe and Ito's palette, told apart by dashes as well.
BLUE, ORANGE, GREEN, PURPLE, GREY = "#0072b2", "#d55e00", "#00795a", "#a8497f", "#59626c"
COLOURS = (BLUE, ORANGE, GREEN, PURPLE, "#7a6a00", GREY)
DASHES = ("-", "--", ":", "-.")
MARKERS = ("o", "D", "^", "s")
FAINT = 0.3  # of what holds one or two pictures
LETTER = 0.09  # inches that a letter of a name takes
AROUND_MATRIX = 1.5  # inches
LARGEST_MATRIX = 60  # classes whose counts can still be read


def write_figures(
    folder: Path, metrics: RunMetrics, evidence: Evidence, *, progress: Progress | None = None
) -> list[Path]:
    """Write every plot there are numbers for, as PNG and as SVG; their paths.

    Class names are drawn with the system's fonts for their letters; progress is told of letters that no font has.

    Raises:
        MissingExtraError: matplotlib is not installed.
        UsageError: the folder is called like a file.
        OutputError: a file cannot be written, or one that tellapart has not written is there.
    """
    matplotlib = load_matplotlib()
    data = {**chart_data(metrics, evidence), "confusion": metrics.test["confusion"]}
    # The same run gives the same bytes: no date, no random identifiers, and text as text, so that it can be edited.
    settings: dict[str, Any] = {"svg.hashsalt": "tellapart", "svg.fonttype": "none"}
    settings |= {"axes.spines.top": False, "axes.spines.right": False}
    fonts = fonts_for(data["classes"])
    settings["font.family"] = fonts.families
    if progress is not None and fonts.complaint():
        progress.note(fonts.complaint())
    wanted = {name: draw for name, (needed, draw) in PLOTS.items() if data[needed]}
    check_places(folder, wanted)
    written = []
    with matplotlib.rc_context(settings):
        for name, draw in wanted.items():
            figure = matplotlib.figure.Figure(layout="constrained")
            draw(figure, data)
            written += [write_figure(figure, folder / f"{name}.{kind}", kind=kind) for kind in FORMATS]
    return written


def check_places(folder: Path, names: Iterable[str]) -> None:
    """Refuse, before any is drawn, to write a plot over a file that tellapart has not written.

    Raises:
        UsageError, OutputError: as `targets` has it.
    """
    check_folder_name(folder)
    for name in names:
        for kind in FORMATS:
            check_file(folder / f"{name}.{kind}", follow=False)


def load_matplotlib() -> Any:  # noqa: ANN401 - a module
    """The module matplotlib, with the parts used here."""
    hint = "Install it with: pip install 'tellapart[figures]'"
    load_extra("matplotlib.figure", "matplotlib", hint=hint)
    return load_extra("matplotlib", "matplotlib", hint=hint)


def write_figure(figure: Any, path: Path, *, kind: str) -> Path:  # noqa: ANN401 - a figure of matplotlib
    content = io.BytesIO()
    metadata = {"Date": None, "Creator": WRITER} if kind == "svg" else {SOFTWARE: WRITER}
    with warnings.catch_warnings():
        # Letters that no font has are told once, with what to install; the SVG keeps them as text.
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        figure.savefig(content, format=kind, dpi=DPI, metadata=metadata)
    files.write_bytes(path, content.getvalue())
    return path


def text(name: object) -> str:
    """A name as matplotlib shows it: a dollar sign begins no formula."""
    return one_line(str(name)).replace("$", r"\$")


def column_name(name: str) -> str:
    """A name as it stands below a narrow column: in scripts that are written so, from top to bottom."""
    return "\n".join(name) if stands_upright(name) else name


def percents(shares: Sequence[float | None]) -> list[float]:
    return [float("nan") if share is None else 100 * share for share in shares]


def draw_confusion(figure: Any, data: Mapping[str, Any]) -> None:  # noqa: ANN401
    counts, names = data["confusion"], [text(name) for name in data["classes"]]
    side = min(max(3.5, 0.45 * len(names) + AROUND_MATRIX), 14)
    figure.set_size_inches(side, side)
    axes = figure.subplots()
    shares = [[(count / max(sum(row), 1)) ** 0.5 for count in row] for row in counts]
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1.3)
    if len(names) <= LARGEST_MATRIX:
        level = max(letters(name) for name in data["classes"]) * LETTER < (side - AROUND_MATRIX) / len(names)
        axes.set_xticks(range(len(names)), names if level else [column_name(name) for name in names])
        for tick, name in zip(axes.get_xticklabels(), names, strict=True):
            tick.set(rotation=0 if level or stands_upright(name) else 90, linespacing=1.0)
        axes.set_yticks(range(len(names)), names)
        for place, row in enumerate(counts):
            for called, count in enumerate(row):
                if count:
                    axes.text(called, place, f"{count:,}", ha="center", va="center", fontsize=8)
    axes.set(xlabel="predicted class", ylabel="true class")


def draw_classes(figure: Any, data: Mapping[str, Any]) -> None:  # noqa: ANN401
    rows = data["bars"][::-1]
    figure.set_size_inches(8, min(max(2.5, 0.28 * len(rows) + 1), 20))
    panels = figure.subplots(1, 3, sharey=True)
    for axes, measure in zip(panels, ("recall", "precision", "f1"), strict=True):
        values, lows, highs = (percents([row[measure][place] for row in rows]) for place in range(3))
        axes.barh(range(len(rows)), values, color="#8cbbe0")
        axes.hlines(range(len(rows)), lows, highs, color="#12283d", linewidth=1.5)
        axes.set(xlim=(0, 100), xlabel=f"{measure.capitalize()}, %")
    panels[0].set_yticks(range(len(rows)), [text(row["name"]) for row in rows])


def draw_reliability(figure: Any, data: Mapping[str, Any]) -> None:  # noqa: ANN401
    figure.set_size_inches(4.5, 4.5)
    axes = figure.subplots()
    bins = data["reliability"]
    stated = percents([row["confidence"] for row in bins])
    start = 100 * min(row["from"] for row in bins)
    axes.plot([start, 100], [start, 100], "--", color=GREY, label="perfectly calibrated")
    lows, highs = (percents([row["accuracy"][end] for row in bins]) for end in ("low", "high"))
    shades = [FAINT if row["n"] <= FEW else 1 for row in bins]
    axes.vlines(stated, lows, highs, color="#12283d", linewidth=1.5, alpha=shades, label="95 % interval")
    most = max(row["n"] for row in bins)
    sizes = [20 + 120 * row["n"] / most for row in bins]
    values = percents([row["accuracy"]["value"] for row in bins])
    axes.scatter(stated, values, s=sizes, color=BLUE, alpha=shades, linewidths=0, zorder=3)
    axes.set(xlabel="stated confidence, %", ylabel="correct, %")
    axes.legend(frameon=False)


def draw_thresholds(figure: Any, data: Mapping[str, Any]) -> None:  # noqa: ANN401
    figure.set_size_inches(5.5, 3.75)
    axes = figure.subplots()
    curve = data["thresholds"]
    covered = [100 * count / curve["n"] for count in curve["answered"]]
    errors = [100 * wrong / count for wrong, count in zip(curve["wrong"], curve["answered"], strict=True)]
    lows, highs = percents(curve["low"]), percents(curve["high"])
    axes.fill_between(covered, lows, highs, color=BLUE, alpha=0.2, linewidth=0, label="95 % interval")
    axes.plot(covered, errors, color=BLUE, label="misclassified among those answered")
    axes.set(xlabel="answered, % of the pictures", ylabel="misclassified among them, %", xlim=(0, 100), ylim=(0, None))
    axes.legend(frameon=False)


def draw_history(figure: Any, data: Mapping[str, Any]) -> None:  # noqa: ANN401
    history = data["history"]
    draw_curve = draw_epochs if history["in_order"] else draw_settings
    kinds = [(kind, label) for kind, label in (("losses", "loss"), ("shares", "accuracy, %")) if history[kind]]
    figure.set_size_inches(4.25 * len(kinds), 3.5)
    steps = range(1, len(history["labels"]) + 1)
    for axes, (kind, label) in zip(figure.subplots(1, len(kinds), squeeze=False)[0], kinds, strict=True):
        for place, (name, values) in enumerate(history[kind].items()):
            shown = percents(values) if kind == "shares" else percents([None if v is None else v / 100 for v in values])
            draw_curve(axes, steps, shown, name=text(name.replace("_", " ")), place=place)
            if history["chosen"] is not None:
                chosen, ring = history["chosen"], {"facecolors": "none", "edgecolors": "#12283d", "linewidths": 1.5}
                known = {} if place else {"label": "chosen"}
                axes.scatter([steps[chosen]], [shown[chosen]], s=90, zorder=4, **ring, **known)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.set(xlabel=history["step"] if history["in_order"] else "setting", ylabel=label)
        title = "faint: as measured; strong: smoothed" if history["in_order"] else None
        axes.legend(frameon=False, title=title, title_fontsize="small")


def draw_epochs(axes: Any, steps: Sequence[int], values: Sequence[float], *, name: str, place: int) -> None:  # noqa: ANN401
    style = {"color": COLOURS[place % len(COLOURS)], "linestyle": DASHES[place % len(DASHES)]}
    axes.plot(steps, values, alpha=0.35, **style)
    axes.plot(steps, smoothed(values), label=name, **style)


def draw_settings(axes: Any, steps: Sequence[int], values: Sequence[float], *, name: str, place: int) -> None:  # noqa: ANN401
    """Dots, since settings that were tried are in no order."""
    axes.plot(steps, values, MARKERS[place % len(MARKERS)], color=COLOURS[place % len(COLOURS)], label=name)


def smoothed(values: Sequence[float]) -> list[float]:
    """Exponential smoothing: each point keeps SMOOTHING of what came before; NaN stays and does not count."""
    kept, result = float("nan"), []
    for value in values:
        if value == value:  # noqa: PLR0124  not NaN
            kept = value if kept != kept else kept * SMOOTHING + value * (1 - SMOOTHING)  # noqa: PLR0124
        result.append(kept if value == value else value)  # noqa: PLR0124
    return result


def draw_learning(figure: Any, data: Mapping[str, Any]) -> None:  # noqa: ANN401
    figure.set_size_inches(5.5, 3.75)
    axes = figure.subplots()
    points = data["learning"]["points"]
    sizes = [point["n"] for point in points]
    lows, highs = (percents([point[end] for point in points]) for end in ("low", "high"))
    axes.fill_between(sizes, lows, highs, color=BLUE, alpha=0.2, linewidth=0, label="spread over draws")
    axes.plot(sizes, percents([point["value"] for point in points]), "o-", color=BLUE, label="all classes")
    axes.set_xscale("log")
    axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
    axes.minorticks_off()
    axes.set(xlabel="training pictures", ylabel="accuracy, not trained on, %")
    axes.legend(frameon=False)


# What a plot needs, and who draws it, by the name of its file.
PLOTS: Mapping[str, tuple[str, Callable[[Any, Mapping[str, Any]], None]]] = {
    "confusion": ("confusion", draw_confusion),
    "classes": ("bars", draw_classes),
    "reliability": ("reliability", draw_reliability),
    "thresholds": ("thresholds", draw_thresholds),
    "history": ("history", draw_history),
    "learning-curve": ("learning", draw_learning),
}
