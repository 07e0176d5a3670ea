"""From the cells that are kept to the figures of the page: medians with spread, ratios, intervals, paired tests.

Legend: a round's ratio is of two neighbours, measured within minutes of one another, and outlives the machine's moods;
`gain` is above 1 where ours is the better one.
"""

from __future__ import annotations

import base64
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from ledger import cells_of
from numpy.typing import NDArray
from plan import OURS, PAIRS

from tellapart.evaluation.intervals import wilson
from tellapart.evaluation.paired import compare_answers

Rows = dict[str, dict[str, Any]]


def spread(values: Sequence[float]) -> dict[str, float] | None:
    """Median, least and most; None of nothing."""
    if not values:
        return None
    return {"median": statistics.median(values), "least": min(values), "most": max(values), "n": len(values)}


def jobs(document: Mapping[str, Any], name: str) -> Rows:
    """A row for each peer on a set: seconds, memory, gain of ours, accuracy, and the paired test against ours."""
    cells: dict[str, dict[str, dict[str, Any]]] = {}
    for (found, peer, number), figures in cells_of(document, "job"):
        if found == name and "refused" not in figures:
            cells.setdefault(peer, {})[number] = figures
    return {peer: job_row(rounds, cells.get(OURS, {}), itself=peer == OURS) for peer, rounds in cells.items()}


def job_row(rounds: Rows, ours: Rows, *, itself: bool) -> dict[str, Any]:
    """One peer's row; the accuracy and the answers are of its first round."""
    first = rounds[min(rounds)]
    both = sorted(set(rounds) & set(ours))
    row: dict[str, Any] = {
        **{name: spread([each[name] for each in rounds.values() if each.get(name) is not None]) for name in SPREAD},
        "accuracy": share(first),
    }
    if both and not itself:
        row |= {
            gain: spread([rounds[number][name] / ours[number][name] for number in both if ours[number].get(name)])
            for gain, name in (("gain", "seconds"), ("processor_gain", "processor_s"))
        }
        row["paired"] = paired([first], [ours[min(ours)]])
    return row


SPREAD = ("seconds", "processor_s", "peak_mb", "images_per_s")


def share(figures: Mapping[str, Any]) -> dict[str, float | None]:
    """Accuracy with its interval."""
    right = rights(figures)
    return wilson(int(right.sum()), len(right)).to_json()


def rights(figures: Mapping[str, Any]) -> NDArray[np.int64]:
    """Which of the n test pictures were answered rightly, int64 [n] of 0 and 1."""
    content = np.frombuffer(base64.b64decode(figures["right"]), np.uint8)
    return np.unpackbits(content)[: figures["test"]].astype(np.int64)


def paired(peer: Sequence[Mapping[str, Any]], ours: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Ours (B) against the peer (A) on the same test pictures, those of several draws counted as one group each."""
    differences = [rights(own) - rights(other) for other, own in zip(peer, ours, strict=True)]
    groups = np.tile(np.arange(len(differences[0])), len(differences))
    return compare_answers(np.concatenate(differences), groups)


def curve(document: Mapping[str, Any], name: str) -> dict[str, dict[int, dict[str, Any]]]:
    """Of each peer, for each count of pictures per class, 0 for all: accuracy over the draws, and against ours.

    `refused` is why there is none. Draws that only one of both has are not in the paired test.
    """
    cells: dict[str, dict[int, Rows]] = {}
    for (found, peer, cell), figures in cells_of(document, "curve"):
        if found == name:
            count, draw = cell.split(":")
            cells.setdefault(peer, {}).setdefault(0 if count == "all" else int(count), {})[draw] = figures
    for (found, peer, number), figures in cells_of(document, "job"):
        if found == name and peer in cells and number == "0":
            cells[peer].setdefault(0, {})["0"] = figures
    return {
        peer: {
            count: curve_point(draws, cells.get(OURS, {}).get(count, {}), itself=peer == OURS)
            for count, draws in sorted(counts.items())
        }
        for peer, counts in cells.items()
    }


def curve_point(draws: Rows, ours: Rows, *, itself: bool) -> dict[str, Any]:
    done = {draw: figures for draw, figures in draws.items() if "refused" not in figures}
    if not done:
        return {"refused": next(iter(draws.values()))["refused"]}
    point: dict[str, Any] = {"accuracy": spread([figures["accuracy"] for figures in done.values()])}
    point["mean"] = statistics.mean(figures["accuracy"] for figures in done.values())
    both = [draw for draw in done if draw in ours and "refused" not in ours[draw]]
    if both and not itself:
        point["paired"] = paired([done[draw] for draw in both], [ours[draw] for draw in both])
    return point


def pairs(document: Mapping[str, Any]) -> Rows:
    """Of each pair: both sides' figures and the ratio of ours to the peer's, over the rounds that have them."""
    sides = ("ours", "peer", "ratio", "processor_ratio")
    rounds: dict[str, list[dict[str, Any]]] = {}
    for (name, _), figures in cells_of(document, "pair"):
        if name in PAIRS:
            rounds.setdefault(name, []).append(figures)
    return {
        name: {side: spread([row[side] for row in rows if row.get(side) is not None]) for side in sides}
        for name, rows in rounds.items()
    }


def cold(document: Mapping[str, Any]) -> Rows:
    """Seconds of a process that loads a model and answers about one picture."""
    found: dict[str, list[float]] = {}
    for (peer, _), figures in cells_of(document, "cold"):
        found.setdefault(peer, []).append(figures["seconds"])
    return {peer: spread(seconds) or {} for peer, seconds in found.items()}


def sizes(document: Mapping[str, Any]) -> Rows:
    return {peer: figures for (peer,), figures in cells_of(document, "size")}


def gains(document: Mapping[str, Any], sets: Sequence[str]) -> dict[str, float]:
    """What the guard holds: by how much ours is better, above 1 where it is; the medians of the rounds' ratios.

    Another recipe of ours is no peer.
    """
    found: dict[str, float] = {}
    for name in sets:
        for peer, row in jobs(document, name).items():
            if row.get("gain") and not peer.startswith(f"{OURS}-"):
                found[f"job/{name}/{peer}"] = row["gain"]["median"]
    for name, row in pairs(document).items():
        if row["ratio"]:
            ratio = row["ratio"]["median"]
            found[f"pair/{name}"] = ratio if PAIRS[name].higher else 1 / ratio
    known = cold(document)
    for peer, row in known.items():
        if peer != OURS and OURS in known:
            found[f"cold/{peer}"] = row["median"] / known[OURS]["median"]
    return found
