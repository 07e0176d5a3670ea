"""What the examples share: their options, the chapter's figures beside ours, and runs that later rows look at again.

An example that trains has a function `fit`; the rows that look at its run call it where there is no such run yet. Runs
and pictures go to runs/chapter/NN, NN being the row, and never into the data. A run is called like its set, and sets
that are called alike have runs of their own.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import os
import re
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from tellapart.backbones.backbone import JOINT
from tellapart.backbones.catalogue import BACKBONES
from tellapart.backbones.timm_nets import takes_side
from tellapart.cli.main import INTERRUPTED
from tellapart.cli.tables import print_table, share
from tellapart.commands.split import split
from tellapart.errors import TellapartError, UsageError
from tellapart.nets.summary import Layer
from tellapart.progress import to_nowhere
from tellapart.recipes.scratch import ScratchPlan
from tellapart.types import SplitName

HERE: Final = Path(__file__).resolve().parent
Fit = Callable[[argparse.Namespace], Path]
RESULTS: Final = Path("runs/chapter")
SHIPPED: Final = "lite0"  # the base that rows start from unless another is named
SETS: Final = HERE.parents[2] / "shared" / "data"
CHAPTER_SIDE: Final = 150  # pixels
SHORT_SIDE: Final = 64
BASED: Final = (11, 12, 13)  # the rows that train on a pretrained base
DRAWS: Final = "04"  # where row 4 puts its sets, each under a name that says how it was drawn
DRAWN_SHORT: Final = "few"  # where the sets of --short are
MARK: Final = 8  # letters of what tells sets of one name apart
PAGES: Final = {"en": "chapter.md", "zh": "chapter.zh-CN.md"}
FIGURES_SHORT: Final = {
    "en": "These figures are of few pictures and, of nets, of one epoch: the questions mean the row without --short.",
    "zh": "以上数字只来自少量图片，网络只训练了一轮：思考题针对的是不带 --short 的运行。",
}
WITHOUT_PICTURES: Final = (2, 3, 10)  # rows that --short makes no other
QUESTIONS: Final = re.compile(r"^\*\*(?:Questions|思考)\*\*$", re.MULTILINE)
ASKED: Final = set[Path]()  # run folders that this process asked for, so that a notebook shows those alone
FEW: Final[Mapping[SplitName, int]] = {"train": 8, "valid": 4, "test": 4}  # pictures a class for --short


def parser(text: str | None, *, net: bool = False, base: bool = False) -> argparse.ArgumentParser:
    """The options that every row has, and those of rows that train a net or start from a base."""
    made = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--data", type=Path, metavar="FOLDER", help="your pictures; else a set in ../shared/data")
    made.add_argument("--out", type=Path, default=RESULTS, metavar="FOLDER", help="where results go")
    made.add_argument("--short", action="store_true", help="few pictures and an epoch: does it run at all?")
    made.add_argument(
        "--anew", action="store_true", help="train anew where there is a run already; the old one is kept"
    )
    made.add_argument("--language", choices=list(PAGES), default="en", help="of the questions at the end")
    made.set_defaults(as_chapter=False, backbone=SHIPPED, weights=None, seed=0, size=None, without=None)
    if net:
        made.add_argument("--as-chapter", action="store_true", help="the chapter's own settings")
    if base:
        made.add_argument("--backbone", metavar="NAME", help="the base: lite0, or one of timm such as vgg16")
        made.add_argument("--weights", type=Path, metavar="FILE", help="its weights; else timm downloads them")
    return made


def run_example(main: Callable[[], None]) -> None:
    """Run an example; an error of ours is one line and its exit code, and so is Ctrl-C."""
    try:
        main()
        sys.stdout.flush()
    except TellapartError as error:
        print(error, file=sys.stderr)
        raise SystemExit(error.exit_code) from error
    except KeyboardInterrupt:
        print("stopped; what is kept by now is used when the same command is given again", file=sys.stderr)
        raise SystemExit(INTERRUPTED) from None
    except BrokenPipeError:  # whoever read has gone, as head does
        to_nowhere(sys.stdout)


def find_data(options: argparse.Namespace, name: str, *, few: bool = True) -> Path:
    """The pictures to use: those given, or a set by name; with --short a few of them, copied into the results.

    Raises:
        UsageError: there are none.
    """
    data: Path = options.data or SETS / name
    if options.data and not data.exists():
        raise UsageError("no such folder", where=data, hint="Check --data.")
    if not data.exists():
        hint = f"Give yours with --data FOLDER; the chapter's are {name}."
        raise UsageError("no pictures for this row", where=data, hint=hint)
    if not (options.short and few):
        return data
    drawn: Path = options.out / DRAWN_SHORT / set_name(options, data)
    if not drawn.exists():
        print(f"For --short {sum(FEW.values())} pictures of each class are drawn into {drawn}.", file=sys.stderr)
    split(data, drawn, sizes=FEW)
    return drawn


def set_name(options: argparse.Namespace, data: Path) -> str:
    """What a set is called among the results: like its folder, with a mark of the whole path where another may be so.

    The chapter's own sets and those that are drawn here have a name that is theirs alone, and get no mark.
    """
    place = data.resolve()
    for shelf in (SETS, options.out / DRAWS, options.out / DRAWN_SHORT):
        if data.name not in ("", "..") and place == (shelf / data.name).resolve():
            return data.name
    return f"{place.name}-{hashlib.sha256(os.fsencode(place)).hexdigest()[:MARK]}"


def folder(options: argparse.Namespace, row: int) -> Path:
    """Where a row puts its results."""
    place: Path = options.out / f"{row:02d}"
    place.mkdir(parents=True, exist_ok=True)
    return place


def run_folder(options: argparse.Namespace, row: int, data: Path) -> Path:
    """Where a row trains: a folder for each set, each kind of settings and, if it starts from a base, each base."""
    kinds = {
        "short": options.short,
        "as-chapter": options.as_chapter,
        options.backbone: row in BASED and options.backbone != SHIPPED,
        f"without-{options.without}": options.without,
        f"{options.size}px": options.size,
        f"seed-{options.seed}": options.seed,
    }
    asked = (kind for kind, wanted in kinds.items() if wanted)
    place = folder(options, row) / "-".join([set_name(options, data), *asked])
    ASKED.add(place)
    return place


def command_of(row: int, options: argparse.Namespace) -> str:
    """The command that trains the run of a row anew, for its page: as typed where that row was, else as it would be."""
    (path,) = HERE.glob(f"{row:02d}_*.py")
    told: dict[str, object] = {
        "data": options.data,
        "out": None if options.out == RESULTS else options.out,
        "short": options.short,
        "as-chapter": options.as_chapter,
        "backbone": options.backbone if row in BASED and options.backbone != SHIPPED else None,
        "weights": options.weights if row in BASED else None,
        "size": options.size,
        "seed": options.seed or None,
        "without": options.without,
        "anew": True,
    }
    words = ["python", os.path.relpath(path)]
    for name, value in told.items():
        if value is True:
            words.append(f"--{name}")
        elif value not in (None, False):
            words += [f"--{name}", str(value)]
    return shlex.join(words)


def base_size(options: argparse.Namespace) -> int | None:
    """The side in pixels that a base looks at: as it is asked for, or the chapter's for other bases than lite0.

    None for a base's own.
    """
    if options.size is not None:
        return int(options.size)
    side = SHORT_SIDE if options.short else CHAPTER_SIDE
    others = [half for half in options.backbone.split(JOINT) if half not in BACKBONES]
    if not others:
        return side if options.short else None
    return side if all(takes_side(half, side) for half in others) else None


def run_of(row: int, options: argparse.Namespace, name: str = "cats_vs_dogs_small", *, fit: Fit | None = None) -> Path:
    """The run of a row: as it is kept, or trained now, by `fit` or by that row's example.

    With --anew it is trained in any case, if `fit` says that this row is the one that trains it.
    """
    run = run_folder(options, row, find_data(options, name))
    if (run / "metrics.json").exists() and not (fit and options.anew):
        anew = "--anew trains it anew" if fit else f"row {row} with --anew trains it anew"
        print(f"Using the run in {run}, of {pictures_of(run)}; {anew}.", file=sys.stderr)
    else:
        print(f"The run of row {row} in {run} is trained now.", file=sys.stderr)
        (fit or load_example(row).fit)(options)
    return run


def pictures_of(run: Path) -> str:
    """How many pictures a run is of, and where they were."""
    figures = figures_of(run)
    count = " + ".join(str(figures["counts"][name]) for name in ("train", "valid", "test"))
    return f"{count} pictures (train, valid, test) in {figures['data_path']}"


def section(row: int, language: str) -> tuple[str, str]:
    """What the page of the chapter has under a row: the text, and the questions at its end."""
    page = (HERE.parents[1] / "docs" / PAGES[language]).read_text(encoding="utf-8")
    found = next(part for part in re.split(r"^## ", page, flags=re.MULTILINE) if part.startswith(f"{row}. "))
    text, questions = QUESTIONS.split(found)
    return text.strip(), questions.strip()


def ask(row: int, options: argparse.Namespace) -> None:
    """Print the questions of a row and what to try, without the marks of the page."""
    _, questions = section(row, options.language)
    if options.short and row not in WITHOUT_PICTURES:
        print(FIGURES_SHORT[options.language])
    print("", questions.replace("**", ""), "", sep="\n")


def load_example(row: int) -> Any:  # noqa: ANN401 - a module whose name no import statement can say
    """The module of a row's example."""
    (path,) = HERE.glob(f"{row:02d}_*.py")
    described = importlib.util.spec_from_file_location(f"row_{row:02d}", path)
    if described is None or described.loader is None:
        raise ImportError(path)
    module = importlib.util.module_from_spec(described)
    described.loader.exec_module(module)
    return module


def shortened(plan: ScratchPlan, options: argparse.Namespace) -> ScratchPlan:
    """The plan, of a single epoch where --short asks for it."""
    return replace(plan, training=replace(plan.training, epochs=1)) if options.short else plan


def figures_of(run: Path) -> dict[str, Any]:
    """The metrics of a run."""
    document: dict[str, Any] = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    return document


def history_of(run: Path) -> list[dict[str, Any]]:
    """The rows of a run's history."""
    return [json.loads(line) for line in (run / "history.jsonl").read_text(encoding="utf-8").splitlines()]


def facts(rows: Sequence[tuple[str, str, str]]) -> None:
    """Print what the chapter says beside what was found here."""
    print_table(["", "the chapter", "here"], rows)


def accuracy(figures: Mapping[str, Any], part: str) -> str:
    """The accuracy on valid or test with its 95 % interval, and on how many pictures."""
    return f"{share(figures[part]['accuracy'])} of {figures['counts'][part]}"


def shapes(layers: Sequence[Layer]) -> str:
    """The shapes of all maps, as 26x26x32."""
    return " ".join("x".join(map(str, layer.shape)) for layer in layers if len(layer.shape) == 3)


def sides(layers: Sequence[Layer]) -> str:
    """The sides of all maps."""
    return " ".join(str(layer.shape[0]) for layer in layers if len(layer.shape) == 3)


def counted(layers: Sequence[Layer]) -> str:
    """The parameters of each layer that has some."""
    return " ".join(f"{layer.parameters:,}" for layer in layers if layer.parameters)


def total(layers: Sequence[Layer]) -> str:
    """All parameters."""
    return f"{sum(layer.parameters for layer in layers):,}"
