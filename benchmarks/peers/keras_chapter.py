"""The chapter's own work with Keras 3 on TensorFlow: its nets, optimisers, batch sizes and augmentation.

    make peers
    .venv-keras/bin/python benchmarks/peers/keras_chapter.py --what mnist   [FOLDER] [--epochs 5]
    .venv-keras/bin/python benchmarks/peers/keras_chapter.py --what cats    [FOLDER] [--steps 60]
    .venv-keras/bin/python benchmarks/peers/keras_chapter.py --what augment [--pictures 400]
    .venv-keras/bin/python benchmarks/peers/keras_chapter.py --what vgg16   [--pictures 400]

- mnist: the net of listings 5.1 and 5.2, RMSprop, batch 64, in memory; seconds of `fit` and test accuracy.
- cats: the net of listing 5.5 with dropout 0.5 (5.13), RMSprop 1e-4, batch 32, from files by ImageDataGenerator
  with the ranges of 5.11 and its `flow_from_directory`; pictures a second of `fit`, and of `fit` on one ready batch,
  both without the first two steps, which build the graph and start the readers.
- augment: the same generator on pictures in memory and one core: `random_transform` alone, and batches from `flow`.
- vgg16: `predict` of the convolutional base at 150 px, batch 20 as in 5.17; random weights, which cost what others do.

ImageDataGenerator is the legacy one that Keras 3 still carries. Everything Keras decides by default is left to it; a
batch or a precision that suits it better can be tried with --batch, --precision and --workers. FOLDER is by default
the set of ../shared/data. Prints JSON.
"""

from __future__ import annotations

import argparse
import gzip
import os
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
from reporting import DATA, available_threads, print_report

SIDE: Final = 150
UNTIMED: Final = 2  # steps before the clock starts
RANGES: Final[Mapping[str, Any]] = {
    "rescale": 1 / 255,
    "rotation_range": 40,
    "width_shift_range": 0.2,
    "height_shift_range": 0.2,
    "shear_range": 11.459,  # degrees, 0.2 radians: what the chapter's Keras took
    "zoom_range": 0.2,
    "horizontal_flip": True,
}
BATCHES: Final[Mapping[str, int]] = {"mnist": 64, "cats": 32, "augment": 32, "vgg16": 20}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--what", choices=tuple(MEASURES), required=True)
    parser.add_argument("--epochs", type=int, default=5, help="mnist: passes over the pictures")
    parser.add_argument("--steps", type=int, help="cats: batches; by default the full ones of a pass over the files")
    parser.add_argument("--pictures", type=int, default=400, help="augment and vgg16: how many")
    parser.add_argument("--batch", type=int, help="by default the chapter's")
    parser.add_argument("--workers", type=int, default=1, help="cats: threads that read and augment")
    parser.add_argument("--precision", default="float32", help="float32, as the chapter, or mixed_bfloat16")
    parser.add_argument("--threads", type=int, default=available_threads(), help="by default all cores")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    print_report(partial(measure, arguments), packages=("keras", "tensorflow-cpu", "numpy", "scipy", "pillow"))


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Set Keras up as asked and measure; the document to print."""
    if arguments.what == "augment":
        use_one_core()
    started = time.perf_counter()
    keras = open_keras(threads=arguments.threads, precision=arguments.precision, seed=arguments.seed)
    imported = time.perf_counter() - started
    batch = arguments.batch or BATCHES[arguments.what]
    measured = MEASURES[arguments.what](keras, arguments, batch)
    return {
        "benchmark": "keras_chapter",
        "what": arguments.what,
        "batch": batch,
        "precision": arguments.precision,
        "threads": 1 if arguments.what == "augment" else arguments.threads,
        "import_s": round(imported, 2),
        **measured,
    }


def use_one_core() -> None:
    """Keep this process on one of its cores, where the system lets us."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def open_keras(*, threads: int, precision: str, seed: int) -> Any:  # noqa: ANN401
    """Keras on TensorFlow, which must be told before it is imported."""
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    keras.config.set_dtype_policy(precision)
    keras.utils.set_random_seed(seed)
    return keras


def measure_mnist(keras: Any, arguments: argparse.Namespace, batch: int) -> dict[str, Any]:  # noqa: ANN401
    """Five epochs of the chapter's MNIST net: `fit_s` is of `fit` alone, `total_s` from the files to the score."""
    started = time.perf_counter()
    folder = arguments.folder or DATA / "mnist"
    train, test = ((scaled(folder, stem), idx(folder, f"{stem}-labels")) for stem in ("train", "t10k"))
    net = mnist_net(keras)
    net.compile(optimizer="rmsprop", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    fitted = time.perf_counter()
    net.fit(*train, epochs=arguments.epochs, batch_size=batch, verbose=0, callbacks=[reporter(keras)])
    fit_s = time.perf_counter() - fitted
    _, accuracy = net.evaluate(*test, verbose=0)
    return {
        "epochs": arguments.epochs,
        "pictures": len(train[0]),
        "parameters": net.count_params(),
        "fit_s": round(fit_s, 2),
        "images_per_s": round(arguments.epochs * len(train[0]) / fit_s, 1),
        "total_s": round(time.perf_counter() - started, 2),
        "test_accuracy": round(float(accuracy), 4),
    }


def idx(folder: Path, stem: str) -> np.ndarray[Any, Any]:
    """The uint8 array of the IDX file whose name begins with stem, packed or not."""
    (path,) = folder.glob(f"{stem}*")
    content = path.read_bytes()
    content = gzip.decompress(content) if path.suffix == ".gz" else content
    dimensions = content[3]
    shape = np.frombuffer(content, ">u4", count=dimensions, offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * dimensions).reshape(shape)


def scaled(folder: Path, stem: str) -> np.ndarray[Any, Any]:
    """Pictures as the chapter feeds them, float32 [N, 28, 28, 1] from 0 to 1."""
    return idx(folder, f"{stem}-images")[..., None].astype(np.float32) / 255


def mnist_net(keras: Any) -> Any:  # noqa: ANN401
    """Listings 5.1 and 5.2, 93,322 parameters."""
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 3, activation="relu"),
            layers.Flatten(),
            layers.Dense(64, activation="relu"),
            layers.Dense(10, activation="softmax", dtype="float32"),
        ]
    )


def reporter(keras: Any) -> Any:  # noqa: ANN401
    """A line an epoch on standard error."""
    return keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: print(f"epoch {epoch + 1}: {logs}", file=sys.stderr, flush=True)
    )


def measure_cats(keras: Any, arguments: argparse.Namespace, batch: int) -> dict[str, Any]:  # noqa: ANN401
    """Training the 150 px net from files with augmentation, and the same steps on a batch that lies ready."""
    import tensorflow as tf

    flow = chapter_generator().flow_from_directory(
        (arguments.folder or DATA / "cats_vs_dogs_small") / "train",
        target_size=(SIDE, SIDE),
        batch_size=batch,
        class_mode="binary",
    )
    flow.workers = arguments.workers
    ready = tf.data.Dataset.from_tensors(tuple(map(tf.constant, flow[0]))).repeat()
    net = cats_net(keras)
    optimiser = keras.optimizers.RMSprop(learning_rate=1e-4)
    net.compile(optimizer=optimiser, loss="binary_crossentropy", metrics=["accuracy"])
    full = flow.samples // batch - UNTIMED
    steps = min(arguments.steps or full, full)
    bare, files = (steps * batch / steady_seconds(keras, net, batches, steps=steps) for batches in (ready, flow))
    return {
        "parameters": net.count_params(),
        "steps": steps,
        "workers": arguments.workers,
        "images_per_s": round(files, 1),
        "bare_images_per_s": round(bare, 1),
    }


def steady_seconds(keras: Any, net: Any, batches: Any, *, steps: int) -> float:  # noqa: ANN401
    """Seconds of so many steps of `fit`, from the end of the untimed ones, in which graph and readers start."""
    ends: list[float] = []
    note = keras.callbacks.LambdaCallback(on_train_batch_end=lambda _batch, **_logs: ends.append(time.perf_counter()))
    net.fit(batches, epochs=1, steps_per_epoch=UNTIMED + steps, verbose=0, callbacks=[note])
    return ends[-1] - ends[UNTIMED - 1]


def cats_net(keras: Any) -> Any:  # noqa: ANN401
    """Listing 5.5 with the dropout of 5.13, 3,453,121 parameters."""
    layers = keras.layers
    net = keras.Sequential([keras.Input((SIDE, SIDE, 3))])
    for channels in (32, 64, 128, 128):
        net.add(layers.Conv2D(channels, 3, activation="relu"))
        net.add(layers.MaxPooling2D())
    net.add(layers.Flatten())
    net.add(layers.Dropout(0.5))
    net.add(layers.Dense(512, activation="relu"))
    net.add(layers.Dense(1, activation="sigmoid", dtype="float32"))
    return net


def chapter_generator() -> Any:  # noqa: ANN401
    """ImageDataGenerator as in listing 5.11; new pixels repeat the nearest, which is its default."""
    from keras.src.legacy.preprocessing.image import ImageDataGenerator

    return ImageDataGenerator(**RANGES)


def measure_augment(_keras: object, arguments: argparse.Namespace, batch: int) -> dict[str, Any]:
    """Pictures a second of processor time: the transform alone, and batches as training gets them."""
    random = np.random.default_rng(arguments.seed)
    pictures = random.integers(0, 256, (max(batch, 64), SIDE, SIDE, 3)).astype(np.float32)
    generator = chapter_generator()
    flow = generator.flow(pictures, batch_size=batch, shuffle=False)
    generator.random_transform(pictures[0])
    started = time.process_time()
    for number in range(arguments.pictures):
        generator.random_transform(pictures[number % len(pictures)])
    transform_s = time.process_time() - started
    rounds = -(-arguments.pictures // batch)
    started = time.process_time()
    for _ in range(rounds):
        flow[0]
    flow_s = time.process_time() - started
    return {
        "pictures": arguments.pictures,
        "transform_per_s": round(arguments.pictures / transform_s, 1),
        "flow_per_s": round(rounds * batch / flow_s, 1),
    }


def measure_vgg16(keras: Any, arguments: argparse.Namespace, batch: int) -> dict[str, Any]:  # noqa: ANN401
    """Pictures a second of `predict` on pictures in memory."""
    base = keras.applications.VGG16(weights=None, include_top=False, input_shape=(SIDE, SIDE, 3))
    random = np.random.default_rng(arguments.seed)
    pictures = random.random((arguments.pictures, SIDE, SIDE, 3), np.float32)
    base.predict(pictures[: 2 * batch], batch_size=batch, verbose=0)
    started = time.perf_counter()
    base.predict(pictures, batch_size=batch, verbose=0)
    predict_s = time.perf_counter() - started
    return {
        "parameters": base.count_params(),
        "pictures": arguments.pictures,
        "images_per_s": round(arguments.pictures / predict_s, 1),
    }


MEASURES: Final[Mapping[str, Callable[[Any, argparse.Namespace, int], dict[str, Any]]]] = {
    "mnist": measure_mnist,
    "cats": measure_cats,
    "augment": measure_augment,
    "vgg16": measure_vgg16,
}

if __name__ == "__main__":
    main()
