"""The layers of a net in torch: what each one is, the shape of its output, its parameters, and what of it trains.

Nothing is computed: the net is built and run on torch's "meta" device, where tensors have a shape and no numbers, so
that a net of a billion parameters is summarised as fast as a small one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from tellapart.backbones.catalogue import BACKBONES
from tellapart.backbones.timm_nets import check_side, create_net, own_side, set_side
from tellapart.errors import UsageError
from tellapart.extras import load_timm, load_torch
from tellapart.nets.architectures import NETS, build_net, is_net
from tellapart.nets.own_file import OwnNet, module_of, net_name
from tellapart.nets.own_module import net_from_module
from tellapart.progress import Progress, Silent

if TYPE_CHECKING:
    import torch

DIGITS, TWO = 10, 2  # outputs of nets for digits, and for two classes
# Kinds by class name; what is None gets no line.
KINDS: Final[Mapping[str, str | None]] = {
    "Linear": "dense",
    "Flatten": "flatten",
    "AdaptiveAvgPool2d": "global average pooling",
    "NormalisedPixels": None,
    "Identity": None,
}
ACTIVATIONS: Final = ("torch.nn.modules.activation", "timm.layers.activations")  # modules of Python that have them
_Built = tuple[Any, Callable[[Any], object], int]  # the module, what runs it on uint8 [1, S, S, 3], and S


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One layer of a net."""

    name: str  # where it is in the net
    kind: str  # what it does, in words
    shape: tuple[int, ...]  # of its output for one picture: height, width and channels, or features alone
    parameters: int  # numbers in its weights
    trainable: int = 0  # weight tensors of it that train; 0 where it is frozen or has none
    activation: str | None = None  # what its output goes through right away: "ReLU"; its row stands for both


def summarise_net(
    name: str, *, size: int | None = None, outputs: int | None = None, progress: Progress | None = None
) -> list[Layer]:
    """The layers of one of NETS, or of any base of timm without its classifier, for pictures of side size (None: own).

    `outputs` are those of the last layer of one of NETS; None for as many as there are digits, or of two classes.
    `progress` is told where timm is to be loaded.

    Raises:
        UsageError: no net has that name, or it cannot take that size; as when it is trained.
        MissingExtraError: PyTorch or timm is not installed.
    """
    if not is_net(name) and not load_timm((progress or Silent()).note).is_model(name):
        hint = f"Choose one of {', '.join(sorted({*NETS, *BACKBONES}))}, or any base of timm."
        raise UsageError("no such net", where=name, hint=hint)
    torch = load_torch()
    with torch.device("meta"), torch.no_grad():
        module, run, side = _of_ours(name, size, outputs) if is_net(name) else _of_timm(name, size)
        images = torch.zeros((1, side, side, 3), dtype=torch.uint8)
        return trace_layers(module, lambda: run(images))


def summarise_own(given: OwnNet, *, size: int, outputs: int) -> list[Layer]:
    """The layers of a net of the user's own for pictures of that side, if it can be trained for so many classes.

    Raises:
        UsageError: it cannot.
    """
    module = module_of(given, classes=outputs, size=size)
    net_from_module(module, name=net_name(given), size=size, classes=outputs)
    torch = load_torch()
    with torch.no_grad():
        return trace_layers(module.eval(), lambda: module(torch.zeros((1, 3, size, size))))


def _of_ours(name: str, size: int | None, outputs: int | None) -> _Built:
    net = build_net(name, size=size, classes=outputs or (DIGITS if name.startswith("mnist") else TWO), seed=0)
    module = net.module().eval()
    return module, module, net.size


def _of_timm(name: str, size: int | None) -> _Built:
    check_side(name, size)
    model = create_net(name)
    set_side(model, size)
    return model, lambda images: model.forward_features(images.permute(0, 3, 1, 2).float()), size or own_side(model)


def trace_layers(module: torch.nn.Module, run: Callable[[], object]) -> list[Layer]:
    """The layers that run calls in a module, in the order of the calls.

    An activation is named in the row of the layer whose output it is given, as the chapter writes it; one behind a sum,
    or behind anything else that is no layer, has a row of its own. One that is called as a function is not seen.
    """
    layers = {
        name: layer
        for name, layer in module.named_modules()
        if name and (not list(layer.children()) or list(layer.parameters(recurse=False)))
    }
    traced = _Traced(names=frozenset(layers))
    handles = [layer.register_forward_pre_hook(partial(traced.given, name)) for name, layer in layers.items()]
    handles += [layer.register_forward_hook(partial(traced.called, name)) for name, layer in layers.items()]
    try:
        run()
    finally:
        for handle in handles:
            handle.remove()
    return traced.rows


@dataclass(slots=True, kw_only=True)
class _Traced:
    """The rows of the layers that were called so far."""

    names: frozenset[str]  # of all layers
    rows: list[Layer] = field(default_factory=list)
    last: tuple[object, int] = (None, 0)  # the output of the last row, and how often it had been written to
    follows: str = ""  # the layer that was given that output, as it was
    inside: dict[str, str] = field(default_factory=dict)  # activations of layers that are being called, by their names

    def given(self, name: str, _layer: object, inputs: tuple[object, ...]) -> None:
        """A layer is about to be called. A sum may be in the place of an output: then that was written to."""
        last, written = self.last
        self.follows = name if inputs and inputs[0] is last and _written(last) == written else ""

    def called(self, name: str, layer: Any, _inputs: object, output: Any) -> None:  # noqa: ANN401
        """A layer was called."""
        kind, own = _kind(layer), list(layer.parameters(recurse=False))
        if kind is None or not hasattr(output, "shape"):
            return
        if _is_activation(layer) and not own and self._belongs(name, kind, output):
            return
        self.last = output, _written(output)
        self.rows.append(
            Layer(
                name=name,
                kind=kind,
                shape=_shape(layer, tuple(output.shape[1:])),
                parameters=sum(parameter.numel() for parameter in own),
                trainable=sum(parameter.requires_grad for parameter in own),
                activation=self.inside.pop(name, None),
            )
        )

    def _belongs(self, name: str, kind: str, output: object) -> bool:
        """Whether an activation is named in the row of a layer: the last one, or the one that it is a part of."""
        parent = name.rpartition(".")[0]
        if self.rows and self.rows[-1].activation is None and name == self.follows:
            self.rows[-1] = replace(self.rows[-1], activation=kind)
            self.last = output, _written(output)
            return True
        if parent in self.names:
            self.inside[parent] = kind
        return parent in self.names


def _written(tensor: Any) -> int:  # noqa: ANN401 - a tensor
    """How often a tensor was written to in place."""
    return int(tensor._version)  # noqa: SLF001 - torch has no other name for it


def _is_activation(layer: object) -> bool:
    return type(layer).__module__.startswith(ACTIVATIONS)


def _shape(layer: torch.nn.Module, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Height, width, channels; layers of features have theirs last already."""
    channels_last = type(layer).__name__ in ("Linear", "LayerNorm")
    return (*shape[1:], shape[0]) if len(shape) == 3 and not channels_last else shape


def _kind(layer: Any) -> str | None:  # noqa: ANN401 - its attributes depend on its class
    name = type(layer).__name__
    if name in KINDS:
        return KINDS[name]
    if name.startswith("Conv2d"):
        kernel, stride = layer.kernel_size, layer.stride[0]
        depthwise = "depthwise " if 1 < layer.groups == layer.in_channels else ""
        return f"{depthwise}convolution {kernel[0]}x{kernel[1]}" + (f", stride {stride}" if stride > 1 else "")
    if name.startswith("MaxPool2d"):
        side = layer.kernel_size if isinstance(layer.kernel_size, int) else layer.kernel_size[0]
        return f"max pooling {side}x{side}"
    if "BatchNorm" in name:
        return "batch normalisation"
    return "dropout" if name.startswith("Dropout") else name
