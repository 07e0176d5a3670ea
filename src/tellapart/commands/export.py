"""A model file in another form, which has proved itself in its own runtime before it has its name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from tellapart import files
from tellapart.answers import EXACT
from tellapart.bundle.bundle import Bundle, read_bundle
from tellapart.bundle.runtimes import Run, onnxruntime_run
from tellapart.errors import ModelFileError, UsageError
from tellapart.export.agreement import Row
from tellapart.export.onnx_file import onnx_export
from tellapart.export.openvino_folder import new_folder, open_openvino, write_openvino
from tellapart.export.verify import row_on_cards
from tellapart.targets import check_file, check_folder_name

ONNX_ENDING: Final = ".onnx"


def export_model(model: Path, out: Path, *, to: str | None = None) -> dict[str, Any]:
    """Write a model file in another form.

    Args:
        model: a model file.
        out: the file, or for OpenVINO the folder, to write.
        to: one of EXPORTS; None for what the name says.

    Returns:
        `schema`, `model`, `file`, `to` and `check`: how its answers about the test cards compare with the model file's.

    Raises:
        ModelFileError: the model file is damaged, or the export answers otherwise; nothing is left behind then.
        UsageError: there is no such form, or the name says none.
        OutputError: it cannot be written there, or a file that tellapart has not written is there.
        MissingExtraError: the runtime that it is checked in is not installed.
    """
    form = form_of(out, to)
    if form == "onnx":
        check_file(out, sources=[model], kind=ONNX_ENDING)
    else:
        check_folder_name(out)
    bundle, _ = read_bundle(model, precision=EXACT)
    row = EXPORTS[form](bundle, out)
    return {"schema": 1, "model": str(model), "file": str(out), "to": form, "check": row.to_json()}


def form_of(out: Path, to: str | None) -> str:
    """The form that is asked for, or that a file's name says.

    Raises:
        UsageError: there is none.
    """
    known = ", ".join(EXPORTS)
    if to is not None and to not in EXPORTS:
        raise UsageError("no such form", where=f"--to {to}", hint=f"Choose one of: {known}.")
    if to is None and out.suffix.lower() != ONNX_ENDING:
        raise UsageError("this name says no form", where=out, hint=f"End it in .onnx, or choose one: --to {known}.")
    if to != "openvino" and out.suffix.lower() not in ("", ONNX_ENDING):
        raise UsageError(f"this is no name of an ONNX file ({out.suffix})", where=out, hint=f"End it in {ONNX_ENDING}.")
    return to or "onnx"


def export_onnx(bundle: Bundle, out: Path) -> Row:
    """One ONNX file, checked in ONNX Runtime."""
    content = onnx_export(bundle)
    row = checked(bundle, onnxruntime_run(content), door="onnxruntime", out=out)
    files.write_bytes(out, content, follow=True)
    return row


def export_openvino(bundle: Bundle, out: Path) -> Row:
    """A folder as OpenVINO's Model Server takes it, checked in OpenVINO out of that folder."""
    with new_folder(out) as folder:
        write_openvino(bundle, folder)
        with open_openvino(folder) as opened:
            return checked(bundle, opened.run, door="openvino", out=out)


def checked(bundle: Bundle, run: Run, *, door: str, out: Path) -> Row:
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


EXPORTS: Final[Mapping[str, Callable[[Bundle, Path], Row]]] = {"onnx": export_onnx, "openvino": export_openvino}
