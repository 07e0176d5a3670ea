"""Put the charting library of the report where the page finds it: Chart.js, as its authors publish it on npm.

    python tools/vendor_chart.py            fetches the version below with `npm pack` and writes the files
    python tools/vendor_chart.py --check    compares what is there with its stated sha256; needs no network

Nothing in it is changed; src/tellapart/report/vendor/chart.json states name, version, licence and sha256.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

PACKAGE, VERSION, LICENCE = "chart.js", "4.6.1", "MIT"
FOLDER = Path(__file__).parents[1] / "src" / "tellapart" / "report" / "vendor"
MEMBERS = {"package/dist/chart.umd.min.js": "chart.umd.min.js", "package/LICENSE.md": "chart.LICENSE.txt"}
STATEMENT = "chart.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="only compare what is there with its stated sha256")
    if not parser.parse_args().check:
        fetch()
    changed = changed_files()
    for name in changed:
        print(f"{name}: not what {STATEMENT} states", file=sys.stderr)
    raise SystemExit(1 if changed else 0)


def fetch() -> None:
    """Fetch the package, take the two files out of it, and state what they are."""
    with tempfile.TemporaryDirectory() as folder:
        packed = ["npm", "pack", "--silent", f"{PACKAGE}@{VERSION}"]
        name = subprocess.run(packed, cwd=folder, check=True, capture_output=True, text=True).stdout.strip()
        with tarfile.open(Path(folder) / name) as archive:
            for member, target in MEMBERS.items():
                file = archive.extractfile(member)
                if file is None:
                    raise SystemExit(f"{PACKAGE} {VERSION} has no {member}")
                (FOLDER / target).write_bytes(file.read())
    digests = {target: digest(FOLDER / target) for target in MEMBERS.values()}
    statement = {"name": PACKAGE, "version": VERSION, "licence": LICENCE, "sha256": digests}
    (FOLDER / STATEMENT).write_text(json.dumps(statement, indent=2) + "\n", encoding="utf-8")


def changed_files() -> list[str]:
    """The files whose bytes are not those that were stated."""
    statement = json.loads((FOLDER / STATEMENT).read_text(encoding="utf-8"))
    return [name for name, expected in statement["sha256"].items() if digest(FOLDER / name) != expected]


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    main()
