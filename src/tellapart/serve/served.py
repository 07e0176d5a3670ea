"""The model that a server answers with, and its exchange for another one that has proved itself."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from tellapart.backbones.engine import EXACT, FEW_AT_ONCE, AnyEngine, compiled
from tellapart.browser.content import model_content
from tellapart.bundle.bundle import GRAPH, Bundle, proved_engine, unproved_bundle
from tellapart.bundle.container import read_container
from tellapart.bundle.runtimes import openvino_run
from tellapart.bundle.self_check import EXACT_CARDS
from tellapart.classifier import Classifier
from tellapart.commands.answer_table import documents
from tellapart.commands.explain import QUICK
from tellapart.commands.predict import answers_about
from tellapart.data.png import marked_png
from tellapart.errors import ModelFileError
from tellapart.explain.explain import LONGEST, Explainer
from tellapart.explain.heat_map import Explanation
from tellapart.explain.panel import panel
from tellapart.export.agreement import Agreement
from tellapart.export.verify import CANNOT, CARDS, row_on_cards
from tellapart.features.look import with_white
from tellapart.progress import Silent
from tellapart.runs.folder import model_name
from tellapart.serve.watch import Watch
from tellapart.types import Index, Picture

AT_ONCE: Final = 2  # batches: while the engine is at one, the next is decoded
HELD: Final = Path("request")  # the name in an index under which the pictures of requests are
Given = tuple[str, bytes | NDArray[np.uint8]]  # a name, and the bytes of a file or pixels uint8 [H, W, 3]


@dataclass(frozen=True, kw_only=True, eq=False)
class Served:
    """A model file ready to answer, always in float32, as `predict` answers about a few pictures.

    Attributes:
        path: of the model file.
        bundle: what was read.
        engine: its base, compiled, for heat maps.
        idle: the same with other requests, for answers; one that is taken out is at work.
        explaining: whose heat map is being made; only one is at a time.
    """

    path: Path
    bundle: Bundle
    engine: AnyEngine
    idle: SimpleQueue[AnyEngine]
    explaining: threading.Lock = field(default_factory=threading.Lock)

    @property
    def classifier(self) -> Classifier:
        return self.bundle.classifier

    @cached_property
    def name(self) -> str:
        """What the model is called."""
        return model_name(self.path)

    @cached_property
    def explainer(self) -> Explainer:
        return Explainer(self.classifier, engine=self.engine)

    def to_json(self) -> dict[str, Any]:
        """What GET /model says."""
        manifest = self.bundle.manifest
        told = ("recipe", "backbone", "classes", "preprocess", "temperature", "thresholds", "tellapart", "counts")
        return {"name": self.name, **{key: manifest[key] for key in told if key in manifest}}

    def watch(self) -> Watch:
        """A new count of answers, beside what the model file says of testing."""
        return Watch(self.classifier.classes, self.bundle.tested)

    def answer(self, pictures: Sequence[Given]) -> list[dict[str, Any]]:
        """An object for each picture as `predict --format jsonl` has it; an unreadable one has its reason.

        Whoever else is looked at together with a picture changes nothing: what white is in grey of 16 bit, where the
        model does not know, each picture says for itself.
        """
        bases = [
            with_white(self.classifier.base, index_in_memory([picture]).pictures, Silent()) for picture in pictures
        ]
        found: list[dict[str, Any]] = [{} for _ in pictures]
        for white in dict.fromkeys(base.preprocess.white for base in bases):
            rows = [row for row, base in enumerate(bases) if base.preprocess.white == white]
            classifier = replace(self.classifier, base=bases[rows[0]])
            with self.one_engine() as engine:
                answers = answers_about(index_in_memory([pictures[row] for row in rows]), classifier, engine)
            for row, document in zip(rows, documents(answers), strict=True):
                found[row] = document
        return found

    @contextmanager
    def one_engine(self) -> Iterator[AnyEngine]:
        """An engine for this thread alone, when one is idle."""
        engine = self.idle.get()
        try:
            yield engine
        finally:
            self.idle.put(engine)

    def page_content(self) -> dict[str, Any]:
        """What GET /cards says: what the page for people is told of the model."""
        return model_content(self.bundle, name=self.name, heat=True)

    def explain(self, asked: Sequence[tuple[Given, int | None]]) -> list[Explanation]:
        """Why, for each picture and the place of the class to explain, None for the one that is answered."""
        with self.explaining:
            return [self._explained(picture, target) for picture, target in asked]

    def _explained(self, picture: Given, target: int | None) -> Explanation:
        index = index_in_memory([picture])
        return self.explainer.explain(index, index.pictures[0], target=target, longest=LONGEST)

    def sheet(self, explanation: Explanation, *, title: str) -> bytes:
        """The sheet for a picture that could be read, as PNG."""
        return marked_png(panel(explanation, classes=self.classifier.classes, title=title), compress_level=QUICK)


def open_served(path: Path) -> Served:
    """Read a model file and let it prove itself, its whole graph in OpenVINO included.

    Raises:
        ModelFileError: it is damaged, or gives other answers than it must.
    """
    bundle = unproved_bundle(*read_container(path), path)
    with ThreadPoolExecutor(1) as pool:  # each takes half a second on one core
        row = pool.submit(row_of_graph, bundle)
        engine = proved_engine(bundle, path, precision=EXACT, most=FEW_AT_ONCE)
        reason = row.result().reason
    if reason:
        raise ModelFileError(f"the graph does not answer as the model file says ({reason})", where=path)
    idle = SimpleQueue[AnyEngine]()
    for _ in range(AT_ONCE):
        idle.put(compiled(bundle.classifier.base, precision=EXACT, most=FEW_AT_ONCE))  # the same net, other requests
    return Served(path=path, bundle=bundle, engine=engine, idle=idle)


def row_of_graph(bundle: Bundle) -> Agreement:
    """How the whole graph answers about as many test cards as the file proves itself by in float32."""
    try:
        run = openvino_run(bundle.members[GRAPH])
    except CANNOT as error:
        return Agreement(door="openvino", on=CARDS, reason=f"OpenVINO cannot load it ({error})")
    return row_on_cards(bundle, run, door="openvino", most=EXACT_CARDS)


def index_in_memory(given: Sequence[Given]) -> Index:
    """An index of pictures that are in memory."""
    pictures = tuple(Picture(path=name, file=HELD, row=row) for row, (name, _) in enumerate(given))
    held = cast(
        "Any", {HELD: [content for _, content in given]}
    )  # arrays elsewhere; a picture is taken out of it in one place
    return Index(name="request", root=Path(), layout="request", classes=(), pictures=pictures, arrays=held)
