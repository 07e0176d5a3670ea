"""A model file as one ONNX file for any runtime: its graph, the marks as outputs, and all it says of itself inside.

The graph that was tested is taken as it is; nodes are only added behind it. What the model file says stands in the
metadata, so that the ONNX file can prove itself as the model file does.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from tellapart import files
from tellapart.backbones.graph_file import GraphFile, read_graph_file
from tellapart.backbones.graph_part import GraphPart
from tellapart.bundle.bundle import CARD, CHECK, GRAPH, Bundle, assemble
from tellapart.bundle.container import CLASSES, FAMILIAR, MANIFEST, MEMBERS, parse_member
from tellapart.bundle.graph import LABEL
from tellapart.bundle.marks import CLASS_TENSORS, FAMILIAR_TENSOR, UNLIKE, UNSURE, add_marks
from tellapart.classifier import Classifier
from tellapart.errors import ModelFileError

SCHEMA: Final = "1"
AGAIN: Final = "Export it again with `tellapart export`, or copy it once more from where it came."
USAGE: Final = (
    "Feed `images`: uint8 RGB [N, H, W, 3], decoded and turned upright, of any height and width; resizing and "
    "normalising happen inside. `label` is a place in `classes`; do not rely on an answer that is `unsure` or `unlike`."
)
UNITS: Final[Mapping[str, str]] = {
    "images": "uint8 [N, H, W, 3], grey levels 0 to 255, RGB",
    "probabilities": "float32 [N, K], calibrated shares that sum to 1, in the order of classes",
    "logits": "float32 [N, K], before the temperature",
    "features": "float32 [N, D], what the base saw",
    LABEL: "int64 [N], the class that is answered: a place in classes, from 0",
    UNSURE: "bool [N], whether the answer's probability is below the threshold of its class",
    UNLIKE: "bool [N], whether the picture is unlike the training set",
}


def onnx_export(bundle: Bundle) -> bytes:
    """The ONNX file of a model file; the same bytes each time."""
    import onnx
    from onnx import TensorProto, helper

    model = onnx.load_from_string(bundle.members[GRAPH])
    part = GraphPart()
    added = add_marks(part, bundle.classifier, labelled=LABEL in [output.name for output in model.graph.output])
    model.graph.node.extend(part.nodes)
    model.graph.initializer.extend(part.constants)
    kinds = {LABEL: TensorProto.INT64, UNSURE: TensorProto.BOOL, UNLIKE: TensorProto.BOOL}
    model.graph.output.extend(helper.make_tensor_value_info(name, kinds[name], ["N"]) for name in added)
    outputs = [output.name for output in model.graph.output]
    helper.set_model_props(model, graph_metadata(bundle, outputs=outputs))
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))


def graph_metadata(bundle: Bundle, *, outputs: list[str]) -> dict[str, str]:
    """What stands beside the graph: for people and programs that read it, and what the file proves itself by."""
    thresholds = {name: bundle.manifest["thresholds"].get(name) for name in ("unsure", "unsure_by_class", "unlike")}
    units = {name: UNITS[name] for name in ("images", *outputs)}
    return {
        "tellapart": SCHEMA,
        "usage": USAGE,
        "classes": files.to_json(list(bundle.classifier.classes)),
        "thresholds": files.to_json(thresholds),
        "units": files.to_json(units),
        MANIFEST: files.to_json(bundle.manifest),
        CHECK: bundle.members[CHECK].decode(),
        CARD: bundle.members.get(CARD, b"").decode(errors="replace"),
    }


def read_onnx_export(path: Path) -> tuple[dict[str, Any], dict[str, bytes]]:
    """The manifest and members of the model file that an ONNX file was exported from, to be proved.

    Raises:
        ModelFileError: it cannot be read, or is no export of ours.
    """
    try:
        content = files.read_bounded(path, limit=MEMBERS[GRAPH])
        graph = read_graph_file(content)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ModelFileError(f"cannot read the ONNX file ({reason})", where=path, hint=AGAIN) from error
    except (ValueError, MemoryError) as error:
        what = f"not an ONNX file that tellapart exported ({error})"
        raise ModelFileError(what, where=path, hint=AGAIN) from error
    if graph.said.get("tellapart") != SCHEMA or not {MANIFEST, CHECK, "classes", "thresholds"} <= set(graph.said):
        raise ModelFileError("not an ONNX file that this tellapart exported", where=path, hint=AGAIN)
    manifest = parse_member(graph.said[MANIFEST].encode(), what=MANIFEST, path=path)
    members = {GRAPH: content, CHECK: graph.said[CHECK].encode(), CARD: graph.said.get(CARD, "").encode()}
    if FAMILIAR_TENSOR in graph.tensors:
        members[FAMILIAR] = graph.tensors[FAMILIAR_TENSOR].values.tobytes()
    if set(CLASS_TENSORS) <= set(graph.tensors):
        members[CLASSES] = b"".join(graph.tensors[name].values.tobytes() for name in CLASS_TENSORS)
    check_told(graph, assemble(manifest, members, path), path=path)
    return manifest, members


def check_told(graph: GraphFile, bundle: Bundle, *, path: Path) -> None:
    """Refuse a file whose graph marks by other numbers than it says, or that tells its readers something else.

    Raises:
        ModelFileError: it does.
    """
    said = graph_metadata(bundle, outputs=list(UNITS)[1:])
    for name in ("classes", "thresholds"):
        if json.loads(said[name]) != _parsed(graph.said[name]):
            raise ModelFileError(f"the {name} in the metadata are not those of the model", where=path, hint=AGAIN)
    wrong = wrong_marks(graph, bundle.classifier)
    if wrong is not None:
        raise ModelFileError(f"the graph marks answers by other numbers ({wrong})", where=path, hint=AGAIN)


def wrong_marks(graph: GraphFile, classifier: Classifier) -> str | None:
    """The first number, node or output in the marks of a graph that is not what the classifier asks for; or None."""
    from onnx import helper, numpy_helper

    part = GraphPart()
    added = add_marks(part, classifier, labelled=classifier.costs is not None)
    for tensor in part.constants:
        held = graph.tensors.get(tensor.name)
        if held is None or not np.array_equal(held.values, numpy_helper.to_array(tensor)):
            return str(tensor.name)
    nodes = {node.outputs: node for node in graph.nodes}
    for node in part.nodes:
        found = nodes.get(tuple(node.output))
        settings = {setting.name: helper.get_attribute_value(setting) for setting in node.attribute}
        if found is None or (found.kind, found.inputs, found.attributes) != (
            node.op_type,
            tuple(node.input),
            settings,
        ):
            return str(node.name)
    return next((name for name in added if name not in graph.outputs), None)


def _parsed(text: str) -> Any:  # noqa: ANN401 - whatever JSON holds
    try:
        return files.parse_json(text.encode())
    except (ValueError, MemoryError):
        return None
