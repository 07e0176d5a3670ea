"""Weights that others have saved, read as data: safetensors, or a state dict of torch's, of which nothing is run.

torch's reader unpacks members of its zip without a bound and takes all the memory that they ask for, so the table of
contents is looked at first: what torch saves is stored, and never larger than the file.
"""

from __future__ import annotations

import os
import warnings
import zipfile
from pathlib import Path
from typing import Any, Final

from tellapart import files
from tellapart.errors import DataError
from tellapart.extras import load_safetensors, load_torch

LARGEST: Final = 8_000_000_000  # bytes
LARGEST_PICKLE: Final = 4_000_000  # bytes of names and shapes; a net of 2,000 tensors takes some 300,000
LONGEST_DIRECTORY: Final = 32_000_000  # bytes of the zip's table of contents
# Under what weights are saved together with other things, averages of a training first: those are what was published.
WRAPPERS: Final = (
    *("state_dict_ema", "model_ema", "ema_state_dict", "ema"),
    *("state_dict", "model_state_dict", "model", "module", "net", "weights", "teacher"),
)
DEEPEST: Final = 3  # dictionaries inside each other
HINT: Final = "Give a .safetensors file or a state dict that torch.save wrote."


def read_weights(path: Path) -> dict[str, Any]:
    """The tensors of a safetensors file, or of a state dict of torch's, by name; nothing in it is run.

    Raises:
        DataError: it is neither.
    """
    safetensors, torch = load_safetensors(), load_torch()
    try:
        _check_file(path)
        if path.suffix == ".safetensors":
            return dict(safetensors.load_file(path))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it tells of what it then refuses, or reads all the same
            state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise DataError("the weights cannot be read", where=path, hint=HINT) from error
    return _state_dict(state, path)


def _state_dict(found: object, path: Path) -> dict[str, Any]:
    """The tensors by name, out of whatever dictionaries they were saved in."""
    torch = load_torch()
    for _ in range(DEEPEST):
        entries = found if isinstance(found, dict) else {}
        if state := {key: value for key, value in entries.items() if isinstance(value, torch.Tensor)}:
            return {str(key): value for key, value in state.items()}
        inner = [key for key, value in entries.items() if isinstance(value, dict) and value]
        known = [key for key in WRAPPERS if key in inner]
        if not known and len(inner) != 1:
            break
        found = entries[(known or inner)[0]]
    raise DataError("the file holds no state dict", where=path, hint="Save net.state_dict() with torch.save.")


def _check_file(path: Path) -> None:
    """Stop at what no file of weights is, before a reader takes memory for it.

    Raises:
        OSError: it cannot be read, or is no regular file.
        ValueError: it is too large, or a zip of other members than torch writes.
        zipfile.BadZipFile: its table of contents is damaged.
    """
    with files.open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > LARGEST:
            raise ValueError("too large")
        if file.read(2) != b"PK":
            return
        with zipfile.ZipFile(files.with_short_directory(file, longest=LONGEST_DIRECTORY)) as archive:
            entries = archive.infolist()
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
            raise ValueError("a member is compressed")
        if sum(entry.file_size for entry in entries) > size:
            raise ValueError("members overlap")
        if any(entry.file_size > LARGEST_PICKLE for entry in entries if entry.filename.endswith(".pkl")):
            raise ValueError("too many names")
