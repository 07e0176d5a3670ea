"""A model file as OpenVINO's own files, laid out as its Model Server takes them: NAME/1/model.xml and model.bin.

OpenVINO believes what such files say, so whatever reads one of them here does it in a process of bounded memory and
time (`data/apart.py`).

Legend: N pictures, H W sides.
"""

from __future__ import annotations

import base64
import contextlib
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tellapart import files
from tellapart.backbones.openvino_runtime import load_openvino
from tellapart.bundle.bundle import Bundle
from tellapart.bundle.container import MANIFEST, parse_member
from tellapart.bundle.runtimes import Run
from tellapart.data.apart import Helper, StoppedError, helper
from tellapart.errors import ModelFileError, OutputError
from tellapart.export.onnx_file import AGAIN, UNITS, graph_metadata, onnx_export
from tellapart.types import Pixels

VERSION: Final = "1"
GRAPH, WEIGHTS = "model.xml", "model.bin"
TOLD: Final = ("usage", "classes", "thresholds", "units", MANIFEST)
INT8: Final = "int8"  # told too where it computes in int8
LARGEST: Final[Mapping[str, int]] = {GRAPH: 64_000_000, WEIGHTS: 1_600_000_000}  # bytes
MEMORY: Final = 8_000_000_000  # bytes that reading and running one may take, what is only set aside included
SECONDS: Final = 120  # of CPU time
ELSEWHERE: Final = "Choose another place with -o."


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenVinoFolder:
    """One such export, being run in a process of its own.

    Attributes:
        manifest: model.json of the model file that it came from, as it stands in it.
        run: from pictures uint8 [N, H, W, 3] to what comes out.
        int8: what one in int8 says of itself, JSON; None of one in float32.
    """

    manifest: Mapping[str, Any]
    run: Run
    int8: str | None = None


@contextlib.contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """A folder beside its place to be filled; on success it is moved there, on any failure it is removed.

    Raises:
        OutputError: something is there already, or nothing can be written.
    """
    out = files.real(out.parent) / out.name
    if out.exists() or out.is_symlink():
        raise OutputError("this is there already", where=out, hint=ELSEWHERE)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        staged = Path(tempfile.mkdtemp(prefix=files.STAGED_PREFIX, dir=out.parent))
    except OSError as error:
        raise files.output_error(error, out) from error
    try:
        yield staged
        staged.chmod(0o755)
        staged.rename(out)
    except OSError as error:
        raise files.output_error(error, out) from error
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def float_model(bundle: Bundle) -> Any:  # noqa: ANN401 - OpenVINO's
    """The export as a model of OpenVINO's, in float32."""
    return load_openvino().Core().read_model(onnx_export(bundle))


def write_openvino(bundle: Bundle, folder: Path, *, model: Any, int8: str | None = None) -> None:  # noqa: ANN401
    """Write VERSION/model.xml and model.bin below a folder that is there: `float_model`, or what was made of it.

    `int8` is what one in int8 says of itself, JSON.
    """
    outputs = [output.get_any_name() for output in model.outputs]
    said = graph_metadata(bundle, outputs=[name for name in UNITS if name in outputs])
    for name in TOLD:
        model.set_rt_info(said[name], ["tellapart", name])
    if int8 is not None:
        model.set_rt_info(int8, ["tellapart", INT8])
    place = folder / VERSION
    place.mkdir()
    load_openvino().serialize(model, str(place / GRAPH), str(place / WEIGHTS))


@contextlib.contextmanager
def open_openvino(path: Path) -> Iterator[OpenVinoFolder]:
    """Run an export from wherever it came: its folder, or the model.xml in it.

    Raises:
        ModelFileError: it cannot be read or run, or is no export of ours.
    """
    graph = path if path.suffix == ".xml" else path / VERSION / GRAPH
    check_files(graph)
    try:
        request = {"file": str(graph), "told": list(TOLD), "perhaps": [INT8]}
        with helper("run_ir", seconds=SECONDS, memory=MEMORY, request=request) as speaking:
            told_beside = speaking.hear()["told"]
            manifest = parse_member(told_beside[MANIFEST].encode(), what=MANIFEST, path=graph)
            yield OpenVinoFolder(manifest=manifest, run=_runner(speaking), int8=told_beside.get(INT8))
    except StoppedError as error:
        what = f"OpenVINO cannot run what is no export of tellapart, or damaged ({error})"
        raise ModelFileError(what, where=graph, hint=AGAIN) from error


def check_files(graph: Path) -> None:
    """Refuse what is no regular file, too large, or XML that defines things of its own.

    Raises:
        ModelFileError: it is.
    """
    try:
        content = files.read_bounded(graph, limit=LARGEST[GRAPH])
        with files.open_regular(graph.with_suffix(".bin")) as weights:
            size = weights.seek(0, 2)
    except (OSError, ValueError) as error:
        reason = str(getattr(error, "strerror", None) or error).lower()
        raise ModelFileError(f"no export for OpenVINO can be read here ({reason})", where=graph, hint=AGAIN) from error
    if size > LARGEST[WEIGHTS] or b"<!" in content.replace(b"<!--", b""):
        raise ModelFileError("not an export of tellapart for OpenVINO", where=graph, hint=AGAIN)


def _runner(speaking: Helper) -> Run:
    def run(images: Pixels) -> Mapping[str, NDArray[Any]]:
        speaking.tell({"shape": list(images.shape), "pixels": base64.b64encode(images.tobytes()).decode()})
        return {name: np.array(values) for name, values in speaking.hear()["outputs"].items()}

    return run
