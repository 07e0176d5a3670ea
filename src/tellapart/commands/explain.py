"""Heat maps of pictures, as files to look at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tellapart import files
from tellapart.backbones.engine import EXACT
from tellapart.bundle.bundle import read_bundle
from tellapart.commands.folder_names import Taken, safe_name
from tellapart.data.boxes import file_path
from tellapart.data.png import marked_png
from tellapart.data.reading import AS_IT_IS, Reading
from tellapart.data.scan import index_of_paths
from tellapart.errors import DataError, UsageError
from tellapart.explain.explain import explain_pictures
from tellapart.explain.panel import panel
from tellapart.features.look import with_white
from tellapart.progress import Progress, Silent
from tellapart.runs.folder import model_name
from tellapart.targets import check_file, check_folder_name
from tellapart.types import Index

ENDING = "-explained.png"
QUICK = 3  # of 9: a third of the time of 6 for a twentieth more bytes


def explain(
    model: Path,
    paths: Sequence[str | Path],
    *,
    out: Path | None = None,
    class_name: str | None = None,
    stage: str | None = None,
    reading: Reading = AS_IT_IS,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Write a sheet for every picture: the picture, its heat map with a scale, and the scores.

    Args:
        model: a model file.
        paths: picture files, and folders of them; or one table or annotation file that lists pictures and boxes.
        out: the folder to write to; None for explained/<name of the run>, or of a model file that lies elsewhere.
        class_name: the class to explain; None for the one predicted.
        stage: Grad-CAM on this stage of the net instead (the extra torch), by name; "last" for the last one.
        reading: what is said of a table.
        progress: told of every picture.

    Returns:
        `schema`, `model`, `folder`, `classes` and `pictures`, each with path, file (None where it cannot be read), and
        what `Explanation.to_json` says; ready for JSON.

    Raises:
        ModelFileError: the model file is damaged or gives other answers than it must.
        UsageError: the model does not know the class, or has no such stage.
        MissingExtraError: a stage is asked for, and torch is not installed.
        OutputError: a file that is not one of ours is in the way, or nothing can be written there.
        DataError: a path does not exist, or not one of the pictures can be read.
    """
    out = default_folder(model) if out is None else checked_folder(out)
    bundle, engine = read_bundle(model, precision=EXACT)
    classifier = bundle.classifier
    if class_name is not None and class_name not in classifier.classes:
        hint = f"The model knows: {', '.join(classifier.classes)}."
        raise UsageError("the model does not know this class", where=class_name, hint=hint)
    index = without_sheets(index_of_paths(paths, reading=reading), out)
    targets = [out / name for name in sheet_names(index)]
    for target in targets:
        check_file(target, follow=False)
    classifier = replace(classifier, base=with_white(classifier.base, index.pictures, progress or Silent()))
    wanted, rows = classifier.classes.index(class_name) if class_name is not None else None, list[dict[str, Any]]()
    explanations = explain_pictures(classifier, index, engine=engine, targets=wanted, stage=stage, progress=progress)
    for explanation, target in zip(explanations, targets, strict=True):
        document = explanation.to_json(classifier.classes)
        if not explanation.failure:
            sheet = panel(explanation, classes=classifier.classes, title=Path(explanation.picture.path).name)
            files.write_bytes(target, marked_png(sheet, compress_level=QUICK))
        rows.append({**document, "file": None if explanation.failure else str(target)})
    if all(row["file"] is None for row in rows):
        raise DataError(f"none of the pictures can be read ({rows[0]['error']})", where=rows[0]["path"])
    return {
        "schema": 1,
        "model": str(model),
        "folder": str(out),
        "classes": list(classifier.classes),
        "pictures": rows,
    }


def default_folder(model: Path) -> Path:
    """Where the sheets go if nobody says: explained/ and the name of the run, or of a model file renamed."""
    return Path("explained") / model_name(model)


def checked_folder(out: Path) -> Path:
    """The folder, which is not called like a file; else UsageError."""
    check_folder_name(out)
    return out


def without_sheets(index: Index, out: Path) -> Index:
    """An index without what an earlier run wrote, where the folder to write to is among the pictures.

    Raises:
        DataError: nothing is left.
    """
    folder = files.real(out)
    pictures = tuple(
        picture
        for picture in index.pictures
        if not (isinstance(picture.file, Path) and picture.path.endswith(ENDING))
        or files.real(picture.file).parent != folder
    )
    if not pictures:
        raise DataError("these are explanations, and no pictures to explain", where=out)
    return replace(index, pictures=pictures)


def sheet_names(index: Index) -> Iterator[str]:
    """A file name for each picture, after its own: safe on every system, and no two alike where case does not count."""
    taken = Taken(between="-")
    for picture in index.pictures:
        yield f"{taken.take(safe_name(Path(file_path(picture)).stem))}{ENDING}"
