"""What is named as data or as a picture and is neither: what it is, and what to do instead. Nothing is fetched."""

from __future__ import annotations

import glob
import os
import re
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from tellapart.data.formats import SNIFFED, has_picture_ending, looks_like_picture
from tellapart.data.names import written
from tellapart.errors import DataError

_ADDRESS: Final = re.compile(r"(?i)([a-z][a-z0-9+.\-]+):/{1,3}(?=[^/])")
_ARCHIVE, _VIDEO, _SHEET, _PAGES, _MODEL = "an archive", "a video", "a spreadsheet", "a PDF", "a model file"
_ENDINGS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("zip", "tar", "gz", "tgz", "bz2", "tbz2", "xz", "txz", "zst", "7z", "rar"), _ARCHIVE),
    **dict.fromkeys(
        ("mp4", "mov", "avi", "mkv", "webm", "m4v", "mpg", "mpeg", "wmv", "flv", "3gp", "mts", "ogv"), _VIDEO
    ),
    **dict.fromkeys(("xlsx", "xls", "xlsm", "ods", "numbers"), _SHEET),
    "pdf": _PAGES,
    "tellapart": _MODEL,
}
_STARTS: Final[Mapping[bytes, str]] = {
    **dict.fromkeys((b"PK\x03\x04", b"\x1f\x8b", b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07", b"\xfd7zXZ\0"), _ARCHIVE),
    **dict.fromkeys((b"\x1aE\xdf\xa3", b"\0\0\x01\xba", b"\0\0\x01\xb3", b"FLV\x01"), _VIDEO),
    b"%PDF-": _PAGES,
}
_UNPACKS_ONE: Final[Mapping[str, str]] = {".gz": "gunzip -k", ".bz2": "bunzip2 -k", ".xz": "unxz -k", ".zst": "unzstd"}


NOT_FETCHED: Final = "Nothing is fetched: download it, unpack it if need be, and name the file or folder."


def not_there(name: str) -> DataError:
    """That there is no such file or folder: a web address, a pattern, or a name that is spelt wrong."""
    if (address := _ADDRESS.match(name)) is not None:
        scheme, rest = address[1].lower(), name[address.end() :]
        if scheme == "file":
            return DataError("a file: address instead of a path", where=name, hint=f"Write /{rest}")
        return DataError("a web address, not a file or folder", where=f"{address[1]}://{rest}", hint=NOT_FETCHED)
    home = os.path.expanduser(name)  # noqa: PTH111  pathlib's raises where there is no such home
    if home != name and os.path.exists(home):  # noqa: PTH110
        return DataError("no such file or folder, ~ was left as it is", where=name, hint=f"Write {shlex.quote(home)}")
    if any(character in name for character in "*?["):
        if next(glob.iglob(name), None) is not None:  # noqa: PTH207  the text may be absolute
            hint = "Leave out the quotes, so that the shell puts the files in its place; in Python: glob.glob(…)."
            return DataError("a pattern, not a file or folder", where=name, hint=hint)
        hint = "Check the folder and the pattern, or name the folder alone: it stands for all pictures below it."
        return DataError("no file matches this pattern", where=name, hint=hint)
    what, hint = "no such file or folder", "Check the spelling of the path."
    if name.lower().startswith("www."):
        what, hint = "a web address, not a file or folder", NOT_FETCHED
    return DataError(what, where=name, hint=hint)


def of_another_kind(path: str | Path) -> DataError | None:
    """What is wrong with a file that is an archive, a video, a spreadsheet or a PDF; None for anything else."""
    name = os.fspath(path)
    if has_picture_ending(name) or not os.path.isfile(name):  # noqa: PTH113  (there may be 100,000)
        return None
    kind = _kind_of_name(name) or _kind_of_start(name)
    if kind is None:
        return None
    return DataError(f"{kind}, not pictures", where=written(name), hint=_advice(kind, written(name)))


def advice_for(names: Iterable[str]) -> str:
    """What to do where a folder without pictures holds archives, videos or documents; "" where it does not."""
    for name in names:
        kind = _kind_of_name(name)
        if kind is not None:
            return f" {written(name)} in it is {kind}: {_advice(kind, written(name))}"
    return ""


def _kind_of_name(name: str) -> str | None:
    return _ENDINGS.get(os.path.splitext(name)[1][1:].lower())  # noqa: PTH122


def _kind_of_start(name: str) -> str | None:
    try:
        with open(name, "rb", buffering=0) as file:  # noqa: PTH123
            start = file.read(SNIFFED)
    except OSError:
        return None
    if looks_like_picture(start):
        return None
    if start[4:8] == b"ftyp" or (start[:4], start[8:12]) == (b"RIFF", b"AVI "):
        return _VIDEO
    return next((kind for mark, kind in _STARTS.items() if start.startswith(mark)), None)


def _advice(kind: str, name: str) -> str:
    """What to do with a file of a kind, a sentence that can be typed where there is a program for it."""
    stem = os.path.splitext(os.path.basename(name))[0]  # noqa: PTH119, PTH122
    file, folder = shlex.quote(name), shlex.quote(stem)
    if kind == _ARCHIVE:
        ending = os.path.splitext(name)[1].lower()  # noqa: PTH122
        if ending in _UNPACKS_ONE and not stem.lower().endswith(".tar"):
            return f"Unpack it first, for example: {_UNPACKS_ONE[ending]} {file}, and name what comes out of it."
        others = {".zip": f"unzip {file} -d {folder}", ".7z": f"7z x {file}", ".rar": f"unrar x {file}"}
        unpack = others.get(ending, f"tar -xf {file}")
        return f"Unpack it first, for example: {unpack}, and name the folder."
    if kind == _VIDEO:
        return f"Save some of its frames as pictures, for example: ffmpeg -i {file} -vf fps=1 {folder}-%05d.png"
    if kind == _MODEL:
        return "The model is named first, then the pictures."
    return "Save it as CSV." if kind == _SHEET else "Save its pages as pictures."
