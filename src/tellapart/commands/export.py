"""A model file in another form, which has proved itself in its own runtime before it has its name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np

from tellapart import files
from tellapart.backbones.engine import EXACT
from tellapart.backbones.openvino_runtime import load_nncf
from tellapart.browser.heat_graph import ASKED, THE_ANSWER
from tellapart.browser.page import exported_page, graph_in
from tellapart.browser.runtime import web_runtime
from tellapart.bundle.bundle import Bundle, read_bundle
from tellapart.bundle.runtimes import Run, model_run, onnxruntime_run
from tellapart.commands.choose_int8 import choose_int8
from tellapart.errors import ModelFileError, UsageError
from tellapart.export.agreement import Agreement, Said
from tellapart.export.int8 import told
from tellapart.export.onnx_file import onnx_export
from tellapart.export.openvino_folder import float_model, new_folder, open_openvino, write_openvino
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What came of an export: how it answers about the test cards and, in int8, what it gained and lost."""

    row: Agreement
    int8: Mapping[str, Any] | None = None


def export_model(
    model: Path,
    out: Path,
    *,
    to: str | None = None,
    int8: bool = False,
    data: Path | None = None,
    web_runtime: Path | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Write a model file in another form.

    Args:
        model: a model file.
        out: the file, or for OpenVINO the folder, to write.
        to: one of EXPORTS; None for what the name says.
        int8: for OpenVINO, whether its base is to compute in int8, calibrated and judged by pictures of the run.
        data: where these pictures are now; None for where the run says.
        web_runtime: of a page, a folder with onnxruntime-web; None to look for it.
        progress: told of what takes long.

    Returns:
        `schema`, `model`, `file`, `to` and `check`: how its answers about the test cards compare with the model file's,
        in int8 with its own before it was written; and `int8`, None or its figures beside those of float32.

    Raises:
        ModelFileError: the model file is damaged, the export answers otherwise, or int8 answers worse; nothing is left
            behind then.
        DataError: the run of a model file, or its pictures, are not there.
        UsageError: there is no such form, the name says none or another, or the folder has no such runtime.
        OutputError: it cannot be written there, or a file that tellapart has not written is there.
        MissingExtraError: the runtime that it is checked in, that a page needs, or NNCF is not there.
    """
    form = form_of(out, to)
    check_int8(form, int8=int8, data=data)
    if form in ENDINGS.values():
        check_file(out, sources=[model], kind=f".{form}")
    else:
        check_folder_name(out)
    bundle, _ = read_bundle(model, precision=EXACT)
    wanted = Wanted(out=out, name=model_name(model), web_runtime=web_runtime, progress=progress or Silent())
    exporting = partial(export_int8, model=model, data=data) if int8 else EXPORTS[form]
    done = exporting(bundle, wanted)
    said = {"schema": 1, "model": str(model), "file": str(out), "to": form}
    return {**said, "check": done.row.to_json(), "int8": done.int8}


def check_int8(form: str, *, int8: bool, data: Path | None) -> None:
    """Refuse what does not go together before anything is done.

    Raises:
        UsageError: it does not.
        MissingExtraError: NNCF is not there.
    """
    if data is not None and not int8:
        raise UsageError("pictures are for --int8 only", where=f"--data {data}", hint="Leave it out, or add --int8.")
    if int8 and form != "openvino":
        raise UsageError(f"--int8 does not go with {form}", where="--int8", hint="It is for --to openvino.")
    if int8:
        load_nncf()


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


def export_onnx(bundle: Bundle, wanted: Wanted) -> Exported:
    """One ONNX file, checked in ONNX Runtime."""
    content = onnx_export(bundle)
    row = checked(bundle, onnxruntime_run(content), door="onnxruntime", out=wanted.out)
    files.write_bytes(wanted.out, content, follow=True)
    return Exported(row=row)


def export_openvino(bundle: Bundle, wanted: Wanted) -> Exported:
    """A folder as OpenVINO's Model Server takes it, checked in OpenVINO out of that folder."""
    with new_folder(wanted.out) as folder:
        write_openvino(bundle, folder, model=float_model(bundle))
        with open_openvino(folder) as opened:
            return Exported(row=checked(bundle, opened.run, door="openvino", out=wanted.out))


def export_int8(bundle: Bundle, wanted: Wanted, *, model: Path, data: Path | None) -> Exported:
    """The same folder with a base in int8, kept only if it answers valid pictures as well as float32 does."""
    with new_folder(wanted.out) as folder:
        chosen = choose_int8(bundle, model, data=data, out=wanted.out, progress=wanted.progress)
        text, own = told(bundle, model_run(chosen.model), chosen.figures)
        write_openvino(bundle, folder, model=chosen.model, int8=text)
        with open_openvino(folder) as opened:
            row = checked(bundle, opened.run, door="openvino", out=wanted.out, own=own)
    return Exported(row=row, int8=chosen.figures)


def export_html(bundle: Bundle, wanted: Wanted) -> Exported:
    """One page with all that it needs inside; the graph that stands in it is checked in ONNX Runtime."""
    page = exported_page(bundle, web_runtime(wanted.web_runtime, wanted.progress), name=wanted.name)
    graph, beside = graph_in(page), {ASKED: np.array([THE_ANSWER], np.int64)}
    row = checked(bundle, onnxruntime_run(graph, beside=beside), door="onnxruntime", out=wanted.out)
    files.write_bytes(wanted.out, page.encode(), follow=True)
    return Exported(row=row)


def checked(bundle: Bundle, run: Run, *, door: str, out: Path, own: Said | None = None) -> Agreement:
    """How the test cards are answered.

    Raises:
        ModelFileError: otherwise than by the model file, or than `own` has it.
    """
    row = row_on_cards(bundle, run, door=door, own=own)
    if row.reason:
        what = f"the export does not answer as the model file does in {door} ({row.reason}); it was not kept"
        raise ModelFileError(
            what, where=out, hint="Please report it, with the versions that `tellapart version` shows."
        )
    return row


EXPORTS: Final[Mapping[str, Callable[[Bundle, Wanted], Exported]]] = {
    "onnx": export_onnx,
    "openvino": export_openvino,
    "html": export_html,
}
