"""Which pixels decided: a heat map for each picture of an index, from the model file alone.

Legend: N pictures, K classes, S side of the square.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tellapart.backbones.backbone import Squares
from tellapart.backbones.engine import AnyEngine
from tellapart.classifier import Classifier
from tellapart.data.thumbnail import small_picture
from tellapart.errors import PictureError
from tellapart.explain.exact import DepthMaps, MapReader, exact_heat_map
from tellapart.explain.graph_cam import GraphCam
from tellapart.explain.heat_map import GRAD_CAM, Explanation, HeatMap
from tellapart.explain.occlusion import occlusion_heat_map
from tellapart.features.content import picture_content
from tellapart.progress import Progress, Silent, in_stage
from tellapart.types import Index, Picture, Pixels

LONGEST = 512  # pixels of the longer side of a picture as it is shown
Targets = Sequence[int | None]


def explain_pictures(
    classifier: Classifier,
    index: Index,
    *,
    engine: AnyEngine,
    targets: Targets | int | None = None,
    stage: str | None = None,
    longest: int = LONGEST,
    progress: Progress | None = None,
) -> Iterator[Explanation]:
    """Explain the pictures of an index one after another, unreadable ones included.

    The map is exact where the head is linear on pooled maps and the model file has those maps; else it is an occlusion
    map, for which the engine looks at each picture 82 times.

    Args:
        classifier: what answers.
        index: the pictures, N of them.
        engine: its base, compiled, as `read_bundle` returns it.
        targets: the class to explain, by position; None for the one predicted; or one of these for each picture.
        stage: ask for Grad-CAM on this stage instead (the extra torch), by name; "last" for the one nearest the answer.
        longest: the longer side in pixels of the picture that is handed back to be shown.
        progress: told of every picture.

    Raises:
        MissingExtraError: a stage is asked for, and torch is not installed.
        UsageError: there is no such stage; the message has those there are.
    """
    progress = progress or Silent()
    explainer = Explainer(classifier, engine=engine, stage=stage)
    wanted = [targets] * len(index.pictures) if targets is None or isinstance(targets, int) else list(targets)
    with in_stage(progress, "Explaining pictures", total=len(index.pictures), unit="pictures"):
        for picture, target in zip(index.pictures, wanted, strict=True):
            yield explainer.explain(index, picture, target=target, longest=longest)
            progress.advance()


class Explainer:
    """A model file ready to explain; the maps are compiled when the first picture needs them."""

    def __init__(self, classifier: Classifier, *, engine: AnyEngine, stage: str | None = None) -> None:
        self._classifier = classifier
        self._engine = engine
        self._stage = stage

    @cached_property
    def reader(self) -> MapReader | None:
        """The base with its maps, or None where it has none."""
        try:
            return MapReader(self._classifier.base, precision=self._engine.precision)
        except KeyError:
            return None

    @cached_property
    def graph_cam(self) -> GraphCam:
        """The base and head in torch."""
        return GraphCam(self._classifier.base, self._classifier.head)

    def explain(self, index: Index, picture: Picture, *, target: int | None, longest: int) -> Explanation:
        """Explain one picture of an index."""
        try:
            content = picture_content(index, picture)
            squares = self._classifier.base.squares(content)
            shown = np.asarray(small_picture(content, longest=longest))
        except PictureError as error:
            return Explanation(picture=picture, failure=error.what)
        seen = self.reader.read(squares) if self.reader is not None else None
        features = seen[0][np.newaxis] if seen is not None else self._engine.look([squares])
        # Rounded as `embed` rounds them, so that the probabilities are those of `predict`.
        features = features.astype(np.float16).astype(np.float32)
        answer = self._classifier.probabilities(features)
        best = int(self._classifier.predicted(answer)[0])
        heat = self.heat_map(squares, seen, target=best if target is None else target)
        flags = self._classifier.flags(answer, features)
        return Explanation(
            picture=picture, pixels=shown, probabilities=answer[0], predicted=best, flags=flags, heat=heat
        )

    def heat_map(self, squares: Squares, seen: DepthMaps | None, *, target: int) -> HeatMap:
        """The map of a prepared picture for a class: Grad-CAM if asked for, else exact, else by occlusion.

        A joined base has that of its largest square: parts are covered there, and its other squares made of it.
        """
        name, square = self._classifier.classes[target], max(squares, key=len)
        if self._stage is not None:
            values, logit = self.graph_cam.heat(squares, stage=self._stage, target=target)
            return HeatMap(values=values, method=GRAD_CAM, target=target, class_name=name, logit=logit)
        if seen is not None:
            exact = exact_heat_map(*seen, side=len(square), head=self._classifier.head, target=target, class_name=name)
            if exact is not None:
                return exact
        return occlusion_heat_map(square, score=self._score(target), target=target, class_name=name)

    def _score(self, target: int) -> Callable[[Pixels], NDArray[np.float64]]:
        def score(squares: Pixels) -> NDArray[np.float64]:
            shown = list(map(self._classifier.base.squares, squares))
            logits: NDArray[np.float64] = self._classifier.head.logits(self._engine.look(shown))[:, target]
            return logits

        return score
