"""Where a process computes: a device of OpenVINO for whatever is frozen, and one of torch for what it trains.

It is chosen once, before any work, like the number of threads; without a choice OpenVINO takes the CPU, and torch the
best device there is. Names are those of OpenVINO (CPU, GPU, NPU, AUTO, GPU.1 …) and of torch (cpu, cuda, mps), in
capital letters or small ones; "cpu" is both.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Final

from tellapart.backbones.openvino_runtime import load_openvino
from tellapart.errors import UsageError
from tellapart.extras import load_torch

CPU, AUTO = "CPU", "AUTO"
OF_TORCH: Final = ("cuda", "mps")
# What they compute in where OpenVINO does not say: it says nothing of devices that it chooses among.
USUAL: Final[Mapping[str, str]] = {"GPU": "f16", "NPU": "f16"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Devices:
    """What was chosen."""

    engine: str = CPU  # as OpenVINO calls it
    torch: str | None = None  # "cpu", "cuda" or "mps"; None for the best there is


_CHOSEN: list[Devices] = [Devices()]


def chosen_devices() -> Devices:
    """Where this process computes."""
    return _CHOSEN[0]


def use_device(name: str | None) -> None:
    """Compute there from now on; None is for no choice.

    Raises:
        UsageError: there is no such device here; the hint names those there are.
        MissingExtraError: it is one of torch, and torch is not installed.
    """
    _CHOSEN[0] = Devices() if name is None else find_device(name)


@contextmanager
def computing_on(name: str | None) -> Iterator[None]:
    """Compute there meanwhile, then where it was done before; None is for staying there. Errors as for `use_device`.

    It holds for the whole process, all its threads included.
    """
    before = chosen_devices()
    if name is not None:
        use_device(name)
    try:
        yield
    finally:
        _CHOSEN[0] = before


def find_device(name: str) -> Devices:
    """The devices of that name; errors as for `use_device`."""
    if name.lower() in OF_TORCH:
        if name.lower() not in _of_torch(load_torch()):
            raise _missing(name)
        return Devices(torch=name.lower())
    if name.upper() == CPU:
        return Devices(engine=CPU, torch="cpu")
    there = load_openvino().Core().available_devices
    known = {*there, AUTO, *(device.partition(".")[0] for device in there)}
    if name.upper() not in known:
        raise _missing(name)
    return Devices(engine=name.upper())


def _missing(name: str) -> UsageError:
    there = [*load_openvino().Core().available_devices, AUTO]
    if find_spec("torch") is not None:
        there += _of_torch(load_torch())
    return UsageError("no such device here", where=name, hint=f"Choose one of: {', '.join(there)}.")


def _of_torch(torch: Any) -> list[str]:  # noqa: ANN401 - a module
    there = {"cuda": torch.cuda.is_available, "mps": torch.backends.mps.is_available}
    return [device for device in OF_TORCH if there[device]()]


def precision_of(core: Any, device: str) -> str:  # noqa: ANN401 - OpenVINO's
    """What a device computes in unless it is told, as OpenVINO calls it."""
    try:
        return str(core.get_property(device, "INFERENCE_PRECISION_HINT").get_type_name())
    except (RuntimeError, AttributeError):
        return USUAL.get(device.partition(".")[0], "f32")


def takes_precision(core: Any, device: str) -> bool:  # noqa: ANN401 - OpenVINO's
    """Whether a device can be told what to compute in."""
    try:
        return "INFERENCE_PRECISION_HINT" in core.get_property(device, "SUPPORTED_PROPERTIES")
    except RuntimeError:
        return False
