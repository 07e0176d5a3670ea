"""benchmarks/RESULTS.md and its plots, from the results alone.

    python benchmarks/compare/page.py [--check]

With --check nothing is written, and what is not in step with the results ends it with 1.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import figures
from plan import ALL, OURS, PAIRS, ROOT, SETS
from plots import bar_plot, line_plot, plain

RESULTS: Final = ROOT / "benchmarks" / "results" / "compare.json"
PAGE: Final = ROOT / "benchmarks" / "RESULTS.md"
TITLE: Final = "# Side by side"
HEAD: Final = f"""{TITLE}

Made by `make compare` from [{{name}}]({{name}}); do not edit. What has not been run is not
here. Everyone gets the same pictures of the same splits, and, where the weights are called lite0, the very same ones.
Seconds run from the first look at the files to the last answer about the test, imports not counted; ours are of the
whole command, its start, report and model file included. Ratios are the peer's seconds through ours, of neighbouring
runs: above 1 where tellapart is the faster one, and not that of two medians where runs are of several machines.
p is of an exact paired test on the same test pictures (McNemar; those
of several draws count as one); a difference is called one where p is below 0.05."""


NOT_ASKED: Final = """\
| AutoGluon 1.6.3 | wants torch < 2.14 and timm < 1.0.7, unlike all others; pip had found no versions in 25 minutes |
| Ultralytics 8.4 | installs; classifies with nets of its own or of torchvision, which has no lite0: no same weights |
| LightlyTrain 0.18 | installs, and takes lite0's weights in timm's net by `backbone_weights`; its first step ends in an
 error, since it hands 320 channels to a head that expects 1280 |""".replace("\n ", " ")


def main() -> None:
    if sys.argv[1:] not in ([], ["--check"]):
        raise SystemExit("usage: page.py [--check]")
    made = made_files(json.loads(RESULTS.read_text(encoding="utf-8")))
    if sys.argv[1:]:
        late = [file.name for file, content in made.items() if not file.exists() or file.read_text("utf-8") != content]
        raise SystemExit(f"not in step with {RESULTS.name}: {', '.join(late)}; run page.py" if late else 0)
    write(made)


def write_page(document: Mapping[str, Any], results: Path = RESULTS) -> Path:
    """The page of a document that is kept in a file, and where it is."""
    page = page_of(results)
    write(made_files(document, page=page, results=results))
    return page


def page_of(results: Path) -> Path:
    """Where the page of a record is: of the record this one, of one's own beside it.

    Raises:
        SystemExit: its name does not end in .json, or its page would take the place of something else.
    """
    if results.resolve() == RESULTS.resolve():
        return PAGE
    page = results.with_suffix(".md")
    if results.suffix != ".json":
        raise SystemExit(f"{results}: a record is named FILE.json, and its page FILE.md is beside it")
    if page.exists() and not page.read_text(encoding="utf-8").startswith(TITLE):
        raise SystemExit(f"{page} is no page of a comparison, and would be overwritten: give the record another name")
    return page


def write(made: Mapping[Path, str]) -> None:
    for file, content in made.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content, encoding="utf-8")


def made_files(document: Mapping[str, Any], *, page: Path = PAGE, results: Path = RESULTS) -> dict[Path, str]:
    """Each file of the page and what is to stand in it; plots are beside the results, and named after one's own."""
    own = "" if page == PAGE else f"{results.stem}-"
    plots = {results.parent / f"{own}{name}": content for name, content in drawn(document)}
    places = [file.relative_to(page.parent).as_posix() for file in plots]
    named = results.relative_to(page.parent).as_posix()
    return {page: "\n".join(lines(document, places, results=named)) + "\n", **plots}


def drawn(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The plots that there are figures for."""
    for name in SETS:
        series, ticks = curve_series(document, name)
        if any(len(points) > 1 for points in series.values()):
            yield f"curve-{name}.svg", line_plot(f"{name}: test accuracy, mean of the draws", series, ticks)
        seconds = {title(peer): row["seconds"]["median"] for peer, row in figures.jobs(document, name).items()}
        if len(seconds) > 1:
            order = dict(sorted(seconds.items(), key=lambda item: item[1]))
            heading = f"{name}: seconds from files to a tested model (logarithmic)"
            yield f"seconds-{name}.svg", bar_plot(heading, order, "s", ours=title(OURS))


def curve_series(document: Mapping[str, Any], name: str) -> tuple[dict[str, list[tuple[str, float]]], list[str]]:
    """The lines of a set's plot, and the places on its axis."""
    found = figures.curve(document, name)
    series = {
        title(peer): [(tick(count), points[count]["mean"]) for count in in_order(points) if "mean" in points[count]]
        for peer, points in ((name, found[name]) for name in ALL if name in found)
    }
    counts = in_order({count for points in found.values() for count in points})
    return {peer: points for peer, points in series.items() if points}, [tick(count) for count in counts]


def in_order(counts: Any) -> list[int]:  # noqa: ANN401
    """Counts rising, all (0) last."""
    return sorted(counts, key=lambda count: (count == 0, count))


def tick(count: int) -> str:
    return "all" if count == 0 else str(count)


def title(peer: str) -> str:
    return ALL[peer].title.replace("`", "") if peer in ALL else peer


def lines(document: Mapping[str, Any], plots: list[str], *, results: str = "results/compare.json") -> Iterator[str]:
    """The page, line by line; plots and results are where they are from it."""
    yield from HEAD.format(name=results).split("\n")
    yield ""
    machine = document["machine"]
    extra = ", ".join(machine["instructions"]) or "none of AVX2, AVX-512, bf16"
    yield f"Machine: {machine['processor']}, {machine['cores']} cores ({extra}), {machine['system']}."
    yield from ("", *(f"- {note}" for note in document["notes"]))
    for name in SETS:
        rows = figures.jobs(document, name)
        if rows:
            yield from ("", f"## {name}, all of it", "")
            yield from job_table(rows)
            yield from (f"\n![seconds]({plot})" for plot in plots if plot.endswith(f"seconds-{name}.svg"))
    if any(figures.curve(document, name) for name in SETS):
        yield from ("", "## Accuracy against pictures per class", "")
        yield "In per cent: the mean of the draws (least to most, how many); in brackets ours in the paired test"
        yield "of the draws that both have. Who refuses says that it needs more pictures."
    for name in SETS:
        if points := figures.curve(document, name):
            yield from ("", f"### {name}", "")
            yield from curve_table(points)
            yield from (f"\n![accuracy]({plot})" for plot in plots if plot.endswith(f"curve-{name}.svg"))
    yield from small_tables(document)
    yield from (
        "",
        "## Who was asked, and why so",
        "",
        "| | setting and reason | weights | versions |",
        "|---|---|---|---|",
    )
    asked = dict.fromkeys(
        key.split("/")[2] for key in sorted(document["cells"]) if key.split("/")[0] in ("job", "curve")
    )
    for peer in (name for name in ALL if name in asked):
        versions = ", ".join(f"{name} {value}" for name, value in document["versions"].get(peer, {}).items())
        yield f"| {ALL[peer].title} | {ALL[peer].why} | {ALL[peer].weights} | {versions} |"
    yield from ("", "## Who could not be asked", "", "| | why |", "|---|---|")
    yield NOT_ASKED


def job_table(rows: figures.Rows) -> Iterator[str]:
    head = "seconds (least to most, n) | processor s | ratio | of processor s | accuracy (95 %) | against ours | MB"
    yield f"| | {head} |"
    yield "|---|---|---|---|---|---|---|---|"
    for peer in (name for name in ALL if name in rows):
        row = rows[peer]
        ratio, processor = (
            f"{row[name]['median']:.2f}" if row.get(name) else "" for name in ("gain", "processor_gain")
        )
        accuracy = row["accuracy"] if ALL[peer].weights != "random" else None
        shown = (
            f"{per_cent(accuracy['value'])} ({per_cent(accuracy['low'])} to {per_cent(accuracy['high'])})"
            if accuracy
            else ""
        )
        against = verdict(row["paired"]) if "paired" in row and accuracy else ""
        cells = (ALL[peer].title, ranged(row["seconds"]), ranged(row["processor_s"]), ratio, processor, shown, against)
        yield f"| {' | '.join(cells)} | {row['peak_mb']['median']:.0f} |"


def verdict(paired: Mapping[str, Any]) -> str:
    """How ours (B) stands to the peer (A): better, worse or not told apart, with the p-value."""
    if not paired["told_apart"]:
        return f"no difference, p = {paired['p_value']:.2g}"
    better = paired["difference"]["value"] > 0
    return f"ours {'better' if better else 'worse'}, p = {paired['p_value']:.2g}"


def curve_table(points: Mapping[str, Mapping[int, Mapping[str, Any]]]) -> Iterator[str]:
    counts = in_order({count for own in points.values() for count in own})
    yield f"| | {' | '.join(tick(count) for count in counts)} |"
    yield "|---" * (len(counts) + 1) + "|"
    for peer in (name for name in ALL if name in points):
        cells = [curve_cell(points[peer].get(count)) for count in counts]
        yield f"| {ALL[peer].title} | {' | '.join(cells)} |"


def curve_cell(point: Mapping[str, Any] | None) -> str:
    if point is None:
        return ""
    if "refused" in point:
        return "refuses"
    found = point["accuracy"]
    shown = per_cent(point["mean"])
    if found["n"] > 1:
        shown += f" ({per_cent(found['least'])} to {per_cent(found['most'])}, {found['n']})"
    if "paired" not in point:
        return shown
    told = point["paired"]["told_apart"]
    word = ("better" if point["paired"]["difference"]["value"] > 0 else "worse") if told else "same"
    return f"{shown} [{word}]"


def small_tables(document: Mapping[str, Any]) -> Iterator[str]:
    """Pairs, cold answers and sizes, those that there are."""
    if rows := figures.pairs(document):
        yield from (
            "",
            "## In turn with Keras",
            "",
            "Ratios are ours through Keras': of pictures a second more is better, of seconds less.",
            "",
            "| | ours | Keras | ratio (least to most, n) | of processor seconds | aim |",
            "|---|---|---|---|---|---|",
        )
        for name in (name for name in PAIRS if name in rows):
            row, pair = rows[name], PAIRS[name]
            median = row["ratio"]["median"] if row["ratio"] else pair.aim
            missed = median < pair.aim if pair.higher else median > pair.aim
            aim = f"{'at least' if pair.higher else 'at most'} {pair.aim:g}{', missed' if missed else ''}"
            cells = [ranged(row[side]) for side in ("ours", "peer", "ratio", "processor_ratio")]
            yield f"| {pair.title} | {' | '.join(cells)} | {aim} |"
    if rows := figures.cold(document):
        yield from (
            "",
            "## A process that loads a model and answers about one picture",
            "",
            "| | seconds |",
            "|---|---|",
        )
        yield from (f"| {ALL[name].title} | {ranged(rows[name])} |" for name in ALL if name in rows)
    if rows := figures.sizes(document):
        yield from ("", "## What an installation weighs", "", "| | MB | packages | the largest |", "|---|---|---|---|")
        for name in (name for name in ALL if name in rows):
            largest = ", ".join(f"{part} {size}" for part, size in rows[name]["largest_mb"].items())
            yield f"| {ALL[name].title} | {rows[name]['mb']} | {rows[name]['packages']} | {largest} |"


def ranged(found: Mapping[str, float] | None) -> str:
    """Median, and behind it the least and the most where there were several."""
    if not found:
        return ""
    shown = plain(found["median"])
    return shown if found["n"] == 1 else f"{shown} ({plain(found['least'])} to {plain(found['most'])}, {found['n']})"


def per_cent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.1f}"


if __name__ == "__main__":
    main()
