"""Whether a model file, or what was exported from it, answers here as it did where it was made."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from tellapart.backbones.engine import EXACT, AnyEngine
from tellapart.browser.heat_graph import ASKED, THE_ANSWER
from tellapart.browser.held import differing_parts, read_page
from tellapart.bundle.bundle import GRAPH, Bundle, prove_bundle, read_bundle
from tellapart.bundle.runtimes import RUNTIMES, Run, onnxruntime_run
from tellapart.data.reading import AS_IT_IS, Reading
from tellapart.data.scan import index_of_paths
from tellapart.errors import MissingExtraError, UsageError
from tellapart.export.agreement import Agreement, Said, other_statements
from tellapart.export.int8 import told_answers
from tellapart.export.onnx_file import read_onnx_export
from tellapart.export.openvino_folder import GRAPH as IR
from tellapart.export.openvino_folder import VERSION, open_openvino
from tellapart.export.verify import CARDS, row_on_cards, rows_by_doors, rows_on_pictures
from tellapart.features.embed import embed_pictures
from tellapart.features.look import with_white
from tellapart.progress import Progress, Silent
from tellapart.types import LedgerEntry

MODEL_FILE, ONNX, OPENVINO, HTML = "model file", "onnx", "openvino", "html"
ONNXRUNTIME: Final = "onnxruntime"
PAGES: Final = (".html", ".htm")
IN_INT8: Final = "Leave them out; how far it is off was measured when it was exported, and stands in it."
WITH_MODEL: Final = "Name the model file that it came from: --against MODEL."


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedModel:
    """What is to be verified, ready to answer.

    Attributes:
        kind: MODEL_FILE, ONNX, OPENVINO or HTML.
        manifest: what it says of itself; of a page nothing, which is compared as a whole.
        bundle: what has proved itself; None for pages and OpenVINO's own files, which cannot.
        engine: that which it was proved with.
        runs: its whole graph in each runtime that was asked for.
        skipped: runtimes that are not there, and why.
        int8: what one in int8 says of itself, JSON; None of others.
        parts: of a page, those that the model file would make otherwise, in words.
    """

    kind: str
    manifest: dict[str, Any]
    bundle: Bundle | None
    engine: AnyEngine | None
    runs: dict[str, Run]
    skipped: dict[str, str]
    int8: str | None = None
    parts: tuple[str, ...] = ()


def verify_file(
    file: Path,
    data: Path | None = None,
    *,
    against: Path | None = None,
    runtime: str | None = None,
    reading: Reading = AS_IT_IS,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Ask a model file or an export about its test cards, and about real pictures where some are given.

    Args:
        file: a model file, an ONNX file, a page, or the folder for OpenVINO.
        data: pictures, or None.
        against: the model file that it must agree with; None for itself.
        runtime: the only one to be asked; None for all of RUNTIMES.
        reading: what is said of a table of pictures.
        progress: told of every picture.

    Returns:
        `schema`, `file`, `kind`, `against`, `data`, `outcome` (same or differs), `statements` that differ, in words,
        `rows`, one for each door, and `unread`, the pictures that could not be asked about; ready for JSON.

    Raises:
        ModelFileError: a file is damaged, or does not prove itself at all.
        UsageError: that cannot be asked of such a file.
        MissingExtraError: the runtime that is asked for is not installed.
    """
    if runtime is not None and runtime not in RUNTIMES:
        raise UsageError("no such runtime", where=runtime, hint=f"Choose one of: {', '.join(RUNTIMES)}.")
    progress = progress or Silent()
    index = None if data is None else index_of_paths([data], reading=reading)
    unread: list[LedgerEntry] = []
    expected = None if against is None else read_bundle(against, precision=EXACT)
    with opened(file, runtime=runtime, expected=None if expected is None else expected[0]) as found:
        bundle, engine, statements = found.bundle, found.engine, list[str]()
        if expected is not None:
            bundle, engine = expected
            statements = differing(found, bundle)
        if bundle is None or engine is None:
            raise UsageError("this export cannot prove itself", where=file, hint=WITH_MODEL)
        rows = card_rows(found, bundle, own_answers(found, bundle, file, with_pictures=index is not None))
        if found.kind == MODEL_FILE and runtime is None and against is None:
            rows += rows_by_doors(bundle, file)
        if index is not None:
            base = with_white(bundle.classifier.base, index.pictures, progress)
            embedded = embed_pictures(index, base, progress=progress, engine=engine)
            unread += [entry for entry in embedded.ledger if entry.status == "skipped"]
            rows += rows_on_pictures(replace(bundle.classifier, base=base), embedded, found.runs, progress=progress)
    return {
        "schema": 1,
        "file": str(file),
        "kind": found.kind,
        "against": None if against is None else str(against),
        "data": None if data is None else str(data),
        "outcome": "differs" if statements or any(row.reason for row in rows) else "same",
        "statements": statements,
        "rows": [row.to_json() for row in rows],
        "unread": [{"path": entry.path, "reason": entry.reason} for entry in unread],
    }


def card_rows(found: OpenedModel, bundle: Bundle, own: Said | None) -> list[Agreement]:
    """How each runtime answers about the test cards, beside `own` where it must say something else than the bundle."""
    rows = [row_on_cards(bundle, run, door=door, own=own) for door, run in found.runs.items()]
    return rows + [Agreement(door=door, on=CARDS, skipped=reason) for door, reason in found.skipped.items()]


def own_answers(found: OpenedModel, bundle: Bundle, file: Path, *, with_pictures: bool) -> Said | None:
    """What an export in int8 must say of the test cards, which is what it said where it was made; None for others.

    Raises:
        UsageError: it is to be asked about real pictures too.
        ModelFileError: it does not tell what it said.
    """
    if found.int8 is None:
        return None
    if with_pictures:
        raise UsageError("int8 does not answer as float32 does about real pictures", where=file, hint=IN_INT8)
    return told_answers(found.int8, bundle, where=file)


@contextlib.contextmanager
def opened(file: Path, *, runtime: str | None, expected: Bundle | None) -> Iterator[OpenedModel]:
    """Read what is to be verified, whatever kind of file it is, beside the model file that it must agree with."""
    if file.suffix == ".xml" or (file / VERSION / IR).exists():
        if expected is None:
            raise UsageError("an export for OpenVINO cannot prove itself", where=file, hint=WITH_MODEL)
        if runtime not in (None, OPENVINO):
            raise UsageError("an export for OpenVINO runs in OpenVINO only", where=f"--runtime {runtime}")
        with open_openvino(file) as folder:
            yield OpenedModel(
                kind=OPENVINO,
                manifest=dict(folder.manifest),
                bundle=None,
                engine=None,
                runs={OPENVINO: folder.run},
                skipped={},
                int8=folder.int8,
            )
        return
    if file.suffix.lower() in PAGES:
        yield opened_page(file, runtime=runtime, expected=expected)
        return
    kind = ONNX if file.suffix.lower() == ".onnx" else MODEL_FILE
    if kind == ONNX:
        bundle, engine = prove_bundle(*read_onnx_export(file), file, precision=EXACT)
    else:
        bundle, engine = read_bundle(file, precision=EXACT)
    runs, skipped = graph_runs(bundle.members[GRAPH], runtime=runtime)
    yield OpenedModel(
        kind=kind, manifest=dict(bundle.manifest), bundle=bundle, engine=engine, runs=runs, skipped=skipped
    )


def opened_page(file: Path, *, runtime: str | None, expected: Bundle | None) -> OpenedModel:
    """A page, whose model is asked only where it is, byte for byte, the one that `export` makes of the model file.

    Raises:
        UsageError: there is no model file to compare it with, or it does not run in that runtime.
        MissingExtraError: the runtime that is asked for is not installed.
    """
    if expected is None:
        raise UsageError("a page proves itself in a browser only", where=file, hint=WITH_MODEL)
    if runtime not in (None, ONNXRUNTIME):
        raise UsageError("the model in a page runs in ONNX Runtime only", where=f"--runtime {runtime}")
    graph, parts = differing_parts(read_page(file), expected)
    runs, skipped = dict[str, Run](), dict[str, str]()
    try:
        if graph is None:
            skipped[ONNXRUNTIME] = "not asked: what is inside is not the model of that model file"
        else:
            runs[ONNXRUNTIME] = onnxruntime_run(graph, beside={ASKED: np.array([THE_ANSWER], np.int64)})
    except MissingExtraError as error:
        if runtime is not None:
            raise
        skipped[ONNXRUNTIME] = str(error)
    return OpenedModel(kind=HTML, manifest={}, bundle=None, engine=None, runs=runs, skipped=skipped, parts=tuple(parts))


def graph_runs(graph: bytes, *, runtime: str | None) -> tuple[dict[str, Run], dict[str, str]]:
    """A graph in each runtime that is installed, and why the others cannot be asked.

    Raises:
        MissingExtraError: the one that is asked for is not installed.
    """
    runs, skipped = dict[str, Run](), dict[str, str]()
    for name in RUNTIMES if runtime is None else [runtime]:
        try:
            runs[name] = RUNTIMES[name](graph)
        except MissingExtraError as error:
            if runtime is not None:
                raise
            skipped[name] = str(error)
    return runs, skipped


def differing(found: OpenedModel, expected: Bundle) -> list[str]:
    """What a file says of itself, or holds, that the model file it must agree with does not."""
    if found.kind == HTML:
        return list(found.parts)
    words = other_statements(found.manifest, expected.manifest)
    if found.bundle is not None:
        head, right = found.bundle.classifier.head, expected.classifier.head
        if not (np.array_equal(head.weight, right.weight) and np.array_equal(head.bias, right.bias)):
            words.append("the weights of the head")
    return words
