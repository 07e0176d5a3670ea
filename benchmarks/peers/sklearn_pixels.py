"""scikit-learn on raw pixels: the floor, what there is to gain from a base at all.

    python benchmarks/peers/sklearn_pixels.py FOLDER [--cells all:0 5:0]

Pictures are squashed to 32 x 32 in colour and standardised; then a support vector machine with scikit-learn's own
kernel and C = 10.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

from cells import Answered, Labelled, Peer, Splits, main

SIDE: Final = 32


def start(arguments: argparse.Namespace) -> Peer:
    import numpy as np
    from PIL import Image
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    @cache
    def pixels(path: Path) -> Any:  # noqa: ANN401
        with Image.open(path) as picture:
            picture.draft("RGB", (4 * SIDE, 4 * SIDE))
            small = picture.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BILINEAR)
        return np.asarray(small, np.float32).ravel() / 255

    def stacked(pictures: Sequence[Labelled]) -> Any:  # noqa: ANN401
        return np.stack([pixels(path) for path, _ in pictures])

    def peer(splits: Splits) -> Answered:
        net = make_pipeline(StandardScaler(), SVC(C=10))
        net.fit(stacked(splits["train"]), [label for _, label in splits["train"]])
        labels = [str(label) for label in net.predict(stacked(splits["test"]))]
        if arguments.save:
            keep(arguments.save, net)
        return Answered(labels=labels)

    return peer


def keep(place: Path, net: object) -> None:
    import joblib

    place.mkdir(parents=True, exist_ok=True)
    joblib.dump(net, place / "net.joblib")


def answer_one(place: Path, picture: Path) -> str:
    import joblib
    import numpy as np
    from PIL import Image

    net = joblib.load(place / "net.joblib")
    with Image.open(picture) as opened:
        small = opened.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    return str(net.predict(np.asarray(small, np.float32).reshape(1, -1) / 255)[0])


if __name__ == "__main__":
    main(start, packages=("numpy", "scikit-learn", "pillow"), answer_one=answer_one)
