"""A server under load, against `embed` on the same pictures; one client alone, against one picture in this process.

    python benchmarks/serve_load.py MODEL FOLDER [--clients 16] [--requests 400] [--rounds 3] [--soak 0]

The server is a process of its own; clients are threads of this one, on the same cores. Throughput and latency are
measured in turn with what they are compared with, and the ratio of each round is what counts, because the machine is
shared. With --soak so many requests more are sent, and the server's resident size is told along the way. Prints JSON.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np

from tellapart.backbones.engine import EXACT, compiled
from tellapart.bundle.bundle import read_bundle
from tellapart.data.scan import given_pictures, index_of_paths
from tellapart.features.embed import embed_pictures

SERVER = "from tellapart.cli.main import main; main()"


@contextmanager
def server(model: Path) -> Iterator[tuple[int, int]]:
    """A server on a free port: its port, and its process."""
    command = [sys.executable, "-c", SERVER, "serve", str(model), "--port", "0"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        port = 0
        for line in process.stderr or ():
            told = json.loads(line)
            port = told.get("port", port)
            if told["event"] == "ready":
                break
        with ThreadPoolExecutor(1) as reader:
            reader.submit(lambda: [None for _ in process.stderr or ()])  # the log must not fill its pipe
            try:
                yield port, process.pid
            finally:
                process.send_signal(signal.SIGTERM)
                process.wait(60)
    finally:
        process.kill()


def ask_all(port: int, contents: Sequence[bytes], *, clients: int) -> list[float]:
    """Seconds of each request, sent by so many clients that keep their connections."""

    def client(own: Sequence[bytes]) -> list[float]:
        connection, seconds = http.client.HTTPConnection("127.0.0.1", port), []
        for content in own:
            started = time.perf_counter()
            connection.request("POST", "/predict", body=content)
            response = connection.getresponse()
            body = response.read()
            if response.status != 200:
                raise RuntimeError(body)
            seconds.append(time.perf_counter() - started)
        connection.close()
        return seconds

    with ThreadPoolExecutor(clients) as pool:
        found = pool.map(client, [contents[place::clients] for place in range(clients)])
        return [each for seconds in found for each in seconds]


def processor_s(process: int) -> float:
    """Seconds of processor time that a process has used."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mb(process: int) -> float:
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--requests", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--alone", type=int, default=50, help="requests of one client")
    parser.add_argument("--soak", type=int, default=0)
    asked = parser.parse_args()
    paths = list(islice(cycle(picture.file for picture in given_pictures([asked.folder])), asked.requests))
    contents, index = [path.read_bytes() for path in paths], index_of_paths(paths)
    base = read_bundle(asked.model)[0].classifier.base
    engine = compiled(base, precision=EXACT)

    def one_picture(content: bytes) -> float:
        started = time.perf_counter()
        engine.look([base.squares(content)])
        return time.perf_counter() - started

    rounds, result = [], dict[str, Any]()
    with server(asked.model) as (port, process):
        ask_all(port, contents[:32], clients=asked.clients)
        for _ in range(asked.rounds):
            used = time.process_time()
            rate = len(paths) / embed_pictures(index, base, engine=engine).embed_s
            embed_used = time.process_time() - used
            started, used = time.perf_counter(), processor_s(process)
            seconds = ask_all(port, contents, clients=asked.clients)
            served = len(contents) / (time.perf_counter() - started)
            served_used = processor_s(process) - used
            pairs = [
                (one_picture(content), *ask_all(port, [content], clients=1)) for content in contents[: asked.alone]
            ]
            bare, alone = (statistics.median(times) for times in zip(*pairs, strict=True))
            rounds.append(
                {
                    "embed_per_s": round(rate, 1),
                    "served_per_s": round(served, 1),
                    "ratio": round(served / rate, 3),
                    "embed_processor_ms": round(1e3 * embed_used / len(paths), 1),
                    "served_processor_ms": round(1e3 * served_used / len(paths), 1),
                    "p50_ms": round(1e3 * float(np.percentile(seconds, 50)), 1),
                    "p99_ms": round(1e3 * float(np.percentile(seconds, 99)), 1),
                    "bare_p50_ms": round(1e3 * bare, 1),
                    "alone_p50_ms": round(1e3 * alone, 1),
                    "alone_ratio": round(alone / bare, 2),
                }
            )
        sizes = [(0, resident_mb(process))]
        while sizes[-1][0] < asked.soak:
            ask_all(port, contents, clients=asked.clients)
            sizes.append((sizes[-1][0] + len(contents), resident_mb(process)))
    result = {
        "benchmark": "serve_load",
        "clients": asked.clients,
        "rounds": rounds,
        "ratio_median": statistics.median(row["ratio"] for row in rounds),
        "alone_ratio_median": statistics.median(row["alone_ratio"] for row in rounds),
        "resident_mb": sizes,
    }
    json.dump(result, sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
