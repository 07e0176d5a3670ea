"""A training that can be killed at any moment: after every epoch, everything it needs to go on, in one file.

The file is safetensors: the tensors of the net, its average, the best weights and the optimiser, and in its header one
JSON document (epoch, history, scores, what the training was asked to do). One file, because two cannot be renamed into
place at once. The states of the random generators need no room: they are made anew for each epoch from the seed.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tellapart import files
from tellapart.extras import load_safetensors, load_torch
from tellapart.nets.steps import Learner
from tellapart.shape import COUNT, NUMBER, NUMBER_OR_NULL, misfit

if TYPE_CHECKING:
    import torch

BEST: Final = "best."  # before the name of each tensor of the best epoch
OPTIMISER: Final = "optimiser."
STATE: Final = re.compile(r"optimiser\.([0-9]{1,9})\.(step|exp_avg|exp_avg_sq|square_avg|grad_avg|momentum_buffer)")
HEADER: Final = "tellapart"  # the key of the document in the header
SCHEMA: Final = 2  # since then with a sha256 of the tensors
LARGEST: Final = 16_000_000_000  # bytes
LARGEST_HEADER: Final = 100_000_000  # bytes, as safetensors itself has it
DIGEST: Final = "sha256"
COURSE: Final = {
    "step": COUNT,
    "scores": [NUMBER],
    "history": [
        {
            "epoch": COUNT,
            **dict.fromkeys(("train_loss", "train_accuracy", "learning_rate", "seconds", "pictures_per_s"), NUMBER),
            **dict.fromkeys(("clean_train_loss?", "clean_train_accuracy?"), NUMBER),
            **dict.fromkeys(("valid_loss", "valid_accuracy", "valid_calibrated_loss?"), NUMBER_OR_NULL),
        }
    ],
}


def write_checkpoint(path: Path, tensors: Mapping[str, torch.Tensor], document: Mapping[str, Any]) -> None:
    """Write it beside its place and rename it over the one before.

    Raises:
        OutputError: it cannot be written.
    """
    content = load_safetensors().save({name: tensor.contiguous() for name, tensor in tensors.items()})
    header, values = _parts(content)
    described = {"schema": SCHEMA, **document, DIGEST: hashlib.sha256(values).hexdigest()}
    head = json.dumps({"__metadata__": {HEADER: json.dumps(described)}, **json.loads(bytes(header))}).encode()
    head += b" " * (-len(head) % 8)  # as the format has it, so that tensors begin where eight divides
    files.write_bytes(path, b"".join((len(head).to_bytes(8, "little"), head, values)))


def read_checkpoint(
    path: Path, *, fingerprint: str, largest: int = LARGEST
) -> tuple[dict[str, torch.Tensor], dict[str, Any]] | None:
    """Tensors and document of the training with that fingerprint; None where there are none or they cannot be read.

    A file of more than largest bytes is as good as none.
    """
    safetensors = load_safetensors()
    from safetensors import SafetensorError

    try:
        content = memoryview(files.read_bounded(path, limit=largest))
        header, values = _parts(content)
        document = files.parse_json(files.parse_json(bytes(header))["__metadata__"][HEADER].encode())
        if (document["schema"], document["fingerprint"]) != (SCHEMA, fingerprint):
            return None
        if document[DIGEST] != hashlib.sha256(values).hexdigest():
            return None
        return safetensors.load(bytes(content)), document
    except (SafetensorError, ValueError, KeyError, TypeError, AttributeError, OSError, MemoryError):
        return None  # from elsewhere or damaged: beginning anew is always right


def _parts(content: bytes | memoryview) -> tuple[bytes | memoryview, bytes | memoryview]:
    """The header and the values of a safetensors file: its first 8 bytes are the length of its header.

    Raises:
        ValueError: the header is longer than the file, or than any header.
    """
    stop = 8 + int.from_bytes(content[:8], "little")
    if stop > min(len(content), LARGEST_HEADER):
        raise ValueError("no header")
    return content[8:stop], content[stop:]


def continues(learner: Learner, tensors: Mapping[str, torch.Tensor], document: Mapping[str, Any]) -> bool:
    """Whether a checkpoint is one of this learner: its tensors are those of its net, finite, and its document is whole.

    Whoever can write to a run's work folder can also write the fingerprint and the sha256 there.
    """
    torch = load_torch()
    if misfit(document, COURSE) is not None or len(document["scores"]) not in (0, len(document["history"])):
        return False
    own = {name: value for name, value in tensors.items() if not name.startswith(OPTIMISER)}
    judged = learner.judged.state_dict()
    wanted = learner_tensors(learner) | {f"{BEST}{name}": value for name, value in judged.items()}
    wanted = {name: value for name, value in wanted.items() if not name.startswith(OPTIMISER)}
    if {name: (value.shape, value.dtype) for name, value in own.items()} != {
        name: (value.shape, value.dtype) for name, value in wanted.items()
    }:
        return False
    parameters = [parameter for group in learner.optimiser.param_groups for parameter in group["params"]]
    state = {name: value for name, value in tensors.items() if name.startswith(OPTIMISER)}
    return all(_is_state(name, value, parameters) for name, value in state.items()) and all(
        bool(torch.isfinite(value).all()) for value in tensors.values()
    )


def _is_state(name: str, value: torch.Tensor, parameters: Sequence[torch.nn.Parameter]) -> bool:
    found = STATE.fullmatch(name)
    if found is None or int(found[1]) >= len(parameters):
        return False
    return value.shape in ((), parameters[int(found[1])].shape)


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
