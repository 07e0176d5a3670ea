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
from typing import Final

import numpy as np

from common import ask, base_size, facts, find_data, folder, parser, run_example, run_of
from mosaic import caption_language, kernel_mosaic, map_mosaic, mosaic
from stage_maps import StageReader
from tellapart.backbones.catalogue import find_base
from tellapart.bundle.bundle import read_bundle
from tellapart.commands.explain import explain
from tellapart.data.png import write_png
from tellapart.data.scan import scan
from tellapart.errors import UsageError
from tellapart.explain.lettering import titled
from tellapart.progress import listener
from tellapart.types import Pixels

FILTERS, STEPS, SIDE = 16, 40, 112  # filters of a stage, steps of the ascent, pixels
WIDTH = 64  # pixels a map is drawn with, at least
# Above each picture, by language: its title, and how it is to be read.
CAPTIONS: Final[Mapping[str, Mapping[str, tuple[str, str]]]] = {
    "en": {
        "maps": (
            "{stage}: {count} maps of {wide} x {high} places, for {of}",
            "Row by row from the left. Dark: the filter is silent. White: its strongest answer",
        ),
        "kernels": (
            "{stage} of {of}: {count} kernels of {wide} x {high} pixels",
            "Row by row from the left. Grey is a weight of 0",
        ),
        "filters": (
            "{stage} of {of}: what its filters 0 to {last} answer to most",
            "Row by row from the left. {steps} steps of gradient ascent from grey",
        ),
    },
    "zh": {
        "maps": (
            "{stage}：{of} 的 {count} 张特征图，每张 {wide} x {high} 个位置",
            "从左到右逐行。暗处：过滤器没有响应；白色：最强的响应",
        ),
        "kernels": ("{of} 的 {stage}：{count} 个 {wide} x {high} 像素的卷积核", "从左到右逐行。灰色表示权重为 0"),
        "filters": (
            "{of} 的 {stage}：过滤器 0 至 {last} 响应最强的图像",
            "从左到右逐行。从灰色开始，梯度上升 {steps} 步",
        ),
    },
}


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
    maps = reader.maps_as_read(square, stages=[name for name in reader.names if name.startswith("relu")])
    write_png(folder(options, 17) / "picture.png", square)
    for name, found in maps.items():
        drawn = map_mosaic(found, enlarge=max(1, WIDTH // found.shape[2]))
        about = {"stage": name, "count": len(found), "wide": found.shape[2], "high": found.shape[1], "of": image.name}
        write_captioned(options, f"maps-{name}.png", drawn, "maps", about)
    return [("maps drawn, of stages", "8", str(len(maps))), ("empty maps, first to last", "more and more", empty(maps))]


def empty(maps: Mapping[str, np.ndarray]) -> str:
    """The share of the maps of each stage that are 0 everywhere."""
    return " ".join(f"{100 * np.mean(found.max(axis=(1, 2)) <= 0):.0f} %" for found in maps.values())


def draw_filters(options: argparse.Namespace) -> list[tuple[str, str, str]]:
    """The kernels of the first convolution of a base, and what filters of four stages answer to."""
    size, weights = base_size(options), options.weights
    base = find_base(options.backbone, size=size, weights=weights, progress=listener())
    single = base.singles[-1]  # of several that are joined the last
    reader = StageReader(single)
    stages = [name for name in reader.names if name.startswith("conv")]
    kernels = reader.kernels(stages[0])
    high, wide = kernels.shape[2:]
    about = {"stage": stages[0], "of": single.name, "count": len(kernels), "wide": wide, "high": high}
    write_captioned(options, f"kernels-{stages[0]}.png", kernel_mosaic(kernels), "kernels", about)
    steps = 2 if options.short else STEPS
    shown = list(dict.fromkeys(stages[place * (len(stages) - 1) // 4] for place in range(4)))  # a ViT has but one
    shown = shown[:1] if options.short else shown
    for name in shown:
        pictures = reader.filter_pictures(
            name,
            filters=range(FILTERS),
            size=32 if options.short else SIDE,
            steps=steps,
            progress=listener(),
        )
        climbed = {"stage": name, "of": single.name, "last": FILTERS - 1, "steps": steps}
        write_captioned(options, f"filters-{name}.png", mosaic(pictures, columns=4), "filters", climbed)
    return [
        ("filters climbed, of stages", "block1 to block4 of VGG16", f"{' '.join(shown)} of {single.name}"),
        ("steps of gradient ascent", "40", str(steps)),
    ]


def write_captioned(
    options: argparse.Namespace, name: str, drawn: Pixels, kind: str, about: Mapping[str, object]
) -> None:
    """Write a picture of the row with its title and how it is to be read, in the language that was asked for."""
    words = "".join(line for lines in CAPTIONS[options.language].values() for line in lines)
    captions = CAPTIONS[caption_language(options.language, words)]
    lines = (line.format(**about) for line in captions[kind])
    write_png(folder(options, 17) / name, titled(drawn, *lines))


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
