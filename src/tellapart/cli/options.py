"""What several commands take, and the words that explain it."""

from __future__ import annotations

import shlex
import sys
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypedDict, cast

import typer

if TYPE_CHECKING:
    from tellapart.data.cost_table import CostTable
    from tellapart.data.reading import Reading
    from tellapart.recipes.changes import Changes


class Asked(TypedDict):
    """What is asked of a training beside its recipe."""

    changes: Changes
    module: Any  # what gives a net of the user's own, or None


class OperatingOptions(TypedDict):
    """What is asked of the answers beside being right."""

    costs: CostTable | None
    min_recall: dict[str, float]


def on_device(name: str | None) -> str | None:
    """Compute there from now on, before any work is begun; errors as for `use_device`."""
    from tellapart.backbones.devices import use_device

    use_device(name)
    return name


Data = Annotated[
    Path,
    typer.Argument(
        metavar="DATA",
        help="Class folders, also with train/valid/test folders; a table; files of a labelling tool; IDX files.",
    ),
]
Classes = Annotated[
    str | None,
    typer.Option(
        metavar="top|bottom",
        help="Which folders are the classes: those on top (splits left aside), or those pictures lie in.",
    ),
]
PathColumn = Annotated[str | None, typer.Option(metavar="NAME", help="The column of a table that names the picture.")]
LabelColumn = Annotated[str | None, typer.Option(metavar="NAME", help="The column of a table that names the class.")]
Encoding = Annotated[
    str | None, typer.Option(metavar="NAME", help="The encoding of a table that is not UTF-8, such as cp1252 or gbk.")
]
Boxes = Annotated[
    str | None,
    typer.Option(
        metavar="KIND",
        help="What the numbers of boxes are: corners, sizes (x, y, width, height) or centres; none for whole pictures.",
    ),
]
MinPictures = Annotated[
    int | None,
    typer.Option(
        "--min-pictures", metavar="N", help="Leave out classes with fewer pictures to learn from; the ledger has them."
    ),
]
Model = Annotated[Path, typer.Argument(metavar="MODEL", help="A model.tellapart file.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
On = Annotated[
    str,
    typer.Option(
        metavar="WHERE",
        help="Where pictures are looked at and compared: local, or ray, ray:auto or ray:HOST:PORT for a Ray cluster.",
    ),
]
GroupBy = Annotated[
    str | None,
    typer.Option(
        metavar="PATTERN",
        help="Pictures that must stay together: a regular expression on the path, or parent for the folder.",
    ),
]
Epochs = Annotated[int | None, typer.Option(metavar="N", help="Epochs of scratch, scratch-augmented or finetune.")]
Batch = Annotated[int | None, typer.Option(metavar="N", help="Pictures in a step of these.")]
Rate = Annotated[float | None, typer.Option(metavar="R", help="The peak of their learning rate.")]
Optimiser = Annotated[str | None, typer.Option(metavar="NAME", help="Their optimiser: adamw or rmsprop.")]
Dropout = Annotated[float | None, typer.Option(metavar="SHARE", help="The share of features hidden in training.")]
Patience = Annotated[
    int | None, typer.Option(metavar="N", help="Epochs without a better one after which their training stops.")
]
Augment = Annotated[
    str | None,
    typer.Option(
        metavar="RANGES",
        help="How far training pictures are changed: none, chapter, or ranges such as rotation=20,shift=0.1,flip.",
    ),
]
Net = Annotated[
    str | None,
    typer.Option(
        metavar="NET",
        help="A net of scratch by name, or FILE.py:NAME for a class or function of yours that gives a torch.nn.Module.",
    ),
]
Layers = Annotated[
    str | None,
    typer.Option(metavar="N,N,…", help="Filters of the convolutions of a net of scratch, each with pooling."),
]
Dense = Annotated[int | None, typer.Option(metavar="N", help="Features of the dense layer of such a net; else 512.")]
Seed = Annotated[int, typer.Option(min=0, help="Seed of everything that is drawn.")]
Run = Annotated[Path | None, typer.Option("-o", "--out", metavar="RUN", help="The run folder; else runs/NAME OF DATA.")]
Recipe = Annotated[
    str, typer.Option(help="What is trained: features, frozen, finetune, scratch, scratch-augmented, or auto.")
]
Backbone = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="The base that looks at the pictures: lite0, lite2, lite0+lite2, or any base of timm.",
    ),
]
Weights = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Weights of a base of timm; else it downloads them.")
]
Side = Annotated[
    int | None, typer.Option(metavar="PX", help="Side of the square the base, or the net trained, looks at.")
]
DropLeaks = Annotated[
    bool,
    typer.Option(
        "--drop-leaks", help="Leave out test pictures with a near-duplicate, or one of their group, in train or valid."
    ),
]
Device = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        callback=on_device,
        help="Where to compute: CPU, GPU, NPU or AUTO (OpenVINO); cpu, cuda or mps where torch trains.",
    ),
]
Budget = Annotated[float, typer.Option(metavar="MINUTES", help="What the recipe auto may take.")]
MaxError = Annotated[
    float,
    typer.Option(metavar="SHARE", help="Mark as unsure what it takes to keep the wrong answers below this share."),
]
Folds = Annotated[
    int | None,
    typer.Option(
        metavar="K",
        help="Test every picture once, in K folds: the default (5) where a test would be small. 0 draws a test.",
    ),
]
Costs = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="What mistakes cost: CSV, a row a true class, a column a class answered, one more for asking a person.",
    ),
]
MinRecall = Annotated[
    list[str] | None,
    typer.Option(metavar="CLASS=SHARE", help="With 95 % confidence, the recall to reach of a class; may be repeated."),
]
KeepSums = Annotated[
    bool,
    typer.Option("--keep-sums", help="Keep sums of the features in the model file, to add those of other pictures to."),
]
Force = Annotated[
    bool,
    typer.Option(
        "--force",
        help="Replace a finished run, kept as RUN.previous; go on in spite of unreadable or twice-labelled pictures.",
    ),
]


def reading(
    *,
    classes: str | None = None,
    path_column: str | None = None,
    label_column: str | None = None,
    encoding: str | None = None,
    boxes: str | None = None,
    confidence: float | None = None,
    least: int | None = None,
) -> Reading:
    """What the options say of the data.

    Raises:
        UsageError: one of them makes no sense.
    """
    from tellapart.data.reading import Reading

    return Reading(
        classes=cast("Any", classes),
        path_column=path_column,
        label_column=label_column,
        encoding=encoding,
        boxes=cast("Any", boxes),
        confidence=confidence,
        min_pictures=least,
    )


def operating(costs: Path | None, recalls: list[str] | None) -> OperatingOptions:
    """What --costs and --min-recall ask for, the latter by class.

    Raises:
        UsageError: a recall is no CLASS=SHARE.
        DataError: the costs cannot be read.
    """
    from tellapart.data.cost_table import costs_from
    from tellapart.errors import UsageError

    found: dict[str, float] = {}
    for text in recalls or ():
        name, _, share = text.rpartition("=")
        try:
            found[unicodedata.normalize("NFC", name)] = float(share)
        except ValueError as error:
            raise UsageError("no such recall", where=text, hint="Write it as CLASS=0.99.") from error
    return {"costs": costs_from(costs), "min_recall": found}


def changed(
    *,
    epochs: int | None,
    batch: int | None,
    rate: float | None,
    optimiser: str | None,
    patience: int | None,
    dropout: float | None,
    augment: str | None,
    net: str | None,
    layers: str | None,
    dense: int | None,
) -> Asked:
    """What the options change of a recipe's own settings, and the net of the user's own that they name.

    Raises:
        UsageError: one of them makes no sense.
        MissingExtraError: PyTorch is not installed, and a net of the user's own needs it.
    """
    from tellapart.data.augment_spec import augmentation_spec
    from tellapart.nets.own_file import names_file, own_net
    from tellapart.recipes.changes import Changes

    own = net is not None and names_file(net)
    changes = Changes(
        epochs=epochs,
        batch=batch,
        learning_rate=rate,
        optimiser=optimiser,
        patience=patience,
        dropout=dropout,
        augmentation=None if augment is None else augmentation_spec(augment),
        net=None if own else net,
        layers=widths(layers),
        dense=dense,
    )
    return {"changes": changes, "module": own_net(str(net)) if own else None}


def widths(text: str | None) -> tuple[int, ...] | None:
    """What --layers says: whole numbers with commas between them.

    Raises:
        UsageError: it is something else.
    """
    from tellapart.errors import UsageError

    try:
        return None if text is None else tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise UsageError("no such layers", where=text, hint="Write them as 32,64,128,128.") from error


def spoken() -> str:
    """The command as it was typed."""
    from tellapart.data.names import written

    return written(shlex.join(["tellapart", *sys.argv[1:]]))
