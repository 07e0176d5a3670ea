"""Where a command may write what -o names: the name must say what is written, and no file of others is written over.

A file of the same kind that tellapart wrote before is replaced; so is an empty one. Anything else stays.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from tellapart import files
from tellapart.errors import OutputError, UsageError

# Bytes of a file by which it is told who wrote it; Parquet has the names of its columns at the end.
START, END = 4_096, 4_000_000
SOFTWARE: Final = "Software"  # the text of a PNG that says who wrote it
WRITER: Final = "tellapart"  # what it says, or begins with
# Names that people give to files; a folder of such a name is a misunderstanding.
FILE_ENDINGS: Final = (
    *(".csv", ".gif", ".html", ".jpeg", ".jpg", ".json", ".jsonl", ".npz", ".onnx", ".parquet", ".pdf", ".png", ".svg"),
    *(".tellapart", ".tsv", ".txt", ".webp", ".xlsx"),
)


def check_file(out: Path, *, sources: Sequence[Path] = (), kind: str | None = None, follow: bool = True) -> None:
    """Refuse, before any work, to write a file where that makes no sense.

    Args:
        out: the file to be.
        sources: what is about to be read.
        kind: the ending whose files are written; None for the one that out has.
        follow: whether a link that leads nowhere may be written through; else it is in the way.

    Raises:
        OutputError: out is one of the sources, a folder, a file that tellapart has not written, or below what is no
            folder.
    """
    if any(out.exists() and source.exists() and out.samefile(source) for source in sources):
        raise OutputError("this file is to be read, not written", where=out, hint="Choose another with -o.")
    nearest = next(place for place in out.absolute().parents if place.exists())
    if not nearest.is_dir() or (out.exists() and not out.is_file()):
        raise OutputError("no file can be written here", where=out, hint="Choose another place with -o.")
    if (out.exists() or (not follow and out.is_symlink())) and not is_ours(out, kind or out.suffix.lower()):
        what = "a file is here that tellapart has not written"
        raise OutputError(what, where=out, hint="Choose another name with -o, or remove it first; nothing was changed.")


def check_folder_name(out: Path) -> None:
    """Refuse a folder that would be called like a file.

    Raises:
        UsageError: nothing is there, and the name ends like one of a file.
    """
    if out.suffix.lower() in FILE_ENDINGS and not out.exists():
        what = f"a folder is written, and the name is that of a {out.suffix.lower()} file"
        raise UsageError(what, where=out, hint="Name a folder.")


def is_ours(path: Path, ending: str) -> bool:
    """Whether a file is empty, or one of the kind that tellapart writes under an ending."""
    try:
        with files.open_regular(path) as file:
            start = file.read(START)
            size = file.seek(0, 2)
            file.seek(max(0, size - END))
            end = file.read(END)
    except OSError:
        return False
    return not size or (ending in KINDS and KINDS[ending](path, start, end))


def _is_table(_: Path, start: bytes, __: bytes) -> bool:
    return start.removeprefix(b"\xef\xbb\xbf").startswith(b"path,predicted,probability,")


def _is_json_lines(_: Path, start: bytes, __: bytes) -> bool:
    line = start.split(b"\n")[0]
    return line.startswith(b'{"path": ') and (b', "predicted": ' in line or b', "error": ' in line)


def _is_screen(_: Path, start: bytes, __: bytes) -> bool:
    """The table of the screen: the first line ends in a share, and in marks."""
    line = start.split(b"\n")[0].decode(errors="replace")
    return re.search(r"  +[<>]? ?\d+\.\d %(  [a-z, ]+)?$", line) is not None


def _is_parquet(_: Path, start: bytes, end: bytes) -> bool:
    length = int.from_bytes(end[-8:-4], "little")
    footer = end[-8 - length : -8]
    answers = all(name in footer for name in (b"predicted", b"probability", b"unlike"))
    return start.startswith(b"PAR1") and b"path" in footer and (answers or re.search(rb"\w:0\b", footer) is not None)


def _is_arrays(path: Path, _: bytes, __: bytes) -> bool:
    try:
        with path.open("rb") as file, zipfile.ZipFile(files.with_short_directory(file, longest=START)) as archive:
            return {"features.npy", "paths.npy", "depths.npy", "columns.npy"} <= set(archive.namelist())
    except (OSError, ValueError, zipfile.BadZipFile):
        return False


def _is_graph(_: Path, __: bytes, end: bytes) -> bool:
    return b"\n\ttellapart\x12" in end


def _is_picture(_: Path, start: bytes, __: bytes) -> bool:
    return start.startswith(b"\x89PNG") and f"tEXt{SOFTWARE}\0{WRITER}".encode() in start


def _is_drawing(_: Path, start: bytes, __: bytes) -> bool:
    return b"<svg" in start and f">{WRITER}<".encode() in start


def _is_page(_: Path, start: bytes, __: bytes) -> bool:
    return f'<meta name="generator" content="{WRITER} '.encode() in start


KINDS: Final[Mapping[str, Callable[[Path, bytes, bytes], bool]]] = {
    ".csv": _is_table,
    ".jsonl": _is_json_lines,
    ".txt": _is_screen,
    ".parquet": _is_parquet,
    ".npz": _is_arrays,
    ".onnx": _is_graph,
    ".png": _is_picture,
    ".svg": _is_drawing,
    ".html": _is_page,
}
