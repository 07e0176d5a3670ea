"""Nets of timm before they have weights: which sides they can take, and which of their tensors a base reads.

Both are asked on torch's "meta" device, where tensors have a shape and no numbers: a net of a billion parameters is
asked as fast as a small one.

Legend: N pictures, S side of the input, C channels, D features of the last layer, h w sides of a map, T tokens.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from inspect import signature
from typing import TYPE_CHECKING, Any, Final

from tellapart.backbones.timm_wide import stages_of, what_is_read
from tellapart.data.preprocess import LARGEST, SMALLEST, Preprocess
from tellapart.errors import UsageError
from tellapart.extras import load_timm, load_torch
from tellapart.progress import Progress, Silent

if TYPE_CHECKING:
    import torch

STEPS: Final = (4, 14)  # sides are looked for among the multiples of these: patches have 4, 7, 8, 14, 16 or 32 pixels
LAST: Final = "last"
OF_CLASS: Final = "class"  # behind the name of a block: its class token
DepthTensors = dict[str, Any]  # of torch, by depth
HUB: Final = "huggingface_hub"  # the logger of what timm downloads by
FAR: Final = 64  # pixels to either side that are looked at


def create_net(name: str, *, pretrained: bool = False) -> Any:  # noqa: ANN401 - a net of timm's
    """The net of that name with the weights that timm downloads, or with random ones, ready to look.

    Raises:
        UsageError: timm has no such net, or its weights cannot be had.
        MissingExtraError: timm is not installed.
    """
    timm = load_timm()
    check_name(name)
    try:
        with _hub_held_down():
            return timm.create_model(name, pretrained=pretrained).eval()
    except Exception as error:  # what the hub and its transports raise derives from OSError; timm has its own
        if not pretrained:
            raise UsageError("timm cannot make this base", where=f"{name} ({error})") from error
        hint = "Connect to the network once, or give the weights with --weights FILE."
        if "No pretrained weights" in str(error):
            hint = "Give a file with --weights FILE, or name another base."
        raise UsageError("the weights cannot be downloaded", where=name, hint=hint) from error


def check_name(name: str, progress: Progress | None = None) -> None:
    """Stop where timm has no net of that name; the listener is told where timm is to be loaded.

    Raises:
        UsageError: it has none.
        MissingExtraError: timm is not installed.
    """
    if not load_timm((progress or Silent()).note).is_model(name):
        hint = "Choose lite0, lite2 or a name that timm.list_models() gives."
        raise UsageError("no such base", where=name, hint=hint)


@contextmanager
def _hub_held_down() -> Iterator[None]:
    """The hub warns of each of a dozen tries where there is no network; what they come to is said once, by us."""
    hub = logging.getLogger(HUB)
    before = hub.level
    hub.setLevel(logging.ERROR)
    try:
        yield
    finally:
        hub.setLevel(before)


def set_side(net: Any, side: int | None) -> None:  # noqa: ANN401 - a net of timm's
    """Tell a net whose layers depend on the side of its input, such as a ViT, that it has another."""
    if side is not None and hasattr(net, "set_input_size"):
        net.set_input_size(img_size=side)


def own_side(net: Any) -> int:  # noqa: ANN401 - a net of timm's
    """The side in pixels of the pictures that a net was trained on."""
    return int(net.pretrained_cfg["input_size"][-1])


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a net of timm makes of pixels, as tensors.

    Attributes:
        last: the features [N, D] of its last layer: the mean of its maps, or what its classifier is fed with.
        last_maps: what they are the mean of, [N, D, h, w]; None where they have no places.
        maps: of the stages that were asked for, [N, C, h, w] each.
        tokens: the class token of each of these stages, [N, C]; () of a net that has none.
    """

    last: Any
    last_maps: Any
    maps: tuple[Any, ...] = ()
    tokens: tuple[Any, ...] = ()


def look(net: Any, pixels: Any, stages: Sequence[int], *, wide: Mapping[int, str] | None = None) -> Seen:  # noqa: ANN401
    """What a net makes of pixels [N, 3, S, S], and what some of its stages, or blocks, make of them.

    Those in `wide` are seen at what the module of that name reads, where it has the same places (`timm_wide`). The
    blocks of a transformer are seen through its last normalisation, as linear classifiers on several blocks are trained
    (Caron et al., 2021, arXiv:2104.14294; Oquab et al., 2023, arXiv:2304.07193).
    """
    if not stages:
        return _seen(net, net.forward_features(pixels), ())
    taken = signature(net.forward_intermediates).parameters
    wanted = {"norm": _are_blocks(net), "return_prefix_tokens": _has_class_token(net)}
    settings = {name: value for name, value in wanted.items() if name in taken}
    with what_is_read(net, wide or {}) as read:
        last, found = net.forward_intermediates(pixels, indices=list(stages), **settings)
    return _seen(net, last, [_wider(read.get(stage), maps) for stage, maps in zip(stages, found, strict=True)])


def _are_blocks(net: Any) -> bool:  # noqa: ANN401 - a net of timm's
    """Whether all stages of a net are as wide as its last layer, so that its last normalisation is one for each."""
    return {about["num_chs"] for about in stages_of(net)} == {net.num_features}


def _has_class_token(net: Any) -> bool:  # noqa: ANN401 - a net of timm's
    # Registers alone are none: they hold nothing of the picture by themselves (Darcet et al., 2023, arXiv:2309.16588).
    return getattr(net, "cls_token", None) is not None


def _wider(read: Any, maps: Any) -> Any:  # noqa: ANN401 - tensors, or pairs of them
    return maps if read is None or read.shape[2:] != maps.shape[2:] else read


def _seen(net: Any, last: Any, found: Sequence[Any]) -> Seen:  # noqa: ANN401 - a net and tensors
    """From what timm gives: maps, or pairs of maps and the tokens [N, T, C] before the first place."""
    last_maps = _last_maps(net, last)
    pairs = [each if isinstance(each, tuple) else (each, None) for each in found]
    return Seen(
        last=net.forward_head(last, pre_logits=True) if last_maps is None else last_maps.mean((2, 3)),
        last_maps=last_maps,
        maps=tuple(maps for maps, _ in pairs),
        tokens=tuple(before[:, 0] for _, before in pairs if before is not None),
    )


def _last_maps(net: Any, last: Any) -> Any:  # noqa: ANN401 - a net and tensors
    """The last layer as maps [N, D, h, w], whichever axis a net has its channels on; None where it is none.

    Nets of several branches give a list, which their own head makes one row of.
    """
    if isinstance(last, Sequence) or last.ndim != 4:
        return None
    if last.shape[1] == net.num_features:
        return last
    return last.permute(0, 3, 1, 2) if last.shape[3] == net.num_features else None


def by_depth(seen: Seen, stages: Sequence[int]) -> tuple[DepthTensors, DepthTensors]:
    """What a net sees by the name of the depth, from early to late: features [N, C], and the maps they are means of."""
    features, maps = {}, {}
    for place, stage in enumerate(stages):
        name = stage_name(stage)
        maps[name] = seen.maps[place]
        features[name] = seen.maps[place].mean((2, 3))
        if seen.tokens:
            features[f"{name}_{OF_CLASS}"] = seen.tokens[place]
    features[LAST] = seen.last
    if seen.last_maps is not None:
        maps[LAST] = seen.last_maps
    return features, maps


def stage_name(stage: int) -> str:
    """What the depth of a stage, or block, is called; counted from 0."""
    return f"stage{stage + 1}"


def all_stages(net: Any) -> range:  # noqa: ANN401 - a net of timm's
    """The stages whose maps a net of timm can give."""
    return range(len(net.feature_info) if hasattr(net, "forward_intermediates") else 0)


def check_side(name: str, side: int | None) -> None:
    """Stop where a net cannot take pictures of that side; None, its own, is never in doubt.

    Raises:
        UsageError: it cannot; the hint has the nearest sides that it can take. Or timm has no such net, or it is none
            that gives features.
        MissingExtraError: timm is not installed.
    """
    if side is None:
        return
    what = f"the net {name} cannot take this size"
    try:
        Preprocess(size=side)
    except ValueError as error:
        raise UsageError(f"{what} ({error})", where=f"{side} px") from error
    if takes_side(name, side):
        return
    hint = _sides_that_work(name, side)
    if hint is None:
        raise UsageError("this base gives no features", where=name, hint="Choose another base, such as resnet50.")
    raise UsageError(what, where=f"{side} px", hint=hint)


@cache
def takes_side(name: str, side: int) -> bool:
    """Whether a net of timm can look at pictures of that side in pixels, as far as shapes tell."""
    with _on_meta():
        return _can_see(create_net(name), side)


@contextmanager
def _on_meta() -> Iterator[None]:
    torch = load_torch()
    with torch.device("meta"), torch.no_grad():
        yield


def _can_see(net: Any, side: int) -> bool:  # noqa: ANN401 - a net of timm's
    try:
        set_side(net, side)
        _see_everything(net, side)
    except Exception:  # noqa: BLE001 - each net says in its own way that shapes do not fit
        return False
    return True


def _see_everything(net: Any, side: int) -> None:  # noqa: ANN401 - a net of timm's
    look(net, load_torch().zeros((1, 3, side, side)), all_stages(net))


def _sides_that_work(name: str, side: int) -> str | None:
    """The nearest sides that a net can take, in words; None where not even its own is one."""
    with _on_meta():
        net = create_net(name)
        own = own_side(net)
        below, above = range(side - 1, max(SMALLEST, side - FAR) - 1, -1), range(side + 1, min(LARGEST, side + FAR) + 1)
        near = [str(found) for found in (_first(net, below), _first(net, above)) if found not in (None, own)]
    if near:
        return f"It works at {' or '.join(near)} px; its own is {own} px."
    return f"It works at {own} px, its own." if takes_side(name, own) else None


def _first(net: Any, sides: range) -> int | None:  # noqa: ANN401 - a net of timm's
    """The first of some sides that a net can take. Each is tried on a copy: being told of a side changes a net."""
    likely = (side for side in sides if any(side % step == 0 for step in STEPS))
    changes = hasattr(net, "set_input_size")
    return next((side for side in likely if _can_see(deepcopy(net) if changes else net, side)), None)


def tensors_read(name: str) -> frozenset[str]:
    """The entries of a net's state dict that its features and maps depend on: all but those of its classifier."""
    torch = load_torch()
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils._pytree import tree_leaves

    met: set[int] = set()

    class Noted(TorchDispatchMode):  # type: ignore[misc]
        def __torch_dispatch__(self, function: Any, _types: Any, given: Any = (), settings: Any = None) -> Any:  # noqa: ANN401
            met.update(id(value) for value in tree_leaves((given, settings)) if isinstance(value, torch.Tensor))
            return function(*given, **(settings or {}))

    with _on_meta():
        net = create_net(name)
        own = dict(_tensors(net))
        with Noted():
            _see_everything(net, own_side(net))
        kept = net.state_dict().keys()
    return frozenset(key for key, value in own.items() if id(value) in met and key in kept)


def _tensors(net: torch.nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    yield from net.named_parameters(remove_duplicate=False)
    yield from net.named_buffers(remove_duplicate=False)
