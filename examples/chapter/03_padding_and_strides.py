"""Row 3: what padding and strides do to the sides of a map.

    python examples/chapter/03_padding_and_strides.py

A 3x3 window fits into 5x5 places only nine times: the border effect. Padding adds a border, so that the map keeps its
sides; a stride of 2 takes every other place and halves them, as pooling does. It needs no pictures.
"""

from __future__ import annotations

from collections.abc import Sequence

from common import ask, facts, parser, run_example
from tellapart.extras import load_torch
from tellapart.nets.summary import trace_layers


def main(arguments: Sequence[str] | None = None) -> None:
    options = parser(__doc__).parse_args(arguments)
    convolution, pooling = load_torch().nn.Conv2d, load_torch().nn.MaxPool2d
    facts(
        [
            ("5x5, window 3x3, 'valid'", "3x3", seen(convolution(1, 1, 3), side=5)),
            ("5x5, window 3x3, 'same'", "5x5", seen(convolution(1, 1, 3, padding="same"), side=5)),
            ("28x28, window 3x3, 'valid'", "26x26", seen(convolution(1, 1, 3), side=28)),
            ("28x28, window 3x3, 'same'", "28x28", seen(convolution(1, 1, 3, padding="same"), side=28)),
            ("28x28, the same, stride 2", "halved", seen(convolution(1, 1, 3, padding=1, stride=2), side=28)),
            ("26x26, pooling 2x2", "13x13", seen(pooling(2), side=26)),
        ]
    )
    ask(3, options)


def seen(layer: object, *, side: int) -> str:
    """The sides of what a layer makes of a map of that side."""
    torch = load_torch()
    module = torch.nn.Sequential(layer)
    (traced,) = trace_layers(module, lambda: module(torch.zeros((1, 1, side, side))))
    return f"{traced.shape[0]}x{traced.shape[1]}"


if __name__ == "__main__":
    run_example(main)
