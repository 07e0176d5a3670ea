"""Row 17: what a convnet sees: the maps of its layers, what its filters answer to, and what of a picture decided.

    python examples/chapter/17_what_a_convnet_sees.py [--image FILE] [--backbone vgg16 --weights vgg16.safetensors]

Maps are of the net of row 9, the further from the pixels the emptier; filters are of a pretrained base (the first
layer's kernels as they are, and for later ones the pictures that gradient ascent finds). Heat maps are of both. On the
command line: tellapart explain RUN/model.tellapart FILE -o FOLDER.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from common import ask, base_size, facts, find_data, folder, parser, run_example, run_of
from mosaic import kernel_mosaic, map_mosaic, mosaic, titled
from stage_maps import StageReader
from tellapart.backbones.catalogue import find_base
from tellapart.bundle.bundle import read_bundle
from tellapart.commands.explain import explain
from tellapart.data.png import write_png
from tellapart.data.scan import scan
from tellapart.errors import UsageError
from tellapart.progress import listener

FILTERS, STEPS, SIDE = 16, 40, 112  # filters of a stage, steps of the ascent, pixels
WIDTH = 64  # pixels a map is drawn with, at least
IN_ROWS = "Row by row from the left"
MAP_GREYS = "Each in its own range: its mean is mid-grey; an empty map is grey all over"


def main(arguments: Sequence[str] | None = None) -> None:
    wanted = parser(__doc__, net=True, base=True)
    wanted.add_argument("--image", type=Path, metavar="FILE", help="a picture; else the first test picture")
    options = wanted.parse_args(arguments)
    image = options.image or a_picture(find_data(options, "cats_vs_dogs_small"))
    facts([*draw_maps(options, image), *draw_filters(options), *draw_heat(options, image)])
    print(f"pictures: {folder(options, 17)}")
    ask(17, options)


def a_picture(data: Path) -> Path:
    """The first test picture, or the first of all where the data has no splits.

    Raises:
        UsageError: the data has no picture files.
    """
    pictures = [picture for picture in scan(data).pictures if picture.row is None]
    if not pictures:
        raise UsageError("the data has no picture files", where=data, hint="Give one with --image FILE.")
    return next((picture.file for picture in pictures if picture.split == "test"), pictures[0].file)


def draw_maps(options: argparse.Namespace, image: Path) -> list[tuple[str, str, str]]:
    """The maps of every stage with an activation, for one picture."""
    bundle, _ = read_bundle(run_of(9, options) / "model.tellapart")
    reader = StageReader(bundle.classifier.base)
    square = bundle.classifier.base.preprocess.apply(image.read_bytes()).pixels
    maps = reader.maps(square, stages=[name for name in reader.names if name.startswith("relu")])
    write_png(folder(options, 17) / "picture.png", square)
    for name, found in maps.items():
        drawn = map_mosaic(found, enlarge=max(1, WIDTH // found.shape[2]))
        title = f"{name}: {len(found)} maps of {found.shape[2]} x {found.shape[1]} places, for {image.name}"
        write_png(folder(options, 17) / f"maps-{name}.png", titled(drawn, title, f"{IN_ROWS}. {MAP_GREYS}"))
    return [("maps drawn, of stages", "8", str(len(maps))), ("empty maps, first to last", "more and more", empty(maps))]


def empty(maps: Mapping[str, np.ndarray]) -> str:
    """The share of the maps of each stage that are 0 everywhere."""
    return " ".join(f"{100 * np.mean(found.max(axis=(1, 2)) <= 0):.0f} %" for found in maps.values())


def draw_filters(options: argparse.Namespace) -> list[tuple[str, str, str]]:
    """The kernels of the first convolution of a base, and what filters of four stages answer to."""
    reader = StageReader(find_base(options.backbone, size=base_size(options), weights=options.weights))
    stages = [name for name in reader.names if name.startswith("conv")]
    kernels = reader.kernels(stages[0])
    title = (
        f"{stages[0]} of {options.backbone}: {len(kernels)} kernels of {kernels.shape[3]} x {kernels.shape[2]} pixels"
    )
    drawn = titled(kernel_mosaic(kernels), title, f"{IN_ROWS}. Grey is a weight of 0")
    write_png(folder(options, 17) / f"kernels-{stages[0]}.png", drawn)
    steps = 2 if options.short else STEPS
    shown = list(dict.fromkeys(stages[place * (len(stages) - 1) // 4] for place in range(4)))  # a ViT has but one
    for name in shown[:1] if options.short else shown:
        pictures = reader.filter_pictures(
            name,
            filters=range(FILTERS),
            size=32 if options.short else SIDE,
            steps=steps,
            progress=listener(),
        )
        title = f"{name} of {options.backbone}: what its filters 0 to {FILTERS - 1} answer to most"
        drawn = titled(mosaic(pictures, columns=4), title, f"{IN_ROWS}. {steps} steps of gradient ascent from grey")
        write_png(folder(options, 17) / f"filters-{name}.png", drawn)
    return [
        ("filters climbed, of stages", "block1 to block4 of VGG16", f"{' '.join(shown)} of {options.backbone}"),
        ("steps of gradient ascent", "40", str(steps)),
    ]


def draw_heat(options: argparse.Namespace, image: Path) -> list[tuple[str, str, str]]:
    """What of the picture decided: exactly, for the head of row 11, and by Grad-CAM, for the net of row 9."""
    found = []
    for row, stage, name in ((11, None, "exact"), (9, "last", "grad-cam")):
        model = run_of(row, options) / "model.tellapart"
        out = folder(options, 17) / f"heat-map-{name}"
        (answer,) = explain(model, [image], out=out, stage=stage)["pictures"]
        found.append(f"{answer['method']}: {answer['predicted']}, {100 * answer['probability']:.1f} %")
    return [("heat map, of row 11", "Grad-CAM, VGG16", found[0]), ("heat map, of row 9", "", found[1])]


if __name__ == "__main__":
    run_example(main)
