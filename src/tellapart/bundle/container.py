"""The container of a model file: a zip of a few known members, stored, bounded and checked by sha256.

Reading assumes a hostile file: only the known names are looked at, nothing is unpacked to disk, no member may be larger
than its bound, deflate (and with it zip bombs) is refused, and JSON is plain data.
"""

from __future__ import annotations

import hashlib
import os
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tellapart import files
from tellapart.errors import ModelFileError

SCHEMA = 1
MANIFEST = "model.json"
FAMILIAR = "familiar.f16"
CLASSES = "classes.f32"
SUMS = "sums.f64"
# Largest size of each member in bytes; nothing else may be inside.
MEMBERS: Mapping[str, int] = {
    MANIFEST: 16_000_000,
    "model.onnx": 1_600_000_000,
    "check.json": 16_000_000,
    "README.md": 1_000_000,
    FAMILIAR: 64_000_000,
    CLASSES: 64_000_000,
    "weights.safetensors": 1_600_000_000,
    SUMS: 1_600_000_000,  # of up to some 20,000 features
}
LONGEST_DIRECTORY = 64_000  # bytes of the table of contents; that of ours takes some 400
FIXED_TIME = (1980, 1, 1, 0, 0, 0)  # the same content is the same bytes, whenever it is written
RETRAIN = "Train it again, or copy it once more from where it came."
EXPORTED = "It may be an export: give the model.tellapart that it was made from."


def write_container(path: Path, manifest: Mapping[str, Any], members: Mapping[str, bytes]) -> None:
    """Write a model file; the manifest gains the schema and the sha256 of every member."""
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in members.items()}
    document = {"schema": SCHEMA, **manifest, "sha256": digests}
    with files.staged(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
        for name, content in {MANIFEST: (files.to_json(document) + "\n").encode(), **members}.items():
            entry = zipfile.ZipInfo(name, FIXED_TIME)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content)


def read_container(path: Path) -> tuple[dict[str, Any], dict[str, bytes]]:
    """The manifest and the other members of a model file, every one of them as it was written.

    Raises:
        ModelFileError: it is missing, no zip, cut short, of a newer schema, or something in it was changed.
    """
    try:
        with (
            files.open_regular(path) as file,
            zipfile.ZipFile(files.with_short_directory(file, longest=LONGEST_DIRECTORY)) as archive,
        ):
            entries = archive.infolist()
            if len(entries) > len(MEMBERS):
                raise ModelFileError("more members than a model file has", where=path, hint=RETRAIN)
            if len({entry.filename for entry in entries}) < len(entries):
                raise ModelFileError("the same member twice in the model file", where=path, hint=RETRAIN)
            room = os.fstat(file.fileno()).st_size
            members = {entry.filename: _read_member(archive, entry, room=room, path=path) for entry in entries}
    except FileNotFoundError as error:
        raise ModelFileError("no such model file", where=path, hint="`tellapart train DATA` makes one.") from error
    except IsADirectoryError as error:
        hint = f"In a run folder the model file is {path / 'model.tellapart'}."
        raise ModelFileError("cannot read the model file (is a directory)", where=path, hint=hint) from error
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ModelFileError(f"cannot read the model file ({reason})", where=path, hint=RETRAIN) from error
    # NotImplementedError is what zipfile raises for a compression or a version of the format that it does not know.
    except (zipfile.BadZipFile, struct.error, ValueError, EOFError, NotImplementedError, RuntimeError) as error:
        hint = EXPORTED if path.suffix.lower() in (".onnx", ".xml", ".bin", ".html") else RETRAIN
        raise ModelFileError("not a model file, or cut short", where=path, hint=hint) from error
    except MemoryError as error:
        raise ModelFileError("there is too little memory for the model file", where=path, hint=RETRAIN) from error
    if MANIFEST not in members:
        raise ModelFileError(f"no {MANIFEST} in the model file", where=path, hint=RETRAIN)
    manifest = _parse_manifest(members.pop(MANIFEST), path)
    _check_digests(manifest, members, path)
    return manifest, members


def parse_member(content: bytes, *, what: str, path: Path) -> dict[str, Any]:
    """A JSON object, or a ModelFileError that says what is not one."""
    try:
        document = files.parse_json(content)
    except (ValueError, MemoryError) as error:
        raise ModelFileError(f"{what} in the model file is not JSON", where=path, hint=RETRAIN) from error
    if not isinstance(document, dict):
        raise ModelFileError(f"{what} in the model file is not a JSON object", where=path, hint=RETRAIN)
    return document


def _read_member(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, *, room: int, path: Path) -> bytes:
    bound = MEMBERS.get(entry.filename)
    if bound is None:
        raise ModelFileError(f"{entry.filename!r} does not belong in a model file", where=path, hint=RETRAIN)
    if entry.compress_type != zipfile.ZIP_STORED or entry.file_size > min(bound, room):
        raise ModelFileError(f"{entry.filename} is not stored as a model file stores it", where=path, hint=RETRAIN)
    return archive.read(entry)


def _parse_manifest(content: bytes, path: Path) -> dict[str, Any]:
    manifest = parse_member(content, what=MANIFEST, path=path)
    schema = manifest.get("schema")
    if type(schema) is int and schema > SCHEMA:
        hint = "Upgrade with: pip install --upgrade tellapart"
        raise ModelFileError(
            f"made by a newer tellapart (schema {schema}, this one reads {SCHEMA})", where=path, hint=hint
        )
    if type(schema) is not int or schema != SCHEMA:
        raise ModelFileError(f"{MANIFEST} has no schema that is known", where=path, hint=RETRAIN)
    return manifest


def _check_digests(manifest: Mapping[str, Any], members: Mapping[str, bytes], path: Path) -> None:
    expected = manifest.get("sha256")
    if not isinstance(expected, dict) or set(expected) != set(members):
        raise ModelFileError("members are missing from the model file", where=path, hint=RETRAIN)
    for name, content in members.items():
        if hashlib.sha256(content).hexdigest() != expected[name]:
            raise ModelFileError(f"{name} was changed after the model file was made", where=path, hint=RETRAIN)
