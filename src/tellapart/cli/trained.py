"""The commands for what has been trained: model files and run folders."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tellapart.cli.options import (
    Boxes,
    Classes,
    Data,
    Device,
    Encoding,
    GroupBy,
    Json,
    LabelColumn,
    MinPictures,
    Model,
    On,
    PathColumn,
    reading,
)
from tellapart.cli.output import line, print_for_programs, send
from tellapart.cli.run_figures import print_abstention, print_comparison, print_figures, print_together
from tellapart.cli.tables import path_width, print_explanations, print_json, print_sorted, table_text
from tellapart.errors import OutputError, UsageError
from tellapart.progress import listener
from tellapart.targets import check_file

if TYPE_CHECKING:
    from tellapart.answers import Answers
    from tellapart.commands.answer_file import RowForm
    from tellapart.commands.predict import Asking

FORMATS = ("table", "csv", "excel", "jsonl", "parquet")
# The formats that a file of an ending may have, the first of them if nobody says.
SUFFIXES = {".csv": ("csv", "excel"), ".jsonl": ("jsonl",), ".parquet": ("parquet",), ".txt": ("table",)}


def predict(
    model: Model,
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATH…", help="Picture files, folders of them, or one file that lists some.")
    ],
    form: Annotated[
        str | None,
        typer.Option(
            "--format", help="table, csv, excel (CSV that Excel opens right), jsonl or parquet; else as FILE ends."
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="FILE", help="Write to a file instead of the screen.")
    ] = None,
    into: Annotated[
        Path | None, typer.Option("--into", metavar="DIR", help="Copy each picture into a folder of its class.")
    ] = None,
    link: Annotated[bool, typer.Option("--link", help="With --into: symbolic links instead of copies.")] = False,
    path_column: PathColumn = None,
    encoding: Encoding = None,
    boxes: Boxes = None,
    confidence: Annotated[
        float | None, typer.Option(metavar="SHARE", help="MegaDetector's boxes from this confidence on; else 0.2.")
    ] = None,
    on: On = "local",
    device: Device = None,  # noqa: ARG001  its callback has chosen
) -> None:
    """Say which class each picture belongs to.

    A table, a file of COCO, Label Studio, CVAT, YOLO or MegaDetector stands for the pictures and boxes that it lists.

    With --into they are sorted: DIR/CLASS has those to rely on, DIR/unsure/CLASS and DIR/unlike/CLASS the others,
    DIR/empty those with nothing on them, DIR/predictions.csv every answer. DIR is new, or one sorted before, to which
    is added. Nothing is moved or written over.

    \b
    tellapart predict runs/pictures/model.tellapart new.jpg
    tellapart predict runs/pictures/model.tellapart inbox/ --format csv -o answers.csv
    tellapart predict runs/pictures/model.tellapart inbox/ --into sorted/
    tellapart predict runs/pictures/model.tellapart megadetector.json -o answers.csv
    """
    from tellapart.commands.answer_file import write_answers
    from tellapart.commands.predict import open_asking
    from tellapart.workers.where import hired

    shown = out is None and (into is None or form is not None)
    form = checked_form(form, out)
    if out is not None:
        check_file(out, sources=[model, *paths], kind=next(end for end, forms in SUFFIXES.items() if form in forms))
    check_sorting(into, paths, link=link, out=out)
    read_as = reading(path_column=path_column, encoding=encoding, boxes=boxes, confidence=confidence)
    with hired(on, progress := listener()) as workers:
        asking = open_asking(model, paths, reading=read_as, workers=workers, progress=progress)
        rows = row_form(form, asking)
        if into is not None:
            sort_and_show(asking, into, paths, rows, link=link, out=out, shown=shown)
        elif out is not None:
            write_answers(asking, model, out, rows)
        else:
            show(asking.parts(), rows)


def sort_and_show(
    asking: Asking, into: Path, paths: list[Path], form: RowForm, *, link: bool, out: Path | None, shown: bool
) -> None:
    """Sort pictures into folders; their answers go to a file or the screen as well, where that is asked for."""
    from tellapart.answers import together
    from tellapart.commands.answer_file import write_at_once
    from tellapart.commands.sort_into import sort_into

    answers = together(list(asking.parts()))
    counts = sort_into(into, answers, sources=paths, link=link, progress=listener())
    if out is not None:
        write_at_once(answers, out, form)
    if shown:
        show((answers,), form)
    else:
        print_sorted(counts, into)


def checked_form(form: str | None, out: Path | None) -> str:
    """The format that is asked for, or that the name of a file says.

    Raises:
        UsageError: there is no such format, it is none for a screen, or the name of the file says another one.
    """
    if form is not None and form not in FORMATS:
        raise UsageError("no such format", where=form, hint=f"Choose one of: {', '.join(FORMATS)}.")
    if out is not None and (out.suffix or form is None):
        return form_of_name(out, form)
    if form == "parquet" and out is None:
        raise UsageError("Parquet is not for a screen", where="--format parquet", hint="Name a file: -o FILE.")
    return form or "table"


def form_of_name(out: Path, form: str | None) -> str:
    """The format that a file gets by its name, and by what was asked for, if anything was.

    Raises:
        UsageError: the name ends in none of those known, or is one for another format.
    """
    suffix = out.suffix.lower()
    endings = ", ".join(SUFFIXES)
    if suffix not in SUFFIXES:
        what = f"no format is known for a file that ends in {suffix}" if suffix else "this name says no format"
        other = "" if suffix else f", or choose a format: --format {', '.join(FORMATS)}"
        if suffix in (".xlsx", ".xls"):
            other = "; Excel opens a .csv right that is made with --format excel"
        raise UsageError(what, where=out, hint=f"End it in {endings}{other}.")
    if form is not None and form not in SUFFIXES[suffix]:
        ending = next(ending for ending, forms in SUFFIXES.items() if form in forms)
        what = f"--format {form} does not go with a file that ends in {suffix}"
        raise UsageError(what, where=out, hint=f"End it in {ending}, or leave --format out.")
    return form or SUFFIXES[suffix][0]


def check_sorting(into: Path | None, paths: list[Path], *, link: bool, out: Path | None) -> None:
    """Refuse, before any work, to sort where that makes no sense.

    Raises:
        UsageError: the options do not go together.
        OutputError: nothing may be sorted there.
    """
    if into is None:
        if link:
            raise UsageError("--link is for --into", hint="Add --into DIR.")
        return
    from tellapart.commands.sort_into import check_into
    from tellapart.files import real

    if out is not None and real(out).is_relative_to(real(into)):
        raise OutputError("the folder has a predictions.csv of its own", where=out, hint="Leave -o out.")
    check_into(into, paths)


def row_form(form: str, asking: Asking) -> RowForm:
    """How answers are written in a format."""
    from tellapart.commands import answer_table
    from tellapart.commands.answer_file import RowForm

    nothing = asking.nothing()
    if form == "table":
        wide = path_width(picture.path for picture in asking.given)
        return RowForm(name=f"table {wide}", head="", rows=partial(table_text, width=wide))
    if form == "jsonl":
        return RowForm(name=form, head="", rows=answer_table.jsonl_rows)
    if form == "parquet":
        answer_table.check_parquet()
        finish = partial(answer_table.write_answers_parquet, head=nothing)
        return RowForm(name=form, head="", rows=answer_table.kept_rows, finish=finish)
    mark = "\ufeff" if form == "excel" else ""  # by which Excel tells UTF-8
    return RowForm(name=form, head=mark + answer_table.csv_head(nothing), rows=answer_table.answers_csv_rows)


def show(parts: Iterable[Answers], form: RowForm) -> None:
    """Print rows as they come."""
    write = sys.stdout.write if form.name.startswith("table") else print_for_programs
    head = form.head
    for part in parts:
        write(head + form.rows(part))
        send()
        head = ""


def evaluate(
    model: Model,
    data: Data,
    classes: Classes = None,
    path_column: PathColumn = None,
    label_column: LabelColumn = None,
    encoding: Encoding = None,
    boxes: Boxes = None,
    least: MinPictures = None,
    group_by: GroupBy = None,
    as_json: Json = False,
) -> None:
    """Score a model file on labelled pictures.

    The test split where the data has one, else all of it.

    \b
    tellapart evaluate runs/pictures/model.tellapart other_pictures/
    """
    from tellapart.commands.evaluate import evaluate_model

    read_as = reading(
        classes=classes, path_column=path_column, label_column=label_column, encoding=encoding, boxes=boxes, least=least
    )
    figures = evaluate_model(model, data, reading=read_as, group_by=group_by, progress=listener())
    if as_json:
        print_json(figures)
    else:
        print_figures(figures, title=f"{data} ({figures['split']} pictures)")
        print_together(figures["together"])
        print_abstention(figures["selective"], figures["thresholds"], classes=figures["classes"])


def compare(
    first: Annotated[Path, typer.Argument(metavar="RUN_A", help="A run folder.")],
    second: Annotated[Path, typer.Argument(metavar="RUN_B", help="Another, tested on the same pictures.")],
    margin: Annotated[
        float | None, typer.Option(metavar="POINTS", help="Say whether B is not worse than A by more than this.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Say whether two runs can be told apart on the test pictures they share.

    Exact McNemar test, the difference of the accuracies with its 95 % interval, and how many pictures it would take.

    \b
    tellapart compare runs/pictures runs/tuned
    tellapart compare runs/pictures runs/small --margin 1
    """
    from tellapart.commands.compare import compare_runs

    found = compare_runs(first, second, margin=margin)
    if as_json:
        print_json(found)
    else:
        print_comparison(found)


def explain(
    model: Model,
    images: Annotated[
        list[Path], typer.Argument(metavar="IMAGE…", help="Picture files, folders, or one file that lists some.")
    ],
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="DIR", help="The folder to write; else explained/NAME OF RUN.")
    ] = None,
    class_name: Annotated[
        str | None, typer.Option("--class", metavar="NAME", help="The class to explain; else the one predicted.")
    ] = None,
    stage: Annotated[
        str | None, typer.Option(metavar="NAME", help="Grad-CAM on this stage, or on last; needs tellapart[torch].")
    ] = None,
    path_column: PathColumn = None,
    encoding: Encoding = None,
    boxes: Boxes = None,
    as_json: Json = False,
) -> None:
    """Show which parts of a picture decided.

    For each picture a sheet is written: the picture, a heat map (orange speaks for the class, blue against it), its
    scale, and the score of each class. The map is exact where the head is linear on the base's maps; for other nets
    parts of the picture are covered in turn.

    \b
    tellapart explain runs/pictures/model.tellapart new.jpg
    tellapart explain runs/pictures/model.tellapart inbox/ -o why --class dogs
    tellapart explain runs/pictures/model.tellapart new.jpg -o why --stage last
    """
    from tellapart.commands.explain import explain as run

    read_as = reading(path_column=path_column, encoding=encoding, boxes=boxes)
    found = run(model, images, out=out, class_name=class_name, stage=stage, reading=read_as, progress=listener())
    if as_json:
        print_json(found)
    else:
        print_explanations(found)


def report(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")],
    data: Annotated[Path | None, typer.Option("--data", metavar="DATA", help="Where moved pictures are now.")] = None,
    figures: Annotated[
        Path | None, typer.Option("--figures", metavar="DIR", help="Plots as PNG and SVG; needs tellapart[figures].")
    ] = None,
) -> None:
    """Write RUN/report.html again from the files of RUN.

    What takes longer (learning curve, labels that look wrong, heat maps) is made where it is missing, and kept. Of
    large sets it looks at no more than a bounded number of training pictures, drawn by the seed.

    \b
    tellapart report runs/pictures --data /media/archive/pictures
    tellapart report runs/pictures --figures plots
    """
    from tellapart.runs.page import rewrite_report

    for path in rewrite_report(run, data=data, figures=figures, progress=listener()):
        line(path)
