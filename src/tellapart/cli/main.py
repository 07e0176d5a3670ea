"""The command line. Every command parses, calls one function, and prints; errors become exit codes in one place."""

from __future__ import annotations

import io
import json
import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from tellapart.cli.errors import output_fault, own_fault, usage_fault
from tellapart.errors import OutputError, TellapartError, UsageError, one_line
from tellapart.progress import listener
from tellapart.text import counted

INTERRUPTED = 130
app = typer.Typer(
    name="tellapart",
    help="Tell your pictures apart: a folder of labelled pictures in, a tested classifier out.",
    epilog="Start with `tellapart demo`, then `tellapart train FOLDER` on a folder of class folders of your own.",
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
cache_app = typer.Typer(help="Look at the kept features, or clear them.", no_args_is_help=False, rich_markup_mode=None)
app.add_typer(cache_app, name="cache")

Data = Annotated[
    Path,
    typer.Argument(
        metavar="DATA", help="Class folders, train/valid/test folders, a CSV or Parquet manifest, or IDX files."
    ),
]
Model = Annotated[Path, typer.Argument(metavar="MODEL", help="A model.tellapart file.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
GroupBy = Annotated[
    str | None,
    typer.Option(
        metavar="PATTERN",
        help="Pictures that must stay together: a regular expression on the path, or parent for the folder.",
    ),
]
Seed = Annotated[int, typer.Option(min=0, help="Seed of everything that is drawn.")]


@app.command()
def train(
    data: Data,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="RUN", help="The run folder; else runs/NAME OF DATA.")
    ] = None,
    recipe: Annotated[
        str, typer.Option(help="What is trained: features, frozen, finetune, scratch, scratch-augmented, or auto.")
    ] = "features",
    backbone: Annotated[
        str, typer.Option(metavar="NAME", help="The base that looks at the pictures: lite0, or any base of timm.")
    ] = "lite0",
    weights: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Weights of a base of timm; else it downloads them.")
    ] = None,
    size: Annotated[
        int | None, typer.Option(metavar="PX", help="Side of the square the base, or the net trained, looks at.")
    ] = None,
    seed: Seed = 0,
    group_by: GroupBy = None,
    drop_leaks: Annotated[
        bool, typer.Option("--drop-leaks", help="Leave test pictures out whose like is in train or valid.")
    ] = False,
    budget: Annotated[float, typer.Option(metavar="MINUTES", help="What the recipe auto may take.")] = 10.0,
    max_error: Annotated[
        float,
        typer.Option(metavar="SHARE", help="Mark as unsure what it takes to keep the wrong answers below this share."),
    ] = 0.01,
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="Replace a finished run; go on in spite of unreadable or twice-labelled pictures."
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Train and test a classifier on labelled pictures.

    Everything it makes goes into a run folder: the model file, the figures, a report, and what became of every file.

    \b
    tellapart train pictures/
    tellapart train pictures/ --recipe finetune
    tellapart train pictures/ --max-error 0.05
    tellapart train scans/ --group-by 'patient-[0-9]+'
    tellapart train labels.csv
    """
    from tellapart.commands.train import train as run

    folder, metrics = run(
        data,
        out=out,
        recipe=recipe,
        backbone=backbone,
        weights=weights,
        size=size,
        seed=seed,
        budget=budget,
        max_error=max_error,
        group_by=group_by,
        drop_leaks=drop_leaks,
        force=force,
        command=spoken(),
        progress=listener(),
    )
    if as_json:
        print_json({**metrics, "run": str(folder)})
    else:
        from tellapart.cli.tables import print_run

        print_run(metrics, folder)


@app.command()
def predict(
    model: Model,
    paths: Annotated[list[Path], typer.Argument(metavar="PATH…", help="Picture files, or folders of them.")],
    form: Annotated[str, typer.Option("--format", help="table, csv or jsonl.")] = "table",
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="FILE", help="Write to a file instead of the screen.")
    ] = None,
) -> None:
    """Say which class each picture belongs to.

    \b
    tellapart predict runs/pictures/model.tellapart new.jpg
    tellapart predict runs/pictures/model.tellapart inbox/ --format csv -o answers.csv
    """
    from tellapart.cli.tables import FORMATS
    from tellapart.commands.predict import predict as run

    if form not in FORMATS:
        raise UsageError("no such format", where=form, hint=f"Choose one of: {', '.join(FORMATS)}.")
    if out is not None:
        check_target(out, [model, *paths])
    answers = run(model, paths, progress=listener())
    text = FORMATS[form](answers)
    for entry in answers.ledger:
        if entry.status == "skipped":
            print(one_line(f"cannot be read: {entry.path} ({entry.reason})"), file=sys.stderr)
    if out is None:
        sys.stdout.write(text)
    else:
        from tellapart.files import write_text

        write_text(out, text)


@app.command()
def evaluate(model: Model, data: Data, as_json: Json = False) -> None:
    """Score a model file on labelled pictures.

    The test split where the data has one, else all of it.

    \b
    tellapart evaluate runs/pictures/model.tellapart other_pictures/
    """
    from tellapart.commands.predict import evaluate_model

    figures = evaluate_model(model, data, progress=listener())
    if as_json:
        print_json(figures)
    else:
        from tellapart.cli.tables import print_doubts, print_figures

        print_figures(figures, title=f"{data} ({figures['split']} pictures)")
        print_doubts(figures["selective"], figures["thresholds"])


@app.command()
def compare(
    first: Annotated[Path, typer.Argument(metavar="RUN_A", help="A run folder.")],
    second: Annotated[Path, typer.Argument(metavar="RUN_B", help="Another, tested on the same pictures.")],
    as_json: Json = False,
) -> None:
    """Say whether two runs can be told apart on the test pictures they share.

    Exact McNemar test, the difference of the accuracies with its 95 % interval, and how many pictures it would take.

    \b
    tellapart compare runs/pictures runs/tuned
    """
    from tellapart.commands.compare import compare_runs

    found = compare_runs(first, second)
    if as_json:
        print_json(found)
    else:
        from tellapart.cli.tables import print_comparison

        print_comparison(found)


@app.command()
def audit(
    data: Data,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="DIR", help="The folder to write; else audits/NAME OF DATA.")
    ] = None,
    backbone: Annotated[str, typer.Option(help="The base whose features are used: lite0, or a timm name.")] = "lite0",
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Look for what would make figures mislead.

    Unreadable pictures, copies, leaks between splits, tiny classes, file properties that give the class away, dark,
    empty or blurred pictures, and labels that are probably wrong. Findings go into a folder, as JSON and as a page that
    shows the pictures. Nothing is moved or changed.

    \b
    tellapart audit pictures/
    tellapart audit pictures/ -o checks/ --json
    """
    from tellapart.commands.audit import audit as run

    folder, document = run(data, out=out, backbone=backbone, seed=seed, command=spoken(), progress=listener())
    if as_json:
        print_json({**document, "folder": str(folder)})
    else:
        from tellapart.cli.audit_tables import print_audit

        print_audit(document, folder)


@app.command()
def split(
    data: Data,
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The folder to make.")],
    train: Annotated[int, typer.Option("--train", metavar="N", help="Pictures per class.")],
    valid: Annotated[int, typer.Option("--valid", metavar="N", help="Pictures per class.")],
    test: Annotated[int, typer.Option("--test", metavar="N", help="Pictures per class.")],
    seed: Seed = 0,
    link: Annotated[bool, typer.Option("--link", help="Symbolic links instead of copies.")] = False,
    group_by: GroupBy = None,
    equal_only: Annotated[
        bool, typer.Option("--equal-only", help="Keep only equal files together; faster, no picture is looked at.")
    ] = False,
) -> None:
    """Make a small set out of a big one.

    N pictures of each class go into OUT/train, OUT/valid and OUT/test, as copies or links. Pictures that show the same,
    and those of one group, are never in two of them. Nothing is ever moved.

    \b
    tellapart split all_pictures/ small/ --train 1000 --valid 500 --test 500
    tellapart split scans/ small/ --train 50 --valid 20 --test 20 --group-by 'patient-[0-9]+' --link
    """
    from tellapart.cli.tables import print_split
    from tellapart.commands.split import split as run

    sizes: dict[Any, int] = {"train": train, "valid": valid, "test": test}
    near = not equal_only
    counts = run(data, out, sizes=sizes, seed=seed, link=link, group_by=group_by, near=near, progress=listener())
    print_split(counts, out)


@app.command()
def explain(
    model: Model,
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE…", help="Picture files, or folders of them.")],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="DIR", help="The folder to write to.")],
    class_name: Annotated[
        str | None, typer.Option("--class", metavar="NAME", help="The class to explain; else the one predicted.")
    ] = None,
    stage: Annotated[
        str | None, typer.Option(metavar="NAME", help="Grad-CAM on this stage, or on last; needs tellapart[torch].")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show which parts of a picture decided.

    For each picture a sheet is written: the picture, a heat map (orange speaks for the class, blue against it), its
    scale, and the score of each class. The map is exact where the head is linear on the base's maps; for other nets
    parts of the picture are covered in turn.

    \b
    tellapart explain runs/pictures/model.tellapart new.jpg -o why
    tellapart explain runs/pictures/model.tellapart inbox/ -o why --class dogs
    tellapart explain runs/pictures/model.tellapart new.jpg -o why --stage last
    """
    from tellapart.commands.explain import explain as run

    found = run(model, images, out=out, class_name=class_name, stage=stage, progress=listener())
    if as_json:
        print_json(found)
    else:
        from tellapart.cli.tables import print_explanations

        print_explanations(found)


@app.command()
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
        print(path)


@app.command()
def summary(
    net: Annotated[
        str,
        typer.Argument(
            metavar="NET", help="lite0; with tellapart[torch] also mnist-convnet, chapter-convnet, any timm name."
        ),
    ],
    size: Annotated[int | None, typer.Option(metavar="PX", help="Side of the input square.")] = None,
) -> None:
    """Show the layers of a net and their parameters.

    \b
    tellapart summary lite0
    """
    from tellapart.cli.tables import print_layers
    from tellapart.commands.summary import summarise

    print_layers(net, summarise(net, size=size))


@app.command()
def augment(
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="A picture.")],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="GRID", help="The PNG file to write.")] = Path("grid.png"),
    count: Annotated[int, typer.Option(min=1, help="How many augmented versions.")] = 8,
    seed: Seed = 0,
) -> None:
    """Show what augmentation does to a picture.

    The original stands top left, augmented versions follow. This needs the extra tellapart[torch].

    \b
    tellapart augment new.jpg -o grid.png
    """
    from tellapart.commands.augment import augment_grid

    print(augment_grid(image, out, count=count, seed=seed))


@app.command()
def demo(
    out: Annotated[Path, typer.Option("-o", "--out", metavar="RUN", help="The run folder.")] = Path("runs/demo"),
    force: Annotated[bool, typer.Option("--force", help="Replace a finished demo.")] = False,
) -> None:
    """Do the whole job on real digits.

    They are 1797 handwritten digits that come with scikit-learn, written as PNG files into the run folder.

    \b
    tellapart demo
    """
    from tellapart.cli.tables import print_run
    from tellapart.commands.demo import run_demo

    folder, metrics = run_demo(out, force=force, command=spoken(), progress=listener())
    print_run(metrics, folder)


@app.command()
def version(as_json: Json = False) -> None:
    """Show versions, engine, CPU and cache folder."""
    from tellapart.cli.tables import print_version
    from tellapart.runs.environment import environment

    document = environment()
    if as_json:
        print_json(document)
    else:
        print_version(document)


@cache_app.callback(invoke_without_command=True)
def cache(context: typer.Context) -> None:
    """Look at the kept features, or clear them."""
    if context.invoked_subcommand is None:
        show()


@cache_app.command()
def show() -> None:
    """Show where features are kept, how many, how much room they take, and the limit."""
    from tellapart.cli.tables import print_cache
    from tellapart.features.cache import cache_status

    print_cache(cache_status())


@cache_app.command()
def clear() -> None:
    """Remove every kept feature; the next run looks at its pictures again."""
    from tellapart.features.cache import clear_cache

    before = clear_cache()
    pictures = counted(before.entries, "picture")
    print(f"removed the features of {pictures}, {before.size / 1e6:,.1f} MB, from {before.folder}")


def check_target(out: Path, sources: list[Path]) -> None:
    """Refuse, before any work, to write over what is about to be read, or where nothing can be written.

    Raises:
        OutputError: out is one of the sources or a folder, or is below something that is no folder.
    """
    if any(out.exists() and source.exists() and out.samefile(source) for source in sources):
        raise OutputError("this file is to be read, not written", where=out, hint="Choose another with -o.")
    nearest = next(place for place in out.absolute().parents if place.exists())
    if out.is_dir() or not nearest.is_dir():
        raise OutputError("no file can be written here", where=out, hint="Choose another place with -o.")


def spoken() -> str:
    """The command as it was typed."""
    return shlex.join(["tellapart", *sys.argv[1:]])


def print_json(document: object) -> None:
    print(json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False))


def main() -> None:
    """Run the command line and exit: the one place where errors become exit codes."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # a name the terminal has no letters for is shown escaped
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        code = app(standalone_mode=False)
        sys.stdout.flush()
    except TellapartError as error:
        print(f"tellapart: {error}", file=sys.stderr)
        code = error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    except SystemExit as error:  # the parser's way out where nobody reads the output any more
        code = 0 if isinstance(error.__context__, BrokenPipeError) else error.code
    except OSError as error:
        code = output_fault(error) if error.filename is None else own_fault(error)
    except Exception as error:  # noqa: BLE001
        code = usage_fault(error) or own_fault(error)
    if code == INTERRUPTED:  # here, because typer turns some interrupts into this code by itself
        print("tellapart: stopped; the same command goes on from what is already kept", file=sys.stderr)
    raise SystemExit(code or 0)
