"""fastai in the comparison: `vision_learner` and `fine_tune(N)` from lite0's weights, with its defaults.

    .venv-fastai/bin/python benchmarks/peers/fastai_cells.py FOLDER [--cells all:0 5:0] [--epochs 1]

As fastai_finetune.py has it, which says what is its default. A draw has no valid, and fastai needs one: it gets one
picture of train, by which nothing is chosen. A batch is as large as train where that is smaller than 64, since fastai
drops a batch that is not full.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from cells import Answered, Peer, Splits, main
from fastai_finetune import PACKAGES, build_learner, learner_parts, train


def start(arguments: argparse.Namespace) -> Peer:
    import torch
    from fastai.torch_core import set_seed

    learner_parts()
    torch.set_num_threads(arguments.threads)

    def peer(splits: Splits) -> Answered:
        set_seed(0)
        started = time.perf_counter()
        files = {name: [path for path, _ in pictures] for name, pictures in splits.items()}
        files["valid"] = files["valid"] or files["train"][:1]
        batch = min(64, len(files["train"]))
        few = 0 if len(files["train"]) < 128 else None
        settings = argparse.Namespace(folder=arguments.folder, size=224, batch=batch, workers=few)
        learner = build_learner(files, settings)
        rows = train(learner, epochs=arguments.epochs, started=started)
        with learner.no_bar():
            probabilities, _ = learner.get_preds(dl=learner.dls.test_dl(list(files["test"])))
        if arguments.save:
            arguments.save.mkdir(parents=True, exist_ok=True)
            torch.save(learner.model, arguments.save / "net.pt")
            (arguments.save / "classes.txt").write_text("\n".join(learner.dls.vocab), encoding="utf-8")
        labels = [str(learner.dls.vocab[row]) for row in probabilities.argmax(1).tolist()]
        tuned = rows[-1]["seconds"] - rows[0]["seconds"]
        rate = arguments.epochs * len(files["train"]) / tuned if tuned else None
        return Answered(labels=labels, more={"images_per_s": round(rate, 1)} if rate else {})

    return peer


def answer_one(place: Path, picture: Path) -> str:
    """What `Learner.predict` does, less its loaders: reads the net, resizes and normalises as it does."""
    import torch

    parts = learner_parts()
    net = torch.load(place / "net.pt", weights_only=False).eval()
    classes = (place / "classes.txt").read_text(encoding="utf-8").split("\n")
    resized = parts.Resize(224)(parts.PILImage.create(picture), split_idx=1)
    inputs = parts.IntToFloatTensor()(parts.ToTensor()(resized))[None]
    with torch.inference_mode():
        return classes[int(net((torch.as_tensor(inputs) - 0.5) / 0.5).argmax())]


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--epochs", type=int, default=1, help="of fine_tune: one frozen comes first")


if __name__ == "__main__":
    main(start, packages=PACKAGES, options=options, answer_one=answer_one)
