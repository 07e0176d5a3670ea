"""Row 12: a frozen base with augmentation: the head sees other versions of each picture, the base does not move.

    python examples/chapter/12_frozen_base.py
    python examples/chapter/12_frozen_base.py --backbone vgg16 --weights vgg16.safetensors

    python examples/chapter/12_frozen_base.py --as-chapter    # the chapter's head: dense 256, dropout, sigmoid

On the command line: tellapart train FOLDER --recipe frozen. The chapter runs every version through the base in every
epoch, and needs a GPU for it; here each of a few versions is looked at once and kept. Freezing must take effect: the
base that was trained with is compared with the one that came, by the sha256 of its graph.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from common import (
    accuracy,
    ask,
    base_size,
    command_of,
    facts,
    figures_of,
    find_data,
    parser,
    run_example,
    run_folder,
    run_of,
    total,
)
from dense_head import train_as_chapter
from tellapart.backbones.catalogue import find_base
from tellapart.commands.train import train
from tellapart.extras import load_timm, load_torch
from tellapart.nets.summary import Layer, trace_layers
from tellapart.progress import listener

SIDE = 150  # pixels


def fit(options: argparse.Namespace) -> Path:
    """Train it; the run folder."""
    data = find_data(options, "cats_vs_dogs_small")
    return train(
        data,
        out=run_folder(options, 12, data),
        recipe="frozen",
        backbone=options.backbone,
        weights=options.weights,
        size=base_size(options),
        force=options.anew,
        command=command_of(12, options),
        progress=listener(),
    )[0]


def chapter_net(*, frozen: bool) -> list[Layer]:
    """VGG16 without its top, flatten, dense 256, dense 1, layer by layer; nothing is computed."""
    timm, torch = load_timm(listener().note), load_torch()
    nn = torch.nn
    with torch.device("meta"):
        base = timm.create_model("vgg16", pretrained=False).features
        base.requires_grad_(requires_grad=not frozen)
        images = torch.zeros((1, 3, SIDE, SIDE))
        width = base(images).numel()
        module = nn.Sequential(base, nn.Flatten(), nn.Linear(width, 256), nn.ReLU(), nn.Linear(256, 1))
        return trace_layers(module, lambda: module(images))


def tell(options: argparse.Namespace) -> None:
    """Print the chapter's facts beside those of the run."""
    free, frozen = (chapter_net(frozen=fixed) for fixed in (False, True))
    tensors = [str(sum(layer.trainable for layer in layers)) for layers in (free, frozen)]
    run = run_of(12, options, fit=fit)
    figures = figures_of(run)
    base = find_base(options.backbone, size=base_size(options), weights=options.weights)
    moved = "no" if base.digest == figures["backbone"]["digest"] else "yes"
    facts(
        [
            ("VGG16, flatten, dense 256, dense 1", "16,812,353", total(frozen)),
            ("tensors that train, before and after", "30 4", " ".join(tensors)),
            ("base moved by the training", "no", moved),
            (
                "augmented views of each picture",
                "one an epoch",
                f"{figures['selected']['augmented_views']} chosen, of 0 or 2",
            ),
            ("valid accuracy", "about 96 %", accuracy(figures, "valid")),
            ("test accuracy", "", accuracy(figures, "test")),
            ("seconds", '"only with a GPU"', f"{figures['timing']['total_s']:.1f}"),
        ]
    )
    print(f"run: {run}")


def main(arguments: Sequence[str] | None = None) -> None:
    options = parser(__doc__, net=True, base=True).parse_args(arguments)
    if options.as_chapter:
        train_as_chapter(options, 12, augmented=True)
    else:
        tell(options)
    ask(12, options)


if __name__ == "__main__":
    run_example(main)
