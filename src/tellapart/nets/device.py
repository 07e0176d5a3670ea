"""Where torch computes: the device, its precision and its threads; and torch drawing from a seed of ours."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tellapart.backbones.devices import chosen_devices
from tellapart.backbones.engine import native_precision
from tellapart.cores import thread_count
from tellapart.extras import load_torch
from tellapart.nets.blocks import BlockNumbers, holds_blocks
from tellapart.seeds import generator

if TYPE_CHECKING:  # at run time it is imported where it is used, so that the core never needs it
    import torch

X86: Final = {"x86_64", "amd64"}  # as Linux and Windows call it


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """Where torch computes, and in what."""

    device: str  # "cuda", "mps" or "cpu"
    precision: str  # "bf16" where the device multiplies bfloat16 natively, else "f32"
    threads: int  # cores that torch uses

    def autocast(self) -> AbstractContextManager[Any]:
        """While it lasts, convolutions and matrix products are computed in `precision`; weights stay float32."""
        torch = load_torch()
        enabled = self.precision == "bf16"
        context: AbstractContextManager[Any] = torch.autocast(self.device, dtype=torch.bfloat16, enabled=enabled)
        return context

    @property
    def blocks(self) -> BlockNumbers | None:
        """The numbers of maps in oneDNN's blocks, where those are faster: measured on x86, from AVX2 to AMX."""
        halved = self.precision == "bf16"
        if self.device != "cpu" or platform.machine().lower() not in X86 or (halved and native_precision() != "bf16"):
            return None
        if not load_torch().backends.mkldnn.is_available():
            return None
        return "bf16" if halved else "f32"

    def place(self, module: torch.nn.Module) -> torch.nn.Module:
        """The module on the device, channels last: 1.5 times as fast in float32 on a CPU, 3 times with bf16.

        Where maps lie in blocks, weights lie as torch has them by default, since their gradients come that way.
        From then on torch computes with as many threads as this machine says: with another number of them, sums come
        in another order.
        """
        torch = load_torch()
        torch.set_num_threads(self.threads)
        layout = torch.contiguous_format if holds_blocks(module) else torch.channels_last
        return module.to(self.device, memory_format=layout)


def open_machine(*, threads: int | None = None, precision: str | None = None) -> Machine:
    """The best device there is, with torch set to compute on it the same way every time.

    `threads` are the cores to use (None: all this process may). One gives the same bits on every run; with several,
    sums may be taken in another order. `precision` is "bf16" or "f32", None for bf16 where it is native.
    """
    torch = load_torch()
    device = _device(torch)
    threads = threads or thread_count()
    torch.set_num_threads(threads)
    torch.backends.cudnn.benchmark = False  # it would choose algorithms by their time, another one each run
    torch.backends.cudnn.deterministic = True
    return Machine(device=device, precision=precision or _native(torch, device), threads=threads)


def _device(torch: Any) -> str:  # noqa: ANN401 - a module
    if (chosen := chosen_devices().torch) is not None:
        return chosen
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _native(torch: Any, device: str) -> str:  # noqa: ANN401 - a module
    if device == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "f32"
    return "bf16" if device == "cpu" and native_precision() == "bf16" else "f32"


@contextmanager
def seeded(seed: int, *purpose: str | int) -> Iterator[None]:
    """Let torch draw from generators made for one purpose, and give the caller's own state back afterwards.

    Torch's layers (initial weights, dropout) draw from its global generators and take no other.
    """
    torch = load_torch()
    with torch.random.fork_rng():
        torch.manual_seed(int(generator(seed, "torch", *purpose).integers(2**63)))
        yield
