"""Draw the README's picture: the top of the report that `make demo` makes, seen by a browser.

    python tools/readme_picture.py RUN [-o docs/report.png]    RUN is a finished run, such as runs/demo

The browser is Chromium, without a screen. The picture has few colours, so that it weighs little.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from PIL import Image

ROOT: Final = Path(__file__).resolve().parents[1]
WIDTH, HEIGHT = 1100, 840  # pixels of the window: the classes, and what is said of all of them
COLOURS: Final = 48
SECONDS: Final = 60


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, metavar="RUN")
    parser.add_argument("-o", "--output", type=Path, default=ROOT / "docs" / "report.png")
    arguments = parser.parse_args()
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    report = arguments.run / "report.html"
    if browser is None or not report.is_file():
        print("no Chromium on the PATH" if browser is None else f"no such report: {report}", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as folder:
        shot = Path(folder) / "shot.png"
        window = (f"--window-size={WIDTH},{HEIGHT}", "--hide-scrollbars", f"--screenshot={shot}")
        command = (browser, "--headless", "--no-sandbox", "--disable-gpu", *window, report.resolve().as_uri())
        subprocess.run(command, check=True, capture_output=True, timeout=SECONDS)
        with Image.open(shot) as picture:
            picture.convert("RGB").quantize(COLOURS).save(arguments.output, optimize=True)
    print(f"{arguments.output}: {arguments.output.stat().st_size:,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
