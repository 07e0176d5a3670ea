"""Nets of timm before they have weights: which sides they can take, and which of their tensors a base reads.

Both are asked on torch's "meta" device, where tensors have a shape and no numbers: a net of a billion parameters is
asked as fast as a small one.

Legend: S side of the input, C channels, h w sides of a map.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from tellapart.data.preprocess import LARGEST, SMALLEST, Preprocess
from tellapart.errors import UsageError
from tellapart.extras import load_timm, load_torch

if TYPE_CHECKING:
    import torch

STEPS: Final = (4, 14)  # sides are looked for among the multiples of these: patches have 4, 7, 8, 14, 16 or 32 pixels
FAR: Final = 64  # pixels to either side that are looked at


def create_net(name: str, *, pretrained: bool = False) -> Any:  # noqa: ANN401 - a net of timm's
    """The net of that name with the weights that timm downloads, or with random ones, ready to look.

    Raises:
        UsageError: timm has no such net, or its weights cannot be had.
        MissingExtraError: timm is not installed.
    """
    timm = load_timm()
    if not timm.is_model(name):
        raise UsageError(
            "no such base", where=name, hint="Choose lite0, lite2 or a name that timm.list_models() gives."
        )
    try:
        return timm.create_model(name, pretrained=pretrained).eval()
    except Exception as error:  # what the hub and its transports raise derives from OSError; timm has its own
        if not pretrained:
            raise UsageError("timm cannot make this base", where=f"{name} ({error})") from error
        hint = "Connect to the network once, or give the weights with --weights FILE."
        if "No pretrained weights" in str(error):
            hint = "Give a file with --weights FILE, or name another base."
        raise UsageError("the weights cannot be downloaded", where=name, hint=hint) from error


def set_side(net: Any, side: int | None) -> None:  # noqa: ANN401 - a net of timm's
    """Tell a net whose layers depend on the side of its input, such as a ViT, that it has another."""
    if side is not None and hasattr(net, "set_input_size"):
        net.set_input_size(img_size=side)


def own_side(net: Any) -> int:  # noqa: ANN401 - a net of timm's
    """The side in pixels of the pictures that a net was trained on."""
    return int(net.pretrained_cfg["input_size"][-1])


def look(net: Any, pixels: Any, stages: Sequence[int]) -> tuple[Any, list[Any]]:  # noqa: ANN401 - a net and tensors
    """What the last layer of a net gives for pixels [N, 3, S, S], and the maps [N, C, h, w] of some of its stages."""
    if not stages:
        return net.forward_features(pixels), []
    last, earlier = net.forward_intermediates(pixels, indices=list(stages))
    return last, earlier


def pooled(net: Any, last: Any) -> Any:  # noqa: ANN401 - a net and tensors
    """The features [N, D] of what the last layer gave: the mean of its maps, or what its classifier is fed with."""
    is_map = last.ndim == 4 and last.shape[1] == net.num_features
    return last.mean((2, 3)) if is_map else net.forward_head(last, pre_logits=True)


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
    last, _ = look(net, load_torch().zeros((1, 3, side, side)), all_stages(net))
    pooled(net, last)


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
