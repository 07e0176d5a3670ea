"""Grad-CAM: where in a net's maps a class's score would rise most (Selvaraju et al., 2017, arXiv:1610.02391).

Any module whose output is maps may be asked, also inside a net whose parameters are all frozen: the maps are cut off
from what made them, so that the gradient goes back to them and no further.

Legend: N pictures, C channels and h w places of a stage, K classes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tellapart.errors import UsageError
from tellapart.extras import load_torch

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module


def grad_cam(
    net: Module, pixels: Tensor, *, stage: str, target: int | Sequence[int] | None = None, signed: bool = False
) -> NDArray[np.float32]:
    """Grad-CAM maps float32 [N, h, w] of a stage of a net.

    Args:
        net: from pixels to logits [N, K], or to one logit [N, 1] for the second of two classes. It is run as in use,
            without dropout, and left as it was.
        pixels: what net takes, N pictures in its first axis.
        stage: the name of the module inside net whose output [N, C, h, w] is asked, as `net.named_modules()` has it.
        target: the class, by position, or one for each picture; None for the one predicted.
        signed: keep what speaks against the class, below 0; as published, only what speaks for it is kept.

    Raises:
        UsageError: net has no such stage, or what the stage gives is no map.
    """
    torch = load_torch()
    modules = dict(net.named_modules())
    if stage not in modules or not stage:
        raise UsageError("the net has no such stage", where=stage, hint=_choices(net, pixels))
    with _in_use(net), torch.enable_grad():
        kept: list[Tensor] = []
        with _hooked(modules[stage], _cut_off(kept)):
            logits = net(pixels)
        if not kept or kept[-1].ndim != 4:
            raise UsageError("this stage gives no maps", where=stage, hint=_choices(net, pixels))
        maps = kept[-1]
        (gradient,) = torch.autograd.grad(_scores(logits.float(), target).sum(), maps, allow_unused=True)
    if gradient is None:
        raise UsageError("the answer does not depend on this stage", where=stage, hint=_choices(net, pixels))
    result: NDArray[np.float32] = combined(maps.detach(), gradient, signed=signed).cpu().numpy()
    return result


def combined(maps: Tensor, gradient: Tensor, *, signed: bool) -> Tensor:
    """Maps [N, C, h, w] weighted by the mean gradient of their channels, float32 [N, h, w]: the paper's equation 2."""
    weights = gradient.mean(dim=(2, 3), keepdim=True)
    found = (weights * maps).sum(dim=1).float()
    return found if signed else found.relu()


def map_stages(net: Module, pixels: Tensor) -> tuple[str, ...]:
    """The modules whose output for pixels is maps [N, C, h, w] of more than one place, in the order they are run."""
    torch = load_torch()
    found: dict[str, None] = {}

    def watch(name: str) -> Callable[..., None]:
        def note(_module: Module, _inputs: Any, output: Any) -> None:  # noqa: ANN401
            if isinstance(output, torch.Tensor) and output.ndim == 4 and output.shape[2] * output.shape[3] > 1:
                found.setdefault(name)

        return note

    handles = [module.register_forward_hook(watch(name)) for name, module in net.named_modules() if name]
    try:
        with _in_use(net), torch.no_grad():
            net(pixels[:1])
    finally:
        for handle in handles:
            handle.remove()
    return tuple(found)


def _choices(net: Module, pixels: Tensor) -> str:
    names = map_stages(net, pixels)
    return f"Stages with maps: {', '.join(names[-12:])}." if names else "No stage of this net has maps."


def _cut_off(kept: list[Tensor]) -> Callable[..., Any]:
    """A hook that puts maps of their own in the place of a module's output, and keeps them."""
    torch = load_torch()

    def cut(_module: Module, _inputs: Any, output: Any) -> Any:  # noqa: ANN401
        if not isinstance(output, torch.Tensor) or not output.is_floating_point():
            return output
        own = output.detach().requires_grad_()
        kept.append(own)
        return own.clone()  # what comes after may work in place, which a tensor with a gradient of its own forbids

    return cut


def _scores(logits: Tensor, target: int | Sequence[int] | None) -> Tensor:
    """The logit [N] of the class in question; of a single logit, its negative is that of the first class."""
    torch = load_torch()
    if logits.shape[1] == 1:
        logits = torch.cat([-logits, logits], dim=1)
    wanted = logits.argmax(dim=1) if target is None else torch.as_tensor(target, device=logits.device)
    return logits.gather(1, wanted.expand(len(logits))[:, None])[:, 0]


@contextmanager
def _hooked(module: Module, hook: Callable[..., Any]) -> Iterator[None]:
    handle = module.register_forward_hook(hook)
    try:
        yield
    finally:
        handle.remove()


@contextmanager
def _in_use(net: Module) -> Iterator[None]:
    """The net as in use, every module put back to how it was."""
    training = [(module, module.training) for module in net.modules()]
    net.eval()
    try:
        yield
    finally:
        for module, was in training:
            module.training = was
