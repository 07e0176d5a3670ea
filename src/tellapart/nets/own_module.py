"""A net of the user's own as a net of ours: checked, cut before its last linear layer, and fed with whole grey levels.

Legend: N pictures, S side of the input, D features, K classes.
"""

from __future__ import annotations

from collections import OrderedDict
from copy import deepcopy
from typing import TYPE_CHECKING, Any, NoReturn

from tellapart.errors import UsageError
from tellapart.extras import load_torch
from tellapart.nets.architectures import Net, pixel_layer

if TYPE_CHECKING:
    import torch

INPUT = "It is given float32 [N, 3, {side}, {side}] from 0 to 1 and must give logits [N, K]."
PROBED = 3  # pictures shown to a module to see what it does with them


def net_from_module(module: torch.nn.Module, *, name: str, size: int, classes: int | None = None) -> Net:
    """A copy of a module that takes float32 [N, 3, S, S], 0 to 1, and ends in a linear layer, as a net of ours.

    Raises:
        UsageError: it takes or gives something else, cannot be trained, has not one output for each of the classes
            (one is enough for two), or does not end in a linear layer.
    """
    torch = load_torch()
    body = _copied(module, name)
    _check_parameters(body, name)
    linear = [place for place, layer in body.named_modules() if isinstance(layer, torch.nn.Linear)]
    pixels = pixel_layer(channels=3, mean=(0.0,) * 3, std=(255.0,) * 3)
    images = _probe(size)
    logits = _logits(body, pixels(images), name=name, size=size)
    if not linear or isinstance(body, torch.nn.Linear):
        _refuse("the net does not end in a linear layer", name, "Give it a last torch.nn.Linear.")
    if not bool(logits.isfinite().all()):
        _refuse("the net gives what is no number (NaN), or infinity", name, INPUT.format(side=size))
    _check_outputs(logits, name=name, classes=classes)
    if not torch.allclose(_logits(body, pixels(images), name=name, size=size), logits):
        hint = "Draw random numbers where self.training is true alone."
        _refuse("the net gives another answer each time it is asked", name, hint)
    head: Any = body.get_submodule(linear[-1])
    body.set_submodule(linear[-1], torch.nn.Identity())
    trunk = torch.nn.Sequential(OrderedDict({"pixels": pixels, "body": body}))
    net = Net(name=name, trunk=trunk, head=head, size=size)
    if not _is_whole(net, images, logits):
        hint = "Leave out what comes after its last torch.nn.Linear."
        _refuse("the last linear layer of the net is not what gives its answer", name, hint)
    net.trunk.train()
    return net


def _refuse(what: str, name: str, hint: str) -> NoReturn:
    raise UsageError(what, where=name, hint=hint)


def _copied(module: torch.nn.Module, name: str) -> torch.nn.Module:
    try:
        return deepcopy(module)
    except Exception as error:
        hint = "Give a module as it was built, before any backward pass through its own tensors."
        raise UsageError(f"the net cannot be copied ({_first_line(error)})", where=name, hint=hint) from error


def _check_parameters(body: torch.nn.Module, name: str) -> None:
    torch = load_torch()
    tensors = [*body.parameters(), *body.buffers()]
    if any(torch.nn.parameter.is_lazy(value) for value in tensors):
        _refuse("the net has lazy layers that have seen no picture yet", name, "Show it one before it is handed over.")
    kinds = {str(value.dtype).removeprefix("torch.") for value in tensors if value.is_floating_point()}
    if other := sorted(kinds - {"float32"}):
        _refuse(f"the net computes in {', '.join(other)}, not float32", name, "Hand over module.float().")
    if not all(bool(value.isfinite().all()) for value in tensors):
        _refuse("the net has weights that are not finite", name, "Build it anew, or load other weights.")
    parameters = list(body.parameters())
    if parameters and not any(value.requires_grad for value in parameters):
        hint = "Unfreeze what is to be trained with requires_grad_(True)."
        _refuse("none of the parameters of the net can be trained", name, hint)


def _probe(size: int) -> torch.Tensor:
    """Pictures uint8 [PROBED, S, S, 3] that differ."""
    torch = load_torch()
    levels = torch.arange(PROBED * size * size * 3).remainder(251)
    return levels.reshape(PROBED, size, size, 3).to(torch.uint8)


def _logits(body: torch.nn.Module, pixels: torch.Tensor, *, name: str, size: int) -> torch.Tensor:
    """What a module gives for pixels float32 [N, 3, S, S], if it is one row for each picture."""
    hint = INPUT.format(side=size)
    try:
        with load_torch().no_grad():
            given: Any = body.eval()(pixels)
    except Exception as error:
        what = f"the net cannot take pictures of {size} px ({_first_line(error)})"
        raise UsageError(what, where=name, hint=hint) from error
    if not hasattr(given, "shape"):
        _refuse(f"the net gives a {type(given).__name__}, not a tensor", name, hint)
    if given.ndim != 2 or len(given) != len(pixels):
        _refuse(f"the net gives {list(given.shape)} for {len(pixels)} pictures", name, hint)
    return given


def _check_outputs(logits: torch.Tensor, *, name: str, classes: int | None) -> None:
    if logits.shape[1] > 1:
        for shares in (logits, logits.exp()):
            if bool((shares >= 0).all()) and bool(((shares.sum(dim=1) - 1).abs() < 1e-4).all()):
                hint = "Leave its softmax out: the loss and the answers are made of logits."
                _refuse("the net gives probabilities, not logits", name, hint)
    outputs = logits.shape[1]
    if classes is not None and outputs != classes and (outputs, classes) != (1, 2):
        what = f"the net has {outputs} outputs, not one for each of the {classes} classes"
        _refuse(what, name, f"Give its last torch.nn.Linear {classes} outputs.")


def _is_whole(net: Net, images: torch.Tensor, whole: torch.Tensor) -> bool:
    """Whether trunk and head together give what the module itself gave."""
    torch = load_torch()
    try:
        with torch.no_grad():
            parts = net.module().eval()(images)
    except Exception:  # noqa: BLE001 - a layer that is read where it is no more: of the user's own kind
        return False
    return parts.shape == whole.shape and bool(torch.allclose(parts, whole, atol=1e-4))


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
