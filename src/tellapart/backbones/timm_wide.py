"""Where a net of timm is wider than what its stages hand on: before a projection.

The blocks of MobileNets, EfficientNets and their like widen their maps, work on them, and project them onto few
channels again (inverted residuals; Sandler et al., 2018, arXiv:1801.04381). What the projection reads has six times as
many features of the picture, after normalisation and activation; this is the place that timm calls "expansion".

Legend: N pictures, C channels, h w sides of a map.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

from tellapart.extras import load_torch

WIDEST: Final = 3600  # means in a row beyond which nothing is widened, since they cost time; lite2 has 3168


def widened(net: Any, stages: Sequence[int], *, width: int) -> dict[int, str]:  # noqa: ANN401 - a net of timm's
    """The projections, by their names, that some stages are seen before: from early to late, as long as there is room.

    `width` are the features of a row where all stages are seen at their outputs.
    """
    chosen: dict[int, str] = {}
    for stage in stages:
        if (found := _projection(net, stage)) is None:
            continue
        name, convolution = found
        width += convolution.in_channels - convolution.out_channels
        if width > WIDEST:
            break
        chosen[stage] = name
    return chosen


def _projection(net: Any, stage: int) -> tuple[str, Any] | None:  # noqa: ANN401 - a net of timm's
    """The layer that a stage ends in, by name, if it projects maps that the stage has widened and looked at in places.

    A convolution beside a residual block may narrow too, but what came into the stage, which the one before has.
    """
    about = stages_of(net)
    layers = _layers(net, about[stage]["module"])
    here, before = (about[place]["num_chs"] if place >= 0 else 0 for place in (stage, stage - 1))
    if not layers:
        return None
    *earlier, (name, last) = layers
    if not _is_convolution(last) or last.kernel_size != (1, 1) or last.out_channels != here:
        return None
    if last.in_channels <= max(here, before) or not _saw_places(earlier, last.in_channels, narrow={here, before}):
        return None
    return name, last


def stages_of(net: Any) -> list[Mapping[str, Any]]:  # noqa: ANN401 - a net of timm's
    """What timm says of each stage, or block, of a net, such as `num_chs`, its channels."""
    return list(getattr(net.feature_info, "info", net.feature_info))


def _layers(net: Any, name: str) -> list[tuple[str, Any]]:  # noqa: ANN401 - a net of timm's
    """The layers with weights in a module of that name, by their names in the net; none if it has none."""
    torch = load_torch()
    try:
        module = net.get_submodule(name)
    except AttributeError:  # some nets name what they have no module for
        return []
    kinds = (torch.nn.Conv2d, torch.nn.Linear)
    return [(f"{name}.{inner}", layer) for inner, layer in module.named_modules() if inner and isinstance(layer, kinds)]


def _is_convolution(layer: Any) -> bool:  # noqa: ANN401 - a module
    return isinstance(layer, load_torch().nn.Conv2d)


def _saw_places(layers: Sequence[tuple[str, Any]], channels: int, *, narrow: Collection[int]) -> bool:
    """Whether the last of these layers to make so many channels, of few or of as many, looks at more than one place.

    A block that widens and projects at once, as those of transformers and of ConvNeXt end, does not.
    """
    for _, layer in reversed(layers):
        if not _is_convolution(layer):
            return False
        if layer.out_channels == channels and layer.kernel_size != (1, 1):
            return True
        if layer.in_channels in narrow:
            return False
    return False


@contextmanager
def what_is_read(net: Any, names: Mapping[int, str]) -> Iterator[dict[int, Any]]:  # noqa: ANN401 - a net of timm's
    """The maps [N, C, h, w] that modules read while a net looks, by the stage that each is given for."""
    read: dict[int, Any] = {}
    hooks = [net.get_submodule(name).register_forward_pre_hook(partial(_keep, read, at)) for at, name in names.items()]
    try:
        yield read
    finally:
        for hook in hooks:
            hook.remove()


def _keep(read: dict[int, Any], stage: int, _module: object, given: tuple[Any, ...]) -> None:
    read[stage] = given[0]
