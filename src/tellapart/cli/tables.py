"""What the commands print as text: answers, findings, columns. What they print of a run is in run_figures."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tellapart import files
from tellapart.cli.output import complain, line, print_for_programs
from tellapart.errors import one_line
from tellapart.text import counted, percent, tenths

if TYPE_CHECKING:
    from tellapart.answers import Answers
    from tellapart.features.cache import CacheStatus
    from tellapart.nets.summary import Layer
    from tellapart.types import SplitName

# "1,764", "98.2 % (97.0 to 99.1)", "+0.0123", "12 s", and a dash for what is not known
NUMBER = re.compile(r"[-+<>]? ?\d[\d.,]*( %| s)?( \(.*\))?|[-\N{EN DASH}]")
MOST_EXAMPLES = 2  # of each finding; the page and the JSON file have more


def quoted(path: Path) -> str:
    """A path as it is typed."""
    return shlex.quote(str(path))


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
    """Columns as wide as they need to be: words to the left, numbers to the right."""
    from rich.cells import cell_len

    clean = [[one_line(cell) for cell in row] for row in [header, *rows]]
    columns = []
    for place, cells in enumerate(zip(*clean, strict=True)):
        width, numbers = max(map(cell_len, cells)), place > 0 and holds_numbers(cells[1:])
        padding = [" " * (width - cell_len(cell)) for cell in cells]
        columns.append(
            [(space + cell) if numbers else (cell + space) for cell, space in zip(cells, padding, strict=True)]
        )
    for row in zip(*columns, strict=True):
        line(f"  {'  '.join(row)}".rstrip())


def holds_numbers(cells: Sequence[str]) -> bool:
    """Whether a column holds numbers wherever it holds anything, with their units and intervals."""
    return all(NUMBER.fullmatch(cell) for cell in cells if cell)


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
