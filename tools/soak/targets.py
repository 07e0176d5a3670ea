"""One function for each parser of ours, from bytes to an answer or one of our errors: for tests, the soak and fuzzers.

    python tools/soak/targets.py [NAME ...] [--mutants 2000] [--seed 0]
    python tools/soak/targets.py NAME --atheris [options of libFuzzer, such as -max_total_time=600]

The first form damages the corpus of each parser, which is kept in tests/corpus/NAME, so many times, and ends with 1 at
the first mutant that comes to anything else; it is printed as a line of Python that gives the bytes. The second needs
`pip install atheris`, and takes the corpus for a start. What is found is mended and kept in the corpus.
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))
sys.path.insert(0, str(Path(__file__).parent))

from fuzz import change

from tellapart.errors import TellapartError

CORPUS = Path(__file__).parents[2] / "tests" / "corpus"
CLASSES = ("a", "b", "c")
SECONDS = 5.0  # of CPU time for each
Target = Callable[[Path, bytes], None]  # an empty folder to work in, and the content


def listed(name: str) -> Target:
    """What lists pictures: read with a picture 1.png and 2.png beside it."""

    def target(folder: Path, content: bytes) -> None:
        from tellapart.data.scan import scan

        for picture in ("1.png", "2.png"):
            (folder / picture).write_bytes(picture.encode())
        (folder / name).write_bytes(content)
        scan(folder / name)

    return target


def boxes(name: str) -> Target:
    """A file of boxes in a folder of its kind, which is read with all that is there."""

    def target(folder: Path, content: bytes) -> None:
        from tellapart.data.reading import Reading
        from tellapart.data.scan import scan

        files = {"1.png": b"1", "2.png": b"2"}
        if name in ("data.yaml", "labels/1.txt"):
            files = {f"images/{picture}": written for picture, written in files.items()}
            files |= {
                "labels/1.txt": b"0 .5 .5 .2 .4",
                "labels/2.txt": b"1 .5 .5 .2 .4",
                "all.txt": b"images/1.png\nimages/2.png\n",
            }
            files |= {"data.yaml": b"train: images\nnames: [a, b]\n"}
        for place, written in {**files, name: content}.items():
            (folder / place).parent.mkdir(exist_ok=True)
            (folder / place).write_bytes(written)
        scan(folder / "data.yaml" if "data.yaml" in files else folder, reading=Reading(scoring=True))

    return target


def of_run(name: str, read: str) -> Target:
    """A file of a run, read by a function of `runs/read.py`."""

    def target(folder: Path, content: bytes) -> None:
        from tellapart.runs import read as readers

        (folder / name).write_bytes(content)
        found = readers.read_answers(folder, CLASSES) if read == "read_answers" else getattr(readers, read)(folder)
        if isinstance(found, Iterator):
            list(found)

    return target


def idx(folder: Path, content: bytes) -> None:
    """Pictures as MNIST has them, plain and gzipped."""
    from tellapart.data.idx import read_idx

    for name, written in (
        ("i", content),
        ("i.gz", gzip.compress(content, 1) if content[:2] != b"\x1f\x8b" else content),
    ):
        (folder / name).write_bytes(written)
        with contextlib.suppress(TellapartError):
            read_idx(folder / name, dimensions=3)


def container(folder: Path, content: bytes) -> None:
    """A model file, as far as its container."""
    from tellapart.bundle.container import read_container

    (folder / "model.tellapart").write_bytes(content)
    read_container(folder / "model.tellapart")


def graph(_folder: Path, content: bytes) -> None:
    """A graph, before any engine sees it."""
    from tellapart.backbones.graph_check import check_graph
    from tellapart.bundle.graph import OUTPUTS, RESIZED

    try:
        check_graph(content, squares={RESIZED: 64}, pictures=4, outputs=OUTPUTS)
    except ValueError as error:
        raise TellapartError(str(error)) from error


def analysis(folder: Path, content: bytes) -> None:
    """analysis.json of a model that it is about."""
    from tellapart.runs.read import model_digest, read_analysis

    (folder / "model.tellapart").write_bytes(b"model")
    digest = (model_digest(folder) or "").encode()
    (folder / "analysis.json").write_bytes(content.replace(b"DIGEST", digest))
    read_analysis(folder)


def cache(folder: Path, content: bytes) -> None:
    """The store of features."""
    from tellapart.features.cache import FILE_NAME, Entry, cache_status, open_cache

    (folder / FILE_NAME).write_bytes(content)
    cache_status(folder)
    with open_cache(folder) as opened:
        opened.put([(b"k" * 32, Entry(row=np.zeros(8, np.float16), notes=""))])
        opened.get(b"k" * 32)


def checkpoint(folder: Path, content: bytes) -> None:
    """A checkpoint; one that cannot be gone on with is begun anew."""
    from tellapart.nets.checkpoint import read_checkpoint

    (folder / "checkpoint.safetensors").write_bytes(content)
    read_checkpoint(folder / "checkpoint.safetensors", fingerprint="x")


def weights(folder: Path, content: bytes) -> None:
    """Weights for a base of timm's, by the ending that the content fits."""
    from tellapart.backbones.weights import read_weights

    for name in ("weights.pt", "weights.safetensors"):
        (folder / name).write_bytes(content)
        with contextlib.suppress(TellapartError):
            read_weights(folder / name)


def array(folder: Path, content: bytes) -> None:
    """An array that fine-tuning keeps."""
    from tellapart.nets.mapped_file import kept_array

    (folder / "views.npy").write_bytes(content)
    kept_array(folder / "views.npy", shape=(2, 3), dtype=np.float16)


def exif(_folder: Path, content: bytes) -> None:
    """The orientation in EXIF."""
    from tellapart.data.exif import asks_for_too_much, tiff_orientation, xmp_orientation

    asks_for_too_much(content)
    if (tiff_orientation(memoryview(content)) or xmp_orientation(content)) not in range(1, 9):
        raise ValueError("no orientation")


def jpeg(_folder: Path, content: bytes) -> None:
    """The segments of a JPEG, and what its scans would take."""
    from tellapart.data.jpeg import is_complete, read_jpeg_header, seconds_to_decode_jpeg

    header = read_jpeg_header(content)
    seconds_to_decode_jpeg(content, header, divisor=1)
    is_complete(content, header)


TABLES: dict[str, Target] = {
    "csv": listed("list.csv"),
    "parquet": listed("list.parquet"),
    "json": listed("list.json"),
    "json_lines": listed("metadata.jsonl"),
    "cvat": listed("annotations.xml"),
    "idx": idx,
}
TARGETS: dict[str, Target] = {
    **TABLES,
    "yaml": boxes("data.yaml"),
    "yolo": boxes("labels/1.txt"),
    "voc": boxes("1.xml"),
    "labelme": boxes("1.json"),
    "container": container,
    "graph": graph,
    "metrics": of_run("metrics.json", "read_metrics"),
    "predictions": of_run("predictions.csv", "read_answers"),
    "splits": of_run("split.csv", "read_splits"),
    "ledger": of_run("ledger.csv", "read_ledger"),
    "history": of_run("history.jsonl", "read_history"),
    "analysis": analysis,
    "cache": cache,
    "checkpoint": checkpoint,
    "weights": weights,
    "array": array,
    "exif": exif,
    "jpeg": jpeg,
}


def corpus(name: str) -> list[bytes]:
    """The kept inputs of a parser, in the order of their names."""
    return [path.read_bytes() for path in sorted((CORPUS / name).iterdir())]


def mutant(kept: list[bytes], random: np.random.Generator) -> bytes:
    """One of the kept inputs with a few damages, or the start of one and the end of another."""
    content = bytearray(kept[int(random.integers(len(kept)))])
    for _ in range(int(random.integers(1, 5))):
        change(content, random)
    if random.random() < 0.1:
        other = kept[int(random.integers(len(kept)))]
        content[int(random.integers(len(content) + 1)) :] = other[int(random.integers(len(other) + 1)) :]
    return bytes(content)


def attempt(name: str, content: bytes) -> str:
    """What a parser makes of a content: "answer" or "error".

    Raises:
        AssertionError: it is an error of several lines, or it took too long; anything else that is none of our errors.
    """
    began = time.process_time()
    with tempfile.TemporaryDirectory(prefix="tellapart-target-") as folder:
        try:
            TARGETS[name](Path(folder), content)
            outcome = "answer"
        except TellapartError as error:
            if not str(error).isprintable():
                raise AssertionError(f"more than a line: {error!r}") from error
            outcome = "error"
    if time.process_time() - began > SECONDS:
        raise AssertionError(f"took {time.process_time() - began:.1f} s")
    return outcome


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(TARGETS)}; else all")
    parser.add_argument("--mutants", type=int, default=2_000, help="of each")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--atheris", action="store_true")
    asked, rest = parser.parse_known_args()
    if asked.atheris:
        return hunt(asked.names[0], rest)
    counts = {}
    for name in asked.names or TARGETS:
        kept, counts[name] = corpus(name), {"answer": 0, "error": 0}
        for number in range(asked.mutants):
            content = mutant(kept, np.random.default_rng([asked.seed, number]))
            try:
                counts[name][attempt(name, content)] += 1
            except BaseException:
                print(f"{name} mutant {number}: {content!r}", file=sys.stderr)
                raise
        print(name, counts[name], file=sys.stderr, flush=True)
    print(json.dumps(counts, indent=2))
    return 0


def hunt(name: str, options: list[str]) -> int:
    """Let atheris look for a content that comes to anything else, until it finds one or is stopped."""
    import atheris

    with atheris.instrument_imports(include=["tellapart"]):  # of ours alone: all there is takes minutes
        attempt(name, corpus(name)[0])
    atheris.Setup([sys.argv[0], *options, str(CORPUS / name)], lambda content: attempt(name, content) and None)
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
