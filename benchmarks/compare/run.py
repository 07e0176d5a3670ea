"""The comparison, one command: whatever of a form has not been measured yet, then the page.

    make compare [SHORT=1]
    python benchmarks/compare/run.py [--short] [--parts jobs curves …] [--peers ours fastai-1 …] [--results FILE]

Each cell is kept as it ends, so that a comparison that was stopped goes on where it was. A job is one peer on all of
one set, in a process of its own; the peers alternate, and another one begins in every round. A peer whose environment
is not there is named and left out: `make peers` makes them. The cells are in plan.py, the page is made by page.py.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from ledger import Ledger
from page import page_of, write_page
from plan import ALL, FORMS, PAIRS, PEERS_FOLDER, ROOT, SETS, Form, Pair, Peer

RESULTS: Final = ROOT / "benchmarks" / "results" / "compare.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--short", action="store_true", help="a quarter of an hour on two quiet cores")
    parser.add_argument("--parts", nargs="+", choices=tuple(PARTS), default=tuple(PARTS))
    parser.add_argument("--peers", nargs="+", choices=tuple(ALL), default=tuple(ALL), help="these alone")
    parser.add_argument("--sets", nargs="+", choices=SETS, default=SETS, help="these alone")
    parser.add_argument("--pairs", nargs="+", choices=tuple(PAIRS), default=tuple(PAIRS), help="these alone")
    parser.add_argument("--rounds", type=int, help="instead of the form's")
    parser.add_argument("--counts", nargs="+", type=int, help="pictures per class, instead of the form's")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data", help="the folder of the sets")
    parser.add_argument("--results", type=Path, default=RESULTS, help="a record of your own; its page lies beside it")
    parser.add_argument("--note", action="append", default=[], help="a line for the page, as: a busy machine")
    arguments = parser.parse_args()
    arguments.data = arguments.data.absolute()
    page_of(arguments.results)  # before anything is measured
    ledger = Ledger(arguments.results)
    for line in arguments.note:
        ledger.note(line)
    form = FORMS["short" if arguments.short else "full"]
    for part in arguments.parts:
        PARTS[part](ledger, form, arguments)
    print(write_page(ledger.document, arguments.results.resolve()), file=sys.stderr)


def run_jobs(ledger: Ledger, form: Form, arguments: argparse.Namespace) -> None:
    for round_number in range(arguments.rounds or form.rounds):
        for name in arguments.sets:
            able = [peer for peer in form.jobs.get(name, ()) if peer in arguments.peers and there(ALL[peer])]
            first = round_number % max(1, len(able))
            for peer in (*able[first:], *able[:first]):
                key = f"job/{name}/{peer}/{round_number}"
                if key not in ledger:
                    keep_lines(ledger, ALL[peer], arguments.data / name, cells={"all:0": key})


def run_curves(ledger: Ledger, form: Form, arguments: argparse.Namespace) -> None:
    """A process for each set and peer, which goes on from one draw to the next with what it has read."""
    for name in arguments.sets:
        for peer, draws in form.curves.items():
            if peer not in arguments.peers or not there(ALL[peer]):
                continue
            wanted = [f"{count}:{draw}" for draw in range(draws) for count in arguments.counts or form.counts]
            keys = {cell: f"curve/{name}/{peer}/{cell}" for cell in wanted}
            new = {cell: key for cell, key in keys.items() if key not in ledger}
            if new:
                keep_lines(ledger, ALL[peer], arguments.data / name, cells=new, fresh=False)


def run_pairs(ledger: Ledger, form: Form, arguments: argparse.Namespace) -> None:
    for round_number in range(arguments.rounds or form.rounds):
        for name in form.pairs:
            key, pair = f"pair/{name}/{round_number}", PAIRS[name]
            python = Path(os.environ.get(pair.environment, str(ROOT / f".venv-{pair.environment.lower()}")))
            python = python.absolute() / "bin" / "python"
            if key not in ledger and name in arguments.pairs and python.exists():
                ledger.keep(key, measured_pair(pair, python, arguments.data, turned=round_number % 2 == 1))


def measured_pair(pair: Pair, python: Path, data: Path, *, turned: bool) -> dict[str, Any]:
    """One round by side_by_side.py, the peer first where turned; of whole commands the processor seconds' ratio too."""
    commands = [
        " ".join([str(interpreter), *(part.format(data=data) for part in command)])
        for interpreter, command in ((sys.executable, pair.ours), (python, pair.peer))
    ]
    sides = ("--ours", commands[0], "--ours-figure", pair.figures[0])
    sides += ("--peer", commands[1], "--peer-figure", pair.figures[1])
    command = [sys.executable, str(PEERS_FOLDER / "side_by_side.py"), *sides, "--rounds", "1", "--documents"]
    command += [*pair.options, *(["--peer-first"] if turned else [])]
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, cwd=ROOT)
    if done.returncode:
        raise SystemExit(f"this pair was not measured: {pair.title}")
    (row,) = json.loads(done.stdout)["rounds"]
    kept = {name: row[name] for name in ("first", "ours", "peer", "ratio")} | {"load": round(os.getloadavg()[0], 1)}
    if not pair.higher:
        ours, peer = (row["documents"][side]["processor_s"] for side in ("ours", "peer"))
        kept["processor_ratio"] = round(ours / peer, 3)
    return kept


def run_sizes(ledger: Ledger, form: Form, arguments: argparse.Namespace) -> None:
    for name in form.sizes:
        if f"size/{name}" not in ledger and name in arguments.peers and there(ALL[name]):
            command = [str(ALL[name].python), str(PEERS_FOLDER / "install_size.py"), *ALL[name].distributions]
            printed = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
            ledger.keep(f"size/{name}", json.loads(printed))


def run_cold(ledger: Ledger, form: Form, arguments: argparse.Namespace) -> None:
    """A model of ten pictures a class, then the seconds of processes that load it and answer about one picture."""
    keys = [f"cold/{peer}/{number}" for number in range(form.cold) for peer in form.cold_peers]
    wanted = [key for key in keys if key not in ledger and there(ALL[key.split("/")[1]])]
    wanted = [key for key in wanted if key.split("/")[1] in arguments.peers]
    if not wanted:
        return
    folder = arguments.data / "neu_surface"
    picture = next((folder / "test").glob("*/*.jpg"))
    with tempfile.TemporaryDirectory() as kept:
        for peer in {key.split("/")[1]: None for key in wanted}:
            small = small_copy(folder, Path(kept) / "data")
            list(lines_of(ALL[peer], small, ["all:0"], save=Path(kept) / peer))
        for key in wanted:
            peer = key.split("/")[1]
            script = str(PEERS_FOLDER / ALL[peer].script)
            command = [str(ALL[peer].python), script, str(picture), "--answer", str(Path(kept) / peer)]
            started = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            ledger.keep(key, {"seconds": round(time.perf_counter() - started, 2), "load": round(os.getloadavg()[0], 1)})


def small_copy(folder: Path, place: Path) -> Path:
    """Links to ten pictures of each class of each split."""
    for split in (path for path in folder.iterdir() if path.is_dir()):
        for label in split.iterdir():
            (place / split.name / label.name).mkdir(parents=True, exist_ok=True)
            for file in sorted(label.iterdir())[:10]:
                link = place / split.name / label.name / file.name
                if not link.exists():
                    link.symlink_to(file)
    return place


def keep_lines(ledger: Ledger, peer: Peer, folder: Path, *, cells: Mapping[str, str], fresh: bool = True) -> None:
    """Run the peer on these cells, and keep each line under its key as it comes."""
    for line in lines_of(peer, folder, list(cells), fresh=fresh):
        shown = {name: line.get(name) for name in ("seconds", "accuracy", "refused") if line.get(name) is not None}
        print(f"{cells[line['cell']]}: {shown}", file=sys.stderr, flush=True)
        ledger.keep(cells[line["cell"]], line)


def lines_of(
    peer: Peer, folder: Path, cells: Sequence[str], *, fresh: bool = True, save: Path | None = None
) -> Iterator[dict[str, Any]]:
    """What the peer prints, a cell at a time.

    Args:
        peer: who.
        folder: the set.
        cells: as cells.py names them.
        fresh: give our cache an empty folder, as a first run has.
        save: where it is to keep what it trained.

    Raises:
        SystemExit: it failed.
    """
    command = [str(peer.python), str(PEERS_FOLDER / peer.script), str(folder), "--cells", *cells, *peer.options]
    command += ["--save", str(save)] if save else []
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, **({"TELLAPART_CACHE": cache} if fresh else {})}
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
        ) as run:
            run_errors = _drained(run)
            for line in run.stdout or ():
                yield json.loads(line)
            if run.wait():
                raise SystemExit(f"{peer.name} failed on {folder.name}:\n{run_errors()[-2000:]}")


def _drained(run: subprocess.Popen[str]) -> Callable[[], str]:
    """Read standard error beside, so that a full pipe stops nobody; what it had, once the process has ended."""
    import threading

    kept: list[str] = []
    thread = threading.Thread(target=lambda: kept.extend(run.stderr or ()), daemon=True)
    thread.start()

    def ended() -> str:
        thread.join()
        return "".join(kept)

    return ended


def there(peer: Peer) -> bool:
    """Whether the peer's environment is; says so once where it is not."""
    if peer.python.exists():
        return True
    line = f"{peer.title} is left out: no {peer.python}; `make peers` makes it"
    if line not in SAID:
        SAID.append(line)
        print(line, file=sys.stderr)
    return False


SAID: Final[list[str]] = []
PARTS: Final[Mapping[str, Callable[[Ledger, Form, argparse.Namespace], None]]] = {
    "sizes": run_sizes,
    "cold": run_cold,
    "pairs": run_pairs,
    "jobs": run_jobs,
    "curves": run_curves,
}

if __name__ == "__main__":
    main()
