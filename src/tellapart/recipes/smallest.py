"""Whether a net can be trained at all, and the smallest pictures one of ours can take: told before any is looked at."""

from __future__ import annotations

from tellapart.errors import UsageError
from tellapart.extras import load_torch
from tellapart.nets.architectures import build_net, is_net, net_size
from tellapart.recipes import scratch
from tellapart.recipes.request import Request
from tellapart.types import Index


def check_scratch_net(index: Index, request: Request, *, augmented: bool = False) -> None:
    """Stop where the net that `train_scratch` would train, of ours or the user's own, cannot be; arguments as there.

    Raises:
        MissingExtraError: PyTorch is not installed.
        UsageError: it cannot; for the size of a net of ours the hint names the smallest.
    """
    plan, size = scratch.plan_of(index, request, augmented=augmented), request.size
    net = plan.net
    if request.module is not None or not is_net(net) or size is None or size >= net_size(net) or takes(net, size):
        with load_torch().device("meta" if request.module is None else "cpu"):
            scratch.net_of(plan, request, classes=len(index.classes))
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
