"""Build what leaves as a package, install it where nothing else is, and let it do the whole job.

    python tools/soak/package.py

The source archive is built from the checkout and the wheel from that archive, so that neither can lean on a file that
does not leave. The wheel goes into a bare environment without extras, at the versions of constraints.txt; there
`tellapart demo` runs from another folder with a home of its own, and `predict` answers by the model that it made.
Prints one JSON document; ends with 1 if a command failed, a file is missing, or something heavy came along. It needs a
package index for the dependencies.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import tempfile
import venv
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
BUILD = "import sys; from hatchling import build; print(getattr(build, sys.argv[1])(sys.argv[2]))"
MADE = ("model.tellapart", "metrics.json", "predictions.csv", "report.html")
HEAVY = ("torch", "starlette", "onnxruntime", "matplotlib")  # what only extras bring
LARGEST = 700_000_000  # bytes of all packages in it, ours too


def build(kind: str, source: Path, out: Path) -> Path:
    """Build an archive or a wheel from a folder with the hatchling beside this Python."""
    done = subprocess.run(
        [sys.executable, "-c", BUILD, f"build_{kind}", out], cwd=source, check=True, capture_output=True
    )
    return out / done.stdout.decode().strip()


def wheel_of_archive(out: Path) -> Path:
    """The wheel that is built from the source archive alone."""
    archive = build("sdist", ROOT, out)
    with tarfile.open(archive) as opened:
        opened.extractall(out, filter="data")
    return build("wheel", out / archive.name.removesuffix(".tar.gz"), out)


def tried(python: Path, home: Path) -> list[str]:
    """What went wrong as the installed command did the whole job in a folder of its own."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8"}
    command = python.with_name("tellapart")
    asked: list[Sequence[object]] = [
        (python, "-m", "pip", "check", "--disable-pip-version-check"),
        (command, "demo", "-o", "demo"),
        (command, "predict", "demo/model.tellapart", home / "picture.png", "--format", "csv"),
    ]
    drawing = "from PIL import Image; Image.new('L', (8, 8), 90).save('picture.png')"
    subprocess.run([python, "-c", drawing], cwd=home, env=environment, check=True)
    faults = []
    for words in asked:
        done = subprocess.run(list(map(str, words)), cwd=home, env=environment, capture_output=True, check=False)
        if done.returncode:
            faults.append(f"{words[1]} ended with {done.returncode}: {done.stderr.decode()[-500:]}")
    return faults + [f"demo wrote no {name}" for name in MADE if not (home / "demo" / name).exists()]


def main() -> int:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        wheel = wheel_of_archive(folder)
        venv.create(folder / "bare", with_pip=True)
        python = folder / "bare" / "bin" / "python"
        quiet = ["--quiet", "--disable-pip-version-check", "-c", str(ROOT / "constraints.txt")]
        subprocess.run([python, "-m", "pip", "install", *quiet, wheel], check=True)
        packages = next((folder / "bare" / "lib").glob("python*/site-packages"))
        size = sum(path.stat().st_size for path in packages.rglob("*") if path.is_file() and not path.is_symlink())
        (folder / "home").mkdir()
        faults = tried(python, folder / "home")
        faults += [f"{module} came with the core" for module in HEAVY if (packages / module).exists()]
        faults += [f"{size:,} bytes"] if size > LARGEST else []
        print(json.dumps({"wheel": wheel.name, "wheel_bytes": wheel.stat().st_size, "bytes": size, "faults": faults}))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
