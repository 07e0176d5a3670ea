"""The whole job on real digits that ship with scikit-learn: 1797 scans of handwriting, 8 x 8 pixels, ten classes.

Source: E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI repository, 1998, as bundled by
scikit-learn. The pictures are written as ordinary PNG files, and from there on it is the job everybody runs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tellapart.commands.train import train
from tellapart.data.png import write_png
from tellapart.progress import Progress, Silent, in_stage
from tellapart.runs import folder as run_folder
from tellapart.runs.lock import only_run

FULL_INK = 16  # the largest value in scikit-learn's copy


def write_digits(folder: Path, *, progress: Progress | None = None) -> Path:
    """Write the digits as grey PNG files below folder/0 ... folder/9; a file that is there already is left alone."""
    from sklearn.datasets import load_digits

    progress = progress or Silent()
    digits = load_digits()
    levels = np.round(digits.images * (255 / FULL_INK)).astype(np.uint8)
    with in_stage(progress, "Writing digits", total=len(levels), unit="pictures"):
        for number, (pixels, label) in enumerate(zip(levels, digits.target, strict=True)):
            path = folder / str(label) / f"{number:04d}.png"
            if not path.exists():
                write_png(path, pixels)
            progress.advance()
    return folder


def run_demo(
    out: Path, *, force: bool = False, command: str = "", progress: Progress | None = None
) -> tuple[Path, dict[str, Any]]:
    """Write the digits into the run folder and train on them; the run folder and the metrics document."""
    with only_run(out, force=force):
        run_folder.claim_run(out, force=force)
        data = write_digits(out / run_folder.DEMO_DATA, progress=progress)
    return train(data, out=out, force=force, command=command, progress=progress)
