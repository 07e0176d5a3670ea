"""model.tellapart: everything that an answer depends on, in one file that checks itself.

Legend: N pictures, H W sides, D features, K classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from tellapart.backbones.backbone import MOST_HALVES, RESIZED, Backbone, join_bases, joined_name
from tellapart.backbones.engine import AnyEngine, compiled, native_precision, pictures_per_request
from tellapart.backbones.graph_check import check_graph
from tellapart.bundle.abstention import pack_abstention, read_abstention
from tellapart.bundle.container import RETRAIN, SUMS, read_container
from tellapart.bundle.graph import (
    FEATURES,
    HEAD_BIAS,
    HEAD_WEIGHT,
    OUTPUTS,
    half_names,
    model_graph,
    narrowed,
    used_depths,
)
from tellapart.bundle.operating_point import read_operating_point
from tellapart.bundle.self_check import check_cards, self_check, stated_digest
from tellapart.classifier import Classifier
from tellapart.data.preprocess import Preprocess
from tellapart.errors import ModelFileError
from tellapart.evaluation.watch import Reference
from tellapart.files import to_json
from tellapart.heads.linear import LinearHead

GRAPH, CARD, CHECK, WEIGHTS = "model.onnx", "README.md", "check.json", "weights.safetensors"  # members
TEMPERATURES = (1e-3, 1e3)  # calibration stays within 1/20 and 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """A model file, read and checked.

    Attributes:
        classifier: what answers.
        manifest: model.json as it stands.
        members: the other members of the file, by name.
        tested: what testing showed of its answers; None in files that do not say.
    """

    classifier: Classifier
    manifest: Mapping[str, Any]
    members: Mapping[str, bytes]
    tested: Reference | None = None


def pack_bundle(
    classifier: Classifier, *, manifest: Mapping[str, Any], card: str = ""
) -> tuple[dict[str, Any], dict[str, bytes]]:
    """The manifest and members of a model file, for `write_container`.

    Args:
        classifier: what answers.
        manifest: what else model.json says (recipe, versions, what was selected).
        card: the model card, Markdown.
    """
    base, head = narrowed(classifier.base, classifier.head)
    depths = {depth.name: depth.stop - depth.start for depth in used_depths(base, head)}
    thresholds, directions = pack_abstention(classifier.abstention)
    document = {
        **manifest,
        "classes": list(classifier.classes),
        "preprocess": base.preprocess.to_json(),
        "backbone": {"name": base.name, "digest": base.digest, "depths": depths, **pack_halves(base, depths)},
        "temperature": classifier.temperature,
        "operating_point": None if classifier.operating is None else classifier.operating.to_json(),
        **thresholds,
        **({} if classifier.sums is None else {"sums": classifier.sums.to_json()}),
    }
    graph = model_graph(base, head, temperature=classifier.temperature, costs=classifier.costs)
    members = {GRAPH: graph, CARD: card.encode(), **directions}
    if classifier.weights is not None:
        members[WEIGHTS] = classifier.weights
    if classifier.sums is not None:
        members[SUMS] = classifier.sums.sums.to_bytes()
    check = check_cards(assemble(document, members, Path("model.tellapart")).classifier)
    check["stated"] = stated_digest(document, members)
    return document, {**members, CHECK: (to_json(check) + "\n").encode()}


def pack_halves(base: Backbone, depths: Mapping[str, int]) -> dict[str, Any]:
    """What model.json says of the halves of a joined base: name, preprocess, and which depths are whose."""
    if not base.halves:
        return {}
    halves = []
    for half in base.halves:
        named = [joined_name(half, depth) for depth in half.widths if joined_name(half, depth) in depths]
        halves.append({"name": half.name, "preprocess": half.preprocess.to_json(), "depths": named})
    return {"halves": halves}


def read_bundle(path: Path, *, precision: str | None = None, most: int | None = None) -> tuple[Bundle, AnyEngine]:
    """Read a model file and let it prove itself on its test cards; the bundle and the engine it was proved with.

    Args:
        path: the model file.
        precision: what the engine computes in; None for what the processor does natively.
        most: pictures that the engine looks at in one request; None for what suits many.

    Raises:
        ModelFileError: the file is damaged, of a newer schema, changed, or gives other answers than it must.
    """
    return prove_bundle(*read_container(path), path, precision=precision, most=most)


def prove_bundle(
    manifest: Mapping[str, Any],
    members: Mapping[str, bytes],
    path: Path,
    *,
    precision: str | None = None,
    most: int | None = None,
) -> tuple[Bundle, AnyEngine]:
    """The same of a manifest and members that were read already, out of whatever kind of file."""
    bundle = unproved_bundle(manifest, members, path)
    return bundle, proved_engine(bundle, path, precision=precision, most=most)


def unproved_bundle(manifest: Mapping[str, Any], members: Mapping[str, bytes], path: Path) -> Bundle:
    """The values of a model file that has still to prove itself.

    Raises:
        ModelFileError: something is missing from it, or makes no sense.
    """
    if not {GRAPH, CHECK} <= set(members):
        raise ModelFileError("members are missing from the model file", where=path, hint=RETRAIN)
    return assemble(manifest, members, path)


def proved_engine(bundle: Bundle, path: Path, *, precision: str | None = None, most: int | None = None) -> AnyEngine:
    """The base of a bundle, compiled, by which it gave the answers that it must; arguments as for `read_bundle`.

    Raises:
        ModelFileError: it gives others, or cannot be run.
    """
    try:
        engine = compiled(bundle.classifier.base, most=most, precision=precision or native_precision())
    except (RuntimeError, KeyError, ValueError, TypeError, MemoryError) as error:
        raise ModelFileError("model.onnx cannot be run", where=path, hint=RETRAIN) from error
    stated = stated_digest(bundle.manifest, bundle.members)
    self_check(bundle.classifier, engine, check=bundle.members[CHECK], stated=stated, path=path)
    return engine


def assemble(manifest: Mapping[str, Any], members: Mapping[str, bytes], path: Path) -> Bundle:
    """The values of a model file from its manifest and members, each of them checked for type and size."""
    graph = members[GRAPH]
    try:
        classes, said = _class_names(manifest["classes"]), manifest.get("tested")
        base = read_base(manifest, graph)
        temperature = _number(manifest["temperature"])
        tested = None if said is None else Reference.from_json(said, class_count=len(classes))
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ModelFileError(
            "something in model.json is missing or makes no sense", where=path, hint=RETRAIN
        ) from error
    low, high = TEMPERATURES
    if not low <= temperature <= high:  # nor where it is no number
        what = f"the temperature in model.json is none from {low:g} to {high:g}"
        raise ModelFileError(what, where=path, hint=RETRAIN)
    head = read_head(base, class_count=len(classes), path=path)
    check_sums(manifest.get("sums"), members.get(SUMS), shape=head.weight.shape, path=path)
    last, selected = base.last, manifest.get("selected")
    classifier = Classifier(
        classes=classes,
        base=base,
        head=head,
        temperature=temperature,
        operating=read_operating_point(manifest.get("operating_point"), class_count=len(classes), path=path),
        abstention=read_abstention(manifest, members, width=last.stop - last.start, path=path),
        selected=selected if isinstance(selected, dict) else {},
        weights=members.get(WEIGHTS),
    )
    return Bundle(classifier=classifier, manifest=manifest, members=members, tested=tested)


def read_base(manifest: Mapping[str, Any], graph: bytes) -> Backbone:
    """The base that a manifest tells of, in the graph of its file, joined where it has halves.

    Raises:
        KeyError, TypeError, ValueError, AttributeError: something in it is missing, or makes no sense.
    """
    told = manifest["backbone"]
    widths = {name: _width(width) for name, width in told["depths"].items()}
    base = Backbone(
        name=_text(told["name"]),
        graph=graph,
        preprocess=Preprocess.from_json(manifest["preprocess"]),
        widths=widths,
        outputs=(FEATURES,),
        entry=RESIZED,
    )
    if "halves" not in told:
        return _with_last(base)
    if not 2 <= len(told["halves"]) <= MOST_HALVES:
        raise ValueError("it has no number of halves that is known")
    read = []
    for half in told["halves"]:
        single = replace(base, name=_text(half["name"]), preprocess=Preprocess.from_json(half["preprocess"]))
        called = half_names(single)
        own = {name: widths[name] for name in half["depths"]}
        single = replace(single, widths=own, outputs=(called(FEATURES),), entry=called(RESIZED))
        read.append(_with_last(single))
    joined, named = replace(join_bases(read), graph=graph, outputs=base.outputs), [half.name for half in read]
    if len(set(named)) < len(named) or joined.name != base.name or list(joined.widths.items()) != list(widths.items()):
        raise ValueError("the halves are not those of the base")
    if joined.preprocess != base.preprocess:
        raise ValueError("the larger square is another one")
    return joined


def _with_last(base: Backbone) -> Backbone:
    """The base itself; a ValueError if it has no depth that is pooled by its mean."""
    if base.means == slice(0, 0):
        raise ValueError("no depth is pooled by its mean")
    return base


def read_head(base: Backbone, *, class_count: int, path: Path) -> LinearHead:
    """The linear head inside the graph of a model file, which is looked at here before any engine does.

    Raises:
        ModelFileError: the graph is damaged, holds what no net of ours does, would take too much time or memory, or has
            a head of another shape than the manifest says.
    """
    squares = {single.entry: single.preprocess.size for single in base.singles}
    pictures = max(map(pictures_per_request, squares.values()))
    try:
        graph = check_graph(base.graph, squares=squares, pictures=pictures, outputs=OUTPUTS)
        weight, bias = (np.array(graph.tensors[name].values, np.float32) for name in (HEAD_WEIGHT, HEAD_BIAS))
        if weight.shape != (base.width, class_count) or bias.shape != (class_count,):
            raise ValueError(f"the head is {weight.shape}, not {(base.width, class_count)}")  # noqa: TRY301
    except KeyError as error:
        raise ModelFileError("model.onnx has no head", where=path, hint=RETRAIN) from error
    except ValueError as error:
        what = f"model.json and model.onnx do not fit together ({error})"
        raise ModelFileError(what, where=path, hint=RETRAIN) from error
    return LinearHead(weight=weight, bias=bias, start=0, stop=base.width)


def check_sums(stated: object, content: bytes | None, *, shape: tuple[int, ...], path: Path) -> None:
    """Stop where sums in a model file are not those of a head of that shape (D, K); most files have none.

    Raises:
        ModelFileError: it is so.
    """
    if stated is None and content is None:
        return
    width, classes = shape
    numbers = classes + classes * width + width * (width + 1) // 2
    said = stated if isinstance(stated, dict) else {}
    known = [said.get(name) for name in ("classes", "features")] == [classes, width]
    rows = said.get("rows")
    if not known or type(rows) is not int or rows < 1 or content is None or len(content) != 8 * numbers:
        what = "the sums in the model file do not fit what model.json says of them"
        raise ModelFileError(what, where=path, hint=RETRAIN)


def _class_names(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or len(value) < 2:
        raise ValueError("classes are not a list of names")
    names = tuple(_text(name) for name in value)
    if len(set(names)) < len(names):
        raise ValueError("two classes of one name")
    return names


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not a text")  # noqa: TRY004  one kind of error for a document that is wrong
    value.encode()  # a lone surrogate, which no file can hold, is a ValueError too
    return value


def _width(value: object) -> int:
    if type(value) is not int or value < 1:
        raise ValueError(f"{value!r} is not a number of features")
    return value


def _number(value: object) -> float:
    if type(value) not in (int, float):
        raise ValueError(f"{value!r} is not a number")
    return float(value)  # type: ignore[arg-type]
