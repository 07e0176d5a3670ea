"""Two commands in turn, ours and a peer's, and the ratio of one figure of each.

    python benchmarks/peers/side_by_side.py --rounds 3 \
        --ours "python benchmarks/augmentation.py" --ours-figure tellapart_pictures_per_s \
        --peer ".venv-keras/bin/python benchmarks/peers/keras_chapter.py --what augment" --peer-figure transform_per_s

A figure is where it stands in the JSON document that the command prints: names and numbers of rows with dots between,
such as `epochs.-1.valid_accuracy`. Two figures are always there: `wall_s`, seconds of the whole process by the clock,
and `processor_s`, those that it kept processors busy. A figure that is null leaves the ratio of its round null.

With `--fresh TELLAPART_CACHE` that environment variable names a new, empty folder for each run, so that no run profits
from what an earlier one kept.

The first of each round changes from round to round, so that a machine that grows slower favours neither. The ratio is
ours divided by the peer's: above 1 is better for rates, below 1 for seconds. Prints JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of the two.

    Attributes:
        name: "ours" or "peer".
        command: the program and its arguments.
        figure: where the figure stands in the document that the command prints.
    """

    name: str
    command: tuple[str, ...]
    figure: str


def run(command: Sequence[str], *, fresh: str | None) -> dict[str, Any]:
    """What the command prints, with the seconds of its process as `wall_s` and `processor_s`.

    Args:
        command: the program and its arguments.
        fresh: an environment variable that is to name an empty folder, which is removed afterwards.

    Raises:
        SystemExit: it cannot be started, or it fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        return run_in({**os.environ, **({fresh: folder} if fresh else {})}, command)


def run_in(environment: Mapping[str, str], command: Sequence[str]) -> dict[str, Any]:
    """As `run`."""
    started, before = time.perf_counter(), processor_seconds()
    try:
        process = subprocess.run(command, stdout=subprocess.PIPE, check=False, env=environment)
    except OSError as error:
        raise SystemExit(f"cannot start {command[0]}: {error.strerror}") from error
    took = {"wall_s": time.perf_counter() - started, "processor_s": processor_seconds() - before}
    if process.returncode:
        raise SystemExit(f"exit code {process.returncode} from: {shlex.join(command)}")
    try:
        document = json.loads(process.stdout)
    except ValueError:
        document = None
    seconds = {name: round(value, 3) for name, value in took.items()}
    return {**(document if isinstance(document, dict) else {}), **seconds}


def processor_seconds() -> float:
    """Of all processes that this one has started and that have ended."""
    spent = os.times()
    return spent.children_user + spent.children_system


def look_up(document: object, figure: str) -> float | None:
    """The number at that place of the document, or None where it says null.

    Raises:
        SystemExit: there is no such place, or no number at it.
    """
    found: Any = document
    for part in figure.split("."):
        try:
            found = found[int(part)] if isinstance(found, list) else found[part]
        except (KeyError, IndexError, ValueError, TypeError):
            known = ", ".join(found) if isinstance(found, Mapping) else f"{type(found).__name__}"
            raise SystemExit(f"no {part!r} on the way to figure {figure!r}; there is: {known}") from None
    if found is None or (isinstance(found, int | float) and not isinstance(found, bool)):
        return found
    raise SystemExit(f"figure {figure!r} is no number: {found!r}")


def measure(
    ours: Side, peer: Side, *, rounds: int, documents: bool, fresh: str | None = None, peer_first: bool = False
) -> dict[str, Any]:
    """Run both in turn; the document to print."""
    rows = []
    for number in range(rounds):
        order = (ours, peer) if number % 2 == peer_first else (peer, ours)
        printed = {side.name: run(side.command, fresh=fresh) for side in order}
        row: dict[str, Any] = {side.name: look_up(printed[side.name], side.figure) for side in (ours, peer)}
        row["ratio"] = quotient(row["ours"], row["peer"])
        print(f"round {number + 1} of {rounds}: {row}", file=sys.stderr, flush=True)
        rows.append({"first": next(iter(printed)), **row, **({"documents": printed} if documents else {})})
    return {
        "benchmark": "side_by_side",
        **{side.name: {"command": shlex.join(side.command), "figure": side.figure} for side in (ours, peer)},
        "rounds": rows,
        **{f"{name}_median": median(rows, name) for name in ("ours", "peer", "ratio")},
    }


def quotient(ours: float | None, peer: float | None) -> float | None:
    return round(ours / peer, 3) if ours is not None and peer else None


def median(rows: Sequence[Mapping[str, Any]], name: str) -> float | None:
    """Of the rounds that have the figure; None where none has."""
    values = [row[name] for row in rows if row[name] is not None]
    return round(statistics.median(values), 3) if values else None


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--documents", action="store_true", help="print the whole document of each run as well")
    parser.add_argument("--peer-first", action="store_true", help="the peer begins the first round")
    parser.add_argument("--fresh", metavar="VARIABLE", help="an environment variable that names a new folder each run")
    for name in ("ours", "peer"):
        parser.add_argument(f"--{name}", required=True, metavar="COMMAND", help="in one argument, quoted")
        parser.add_argument(f"--{name}-figure", default="wall_s", metavar="PLACE", help="by default: wall_s")
    arguments = vars(parser.parse_args())
    ours, peer = (
        Side(name=name, command=tuple(shlex.split(arguments[name])), figure=arguments[f"{name}_figure"])
        for name in ("ours", "peer")
    )
    settings = {name: arguments[name] for name in ("rounds", "documents", "fresh", "peer_first")}
    result = measure(ours, peer, **settings)
    json.dump(result, sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
