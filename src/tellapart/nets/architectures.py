"""The convnets by name. Each is a trunk, from pixels to features, and a last linear layer, so that it can be served.

The chapter's two are in Chollet, Deep Learning with Python (2017), listings 5.1 to 5.3 and 5.5; the others are ours.

Legend: N pictures, S side of the input, D features, K classes.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from tellapart.data.preprocess import LARGEST
from tellapart.errors import UsageError
from tellapart.extras import load_torch
from tellapart.nets.blocks import BlockNumbers
from tellapart.nets.device import seeded
from tellapart.nets.training_form import training_form

if TYPE_CHECKING:
    import torch

# A net like the chapter's by its widths, the side of its input last.
DESCRIBED: Final = re.compile(
    r"convnet-(?P<widths>[1-9]\d{0,3}(x[1-9]\d{0,3}){0,9})-dense-(?P<dense>[1-9]\d{0,4})-at-(?P<size>[1-9]\d{0,3})"
)
MIDDLE: Final = (127.5,)  # grey levels
SPREAD: Final = (63.75,)  # grey levels come in from -2 to 2, near unit variance for photographs


@dataclass(frozen=True, kw_only=True)
class Net:
    """A net that can be trained and served."""

    name: str  # what the user calls it
    trunk: torch.nn.Module  # from uint8 RGB [N, S, S, 3] to features float32 [N, D], normalisation included
    head: torch.nn.Linear  # the last linear layer, from D features to K logits
    size: int  # S in pixels

    def module(self) -> torch.nn.Module:
        """The whole net, from uint8 [N, S, S, 3] to logits [N, K]; it shares its weights with trunk and head."""
        nn = load_torch().nn
        return nn.Sequential(OrderedDict({"trunk": self.trunk, "head": self.head}))

    def training_module(self, *, blocks: BlockNumbers | None = None) -> torch.nn.Module:
        """The same answers in less time, with the same weights under the same names.

        `blocks` are the numbers of maps that lie in blocks, as `Machine.blocks` knows of the one it trains on.
        """
        nn = load_torch().nn
        trunk = training_form(self.trunk, size=self.size, blocks=blocks)
        return nn.Sequential(OrderedDict({"trunk": trunk, "head": self.head}))


def build_net(name: str, *, size: int | None = None, classes: int, dropout: float = 0.0, seed: int) -> Net:
    """The net of that name with fresh weights.

    `size` is the side of its input in pixels (None: its own). A single class makes a single logit, for a sigmoid;
    `dropout` is the share of features dropped in training before the dense layers.

    Raises:
        UsageError: no net has that name, or it cannot take so small a picture; the hint names the smallest. Or torch
            cannot make it here, for want of memory as a rule.
    """
    builder, own_size, channels = _entry(name)
    side = own_size if size is None else size
    with seeded(seed, "weights"):
        try:
            trunk = builder(channels, dropout, side)
            width = feature_width(trunk, size=side)
        except RuntimeError as error:
            raise _told(name, side, error) from error
        return Net(name=name, trunk=trunk, head=load_torch().nn.Linear(width, classes), size=side)


def net_size(name: str) -> int:
    """The own input size of a net by name, in pixels; a UsageError where none has it."""
    return _entry(name)[1]


def _told(name: str, side: int, error: RuntimeError) -> UsageError:
    """What an error of torch means: where the shapes alone go through, the picture is not too small."""
    if not takes(name, side):
        return _too_small(name, side)
    hint = "Free memory if that is what is wanting, or give a smaller --size."
    return UsageError(f"the net {name} cannot be made here ({str(error).strip()})", where=f"{side} px", hint=hint)


def _too_small(name: str, side: int) -> UsageError:
    least, what = smallest_size(name), f"the net {name} cannot take so small a picture"
    if least is None:
        hint = f"It has too many layers for any size up to {LARGEST} px: leave some out."
    else:
        own = net_size(name)
        hint = f"The smallest is --size {least}" + (
            f"; its own is {own}." if own >= least else ", or leave out a layer."
        )
    return UsageError(what, where=f"{side} px", hint=hint)


def smallest_size(name: str) -> int | None:
    """The least side in pixels that a net by name can be built for, found by halving; larger ones do too.

    None where no picture that is read is large enough.
    """
    low, high = 0, net_size(name)
    if not takes(name, high):
        low, high = high, LARGEST
        if not takes(name, high):
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if takes(name, middle) else (middle, high)
    return high


def takes(name: str, size: int) -> bool:
    """Whether a net by name can be built for pictures of that side."""
    builder, _, channels = _entry(name)
    try:
        with load_torch().device("meta"):  # shapes without numbers
            feature_width(builder(channels, 0.0, size), size=size)
    except RuntimeError:
        return False
    return True


def net_of_widths(widths: Sequence[int], dense: int, *, size: int) -> str:
    """The name of a net like the chapter's, with other widths: "convnet-32x64-dense-128-at-150"."""
    return f"convnet-{'x'.join(map(str, widths))}-dense-{dense}-at-{size}"


def at_size(name: str, size: int | None) -> str:
    """The name of a net for pictures of that side (None: its own): where widths are its name, so is the side."""
    if size is None or DESCRIBED.fullmatch(name) is None:
        return name
    return f"{name.rpartition('-')[0]}-{size}"


def is_net(name: str) -> bool:
    """Whether a name is that of one of NETS, or says the widths of one like the chapter's."""
    return name in NETS or DESCRIBED.fullmatch(name) is not None


def _entry(name: str) -> tuple[Callable[[int, float, int], Any], int, int]:
    """What builds the net of that name, its own size and its channels.

    Raises:
        UsageError: no net has that name.
    """
    if name in NETS:
        return NETS[name]
    if (found := DESCRIBED.fullmatch(name)) is None:
        hint = f"Choose one of: {', '.join(sorted(NETS))}; or say its widths, as convnet-32x64-dense-128-at-150."
        raise UsageError("no such net", where=name, hint=hint)
    widths = [int(width) for width in found["widths"].split("x")]
    builder = partial(chapter_net, widths=widths, pooled=len(widths), dense=int(found["dense"]))
    return builder, int(found["size"]), 3


def feature_width(trunk: torch.nn.Module, *, size: int) -> int:
    """D, found by showing the trunk an empty picture of side size."""
    torch = load_torch()
    training = trunk.training
    with torch.no_grad():
        features = trunk.eval()(torch.zeros((1, size, size, 3), dtype=torch.uint8))
    trunk.train(training)
    return int(features[0].numel())


# ---- layers ----


def pixel_layer(*, channels: int, mean: Sequence[float] = MIDDLE, std: Sequence[float] = SPREAD) -> torch.nn.Module:
    """From uint8 [N, S, S, 3] to float32 [N, C, S, S]: (levels - mean) / std; one channel is the mean of three.

    Mean and std are in grey levels, one for each channel or one for all.
    """
    module: torch.nn.Module = _pixel_class()(channels, mean, std)
    return module


@cache
def _pixel_class() -> Any:  # noqa: ANN401 - a class that can only be made once torch is there
    loaded = load_torch()
    base: Any = loaded.nn.Module

    class NormalisedPixels(base):  # type: ignore[misc]
        def __init__(self, channels: int, mean: Sequence[float], std: Sequence[float]) -> None:
            super().__init__()
            self.channels = channels
            for name, values in (("mean", mean), ("scale", [1 / value for value in std])):
                self.register_buffer(name, loaded.tensor(values).reshape(1, -1, 1, 1), persistent=False)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            planes = images.permute(0, 3, 1, 2).to(loaded.float32)  # channels last in memory, as the pixels are
            if self.channels == 1:
                planes = planes.mean(dim=1, keepdim=True)
            return (planes - self.mean) * self.scale

    return NormalisedPixels


def _normalised_block(place: int, before: int, width: int) -> dict[str, Any]:
    """A convolution 3x3 'same' without bias, with batch normalisation and ReLU, then 2x2 max pooling."""
    nn = load_torch().nn
    return {
        f"conv{place}_1": nn.Conv2d(before, width, 3, padding=1, bias=False),
        f"norm{place}_1": nn.BatchNorm2d(width),
        f"relu{place}_1": nn.ReLU(),
        f"pool{place}": nn.MaxPool2d(2),
    }


def _flat_top(dropout: float) -> dict[str, Any]:
    nn = load_torch().nn
    return {"flatten": nn.Flatten(), **({"dropout": nn.Dropout(dropout)} if dropout else {})}


# ---- trunks ----


def chapter_net(
    channels: int, dropout: float, size: int, *, widths: Sequence[int], pooled: int, dense: int
) -> torch.nn.Module:
    """The chapter's nets: convolutions 3x3 with ReLU, the first `pooled` with 2x2 max pooling, and a dense layer."""
    nn = load_torch().nn
    layers: dict[str, Any] = {"pixels": pixel_layer(channels=channels)}
    for place, (before, width) in enumerate(pairwise([channels, *widths]), 1):
        layers |= {f"conv{place}": nn.Conv2d(before, width, 3), f"relu{place}": nn.ReLU()}
        if place <= pooled:
            layers[f"pool{place}"] = nn.MaxPool2d(2)
    flat = feature_width(nn.Sequential(OrderedDict(layers)), size=size)
    layers |= {**_flat_top(dropout), "dense": nn.Linear(flat, dense), "relu": nn.ReLU()}
    module: torch.nn.Module = nn.Sequential(OrderedDict(layers))
    return module


def mnist_convnet_normalised(channels: int, dropout: float, _size: int) -> torch.nn.Module:
    """Convolutions of 16, 48 and 96, each with batch normalisation and pooling, one more of 128, then every place.

    Few channels where the maps are large, since that is where a step spends its time.
    """
    layers: dict[str, Any] = {"pixels": pixel_layer(channels=channels)}
    for place, (before, width) in enumerate(pairwise((channels, 16, 48, 96, 128)), 1):
        layers |= _normalised_block(place, before, width)
    del layers["pool4"]  # three places a side are left
    module: torch.nn.Module = load_torch().nn.Sequential(OrderedDict({**layers, **_flat_top(dropout)}))
    return module


def photo_convnet(channels: int, dropout: float, _size: int) -> torch.nn.Module:
    """The chapter's net as it would be built today: a stem of stride 2, four blocks with batch normalisation, averaged.

    At 112 px a picture takes 80 million multiplications instead of the 235 of the chapter's net at 150 px.
    """
    nn = load_torch().nn
    stem = {"stem": nn.Conv2d(channels, 32, 3, stride=2, padding=1, bias=False), "norm": nn.BatchNorm2d(32)}
    layers = {"pixels": pixel_layer(channels=channels), **stem, "relu": nn.ReLU()}
    for place, (before, width) in enumerate(pairwise((32, 48, 96, 192, 384)), 1):
        layers |= _normalised_block(place, before, width)
    layers |= {"average": nn.AdaptiveAvgPool2d(1), **_flat_top(dropout)}
    module: torch.nn.Module = nn.Sequential(OrderedDict(layers))
    return module


# Name: trunk (from channels, dropout and size), own size in pixels, own channels.
NETS: Final[Mapping[str, tuple[Callable[[int, float, int], Any], int, int]]] = {
    "mnist-convnet": (partial(chapter_net, widths=(32, 64, 64), pooled=2, dense=64), 28, 1),
    "mnist-convnet-normalised": (mnist_convnet_normalised, 28, 1),
    "chapter-convnet": (partial(chapter_net, widths=(32, 64, 128, 128), pooled=4, dense=512), 150, 3),
    "photo-convnet": (photo_convnet, 112, 3),
}
