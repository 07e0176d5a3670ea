"""A model file in another form, which has proved itself in its own runtime before it has its name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from tellapart import files
from tellapart.backbones.engine import EXACT
from tellapart.browser.heat_graph import ASKED, THE_ANSWER
from tellapart.browser.page import exported_page, graph_in
from tellapart.browser.runtime import web_runtime
from tellapart.bundle.bundle import Bundle, read_bundle
from tellapart.bundle.runtimes import Run, onnxruntime_run
from tellapart.errors import ModelFileError, UsageError
from tellapart.export.agreement import Agreement
from tellapart.export.onnx_file import onnx_export
from tellapart.export.openvino_folder import new_folder, open_openvino, write_openvino
from tellapart.export.verify import row_on_cards
from tellapart.progress import Progress, Silent
from tellapart.runs.folder import model_name
from tellapart.targets import check_file, check_folder_name

ENDINGS: Final[Mapping[str, str]] = {".onnx": "onnx", ".html": "html"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is asked of an export.

    Attributes:
        out: the file, or for OpenVINO the folder, to write.
        name: what the model is called.
        web_runtime: a folder with what a page runs its model in; None to look for it.
        progress: told of what takes long.
    """

    out: Path
    name: str
    web_runtime: Path | None
    progress: Progress


def export_model(
    model: Path,
    out: Path,
    *,
    to: str | None = None,
    web_runtime: Path | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Write a model file in another form.

    Args:
        model: a model file.
        out: the file, or for OpenVINO the folder, to write.
        to: one of EXPORTS; None for what the name says.
        web_runtime: of a page, a folder with onnxruntime-web; None to look for it.
        progress: told of what takes long.

    Returns:
        `schema`, `model`, `file`, `to` and `check`: how its answers about the test cards compare with the model file's.

    Raises:
        ModelFileError: the model file is damaged, or the export answers otherwise; nothing is left behind then.
        UsageError: there is no such form, the name says none or another, or the folder has no such runtime.
        OutputError: it cannot be written there, or a file that tellapart has not written is there.
        MissingExtraError: the runtime that it is checked in, or that a page needs, is not there.
    """
    form = form_of(out, to)
    if form in ENDINGS.values():
        check_file(out, sources=[model], kind=f".{form}")
    else:
        check_folder_name(out)
    bundle, _ = read_bundle(model, precision=EXACT)
    wanted = Wanted(out=out, name=model_name(model), web_runtime=web_runtime, progress=progress or Silent())
    row = EXPORTS[form](bundle, wanted)
    return {"schema": 1, "model": str(model), "file": str(out), "to": form, "check": row.to_json()}


def form_of(out: Path, to: str | None) -> str:
    """The form that is asked for, or that a file's name says.

    Raises:
        UsageError: there is none.
    """
    known = ", ".join(EXPORTS)
    if to is not None and to not in EXPORTS:
        raise UsageError("no such form", where=f"--to {to}", hint=f"Choose one of: {known}.")
    form = to or ENDINGS.get(out.suffix.lower())
    if form is None:
        hint = f"End it in {' or '.join(ENDINGS)}, or choose one: --to {known}."
        raise UsageError("this name says no form", where=out, hint=hint)
    if form in ENDINGS.values() and out.suffix and ENDINGS.get(out.suffix.lower()) != form:
        raise UsageError(f"--to {form} does not go with {out.suffix}", where=out, hint=f"End it in .{form}.")
    return form


def export_onnx(bundle: Bundle, wanted: Wanted) -> Agreement:
    """One ONNX file, checked in ONNX Runtime."""
    content = onnx_export(bundle)
    row = checked(bundle, onnxruntime_run(content), door="onnxruntime", out=wanted.out)
    files.write_bytes(wanted.out, content, follow=True)
    return row


def export_openvino(bundle: Bundle, wanted: Wanted) -> Agreement:
    """A folder as OpenVINO's Model Server takes it, checked in OpenVINO out of that folder."""
    with new_folder(wanted.out) as folder:
        write_openvino(bundle, folder)
        with open_openvino(folder) as opened:
            return checked(bundle, opened.run, door="openvino", out=wanted.out)


def export_html(bundle: Bundle, wanted: Wanted) -> Agreement:
    """One page with all that it needs inside; the graph that stands in it is checked in ONNX Runtime."""
    page = exported_page(bundle, web_runtime(wanted.web_runtime, wanted.progress), name=wanted.name)
    graph, beside = graph_in(page), {ASKED: np.array([THE_ANSWER], np.int64)}
    row = checked(bundle, onnxruntime_run(graph, beside=beside), door="onnxruntime", out=wanted.out)
    files.write_bytes(wanted.out, page.encode(), follow=True)
    return row


def checked(bundle: Bundle, run: Run, *, door: str, out: Path) -> Agreement:
    """How the test cards are answered.

    Raises:
        ModelFileError: otherwise than by the model file.
    """
    row = row_on_cards(bundle, run, door=door)
    if row.reason:
        what = f"the export does not answer as the model file does in {door} ({row.reason}); it was not kept"
        raise ModelFileError(
            what, where=out, hint="Please report it, with the versions that `tellapart version` shows."
        )
    return row


EXPORTS: Final[Mapping[str, Callable[[Bundle, Wanted], Agreement]]] = {
    "onnx": export_onnx,
    "openvino": export_openvino,
    "html": export_html,
}
