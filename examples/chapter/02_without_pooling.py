"""Row 2: the same convolutions without pooling, and why that is a bad idea.

    python examples/chapter/02_without_pooling.py

The convolutions have the same parameters. But the last maps still have 22x22 places, each of which has seen only 7x7
pixels of the digit, and a dense layer on all of them would have nearly 16 million weights. It needs no pictures.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from common import ask, facts, parser, run_example, shapes, total
from tellapart.extras import load_torch
from tellapart.nets.summary import trace_layers

DENSE = CHAPTER_DENSE = 512
SIDE = 28  # pixels
WIDTHS = (32, 64, 64)


def main(arguments: Sequence[str] | None = None) -> None:
    options = parser(__doc__).parse_args(arguments)
    torch = load_torch()
    convolutions = [torch.nn.Conv2d(before, width, 3) for before, width in pairwise((1, *WIDTHS))]
    module = torch.nn.Sequential(*convolutions)
    layers = trace_layers(module, lambda: module(torch.zeros((1, 1, SIDE, SIDE))))
    height, width, channels = layers[-1].shape
    numbers = height * width * channels
    said = "15.8 million" if DENSE == CHAPTER_DENSE else f"15.8 million to one of {CHAPTER_DENSE}"
    facts(
        [
            ("shapes", "26x26x32 24x24x64 22x22x64", shapes(layers)),
            ("parameters", "55,744", total(layers)),
            ("numbers of a picture at the end", "about 31,000", f"{numbers:,}"),
            (f"weights to a dense layer of {DENSE}", said, f"{numbers * DENSE:,}"),
            ("pixels that a last place has seen", "7x7", "{0}x{0}".format(1 + 2 * len(layers))),
        ]
    )
    ask(2, options)


if __name__ == "__main__":
    run_example(main)
