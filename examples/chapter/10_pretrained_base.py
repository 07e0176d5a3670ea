"""Row 10: a base that has already learned to see, on more than a million other pictures.

    python examples/chapter/10_pretrained_base.py [--backbone resnet50]

On the command line: tellapart summary vgg16 --size 150. What a base gives is a map of features for each place of the
picture; what the features are called is decided by whoever trains on them. No weights are needed to look at its layers.
"""

from __future__ import annotations

from collections.abc import Sequence

from common import ask, facts, parser, run_example, total
from tellapart.commands.summary import summarise
from tellapart.extras import load_timm
from tellapart.nets.summary import Layer
from tellapart.progress import listener

SIDE = 150


def main(arguments: Sequence[str] | None = None) -> None:
    options = parser(__doc__, base=True).parse_args(arguments)
    chapter, ours = summarise("vgg16", size=SIDE, progress=listener()), summarise(options.backbone)
    given = f"({SIDE}, {SIDE}, 3)"
    facts(
        [
            ("VGG16 without its top", f"{given} to (4, 4, 512)", f"{given} to {last_maps(chapter)}"),
            ("its parameters", "14,714,688", total(chapter)),
            ("convolutions", "13", str(sum(layer.kind.startswith("convolution") for layer in chapter))),
            ("other bases by name", "a handful", f"{len(load_timm().list_models()):,}, and lite0"),
            (f"{options.backbone}, last maps", "", str(last_maps(ours))),
            ("its parameters", "", total(ours)),
        ]
    )
    ask(10, options)


def last_maps(layers: Sequence[Layer]) -> tuple[int, ...]:
    """The shape of the last maps of a net that have more than one place."""
    return next(layer.shape for layer in reversed(layers) if len(layer.shape) == 3 and layer.shape[0] > 1)


if __name__ == "__main__":
    run_example(main)
