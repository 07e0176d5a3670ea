"""The smallest pictures a net of ours can take, told before any picture is looked at."""

from __future__ import annotations

from tellapart.errors import UsageError
from tellapart.extras import load_torch
from tellapart.nets.architectures import NETS, build_net, net_size
from tellapart.recipes import scratch
from tellapart.recipes.request import Request
from tellapart.types import Index


def check_scratch_size(index: Index, request: Request, *, augmented: bool = False) -> None:
    """Stop where the net that `train_scratch` would train cannot take pictures of that size; arguments as there.

    A user's own module is not ours to try.

    Raises:
        MissingExtraError: PyTorch is not installed.
        UsageError: it cannot; the hint names the smallest size.
    """
    net, size = scratch.plan_of(index, request, augmented=augmented).net, request.size
    if request.module is not None or net not in NETS or size is None or size >= net_size(net) or takes(net, size):
        return
    hint = f"The smallest is --size {smallest_size(net)}; its own is {net_size(net)}."
    raise UsageError(f"the net {net} cannot take so small a picture", where=f"{size} px", hint=hint)


def smallest_size(net: str) -> int:
    """The least side in pixels that a net by name can be built for, found by halving; larger ones do too."""
    low, high = 0, net_size(net)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if takes(net, middle) else (middle, high)
    return high


def takes(net: str, size: int) -> bool:
    """Whether a net by name can be built for pictures of that side."""
    try:
        with load_torch().device("meta"):  # shapes without numbers
            build_net(net, size=size, classes=2, seed=0)
    except UsageError:
        return False
    return True
