"""A training that can be killed at any moment: after every epoch, everything it needs to go on, in one file.

The file is safetensors: the tensors of the net, its average, the best weights and the optimiser, and in its header one
JSON document (epoch, history, scores, what the training was asked to do). One file, because two cannot be renamed into
place at once. The states of the random generators need no room: they are made anew for each epoch from the seed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tellapart import files
from tellapart.extras import load_safetensors, load_torch
from tellapart.nets.steps import Learner

if TYPE_CHECKING:
    import torch

HEADER: Final = "tellapart"  # the key of the document in the header
SCHEMA: Final = 1


def write_checkpoint(path: Path, tensors: Mapping[str, torch.Tensor], document: Mapping[str, Any]) -> None:
    """Write it beside its place and rename it over the one before.

    Raises:
        OutputError: it cannot be written.
    """
    header = {HEADER: json.dumps({"schema": SCHEMA, **document})}
    content = load_safetensors().save({name: tensor.contiguous() for name, tensor in tensors.items()}, header)
    files.write_bytes(path, content)


def read_checkpoint(path: Path, *, fingerprint: str) -> tuple[dict[str, torch.Tensor], dict[str, Any]] | None:
    """Tensors and document of the training with that fingerprint; None where there are none or they cannot be read."""
    load_safetensors()
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            document = json.loads((file.metadata() or {})[HEADER])
            if (document["schema"], document["fingerprint"]) != (SCHEMA, fingerprint):
                return None
            return {name: file.get_tensor(name) for name in file.keys()}, document  # noqa: SIM118
    except (SafetensorError, ValueError, KeyError, TypeError, OSError):
        return None  # from elsewhere or damaged: beginning anew is always right


def learner_tensors(learner: Learner) -> dict[str, torch.Tensor]:
    """Everything a step changes, by name; the tensors are the learner's own."""
    tensors = {f"module.{name}": value for name, value in learner.module.state_dict().items()}
    if learner.average is not None:
        tensors |= {f"average.{name}": value for name, value in learner.average.state_dict().items()}
    return tensors | _optimiser_tensors(learner.optimiser)


def restore_learner(learner: Learner, tensors: Mapping[str, torch.Tensor], *, step: int) -> None:
    """Bring a fresh learner to where the tensors were taken."""
    fill_module(learner.module, tensors, prefix="module.")
    if learner.average is not None:
        fill_module(learner.average, tensors, prefix="average.")
    _restore_optimiser(learner.optimiser, tensors)
    learner.step = step


def fill_module(module: torch.nn.Module, tensors: Mapping[str, torch.Tensor], *, prefix: str) -> None:
    """Copy the tensors whose names start with prefix into a module's own, in whatever order those are in memory."""
    own = {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
    module.load_state_dict(own, strict=True)


def _optimiser_tensors(optimiser: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    """The optimiser's state as tensors "optimiser.<parameter>.<name>"; its settings come from the training itself."""
    torch = load_torch()
    state = optimiser.state_dict()["state"]
    return {
        f"optimiser.{place}.{name}": value if isinstance(value, torch.Tensor) else torch.tensor(value)
        for place, values in state.items()
        for name, value in values.items()
    }


def _restore_optimiser(optimiser: torch.optim.Optimizer, tensors: Mapping[str, torch.Tensor]) -> None:
    torch = load_torch()
    parameters = [parameter for group in optimiser.param_groups for parameter in group["params"]]
    state: dict[int, dict[str, Any]] = {}
    for key, value in tensors.items():
        if key.startswith("optimiser."):
            _, place, name = key.split(".", 2)
            parameter = parameters[int(place)]
            # In memory like the parameter, as the optimiser would have made it: the same order of sums, the same bits.
            like = torch.empty_like(parameter).copy_(value) if value.shape == parameter.shape else value.clone()
            state.setdefault(int(place), {})[name] = like.detach()
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
