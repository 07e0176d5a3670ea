"""onnxruntime-web, which a page runs its model in: found on this machine, or fetched once where that is wanted.

It is no package of Python's and too large to ship: it comes as npm has it, of one version, and is known by the sha256
of the two files that a page needs, wherever they come from. Only those two are ever read out of its archive.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tellapart import files
from tellapart.errors import MissingExtraError, OutputError, UsageError
from tellapart.progress import Progress

NAME, VERSION = "onnxruntime-web", "1.30.0"
SCRIPT, BINARY = "ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm"  # the plain build, for the processor alone
SHA256: Final[Mapping[str, str]] = {
    SCRIPT: "11e64bd8ffe11bd1a2a2f0d6275fdfbbba7262f0b76b99b53d228a8a22ef3d90",
    BINARY: "3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2",
}
# of the first of them as it stands in a page, behind its licence
LIBRARY_SHA256: Final = "c8df500856e3f1b75663596cec6b5415e7f7b1211e1729b7b0aeae3207b4a4a5"
ARCHIVE_SHA256: Final = "d2228df7e4616bc3348bf504ee888f3bec43789a273f0a63f3e68d203ce3bf71"
LARGEST_ARCHIVE, LARGEST_FILE = 64_000_000, 32_000_000  # bytes; they have 33 and 14 million
PATIENCE: Final = 600  # seconds
OFFLINE: Final = "TELLAPART_OFFLINE"  # the environment variable that forbids to fetch
MODULES: Final = "node_modules"
COMMAND: Final = ("pack", f"{NAME}@{VERSION}", "--ignore-scripts", "--silent")
INSTALL: Final = f"npm install {NAME}@{VERSION}"
HINT: Final = f"Type `{INSTALL}` here where there is a network, or name a folder that has it: --web-runtime FOLDER."


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """What a page needs of it: a module of JavaScript, and what that runs."""

    script: str
    binary: bytes


def web_runtime(given: Path | None, progress: Progress) -> Runtime:
    """The runtime, out of the first place that has it: what is given, the cache, node_modules, npm.

    Args:
        given: a folder that must have it, as it was unpacked or installed; None to look for one.
        progress: told if it is fetched.

    Raises:
        UsageError: the folder that is given has not this version of it.
        MissingExtraError: it is nowhere, and cannot or must not be fetched.
    """
    if given is not None:
        found = read_runtime(given)
        if found is None:
            hint = f"Give a folder with {NAME} {VERSION}, as npm installs it."
            raise UsageError(f"{SCRIPT} and {BINARY} of that version are not there", where=given, hint=hint)
        return found
    for place in (kept_place(), *installed_places()):
        found = None if place is None else read_runtime(place)
        if found is not None:
            return found
    runtime = fetch(progress)
    keep(runtime)
    return runtime


def read_runtime(folder: Path) -> Runtime | None:
    """The two files in a folder, or in its folder dist; None unless both are there, byte for byte."""
    for place in (folder, folder / "dist"):
        with contextlib.suppress(OSError, ValueError):
            found = {name: files.read_bounded(place / name, limit=LARGEST_FILE) for name in SHA256}
            return known(found)
    return None


def known(found: Mapping[str, bytes]) -> Runtime:
    """The runtime that files are.

    Raises:
        ValueError: they are not those of the version.
    """
    for name, digest in SHA256.items():
        if hashlib.sha256(found[name]).hexdigest() != digest:
            message = f"{name} is another one"
            raise ValueError(message)
    return Runtime(script=found[SCRIPT].decode(), binary=found[BINARY])


def kept_place() -> Path | None:
    """Where it is kept once it was fetched; None where there is no folder for a cache."""
    with contextlib.suppress(OSError):
        return files.cache_folder() / f"{NAME}-{VERSION}"
    return None


def installed_places() -> list[Path]:
    """Where npm would have installed it for the current folder."""
    here = Path.cwd()
    return [folder / MODULES / NAME for folder in (here, *here.parents)]


def fetch(progress: Progress) -> Runtime:
    """Let npm fetch the archive, and take the two files out of it.

    Raises:
        MissingExtraError: there is no npm, it may not or cannot, or another archive came.
    """
    npm = shutil.which("npm")
    if os.environ.get(OFFLINE, "0") not in ("", "0"):
        raise missing(f"{OFFLINE} forbids to fetch it")
    if npm is None:
        raise missing("there is no npm to fetch it with")
    progress.note(f"Fetching {NAME} {VERSION} with npm, once, 33 MB …")
    with tempfile.TemporaryDirectory(prefix="tellapart-npm-") as folder:
        try:
            subprocess.run([npm, *COMMAND], cwd=folder, capture_output=True, timeout=PATIENCE, check=True)  # noqa: S603
            (archive,) = Path(folder).glob("*.tgz")
            content = files.read_bounded(archive, limit=LARGEST_ARCHIVE)
            if hashlib.sha256(content).hexdigest() != ARCHIVE_SHA256:
                raise missing("npm brought another archive than is known")
            return known(unpacked_files(archive))
        except subprocess.SubprocessError as error:
            raise missing(f"npm cannot fetch it: {told_by(error)}") from error
        except (OSError, ValueError, KeyError, EOFError, tarfile.TarError, zlib.error) as error:
            raise missing("what npm brought cannot be read") from error


def unpacked_files(archive: Path) -> dict[str, bytes]:
    """The two files of an archive, by name alone: nothing is unpacked onto the disk.

    Raises:
        ValueError: one is no regular file, or too large.
        KeyError, OSError, tarfile.TarError: it is not there, or the archive is damaged.
    """
    found = dict[str, bytes]()
    with tarfile.open(archive, "r:gz") as opened:
        for name in SHA256:
            member = opened.getmember(f"package/dist/{name}")
            file = opened.extractfile(member) if member.isfile() and member.size <= LARGEST_FILE else None
            if file is None:
                message = f"{name} is no file of its size"
                raise ValueError(message)
            found[name] = file.read()
    return found


def keep(runtime: Runtime) -> None:
    """Keep it for the next time; that it cannot be kept is no reason not to use it."""
    folder = kept_place()
    if folder is not None:
        with contextlib.suppress(OSError, OutputError):
            files.make_private(folder)
            for name, content in ((SCRIPT, runtime.script.encode()), (BINARY, runtime.binary)):
                files.write_bytes(folder / name, content)


def missing(reason: str) -> MissingExtraError:
    return MissingExtraError(f"a page needs {NAME} {VERSION}, which is not here ({reason})", hint=HINT)


def told_by(error: subprocess.SubprocessError) -> str:
    """The last line of what npm complained of."""
    lines = (getattr(error, "stderr", None) or b"").decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else str(error)


def global_script(runtime: Runtime) -> str:
    """Its module without exports: what it would export is the global `ort`, for another script of the same page.

    Addresses in it, of its map and of a page of advice, are left out: the page names no place on the network.

    Raises:
        ValueError: it is written otherwise than it was.
    """
    code = re.sub(r"^//# sourceMappingURL=\S+\n?", "", runtime.script, flags=re.MULTILINE).strip()
    code, exports = re.subn(r"export\s*\{([^{}]*)\};?$", _assigned, code)
    if exports != 1:
        raise ValueError("its exports are not where they were")
    return re.sub(r"https?://[^\s\"'`)]+", "", code)


def _assigned(exports: re.Match[str]) -> str:
    pairs = [pair.split(" as ") for pair in exports[1].split(",")]
    return f"globalThis.ort={{{','.join(f'{outer.strip()}:{inner.strip()}' for inner, outer in pairs)}}};"
