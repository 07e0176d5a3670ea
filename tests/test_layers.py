"""The layer rule: a module imports only from the layers above its own, never from below."""

import ast
import re
import sys
from collections import Counter
from pathlib import Path

import pytest

import tellapart
from pictures import write_classes
from tellapart.commands.train import train
from tellapart.data import preprocess
from tellapart.heads import nested
from tellapart.heads.objective import Objective
from tellapart.recipes import cost
from tellapart.runs import analysis

PACKAGE = Path(tellapart.__file__).parent
BOTTOM = ("errors", "cores", "extras", "stores", "files", "seeds", "progress", "shape", "types", "text", "targets")
LAYERS = (
    "data",
    "backbones",
    "workers",
    "features",
    "duplicates",
    "heads",
    "classifier",
    "answers",
    "evaluation",
    "nets",
    "finetuning",
    "recipes",
    "bundle",
    "export",
    "explain",
    "audit",
    "report",
    "browser",
    "runs",
    "learn",
    "commands",
    "serve",
    "card",
    "estimator",
    "cli",
    "__main__",
)
MODULES = sorted(PACKAGE.rglob("*.py"))


def layer_of(module):
    """The layer of a dotted module name below tellapart, or None for the package itself."""
    return module.split(".")[1] if "." in module else None


def imported_modules(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide the layer"
            yield from (
                f"{node.module}.{alias.name}" if node.module == "tellapart" else node.module for alias in node.names
            )


def breaches(own, imported):
    """Whether layer own may not import from layer imported."""
    if imported is None or imported in BOTTOM or own == imported:
        return False
    return own in BOTTOM or LAYERS.index(imported) > LAYERS.index(own)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_layers__imports_point_upwards(path):
    own = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    if own == "__init__":
        return
    for module in imported_modules(path):
        if module == "tellapart" or module.startswith("tellapart."):
            assert not breaches(own, layer_of(module)), f"{own} imports {module}"


def test_layers__every_layer_is_listed():
    found = {path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in MODULES} - {"__init__"}
    assert found <= {*LAYERS, *BOTTOM}


def test_breaches__the_rule_can_be_broken():
    assert breaches("data", "features")
    assert breaches("types", "data")
    assert not breaches("features", "data")
    assert not breaches("cli", "errors")


def test_source__no_assert_on_user_input():
    for path in MODULES:
        assert not any(isinstance(node, ast.Assert) for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


def test_source__a_type_or_a_function_has_its_name_alone():
    """But in `cli`, whose functions are called like the commands that they parse."""
    homes = {}
    for path in MODULES:
        if PACKAGE / "cli" in path.parents:
            continue
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith(
                "_"
            ):
                homes.setdefault(node.name, set()).add(path.relative_to(PACKAGE).as_posix())
    assert {name: found for name, found in homes.items() if len(found) > 1} == {}


LONGEST_FILE, LONGEST_FUNCTION = 400, 60


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_source__files_keep_their_budget(path):
    assert path.read_text(encoding="utf-8").count("\n") <= LONGEST_FILE


def test_source__functions_keep_their_budget():
    long = {}
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = node.end_lineno - node.lineno + 1
                if lines > LONGEST_FUNCTION:
                    long[f"{path.relative_to(PACKAGE).as_posix()} {node.name}"] = lines
    assert long == {}


def test_contributing__the_map_lists_every_layer_in_order():
    text = (PACKAGE.parents[1] / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rows = text.split("    src/tellapart/\n")[1].split("    tests/")[0].splitlines()
    assert rows[0].split("the bottom")[0].split() == list(BOTTOM)
    named = [row.split()[0].removesuffix("/").removesuffix(".py") for row in rows[1:]]
    assert named == [layer for layer in LAYERS if layer != "__main__"]


def test_contributing__the_themes_name_every_file_of_data_once():
    text = (PACKAGE.parents[1] / "CONTRIBUTING.md").read_text(encoding="utf-8")
    themes = text.split("`data/` by theme")[1].split("\n\n")[1]
    files = [path.stem for path in (PACKAGE / "data").glob("*.py") if path.stem != "__init__"]
    counts = Counter(re.findall(r"\w+", " ".join(theme.split(":")[1] for theme in themes.split("\n- "))))
    assert {name: counts[name] for name in files if counts[name] != 1} == {}


DEEPEST = 10  # frames of ours, the command's own included


class SameThread:
    """A pool that computes in the thread that asks, so that frames are counted from the command on."""

    def __init__(self, _workers):
        self.map = map

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


@pytest.mark.parametrize("counts", [{"cat": 12, "dog": 12}, {"cat": 8, "dog": 40}], ids=["equal", "unequal"])
@pytest.mark.parametrize("folds", [0, 3])
def test_train__is_no_deeper_than_ten_frames_to_the_mathematics_and_to_a_decoded_picture(
    tmp_path, monkeypatch, folds, counts
):
    """Counted with the recipe features, where a split tests and where folds do; a picture in the thread that decodes.

    The longer look at a small run, which is another job, is left out.
    """
    monkeypatch.setattr(nested, "ThreadPoolExecutor", SameThread)
    monkeypatch.setattr(cost, "FEW_VALUES", 0)  # a search is tried over a few rows first, as it is of many pictures
    deepest = {}

    def counting(name, function):
        def counted(*given, **more):
            frame, frames = sys._getframe(1), 1
            while frame is not None:
                frames += PACKAGE in Path(frame.f_code.co_filename).parents
                frame = frame.f_back
            deepest[name] = max(frames, deepest.get(name, 0))
            return function(*given, **more)

        return counted

    gradient = Objective.value_and_gradient
    monkeypatch.setattr(Objective, "value_and_gradient", counting("mathematics", gradient))
    monkeypatch.setattr(preprocess, "decode", counting("picture", preprocess.decode))
    monkeypatch.setattr(analysis, "CHEAP", 0)
    train(write_classes(tmp_path / "data", counts), out=tmp_path / "run", size=64, folds=folds)
    assert set(deepest) == {"mathematics", "picture"}
    assert max(deepest.values()) <= DEEPEST
