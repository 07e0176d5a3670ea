"""Keras in the comparison: features of VGG16's convolutional base, then a dense head, as the chapter has it.

    .venv-keras/bin/python benchmarks/peers/keras_features.py FOLDER [--cells all:0] [--epochs 30] [--weights FILE]

Listings 5.17 to 5.19: pictures of 150 x 150, scaled to 0 to 1, `predict` in batches of 20, then 256 units, dropout 0.5,
RMSprop 2e-5, 30 epochs. The base has random weights unless a file of Keras' published ones is given: they cost the
same time and say nothing of accuracy, for which the published ones are needed.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from cells import Answered, Labelled, Peer, Splits, main
from keras_chapter import SIDE, open_keras

BATCH = 20


def start(arguments: argparse.Namespace) -> Peer:
    keras = open_keras(threads=arguments.threads, precision="float32", seed=0)

    def peer(splits: Splits) -> Answered:
        began = time.perf_counter()
        weights = str(arguments.weights) if arguments.weights else None
        base = keras.applications.VGG16(weights=weights, include_top=False, input_shape=(SIDE, SIDE, 3))
        seen = {name: features(keras, base, pictures) for name, pictures in splits.items() if pictures}
        rate = sum(map(len, seen.values())) / (time.perf_counter() - began)
        classes = sorted({label for _, label in splits["train"]})
        head = fitted(keras, seen, splits, classes, epochs=arguments.epochs)
        labels = [classes[row] for row in head.predict(seen["test"], verbose=0).argmax(1)]
        return Answered(labels=labels, more={"images_per_s": round(rate, 1)})

    return peer


def features(keras: Any, base: Any, pictures: Sequence[Labelled]) -> np.ndarray[Any, Any]:  # noqa: ANN401
    """Flattened maps float32 [N, 8192], read a batch at a time."""
    rows = []
    for first in range(0, len(pictures), BATCH):
        read = [pixels(keras, path) for path, _ in pictures[first : first + BATCH]]
        rows.append(base.predict(np.stack(read), batch_size=BATCH, verbose=0).reshape(len(read), -1))
    return np.concatenate(rows)


def pixels(keras: Any, path: Path) -> np.ndarray[Any, Any]:  # noqa: ANN401
    """As `flow_from_directory` reads it: nearest neighbour, float32 [150, 150, 3] from 0 to 1."""
    return keras.utils.img_to_array(keras.utils.load_img(path, target_size=(SIDE, SIDE))) / 255


def fitted(keras: Any, seen: Any, splits: Splits, classes: Sequence[str], *, epochs: int) -> Any:  # noqa: ANN401
    """The chapter's head, with as many outputs as there are classes."""
    layers = keras.layers
    head = keras.Sequential(
        [
            keras.Input(seen["train"].shape[1:]),
            layers.Dense(256, activation="relu"),
            layers.Dropout(0.5),
            layers.Dense(len(classes), activation="softmax"),
        ]
    )
    head.compile(optimizer=keras.optimizers.RMSprop(2e-5), loss="sparse_categorical_crossentropy")
    labels = np.array([classes.index(label) for _, label in splits["train"]])
    head.fit(seen["train"], labels, epochs=epochs, batch_size=BATCH, verbose=0)
    return head


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--weights", type=Path, help="Keras' own file of VGG16 without its top")


if __name__ == "__main__":
    main(start, packages=("keras", "tensorflow-cpu", "numpy", "pillow"), options=options)
