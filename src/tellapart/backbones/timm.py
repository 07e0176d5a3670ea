"""Any base of timm by name, turned once into an ONNX graph that works without torch ever after.

The graph takes uint8 RGB [N, S, S, 3] and normalises it as the base's own configuration asks. For each of the later
stages, or blocks, and the last layer it gives `pooled_<depth>` float32 [N, C], the mean of the maps, and `maps_<depth>`
float32 [N, C, h, w]. A class token is a depth of its own beside the mean of its block; it has no maps, nor has a last
layer that is no mean. The graph is kept in the cache folder, and found there by the base's name, the sha256 of its
weights, the size and the version of timm. Weights are read as data: safetensors, or a state dict with
`weights_only=True`.

Legend: N pictures, S side of the input, C channels, h w sides of a map.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from importlib import metadata
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from tellapart import files
from tellapart.backbones.backbone import Backbone
from tellapart.backbones.engine import pictures_per_request
from tellapart.backbones.export import check_against_torch, export_graph
from tellapart.backbones.graph_check import check_graph
from tellapart.backbones.poolings import with_poolings
from tellapart.backbones.published import fill_net
from tellapart.backbones.timm_nets import (
    LAST,
    OF_CLASS,
    DepthTensors,
    all_stages,
    by_depth,
    check_name,
    check_side,
    create_net,
    look,
    own_side,
    set_side,
    stage_name,
    tensors_read,
)
from tellapart.backbones.timm_wide import widened
from tellapart.backbones.weights import read_weights
from tellapart.data.preprocess import Preprocess
from tellapart.errors import DataError, MissingExtraError, TellapartError, UsageError
from tellapart.extras import load_timm, load_torch
from tellapart.files import cache_folder
from tellapart.progress import Progress, Silent
from tellapart.seeds import generator
from tellapart.types import Features

if TYPE_CHECKING:
    import torch

FOLDER: Final = "bases"
FROM_HUB: Final = "hub"
EARLIER_STAGES: Final = 3  # depths before the last layer
RULE: Final = 3  # a new number where the same net gets other depths, so that no graph of before is taken for one
LONGEST_DESCRIPTION: Final = 100_000  # bytes
LARGEST_GRAPH: Final = 2_000_000_000  # bytes, as in a model file


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What is written beside a kept graph."""

    rule: int  # by which its depths were chosen, RULE where it is today's
    name: str  # of the base in timm
    weights: str  # sha256 of the file they came from, or "hub"
    asked_size: int | None  # the side that was asked for in pixels, None for the base's own
    size: int  # the side it has
    timm: str  # its version
    widths: Mapping[str, int]  # features of each depth
    places: Sequence[str]  # the depths that have maps
    sha256: str  # of the graph


def load_timm_backbone(
    name: str, *, size: int | None = None, weights: Path | None = None, progress: Progress | None = None
) -> Backbone:
    """A base of timm, from the cache folder or made by timm and kept there; arguments and errors as for `find_base`.

    Raises:
        OutputError: the cache folder cannot be written to.
    """
    source = FROM_HUB if weights is None else _digest(weights)
    kept = _kept(name, weights=source, size=size)
    if kept is not None:
        return kept
    return _made(name, size=size, weights=weights, source=source, progress=progress or Silent())


def check_timm_base(name: str, *, weights: Path | None, progress: Progress) -> None:
    """Stop where timm has no base of that name, or there is no file of weights; what RULE has kept needs no timm.

    Raises:
        UsageError, DataError, MissingExtraError: as for `find_base`.
    """
    if weights is not None:
        with _opened(weights):
            pass
    if not any((found.get("rule"), found.get("name")) == (RULE, name) for _, found in _descriptions()):
        check_name(name, progress)


def _digest(path: Path) -> str:
    with _opened(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _opened(path: Path) -> Iterator[FileIO]:
    try:
        with files.open_regular(path) as file:
            yield file
    except OSError as error:
        what = "there is no such file" if isinstance(error, FileNotFoundError) else "the weights cannot be read"
        raise DataError(what, where=path, hint="Check the path after --weights.") from error


def _kept(name: str, *, weights: str, size: int | None) -> Backbone | None:
    """The base as it was kept; without timm installed, whichever version made it. A damaged one is as good as none."""
    version = _timm_version()
    for path, described in _descriptions():
        try:
            found = Description(**described)
            wanted = (found.rule, found.name, found.weights, found.asked_size) == (RULE, name, weights, size)
            if wanted and version in (None, found.timm):
                return _checked(found, path.with_suffix(".onnx"))
        except (OSError, ValueError, TypeError, AttributeError, TellapartError):
            continue
    return None


def _descriptions() -> Iterator[tuple[Path, dict[str, Any]]]:
    """What is written beside each kept graph, of today's form or not, with its file."""
    for path in sorted(_folder().glob("*.json")):
        try:
            described = files.parse_json(files.read_bounded(path, limit=LONGEST_DESCRIPTION))
        except (OSError, ValueError):
            continue
        if isinstance(described, dict):
            yield path, described


def _forget_earlier(made: Description, path: Path) -> None:
    """Remove the graphs of the same base whose depths were chosen by an earlier rule: nobody reads them again."""
    same = ("name", "weights", "asked_size")
    for other, described in _descriptions():
        earlier = described.get("rule") != RULE and all(described.get(key) == getattr(made, key) for key in same)
        if earlier and other != path:
            for file in (other, other.with_suffix(".onnx")):
                with suppress(OSError):
                    file.unlink()


def _checked(found: Description, path: Path) -> Backbone:
    """A kept graph as a base, if it is what was written and may be run.

    Raises:
        OSError, ValueError, TypeError, AttributeError, TellapartError: it is not.
    """
    graph = files.read_bounded(path, limit=LARGEST_GRAPH)
    if hashlib.sha256(graph).hexdigest() != found.sha256:
        raise ValueError("it was changed")
    backbone = _backbone(found, graph)
    _check(backbone)
    return backbone


def _check(backbone: Backbone) -> None:
    """See that a graph may be run, as a model file that holds it will be asked.

    Raises:
        TellapartError: it may not.
    """
    plain, side = backbone.means_only, backbone.preprocess.size  # what is pooled beside its means is ours
    pictures = pictures_per_request(side)
    try:
        check_graph(plain.graph, squares={plain.entry: side}, pictures=pictures, outputs=plain.outputs)
    except ValueError as error:
        raise TellapartError(str(error)) from error


def _made(name: str, *, size: int | None, weights: Path | None, source: str, progress: Progress) -> Backbone:
    """Make the base with timm, check it against torch, and keep it."""
    timm = load_timm(progress.note)
    net = _net(name, weights=weights, size=size, progress=progress)
    side = size or own_side(net)
    with _told_as_unfit(name, side):
        config = timm.data.resolve_data_config({}, model=net)
        trunk, widths, places = build_trunk(net, mean=config["mean"], deviation=config["std"], size=side)
        outputs = (*(f"pooled_{depth}" for depth in widths), *(f"maps_{depth}" for depth in places))
        graph = export_graph(trunk, size=side, outputs=outputs)
    description = Description(
        rule=RULE,
        name=name,
        weights=source,
        asked_size=size,
        size=side,
        timm=timm.__version__,
        widths=widths,
        places=places,
        sha256=hashlib.sha256(graph).hexdigest(),
    )
    backbone = _backbone(description, graph)
    with _told_as_unfit(name, side):
        _check(backbone)
        check_against_torch(backbone.means_only, lambda images: _by_torch(trunk, images)[: len(widths)])
    try:
        files.make_private(_folder())
    except OSError as error:
        raise files.output_error(error, _folder()) from error
    path = _folder() / f"{hashlib.sha256(files.to_json(asdict(description)).encode()).hexdigest()[:16]}.onnx"
    files.write_bytes(path, graph, private=True)
    files.write_bytes(path.with_suffix(".json"), files.to_json(asdict(description)).encode(), private=True)
    _forget_earlier(description, path.with_suffix(".json"))
    return backbone


def _by_torch(trunk: torch.nn.Module, images: NDArray[np.uint8]) -> list[Features]:
    torch = load_torch()
    with torch.inference_mode():
        return [part.numpy() for part in trunk(torch.from_numpy(images))]


@contextmanager
def _told_as_unfit(name: str, side: int) -> Iterator[None]:
    """Whatever a net of others trips over becomes one line: a base to leave, not a fault of ours to report."""
    try:
        yield
    except MissingExtraError:
        raise
    except Exception as error:
        hint = "Choose another base, such as resnet50."
        what = f"this base cannot be turned into ONNX{f' ({error})' if isinstance(error, TellapartError) else ''}"
        raise UsageError(what, where=f"{name}, {side} px", hint=hint) from error


def _net(name: str, *, weights: Path | None, size: int | None, progress: Progress) -> Any:  # noqa: ANN401 - of timm's
    check_side(name, size)
    if weights is None:
        progress.note(f"Asking for the weights of {name}, which timm downloads unless it has kept them.")
    net = create_net(name, pretrained=weights is None)
    if weights is not None:
        given = read_weights(weights)
        with _told_as_unfit(name, size or own_side(net)):
            wanted = tensors_read(name)
        fill_net(net, given, name=name, wanted=wanted, path=weights, progress=progress)
    set_side(net, size)
    return net.requires_grad_(requires_grad=False)


def build_trunk(
    net: Any,  # noqa: ANN401 - a net of timm's
    *,
    mean: Sequence[float],
    deviation: Sequence[float],
    size: int,
) -> tuple[torch.nn.Module, dict[str, int], tuple[str, ...]]:
    """A module from uint8 [N, S, S, 3] to the features of each depth, then the maps of those depths that have places.

    With it come the width of each depth, from early to late, and the names of those with places. Mean and deviation
    are those of the red, green and blue levels, 0 to 1, that the base was trained with.
    """
    torch = load_torch()
    centre, scale = (255 * torch.tensor(values).reshape(1, 3, 1, 1) for values in (mean, deviation))

    class Trunk(torch.nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.net = net
            self.stages = tuple(all_stages(net))
            self.wide: Mapping[int, str] = {}
            self.left_out: frozenset[str] = frozenset()

        def seen(self, images: Any) -> tuple[DepthTensors, DepthTensors]:  # noqa: ANN401 - a tensor
            pixels = (images.permute(0, 3, 1, 2).float() - centre) / scale
            features, maps = by_depth(look(self.net, pixels, self.stages, wide=self.wide), self.stages)
            return {name: features[name] for name in features if name not in self.left_out}, maps

        def forward(self, images: Any) -> tuple[Any, ...]:  # noqa: ANN401 - tensors
            features, maps = self.seen(images)
            return (*features.values(), *maps.values())

    trunk = Trunk().eval()
    images = torch.from_numpy(generator(0, "depths").integers(0, 256, (1, size, size, 3), np.uint8))
    with torch.inference_mode():
        trunk.left_out = _doubled(trunk.seen(images)[0], final=stage_name(len(trunk.stages) - 1))
        trunk.stages = tuple(stage for stage in trunk.stages if stage_name(stage) not in trunk.left_out)
        trunk.stages = trunk.stages[-EARLIER_STAGES:]
        width = sum(values.shape[1] for values in trunk.seen(images)[0].values())
        trunk.wide = widened(net, trunk.stages, width=width)
        features, maps = trunk.seen(images)
    return trunk, {name: values.shape[1] for name, values in features.items()}, tuple(maps)


def _doubled(features: DepthTensors, *, final: str) -> frozenset[str]:
    """The depths of the final stage that are the last layer once more: its maps, or the token its classifier reads.

    Those before it are never asked: blocks that have not been trained yet hardly change what they are given.
    """
    torch, last = load_torch(), features[LAST]
    own = {name: features[name] for name in (final, f"{final}_{OF_CLASS}") if name in features}
    return frozenset(
        name
        for name, values in own.items()
        if values.shape == last.shape and torch.allclose(values, last, rtol=1e-4, atol=1e-5)
    )


def _backbone(description: Description, graph: bytes) -> Backbone:
    plain = Backbone(
        name=description.name,
        graph=graph,
        preprocess=Preprocess(size=description.size),
        widths=description.widths,
        outputs=tuple(f"pooled_{depth}" for depth in description.widths),
    )
    return with_poolings(plain, places=description.places)


def _folder() -> Path:
    return cache_folder() / FOLDER


def _timm_version() -> str | None:
    try:
        return metadata.version("timm")
    except metadata.PackageNotFoundError:
        return None
