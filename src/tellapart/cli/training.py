"""The commands for pictures with labels: train, and what helps to prepare and to understand a training."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from tellapart.cli.options import (
    Augment,
    Backbone,
    Batch,
    Boxes,
    Budget,
    Classes,
    Costs,
    Data,
    Dense,
    Device,
    DropLeaks,
    Dropout,
    Encoding,
    Epochs,
    Folds,
    Force,
    GroupBy,
    Json,
    KeepSums,
    LabelColumn,
    Layers,
    MaxError,
    MinPictures,
    MinRecall,
    Net,
    On,
    Optimiser,
    PathColumn,
    Patience,
    Rate,
    Recipe,
    Run,
    Seed,
    Side,
    Weights,
    changed,
    operating,
    reading,
    spoken,
    widths,
)
from tellapart.cli.output import line
from tellapart.cli.run_figures import print_run
from tellapart.cli.tables import print_audit, print_json, print_layers, print_split
from tellapart.progress import listener


def train(
    data: Data,
    out: Run = None,
    recipe: Recipe = "features",
    backbone: Backbone = "lite0",
    weights: Weights = None,
    size: Side = None,
    epochs: Epochs = None,
    batch: Batch = None,
    rate: Rate = None,
    optimiser: Optimiser = None,
    patience: Patience = None,
    dropout: Dropout = None,
    augment: Augment = None,
    net: Net = None,
    layers: Layers = None,
    dense: Dense = None,
    seed: Seed = 0,
    classes: Classes = None,
    path_column: PathColumn = None,
    label_column: LabelColumn = None,
    encoding: Encoding = None,
    boxes: Boxes = None,
    least: MinPictures = None,
    group_by: GroupBy = None,
    folds: Folds = None,
    drop_leaks: DropLeaks = False,
    budget: Budget = 10.0,
    device: Device = None,  # noqa: ARG001  its callback has chosen
    max_error: MaxError = 0.01,
    costs: Costs = None,
    min_recall: MinRecall = None,
    keep_sums: KeepSums = False,
    force: Force = False,
    on: On = "local",
    as_json: Json = False,
) -> None:
    """Train and test a classifier on labelled pictures.

    Everything it makes goes into a run folder: the model file, the figures, a report, and what became of every file.

    \b
    tellapart train pictures/
    tellapart train pictures/ --recipe finetune --max-error 0.05
    tellapart train pictures/ --recipe scratch --layers 32,64,128 --dense 256 --epochs 30 --rate 1e-3
    tellapart train pictures/ --recipe scratch --net nets.py:Small --augment rotation=20,zoom=0.2,flip
    tellapart train castings/ --costs costs.csv --min-recall crack=0.99
    tellapart train scans.csv --group-by 'patient-[0-9]+'
    """
    read_as = reading(
        classes=classes, path_column=path_column, label_column=label_column, encoding=encoding, boxes=boxes, least=least
    )
    about: dict[str, Any] = {"recipe": recipe, "backbone": backbone, "weights": weights, "size": size, "seed": seed}
    about |= {"folds": folds, "budget": budget, "max_error": max_error, "drop_leaks": drop_leaks, "force": force}
    training: dict[str, Any] = {"epochs": epochs, "batch": batch, "rate": rate, "optimiser": optimiser}
    training |= {"patience": patience, "dropout": dropout, "augment": augment, "net": net}
    about |= changed(**training, layers=layers, dense=dense)
    about |= operating(costs, min_recall)
    about |= {"keep_sums": keep_sums, "group_by": group_by, "reading": read_as, "command": spoken()}
    train_and_print(data, out, about, on=on, as_json=as_json)


def train_and_print(data: Path, out: Path | None, about: dict[str, Any], *, on: str, as_json: bool) -> None:
    """Train as is asked for, where --on says, and say what came of it."""
    from tellapart.commands.train import train as run
    from tellapart.workers.where import hired

    with hired(on, progress := listener()) as workers:
        folder, metrics = run(data, out=out, workers=workers, progress=progress, **about)
    print_json({**metrics, "run": str(folder)}) if as_json else print_run(metrics, folder)


def audit(
    data: Data,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="DIR", help="The folder to write; else audits/NAME OF DATA.")
    ] = None,
    backbone: Annotated[str, typer.Option(help="The base whose features are used, as for train.")] = "lite0",
    seed: Seed = 0,
    classes: Classes = None,
    path_column: PathColumn = None,
    label_column: LabelColumn = None,
    encoding: Encoding = None,
    boxes: Boxes = None,
    least: MinPictures = None,
    on: On = "local",
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
    from tellapart.workers.where import hired

    read_as = reading(
        classes=classes, path_column=path_column, label_column=label_column, encoding=encoding, boxes=boxes, least=least
    )
    about: dict[str, Any] = {"backbone": backbone, "seed": seed, "reading": read_as, "command": spoken()}
    with hired(on, progress := listener()) as workers:
        folder, document = run(data, out=out, workers=workers, progress=progress, **about)
    if as_json:
        print_json({**document, "folder": str(folder)})
    else:
        print_audit(document, folder)


def split(
    data: Data,
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The folder to make.")],
    train: Annotated[int, typer.Option("--train", metavar="N", help="Pictures per class.")],
    valid: Annotated[int, typer.Option("--valid", metavar="N", help="Pictures per class.")],
    test: Annotated[int, typer.Option("--test", metavar="N", help="Pictures per class.")],
    seed: Seed = 0,
    link: Annotated[bool, typer.Option("--link", help="Symbolic links instead of copies.")] = False,
    classes: Classes = None,
    path_column: PathColumn = None,
    label_column: LabelColumn = None,
    encoding: Encoding = None,
    boxes: Boxes = None,
    least: MinPictures = None,
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
    from tellapart.commands.split import split as run

    sizes: dict[Any, int] = {"train": train, "valid": valid, "test": test}
    counts = run(
        data,
        out,
        sizes=sizes,
        seed=seed,
        link=link,
        group_by=group_by,
        near=not equal_only,
        reading=reading(
            classes=classes,
            path_column=path_column,
            label_column=label_column,
            encoding=encoding,
            boxes=boxes,
            least=least,
        ),
        progress=listener(),
    )
    print_split(counts, out)


def summary(
    net: Annotated[
        str | None,
        typer.Argument(
            metavar="NET",
            help="lite0, lite2; with the extra torch also mnist-convnet, chapter-convnet, any timm name, FILE.py:NAME.",
        ),
    ] = None,
    as_trained: Annotated[str | None, typer.Option("--net", metavar="NET", help="The same, as for train.")] = None,
    layers: Layers = None,
    dense: Dense = None,
    size: Annotated[int | None, typer.Option(metavar="PX", help="Side of the input square.")] = None,
    outputs: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Classes; else 2, or 10 for digits. 1 is the chapter's, for a sigmoid."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show the layers of a net with their activations and parameters.

    \b
    tellapart summary lite0
    tellapart summary --layers 32,64,128,128 --dense 512
    tellapart summary --net nets.py:Small --size 64 --outputs 5
    """
    from dataclasses import asdict

    from tellapart.commands.summary import net_named, summarise

    name = net_named(net, as_trained, layers=widths(layers), dense=dense, size=size)
    found = summarise(name, size=size, outputs=outputs, progress=listener())
    if as_json:
        print_json({"schema": 1, "net": name, "layers": [asdict(layer) for layer in found]})
    else:
        print_layers(name, found)


def augment(
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="A picture.")],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="GRID", help="The PNG file to write.")] = Path("grid.png"),
    count: Annotated[int, typer.Option(min=1, help="How many augmented versions.")] = 8,
    seed: Seed = 0,
    ranges: Annotated[
        str, typer.Option("--augment", metavar="RANGES", help="How far, as for train; else as the chapter has it.")
    ] = "chapter",
) -> None:
    """Show what augmentation does to a picture.

    The original stands top left, augmented versions follow. This needs the extra tellapart[torch].

    \b
    tellapart augment new.jpg -o grid.png
    tellapart augment new.jpg -o grid.png --augment none,rotation=20,flip
    """
    from tellapart.commands.augment import augment_grid
    from tellapart.data.augment import CHAPTER
    from tellapart.data.augment_spec import augmentation_spec

    wanted = augmentation_spec(ranges).applied(CHAPTER)
    line(augment_grid(image, out, count=count, seed=seed, augmentation=wanted))


def demo(
    out: Annotated[Path, typer.Option("-o", "--out", metavar="RUN", help="The run folder.")] = Path("runs/demo"),
    force: Annotated[bool, typer.Option("--force", help="Replace a finished demo.")] = False,
) -> None:
    """Do the whole job on real digits.

    They are 1797 handwritten digits that come with scikit-learn, written as PNG files into the run folder.

    \b
    tellapart demo
    """
    from tellapart.commands.demo import run_demo

    folder, metrics = run_demo(out, force=force, command=spoken(), progress=listener())
    print_run(metrics, folder)
